//! Twilio Media Streams as text: reading what Twilio sends, writing what it takes. No I/O.
//!
//! Reading is forgiving where meaning is plain (numbers as strings or as numbers, unknown events, unknown
//! fields, escaped slashes in base64) and strict where it is not: whatever can't be understood is
//! [`Malformed`] with a reason, never a panic. Sizes are bounded before anything is decoded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use crate::phone::{MAX_PAYLOAD_BYTES, PhoneIn, PhoneOut};

/// Longest message that is read. A `start` with all its parameters is the largest honest one.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Longest name of a mark that is taken back.
const MAX_MARK_BYTES: usize = 256;

/// A message of Twilio's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// The socket is up; the first message.
    Connected,
    /// The stream begins.
    Start(StartMessage),
    /// Something for the session.
    Phone(PhoneIn),
    /// An event that this version does not know, or audio of a track that is not the caller's.
    Unknown,
}

/// What identifies and describes a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartMessage {
    /// Number of the message, 1 by Twilio's practice.
    pub sequence: u64,
    /// `AC…`.
    pub account_sid: String,
    /// `CA…`.
    pub call_sid: String,
    /// `MZ…`.
    pub stream_sid: String,
    /// The tracks that will be sent.
    pub tracks: Vec<String>,
    /// `audio/x-mulaw`.
    pub encoding: String,
    /// 8,000.
    pub sample_rate_hz: u32,
    /// 1.
    pub channels: u32,
    /// The `<Parameter>`s of the TwiML.
    pub parameters: BTreeMap<String, String>,
}

impl StartMessage {
    /// A `<Parameter>` by its name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether the audio is what a session understands: 8 kHz mono mu-law.
    #[must_use]
    pub fn is_telephone_audio(&self) -> bool {
        self.encoding == "audio/x-mulaw" && self.sample_rate_hz == 8_000 && self.channels == 1
    }
}

/// A message that can't be understood. The stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed media message: {reason}")]
pub struct Malformed {
    /// What is wrong with it, without its content.
    pub reason: &'static str,
}

impl From<Malformed> for PhoneIn {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed { reason: malformed.reason }
    }
}

/// Reads one text message.
///
/// # Errors
/// When it makes no sense.
pub fn parse(text: &str) -> Result<Incoming, Malformed> {
    understand(wire(text)?)
}

/// As [`parse`], of a stream that has begun: what is for the session must bear its id.
///
/// # Errors
/// When it makes no sense, or is another stream's.
pub fn parse_of(text: &str, stream_sid: &str) -> Result<Incoming, Malformed> {
    let message = wire(text)?;
    let is_of_it = message.stream_sid.as_deref() == Some(stream_sid);
    match understand(message)? {
        Incoming::Phone(_) if !is_of_it => Err(Malformed { reason: "message of another stream" }),
        incoming => Ok(incoming),
    }
}

fn wire(text: &str) -> Result<Wire<'_>, Malformed> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(Malformed { reason: "message too long" });
    }
    serde_json::from_str(text).map_err(|_| Malformed { reason: "not the JSON of a media message" })
}

fn understand(message: Wire<'_>) -> Result<Incoming, Malformed> {
    let malformed = |reason| Err(Malformed { reason });
    match message.event.as_ref() {
        "media" => read_media(&message),
        "mark" => match message.mark {
            Some(mark) if mark.name.len() <= MAX_MARK_BYTES => {
                Ok(Incoming::Phone(PhoneIn::Mark { name: mark.name.into_owned() }))
            }
            Some(_) => malformed("name of the mark too long"),
            None => malformed("mark without a mark"),
        },
        "dtmf" => match message.dtmf.as_ref().and_then(WireDtmf::key) {
            Some(digit) => Ok(Incoming::Phone(PhoneIn::Dtmf { digit })),
            None => malformed("dtmf without a key"),
        },
        "stop" => Ok(Incoming::Phone(PhoneIn::Stop)),
        "connected" => Ok(Incoming::Connected),
        "start" => read_start(message),
        _ => Ok(Incoming::Unknown),
    }
}

fn read_media(message: &Wire<'_>) -> Result<Incoming, Malformed> {
    let malformed = |reason| Err(Malformed { reason });
    let Some(media) = &message.media else {
        return malformed("media without media");
    };
    if !matches!(media.track.as_ref(), "" | "inbound" | "inbound_track") {
        return Ok(Incoming::Unknown);
    }
    let Some(timestamp_ms) = media.timestamp.0 else {
        return malformed("media without a timestamp");
    };
    if media.payload.len() > MAX_PAYLOAD_BYTES.div_ceil(3) * 4 {
        return malformed("audio too long");
    }
    let Ok(payload) = base64_simd::forgiving_decode_to_vec(media.payload.as_bytes()) else {
        return malformed("audio is not base64");
    };
    if payload.is_empty() {
        return malformed("media without audio");
    }
    let sequence = message.sequence.0.unwrap_or(0);
    Ok(Incoming::Phone(PhoneIn::Media { sequence, timestamp_ms, payload: Bytes::from(payload) }))
}

fn read_start(message: Wire<'_>) -> Result<Incoming, Malformed> {
    let Some(start) = message.start else {
        return Err(Malformed { reason: "start without start" });
    };
    let stream_sid = start.stream_sid.or(message.stream_sid).unwrap_or_default();
    if stream_sid.is_empty() || start.call_sid.is_empty() {
        return Err(Malformed { reason: "start without streamSid or callSid" });
    }
    let format = start.media_format.unwrap_or_default();
    Ok(Incoming::Start(StartMessage {
        sequence: message.sequence.0.unwrap_or(1),
        account_sid: start.account_sid,
        call_sid: start.call_sid,
        stream_sid: stream_sid.into_owned(),
        tracks: start.tracks,
        encoding: format.encoding,
        sample_rate_hz: format.sample_rate.small(),
        channels: format.channels.small(),
        parameters: start.custom_parameters.into_iter().map(|(name, value)| (name, value.0)).collect(),
    }))
}

/// Writes one message for Twilio; what was in `buffer` is replaced.
pub fn write_outgoing(out: &PhoneOut, stream_sid: &str, buffer: &mut String) {
    buffer.clear();
    match out {
        PhoneOut::Media { payload } => {
            // One allocation per buffer's life: 216 characters of base64 and the frame around them.
            buffer.reserve(payload.len().div_ceil(3) * 4 + stream_sid.len() + 64);
            buffer.push_str(r#"{"event":"media","streamSid":""#);
            push_escaped(stream_sid, buffer);
            buffer.push_str(r#"","media":{"payload":""#);
            base64_simd::STANDARD.encode_append(payload, buffer);
            buffer.push_str(r#""}}"#);
        }
        PhoneOut::Mark { name } => {
            buffer.push_str(r#"{"event":"mark","streamSid":""#);
            push_escaped(stream_sid, buffer);
            buffer.push_str(r#"","mark":{"name":""#);
            push_escaped(name, buffer);
            buffer.push_str(r#""}}"#);
        }
        PhoneOut::Clear => {
            buffer.push_str(r#"{"event":"clear","streamSid":""#);
            push_escaped(stream_sid, buffer);
            buffer.push_str(r#""}"#);
        }
        PhoneOut::Processed { sequence } => {
            use fmt::Write as _;
            buffer.push_str(r#"{"event":"processed","sequenceNumber":""#);
            write!(buffer, "{sequence}").expect("writing to a String never fails");
            buffer.push_str(r#""}"#);
        }
    }
}

fn push_escaped(text: &str, buffer: &mut String) {
    for c in text.chars() {
        match c {
            '"' => buffer.push_str("\\\""),
            '\\' => buffer.push_str("\\\\"),
            c if c < ' ' => {
                use fmt::Write as _;
                write!(buffer, "\\u{:04x}", u32::from(c)).expect("writing to a String never fails");
            }
            c => buffer.push(c),
        }
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default, rename = "sequenceNumber")]
    sequence: TextNumber,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    mark: Option<WireMark<'a>>,
    #[serde(borrow)]
    dtmf: Option<WireDtmf<'a>>,
    #[serde(borrow)]
    start: Option<WireStart<'a>>,
}

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow, default)]
    track: Cow<'a, str>,
    #[serde(default)]
    timestamp: TextNumber,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireDtmf<'a> {
    #[serde(borrow)]
    digit: Cow<'a, str>,
}

impl WireDtmf<'_> {
    fn key(&self) -> Option<char> {
        let mut chars = self.digit.chars();
        let key = chars.next()?.to_ascii_uppercase();
        (chars.next().is_none() && matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(key)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStart<'a> {
    #[serde(default)]
    account_sid: String,
    #[serde(default)]
    call_sid: String,
    #[serde(borrow, default)]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(default)]
    tracks: Vec<String>,
    #[serde(default)]
    media_format: Option<WireFormat>,
    #[serde(default)]
    custom_parameters: BTreeMap<String, AnyText>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireFormat {
    encoding: String,
    sample_rate: TextNumber,
    channels: TextNumber,
}

/// A number that Twilio writes as a string, and others as a number. Anything else is `None`.
#[derive(Default, Clone, Copy)]
struct TextNumber(Option<u64>);

impl TextNumber {
    fn small(self) -> u32 {
        self.0.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for TextNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = TextNumber;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, as a string or not")
            }
            fn visit_str<E>(self, text: &str) -> Result<TextNumber, E> {
                Ok(TextNumber(text.parse().ok()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<TextNumber, E> {
                Ok(TextNumber(Some(number)))
            }
            fn visit_i64<E>(self, _negative: i64) -> Result<TextNumber, E> {
                Ok(TextNumber(None))
            }
            fn visit_f64<E>(self, _fraction: f64) -> Result<TextNumber, E> {
                Ok(TextNumber(None))
            }
            fn visit_unit<E>(self) -> Result<TextNumber, E> {
                Ok(TextNumber(None))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// A parameter's value: a string by the documentation, kept as text whatever it is.
struct AnyText(String);

impl<'de> Deserialize<'de> for AnyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        }))
    }
}

#[cfg(test)]
mod tests;
