//! Work that falls due: taken for a while by one worker of one process at a time, step by step.
//!
//! A worker that dies leaves what it had taken to whoever looks when the lease is over. What such work asks of the carrier
//! is written down before it is asked; whoever goes on asks the carrier first what became of it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::OrgId;
use provider_traits::error::ProviderError;
use store::{StoreError, SystemTx};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::error::AppError;
use crate::runtime::App;

/// The carrier's clock may be behind ours by so much.
pub(crate) const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(10);

/// A kind of work that falls due.
pub(crate) trait Due: 'static {
    /// Names one piece of it.
    type Id: Copy + Send + 'static;

    /// What it is, in the plural: for the log.
    const WHAT: &'static str;
    /// Why all tenants' are looked at: for the transaction that does.
    const WHY: &'static str;
    /// How often a worker looks by itself: for pauses that are over and for what dead workers left.
    const LOOK_EVERY: Duration;
    /// How long a piece is a worker's own: longer than a step waits for the carrier.
    const LEASE: TimeDelta;
    /// Pieces taken at once.
    const MOST: u32;

    /// Told when there may be something to do.
    fn wake(app: &App) -> &Notify;

    /// Takes the pieces that are due.
    fn lease(
        tx: &mut SystemTx,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Result<Vec<(OrgId, Self::Id)>, StoreError>> + Send;

    /// Takes a piece as far as it goes now. What fails is logged, and tried again when the lease is over.
    fn go_on(app: &App, org_id: OrgId, id: Self::Id) -> impl Future<Output = ()> + Send;
}

/// Works on what falls due until the drain. One piece does not wait for the next: the carrier may take its time.
pub(crate) async fn work_until_drain<D: Due>(app: Arc<App>) {
    let mut every = tokio::time::interval(D::LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.drain.cancelled() => return,
            _ = every.tick() => {}
            () = D::wake(&app).notified() => {}
        }
        match lease::<D>(&app).await {
            Ok(due) => {
                for (org_id, id) in due {
                    let at_it = Arc::clone(&app);
                    app.tasks.spawn(async move { D::go_on(&at_it, org_id, id).await });
                }
            }
            Err(error) => tracing::warn!(%error, what = D::WHAT, "what is due could not be looked for"),
        }
    }
}

/// Works on what is due now, one piece after the other; returns how many there were.
///
/// # Errors
/// Storage errors.
pub(crate) async fn work_once<D: Due>(app: &App) -> Result<usize, AppError> {
    let due = lease::<D>(app).await?;
    for &(org_id, id) in &due {
        D::go_on(app, org_id, id).await;
    }
    Ok(due.len())
}

async fn lease<D: Due>(app: &App) -> Result<Vec<(OrgId, D::Id)>, AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, D::WHY).await?;
    let due = D::lease(&mut tx, now, now + D::LEASE).await?;
    tx.commit().await?;
    Ok(due)
}

/// How long the carrier is asked again and again for one thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Between two tries, unless the carrier says how long.
    pub(crate) again_after: TimeDelta,
    /// From the first try to the last.
    pub(crate) give_up_after: TimeDelta,
}

impl Patience {
    /// When something that failed is tried again; `None`: not at all.
    pub(crate) fn next_try(
        &self,
        error: &AppError,
        first_try: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let wait = match error {
            AppError::Provider(ProviderError::RateLimited { retry_after, .. }) => {
                let wait = retry_after.and_then(|wait| TimeDelta::from_std(wait).ok());
                wait.unwrap_or(self.again_after).min(self.give_up_after)
            }
            AppError::Provider(ProviderError::Unavailable { .. } | ProviderError::Timeout { .. }) => {
                self.again_after
            }
            _ => return None,
        };
        (now < first_try + self.give_up_after).then_some(now + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { again_after: TimeDelta::seconds(5), give_up_after: TimeDelta::seconds(60) };

    #[test]
    fn what_passes_is_tried_again_for_a_while_and_what_does_not_is_not() {
        let limited = |seconds: Option<u64>| ProviderError::RateLimited {
            provider: "carrier",
            retry_after: seconds.map(Duration::from_secs),
        };
        let unavailable =
            || ProviderError::Unavailable { provider: "carrier", reason: "HTTP 503".to_owned() };
        let invalid = ProviderError::Invalid { provider: "carrier", reason: "no such number".to_owned() };
        let begun = DateTime::from_timestamp(1_800_000_000, 0).expect("a moment");
        for (what, error, after, expect) in [
            ("it is away", unavailable(), 0, Some(5)),
            ("it is too much", limited(None), 1, Some(5)),
            ("it says when", limited(Some(20)), 1, Some(20)),
            ("it says tomorrow", limited(Some(86_400)), 1, Some(60)),
            ("it was tried long enough", unavailable(), 60, None),
            ("it is not possible", invalid, 0, None),
        ] {
            let now = begun + TimeDelta::seconds(after);
            let next = PATIENCE.next_try(&AppError::Provider(error), begun, now);
            assert_eq!(next, expect.map(|wait| now + TimeDelta::seconds(wait)), "{what}");
        }
    }
}
