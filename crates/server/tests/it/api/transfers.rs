//! Callers who wait for a person: one telephone rings once and one person is joined at most, whatever dies in between;
//! and the settings.

use app::calls::status::{AfterStream, StatusUpdate};
use app::transfers::{PersonKey, PersonWords};
use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::ids::TransferId;
use domain::phone::PhoneNumber;
use domain::transfers::Colleague;
use serde_json::json;
use simulator::twilio::rest::people::Person;
use simulator::vendor::fault::Fault;
use store::OrgTx;
use store::transfers::{Attempt, Transfer, TransferState};

use super::incidents::Desk;
use super::world::request;

const DANA: &str = "+15135550142";
const SAM: &str = "+15135550143";

/// A caller who is to be connected with Dana, or else Sam, and whose stream is over.
async fn waiting(desk: &Desk) -> (TransferId, String) {
    let app = &desk.world.app;
    let now = app.ambient.now();
    let people = [("Dana", DANA), ("Sam", SAM)].map(|(name, phone)| Colleague {
        name: name.to_owned(),
        role: String::new(),
        topics: Vec::new(),
        phone: PhoneNumber::parse(phone, None).unwrap(),
    });
    let transfer = Transfer {
        id: TransferId(app.ambient.new_id()),
        call_id: desk.agency.call,
        state: TransferState::Connecting,
        attempt: Attempt::Waiting,
        about: "an invoice".to_owned(),
        people: people.to_vec(),
        position: 0,
        ring_seconds: 25,
        since: now,
        person_call: None,
        calls_made: Vec::new(),
        next_at: None,
        created_at: now,
    };
    let mut tx = OrgTx::begin(&app.db, desk.agency.id).await.unwrap();
    store::transfers::prepare(&mut tx, &transfer).await.unwrap();
    let sid = store::calls::get(&mut tx, desk.agency.call).await.unwrap().call_sid;
    tx.commit().await.unwrap();
    let expected = AfterStream::Wait { transfer: transfer.id };
    assert_eq!(app.after_stream(&sid).await, expected);
    assert_eq!(app.after_stream(&sid).await, expected, "the carrier may ask twice");
    (transfer.id, sid)
}

async fn stands(desk: &Desk, id: TransferId) -> Transfer {
    let mut tx = OrgTx::begin(&desk.world.app.db, desk.agency.id).await.unwrap();
    let transfer = store::transfers::lock(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    transfer
}

/// Whatever is due is done, and the network comes to rest but for who is in a conference.
async fn work(desk: &Desk) {
    while desk.world.app.connect_due().await.unwrap() > 0 {
        desk.twilio
            .vendor()
            .until(|ledger| ledger.calls.iter().all(|call| call.is_over || call.has_heard("being connected")))
            .await;
    }
}

fn rung(desk: &Desk) -> [usize; 2] {
    let ledger = desk.twilio.vendor().ledger();
    assert_eq!(ledger.calls.iter().flat_map(|call| call.errors.clone()).collect::<Vec<_>>(), [""; 0]);
    [DANA, SAM].map(|number| ledger.calls_to(number).len())
}

#[tokio::test]
async fn an_answer_of_the_carrier_that_was_lost_rings_nobody_twice() {
    for (fault, at_once) in [(Fault::Cut(0), [1, 0]), (Fault::Refuse, [0, 0])] {
        let desk = Desk::on("enterprise").await;
        desk.twilio.vendor().expect(DANA, [Person::presses(&["1"])]);
        let (id, _) = waiting(&desk).await;
        desk.twilio.set_fault_for(fault, 1);
        work(&desk).await;
        assert_eq!(rung(&desk), at_once, "{fault:?}");
        for _ in 0..3 {
            desk.world.clock.advance(TimeDelta::seconds(5));
            work(&desk).await;
        }
        assert_eq!(rung(&desk), [1, 0], "{fault:?}");
        assert_eq!(stands(&desk, id).await.state, TransferState::Connected);
    }
}

#[tokio::test]
async fn a_worker_that_died_before_it_asked_leaves_the_ringing_to_the_next() {
    let desk = Desk::on("enterprise").await;
    desk.twilio.vendor().expect(DANA, [Person::presses(&["1"])]);
    let (id, _) = waiting(&desk).await;
    let now = desk.world.app.ambient.now();
    let mut tx = OrgTx::begin(&desk.world.app.db, desk.agency.id).await.unwrap();
    let mut transfer = store::transfers::lock(&mut tx, id).await.unwrap();
    (transfer.attempt, transfer.next_at) = (Attempt::Placing, Some(now + TimeDelta::seconds(35)));
    store::transfers::update(&mut tx, &transfer, now).await.unwrap();
    tx.commit().await.unwrap();
    work(&desk).await;
    assert_eq!(rung(&desk), [0, 0], "somebody else has it");
    desk.world.clock.advance(TimeDelta::seconds(36));
    work(&desk).await;
    assert_eq!(rung(&desk), [1, 0]);
    assert_eq!(stands(&desk, id).await.state, TransferState::Connected);
}

#[tokio::test]
async fn one_person_at_most_is_joined() {
    let desk = Desk::on("enterprise").await;
    desk.twilio.vendor().expect(DANA, [Person::presses(&[])]);
    desk.twilio.vendor().expect(SAM, [Person::presses(&["1"])]);
    let (id, _) = waiting(&desk).await;
    work(&desk).await;
    assert_eq!(rung(&desk), [1, 1]);
    let stood = stands(&desk, id).await;
    assert_eq!((stood.state, stood.position), (TransferState::Connected, 1));
    let app = &desk.world.app;
    let ledger = desk.twilio.vendor().ledger();
    let (danas, sams) = (ledger.calls_to(DANA)[0].sid.clone(), ledger.calls_to(SAM)[0].sid.clone());
    // Dana's key comes late; somebody else's call claims Sam's place.
    for (place, call) in [(0, danas.as_str()), (1, danas.as_str()), (1, "CAother")] {
        let words = app.transfer_key(id, place, call, PersonKey::Take).await.unwrap();
        assert!(matches!(words, PersonWords::Goodbye(_)), "{place} {call}: {words:?}");
    }
    // Sam's is told again.
    let again = app.transfer_key(id, 1, &sams, PersonKey::Take).await.unwrap();
    assert!(matches!(again, PersonWords::Join { .. }), "{again:?}");
    // Reports that come late change nothing.
    app.transfer_status(id, 0, &danas, "busy").await.unwrap();
    app.transfer_answered_by(id, 0, &danas, "machine_start").await.unwrap();
    assert_eq!(stands(&desk, id).await, stood);
}

#[tokio::test]
async fn who_answers_when_the_caller_is_gone_is_told_so() {
    let desk = Desk::on("enterprise").await;
    let (id, sid) = waiting(&desk).await;
    let update =
        StatusUpdate { call_sid: sid, status: "completed".to_owned(), sequence: None, duration_s: Some(9) };
    desk.world.app.record_status(update).await.unwrap();
    assert_eq!(stands(&desk, id).await.state, TransferState::Abandoned);
    let words = desk.world.app.transfer_words(id, 0, "CA1").await.unwrap();
    assert_eq!(
        words,
        PersonWords::Goodbye("The caller is not waiting any more. Thank you, goodbye.".to_owned())
    );
    work(&desk).await;
    assert_eq!(rung(&desk), [0, 0]);
}

#[tokio::test]
async fn the_settings_are_read_and_changed_with_care() {
    let desk = Desk::on("enterprise").await;
    let path = "/api/v1/transfer-settings";
    let seen = desk.world.get(path, Some(&desk.token)).await;
    assert_eq!(
        seen.json(),
        json!({ "mode": "warm", "ring_seconds": 25, "hold_music": "music", "targets": [] })
    );
    let tag = seen.header("etag").to_owned();
    let send = async |method: &str, tag: &str, body: serde_json::Value| {
        let asked = request(method, path, Some(&desk.token), &[("if-match", tag)], Some(&body));
        desk.world.send(asked).await
    };
    let week = json!({ "weekly": { "monday": [{ "opens": "09:00", "closes": "17:00" }] }, "holidays": [] });
    let body = json!({ "mode": "blind", "ring_seconds": 20, "targets": [
        { "name": "Dana", "role": "account manager", "topics": ["new projects"], "phone": DANA },
        { "name": "Sam", "phone": SAM, "available": "own_hours", "hours": week },
    ] });
    let changed = send("PUT", &tag, body.clone()).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let now = changed.json();
    assert_eq!((&now["mode"], &now["targets"][0]["available"]), (&json!("blind"), &json!("business_hours")));
    assert_eq!(now["targets"][1]["hours"]["weekly"]["monday"], week["weekly"]["monday"]);
    assert_eq!(send("PUT", &tag, body).await.status, StatusCode::PRECONDITION_FAILED);
    let patched = send("PATCH", "*", json!({ "mode": "warm", "hold_music": "words" })).await.json();
    assert_eq!((&patched["mode"], &patched["ring_seconds"]), (&json!("warm"), &json!(20)));
    assert_eq!(patched["hold_music"], "words");
    for (field, targets) in [
        ("targets[0].phone", json!([{ "name": "Dana", "phone": "12" }])),
        ("targets[0].phone", json!([{ "name": "Dana", "phone": "+19005550100" }])),
        ("targets[1].phone", json!([{ "name": "Dana", "phone": DANA }, { "name": "Sam", "phone": DANA }])),
        ("targets[0].name", json!([{ "name": " ", "phone": DANA }])),
        ("targets[0].hours", json!([{ "name": "Dana", "phone": DANA, "available": "own_hours" }])),
        ("targets[0].hours", json!([{ "name": "Dana", "phone": DANA, "hours": week }])),
    ] {
        let answer = send("PATCH", "*", json!({ "targets": targets })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert!(answer.json()["errors"].get(field).is_some(), "{field}: {:?}", answer.json());
    }
}
