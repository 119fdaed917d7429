//! Client events of the Realtime API, as text frames.

use base64_simd::STANDARD;
use provider_traits::realtime::{Earlier, RealtimeConfig, RealtimeInput};
use serde_json::{Value, json};

/// The id of the update, by which its refusal is known: nothing works then.
pub(super) const SESSION_UPDATE: &str = "session_update";

/// Writes the first event: everything is said, so that a default which the vendor changes changes no call. An
/// unknown field would have the whole update refused.
#[must_use]
pub fn session_update(config: &RealtimeConfig, model: &str, transcriber: &str) -> String {
    let tools: Vec<Value> = config
        .tools
        .iter()
        .map(|tool| {
            json!({
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            })
        })
        .collect();
    let mut transcription = json!({ "model": transcriber });
    // Two letters, ISO 639-1; there is no "auto".
    if let Some(language) =
        config.language.get(..2).filter(|text| text.bytes().all(|b| b.is_ascii_lowercase()))
    {
        transcription["language"] = json!(language);
    }
    let mut output = json!({ "format": { "type": "audio/pcmu" }, "speed": 1.0 });
    if !config.voice.is_empty() {
        output["voice"] = match config.voice.strip_prefix("voice_") {
            // One that a customer had made.
            Some(_) => json!({ "id": config.voice }),
            None => json!(config.voice),
        };
    }
    let hearing = &config.hearing;
    let mut update = json!({
        "type": "session.update",
        "event_id": SESSION_UPDATE,
        "session": {
            "type": "realtime",
            "instructions": config.instructions,
            "output_modalities": ["audio"],
            "max_output_tokens": config.max_output_tokens,
            "tools": tools,
            "tool_choice": "auto",
            "tracing": null,
            "truncation": { "type": "retention_ratio", "retention_ratio": 0.8 },
            "audio": {
                "input": {
                    "format": { "type": "audio/pcmu" },
                    "noise_reduction": null,
                    "transcription": transcription,
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": hearing.threshold,
                        "prefix_padding_ms": hearing.prefix_ms,
                        "silence_duration_ms": hearing.silence_ms,
                        // One owner of answers: we ask for each of them.
                        "create_response": false,
                        "interrupt_response": hearing.interrupts_itself,
                        // Whether it is too quiet is decided by us.
                        "idle_timeout_ms": null,
                    },
                },
                "output": output,
            },
        },
    });
    // Models before these refuse the fields. A caller waits for every thought; several functions may run at once.
    if model.starts_with("gpt-realtime-2") {
        update["session"]["reasoning"] = json!({ "effort": "low" });
        update["session"]["parallel_tool_calls"] = json!(true);
    }
    update.to_string()
}

/// Writes an event into a buffer that is used again and again.
pub fn write(input: &RealtimeInput, event_id: &str, buffer: &mut String) {
    buffer.clear();
    let event = match input {
        // Fifty a second and call: written by hand, base64 needs no escaping.
        RealtimeInput::Audio(audio) => {
            buffer.push_str(r#"{"type":"input_audio_buffer.append","audio":""#);
            STANDARD.encode_append(audio, buffer);
            buffer.push_str(r#""}"#);
            return;
        }
        RealtimeInput::Earlier(Earlier::Caller(text)) => json!({
            "type": "conversation.item.create", "event_id": event_id,
            "item": { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] },
        }),
        RealtimeInput::Earlier(Earlier::Agent(text)) => json!({
            "type": "conversation.item.create", "event_id": event_id,
            "item": { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": text }] },
        }),
        RealtimeInput::Respond { instructions: None } => {
            json!({ "type": "response.create", "event_id": event_id })
        }
        RealtimeInput::Respond { instructions: Some(text) } => json!({
            "type": "response.create", "event_id": event_id, "response": { "instructions": text },
        }),
        RealtimeInput::Cancel { response } => {
            json!({ "type": "response.cancel", "event_id": event_id, "response_id": response })
        }
        RealtimeInput::Truncate { item, content_index, audio_end_ms } => json!({
            "type": "conversation.item.truncate", "event_id": event_id,
            "item_id": item, "content_index": content_index, "audio_end_ms": audio_end_ms,
        }),
        RealtimeInput::Forget { item } => {
            json!({ "type": "conversation.item.delete", "event_id": event_id, "item_id": item })
        }
        // An update that updates nothing is answered with the configuration in force.
        RealtimeInput::Probe => {
            json!({ "type": "session.update", "event_id": event_id, "session": { "type": "realtime" } })
        }
        RealtimeInput::FunctionOutput { call_id, output } => json!({
            "type": "conversation.item.create", "event_id": event_id,
            "item": { "type": "function_call_output", "call_id": call_id, "output": output },
        }),
    };
    buffer.push_str(&event.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn audio_is_appended_without_being_touched() {
        let mut buffer = "left over".to_owned();
        write(&RealtimeInput::Audio(Bytes::from_static(&[0xFF; 3])), "e1", &mut buffer);
        let event: Value = serde_json::from_str(&buffer).expect("JSON");
        assert_eq!(event, json!({ "type": "input_audio_buffer.append", "audio": "////" }));
    }

    #[test]
    fn words_are_escaped() {
        let mut buffer = String::new();
        let words = "he said \"yes\"\n{}";
        write(&RealtimeInput::Earlier(Earlier::Caller(words.to_owned())), "e1", &mut buffer);
        let event: Value = serde_json::from_str(&buffer).expect("JSON");
        assert_eq!(event["item"]["content"][0]["text"], words);
    }
}
