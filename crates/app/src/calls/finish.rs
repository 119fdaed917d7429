//! Completing a call's record: at its end, or after the death of the process that carried it.
//!
//! There is one way for both: what the record says is derived from the log. Doing it again changes nothing.

use std::time::Duration;

use domain::call_log::{CallEvent, EndReason, EventKind};
use domain::ids::{CallId, OrgId};
use domain::webhooks::EventType;
use store::call_sessions::SessionStore as _;
use store::calls::events::MAX_EVENTS;
use store::calls::finalize::Outcome;
use store::calls::life::LeftBecause;
use store::tx::OrgTx;

use crate::after_calls;
use crate::calls::{catching_up, costs, record};
use crate::error::AppError;
use crate::incidents;
use crate::live::LiveEvent;
use crate::runtime::App;
use crate::webhooks;

/// How often a process says that a call is still alive.
pub(crate) const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
/// Position of an entry that is added after the death of a process, behind all that the session can have made.
pub(crate) const AFTERWARDS: u32 = (i32::MAX - 1) as u32;

/// Who completes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closer {
    /// The node that carried the call: only while the call is still its own.
    Carrier,
    /// Whoever finds that nobody carries it: only when it still is so.
    Finder,
}

/// Completes the record of a call that nobody carries any more: stores its recording, derives its turns.
///
/// # Errors
/// What kept it from being done; it can be tried again.
pub(crate) async fn close(app: &App, org_id: OrgId, call_id: CallId, closer: Closer) -> Result<(), AppError> {
    // First, so that a record that is complete has its recording.
    store_recording(app, org_id, call_id).await?;
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    // Held until the record is written: nobody goes on with the call meanwhile.
    let left = store::calls::life::hold(&mut tx, call_id).await?;
    let is_due = match closer {
        Closer::Carrier => left.node.as_deref() == Some(&app.settings.node),
        Closer::Finder => app.patience().is_over_for(&left, &app.settings.node, now),
    };
    if left.finalized_at.is_some() || !is_due {
        // Whoever goes on with the call waits for it.
        return Ok(tx.commit().await?);
    }
    let call = store::calls::get(&mut tx, call_id).await?;
    let mut events = read_log(&mut tx, call_id).await?;
    catching_up::catch_up(&mut tx, app, &call, &events).await?;
    catching_up::complete_lead(&mut tx, app, call_id).await?;
    let mut added = None;
    if !events.iter().any(|event| matches!(event.kind, EventKind::Ended { .. })) {
        let reason = match left.left_because {
            Some(LeftBecause::ConnectionLost) => EndReason::ConnectionLost,
            Some(LeftBecause::HandedOver) => EndReason::ServerStopped,
            Some(LeftBecause::Transferred) => EndReason::Transferred,
            Some(LeftBecause::Transferring) => EndReason::CallerHungUp,
            // A call that never had media was given up before it was connected.
            None if events.is_empty() => EndReason::ConnectionLost,
            None => EndReason::ProcessDied,
        };
        let at_ms = events.last().map_or(0, |event| event.at_ms);
        let ended = CallEvent { seq: AFTERWARDS, at_ms, kind: EventKind::Ended { reason } };
        store::calls::events::append(&mut tx, call_id, std::slice::from_ref(&ended), now).await?;
        events.push(ended.clone());
        added = Some(ended);
    }
    let last_recorded_at = store::calls::events::last_recorded_at(&mut tx, call_id).await?;
    let ended_at = match added {
        // The process died some time ago: the call ended when its last words were written.
        Some(_) => events.iter().rev().nth(1).map_or(call.started_at, |last| {
            call.answered_at.unwrap_or(call.started_at)
                + chrono::Duration::milliseconds(i64::try_from(last.at_ms).unwrap_or_default())
        }),
        None => last_recorded_at.unwrap_or(now),
    };
    let (escalation, _) = store::escalation_settings::get(&mut tx).await?;
    let record = record::derive(&events, &escalation.urgency);
    // Raised long ago, unless the database was away then.
    let words = record.turns.iter().max_by_key(|turn| turn.urgency.score).map(|turn| turn.text.clone());
    incidents::raise(&mut tx, app, call_id, record.urgency.score, &words.unwrap_or_default()).await?;
    let is_transferred = record.end_reason == EndReason::Transferred;
    incidents::call_is_over(&mut tx, app, call_id, is_transferred).await?;
    let outcome = Outcome {
        ended_at,
        end_reason: record.end_reason,
        duration_ms: record.duration_ms,
        intent: record.intent,
        intents: record.intents,
        urgency: record.urgency,
        summary: serde_json::Value::Null,
        turns: record.turns,
        tool_calls: record.tool_calls,
        finalized_at: now,
    };
    if store::calls::finalize::finalize(&mut tx, call_id, &outcome).await? {
        let rated = costs::rate(&events, &app.settings.prices);
        store::calls::usage::enter(&mut tx, call_id, &rated).await?;
        tell(&mut tx, app, call_id).await?;
        after_calls::promise(&mut tx, call_id).await?;
    }
    tx.commit().await?;
    if let Some(event) = added {
        app.live.publish(LiveEvent { org_id, call_id, event });
    }
    // An error means that it goes when its time is up.
    let _kept = app.sessions.delete(call_id, left.resumptions).await;
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

pub(crate) async fn read_log(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<CallEvent>, AppError> {
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

/// Stores what was recorded here of a call. What another node recorded of it, and has stored, is joined with it: a part
/// is silent where the other node had the call.
pub(crate) async fn store_recording(app: &App, org_id: OrgId, call_id: CallId) -> Result<(), AppError> {
    if !app.spool.has(org_id, call_id) {
        return Ok(());
    }
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let earlier = store::calls::get(&mut tx, call_id).await?.recording_key;
    drop(tx);
    let mut key = format!("recordings/{org_id}/{call_id}.wav");
    let mut is_the_recording = true;
    if let Some(earlier) = earlier {
        match app.objects.size(&earlier).await? {
            Some(bytes) => app.spool.join(org_id, call_id, app.objects.as_ref(), &earlier, bytes).await?,
            None => {
                // The nodes keep their objects apart.
                key = format!("recordings/{org_id}/{call_id}.{}.wav", app.settings.node);
                is_the_recording = false;
                tracing::warn!(call.id = %call_id, key, "the parts of a recording can't be joined: the nodes share no object storage");
            }
        }
    }
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
        app.objects.put_file(&key, &path).await?;
        if is_the_recording {
            let mut tx = OrgTx::begin(&app.db, org_id).await?;
            store::calls::finalize::set_recording(&mut tx, call_id, &key, length_ms).await?;
            tx.commit().await?;
        }
    }
    app.spool.discard(org_id, call_id).await;
    Ok(())
}
