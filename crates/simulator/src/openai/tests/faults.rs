//! Faults: each does what its name says, in the phase it is for, and leaves nothing behind.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::client::{Client, End, model, update};
use crate::openai::fault::{Fault, FaultKind, Phase};
use crate::openai::settings::{Answer, Script, Settings};
use crate::openai::stand_in::StandIn;

/// Longer than anything takes that comes at all.
const NOTHING: Duration = Duration::from_millis(700);

async fn started() -> StandIn {
    let script = Script::new(|asked| match (asked.output, asked.number) {
        (None, 2) => Answer::call("end_call", "{}"),
        _ => Answer { audio_ms: Some(2_000), ..Answer::words("Well, well.") },
    });
    let stand_in = StandIn::start(Settings { script, ..Settings::default() }).await;
    stand_in.expect("a port")
}

/// Does what a call does until the socket is gone. Returns the end and the types received.
async fn call(stand_in: &StandIn) -> (End, Vec<String>) {
    let Ok(mut client) = Client::connect(&model(stand_in), &[]).await else {
        return (End::Broken, Vec::new());
    };
    let end = match course(&mut client).await {
        Ok(()) => panic!("the fault did not come: {:?}", client.types()),
        Err(end) => end,
    };
    (end, client.types().into_iter().map(str::to_owned).collect())
}

async fn course(client: &mut Client) -> Result<(), End> {
    let mut said = false;
    let mut answers = 0;
    loop {
        let event = client.next().await?;
        match event["type"].as_str().unwrap_or_default() {
            "session.created" => client.send(update(false)).await,
            "session.updated" => client.send(json!({ "type": "response.create" })).await,
            "response.done" => {
                answers += 1;
                let call = &event["response"]["output"][0];
                if call["type"] == "function_call" {
                    let item =
                        json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "{}" });
                    client.send(json!({ "type": "conversation.item.create", "item": item })).await;
                    client.send(json!({ "type": "response.create" })).await;
                } else if !said {
                    said = true;
                    client.audio(&vec![0xFF; 8 * 600]).await;
                    client.say(0, 600).await;
                } else if answers > 3 {
                    return Ok(());
                }
            }
            "input_audio_buffer.committed" => client.send(json!({ "type": "response.create" })).await,
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_socket_is_closed_in_the_phase_that_is_named() {
    for (phase, last) in [
        (Phase::BeforeCreated, None),
        (Phase::BeforeUpdated, Some("session.created")),
        (Phase::ReplyOwed, Some("session.updated")),
        (Phase::Speaking, Some("response.output_audio.delta")),
        (Phase::Listening, Some("rate_limits.updated")),
        (Phase::CallerSpeaking, Some("input_audio_buffer.speech_started")),
        (Phase::FunctionOutput, Some("conversation.item.done")),
    ] {
        let stand_in = started().await;
        stand_in.set_fault(Some(Fault::new(phase, FaultKind::Close(1_011))));
        let (end, types) = call(&stand_in).await;
        assert_eq!(end, End::Closed(1_011), "{phase:?}: {types:?}");
        assert_eq!(types.last().map(String::as_str), last, "{phase:?}");
        let faults = stand_in.seen().faults;
        assert_eq!(faults.len(), 1, "{phase:?}");
        assert_eq!(faults[0].fault, format!("{}:close=1011", phase.name()));
        stand_in.stop().await;
    }
}

#[tokio::test]
async fn a_refused_handshake_has_the_status_and_the_next_session_is_sound() {
    let stand_in = started().await;
    stand_in.set_fault_for(Fault::new(Phase::Connect, FaultKind::Refuse(503)), 1);
    assert!(Client::connect(&model(&stand_in), &[]).await.is_err());
    assert_eq!(stand_in.seen().refused, [503]);
    Client::ready(&stand_in).await;
    stand_in.stop().await;
}

#[tokio::test]
async fn a_reset_has_no_close_frame() {
    for phase in [Phase::Connect, Phase::BeforeUpdated, Phase::Speaking] {
        let stand_in = started().await;
        stand_in.set_fault(Some(Fault::new(phase, FaultKind::Reset)));
        assert_eq!(call(&stand_in).await.0, End::Broken, "{phase:?}");
        stand_in.stop().await;
    }
}

#[tokio::test]
async fn silence_and_half_a_frame_leave_the_socket_open_and_say_nothing() {
    for kind in [FaultKind::Silent, FaultKind::HalfFrame] {
        let stand_in = started().await;
        stand_in.set_fault(Some(Fault::new(Phase::ReplyOwed, kind.clone())));
        let mut client = Client::ready(&stand_in).await;
        client.send(json!({ "type": "response.create" })).await;
        let waited = tokio::time::timeout(NOTHING, client.until("response.created")).await;
        assert!(waited.is_err(), "{kind:?}");
        assert_eq!(stand_in.open(), 1);
        stand_in.stop().await;
    }
}

#[tokio::test]
async fn a_slow_session_is_late_with_everything() {
    let stand_in = started().await;
    let delay = Duration::from_millis(120);
    stand_in.set_fault(Some(Fault::new(Phase::BeforeUpdated, FaultKind::Slow(delay))));
    let mut client = Client::connect(&model(&stand_in), &[]).await.expect("a connection");
    let began = Instant::now();
    client.send(update(false)).await;
    client.until("session.updated").await;
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.created").await;
    assert!(began.elapsed() >= delay * 2);
    stand_in.stop().await;
}

#[tokio::test]
async fn an_owed_answer_can_fail_with_a_code() {
    let stand_in = started().await;
    let code = "rate_limit_exceeded";
    stand_in.set_fault(Some(Fault::new(Phase::ReplyOwed, FaultKind::Error(code.to_owned()))));
    let mut client = Client::ready(&stand_in).await;
    client.send(json!({ "type": "response.create" })).await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "failed");
    assert_eq!(done["response"]["status_details"]["error"]["code"], code);
    stand_in.stop().await;
}

#[tokio::test]
async fn garbage_is_no_events_and_a_flood_is_many() {
    let stand_in = started().await;
    stand_in.set_fault(Some(Fault::new(Phase::ReplyOwed, FaultKind::Flood)));
    let mut client = Client::ready(&stand_in).await;
    client.send(json!({ "type": "response.create" })).await;
    for _ in 0..200 {
        assert_eq!(
            client.next().await.expect("a frame")["type"],
            "conversation.item.input_audio_transcription.segment"
        );
    }
    drop(client);
    stand_in.set_fault(Some(Fault::new(Phase::ReplyOwed, FaultKind::Garbage)));
    let mut client = Client::ready(&stand_in).await;
    client.send(json!({ "type": "response.create" })).await;
    let first = client.next().await.expect("a frame that looks like an event");
    assert_eq!(first["delta"], "%%%");
    drop(client);
    stand_in.stop().await;
}

#[tokio::test]
async fn a_fault_can_wait_for_a_later_answer() {
    let stand_in = started().await;
    stand_in.set_fault(Some(Fault::new(Phase::Speaking, FaultKind::Close(1_011)).from_answer(3)));
    let (end, types) = call(&stand_in).await;
    assert_eq!(end, End::Closed(1_011));
    assert_eq!(types.iter().filter(|kind| *kind == "response.done").count(), 2, "{types:?}");
    stand_in.stop().await;
}
