//! The catalogue of plans, and what an organization's plan entitles it to.

use std::collections::HashMap;

use domain::plans::Entitlements;
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
        Ok(Self::of_row(&row.plan_id, row.plan_version, features, limits))
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
                  p.limits AS "limits: Json<HashMap<String, u64>>"
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
