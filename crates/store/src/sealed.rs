//! Columns that hold sealed secrets, for whoever has to go through all of them: `studioconnect secrets rotate`.
//!
//! **A new sealed column needs a line in [`COLUMNS`].** A test finds the columns of the catalogue whose name ends
//! in `_sealed` and fails for one that is not here: it would stay behind under a key that the operator takes away.
//! Sealed values elsewhere (in the payload of a job) must not outlive the work they are for.

use domain::ids::{OrgId, UserId, WebhookId};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::SystemTx;

/// A column with sealed values.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// Its key column, a `uuid`.
    pub key: &'static str,
    /// The column.
    pub column: &'static str,
    /// What the values are bound to, as the code that seals them says it.
    pub purpose: &'static str,
    /// The record that a value is bound to, from its key, as the code that seals it writes it.
    pub owner: fn(Uuid) -> String,
}

/// All of them.
pub const COLUMNS: &[SealedColumn] = &[
    SealedColumn {
        table: "webhooks",
        key: "id",
        column: "secret_sealed",
        purpose: "webhooks.secret_sealed",
        owner: |key| WebhookId(key).to_string(),
    },
    SealedColumn {
        table: "webhooks",
        key: "id",
        column: "former_secret_sealed",
        purpose: "webhooks.former_secret_sealed",
        owner: |key| WebhookId(key).to_string(),
    },
    SealedColumn {
        table: "idempotent_requests",
        key: "id",
        column: "response_sealed",
        purpose: "idempotent_requests.response_sealed",
        owner: |key| key.to_string(),
    },
    SealedColumn {
        table: "second_factors",
        key: "user_id",
        column: "secret_sealed",
        purpose: "second_factors.secret_sealed",
        owner: |key| UserId(key).to_string(),
    },
    SealedColumn {
        table: "single_sign_on",
        key: "org_id",
        column: "client_secret_sealed",
        purpose: "single_sign_on.client_secret_sealed",
        owner: |key| OrgId(key).to_string(),
    },
];

/// A sealed value where it lies.
#[derive(Debug, Clone)]
pub struct SealedValue {
    /// The record's key.
    pub key: Uuid,
    /// The value.
    pub sealed: Vec<u8>,
}

/// The next values of a column, in the order of their keys, behind `after`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn page(
    tx: &mut SystemTx,
    of: &SealedColumn,
    after: Option<Uuid>,
    most: i64,
) -> Result<Vec<SealedValue>, StoreError> {
    let SealedColumn { table, key, column, .. } = of;
    let statement = format!(
        "SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL AND {key} > $1 ORDER BY {key} LIMIT $2"
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .bind(after.unwrap_or(Uuid::nil()))
        .bind(most)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| Ok(SealedValue { key: row.try_get(0)?, sealed: row.try_get(1)? })).collect()
}

/// Puts a value sealed anew in place of the one that was read. `false` when it was changed or deleted meanwhile,
/// and then whoever changed it has sealed it with the current key.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn replace(
    tx: &mut SystemTx,
    of: &SealedColumn,
    read: &SealedValue,
    sealed: &[u8],
) -> Result<bool, StoreError> {
    let SealedColumn { table, key, column, .. } = of;
    let statement = format!("UPDATE {table} SET {column} = $3 WHERE {key} = $1 AND {column} = $2");
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(read.key)
        .bind(&read.sealed)
        .bind(sealed)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// `table.column` of every column of the database that says by its name that it holds sealed values.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn in_catalogue(tx: &mut SystemTx) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query_scalar(
        r"SELECT c.relname::text || '.' || a.attname::text
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
            AND a.atttypid = 'bytea'::regtype AND a.attname LIKE '%\_sealed'
          ORDER BY 1",
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
