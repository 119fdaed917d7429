//! Requests of programs, counted for their organization's plan.
//!
//! Requests are counted in this process and added to the shared count about once a second, so that no request
//! waits for it. A node can let through what the others counted within that second; a process that is killed
//! forgets as much. A day is one of UTC: an organization that moves its time zone can't have two days in one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::ids::OrgId;
use store::rate_limits::DayCount;
use store::{Database, StoreError, SystemTx};
use tokio_util::sync::CancellationToken;

use crate::error::AppError;
use crate::idempotency;
use crate::runtime::App;

/// How often counts are added to the shared one.
const SHARE_EVERY: Duration = Duration::from_secs(1);
/// A shared count that has not answered by then is done without.
const SHARED_WITHIN: Duration = Duration::from_secs(2);
/// How often what is old is forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);
/// How long counts are kept, for the figures of use.
const COUNTS_KEPT: Days = Days::new(400);

/// A count that all nodes share: PostgreSQL now; Redis can take its place.
#[async_trait]
pub trait SharedCounts: Send + Sync {
    /// Adds, and tells the totals. Zero may be added.
    async fn add(&self, counts: &[DayCount]) -> Result<Vec<DayCount>, AppError>;
}

/// The shared count in the database.
#[derive(Debug)]
pub struct DatabaseCounts {
    db: Database,
}

impl DatabaseCounts {
    /// In this database.
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self { db }
    }
}

#[async_trait]
impl SharedCounts for DatabaseCounts {
    async fn add(&self, counts: &[DayCount]) -> Result<Vec<DayCount>, AppError> {
        let why = "requests of all organizations are counted in one statement";
        let mut tx = SystemTx::begin(&self.db, why).await?;
        let totals = store::rate_limits::add(&mut tx, counts).await?;
        tx.commit().await?;
        Ok(totals)
    }
}

/// What a plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyAllowance {
    /// How many requests in a day.
    pub most: u64,
    /// Whether further ones are let through, to be paid for.
    pub charges_more: bool,
}

/// Where an organization stands with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Whether the request may go on.
    pub admitted: bool,
    /// How many of the day's requests are left.
    pub remaining: u64,
    /// Seconds until the next day.
    pub reset_s: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// What the shared count said last.
    shared: u64,
    /// What it was not told yet.
    pending: u64,
}

/// Today's requests by organization.
pub struct ApiUsage {
    counts: Arc<dyn SharedCounts>,
    tallies: Mutex<HashMap<(OrgId, NaiveDate), Tally>>,
    /// One at a time tells the shared count, or the same requests would be told twice.
    telling: tokio::sync::Mutex<()>,
}

// By hand: the shared count is no concern of a log line.
impl std::fmt::Debug for ApiUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiUsage").finish_non_exhaustive()
    }
}

impl ApiUsage {
    /// Over a shared count.
    #[must_use]
    pub fn new(counts: Arc<dyn SharedCounts>) -> Self {
        Self { counts, tallies: Mutex::default(), telling: tokio::sync::Mutex::default() }
    }

    /// Counts a request, unless the day's are used up. The first of an organization's day on this node asks the
    /// shared count; when that is away, the request is let through and counted later.
    pub async fn take(&self, org_id: OrgId, now: DateTime<Utc>, allowance: DailyAllowance) -> Usage {
        let key = (org_id, now.date_naive());
        if !self.lock().contains_key(&key) {
            let shared = self.ask(key).await;
            // Another request may have been quicker.
            self.lock().entry(key).or_insert(Tally { shared, pending: 0 });
        }
        let mut tallies = self.lock();
        let tally = tallies.entry(key).or_default();
        let used = tally.shared + tally.pending;
        let admitted = used < allowance.most || allowance.charges_more;
        if admitted {
            tally.pending += 1;
        }
        let used = tally.shared + tally.pending;
        Usage { admitted, remaining: allowance.most.saturating_sub(used), reset_s: seconds_to_midnight(now) }
    }

    /// Tells the shared count what it does not know yet, and learns what other nodes counted.
    ///
    /// # Errors
    /// When it is away; nothing is lost then.
    pub async fn share(&self, today: NaiveDate) -> Result<(), AppError> {
        let _turn = self.telling.lock().await;
        let mut news: Vec<DayCount> = self
            .lock()
            .iter()
            .filter(|(_, tally)| tally.pending > 0)
            .map(|(&(org_id, day), tally)| DayCount { org_id, day, requests: tally.pending })
            .collect();
        if !news.is_empty() {
            news.sort_by_key(|count| (count.org_id.0, count.day));
            let totals = self.add(&news).await?;
            let mut tallies = self.lock();
            for told in &news {
                if let Some(tally) = tallies.get_mut(&(told.org_id, told.day)) {
                    tally.pending = tally.pending.saturating_sub(told.requests);
                }
            }
            for total in totals {
                tallies.entry((total.org_id, total.day)).or_default().shared = total.requests;
            }
        }
        self.lock().retain(|(_, day), tally| *day >= today || tally.pending > 0);
        Ok(())
    }

    async fn ask(&self, (org_id, day): (OrgId, NaiveDate)) -> u64 {
        let question = DayCount { org_id, day, requests: 0 };
        match self.add(&[question]).await {
            Ok(totals) => totals.first().map_or(0, |total| total.requests),
            Err(error) => {
                tracing::warn!(%error, org.id = %org_id, "the day's requests are not known; counting from zero");
                0
            }
        }
    }

    async fn add(&self, counts: &[DayCount]) -> Result<Vec<DayCount>, AppError> {
        let late =
            || StoreError::Unavailable { reason: "the count of requests did not answer in time".to_owned() };
        tokio::time::timeout(SHARED_WITHIN, self.counts.add(counts)).await.map_err(|_| late())?
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(OrgId, NaiveDate), Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds_to_midnight(now: DateTime<Utc>) -> u64 {
    let since_midnight = now.timestamp().rem_euclid(86_400);
    u64::try_from(86_400 - since_midnight).unwrap_or(1)
}

impl App {
    /// Shares the counts of requests and forgets old ones until the server stops. Run it once, in a tracked task.
    pub async fn keep_count_of_requests(self: Arc<Self>, stop: CancellationToken) {
        let mut share = tokio::time::interval(SHARE_EVERY);
        share.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        loop {
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                _ = share.tick() => false,
                _ = prune.tick() => {
                    if let Err(error) = self.forget_old_requests().await {
                        tracing::warn!(%error, "old records of requests could not be removed");
                    }
                    continue;
                }
            };
            if let Err(error) = self.api_usage.share(self.ambient.now().date_naive()).await {
                tracing::warn!(%error, "the count of requests could not be shared");
            }
            if stopping {
                return;
            }
        }
    }

    async fn forget_old_requests(&self) -> Result<(), AppError> {
        let answers = idempotency::prune(self).await?;
        let before = self.ambient.now().date_naive() - COUNTS_KEPT;
        let mut tx = SystemTx::begin(&self.db, "counts of all organizations grow old alike").await?;
        let counts = store::rate_limits::prune(&mut tx, before).await?;
        tx.commit().await?;
        if answers + counts > 0 {
            tracing::info!(answers, counts, "old records of requests were removed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The database as two nodes see it.
    #[derive(Default)]
    struct Shared(Mutex<HashMap<(OrgId, NaiveDate), u64>>, std::sync::atomic::AtomicBool);

    #[async_trait]
    impl SharedCounts for Shared {
        async fn add(&self, counts: &[DayCount]) -> Result<Vec<DayCount>, AppError> {
            if self.1.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(AppError::Bug("away".to_owned()));
            }
            let mut kept = self.0.lock().expect("no panic");
            Ok(counts
                .iter()
                .map(|count| {
                    let total = kept.entry((count.org_id, count.day)).or_default();
                    *total += count.requests;
                    DayCount { requests: *total, ..*count }
                })
                .collect())
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    const TEN: DailyAllowance = DailyAllowance { most: 10, charges_more: false };

    async fn admitted(usage: &ApiUsage, org: OrgId, now: DateTime<Utc>, tries: usize) -> usize {
        let mut count = 0;
        for _ in 0..tries {
            count += usize::from(usage.take(org, now, TEN).await.admitted);
        }
        count
    }

    #[tokio::test]
    async fn a_day_has_so_many_requests_and_the_next_has_them_again() {
        let usage = ApiUsage::new(Arc::new(Shared::default()));
        let (one, other) = (OrgId(uuid::Uuid::from_u128(1)), OrgId(uuid::Uuid::from_u128(2)));
        let evening = at("2026-11-21T23:59:30Z");
        assert_eq!(admitted(&usage, one, evening, 15).await, 10);
        let last = usage.take(one, evening, TEN).await;
        assert_eq!(last, Usage { admitted: false, remaining: 0, reset_s: 30 });
        assert_eq!(admitted(&usage, other, evening, 15).await, 10);
        let morning = at("2026-11-22T00:00:00Z");
        assert_eq!(
            usage.take(one, morning, TEN).await,
            Usage { admitted: true, remaining: 9, reset_s: 86_400 }
        );
    }

    #[tokio::test]
    async fn two_nodes_share_one_allowance() {
        let shared = Arc::new(Shared::default());
        let (here, there) = (ApiUsage::new(shared.clone()), ApiUsage::new(shared));
        let (org, now) = (OrgId(uuid::Uuid::from_u128(1)), at("2026-11-21T12:00:00Z"));
        assert_eq!(admitted(&here, org, now, 6).await, 6);
        here.share(now.date_naive()).await.expect("shared");
        assert_eq!(admitted(&there, org, now, 9).await, 4, "a node that begins asks what was used");
        there.share(now.date_naive()).await.expect("shared");
        // What it learns when it next has something to tell.
        assert!(here.take(org, now, TEN).await.admitted);
        here.share(now.date_naive()).await.expect("shared");
        assert!(!here.take(org, now, TEN).await.admitted);
    }

    #[tokio::test]
    async fn without_the_shared_count_requests_go_on_and_are_told_later() {
        let shared = Arc::new(Shared::default());
        let usage = ApiUsage::new(shared.clone());
        let (org, now) = (OrgId(uuid::Uuid::from_u128(1)), at("2026-11-21T12:00:00Z"));
        shared.1.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(admitted(&usage, org, now, 3).await, 3);
        assert!(usage.share(now.date_naive()).await.is_err());
        shared.1.store(false, std::sync::atomic::Ordering::Relaxed);
        usage.share(now.date_naive()).await.expect("shared");
        usage.share(now.date_naive()).await.expect("nothing to tell");
        assert_eq!(shared.0.lock().expect("no panic").values().copied().collect::<Vec<_>>(), [3]);
    }

    #[tokio::test]
    async fn who_pays_for_more_is_not_stopped() {
        let usage = ApiUsage::new(Arc::new(Shared::default()));
        let (org, now) = (OrgId(uuid::Uuid::from_u128(1)), at("2026-11-21T12:00:00Z"));
        for _ in 0..20 {
            let allowance = DailyAllowance { most: 10, charges_more: true };
            assert!(usage.take(org, now, allowance).await.admitted);
        }
        assert_eq!(usage.take(org, now, TEN).await.remaining, 0);
    }

    #[tokio::test]
    async fn yesterday_is_not_remembered() {
        let usage = ApiUsage::new(Arc::new(Shared::default()));
        let org = OrgId(uuid::Uuid::from_u128(1));
        admitted(&usage, org, at("2026-11-21T12:00:00Z"), 1).await;
        usage.share(at("2026-11-22T00:00:01Z").date_naive()).await.expect("told");
        assert!(usage.lock().is_empty());
    }
}
