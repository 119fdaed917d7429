//! Turn-taking as the API shows and takes it.

use domain::turn_taking::TurnTaking;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// How an agent shares the floor with a caller. Times in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TurnTaking)]
pub struct TurnTakingView {
    /// Score above which a sound counts as speech on a quiet line.
    #[garde(range(min = 0.1, max = 0.95))]
    #[schema(minimum = 0.1, maximum = 0.95, example = 0.5)]
    vad_threshold: f32,
    /// Sound kept from before the detected onset.
    #[garde(range(max = 1_000))]
    #[schema(maximum = 1_000, example = 300)]
    prefix_ms: u32,
    /// Silence that ends an ordinary utterance.
    #[garde(range(min = 200, max = 3_000))]
    #[schema(minimum = 200, maximum = 3_000, example = 500)]
    silence_ms: u32,
    /// Silence that ends an utterance which is clearly complete.
    #[garde(range(min = 100, max = 3_000))]
    #[schema(minimum = 100, maximum = 3_000, example = 300)]
    silence_complete_ms: u32,
    /// Silence that ends an utterance which is clearly unfinished.
    #[garde(range(min = 200, max = 5_000))]
    #[schema(minimum = 200, maximum = 5_000, example = 1_300)]
    silence_incomplete_ms: u32,
    /// The longest silence that is ever waited for.
    #[garde(range(min = 200, max = 10_000))]
    #[schema(minimum = 200, maximum = 10_000, example = 2_500)]
    silence_max_ms: u32,
    /// Speech shorter than this never becomes a turn.
    #[garde(range(max = 1_000))]
    #[schema(maximum = 1_000, example = 120)]
    min_speech_ms: u32,
    /// Sustained speech that confirms an interruption.
    #[garde(range(min = 100, max = 3_000))]
    #[schema(minimum = 100, maximum = 3_000, example = 300)]
    interruption_ms: u32,
    /// With the engine `realtime`: whether our own voice detection and phantom filter decide that the caller
    /// interrupts; otherwise the model's own detection does, at once.
    #[serde(default)]
    #[garde(skip)]
    #[schema(example = false)]
    semantic_interruption: bool,
    /// The longest utterance before it is taken as it stands.
    #[garde(range(min = 5_000, max = 180_000))]
    #[schema(minimum = 5_000, maximum = 180_000, example = 60_000)]
    max_utterance_ms: u32,
    /// Longest time without sound after a caller's turn before a filler is spoken.
    #[garde(range(min = 300, max = 10_000))]
    #[schema(minimum = 300, maximum = 10_000, example = 1_200)]
    filler_after_ms: u32,
    /// Silence of both sides after which the first gentle prompt is spoken.
    #[garde(range(min = 2_000, max = 120_000))]
    #[schema(minimum = 2_000, maximum = 120_000, example = 7_000)]
    first_prompt_ms: u32,
    /// Silence after which the second prompt is spoken.
    #[garde(range(min = 3_000, max = 180_000))]
    #[schema(minimum = 3_000, maximum = 180_000, example = 15_000)]
    second_prompt_ms: u32,
    /// Silence after which the agent says goodbye.
    #[garde(range(min = 5_000, max = 300_000))]
    #[schema(minimum = 5_000, maximum = 300_000, example = 30_000)]
    goodbye_ms: u32,
}

impl TurnTakingView {
    /// What can't be said of one field alone.
    ///
    /// # Errors
    /// `422` that names the field.
    pub(crate) fn check_order(&self) -> Result<(), ApiError> {
        if self.silence_max_ms < self.silence_ms.max(self.silence_incomplete_ms) {
            return Err(ApiError::field(
                "turn_taking.silence_max_ms",
                "must not be below silence_ms and silence_incomplete_ms",
            ));
        }
        if !(self.first_prompt_ms < self.second_prompt_ms && self.second_prompt_ms < self.goodbye_ms) {
            return Err(ApiError::field(
                "turn_taking.goodbye_ms",
                "first_prompt_ms, second_prompt_ms and goodbye_ms must follow each other",
            ));
        }
        Ok(())
    }
}

impl From<TurnTaking> for TurnTakingView {
    fn from(t: TurnTaking) -> Self {
        Self {
            vad_threshold: t.vad_threshold,
            prefix_ms: t.prefix_ms,
            silence_ms: t.silence_ms,
            silence_complete_ms: t.silence_complete_ms,
            silence_incomplete_ms: t.silence_incomplete_ms,
            silence_max_ms: t.silence_max_ms,
            min_speech_ms: t.min_speech_ms,
            interruption_ms: t.interruption_ms,
            semantic_interruption: t.semantic_interruption,
            max_utterance_ms: t.max_utterance_ms,
            filler_after_ms: t.filler_after_ms,
            first_prompt_ms: t.first_prompt_ms,
            second_prompt_ms: t.second_prompt_ms,
            goodbye_ms: t.goodbye_ms,
        }
    }
}

impl From<TurnTakingView> for TurnTaking {
    fn from(t: TurnTakingView) -> Self {
        Self {
            vad_threshold: t.vad_threshold,
            prefix_ms: t.prefix_ms,
            silence_ms: t.silence_ms,
            silence_complete_ms: t.silence_complete_ms,
            silence_incomplete_ms: t.silence_incomplete_ms,
            silence_max_ms: t.silence_max_ms,
            min_speech_ms: t.min_speech_ms,
            interruption_ms: t.interruption_ms,
            semantic_interruption: t.semantic_interruption,
            max_utterance_ms: t.max_utterance_ms,
            filler_after_ms: t.filler_after_ms,
            first_prompt_ms: t.first_prompt_ms,
            second_prompt_ms: t.second_prompt_ms,
            goodbye_ms: t.goodbye_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_obey_the_documented_ranges() {
        let defaults = TurnTakingView::from(TurnTaking::default());
        assert!(defaults.validate().is_ok());
        assert!(defaults.check_order().is_ok());
        let hasty = TurnTakingView { silence_max_ms: 400, ..defaults };
        assert!(hasty.check_order().is_err());
    }
}
