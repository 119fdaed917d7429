//! The append-only log of a call.

use std::collections::HashSet;
use std::sync::Arc;

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
    let Columns { seqs, times, bodies } = Columns::of(events)?;
    let (conn, org_id) = tx.parts();
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

/// The number, media time and moment of writing of a call's last entry below `below`; `None` when there is none.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn tail(
    tx: &mut OrgTx,
    call_id: CallId,
    below: u32,
) -> Result<Option<(u32, u64, DateTime<Utc>)>, StoreError> {
    let (conn, org_id) = tx.parts();
    let last = sqlx::query!(
        r#"SELECT seq, at_ms, recorded_at FROM call_events
           WHERE org_id = $1 AND call_id = $2 AND seq < $3
           ORDER BY seq DESC
           LIMIT 1"#,
        org_id,
        call_id.0,
        i32::try_from(below).unwrap_or(i32::MAX),
    )
    .fetch_optional(conn)
    .await?;
    Ok(last.map(|row| (row.seq.unsigned_abs(), row.at_ms.unsigned_abs(), row.recorded_at)))
}

/// As [`append`], while the call is this node's. Returns `false`, and writes nothing, when another one has gone on with
/// it: its entries have the numbers that these have.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn append_as(
    tx: &mut OrgTx,
    call_id: CallId,
    node: &str,
    events: &[CallEvent],
    recorded_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Columns { seqs, times, bodies } = Columns::of(events)?;
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_scalar!(
        r#"WITH ours AS (
               SELECT 1 FROM calls WHERE org_id = $1 AND id = $2 AND node = $7 FOR SHARE
           ), added AS (
               INSERT INTO call_events (org_id, call_id, seq, at_ms, recorded_at, event)
               SELECT $1, $2, seq, at_ms, $3, event
               FROM UNNEST($4::integer[], $5::bigint[], $6::jsonb[]) AS entry (seq, at_ms, event), ours
               ON CONFLICT ON CONSTRAINT call_events_pkey DO NOTHING
           )
           SELECT EXISTS (SELECT FROM ours) AS "ours!""#,
        org_id,
        call_id.0,
        recorded_at,
        &seqs,
        &times,
        &bodies,
        node,
    )
    .fetch_one(conn)
    .await?)
}

/// As [`append_as`], for several calls in one statement. Returns those whose entries are stored; of the others nothing
/// is: they are another node's by now, or somebody is changing their row, and each has to be tried for itself.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn append_together(
    tx: &mut OrgTx,
    node: &str,
    logs: &[(CallId, Arc<[CallEvent]>)],
    recorded_at: DateTime<Utc>,
) -> Result<HashSet<CallId>, StoreError> {
    let calls: Vec<uuid::Uuid> = logs.iter().map(|(call_id, _)| call_id.0).collect();
    let mut of_call: Vec<uuid::Uuid> = Vec::new();
    let mut all = Columns::default();
    for (call_id, events) in logs {
        of_call.extend(std::iter::repeat_n(call_id.0, events.len()));
        all.add(events)?;
    }
    let Columns { seqs, times, bodies } = all;
    let (conn, org_id) = tx.parts();
    // Rows that are taken are passed over, so that one call's change holds up no other call's log, and two that lock
    // several calls can't wait for each other.
    let stored = sqlx::query_scalar!(
        r#"WITH ours AS MATERIALIZED (
               SELECT id FROM calls WHERE org_id = $1 AND id = ANY ($2) AND node = $3 FOR SHARE SKIP LOCKED
           ), added AS (
               INSERT INTO call_events (org_id, call_id, seq, at_ms, recorded_at, event)
               SELECT $1, entry.call_id, entry.seq, entry.at_ms, $4, entry.event
               FROM UNNEST($5::uuid[], $6::integer[], $7::bigint[], $8::jsonb[]) AS entry (call_id, seq, at_ms, event)
               JOIN ours ON ours.id = entry.call_id
               ON CONFLICT ON CONSTRAINT call_events_pkey DO NOTHING
           )
           SELECT id FROM ours"#,
        org_id,
        &calls,
        node,
        recorded_at,
        &of_call,
        &seqs,
        &times,
        &bodies,
    )
    .fetch_all(conn)
    .await?;
    Ok(stored.into_iter().map(CallId).collect())
}

/// Events as the columns of a statement.
#[derive(Default)]
struct Columns {
    seqs: Vec<i32>,
    times: Vec<i64>,
    bodies: Vec<serde_json::Value>,
}

impl Columns {
    fn of(events: &[CallEvent]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        columns.add(events)?;
        Ok(columns)
    }

    fn add(&mut self, events: &[CallEvent]) -> Result<(), StoreError> {
        for event in events {
            self.seqs.push(
                i32::try_from(event.seq)
                    .map_err(|_| StoreError::bug("a call has more events than can be"))?,
            );
            self.times.push(
                i64::try_from(event.at_ms).map_err(|_| StoreError::bug("a call is longer than can be"))?,
            );
            self.bodies.push(text::to_json(event)?);
        }
        Ok(())
    }
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
