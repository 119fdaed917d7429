//! What goes to the caller's side, without waiting for a far end that reads slowly.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::phone::PhoneOut;

/// Messages that wait for the far end: the longest answer that a model may be ahead with, in pieces of 200 ms with a
/// mark each. Far beyond that nobody reads.
const MOST_WAITING: usize = 2_048;

pub(crate) struct Sending {
    line: mpsc::Sender<PhoneOut>,
    waiting: VecDeque<PhoneOut>,
    gone: bool,
}

impl Sending {
    pub(crate) fn new(line: mpsc::Sender<PhoneOut>) -> Self {
        Self { line, waiting: VecDeque::new(), gone: false }
    }

    pub(crate) fn send(&mut self, out: PhoneOut) {
        if matches!(out, PhoneOut::Clear) {
            // What has not left yet never will.
            self.waiting.retain(|waiting| matches!(waiting, PhoneOut::Processed { .. }));
        }
        if !self.waiting.is_empty() {
            self.waiting.push_back(out);
            self.gone |= self.waiting.len() > MOST_WAITING;
            return;
        }
        match self.line.try_send(out) {
            Ok(()) => {}
            Err(TrySendError::Full(out)) => self.waiting.push_back(out),
            Err(TrySendError::Closed(_)) => self.gone = true,
        }
    }

    /// Whether the far end is gone, or as good as.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends one message that waits; may be dropped and called again.
    pub(crate) async fn send_waiting(&mut self) {
        match self.line.reserve().await {
            Ok(permit) => {
                if let Some(out) = self.waiting.pop_front() {
                    permit.send(out);
                }
            }
            Err(_closed) => {
                self.gone = true;
                self.waiting.clear();
            }
        }
    }
}
