//! The end of trials: who has not decided by then is suspended.

use domain::organizations::OrgStatus;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::SystemTx;
use store::organizations::below::{self, NewStanding};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// Trials ended in one transaction.
const BATCH: u32 = 100;
/// What those concerned read.
const REASON: &str = "The trial is over.";

/// Suspends every organization whose trial is over; returns how many. From the moment a trial ends its agents take only
/// messages, with or without this; here its people learn of it.
///
/// # Errors
/// Storage errors.
pub async fn end_trials(app: &App) -> Result<usize, AppError> {
    let now = app.ambient.now();
    let mut count = 0;
    loop {
        let mut tx = SystemTx::begin(&app.db, "trials of all organizations end").await?;
        let ended = below::lock_ended_trials(&mut tx, now, BATCH).await?;
        for &id in &ended {
            let standing = NewStanding { status: OrgStatus::Suspended, trial_ends_at: None, reason: REASON };
            below::set_standing(&mut tx, id, &standing, now).await?;
            let detail = json!({ "from": OrgStatus::Trial, "to": OrgStatus::Suspended, "reason": REASON });
            audit::record_in(&mut tx, app, &Actor::system(id), id, "organization:suspend", &id, detail)
                .await?;
        }
        tx.commit().await?;
        ended.iter().for_each(|id| app.auth_cache.invalidate_org(*id));
        count += ended.len();
        if ended.len() < BATCH as usize {
            return Ok(count);
        }
    }
}

/// Suspends organizations whose trial is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EndTrials {}

impl TaskHandler for EndTrials {
    const IDENTIFIER: &'static str = "end_trials";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        end_trials(app).await.map(drop).map_err(|error| format!("{error:#}"))
    }
}
