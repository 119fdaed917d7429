//! Clients, their contacts, their projects; the business's own settings.

use chrono::NaiveDate;
use domain::ids::{ClientId, NumberId, ProjectId};
use domain::phone::PhoneNumber;
use store::clients::{self, ClientFacts, ClientFilter, ClientSort, ClientVisibility, Contact, ContactKind};
use store::organizations::OrgStatus;
use store::page::Wanted;
use store::projects::{self, ProjectFacts};
use store::{agents, numbers, organizations};

use crate::agency::{agent, id, minute, open, phone_number, profile};

fn contact(kind: ContactKind, value: &str, person: Option<&str>) -> Contact {
    Contact { kind, value: value.to_owned(), person: person.map(str::to_owned) }
}

fn facts(name: &str, contacts: &[Contact]) -> ClientFacts {
    ClientFacts { name: name.to_owned(), contacts: contacts.to_vec(), ..ClientFacts::default() }
}

#[tokio::test]
async fn a_caller_is_recognised_by_any_of_the_clients_contacts() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    let contacts = [
        contact(ContactKind::Phone, "+15135550111", Some("Maria")),
        contact(ContactKind::Phone, "+15135550112", None),
        contact(ContactKind::Email, "Maria@Bakery.Example", Some("Maria")),
    ];
    clients::insert(&mut tx, ClientId(id(10)), &facts("Bakery", &contacts), minute(0))
        .await
        .expect("a client");
    let mut person = async |kind, value| {
        let found = clients::find_by_contact(&mut tx, kind, value).await.expect("a look-up");
        found.map(|client| (client.name, client.person))
    };
    let bakery = |person: Option<&str>| Some(("Bakery".to_owned(), person.map(str::to_owned)));
    assert_eq!(person(ContactKind::Phone, "+15135550111").await, bakery(Some("Maria")));
    assert_eq!(person(ContactKind::Phone, "+15135550112").await, bakery(None));
    assert_eq!(person(ContactKind::Email, "maria@bakery.EXAMPLE").await, bakery(Some("Maria")));
    assert_eq!(person(ContactKind::Email, "+15135550111").await, None);
    assert_eq!(person(ContactKind::Phone, "+15135550199").await, None);
}

#[tokio::test]
async fn a_contact_belongs_to_one_client_of_a_business() {
    let agency = open().await;
    let phone = [contact(ContactKind::Phone, "+15135550111", None)];
    let mut tx = agency.tx().await;
    clients::insert(&mut tx, ClientId(id(10)), &facts("Bakery", &phone), minute(0)).await.expect("a client");
    tx.commit().await.expect("a commit");
    let mut tx = agency.rival_tx().await;
    clients::insert(&mut tx, ClientId(id(11)), &facts("Bakery too", &phone), minute(0))
        .await
        .expect("another business's");
    let mut tx = agency.tx().await;
    let error = clients::insert(&mut tx, ClientId(id(12)), &facts("Copy", &phone), minute(0))
        .await
        .expect_err("a second");
    assert!(error.is_conflict_with("client_contacts_pkey"), "{error}");
}

#[tokio::test]
async fn changing_a_client_replaces_its_contacts() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    let client = ClientId(id(10));
    let before = facts("Bakery", &[contact(ContactKind::Phone, "+15135550111", None)]);
    clients::insert(&mut tx, client, &before, minute(0)).await.expect("a client");
    let after = ClientFacts {
        notes: "pays late".to_owned(),
        tags: vec!["retail".to_owned()],
        ..facts("Bakery Ltd", &[contact(ContactKind::Email, "a@b.example", None)])
    };
    clients::update(&mut tx, client, &after, minute(1)).await.expect("a change");
    let stored = clients::get(&mut tx, client).await.expect("the client");
    assert_eq!(stored.facts, after);
    assert_eq!((stored.created_at, stored.updated_at), (minute(0), minute(1)));
}

#[tokio::test]
async fn lists_are_searched_by_name_and_paged() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    for (number, name) in [(10, "Bright Bakery"), (11, "Northwind 100%"), (12, "Night Bakers")] {
        clients::insert(&mut tx, ClientId(id(number)), &facts(name, &[]), minute(0)).await.expect("a client");
    }
    let mut names = async |search: Option<&str>, behind, limit| {
        let filter = ClientFilter { name_contains: search.map(str::to_owned), ..ClientFilter::default() };
        let wanted = Wanted { behind, ..Wanted::first(ClientSort::CreatedAt, limit) };
        let page = clients::list(&mut tx, &filter, &wanted).await.expect("a page");
        (page.items.into_iter().map(|client| client.facts.name).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(names(Some("bake"), None, 10).await.0, ["Night Bakers", "Bright Bakery"]);
    // A search is words, not a pattern.
    assert_eq!(names(Some("%"), None, 10).await.0, ["Northwind 100%"]);
    let (first, next) = names(None, None, 2).await;
    assert_eq!(first, ["Night Bakers", "Northwind 100%"]);
    assert!(next.is_some());
    assert_eq!(names(None, next, 2).await, (vec!["Bright Bakery".to_owned()], None));
}

#[tokio::test]
async fn an_internal_client_is_a_stranger_on_the_phone() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    let contacts = [contact(ContactKind::Phone, "+15135550111", None)];
    let hidden = ClientFacts { visibility: ClientVisibility::Internal, ..facts("Bakery", &contacts) };
    clients::insert(&mut tx, ClientId(id(10)), &hidden, minute(0)).await.expect("a client");
    let found = clients::find_by_contact(&mut tx, ContactKind::Phone, "+15135550111").await;
    assert_eq!(found.expect("a look-up"), None);
    // People find it by the same number.
    let filter = ClientFilter { contact: Some("+15135550111".to_owned()), ..ClientFilter::default() };
    let wanted = Wanted { count: true, ..Wanted::first(ClientSort::Name, 10) };
    let listed = clients::list(&mut tx, &filter, &wanted).await.expect("a page");
    assert_eq!((listed.items.len(), listed.total.map(|total| total.count)), (1, Some(1)));
}

#[tokio::test]
async fn projects_in_progress_come_first() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    clients::insert(&mut tx, ClientId(id(10)), &facts("Bakery", &[]), minute(0)).await.expect("a client");
    for (number, status) in [(20, "done"), (21, "active"), (22, "cancelled"), (23, "at_risk")] {
        let facts = ProjectFacts {
            due_on: NaiveDate::from_ymd_opt(2026, 12, 5),
            ..ProjectFacts::named(ClientId(id(10)), &format!("Project {number}"), status)
        };
        projects::insert(&mut tx, ProjectId(id(number)), &facts, minute(0)).await.expect("a project");
    }
    let listed = projects::list_for_client(&mut tx, ClientId(id(10))).await.expect("a list");
    assert_eq!(
        listed.iter().map(|project| project.facts.status.as_str()).collect::<Vec<_>>(),
        ["active", "at_risk", "done", "cancelled"]
    );
    let mut facts = listed[0].facts.clone();
    facts.status = "sleeping".to_owned();
    let error =
        projects::update(&mut tx, listed[0].id, &facts, minute(1)).await.expect_err("an unknown status");
    assert!(error.is_conflict_with("projects_status_known"));
}

#[tokio::test]
async fn a_dialled_number_leads_to_its_business() {
    let agency = open().await;
    let mut tx = agency.system_tx().await;
    let dialled = PhoneNumber::parse("+15135550200", None).expect("a number");
    let route = numbers::resolve(&mut tx, &dialled).await.expect("a look-up").expect("a route");
    assert_eq!((route.org_id, route.org_status), (agency.rival, OrgStatus::Active));
    assert_eq!(route.number, phone_number(200));
    let unknown = PhoneNumber::parse("+15135559999", None).expect("a number");
    assert_eq!(numbers::resolve(&mut tx, &unknown).await.expect("a look-up"), None);
}

#[tokio::test]
async fn a_number_belongs_to_one_business_of_all() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    let mut taken = phone_number(100);
    taken.id = NumberId(id(5000));
    taken.e164 = phone_number(200).e164;
    let error = numbers::insert(&mut tx, &taken).await.expect_err("a taken number");
    assert!(error.is_conflict_with("phone_numbers_e164_unique"), "{error}");
}

#[tokio::test]
async fn settings_come_back_as_they_were_set() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    let mut changed = agent();
    changed.turn_taking.silence_ms = 700;
    changed.voice = "rms".to_owned();
    let agent_id = agents::list(&mut tx).await.expect("a list")[0].id;
    agents::update(&mut tx, agent_id, &changed, minute(1)).await.expect("a change");
    assert_eq!(agents::get(&mut tx, agent_id).await.expect("the agent").settings, changed);
    let mut business = profile();
    business.contact_name = Some("Dana".to_owned());
    organizations::update(&mut tx, "Aurora Branding", &business, minute(1)).await.expect("a change");
    let stored = organizations::get(&mut tx).await.expect("the business");
    assert_eq!((stored.name.as_str(), stored.profile), ("Aurora Branding", business));
}
