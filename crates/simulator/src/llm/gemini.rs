//! Google's `streamGenerateContent`, Developer API.

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::conversation::{Called, Conversation, Message};
use super::fields::{is_name, list, only, text};
use super::mind::Ending;
use super::{Kind, Read, Reckoned, Refusal};
use crate::vendor::answer::Answer;
use crate::vendor::request::Request;

/// What the vendor takes for the signature of a call that it did not make.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

const BODY: [&str; 8] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "serviceTier",
];

/// The model that a path names.
pub(super) fn model_of(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/models/")?.split(':').next()
}

/// The signature of the thoughts before a call of this function.
fn signature(name: &str) -> String {
    STANDARD.encode_to_string(format!("thought of {name}"))
}

pub(super) fn read(body: &Value, model: &str, request: &Request) -> Result<Read, Refusal> {
    if request.parameter("alt") != Some("sse") {
        return Err(Refusal::invalid("this stand-in only streams events (alt=sse)"));
    }
    only(body, "", &BODY)?;
    let generation = &body["generationConfig"];
    only(
        generation,
        "generation_config",
        &["maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "thinkingConfig", "seed"],
    )?;
    only(
        &generation["thinkingConfig"],
        "generation_config.thinking_config",
        &["thinkingLevel", "thinkingBudget", "includeThoughts"],
    )?;
    let mut conversation = Conversation {
        model: model.to_owned(),
        most_tokens: generation["maxOutputTokens"].as_u64().unwrap_or(u64::MAX),
        ..Conversation::default()
    };
    for part in body["systemInstruction"]["parts"].as_array().into_iter().flatten() {
        conversation.system.push_str(text(part, "text")?);
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        only(tool, "tools", &["functionDeclarations", "googleSearch", "codeExecution", "urlContext"])?;
        for function in list(tool, "functionDeclarations")? {
            // The official SDK sends this one by its other name, which JSON for protocol buffers allows.
            let schemas = ["parametersJsonSchema", "parameters_json_schema"];
            let known = ["name", "description", "parameters", schemas[0], schemas[1], "response", "behavior"];
            only(function, "tools.function_declarations", &known)?;
            let name = text(function, "name")?;
            if !is_name(name) || !(function["parameters"].is_null() || schema(&function["parameters"])) {
                return Err(Refusal::invalid(format!("Invalid function {name}.")));
            }
            conversation.tools.push(name.to_owned());
        }
    }
    for (number, content) in list(body, "contents")?.iter().enumerate() {
        read_content(content, &format!("contents[{number}]"), &mut conversation)?;
    }
    order(&conversation)?;
    conversation.paired()?;
    Ok(Read { conversation, streamed: true, usage_asked: true })
}

/// The part of JSON Schema that the older field takes.
fn schema(schema: &Value) -> bool {
    only(
        schema,
        "",
        &["type", "format", "description", "nullable", "enum", "items", "properties", "required"],
    )
    .is_ok()
}

fn read_content(content: &Value, place: &str, to: &mut Conversation) -> Result<(), Refusal> {
    only(content, place, &["role", "parts"])?;
    let role = text(content, "role")?;
    let (mut said, mut calls) = (Vec::new(), Vec::new());
    for part in list(content, "parts")? {
        only(part, place, &["text", "thought", "thoughtSignature", "functionCall", "functionResponse"])?;
        if let Some(words) = part["text"].as_str() {
            said.push(words.to_owned());
        } else if part["functionCall"].is_object() && role == "model" {
            let call = &part["functionCall"];
            only(call, place, &["id", "name", "args"])?;
            let name = text(call, "name")?;
            let given = part["thoughtSignature"].as_str().unwrap_or_default();
            if given != signature(name) && given != NO_SIGNATURE {
                return Err(Refusal::invalid(format!(
                    "Function call `{name}` is missing a thought_signature in functionCall parts."
                )));
            }
            let id = call["id"].as_str().unwrap_or(name).to_owned();
            if !call["args"].is_object() {
                return Err(Refusal::invalid("Invalid value at 'function_call.args' (Struct)"));
            }
            calls.push(Called { id, name: name.to_owned(), arguments: call["args"].clone() });
        } else if part["functionResponse"].is_object() && role == "user" {
            let function = &part["functionResponse"];
            only(function, place, &["id", "name", "response"])?;
            let name = text(function, "name")?;
            if !function["response"].is_object() {
                return Err(Refusal::invalid("Invalid value at 'function_response.response' (Struct)"));
            }
            // A text that was put into an object is that text again.
            let output = match &function["response"] {
                Value::Object(one) if one.len() == 1 && one.get("output").is_some_and(Value::is_string) => {
                    one["output"].as_str().unwrap_or_default().to_owned()
                }
                other => other.to_string(),
            };
            let id = function["id"].as_str().unwrap_or(name).to_owned();
            to.messages.push(Message::Output { id, name: name.to_owned(), output });
        } else {
            return Err(Refusal::invalid(format!("{place}: a part must have data that fits its role")));
        }
    }
    match role {
        "user" => to.messages.extend(said.into_iter().map(Message::Caller)),
        "model" => to.messages.push(Message::Agent { text: said.concat(), calls }),
        _ => return Err(Refusal::invalid("Please use a valid role: user, model.")),
    }
    Ok(())
}

/// A turn that calls comes right after the user or an output.
fn order(conversation: &Conversation) -> Result<(), Refusal> {
    let messages = &conversation.messages;
    let calls = |message: &Message| matches!(message, Message::Agent { calls, .. } if !calls.is_empty());
    let wrong = messages.windows(2).any(|pair| matches!(pair[0], Message::Agent { .. }) && calls(&pair[1]));
    if wrong || messages.first().is_some_and(calls) {
        return Err(Refusal::invalid(
            "Please ensure that function call turn comes immediately after a user turn or after a function \
             response turn.",
        ));
    }
    Ok(())
}

pub(super) fn write(reckoned: &Reckoned<'_>) -> Answer {
    let (made, usage) = (reckoned.made, reckoned.usage);
    let chunk = |parts: Value, finish: Option<&str>| {
        let mut candidate = json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        let written = if finish.is_some() { usage.output } else { 0 };
        let mut counted = json!({
            "promptTokenCount": usage.input,
            "candidatesTokenCount": written,
            "totalTokenCount": usage.input + written,
        });
        if usage.cached > 0 {
            counted["cachedContentTokenCount"] = json!(usage.cached);
        }
        json!({
            "candidates": [candidate],
            "usageMetadata": counted,
            "modelVersion": reckoned.model,
            "responseId": format!("resp{:016}", reckoned.number),
        })
    };
    let mut events: Vec<Value> =
        made.pieces.iter().map(|piece| chunk(json!([{ "text": piece }]), None)).collect();
    if !made.calls.is_empty() {
        let calls = made.calls.iter().map(|(name, arguments)| {
            let call = json!({ "name": name, "args": arguments });
            json!({ "functionCall": call, "thoughtSignature": signature(name) })
        });
        events.push(chunk(calls.collect(), None));
    }
    let refusal = |status, kind| Refusal { status, kind, message: "by order".to_owned(), param: None };
    events.push(match made.ending {
        Ending::Whole => chunk(json!([{ "text": "" }]), Some("STOP")),
        Ending::Length => chunk(json!([{ "text": "" }]), Some("MAX_TOKENS")),
        Ending::Filtered => chunk(json!([]), Some("SAFETY")),
        Ending::Overloaded => error(&refusal(503, Kind::Server)),
        Ending::RateLimited => error(&refusal(429, Kind::RateLimited)),
    });
    Answer::events(events.into_iter().map(|event| (None, event.to_string())), reckoned.pace)
}

fn error(refusal: &Refusal) -> Value {
    let (status, reason) = match (refusal.kind, refusal.status) {
        (Kind::Key, 400) => ("INVALID_ARGUMENT", Some("API_KEY_INVALID")),
        (Kind::Key, _) => ("UNAUTHENTICATED", None),
        (Kind::NoModel | Kind::NotFound, _) => ("NOT_FOUND", None),
        (Kind::RateLimited, _) => ("RESOURCE_EXHAUSTED", None),
        (Kind::NoCredit, _) => ("PERMISSION_DENIED", Some("BILLING_DISABLED")),
        (Kind::Server, 503) => ("UNAVAILABLE", None),
        (Kind::Server, _) => ("INTERNAL", None),
        (Kind::Invalid | Kind::Extra, _) => ("INVALID_ARGUMENT", None),
    };
    let message = match refusal.kind {
        Kind::NoModel => format!("models/{} is not found for API version v1", refusal.message),
        Kind::Extra => {
            format!("Invalid JSON payload received. Unknown name \"{}\": Cannot find field.", refusal.message)
        }
        _ => refusal.message.clone(),
    };
    let mut error = json!({ "code": refusal.status, "message": message, "status": status });
    if let Some(reason) = reason {
        let kind = "type.googleapis.com/google.rpc.ErrorInfo";
        error["details"] = json!([{ "@type": kind, "reason": reason, "domain": "googleapis.com" }]);
    }
    json!({ "error": error })
}

pub(super) fn refuse(refusal: &Refusal) -> Answer {
    Answer::json(refusal.status, &error(refusal))
}
