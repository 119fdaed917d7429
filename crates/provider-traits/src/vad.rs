//! Voice activity scores.

/// Scores speech in a stream of telephone audio. One value per call; keeps state between frames.
pub trait VoiceScorer: Send {
    /// Takes a frame of 8 kHz samples (20 ms in practice, any length allowed) and returns the score of the
    /// newest analysis window inside it, 0 (no voice) to 1 (voice), or the last one when no window ended.
    fn score(&mut self, samples_8k: &[i16]) -> f32;
}

/// Makes scorers.
pub trait VoiceScorerFactory: Send + Sync {
    /// A scorer for one call.
    fn scorer(&self) -> Box<dyn VoiceScorer>;
}
