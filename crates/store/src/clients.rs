//! Clients of a business and the numbers and addresses they are known by.

use chrono::{DateTime, Utc};
use domain::call_plan::KnownClient;
use domain::ids::ClientId;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Page, rows_for};
use crate::text;
use crate::tx::OrgTx;

/// What a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// An E.164 number.
    Phone,
    /// An e-mail address.
    Email,
}

/// A number or address of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// What it is.
    pub kind: ContactKind,
    /// E.164, or the address; addresses are kept in lower case.
    pub value: String,
    /// Whose it is, when known.
    pub person: Option<String>,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// The company's name.
    pub name: String,
    /// The business's notes.
    pub notes: String,
    /// Numbers and addresses.
    pub contacts: Vec<Contact>,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    name: String,
    notes: String,
    contacts: Json<Vec<Contact>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Client {
    fn from(row: Row) -> Self {
        Self {
            id: ClientId(row.id),
            name: row.name,
            notes: row.notes,
            contacts: row.contacts.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The client that a number (E.164) or address belongs to.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find_by_contact(
    tx: &mut OrgTx,
    kind: ContactKind,
    value: &str,
) -> Result<Option<KnownClient>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query!(
        r#"SELECT c.id, c.name, k.person
           FROM client_contacts k
           JOIN clients c ON c.org_id = k.org_id AND c.id = k.client_id
           WHERE k.org_id = $1 AND k.kind = $2 AND k.value = lower($3)"#,
        org_id,
        text::encode(&kind)?,
        value,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| KnownClient { id: ClientId(row.id), name: row.name, person: row.person }))
}

/// One client.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: ClientId) -> Result<Client, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.name, c.notes, c.created_at, c.updated_at,
                  COALESCE((
                      SELECT jsonb_agg(jsonb_build_object('kind', k.kind, 'value', k.value, 'person', k.person)
                                       ORDER BY k.kind DESC, k.value)
                      FROM client_contacts k
                      WHERE k.org_id = c.org_id AND k.client_id = c.id
                  ), '[]') AS "contacts!: Json<Vec<Contact>>"
           FROM clients c
           WHERE c.org_id = $1 AND c.id = $2"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .map(Client::from)
    .ok_or(StoreError::NotFound { noun: "client" })
}

/// Clients whose name contains `search`, newest first, older than `before`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    search: Option<&str>,
    before: Option<ClientId>,
    limit: u32,
) -> Result<Page<Client>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.name, c.notes, c.created_at, c.updated_at,
                  COALESCE((
                      SELECT jsonb_agg(jsonb_build_object('kind', k.kind, 'value', k.value, 'person', k.person)
                                       ORDER BY k.kind DESC, k.value)
                      FROM client_contacts k
                      WHERE k.org_id = c.org_id AND k.client_id = c.id
                  ), '[]') AS "contacts!: Json<Vec<Contact>>"
           FROM clients c
           WHERE c.org_id = $1
             AND c.id < $2
             AND ($3::text IS NULL OR position(lower($3) IN lower(c.name)) > 0)
           ORDER BY c.id DESC
           LIMIT $4"#,
        org_id,
        before.map_or(Uuid::max(), |id| id.0),
        search,
        rows_for(limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(Page::cut(rows.into_iter().map(Client::from).collect(), limit))
}

/// Enters a client with its contacts.
///
/// # Errors
/// [`StoreError::Conflict`] by `client_contacts_pkey` when a contact is another client's.
pub async fn insert(
    tx: &mut OrgTx,
    id: ClientId,
    name: &str,
    notes: &str,
    contacts: &[Contact],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO clients (id, org_id, name, notes, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $5)"#,
        id.0,
        org_id,
        name,
        notes,
        now,
    )
    .execute(conn)
    .await?;
    insert_contacts(tx, id, contacts).await
}

/// Replaces a client's name, notes and contacts.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `client_contacts_pkey` when a contact is another client's.
pub async fn update(
    tx: &mut OrgTx,
    id: ClientId,
    name: &str,
    notes: &str,
    contacts: &[Contact],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        "UPDATE clients SET name = $3, notes = $4, updated_at = $5 WHERE org_id = $1 AND id = $2",
        org_id,
        id.0,
        name,
        notes,
        now,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { noun: "client" });
    }
    sqlx::query!("DELETE FROM client_contacts WHERE org_id = $1 AND client_id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    insert_contacts(tx, id, contacts).await
}

/// Removes a client with its contacts and projects. Its calls stay, without it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut OrgTx, id: ClientId) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done =
        sqlx::query!("DELETE FROM clients WHERE org_id = $1 AND id = $2", org_id, id.0).execute(conn).await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "client" }) } else { Ok(()) }
}

async fn insert_contacts(tx: &mut OrgTx, id: ClientId, contacts: &[Contact]) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let kinds = contacts.iter().map(|c| text::encode(&c.kind)).collect::<Result<Vec<_>, _>>()?;
    let values: Vec<String> = contacts.iter().map(|c| c.value.trim().to_lowercase()).collect();
    let persons: Vec<Option<String>> = contacts.iter().map(|c| c.person.clone()).collect();
    sqlx::query!(
        r#"INSERT INTO client_contacts (org_id, client_id, kind, value, person)
           SELECT $1, $2, kind, value, person
           FROM UNNEST($3::text[], $4::text[], $5::text[]) AS contact (kind, value, person)"#,
        org_id,
        id.0,
        &kinds,
        &values,
        &persons as &[Option<String>],
    )
    .execute(conn)
    .await?;
    Ok(())
}
