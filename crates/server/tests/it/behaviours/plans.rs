//! What a business's plan has, in its calls: from PRO on agents answer and emergencies are telephoned, ENTERPRISE alone
//! knows who calls.

use app::escalation::EscalationChange;
use domain::escalation::EmergencyPerson;
use simulator::twilio::rest::people::Person;
use store::SystemTx;

use super::{RINGS, called, played};
use crate::played::{AT_MOST, Brain, DANA, NORTHWIND, Scene, number, on_both_brains};

on_both_brains! {
    on_pro_an_emergency_is_telephoned
    on_pro_everybody_is_new
}

async fn put_on_plan(scene: &Scene, plan: &str) {
    let mut tx = SystemTx::begin(&scene.app().db, "a test changes a plan").await.unwrap();
    let now = scene.app().ambient.now();
    store::organizations::below::set_plan(&mut tx, scene.org_id, (plan, 1), now).await.unwrap();
    tx.commit().await.unwrap();
}

/// FREE and BASIC have a widget and no telephone: a caller hears a sentence and may leave a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_free_and_basic_a_message_is_taken() {
    let scene = Scene::with(Brain::Rules, RINGS, &[]).await;
    for plan in ["free", "basic"] {
        put_on_plan(&scene, plan).await;
        let came = scene.call_with(NORTHWIND, vec!["how is the online shop going".into()]).await;
        assert_eq!(came.streams(), 0, "{plan}: {:?}", came.report.deeds);
        let said: Vec<&str> = came.report.said().collect();
        assert!(said.iter().any(|said| said.contains("leave a message")), "{plan}: {said:?}");
        assert_eq!(came.transcript(), "", "{plan}");
    }
    scene.stop().await;
}

async fn on_pro_an_emergency_is_telephoned(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    put_on_plan(&scene, "pro").await;
    let people = vec![EmergencyPerson { name: "Dana".to_owned(), phone: number(DANA), pause_seconds: 0 }];
    let change = EscalationChange { people: Some(people), ..EscalationChange::default() };
    app::escalation::change(scene.app(), &scene.owner(), None, change).await.unwrap();
    scene.expect(&[(DANA, Person::presses(&["1"]))]);
    let lines = [
        "our online shop is down and we are losing orders",
        "no thank you",
        "northwind coffee",
        "kevin johnson",
        "customers see an error at the checkout",
        "no thank you goodbye",
    ];
    let left = called(&scene, NORTHWIND, lines.map(super::Line::from).to_vec()).await;
    let taken = scene.twilio.vendor().until(|ledger| ledger.calls_to(DANA).iter().any(|call| call.is_over));
    tokio::time::timeout(AT_MOST, taken).await.expect("Dana was not called");
    // The number is known, the caller is not: place and name are asked.
    left.says(&["Which account or location", "Who may I say is calling", "what is happening"]);
    let ledger = scene.twilio.vendor().ledger();
    let heard = &ledger.calls_to(DANA)[0];
    for words in [lines[0], lines[2], lines[4]] {
        assert!(heard.has_heard(words), "{words}: {:?}\n{}", heard.heard, left.told);
    }
    assert_eq!(left.messages.len(), 1, "{}", left.told);
    let message = &left.messages[0].message;
    assert_eq!(message.reply_to.as_deref(), Some(NORTHWIND), "{}", left.told);
    scene.stop().await;
}

async fn on_pro_everybody_is_new(brain: Brain) {
    let lines = [
        "how is the online shop going",
        "no thank you",
        "could you also design a flyer for the online shop",
        "never mind",
        "no thank you goodbye",
    ];
    let left = played(brain, NORTHWIND, &lines, async |scene: &Scene| put_on_plan(scene, "pro").await).await;
    left.says(&["virtual assistant of Aurora Branding"]);
    left.says_nothing_of(&["Tom", "longer than planned", "client number"]);
    assert!(left.came.call.client_id.is_none() && left.changes.is_empty(), "{}", left.told);
}
