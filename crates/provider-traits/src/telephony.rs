//! The telephone network as something that can be asked: calls that we place, calls in progress that are to go
//! elsewhere, text messages, conferences.
//!
//! Placing a call can't be repeated safely: the network knows no idempotency. Whoever does not learn whether a call was
//! placed looks for it with [`Telephony::calls_to`] before placing another. The same goes for text messages and
//! [`Telephony::messages_to`].

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::descriptor::{Descriptor, Readiness};
use crate::error::ProviderError;

/// A call to be placed. Numbers are E.164.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Who is called.
    pub to: String,
    /// The number shown: one of our own.
    pub from: String,
    /// Asked for what to do when somebody answers.
    pub url: String,
    /// Told how the call goes, from ringing to its end.
    pub status_url: String,
    /// How long it rings, in seconds.
    pub ring_seconds: u32,
    /// Ended after so many seconds of talk; `None`: the network's own limit.
    pub most_seconds: Option<u32>,
    /// Whether, and how, a machine that answers is told from a person.
    pub machine: MachineDetection,
}

// By hand: whom we call belongs in no log.
impl std::fmt::Debug for NewCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewCall").field("url", &self.url).finish_non_exhaustive()
    }
}

/// How a machine is told from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineDetection {
    /// Not at all.
    Off,
    /// While the call goes on already: nobody waits for the verdict, which comes to this address.
    Meanwhile {
        /// Told who answered.
        url: String,
    },
    /// Before the call begins: seconds of silence for a person, but a machine has had its say when `url` is asked.
    Before,
}

/// A call that the network knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCall {
    /// The network's id.
    pub id: String,
    /// `queued`, `ringing`, `in-progress`, `completed`, `busy`, `failed`, `no-answer`, `canceled`.
    pub status: String,
    /// When it was placed.
    pub created_at: Option<DateTime<Utc>>,
}

/// What becomes of a call in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallUpdate {
    /// It goes on with what this address answers; its media stream ends.
    GoOnAt(String),
    /// It ends; one that still rings is taken back.
    End,
}

/// Whether a change met the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// It did.
    Done,
    /// The call was over already, or never was.
    CallIsOver,
}

/// A text message. Numbers are E.164.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Who gets it.
    pub to: String,
    /// The number it comes from: one of our own.
    pub from: String,
    /// The text, at most 1,600 characters.
    pub text: String,
}

// By hand, as above.
impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage").finish_non_exhaustive()
    }
}

/// A text message that the network knows.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownMessage {
    /// The network's id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// When the network took it.
    pub created_at: Option<DateTime<Utc>>,
}

// By hand, as above.
impl std::fmt::Debug for KnownMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What becomes of somebody in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParticipantUpdate {
    /// Hears music and is heard by nobody, or comes back.
    Hold(bool),
    /// Hears what this address answers; nobody else does.
    Announce(String),
}

/// The telephone network.
#[async_trait]
pub trait Telephony: Send + Sync {
    /// Name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it can be used.
    fn readiness(&self) -> Readiness;

    /// Places a call; waits its turn when the account's rate is reached.
    ///
    /// # Errors
    /// [`ProviderError::Invalid`] when the network will never place it (no such number, a country that is not allowed);
    /// [`ProviderError::Unavailable`] and [`ProviderError::Timeout`] leave open whether it was placed.
    async fn place_call(&self, call: &NewCall) -> Result<KnownCall, ProviderError>;

    /// The latest calls between two numbers, the newest first, at most 50.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn calls_to(&self, to: &str, from: &str) -> Result<Vec<KnownCall>, ProviderError>;

    /// Changes a call in progress.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn update_call(&self, id: &str, update: &CallUpdate) -> Result<Updated, ProviderError>;

    /// Sends a text message; returns the network's id of it.
    ///
    /// # Errors
    /// [`ProviderError::Invalid`] when it can never be sent to that number; [`ProviderError::Unavailable`] and
    /// [`ProviderError::Timeout`] leave open whether it was sent.
    async fn send_message(&self, message: &NewMessage) -> Result<String, ProviderError>;

    /// The latest text messages from one number to another, at most 200.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn messages_to(&self, to: &str, from: &str) -> Result<Vec<KnownMessage>, ProviderError>;

    /// What the network recorded, by its id of the recording: a WAV file.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] also while it is not ready yet.
    async fn recording(&self, id: &str) -> Result<Vec<u8>, ProviderError>;

    /// Deletes what the network recorded; one that is not there is deleted already.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn delete_recording(&self, id: &str) -> Result<(), ProviderError>;

    /// The network's id of a conference in progress, by our name for it.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn conference(&self, name: &str) -> Result<Option<String>, ProviderError>;

    /// Changes what somebody hears in a conference.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn update_participant(
        &self,
        conference: &str,
        call: &str,
        update: &ParticipantUpdate,
    ) -> Result<Updated, ProviderError>;

    /// Calls somebody into a conference, which need not have begun; returns their call. A machine is told from a person
    /// as `call.machine` says; `call.url` is not asked.
    ///
    /// # Errors
    /// As [`Telephony::place_call`].
    async fn invite(&self, conference: &str, call: &NewCall) -> Result<KnownCall, ProviderError>;

    /// Takes somebody out of a conference; their call ends.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn remove_participant(&self, conference: &str, call: &str) -> Result<Updated, ProviderError>;
}
