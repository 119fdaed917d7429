//! Working deliveries off.
//!
//! A worker leases what is due, sends it, writes down how it went. The lease outlives the longest attempt; when the
//! worker dies in between, the lease ends and another worker sends the same thing with the same id again. Nothing is
//! held in the database while a receiver is waited for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::webhooks::{
    DISABLE_AFTER, EventType, GIVE_UP_AFTER, ILL_FROM, MAX_IN_FLIGHT, MAX_IN_FLIGHT_ILL, PAYLOAD_VERSION,
    circuit_pause, excerpt, retry_delay,
};
use futures_util::future::join_all;
use provider_traits::http_sender::{OutgoingPost, ReceiverAnswer, SendError};
use serde_json::json;
use store::webhooks::attempts::{self, Attempt};
use store::webhooks::work::{self, InFlight, Leased, Parcel};
use store::webhooks::{self, Webhook, health};
use store::{OrgTx, StoreError, SystemTx};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, MissedTickBehavior};

use super::jobs::disable;
use super::secrets;
use super::verdict::{Verdict, judge};
use crate::error::AppError;
use crate::runtime::App;

/// How often a worker looks by itself: for retries that are due and for what dead workers left.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Requests of one process at once.
const SLOTS: usize = 64;
/// How long a delivery is a worker's own: longer than an attempt (15 s) and writing it down may take.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// What the delivery of webhooks keeps in a process.
#[derive(Debug)]
pub struct Outgoing {
    wake: Notify,
    slots: Arc<Semaphore>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { wake: Notify::new(), slots: Arc::new(Semaphore::new(SLOTS)) }
    }
}

impl Outgoing {
    /// There may be something to deliver.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl App {
    /// Delivers webhooks until the drain. Run it once, in a tracked task.
    pub async fn deliver_webhooks(self: Arc<Self>) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.drain.cancelled() => return,
                _ = every.tick() => {}
                () = self.outgoing.wake.notified() => {}
            }
            if let Err(error) = self.begin_deliveries().await {
                tracing::warn!(%error, "webhooks could not be looked for");
            }
        }
    }

    /// Begins what is due, as far as there are free slots; each that ends has the worker look again.
    async fn begin_deliveries(self: &Arc<Self>) -> Result<(), AppError> {
        let free = self.outgoing.slots.available_permits();
        if free == 0 {
            return Ok(());
        }
        for leased in self.lease_deliveries(free).await? {
            // Only this loop takes permits, so there is one for each.
            let Ok(permit) = Arc::clone(&self.outgoing.slots).try_acquire_owned() else { continue };
            let app = Arc::clone(self);
            self.tasks.spawn(async move {
                app.deliver(leased).await;
                drop(permit);
                app.outgoing.wake();
            });
        }
        Ok(())
    }

    /// Delivers what is due now and waits for the answers; returns how many attempts were made.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn deliver_due_webhooks(&self) -> Result<usize, AppError> {
        let leased = self.lease_deliveries(SLOTS).await?;
        join_all(leased.iter().map(|&leased| self.deliver(leased))).await;
        Ok(leased.len())
    }

    async fn lease_deliveries(&self, limit: usize) -> Result<Vec<Leased>, AppError> {
        let now = self.ambient.now();
        let in_flight = InFlight { usual: MAX_IN_FLIGHT, ill: MAX_IN_FLIGHT_ILL, ill_from: ILL_FROM };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut tx = SystemTx::begin(&self.db, "deliveries are due whoever's they are").await?;
        let leased = work::lease(&mut tx, now, now + LEASE, in_flight, limit).await?;
        tx.commit().await?;
        Ok(leased)
    }

    async fn deliver(&self, leased: Leased) {
        if let Err(error) = self.try_deliver(&leased).await {
            // The lease ends, and then it is sent again.
            tracing::warn!(org.id = %leased.org_id, delivery.id = %leased.id, %error, "an attempt to deliver a webhook was not written down");
        }
    }

    async fn try_deliver(&self, leased: &Leased) -> Result<(), AppError> {
        let mut tx = OrgTx::begin(&self.db, leased.org_id).await?;
        let Some(parcel) = work::parcel(&mut tx, leased).await? else { return Ok(()) };
        drop(tx);
        let began_at = self.ambient.now();
        let watch = Instant::now();
        let answer = self.send(leased, &parcel, began_at).await?;
        let now = self.ambient.now();
        let verdict = judge(&answer, now);
        let answer = answer.ok();
        let attempt = Attempt {
            at: began_at,
            duration_ms: u32::try_from(watch.elapsed().as_millis()).unwrap_or(u32::MAX),
            status: answer.as_ref().map(|answer| answer.status),
            succeeded: verdict == Verdict::Delivered,
            reason: match &verdict {
                Verdict::Delivered => None,
                Verdict::Failed { reason, .. } => Some(reason.clone()),
                Verdict::Gone => Some("answered 410: the receiver is gone".to_owned()),
            },
            answer: answer.map(|answer| excerpt(&answer.body)).filter(|text| !text.is_empty()),
        };
        self.write_down(leased, &parcel, &attempt, &verdict, now).await
    }

    async fn send(
        &self,
        leased: &Leased,
        parcel: &Parcel,
        now: DateTime<Utc>,
    ) -> Result<Result<ReceiverAnswer, SendError>, AppError> {
        let event = &parcel.event;
        let body = json!({
            "id": event.id,
            "type": event.kind,
            "version": PAYLOAD_VERSION,
            "timestamp": event.at,
            "organization_id": leased.org_id,
            "data": event.data,
        })
        .to_string();
        let signature =
            secrets::sign(self, parcel.webhook_id, &parcel.secrets, event.id, now, body.as_bytes());
        let signature = match signature {
            Ok(signature) => signature,
            Err(error) => {
                tracing::error!(org.id = %leased.org_id, webhook.id = %parcel.webhook_id, %error, "a webhook can't be signed");
                return Ok(Err(SendError::Broken { reason: "its secret can't be opened".to_owned() }));
            }
        };
        let request = OutgoingPost {
            url: parcel.url.clone(),
            headers: vec![
                ("webhook-id", event.id.to_string()),
                ("webhook-timestamp", now.timestamp().to_string()),
                ("webhook-signature", signature),
            ],
            body: Bytes::from(body),
        };
        Ok(self.http.post(&request).await)
    }

    async fn write_down(
        &self,
        leased: &Leased,
        parcel: &Parcel,
        attempt: &Attempt,
        verdict: &Verdict,
        now: DateTime<Utc>,
    ) -> Result<(), AppError> {
        let mut tx = OrgTx::begin(&self.db, leased.org_id).await?;
        // The receiver before its delivery, always: two workers that end at once must not wait for each other.
        let webhook = match webhooks::lock(&mut tx, parcel.webhook_id).await {
            Ok(webhook) => webhook,
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let attempt_id = self.ambient.new_id();
        attempts::insert(&mut tx, attempt_id, leased.id, attempt).await?;
        match verdict {
            Verdict::Delivered => {
                work::finish(&mut tx, leased, true, now).await?;
                health::succeeded(&mut tx, webhook.id, now).await?;
            }
            Verdict::Gone => {
                if work::finish(&mut tx, leased, false, now).await? && webhook.enabled {
                    disable(&mut tx, self, &webhook, "the receiver answered 410 Gone", now).await?;
                }
            }
            Verdict::Failed { .. } if parcel.event.kind == EventType::Ping => {
                work::finish(&mut tx, leased, false, now).await?;
            }
            Verdict::Failed { peace, .. } => {
                // The random end of the attempt's id spreads the retries.
                let luck = (attempt_id.as_u128() as u32) as f64 / f64::from(u32::MAX);
                self.failed(&mut tx, leased, parcel, &webhook, *peace, luck, now).await?;
            }
        }
        tx.commit().await?;
        tracing::debug!(
            org.id = %leased.org_id, delivery.id = %leased.id, event = parcel.event.kind.name(),
            status = attempt.status, duration_ms = attempt.duration_ms, "webhook attempted"
        );
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all that a failure is judged by")]
    async fn failed(
        &self,
        tx: &mut OrgTx,
        leased: &Leased,
        parcel: &Parcel,
        webhook: &Webhook,
        peace: Option<Duration>,
        luck: f64,
        now: DateTime<Utc>,
    ) -> Result<(), AppError> {
        let pause = circuit_pause(webhook.failures.saturating_add(1)).max(peace);
        health::failed(tx, webhook.id, now, pause.map(|pause| now + pause)).await?;
        let out_of_time = now >= parcel.round_started_at + GIVE_UP_AFTER;
        let delay = retry_delay(parcel.failed_attempts + 1, luck).filter(|_| !out_of_time);
        if let Some(delay) = delay {
            work::postpone(tx, leased, now + delay.max(peace.unwrap_or_default())).await?;
            return Ok(());
        }
        let given_up = work::finish(tx, leased, false, now).await?;
        let long_ill = webhook.failing_since.is_some_and(|since| since + DISABLE_AFTER <= now);
        if given_up && long_ill && webhook.enabled {
            let reason = "no event could be delivered for three days";
            disable(tx, self, webhook, reason, now).await?;
        }
        Ok(())
    }
}
