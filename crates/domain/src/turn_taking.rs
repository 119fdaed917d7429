//! The settings of turn-taking, with the meaning and the range of each.

use serde::{Deserialize, Serialize};

/// How an agent shares the floor with a caller. All times in milliseconds of media time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnTaking {
    /// Score above which a frame counts as speech on a quiet line, 0.1 to 0.95. The gate raises it with
    /// the line's noise, up to 0.8.
    pub vad_threshold: f32,
    /// Audio kept from before the detected onset and sent to the transcriber, 0 to 1,000.
    pub prefix_ms: u32,
    /// Silence that ends an ordinary utterance, 200 to 3,000.
    pub silence_ms: u32,
    /// Silence that ends an utterance which is clearly complete (a question, a closed answer).
    pub silence_complete_ms: u32,
    /// Silence that ends an utterance which is clearly unfinished (trailing "and", a number being dictated).
    pub silence_incomplete_ms: u32,
    /// The longest silence that is ever waited for, whatever the semantics say.
    pub silence_max_ms: u32,
    /// Speech shorter than this never becomes a turn.
    pub min_speech_ms: u32,
    /// Sustained speech that confirms an interruption of the agent.
    pub interruption_ms: u32,
    /// With a speech-to-speech model: whether our own voice activity and phantom filter decide that the caller
    /// interrupts, after [`Self::interruption_ms`] of sustained speech. False: the model's own detection does, at
    /// once.
    pub semantic_interruption: bool,
    /// The longest caller utterance before it is taken as it stands (a boundary may never come).
    pub max_utterance_ms: u32,
    /// Longest time a caller is left without sound after their turn before a filler is spoken.
    pub filler_after_ms: u32,
    /// Silence of both sides after which the first gentle prompt is spoken.
    pub first_prompt_ms: u32,
    /// Silence after which the second prompt is spoken.
    pub second_prompt_ms: u32,
    /// Silence after which the agent says goodbye and hangs up.
    pub goodbye_ms: u32,
}

impl Default for TurnTaking {
    fn default() -> Self {
        Self {
            vad_threshold: 0.5,
            prefix_ms: 300,
            silence_ms: 500,
            silence_complete_ms: 300,
            silence_incomplete_ms: 1_300,
            silence_max_ms: 2_500,
            min_speech_ms: 120,
            interruption_ms: 300,
            semantic_interruption: false,
            max_utterance_ms: 60_000,
            filler_after_ms: 1_200,
            first_prompt_ms: 7_000,
            second_prompt_ms: 15_000,
            goodbye_ms: 30_000,
        }
    }
}
