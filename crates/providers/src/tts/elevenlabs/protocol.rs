//! What is said on a multi-context socket, and what is heard. Pure.

use base64_simd::STANDARD;
use provider_traits::error::ProviderError;
use serde::{Deserialize, Serialize};

use super::{VENDOR, VoiceSettings};

#[derive(Serialize)]
struct Begin<'a> {
    /// A single blank: the context's first message.
    text: &'a str,
    context_id: &'a str,
    #[serde(skip_serializing_if = "VoiceSettings::is_empty")]
    voice_settings: VoiceSettings,
}

#[derive(Serialize)]
struct Say<'a> {
    text: &'a str,
    context_id: &'a str,
    flush: bool,
}

#[derive(Serialize)]
struct End<'a> {
    context_id: &'a str,
    close_context: bool,
}

/// The messages that speak a sentence in a context of its own. The voice's settings are in the first alone: repeated
/// ones close the socket (1008). The context is closed at once: what was flushed is still spoken, the vendor then says
/// that it was the last, and nothing stays open when the listener goes.
pub(super) fn sentence(context: &str, text: &str, settings: VoiceSettings) -> [String; 3] {
    let begin = Begin { text: " ", context_id: context, voice_settings: settings };
    // The vendor wants a blank at the end of what is complete.
    let text = format!("{} ", text.trim_end());
    let say = Say { text: &text, context_id: context, flush: true };
    let end = End { context_id: context, close_context: true };
    [json(&begin), json(&say), json(&end)]
}

/// The farewell.
pub(super) fn farewell() -> String {
    r#"{"close_socket":true}"#.to_owned()
}

fn json<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("plain structs of text")
}

/// What the vendor said.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// Audio and the end of a context may come in one message. `None`: it did not say which context.
    Context { context: Option<String>, audio: Vec<u8>, is_final: bool },
    /// The socket is of no use any more.
    Error(ProviderError),
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    audio: Option<String>,
    // Both spellings are in the vendor's descriptions, for the same.
    #[serde(default, rename = "isFinal")]
    is_final: Option<bool>,
    #[serde(default, rename = "is_final")]
    is_final_too: Option<bool>,
    #[serde(default, rename = "contextId")]
    context: Option<String>,
    #[serde(default, rename = "context_id")]
    context_too: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Reads a message.
///
/// # Errors
/// When it is none of the protocol's.
pub(super) fn read(text: &str) -> Result<Heard, String> {
    let message: Message =
        serde_json::from_str(text).map_err(|error| format!("column {}", error.column()))?;
    if let Some(code) = message.error {
        return Ok(Heard::Error(meaning(&code)));
    }
    let audio = message.audio.filter(|audio| !audio.is_empty()).map(|audio| {
        STANDARD.decode_to_vec(audio.as_bytes()).map_err(|_error| "audio that is no base64".to_owned())
    });
    Ok(Heard::Context {
        context: message.context.or(message.context_too),
        audio: audio.transpose()?.unwrap_or_default(),
        is_final: message.is_final.or(message.is_final_too).unwrap_or(false),
    })
}

/// What an error's name means. Its message is left out: it may repeat the text.
fn meaning(code: &str) -> ProviderError {
    let is_word = code.len() <= 60 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let said = if is_word { code } else { "an error" };
    let status = match said {
        "quota_exceeded"
        | "invalid_api_key"
        | "missing_permissions"
        | "unaccepted_terms"
        | "auth_error"
        | "authorization_required"
        | "payment_required" => 401,
        "rate_limit_exceeded"
        | "concurrent_limit_exceeded"
        | "too_many_concurrent_requests"
        | "system_busy"
        | "rate_limited" => 429,
        "max_character_limit_exceeded" | "input_error" => 400,
        code if code.starts_with("voice_") || code.contains("model") => 404,
        _ => return VENDOR.unavailable(said),
    };
    match VENDOR.meaning(status, None, Some(said)) {
        ProviderError::Refused { reason, .. } => VENDOR.refused(without_status(&reason, status)),
        ProviderError::Invalid { reason, .. } => VENDOR.invalid(without_status(&reason, status)),
        other => other,
    }
}

/// Sockets have none; it only led to the meaning.
fn without_status(reason: &str, status: u16) -> String {
    reason.replacen(&format!("HTTP {status} "), "", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_only_in_the_first_message() {
        let settings = VoiceSettings { stability: Some(0.5), ..VoiceSettings::default() };
        let [begin, say, end] = sentence("c1", "Hello there.", settings);
        assert_eq!(begin, r#"{"text":" ","context_id":"c1","voice_settings":{"stability":0.5}}"#);
        assert_eq!(say, r#"{"text":"Hello there. ","context_id":"c1","flush":true}"#);
        assert_eq!(end, r#"{"context_id":"c1","close_context":true}"#);
    }

    #[test]
    fn both_spellings_of_the_vendor_are_understood() {
        for text in [
            r#"{"audio":"/w==","contextId":"c1","is_final":true,"alignment":null}"#,
            r#"{"audio":"/w==","context_id":"c1","isFinal":true,"unknown":1}"#,
        ] {
            let expect = Heard::Context { context: Some("c1".into()), audio: vec![0xFF], is_final: true };
            assert_eq!(read(text), Ok(expect));
        }
        assert!(read(r#"{"audio":"%%%"}"#).is_err());
        assert!(read("no json").is_err());
    }

    #[test]
    fn an_error_tells_what_can_be_done_about_it() {
        for (code, expect) in [
            ("quota_exceeded", "elevenlabs refused the request: quota_exceeded"),
            ("concurrent_limit_exceeded", "elevenlabs is over its rate limit"),
            ("voice_not_found", "elevenlabs can't do this: voice_not_found"),
            ("internal", "elevenlabs is unavailable: internal"),
            ("it said: hello Mr. Smith", "elevenlabs is unavailable: an error"),
        ] {
            assert_eq!(meaning(code).to_string(), expect);
        }
        assert!(meaning("model_not_found").to_string().ends_with("elevenlabs.tts_model"));
    }
}
