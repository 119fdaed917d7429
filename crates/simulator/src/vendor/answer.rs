//! What a vendor answers.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Status, headers and a body.
    Http(Answer),
    /// The request becomes a WebSocket; further headers of the handshake's answer.
    Socket(Vec<(String, String)>),
}

/// Status, headers and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Its media type.
    pub content_type: String,
    /// The body, sent piece after piece.
    pub pieces: Vec<Piece>,
    /// Whether the whole length is told in the head; else the body is sent in chunks.
    pub length_told: bool,
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// How long it comes after the one before.
    pub after: Duration,
    /// What comes.
    pub bytes: Bytes,
}

impl Answer {
    /// A JSON document.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// A body of known length.
    #[must_use]
    pub fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let pieces = vec![Piece { after: Duration::ZERO, bytes: body.into() }];
        Self { status, headers: Vec::new(), content_type: content_type.to_owned(), pieces, length_told: true }
    }

    /// A body that is sent as it is made.
    #[must_use]
    pub fn streamed(content_type: &str, pieces: Vec<Piece>) -> Self {
        let content_type = content_type.to_owned();
        Self { status: 200, headers: Vec::new(), content_type, pieces, length_told: false }
    }

    /// Server-sent events, each with its name where it has one.
    #[must_use]
    pub fn events<'a>(events: impl IntoIterator<Item = (Option<&'a str>, String)>, pace: Duration) -> Self {
        let pieces = events.into_iter().enumerate().map(|(number, (name, data))| {
            let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
            let after = if number == 0 { Duration::ZERO } else { pace };
            Piece { after, bytes: format!("{name}data: {data}\n\n").into() }
        });
        Self::streamed("text/event-stream; charset=utf-8", pieces.collect())
    }

    /// The same with a further header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Http(answer)
    }
}
