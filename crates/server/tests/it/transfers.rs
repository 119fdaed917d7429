//! Callers who are connected with people, on both brains.

use std::time::Duration;

use domain::call_log::{ContinueCause, EndReason, EventKind};
use domain::hours::{BusinessHours, Week};
use domain::transfers::Availability;
use simulator::twilio::rest::people::Person;
use store::incidents::{IncidentFilter, IncidentSort, IncidentState};
use store::messages::{MessageFilter, MessageSort};
use store::page::Wanted;
use store::transfers::TransferState;

use crate::played::{AT_MOST, Brain, DANA, DESK, NORTHWIND, SAM, Scene, number, on_both_brains, people};

const ASKS: &str = "can i talk to a real person about an invoice";
const URGENT: &str = "our online shop is down and we are losing orders";
const AGREES: &str = "yes please";
/// How long a telephone rings before it is answered.
const RINGS: Duration = Duration::from_millis(20);

on_both_brains! {
    whoever_fits_is_told_what_it_is_about_and_takes_the_caller
    the_next_one_is_rung_when_somebody_does_not_take_the_caller
    a_caller_whom_nobody_takes_comes_back_and_leaves_a_message
    an_emergency_is_taken_by_whoever_takes_the_caller
    a_caller_who_hangs_up_is_rung_for_no_more
    outside_hours_nobody_is_rung_and_a_message_is_taken
}

async fn whoever_fits_is_told_what_it_is_about_and_takes_the_caller(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[ASKS, AGREES]).await;
    scene.expect(&[(SAM, Person::presses(&["7", "1"])), (DANA, Person::presses(&["1"]))]);
    let came = scene.call(NORTHWIND, AT_MOST).await;
    assert_eq!(came.transfer, Some(TransferState::Connected));
    assert_eq!(came.steps(), ["begins", "rings", "answered", "connected"]);
    assert_eq!((came.to(SAM).len(), came.to(DANA).len(), came.to(DESK).len()), (1, 0, 0));
    let heard = &came.to(SAM)[0].heard;
    // Twice, and twice more after the wrong key.
    assert_eq!(heard.iter().filter(|heard| heard.contains(ASKS)).count(), 4, "{heard:?}");
    assert!(came.report.said().any(|said| said.contains("try to reach Sam")), "{:?}", came.report.deeds);
    assert_eq!((came.end(), came.streams(), came.joined()), (EndReason::Transferred, 1, 1));
    let ends = came.log.iter().filter(|event| matches!(event.kind, EventKind::Ended { .. })).count();
    assert_eq!(ends, 1);
    scene.stop().await;
}

async fn the_next_one_is_rung_when_somebody_does_not_take_the_caller(brain: Brain) {
    for (person, step) in [
        (Person::Busy, "busy"),
        (Person::LetsRing, "no_answer"),
        (Person::Machine, "machine"),
        (Person::Unreachable, "unreachable"),
        (Person::presses(&["2"]), "declined"),
        (Person::presses(&[]), "declined"),
    ] {
        let scene = Scene::with(brain, RINGS, &[ASKS, AGREES]).await;
        scene.expect(&[(SAM, person), (DESK, Person::presses(&["1"]))]);
        let came = scene.call(NORTHWIND, AT_MOST).await;
        let steps: Vec<&str> = came.steps().into_iter().filter(|code| *code != "answered").collect();
        assert_eq!(steps, ["begins", "rings", step, "rings", "connected"]);
        assert_eq!((came.to(SAM).len(), came.to(DESK).len(), came.joined()), (1, 1, 1), "{step}");
        assert_eq!(came.end(), EndReason::Transferred);
        scene.stop().await;
    }
}

async fn a_caller_whom_nobody_takes_comes_back_and_leaves_a_message(brain: Brain) {
    let lines = [ASKS, AGREES, "yes please", "the invoice of march is wrong", "no thank you goodbye"];
    let scene = Scene::with(brain, RINGS, &lines).await;
    scene.expect(&[(SAM, Person::Busy), (DESK, Person::LetsRing)]);
    let came = scene.call(NORTHWIND, AT_MOST).await;
    assert_eq!(came.transfer, Some(TransferState::Failed));
    assert_eq!(came.steps(), ["begins", "rings", "busy", "rings", "no_answer", "failed"]);
    assert!(came.says("could not reach anybody"), "{}", came.transcript());
    assert_eq!((came.end(), came.streams(), came.joined()), (EndReason::AgentSaidGoodbye, 2, 0));
    assert_eq!(came.continued(), [ContinueCause::NotConnected]);
    let mut tx = scene.tx().await;
    let filter = MessageFilter { call_id: Some(came.call.id), ..MessageFilter::default() };
    let wanted = Wanted::first(MessageSort::CreatedAt, 5);
    let kept = store::messages::list(&mut tx, &filter, &wanted).await.unwrap();
    assert_eq!(kept.items.len(), 1);
    assert_eq!(kept.items[0].message.text, lines[3]);
    drop(tx);
    scene.stop().await;
}

async fn an_emergency_is_taken_by_whoever_takes_the_caller(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[URGENT, AGREES]).await;
    scene.expect(&[(DANA, Person::presses(&["1"]))]);
    let came = scene.call(NORTHWIND, AT_MOST).await;
    assert_eq!(came.to(DANA).len(), 1, "{:?}", came.steps());
    assert!(came.to(DANA)[0].has_heard(URGENT), "{:?}", came.to(DANA)[0].heard);
    let mut tx = scene.tx().await;
    let wanted = Wanted::first(IncidentSort::RaisedAt, 5);
    let incidents = store::incidents::list(&mut tx, &IncidentFilter::default(), &wanted).await.unwrap().items;
    assert_eq!(incidents.len(), 1);
    assert_eq!(
        (incidents[0].state, incidents[0].acknowledged_by.as_deref()),
        (IncidentState::Acknowledged, Some("Dana"))
    );
    drop(tx);
    scene.stop().await;
}

async fn a_caller_who_hangs_up_is_rung_for_no_more(brain: Brain) {
    let scene = Scene::with(brain, Duration::from_secs(20), &[ASKS, AGREES]).await;
    scene.expect(&[(SAM, Person::presses(&["1"])), (DESK, Person::presses(&["1"]))]);
    let came = scene.call(NORTHWIND, Duration::from_secs(3)).await;
    assert_eq!(came.transfer, Some(TransferState::Abandoned));
    assert_eq!((came.to(SAM).len(), came.to(DESK).len(), came.joined()), (1, 0, 0));
    assert_eq!(came.to(SAM)[0].status, "canceled");
    assert_eq!((came.end(), came.streams()), (EndReason::CallerHungUp, 1));
    scene.stop().await;
}

async fn outside_hours_nobody_is_rung_and_a_message_is_taken(brain: Brain) {
    let lines = [ASKS, AGREES, "the invoice of march is wrong", "no thank you goodbye"];
    let closed = BusinessHours { weekly: Week::default(), holidays: Vec::new() };
    let mut targets = people();
    for target in &mut targets {
        target.available = Availability::Own(closed.clone());
    }
    // The usual number is Dana's: her hours go for it.
    targets[0].phone = number(DESK);
    let scene = Scene::with(brain, RINGS, &lines).await;
    scene.connects_with(targets).await;
    let came = scene.call(NORTHWIND, AT_MOST).await;
    assert_eq!((came.transfer, came.ledger.calls.len()), (None, 0));
    assert!(came.says("nobody I can connect you with"), "{}", came.transcript());
    assert_eq!(came.end(), EndReason::AgentSaidGoodbye);
    scene.stop().await;
}
