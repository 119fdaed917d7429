//! When a caller's turn is over: how likely the words are complete, and how long to wait for more.

use domain::end_of_turn;
use domain::expected_answer::ExpectedAnswer;
use domain::turn_taking::TurnTaking;

/// Judges whether an utterance is complete. One value per call.
pub trait TurnDetector: Send {
    /// Voice began (`true`) or ended.
    fn on_vad(&mut self, _voice: bool) {}

    /// The words so far; empty when a new utterance begins.
    fn on_partial(&mut self, text: &str);

    /// The caller pauses: the likelihood, 0 to 1, that nothing more is coming.
    fn on_pause(&mut self, expecting: ExpectedAnswer) -> f32;
}

/// Judges by the words alone, with the rules of [`domain::end_of_turn`].
#[derive(Debug, Default)]
pub struct Rules {
    text: String,
    /// The score of these words, so that a pause is judged once and not with every frame of it.
    scored: Option<(ExpectedAnswer, f32)>,
}

impl TurnDetector for Rules {
    fn on_partial(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.scored = None;
    }

    fn on_pause(&mut self, expecting: ExpectedAnswer) -> f32 {
        if self.text.is_empty() {
            return NO_OPINION;
        }
        match self.scored {
            Some((kind, score)) if kind == expecting => score,
            _ => {
                let score = end_of_turn::score(&self.text, expecting);
                self.scored = Some((expecting, score));
                score
            }
        }
    }
}

/// The likelihood when there are no words to judge by.
const NO_OPINION: f32 = 0.5;
/// Likelier than this is clearly complete (measured with the rules: 36 of 38 sentences kept whole).
const COMPLETE: f32 = 0.8;
/// Less likely than this is clearly unfinished.
const INCOMPLETE: f32 = 0.4;

/// The silence, in milliseconds since the last voice, after which an utterance of that likelihood is over.
#[must_use]
pub fn silence_to_wait_ms(likelihood: f32, settings: &TurnTaking) -> u64 {
    let wait = if likelihood > COMPLETE {
        settings.silence_complete_ms
    } else if likelihood < INCOMPLETE {
        settings.silence_incomplete_ms
    } else {
        settings.silence_ms
    };
    u64::from(wait.min(settings.silence_max_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expecting: ExpectedAnswer, expect_ms: u64) {
        let mut rules = Rules::default();
        rules.on_partial(text);
        let wait = silence_to_wait_ms(rules.on_pause(expecting), &TurnTaking::default());
        assert_eq!(wait, expect_ms, "{text:?}");
    }

    #[test]
    fn complete_words_end_sooner_and_trailing_ones_later() {
        check("how is my website coming along", ExpectedAnswer::Open, 300);
        check("yes", ExpectedAnswer::YesNo, 300);
        check("i would like to talk about the", ExpectedAnswer::Open, 1_300);
        check("let me think", ExpectedAnswer::Open, 1_300);
        check("", ExpectedAnswer::Open, 500);
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        let settings = TurnTaking { silence_max_ms: 900, ..TurnTaking::default() };
        assert_eq!(silence_to_wait_ms(0.0, &settings), 900);
    }
}
