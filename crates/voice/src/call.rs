//! A call from its first frame to its last, over all engines.
//!
//! The supervisor: it starts the engine that the plan names, and when that one gives up in mid-call it hands the
//! line, the history and the lead's progress to the next. The last engine leaves the call to the carrier's own voice.

use std::sync::Arc;
use std::time::Duration;

use domain::call_log::{CallEvent, ContinueCause, EndReason, EventKind};
use domain::call_plan::CallPlan;
use domain::history::History;
use provider_traits::ambient::Ambient;
use provider_traits::brain::Mind;
use provider_traits::functions::Functions;
use provider_traits::realtime::{RealtimeConfig, RealtimeProvider};
use provider_traits::stt::SpeechToText;
use provider_traits::tts::TextToSpeech;
use provider_traits::vad::VoiceScorerFactory;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::line::Line;
use crate::phone::{Pace, PhoneLine};
use crate::realtime::driver::{self, End, GaveUp};
use crate::session;

/// How long a hand-over waits for a moment in which nobody speaks or waits: longer than most turns.
pub(crate) const QUIET_MOMENT_WITHIN: Duration = Duration::from_secs(20);

/// What a call is made of.
pub struct CallParts {
    /// The call's plan.
    pub plan: Arc<CallPlan>,
    /// A speech-to-speech model, when the agent is to be carried by one; it is tried first.
    pub realtime: Option<RealtimeParts>,
    /// Transcribers, usually a chain.
    pub stt: Arc<dyn SpeechToText>,
    /// Voices, usually a chain.
    pub tts: Arc<dyn TextToSpeech>,
    /// Voice activity.
    pub vad: Arc<dyn VoiceScorerFactory>,
    /// What decides the agent's words in the pipeline.
    pub mind: Box<dyn Mind>,
    /// The call's log. Never waited for: while it is full, entries wait in the session.
    pub log: mpsc::Sender<CallEvent>,
    /// Where the recording goes, when the call is recorded. Never waited for.
    pub recording: Option<mpsc::Sender<StereoBlock>>,
    /// Clock and ids.
    pub ambient: Ambient,
    /// Where the call begins.
    pub start: Start,
    /// What is needed to go on elsewhere, published whenever it changes.
    pub state: watch::Sender<CallState>,
    /// Fires when the process is to stop: the call says goodbye.
    pub drain: CancellationToken,
    /// Fires when another node is to go on: the line is closed at the next quiet moment.
    pub hand_over: CancellationToken,
}

/// A speech-to-speech model for one call.
pub struct RealtimeParts {
    /// The provider.
    pub provider: Arc<dyn RealtimeProvider>,
    /// A session that was opened while the telephone still rang; `None` opens one now.
    pub warm: Option<provider_traits::realtime::RealtimeLink>,
    /// What the model is told.
    pub config: RealtimeConfig,
    /// The functions it may call.
    pub functions: Arc<dyn Functions>,
    /// The words that the model is to greet with, in its own voice.
    pub greeting: String,
}

/// Where a call begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Start {
    /// Media time of the first frame in milliseconds: 0, or where the stream before ended.
    pub at_ms: u64,
    /// Number of the first entry of the log.
    pub next_seq: u32,
    /// What was said before.
    pub history: History,
    /// What the mind knew, when it was left by one of the same kind.
    pub mind: Option<serde_json::Value>,
    /// Why the call goes on with a new stream; `None` at its first.
    pub continued: Option<ContinueCause>,
}

/// What is needed to go on with a call elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallState {
    /// The engine that carries it.
    pub engine: String,
    /// Media time up to here, in milliseconds.
    pub at_ms: u64,
    /// Number of the next entry of the log.
    pub next_seq: u32,
    /// What was said.
    pub history: History,
    /// What the mind knows.
    pub mind: Option<serde_json::Value>,
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
    /// The call is not over: another node is to go on with it, and is told whether somebody's words broke off. Its log has
    /// no last entry.
    pub handed_over: Option<ContinueCause>,
    /// What was known at the end.
    pub state: CallState,
}

/// Runs a call until its media part is over, then closes the line.
///
/// Memory of a call is bounded: 160 kB of audio for a transcriber to fail over to (while somebody speaks),
/// 64 kB of recording, 160 kB of input for a transcriber that is slow, and the sentences ahead of playback
/// (80 kB for 10 s and the longest sentence of 240 kB); about 60 kB in an ordinary call.
pub async fn run(parts: CallParts, wire: PhoneLine) -> Outcome {
    let start = parts.start;
    let realtime = parts.realtime;
    let line = Line::new(wire, parts.log, parts.recording, start.clone(), parts.state);
    let mut parts = session::SessionParts {
        plan: parts.plan,
        stt: parts.stt,
        tts: parts.tts,
        vad: parts.vad,
        mind: parts.mind,
        ambient: parts.ambient,
        drain: parts.drain,
        hand_over: parts.hand_over,
    };
    if let Some(mind) = start.mind {
        parts.mind.restore(mind);
    }
    let begin = match start.continued {
        None => session::Begin::PickedUp,
        Some(cause) => session::Begin::Continued(cause),
    };
    // A model knows only real time.
    let Some(realtime) = realtime.filter(|_| line.pace == Pace::RealTime) else {
        return Box::pin(session::run(parts, line, begin)).await;
    };
    // Each engine's state is boxed, so that a call has the memory of the one that carries it.
    match Box::pin(driver::run(realtime, parts, line, begin)).await {
        End::Over(outcome) => *outcome,
        End::GaveUp(gave_up) => {
            let GaveUp { mut line, parts, cause, fault, begin } = *gave_up;
            line.now();
            let (from, to) = ("realtime".to_owned(), "pipeline".to_owned());
            line.log(EventKind::EngineChanged { from, to, cause, fault });
            Box::pin(session::run(parts, line, begin)).await
        }
    }
}

#[cfg(test)]
mod tests;
