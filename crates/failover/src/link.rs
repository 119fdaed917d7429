//! One provider of a chain, with what is remembered of it and the layers that every request passes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::breaker::Breaker;
use crate::scores::{NOT_MADE_NOW, Scores};
use crate::settings::ChainSettings;

pub(crate) struct Link<P: ?Sized> {
    pub(crate) provider: Arc<P>,
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) permits: Arc<Semaphore>,
    state: Arc<Mutex<LinkState>>,
}

#[derive(Debug, Default)]
pub(crate) struct LinkState {
    pub(crate) breaker: Breaker,
    pub(crate) scores: Scores,
    pub(crate) counts: Counts,
    remedy_logged: bool,
}

/// What happened since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were begun.
    pub requests: u64,
    /// Those that failed.
    pub failures: u64,
    /// Times it was passed over because its limit of requests at once was reached.
    pub full: u64,
    /// Requests for which another link was asked besides, because this one was late.
    pub hedged: u64,
    /// Those of the above that the other link won.
    pub hedges_lost: u64,
    /// Times a listener had nothing left to hear in mid-sentence.
    pub underruns: u64,
}

impl<P: ?Sized> Link<P> {
    pub(crate) fn new(provider: Arc<P>, descriptor: &'static Descriptor, settings: &ChainSettings) -> Self {
        Self {
            provider,
            descriptor,
            permits: Arc::new(Semaphore::new(settings.most_at_once)),
            state: Arc::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, LinkState> {
        lock(&self.state)
    }

    pub(crate) fn is_local(&self) -> bool {
        self.descriptor.locality == Locality::Local
    }

    /// Begins a request, which is a probe when the link's rest is over.
    pub(crate) fn begin(&self, settings: ChainSettings) -> Attempt {
        let now = Instant::now();
        let mut state = self.state();
        state.counts.requests += 1;
        state.breaker.begin(&settings, now);
        state.scores.begin_trial(settings.step_back, now);
        drop(state);
        Attempt {
            state: Arc::clone(&self.state),
            settings,
            began: now,
            is_local: self.is_local(),
            is_judged: false,
            is_hedged: false,
            _permit: None,
        }
    }

    /// Logs what is missing, the first time; whether the link is ready.
    pub(crate) fn is_ready(&self, readiness: &Readiness) -> bool {
        let mut state = self.state();
        let Readiness::Missing { what, remedy } = readiness else {
            state.remedy_logged = false;
            return true;
        };
        if !state.remedy_logged {
            state.remedy_logged = true;
            tracing::warn!(provider = self.descriptor.id, %what, %remedy, "a provider is passed over until what it needs is there");
        }
        false
    }
}

fn lock(state: &Mutex<LinkState>) -> MutexGuard<'_, LinkState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request at a link. What becomes of it is told here; one that is dropped without a word was given up by
/// whoever asked, and says nothing of the link.
#[derive(Debug)]
pub(crate) struct Attempt {
    state: Arc<Mutex<LinkState>>,
    settings: ChainSettings,
    began: Instant,
    is_local: bool,
    is_judged: bool,
    is_hedged: bool,
    /// Its place among the requests at once.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Attempt {
    /// Keeps its place among the requests at once until it is over.
    pub(crate) fn keep(&mut self, permit: OwnedSemaphorePermit) {
        self._permit = Some(permit);
    }

    /// The first result came now.
    pub(crate) fn answered(&self) {
        self.answered_after(self.began.elapsed());
    }

    /// A result came after so long.
    pub(crate) fn answered_after(&self, after: Duration) {
        if self.is_local || after >= NOT_MADE_NOW {
            lock(&self.state).scores.answered(after);
        }
    }

    /// It did what it was asked.
    pub(crate) fn worked(&mut self) {
        self.is_judged = true;
        let mut state = lock(&self.state);
        state.breaker.worked();
        state.scores.ended(false);
        let is_good = state.scores.latest().is_none_or(|latest| latest <= self.settings.good_first_result);
        if is_good {
            state.scores.redeem();
        }
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &ProviderError) {
        self.is_judged = true;
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.counts.failures += 1;
        state.breaker.failed(error, &self.settings, now);
        state.scores.ended(true);
    }

    /// Another link was asked besides, because this one is late.
    pub(crate) fn hedged(&mut self) {
        self.is_hedged = true;
        lock(&self.state).counts.hedged += 1;
    }

    /// Another link was sooner. If that one was asked because this one was late, this one would have taken at least
    /// until now; if this one was the help that was not needed, nothing is known of it.
    pub(crate) fn lost(self) {
        if self.is_hedged {
            let mut state = lock(&self.state);
            state.counts.hedges_lost += 1;
            state.scores.answered(self.began.elapsed());
        }
    }

    /// The listener had nothing left to hear.
    pub(crate) fn underran(&self) {
        let mut state = lock(&self.state);
        state.counts.underruns += 1;
        state.scores.ended(true);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_judged {
            lock(&self.state).breaker.undecided(Instant::now());
        }
    }
}
