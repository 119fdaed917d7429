//! The append-only log of a call, written as things happen.
//!
//! The log is the truth: turns, latency and outcome of a call are derived from it, at hang-up or, when the
//! process died, at the next start. `at_ms` is media time: milliseconds since the media stream began.

use serde::{Deserialize, Serialize};

use crate::ids::{LeadId, ToolCallId, TurnId};
use crate::leads::Priority;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEvent {
    /// Position in the call's log, from 0, without gaps.
    pub seq: u32,
    /// Media time in milliseconds.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// The media stream is up and the engine runs.
    EngineReady {
        /// `pipeline`, `realtime`, `elevenlabs`.
        engine: String,
        /// Provider ids in use (`stt`, `tts`, `brain`).
        providers: Vec<String>,
    },
    /// The caller began to speak (voice activity, before any confirmation).
    SpeechStarted,
    /// The caller's voice activity ended.
    SpeechEnded,
    /// Words so far; for live display, superseded by the turn.
    CallerPartial {
        /// The turn they will belong to.
        turn: TurnId,
        /// The words so far.
        text: String,
    },
    /// The caller finished a turn that counts.
    CallerTurn {
        /// The turn.
        turn: TurnId,
        /// First speech.
        started_ms: u64,
        /// Last speech.
        ended_ms: u64,
        /// The words.
        text: String,
        /// The transcriber's confidence, 0 to 1, when it gives one.
        confidence: Option<f32>,
    },
    /// Something that looked like words and was not taken as a turn.
    TurnRejected {
        /// The turn it would have been.
        turn: TurnId,
        /// First speech.
        started_ms: u64,
        /// Last speech.
        ended_ms: u64,
        /// The words, if any.
        text: String,
        /// Which layer of the phantom filter said no.
        layer: String,
        /// Why, in plain words.
        reason: String,
    },
    /// The agent began to speak a sentence.
    AgentSaying {
        /// The agent's turn.
        turn: TurnId,
        /// The sentence.
        text: String,
        /// Why it is said.
        purpose: Purpose,
    },
    /// The agent's turn is over: played to the end, or cut.
    AgentTurn {
        /// The turn.
        turn: TurnId,
        /// First audio sent.
        started_ms: u64,
        /// Last audio heard.
        ended_ms: u64,
        /// All the words the brain produced for it.
        generated: String,
        /// The words whose audio was sent to the phone.
        sent: String,
        /// The words the caller can have heard.
        heard: String,
        /// Whether the caller cut it short.
        interrupted: bool,
    },
    /// The agent went on where a false interruption had stopped it.
    Resumed {
        /// The agent's turn.
        turn: TurnId,
        /// Milliseconds of the turn's audio already heard.
        from_ms: u64,
    },
    /// How long the answer to a caller's turn took.
    Latency {
        /// The agent's turn that answered.
        turn: TurnId,
        /// The parts.
        #[serde(flatten)]
        parts: LatencyParts,
    },
    /// The brain ran a tool.
    ToolCall {
        /// The tool call.
        id: ToolCallId,
        /// The tool's name, such as `get_project_status`.
        name: String,
        /// The arguments.
        arguments: serde_json::Value,
        /// The result, or the error's sentence.
        result: serde_json::Value,
        /// Whether it worked.
        ok: bool,
        /// Milliseconds it took.
        duration_ms: u32,
    },
    /// What the caller's turn was about.
    Intent {
        /// The caller's turn.
        turn: TurnId,
        /// Intent name, such as `status_update`.
        intent: String,
    },
    /// The lead of this conversation was created or changed.
    LeadSaved {
        /// The lead.
        lead: LeadId,
    },
    /// What there is of a message that the caller has begun to leave, each time there is more; nothing when they took it
    /// back. Who hangs up in the middle has left this.
    MessageBegun {
        /// The message so far.
        message: Option<BegunMessage>,
    },
    /// A key was pressed.
    Dtmf {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// Something the business or operator may want to know: failover, malformed frame, gap.
    Notice {
        /// Stable code, such as `stt_failed_over`.
        code: String,
        /// Plain words: what happened and what was done about it.
        text: String,
        /// Whose fault it was, when somebody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
    },
    /// Another engine carries the call from here on.
    EngineChanged {
        /// The engine that carried it until now.
        from: String,
        /// The engine that goes on.
        to: String,
        /// Plain words: why.
        cause: String,
        /// Whose fault it was.
        fault: Fault,
    },
    /// The call went on with a new media stream, perhaps on another node.
    Continued {
        /// The node that goes on.
        node: String,
        /// Milliseconds since the last sign of life of the stream before.
        gap_ms: u64,
        /// Why there was a new stream.
        cause: ContinueCause,
    },
    /// What a model metered: for one answer, one stretch of transcription or one sentence spoken.
    ModelUsage {
        /// The provider's id.
        provider: String,
        /// The model's id.
        model: String,
        /// Tokens by kind.
        #[serde(flatten)]
        tokens: ModelTokens,
        /// Milliseconds of the caller's audio that were transcribed, when that is the unit.
        transcribed_ms: u64,
        /// Characters that were spoken, when that is the unit.
        #[serde(default, skip_serializing_if = "is_zero")]
        characters: u64,
    },
    /// How the media stream did, written when it ends.
    Media {
        /// The figures.
        #[serde(flatten)]
        quality: MediaQuality,
    },
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// A message that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunMessage {
    /// The words.
    pub text: String,
    /// Who it is from, as said.
    pub from_name: Option<String>,
    /// Where to answer: E.164 or e-mail.
    pub reply_to: Option<String>,
    /// How pressing.
    pub priority: Priority,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whose fault a failure was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An outside provider: it refused, broke off, was silent or too slow.
    Provider,
    /// The carrier, or the network between it and us.
    Carrier,
    /// This installation: a defect, a missing setting, a machine without room.
    Us,
    /// Nobody's: a planned change.
    Nobody,
}

/// Why a call went on with a new media stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContinueCause {
    /// The stream before was cut off: its node died, or its connection.
    CutOff,
    /// A node that was told to stop handed the call over.
    HandedOver,
    /// The caller comes back: nobody took them whom they were to be connected with.
    NotConnected,
}

/// Tokens by kind. Cached ones are included in text and audio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTokens {
    /// Text read.
    pub input_text: u64,
    /// Audio heard.
    pub input_audio: u64,
    /// Of the text read, from the cache.
    pub cached_text: u64,
    /// Of the audio heard, from the cache.
    pub cached_audio: u64,
    /// Text written.
    pub output_text: u64,
    /// Audio spoken.
    pub output_audio: u64,
}

/// How a call's media stream did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaQuality {
    /// Messages of audio received.
    pub packets: u64,
    /// Milliseconds of audio that never came.
    pub missing_ms: u64,
    /// Messages that came twice or too late.
    pub repeated: u64,
    /// Messages that made no sense.
    pub malformed: u64,
    /// Mean deviation of the messages' arrival from their pace, in microseconds (RFC 3550, section 6.4.1).
    pub jitter_us: u64,
    /// Times that the agent's voice ran dry in mid-sentence.
    pub underruns: u64,
}

/// Why the agent says a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The first words.
    Greeting,
    /// An answer.
    Reply,
    /// Fills the wait for an answer.
    Filler,
    /// Asks whether the caller is still there.
    SilencePrompt,
    /// The last words.
    Goodbye,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up.
    CallerHungUp,
    /// The conversation came to its end and the agent hung up.
    AgentSaidGoodbye,
    /// Nobody spoke.
    Silence,
    /// The call went to a person.
    Transferred,
    /// The longest allowed duration was reached.
    MaxDuration,
    /// The line broke without `stop`.
    ConnectionLost,
    /// The server was told to stop.
    ServerStopped,
    /// The process died; found at the next start.
    ProcessDied,
    /// A defect ended it; the caller heard an apology.
    InternalError,
}

/// Caller's last word to agent's first audio, split by part. Milliseconds; parts add up to the total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyParts {
    /// Last speech until the turn was declared over.
    pub endpointing_ms: u32,
    /// From there until the transcript was final.
    pub stt_ms: u32,
    /// From there until the brain's first sentence.
    pub brain_ms: u32,
    /// From there until its first audio.
    pub tts_ms: u32,
    /// From there until the first frame went out.
    pub hop_ms: u32,
    /// The sum.
    pub total_ms: u32,
}
