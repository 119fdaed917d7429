//! How a conversation goes, on both brains: what callers want, what the agent says and does, and what the business has of
//! it afterwards. Each is a whole call with exact words ([`crate::played`]); what depends on real voices (noise, phantom
//! words, interruptions, keys) is among the spoken scenarios. docs/guides/scenarios.md has the list by subject.

mod corrections;
mod identity;
mod intents;
mod plans;
mod remembering;
mod scope;

use std::time::Duration;

use app::escalation::EscalationChange;
use app::organizations::OrganizationChange;
use domain::call_log::EndReason;
use domain::escalation::EmergencyPerson;
use domain::leads::{Comparison, LeadField, SkipCondition};
use domain::organizations::OrgSettings;
use simulator::twilio::rest::people::Person;
use store::change_requests::{ChangeFilter, ChangeRequest, ChangeSort};
use store::incidents::{Incident, IncidentFilter, IncidentSort, IncidentState};
use store::leads::{Lead, LeadFilter, LeadSort};
use store::messages::{Kept, MessageFilter, MessageSort};
use store::page::Wanted;

use crate::played::{AT_MOST, Brain, Came, DANA, Line, NORTHWIND, SAM, Scene, number, on_both_brains};

const RINGS: Duration = Duration::from_millis(20);
/// Of whom nobody knows anything.
const STRANGER: &str = "+15135550171";
/// A client whose project is done.
const DENTAL: &str = "+15135550133";

/// What the business has after a call.
struct Left {
    came: Came,
    leads: Vec<Lead>,
    messages: Vec<Kept>,
    incidents: Vec<Incident>,
    changes: Vec<ChangeRequest>,
    satisfaction: Option<u8>,
    told: String,
}

impl Left {
    async fn after(scene: &Scene, came: Came) -> Self {
        let told = came.transcript();
        let mut tx = scene.tx().await;
        let wanted = Wanted::first(LeadSort::CreatedAt, 9);
        let leads = store::leads::list(&mut tx, &LeadFilter::default(), &wanted).await.unwrap().items;
        let wanted = Wanted::first(MessageSort::CreatedAt, 9);
        let messages =
            store::messages::list(&mut tx, &MessageFilter::default(), &wanted).await.unwrap().items;
        let wanted = Wanted::first(IncidentSort::RaisedAt, 9);
        let incidents =
            store::incidents::list(&mut tx, &IncidentFilter::default(), &wanted).await.unwrap().items;
        let wanted = Wanted::first(ChangeSort::CreatedAt, 9);
        let changes =
            store::change_requests::list(&mut tx, &ChangeFilter::default(), &wanted).await.unwrap().items;
        let satisfaction = store::satisfaction::of_call(&mut tx, came.call.id).await.unwrap();
        Self { came, leads, messages, incidents, changes, satisfaction, told }
    }

    fn says(&self, all: &[&str]) {
        for words in all {
            assert!(self.came.says(words), "lacks {words:?}\n{}", self.told);
        }
    }

    fn says_nothing_of(&self, none: &[&str]) {
        for words in none {
            assert!(!self.came.says(words), "says {words:?}\n{}", self.told);
        }
    }

    fn ends(&self, reason: EndReason) {
        assert_eq!(self.came.end(), reason, "{}", self.told);
    }

    fn lead(&self) -> &Lead {
        assert_eq!(self.leads.len(), 1, "{}", self.told);
        &self.leads[0]
    }
}

/// One call on one brain.
async fn played(brain: Brain, from: &str, lines: &[&'static str], prepare: impl AsyncFn(&Scene)) -> Left {
    let scene = Scene::with(brain, RINGS, lines).await;
    prepare(&scene).await;
    let came = scene.call(from, AT_MOST).await;
    let left = Left::after(&scene, came).await;
    scene.stop().await;
    left
}

async fn nothing(_scene: &Scene) {}

/// One call with lines of which some are only known when it is their turn.
async fn called(scene: &Scene, from: &str, lines: Vec<Line>) -> Left {
    let came = scene.call_with(from, lines).await;
    Left::after(scene, came).await
}

async fn ask_for_satisfaction(scene: &Scene) {
    let settings = OrgSettings { ask_satisfaction: true, ..OrgSettings::default() };
    let change = OrganizationChange { settings: Some(settings), ..OrganizationChange::default() };
    app::organizations::change(scene.app(), &scene.owner(), None, change).await.unwrap();
}

on_both_brains! {
    an_emergency_reaches_the_second_person
    several_answers_in_one_breath
    a_question_of_the_callers_pauses_the_flow
    what_is_not_urgent_alarms_nobody
    a_client_who_wants_more_is_promised_nothing
    a_question_is_left_out
    who_leaves_in_the_middle_leaves_a_lead
    an_address_without_an_at_sign_is_asked_again
    old_data_is_said_to_be_old
    which_project_is_asked_when_several_fit
    a_stranger_hears_nothing_of_projects
    who_sells_something_is_sent_away_politely
    a_client_says_how_satisfied_they_are
    a_client_presses_how_satisfied_they_are
    who_names_a_time_is_called_back
}

async fn an_emergency_reaches_the_second_person(brain: Brain) {
    let lines = [
        "our online shop is down and we are losing orders",
        "no thank you",
        "customers see an error at the checkout",
        "no thank you goodbye",
    ];
    let scene = Scene::with(brain, RINGS, &lines).await;
    let people = [("Dana", DANA), ("Sam", SAM)].map(|(name, phone)| EmergencyPerson {
        name: name.to_owned(),
        phone: number(phone),
        pause_seconds: 0,
    });
    let change = EscalationChange { people: Some(people.to_vec()), ..EscalationChange::default() };
    app::escalation::change(scene.app(), &scene.owner(), None, change).await.unwrap();
    scene.expect(&[(DANA, Person::LetsRing), (SAM, Person::presses(&["1"]))]);
    let came = scene.call(NORTHWIND, AT_MOST).await;
    let taken = scene.twilio.vendor().until(|ledger| ledger.calls_to(SAM).iter().any(|call| call.is_over));
    tokio::time::timeout(AT_MOST, taken).await.expect("Sam was not called");
    let left = Left::after(&scene, came).await;
    left.says(&["connect you"]);
    let ledger = scene.twilio.vendor().ledger();
    assert_eq!((ledger.calls_to(DANA).len(), ledger.calls_to(SAM).len()), (1, 1));
    assert!(
        ledger.calls_to(SAM)[0].has_heard("error at the checkout"),
        "{:?}",
        ledger.calls_to(SAM)[0].heard
    );
    assert_eq!(left.incidents.len(), 1, "{}", left.told);
    let incident = &left.incidents[0];
    assert_eq!(
        (incident.state, incident.acknowledged_by.as_deref()),
        (IncidentState::Acknowledged, Some("Sam"))
    );
    left.ends(EndReason::AgentSaidGoodbye);
    scene.stop().await;
}

async fn what_is_not_urgent_alarms_nobody(brain: Brain) {
    let lines = ["it is not urgent but how is the online shop going", "no thank you goodbye"];
    let left = played(brain, NORTHWIND, &lines, nothing).await;
    left.says(&["longer than planned"]);
    assert!(left.incidents.is_empty() && left.came.call.urgency_score < 5, "{}", left.told);
    left.ends(EndReason::AgentSaidGoodbye);
}

async fn a_client_who_wants_more_is_promised_nothing(brain: Brain) {
    let lines = ["could you also design a flyer for the online shop", "no thank you goodbye"];
    let left = played(brain, NORTHWIND, &lines, nothing).await;
    left.says(&["Dana"]);
    left.says_nothing_of(&["no problem", "we will do", "dollars"]);
    assert_eq!(left.changes.len(), 1, "{}", left.told);
    assert_eq!(left.changes[0].quote, lines[0]);
    left.ends(EndReason::AgentSaidGoodbye);
}

async fn several_answers_in_one_breath(brain: Brain) {
    let lines = [
        "my name is kevin johnson and i need a new website for about ten thousand dollars",
        "kevin at gmail dot com",
        "yes that's right",
        "never mind",
        "no thank you goodbye",
    ];
    let left = played(brain, STRANGER, &lines, nothing).await;
    let lead = left.lead();
    assert_eq!(lead.name.as_deref(), Some("Kevin Johnson"), "{}", left.told);
    assert_eq!(lead.email.as_deref(), Some("kevin@gmail.com"), "{}", left.told);
    assert!(lead.budget.as_deref().is_some_and(|budget| budget.contains("10000")), "{lead:?}\n{}", left.told);
    assert!(
        lead.service.as_deref().is_some_and(|service| service.contains("website")),
        "{lead:?}\n{}",
        left.told
    );
}

async fn a_question_is_left_out(brain: Brain) {
    let lines = ["i need a new website", "my name is kevin johnson", "goodbye"];
    let left = played(brain, STRANGER, &lines, async |scene: &Scene| {
        let mut tx = scene.tx().await;
        let mut questions = store::lead_questions::list(&mut tx).await.unwrap();
        let name = questions.iter().find(|one| one.field == LeadField::Name).unwrap().id;
        for question in &mut questions {
            if question.field == LeadField::Email {
                question.skip_when = Some(SkipCondition {
                    question: name,
                    comparison: Comparison::Contains,
                    value: "kevin".to_owned(),
                });
            }
        }
        let now = scene.app().ambient.now();
        for question in &questions {
            store::lead_questions::update(&mut tx, question, now).await.unwrap();
        }
        tx.commit().await.unwrap();
    })
    .await;
    left.says(&["phone number"]);
    left.says_nothing_of(&["email"]);
}

async fn a_question_of_the_callers_pauses_the_flow(brain: Brain) {
    let lines = ["i need a new website", "where is your studio", "my name is kevin johnson", "goodbye"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says(&["twelve Main Street"]);
    assert!(left.told.matches("May I have your name").count() >= 2, "{}", left.told);
    assert_eq!(left.lead().name.as_deref(), Some("Kevin Johnson"), "{}", left.told);
}

async fn who_leaves_in_the_middle_leaves_a_lead(brain: Brain) {
    // The caller hangs up at the second question.
    let lines = ["i need a new website", "my name is kevin johnson"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    let lead = left.lead();
    assert_eq!((lead.name.as_deref(), lead.complete), (Some("Kevin Johnson"), false), "{}", left.told);
    left.ends(EndReason::CallerHungUp);
}

async fn an_address_without_an_at_sign_is_asked_again(brain: Brain) {
    let lines = [
        "i need a new website",
        "my name is kevin johnson",
        "kevin gmail dot com",
        "kevin at gmail dot com",
        "yes that's right",
        "goodbye",
    ];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says(&["at sign"]);
    assert_eq!(left.lead().email.as_deref(), Some("kevin@gmail.com"), "{}", left.told);
}

async fn old_data_is_said_to_be_old(brain: Brain) {
    let lines = ["how is the online shop going", "no thank you goodbye"];
    let left = played(brain, NORTHWIND, &lines, async |scene: &Scene| {
        let mut tx = scene.tx().await;
        let client = store::clients::find_by_contact(&mut tx, store::clients::ContactKind::Phone, NORTHWIND);
        let client = client.await.unwrap().unwrap().id;
        let now = scene.app().ambient.now();
        for project in store::projects::list_for_client(&mut tx, client).await.unwrap() {
            let mut facts = project.facts;
            facts.synced_at = Some(now - chrono::TimeDelta::days(3));
            store::projects::update(&mut tx, project.id, &facts, now).await.unwrap();
        }
        tx.commit().await.unwrap();
    })
    .await;
    left.says(&["longer than planned", "three days"]);
}

async fn which_project_is_asked_when_several_fit(brain: Brain) {
    let lines = ["how is our project going", "the packaging please", "no thank you goodbye"];
    let left = played(brain, NORTHWIND, &lines, nothing).await;
    left.says(&["packaging", "online shop", "label drafts"]);
    left.says_nothing_of(&["longer than planned"]);
}

async fn a_stranger_hears_nothing_of_projects(brain: Brain) {
    let lines = ["how is the online shop going", "never mind", "no thank you goodbye"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says_nothing_of(&["longer than planned", "payment"]);
    assert!(left.came.call.client_id.is_none());
}

async fn who_sells_something_is_sent_away_politely(brain: Brain) {
    let lines = ["i am calling to offer you a great deal on search engine optimization for your business"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.ends(EndReason::AgentSaidGoodbye);
    assert_eq!(left.came.call.intent.as_deref(), Some("spam"), "{}", left.told);
    assert!(left.leads.is_empty() && left.messages.is_empty(), "{}", left.told);
}

async fn a_client_says_how_satisfied_they_are(brain: Brain) {
    for (answer, expect) in [("four out of five", Some(4)), ("no thank you", None)] {
        let lines = ["what are your opening hours", "no thank you goodbye", answer];
        let left = played(brain, DENTAL, &lines, ask_for_satisfaction).await;
        left.says(&["from one to five"]);
        assert_eq!(left.satisfaction, expect, "{}", left.told);
        left.ends(EndReason::AgentSaidGoodbye);
    }
}

async fn a_client_presses_how_satisfied_they_are(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    ask_for_satisfaction(&scene).await;
    let lines = vec![
        "what are your opening hours".into(),
        "no thank you goodbye".into(),
        Line::Presses("4".to_owned()),
    ];
    let left = called(&scene, DENTAL, lines).await;
    assert_eq!(left.satisfaction, Some(4), "{}", left.told);
    left.ends(EndReason::AgentSaidGoodbye);
    scene.stop().await;
}

async fn who_names_a_time_is_called_back(brain: Brain) {
    let lines = ["please call me back tomorrow at eleven about a logo", "yes please", "no thank you goodbye"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    assert!(left.came.tools().contains(&"schedule_callback"), "{}", left.told);
    left.ends(EndReason::AgentSaidGoodbye);
}
