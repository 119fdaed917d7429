//! The append-only log of a call.

use chrono::{DateTime, Utc};
use domain::call_log::CallEvent;
use domain::ids::CallId;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// Most events that one read returns.
pub const MAX_EVENTS: u32 = 5_000;

/// Appends events in one statement. One that is stored already is left as it is, so a batch may be repeated
/// after a failure whose outcome is unknown.
///
/// # Errors
/// [`StoreError::Conflict`] by `call_events_call_fkey` when the call is not this business's.
pub async fn append(
    tx: &mut OrgTx,
    call_id: CallId,
    events: &[CallEvent],
    recorded_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let mut seqs = Vec::with_capacity(events.len());
    let mut times = Vec::with_capacity(events.len());
    let mut bodies = Vec::with_capacity(events.len());
    for event in events {
        seqs.push(
            i32::try_from(event.seq).map_err(|_| StoreError::bug("a call has more events than can be"))?,
        );
        times.push(i64::try_from(event.at_ms).map_err(|_| StoreError::bug("a call is longer than can be"))?);
        bodies.push(text::to_json(event)?);
    }
    sqlx::query!(
        r#"INSERT INTO call_events (org_id, call_id, seq, at_ms, recorded_at, event)
           SELECT $1, $2, seq, at_ms, $3, event
           FROM UNNEST($4::integer[], $5::bigint[], $6::jsonb[]) AS entry (seq, at_ms, event)
           ON CONFLICT ON CONSTRAINT call_events_pkey DO NOTHING"#,
        org_id,
        call_id.0,
        recorded_at,
        &seqs,
        &times,
        &bodies,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Events of a call in order, from `from_seq` on, at most 5,000.
///
/// # Errors
/// [`StoreError::Bug`] when a stored event can't be read.
pub async fn list(
    tx: &mut OrgTx,
    call_id: CallId,
    from_seq: u32,
    limit: u32,
) -> Result<Vec<CallEvent>, StoreError> {
    let (conn, org_id) = tx.parts();
    let bodies = sqlx::query_scalar!(
        r#"SELECT event
           FROM call_events
           WHERE org_id = $1 AND call_id = $2 AND seq >= $3
           ORDER BY seq
           LIMIT $4"#,
        org_id,
        call_id.0,
        i32::try_from(from_seq).unwrap_or(i32::MAX),
        i64::from(limit.clamp(1, MAX_EVENTS)),
    )
    .fetch_all(conn)
    .await?;
    bodies.into_iter().map(text::from_json).collect()
}

/// When the last event was stored: the best guess of when a process died.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn last_recorded_at(tx: &mut OrgTx, call_id: CallId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_scalar!(
        "SELECT max(recorded_at) FROM call_events WHERE org_id = $1 AND call_id = $2",
        org_id,
        call_id.0,
    )
    .fetch_one(conn)
    .await?)
}
