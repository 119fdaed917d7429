//! The session's configuration: one unknown field, and the whole update is refused.

use serde_json::{Map, Value, json};

use super::ear::{Detection, Format};
use super::events::Refusal;

const VOICES: [&str; 10] =
    ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

/// What is in force.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    session: Map<String, Value>,
    /// The last update that was accepted had no telephone audio in it.
    model: String,
}

type Checked = Result<(), Refusal>;

impl Configuration {
    /// As it is before the first update: 24 kHz PCM, and defaults that differ by model.
    pub(super) fn new(id: &str, model: &str, expires_at: i64) -> Self {
        let session = json!({
            "type": "realtime", "object": "realtime.session", "id": id, "model": model,
            "output_modalities": ["audio"],
            "instructions": "You are a helpful, witty, and friendly AI.",
            "tools": [], "tool_choice": "auto", "max_output_tokens": "inf", "tracing": null,
            "truncation": "auto", "prompt": null, "expires_at": expires_at, "include": null,
            "audio": {
                "input": {
                    "format": { "type": "audio/pcm", "rate": 24_000 },
                    "transcription": null, "noise_reduction": null,
                    "turn_detection": server_vad(&Map::new()),
                },
                "output": { "format": { "type": "audio/pcm", "rate": 24_000 }, "voice": "alloy", "speed": 1.0 },
            },
        });
        let Value::Object(session) = session else { unreachable!("an object was written") };
        Self { session, model: model.to_owned() }
    }

    /// The full effective configuration, as `session.created` and `session.updated` tell it.
    pub(super) fn session(&self) -> Value {
        Value::Object(self.session.clone())
    }

    /// Carries out an update, all of it or nothing.
    pub(super) fn update(&mut self, update: &Value, voice_is_locked: bool) -> Checked {
        let Value::Object(update) = update else { return Err(Refusal::missing("session")) };
        check_session(update, &self.model)?;
        let output = |session: &Map<String, Value>| {
            session
                .get("audio")
                .and_then(|audio| audio.get("output"))
                .and_then(|output| output.get("voice"))
                .cloned()
        };
        if let Some(voice) = output(update)
            && voice_is_locked
            && Some(&voice) != output(&self.session).as_ref()
        {
            let message = "Cannot update a conversation's voice if assistant audio is present.";
            return Err(Refusal::new("cannot_update_voice", message).of("session.audio.output.voice"));
        }
        for (name, value) in update {
            if name == "audio" {
                self.update_audio(value);
            } else {
                self.session.insert(name.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn update_audio(&mut self, update: &Value) {
        for direction in ["input", "output"] {
            let Some(Value::Object(parts)) = update.get(direction) else { continue };
            for (name, value) in parts {
                let value = match (name.as_str(), value) {
                    ("turn_detection", Value::Object(detection)) if detection["type"] == "server_vad" => {
                        server_vad(detection)
                    }
                    ("turn_detection", Value::Object(detection)) => semantic_vad(detection),
                    ("transcription", Value::Object(transcription)) => {
                        let mut all = json!({ "model": null, "language": null, "prompt": null });
                        merge(&mut all, transcription);
                        all
                    }
                    _ => value.clone(),
                };
                if let Some(Value::Object(effective)) =
                    self.session.get_mut("audio").and_then(|audio| audio.get_mut(direction))
                {
                    effective.insert(name.clone(), value);
                }
            }
        }
    }

    fn input(&self, name: &str) -> &Value {
        &self.session["audio"]["input"][name]
    }

    pub(super) fn hears(&self) -> Format {
        format_of(&self.input("format")["type"])
    }

    pub(super) fn speaks(&self) -> Format {
        format_of(&self.session["audio"]["output"]["format"]["type"])
    }

    pub(super) fn detection(&self) -> Option<Detection> {
        let detection = self.input("turn_detection");
        let number = |name: &str, default: f64| detection[name].as_f64().unwrap_or(default);
        detection.is_object().then(|| Detection {
            threshold: number("threshold", 0.5),
            prefix_ms: number("prefix_padding_ms", 300.0) as u64,
            silence_ms: number("silence_duration_ms", 500.0) as u64,
        })
    }

    pub(super) fn answers_by_itself(&self) -> bool {
        self.input("turn_detection")["create_response"] == true
    }

    pub(super) fn interrupts_itself(&self) -> bool {
        self.input("turn_detection")["interrupt_response"] == true
    }

    pub(super) fn transcribes(&self) -> bool {
        self.input("transcription").is_object()
    }

    pub(super) fn instructions(&self) -> &str {
        self.session["instructions"].as_str().unwrap_or_default()
    }

    /// What an answer's own description says of the output.
    pub(super) fn output(&self) -> Value {
        json!({ "output": { "format": self.session["audio"]["output"]["format"], "voice": self.session["audio"]["output"]["voice"] } })
    }

    pub(super) fn max_output_tokens(&self) -> &Value {
        &self.session["max_output_tokens"]
    }
}

fn merge(all: &mut Value, parts: &Map<String, Value>) {
    for (name, value) in parts {
        all[name] = value.clone();
    }
}

fn server_vad(parts: &Map<String, Value>) -> Value {
    // 200 ms is what was captured of gpt-realtime; its documentation says 500.
    let mut all = json!({
        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
        "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
    });
    merge(&mut all, parts);
    all
}

fn semantic_vad(parts: &Map<String, Value>) -> Value {
    let mut all = json!({
        "type": "semantic_vad", "eagerness": "auto", "create_response": true, "interrupt_response": true,
    });
    merge(&mut all, parts);
    all
}

fn format_of(kind: &Value) -> Format {
    match kind.as_str() {
        Some("audio/pcmu") => Format::MuLaw,
        Some("audio/pcma") => Format::ALaw,
        _ => Format::Pcm,
    }
}

/// No other fields than these.
pub(super) fn only(object: &Map<String, Value>, path: &str, known: &[&str]) -> Checked {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) if path.is_empty() => Err(Refusal::unknown(name)),
        Some(name) => Err(Refusal::unknown(&format!("{path}.{name}"))),
    }
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::invalid(path, "expected an object"))
}

fn one_of(value: &Value, path: &str, known: &[&str]) -> Checked {
    match value.as_str() {
        Some(text) if known.contains(&text) => Ok(()),
        _ => Err(Refusal::invalid(path, &format!("supported values are {}", known.join(", ")))),
    }
}

fn within(value: &Value, path: &str, least: f64, most: f64) -> Checked {
    match value.as_f64() {
        Some(number) if (least..=most).contains(&number) => Ok(()),
        _ => Err(Refusal::invalid(path, &format!("expected a number from {least} to {most}"))),
    }
}

fn check_session(session: &Map<String, Value>, model: &str) -> Checked {
    let mut known = vec![
        "type",
        "model",
        "instructions",
        "output_modalities",
        "audio",
        "max_output_tokens",
        "tools",
        "tool_choice",
        "tracing",
        "truncation",
        "include",
        "prompt",
    ];
    if model.starts_with("gpt-realtime-2") {
        known.extend(["parallel_tool_calls", "reasoning"]);
    }
    only(session, "session", &known)?;
    match session.get("type") {
        None => return Err(Refusal::missing("session.type")),
        Some(kind) => one_of(kind, "session.type", &["realtime"])?,
    }
    for (name, value) in session {
        let path = format!("session.{name}");
        match name.as_str() {
            "instructions" if !value.is_string() => return Err(Refusal::invalid(&path, "expected a string")),
            "output_modalities" if *value != json!(["audio"]) && *value != json!(["text"]) => {
                return Err(Refusal::invalid(&path, "supported values are ['audio'] and ['text']"));
            }
            "max_output_tokens" if value != "inf" => within(value, &path, 1.0, 4_096.0)?,
            "tools" => check_tools(value, &path)?,
            "tool_choice" if value.is_string() => one_of(value, &path, &["auto", "none", "required"])?,
            "audio" => check_audio(object(value, &path)?)?,
            "truncation" => check_truncation(value, &path)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_truncation(value: &Value, path: &str) -> Checked {
    let Value::Object(parts) = value else { return one_of(value, path, &["auto", "disabled"]) };
    only(parts, path, &["type", "retention_ratio", "token_limits"])?;
    one_of(parts.get("type").unwrap_or(&Value::Null), &format!("{path}.type"), &["retention_ratio"])?;
    within(parts.get("retention_ratio").unwrap_or(&Value::Null), &format!("{path}.retention_ratio"), 0.0, 1.0)
}

fn check_tools(tools: &Value, path: &str) -> Checked {
    let Some(tools) = tools.as_array() else { return Err(Refusal::invalid(path, "expected an array")) };
    for (number, tool) in tools.iter().enumerate() {
        let path = format!("{path}[{number}]");
        let tool = object(tool, &path)?;
        // The flat shape; nested in "function" is the Chat Completions API's.
        only(tool, &path, &["type", "name", "description", "parameters"])?;
        one_of(tool.get("type").unwrap_or(&Value::Null), &format!("{path}.type"), &["function"])?;
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(Refusal::invalid(
                &format!("{path}.name"),
                "expected a string that matches '^[a-zA-Z0-9_-]+$'",
            ));
        }
        if let Some(parameters) = tool.get("parameters")
            && parameters["type"] != "object"
        {
            return Err(Refusal::new(
                "invalid_function_parameters",
                format!("Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."),
            )
            .of(&format!("{path}.parameters")));
        }
    }
    Ok(())
}

fn check_audio(audio: &Map<String, Value>) -> Checked {
    only(audio, "session.audio", &["input", "output"])?;
    if let Some(input) = audio.get("input") {
        let path = "session.audio.input";
        let input = object(input, path)?;
        only(input, path, &["format", "noise_reduction", "transcription", "turn_detection"])?;
        for (name, value) in input.iter().filter(|(_, value)| !value.is_null()) {
            let path = format!("{path}.{name}");
            match name.as_str() {
                "format" => check_format(value, &path)?,
                "noise_reduction" => {
                    let parts = object(value, &path)?;
                    only(parts, &path, &["type", "strength"])?;
                    one_of(&value["type"], &format!("{path}.type"), &["near_field", "far_field"])?;
                }
                "transcription" => check_transcription(object(value, &path)?, &path)?,
                _ => check_detection(object(value, &path)?, &path)?,
            }
        }
    }
    if let Some(output) = audio.get("output") {
        let path = "session.audio.output";
        let output = object(output, path)?;
        only(output, path, &["format", "voice", "speed"])?;
        for (name, value) in output {
            let path = format!("{path}.{name}");
            match name.as_str() {
                "format" => check_format(value, &path)?,
                "voice" if value.is_string() => one_of(value, &path, &VOICES)?,
                "voice" => only(object(value, &path)?, &path, &["id"])?,
                _ => within(value, &path, 0.25, 1.5)?,
            }
        }
    }
    Ok(())
}

fn check_format(format: &Value, path: &str) -> Checked {
    let parts = object(format, path)?;
    one_of(&format["type"], &format!("{path}.type"), &["audio/pcm", "audio/pcmu", "audio/pcma"])?;
    // The G.711 formats have no rate: naming one is an unknown field.
    let known: &[&str] = if format["type"] == "audio/pcm" { &["type", "rate"] } else { &["type"] };
    only(parts, path, known)?;
    match parts.get("rate") {
        Some(rate) if *rate != json!(24_000) => {
            Err(Refusal::invalid(&format!("{path}.rate"), "must be 24000"))
        }
        _ => Ok(()),
    }
}

fn check_transcription(parts: &Map<String, Value>, path: &str) -> Checked {
    only(parts, path, &["model", "language", "languages", "keywords", "prompt", "delay"])?;
    let Some(model) = parts.get("model").and_then(Value::as_str) else {
        return Err(Refusal::missing(&format!("{path}.model")));
    };
    let for_models = |name: &str, fits: bool| {
        if parts.contains_key(name) && !fits {
            let path = format!("{path}.{name}");
            return Err(Refusal::invalid(&path, &format!("not supported with model '{model}'")));
        }
        Ok(())
    };
    let several = matches!(model, "gpt-transcribe" | "gpt-live-transcribe");
    for_models("languages", several)?;
    for_models("keywords", several)?;
    for_models("delay", model == "gpt-realtime-whisper")?;
    for_models("prompt", model != "gpt-realtime-whisper")?;
    match parts.get("language").and_then(Value::as_str) {
        Some(language) if language.len() != 2 || !language.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            Err(Refusal::invalid(&format!("{path}.language"), "expected an ISO-639-1 code"))
        }
        _ => Ok(()),
    }
}

fn check_detection(parts: &Map<String, Value>, path: &str) -> Checked {
    let kind = parts.get("type").unwrap_or(&Value::Null);
    one_of(kind, &format!("{path}.type"), &["server_vad", "semantic_vad"])?;
    if kind == "semantic_vad" {
        only(parts, path, &["type", "eagerness", "create_response", "interrupt_response"])?;
        let eagerness = parts.get("eagerness");
        return eagerness.map_or(Ok(()), |value| {
            one_of(value, &format!("{path}.eagerness"), &["low", "medium", "high", "auto"])
        });
    }
    let known = [
        "type",
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "create_response",
        "interrupt_response",
        "idle_timeout_ms",
    ];
    only(parts, path, &known)?;
    for (name, value) in parts {
        let path = format!("{path}.{name}");
        match name.as_str() {
            "threshold" => within(value, &path, 0.0, 1.0)?,
            "prefix_padding_ms" | "silence_duration_ms" => within(value, &path, 0.0, 60_000.0)?,
            "idle_timeout_ms" if !value.is_null() => within(value, &path, 5_000.0, 30_000.0)?,
            "create_response" | "interrupt_response" if !value.is_boolean() => {
                return Err(Refusal::invalid(&path, "expected a boolean"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(update: &Value) -> String {
        let mut configuration = Configuration::new("sess_1", "gpt-realtime-2.1-mini", 0);
        let before = configuration.session();
        let refusal = configuration.update(update, false).expect_err("the update is refused");
        assert_eq!(configuration.session(), before, "a refused update changes nothing");
        format!("{} {}", refusal.code, refusal.param.unwrap_or_default())
    }

    #[test]
    fn what_the_real_endpoint_refuses_is_refused_whole() {
        for (session, expect) in [
            (json!({}), "missing_required_parameter session.type"),
            (json!({ "type": "realtime", "temperature": 0.8 }), "unknown_parameter session.temperature"),
            (json!({ "type": "realtime", "voice": "marin" }), "unknown_parameter session.voice"),
            (
                json!({ "type": "realtime", "instructions": "x", "modalities": ["text"] }),
                "unknown_parameter session.modalities",
            ),
            (
                json!({ "type": "realtime", "output_modalities": ["text", "audio"] }),
                "invalid_value session.output_modalities",
            ),
            (
                json!({ "type": "realtime", "audio": { "input": { "format": { "type": "audio/pcmu", "rate": 8000 } } } }),
                "unknown_parameter session.audio.input.format.rate",
            ),
            (
                json!({ "type": "realtime", "audio": { "input": { "transcription": { "model": "gpt-realtime-whisper", "language": "auto" } } } }),
                "invalid_value session.audio.input.transcription.language",
            ),
            (
                json!({ "type": "realtime", "audio": { "input": { "turn_detection": { "type": "server_vad", "eagerness": "low" } } } }),
                "unknown_parameter session.audio.input.turn_detection.eagerness",
            ),
            (
                json!({ "type": "realtime", "tools": [{ "type": "function", "function": { "name": "x" } }] }),
                "unknown_parameter session.tools[0].function",
            ),
            (
                json!({ "type": "realtime", "tools": [{ "type": "function", "name": "save.it" }] }),
                "invalid_value session.tools[0].name",
            ),
            (
                json!({ "type": "realtime", "audio": { "output": { "voice": "nova" } } }),
                "invalid_value session.audio.output.voice",
            ),
            (
                json!({ "type": "realtime", "max_output_tokens": 5000 }),
                "invalid_value session.max_output_tokens",
            ),
        ] {
            assert_eq!(refused(&session), expect, "{session}");
        }
    }

    #[test]
    fn an_update_gives_the_whole_effective_configuration() {
        let mut configuration = Configuration::new("sess_1", "gpt-realtime-2.1-mini", 7);
        let update = json!({
            "type": "realtime", "instructions": "Be brief.",
            "audio": {
                "input": {
                    "format": { "type": "audio/pcmu" },
                    "turn_detection": { "type": "server_vad", "silence_duration_ms": 500, "create_response": false },
                },
                "output": { "format": { "type": "audio/pcmu" }, "voice": "marin" },
            },
        });
        configuration.update(&update, false).expect("accepted");
        assert_eq!(configuration.hears(), Format::MuLaw);
        assert_eq!(configuration.speaks(), Format::MuLaw);
        assert_eq!(configuration.detection().map(|one| (one.prefix_ms, one.silence_ms)), Some((300, 500)));
        assert!(!configuration.answers_by_itself() && configuration.interrupts_itself());
        let session = configuration.session();
        assert_eq!((&session["expires_at"], &session["audio"]["output"]["speed"]), (&json!(7), &json!(1.0)));
    }

    #[test]
    fn the_voice_is_locked_once_it_was_heard() {
        let mut configuration = Configuration::new("sess_1", "gpt-realtime-2.1-mini", 0);
        let update = |voice: &str| json!({ "type": "realtime", "audio": { "output": { "voice": voice } } });
        configuration.update(&update("cedar"), false).expect("not locked yet");
        configuration.update(&update("cedar"), true).expect("the same voice");
        let refusal = configuration.update(&update("marin"), true).expect_err("locked");
        assert_eq!(refusal.code, "cannot_update_voice");
    }
}
