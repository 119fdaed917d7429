//! What was used and may be charged for.

use chrono::{DateTime, Utc};

use crate::error::StoreError;
use crate::page::Span;
use crate::tx::OrgTx;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageKind {
    /// Seconds of conversation by telephone.
    VoiceSeconds,
    /// Conversations.
    Conversations,
}

impl UsageKind {
    const fn name(self) -> &'static str {
        match self {
            Self::VoiceSeconds => "voice_seconds",
            Self::Conversations => "conversations",
        }
    }
}

/// Counts a fact, unless it was counted; returns whether it was new. `key` names it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn count(
    tx: &mut OrgTx,
    kind: UsageKind,
    key: &str,
    quantity: u64,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"INSERT INTO usage_events (org_id, kind, key, quantity, at)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (org_id, kind, key) DO NOTHING"#,
        org_id,
        kind.name(),
        key,
        i64::try_from(quantity).unwrap_or(i64::MAX),
        at,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How much was used in a span.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn sum(tx: &mut OrgTx, kind: UsageKind, span: Span) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let sum = sqlx::query_scalar!(
        r#"SELECT COALESCE(sum(quantity), 0)::bigint AS "sum!"
           FROM usage_events
           WHERE org_id = $1 AND kind = $2 AND ($3::timestamptz IS NULL OR at >= $3)
             AND ($4::timestamptz IS NULL OR at < $4)"#,
        org_id,
        kind.name(),
        span.from,
        span.until,
    )
    .fetch_one(conn)
    .await?;
    Ok(sum.unsigned_abs())
}
