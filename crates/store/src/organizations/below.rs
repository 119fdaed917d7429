//! The organizations below another: a platform's partners and all businesses, a partner's businesses.
//!
//! All of it needs the system's transaction, for it reaches into other tenants; so every statement names the
//! organization above and finds nothing that is not below it.

use chrono::{DateTime, Utc};
use domain::ids::OrgId;
use domain::organizations::{OrgKind, OrgStatus};
use uuid::Uuid;

use super::{Organization, Row};
use crate::error::StoreError;
use crate::page::{Page, rows_for};
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// Which of those below.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// Only of this kind.
    pub kind: Option<OrgKind>,
    /// Only those that stand here.
    pub status: Option<OrgStatus>,
    /// Only those on this plan.
    pub plan: Option<&'a str>,
    /// Only those right below this one.
    pub parent: Option<OrgId>,
    /// Only those whose name contains this, in whatever case.
    pub q: Option<&'a str>,
}

/// Those below `above`, newest first, behind the given one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut SystemTx,
    above: OrgId,
    filter: &Filter<'_>,
    behind: Option<OrgId>,
    limit: u32,
) -> Result<Page<Organization>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                  transfer_to, notification_email, settings, plan_id, plan_version, locale, business_hours,
                  notification_phone, primary_domain, trial_ends_at, status_reason, status_changed_at, onboarded_at,
                  created_at, updated_at
           FROM organizations
           WHERE (parent_id = $1 OR parent_id IN (SELECT id FROM organizations WHERE parent_id = $1))
             AND id < $2
             AND ($3::text IS NULL OR kind = $3)
             AND ($4::text IS NULL OR status = $4)
             AND ($5::text IS NULL OR (kind = 'business' AND plan_id = $5))
             AND ($6::uuid IS NULL OR parent_id = $6)
             AND ($7::text IS NULL OR position(lower($7) IN lower(name)) > 0)
           ORDER BY id DESC
           LIMIT $8"#,
        above.0,
        behind.map_or(Uuid::max(), |id| id.0),
        filter.kind.map(|kind| text::encode(&kind)).transpose()?,
        filter.status.map(|status| text::encode(&status)).transpose()?,
        filter.plan,
        filter.parent.map(|id| id.0),
        filter.q,
        rows_for(limit),
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows.into_iter().map(Organization::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit))
}

/// One of those below `above`, kept as it is until the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none, or it is not below.
pub async fn lock(tx: &mut SystemTx, above: OrgId, id: OrgId) -> Result<Organization, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                  transfer_to, notification_email, settings, plan_id, plan_version, locale, business_hours,
                  notification_phone, primary_domain, trial_ends_at, status_reason, status_changed_at, onboarded_at,
                  created_at, updated_at
           FROM organizations
           WHERE id = $2
             AND (parent_id = $1 OR parent_id IN (SELECT id FROM organizations WHERE parent_id = $1))
           FOR NO KEY UPDATE"#,
        above.0,
        id.0,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound { noun: "organization" })?
    .try_into()
}

/// One of those below `above`.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none, or it is not below.
pub async fn get(tx: &mut SystemTx, above: OrgId, id: OrgId) -> Result<Organization, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                  transfer_to, notification_email, settings, plan_id, plan_version, locale, business_hours,
                  notification_phone, primary_domain, trial_ends_at, status_reason, status_changed_at, onboarded_at,
                  created_at, updated_at
           FROM organizations
           WHERE id = $2
             AND (parent_id = $1 OR parent_id IN (SELECT id FROM organizations WHERE parent_id = $1))"#,
        above.0,
        id.0,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound { noun: "organization" })?
    .try_into()
}

/// Gives an organization another name.
///
/// # Errors
/// [`StoreError::Conflict`] by `organizations_name_length`.
pub async fn rename(tx: &mut SystemTx, id: OrgId, name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE organizations SET name = $2, updated_at = $3 WHERE id = $1", id.0, name, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Puts an organization on a plan.
///
/// # Errors
/// [`StoreError::Conflict`] by `organizations_plan_fkey` when there is no such plan.
pub async fn set_plan(
    tx: &mut SystemTx,
    id: OrgId,
    (plan, version): (&str, i32),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE organizations SET plan_id = $2, plan_version = $3, updated_at = $4 WHERE id = $1",
        id.0,
        plan,
        version,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Where an organization stands from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStanding<'a> {
    /// Where.
    pub status: OrgStatus,
    /// When the trial ends, for one that is trying it out.
    pub trial_ends_at: Option<DateTime<Utc>>,
    /// Why; may be empty.
    pub reason: &'a str,
}

/// Decides where an organization stands.
///
/// # Errors
/// [`StoreError::Conflict`] by `organizations_status_reason_length`.
pub async fn set_standing(
    tx: &mut SystemTx,
    id: OrgId,
    standing: &NewStanding<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"UPDATE organizations
           SET status = $2,
               trial_ends_at = $3,
               status_reason = $4,
               status_changed_at = $5,
               updated_at = $5
           WHERE id = $1"#,
        id.0,
        text::encode(&standing.status)?,
        standing.trial_ends_at,
        standing.reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Trials that are over, oldest first, kept as they are until the transaction ends; those that another node works on
/// are left to it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lock_ended_trials(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<OrgId>, StoreError> {
    let ids = sqlx::query_scalar!(
        r#"SELECT id
           FROM organizations
           WHERE status = 'trial' AND trial_ends_at <= $1
           ORDER BY trial_ends_at
           LIMIT $2
           FOR NO KEY UPDATE SKIP LOCKED"#,
        now,
        i64::from(limit),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(OrgId).collect())
}

/// The organization with this name right below `above`, in whatever case.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_named(tx: &mut SystemTx, above: OrgId, name: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM organizations
                          WHERE parent_id = $1 AND lower(name) = lower($2) AND status <> 'closed') AS "found!""#,
        above.0,
        name,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// Ends every session of people in an organization; returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn end_sessions(tx: &mut SystemTx, id: OrgId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $2 WHERE org_id = $1 AND revoked_at IS NULL",
        id.0,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Goes on as the transaction of one organization, for what must be in one piece with the system's own steps: the
/// first records of a new tenant. It still has the system's rights, so nothing but the statements' own `WHERE`
/// keeps it to the organization.
#[must_use]
pub fn enter(tx: SystemTx, id: OrgId) -> OrgTx {
    tx.into_org(id)
}
