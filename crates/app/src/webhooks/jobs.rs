//! Jobs around webhooks: waking the worker, telling the organization that a receiver was disabled, forgetting the old.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{OrgId, WebhookId};
use domain::webhooks::LOG_DAYS;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use letters::kinds;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::jobs::NewJob;
use store::webhooks::{self, Webhook, deliveries, health};
use store::{OrgTx, StoreError, SystemTx};

use super::host;
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::notifications::house;
use crate::runtime::App;

/// Events forgotten in one transaction.
const PRUNE_BATCH: u32 = 2_000;

/// Has the worker of whatever process takes the job look for deliveries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeliverWebhooks {}

impl DeliverWebhooks {
    pub(crate) const TASK: &str = "deliver_webhooks";
}

impl TaskHandler for DeliverWebhooks {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        app.outgoing.wake();
        Ok(())
    }
}

/// Tells the organization that a receiver was disabled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TellWebhookDisabled {
    org_id: OrgId,
    webhook_id: WebhookId,
    at: DateTime<Utc>,
}

impl TaskHandler for TellWebhookDisabled {
    const IDENTIFIER: &'static str = "tell_webhook_disabled";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        app.tell_webhook_disabled(self.org_id, self.webhook_id, self.at)
            .await
            .map_err(|error| format!("{error:#}"))
    }
}

/// Forgets events and the log of their deliveries when they are old.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PruneWebhookLog {}

impl TaskHandler for PruneWebhookLog {
    const IDENTIFIER: &'static str = "prune_webhook_log";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        app.prune_webhook_log().await.map(drop).map_err(|error| format!("{error:#}"))
    }
}

/// The system disables a receiver that the caller holds: takes back what is on its way, writes it into the audit
/// log, promises a notice.
pub(super) async fn disable(
    tx: &mut OrgTx,
    app: &App,
    webhook: &Webhook,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let org_id = tx.org_id();
    health::disable(tx, webhook.id, reason, now).await?;
    let canceled = deliveries::cancel_pending(tx, webhook.id, now).await?;
    let detail = json!({"reason": reason, "host": host(&webhook.url), "canceled": canceled});
    audit::record(tx, app, &Actor::system(org_id), "webhooks:disable", &webhook.id, detail).await?;
    let notice = TellWebhookDisabled { org_id, webhook_id: webhook.id, at: now };
    let job = NewJob {
        task: TellWebhookDisabled::IDENTIFIER,
        payload: serde_json::to_value(&notice).map_err(|error| AppError::Bug(error.to_string()))?,
        ..NewJob::default()
    };
    store::jobs::enqueue(tx, &job).await?;
    tracing::warn!(org.id = %org_id, webhook.id = %webhook.id, reason, canceled, "a webhook was disabled");
    Ok(())
}

impl App {
    /// Sends the notice that a receiver was disabled, unless it is enabled again or nobody is to be notified.
    ///
    /// # Errors
    /// [`AppError::Provider`] when the e-mail can't be sent now; storage errors.
    pub async fn tell_webhook_disabled(
        &self,
        org_id: OrgId,
        webhook_id: WebhookId,
        at: DateTime<Utc>,
    ) -> Result<(), AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let webhook = match webhooks::get(&mut tx, webhook_id).await {
            Ok(webhook) => webhook,
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let organization = store::organizations::get(&mut tx).await?;
        drop(tx);
        let to = organization.profile.notification_email.clone();
        let (Some(reason), Some(to)) = (webhook.disabled_reason, to) else {
            return Ok(());
        };
        let host = host(&webhook.url);
        let facts = [
            ("Webhook", webhook_id.to_string()),
            ("Since", at.format("%Y-%m-%d %H:%M UTC").to_string()),
            ("Kept for", format!("{LOG_DAYS} days")),
        ];
        let base = house::base(self, org_id).await?;
        let draft = kinds::webhook_disabled(&house::house(&base, &organization, ""), host, &reason, &facts);
        let key = format!("webhook-disabled-{webhook_id}-{}", at.timestamp_micros());
        let message = house::write(self, org_id, &draft, to, None, key).await?;
        self.email.send(&message).await?;
        Ok(())
    }

    /// Forgets events that are older than the log is kept; returns how many.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn prune_webhook_log(&self) -> Result<u64, AppError> {
        let before = self.ambient.now() - TimeDelta::days(LOG_DAYS);
        let mut total = 0;
        loop {
            let mut tx = SystemTx::begin(&self.db, "old webhook events go, whoever's they are").await?;
            let gone = webhooks::events::prune(&mut tx, before, PRUNE_BATCH).await?;
            tx.commit().await?;
            total += gone;
            if gone < u64::from(PRUNE_BATCH) {
                break;
            }
        }
        if total > 0 {
            tracing::info!(events = total, "old webhook events were forgotten");
        }
        Ok(total)
    }
}
