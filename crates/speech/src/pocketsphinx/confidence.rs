//! How far a transcript is to be believed.

use super::ffi::Segment;

/// A finished utterance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) text: String,
    pub(super) confidence: f32,
}

/// Judges an utterance by its best path.
pub(super) fn judge(text: String, segments: &[Segment]) -> Judged {
    let words = segments.iter().filter(|segment| is_word(&segment.word));
    let (mut frames, mut acoustic) = (0_u32, 0_i64);
    for word in words {
        frames += word.frames;
        acoustic += i64::from(word.acoustic);
    }
    if text.is_empty() || frames == 0 {
        return Judged { text: String::new(), confidence: 0.0 };
    }
    let per_frame = acoustic as f32 / frames as f32;
    Judged { text, confidence: logistic(per_frame) }
}

/// Whether a segment is a word and not silence or a noise.
fn is_word(word: &str) -> bool {
    !word.starts_with(['<', '[', '+'])
}

fn logistic(per_frame: f32) -> f32 {
    1.0 / (1.0 + (-(per_frame + 1_000.0) / 300.0).exp())
}
