//! The messages of Media Streams, as Twilio writes and reads them. Numbers are strings.

use serde::Deserialize;
use serde_json::json;

use super::Frame;

/// What identifies a stream.
#[derive(Debug, Clone)]
pub struct StreamIds {
    /// `AC…`.
    pub account_sid: String,
    /// `CA…`.
    pub call_sid: String,
    /// `MZ…`.
    pub stream_sid: String,
}

/// `connected`, the first message.
#[must_use]
pub fn connected() -> String {
    json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()
}

/// `start`, always number 1.
#[must_use]
pub fn start(ids: &StreamIds, parameters: &[(String, String)]) -> String {
    let parameters: serde_json::Map<String, serde_json::Value> =
        parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": ids.account_sid,
            "streamSid": ids.stream_sid,
            "callSid": ids.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        },
        "streamSid": ids.stream_sid,
    })
    .to_string()
}

/// `media`: one frame of the caller.
#[must_use]
pub fn media(ids: &StreamIds, sequence: u64, chunk: u64, timestamp_ms: u64, frame: &Frame) -> String {
    let payload = base64_simd::STANDARD.encode_to_string(frame);
    let sid = &ids.stream_sid;
    format!(
        r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp_ms}","payload":"{payload}"}},"streamSid":"{sid}"}}"#
    )
}

/// `dtmf`: a key was pressed.
#[must_use]
pub fn dtmf(ids: &StreamIds, sequence: u64, digit: char) -> String {
    json!({
        "event": "dtmf",
        "streamSid": ids.stream_sid,
        "sequenceNumber": sequence.to_string(),
        "dtmf": {"track": "inbound_track", "digit": digit.to_string()},
    })
    .to_string()
}

/// `mark`: the audio before it has been played, or dropped.
#[must_use]
pub fn mark(ids: &StreamIds, sequence: u64, name: &str) -> String {
    json!({
        "event": "mark",
        "sequenceNumber": sequence.to_string(),
        "streamSid": ids.stream_sid,
        "mark": {"name": name},
    })
    .to_string()
}

/// `stop`, the last message.
#[must_use]
pub fn stop(ids: &StreamIds, sequence: u64) -> String {
    json!({
        "event": "stop",
        "sequenceNumber": sequence.to_string(),
        "streamSid": ids.stream_sid,
        "stop": {"accountSid": ids.account_sid, "callSid": ids.call_sid},
    })
    .to_string()
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromServer {
    /// Audio to play.
    Media(Vec<u8>),
    /// To be echoed when the audio before it has been played.
    Mark(String),
    /// Drop all audio not played yet.
    Clear,
    /// Lockstep only: the frame of that number is completely processed.
    Processed(u64),
}

/// A message Twilio would answer with an error, with Twilio's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// 31950 malformed, 31951 invalid.
    pub code: u32,
    /// What is wrong.
    pub reason: String,
}

#[derive(Deserialize)]
struct Wire {
    event: String,
    #[serde(rename = "streamSid")]
    stream_sid: Option<String>,
    media: Option<WireMedia>,
    mark: Option<WireMark>,
    #[serde(rename = "sequenceNumber")]
    sequence: Option<String>,
}

#[derive(Deserialize)]
struct WireMedia {
    payload: String,
}

#[derive(Deserialize)]
struct WireMark {
    name: String,
}

/// Reads a text message of the server.
///
/// # Errors
/// When Twilio would refuse it.
pub fn read(text: &str, stream_sid: &str) -> Result<FromServer, Refused> {
    let malformed = |reason: String| Refused { code: 31950, reason };
    let invalid = |reason: String| Refused { code: 31951, reason };
    let wire: Wire = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    if wire.event == "processed" {
        let number = wire.sequence.and_then(|text| text.parse().ok());
        return number.map(FromServer::Processed).ok_or_else(|| invalid("processed without a number".into()));
    }
    let message = match wire.event.as_str() {
        "media" => {
            let media = wire.media.ok_or_else(|| invalid("media without media".into()))?;
            let audio = base64_simd::STANDARD
                .decode_to_vec(media.payload)
                .map_err(|error| malformed(format!("payload is not base64: {error}")))?;
            if audio.is_empty() {
                return Err(invalid("media without audio".into()));
            }
            if audio.starts_with(b"RIFF") {
                return Err(invalid("payload begins with a WAV header".into()));
            }
            FromServer::Media(audio)
        }
        "mark" => {
            let mark = wire.mark.ok_or_else(|| invalid("mark without mark".into()))?;
            if mark.name.is_empty() {
                return Err(invalid("mark without a name".into()));
            }
            FromServer::Mark(mark.name)
        }
        "clear" => FromServer::Clear,
        other => return Err(invalid(format!("unknown event {other:?}"))),
    };
    match wire.stream_sid {
        Some(sid) if sid == stream_sid => Ok(message),
        Some(sid) => Err(invalid(format!("streamSid {sid:?} is not of this stream"))),
        None => Err(invalid("streamSid is missing".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> StreamIds {
        StreamIds { account_sid: "AC1".into(), call_sid: "CA1".into(), stream_sid: "MZ1".into() }
    }

    fn reads(text: &str, expect: &FromServer) {
        assert_eq!(read(text, "MZ1").as_ref(), Ok(expect), "{text}");
    }

    fn refuses(text: &str, code: u32) {
        assert_eq!(read(text, "MZ1").map_err(|refused| refused.code), Err(code), "{text}");
    }

    #[test]
    fn messages_of_a_server_are_read() {
        reads(
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"AAEC"}}"#,
            &FromServer::Media(vec![0, 1, 2]),
        );
        reads(r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"g1"}}"#, &FromServer::Mark("g1".into()));
        reads(r#"{"event":"clear","streamSid":"MZ1"}"#, &FromServer::Clear);
        reads(r#"{"event":"processed","sequenceNumber":"17"}"#, &FromServer::Processed(17));
    }

    #[test]
    fn what_twilio_would_refuse_is_refused() {
        refuses("hello", 31950);
        refuses("{}", 31950);
        refuses(r#"{"event":"media","streamSid":"MZ1","media":{"payload":"%%%"}}"#, 31950);
        refuses(r#"{"event":"media","streamSid":"MZ2","media":{"payload":"AAEC"}}"#, 31951);
        refuses(r#"{"event":"media","media":{"payload":"AAEC"}}"#, 31951);
        refuses(r#"{"event":"media","streamSid":"MZ1","media":{"payload":""}}"#, 31951);
        refuses(r#"{"event":"media","streamSid":"MZ1","media":{"payload":"UklGRg=="}}"#, 31951);
        refuses(r#"{"event":"media","streamSid":"MZ1"}"#, 31951);
        refuses(r#"{"event":"mark","streamSid":"MZ1","mark":{"name":""}}"#, 31951);
        refuses(r#"{"event":"hangup","streamSid":"MZ1"}"#, 31951);
    }

    #[test]
    fn numbers_are_strings_as_twilio_sends_them() {
        let value = |text: String| serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        let frame = value(media(&ids(), 3, 1, 5, &super::super::SILENCE));
        assert_eq!(frame["sequenceNumber"], "3");
        assert_eq!(frame["media"]["chunk"], "1");
        assert_eq!(frame["media"]["timestamp"], "5");
        assert_eq!(frame["streamSid"], "MZ1");
        let begun = value(start(&ids(), &[("token".into(), "t".into())]));
        assert_eq!(begun["sequenceNumber"], "1");
        assert_eq!(begun["start"]["customParameters"]["token"], "t");
        assert_eq!(begun["start"]["mediaFormat"]["sampleRate"], 8000);
        assert_eq!(value(dtmf(&ids(), 5, '#'))["dtmf"]["digit"], "#");
        assert_eq!(value(stop(&ids(), 9))["stop"]["callSid"], "CA1");
    }
}
