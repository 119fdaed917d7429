//! Changing who is called when something can't wait, and what is urgent.

use chrono::{DateTime, Utc};
use domain::escalation::{EmergencyPerson, EscalationSettings};
use domain::plans::Feature;
use domain::urgency::UrgencyRules;
use serde_json::json;
use store::{OrgTx, escalation_settings, notification_settings};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// What to change; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct EscalationChange {
    /// Who is called, in order.
    pub people: Option<Vec<EmergencyPerson>>,
    /// How long each telephone rings, in seconds.
    pub ring_seconds: Option<u32>,
    /// How nervous the business is.
    pub sensitivity: Option<i8>,
    /// Its own phrases with their scores.
    pub phrases: Option<Vec<(String, u8)>>,
}

/// Changes the settings, if they are still as the asker saw them.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::InvalidFields`]; [`AppError::PlanRequired`] for people without the feature;
/// storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    based_on: Option<DateTime<Utc>>,
    change: EscalationChange,
) -> Result<(EscalationSettings, DateTime<Utc>), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    // One lock for all that tells who is told.
    notification_settings::lock(&mut tx).await?;
    let (before, updated_at) = escalation_settings::get(&mut tx).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    let settings = EscalationSettings {
        people: change.people.unwrap_or_else(|| before.people.clone()),
        ring_seconds: change.ring_seconds.unwrap_or(before.ring_seconds),
        urgency: UrgencyRules {
            phrases: change.phrases.unwrap_or(before.urgency.phrases),
            sensitivity: change.sensitivity.unwrap_or(before.urgency.sensitivity),
        },
    };
    let problems = settings.problems();
    if !problems.is_empty() {
        let errors = problems.into_iter().map(|problem| (problem.field, problem.message)).collect();
        return Err(AppError::InvalidFields { errors });
    }
    let plan = store::plans::entitlements(&mut tx).await?;
    let feature = Feature::UrgentPhoneAlerts;
    // A list that was made under another plan may be shortened.
    if settings.people.iter().any(|person| !before.people.contains(person)) && !plan.allows(feature) {
        return Err(AppError::PlanRequired { feature });
    }
    escalation_settings::put(&mut tx, &settings, app.ambient.now()).await?;
    let detail = json!({ "people": settings.people.len(), "phrases": settings.urgency.phrases.len() });
    audit::record(&mut tx, app, actor, "escalation:write", &actor.org_id, detail).await?;
    let stored = escalation_settings::get(&mut tx).await?;
    tx.commit().await?;
    Ok(stored)
}
