//! The catalogue of plans, and what an organization's plan entitles it to.

use std::collections::{BTreeMap, HashMap};

use domain::plans::{Entitlements, Limit, Plan};
use sqlx::types::Json;

use crate::error::StoreError;
use crate::organizations::OrgKind;
use crate::text;
use crate::tx::{InTransaction, OrgTx, SystemTx};

struct Row {
    kind: String,
    plan_id: String,
    plan_version: i32,
    features: Vec<String>,
    limits: Json<HashMap<String, u64>>,
    charges_api_requests: bool,
}

impl TryFrom<Row> for Entitlements {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        // Who operates or resells is not metered by a plan of the catalogue.
        if text::decode::<OrgKind>(&row.kind)? != OrgKind::Business {
            return Ok(Self::everything());
        }
        let features = row.features.iter().map(String::as_str);
        let limits = row.limits.0.iter().map(|(name, most)| (name.as_str(), *most));
        let entitlements = Self::of_row(&row.plan_id, row.plan_version, features, limits);
        Ok(entitlements.charging_api_requests(row.charges_api_requests))
    }
}

/// What the transaction's own organization is entitled to.
///
/// # Errors
/// [`StoreError::NotFound`] when the organization is gone.
pub async fn entitlements(tx: &mut OrgTx) -> Result<Entitlements, StoreError> {
    let org_id = tx.org_id();
    entitlements_of(tx, org_id).await
}

/// What an organization is entitled to.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such organization.
pub async fn entitlements_for(
    tx: &mut SystemTx,
    org_id: domain::ids::OrgId,
) -> Result<Entitlements, StoreError> {
    entitlements_of(tx, org_id).await
}

async fn entitlements_of(
    tx: &mut impl InTransaction,
    org_id: domain::ids::OrgId,
) -> Result<Entitlements, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT o.kind, p.id AS plan_id, p.version AS plan_version, p.features,
                  p.limits AS "limits: Json<HashMap<String, u64>>",
                  p.overage_per_api_request_micro IS NOT NULL AS "charges_api_requests!"
           FROM organizations o
           JOIN plans p ON p.id = o.plan_id AND p.version = o.plan_version
           WHERE o.id = $1"#,
        org_id.0,
    )
    .fetch_optional(tx.connection())
    .await?
    .ok_or(StoreError::NotFound { noun: "organization" })?
    .try_into()
}

struct PlanRow {
    id: String,
    version: i32,
    rank: i32,
    name: String,
    description: String,
    currency: String,
    price_per_month_minor: i64,
    overage_per_minute_micro: Option<i64>,
    overage_per_api_request_micro: Option<i64>,
    features: Vec<String>,
    limits: Json<HashMap<String, u64>>,
    offered: bool,
}

impl From<PlanRow> for Plan {
    fn from(row: PlanRow) -> Self {
        let features = row.features.iter().map(String::as_str);
        let limits = row.limits.0.iter().map(|(name, most)| (name.as_str(), *most));
        Self {
            rank: row.rank,
            name: row.name,
            description: row.description,
            currency: row.currency,
            price_per_month_minor: row.price_per_month_minor,
            overage_per_minute_micro: row.overage_per_minute_micro,
            overage_per_api_request_micro: row.overage_per_api_request_micro,
            offered: row.offered,
            entitlements: Entitlements::of_row(&row.id, row.version, features, limits),
        }
    }
}

/// The plans on offer, each in its newest version, lowest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list_offered(tx: &mut impl InTransaction) -> Result<Vec<Plan>, StoreError> {
    let rows = sqlx::query_as!(
        PlanRow,
        r#"SELECT id, version, rank, name, description, currency, price_per_month_minor, overage_per_minute_micro,
                  overage_per_api_request_micro, features, limits AS "limits: Json<HashMap<String, u64>>", offered
           FROM plans p
           WHERE offered AND version = (SELECT max(version) FROM plans n WHERE n.id = p.id AND n.offered)
           ORDER BY rank, id"#,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Plan::from).collect())
}

/// A plan in the version that is on offer.
///
/// # Errors
/// [`StoreError::NotFound`] when it is not offered.
pub async fn offered(tx: &mut impl InTransaction, id: &str) -> Result<Plan, StoreError> {
    let row = sqlx::query_as!(
        PlanRow,
        r#"SELECT id, version, rank, name, description, currency, price_per_month_minor, overage_per_minute_micro,
                  overage_per_api_request_micro, features, limits AS "limits: Json<HashMap<String, u64>>", offered
           FROM plans
           WHERE id = $1 AND offered
           ORDER BY version DESC
           LIMIT 1"#,
        id,
    )
    .fetch_optional(tx.connection())
    .await?;
    row.map(Plan::from).ok_or(StoreError::NotFound { noun: "plan" })
}

/// Of what plans limit, how much an organization has stored.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn stored_use(
    tx: &mut impl InTransaction,
    org_id: domain::ids::OrgId,
) -> Result<BTreeMap<Limit, u64>, StoreError> {
    let questions = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM lead_questions WHERE org_id = $1"#,
        org_id.0,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(BTreeMap::from([(Limit::LeadQuestions, questions.unsigned_abs())]))
}
