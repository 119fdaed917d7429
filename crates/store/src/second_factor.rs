//! Second factors: the sealed secret of an authenticator app, and recovery codes.

use chrono::{DateTime, Utc};
use domain::ids::UserId;

use crate::error::StoreError;
use crate::tx::SystemTx;

/// A person's authenticator app.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Its secret, sealed for `second_factors.secret_sealed` and the person.
    pub secret_sealed: Vec<u8>,
    /// When a first code proved that the app has the secret.
    pub confirmed_at: Option<DateTime<Utc>>,
}

// By hand: not even what is sealed belongs in a log.
impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("confirmed_at", &self.confirmed_at).finish_non_exhaustive()
    }
}

/// A person's second factor, confirmed or not.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(tx: &mut SystemTx, user_id: UserId) -> Result<Option<SecondFactor>, StoreError> {
    let found =
        sqlx::query!("SELECT secret_sealed, confirmed_at FROM second_factors WHERE user_id = $1", user_id.0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(found.map(|row| SecondFactor { secret_sealed: row.secret_sealed, confirmed_at: row.confirmed_at }))
}

/// Enters a secret that is to be confirmed, in place of one that was not. Returns whether it was entered: a
/// confirmed one stays.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn begin(
    tx: &mut SystemTx,
    user_id: UserId,
    secret_sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"INSERT INTO second_factors (user_id, secret_sealed, created_at)
           VALUES ($1, $2, $3)
           ON CONFLICT ON CONSTRAINT second_factors_pkey
           DO UPDATE SET secret_sealed = $2, created_at = $3, last_step = 0
           WHERE second_factors.confirmed_at IS NULL"#,
        user_id.0,
        secret_sealed,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Confirms the secret. Returns whether there was one to be confirmed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn confirm(tx: &mut SystemTx, user_id: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE second_factors SET confirmed_at = $2 WHERE user_id = $1 AND confirmed_at IS NULL",
        user_id.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes the code of a time step, once: returns whether neither it nor a later one was taken before.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn take_step(tx: &mut SystemTx, user_id: UserId, step: i64) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2",
        user_id.0,
        step
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes the second factor and its recovery codes. Returns whether there was one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn remove(tx: &mut SystemTx, user_id: UserId) -> Result<bool, StoreError> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user_id.0).execute(tx.conn()).await?;
    let done =
        sqlx::query!("DELETE FROM second_factors WHERE user_id = $1", user_id.0).execute(tx.conn()).await?;
    Ok(done.rows_affected() > 0)
}

/// Puts new recovery codes in place of all there were.
///
/// # Errors
/// [`StoreError::Conflict`] by `recovery_codes_user_fkey`.
pub async fn set_recovery_codes(
    tx: &mut SystemTx,
    user_id: UserId,
    hashes: &[Vec<u8>],
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM recovery_codes WHERE user_id = $1", user_id.0).execute(tx.conn()).await?;
    sqlx::query!(
        "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, hash FROM unnest($2::bytea[]) AS hash",
        user_id.0,
        hashes,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a recovery code, once: returns whether it was one that nobody had used.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn take_recovery_code(
    tx: &mut SystemTx,
    user_id: UserId,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
        user_id.0,
        hash,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How many recovery codes nobody has used.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn recovery_codes_left(tx: &mut SystemTx, user_id: UserId) -> Result<u32, StoreError> {
    let left = sqlx::query_scalar!(
        r#"SELECT count(*) AS "left!" FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL"#,
        user_id.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(left).unwrap_or(u32::MAX))
}
