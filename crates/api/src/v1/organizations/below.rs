//! The organizations below one's own: a platform's partners and businesses, a partner's businesses.

use app::organizations::{NewOrganization, PlanChange, StandingChange};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::ids::OrgId;
use domain::regions::{Country, Currency, TimeZone};
use garde::Validate;
use serde::Deserialize;
use store::SystemTx;
use store::organizations::below::{self, Filter};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{KindView, OrganizationView, StatusView, shown};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::IfMatch;
use crate::extract::{Id, ValidJson, ValidQuery, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::page::{Page, PageQuery, SearchQuery};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_organizations, create_organization))
        .routes(routes!(get_organization_below, update_organization_below))
        .routes(routes!(change_organization_status))
}

/// Which organizations.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrganizationFilter {
    /// Only of this kind.
    #[garde(skip)]
    kind: Option<KindView>,
    /// Only those that stand here.
    #[garde(skip)]
    status: Option<StatusView>,
    /// Only businesses on this plan.
    #[garde(length(bytes, max = 40))]
    #[param(max_length = 40, example = "pro")]
    plan: Option<String>,
    /// Only those right below this one.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    parent_id: Option<OrgId>,
}

/// An organization to be founded below your own.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrganization)]
pub(crate) struct NewOrganizationBody {
    /// `business`, or `partner` (by the platform only).
    #[serde(default = "business")]
    #[garde(skip)]
    #[schema(default = "business")]
    kind: KindView,
    /// The name as spoken. Unique among those right below its parent.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Aurora Branding")]
    name: String,
    /// The partner it belongs to, when the platform founds a business for one; your own organization unless set.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5g")]
    parent_id: Option<OrgId>,
    /// A plan of the catalogue, for businesses; `free` unless set.
    #[serde(default)]
    #[garde(length(bytes, max = 40))]
    #[schema(max_length = 40, example = "pro")]
    plan: Option<String>,
    /// When its trial ends; without it the organization is active at once.
    #[serde(default)]
    #[garde(skip)]
    trial_ends_at: Option<DateTime<Utc>>,
    /// IANA time zone.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = String, default = "UTC", example = "America/New_York")]
    timezone: TimeZone,
    /// ISO 3166 code of the country that numbers without country code belong to; `US` unless set.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "US")]
    default_country: Option<Country>,
    /// ISO 4217 code of amounts said without one; `USD` unless set.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "USD")]
    currency: Option<Currency>,
    /// Who is invited to own it, by e-mail. Notifications go there.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "dana@aurora.example")]
    owner_email: Option<EmailAddress>,
}

const fn business() -> KindView {
    KindView::Business
}

/// What to change of an organization below your own. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationBelowPatch)]
pub(crate) struct BelowPatch {
    /// The name as spoken.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// A plan on offer. Its newest version holds from the next request and the next call on.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(bytes, min = 1, max = 40))]
    #[schema(nullable = false, min_length = 1, max_length = 40, example = "pro")]
    plan: Option<String>,
}

/// Where an organization is to stand.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationStatusChange)]
pub(crate) struct StatusBody {
    /// `suspended` and `closed` stop its agents; `active` sets it going again.
    #[garde(skip)]
    status: StatusView,
    /// Why; its people can read it. Required for `suspended` and `closed`.
    #[serde(default)]
    #[garde(length(chars, max = 1_000))]
    #[schema(max_length = 1_000, example = "Three invoices are open.")]
    reason: String,
    /// When the trial ends, a year from now at most. Required for `trial`, refused otherwise.
    #[serde(default)]
    #[garde(skip)]
    trial_ends_at: Option<DateTime<Utc>>,
}

/// List the organizations below your own, newest first.
#[utoipa::path(
    get, path = "/api/v1/organizations", operation_id = "list_organizations", tag = "organizations",
    extensions(("x-permission" = json!("businesses:read"))),
    params(OrganizationFilter, SearchQuery, PageQuery),
    responses(
        (status = 200, description = "A page of organizations", body = Page<OrganizationView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_organizations(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BusinessesRead>,
    ValidQuery(filter): ValidQuery<OrganizationFilter>,
    ValidQuery(search): ValidQuery<SearchQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<OrganizationView>>, ApiError> {
    let filter = Filter {
        kind: filter.kind.map(Into::into),
        status: filter.status.map(Into::into),
        plan: filter.plan.as_deref(),
        parent: filter.parent_id,
        q: search.q(),
    };
    let mut tx = SystemTx::begin(&_state.app.db, "an organization sees those below it").await?;
    let found = below::list(&mut tx, tenant.org_id(), &filter, page.behind()?, page.limit()).await?;
    let next = found.items.last().filter(|_| found.has_more).map(|org| org.id.to_string());
    let items = found.items.into_iter().map(OrganizationView::try_from).collect::<Result<_, _>>()?;
    Ok(Json(Page { next_cursor: next, ..Page::whole(items) }))
}

/// Found an organization below your own. A business gets an agent and the usual lead questions: it lacks only a number.
#[utoipa::path(
    post, path = "/api/v1/organizations", operation_id = "create_organization", tag = "organizations",
    extensions(("x-permission" = json!("businesses:create"))),
    request_body(content = NewOrganizationBody, example = json!({"name": "Aurora Branding", "plan": "pro",
        "timezone": "America/New_York", "owner_email": "dana@aurora.example"})),
    responses(
        (status = 201, description = "The organization", body = OrganizationView,
            headers(("ETag" = String, description = "This version"), ("Location" = String, description = "Where it is"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 409, description = "There is one of that name already", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_organization(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BusinessesCreate>,
    ValidJson(new): ValidJson<NewOrganizationBody>,
) -> Result<Response, ApiError> {
    let invalid = |field: &'static str| {
        move |error: domain::regions::UnknownRegion| ApiError::field(field, error.to_string())
    };
    let new = NewOrganization {
        kind: new.kind.into(),
        name: new.name,
        parent_id: new.parent_id,
        plan: new.plan,
        trial_ends_at: new.trial_ends_at,
        timezone: new.timezone,
        default_country: new
            .default_country
            .map_or_else(|| Country::parse("US"), Ok)
            .map_err(invalid("default_country"))?,
        currency: new.currency.map_or_else(|| Currency::parse("USD"), Ok).map_err(invalid("currency"))?,
        owner_email: new.owner_email,
    };
    let founded =
        app::organizations::found(&_state.app, &tenant.actor(), tenant.identity.org.kind, new).await?;
    let location: [(HeaderName, String); 1] =
        [(header::LOCATION, format!("/api/v1/organizations/{}", founded.id))];
    Ok((StatusCode::CREATED, location, shown(founded)?).into_response())
}

/// Get an organization below your own.
#[utoipa::path(
    get, path = "/api/v1/organizations/{id}", operation_id = "get_organization_below", tag = "organizations",
    extensions(("x-permission" = json!("businesses:read"))),
    params(("id" = String, Path, description = "The organization", example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The organization", body = OrganizationView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such organization below yours", body = Problem),
    ),
)]
pub(crate) async fn get_organization_below(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BusinessesRead>,
    Id(id): Id<OrgId>,
) -> Result<Response, ApiError> {
    let mut tx = SystemTx::begin(&_state.app.db, "an organization sees those below it").await?;
    shown(below::get(&mut tx, tenant.org_id(), id).await?)
}

/// Change the name or the plan of an organization below your own.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{id}", operation_id = "update_organization_below", tag = "organizations",
    extensions(("x-permission" = json!("businesses:create"))),
    params(
        ("id" = String, Path, description = "The organization", example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = BelowPatch, example = json!({"plan": "enterprise"})),
    responses(
        (status = 200, description = "The organization as it is now", body = OrganizationView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such organization below yours", body = Problem),
        (status = 409, description = "More is stored than the plan allows", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_organization_below(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BusinessesCreate>,
    Id(id): Id<OrgId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<BelowPatch>,
) -> Result<Response, ApiError> {
    let change = PlanChange { name: patch.name, plan: patch.plan };
    shown(app::organizations::change_below(&_state.app, &tenant.actor(), id, based_on, change).await?)
}

/// Suspend, close or reactivate an organization below your own. Nothing is deleted; callers can always leave a message.
#[utoipa::path(
    post, path = "/api/v1/organizations/{id}/status", operation_id = "change_organization_status",
    tag = "organizations",
    extensions(("x-permission" = json!("businesses:suspend"))),
    params(("id" = String, Path, description = "The organization", example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = StatusBody, example = json!({"status": "suspended", "reason": "Three invoices are open."})),
    responses(
        (status = 200, description = "The organization as it stands now", body = OrganizationView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such organization below yours", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn change_organization_status(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::BusinessesSuspend>,
    Id(id): Id<OrgId>,
    ValidJson(body): ValidJson<StatusBody>,
) -> Result<Response, ApiError> {
    let change =
        StandingChange { status: body.status.into(), reason: body.reason, trial_ends_at: body.trial_ends_at };
    shown(app::organizations::change_standing(&_state.app, &tenant.actor(), id, change).await?)
}
