//! Changing who is notified of what.

use chrono::{DateTime, Utc};
use domain::notification_settings::NotificationSettings;
use serde_json::json;
use store::{OrgTx, notification_settings};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// Replaces the settings, if they are still as the asker saw them.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::InvalidFields`]; [`AppError::PlanRequired`]; storage errors.
pub async fn put(
    app: &App,
    actor: &Actor,
    based_on: Option<DateTime<Utc>>,
    settings: NotificationSettings,
) -> Result<(NotificationSettings, DateTime<Utc>), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    notification_settings::lock(&mut tx).await?;
    let (before, updated_at) = notification_settings::get(&mut tx).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    let problems = settings.problems();
    if !problems.is_empty() {
        let errors = problems.into_iter().map(|problem| (problem.field, problem.message)).collect();
        return Err(AppError::InvalidFields { errors });
    }
    let plan = store::plans::entitlements(&mut tx).await?;
    if let Some(feature) = settings.feature_missing(&before, &plan) {
        return Err(AppError::PlanRequired { feature });
    }
    notification_settings::put(&mut tx, &settings, app.ambient.now()).await?;
    let detail = json!({ "recipients": settings.recipients.len() });
    audit::record(&mut tx, app, actor, "notifications:write", &actor.org_id, detail).await?;
    let stored = notification_settings::get(&mut tx).await?;
    tx.commit().await?;
    Ok(stored)
}
