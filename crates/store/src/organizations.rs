//! Organizations: the tenants themselves.

pub mod below;

use chrono::{DateTime, Utc};
use domain::hours::BusinessHours;
use domain::ids::OrgId;
pub use domain::organizations::{OrgKind, OrgStatus};
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{Page, rows_for};
use crate::text;
use crate::tx::{OrgTx, SystemTx};

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// What it is.
    pub kind: OrgKind,
    /// The platform or partner above it; `None` for the platform.
    pub parent_id: Option<OrgId>,
    /// The name as spoken.
    pub name: String,
    /// Where it stands.
    pub status: OrgStatus,
    /// Its plan in the catalogue.
    pub plan_id: String,
    /// The version of the plan it is on.
    pub plan_version: i32,
    /// What it says of itself.
    pub profile: OrgProfile,
    /// More of what it says of itself.
    pub details: OrgDetails,
    /// Since when and why it stands where it stands.
    pub standing: Standing,
    /// When its set-up was complete.
    pub onboarded_at: Option<DateTime<Utc>>,
    /// When it came.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Since when and why a tenant stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When the trial ends, for one that is trying it out.
    pub trial_ends_at: Option<DateTime<Utc>>,
    /// Why, in the words of whoever decided it; empty when nobody said.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// More of what a tenant may change of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct OrgDetails {
    /// BCP 47.
    pub locale: String,
    /// When it is open; `None` means that nobody said, and then it always is.
    pub business_hours: Option<BusinessHours>,
    /// E.164 number for notifications.
    pub notification_phone: Option<String>,
    /// The domain that links and pages are under.
    pub primary_domain: Option<String>,
}

/// What a tenant may change of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct OrgProfile {
    /// IANA time zone.
    pub timezone: String,
    /// ISO 3166 alpha-2.
    pub default_country: String,
    /// ISO 4217.
    pub currency: String,
    /// Who takes messages.
    pub contact_name: Option<String>,
    /// E.164 number for transfers.
    pub transfer_to: Option<String>,
    /// Where notifications go.
    pub notification_email: Option<String>,
    /// Further settings.
    pub settings: serde_json::Value,
}

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// Its id.
    pub id: OrgId,
    /// What it is.
    pub kind: OrgKind,
    /// The one above it.
    pub parent_id: Option<OrgId>,
    /// The name as spoken.
    pub name: String,
    /// Where it stands.
    pub status: OrgStatus,
    /// Its plan in the catalogue, in the version that is offered now.
    pub plan_id: String,
    /// The rest.
    pub profile: OrgProfile,
    /// Now.
    pub created_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    kind: String,
    parent_id: Option<Uuid>,
    name: String,
    status: String,
    timezone: String,
    default_country: String,
    currency: String,
    contact_name: Option<String>,
    transfer_to: Option<String>,
    notification_email: Option<String>,
    settings: serde_json::Value,
    plan_id: String,
    plan_version: i32,
    locale: String,
    business_hours: Option<serde_json::Value>,
    notification_phone: Option<String>,
    primary_domain: Option<String>,
    trial_ends_at: Option<DateTime<Utc>>,
    status_reason: String,
    status_changed_at: DateTime<Utc>,
    onboarded_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Organization {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: OrgId(row.id),
            kind: text::decode(&row.kind)?,
            parent_id: row.parent_id.map(OrgId),
            name: row.name,
            status: text::decode(&row.status)?,
            plan_id: row.plan_id,
            plan_version: row.plan_version,
            profile: OrgProfile {
                timezone: row.timezone,
                default_country: row.default_country,
                currency: row.currency,
                contact_name: row.contact_name,
                transfer_to: row.transfer_to,
                notification_email: row.notification_email,
                settings: row.settings,
            },
            details: OrgDetails {
                locale: row.locale,
                business_hours: row.business_hours.map(text::from_json).transpose()?,
                notification_phone: row.notification_phone,
                primary_domain: row.primary_domain,
            },
            standing: Standing {
                trial_ends_at: row.trial_ends_at,
                reason: row.status_reason,
                since: row.status_changed_at,
            },
            onboarded_at: row.onboarded_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The transaction's own organization.
///
/// # Errors
/// [`StoreError::NotFound`] when it is gone.
pub async fn get(tx: &mut OrgTx) -> Result<Organization, StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query_as!(
        Row,
        r#"SELECT id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                  transfer_to, notification_email, settings, plan_id, plan_version, locale, business_hours,
                  notification_phone, primary_domain, trial_ends_at, status_reason, status_changed_at, onboarded_at,
                  created_at, updated_at
           FROM organizations
           WHERE id = $1"#,
        org_id,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound { noun: "organization" })?
    .try_into()
}

/// Changes the transaction's own organization.
///
/// # Errors
/// [`StoreError::NotFound`] when it is gone.
pub async fn update(
    tx: &mut OrgTx,
    name: &str,
    profile: &OrgProfile,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE organizations
           SET name = $2,
               timezone = $3,
               default_country = $4,
               currency = $5,
               contact_name = $6,
               transfer_to = $7,
               notification_email = $8,
               settings = $9,
               updated_at = $10
           WHERE id = $1"#,
        org_id,
        name,
        profile.timezone,
        profile.default_country,
        profile.currency,
        profile.contact_name,
        profile.transfer_to,
        profile.notification_email,
        profile.settings,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "organization" }) } else { Ok(()) }
}

/// Changes more of the transaction's own organization.
///
/// # Errors
/// [`StoreError::NotFound`] when it is gone.
pub async fn update_details(
    tx: &mut OrgTx,
    details: &OrgDetails,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let done = sqlx::query!(
        r#"UPDATE organizations
           SET locale = $2,
               business_hours = $3,
               notification_phone = $4,
               primary_domain = $5,
               updated_at = $6
           WHERE id = $1"#,
        org_id,
        details.locale,
        details.business_hours.as_ref().map(text::to_json).transpose()?,
        details.notification_phone,
        details.primary_domain,
        now,
    )
    .execute(conn)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound { noun: "organization" }) } else { Ok(()) }
}

/// Keeps the transaction's own organization as it is until the transaction ends, and says when it was last changed.
///
/// # Errors
/// [`StoreError::NotFound`] when it is gone.
pub async fn lock(tx: &mut OrgTx) -> Result<DateTime<Utc>, StoreError> {
    let (conn, org_id) = tx.parts();
    // Rows that point to it can go on being written.
    sqlx::query_scalar!("SELECT updated_at FROM organizations WHERE id = $1 FOR NO KEY UPDATE", org_id)
        .fetch_optional(conn)
        .await?
        .ok_or(StoreError::NotFound { noun: "organization" })
}

/// Makes a tenant.
///
/// # Errors
/// [`StoreError::Conflict`] by `organizations_one_platform`, `organizations_parent_by_kind` or the parent's absence.
pub async fn insert(tx: &mut SystemTx, new: &NewOrganization) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO organizations
               (id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                transfer_to, notification_email, settings, created_at, updated_at, plan_id, plan_version)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14,
                   COALESCE((SELECT max(version) FROM plans WHERE id = $14 AND offered), 0))"#,
        new.id.0,
        text::encode(&new.kind)?,
        new.parent_id.map(|id| id.0),
        new.name,
        text::encode(&new.status)?,
        new.profile.timezone,
        new.profile.default_country,
        new.profile.currency,
        new.profile.contact_name,
        new.profile.transfer_to,
        new.profile.notification_email,
        new.profile.settings,
        new.created_at,
        new.plan_id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Any organization.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such organization.
pub async fn find(tx: &mut SystemTx, id: OrgId) -> Result<Organization, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                  transfer_to, notification_email, settings, plan_id, plan_version, locale, business_hours,
                  notification_phone, primary_domain, trial_ends_at, status_reason, status_changed_at, onboarded_at,
                  created_at, updated_at
           FROM organizations
           WHERE id = $1"#,
        id.0,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound { noun: "organization" })?
    .try_into()
}

/// The operator's own organization, once it was made.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn platform(tx: &mut SystemTx) -> Result<Option<OrgId>, StoreError> {
    let id = sqlx::query_scalar!("SELECT id FROM organizations WHERE kind = 'platform'")
        .fetch_optional(tx.conn())
        .await?;
    Ok(id.map(OrgId))
}

/// All tenants of a kind, oldest first, after the given one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    tx: &mut SystemTx,
    kind: OrgKind,
    after: Option<OrgId>,
    limit: u32,
) -> Result<Page<Organization>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, kind, parent_id, name, status, timezone, default_country, currency, contact_name,
                  transfer_to, notification_email, settings, plan_id, plan_version, locale, business_hours,
                  notification_phone, primary_domain, trial_ends_at, status_reason, status_changed_at, onboarded_at,
                  created_at, updated_at
           FROM organizations
           WHERE kind = $1 AND id > $2
           ORDER BY id
           LIMIT $3"#,
        text::encode(&kind)?,
        after.map_or(Uuid::nil(), |id| id.0),
        rows_for(limit),
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows.into_iter().map(Organization::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit))
}
