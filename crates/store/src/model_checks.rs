//! What vendors said of the models that the configuration names.

use chrono::{DateTime, Utc};

use crate::error::StoreError;
use crate::tx::SystemTx;

/// What was found out about one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCheck {
    /// The setting that names it; unique.
    pub setting: String,
    /// The vendor's id.
    pub vendor: String,
    /// The model's id.
    pub model: String,
    /// `served`, `ending`, `gone` or `not_known`.
    pub state: String,
    /// When it ends, where that was announced.
    pub ends_at: Option<DateTime<Utc>>,
    /// What the vendor advises to take instead.
    pub replacement: Option<String>,
    /// Why it is not known.
    pub reason: Option<String>,
    /// When the vendor was asked.
    pub checked_at: DateTime<Utc>,
}

/// All of them, by setting.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut SystemTx) -> Result<Vec<ModelCheck>, StoreError> {
    let rows = sqlx::query_as!(
        ModelCheck,
        "SELECT setting, vendor, model, state, ends_at, replacement, reason, checked_at
         FROM model_checks ORDER BY setting",
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Takes the place of what was known of the setting.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put(tx: &mut SystemTx, check: &ModelCheck) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO model_checks (setting, vendor, model, state, ends_at, replacement, reason, checked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (setting) DO UPDATE SET vendor = $2, model = $3, state = $4, ends_at = $5, replacement = $6,
             reason = $7, checked_at = $8",
        check.setting,
        check.vendor,
        check.model,
        check.state,
        check.ends_at,
        check.replacement,
        check.reason,
        check.checked_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets all settings but these.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn keep_only(tx: &mut SystemTx, settings: &[String]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM model_checks WHERE setting <> ALL($1)", settings).execute(tx.conn()).await?;
    Ok(())
}
