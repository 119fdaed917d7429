//! What the stand-in saw, for assertions.

use std::collections::VecDeque;

use tokio::sync::watch;
use tokio::time::Instant;

use super::request::Request;

/// Requests that are remembered. Of older ones only the count is kept.
const MOST_REQUESTS: usize = 2_000;

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The requests, oldest first.
    pub requests: VecDeque<RequestSeen>,
    /// Older ones, of which only the count is kept.
    pub forgotten: usize,
}

/// A request, and what came of it.
#[derive(Debug, Clone)]
pub struct RequestSeen {
    /// The request.
    pub request: Request,
    /// When it was complete.
    pub at: Instant,
    /// What went wrong with it by order.
    pub fault: Option<String>,
    /// The status that was answered; 0 before, or when there was none.
    pub status: u16,
    /// How it ended; `None` while it lasts.
    pub end: Option<End>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything was sent.
    Whole,
    /// The client closed the connection before.
    ClientLeft,
    /// As the fault would have it.
    Fault,
    /// The stand-in ended.
    Stopped,
}

impl Seen {
    /// All requests, forgotten ones included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.forgotten + self.requests.len()
    }

    /// The latest request.
    #[must_use]
    pub fn last(&self) -> Option<&RequestSeen> {
        self.requests.back()
    }

    /// Statuses of failures that nobody ordered: what the client did wrong.
    #[must_use]
    pub fn refused(&self) -> Vec<u16> {
        let own = self.requests.iter().filter(|seen| seen.fault.is_none() && seen.status >= 400);
        own.map(|seen| seen.status).collect()
    }
}

/// The book in which it is written down.
#[derive(Debug, Default)]
pub(super) struct Book(watch::Sender<Seen>);

/// An entry that is still open. Dropped unfinished it says [`End::Stopped`].
#[derive(Debug)]
pub(super) struct Entry<'a> {
    book: &'a Book,
    number: usize,
}

impl Book {
    pub(super) fn copy(&self) -> Seen {
        self.0.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Seen> {
        self.0.subscribe()
    }

    pub(super) fn open(&self, request: Request, fault: Option<String>) -> Entry<'_> {
        let mut number = 0;
        self.0.send_modify(|seen| {
            number = seen.count();
            if seen.requests.len() == MOST_REQUESTS {
                seen.requests.pop_front();
                seen.forgotten += 1;
            }
            seen.requests.push_back(RequestSeen { request, at: Instant::now(), fault, status: 0, end: None });
        });
        Entry { book: self, number }
    }
}

impl Entry<'_> {
    pub(super) fn write(&self, change: impl FnOnce(&mut RequestSeen)) {
        self.book.0.send_modify(|seen| {
            let entry = self.number.checked_sub(seen.forgotten).and_then(|at| seen.requests.get_mut(at));
            if let Some(entry) = entry {
                change(entry);
            }
        });
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.write(|seen| {
            seen.end.get_or_insert(End::Stopped);
        });
    }
}
