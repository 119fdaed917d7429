//! Clients of a business and the numbers and addresses they are known by.

use chrono::{DateTime, Utc};
use domain::call_plan::KnownClient;
use domain::ids::ClientId;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{
    Column, Listed, SortKey, Source, Span, Wanted, fetch, push_contains, push_equal, push_ids,
};
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

/// Whether a client is known on the phone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientVisibility {
    /// Greeted by name, told of their projects.
    #[default]
    Recognised,
    /// In the book, but a stranger on the phone.
    Internal,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What is known of it.
    pub facts: ClientFacts,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is known of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// The company's name.
    pub name: String,
    /// The business's notes.
    pub notes: String,
    /// Numbers and addresses.
    pub contacts: Vec<Contact>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether it is known on the phone.
    pub visibility: ClientVisibility,
    /// Four to twelve digits that name it on the phone; they prove nothing.
    pub code: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    notes: String,
    contacts: Json<Vec<Contact>>,
    tags: Vec<String>,
    visibility: String,
    code: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Client {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ClientId(row.id),
            facts: ClientFacts {
                name: row.name,
                notes: row.notes,
                contacts: row.contacts.0,
                tags: row.tags,
                visibility: text::decode(&row.visibility)?,
                code: row.code,
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What a list of clients can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientSort {
    /// When it was entered.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// The name, without case.
    Name,
}

impl SortKey for ClientSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::time("c.created_at"),
            Self::UpdatedAt => Column::time("c.updated_at"),
            Self::Name => Column::text("c.name_key"),
        }
    }
}

/// What to look for in a list of clients.
#[derive(Debug, Clone, Default)]
pub struct ClientFilter {
    /// Only these.
    pub ids: Option<Vec<ClientId>>,
    /// Only those whose name contains this.
    pub name_contains: Option<String>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those known, or not known, on the phone.
    pub visibility: Option<ClientVisibility>,
    /// Only the one known by this number (E.164) or address.
    pub contact: Option<String>,
    /// Only those entered in this span.
    pub created: Span,
}

const LIST: Source = Source {
    columns: "c.id, c.name, c.notes, c.tags, c.visibility, c.code, c.created_at, c.updated_at, \
              COALESCE((SELECT jsonb_agg(jsonb_build_object('kind', k.kind, 'value', k.value, 'person', k.person) \
                                         ORDER BY k.kind DESC, k.value) \
                        FROM client_contacts k WHERE k.org_id = c.org_id AND k.client_id = c.id), '[]') AS contacts",
    from: "clients c",
    id: "c.id",
};

/// The client that a number (E.164) or address is recognised by.
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
           WHERE k.org_id = $1 AND k.kind = $2 AND k.value = lower($3) AND c.visibility = 'recognised'"#,
        org_id,
        text::encode(&kind)?,
        value,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| KnownClient { id: ClientId(row.id), name: row.name, person: row.person }))
}

/// A client, and the address on file by which it can prove to be the one who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    /// Which client.
    pub client: ClientId,
    /// The address.
    pub email: String,
    /// Whose address it is, when known.
    pub person: Option<String>,
}

/// The recognised client with this code, at its first address. `None` also when there is no address.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn reachable_by_code(tx: &mut OrgTx, code: &str) -> Result<Option<Reachable>, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query!(
        r#"SELECT c.id, k.value, k.person
           FROM clients c
           JOIN client_contacts k ON k.org_id = c.org_id AND k.client_id = c.id AND k.kind = 'email'
           WHERE c.org_id = $1 AND c.code = $2 AND c.visibility = 'recognised'
           ORDER BY k.value
           LIMIT 1"#,
        org_id,
        code,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| Reachable { client: ClientId(row.id), email: row.value, person: row.person }))
}

/// The recognised client with this address.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn reachable_by_email(tx: &mut OrgTx, email: &str) -> Result<Option<Reachable>, StoreError> {
    let known = find_by_contact(tx, ContactKind::Email, email).await?;
    Ok(known.map(|known| Reachable { client: known.id, email: email.to_lowercase(), person: known.person }))
}

/// One client.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut OrgTx, id: ClientId) -> Result<Client, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.name, c.notes, c.tags, c.visibility, c.code, c.created_at, c.updated_at,
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
    .ok_or(StoreError::NotFound { noun: "client" })?
    .try_into()
}

/// Holds a client until the end of the transaction and tells when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn lock(tx: &mut OrgTx, id: ClientId) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_scalar!(
        "SELECT updated_at FROM clients WHERE org_id = $1 AND id = $2 FOR UPDATE",
        org_id,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "client" })
}

/// Clients that meet the filter.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut OrgTx,
    filter: &ClientFilter,
    wanted: &Wanted<ClientSort>,
) -> Result<Listed<Client>, StoreError> {
    let (conn, org_id) = tx.parts();
    let visibility = filter.visibility.as_ref().map(text::encode).transpose()?;
    let ids = filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
    fetch(
        conn,
        &LIST,
        wanted,
        |query| {
            query.push("c.org_id = ").push_bind(org_id);
            push_ids(query, "c.id", ids.clone());
            push_equal(query, "c.visibility", visibility.clone());
            push_contains(query, &["c.name"], filter.name_contains.as_deref());
            if let Some(tag) = &filter.tag {
                query.push(" AND ").push_bind(tag.clone()).push(" = ANY(c.tags)");
            }
            if let Some(contact) = &filter.contact {
                query.push(
                    " AND c.id IN (SELECT k.client_id FROM client_contacts k \
                     WHERE k.org_id = c.org_id AND k.kind IN ('phone', 'email') AND k.value = lower(",
                );
                query.push_bind(contact.clone()).push("))");
            }
            filter.created.push(query, "c.created_at");
        },
        |row: Row| row.try_into(),
    )
    .await
}

/// Enters a client with its contacts.
///
/// # Errors
/// [`StoreError::Conflict`] by `client_contacts_pkey` when a contact is another client's, by `clients_code_unique` when
/// the code is.
pub async fn insert(
    tx: &mut OrgTx,
    id: ClientId,
    facts: &ClientFacts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO clients (id, org_id, name, notes, tags, visibility, created_at, updated_at, code)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)"#,
        id.0,
        org_id,
        facts.name,
        facts.notes,
        &facts.tags,
        text::encode(&facts.visibility)?,
        now,
        facts.code,
    )
    .execute(conn)
    .await?;
    insert_contacts(tx, id, &facts.contacts).await
}

/// Replaces what is known of a client.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] by `client_contacts_pkey` when a contact is another client's.
pub async fn update(
    tx: &mut OrgTx,
    id: ClientId,
    facts: &ClientFacts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE clients
           SET name = $3,
               notes = $4,
               tags = $5,
               visibility = $6,
               updated_at = GREATEST($7, updated_at + interval '1 microsecond'),
               code = $8
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        facts.name,
        facts.notes,
        &facts.tags,
        text::encode(&facts.visibility)?,
        now,
        facts.code,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound { noun: "client" });
    }
    sqlx::query!("DELETE FROM client_contacts WHERE org_id = $1 AND client_id = $2", org_id, id.0)
        .execute(conn)
        .await?;
    insert_contacts(tx, id, &facts.contacts).await
}

/// How many projects a client has.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn count_projects(tx: &mut OrgTx, id: ClientId) -> Result<u64, StoreError> {
    let (conn, org_id) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM projects WHERE org_id = $1 AND client_id = $2"#,
        org_id,
        id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(found.unsigned_abs())
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
