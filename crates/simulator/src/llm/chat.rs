//! Chat Completions: OpenAI's own, what is compatible with it, and Mistral's.

use serde_json::{Map, Value, json};

use super::conversation::{Called, Conversation, Message};
use super::fields::{Extra, is_name, list, only, text};
use super::mind::Ending;
use super::{Kind, Protocol, Read, Reckoned, Refusal};
use crate::vendor::answer::Answer;

/// Seconds of the epoch at which everything was made.
const CREATED: u64 = 1_790_000_000;

const OPENAI_BODY: [&str; 28] = [
    "messages",
    "model",
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
];
const COMPATIBLE_BODY: [&str; 13] = [
    "messages",
    "model",
    "max_tokens",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "stop",
    "top_p",
    "seed",
    "n",
    "reasoning_effort",
];
const MISTRAL_BODY: [&str; 20] = [
    "messages",
    "model",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "reasoning_effort",
    "safe_prompt",
];

impl From<Extra> for Refusal {
    fn from(Extra(field): Extra) -> Self {
        Self { status: 400, kind: Kind::Extra, message: field.clone(), param: Some(field) }
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::invalid(message)
    }
}

pub(super) fn read(body: &Value, protocol: Protocol) -> Result<Read, Refusal> {
    match protocol {
        Protocol::OpenAiChat => {
            only(body, "", &OPENAI_BODY)?;
            if !body["max_tokens"].is_null() {
                return Err(Refusal::invalid(
                    "Unsupported parameter: 'max_tokens' is not supported with this model. \
                     Use 'max_completion_tokens' instead.",
                ));
            }
            only(&body["stream_options"], "stream_options", &["include_usage", "include_obfuscation"])?;
        }
        Protocol::Mistral => only(body, "body", &MISTRAL_BODY)?,
        _ => {
            only(body, "", &COMPATIBLE_BODY)?;
            only(&body["stream_options"], "stream_options", &["include_usage"])?;
        }
    }
    let streamed = body["stream"] == true;
    if !streamed && !body["stream_options"].is_null() {
        return Err(Refusal::invalid("'stream_options' is only allowed when 'stream' is true."));
    }
    let most = if protocol == Protocol::OpenAiChat { "max_completion_tokens" } else { "max_tokens" };
    if !(body[most].is_null() || body[most].as_u64().is_some_and(|most| most > 0)) {
        return Err(Refusal::invalid(format!("'{most}' must be a positive integer.")));
    }
    let mut conversation = Conversation {
        model: text(body, "model")?.to_owned(),
        most_tokens: body[most].as_u64().unwrap_or(u64::MAX),
        tools: tools(&body["tools"], protocol)?,
        ..Conversation::default()
    };
    let mut roles = Vec::new();
    for (number, message) in list(body, "messages")?.iter().enumerate() {
        roles.push(text(message, "role")?);
        read_message(message, &format!("messages[{number}]"), protocol, &mut conversation)?;
    }
    conversation.name_outputs();
    conversation.paired()?;
    if protocol == Protocol::Mistral {
        mistral_order(&roles)?;
    }
    let usage_asked = protocol == Protocol::Mistral || body["stream_options"]["include_usage"] == true;
    Ok(Read { conversation, streamed, usage_asked })
}

fn tools(tools: &Value, protocol: Protocol) -> Result<Vec<String>, Refusal> {
    if tools.is_null() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for tool in tools.as_array().filter(|all| !all.is_empty()).ok_or("'tools' is empty.".to_owned())? {
        only(tool, "tools", &["type", "function"])?;
        let function = &tool["function"];
        only(function, "tools.function", &["name", "description", "parameters", "strict"])?;
        let name = text(function, "name")?;
        let required = protocol != Protocol::Mistral || function["parameters"].is_object();
        if tool["type"] != "function" || !is_name(name) || !required {
            return Err(Refusal::invalid(format!("Invalid function {name}.")));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn read_message(
    message: &Value,
    place: &str,
    protocol: Protocol,
    to: &mut Conversation,
) -> Result<(), Refusal> {
    let role = text(message, "role")?;
    let own: &[&str] = match (role, protocol) {
        ("system" | "user" | "developer", Protocol::OpenAiChat) => &["role", "content", "name"],
        ("system" | "user", _) => &["role", "content"],
        ("assistant", Protocol::OpenAiChat) => &["role", "content", "tool_calls", "refusal", "name", "audio"],
        ("assistant", Protocol::Mistral) => &["role", "content", "tool_calls", "prefix"],
        ("assistant", _) => &["role", "content", "tool_calls"],
        ("tool", Protocol::Mistral) => &["role", "content", "tool_call_id", "name"],
        ("tool", _) => &["role", "content", "tool_call_id"],
        _ => return Err(Refusal::invalid(format!("Invalid value: '{role}' ({place}.role)."))),
    };
    only(message, place, own)?;
    let content = message["content"].as_str().map(str::to_owned);
    let words = content.clone().ok_or_else(|| Refusal::invalid(format!("{place}.content is missing.")));
    match role {
        "system" | "developer" => {
            if !to.system.is_empty() {
                to.system.push('\n');
            }
            to.system.push_str(&words?);
        }
        "user" => to.messages.push(Message::Caller(words?)),
        "tool" => to.messages.push(Message::Output {
            id: text(message, "tool_call_id")?.to_owned(),
            name: String::new(),
            output: words?,
        }),
        _ => {
            let mut calls = Vec::new();
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                calls.push(read_call(call, place, protocol)?);
            }
            if calls.is_empty() && content.as_deref().unwrap_or_default().is_empty() {
                return Err(Refusal::invalid(format!("{place} must have either content or tool_calls.")));
            }
            to.messages.push(Message::Agent { text: content.unwrap_or_default(), calls });
        }
    }
    Ok(())
}

fn read_call(call: &Value, place: &str, protocol: Protocol) -> Result<Called, Refusal> {
    // Mistral's own SDK sends the index back that came with the call.
    let own: &[&str] = match protocol {
        Protocol::Mistral => &["id", "type", "function", "index"],
        _ => &["id", "type", "function"],
    };
    only(call, &format!("{place}.tool_calls"), own)?;
    only(&call["function"], &format!("{place}.tool_calls.function"), &["name", "arguments"])?;
    let (id, name) = (text(call, "id")?, text(&call["function"], "name")?);
    let fits = match protocol {
        Protocol::Mistral => id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        Protocol::OpenAiChat => (1..=40).contains(&id.len()),
        _ => !id.is_empty(),
    };
    if !fits {
        return Err(Refusal::invalid(format!("Tool call id was {id} but must be of the vendor's form.")));
    }
    let arguments = text(&call["function"], "arguments")?;
    let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments));
    Ok(Called { id: id.to_owned(), name: name.to_owned(), arguments })
}

/// Who may follow whom, as Mistral's published tokenizer has it; and who may be last.
fn mistral_order(roles: &[&str]) -> Result<(), Refusal> {
    for pair in roles.windows(2) {
        let allowed: &[&str] = match pair[0] {
            "system" => &["user", "assistant", "system"],
            "user" => &["assistant", "system", "user"],
            "assistant" => &["assistant", "user", "tool"],
            _ => &["assistant", "tool"],
        };
        if !allowed.contains(&pair[1]) {
            return Err(Refusal::invalid(format!("Unexpected role '{}' after role '{}'", pair[1], pair[0])));
        }
    }
    match roles.last() {
        Some(&("user" | "tool")) => Ok(()),
        _ => Err(Refusal::invalid("Expected last role User or Tool (or Assistant with prefix True)")),
    }
}

pub(super) fn write(reckoned: &Reckoned<'_>, protocol: Protocol) -> Answer {
    if reckoned.streamed { stream(reckoned, protocol) } else { whole(reckoned, protocol) }
}

fn finish_reason(reckoned: &Reckoned<'_>, protocol: Protocol) -> &'static str {
    match reckoned.made.ending {
        Ending::Length => "length",
        // Mistral has no word for it.
        Ending::Filtered if protocol != Protocol::Mistral => "content_filter",
        _ if reckoned.made.calls.is_empty() => "stop",
        _ => "tool_calls",
    }
}

fn call_id(reckoned: &Reckoned<'_>, number: usize, protocol: Protocol) -> String {
    match protocol {
        Protocol::Mistral => format!("c{:06}{number:02}", reckoned.number),
        _ => format!("call_{:022}{number:02}", reckoned.number),
    }
}

fn usage(reckoned: &Reckoned<'_>, protocol: Protocol) -> Value {
    let usage = reckoned.usage;
    let (read, written) = (usage.input, usage.output);
    let mut document =
        json!({ "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written });
    document["prompt_tokens_details"] = json!({ "cached_tokens": usage.cached });
    if protocol == Protocol::OpenAiChat {
        document["prompt_tokens_details"]["audio_tokens"] = json!(0);
        document["completion_tokens_details"] = json!({
            "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        });
    }
    document
}

fn id(reckoned: &Reckoned<'_>, protocol: Protocol) -> String {
    let number = reckoned.number;
    if protocol == Protocol::Mistral { format!("{number:032x}") } else { format!("chatcmpl-{number:029}") }
}

fn stream(reckoned: &Reckoned<'_>, protocol: Protocol) -> Answer {
    let head = json!({
        "id": id(reckoned, protocol),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": reckoned.model,
    });
    let chunk = |further: Value| {
        let mut chunk = head.clone();
        if let (Value::Object(chunk), Value::Object(further)) = (&mut chunk, further) {
            chunk.extend(further);
        }
        chunk
    };
    let choice = |delta: Value, finish: Value| {
        chunk(json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] }))
    };
    let mistral = protocol == Protocol::Mistral;
    let mut events = vec![choice(json!({ "role": "assistant", "content": "" }), Value::Null)];
    for piece in &reckoned.made.pieces {
        events.push(choice(json!({ "content": piece }), Value::Null));
    }
    for (number, (name, arguments)) in reckoned.made.calls.iter().enumerate() {
        let (id, arguments) = (call_id(reckoned, number, protocol), arguments.to_string());
        if mistral {
            // Whole, as Mistral sends them.
            let function = json!({ "name": name, "arguments": arguments });
            let call = json!({ "id": id, "type": "function", "function": function, "index": number });
            events.push(choice(json!({ "tool_calls": [call] }), Value::Null));
            continue;
        }
        let function = json!({ "name": name, "arguments": "" });
        let begin = json!({ "index": number, "id": id, "type": "function", "function": function });
        events.push(choice(json!({ "tool_calls": [begin] }), Value::Null));
        for part in halves(&arguments) {
            let part = json!({ "index": number, "function": { "arguments": part } });
            events.push(choice(json!({ "tool_calls": [part] }), Value::Null));
        }
    }
    let mut events: Vec<String> = events.iter().map(Value::to_string).collect();
    match reckoned.made.ending {
        Ending::Overloaded | Ending::RateLimited => {
            let kind =
                if reckoned.made.ending == Ending::Overloaded { Kind::Server } else { Kind::RateLimited };
            let status = if kind == Kind::Server { 503 } else { 429 };
            let refusal = Refusal { status, kind, message: "by order".to_owned(), param: None };
            events.push(if mistral { mistral_error(&refusal) } else { openai_error(&refusal) }.to_string());
            return answer(events, reckoned);
        }
        _ => {}
    }
    let mut last = choice(json!({}), json!(finish_reason(reckoned, protocol)));
    if mistral {
        last["choices"][0]["delta"] = json!({ "content": "" });
        last["usage"] = usage(reckoned, protocol);
    }
    events.push(last.to_string());
    if !mistral && reckoned.usage_asked {
        events.push(chunk(json!({ "choices": [], "usage": usage(reckoned, protocol) })).to_string());
    }
    events.push("[DONE]".to_owned());
    answer(events, reckoned)
}

fn answer(events: Vec<String>, reckoned: &Reckoned<'_>) -> Answer {
    Answer::events(events.into_iter().map(|event| (None, event)), reckoned.pace)
}

/// A text in two parts, cut where a letter ends.
pub(super) fn halves(text: &str) -> [&str; 2] {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let (first, second) = text.split_at(middle);
    [first, second]
}

fn whole(reckoned: &Reckoned<'_>, protocol: Protocol) -> Answer {
    let calls: Vec<Value> = reckoned
        .made
        .calls
        .iter()
        .enumerate()
        .map(|(number, (name, arguments))| {
            let function = json!({ "name": name, "arguments": arguments.to_string() });
            json!({ "id": call_id(reckoned, number, protocol), "type": "function", "function": function })
        })
        .collect();
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), json!(reckoned.made.text()));
    if protocol != Protocol::Mistral {
        message.insert("refusal".to_owned(), Value::Null);
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), json!(calls));
    }
    let mut choice = json!({
        "index": 0,
        "message": message,
        "finish_reason": finish_reason(reckoned, protocol),
    });
    if protocol != Protocol::Mistral {
        choice["logprobs"] = Value::Null;
    }
    Answer::json(
        200,
        &json!({
            "id": id(reckoned, protocol),
            "object": "chat.completion",
            "created": CREATED,
            "model": reckoned.model,
            "choices": [choice],
            "usage": usage(reckoned, protocol),
        }),
    )
}

fn openai_error(refusal: &Refusal) -> Value {
    let (kind, code) = match refusal.kind {
        Kind::Key => ("invalid_request_error", json!("invalid_api_key")),
        Kind::NoModel => ("invalid_request_error", json!("model_not_found")),
        Kind::NotFound | Kind::Invalid => ("invalid_request_error", Value::Null),
        Kind::Extra => ("invalid_request_error", json!("unknown_parameter")),
        Kind::RateLimited => ("requests", json!("rate_limit_exceeded")),
        Kind::NoCredit => ("insufficient_quota", json!("insufficient_quota")),
        Kind::Server => ("server_error", Value::Null),
    };
    let message = match refusal.kind {
        Kind::NoModel => {
            format!("The model `{}` does not exist or you do not have access to it.", refusal.message)
        }
        Kind::Extra => format!("Unknown parameter: '{}'.", refusal.message),
        _ => refusal.message.clone(),
    };
    json!({ "error": { "message": message, "type": kind, "param": refusal.param, "code": code } })
}

pub(super) fn refuse_openai(refusal: &Refusal) -> Answer {
    Answer::json(refusal.status, &openai_error(refusal)).header("x-request-id", "req_stand_in")
}

fn mistral_error(refusal: &Refusal) -> Value {
    let (kind, code) = match refusal.kind {
        Kind::Key => return json!({ "detail": "Unauthorized" }),
        Kind::NotFound => return json!({ "detail": "Not Found" }),
        Kind::NoModel => ("invalid_model", "1500"),
        Kind::RateLimited => ("rate_limited", "1300"),
        Kind::NoCredit => ("payment_required", "1402"),
        Kind::Server => ("internal_server_error", "1000"),
        Kind::Invalid => ("invalid_request_error", "3051"),
        Kind::Extra => {
            let place: Vec<&str> = refusal.message.split('.').collect();
            let detail =
                json!([{ "type": "extra_forbidden", "loc": place, "msg": "Extra inputs are not permitted" }]);
            return json!({ "detail": detail });
        }
    };
    let message = match refusal.kind {
        Kind::NoModel => format!("Invalid model: {}", refusal.message),
        _ => refusal.message.clone(),
    };
    json!({ "object": "error", "message": message, "type": kind, "param": refusal.param, "code": code })
}

pub(super) fn refuse_mistral(refusal: &Refusal) -> Answer {
    let status = if refusal.kind == Kind::Extra { 422 } else { refusal.status };
    Answer::json(status, &mistral_error(refusal))
}
