//! What the two channels of a call show without understanding a word: who sounded when.

use audio::g711;

use crate::caller::voice::is_audible;
use crate::line::{FRAME_BYTES, FRAME_MS};

/// Which 20 ms frames of a mu-law channel can be heard.
#[derive(Debug, Clone)]
pub struct Activity {
    audible: Vec<bool>,
    samples: Vec<i16>,
}

/// A pause of the agent at least this long counts as going quiet.
const QUIET_MS: u64 = 240;

impl Activity {
    /// Of a whole channel, from media time 0.
    #[must_use]
    pub fn of(channel: &[u8]) -> Self {
        let mut samples = Vec::with_capacity(channel.len());
        g711::decode_into(channel, &mut samples);
        let audible = samples.chunks(FRAME_BYTES).map(is_audible).collect();
        Self { audible, samples }
    }

    /// Of a channel of that length that can be heard in the given spans, and has no sound to look at.
    #[must_use]
    pub fn in_spans(length_ms: u64, spans: &[(u64, u64)]) -> Self {
        let mut audible = vec![false; frame_at(length_ms)];
        for &(from_ms, to_ms) in spans {
            let to = frame_at(to_ms.saturating_add(FRAME_MS - 1)).min(audible.len());
            let from = frame_at(from_ms).min(to);
            audible[from..to].fill(true);
        }
        Self { audible, samples: Vec::new() }
    }

    /// Whether anything can be heard in a span of time.
    #[must_use]
    pub fn any(&self, from_ms: u64, to_ms: u64) -> bool {
        self.first(from_ms).is_some_and(|at| at < to_ms)
    }

    /// The beginning of the first audible frame at or after a moment.
    #[must_use]
    pub fn first(&self, from_ms: u64) -> Option<u64> {
        let from = frame_at(from_ms);
        let found = self.audible.iter().skip(from).position(|&audible| audible)?;
        Some((from + found) as u64 * FRAME_MS)
    }

    /// The end of the last audible frame before the first longer quiet that follows `from_ms`. `None` when
    /// nothing is audible right there (within a pause between words).
    #[must_use]
    pub fn goes_quiet_at(&self, from_ms: u64) -> Option<u64> {
        let mut last = None;
        let mut at = from_ms.saturating_sub(QUIET_MS);
        while let Some(next) = self.first(at) {
            let reference = last.unwrap_or(from_ms);
            if next > reference + QUIET_MS {
                break;
            }
            last = Some(next + FRAME_MS);
            at = next + FRAME_MS;
        }
        last
    }

    /// The longest quiet between two sounds of a span; that before the first and after the last don't count.
    #[must_use]
    pub fn longest_pause_ms(&self, from_ms: u64, to_ms: u64) -> u64 {
        let mut longest = 0;
        let mut last = None;
        let mut at = from_ms;
        while let Some(next) = self.first(at).filter(|&next| next < to_ms) {
            longest = longest.max(last.map_or(0, |last| next - last));
            last = Some(next + FRAME_MS);
            at = next + FRAME_MS;
        }
        longest
    }

    /// Whether the sound that begins at `start_ms` (its first 400 ms) is heard again after `after_ms`: the
    /// speaker began anew instead of going on. The same words of the same voice are the same samples, but for
    /// fades; so a small difference is forgiven.
    #[must_use]
    pub fn begins_anew(&self, start_ms: u64, after_ms: u64) -> bool {
        const PATTERN: usize = 3_200;
        const COARSE: usize = 8;
        let start = frame_at(start_ms) * FRAME_BYTES;
        let Some(pattern) = self.samples.get(start..start + PATTERN) else { return false };
        let energy: i64 = pattern.iter().step_by(COARSE).map(|&s| i64::from(s) * i64::from(s)).sum();
        let from = (frame_at(after_ms) * FRAME_BYTES).max(start + PATTERN);
        let Some(later) = self.samples.get(from..) else { return false };
        energy > 0
            && later.windows(PATTERN).any(|window| {
                let mut left = energy / 5;
                window.iter().zip(pattern).step_by(COARSE).all(|(&a, &b)| {
                    let difference = i64::from(a) - i64::from(b);
                    left -= difference * difference;
                    left >= 0
                })
            })
    }

    /// The part of the audible frames, 0 to 1.
    #[must_use]
    pub fn audible_share(&self) -> f32 {
        let count = self.audible.iter().filter(|&&audible| audible).count();
        count as f32 / self.audible.len().max(1) as f32
    }

    /// Length of the channel.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        self.audible.len() as u64 * FRAME_MS
    }
}

/// The longest time in which neither channel can be heard, from the first sound of either on, and when it began.
#[must_use]
pub fn longest_silence(one: &Activity, other: &Activity, from_ms: u64, to_ms: u64) -> (u64, u64) {
    let (mut longest, mut when, mut since) = (0, from_ms, None);
    let end = to_ms.min(one.length_ms().max(other.length_ms()));
    let mut at = from_ms;
    while at < end {
        let frame = frame_at(at);
        let sounds = |channel: &Activity| channel.audible.get(frame).copied().unwrap_or(false);
        if sounds(one) || sounds(other) {
            since = Some(at + FRAME_MS);
        } else if let Some(since) = since
            && at + FRAME_MS - since > longest
        {
            longest = at + FRAME_MS - since;
            when = since;
        }
        at += FRAME_MS;
    }
    (longest, when)
}

fn frame_at(ms: u64) -> usize {
    usize::try_from(ms / FRAME_MS).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans of sound in an otherwise silent channel; every span sounds differently.
    fn channel(length_ms: u64, spans: &[(u64, u64)]) -> Vec<u8> {
        let mut samples = vec![0_i16; usize::try_from(length_ms * 8).expect("short")];
        for (number, &(from, to)) in spans.iter().enumerate() {
            let sound =
                crate::caller::voice::noise(audio::noise::NoiseKind::White, -20.0, to - from, number as u64);
            let at = usize::try_from(from * 8).expect("short");
            samples[at..at + sound.len()].copy_from_slice(&sound);
        }
        let mut bytes = Vec::new();
        g711::encode_into(&samples, &mut bytes);
        bytes
    }

    #[test]
    fn agent_goes_quiet_when_its_last_sound_before_a_pause_ends() {
        let activity = Activity::of(&channel(3000, &[(0, 500), (600, 1000), (2000, 2500)]));
        assert_eq!(activity.goes_quiet_at(200), Some(1000));
        assert_eq!(activity.goes_quiet_at(550), Some(1000));
        assert_eq!(activity.goes_quiet_at(1500), None);
        assert_eq!(activity.longest_pause_ms(0, 3000), 1000);
        assert_eq!(activity.longest_pause_ms(0, 1500), 100);
        assert!(activity.any(1900, 2100));
        assert!(!activity.any(1000, 2000));
    }

    #[test]
    fn spans_can_be_heard_from_end_to_end() {
        let spans = Activity::in_spans(3_000, &[(1_000, 1_500), (2_900, 9_000)]);
        assert_eq!(spans.first(0), Some(1_000));
        assert_eq!(spans.longest_pause_ms(0, 3_000), 1_400);
        assert_eq!(spans.length_ms(), 3_000);
    }

    #[test]
    fn silence_is_what_neither_side_fills() {
        let one = Activity::of(&channel(5000, &[(1000, 1500)]));
        let other = Activity::of(&channel(5000, &[(2000, 2200), (4000, 4100)]));
        assert_eq!(longest_silence(&one, &other, 0, 5000), (1800, 2200));
        assert_eq!(longest_silence(&one, &other, 0, 1900), (400, 1500));
    }

    #[test]
    fn speaker_that_begins_anew_is_told_from_one_that_goes_on() {
        let once = channel(4000, &[(400, 1400)]);
        assert!(!Activity::of(&once).begins_anew(400, 1500));
        let mut again = once.clone();
        let said = once[400 * 8..1400 * 8].to_vec();
        again[2003 * 8 + 5..3003 * 8 + 5].copy_from_slice(&said);
        assert!(Activity::of(&again).begins_anew(400, 1500));
        let mut went_on = once;
        went_on[2000 * 8..2400 * 8].copy_from_slice(&said[600 * 8..]);
        assert!(!Activity::of(&went_on).begins_anew(400, 1500));
    }
}
