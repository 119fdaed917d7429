//! Server events of the Realtime API. Unknown types and fields are passed over: the vendor adds some now and then.

use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use domain::call_log::ModelTokens;
use provider_traits::realtime::{ErrorClass, RealtimeError, RealtimeOutput, ResponseStatus};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sending::SESSION_UPDATE;

/// What came.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// An event that concerns a call.
    Event(RealtimeOutput),
    /// The session exists; the configuration may be sent.
    Created,
    /// An event that concerns nobody, or of a type that is not known.
    Nothing,
}

/// A frame that is no event. The call survives a few of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Garbage {
    /// Not JSON, or without a type.
    #[error("not an event")]
    NotAnEvent,
    /// A known event with a field missing or of another kind.
    #[error("a field is missing or of another kind")]
    BadField,
    /// The audio is not base64.
    #[error("the audio is not base64")]
    BadAudio,
}

/// Only what is needed, borrowed from the frame where it can be: audio frames are most of the traffic.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    response_id: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    item_id: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    content_index: Option<u32>,
    #[serde(borrow, default)]
    transcript: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Reads a text frame. `now_unix_s` turns the session's end into a duration.
///
/// # Errors
/// [`Garbage`] when it is none of the protocol's.
pub fn read(frame: &str, now_unix_s: i64) -> Result<Read, Garbage> {
    let frame: Frame<'_> = serde_json::from_str(frame).map_err(|_| Garbage::NotAnEvent)?;
    let item = || frame.item_id.as_deref().map(str::to_owned).ok_or(Garbage::BadField);
    let response = || frame.response_id.as_deref().map(str::to_owned).ok_or(Garbage::BadField);
    let delta = || frame.delta.as_deref().ok_or(Garbage::BadField);
    let event = match &*frame.kind {
        "response.output_audio.delta" => {
            let audio = STANDARD.decode_to_vec(delta()?).map_err(|_| Garbage::BadAudio)?;
            RealtimeOutput::Audio {
                response: response()?,
                item: item()?,
                content_index: frame.content_index.unwrap_or(0),
                audio: Bytes::from(audio),
            }
        }
        "response.output_audio_transcript.delta" => {
            RealtimeOutput::AgentWords { item: item()?, text: delta()?.to_owned() }
        }
        "session.created" => return Ok(Read::Created),
        "session.updated" => {
            let session: Session = part(frame.session)?;
            let left = session.expires_at.map(|at| at.saturating_sub(now_unix_s).max(0));
            RealtimeOutput::Ready {
                expires_in: left.and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs),
            }
        }
        "input_audio_buffer.speech_started" => RealtimeOutput::SpeechStarted { item: item()? },
        "input_audio_buffer.speech_stopped" => RealtimeOutput::SpeechStopped { item: item()? },
        "input_audio_buffer.committed" => RealtimeOutput::Committed { item: item()? },
        "conversation.item.input_audio_transcription.completed" => {
            let text = frame.transcript.as_deref().ok_or(Garbage::BadField)?.to_owned();
            RealtimeOutput::CallerWords { item: item()?, text }
        }
        // Nothing was understood: nobody waits for words that don't come.
        "conversation.item.input_audio_transcription.failed" => {
            RealtimeOutput::CallerWords { item: item()?, text: String::new() }
        }
        "response.created" => {
            let response: Response<'_> = part(frame.response)?;
            RealtimeOutput::ResponseStarted { response: response.id.into_owned() }
        }
        "response.output_item.done" => {
            let item: Item<'_> = part(frame.item)?;
            // A call of an answer that was cut short is not to be carried out.
            if item.kind != "function_call" || item.status.as_deref() != Some("completed") {
                return Ok(Read::Nothing);
            }
            RealtimeOutput::FunctionCall {
                response: response()?,
                call_id: item.call_id.ok_or(Garbage::BadField)?.into_owned(),
                name: item.name.ok_or(Garbage::BadField)?.into_owned(),
                arguments: item.arguments.unwrap_or_default().into_owned(),
            }
        }
        "response.done" => {
            let response: Response<'_> = part(frame.response)?;
            RealtimeOutput::ResponseDone {
                status: response.outcome(),
                usage: response.usage.map(ModelTokens::from).unwrap_or_default(),
                response: response.id.into_owned(),
            }
        }
        "error" => RealtimeOutput::Error(part::<VendorError<'_>>(frame.error)?.into()),
        _ => return Ok(Read::Nothing),
    };
    Ok(Read::Event(event))
}

/// What the transcription of the caller's words cost, when the frame tells.
#[must_use]
pub fn transcription_usage(frame: &str) -> Option<RealtimeOutput> {
    let frame: Frame<'_> = serde_json::from_str(frame).ok()?;
    if frame.kind != "conversation.item.input_audio_transcription.completed" {
        return None;
    }
    let usage: TranscriptionUsage = part(frame.usage).ok()?;
    Some(RealtimeOutput::TranscriptionUsage {
        seconds: usage.seconds.unwrap_or(0.0),
        tokens: usage.total_tokens.unwrap_or(0),
    })
}

fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<T, Garbage> {
    serde_json::from_str(raw.ok_or(Garbage::BadField)?.get()).map_err(|_| Garbage::BadField)
}

#[derive(Deserialize)]
struct Session {
    #[serde(default)]
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    status: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    call_id: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    status: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    status_details: Option<StatusDetails<'a>>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct StatusDetails<'a> {
    #[serde(borrow, default)]
    reason: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<VendorError<'a>>,
}

impl Response<'_> {
    fn outcome(&self) -> ResponseStatus {
        let details = self.status_details.as_ref();
        match self.status.as_deref() {
            Some("cancelled") => ResponseStatus::Cancelled,
            Some("incomplete") => ResponseStatus::Incomplete {
                reason: details.and_then(|d| d.reason.as_deref()).unwrap_or("unknown").to_owned(),
            },
            Some("failed") => {
                let error = details.and_then(|d| d.error.as_ref());
                ResponseStatus::Failed(error.map_or_else(unexplained, RealtimeError::from))
            }
            _ => ResponseStatus::Completed,
        }
    }
}

fn unexplained() -> RealtimeError {
    RealtimeError {
        class: ErrorClass::Unknown,
        code: "unknown".to_owned(),
        message: "the answer failed without a reason".to_owned(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_token_details: Option<InputTokens>,
    output_token_details: Option<OutputTokens>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputTokens {
    text_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    cached_tokens_details: Option<OutputTokens>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputTokens {
    text_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

impl From<Usage> for ModelTokens {
    fn from(usage: Usage) -> Self {
        let input = usage.input_token_details.unwrap_or_default();
        let cached = input.cached_tokens_details.unwrap_or_default();
        let output = usage.output_token_details.unwrap_or_default();
        Self {
            input_text: input.text_tokens.unwrap_or(0),
            input_audio: input.audio_tokens.unwrap_or(0),
            cached_text: cached.text_tokens.unwrap_or(0),
            cached_audio: cached.audio_tokens.unwrap_or(0),
            output_text: output.text_tokens.unwrap_or(0),
            output_audio: output.audio_tokens.unwrap_or(0),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TranscriptionUsage {
    seconds: Option<f64>,
    total_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct VendorError<'a> {
    #[serde(borrow, default)]
    code: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "type", borrow, default)]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    event_id: Option<std::borrow::Cow<'a, str>>,
}

impl From<VendorError<'_>> for RealtimeError {
    fn from(error: VendorError<'_>) -> Self {
        Self::from(&error)
    }
}

impl From<&VendorError<'_>> for RealtimeError {
    fn from(error: &VendorError<'_>) -> Self {
        let code = error.code.as_deref().or(error.kind.as_deref()).unwrap_or("unknown");
        let message = error.message.as_deref().unwrap_or("no message");
        // A refused update is refused as a whole, and another one would be as well.
        let refused_update = error.event_id.as_deref() == Some(SESSION_UPDATE);
        Self {
            class: if refused_update { ErrorClass::Refused } else { class_of(code, message) },
            code: code.to_owned(),
            message: message.chars().take(300).collect(),
        }
    }
}

/// Sorted by what was seen in real sessions.
fn class_of(code: &str, message: &str) -> ErrorClass {
    match code {
        "response_cancel_not_active"
        | "conversation_already_has_active_response"
        | "input_audio_buffer_commit_empty"
        | "item_truncate_invalid_item_id"
        | "item_delete_invalid_item_id" => ErrorClass::Benign,
        "session_expired" => ErrorClass::SessionOver,
        "beta_api_shape_disabled"
        | "invalid_api_key"
        | "insufficient_quota"
        | "rate_limit_exceeded"
        | "model_not_found" => ErrorClass::Refused,
        // Truncating what was played to its end, or what never began: a race that was lost.
        _ if message.contains("is already shorter than")
            || message.contains("Only model output audio messages can be truncated") =>
        {
            ErrorClass::Benign
        }
        _ => ErrorClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_told_from_what_is_only_unknown() {
        for (frame, expect) in [
            ("", Err(Garbage::NotAnEvent)),
            ("null", Err(Garbage::NotAnEvent)),
            (r#"{"type":1}"#, Err(Garbage::NotAnEvent)),
            (r#"{"type":"response.output_audio.delta"}"#, Err(Garbage::BadField)),
            (
                r#"{"type":"response.output_audio.delta","delta":"*","response_id":"r","item_id":"i"}"#,
                Err(Garbage::BadAudio),
            ),
            (r#"{"type":"session.updated"}"#, Err(Garbage::BadField)),
            (r#"{"type":"tomorrow.invented","delta":"x","obfuscation":"y"}"#, Ok(Read::Nothing)),
            (r#"{"type":"rate_limits.updated","rate_limits":[]}"#, Ok(Read::Nothing)),
        ] {
            assert_eq!(read(frame, 0), expect, "{frame}");
        }
    }

    #[test]
    fn a_call_of_an_answer_that_was_cut_short_is_not_carried_out() {
        let frame = |status: &str| {
            format!(
                r#"{{"type":"response.output_item.done","response_id":"r","item":{{"type":"function_call","status":"{status}","call_id":"c","name":"end_call","arguments":"{{}}"}}}}"#
            )
        };
        assert_eq!(read(&frame("incomplete"), 0), Ok(Read::Nothing));
        assert!(matches!(
            read(&frame("completed"), 0),
            Ok(Read::Event(RealtimeOutput::FunctionCall { name, .. })) if name == "end_call"
        ));
    }

    #[test]
    fn errors_are_sorted_by_what_they_mean_for_the_call() {
        for (code, message, class) in [
            ("response_cancel_not_active", "", ErrorClass::Benign),
            ("x", "Audio content of 3700ms is already shorter than 3760ms", ErrorClass::Benign),
            ("session_expired", "", ErrorClass::SessionOver),
            ("insufficient_quota", "", ErrorClass::Refused),
            ("server_error", "", ErrorClass::Unknown),
        ] {
            let frame =
                serde_json::json!({"type": "error", "error": {"code": code, "message": message}}).to_string();
            let Ok(Read::Event(RealtimeOutput::Error(error))) = read(&frame, 0) else {
                panic!("{frame} is no error");
            };
            assert_eq!(error.class, class, "{code} {message}");
        }
    }

    #[test]
    fn cached_tokens_are_told_apart() {
        let frame = r#"{"type":"response.done","response":{"id":"r","status":"completed","usage":{
            "input_token_details":{"text_tokens":100,"audio_tokens":27,"cached_tokens_details":{"text_tokens":64,"audio_tokens":0}},
            "output_token_details":{"text_tokens":9,"audio_tokens":40}}}}"#;
        let Ok(Read::Event(RealtimeOutput::ResponseDone { usage, status, .. })) = read(frame, 0) else {
            panic!("no answer");
        };
        assert_eq!(status, ResponseStatus::Completed);
        let expect = ModelTokens {
            input_text: 100,
            input_audio: 27,
            cached_text: 64,
            cached_audio: 0,
            output_text: 9,
            output_audio: 40,
        };
        assert_eq!(usage, expect);
    }
}
