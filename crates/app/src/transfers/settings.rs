//! Changing whom callers are connected with, and how.

use chrono::{DateTime, Utc};
use domain::transfers::{HoldMusic, TransferMode, TransferSettings, TransferTarget};
use serde_json::json;
use store::{OrgTx, notification_settings, transfer_settings};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// What to change; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct TransferChange {
    /// How callers are connected.
    pub mode: Option<TransferMode>,
    /// How long each telephone rings, in seconds.
    pub ring_seconds: Option<u32>,
    /// What callers hear meanwhile.
    pub hold_music: Option<HoldMusic>,
    /// With whom.
    pub targets: Option<Vec<TransferTarget>>,
}

/// Changes the settings, if they are still as the asker saw them.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::InvalidFields`]; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    based_on: Option<DateTime<Utc>>,
    change: TransferChange,
) -> Result<(TransferSettings, DateTime<Utc>), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    // One lock for all that tells who is told and who is called.
    notification_settings::lock(&mut tx).await?;
    let (before, updated_at) = transfer_settings::get(&mut tx).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    let settings = TransferSettings {
        mode: change.mode.unwrap_or(before.mode),
        ring_seconds: change.ring_seconds.unwrap_or(before.ring_seconds),
        hold_music: change.hold_music.unwrap_or(before.hold_music),
        targets: change.targets.unwrap_or(before.targets),
    };
    let problems = settings.problems();
    if !problems.is_empty() {
        let errors = problems.into_iter().map(|problem| (problem.field, problem.message)).collect();
        return Err(AppError::InvalidFields { errors });
    }
    transfer_settings::put(&mut tx, &settings, app.ambient.now()).await?;
    let detail = json!({ "mode": settings.mode, "targets": settings.targets.len() });
    audit::record(&mut tx, app, actor, "transfers:write", &actor.org_id, detail).await?;
    let stored = transfer_settings::get(&mut tx).await?;
    tx.commit().await?;
    Ok(stored)
}
