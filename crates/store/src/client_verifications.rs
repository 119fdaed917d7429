//! One-time codes by which a caller proves to be a client.
//!
//! Asking for a code by a key that nobody is known by leaves an entry as well: limits and answers are the same then.

use chrono::{DateTime, Utc};
use domain::call_plan::KnownClient;
use domain::ids::{CallId, ClientId};
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::OrgTx;

/// A code that was made.
#[derive(Debug, Clone)]
pub struct NewVerification {
    /// Its id.
    pub id: Uuid,
    /// The call it is for.
    pub call_id: CallId,
    /// Whom it proves; `None` when nobody is known by what the caller gave.
    pub client_id: Option<ClientId>,
    /// Whose address it went to, when known.
    pub person: Option<String>,
    /// What is kept of the code.
    pub code_hash: [u8; 32],
    /// How often it may be tried.
    pub tries: i16,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it is good no more.
    pub expires_at: DateTime<Utc>,
}

/// A code that can be tried.
#[derive(Debug, Clone)]
pub struct OpenVerification {
    /// Its id.
    pub id: Uuid,
    /// Whom it proves; nobody when the key was unknown.
    pub client_id: Option<ClientId>,
    /// What is kept of the code.
    pub code_hash: Vec<u8>,
    /// How often it may still be tried.
    pub tries_left: u8,
}

/// How many codes were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// In this call.
    pub in_call: u64,
    /// For this client, in any call since the given moment.
    pub of_client: u64,
}

/// Counts the codes of a call and of a client. Until the transaction ends nobody else of the business asks for one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn count(
    tx: &mut OrgTx,
    call_id: CallId,
    client_id: Option<ClientId>,
    since: DateTime<Utc>,
) -> Result<Asked, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('client verifications ' || $1::uuid::text, 0))",
        org_id
    )
    .execute(&mut *conn)
    .await?;
    let counted = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE call_id = $2) AS "in_call!",
                  count(*) FILTER (WHERE client_id = $3 AND created_at >= $4) AS "of_client!"
           FROM client_verifications
           WHERE org_id = $1 AND (call_id = $2 OR client_id = $3)"#,
        org_id,
        call_id.0,
        client_id.map(|id| id.0),
        since,
    )
    .fetch_one(conn)
    .await?;
    Ok(Asked { in_call: counted.in_call.unsigned_abs(), of_client: counted.of_client.unsigned_abs() })
}

/// Enters a code.
///
/// # Errors
/// [`StoreError::Conflict`] when the call or the client is not this business's.
pub async fn insert(tx: &mut OrgTx, new: &NewVerification) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO client_verifications
               (id, org_id, call_id, client_id, person, code_hash, tries_left, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        new.id,
        org_id,
        new.call_id.0,
        new.client_id.map(|id| id.0),
        new.person,
        &new.code_hash[..],
        new.tries,
        new.created_at,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest code of a call while it can be tried, with one try taken off; held until the transaction ends.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn try_newest(
    tx: &mut OrgTx,
    call_id: CallId,
    now: DateTime<Utc>,
) -> Result<Option<OpenVerification>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query!(
        r#"WITH newest AS (
               SELECT id, verified_at, expires_at, tries_left
               FROM client_verifications
               WHERE org_id = $1 AND call_id = $2
               ORDER BY created_at DESC, id DESC
               LIMIT 1
               FOR UPDATE
           )
           UPDATE client_verifications v
           SET tries_left = v.tries_left - 1
           FROM newest
           WHERE v.org_id = $1 AND v.id = newest.id AND newest.verified_at IS NULL AND newest.expires_at > $3
             AND newest.tries_left > 0
           RETURNING v.id, v.client_id, v.code_hash, v.tries_left"#,
        org_id,
        call_id.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| OpenVerification {
        id: row.id,
        client_id: row.client_id.map(ClientId),
        code_hash: row.code_hash,
        tries_left: u8::try_from(row.tries_left).unwrap_or_default(),
    }))
}

/// Remembers that a code was right; it is good no more.
///
/// # Errors
/// [`StoreError::NotFound`] when it was used already.
pub async fn use_up(tx: &mut OrgTx, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE client_verifications
           SET verified_at = $3
           WHERE org_id = $1 AND id = $2 AND verified_at IS NULL AND client_id IS NOT NULL"#,
        org_id,
        id,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "code" }) } else { Ok(()) }
}

/// The client that proved to be the one who calls, while it is known on the phone.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn verified(tx: &mut OrgTx, call_id: CallId) -> Result<Option<KnownClient>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query!(
        r#"SELECT c.id, c.name, v.person
           FROM client_verifications v
           JOIN clients c ON c.org_id = v.org_id AND c.id = v.client_id
           WHERE v.org_id = $1 AND v.call_id = $2 AND v.verified_at IS NOT NULL AND c.visibility = 'recognised'
           ORDER BY v.verified_at DESC
           LIMIT 1"#,
        org_id,
        call_id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| KnownClient { id: ClientId(row.id), name: row.name, person: row.person }))
}
