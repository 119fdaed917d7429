//! The wire of Media Streams as a load writes and reads it: nothing is built that is not needed.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::FRAME_BYTES;
use crate::line::messages::StreamIds;

/// A message of the server, borrowed from its text.
#[derive(Deserialize)]
pub(super) struct FromServer<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) media: Option<Media<'a>>,
    #[serde(borrow, default)]
    pub(super) mark: Option<Mark<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Media<'a> {
    #[serde(borrow)]
    pub(super) payload: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Mark<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
}

/// Numbers the messages of a stream and writes its frames.
pub(super) struct Writer {
    ids: StreamIds,
    sequence: u64,
    chunk: u64,
}

impl Writer {
    /// After `start`, which is number 1.
    pub(super) fn new(ids: StreamIds) -> Self {
        Self { ids, sequence: 1, chunk: 0 }
    }

    /// Frames written.
    pub(super) fn frames(&self) -> u64 {
        self.chunk
    }

    /// `media` at the stream's time.
    pub(super) fn media(&mut self, timestamp_ms: u64, frame: &[u8; FRAME_BYTES]) -> Utf8Bytes {
        self.sequence += 1;
        self.chunk += 1;
        let mut text = String::with_capacity(420);
        // Writing to a String never fails.
        let _ = write!(
            text,
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{timestamp_ms}","payload":""#,
            self.sequence, self.chunk
        );
        base64_simd::STANDARD.encode_append(frame, &mut text);
        text.push_str(r#""},"streamSid":""#);
        text.push_str(&self.ids.stream_sid);
        text.push_str(r#""}"#);
        text.into()
    }

    /// `mark`, given back.
    pub(super) fn mark(&mut self, name: &str) -> Utf8Bytes {
        self.sequence += 1;
        crate::line::messages::mark(&self.ids, self.sequence, name).into()
    }

    /// `stop`.
    pub(super) fn stop(&mut self) -> Utf8Bytes {
        self.sequence += 1;
        crate::line::messages::stop(&self.ids, self.sequence).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::messages;

    #[test]
    fn frames_are_written_as_the_strict_simulator_writes_them() {
        let ids = StreamIds { account_sid: "AC1".into(), call_sid: "CA1".into(), stream_sid: "MZ1".into() };
        let frame = [0x55; FRAME_BYTES];
        let written = Writer::new(ids.clone()).media(40, &frame);
        assert_eq!(written.as_str(), messages::media(&ids, 2, 1, 40, &frame));
    }
}
