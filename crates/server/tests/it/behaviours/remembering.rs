//! Who a client is, whichever of its people calls; what they were told before; and what they are never told.

use app::clients::ClientChange;
use chrono::TimeDelta;
use domain::ids::KnowledgeId;
use store::clients::{Client, ClientVisibility, Contact, ContactKind};
use store::knowledge::{EntryContent, Visibility};

use super::{RINGS, STRANGER, called, played};
use crate::played::{Brain, NORTHWIND, Scene, on_both_brains};

on_both_brains! {
    a_client_is_told_what_was_promised_the_last_time
    each_of_a_clients_people_is_known
    a_client_that_is_kept_from_the_phone_is_a_stranger
    what_was_put_away_is_told_to_nobody
    what_is_for_clients_is_told_to_them_alone_and_what_is_internal_to_nobody
}

async fn northwind(scene: &Scene) -> Client {
    let mut tx = scene.tx().await;
    let known = store::clients::find_by_contact(&mut tx, ContactKind::Phone, NORTHWIND).await.unwrap();
    store::clients::get(&mut tx, known.unwrap().id).await.unwrap()
}

async fn change(scene: &Scene, client: &Client, change: ClientChange) {
    app::clients::change(scene.app(), &scene.owner(), client.id, None, change).await.unwrap();
}

async fn a_client_is_told_what_was_promised_the_last_time(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    let wish = "could you also design a flyer for the online shop";
    let first = called(&scene, NORTHWIND, vec![wish.into(), "no thank you goodbye".into()]).await;
    let promised = "confirm what it means for budget and timing";
    first.says(&[promised]);
    scene.app().follow_up_call(scene.org_id, first.came.call.id).await.unwrap();
    let asks = || vec!["what did you promise me last time".into(), "no thank you goodbye".into()];
    let second = called(&scene, NORTHWIND, asks()).await;
    second.says(&["From your earlier calls", promised]);
    // It is nobody else's business.
    let stranger = called(&scene, STRANGER, asks()).await;
    stranger.says_nothing_of(&["From your earlier calls", "budget"]);
    scene.stop().await;
}

async fn each_of_a_clients_people_is_known(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    let client = northwind(&scene).await;
    let mut contacts = client.facts.contacts.clone();
    // As somebody writes it down.
    let (value, person) = ("(513) 555-0175".to_owned(), Some("Anna Reed".to_owned()));
    contacts.push(Contact { kind: ContactKind::Phone, value, person });
    change(&scene, &client, ClientChange { contacts: Some(contacts), ..ClientChange::default() }).await;
    let lines = || vec!["how is the online shop going".into(), "no thank you goodbye".into()];
    for (from, name) in [("+15135550175", "Hello Anna"), (NORTHWIND, "Hello Tom")] {
        let left = called(&scene, from, lines()).await;
        left.says(&[name, "longer than planned"]);
        assert_eq!(left.came.call.client_id, Some(client.id), "{}", left.told);
    }
    scene.stop().await;
}

async fn a_client_that_is_kept_from_the_phone_is_a_stranger(brain: Brain) {
    let lines = ["how is the online shop going", "never mind", "no thank you goodbye"];
    let left = played(brain, NORTHWIND, &lines, async |scene: &Scene| {
        let client = northwind(scene).await;
        let internal =
            ClientChange { visibility: Some(ClientVisibility::Internal), ..ClientChange::default() };
        change(scene, &client, internal).await;
    })
    .await;
    left.says_nothing_of(&["Tom", "longer than planned"]);
    assert!(left.came.call.client_id.is_none(), "{}", left.told);
}

async fn what_was_put_away_is_told_to_nobody(brain: Brain) {
    let lines = ["how is the online shop going", "no thank you goodbye"];
    let left = played(brain, NORTHWIND, &lines, async |scene: &Scene| {
        let client = northwind(scene).await.id;
        let mut tx = scene.tx().await;
        let now = scene.app().ambient.now();
        let all = store::projects::list_for_client(&mut tx, client).await.unwrap();
        let shop = all.into_iter().find(|project| project.facts.name == "Online Shop").unwrap();
        let mut facts = shop.facts;
        facts.archived_at = Some(now - TimeDelta::days(1));
        store::projects::update(&mut tx, shop.id, &facts, now).await.unwrap();
        tx.commit().await.unwrap();
    })
    .await;
    left.says_nothing_of(&["longer than planned", "test orders"]);
}

async fn what_is_for_clients_is_told_to_them_alone_and_what_is_internal_to_nobody(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    let mut tx = scene.tx().await;
    let now = scene.app().ambient.now();
    for (question, answer, visibility) in [
        ("what is the password of the print portal", "The portal opens with Bluebird.", Visibility::Clients),
        ("what is our hourly rate for freelancers", "Freelancers get ninety dollars.", Visibility::Internal),
    ] {
        let content = EntryContent {
            category: "studio".to_owned(),
            question: question.to_owned(),
            variants: Vec::new(),
            answer: answer.to_owned(),
            visibility,
        };
        let id = KnowledgeId(scene.app().ambient.new_id());
        store::knowledge::insert(&mut tx, id, &content, now).await.unwrap();
    }
    tx.commit().await.unwrap();
    let lines = || {
        [
            "what is the password of the print portal",
            "what is the hourly rate for freelancers",
            "no thank you goodbye",
        ]
        .map(super::Line::from)
        .to_vec()
    };
    let client = called(&scene, NORTHWIND, lines()).await;
    client.says(&["Bluebird"]);
    client.says_nothing_of(&["ninety"]);
    called(&scene, STRANGER, lines()).await.says_nothing_of(&["Bluebird", "ninety"]);
    scene.stop().await;
}
