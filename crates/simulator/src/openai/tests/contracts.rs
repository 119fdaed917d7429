//! What goes over the wire is what the vendor's types allow, in the order of recorded sessions.

use serde_json::{Value, json};

use super::client::{Client, contracts, model, update};
use crate::openai::settings::{Answer, Script, Settings, TranscriptOrder};
use crate::openai::stand_in::StandIn;

fn validator(name: &str) -> Option<jsonschema::Validator> {
    let file = contracts()?.join(name);
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(file).expect("a schema")).expect("JSON");
    Some(jsonschema::validator_for(&schema).expect("a schema that is one"))
}

fn settings(transcripts: TranscriptOrder) -> Settings {
    let answers = vec![
        (
            "look".to_owned(),
            Answer { words: "One moment.".to_owned(), ..Answer::call("end_call", r#"{"why":"done"}"#) },
        ),
        ("long".to_owned(), Answer { audio_ms: Some(60_000), ..Answer::words("This takes a while.") }),
    ];
    Settings {
        phrases: ["hello there".to_owned(), "look it up".to_owned(), "a long one".to_owned()].into(),
        script: Script::by_phrase(answers),
        transcripts,
        ..Settings::default()
    }
}

/// A session in which everything comes up once, errors included.
async fn session(transcripts: TranscriptOrder) -> Client {
    let stand_in = StandIn::start(settings(transcripts)).await.expect("a port");
    let mut client = Client::connect(&model(&stand_in), &[]).await.expect("a connection");
    client.until("session.created").await;
    client.send(update(false)).await;
    for (role, content) in [("user", "input_text"), ("assistant", "output_text")] {
        let item =
            json!({ "type": "message", "role": role, "content": [{ "type": content, "text": "Earlier." }] });
        client.send(json!({ "type": "conversation.item.create", "item": item })).await;
    }
    let instructions = json!({ "instructions": "Greet with: \"Good morning.\"" });
    client.send(json!({ "type": "response.create", "response": instructions })).await;
    client.until("rate_limits.updated").await;
    client.say(0, 600).await;
    client.until("input_audio_buffer.committed").await;
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.done").await;
    client.say(1, 900).await;
    client.until("input_audio_buffer.committed").await;
    client.send(json!({ "type": "response.create" })).await;
    let called = client.until("response.function_call_arguments.done").await;
    client.until("response.done").await;
    let output =
        json!({ "type": "function_call_output", "call_id": called["call_id"], "output": "{\"ok\":true}" });
    client.send(json!({ "type": "conversation.item.create", "item": output })).await;
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.done").await;
    client.say(2, 900).await;
    client.until("input_audio_buffer.committed").await;
    client.send(json!({ "type": "response.create" })).await;
    let audio = client.until("response.output_audio.delta").await;
    let cut = json!({
        "type": "conversation.item.truncate", "item_id": audio["item_id"], "content_index": 0, "audio_end_ms": 10,
    });
    client.send(cut).await;
    client.send(json!({ "type": "response.cancel", "response_id": audio["response_id"] })).await;
    client.until("response.done").await;
    client.send(json!({ "type": "conversation.item.retrieve", "item_id": audio["item_id"] })).await;
    client.send(json!({ "type": "conversation.item.delete", "item_id": audio["item_id"] })).await;
    client.send(json!({ "type": "input_audio_buffer.clear" })).await;
    client.send(json!({ "type": "input_audio_buffer.commit" })).await;
    client.until("error").await;
    let seen = stand_in.seen();
    assert_eq!(
        seen.errors().collect::<Vec<_>>(),
        ["input_audio_buffer_commit_empty"],
        "{client:?}",
        client = client.sent
    );
    stand_in.stop().await;
    client
}

#[tokio::test]
async fn everything_that_is_sent_is_of_the_vendors_types() {
    for transcripts in [TranscriptOrder::Before, TranscriptOrder::During, TranscriptOrder::After] {
        let client = session(transcripts).await;
        assert!(client.types().contains(&"conversation.item.input_audio_transcription.completed"));
        let (Some(server), Some(theirs)) =
            (validator("realtime_server_event.schema.json"), validator("realtime_client_event.schema.json"))
        else {
            return;
        };
        for event in &client.received {
            assert!(server.is_valid(event), "not an event of the server: {event:#}");
            assert!(event["event_id"].is_string(), "every server event has an id: {event:#}");
        }
        for event in &client.sent {
            assert!(theirs.is_valid(event), "not an event of a client: {event:#}");
        }
    }
}

/// Types in order, runs once; what comes by itself (the caller's words) left out.
fn course(events: &[Value]) -> Vec<String> {
    let mut types: Vec<String> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .filter(|kind| !kind.contains("transcription"))
        // Words and audio are interleaved: how often they take turns is chance.
        .filter(|kind| *kind != "response.output_audio_transcript.delta")
        .map(str::to_owned)
        .collect();
    types.dedup();
    types
}

#[tokio::test]
async fn a_spoken_turn_takes_the_course_of_the_recorded_one() {
    let stand_in = StandIn::start(Settings::default()).await.expect("a port");
    let mut client = Client::connect(&model(&stand_in), &[]).await.expect("a connection");
    client.until("session.created").await;
    client.send(update(true)).await;
    client.until("session.updated").await;
    client.say(0, 900).await;
    client.until("rate_limits.updated").await;
    stand_in.stop().await;
    let course = course(&client.received);
    assert_eq!(
        course.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "session.created",
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
    let Some(folder) = contracts() else { return };
    // The recording is a YAML list of messages; their types are all that is wanted of it.
    let recording = std::fs::read_to_string(
        folder.join("recordings/tests_realtime_cassettes_test_openai_ws_test_audio_in_server_vad_turn.yaml"),
    )
    .expect("a recording");
    let mut recorded: Vec<&str> = Vec::new();
    let mut received = false;
    for line in recording.lines() {
        match line.strip_prefix("  direction: ") {
            Some(direction) => received = direction == "received",
            None => recorded.extend(line.strip_prefix("    type: ").filter(|_| received)),
        }
    }
    let kept =
        |kind: &&str| !kind.contains("transcription") && *kind != "response.output_audio_transcript.delta";
    let mut recorded: Vec<&str> = recorded.into_iter().filter(kept).collect();
    recorded.dedup();
    // The recording ends before the limits are told.
    assert_eq!(course[..course.len() - 1], recorded);
}

#[tokio::test]
async fn usage_adds_up() {
    let client = session(TranscriptOrder::During).await;
    let mut answers = 0;
    for event in client.received.iter().filter(|event| event["type"] == "response.done") {
        let usage = &event["response"]["usage"];
        let of = |value: &Value| value.as_u64().expect("a number of tokens");
        let input = &usage["input_token_details"];
        let output = &usage["output_token_details"];
        assert_eq!(of(&usage["input_tokens"]), of(&input["text_tokens"]) + of(&input["audio_tokens"]));
        assert_eq!(of(&usage["output_tokens"]), of(&output["text_tokens"]) + of(&output["audio_tokens"]));
        assert_eq!(of(&usage["total_tokens"]), of(&usage["input_tokens"]) + of(&usage["output_tokens"]));
        assert!(of(&input["cached_tokens"]) <= of(&usage["input_tokens"]));
        answers += 1;
    }
    assert_eq!(answers, 5);
}
