//! What the person does, step by step, with all sounds made beforehand.

use audio::noise::NoiseKind;

use crate::line::session::{Ending, Fate, RawMessage};

/// One thing the person does.
#[derive(Debug, Clone)]
pub struct Step {
    /// Position in the scenario's list of steps; `None` for what the simulator adds at the end.
    pub index: Option<usize>,
    /// What must have happened before.
    pub when: When,
    /// The thing.
    pub action: Action,
    /// Longest time `when` is waited for; afterwards the step is done all the same, and the wait reported.
    pub give_up_ms: u64,
    /// Left out when the agent has finished without `when` having come true.
    pub optional: bool,
}

/// When a step begins.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// At once after the step before.
    Now,
    /// The agent has answered the last line and has been quiet for this long.
    AgentDone {
        /// Milliseconds of quiet.
        quiet_ms: u64,
    },
    /// The agent has been speaking for this long, counted from now on at the earliest.
    AgentSpeaking {
        /// Milliseconds.
        for_ms: u64,
    },
    /// The agent has been quiet for this long, whether it has answered or not.
    AgentQuiet {
        /// Milliseconds.
        for_ms: u64,
    },
    /// The call is this old.
    At {
        /// Media time.
        ms: u64,
    },
    /// This long after the step before was done.
    After {
        /// Milliseconds.
        ms: u64,
    },
    /// The agent has said these words (a phrase, alternatives separated by `|`) since the last line.
    Heard {
        /// The phrase.
        phrase: String,
    },
}

/// What a person can do.
#[derive(Debug, Clone)]
pub enum Action {
    /// Makes a sound.
    Sound {
        /// What the microphone picks up.
        samples: Vec<i16>,
        /// The words, when it is speech.
        words: Option<String>,
        /// Whether an answer is waited for before the next step that waits for the agent.
        wants_answer: bool,
        /// What the network does to parts of it.
        faults: Vec<Fault>,
    },
    /// Says nothing for a while.
    Silence {
        /// Milliseconds.
        ms: u64,
        /// The frames are lost rather than silent.
        lost: bool,
    },
    /// Presses keys, five a second.
    Keys(Vec<char>),
    /// Sends messages outside the protocol.
    Raw(Vec<RawMessage>),
    /// Ends the call.
    End(Ending),
    /// Waits for the agent to end the call.
    AwaitEnd,
}

/// A fault of the network during a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// From the beginning of the sound.
    pub at_ms: u64,
    /// How long.
    pub ms: u64,
    /// What happens to the frames.
    pub fate: Fate,
}

/// Noise that is there all the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// What it sounds like.
    pub kind: NoiseKind,
    /// Its level.
    pub level_dbfs: f32,
    /// Decides its randomness.
    pub seed: u64,
}

/// The malformed messages that every server must survive.
#[must_use]
pub fn malformed_messages(stream_sid_of_another: &str) -> Vec<RawMessage> {
    let text = |text: &str| RawMessage::Text(text.to_owned());
    vec![
        text(""),
        text("hello"),
        text("{"),
        text("[]"),
        text("null"),
        text("{}"),
        text(r#"{"event":42}"#),
        text(r#"{"event":"dance","streamSid":"MZ0"}"#),
        text(r#"{"event":"media"}"#),
        text(r#"{"event":"media","media":{"payload":"%%%"},"sequenceNumber":"x"}"#),
        text(
            r#"{"event":"media","sequenceNumber":"-1","media":{"track":"inbound","chunk":"-1","timestamp":"-5","payload":""}}"#,
        ),
        RawMessage::Text(format!(
            r#"{{"event":"media","sequenceNumber":"2","media":{{"track":"inbound","chunk":"1","timestamp":"99999999999999999999","payload":"/////w=="}},"streamSid":"{stream_sid_of_another}"}}"#
        )),
        text(r#"{"event":"mark","mark":{}}"#),
        text(r#"{"event":"mark","mark":{"name":"never-sent"},"sequenceNumber":"3","streamSid":"MZ0"}"#),
        text(r#"{"event":"dtmf","dtmf":{"digit":"not a digit"},"streamSid":"MZ0"}"#),
        text("{\"event\":\"media\",\"media\":{\"payload\":\"\\ud800\"}}"),
        RawMessage::Binary(vec![0, 159, 146, 150]),
        RawMessage::Binary(Vec::new()),
        RawMessage::Text("x".repeat(40_000)),
    ]
}
