//! Is the stand-in as strict as the vendor, and does it send what the vendor has published?

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::mind::{Ending, Made, Mind};
use super::{LlmVendor, Protocol, Settings};
use crate::vendor::Vendor as _;
use crate::vendor::answer::{Answer, Reply};
use crate::vendor::fault::Failure;
use crate::vendor::request::Request;

fn vendor(protocol: Protocol, mind: Mind) -> LlmVendor {
    let settings =
        Settings { key: Some("k".to_owned()), models: vec!["m".to_owned()], mind, ..Settings::default() };
    LlmVendor::new(protocol, settings)
}

fn request(protocol: Protocol, body: &Value) -> Request {
    let key = match protocol {
        Protocol::Anthropic => ("x-api-key", "k"),
        Protocol::Gemini => ("x-goog-api-key", "k"),
        _ => ("authorization", "Bearer k"),
    };
    let headers = [key, ("content-type", "application/json"), ("anthropic-version", "2023-06-01")];
    Request {
        method: "POST".to_owned(),
        path: protocol.path("m"),
        query: vec![("alt".to_owned(), "sse".to_owned())],
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.to_string().into(),
    }
}

/// A sound request with a function, a call and its output.
fn sound(protocol: Protocol) -> Value {
    let schema = json!({ "type": "object", "properties": {} });
    let function = json!({ "name": "look", "description": "d", "parameters": schema });
    match protocol {
        Protocol::OpenAiResponses => json!({
            "model": "m", "stream": true, "max_output_tokens": 16,
            "tools": [{ "type": "function", "name": "look", "parameters": schema, "strict": false }],
            "input": [
                { "role": "user", "content": "Hi." },
                { "type": "function_call", "call_id": "abcDEF123", "name": "look", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "abcDEF123", "output": "ok" },
            ],
        }),
        Protocol::Anthropic => json!({
            "model": "m", "stream": true, "max_tokens": 16,
            "tools": [{ "name": "look", "input_schema": schema }],
            "messages": [
                { "role": "user", "content": "Hi." },
                { "role": "assistant", "content": [
                    { "type": "tool_use", "id": "toolu_1", "name": "look", "input": {} } ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "toolu_1", "content": "ok" } ] },
            ],
        }),
        Protocol::Gemini => json!({
            "tools": [{ "functionDeclarations": [{ "name": "look", "parametersJsonSchema": schema }] }],
            "contents": [
                { "role": "user", "parts": [{ "text": "Hi." }] },
                { "role": "model", "parts": [{ "functionCall": { "name": "look", "args": {} },
                    "thoughtSignature": "skip_thought_signature_validator" }] },
                { "role": "user", "parts": [{ "functionResponse": { "name": "look", "response": {} } }] },
            ],
        }),
        _ => json!({
            "model": "m", "stream": true,
            "tools": [{ "type": "function", "function": function }],
            "messages": [
                { "role": "system", "content": "s" },
                { "role": "user", "content": "Hi." },
                { "role": "assistant", "content": null, "tool_calls": [{ "id": "abcDEF123",
                    "type": "function", "function": { "name": "look", "arguments": "{}" } }] },
                { "role": "tool", "tool_call_id": "abcDEF123", "content": "ok" },
            ],
        }),
    }
}

fn http(reply: Reply) -> Answer {
    match reply {
        Reply::Http(answer) => answer,
        Reply::Socket(_) => panic!("a model has no socket"),
    }
}

fn asked(vendor: &LlmVendor, request: &Request) -> (u16, String) {
    let answer = http(vendor.answer(request));
    let body: Vec<u8> = answer.pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
    (answer.status, String::from_utf8(body).unwrap())
}

#[test]
fn a_sound_request_is_answered_and_a_field_too_many_is_refused_in_the_vendors_own_words() {
    for (protocol, status, words) in [
        (Protocol::OpenAiResponses, 400, "\"code\":\"unknown_parameter\""),
        (Protocol::OpenAiChat, 400, "Unknown parameter: 'made_up'."),
        (Protocol::Compatible, 400, "made_up"),
        (Protocol::Anthropic, 400, "made_up: Extra inputs are not permitted"),
        (Protocol::Gemini, 400, "Unknown name \\\"made_up\\\""),
        (Protocol::Mistral, 422, "\"type\":\"extra_forbidden\""),
    ] {
        let vendor = vendor(protocol, Mind::default());
        let (found, body) = asked(&vendor, &request(protocol, &sound(protocol)));
        assert_eq!(found, 200, "{protocol:?}: {body}");
        let mut wrong = sound(protocol);
        wrong["made_up"] = json!(1);
        let (found, body) = asked(&vendor, &request(protocol, &wrong));
        assert!(found == status && body.contains(words), "{protocol:?}: {found} {body}");
    }
}

#[test]
fn what_each_vendor_insists_on_is_insisted_on() {
    for (protocol, place, value) in [
        (Protocol::OpenAiResponses, "/input/1/id", json!("fc_1")),
        (Protocol::OpenAiResponses, "/input/2/call_id", json!("another")),
        (Protocol::OpenAiResponses, "/max_output_tokens", json!(15)),
        (Protocol::OpenAiResponses, "/tools/0/function", json!({})),
        (Protocol::OpenAiChat, "/max_tokens", json!(16)),
        (Protocol::OpenAiChat, "/messages/2/tool_calls/0/id", json!("x".repeat(41))),
        (Protocol::OpenAiChat, "/messages/3/tool_call_id", json!("another")),
        (Protocol::OpenAiChat, "/stream_options", json!({ "include_cost": true })),
        (Protocol::Compatible, "/max_completion_tokens", json!(16)),
        (Protocol::Compatible, "/stream_options", json!({ "include_obfuscation": false })),
        (Protocol::Mistral, "/stream_options", json!({ "include_usage": true })),
        (Protocol::Mistral, "/messages/2/tool_calls/0/id", json!("call_1")),
        (Protocol::Mistral, "/messages/4", json!({ "role": "user", "content": "Hi." })),
        (Protocol::Anthropic, "/max_tokens", Value::Null),
        (Protocol::Anthropic, "/messages/0/role", json!("assistant")),
        (Protocol::Anthropic, "/messages/0/content", json!(" ")),
        (Protocol::Anthropic, "/messages/1/content/0/id", json!("resp:1")),
        (Protocol::Anthropic, "/messages/2/content/0/tool_use_id", json!("another")),
        (Protocol::Gemini, "/contents/1/parts/0/thoughtSignature", Value::Null),
        (Protocol::Gemini, "/contents/1/parts/0/thoughtSignature", json!("c29tZXRoaW5n")),
        (Protocol::Gemini, "/contents/2/parts/0/functionResponse/name", json!("another")),
        (
            Protocol::Gemini,
            "/tools/0/functionDeclarations/0/parameters",
            json!({ "additionalProperties": 1 }),
        ),
    ] {
        let mut body = sound(protocol);
        let (parent, name) = place.rsplit_once('/').unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Array(list) => list.push(value.clone()),
            object => object[name] = value.clone(),
        }
        let (status, answer) = asked(&vendor(protocol, Mind::default()), &request(protocol, &body));
        assert!(status >= 400, "{protocol:?} took {place} = {value}: {answer}");
    }
}

#[test]
fn keys_models_and_paths_are_looked_at() {
    for protocol in Protocol::ALL {
        let vendor = vendor(protocol, Mind::default());
        let good = request(protocol, &sound(protocol));
        let keyless = Request { headers: good.headers[1..].to_vec(), ..good.clone() };
        let status = asked(&vendor, &keyless).0;
        assert_eq!(status, if protocol == Protocol::Gemini { 400 } else { 401 }, "{protocol:?}");
        let elsewhere = Request { path: "/v2/elsewhere".to_owned(), ..good.clone() };
        assert_eq!(asked(&vendor, &elsewhere).0, 404, "{protocol:?}");
        let mut other = sound(protocol);
        let mut request = request(protocol, &other);
        if protocol == Protocol::Gemini {
            request.path = protocol.path("gone");
        } else {
            other["model"] = json!("gone");
            request.body = other.to_string().into();
        }
        let (status, body) = asked(&vendor, &request);
        assert!([400, 404].contains(&status) && body.contains("gone"), "{protocol:?}: {status} {body}");
    }
}

/// The folder of the vendors' descriptions; `None`, with a word, where it may be missing.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
fn contract(file: &str) -> Option<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts");
    let path = std::env::var_os("CONTRACTS_DIR").map_or(beside, PathBuf::from).join(file);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(text);
    }
    assert!(std::env::var_os("CONTRACTS_REQUIRED").is_none(), "there is no {}", path.display());
    println!("skipped: there is no {}", path.display());
    None
}

/// A published schema of OpenAI's, with its objects closed.
fn schema(file: &str) -> Option<Validator> {
    let mut schema: Value = serde_json::from_str(&contract(&format!("openai/{file}.schema.json"))?).unwrap();
    for definition in schema["$defs"].as_object_mut().unwrap().values_mut() {
        if definition.get("properties").is_some() {
            definition["additionalProperties"] = json!(false);
        }
    }
    if schema.get("properties").is_some() {
        schema["additionalProperties"] = json!(false);
    }
    Some(jsonschema::validator_for(&schema).unwrap())
}

/// Answers of every kind.
fn kinds() -> Vec<Made> {
    let call = Made::says("One moment. ").and_calls("look", json!({ "a": "ü" })).and_calls("look", json!({}));
    let endings = [Ending::Length, Ending::Filtered, Ending::Overloaded, Ending::RateLimited];
    let mut kinds = vec![Made::says("Hi, I am here."), Made::calls("look", json!({})), call];
    kinds.extend(endings.map(|ending| Made::says("I would").ending(ending)));
    kinds
}

fn events(protocol: Protocol, made: Made, change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut body = sound(protocol);
    change(&mut body);
    let (status, text) = asked(&vendor(protocol, Mind::always(made)), &request(protocol, &body));
    assert_eq!(status, 200, "{text}");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn all_valid(validator: &Validator, events: &[Value]) {
    for event in events.iter().filter(|event| event.get("error").is_none() || event.get("type").is_some()) {
        let errors: Vec<String> = validator.iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {event:#}");
    }
}

#[test]
fn what_chat_completions_sends_is_of_the_published_types() {
    let (Some(chunk), Some(whole)) = (schema("chat_completion_chunk"), schema("chat_completion")) else {
        return;
    };
    for made in kinds() {
        let streamed = events(Protocol::OpenAiChat, made.clone(), |body| {
            body["stream_options"] = json!({ "include_usage": true });
        });
        all_valid(&chunk, &streamed);
        if matches!(made.ending, Ending::Overloaded | Ending::RateLimited) {
            continue;
        }
        let mut body = sound(Protocol::OpenAiChat);
        body["stream"] = json!(false);
        let vendor = vendor(Protocol::OpenAiChat, Mind::always(made));
        let (_, text) = asked(&vendor, &request(Protocol::OpenAiChat, &body));
        all_valid(&whole, &[serde_json::from_str(&text).unwrap()]);
    }
    let mut wrong = events(Protocol::OpenAiChat, Made::says("Hi."), |_| {});
    wrong[0]["made_up"] = json!(1);
    assert!(!chunk.is_valid(&wrong[0]), "a field of our own invention would be found");
}

#[test]
fn what_responses_sends_is_of_the_published_types() {
    let Some(validator) = schema("response_stream_event") else { return };
    for made in kinds() {
        let sent = events(Protocol::OpenAiResponses, made, |_| {});
        all_valid(&validator, &sent);
        let numbers: Vec<u64> = sent.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn failures_by_order_have_the_vendors_shape() {
    for protocol in Protocol::ALL {
        let vendor = vendor(protocol, Mind::default());
        for (failure, statuses) in [
            (Failure::Unauthorized, &[401][..]),
            (Failure::RateLimited(Some(std::time::Duration::from_secs(3))), &[429]),
            (Failure::NoCredit, &[400, 402, 403, 429]),
            (Failure::Server(503), &[503]),
        ] {
            let answer = http(vendor.failure(failure));
            assert!(statuses.contains(&answer.status), "{protocol:?} {failure:?}: {}", answer.status);
            let limited = matches!(failure, Failure::RateLimited(_));
            assert_eq!(answer.headers.contains(&("retry-after".to_owned(), "3".to_owned())), limited);
            assert!(serde_json::from_slice::<Value>(&answer.pieces[0].bytes).unwrap().is_object());
        }
    }
}
