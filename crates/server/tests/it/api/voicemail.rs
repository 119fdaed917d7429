//! What callers leave on the carrier's tape: it becomes ours, whoever can or can't transcribe it, and what follows the
//! call waits for it for a while. What is said in it is [`crate::voicemail`]'s.

use app::calls::status::StatusUpdate;
use app::calls::voicemail::RecordedMessage;
use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::call_log::EndReason;
use domain::ids::{CallId, MessageId, TurnId};
use domain::notification_settings::Event;
use serde_json::{Value, json};
use store::OrgTx;
use store::calls::finalize::Outcome;
use store::calls::turns::{Turn, TurnKind};
use store::messages::recorded;
use store::notifications::{NotificationFilter, NotificationSort};
use store::page::Wanted;

use super::incidents::Desk;
use super::world::request;

const RECORDING: &str = "RE0123456789abcdef0123456789abcdef";

/// Half a second of something.
fn tape() -> Vec<u8> {
    let mut wav = audio::wav::header(8_000, 1, 8_000).to_vec();
    wav.extend((0..4_000_i16).flat_map(|n| (n % 251 * 40).to_le_bytes()));
    wav
}

/// A call that is over, in which nobody said anything.
async fn ended(desk: &Desk) -> CallId {
    with(desk, Vec::new()).await
}

/// One in which the caller did.
async fn spoken(desk: &Desk) -> CallId {
    let turn = Turn {
        id: TurnId(desk.world.app.ambient.new_id()),
        kind: TurnKind::Caller,
        started_ms: 0,
        ended_ms: 2_000,
        text: "I have a question about my website.".to_owned(),
        generated: None,
        sent: None,
        interrupted: false,
        confidence: None,
        layer: None,
        reason: None,
        intent: None,
        urgency: Default::default(),
        latency: None,
    };
    with(desk, vec![turn]).await
}

async fn with(desk: &Desk, turns: Vec<Turn>) -> CallId {
    let (app, now) = (&desk.world.app, desk.world.app.ambient.now());
    let id = CallId(app.ambient.new_id());
    desk.world.record_call(&desk.agency, id, now).await;
    let outcome = Outcome {
        ended_at: now,
        end_reason: EndReason::InternalError,
        duration_ms: 900,
        intent: None,
        intents: Vec::new(),
        urgency: Default::default(),
        summary: Value::Null,
        turns,
        tool_calls: Vec::new(),
        finalized_at: now,
    };
    let mut tx = tx(desk).await;
    assert!(store::calls::finalize::finalize(&mut tx, id, &outcome).await.unwrap());
    tx.commit().await.unwrap();
    id
}

/// One who wants to hear of calls and of messages.
async fn employ_dana(desk: &Desk) {
    let body = json!({ "recipients": [
        { "name": "Dana Reed", "email": "dana@aurora.example", "phone": null, "notify": [
            { "event": "call.ended", "channels": ["email"] }, { "event": "message.taken", "channels": ["email"] } ] },
        { "name": "All", "email": "notices@agency.example", "phone": null, "notify": [] } ] });
    let path = "/api/v1/notification-settings";
    let asked = request("PUT", path, Some(&desk.token), &[("if-match", "*")], Some(&body));
    let answer = desk.world.send(asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

async fn tx(desk: &Desk) -> OrgTx {
    OrgTx::begin(&desk.world.app.db, desk.agency.id).await.unwrap()
}

fn sid(call: CallId) -> String {
    format!("CA{}", call.0.simple())
}

async fn leaves(desk: &Desk, call: CallId) -> MessageId {
    let message = RecordedMessage {
        call_sid: sid(call),
        recording_sid: RECORDING.to_owned(),
        url: format!("https://api.example/{RECORDING}"),
        duration_s: 3,
        to: None,
        from: None,
    };
    desk.world.app.message_recorded(message).await.unwrap();
    recorded::of_call(&mut tx(desk).await, call).await.unwrap()[0].message_id
}

/// The letters about a call and about a message that were written, by their numbers.
async fn letters(desk: &Desk) -> (usize, usize) {
    let count = async |event: Event| {
        let filter = NotificationFilter { event: Some(event), ..NotificationFilter::default() };
        let wanted = Wanted::first(NotificationSort::CreatedAt, 50);
        let mut tx = tx(desk).await;
        store::notifications::list(&mut tx, &filter, &wanted).await.unwrap().items.len()
    };
    (count(Event::CallEnded).await, count(Event::MessageTaken).await)
}

async fn steps(desk: &Desk, call: CallId) -> usize {
    store::after_calls::done(&mut tx(desk).await, call).await.unwrap().len()
}

async fn follow_up(desk: &Desk, call: CallId) {
    desk.world.app.follow_up_call(desk.agency.id, call).await.unwrap();
}

async fn summary(desk: &Desk, call: CallId) -> String {
    let mut tx = tx(desk).await;
    let summary = store::calls::get(&mut tx, call).await.unwrap().summary.unwrap();
    summary["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_is_ours_although_nobody_can_transcribe_it_and_goes_with_its_call() {
    for keeps_the_carriers in [false, true] {
        let desk = Desk::on("enterprise").await;
        let settings = json!({ "settings": { "version": 1, "keep_carrier_recordings": keeps_the_carriers } });
        let changed = desk.world.patch("/api/v1/organization", &desk.token, &settings).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
        desk.twilio.vendor().record(Some(tape()));
        let call = ended(&desk).await;
        let message = leaves(&desk, call).await;
        desk.world.app.clone().work_off_jobs().await.unwrap();
        desk.world.app.clone().work_off_jobs().await.unwrap();

        let path = format!("/api/v1/messages/{message}");
        let shown = desk.world.get(&path, Some(&desk.token)).await.json();
        assert_eq!(
            (&shown["text"], &shown["recording_ms"]),
            (&json!("Recorded message, 3 seconds."), &json!(500))
        );
        let whole = desk.world.get(&format!("{path}/recording"), Some(&desk.token)).await;
        assert_eq!((whole.status, whole.header("content-type")), (StatusCode::OK, "audio/wav"));
        assert!(whole.body[..] == tape()[..], "the bytes differ");
        let ranged =
            request("GET", &format!("{path}/recording"), Some(&desk.token), &[("range", "bytes=-4")], None);
        assert_eq!(desk.world.send(ranged).await.body[..], tape()[8_040..]);
        let of_call = desk.world.get(&format!("/api/v1/calls/{call}/recording"), Some(&desk.token)).await;
        assert!(
            of_call.body[..] == tape()[..],
            "a call of which nothing else was recorded plays its message"
        );
        let shown = desk.world.get(&format!("/api/v1/calls/{call}"), Some(&desk.token)).await.json();
        assert_eq!(
            shown["recorded_messages"],
            json!([{ "message_id": message, "recording_ms": 500, "words": null }])
        );
        let theirs = if keeps_the_carriers { Vec::new() } else { vec![RECORDING.to_owned()] };
        assert_eq!(desk.twilio.vendor().ledger().deleted_recordings, theirs);

        let key = recorded::get(&mut tx(&desk).await, message).await.unwrap().unwrap().key.unwrap();
        let gone = request("DELETE", &format!("/api/v1/calls/{call}"), Some(&desk.token), &[], None);
        assert_eq!(desk.world.send(gone).await.status, StatusCode::NO_CONTENT);
        desk.world.app.clone().work_off_jobs().await.unwrap();
        assert_eq!(desk.world.app.objects.size(&key).await.unwrap(), None);
        let shown = desk.world.get(&path, Some(&desk.token)).await.json();
        assert_eq!((&shown["call_id"], &shown["recording_ms"]), (&Value::Null, &Value::Null));
        assert!(shown["text"].as_str().unwrap().starts_with("Recorded message"), "{shown}");
        let silent = desk.world.get(&format!("{path}/recording"), Some(&desk.token)).await;
        assert_eq!(silent.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_recording_goes_with_its_message() {
    let desk = Desk::on("enterprise").await;
    desk.twilio.vendor().record(Some(tape()));
    let call = ended(&desk).await;
    let message = leaves(&desk, call).await;
    desk.world.app.clone().work_off_jobs().await.unwrap();
    let key = recorded::get(&mut tx(&desk).await, message).await.unwrap().unwrap().key.unwrap();
    assert!(desk.world.app.objects.size(&key).await.unwrap().is_some());
    let gone = request("DELETE", &format!("/api/v1/messages/{message}"), Some(&desk.token), &[], None);
    assert_eq!(desk.world.send(gone).await.status, StatusCode::NO_CONTENT);
    desk.world.app.clone().work_off_jobs().await.unwrap();
    assert_eq!(desk.world.app.objects.size(&key).await.unwrap(), None);
}

#[tokio::test]
async fn what_follows_a_call_waits_for_its_message_and_the_words_but_not_for_ever() {
    let desk = Desk::on("enterprise").await;
    employ_dana(&desk).await;
    let call = ended(&desk).await;
    desk.world.app.asks_for_message(&sid(call)).await;
    follow_up(&desk, call).await;
    assert_eq!(steps(&desk, call).await, 0, "the caller may be speaking");

    desk.world.clock.advance(TimeDelta::seconds(100));
    let message = leaves(&desk, call).await;
    follow_up(&desk, call).await;
    assert_eq!(steps(&desk, call).await, 0, "somebody may be listening to the tape");

    // Nobody does.
    desk.world.clock.advance(TimeDelta::seconds(91));
    follow_up(&desk, call).await;
    assert_eq!(letters(&desk).await, (1, 1));
    assert_eq!(summary(&desk, call).await, "Northwind Coffee called and left a message.");

    // They do after all: the record has the words, and nobody gets a second letter.
    let mut tx = tx(&desk).await;
    recorded::heard(&mut tx, message, Some("our invoice of march is wrong")).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..2 {
        follow_up(&desk, call).await;
        let summary = summary(&desk, call).await;
        assert!(summary.contains("about an invoice"), "{summary}");
    }
    assert_eq!(letters(&desk).await, (1, 1));
}

#[tokio::test]
async fn a_message_that_nobody_waited_for_is_told_by_itself() {
    // The business's own address hears of messages by the letter about the call: unless that went out without it.
    for (somebody_spoke, before, after) in [(false, (0, 0), (1, 0)), (true, (1, 0), (1, 1))] {
        let desk = Desk::on("enterprise").await;
        let call = if somebody_spoke { spoken(&desk).await } else { ended(&desk).await };
        follow_up(&desk, call).await;
        assert_eq!(letters(&desk).await, before);
        leaves(&desk, call).await;
        follow_up(&desk, call).await;
        assert_eq!(letters(&desk).await, before, "the words may come");
        desk.world.clock.advance(TimeDelta::seconds(91));
        for _ in 0..2 {
            follow_up(&desk, call).await;
            assert_eq!(letters(&desk).await, after);
        }
        assert!(summary(&desk, call).await.contains("message"), "{}", summary(&desk, call).await);
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_without_a_message_is_not_waited_for() {
    let desk = Desk::on("enterprise").await;
    let call = ended(&desk).await;
    desk.world.app.asks_for_message(&sid(call)).await;
    let update = StatusUpdate {
        call_sid: sid(call),
        status: "completed".to_owned(),
        sequence: Some(3),
        duration_s: Some(9),
    };
    desk.world.app.record_status(update).await.unwrap();
    follow_up(&desk, call).await;
    assert_eq!(steps(&desk, call).await, 0, "the message may be on its way");
    desk.world.clock.advance(TimeDelta::seconds(11));
    follow_up(&desk, call).await;
    assert!(steps(&desk, call).await > 0);
}
