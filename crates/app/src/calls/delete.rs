//! Deleting a call and everything that was recorded of it.

use domain::ids::CallId;
use serde_json::json;
use store::OrgTx;
use store::jobs::NewJob;

use crate::audit::{self, Actor};
use crate::calls::tapes;
use crate::error::AppError;
use crate::jobs::DeleteObject;
use crate::runtime::App;

/// Removes a call with its log, turns and tool calls; its recording is removed by a job that does not give up when
/// the storage is away, and so is what its caller left on tape. Leads and messages that came of it stay, with their words,
/// and so does the line in the audit log.
///
/// # Errors
/// Not found; [`AppError::Conflict`] while it goes on or its record is not finished; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: CallId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let call = store::calls::get(&mut tx, id).await?;
    // Until then its process writes into it, and its recording is not where it will be.
    if call.finalized_at.is_none() {
        let reason = "the call goes on, or its record is not finished yet: try again when it is".to_owned();
        return Err(AppError::Conflict { reason });
    }
    tapes::delete_of_call(&mut tx, app, id).await?;
    store::calls::delete(&mut tx, id).await?;
    if let Some(key) = &call.recording_key {
        let payload = serde_json::to_value(DeleteObject { key: key.clone() })
            .map_err(|error| AppError::Bug(format!("a job can't be written: {error}")))?;
        let job = NewJob { task: DeleteObject::TASK, payload, ..NewJob::default() };
        store::jobs::enqueue(&mut tx, &job).await?;
    }
    let detail = json!({ "started_at": call.started_at, "recording": call.recording_key.is_some() });
    audit::record(&mut tx, app, actor, "calls:delete", &id, detail).await?;
    Ok(tx.commit().await?)
}
