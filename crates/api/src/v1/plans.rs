//! Plans: what is on offer, and what an organization's plan entitles it to.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use domain::organizations::OrgKind;
use domain::plans::{Entitlements, Feature, Limit, Plan};
use serde::Serialize;
use store::SystemTx;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::Page;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_plans)).routes(routes!(get_entitlements))
}

/// A plan of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanView {
    /// Its name in the API.
    #[schema(example = "pro")]
    id: String,
    /// The version of the offer. Organizations stay on the version they chose.
    #[schema(example = 1)]
    version: i32,
    /// The name on screens.
    #[schema(example = "Pro – AI Studio Manager")]
    name: String,
    /// A sentence about it.
    description: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    currency: String,
    /// The price of a month in minor units of the currency.
    #[schema(example = 29_900)]
    price_per_month_minor: i64,
    /// Millionths of the currency's unit for a minute beyond those included; `null`: there are none to be had.
    #[schema(example = 120_000)]
    overage_per_minute_micro: Option<i64>,
    /// Millionths of the currency's unit for an API request beyond those included.
    #[schema(example = 1_000)]
    overage_per_api_request_micro: Option<i64>,
    /// What it has.
    #[schema(value_type = Vec<String>, example = json!(["phone_answering", "call_summaries"]))]
    features: Vec<Feature>,
    /// How much it has of what is limited; `null` means without limit.
    #[schema(value_type = BTreeMap<String, Option<u64>>, example = json!({"concurrent_calls": 5, "lead_questions": null}))]
    limits: BTreeMap<&'static str, Option<u64>>,
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        let entitled = plan.entitlements;
        Self {
            features: entitled.features().collect(),
            limits: Limit::ALL.iter().map(|&limit| (limit.name(), entitled.limit(limit))).collect(),
            id: entitled.plan,
            version: entitled.version,
            name: plan.name,
            description: plan.description,
            currency: plan.currency,
            price_per_month_minor: plan.price_per_month_minor,
            overage_per_minute_micro: plan.overage_per_minute_micro,
            overage_per_api_request_micro: plan.overage_per_api_request_micro,
        }
    }
}

/// What an organization may use, and how much of it is used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Entitlements)]
pub struct EntitlementsView {
    /// The plan; `null` for partners and the platform, which are not metered.
    #[schema(example = "pro")]
    plan: Option<String>,
    /// The version of the plan it is on.
    #[schema(example = 1)]
    version: Option<i32>,
    /// Every feature there is, and whether the plan has it.
    features: Vec<FeatureView>,
    /// Everything that is limited.
    limits: Vec<LimitView>,
}

/// Whether there is a feature.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeatureEntitlement)]
pub struct FeatureView {
    /// Which.
    #[schema(value_type = String, example = "client_recognition")]
    feature: Feature,
    /// Whether the plan has it.
    allowed: bool,
    /// The lowest plan that has it, when this one has not.
    #[schema(example = "enterprise")]
    lowest_plan: Option<String>,
}

/// How much there is of something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitEntitlement)]
pub struct LimitView {
    /// Of what.
    #[schema(value_type = String, example = "lead_questions")]
    limit: Limit,
    /// How much at most; `null` means without limit.
    #[schema(example = 5)]
    most: Option<u64>,
    /// How much is used now (of a month or a day: since it began).
    #[schema(example = 3)]
    used: u64,
}

/// List the plans on offer, lowest first.
#[utoipa::path(
    get, path = "/api/v1/plans", operation_id = "list_plans", tag = "plans",
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, description = "The plans", body = Page<PlanView>)),
)]
pub(crate) async fn list_plans(State(_state): State<ApiState>) -> Result<Json<Page<PlanView>>, ApiError> {
    let mut tx = SystemTx::begin(&_state.app.db, "the offer is public").await?;
    let plans = store::plans::list_offered(&mut tx).await?;
    Ok(Json(Page::whole(plans.into_iter().map(PlanView::from).collect())))
}

/// Get what your organization may use, and how much of it is used.
#[utoipa::path(
    get, path = "/api/v1/organization/entitlements", operation_id = "get_entitlements", tag = "plans",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "Features and limits", body = EntitlementsView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_entitlements(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Json<EntitlementsView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    // Not those of the sign-in, which may be some seconds old: who has just changed the plan looks here.
    let entitled = store::plans::entitlements(&mut tx).await?;
    let used = app::plans::used(&_state.app, &mut tx).await?;
    let catalogue = store::plans::list_offered(&mut tx).await?;
    let metered = tenant.identity.org.kind == OrgKind::Business;
    Ok(Json(view(&entitled, &used, &catalogue, metered)))
}

fn view(
    entitled: &Entitlements,
    used: &BTreeMap<Limit, u64>,
    catalogue: &[Plan],
    metered: bool,
) -> EntitlementsView {
    use domain::plans::{Need, lowest_with};
    let features = Feature::ALL.iter().map(|&feature| {
        let allowed = entitled.allows(feature);
        let lowest = lowest_with(catalogue, Need::Feature(feature)).filter(|_| !allowed);
        FeatureView { feature, allowed, lowest_plan: lowest.map(|plan| plan.id().to_owned()) }
    });
    let limits = Limit::ALL.iter().map(|&limit| LimitView {
        limit,
        most: entitled.limit(limit),
        used: used.get(&limit).copied().unwrap_or_default(),
    });
    EntitlementsView {
        plan: metered.then(|| entitled.plan.clone()),
        version: metered.then_some(entitled.version),
        features: features.collect(),
        limits: limits.collect(),
    }
}
