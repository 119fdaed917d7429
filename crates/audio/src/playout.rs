//! Pacing of outbound audio on the media clock.
//!
//! The far end plays what it is sent, one frame after the other. To be able to stop at once, only a small
//! lead is sent ahead; to know what was heard, the position of the far end's player is reckoned here.

use crate::frame::FRAME_MS;

/// Reckons where the far end's player stands. All times are media time in milliseconds.
#[derive(Debug, Clone)]
pub struct Playout {
    lead_ms: u64,
    /// Media time at which everything sent so far has been played.
    queued_until_ms: u64,
}

impl Playout {
    /// A player with nothing queued, which is kept `lead_ms` ahead.
    #[must_use]
    pub fn new(lead_ms: u64) -> Self {
        Self { lead_ms, queued_until_ms: 0 }
    }

    /// How many frames may be sent at `now_ms` so that the queue reaches the lead and no further.
    #[must_use]
    pub fn due(&self, now_ms: u64) -> usize {
        let target_ms = now_ms + self.lead_ms;
        let from_ms = self.queued_until_ms.max(now_ms);
        (target_ms.saturating_sub(from_ms) / u64::from(FRAME_MS)) as usize
    }

    /// Notes that `frames` were sent at `now_ms`; returns the media time at which the first begins to
    /// sound. After an underrun playing starts anew at `now_ms`.
    pub fn sent(&mut self, now_ms: u64, frames: usize) -> u64 {
        let begins_ms = self.queued_until_ms.max(now_ms);
        self.queued_until_ms = begins_ms + frames as u64 * u64::from(FRAME_MS);
        begins_ms
    }

    /// The far end threw its queue away.
    pub fn cleared(&mut self, now_ms: u64) {
        self.queued_until_ms = self.queued_until_ms.min(now_ms);
    }

    /// Milliseconds of sent audio not yet played.
    #[must_use]
    pub fn queued_ms(&self, now_ms: u64) -> u64 {
        self.queued_until_ms.saturating_sub(now_ms)
    }

    /// Media time at which everything sent so far has been played.
    #[must_use]
    pub fn queued_until_ms(&self) -> u64 {
        self.queued_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_filled_once_then_one_frame_per_frame() {
        let mut playout = Playout::new(100);
        assert_eq!(playout.due(1_000), 5);
        assert_eq!(playout.sent(1_000, 5), 1_000);
        assert_eq!(playout.due(1_000), 0);
        assert_eq!(playout.due(1_020), 1);
        assert_eq!(playout.sent(1_020, 1), 1_100);
        assert_eq!(playout.queued_ms(1_020), 100);
    }

    #[test]
    fn an_underrun_does_not_cause_a_burst() {
        let mut playout = Playout::new(60);
        playout.sent(0, 3);
        assert_eq!(playout.due(5_000), 3);
        assert_eq!(playout.sent(5_000, 3), 5_000);
    }

    #[test]
    fn clearing_forgets_what_was_not_played() {
        let mut playout = Playout::new(200);
        playout.sent(0, 10);
        playout.cleared(40);
        assert_eq!(playout.queued_ms(40), 0);
        assert_eq!(playout.sent(40, 1), 40);
        playout.cleared(500);
        assert_eq!(playout.queued_until_ms(), 60, "clearing an empty queue moves nothing");
    }
}
