//! Jobs: what is promised in a transaction and done afterwards, through restarts if need be.

use std::fmt;
use std::sync::Arc;

use domain::ids::{CallId, OrgId};
use graphile_worker::{Cron, CronBuilder, IntoTaskHandlerResult, TaskHandler, Worker, WorkerContext};
use serde::{Deserialize, Serialize};

use crate::after_calls::FollowUpCall;
use crate::audit_log::ForgetOldEntries;
use crate::auth::letters::SendLetter;
use crate::auth::password_reset::SendReset;
use crate::calls::finish;
use crate::calls::tapes::DeleteCarrierRecording;
use crate::calls::transcribing::TranscribeMessage;
use crate::domains::CheckDomains;
use crate::error::AppError;
use crate::housekeeping::ForgetWhatIsOver;
use crate::impersonation::CloseLapsed;
use crate::invitations::letter::SendInvitation;
use crate::models::CheckModels;
use crate::notifications::sending::SendNotification;
use crate::organizations::trials::EndTrials;
use crate::runtime::App;
use crate::webhooks::jobs::{DeliverWebhooks, PruneWebhookLog, TellWebhookDisabled};

/// Jobs worked on at once by one process.
const CONCURRENCY: usize = 4;

/// Completes a call's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FinishCall {
    /// The business.
    pub(crate) org_id: OrgId,
    /// The call.
    pub(crate) call_id: CallId,
}

impl FinishCall {
    pub(crate) const TASK: &str = "finish_call";
}

impl TaskHandler for FinishCall {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        if app.carries(self.call_id) {
            // It finishes by itself.
            return Ok(());
        }
        match finish::close(app, self.org_id, self.call_id, finish::Closer::Finder).await {
            // A call that was deleted meanwhile needs no record.
            Ok(()) | Err(AppError::Store(store::StoreError::NotFound { .. })) => Ok(()),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

/// Removes an object that nothing points to any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeleteObject {
    /// Its key.
    pub(crate) key: String,
}

impl DeleteObject {
    pub(crate) const TASK: &str = "delete_object";
}

impl TaskHandler for DeleteObject {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        app.objects.delete(&self.key).await.map_err(|error| error.to_string())
    }
}

/// The use cases as the job runner carries them.
#[derive(Clone)]
pub(crate) struct UseCases(pub(crate) Arc<App>);

impl fmt::Debug for UseCases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UseCases")
    }
}

impl App {
    /// Works on jobs until the drain. Run it once, in a tracked task.
    ///
    /// # Errors
    /// [`AppError::Bug`] with what the runner said when it could not start or broke.
    pub async fn work_on_jobs(self: Arc<Self>) -> Result<(), AppError> {
        let worker = self.worker().await?;
        worker.run().await.map_err(|error| AppError::Bug(format!("the job runner broke: {error}")))
    }

    /// Works off the jobs that are due, and returns.
    ///
    /// # Errors
    /// As [`App::work_on_jobs`].
    pub async fn work_off_jobs(self: Arc<Self>) -> Result<(), AppError> {
        let worker = self.worker().await?;
        worker.run_once().await.map_err(|error| AppError::Bug(format!("the job runner broke: {error}")))
    }

    async fn worker(self: Arc<Self>) -> Result<Worker, AppError> {
        let drain = self.drain.clone();
        let prune_webhook_log = daily::<PruneWebhookLog>(3, 20)?;
        let forget_old_entries = daily::<ForgetOldEntries>(3, 17)?;
        let forget_what_is_over = daily::<ForgetWhatIsOver>(3, 23)?;
        let check_models = daily::<CheckModels>(3, 29)?;
        let end_trials = hourly::<EndTrials>(5)?;
        let check_domains = hourly::<CheckDomains>(35)?;
        store::jobs::worker_options(&self.db)
            .concurrency(CONCURRENCY)
            .define_job::<FinishCall>()
            .define_job::<DeliverWebhooks>()
            .define_job::<TellWebhookDisabled>()
            .define_job::<PruneWebhookLog>()
            .define_job::<SendInvitation>()
            .define_job::<ForgetOldEntries>()
            .define_job::<CloseLapsed>()
            .with_cron(prune_webhook_log)
            .with_cron(forget_old_entries)
            .define_job::<ForgetWhatIsOver>()
            .with_cron(forget_what_is_over)
            .define_job::<CheckModels>()
            .with_cron(check_models)
            .define_job::<DeleteObject>()
            .define_job::<EndTrials>()
            .with_cron(end_trials)
            .define_job::<CheckDomains>()
            .with_cron(check_domains)
            .define_job::<SendLetter>()
            .define_job::<SendReset>()
            .define_job::<SendNotification>()
            .define_job::<FollowUpCall>()
            .define_job::<TranscribeMessage>()
            .define_job::<DeleteCarrierRecording>()
            .add_extension(UseCases(Arc::clone(&self)))
            .shutdown_signal(async move { drain.cancelled().await })
            .init()
            .await
            .map_err(|error| AppError::Bug(format!("the job runner did not start: {error}")))
    }
}

/// A job without arguments, each hour at a minute.
fn hourly<T: TaskHandler>(minute: u32) -> Result<CronBuilder<T>, AppError> {
    Cron::hourly_at::<T>(minute)
        .map(|cron| cron.payload_value(serde_json::json!({})))
        .map_err(|error| AppError::Bug(format!("the time of an hourly job is none: {error}")))
}

/// A job that runs every day at a time (UTC) and is told nothing.
fn daily<T: TaskHandler>(hour: u32, minute: u32) -> Result<CronBuilder<T>, AppError> {
    Cron::daily_at::<T>(hour, minute)
        .map(|cron| cron.payload_value(serde_json::json!({})))
        .map_err(|error| AppError::Bug(format!("the time of a daily job is none: {error}")))
}
