//! Capturing leads: one open lead per person, answers replaced, nothing lost.

use domain::ids::{CallId, LeadId, QuestionId};
use domain::leads::{AnswerType, LeadAnswer, LeadField, LeadQuestion, Priority};
use store::leads::capture::{self, Conversation};
use store::leads::{self, Lead, LeadFilter, LeadSort, LeadStatus};
use store::page::Wanted;
use store::{StoreError, calls, lead_questions};

use crate::agency::{Agency, id, minute, open};

fn answer(field: LeadField, value: &str) -> LeadAnswer {
    let question = QuestionId(id(field as u128));
    LeadAnswer { question, field, said: format!("it is {value}"), value: value.to_owned() }
}

fn conversation(number: u128, phone: Option<&str>) -> Conversation {
    Conversation {
        call_id: CallId(id(number)),
        caller_phone: phone.map(str::to_owned),
        new_lead: LeadId(id(1_000 + number)),
    }
}

/// One answer in a transaction of its own, as a call does it.
async fn save(agency: &Agency, talk: &Conversation, field: LeadField, value: &str) -> LeadId {
    // The call is there before anything is said in it; announced again it is the same.
    agency.call(talk.call_id.0.as_u128(), minute(1)).await;
    let mut tx = agency.tx().await;
    let lead =
        capture::save_answer(&mut tx, talk, &answer(field, value), minute(1)).await.expect("an answer");
    tx.commit().await.expect("a commit");
    lead
}

#[tokio::test]
async fn the_first_answer_makes_the_lead_and_a_correction_replaces_it() {
    let agency = open().await;
    let talk = conversation(1, Some("+15135550142"));
    let first = save(&agency, &talk, LeadField::Budget, "USD 5000").await;
    let second = save(&agency, &talk, LeadField::Name, "Maria").await;
    let third = save(&agency, &talk, LeadField::Budget, "USD 10000").await;
    assert_eq!((first, second, third), (LeadId(id(1_001)), first, first));
    let mut tx = agency.tx().await;
    let lead = leads::get(&mut tx, first).await.expect("the lead");
    assert_eq!(lead.answers, [answer(LeadField::Budget, "USD 10000"), answer(LeadField::Name, "Maria")]);
    assert_eq!((lead.budget.as_deref(), lead.name.as_deref()), (Some("USD 10000"), Some("Maria")));
    assert_eq!(lead.phone.as_deref(), Some("+15135550142"));
    assert!(!lead.complete);
}

#[tokio::test]
async fn who_calls_again_goes_on_with_the_open_lead() {
    let agency = open().await;
    let first = save(&agency, &conversation(1, Some("+15135550142")), LeadField::Name, "Maria").await;
    let again = save(&agency, &conversation(2, Some("+15135550142")), LeadField::Budget, "USD 1").await;
    assert_eq!(first, again);
    let mut tx = agency.tx().await;
    let lead = leads::get(&mut tx, first).await.expect("the lead");
    assert_eq!((lead.call_id, lead.answers.len()), (Some(CallId(id(2))), 2));
    // Once the business has dealt with it, the next call is a new one.
    let won = Lead { status: LeadStatus::Won, ..lead };
    leads::update(&mut tx, &won).await.expect("a verdict");
    tx.commit().await.expect("a commit");
    let later = save(&agency, &conversation(3, Some("+15135550142")), LeadField::Name, "Maria").await;
    assert_eq!(later, LeadId(id(1_003)));
}

#[tokio::test]
async fn an_address_that_is_known_merges_the_two_leads() {
    let agency = open().await;
    let first = save(&agency, &conversation(1, None), LeadField::Email, "Maria@Gmail.com").await;
    save(&agency, &conversation(1, None), LeadField::Company, "Bakery").await;
    let talk = conversation(2, None);
    let second = save(&agency, &talk, LeadField::Name, "Maria").await;
    assert_ne!(first, second);
    assert_eq!(save(&agency, &talk, LeadField::Email, "maria@gmail.com").await, first);
    // And the conversation stays with it.
    assert_eq!(save(&agency, &talk, LeadField::Budget, "USD 9").await, first);
    let mut tx = agency.tx().await;
    assert!(matches!(leads::get(&mut tx, second).await, Err(StoreError::NotFound { .. })));
    let lead = leads::get(&mut tx, first).await.expect("the lead");
    assert_eq!((lead.name.as_deref(), lead.company.as_deref()), (Some("Maria"), Some("Bakery")));
    assert_eq!(lead.email.as_deref(), Some("maria@gmail.com"));
}

#[tokio::test]
async fn calls_of_a_lead_that_is_merged_into_another_go_with_it() {
    let agency = open().await;
    let first = save(&agency, &conversation(1, None), LeadField::Email, "maria@gmail.com").await;
    // An earlier call of the same telephone made a lead of its own, without an address.
    let earlier = agency.call(500, minute(1)).await;
    let talk = Conversation { call_id: earlier, ..conversation(2, Some("+15135550142")) };
    let second = save(&agency, &talk, LeadField::Name, "Maria").await;
    let mut tx = agency.tx().await;
    calls::life::set_lead(&mut tx, earlier, second).await.expect("a lead");
    tx.commit().await.expect("a commit");
    let later = conversation(3, Some("+15135550142"));
    assert_eq!(save(&agency, &later, LeadField::Email, "maria@gmail.com").await, first);
    let mut tx = agency.tx().await;
    assert_eq!(calls::get(&mut tx, earlier).await.expect("the call").lead_id, Some(first));
}

#[tokio::test]
async fn two_calls_of_one_person_at_once_make_one_lead() {
    let agency = open().await;
    let one = conversation(1, Some("+15135550142"));
    let two = conversation(2, Some("+15135550142"));
    let (one, two) = tokio::join!(
        save(&agency, &one, LeadField::Name, "Maria"),
        save(&agency, &two, LeadField::Company, "Bakery"),
    );
    assert_eq!(one, two);
    let mut tx = agency.tx().await;
    assert_eq!(leads::get(&mut tx, one).await.expect("the lead").answers.len(), 2);
}

#[tokio::test]
async fn finishing_never_lowers_the_priority() {
    let agency = open().await;
    let talk = conversation(1, None);
    let lead = save(&agency, &talk, LeadField::Name, "Maria").await;
    let mut tx = agency.tx().await;
    let nobody = capture::finish(&mut tx, CallId(id(404)), true, Priority::Normal, minute(2)).await;
    assert!(matches!(nobody, Err(StoreError::NotFound { noun: "lead" })));
    for (complete, priority) in [(false, Priority::Urgent), (true, Priority::Normal)] {
        let finished =
            capture::finish(&mut tx, talk.call_id, complete, priority, minute(2)).await.expect("an end");
        assert_eq!(finished, lead);
    }
    let stored = leads::get(&mut tx, lead).await.expect("the lead");
    assert_eq!((stored.complete, stored.priority), (true, Priority::Urgent));
}

#[tokio::test]
async fn leads_are_listed_newest_first_by_status() {
    let agency = open().await;
    for number in 1..=3 {
        save(&agency, &conversation(number, None), LeadField::Name, "Maria").await;
    }
    let mut tx = agency.tx().await;
    let lead = leads::get(&mut tx, LeadId(id(1_002))).await.expect("the lead");
    let lost = Lead { status: LeadStatus::Lost, notes: Some("no money".to_owned()), ..lead };
    leads::update(&mut tx, &lost).await.expect("a verdict");
    let mut ids = async |status, limit| {
        let filter = LeadFilter { status, ..LeadFilter::default() };
        let wanted = Wanted::first(LeadSort::CreatedAt, limit);
        let page = leads::list(&mut tx, &filter, &wanted).await.expect("a page");
        (page.items.iter().map(|lead| lead.id.0.as_u128()).collect::<Vec<_>>(), page.next.is_some())
    };
    assert_eq!(ids(None, 2).await, (vec![1_003, 1_002], true));
    assert_eq!(ids(Some(LeadStatus::Open), 10).await, (vec![1_003, 1_001], false));
}

#[tokio::test]
async fn the_flow_keeps_its_order_and_is_replaced_whole() {
    let agency = open().await;
    let question = |number: u128, text: &str| LeadQuestion {
        id: QuestionId(id(number)),
        text: text.to_owned(),
        label: "Label".to_owned(),
        answer_type: AnswerType::MoneyRange,
        field: LeadField::Budget,
        required: true,
        choices: vec!["a".to_owned(), "b".to_owned()],
        retry_text: None,
        skip_when: None,
        urgency_weight: 0,
    };
    let mut tx = agency.tx().await;
    let flow = [question(3, "first"), question(1, "second"), question(2, "third")];
    lead_questions::replace(&mut tx, &flow).await.expect("a flow");
    assert_eq!(lead_questions::list(&mut tx).await.expect("the flow"), flow);
    let flow = [question(2, "third"), question(3, "first")];
    lead_questions::replace(&mut tx, &flow).await.expect("another flow");
    assert_eq!(lead_questions::list(&mut tx).await.expect("the flow"), flow);
}
