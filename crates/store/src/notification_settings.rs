//! Who of a business is notified of what: one document for each business.

use chrono::{DateTime, Utc};
use domain::notification_settings::NotificationSettings;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// The settings and when they were last changed; the defaults, never changed, for a business that said nothing.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn get(tx: &mut OrgTx) -> Result<(NotificationSettings, DateTime<Utc>), StoreError> {
    let (conn, org_id) = tx.parts();
    let row =
        sqlx::query!("SELECT settings, updated_at FROM notification_settings WHERE org_id = $1", org_id)
            .fetch_optional(conn)
            .await?;
    match row {
        Some(row) => Ok((text::from_json(row.settings)?, row.updated_at)),
        None => Ok((NotificationSettings::default(), DateTime::UNIX_EPOCH)),
    }
}

/// Lets one change happen at a time: whoever comes second waits until the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`] when the organization is gone.
pub async fn lock(tx: &mut OrgTx) -> Result<(), StoreError> {
    // The settings have no row before they are set first; the organization's stands for them.
    crate::lead_questions::lock_flow(tx).await
}

/// Replaces the settings.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put(
    tx: &mut OrgTx,
    settings: &NotificationSettings,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO notification_settings (org_id, settings, updated_at)
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
