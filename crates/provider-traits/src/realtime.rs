//! Speech-to-speech models: one socket that hears the caller and speaks for the agent.
//!
//! The events are neutral, so that another vendor's protocol fits. A model may have no voice activity detection of
//! its own, so nothing here demands its events. Audio is 8 kHz mu-law in both directions, never decoded on the way.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::call_log::ModelTokens;
use tokio::sync::mpsc;

use crate::descriptor::{Descriptor, Readiness};
use crate::error::ProviderError;
use crate::schema::Schema;

/// What a model is told before the first audio.
#[derive(Debug, Clone, PartialEq)]
pub struct RealtimeConfig {
    /// Who the agent is and how it behaves.
    pub instructions: String,
    /// The model's voice; empty means the provider's default.
    pub voice: String,
    /// BCP 47 tag of the language that callers speak; empty lets the model find out.
    pub language: String,
    /// The functions that the model may call.
    pub tools: Vec<FunctionTool>,
    /// How the model notices that the caller speaks.
    pub hearing: ModelHearing,
    /// Most tokens of one answer.
    pub max_output_tokens: u32,
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionTool {
    /// Its name, `[a-z_]+`.
    pub name: String,
    /// When to call it and what comes back.
    pub description: String,
    /// JSON Schema of its arguments: an object.
    pub parameters: Schema,
}

/// How the model notices speech. All values are sent, so that no vendor's changed default changes a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelHearing {
    /// 0 to 1: how sure it must be.
    pub threshold: f32,
    /// Audio before the detected speech that is taken too, in milliseconds.
    pub prefix_ms: u32,
    /// Silence that ends a turn, in milliseconds.
    pub silence_ms: u32,
    /// Whether the model stops by itself when the caller speaks. False: we decide and tell it.
    pub interrupts_itself: bool,
}

/// An earlier turn, told to a model that takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// The caller said.
    Caller(String),
    /// The agent was heard to say.
    Agent(String),
}

/// What goes to the model.
#[derive(Debug, Clone, PartialEq)]
pub enum RealtimeInput {
    /// The caller's audio.
    Audio(Bytes),
    /// An earlier turn; only before the first answer.
    Earlier(Earlier),
    /// Answer now. The one who sends this is the owner of answers: never while one is being made.
    Respond {
        /// What to do in this answer alone ("greet the caller with …").
        instructions: Option<String>,
    },
    /// Stop the answer that is being made.
    Cancel {
        /// The answer.
        response: String,
    },
    /// The caller heard only so much of what was said.
    Truncate {
        /// The item.
        item: String,
        /// The part of the item.
        content_index: u32,
        /// Milliseconds of it that were heard. Never more than were made.
        audio_end_ms: u32,
    },
    /// The caller heard nothing of the item: it never was.
    Forget {
        /// The item.
        item: String,
    },
    /// Show that you are there: [`RealtimeOutput::Ready`] comes again. Changes nothing.
    Probe,
    /// The result of a function call. Exactly one for each call.
    FunctionOutput {
        /// The call's id as the model gave it.
        call_id: String,
        /// JSON, or a sentence.
        output: String,
    },
}

/// What comes from the model.
#[derive(Debug, Clone, PartialEq)]
pub enum RealtimeOutput {
    /// The configuration is in force; audio may flow.
    Ready {
        /// When the session will be ended by the other side.
        expires_in: Option<Duration>,
    },
    /// The caller began to speak.
    SpeechStarted {
        /// The item that the words will be.
        item: String,
    },
    /// The caller stopped speaking.
    SpeechStopped {
        /// The item.
        item: String,
    },
    /// The caller's turn is complete; an answer follows when the model answers by itself.
    Committed {
        /// The item.
        item: String,
    },
    /// The caller's words, complete. They may come late: during the answer or after it.
    CallerWords {
        /// The item.
        item: String,
        /// The words; empty when nothing was understood.
        text: String,
    },
    /// An answer began.
    ResponseStarted {
        /// The answer.
        response: String,
    },
    /// Audio of an answer.
    Audio {
        /// The answer.
        response: String,
        /// The item.
        item: String,
        /// The part of the item.
        content_index: u32,
        /// mu-law.
        audio: Bytes,
    },
    /// Words of an answer, piece by piece; ahead of the audio.
    AgentWords {
        /// The item.
        item: String,
        /// The piece.
        text: String,
    },
    /// The model wants a function called.
    FunctionCall {
        /// The answer.
        response: String,
        /// The call's id.
        call_id: String,
        /// The function.
        name: String,
        /// JSON as the model wrote it; it may be none.
        arguments: String,
    },
    /// An answer is complete.
    ResponseDone {
        /// The answer.
        response: String,
        /// How it ended.
        status: ResponseStatus,
        /// What it cost.
        usage: ModelTokens,
    },
    /// Transcription of the caller's words was metered apart.
    TranscriptionUsage {
        /// Seconds of audio, when that is the unit.
        seconds: f64,
        /// Tokens, when those are the unit.
        tokens: u64,
    },
    /// Something went wrong.
    Error(RealtimeError),
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseStatus {
    /// As it should.
    Completed,
    /// Cut short, by us or by the caller's speech.
    Cancelled,
    /// Too long, or filtered.
    Incomplete {
        /// The vendor's word for why.
        reason: String,
    },
    /// It did not work.
    Failed(RealtimeError),
}

/// An error of the model's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealtimeError {
    /// What it means for the call.
    pub class: ErrorClass,
    /// The vendor's code.
    pub code: String,
    /// The vendor's words, without a caller's words or a secret.
    pub message: String,
}

/// What an error means for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// A race that was lost, such as cancelling what was done already: nothing to do.
    Benign,
    /// Unknown: noted and counted; the call goes on.
    Unknown,
    /// This session is over; another may work.
    SessionOver,
    /// The provider will not serve us now (key, quota, model): no use in trying again.
    Refused,
}

/// An open session. Dropping it closes the socket. A closed `output` means that the socket is gone.
#[derive(Debug)]
pub struct RealtimeLink {
    /// Bounded. When full the other side does not read any more: as good as gone.
    pub input: mpsc::Sender<RealtimeInput>,
    /// Bounded: a flood waits in the socket, not in our memory.
    pub output: mpsc::Receiver<RealtimeOutput>,
}

/// A provider of speech-to-speech models.
#[async_trait]
pub trait RealtimeProvider: Send + Sync {
    /// Its name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// The model's id, for the records.
    fn model(&self) -> &str;

    /// The id of the model that writes down the caller's words; the model's own where nothing else does.
    fn transcriber(&self) -> &str {
        self.model()
    }

    /// Whether it can work here now (a key is there).
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// How many of its sessions are open, those that only wait for their call included.
    fn open_sessions(&self) -> usize {
        0
    }

    /// Opens a session and sends the configuration; [`RealtimeOutput::Ready`] follows when it is in force.
    async fn open(&self, config: &RealtimeConfig) -> Result<RealtimeLink, ProviderError>;
}
