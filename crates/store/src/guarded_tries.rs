//! Tries that are slowed down when they fail (passwords, codes, links), counted for all nodes together.

use chrono::{DateTime, Utc};
use domain::tries::Tries;

use crate::error::StoreError;
use crate::tx::SystemTx;

/// What was tried so far, locked until the transaction ends. A subject that is new has no tries.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lock(
    tx: &mut SystemTx,
    kind: &str,
    subject_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Tries, StoreError> {
    // The update changes nothing; it takes the row's lock, which an insert that finds the row does not.
    let row = sqlx::query!(
        r#"INSERT INTO guarded_tries AS t (kind, subject_hash, count, last_at)
           VALUES ($1, $2, 0, $3)
           ON CONFLICT ON CONSTRAINT guarded_tries_pkey DO UPDATE SET count = t.count
           RETURNING count, last_at"#,
        kind,
        subject_hash,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Tries { count: u32::try_from(row.count).unwrap_or_default(), last_at: row.last_at })
}

/// Writes down what was tried.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn set(tx: &mut SystemTx, kind: &str, subject_hash: &[u8], tries: Tries) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE guarded_tries SET count = $3, last_at = $4 WHERE kind = $1 AND subject_hash = $2",
        kind,
        subject_hash,
        i32::try_from(tries.count).unwrap_or(i32::MAX),
        tries.last_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets the tries of a subject.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn clear(tx: &mut SystemTx, kind: &str, subject_hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM guarded_tries WHERE kind = $1 AND subject_hash = $2", kind, subject_hash)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes one try back.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn take_back(tx: &mut SystemTx, kind: &str, subject_hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE guarded_tries SET count = count - 1 WHERE kind = $1 AND subject_hash = $2 AND count > 0",
        kind,
        subject_hash
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets what was last tried before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done =
        sqlx::query!("DELETE FROM guarded_tries WHERE last_at < $1", before).execute(tx.conn()).await?;
    Ok(done.rows_affected())
}
