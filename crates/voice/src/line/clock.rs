//! The media clock: the caller's messages put in order and cut into frames.

use audio::frame::{FRAME_SAMPLES, Frame, samples_to_ms};
use audio::g711;

use crate::pipeline::speech::FRAME_MS;

/// A timestamp this far from where it should be is no jitter but a gap or a repetition.
const TOLERANCE_MS: u64 = 15;
/// A gap longer than this is a jump of the sender's clock; media time does not follow.
const LONGEST_GAP_MS: u64 = 10_000;
/// So many messages from the past in a row mean that the sender's clock was set back.
const SET_BACK_AFTER: u32 = 50;

/// What a message of audio came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// A frame of the caller.
    Audio {
        /// Media time of its end.
        end_ms: u64,
        /// The samples.
        samples: Box<Frame>,
    },
    /// Audio that never came.
    Missing {
        /// Media time of the first missing frame's end.
        first_end_ms: u64,
        /// How many.
        frames: u64,
    },
}

/// What was odd about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// Audio was lost before it.
    Gap { missing_ms: u64 },
    /// Seen before, or too late.
    Repeated,
    /// The sender's clock jumped.
    ClockJumped,
}

/// What becomes of a message.
enum Place {
    /// It is not taken: seen before, or too late.
    Dropped,
    /// It comes next.
    Taken { oddity: Option<Oddity> },
}

/// Orders the caller's messages on the media clock.
#[derive(Debug, Default)]
pub(crate) struct MediaClock {
    /// Media time up to which audio was taken, the carried bytes included; `None` before the first.
    expected_ms: Option<u64>,
    /// Added to the sender's timestamps.
    shift_ms: i64,
    past_in_a_row: u32,
    carry: Vec<u8>,
}

impl MediaClock {
    /// Media time up to which whole frames were heard.
    pub(crate) fn heard_to_ms(&self) -> u64 {
        self.expected_ms.unwrap_or(0).saturating_sub(samples_to_ms(self.carry.len()))
    }

    /// Whether anything was taken yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.expected_ms.is_some()
    }

    /// Begins with the sender's first timestamp, but not before `now_ms`. A timestamp far from zero is of a
    /// clock that did not begin with the stream.
    pub(crate) fn begin(&mut self, timestamp_ms: u64, now_ms: u64) {
        if timestamp_ms > LONGEST_GAP_MS || timestamp_ms < now_ms {
            self.anchor(timestamp_ms, now_ms);
        }
        self.expected_ms = Some(self.shifted(timestamp_ms));
    }

    /// Takes a message; appends what it came to.
    pub(crate) fn take(
        &mut self,
        timestamp_ms: u64,
        payload: &[u8],
        pieces: &mut Vec<Piece>,
    ) -> Option<Oddity> {
        let length_ms = samples_to_ms(payload.len());
        let oddity = match self.place(timestamp_ms, length_ms) {
            Place::Dropped => return Some(Oddity::Repeated),
            Place::Taken { oddity } => oddity,
        };
        if let Some(Oddity::Gap { missing_ms }) = oddity {
            self.fill(missing_ms, pieces);
        }
        self.expected_ms = Some(self.expected_ms.unwrap_or(0) + length_ms);
        self.cut(payload, pieces);
        oddity
    }

    /// Takes a message whose audio nobody here looks into. `None`: it came twice or too late, and is not passed on.
    pub(crate) fn pass(&mut self, timestamp_ms: u64, length_ms: u64) -> Option<Option<Oddity>> {
        let oddity = match self.place(timestamp_ms, length_ms) {
            Place::Dropped => return None,
            Place::Taken { oddity } => oddity,
        };
        let gap_ms = if let Some(Oddity::Gap { missing_ms }) = oddity { missing_ms } else { 0 };
        self.expected_ms = Some(self.expected_ms.unwrap_or(0) + gap_ms + length_ms);
        Some(oddity)
    }

    /// Where a message belongs.
    fn place(&mut self, timestamp_ms: u64, length_ms: u64) -> Place {
        let mut oddity = None;
        if self.expected_ms.is_none() {
            self.begin(timestamp_ms, 0);
        }
        let expected_ms = self.expected_ms.unwrap_or(0);
        let mut begins_ms = self.shifted(timestamp_ms);
        if begins_ms + TOLERANCE_MS < expected_ms && begins_ms + length_ms <= expected_ms {
            self.past_in_a_row += 1;
            if self.past_in_a_row < SET_BACK_AFTER {
                return Place::Dropped;
            }
            self.anchor(timestamp_ms, expected_ms);
            begins_ms = expected_ms;
            oddity = Some(Oddity::ClockJumped);
        }
        self.past_in_a_row = 0;
        if begins_ms > expected_ms + TOLERANCE_MS {
            let gap_ms = begins_ms - expected_ms;
            if gap_ms > LONGEST_GAP_MS {
                self.anchor(timestamp_ms, expected_ms);
                oddity = Some(Oddity::ClockJumped);
            } else {
                oddity = Some(Oddity::Gap { missing_ms: gap_ms });
            }
        }
        Place::Taken { oddity }
    }

    fn anchor(&mut self, timestamp_ms: u64, media_ms: u64) {
        self.shift_ms = media_ms as i64 - i64::try_from(timestamp_ms).unwrap_or(i64::MAX);
    }

    fn shifted(&self, timestamp_ms: u64) -> u64 {
        i64::try_from(timestamp_ms).unwrap_or(i64::MAX).saturating_add(self.shift_ms).max(0) as u64
    }

    fn fill(&mut self, gap_ms: u64, pieces: &mut Vec<Piece>) {
        // What lay in the carry is completed with silence.
        let mut gap = gap_ms as usize * 8;
        if !self.carry.is_empty() {
            let rest = FRAME_SAMPLES - self.carry.len();
            let silence = vec![g711::SILENCE; rest.min(gap)];
            self.expected_ms = Some(self.expected_ms.unwrap_or(0) + samples_to_ms(silence.len()));
            gap -= silence.len();
            self.cut(&silence, pieces);
        }
        let frames = (gap / FRAME_SAMPLES) as u64;
        if frames > 0 {
            let from_ms = self.expected_ms.unwrap_or(0);
            pieces.push(Piece::Missing { first_end_ms: from_ms + FRAME_MS, frames });
            self.expected_ms = Some(from_ms + frames * FRAME_MS);
        }
    }

    fn cut(&mut self, payload: &[u8], pieces: &mut Vec<Piece>) {
        let mut rest = payload;
        let mut end_ms =
            self.expected_ms.unwrap_or(0).saturating_sub(samples_to_ms(self.carry.len() + payload.len()));
        while self.carry.len() + rest.len() >= FRAME_SAMPLES {
            let (now, later) = rest.split_at(FRAME_SAMPLES - self.carry.len());
            self.carry.extend_from_slice(now);
            rest = later;
            let mut samples = Box::new([0_i16; FRAME_SAMPLES]);
            g711::decode_slice(&self.carry, samples.as_mut_slice());
            self.carry.clear();
            end_ms += FRAME_MS;
            pieces.push(Piece::Audio { end_ms, samples });
        }
        self.carry.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(clock: &mut MediaClock, timestamp_ms: u64, bytes: usize) -> (Option<Oddity>, Vec<(u64, bool)>) {
        let mut pieces = Vec::new();
        let oddity = clock.take(timestamp_ms, &vec![0x80; bytes], &mut pieces);
        let frames = pieces.iter().flat_map(|piece| match piece {
            Piece::Audio { end_ms, .. } => vec![(*end_ms, true)],
            Piece::Missing { first_end_ms, frames } => {
                (0..*frames).map(|frame| (first_end_ms + frame * 20, false)).collect()
            }
        });
        (oddity, frames.collect())
    }

    #[test]
    fn frames_follow_one_another_on_the_media_clock() {
        let mut clock = MediaClock::default();
        assert_eq!(take(&mut clock, 5, 160), (None, vec![(25, true)]));
        assert_eq!(take(&mut clock, 24, 160), (None, vec![(45, true)]), "a millisecond of jitter is nothing");
        assert_eq!(clock.heard_to_ms(), 45);
    }

    #[test]
    fn payloads_of_any_length_become_frames() {
        let mut clock = MediaClock::default();
        assert_eq!(take(&mut clock, 0, 80), (None, vec![]));
        assert_eq!(clock.heard_to_ms(), 0);
        assert_eq!(take(&mut clock, 10, 400), (None, vec![(20, true), (40, true), (60, true)]));
        assert_eq!(take(&mut clock, 60, 1), (None, vec![]));
    }

    #[test]
    fn lost_frames_are_missed_and_repeated_ones_dropped() {
        let mut clock = MediaClock::default();
        take(&mut clock, 0, 160);
        let (oddity, frames) = take(&mut clock, 80, 160);
        assert_eq!(oddity, Some(Oddity::Gap { missing_ms: 60 }));
        assert_eq!(frames, [(40, false), (60, false), (80, false), (100, true)]);
        assert_eq!(take(&mut clock, 80, 160), (Some(Oddity::Repeated), vec![]));
        assert_eq!(take(&mut clock, 20, 160), (Some(Oddity::Repeated), vec![]));
        assert_eq!(take(&mut clock, 100, 160), (None, vec![(120, true)]));
    }

    #[test]
    fn a_clock_that_jumps_does_not_take_media_time_along() {
        let mut clock = MediaClock::default();
        take(&mut clock, 0, 160);
        assert_eq!(take(&mut clock, u64::MAX, 160), (Some(Oddity::ClockJumped), vec![(40, true)]));
        let mut clock = MediaClock::default();
        assert_eq!(take(&mut clock, 1_700_000_000_000, 160), (None, vec![(20, true)]));
        for _ in 1..SET_BACK_AFTER {
            take(&mut clock, 5, 160);
        }
        assert_eq!(take(&mut clock, 5, 160), (Some(Oddity::ClockJumped), vec![(40, true)]));
    }

    #[test]
    fn a_part_of_a_frame_before_a_gap_is_completed_with_silence() {
        let mut clock = MediaClock::default();
        take(&mut clock, 0, 80);
        let (_, frames) = take(&mut clock, 50, 160);
        assert_eq!(frames, [(20, true), (40, false), (60, true)], "rounded down to whole frames");
    }
}
