//! What happened at the stand-in: calls, messages, conferences.

use provider_traits::ambient::{Clock as _, SystemClock};
use tokio::sync::{mpsc, watch};

/// Everything that happened, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Calls that were placed.
    pub calls: Vec<PlacedCall>,
    /// Text messages that were sent.
    pub messages: Vec<SentMessage>,
    /// Conferences.
    pub conferences: Vec<Conference>,
    /// Recordings that were deleted: `RE…`.
    pub deleted_recordings: Vec<String>,
}

/// A call that was placed.
#[derive(Debug, Clone)]
pub struct PlacedCall {
    /// `CA…`.
    pub sid: String,
    /// Who was called.
    pub to: String,
    /// The number shown.
    pub from: String,
    /// As the API tells it.
    pub status: String,
    /// RFC 2822.
    pub created: String,
    /// Everything that was asked of it.
    pub form: Vec<(String, String)>,
    /// What whoever answered heard.
    pub heard: Vec<String>,
    /// What they pressed.
    pub pressed: Vec<String>,
    /// The numbers that it was connected with, and how that went.
    pub dialled: Vec<(String, String)>,
    /// Streams that were opened.
    pub streams: Vec<String>,
    /// How often a message was recorded of it.
    pub recorded: usize,
    /// What went wrong with its documents and callbacks.
    pub errors: Vec<String>,
    /// Whether it is over, all its callbacks sent.
    pub is_over: bool,
    /// What it is told from outside.
    pub(super) orders: mpsc::Sender<Order>,
}

/// Something that a call is told while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on with this document.
    GoOnAt(String),
    /// End.
    End,
}

/// A text message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// `SM…`.
    pub sid: String,
    /// To whom.
    pub to: String,
    /// From which number.
    pub from: String,
    /// The text.
    pub text: String,
    /// RFC 2822.
    pub created: String,
}

/// A conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conference {
    /// `CF…`.
    pub sid: String,
    /// The name it was given.
    pub name: String,
    /// Who is in it.
    pub participants: Vec<Participant>,
    /// Whether it is over.
    pub is_over: bool,
}

/// Somebody in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Their call.
    pub call: String,
    /// Whether they hear music.
    pub on_hold: bool,
    /// Whether the conference ends when they leave.
    pub ends: bool,
}

impl Ledger {
    /// The calls to a number.
    #[must_use]
    pub fn calls_to(&self, number: &str) -> Vec<&PlacedCall> {
        self.calls.iter().filter(|call| call.to == number).collect()
    }

    /// Whether all calls are over.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.calls.iter().all(|call| call.is_over)
    }
}

impl PlacedCall {
    /// The first value of a field that was asked of it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether this text was heard somewhere in the call.
    #[must_use]
    pub fn has_heard(&self, text: &str) -> bool {
        self.heard.iter().any(|heard| heard.contains(text))
    }
}

/// The ledger while it is written.
#[derive(Debug, Default)]
pub(super) struct Book(watch::Sender<Ledger>);

impl Book {
    pub(super) fn read(&self) -> Ledger {
        self.0.borrow().clone()
    }

    pub(super) async fn until(&self, so: impl FnMut(&Ledger) -> bool) {
        let mut ledger = self.0.subscribe();
        // The sender lives in `self`.
        let _alive = ledger.wait_for(so).await;
    }

    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut result = None;
        self.0.send_modify(|ledger| result = Some(change(ledger)));
        result.expect("the change was made")
    }

    /// Changes one call.
    pub(super) fn call(&self, sid: &str, change: impl FnOnce(&mut PlacedCall)) {
        self.write(|ledger| {
            if let Some(call) = ledger.calls.iter_mut().find(|call| call.sid == sid) {
                change(call);
            }
        });
    }
}

/// The present moment as Twilio writes it.
pub(super) fn now() -> String {
    SystemClock.now().to_rfc2822()
}
