//! How far a transcript is to be believed.
//!
//! Three signs, measured with `examples/wer` (sentences right, sentences wrong, noise taken for words):
//! - the words' posteriors: 0.87 in the median when right, 0.63 when wrong;
//! - the words' lengths: noise is heard as one short word drawn out to almost a second;
//! - the acoustic score: relative to each frame's best sound it is -20,000 a frame and less for speech, but
//!   near zero for steady noise, in which all sounds are equally unlikely.

use super::ffi::Segment;

/// A finished utterance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) text: String,
    /// 0 to 1.
    pub(super) confidence: f32,
}

/// Log scores of the recogniser have this base.
const LOG_BASE: f32 = 1.0001;
/// Frames of 10 ms that a word may last without suspicion: so many, and so many more for each letter.
const WORD_FRAMES: f32 = 36.0;
const LETTER_FRAMES: f32 = 8.0;
/// Acoustic score of a frame from which it is believed not at all, and the way from there to fully.
const NOISE_SCORE: f32 = -4_000.0;
const NOISE_TO_SPEECH: f32 = 10_000.0;

/// Judges an utterance by its best path. Each word counts by its length; noises and silence do not count.
pub(super) fn judge(text: String, segments: &[Segment]) -> Judged {
    let (mut frames, mut belief, mut acoustic) = (0.0, 0.0, 0.0);
    for word in segments.iter().filter(|segment| is_word(&segment.word)) {
        let length = word.frames as f32;
        frames += length;
        acoustic += word.acoustic as f32;
        let posterior = LOG_BASE.powf(word.posterior as f32).clamp(0.0, 1.0);
        belief += length * posterior * natural_length(&word.word, length);
    }
    if text.is_empty() || frames == 0.0 {
        return Judged { text: String::new(), confidence: 0.0 };
    }
    let speech = ((NOISE_SCORE - acoustic / frames) / NOISE_TO_SPEECH).clamp(0.0, 1.0);
    Judged { text, confidence: belief / frames * speech }
}

/// 1 for a word of ordinary length, quickly less for one that is drawn out.
fn natural_length(word: &str, frames: f32) -> f32 {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count() as f32;
    ((WORD_FRAMES + LETTER_FRAMES * letters) / frames.max(1.0)).min(1.0).powi(4)
}

/// Whether a segment is a word and not silence or a noise.
fn is_word(word: &str) -> bool {
    !word.starts_with(['<', '[', '+'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confidence(segments: &[(&str, u32, i32, i32)]) -> f32 {
        let segments: Vec<Segment> = segments
            .iter()
            .map(|&(word, frames, acoustic_per_frame, posterior)| Segment {
                word: word.to_owned(),
                frames,
                acoustic: acoustic_per_frame * frames as i32,
                posterior,
            })
            .collect();
        judge("words".to_owned(), &segments).confidence
    }

    #[test]
    fn clear_words_are_believed_whatever_the_pauses() {
        let said = [("<sil>", 40, 0, 0), ("new", 20, -25_000, 0), ("logo(2)", 45, -30_000, -500)];
        assert!(confidence(&said) > 0.9);
    }

    #[test]
    fn words_that_compete_with_others_are_doubted() {
        assert!(confidence(&[("new", 20, -25_000, -9_000), ("logo", 40, -30_000, -12_000)]) < 0.45);
    }

    #[test]
    fn a_short_word_drawn_out_is_noise() {
        assert!(confidence(&[("us", 88, -20_000, 0)]) < 0.2);
        assert!(confidence(&[("this", 90, -18_000, 0)]) < 0.4);
        assert!(confidence(&[("yes", 50, -25_000, 0)]) > 0.9);
    }

    #[test]
    fn steady_noise_is_not_believed() {
        assert!(confidence(&[("of", 30, -2_500, 0)]) < 0.1);
    }

    #[test]
    fn nothing_heard_is_no_confidence() {
        let judged = judge(String::new(), &[]);
        assert_eq!((judged.text.as_str(), judged.confidence), ("", 0.0));
        assert_eq!(confidence(&[("[NOISE]", 50, -20_000, 0)]), 0.0);
    }
}
