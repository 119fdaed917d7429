//! The lists of models, as a check of retired ones asks for them.

use serde_json::{Value, json};

use super::{Kind, Protocol, Refusal, Settings};
use crate::vendor::answer::Answer;

/// Below this path all vendors have their models.
const PATH: &str = "/v1/models";

/// Each as the list has it.
pub(super) fn all(protocol: Protocol, settings: &Settings) -> Vec<Value> {
    settings.models.iter().map(|id| written(protocol, settings, id)).collect()
}

/// Answers a question for all models, or for one.
pub(super) fn answer(protocol: Protocol, settings: &Settings, path: &str) -> Result<Answer, Refusal> {
    let document = match path.strip_prefix(PATH) {
        Some("") => {
            let models = all(protocol, settings);
            match protocol {
                Protocol::Gemini => json!({ "models": models }),
                Protocol::Anthropic => {
                    json!({ "data": models, "has_more": false, "first_id": settings.models.first(),
                            "last_id": settings.models.last() })
                }
                _ => json!({ "object": "list", "data": models }),
            }
        }
        Some(one) => {
            let id = one.trim_start_matches('/');
            // A vendor with other names for its models finds one by each.
            let id = match protocol {
                Protocol::Mistral => id.strip_suffix("-alias").unwrap_or(id),
                _ => id,
            };
            let known = settings.models.iter().find(|known| *known == id);
            known.map(|id| written(protocol, settings, id)).ok_or_else(|| Refusal {
                status: 404,
                kind: Kind::NoModel,
                message: id.to_owned(),
                param: Some("model".to_owned()),
            })?
        }
        None => {
            let message = format!("Invalid URL (GET {path})");
            return Err(Refusal { status: 404, kind: Kind::NotFound, message, param: None });
        }
    };
    Ok(Answer::json(200, &document))
}

fn written(protocol: Protocol, settings: &Settings, id: &str) -> Value {
    let ends = settings.ending.iter().find(|(model, _)| model == id).map(|(_, date)| date);
    match protocol {
        Protocol::Gemini => json!({ "name": format!("models/{id}"), "displayName": id }),
        Protocol::Anthropic => json!({
            "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
            "lifecycle": if ends.is_some() { "deprecated" } else { "active" },
            "deprecated_at": ends.map(|_| "2026-06-01T00:00:00Z"), "retires_at": ends,
        }),
        Protocol::Mistral => json!({
            "id": id, "object": "model", "created": 1_767_225_600, "owned_by": "mistralai", "type": "base",
            "capabilities": { "completion_chat": true, "function_calling": true },
            "aliases": [format!("{id}-alias")], "deprecation": ends,
            "deprecation_replacement_model": ends.map(|_| "another-model"),
        }),
        _ => json!({
            "id": id, "object": "model", "created": 1_767_225_600, "owned_by": "vendor", "shutdown_date": ends,
        }),
    }
}
