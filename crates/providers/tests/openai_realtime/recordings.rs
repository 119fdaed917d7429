//! Sessions with the vendor that were recorded, and what is expected of their frames.

use std::fs;

use provider_traits::realtime::{Earlier, RealtimeInput, RealtimeOutput, ResponseStatus};
use providers::openai::realtime::reading;
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use crate::contracts;

/// One frame of a recording.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) sent_by_client: bool,
    pub(crate) event: Value,
}

/// A recorded session.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) frames: Vec<Frame>,
}

/// Every recording; `None` where they may be missing.
pub(crate) fn all() -> Option<Vec<Recording>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(contracts::folder()?.join("recordings")).unwrap() {
        let path = entry.unwrap().path();
        let documents = YamlLoader::load_from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let interactions = documents[0]["interactions"].as_vec().unwrap();
        if interactions.iter().any(|one| one["direction"].is_badvalue()) {
            // Two are of the requests that begin a WebRTC call, which are none of a socket.
            continue;
        }
        let frames = interactions
            .iter()
            .map(|one| Frame {
                sent_by_client: one["direction"].as_str() == Some("sent"),
                event: as_json(&one["data"]),
            })
            .collect();
        found.push(Recording { name: path.file_stem().unwrap().to_string_lossy().into_owned(), frames });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(found.len() >= 14, "there are only {} recordings", found.len());
    Some(found)
}

fn as_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(text) => json!(text.parse::<f64>().unwrap()),
        Yaml::Integer(number) => json!(number),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(flag) => json!(flag),
        Yaml::Array(items) => items.iter().map(as_json).collect(),
        Yaml::Hash(members) => Value::Object(
            members.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), as_json(value))).collect(),
        ),
        Yaml::Null => Value::Null,
        Yaml::Alias(_) | Yaml::BadValue => panic!("{yaml:?} in a recording"),
    }
}

impl Frame {
    pub(crate) fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }

    /// What the client is told to send where the recorded one sent this frame; `None` for what ours never sends.
    pub(crate) fn input(&self) -> Option<RealtimeInput> {
        let event = &self.event;
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match self.kind() {
            "input_audio_buffer.append" => {
                Some(RealtimeInput::Audio(bytes::Bytes::from_static(&[0xFF; 160])))
            }
            "response.create" => Some(RealtimeInput::Respond { instructions: None }),
            "conversation.item.create" => Some(match event["item"]["type"].as_str().unwrap() {
                "function_call_output" => RealtimeInput::FunctionOutput {
                    call_id: text("/item/call_id"),
                    output: text("/item/output"),
                },
                _ if event["item"]["role"] == "assistant" => {
                    RealtimeInput::Earlier(Earlier::Agent(text("/item/content/0/text")))
                }
                _ => RealtimeInput::Earlier(Earlier::Caller(text("/item/content/0/text"))),
            }),
            "response.cancel" => Some(RealtimeInput::Cancel { response: text("/response_id") }),
            "conversation.item.truncate" => Some(RealtimeInput::Truncate {
                item: text("/item_id"),
                content_index: 0,
                audio_end_ms: u32::try_from(event["audio_end_ms"].as_u64().unwrap()).unwrap(),
            }),
            _ => None,
        }
    }

    /// What the frame should mean, in a line, read apart from the client's own reader.
    pub(crate) fn expected(&self) -> Vec<String> {
        let event = &self.event;
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let one = match self.kind() {
            "session.updated" => "ready".to_owned(),
            "input_audio_buffer.speech_started" => format!("speech started {}", text("/item_id")),
            "input_audio_buffer.speech_stopped" => format!("speech stopped {}", text("/item_id")),
            "input_audio_buffer.committed" => format!("committed {}", text("/item_id")),
            "conversation.item.input_audio_transcription.completed" => {
                let usage = &event["usage"];
                let seconds = usage["seconds"].as_f64().unwrap_or(0.0);
                let tokens = usage["total_tokens"].as_u64().unwrap_or(0);
                return vec![
                    format!("caller {} {}", text("/item_id"), text("/transcript")),
                    format!("transcription {seconds} s {tokens} tokens"),
                ];
            }
            "response.created" => format!("answer {}", text("/response/id")),
            "response.output_audio.delta" => {
                let length = base64_simd::STANDARD.decode_to_vec(text("/delta")).unwrap().len();
                format!("audio {} {} {length}", text("/response_id"), text("/item_id"))
            }
            "response.output_audio_transcript.delta" => {
                format!("agent {} {}", text("/item_id"), text("/delta"))
            }
            "response.output_item.done" if text("/item/type") == "function_call" => {
                format!(
                    "function {} {} {}",
                    text("/item/call_id"),
                    text("/item/name"),
                    text("/item/arguments")
                )
            }
            "response.done" => {
                let count = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
                let usage = "/response/usage";
                format!(
                    "done {} {} {} {} {} {}",
                    text("/response/id"),
                    text("/response/status"),
                    count(&format!("{usage}/input_token_details/text_tokens")),
                    count(&format!("{usage}/input_token_details/audio_tokens")),
                    count(&format!("{usage}/output_token_details/text_tokens")),
                    count(&format!("{usage}/output_token_details/audio_tokens")),
                )
            }
            "error" => format!("error {}", text("/error/code")),
            _ => return Vec::new(),
        };
        vec![one]
    }
}

/// The same line for what the client made of it.
pub(crate) fn line(output: &RealtimeOutput) -> String {
    match output {
        RealtimeOutput::Ready { .. } => "ready".to_owned(),
        RealtimeOutput::SpeechStarted { item } => format!("speech started {item}"),
        RealtimeOutput::SpeechStopped { item } => format!("speech stopped {item}"),
        RealtimeOutput::Committed { item } => format!("committed {item}"),
        RealtimeOutput::CallerWords { item, text } => format!("caller {item} {text}"),
        RealtimeOutput::TranscriptionUsage { seconds, tokens } => {
            format!("transcription {seconds} s {tokens} tokens")
        }
        RealtimeOutput::ResponseStarted { response } => format!("answer {response}"),
        RealtimeOutput::Audio { response, item, audio, .. } => {
            format!("audio {response} {item} {}", audio.len())
        }
        RealtimeOutput::AgentWords { item, text } => format!("agent {item} {text}"),
        RealtimeOutput::FunctionCall { call_id, name, arguments, .. } => {
            format!("function {call_id} {name} {arguments}")
        }
        RealtimeOutput::ResponseDone { response, status, usage } => {
            let status = match status {
                ResponseStatus::Completed => "completed",
                ResponseStatus::Cancelled => "cancelled",
                ResponseStatus::Incomplete { .. } => "incomplete",
                ResponseStatus::Failed(_) => "failed",
            };
            format!(
                "done {response} {status} {} {} {} {}",
                usage.input_text, usage.input_audio, usage.output_text, usage.output_audio
            )
        }
        RealtimeOutput::Error(error) => format!("error {}", error.code),
    }
}

#[test]
fn every_frame_of_real_sessions_is_read() {
    let Some(recordings) = all() else { return };
    let mut read = 0;
    for recording in recordings {
        for frame in recording.frames.iter().filter(|frame| !frame.sent_by_client) {
            let text = frame.event.to_string();
            assert!(reading::read(&text, 0).is_ok(), "{}: {text}", recording.name);
            read += 1;
        }
    }
    assert!(read > 300, "only {read} frames were there to be read");
}

proptest::proptest! {
    #[test]
    fn whatever_comes_is_read_without_a_panic(text in ".*") {
        let _ = reading::read(&text, 0);
        let _ = reading::transcription_usage(&text);
    }

    #[test]
    fn known_events_with_anything_in_them_are_read_without_a_panic(
        kind in proptest::sample::select(&[
            "response.output_audio.delta", "session.updated", "response.done", "response.created", "error",
            "response.output_item.done", "conversation.item.input_audio_transcription.completed",
        ][..]),
        field in proptest::sample::select(&[
            "delta", "session", "response", "item", "error", "usage", "item_id", "response_id", "content_index",
        ][..]),
        value in r#"(-?[0-9]{1,25}|"[^"\\]{0,12}"|null|\[\]|\{\}|\{"id":-?[0-9]{1,20}\}|\{"expires_at":-?[0-9]{1,19}\})"#,
        now in proptest::num::i64::ANY,
    ) {
        let text = format!(r#"{{"type":"{kind}","{field}":{value}}}"#);
        let _ = reading::read(&text, now);
        let _ = reading::transcription_usage(&text);
    }
}
