//! Client events: which there are, and which fields each may have.

use serde_json::{Map, Value};

use super::configuration::only;
use super::events::Refusal;

const EVENTS: [(&str, &[&str]); 11] = [
    ("session.update", &["session"]),
    ("input_audio_buffer.append", &["audio"]),
    ("input_audio_buffer.commit", &[]),
    ("input_audio_buffer.clear", &[]),
    ("conversation.item.create", &["item", "previous_item_id"]),
    ("conversation.item.retrieve", &["item_id"]),
    ("conversation.item.delete", &["item_id"]),
    ("conversation.item.truncate", &["item_id", "content_index", "audio_end_ms"]),
    ("response.create", &["response"]),
    ("response.cancel", &["response_id"]),
    // For WebRTC and SIP only; a WebSocket client never sends it.
    ("output_audio_buffer.clear", &[]),
];

const RESPONSE: [&str; 11] = [
    "instructions",
    "conversation",
    "input",
    "metadata",
    "output_modalities",
    "audio",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "reasoning",
    "parallel_tool_calls",
];

/// A client event that is well formed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) kind: String,
    pub(super) event_id: Option<String>,
    pub(super) fields: Map<String, Value>,
}

impl Request {
    /// Reads a frame. The refusal comes with the event's id, when it has one.
    pub(super) fn read(text: &str) -> Result<Self, (Refusal, Option<String>)> {
        let not_json = |_| {
            let message = "We could not parse the JSON body of your request.";
            (Refusal::new("invalid_json", message), None)
        };
        let fields: Map<String, Value> = serde_json::from_str(text).map_err(not_json)?;
        let event_id = fields.get("event_id").and_then(Value::as_str).map(str::to_owned);
        let refuse = |refusal: Refusal| (refusal, event_id.clone());
        let Some(kind) = fields.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Err(refuse(Refusal::missing("type")));
        };
        let Some((_, own)) = EVENTS.iter().find(|(name, _)| *name == kind) else {
            let names: Vec<String> = EVENTS.iter().map(|(name, _)| format!("'{name}'")).collect();
            let message = format!("Invalid value: '{kind}'. Supported values are: {}.", names.join(", "));
            return Err(refuse(Refusal::new("invalid_value", message).of("type")));
        };
        let known: Vec<&str> = own.iter().copied().chain(["type", "event_id"]).collect();
        only(&fields, "", &known).map_err(refuse)?;
        let needed =
            own.iter().filter(|name| !matches!(**name, "previous_item_id" | "response" | "response_id"));
        for name in needed {
            if !fields.contains_key(*name) {
                return Err(refuse(Refusal::missing(name)));
            }
        }
        if let Some(Value::Object(response)) = fields.get("response") {
            only(response, "response", &RESPONSE).map_err(refuse)?;
        }
        Ok(Self { kind, event_id, fields })
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn value(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }
}
