//! Single sign-on: an organization's identity provider, who its people are there, and sign-ins under way.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, UserId};

use crate::error::StoreError;
use crate::tx::{OrgTx, SystemTx};

/// An organization's identity provider.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleSignOn {
    /// Its issuer, `https://login.example`.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it, sealed for `single_sign_on.client_secret_sealed` and the organization.
    pub client_secret_sealed: Vec<u8>,
    /// Domains of the addresses that may come this way.
    pub email_domains: Vec<String>,
    /// What who comes for the first time becomes.
    pub default_role: String,
    /// Whether members may sign in no other way.
    pub enforced: bool,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

// By hand: not even what is sealed belongs in a log.
impl std::fmt::Debug for SingleSignOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleSignOn").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The organization's own settings.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn get(tx: &mut OrgTx) -> Result<Option<SingleSignOn>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_as!(
        SingleSignOn,
        r#"SELECT issuer, client_id, client_secret_sealed, email_domains, default_role, enforced, updated_at
           FROM single_sign_on
           WHERE org_id = $1"#,
        org_id,
    )
    .fetch_optional(conn)
    .await?)
}

/// Sets the organization's own settings.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put(tx: &mut OrgTx, settings: &SingleSignOn) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO single_sign_on
               (org_id, issuer, client_id, client_secret_sealed, email_domains, default_role, enforced,
                created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
           ON CONFLICT ON CONSTRAINT single_sign_on_pkey DO UPDATE
           SET issuer = $2, client_id = $3, client_secret_sealed = $4, email_domains = $5, default_role = $6,
               enforced = $7, updated_at = $8"#,
        org_id,
        settings.issuer,
        settings.client_id,
        settings.client_secret_sealed,
        &settings.email_domains,
        settings.default_role,
        settings.enforced,
        settings.updated_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes the organization's own settings. Returns whether there were any.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn remove(tx: &mut OrgTx) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!("DELETE FROM single_sign_on WHERE org_id = $1", org_id).execute(conn).await?;
    Ok(done.rows_affected() > 0)
}

/// Which of these organizations let their members in by single sign-on only.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn enforced_by(tx: &mut SystemTx, orgs: &[OrgId]) -> Result<Vec<OrgId>, StoreError> {
    let ids: Vec<uuid::Uuid> = orgs.iter().map(|org| org.0).collect();
    let found =
        sqlx::query_scalar!("SELECT org_id FROM single_sign_on WHERE org_id = ANY($1) AND enforced", &ids)
            .fetch_all(tx.conn())
            .await?;
    Ok(found.into_iter().map(OrgId).collect())
}

/// Enters a sign-in that goes off to the identity provider.
///
/// # Errors
/// [`StoreError::Conflict`] by `single_sign_on_tries_pkey`.
pub async fn begin_try(
    tx: &mut OrgTx,
    state_hash: &[u8],
    secrets_sealed: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO single_sign_on_tries (state_hash, org_id, secrets_sealed, expires_at)
           VALUES ($1, $2, $3, $4)"#,
        state_hash,
        org_id,
        secrets_sealed,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a sign-in that came back, once: its organization and its sealed secrets.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn take_try(
    tx: &mut SystemTx,
    state_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<(OrgId, Vec<u8>)>, StoreError> {
    let found = sqlx::query!(
        r#"DELETE FROM single_sign_on_tries
           WHERE state_hash = $1 AND expires_at > $2
           RETURNING org_id, secrets_sealed"#,
        state_hash,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| (OrgId(row.org_id), row.secrets_sealed)))
}

/// Who somebody at the identity provider is here.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_identity(
    tx: &mut SystemTx,
    org_id: OrgId,
    issuer: &str,
    subject: &str,
) -> Result<Option<UserId>, StoreError> {
    let found = sqlx::query_scalar!(
        "SELECT user_id FROM external_identities WHERE org_id = $1 AND issuer = $2 AND subject = $3",
        org_id.0,
        issuer,
        subject,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(UserId))
}

/// Remembers who somebody at the identity provider is here.
///
/// # Errors
/// [`StoreError::Conflict`] by `external_identities_pkey` or `external_identities_user_fkey`.
pub async fn link_identity(
    tx: &mut SystemTx,
    org_id: OrgId,
    issuer: &str,
    subject: &str,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO external_identities (org_id, issuer, subject, user_id, created_at)
           VALUES ($1, $2, $3, $4, $5)"#,
        org_id.0,
        issuer,
        subject,
        user_id.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets sign-ins that never came back; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, over_before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!("DELETE FROM single_sign_on_tries WHERE expires_at < $1", over_before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
