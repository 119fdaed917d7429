//! Writes the call's log without ever waiting for its reader.

use std::collections::VecDeque;
use std::time::Duration;

use domain::call_log::{CallEvent, EventKind};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Entries that wait while the reader is slow: an hour of a lively conversation. Beyond that, entries that
/// can be done without are no longer made.
const MOST_WAITING: usize = 4_096;
/// How long the end of a call waits for the reader.
const LAST_ENTRIES_WITHIN: Duration = Duration::from_secs(5);

pub(crate) struct Logbook {
    sender: mpsc::Sender<CallEvent>,
    next: u32,
    waiting: VecDeque<CallEvent>,
}

impl Logbook {
    /// A log whose first entry has the number `next`.
    pub(crate) fn new(sender: mpsc::Sender<CallEvent>, next: u32) -> Self {
        Self { sender, next, waiting: VecDeque::new() }
    }

    /// The number of the next entry.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Writes an entry, or decides that it can be done without, before it has a number: numbers have no gaps.
    pub(crate) fn write(&mut self, at_ms: u64, kind: EventKind) {
        self.flush();
        let is_full = self.waiting.len() >= MOST_WAITING;
        let superseded = matches!(kind, EventKind::CallerPartial { .. }) && !self.waiting.is_empty();
        let is_last = matches!(kind, EventKind::Ended { .. });
        if superseded || (is_full && !is_last) {
            return;
        }
        let event = CallEvent { seq: self.next, at_ms, kind };
        self.next += 1;
        self.waiting.push_back(event);
        self.flush();
    }

    /// Hands over what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return self.waiting.push_front(event),
                // Nobody reads the log any more: the call itself goes on.
                Err(TrySendError::Closed(_)) => return self.waiting.clear(),
            }
        }
    }

    /// Hands over the rest; returns how many entries were lost.
    pub(crate) async fn finish(mut self) -> usize {
        let hand_over = async {
            while let Some(event) = self.waiting.pop_front() {
                if self.sender.send(event).await.is_err() {
                    return;
                }
            }
        };
        // Late: what is left is counted.
        let _late = tokio::time::timeout(LAST_ENTRIES_WITHIN, hand_over).await;
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::call_log::EndReason;
    use domain::ids::TurnId;

    #[tokio::test]
    async fn a_slow_reader_gets_every_entry_in_order_without_gaps() {
        let (sender, mut reader) = mpsc::channel(1);
        let mut log = Logbook::new(sender, 0);
        for _ in 0..5 {
            log.write(0, EventKind::SpeechStarted);
            let turn = TurnId(uuid::Uuid::nil());
            log.write(0, EventKind::CallerPartial { turn, text: String::new() });
        }
        log.write(9, EventKind::Ended { reason: EndReason::CallerHungUp });
        let reading = async {
            let mut entries = Vec::new();
            while let Some(event) = reader.recv().await {
                entries.push(event);
            }
            entries
        };
        let (lost, entries) = tokio::join!(log.finish(), reading);
        assert_eq!(lost, 0);
        assert!(entries.iter().map(|event| event.seq).eq(0..entries.len() as u32));
        let speech = entries.iter().filter(|event| event.kind == EventKind::SpeechStarted).count();
        assert_eq!(speech, 5, "only words so far may be left out");
        assert!(matches!(entries.last(), Some(CallEvent { kind: EventKind::Ended { .. }, .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stands_still_costs_memory_up_to_the_bound() {
        let (sender, _reader) = mpsc::channel(1);
        let mut log = Logbook::new(sender, 0);
        for _ in 0..3 * MOST_WAITING {
            log.write(0, EventKind::SpeechStarted);
        }
        assert!(log.waiting.len() <= MOST_WAITING);
        assert_eq!(log.finish().await, MOST_WAITING - 1);
    }
}
