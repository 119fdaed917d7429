//! Requests with an `Idempotency-Key`: one of them acts, its repetitions get its answer.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{OrgTx, SystemTx};

/// A request that wants its key.
#[derive(Debug, Clone, Copy)]
pub struct NewClaim<'a> {
    /// Names this claim.
    pub id: Uuid,
    /// Who asks: the id of a person or of an API key.
    pub principal: &'a str,
    /// The key they chose.
    pub key: &'a str,
    /// The method, for whoever looks into the table.
    pub method: &'a str,
    /// The path, likewise.
    pub path: &'a str,
    /// SHA-256 of everything that makes it this request.
    pub fingerprint: &'a [u8; 32],
    /// When.
    pub now: DateTime<Utc>,
    /// A claim from before this without an answer is of a process that died.
    pub stale_before: DateTime<Utc>,
    /// What is older than this is forgotten.
    pub expired_before: DateTime<Utc>,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The key is free, or was left behind: act, then [`complete`] or [`release`].
    Ours,
    /// The same request is being worked on.
    InProgress,
    /// The same request was answered.
    Answered {
        /// The claim that the answer is sealed for.
        id: Uuid,
        /// The sealed answer.
        response_sealed: Vec<u8>,
    },
    /// The key was used for another request.
    OtherRequest,
}

/// Claims a key. Commit before the work begins, so that repetitions see the claim.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn claim(tx: &mut OrgTx, claim: &NewClaim<'_>) -> Result<Claim, StoreError> {
    let (conn, org_id) = tx.parts();
    let claimed = sqlx::query_scalar!(
        r#"INSERT INTO idempotent_requests AS existing
               (id, org_id, principal, key, method, path, fingerprint, claimed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT ON CONSTRAINT idempotent_requests_key_unique DO UPDATE
               SET id = EXCLUDED.id,
                   method = EXCLUDED.method,
                   path = EXCLUDED.path,
                   fingerprint = EXCLUDED.fingerprint,
                   claimed_at = EXCLUDED.claimed_at,
                   response_sealed = NULL
               WHERE existing.claimed_at < $10
                  OR (existing.response_sealed IS NULL
                      AND existing.fingerprint = EXCLUDED.fingerprint
                      AND existing.claimed_at < $9)
           RETURNING id"#,
        claim.id,
        org_id,
        claim.principal,
        claim.key,
        claim.method,
        claim.path,
        claim.fingerprint.as_slice(),
        claim.now,
        claim.stale_before,
        claim.expired_before,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if claimed.is_some() {
        return Ok(Claim::Ours);
    }
    let existing = sqlx::query!(
        r#"SELECT id, fingerprint, response_sealed
           FROM idempotent_requests
           WHERE org_id = $1 AND principal = $2 AND key = $3"#,
        org_id,
        claim.principal,
        claim.key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(match existing {
        Some(existing) if existing.fingerprint != claim.fingerprint => Claim::OtherRequest,
        Some(existing) => match existing.response_sealed {
            Some(response_sealed) => Claim::Answered { id: existing.id, response_sealed },
            None => Claim::InProgress,
        },
        // Released between the two statements: the next try gets it.
        None => Claim::InProgress,
    })
}

/// Keeps the answer of a claim. A claim that was taken over meanwhile keeps the other's answer.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn complete(tx: &mut OrgTx, id: Uuid, response_sealed: &[u8]) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "UPDATE idempotent_requests SET response_sealed = $3 WHERE org_id = $1 AND id = $2",
        org_id,
        id,
        response_sealed,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a key back whose request did not act.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn release(tx: &mut OrgTx, id: Uuid) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "DELETE FROM idempotent_requests WHERE org_id = $1 AND id = $2 AND response_sealed IS NULL",
        org_id,
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what was claimed before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, claimed_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM idempotent_requests WHERE claimed_at < $1", claimed_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}

/// The sealed answer under a key, for who looks after secrets.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn response(tx: &mut OrgTx, principal: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        "SELECT response_sealed FROM idempotent_requests WHERE org_id = $1 AND principal = $2 AND key = $3",
        org_id,
        principal,
        key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.flatten())
}
