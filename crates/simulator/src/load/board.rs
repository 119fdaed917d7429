//! What all calls of a load write their figures on.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::histogram::Histogram;

/// A frame that took longer than this came late: a phone's jitter buffer begins to run dry.
const LATE_US: u64 = 20_000;

/// The figures of one load, and its clock.
#[derive(Debug)]
pub struct Board {
    zero: Instant,
    measuring: AtomicBool,
    calls: Vec<Mutex<CallMark>>,
    /// From the phone to the peer.
    pub up: Histogram,
    /// From the peer to the phone.
    pub down: Histogram,
    /// How late the generator itself sent a frame. Large: the machine is too small for the load.
    pub own_lateness: Histogram,
    /// From the webhook to the whole of its TwiML.
    pub twiml: Histogram,
    /// From the end of the caller's words to the first audio of the answer.
    pub answered: Histogram,
    /// From the peer's word that the caller speaks to the `clear` at the phone.
    pub interrupted: Histogram,
    late_up: AtomicU64,
    late_down: AtomicU64,
    /// Frames sent by phones.
    pub frames_up: AtomicU64,
    /// Frames sent by the peer.
    pub frames_down: AtomicU64,
    /// Media messages received by phones.
    pub messages_down: AtomicU64,
    /// Frames in what was received that bore no stamp of the peer.
    pub strange_down: AtomicU64,
    /// Frames at the peer that bore no stamp of a phone.
    pub strange_up: AtomicU64,
    /// `clear`s received.
    pub clears: AtomicU64,
    /// Turns whose answer did not come in time.
    pub unanswered: AtomicU64,
}

/// What is known of one call.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CallMark {
    /// Frames that the phone has sent.
    pub(crate) sent_up: u64,
    /// Of them, at the peer.
    pub(crate) up: Arrivals,
    /// Frames of the peer at the phone.
    pub(crate) down: Arrivals,
    /// Whether a peer ever heard of it.
    pub(crate) reached_peer: bool,
    /// When the peer last said that the caller speaks, until a `clear` came of it.
    pub(crate) speaks_since_us: Option<u64>,
}

impl Board {
    /// A board for calls numbered from 0.
    #[must_use]
    pub fn new(calls: usize) -> Self {
        Self {
            zero: Instant::now(),
            measuring: AtomicBool::new(false),
            calls: (0..calls).map(|_| Mutex::default()).collect(),
            up: Histogram::default(),
            down: Histogram::default(),
            own_lateness: Histogram::default(),
            twiml: Histogram::default(),
            answered: Histogram::default(),
            interrupted: Histogram::default(),
            late_up: AtomicU64::new(0),
            late_down: AtomicU64::new(0),
            frames_up: AtomicU64::new(0),
            frames_down: AtomicU64::new(0),
            messages_down: AtomicU64::new(0),
            strange_down: AtomicU64::new(0),
            strange_up: AtomicU64::new(0),
            clears: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        }
    }

    /// The clock of all stamps, in microseconds.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.zero.elapsed().as_micros() as u64
    }

    /// Whether durations count from now on.
    pub fn measure(&self, on: bool) {
        self.measuring.store(on, Ordering::Relaxed);
    }

    pub(crate) fn is_measuring(&self) -> bool {
        self.measuring.load(Ordering::Relaxed)
    }

    pub(crate) fn with_call<T>(&self, call: u32, work: impl FnOnce(&mut CallMark) -> T) -> Option<T> {
        let mark = self.calls.get(call as usize)?;
        Some(work(&mut mark.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// A stamped frame came to the peer.
    pub(crate) fn came_up(&self, call: u32, sequence: u32, sent_us: u64) {
        self.with_call(call, |mark| {
            mark.reached_peer = true;
            mark.up.note(sequence);
        });
        self.took(&self.up, &self.late_up, sent_us);
    }

    /// A stamped frame came to the phone. Only the first of a message tells how long it took: the others were
    /// sent with it.
    pub(crate) fn came_down(&self, call: u32, sequence: u32, sent_us: Option<u64>) {
        self.with_call(call, |mark| mark.down.note(sequence));
        if let Some(sent_us) = sent_us {
            self.took(&self.down, &self.late_down, sent_us);
        }
    }

    /// The phone was told to be silent.
    pub(crate) fn cleared(&self, call: u32) {
        self.clears.fetch_add(1, Ordering::Relaxed);
        let since_us = self.with_call(call, |mark| mark.speaks_since_us.take()).flatten();
        if let Some(since_us) = since_us.filter(|_| self.is_measuring()) {
            self.interrupted.add_us(self.now_us().saturating_sub(since_us));
        }
    }

    fn took(&self, histogram: &Histogram, late: &AtomicU64, sent_us: u64) {
        if !self.is_measuring() {
            return;
        }
        let took_us = self.now_us().saturating_sub(sent_us);
        histogram.add_us(took_us);
        if took_us > LATE_US {
            late.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was lost and late over all calls.
    #[must_use]
    pub fn losses(&self) -> Losses {
        let mut losses = Losses {
            late_up: self.late_up.load(Ordering::Relaxed),
            late_down: self.late_down.load(Ordering::Relaxed),
            ..Losses::default()
        };
        for mark in &self.calls {
            let mark = *mark.lock().unwrap_or_else(PoisonError::into_inner);
            losses.up += mark.up.missing();
            losses.down += mark.down.missing();
            losses.out_of_order += mark.up.out_of_order + mark.down.out_of_order;
            if mark.reached_peer {
                // What was under way when the caller hung up is nobody's loss; more than that is.
                let behind = mark.sent_up.saturating_sub(mark.up.up_to);
                losses.up += behind.saturating_sub(UNDER_WAY);
            }
        }
        losses
    }

    /// Calls of which the peer has heard a frame.
    #[must_use]
    pub fn reached_peer(&self) -> usize {
        let reached =
            |mark: &&Mutex<CallMark>| mark.lock().unwrap_or_else(PoisonError::into_inner).reached_peer;
        self.calls.iter().filter(reached).count()
    }
}

/// Frames that may be on the way when a call ends: 200 ms.
const UNDER_WAY: u64 = 10;

/// What was lost and late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Losses {
    /// Frames of callers that never came to the peer.
    pub up: u64,
    /// Frames of the peer that never came to the phone.
    pub down: u64,
    /// Frames that came twice or too late.
    pub out_of_order: u64,
    /// Frames of callers that took longer than 20 ms, within the measured time.
    pub late_up: u64,
    /// Messages of the peer that took longer than 20 ms, within the measured time.
    pub late_down: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_under_way_at_the_end_are_not_lost_and_holes_are() {
        let board = Board::new(2);
        for sequence in [0, 1, 2, 5] {
            board.came_up(0, sequence, 0);
        }
        board.with_call(0, |mark| mark.sent_up = 6 + UNDER_WAY);
        assert_eq!(board.losses().up, 2);
        board.with_call(0, |mark| mark.sent_up = 7 + UNDER_WAY);
        assert_eq!(board.losses().up, 3);
        // The other call had no peer behind it: nothing can be said of its frames.
        board.with_call(1, |mark| mark.sent_up = 1_000);
        assert_eq!(board.losses().up, 3);
        assert_eq!(board.reached_peer(), 1);
    }

    #[test]
    fn a_clear_is_measured_from_the_word_that_it_came_of() {
        let board = Board::new(1);
        board.measure(true);
        board.cleared(0);
        assert_eq!(board.interrupted.spread().count, 0, "nobody spoke");
        board.with_call(0, |mark| mark.speaks_since_us = Some(board.now_us()));
        board.cleared(0);
        board.cleared(0);
        assert_eq!((board.interrupted.spread().count, board.clears.load(Ordering::Relaxed)), (1, 3));
    }

    #[test]
    fn durations_count_only_while_it_is_measured() {
        let board = Board::new(1);
        board.came_up(0, 0, 0);
        assert_eq!(board.up.spread().count, 0);
        board.measure(true);
        board.came_up(0, 1, board.now_us());
        assert_eq!(board.up.spread().count, 1);
    }
}
