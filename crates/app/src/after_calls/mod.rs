//! What follows a conversation: one durable chain of steps, promised in the transaction that completes the record.
//!
//! Each step writes its row and its effects in one transaction ([`store::after_calls`]). Whatever dies in between, the
//! next worker goes on behind the last row, and nothing is done twice. What must leave the house (letters, webhooks) is
//! promised in these transactions, too, and sent by jobs of its own.
//!
//! A message that the caller leaves on tape is a part of all that: the chain waits for it, and for its words, for a
//! while ([`waiting`]). What comes later still is added by [`late`], without telling anybody twice.

pub(crate) mod late;
mod steps;
mod summary;
pub(crate) mod waiting;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, OrgId};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use store::jobs::NewJob;
use store::{OrgTx, StoreError};

use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;
use steps::Step;

/// Does what follows a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FollowUpCall {
    org_id: OrgId,
    call_id: CallId,
}

impl FollowUpCall {
    pub(crate) const TASK: &str = "follow_up_call";
}

impl TaskHandler for FollowUpCall {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        app.follow_up_call(self.org_id, self.call_id).await.map_err(|error| format!("{error:#}"))
    }
}

/// Promises what follows a call, in the transaction that completes its record.
pub(crate) async fn promise(tx: &mut OrgTx, call_id: CallId) -> Result<(), AppError> {
    promise_at(tx, call_id, None).await
}

/// As [`promise`], not before this moment; what was promised before for another moment is not done then.
async fn promise_at(tx: &mut OrgTx, call_id: CallId, run_at: Option<DateTime<Utc>>) -> Result<(), AppError> {
    let job = FollowUpCall { org_id: tx.org_id(), call_id };
    let payload = serde_json::to_value(&job)
        .map_err(|error| AppError::Bug(format!("the job after a call can't be written: {error}")))?;
    let key = format!("{}:{call_id}", FollowUpCall::TASK);
    let job = NewJob { task: FollowUpCall::TASK, payload, key: Some(&key), run_at, ..NewJob::default() };
    Ok(store::jobs::enqueue(tx, &job).await?)
}

impl App {
    /// Does the steps that follow a call and are not done yet. A step that fails does not keep the others from being
    /// done; it is tried again with the job. While a message of the caller's may come nothing is done: the job is promised
    /// again.
    ///
    /// # Errors
    /// Of the first step that failed.
    pub async fn follow_up_call(&self, org_id: OrgId, call_id: CallId) -> Result<(), AppError> {
        if waiting::waits(self, org_id, call_id).await? {
            return Ok(());
        }
        let mut failed = None;
        for step in Step::ALL {
            match self.do_step(org_id, call_id, step).await {
                Ok(()) => {}
                // The call was deleted meanwhile: nothing follows it.
                Err(AppError::Store(StoreError::NotFound { noun: "call" })) => return Ok(()),
                Err(AppError::Store(error)) if error.is_conflict_with("call_steps_call_fkey") => {
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(org.id = %org_id, call.id = %call_id, step = step.name(), %error, "a step after a call failed and is tried again");
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error),
            None => late::add(self, org_id, call_id).await,
        }
    }

    async fn do_step(&self, org_id: OrgId, call_id: CallId, step: Step) -> Result<(), AppError> {
        // What takes long, and changes nothing, comes before the transaction.
        let prepared = step.prepare(self, org_id, call_id).await?;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        if !store::after_calls::take(&mut tx, call_id, step.name(), self.ambient.now()).await? {
            return Ok(());
        }
        let result = step.carry_out(&mut tx, self, call_id, prepared).await?;
        store::after_calls::keep(&mut tx, call_id, step.name(), &result).await?;
        tx.commit().await?;
        tracing::debug!(org.id = %org_id, call.id = %call_id, step = step.name(), "a step after a call is done");
        Ok(())
    }
}
