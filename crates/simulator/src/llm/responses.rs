//! OpenAI's Responses.

use serde_json::{Value, json};

use super::chat::halves;
use super::conversation::{Called, Conversation, Message};
use super::fields::{is_name, list, only, text};
use super::mind::Ending;
use super::{Read, Reckoned, Refusal};
use crate::vendor::answer::Answer;

/// Seconds of the epoch at which everything was made.
const CREATED: u64 = 1_790_000_000;

const BODY: [&str; 27] = [
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "truncation",
];

pub(super) fn read(body: &Value) -> Result<Read, Refusal> {
    only(body, "", &BODY)?;
    only(&body["stream_options"], "stream_options", &["include_obfuscation"])?;
    only(&body["reasoning"], "reasoning", &["effort", "summary", "context"])?;
    if body["stream"] != true {
        return Err(Refusal::invalid("this stand-in only streams responses"));
    }
    if body["max_output_tokens"].as_u64().is_some_and(|most| most < 16) {
        return Err(Refusal::invalid("Invalid 'max_output_tokens': integer below minimum value (16)."));
    }
    let mut conversation = Conversation {
        model: text(body, "model")?.to_owned(),
        system: body["instructions"].as_str().unwrap_or_default().to_owned(),
        most_tokens: body["max_output_tokens"].as_u64().unwrap_or(u64::MAX),
        ..Conversation::default()
    };
    for tool in body["tools"].as_array().into_iter().flatten() {
        only(tool, "tools", &["type", "name", "description", "parameters", "strict"])?;
        let name = text(tool, "name")?;
        if tool["type"] != "function" || !is_name(name) || tool.get("strict").is_none() {
            return Err(Refusal::invalid(format!("Invalid function {name}.")));
        }
        conversation.tools.push(name.to_owned());
    }
    if let Value::String(words) = &body["input"] {
        conversation.messages.push(Message::Caller(words.clone()));
    } else {
        for (number, item) in list(body, "input")?.iter().enumerate() {
            read_item(item, &format!("input[{number}]"), &mut conversation)?;
        }
    }
    conversation.name_outputs();
    conversation.paired()?;
    Ok(Read { conversation, streamed: true, usage_asked: true })
}

fn read_item(item: &Value, place: &str, to: &mut Conversation) -> Result<(), Refusal> {
    match item["type"].as_str().unwrap_or("message") {
        "message" => {
            only(item, place, &["type", "role", "content"])?;
            let words = text(item, "content")?.to_owned();
            match text(item, "role")? {
                "user" => to.messages.push(Message::Caller(words)),
                "assistant" => to.messages.push(Message::Agent { text: words, calls: Vec::new() }),
                "system" | "developer" => to.system.push_str(&words),
                role => return Err(Refusal::invalid(format!("Invalid value: '{role}'."))),
            }
        }
        "function_call" => {
            only(item, place, &["type", "call_id", "name", "arguments", "id", "status"])?;
            if !item["id"].is_null() {
                return Err(Refusal::invalid(
                    "Item of type 'function_call' was provided without its required 'reasoning' item.",
                ));
            }
            let (id, arguments) = (text(item, "call_id")?, text(item, "arguments")?);
            if id.is_empty() || id.len() > 64 {
                return Err(Refusal::invalid("Invalid 'call_id': string too long. Expected maximum 64."));
            }
            let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments));
            let call = Called { id: id.to_owned(), name: text(item, "name")?.to_owned(), arguments };
            // Calls of one answer are items beside each other.
            match to.messages.last_mut() {
                Some(Message::Agent { calls, .. }) => calls.push(call),
                _ => to.messages.push(Message::Agent { text: String::new(), calls: vec![call] }),
            }
        }
        "function_call_output" => {
            only(item, place, &["type", "call_id", "output", "id", "status"])?;
            to.messages.push(Message::Output {
                id: text(item, "call_id")?.to_owned(),
                name: String::new(),
                output: text(item, "output")?.to_owned(),
            });
        }
        other => return Err(Refusal::invalid(format!("Invalid value: '{other}' ({place}.type)."))),
    }
    Ok(())
}

/// Writes events, counting them.
struct Writer {
    events: Vec<(String, Value)>,
    response: Value,
    output: Vec<Value>,
}

impl Writer {
    fn event(&mut self, kind: &str, mut event: Value) {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(self.events.len());
        self.events.push((kind.to_owned(), event));
    }

    fn response(&mut self, kind: &str, status: &str, further: &[(&str, Value)]) {
        let mut response = self.response.clone();
        response["status"] = json!(status);
        response["output"] = json!(self.output);
        for (name, value) in further {
            response[*name] = value.clone();
        }
        self.event(kind, json!({ "response": response }));
    }

    fn words(&mut self, id: &str, pieces: &[String]) {
        let place = json!({ "item_id": id, "output_index": 0, "content_index": 0 });
        let at = |name: &str, value: Value| {
            let mut event = place.clone();
            event[name] = value;
            event
        };
        let item = |status: &str, content: Value| json!({ "id": id, "type": "message", "role": "assistant", "status": status, "content": content });
        let part =
            |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
        let begun = json!({ "output_index": 0, "item": item("in_progress", json!([])) });
        self.event("response.output_item.added", begun);
        self.event("response.content_part.added", at("part", part("")));
        for piece in pieces {
            let mut delta = at("delta", json!(piece));
            delta["logprobs"] = json!([]);
            self.event("response.output_text.delta", delta);
        }
        let text = pieces.concat();
        let mut done = at("text", json!(text));
        done["logprobs"] = json!([]);
        self.event("response.output_text.done", done);
        self.event("response.content_part.done", at("part", part(&text)));
        let item = item("completed", json!([part(&text)]));
        self.event("response.output_item.done", json!({ "output_index": 0, "item": item }));
        self.output.push(item);
    }

    fn call(&mut self, number: u64, name: &str, arguments: &Value) {
        let index = self.output.len();
        let id = format!("fc_{number:020}{index:02}");
        let item = |status: &str, arguments: &str| {
            json!({
                "id": id, "type": "function_call", "status": status, "name": name, "arguments": arguments,
                "call_id": format!("call_{number:020}{index:02}"),
            })
        };
        let arguments = arguments.to_string();
        let begun = json!({ "output_index": index, "item": item("in_progress", "") });
        self.event("response.output_item.added", begun);
        for part in halves(&arguments) {
            let delta = json!({ "item_id": id, "output_index": index, "delta": part });
            self.event("response.function_call_arguments.delta", delta);
        }
        let done = json!({ "item_id": id, "output_index": index, "arguments": arguments });
        self.event("response.function_call_arguments.done", done);
        let item = item("completed", &arguments);
        self.event("response.output_item.done", json!({ "output_index": index, "item": item }));
        self.output.push(item);
    }
}

pub(super) fn write(reckoned: &Reckoned<'_>) -> Answer {
    let number = reckoned.number;
    let response = json!({
        "id": format!("resp_{number:032}"),
        "object": "response",
        "created_at": CREATED,
        "model": reckoned.model,
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
    });
    let mut writer = Writer { events: Vec::new(), response, output: Vec::new() };
    writer.response("response.created", "in_progress", &[]);
    writer.response("response.in_progress", "in_progress", &[]);
    let made = reckoned.made;
    if !made.pieces.is_empty() {
        writer.words(&format!("msg_{number:032}"), &made.pieces);
    }
    for (name, arguments) in &made.calls {
        writer.call(number, name, arguments);
    }
    let usage = reckoned.usage;
    let usage = json!({
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached, "cache_write_tokens": 0 },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": usage.input + usage.output,
    });
    let incomplete =
        |reason: &str| [("usage", usage.clone()), ("incomplete_details", json!({ "reason": reason }))];
    match made.ending {
        Ending::Whole => writer.response("response.completed", "completed", &[("usage", usage)]),
        Ending::Length => {
            writer.response("response.incomplete", "incomplete", &incomplete("max_output_tokens"));
        }
        Ending::Filtered => {
            writer.response("response.incomplete", "incomplete", &incomplete("content_filter"));
        }
        Ending::Overloaded => {
            let error = json!({ "code": "server_error", "message": "by order" });
            writer.response("response.failed", "failed", &[("error", error)]);
        }
        Ending::RateLimited => {
            let error = json!({ "code": "rate_limit_exceeded", "message": "by order", "param": null });
            writer.event("error", error);
        }
    }
    let events = writer.events.iter().map(|(kind, event)| (Some(kind.as_str()), event.to_string()));
    Answer::events(events, reckoned.pace)
}
