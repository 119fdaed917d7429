//! The figures of an organization's first screen.

use chrono::{DateTime, Utc};

use crate::error::StoreError;
use crate::tx::OrgTx;

/// What happened since a moment, and what waits now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overview {
    /// Calls that came in.
    pub calls: u64,
    /// Calls with a conversation.
    pub calls_answered: u64,
    /// Mean length of the conversations in milliseconds.
    pub mean_duration_ms: Option<f64>,
    /// Calls of urgency 5 and above.
    pub calls_urgent: u64,
    /// Leads taken.
    pub leads: u64,
    /// Leads that became clients.
    pub leads_won: u64,
    /// Calls going on now.
    pub calls_live: u64,
    /// Messages that nobody has dealt with.
    pub messages_waiting: u64,
    /// Leads that are open.
    pub leads_open: u64,
    /// Clients in all.
    pub clients: u64,
    /// Projects that are neither finished nor put away.
    pub projects_active: u64,
}

/// Reads the figures.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn since(tx: &mut OrgTx, since: DateTime<Utc>) -> Result<Overview, StoreError> {
    let (conn, org_id) = tx.parts();
    let calls = sqlx::query!(
        r#"SELECT count(*) AS "all!",
                  count(*) FILTER (WHERE answered_at IS NOT NULL) AS "answered!",
                  avg(duration_ms)::float8 AS mean_duration_ms,
                  count(*) FILTER (WHERE urgency_score >= 5) AS "urgent!"
           FROM calls
           WHERE org_id = $1 AND started_at >= $2"#,
        org_id,
        since,
    )
    .fetch_one(&mut *conn)
    .await?;
    let rest = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM leads WHERE org_id = $1 AND created_at >= $2) AS "leads!",
                  (SELECT count(*) FROM leads WHERE org_id = $1 AND created_at >= $2 AND status = 'won')
                      AS "won!",
                  (SELECT count(*) FROM calls WHERE org_id = $1 AND status IN ('ringing', 'in_progress'))
                      AS "live!",
                  (SELECT count(*) FROM messages WHERE org_id = $1 AND handled_at IS NULL) AS "waiting!",
                  (SELECT count(*) FROM leads WHERE org_id = $1 AND status = 'open') AS "open!",
                  (SELECT count(*) FROM clients WHERE org_id = $1) AS "clients!",
                  (SELECT count(*) FROM projects
                   WHERE org_id = $1 AND archived_at IS NULL AND status NOT IN ('done', 'cancelled'))
                      AS "projects!""#,
        org_id,
        since,
    )
    .fetch_one(conn)
    .await?;
    Ok(Overview {
        calls: calls.all.unsigned_abs(),
        calls_answered: calls.answered.unsigned_abs(),
        mean_duration_ms: calls.mean_duration_ms,
        calls_urgent: calls.urgent.unsigned_abs(),
        leads: rest.leads.unsigned_abs(),
        leads_won: rest.won.unsigned_abs(),
        calls_live: rest.live.unsigned_abs(),
        messages_waiting: rest.waiting.unsigned_abs(),
        leads_open: rest.open.unsigned_abs(),
        clients: rest.clients.unsigned_abs(),
        projects_active: rest.projects.unsigned_abs(),
    })
}
