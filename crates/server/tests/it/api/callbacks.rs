//! Calls that are made: once, at their time, with whoever answers. The telephone network is played.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use serde_json::{Value, json};
use simulator::twilio::rest::people::Person;
use simulator::vendor::fault::Fault;

use super::incidents::Desk;

const MARIA: &str = "+15135550142";

async fn ask(desk: &Desk, body: &Value) -> Value {
    let answer = desk.world.post("/api/v1/calls", Some(&desk.token), body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.json()
}

async fn the_one(desk: &Desk) -> Value {
    let list = desk.world.get("/api/v1/callbacks?sort=-created_at", Some(&desk.token)).await.json();
    list["items"][0].clone()
}

async fn place(desk: &Desk) {
    while desk.world.app.place_due_callbacks().await.unwrap() > 0 {}
    desk.twilio.vendor().until(|ledger| ledger.is_quiet()).await;
}

#[tokio::test]
async fn whoever_answers_talks_with_the_agent_and_a_machine_gets_a_message() {
    for (person, state) in [
        (Person::presses(&[]), "done"),
        (Person::Machine, "machine"),
        (Person::Busy, "busy"),
        (Person::LetsRing, "no_answer"),
        (Person::Unreachable, "failed"),
    ] {
        let desk = Desk::on("enterprise").await;
        desk.twilio.vendor().expect(MARIA, [person.clone()]);
        let asked = ask(&desk, &json!({ "to": MARIA, "name": "Maria", "test": true })).await;
        assert_eq!((&asked["state"], &asked["from"]), (&json!("waiting"), &json!("+15135550101")));
        place(&desk).await;
        place(&desk).await;
        let ledger = desk.twilio.vendor().ledger();
        assert_eq!(ledger.calls_to(MARIA).len(), 1, "{state}");
        assert_eq!(ledger.calls[0].errors, [""; 0]);
        let after = the_one(&desk).await;
        assert_eq!(after["state"], state, "{after}");
        match person {
            Person::Answers(_) => {
                // The played network opens no socket: what looks like a broken stream is offered again.
                assert!(!ledger.calls[0].streams.is_empty());
                let call = after["call_id"].as_str().unwrap();
                let call = desk.world.get(&format!("/api/v1/calls/{call}"), Some(&desk.token)).await.json();
                assert_eq!((&call["direction"], &call["to"]), (&json!("outbound"), &json!(MARIA)));
            }
            Person::Machine => {
                assert!(
                    ledger.calls[0].has_heard("message for Maria from Aurora"),
                    "{:?}",
                    ledger.calls[0].heard
                );
                assert!(ledger.calls[0].streams.is_empty());
            }
            _ => assert_eq!(after["call_id"], Value::Null),
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_call_twice() {
    for (fault, placed) in [(Fault::Cut(0), 1), (Fault::Refuse, 0)] {
        let desk = Desk::on("enterprise").await;
        desk.twilio.vendor().expect(MARIA, [Person::presses(&[])]);
        ask(&desk, &json!({ "to": MARIA, "test": true })).await;
        desk.twilio.set_fault_for(fault, 1);
        place(&desk).await;
        assert_eq!(desk.twilio.vendor().ledger().calls.len(), placed, "{fault:?}");
        for _ in 0..3 {
            desk.world.clock.advance(TimeDelta::seconds(130));
            place(&desk).await;
        }
        assert_eq!(desk.twilio.vendor().ledger().calls.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn numbers_hours_and_moments_are_checked() {
    let desk = Desk::on("enterprise").await;
    for (to, status) in [
        ("911", StatusCode::UNPROCESSABLE_ENTITY),
        ("+19005550123", StatusCode::UNPROCESSABLE_ENTITY),
        ("+881612345678", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer =
            desk.world.post("/api/v1/calls", Some(&desk.token), &json!({ "to": to, "test": true })).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // The agency is in New York: five in the morning there.
    let night = night(desk.world.app.ambient.now());
    let body = json!({ "to": MARIA, "at": night });
    assert_eq!(desk.world.post("/api/v1/calls", Some(&desk.token), &body).await.status, StatusCode::CONFLICT);
    let far = desk.world.app.ambient.now() + TimeDelta::days(61);
    let body = json!({ "to": MARIA, "at": far, "test": true });
    let answer = desk.world.post("/api/v1/calls", Some(&desk.token), &body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
}

fn night(now: DateTime<Utc>) -> DateTime<Utc> {
    let at = (now + TimeDelta::days(2)).with_hour(9).unwrap();
    // 09:30 UTC is 04:30 or 05:30 in New York.
    at.with_minute(30).unwrap()
}

#[tokio::test]
async fn a_call_that_waits_can_be_put_off_and_taken_back() {
    let desk = Desk::on("enterprise").await;
    desk.twilio.vendor().expect(MARIA, [Person::presses(&[])]);
    let asked = ask(&desk, &json!({ "to": MARIA, "test": true })).await;
    let path = format!("/api/v1/callbacks/{}", asked["id"].as_str().unwrap());
    let later = desk.world.app.ambient.now() + TimeDelta::hours(1);
    let put_off = desk.world.patch(&path, &desk.token, &json!({ "due_at": later })).await;
    assert_eq!(put_off.status, StatusCode::OK, "{put_off:?}");
    place(&desk).await;
    assert_eq!(desk.twilio.vendor().ledger().calls.len(), 0);
    let taken_back = desk.world.patch(&path, &desk.token, &json!({ "cancelled": true })).await.json();
    assert_eq!(taken_back["state"], "cancelled");
    desk.world.clock.advance(TimeDelta::hours(2));
    place(&desk).await;
    assert_eq!(desk.twilio.vendor().ledger().calls.len(), 0);
    let token = desk.world.sign_in_as(&desk.agency, "admin").await;
    let again = desk.world.patch(&path, &token, &json!({ "cancelled": true })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}
