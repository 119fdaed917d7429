//! The server events that the peer sends, as the GA protocol has them.

use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Seconds that a session may last, as the vendor has it.
const SESSION_SECONDS: i64 = 3_600;

/// An answer: its own id and its item's.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) response: String,
    pub(super) item: String,
}

pub(super) fn session(kind: &str, event: u64, config: Option<&RawValue>, now_unix_s: i64) -> String {
    let mut session: Value =
        config.and_then(|config| serde_json::from_str(config.get()).ok()).unwrap_or_else(|| json!({}));
    session["type"] = json!("realtime");
    session["object"] = json!("realtime.session");
    session["id"] = json!("sess_load");
    session["expires_at"] = json!(now_unix_s + SESSION_SECONDS);
    json!({ "type": kind, "event_id": id(event), "session": session }).to_string()
}

pub(super) fn speech_started(event: u64, item: &str, at_ms: u64) -> String {
    json!({
        "type": "input_audio_buffer.speech_started", "event_id": id(event),
        "audio_start_ms": at_ms, "item_id": item,
    })
    .to_string()
}

/// The end of the caller's words, and what follows it: the turn, its place in the conversation, its words.
pub(super) fn turn_over(event: u64, item: &str, at_ms: u64) -> [String; 5] {
    let user_item = |transcript: Value| {
        json!({
            "id": item, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [{ "type": "input_audio", "transcript": transcript }],
        })
    };
    let event = |add: u64| id(event + add);
    [
        json!({
            "type": "input_audio_buffer.speech_stopped", "event_id": event(0),
            "audio_end_ms": at_ms, "item_id": item,
        }),
        json!({
            "type": "input_audio_buffer.committed", "event_id": event(1),
            "previous_item_id": null, "item_id": item,
        }),
        json!({
            "type": "conversation.item.added", "event_id": event(2),
            "previous_item_id": null, "item": user_item(Value::Null),
        }),
        json!({
            "type": "conversation.item.done", "event_id": event(3),
            "previous_item_id": null, "item": user_item(Value::Null),
        }),
        json!({
            "type": "conversation.item.input_audio_transcription.completed", "event_id": event(4),
            "item_id": item, "content_index": 0, "transcript": "What about the second draft of the poster?",
            "usage": { "type": "duration", "seconds": 3.0 },
        }),
    ]
    .map(|event| event.to_string())
}

/// What comes before the audio of an answer.
pub(super) fn answer_begins(event: u64, names: &Names) -> [String; 5] {
    let Names { response, item } = names;
    let event = |add: u64| id(event + add);
    let agent_item = json!({
        "id": item, "object": "realtime.item", "type": "message", "status": "in_progress",
        "role": "assistant", "content": [],
    });
    [
        json!({
            "type": "response.created", "event_id": event(0),
            "response": { "object": "realtime.response", "id": response, "status": "in_progress", "output": [] },
        }),
        json!({
            "type": "response.output_item.added", "event_id": event(1),
            "response_id": response, "output_index": 0, "item": agent_item,
        }),
        json!({
            "type": "conversation.item.added", "event_id": event(2),
            "previous_item_id": null, "item": agent_item,
        }),
        json!({
            "type": "response.content_part.added", "event_id": event(3), "response_id": response,
            "item_id": item, "output_index": 0, "content_index": 0,
            "part": { "type": "audio", "transcript": "" },
        }),
        json!({
            "type": "response.output_audio_transcript.delta", "event_id": event(4), "response_id": response,
            "item_id": item, "output_index": 0, "content_index": 0,
            "delta": "The second draft is with the printer, and you will have it on Friday.",
        }),
    ]
    .map(|event| event.to_string())
}

/// Audio of an answer, written by hand: most of the traffic.
pub(super) fn audio(event: u64, names: &Names, audio: &[u8]) -> String {
    let mut text = String::with_capacity(audio.len() * 4 / 3 + 200);
    text.push_str(r#"{"type":"response.output_audio.delta","event_id":""#);
    text.push_str(&id(event));
    text.push_str(r#"","response_id":""#);
    text.push_str(&names.response);
    text.push_str(r#"","item_id":""#);
    text.push_str(&names.item);
    text.push_str(r#"","output_index":0,"content_index":0,"delta":""#);
    base64_simd::STANDARD.encode_append(audio, &mut text);
    text.push_str(r#""}"#);
    text
}

/// What comes behind the audio of an answer that is complete or was stopped.
pub(super) fn answer_ends(event: u64, names: &Names, completed: bool) -> Vec<String> {
    let Names { response, item } = names;
    let event = |add: u64| id(event + add);
    let status = if completed { "completed" } else { "cancelled" };
    let item_status = if completed { "completed" } else { "incomplete" };
    let agent_item = json!({
        "id": item, "object": "realtime.item", "type": "message", "status": item_status, "role": "assistant",
        "content": [{ "type": "output_audio", "transcript": "The second draft is with the printer." }],
    });
    let mut done = json!({
        "object": "realtime.response", "id": response, "status": status, "output": [agent_item],
        "usage": {
            "total_tokens": 190, "input_tokens": 130, "output_tokens": 60,
            "input_token_details": {
                "text_tokens": 100, "audio_tokens": 30, "cached_tokens": 64,
                "cached_tokens_details": { "text_tokens": 64, "audio_tokens": 0 },
            },
            "output_token_details": { "text_tokens": 10, "audio_tokens": 50 },
        },
    });
    if !completed {
        done["status_details"] = json!({ "type": "cancelled", "reason": "client_cancelled" });
    }
    let place = |kind: &str, add: u64| {
        json!({
            "type": kind, "event_id": event(add), "response_id": response,
            "item_id": item, "output_index": 0, "content_index": 0,
        })
    };
    let mut transcript = place("response.output_audio_transcript.done", 1);
    transcript["transcript"] = json!("The second draft is with the printer.");
    [
        place("response.output_audio.done", 0),
        transcript,
        json!({
            "type": "conversation.item.done", "event_id": event(2),
            "previous_item_id": null, "item": agent_item,
        }),
        json!({
            "type": "response.output_item.done", "event_id": event(3),
            "response_id": response, "output_index": 0, "item": agent_item,
        }),
        json!({ "type": "response.done", "event_id": event(4), "response": done }),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

pub(super) fn truncated(event: u64, item: &str, content_index: u64, end_ms: u64) -> String {
    json!({
        "type": "conversation.item.truncated", "event_id": id(event),
        "item_id": item, "content_index": content_index, "audio_end_ms": end_ms,
    })
    .to_string()
}

pub(super) fn error(event: u64, code: &str, message: &str) -> String {
    json!({
        "type": "error", "event_id": id(event),
        "error": { "type": "invalid_request_error", "code": code, "message": message, "param": null, "event_id": null },
    })
    .to_string()
}

fn id(number: u64) -> String {
    format!("event_{number}")
}
