//! The pipeline engine: one task that owns the line and carries out what the state machine decides.

use std::sync::Arc;

use domain::call_log::ContinueCause;
use domain::call_plan::CallPlan;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{GoOn, Mind};
use provider_traits::stt::SpeechToText;
use provider_traits::tts::TextToSpeech;
use provider_traits::vad::VoiceScorerFactory;
use tokio_util::sync::CancellationToken;

use crate::call::Outcome;
use crate::line::Line;

mod driver;
pub(crate) mod hearing;
mod listening;
pub(crate) mod speaking;
mod thinking;

/// What the pipeline is made of.
pub(crate) struct SessionParts {
    pub(crate) plan: Arc<CallPlan>,
    pub(crate) stt: Arc<dyn SpeechToText>,
    pub(crate) tts: Arc<dyn TextToSpeech>,
    pub(crate) vad: Arc<dyn VoiceScorerFactory>,
    pub(crate) mind: Box<dyn Mind>,
    pub(crate) ambient: Ambient,
    pub(crate) drain: CancellationToken,
    pub(crate) hand_over: CancellationToken,
}

/// How the pipeline comes to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The call was just picked up: greet.
    PickedUp,
    /// The stream before ended; the caller noticed when it was cut off.
    Continued(ContinueCause),
    /// Another engine gave up. `Some`: the caller waits for something.
    TookOver(Option<GoOn>),
}

/// Runs a call until its media part is over, then closes the line.
pub(crate) async fn run(mut parts: SessionParts, line: Line, begin: Begin) -> Outcome {
    if begin != Begin::PickedUp {
        parts.mind.take_over(line.history());
    }
    driver::Driver::new(parts, line, begin).run().await
}
