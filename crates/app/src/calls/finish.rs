//! Completing a call's record: at its end, or after the death of the process that carried it.
//!
//! There is one way for both: what the record says is derived from the log. Doing it again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use domain::call_log::{CallEvent, EndReason, EventKind};
use domain::ids::{CallId, OrgId};
use domain::webhooks::EventType;
use store::calls::events::MAX_EVENTS;
use store::calls::finalize::Outcome;
use store::jobs::NewJob;
use store::tx::{OrgTx, SystemTx};

use crate::calls::record;
use crate::error::AppError;
use crate::jobs::FinishCall;
use crate::live::LiveEvent;
use crate::runtime::App;
use crate::webhooks;

/// How often a process says that a call is still alive.
pub(crate) const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
/// A call that was silent for so long has lost its process.
const SILENT_AFTER_S: i64 = 30;
/// How often lost calls are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// Lost calls taken up at once.
const SWEEP_LIMIT: u32 = 500;
/// Position of an entry that is added after the death of a process, behind all that the session can have made.
const AFTERWARDS: u32 = (i32::MAX - 1) as u32;

/// Completes the record of a call that nobody carries any more: stores its recording, derives its turns.
///
/// # Errors
/// What kept it from being done; it can be tried again.
pub(crate) async fn close(app: &App, org_id: OrgId, call_id: CallId) -> Result<(), AppError> {
    store_recording(app, org_id, call_id).await?;
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let call = store::calls::get(&mut tx, call_id).await?;
    if call.finalized_at.is_some() {
        return Ok(());
    }
    let mut events = read_log(&mut tx, call_id).await?;
    let mut added = None;
    if !events.iter().any(|event| matches!(event.kind, EventKind::Ended { .. })) {
        // A call that never had media was given up before it was connected.
        let reason = if events.is_empty() { EndReason::ConnectionLost } else { EndReason::ProcessDied };
        let at_ms = events.last().map_or(0, |event| event.at_ms);
        let ended = CallEvent { seq: AFTERWARDS, at_ms, kind: EventKind::Ended { reason } };
        store::calls::events::append(&mut tx, call_id, std::slice::from_ref(&ended), app.ambient.now())
            .await?;
        events.push(ended.clone());
        added = Some(ended);
    }
    let last_recorded_at = store::calls::events::last_recorded_at(&mut tx, call_id).await?;
    let now = app.ambient.now();
    let ended_at = match added {
        // The process died some time ago: the call ended when its last words were written.
        Some(_) => events.iter().rev().nth(1).map_or(call.started_at, |last| {
            call.answered_at.unwrap_or(call.started_at)
                + chrono::Duration::milliseconds(i64::try_from(last.at_ms).unwrap_or_default())
        }),
        None => last_recorded_at.unwrap_or(now),
    };
    let record = record::derive(&events);
    let outcome = Outcome {
        ended_at,
        end_reason: record.end_reason,
        duration_ms: record.duration_ms,
        intent: record.intent,
        summary: serde_json::Value::Null,
        turns: record.turns,
        tool_calls: record.tool_calls,
        finalized_at: now,
    };
    if store::calls::finalize::finalize(&mut tx, call_id, &outcome).await? {
        tell(&mut tx, app, call_id).await?;
    }
    tx.commit().await?;
    if let Some(event) = added {
        app.live.publish(LiveEvent { org_id, call_id, event });
    }
    tracing::info!(
        org.id = %org_id, call.id = %call_id, end_reason = ?outcome.end_reason,
        duration_ms = outcome.duration_ms, turns = outcome.turns.len(), "call is over"
    );
    Ok(())
}

/// Tells receivers of webhooks that the call is over, and what became of its lead.
async fn tell(tx: &mut OrgTx, app: &App, call_id: CallId) -> Result<(), AppError> {
    let call = store::calls::get(tx, call_id).await?;
    let data = webhooks::call(&call);
    webhooks::publish(tx, app, EventType::CallEnded, &call_id.to_string(), data).await?;
    let Some(lead_id) = call.lead_id else { return Ok(()) };
    match store::leads::get(tx, lead_id).await {
        Ok(lead) => {
            let key = format!("{lead_id}:{call_id}");
            let data = webhooks::lead(&lead);
            Ok(webhooks::publish(tx, app, EventType::LeadUpdated, &key, data).await?)
        }
        // It was deleted meanwhile.
        Err(store::StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn read_log(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<CallEvent>, AppError> {
    let mut events: Vec<CallEvent> = Vec::new();
    loop {
        let from_seq = events.last().map_or(0, |last| last.seq + 1);
        let page = store::calls::events::list(tx, call_id, from_seq, MAX_EVENTS).await?;
        let complete = page.len() < MAX_EVENTS as usize;
        events.extend(page);
        if complete {
            return Ok(events);
        }
    }
}

async fn store_recording(app: &App, org_id: OrgId, call_id: CallId) -> Result<(), AppError> {
    let path = match app.spool.complete(org_id, call_id).await {
        Ok(path) => path,
        Err(AppError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let length_ms = tokio::fs::metadata(&path)
        .await
        .map(|file| file.len().saturating_sub(audio::wav::HEADER_BYTES as u64) / 32)
        .map_err(|error| AppError::spool("measure the recording", &path, &error))?;
    if length_ms > 0 {
        let key = format!("recordings/{org_id}/{call_id}.wav");
        app.objects.put_file(&key, &path).await?;
        let mut tx = OrgTx::begin(&app.db, org_id).await?;
        store::calls::finalize::set_recording(&mut tx, call_id, &key, length_ms).await?;
        tx.commit().await?;
    }
    app.spool.discard(org_id, call_id).await;
    Ok(())
}

impl App {
    /// Completes what an earlier process of this node left behind, then keeps looking for calls whose process
    /// died, until the drain. Run it once, in a tracked task.
    pub async fn sweep_calls(self: Arc<Self>) {
        let mut reborn = Some(self.settings.node.clone());
        let mut every = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                () = self.drain.cancelled() => return,
                _ = every.tick() => {}
            }
            match self.promise_finishing(reborn.as_deref()).await {
                Ok(0) => reborn = None,
                Ok(found) => {
                    reborn = None;
                    tracing::warn!(calls = found, "calls of a process that died are being completed");
                }
                Err(error) => tracing::warn!(%error, "lost calls could not be looked for"),
            }
        }
    }

    /// Promises to finish every call that lost its process; returns how many.
    async fn promise_finishing(&self, reborn: Option<&str>) -> Result<usize, AppError> {
        let silent_since = self.ambient.now() - chrono::Duration::seconds(SILENT_AFTER_S);
        let mut tx = SystemTx::begin(&self.db, "calls that lost their process are of all businesses").await?;
        let lost = store::calls::life::list_unfinished(&mut tx, silent_since, reborn, SWEEP_LIMIT).await?;
        let mut promised = 0;
        for call in lost.into_iter().filter(|call| !self.carries(call.call_id)) {
            let key = format!("finish:{}", call.call_id);
            let payload = serde_json::to_value(FinishCall { org_id: call.org_id, call_id: call.call_id })
                .map_err(|error| AppError::Bug(error.to_string()))?;
            let job = NewJob { task: FinishCall::TASK, payload, key: Some(&key), ..NewJob::default() };
            store::jobs::enqueue(&mut tx, &job).await?;
            promised += 1;
        }
        tx.commit().await?;
        // Recordings whose call is finished already: the process died between the two.
        for (org_id, call_id) in self.spool.leftovers()? {
            if !self.carries(call_id)
                && let Err(error) = store_recording(self, org_id, call_id).await
            {
                tracing::warn!(call.id = %call_id, %error, "a recording left behind could not be stored yet");
            }
        }
        Ok(promised)
    }
}
