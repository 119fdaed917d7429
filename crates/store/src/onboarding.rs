//! How far the set-up of an organization has come, read off its records.

use chrono::{DateTime, Utc};
use domain::ids::OrgId;

use crate::error::StoreError;
use crate::tx::{OrgTx, SystemTx};

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Steps that somebody chose to pass over.
    pub skipped: Vec<String>,
    /// The first webhook of the carrier whose signature fitted.
    pub webhook_verified_at: Option<DateTime<Utc>>,
    /// Connected numbers.
    pub numbers: u64,
    /// Agents with a voice that somebody picked.
    pub voices: u64,
    /// Knowledge entries.
    pub knowledge: u64,
    /// Lead questions.
    pub questions: u64,
    /// Calls that an agent answered.
    pub answered_calls: u64,
}

/// The organization's progress.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn progress(tx: &mut OrgTx) -> Result<Progress, StoreError> {
    let (conn, org_id) = tx.parts();
    // Whether there is one is enough: nobody counts a million calls for a checklist.
    let row = sqlx::query!(
        r#"SELECT COALESCE((SELECT skipped FROM onboarding WHERE org_id = $1), '{}') AS "skipped!",
                  (SELECT webhook_verified_at FROM onboarding WHERE org_id = $1) AS webhook_verified_at,
                  (SELECT count(*) FROM (SELECT FROM phone_numbers WHERE org_id = $1 LIMIT 1) n) AS "numbers!",
                  (SELECT count(*) FROM (SELECT FROM agents WHERE org_id = $1 AND voice <> '' LIMIT 1) v) AS "voices!",
                  (SELECT count(*) FROM (SELECT FROM knowledge_entries WHERE org_id = $1 LIMIT 1) k) AS "knowledge!",
                  (SELECT count(*) FROM (SELECT FROM lead_questions WHERE org_id = $1 LIMIT 1) q) AS "questions!",
                  (SELECT count(*) FROM (SELECT FROM calls WHERE org_id = $1 AND answered_at IS NOT NULL LIMIT 1) c)
                      AS "answered_calls!""#,
        org_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(Progress {
        skipped: row.skipped,
        webhook_verified_at: row.webhook_verified_at,
        numbers: row.numbers.unsigned_abs(),
        voices: row.voices.unsigned_abs(),
        knowledge: row.knowledge.unsigned_abs(),
        questions: row.questions.unsigned_abs(),
        answered_calls: row.answered_calls.unsigned_abs(),
    })
}

/// Passes over a step; passing over it again changes nothing.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn skip(tx: &mut OrgTx, step: &str) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO onboarding (org_id, skipped) VALUES ($1, ARRAY[$2::text])
           ON CONFLICT (org_id) DO UPDATE
           SET skipped = array_append(array_remove(onboarding.skipped, $2), $2)"#,
        org_id,
        step,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Remembers the first signed webhook; later ones change nothing. Returns whether it was the first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn webhook_was_verified(
    tx: &mut SystemTx,
    org_id: OrgId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"INSERT INTO onboarding (org_id, webhook_verified_at) VALUES ($1, $2)
           ON CONFLICT (org_id) DO UPDATE SET webhook_verified_at = $2
           WHERE onboarding.webhook_verified_at IS NULL"#,
        org_id.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Remembers that the set-up is complete; the first time counts.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn complete(tx: &mut OrgTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE organizations SET onboarded_at = $2 WHERE id = $1 AND onboarded_at IS NULL",
        org_id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
