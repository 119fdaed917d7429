//! Whom callers are connected with, and how: one document for each business.

use chrono::{DateTime, Utc};
use domain::transfers::TransferSettings;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// The settings and when they were last changed; the defaults, never changed, for a business that said nothing.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn get(tx: &mut OrgTx) -> Result<(TransferSettings, DateTime<Utc>), StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!("SELECT settings, updated_at FROM transfer_settings WHERE org_id = $1", org_id)
        .fetch_optional(conn)
        .await?;
    match row {
        Some(row) => Ok((text::from_json(row.settings)?, row.updated_at)),
        None => Ok((TransferSettings::default(), DateTime::UNIX_EPOCH)),
    }
}

/// Replaces the settings.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put(tx: &mut OrgTx, settings: &TransferSettings, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO transfer_settings (org_id, settings, updated_at)
           VALUES ($1, $2, $3)
           ON CONFLICT (org_id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at"#,
        org_id,
        text::to_json(settings)?,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
