//! What those above decide about an organization: its name, its plan, where it stands.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::OrgId;
use domain::organizations::{OrgKind, OrgStatus};
use domain::plans::obstacles;
use serde_json::json;
use store::organizations::Organization;
use store::organizations::below::{self, NewStanding};
use store::{StoreError, SystemTx, plans};

use super::checked_name;
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// Longest trial.
const LONGEST_TRIAL: TimeDelta = TimeDelta::days(366);
/// Longest reason.
const REASON_CHARS: usize = 1_000;

/// What to change of an organization below; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct PlanChange {
    /// The name as spoken.
    pub name: Option<String>,
    /// A plan on offer. Its newest version is taken, also when the organization is on an older one.
    pub plan: Option<String>,
}

/// Changes name and plan of an organization below the actor's own. A plan holds from the next request and the next call
/// on.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::Conflict`] when more is stored than the plan allows; not found when it is not
/// below.
pub async fn change_below(
    app: &App,
    actor: &Actor,
    id: OrgId,
    based_on: Option<DateTime<Utc>>,
    change: PlanChange,
) -> Result<Organization, AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "an organization above changes one below it").await?;
    let before = below::lock(&mut tx, actor.org_id, id).await?;
    if based_on.is_some_and(|seen| seen != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    if let Some(name) = &change.name {
        let name = checked_name(name)?;
        below::rename(&mut tx, id, &name, now).await?;
        let detail = json!({ "from": before.name, "to": name });
        audit::record_in_both(&mut tx, app, actor, id, "organization:rename", detail).await?;
    }
    if let Some(plan) = &change.plan {
        let wanted = choose_plan(&mut tx, before.kind, plan).await?;
        let in_the_way = obstacles(&wanted.entitlements, &plans::stored_use(&mut tx, id).await?);
        if let Some(obstacle) = in_the_way.first() {
            let reason = format!("the plan {} is too small: {obstacle}; remove some first", wanted.name);
            return Err(AppError::Conflict { reason });
        }
        let to = (wanted.entitlements.plan.as_str(), wanted.entitlements.version);
        below::set_plan(&mut tx, id, to, now).await?;
        let detail = json!({
            "from": { "plan": before.plan_id, "version": before.plan_version },
            "to": { "plan": to.0, "version": to.1 },
        });
        audit::record_in_both(&mut tx, app, actor, id, "organization:change_plan", detail).await?;
    }
    let after = below::get(&mut tx, actor.org_id, id).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_org(id);
    Ok(after)
}

/// The plan of that name, for an organization of that kind.
pub(super) async fn choose_plan(
    tx: &mut SystemTx,
    kind: OrgKind,
    plan: &str,
) -> Result<domain::plans::Plan, AppError> {
    if kind != OrgKind::Business {
        let message = "only businesses are on a plan; partners and the platform are not metered".to_owned();
        return Err(AppError::Invalid { field: "plan", message });
    }
    match plans::offered(tx, plan).await {
        Ok(plan) => Ok(plan),
        Err(StoreError::NotFound { .. }) => {
            let ids: Vec<String> =
                plans::list_offered(tx).await?.iter().map(|plan| plan.id().to_owned()).collect();
            Err(AppError::Invalid { field: "plan", message: format!("must be one of {}", ids.join(", ")) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Where an organization is to stand.
#[derive(Debug)]
pub struct StandingChange {
    /// Where.
    pub status: OrgStatus,
    /// Why; required for what stops its agents.
    pub reason: String,
    /// When the trial ends; required for a trial.
    pub trial_ends_at: Option<DateTime<Utc>>,
}

/// Suspends, closes, reactivates an organization below the actor's own, or lets it try. Nothing is deleted; calls in
/// progress go on to their end. Closing ends the sessions of its people.
///
/// # Errors
/// [`AppError::Invalid`] naming the field; not found when it is not below.
pub async fn change_standing(
    app: &App,
    actor: &Actor,
    id: OrgId,
    change: StandingChange,
) -> Result<Organization, AppError> {
    let now = app.ambient.now();
    let reason = change.reason.trim();
    check(&change, reason, now)?;
    let mut tx = SystemTx::begin(&app.db, "an organization above decides where one below it stands").await?;
    let before = below::lock(&mut tx, actor.org_id, id).await?;
    if change.status == OrgStatus::Trial && before.kind != OrgKind::Business {
        let message = "only businesses have trials".to_owned();
        return Err(AppError::Invalid { field: "status", message });
    }
    let standing = NewStanding { status: change.status, trial_ends_at: change.trial_ends_at, reason };
    below::set_standing(&mut tx, id, &standing, now).await?;
    let ended = match change.status {
        OrgStatus::Closed => below::end_sessions(&mut tx, id, now).await?,
        _ => 0,
    };
    let detail = json!({
        "from": before.status,
        "to": change.status,
        "reason": reason,
        "trial_ends_at": change.trial_ends_at,
        "sessions_ended": ended,
    });
    audit::record_in_both(&mut tx, app, actor, id, action(before.status, change.status), detail).await?;
    let after = below::get(&mut tx, actor.org_id, id).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_org(id);
    tracing::info!(org.id = %id, status = ?change.status, "an organization stands elsewhere now");
    Ok(after)
}

fn check(change: &StandingChange, reason: &str, now: DateTime<Utc>) -> Result<(), AppError> {
    let wrong = |field, message: &str| Err(AppError::Invalid { field, message: message.to_owned() });
    if change.status.stands_still() && reason.is_empty() {
        return wrong("reason", "is required: those concerned must be able to read why");
    }
    if reason.chars().count() > REASON_CHARS {
        return wrong("reason", "must not be longer than 1000 characters");
    }
    match (change.status, change.trial_ends_at) {
        (OrgStatus::Trial, None) => wrong("trial_ends_at", "is required for a trial"),
        (OrgStatus::Trial, Some(end)) if end <= now || end > now + LONGEST_TRIAL => {
            wrong("trial_ends_at", "must lie in the future, a year at most")
        }
        (OrgStatus::Trial, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => wrong("trial_ends_at", "belongs to a trial only"),
    }
}

/// The word of the log.
fn action(from: OrgStatus, to: OrgStatus) -> &'static str {
    match to {
        OrgStatus::Suspended => "organization:suspend",
        OrgStatus::Closed => "organization:close",
        OrgStatus::Trial => "organization:begin_trial",
        OrgStatus::PastDue => "organization:mark_past_due",
        OrgStatus::Active if from.stands_still() => "organization:reactivate",
        OrgStatus::Active => "organization:activate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a valid time")
    }

    fn refused(status: OrgStatus, reason: &str, trial_days: Option<i64>) -> Option<&'static str> {
        let trial_ends_at = trial_days.map(|days| now() + TimeDelta::days(days));
        let change = StandingChange { status, reason: reason.to_owned(), trial_ends_at };
        match check(&change, reason, now()) {
            Ok(()) => None,
            Err(AppError::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_stops_agents_needs_a_reason_and_a_trial_an_end() {
        assert_eq!(refused(OrgStatus::Suspended, "", None), Some("reason"));
        assert_eq!(refused(OrgStatus::Closed, "", None), Some("reason"));
        assert_eq!(refused(OrgStatus::Suspended, "unpaid", None), None);
        assert_eq!(refused(OrgStatus::Active, "", None), None);
        assert_eq!(refused(OrgStatus::Active, "", Some(3)), Some("trial_ends_at"));
        assert_eq!(refused(OrgStatus::Trial, "", None), Some("trial_ends_at"));
        assert_eq!(refused(OrgStatus::Trial, "", Some(0)), Some("trial_ends_at"));
        assert_eq!(refused(OrgStatus::Trial, "", Some(400)), Some("trial_ends_at"));
        assert_eq!(refused(OrgStatus::Trial, "", Some(14)), None);
        assert_eq!(refused(OrgStatus::PastDue, &"x".repeat(1_001), None), Some("reason"));
    }
}
