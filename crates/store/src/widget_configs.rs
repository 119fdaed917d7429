//! How an organization's chat widget looks and greets.

use chrono::{DateTime, Utc};

use crate::error::StoreError;
use crate::tx::OrgTx;

/// A stored configuration and when it was last changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The configuration, as the use cases wrote it.
    pub config: serde_json::Value,
    /// When.
    pub updated_at: DateTime<Utc>,
}

/// The configuration; `None` when nobody has chosen one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn get(tx: &mut OrgTx) -> Result<Option<Stored>, StoreError> {
    let (conn, org_id) = tx.parts();
    Ok(sqlx::query_as!(Stored, "SELECT config, updated_at FROM widget_configs WHERE org_id = $1", org_id)
        .fetch_optional(conn)
        .await?)
}

/// Replaces the configuration.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put(tx: &mut OrgTx, config: &serde_json::Value, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO widget_configs (org_id, config, updated_at)
           VALUES ($1, $2, $3)
           ON CONFLICT ON CONSTRAINT widget_configs_pkey
           DO UPDATE SET config = EXCLUDED.config, updated_at = EXCLUDED.updated_at"#,
        org_id,
        config,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
