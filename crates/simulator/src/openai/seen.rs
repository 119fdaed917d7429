//! What the stand-in saw, for assertions.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// Sessions that are remembered. Of older ones only the count is kept.
const MOST_SESSIONS: usize = 2_000;
/// Entries of one list of one session.
const MOST_ENTRIES: usize = 2_000;

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Connections that were made, those refused included.
    pub connections: usize,
    /// Handshakes that were refused, with the HTTP status.
    pub refused: Vec<u16>,
    /// The sessions, in the order in which they began.
    pub sessions: Vec<SessionSeen>,
    /// Faults that came about.
    pub faults: Vec<FaultSeen>,
    forgotten: usize,
}

/// A fault that came about.
#[derive(Debug, Clone)]
pub struct FaultSeen {
    /// In which connection, from 0.
    pub connection: usize,
    /// When.
    pub at: Instant,
    /// `phase:kind`.
    pub fault: String,
}

/// What was seen of a session.
#[derive(Debug, Clone)]
pub struct SessionSeen {
    /// Its connection, from 0.
    pub connection: usize,
    /// From the address.
    pub model: String,
    /// When the socket was open.
    pub began: Instant,
    /// When it was gone.
    pub ended: Option<Instant>,
    /// The types of the client's events in order; a run of audio counts once.
    pub events: Vec<String>,
    /// The instructions in force.
    pub instructions: String,
    /// Earlier turns that were told: role and words.
    pub seeded: Vec<(String, String)>,
    /// What the caller was understood to say.
    pub heard: Vec<String>,
    /// Answers that were asked for and made.
    pub responses: Vec<ResponseSeen>,
    /// Requests for an answer, those refused included.
    pub asked: usize,
    /// Truncations that were carried out.
    pub truncations: Vec<TruncationSeen>,
    /// Answers that were cancelled on request.
    pub cancels: Vec<String>,
    /// Items that were deleted.
    pub deleted: Vec<String>,
    /// Results of functions: the call's id and what was said.
    pub outputs: Vec<(String, String)>,
    /// Codes of the errors that had to be sent because of what the client did.
    pub errors: Vec<String>,
    /// Their messages.
    pub complaints: Vec<String>,
    /// The first of the caller's audio, as it came, at most a second of mu-law: to tell calls apart by.
    pub first_audio: Vec<u8>,
    /// Bytes of the caller's audio.
    pub audio_bytes: usize,
    /// Bytes of it that came before the configuration was in force and were misread.
    pub early_audio_bytes: usize,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct ResponseSeen {
    /// Its id.
    pub id: String,
    /// The instructions for it alone.
    pub instructions: Option<String>,
    /// When it was asked for.
    pub asked_at: Instant,
    /// What it was to say.
    pub words: String,
    /// Audio that was sent, in milliseconds.
    pub made_ms: u32,
    /// `in_progress`, then how it ended.
    pub status: String,
}

/// A truncation.
#[derive(Debug, Clone, PartialEq)]
pub struct TruncationSeen {
    /// The item.
    pub item: String,
    /// What was heard of it.
    pub audio_end_ms: u32,
    /// What had been made of it.
    pub made_ms: u32,
    /// When.
    pub at: Instant,
}

impl Seen {
    /// All truncations of all sessions.
    pub fn truncations(&self) -> impl Iterator<Item = &TruncationSeen> {
        self.sessions.iter().flat_map(|session| &session.truncations)
    }

    /// The codes of all errors that clients caused.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().flat_map(|session| session.errors.iter().map(String::as_str))
    }
}

/// The book that sessions write.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<Seen>);

impl Book {
    pub(super) fn copy(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A page for a new session.
    pub(super) fn open(self: &Arc<Self>, connection: usize, model: &str) -> Page {
        let session = SessionSeen {
            connection,
            model: model.to_owned(),
            began: Instant::now(),
            ended: None,
            events: Vec::new(),
            instructions: String::new(),
            seeded: Vec::new(),
            heard: Vec::new(),
            responses: Vec::new(),
            asked: 0,
            truncations: Vec::new(),
            cancels: Vec::new(),
            deleted: Vec::new(),
            outputs: Vec::new(),
            errors: Vec::new(),
            complaints: Vec::new(),
            first_audio: Vec::new(),
            audio_bytes: 0,
            early_audio_bytes: 0,
        };
        let number = self.write(|seen| {
            if seen.sessions.len() >= MOST_SESSIONS {
                seen.sessions.remove(0);
                seen.forgotten += 1;
            }
            seen.sessions.push(session);
            seen.forgotten + seen.sessions.len() - 1
        });
        Page { book: Arc::clone(self), number }
    }
}

/// What one session writes. Dropping it notes the end.
pub(super) struct Page {
    book: Arc<Book>,
    number: usize,
}

impl Page {
    pub(super) fn note(&self, change: impl FnOnce(&mut SessionSeen)) {
        self.book.write(|seen| {
            let at = self.number.checked_sub(seen.forgotten);
            if let Some(session) = at.and_then(|at| seen.sessions.get_mut(at)) {
                change(session);
            }
        });
    }

    pub(super) fn event(&self, kind: &str) {
        self.note(|session| {
            let repeated =
                kind == "input_audio_buffer.append" && session.events.last().is_some_and(|last| last == kind);
            if !repeated && session.events.len() < MOST_ENTRIES {
                session.events.push(kind.to_owned());
            }
        });
    }

    pub(super) fn response(&self, id: &str, change: impl FnOnce(&mut ResponseSeen)) {
        self.note(|session| {
            if let Some(response) = session.responses.iter_mut().rev().find(|response| response.id == id) {
                change(response);
            }
        });
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.note(|session| session.ended = Some(Instant::now()));
    }
}
