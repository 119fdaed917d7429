//! What a machine is told, and what it says is to be done.

use bytes::Bytes;
use domain::call_log::{EventKind, Fault};
use provider_traits::brain::GoOn;
use provider_traits::functions::FunctionOutcome;
use provider_traits::realtime::{RealtimeInput, RealtimeOutput};

use crate::pipeline::machine::HeardFrame;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The media stream is up. `cut_off`: the call goes on after the stream before broke.
    Began {
        /// How the model is to begin.
        begin: Begin,
    },
    /// The caller's audio, as it came.
    Audio {
        /// mu-law.
        audio: Bytes,
        /// Milliseconds that never came, before it.
        missing_ms: u64,
        /// Whether it is loud enough to be somebody speaking, by its energy alone.
        is_loud: bool,
    },
    /// A frame of it was scored; only when our own detection decides about interruptions.
    Heard(HeardFrame),
    /// A session with the model is ready and may be changed to.
    LinkReady {
        /// When the other side will end it, in milliseconds from now.
        expires_in_ms: Option<u64>,
    },
    /// No session could be had.
    LinkFailed {
        /// Plain words.
        reason: String,
        /// The provider will not serve us now: no use in trying again.
        refused: bool,
    },
    /// The session in use is gone.
    LinkGone {
        /// Plain words.
        reason: String,
    },
    /// The model said something.
    Model(RealtimeOutput),
    /// A function returned.
    FunctionDone {
        /// The call's id as the model gave it.
        call_id: String,
        /// What came of it.
        outcome: FunctionOutcome,
    },
    /// Audio of our own voice.
    OwnAudio {
        /// The sentence.
        sentence: u32,
        /// mu-law.
        audio: Bytes,
    },
    /// No more audio of it comes.
    OwnEnd {
        /// The sentence.
        sentence: u32,
    },
    /// A mark came back.
    Mark {
        /// Its name.
        name: String,
    },
    /// A key was pressed.
    Dtmf {
        /// The key.
        digit: char,
    },
    /// The caller hung up.
    Stop,
    /// The connection is gone.
    Lost,
    /// The server is told to stop.
    Drain,
    /// Another node is to go on with the call.
    HandOver {
        /// Now, rather than at the next quiet moment.
        at_once: bool,
    },
    /// Time passed.
    Tick,
}

/// How a model begins with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It was just picked up.
    PickedUp,
    /// The stream before was cut off.
    CutOff,
    /// The caller is back: nobody took them whom they were to be connected with.
    NotConnected,
    /// Another node handed it over; the caller noticed nothing. `owed`: an answer is.
    HandedOver {
        /// Whether the caller waits for an answer.
        owed: bool,
    },
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Open a session; [`Input::LinkReady`] or [`Input::LinkFailed`] follows.
    Open,
    /// The session that is being opened is not wanted any more.
    AbandonOpening,
    /// Use the session that is ready from now on, and tell it what was said so far.
    Change,
    /// Tell the model.
    ToModel(RealtimeInput),
    /// Send audio to the caller, and the mark behind it.
    Play {
        /// mu-law.
        audio: Bytes,
        /// The mark's name.
        mark: String,
        /// Media time at which it begins to sound.
        begins_ms: u64,
    },
    /// Have the far end throw away what it has not played.
    Clear,
    /// Run a function.
    RunFunction {
        /// The call's id as the model gave it.
        call_id: String,
        /// The function.
        name: String,
        /// Its arguments as the model wrote them.
        arguments: String,
    },
    /// Speak with our own voice.
    Speak {
        /// Numbers the sentences.
        sentence: u32,
        /// The words.
        text: String,
    },
    /// The sentence is not wanted any more.
    Forget {
        /// The sentence.
        sentence: u32,
    },
    /// The agent's voice ran dry in mid-answer.
    RanDry,
    /// Write an entry of the log.
    Log(EventKind),
    /// The model is given up: another engine is to go on.
    GiveUp {
        /// Plain words: why.
        cause: String,
        /// Whose fault it was.
        fault: Fault,
        /// What the caller waits for.
        owed: Owed,
    },
    /// The media part is over.
    Finish,
}

/// What the caller waits for when the model is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owed {
    /// The greeting: nothing was said yet.
    Greeting,
    /// Nothing: the caller speaks, or nobody.
    Nothing,
    /// This.
    This(GoOn),
}
