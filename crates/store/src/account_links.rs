//! Links that were sent by e-mail and work once. Only the hash of a link's secret is stored.

use chrono::{DateTime, Utc};
use domain::ids::UserId;

use crate::error::StoreError;
use crate::tx::SystemTx;

/// What a link is for.
#[derive(Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Setting a new password.
    PasswordReset,
    /// Proving a new address.
    EmailChange {
        /// The new one.
        email: String,
    },
}

impl Purpose {
    const PASSWORD_RESET: &str = "password_reset";
    const EMAIL_CHANGE: &str = "email_change";

    fn name(&self) -> &'static str {
        match self {
            Self::PasswordReset => Self::PASSWORD_RESET,
            Self::EmailChange { .. } => Self::EMAIL_CHANGE,
        }
    }
}

// By hand, so that no log shows the address.
impl std::fmt::Debug for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Enters a link; former links of the person for the same purpose work no more.
///
/// # Errors
/// [`StoreError::Conflict`] by `account_links_user_fkey`.
pub async fn insert(
    tx: &mut SystemTx,
    user_id: UserId,
    token_hash: &[u8],
    purpose: &Purpose,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    remove(tx, user_id, purpose).await?;
    let email = match purpose {
        Purpose::PasswordReset => None,
        Purpose::EmailChange { email } => Some(email),
    };
    sqlx::query!(
        "INSERT INTO account_links (token_hash, user_id, purpose, email, expires_at) VALUES ($1, $2, $3, $4, $5)",
        token_hash,
        user_id.0,
        purpose.name(),
        email,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes away a person's links for the same purpose.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn remove(tx: &mut SystemTx, user_id: UserId, purpose: &Purpose) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM account_links WHERE user_id = $1 AND purpose = $2", user_id.0, purpose.name())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whose link for a new password this is, without using it up.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_password_reset(
    tx: &mut SystemTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"SELECT user_id FROM account_links
           WHERE token_hash = $1 AND purpose = 'password_reset' AND expires_at > $2"#,
        token_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(UserId))
}

/// Uses a link for a new password up; returns whose it is, unless there is none.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn take_password_reset(
    tx: &mut SystemTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"DELETE FROM account_links
           WHERE token_hash = $1 AND purpose = 'password_reset' AND expires_at > $2
           RETURNING user_id"#,
        token_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(UserId))
}

/// Uses a link for a new address up; returns whose it is and the address, unless there is none.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn take_email_change(
    tx: &mut SystemTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<(UserId, String)>, StoreError> {
    let found = sqlx::query!(
        r#"DELETE FROM account_links
           WHERE token_hash = $1 AND purpose = 'email_change' AND expires_at > $2
           RETURNING user_id, email AS "email!""#,
        token_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| (UserId(row.user_id), row.email)))
}

/// The address that a person asked for and has not proved yet.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn pending_email(
    tx: &mut SystemTx,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Option<String>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"SELECT email AS "email!" FROM account_links
           WHERE user_id = $1 AND purpose = 'email_change' AND expires_at > $2"#,
        user_id.0,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found)
}

/// Forgets links that ended before the given moment; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, over_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM account_links WHERE expires_at < $1", over_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
