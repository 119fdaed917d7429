//! The live call: one task that owns the line and carries out what the state machine decides.

use std::sync::Arc;

use domain::call_log::{CallEvent, EndReason};
use domain::call_plan::CallPlan;
use provider_traits::ambient::Ambient;
use provider_traits::brain::Mind;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::TextToSpeech;
use provider_traits::vad::VoiceScorerFactory;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::phone::PhoneLine;

mod driver;
mod hearing;
mod listening;
mod logbook;
mod recorder;
mod sending;
mod speaking;
mod thinking;

/// What a session is made of.
pub struct SessionParts {
    /// The call's plan.
    pub plan: Arc<CallPlan>,
    /// Transcribers, usually a chain.
    pub stt: Arc<dyn SpeechToText>,
    /// Voices, usually a chain.
    pub tts: Arc<dyn TextToSpeech>,
    /// Voice activity.
    pub vad: Arc<dyn VoiceScorerFactory>,
    /// What decides the agent's words.
    pub mind: Box<dyn Mind>,
    /// The call's log. Never waited for: while it is full, entries wait in the session.
    pub log: mpsc::Sender<CallEvent>,
    /// Where the recording goes, when the call is recorded. Never waited for.
    pub recording: Option<mpsc::Sender<StereoBlock>>,
    /// Clock and ids.
    pub ambient: Ambient,
    /// Fires when the process is to stop: the call says goodbye.
    pub drain: CancellationToken,
}

/// About one second of both voices, 8 kHz. Blocks follow one another without gap or overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StereoBlock {
    /// Media time of the first sample, in milliseconds.
    pub start_ms: u64,
    /// The caller, as received; silence where nothing was.
    pub caller: Vec<i16>,
    /// The agent, as heard; as long as `caller`.
    pub agent: Vec<i16>,
}

/// How a call's media part ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why.
    pub reason: EndReason,
    /// The number to connect the caller with, when the reason is [`EndReason::Transferred`].
    pub transfer_to: Option<String>,
    /// No voice worked: what the agent could not say is left to the carrier's own voice (the TwiML's spoken
    /// tail); the call itself is not over.
    pub left_to_spoken_tail: bool,
    /// What the mind needs to go on elsewhere.
    pub snapshot: serde_json::Value,
}

/// Runs a call until its media part is over, then closes the line.
///
/// Memory of a call is bounded: 160 kB of audio for a transcriber to fail over to (while somebody speaks),
/// 64 kB of recording, 160 kB of input for a transcriber that is slow, and the sentences ahead of playback
/// (80 kB for 10 s and the longest sentence of 240 kB); about 60 kB in an ordinary call.
pub async fn run(parts: SessionParts, line: PhoneLine) -> Outcome {
    driver::Driver::new(parts, line).run().await
}

#[cfg(test)]
mod tests;
