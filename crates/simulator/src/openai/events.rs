//! Server events, in the shape of recorded sessions.

use serde_json::{Value, json};

/// Why something that the client asked for is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) param: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), param: None }
    }

    pub(super) fn of(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::new("unknown_parameter", format!("Unknown parameter: '{param}'.")).of(param)
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::new("missing_required_parameter", format!("Missing required parameter: '{param}'.")).of(param)
    }

    pub(super) fn invalid(param: &str, what: &str) -> Self {
        Self::new("invalid_value", format!("Invalid value for '{param}': {what}.")).of(param)
    }
}

pub(super) fn error(refusal: &Refusal, caused_by: Option<&str>) -> Value {
    let kind = match refusal.code.as_str() {
        "server_error" => "server_error",
        "rate_limit_exceeded" => "rate_limit_error",
        "insufficient_quota" => "insufficient_quota",
        _ => "invalid_request_error",
    };
    json!({
        "type": "error",
        "error": {
            "type": kind,
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": caused_by,
        },
    })
}

pub(super) fn item_added(previous: Option<&str>, item: &Value) -> Value {
    json!({ "type": "conversation.item.added", "previous_item_id": previous, "item": item })
}

pub(super) fn item_done(previous: Option<&str>, item: &Value) -> Value {
    json!({ "type": "conversation.item.done", "previous_item_id": previous, "item": item })
}

pub(super) fn caller_item(id: &str) -> Value {
    json!({
        "id": id, "type": "message", "status": "completed", "role": "user",
        "content": [{ "type": "input_audio", "transcript": null }],
    })
}

/// The words of a caller: pieces, then all of them.
pub(super) fn transcript(item: &str, words: &str, seconds: u64) -> Vec<Value> {
    let mut events: Vec<Value> = words
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| {
            json!({
                "type": "conversation.item.input_audio_transcription.delta",
                "item_id": item, "content_index": 0, "delta": format!(" {word}"), "obfuscation": "x7Q",
            })
        })
        .collect();
    events.push(json!({
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item, "content_index": 0, "transcript": words,
        "usage": { "type": "duration", "seconds": seconds },
    }));
    events
}

pub(super) fn rate_limits(used: u64) -> Value {
    let limit = 15_000_000_u64;
    json!({
        "type": "rate_limits.updated",
        "rate_limits": [{
            "name": "tokens", "limit": limit, "remaining": limit.saturating_sub(used), "reset_seconds": 0.0,
        }],
    })
}
