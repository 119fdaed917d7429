//! What we send is what the vendor's published types allow, and nothing beside it.

use std::path::PathBuf;

use bytes::Bytes;
use jsonschema::Validator;
use provider_traits::realtime::{Earlier, RealtimeConfig, RealtimeInput};
use providers::openai::realtime::sending::{session_update, write};
use serde_json::{Value, json};

use crate::endpoint::config;

/// The folder of the vendor's descriptions; `None`, with a word, where it may be missing.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
pub(crate) fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("CONTRACTS_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let folder = root.join("openai");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("CONTRACTS_REQUIRED").is_some();
    assert!(!required, "there is no folder {} (CONTRACTS_DIR)", folder.display());
    println!("skipped: there is no folder {} (CONTRACTS_DIR)", folder.display());
    None
}

/// A schema whose objects are closed: the published ones allow further fields, the vendor refuses them.
pub(crate) fn strict(name: &str) -> Option<Validator> {
    let text = std::fs::read_to_string(folder()?.join(name)).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    for definition in schema["$defs"].as_object_mut().unwrap().values_mut() {
        if definition.get("properties").is_some() {
            definition["additionalProperties"] = json!(false);
        }
    }
    Some(jsonschema::validator_for(&schema).unwrap())
}

fn inputs() -> Vec<RealtimeInput> {
    vec![
        RealtimeInput::Audio(Bytes::from_static(&[0xFF; 160])),
        RealtimeInput::Earlier(Earlier::Caller("I'd like a website".to_owned())),
        RealtimeInput::Earlier(Earlier::Agent("When do you need it?".to_owned())),
        RealtimeInput::Respond { instructions: None },
        RealtimeInput::Respond { instructions: Some("Greet with: hello".to_owned()) },
        RealtimeInput::Cancel { response: "resp_1".to_owned() },
        RealtimeInput::Truncate { item: "item_1".to_owned(), content_index: 0, audio_end_ms: 640 },
        RealtimeInput::Forget { item: "item_1".to_owned() },
        RealtimeInput::Probe,
        RealtimeInput::FunctionOutput { call_id: "call_1".to_owned(), output: "{\"ok\":true}".to_owned() },
    ]
}

fn written(input: &RealtimeInput) -> Value {
    let mut text = String::new();
    write(input, "e1", &mut text);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn everything_we_send_is_of_the_published_types() {
    let Some(validator) = strict("realtime_client_event.schema.json") else { return };
    for input in inputs() {
        let event = written(&input);
        assert!(validator.is_valid(&event), "{event}");
    }
}

#[test]
fn every_update_is_of_the_published_types() {
    let Some(validator) = strict("realtime_client_event.schema.json") else { return };
    let plain =
        RealtimeConfig { tools: Vec::new(), language: String::new(), voice: String::new(), ..config() };
    let own_voice = RealtimeConfig { voice: "voice_123".to_owned(), ..config() };
    for config in [config(), plain, own_voice] {
        for model in ["gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-1.5", "another"] {
            let update: Value = serde_json::from_str(&session_update(&config, model, "whisper")).unwrap();
            assert!(validator.is_valid(&update), "{update:#}");
        }
    }
}

#[test]
fn a_field_of_our_own_invention_would_be_found() {
    let Some(validator) = strict("realtime_client_event.schema.json") else { return };
    let mut update: Value = serde_json::from_str(&session_update(&config(), "m", "t")).unwrap();
    update["session"]["audio"]["input"]["format"]["rate"] = json!(8_000);
    assert!(!validator.is_valid(&update), "a rate of mu-law is refused by the vendor");
}

#[test]
fn nothing_is_left_to_a_default() {
    let update: Value =
        serde_json::from_str(&session_update(&config(), "gpt-realtime-2.1", "whisper")).unwrap();
    let session = &update["session"];
    for (pointer, expect) in [
        ("/type", json!("realtime")),
        ("/output_modalities", json!(["audio"])),
        ("/max_output_tokens", json!(1_024)),
        ("/tool_choice", json!("auto")),
        ("/tracing", Value::Null),
        ("/truncation/type", json!("retention_ratio")),
        ("/reasoning/effort", json!("low")),
        ("/parallel_tool_calls", json!(true)),
        ("/audio/input/format/type", json!("audio/pcmu")),
        ("/audio/input/noise_reduction", Value::Null),
        ("/audio/input/transcription/language", json!("en")),
        ("/audio/input/turn_detection/type", json!("server_vad")),
        ("/audio/input/turn_detection/threshold", json!(0.5)),
        ("/audio/input/turn_detection/prefix_padding_ms", json!(300)),
        ("/audio/input/turn_detection/silence_duration_ms", json!(500)),
        ("/audio/input/turn_detection/create_response", json!(false)),
        ("/audio/input/turn_detection/interrupt_response", json!(false)),
        ("/audio/input/turn_detection/idle_timeout_ms", Value::Null),
        ("/audio/output/format/type", json!("audio/pcmu")),
        ("/audio/output/speed", json!(1.0)),
    ] {
        assert_eq!(session.pointer(pointer), Some(&expect), "{pointer}");
    }
    let older: Value =
        serde_json::from_str(&session_update(&config(), "gpt-realtime-1.5", "whisper")).unwrap();
    assert!(older["session"].get("reasoning").is_none(), "older models refuse it");
}
