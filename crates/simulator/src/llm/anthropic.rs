//! Anthropic's Messages.

use serde_json::{Value, json};

use super::chat::halves;
use super::conversation::{Called, Conversation, Message};
use super::fields::{Extra, is_name, list, only, text};
use super::mind::Ending;
use super::{Kind, Read, Reckoned, Refusal};
use crate::vendor::answer::Answer;
use crate::vendor::request::Request;

const BODY: [&str; 14] = [
    "max_tokens",
    "messages",
    "model",
    "cache_control",
    "container",
    "metadata",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "thinking",
    "tool_choice",
    "tools",
];

pub(super) fn read(body: &Value, request: &Request) -> Result<Read, Refusal> {
    if !matches!(request.header("anthropic-version"), Some("2023-06-01" | "2026-10-21")) {
        return Err(Refusal::invalid("anthropic-version: header is required"));
    }
    only(body, "", &BODY)?;
    only(&body["thinking"], "thinking", &["type", "budget_tokens"])?;
    only(&body["output_config"], "output_config", &["effort", "format"])?;
    if body["stream"] != true {
        return Err(Refusal::invalid("this stand-in only streams messages"));
    }
    let most = body["max_tokens"].as_u64().filter(|most| *most > 0);
    let mut conversation = Conversation {
        model: text(body, "model")?.to_owned(),
        system: system(&body["system"])?,
        most_tokens: most.ok_or("max_tokens: Field required".to_owned())?,
        ..Conversation::default()
    };
    for tool in body["tools"].as_array().into_iter().flatten() {
        only(tool, "tools", &["name", "description", "input_schema", "cache_control", "type", "strict"])?;
        let name = text(tool, "name")?;
        if !is_name(name) || tool["input_schema"]["type"] != "object" {
            return Err(Refusal::invalid(format!("tools.{name}.input_schema.type: Field required")));
        }
        conversation.tools.push(name.to_owned());
    }
    let messages = list(body, "messages")?;
    if messages[0]["role"] != "user" {
        return Err(Refusal::invalid("messages: first message must use the \"user\" role"));
    }
    if messages.last().is_some_and(|last| last["role"] == "assistant") {
        return Err(Refusal::invalid("This model does not support assistant message prefill."));
    }
    for (number, message) in messages.iter().enumerate() {
        read_message(message, &format!("messages.{number}"), &mut conversation)?;
    }
    conversation.name_outputs();
    conversation.paired()?;
    Ok(Read { conversation, streamed: true, usage_asked: true })
}

fn words(block: &Value, place: &str) -> Result<String, Refusal> {
    only(block, place, &["type", "text", "cache_control", "citations"])?;
    only(&block["cache_control"], &format!("{place}.cache_control"), &["type", "ttl"])?;
    let words = text(block, "text")?;
    if words.trim().is_empty() {
        return Err(Refusal::invalid(format!(
            "{place}: text content blocks must contain non-whitespace text"
        )));
    }
    Ok(words.to_owned())
}

fn system(system: &Value) -> Result<String, Refusal> {
    match system {
        Value::Null => Ok(String::new()),
        Value::String(words) => Ok(words.clone()),
        blocks => {
            let blocks = blocks.as_array().into_iter().flatten();
            blocks.map(|block| words(block, "system")).collect()
        }
    }
}

fn read_message(message: &Value, place: &str, to: &mut Conversation) -> Result<(), Refusal> {
    only(message, place, &["role", "content"])?;
    let one;
    let blocks = match &message["content"] {
        Value::String(words) => {
            one = [json!({ "type": "text", "text": words })];
            &one[..]
        }
        _ => list(message, "content")?,
    };
    let (mut said, mut calls) = (Vec::new(), Vec::new());
    let assistant = message["role"] == "assistant";
    for (number, block) in blocks.iter().enumerate() {
        let place = format!("{place}.content.{number}");
        match (block["type"].as_str(), assistant) {
            (Some("text"), _) => said.push(words(block, &place)?),
            (Some("tool_use"), true) => {
                only(block, &place, &["type", "id", "name", "input", "cache_control"])?;
                let id = text(block, "id")?;
                if !is_name(id) || !block["input"].is_object() {
                    return Err(Refusal::invalid(format!("{place}.id: String should match pattern")));
                }
                calls.push(Called {
                    id: id.to_owned(),
                    name: text(block, "name")?.to_owned(),
                    arguments: block["input"].clone(),
                });
            }
            (Some("tool_result"), false) => {
                only(block, &place, &["type", "tool_use_id", "content", "is_error", "cache_control"])?;
                if !said.is_empty() {
                    return Err(Refusal::invalid(format!("{place}: `tool_result` blocks must come first")));
                }
                to.messages.push(Message::Output {
                    id: text(block, "tool_use_id")?.to_owned(),
                    name: String::new(),
                    output: text(block, "content")?.to_owned(),
                });
            }
            _ => return Err(Refusal::invalid(format!("{place}.type: not allowed here"))),
        }
    }
    if assistant {
        to.messages.push(Message::Agent { text: said.join(" "), calls });
    } else if message["role"] == "user" {
        to.messages.extend(said.into_iter().map(Message::Caller));
    } else {
        return Err(Refusal::from(Extra(format!("{place}.role"))));
    }
    Ok(())
}

pub(super) fn write(reckoned: &Reckoned<'_>) -> Answer {
    let (number, usage, made) = (reckoned.number, reckoned.usage, reckoned.made);
    let mut events = vec![json!({ "type": "message_start", "message": {
        "id": format!("msg_{number:024}"),
        "type": "message",
        "role": "assistant",
        "model": reckoned.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": {
            "input_tokens": usage.input - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": 1,
        },
    } })];
    let mut index = 0;
    let mut block = |block: Value, deltas: Vec<Value>| {
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        if index == 0 {
            events.push(json!({ "type": "ping" }));
        }
        for delta in deltas {
            events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        events.push(json!({ "type": "content_block_stop", "index": index }));
        index += 1;
    };
    if !made.pieces.is_empty() {
        let deltas = made.pieces.iter().map(|piece| json!({ "type": "text_delta", "text": piece }));
        block(json!({ "type": "text", "text": "" }), deltas.collect());
    }
    for (call, (name, arguments)) in made.calls.iter().enumerate() {
        let id = format!("toolu_{number:022}{call:02}");
        let begin = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
        let text = arguments.to_string();
        // A function without arguments has none in pieces either.
        let parts = if text == "{}" { vec![""] } else { halves(&text).to_vec() };
        let deltas =
            parts.into_iter().map(|part| json!({ "type": "input_json_delta", "partial_json": part }));
        block(begin, deltas.collect());
    }
    let reason = match made.ending {
        Ending::Whole if made.calls.is_empty() => "end_turn",
        Ending::Whole => "tool_use",
        Ending::Length => "max_tokens",
        Ending::Filtered => "refusal",
        Ending::Overloaded | Ending::RateLimited => {
            let kind =
                if made.ending == Ending::Overloaded { "overloaded_error" } else { "rate_limit_error" };
            events.push(json!({ "type": "error", "error": { "type": kind, "message": "by order" } }));
            return answer(&events, reckoned);
        }
    };
    let delta = json!({ "stop_reason": reason, "stop_sequence": null });
    events.push(json!({
        "type": "message_delta", "delta": delta, "usage": { "output_tokens": usage.output },
    }));
    events.push(json!({ "type": "message_stop" }));
    answer(&events, reckoned)
}

fn answer(events: &[Value], reckoned: &Reckoned<'_>) -> Answer {
    Answer::events(events.iter().map(|event| (event["type"].as_str(), event.to_string())), reckoned.pace)
}

pub(super) fn refuse(refusal: &Refusal) -> Answer {
    let (status, kind) = match (refusal.kind, refusal.status) {
        (Kind::Key, _) => (401, "authentication_error"),
        (Kind::NoModel | Kind::NotFound, _) => (404, "not_found_error"),
        (Kind::RateLimited, _) => (429, "rate_limit_error"),
        (Kind::Server, 529) => (529, "overloaded_error"),
        (Kind::Server, status) => (status, "api_error"),
        (_, status) => (status, "invalid_request_error"),
    };
    let message = match refusal.kind {
        Kind::NoModel => format!("model: {}", refusal.message),
        Kind::Extra => format!("{}: Extra inputs are not permitted", refusal.message),
        Kind::NoCredit => "Your credit balance is too low to access the Anthropic API.".to_owned(),
        _ => refusal.message.clone(),
    };
    let error = json!({ "type": kind, "message": message });
    Answer::json(status, &json!({ "type": "error", "error": error, "request_id": "req_stand_in" }))
        .header("request-id", "req_stand_in")
}
