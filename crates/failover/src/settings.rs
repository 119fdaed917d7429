//! Deadlines, rests and limits of a chain.

use std::time::Duration;

/// How a chain deals with its links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainSettings {
    /// Opening a stream that has no result of its own (a transcriber's connection).
    pub open: Duration,
    /// From a request to its first result: from a sentence to its first audio, from the end of an utterance to its
    /// transcript, from a question to a model's first word. A provider that is late is not cut off, the next one is
    /// asked besides.
    pub first_result: Duration,
    /// When so long after a request nothing has come from anybody, another link is asked in any case.
    pub another_after: Duration,
    /// Between two pieces of a result, and for a provider to take what it is given.
    pub stall: Duration,
    /// What the last link is given instead of each of the above: there is nobody behind it.
    pub last_link: Duration,
    /// What a link on this machine is given at least: when the machine is busy another program is no quicker, and a
    /// voice that changes in mid-call is worse than a second's wait.
    pub here: Duration,
    /// How long a link rests after a failure; doubled with each failure in a row, eightfold at most.
    pub rest: Duration,
    /// How long a link rests that refuses us (a wrong key): asking again is of little use before somebody mends it.
    pub rest_refused: Duration,
    /// A first result that comes within this is good: a link below it never steps back for being slow.
    pub good_first_result: Duration,
    /// How long a link that is clearly worse than the next stays behind it; doubled each time, eightfold at most.
    pub step_back: Duration,
    /// When a second provider is asked because the first is late; `None`: never before the deadline.
    pub hedge: Option<Hedge>,
    /// How often the last link is asked again, when it failed at once and there is time.
    pub retries: usize,
    /// The longest pause before the first repetition; doubled each time. The pause is drawn between none and this.
    pub retry_pause: Duration,
    /// Most requests (open streams, for a transcriber) at one link at once.
    pub most_at_once: usize,
}

/// When a second provider is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hedge {
    /// After this long without a first result, as long as the link is not known well enough. A known link is late
    /// when it takes longer than 95 of 100 of its requests do.
    pub after: Duration,
    /// Share of requests that may be asked twice, from 0 to 1.
    pub share: f64,
}

impl ChainSettings {
    /// What one link is given, where usually `usual` is.
    pub(crate) fn patience(&self, usual: Duration, is_last: bool, is_local: bool) -> Duration {
        match (is_last, is_local) {
            (true, _) => self.last_link,
            (false, true) => usual.max(self.here),
            (false, false) => usual,
        }
    }

    /// For voices: two that fail one after the other stay below the 1.5 s of silence that a caller may notice.
    #[must_use]
    pub fn voices() -> Self {
        Self {
            first_result: Duration::from_millis(600),
            hedge: Some(Hedge { after: Duration::from_millis(350), share: 0.05 }),
            ..Self::default()
        }
    }

    /// For language models: slower than voices by nature. A filler covers what is longer than 1.2 s.
    #[must_use]
    pub fn models() -> Self {
        Self {
            first_result: Duration::from_millis(1_300),
            stall: Duration::from_millis(1_000),
            good_first_result: Duration::from_millis(800),
            hedge: Some(Hedge { after: Duration::from_millis(700), share: 0.05 }),
            ..Self::default()
        }
    }

    /// For embeddings: nobody waits on the telephone, and there is only one link.
    #[must_use]
    pub fn embeddings() -> Self {
        Self {
            last_link: Duration::from_secs(30),
            retries: 3,
            retry_pause: Duration::from_millis(500),
            most_at_once: 4,
            ..Self::default()
        }
    }
}

impl Default for ChainSettings {
    /// For transcribers: with the time to connect to the next one and its own, one that fails costs less than 1.5 s.
    fn default() -> Self {
        Self {
            open: Duration::from_millis(700),
            first_result: Duration::from_millis(800),
            another_after: Duration::from_millis(1_300),
            stall: Duration::from_millis(700),
            last_link: Duration::from_secs(6),
            here: Duration::from_secs(2),
            rest: Duration::from_secs(10),
            rest_refused: Duration::from_secs(300),
            good_first_result: Duration::from_millis(500),
            step_back: Duration::from_secs(30),
            hedge: None,
            retries: 2,
            retry_pause: Duration::from_millis(200),
            most_at_once: 256,
        }
    }
}
