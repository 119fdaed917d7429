//! One turn's thoughts on their way out.

use domain::call_log::{EventKind, Purpose};
use provider_traits::brain::{ExpectedAnswer, NextStep, Thought};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Sends thoughts until the turn is cancelled.
pub(crate) struct Reply<'a> {
    thoughts: &'a mpsc::Sender<Thought>,
    cancel: &'a CancellationToken,
    /// Sentences that were sent.
    pub(crate) said: Vec<String>,
    /// Log entries that could not be sent any more.
    pub(crate) held: Vec<EventKind>,
    /// What follows, sent last.
    pub(crate) next: Option<NextStep>,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(thoughts: &'a mpsc::Sender<Thought>, cancel: &'a CancellationToken) -> Self {
        Self { thoughts, cancel, said: Vec::new(), held: Vec::new(), next: None }
    }

    /// The turn's cancellation.
    pub(crate) fn cancel(&self) -> &'a CancellationToken {
        self.cancel
    }

    /// Sends a sentence.
    pub(crate) async fn say(&mut self, text: String, purpose: Purpose, interruptible: bool) {
        if text.is_empty() {
            return;
        }
        if self.send(Thought::Say { text: text.clone(), purpose, interruptible }).await {
            self.said.push(text);
        }
    }

    /// Logs an event, now or with the next turn.
    pub(crate) async fn log(&mut self, event: EventKind) {
        if !self.send(Thought::Log(event.clone())).await {
            self.held.push(event);
        }
    }

    /// Sends what is expected and what follows.
    pub(crate) async fn close(&mut self, expect: ExpectedAnswer) {
        self.send(Thought::Expect(expect)).await;
        if let Some(next) = self.next.take() {
            self.send(Thought::Then(next)).await;
        }
    }

    /// Whether it went out.
    async fn send(&self, thought: Thought) -> bool {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => false,
            sent = self.thoughts.send(thought) => sent.is_ok(),
        }
    }
}
