//! Forgets, once a day, what is over and nobody can use any more: sessions, refresh tokens, links in letters, counted
//! tries to sign in, sign-ins that never came back, media tickets, receipts of the carrier's webhooks.

use chrono::TimeDelta;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use store::SystemTx;

use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// What is over is kept so long, so that a question about last week can be answered.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);
/// A carrier delivers again within minutes.
const RECEIPTS_KEPT_FOR: TimeDelta = TimeDelta::days(2);

/// Forgets what was over a month ago; returns how many records.
///
/// # Errors
/// Storage errors; then nothing is forgotten.
pub async fn forget_what_is_over(app: &App) -> Result<u64, AppError> {
    let now = app.ambient.now();
    let before = now - KEPT_FOR;
    let mut tx = SystemTx::begin(&app.db, "what is over grows old alike in all organizations").await?;
    let mut gone = store::refresh::prune(&mut tx, before).await?;
    gone += store::sessions::prune(&mut tx, before).await?;
    gone += store::account_links::prune(&mut tx, before).await?;
    gone += store::guarded_tries::prune(&mut tx, before).await?;
    gone += store::single_sign_on::prune(&mut tx, before).await?;
    gone += store::calls::tickets::prune(&mut tx, before).await?;
    gone += store::webhook_receipts::prune(&mut tx, now - RECEIPTS_KEPT_FOR).await?;
    tx.commit().await?;
    if gone > 0 {
        tracing::info!(records = gone, "what was over long ago was forgotten");
    }
    Ok(gone)
}

/// The daily run of [`forget_what_is_over`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForgetWhatIsOver {}

impl TaskHandler for ForgetWhatIsOver {
    const IDENTIFIER: &'static str = "forget_what_is_over";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        forget_what_is_over(app).await.map(drop).map_err(|error| format!("{error:#}"))
    }
}
