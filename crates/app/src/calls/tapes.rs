//! Our own copies of the messages that the carrier recorded. Once there is one the carrier's is deleted, unless the
//! business keeps those: what we delete, when we are asked to, must not be left with somebody else.

use bytes::Bytes;
use domain::ids::{CallId, MessageId, OrgId};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use provider_traits::descriptor::Readiness;
use serde::{Deserialize, Serialize};
use store::jobs::NewJob;
use store::messages::recorded::{self, Recording};
use store::{OrgTx, StoreError};

use crate::calls::transcribing;
use crate::error::AppError;
use crate::jobs::{DeleteObject, UseCases};
use crate::organizations::settings_of;
use crate::runtime::App;

/// Deletes a recording at the carrier.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeleteCarrierRecording {
    recording_sid: String,
}

impl DeleteCarrierRecording {
    pub(crate) const TASK: &str = "delete_carrier_recording";
}

impl TaskHandler for DeleteCarrierRecording {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        if matches!(app.telephony.readiness(), Readiness::Missing { .. }) {
            return Ok(());
        }
        app.telephony.delete_recording(&self.recording_sid).await.map_err(|error| error.to_string())
    }
}

/// Copies a message's recording into our storage. Doing it again changes nothing.
///
/// # Errors
/// [`AppError::NotFound`] when the message was deleted meanwhile; when storage or database refuse.
pub(super) async fn keep(
    app: &App,
    org_id: OrgId,
    message_id: MessageId,
    sid: &str,
    tape: &[u8],
) -> Result<(), AppError> {
    let key = format!("recordings/{org_id}/messages/{message_id}.wav");
    app.objects.put(&key, Bytes::copy_from_slice(tape)).await?;
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let there = match store::messages::lock(&mut tx, message_id).await {
        Ok(_) => recorded::get(&mut tx, message_id).await?.is_some(),
        Err(StoreError::NotFound { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    if !there {
        // Deleted with its recording, while we fetched that.
        tx.commit().await?;
        app.objects.delete(&key).await?;
        return Err(AppError::NotFound { noun: "message" });
    }
    recorded::copied(&mut tx, message_id, &key, length_ms(tape)).await?;
    let before = store::messages::get(&mut tx, message_id).await?.message.text;
    let text = transcribing::copied(&before);
    store::messages::replace_text(&mut tx, message_id, &before, &text, app.ambient.now()).await?;
    let business = store::organizations::get(&mut tx).await?;
    if !settings_of(&business)?.keep_carrier_recordings {
        promise_deletion(&mut tx, sid).await?;
    }
    tx.commit().await?;
    tracing::info!(message.id = %message_id, bytes = tape.len(), "a recorded message was copied");
    Ok(())
}

/// A copy.
///
/// # Errors
/// [`AppError::NotFound`] when the object is gone; when the storage refuses.
pub(super) async fn read(app: &App, key: &str) -> Result<Vec<u8>, AppError> {
    let size = app.objects.size(key).await?.ok_or(AppError::NotFound { noun: "recording" })?;
    Ok(app.objects.read(key, 0..size).await?.to_vec())
}

/// Deletes what was recorded of a call's messages, wherever it is; the messages and their words stay.
///
/// # Errors
/// Storage errors.
pub(super) async fn delete_of_call(tx: &mut OrgTx, app: &App, call_id: CallId) -> Result<(), AppError> {
    for recording in recorded::of_call(tx, call_id).await? {
        delete(tx, app, &recording).await?;
    }
    Ok(recorded::forget_of_call(tx, call_id).await?)
}

/// Promises that a recording is deleted: ours, and the carrier's unless the business keeps that.
///
/// # Errors
/// Storage errors.
pub(crate) async fn delete(tx: &mut OrgTx, app: &App, recording: &Recording) -> Result<(), AppError> {
    if let Some(key) = &recording.key {
        let payload = serde_json::to_value(DeleteObject { key: key.clone() })
            .map_err(|error| AppError::Bug(format!("a job can't be written: {error}")))?;
        let job = NewJob { task: DeleteObject::TASK, payload, ..NewJob::default() };
        store::jobs::enqueue(tx, &job).await?;
    }
    let business = store::organizations::get(tx).await?;
    let is_theirs_to_keep = settings_of(&business)?.keep_carrier_recordings;
    if !is_theirs_to_keep && matches!(app.telephony.readiness(), Readiness::Ready) {
        promise_deletion(tx, &recording.sid).await?;
    }
    Ok(())
}

async fn promise_deletion(tx: &mut OrgTx, sid: &str) -> Result<(), AppError> {
    let payload = serde_json::to_value(DeleteCarrierRecording { recording_sid: sid.to_owned() })
        .map_err(|error| AppError::Bug(format!("a job can't be written: {error}")))?;
    let key = format!("{}:{sid}", DeleteCarrierRecording::TASK);
    let job = NewJob { task: DeleteCarrierRecording::TASK, payload, key: Some(&key), ..NewJob::default() };
    Ok(store::jobs::enqueue(tx, &job).await?)
}

/// Of a file that can't be read as one it is not known how long it is; it is kept nevertheless.
fn length_ms(tape: &[u8]) -> u64 {
    let Ok(wav) = audio::wav::parse(tape) else { return 0 };
    let frames = wav.samples.len() as u64 / u64::from(wav.channels.max(1));
    frames * 1_000 / u64::from(wav.sample_rate_hz.max(1))
}
