//! From a request to its first result, whoever gives it.
//!
//! Links are asked one after the other: the next when one fails, or when all that were asked are late. A link that is
//! late counts as failed but is not cut off while nobody was sooner: two slow vendors are still better than waiting for
//! the second from the beginning. Before the deadline a second link may be asked besides, when the budget of hedges
//! allows. What came too late is dropped, which cancels it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use provider_traits::error::ProviderError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::hedge::Hedging;
use crate::link::{Attempt, Link};
use crate::retry::{FullJitter, is_worth_repeating, pause_after};
use crate::settings::ChainSettings;

/// What asks a link and waits for its first result.
pub(crate) type FirstResult<T> = BoxFuture<'static, Result<T, ProviderError>>;

/// A race over some links.
pub(crate) struct Race<'a, P: ?Sized> {
    pub(crate) links: &'a [Link<P>],
    pub(crate) settings: &'a ChainSettings,
    /// How long a first result may take while somebody stands behind.
    pub(crate) patience: Duration,
    pub(crate) hedging: Option<&'a Hedging>,
    /// Is told who failed, why, and who is asked next.
    pub(crate) tell: &'a (dyn Fn(usize, &ProviderError, Option<usize>) + Send + Sync),
}

/// Who was first.
pub(crate) struct Won<T> {
    pub(crate) index: usize,
    pub(crate) attempt: Attempt,
    pub(crate) result: T,
    /// Who was asked before, is not given up, and was late.
    pub(crate) overtook: Option<usize>,
}

struct Runner {
    index: usize,
    attempt: Attempt,
    late_at: Instant,
    patience: Duration,
    is_late: bool,
}

type Finish<T> = (usize, Result<(T, OwnedSemaphorePermit), ProviderError>);

impl<P: ?Sized> Race<'_, P> {
    /// The first result. Links are taken off `order` as they are asked; those that were asked besides and did not fail
    /// are put back at its end.
    ///
    /// # Errors
    /// The last failure, when nobody is left.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        order: &mut VecDeque<usize>,
        begin: impl Fn(usize) -> FirstResult<T>,
    ) -> Result<Won<T>, ProviderError> {
        if let Some(hedging) = self.hedging {
            hedging.earn();
        }
        let mut running: FuturesUnordered<BoxFuture<'static, Finish<T>>> = FuturesUnordered::new();
        let mut runners: Vec<Option<Runner>> = Vec::new();
        let mut may_hedge = self.hedging.is_some();
        let mut pauses = FullJitter::new(self.settings.retry_pause, self.settings.retries);
        let give_up_at = Instant::now() + self.settings.last_link;
        let mut again = None;
        let mut another_at = Some(Instant::now() + self.settings.another_after);
        let Some(first) = self.next(order) else {
            return Err(crate::nobody("provider"));
        };
        self.start(first, order, &begin, &mut running, &mut runners, None);
        loop {
            let in_race = || runners.iter().flatten();
            let late_at = in_race().filter(|one| !one.is_late).map(|one| one.late_at).min();
            // A second program on this machine would only take time from the first.
            let is_here = in_race().any(|one| self.links[one.index].is_local());
            let hedge_at = match (self.hedging, in_race().next()) {
                (Some(hedging), Some(first)) if may_hedge && !order.is_empty() && !is_here => {
                    let known = self.links[first.index].state().scores.late_after();
                    Some(first.late_at - first.patience + hedging.late_after(known))
                }
                _ => None,
            };
            let another = another_at.filter(|_| !order.is_empty() && !is_here);
            let wake_at =
                late_at.into_iter().chain(hedge_at).chain(another).chain(again.map(|(at, _)| at)).min();
            tokio::select! {
                biased;
                Some((slot, finish)) = running.next() => {
                    let Some(mut runner) = runners[slot].take() else { continue };
                    match finish {
                        Ok((result, permit)) => {
                            let mut before = runners[..slot].iter().flatten().filter(|one| !one.is_late);
                            let overtook = before.next().map(|one| one.index);
                            for other in runners.into_iter().flatten().filter(|other| !other.is_late) {
                                order.push_back(other.index);
                                other.attempt.lost();
                            }
                            let Runner { index, mut attempt, .. } = runner;
                            attempt.keep(permit);
                            return Ok(Won { index, attempt, result, overtook });
                        }
                        Err(error) => {
                            let others_are_in_time = runners.iter().flatten().any(|other| !other.is_late);
                            let next = if others_are_in_time { None } else { self.next(order) };
                            // Nobody else is there: the same one again, if that can help and there is time.
                            if next.is_none() && runners.iter().flatten().next().is_none() && is_worth_repeating(&error) {
                                let at = pauses.next().map(|drawn| Instant::now() + pause_after(&error, drawn));
                                if let Some(at) = at.filter(|&at| at < give_up_at) {
                                    again = Some((at, runner.index));
                                    continue;
                                }
                            }
                            runner.attempt.failed(&error);
                            if let Some(next) = next {
                                (self.tell)(runner.index, &error, Some(next));
                                self.start(next, order, &begin, &mut running, &mut runners, None);
                                may_hedge = false;
                                continue;
                            }
                            let other = runners.iter().flatten().next().map(|other| other.index);
                            (self.tell)(runner.index, &error, other);
                            if other.is_none() {
                                return Err(error);
                            }
                        }
                    }
                }
                () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {
                    let now = Instant::now();
                    if let Some((at, index)) = again && at <= now {
                        again = None;
                        let left = give_up_at.saturating_duration_since(now);
                        self.start(index, order, &begin, &mut running, &mut runners, Some(left));
                    } else if let Some(late) = runners.iter_mut().flatten().find(|one| !one.is_late && one.late_at <= now) {
                        let error = ProviderError::Timeout {
                            provider: self.links[late.index].descriptor.id,
                            waited_ms: late.patience.as_millis() as u64,
                        };
                        late.is_late = true;
                        late.attempt.failed(&error);
                        let failed = late.index;
                        let others = runners.iter().flatten().find(|one| !one.is_late).map(|one| one.index);
                        match others {
                            Some(other) => (self.tell)(failed, &error, Some(other)),
                            None => match self.next(order) {
                                Some(next) => {
                                    (self.tell)(failed, &error, Some(next));
                                    another_at = another_at.filter(|&at| at > now);
                                    self.start(next, order, &begin, &mut running, &mut runners, None);
                                }
                                None => {
                                    (self.tell)(failed, &error, None);
                                    return Err(error);
                                }
                            },
                        }
                        may_hedge = false;
                    } else if another.is_some_and(|at| at <= now) {
                        another_at = None;
                        if let Some(next) = self.next(order) {
                            self.start(next, order, &begin, &mut running, &mut runners, None);
                        }
                    } else if hedge_at.is_some_and(|at| at <= now) {
                        may_hedge = false;
                        if self.hedging.is_some_and(Hedging::spend) && let Some(next) = self.next(order) {
                            if let Some(first) = runners.iter_mut().flatten().next() {
                                first.attempt.hedged();
                            }
                            self.start(next, order, &begin, &mut running, &mut runners, None);
                        }
                    }
                }
            }
        }
    }

    /// The next link that takes a request now; the last one is waited for.
    fn next(&self, order: &mut VecDeque<usize>) -> Option<usize> {
        while let Some(index) = order.pop_front() {
            if order.is_empty() || self.links[index].permits.available_permits() > 0 {
                return Some(index);
            }
            self.links[index].state().counts.full += 1;
        }
        None
    }

    fn start<T: Send + 'static>(
        &self,
        index: usize,
        order: &VecDeque<usize>,
        begin: &impl Fn(usize) -> FirstResult<T>,
        running: &mut FuturesUnordered<BoxFuture<'static, Finish<T>>>,
        runners: &mut Vec<Option<Runner>>,
        left: Option<Duration>,
    ) {
        let link = &self.links[index];
        let usual = self.settings.patience(self.patience, order.is_empty(), link.is_local());
        let patience = left.unwrap_or(usual);
        let slot = runners.len();
        let attempt = link.begin(*self.settings);
        runners.push(Some(Runner {
            index,
            attempt,
            late_at: Instant::now() + patience,
            patience,
            is_late: false,
        }));
        let permits = Arc::clone(&link.permits);
        let provider = link.descriptor.id;
        let unavailable = move |reason: &str| ProviderError::Unavailable { provider, reason: reason.into() };
        let asked = begin(index);
        running.push(
            async move {
                let Ok(permit) = permits.acquire_owned().await else {
                    return (slot, Err(unavailable("its limit is closed")));
                };
                let result = match AssertUnwindSafe(asked).catch_unwind().await {
                    Ok(result) => result.map(|result| (result, permit)),
                    Err(_panic) => Err(unavailable("it died of a defect")),
                };
                (slot, result)
            }
            .boxed(),
        );
    }
}
