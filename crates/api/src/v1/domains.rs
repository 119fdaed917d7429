//! Names under which an organization is reached.

use app::domains::Claim;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::domain_names::{DomainName, proof};
use domain::ids::DomainId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::domains::{Domain, DomainKind, DomainState};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Page, PageQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_domains, create_domain))
        .routes(routes!(get_domain, delete_domain))
        .routes(routes!(check_domain))
}

/// A name under which the organization is reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Domain)]
pub struct DomainView {
    /// The domain's id.
    #[schema(value_type = String, example = "dom_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: DomainId,
    /// The name in ASCII.
    #[schema(example = "phone.aurora.example")]
    name: String,
    /// The name with its own letters.
    #[schema(example = "phone.aurora.example")]
    display_name: String,
    /// `custom`, or `subdomain` of the installation's domain.
    kind: KindView,
    /// Whether requests under it belong to the organization.
    state: StateView,
    /// In plain words, what is missing; empty when nothing is.
    reason: String,
    /// What to enter into the DNS; empty for a subdomain.
    records: Vec<RecordView>,
    /// The last check.
    checked_at: Option<DateTime<Utc>>,
    /// When it was proven first.
    verified_at: Option<DateTime<Utc>>,
    /// Since when checks of a proven domain have failed; after three days it is lost.
    failing_since: Option<DateTime<Utc>>,
    /// When it was claimed.
    created_at: DateTime<Utc>,
}

/// Where a name comes from.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DomainKind)]
pub enum KindView {
    /// The organization's own, proven through the DNS.
    Custom,
    /// One below the installation's domain.
    Subdomain,
}

/// Whether a name is theirs.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DomainState)]
pub enum StateView {
    /// Not checked yet.
    Pending,
    /// Proven.
    Verified,
    /// Checked and not proven, or no more.
    Failed,
}

/// A record of the DNS.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRecord)]
pub struct RecordView {
    /// `TXT`, `CNAME` or `A`.
    #[serde(rename = "type")]
    #[schema(example = "TXT")]
    kind: &'static str,
    /// Where.
    #[schema(example = "_studioconnect.phone.aurora.example")]
    name: String,
    /// What it says.
    #[schema(example = "studioconnect-verification=6f0c…")]
    value: String,
}

/// A name to be claimed: one of the two.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDomain)]
pub struct NewDomainBody {
    /// Your own domain, with letters of any script.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 253)))]
    #[schema(min_length = 1, max_length = 253, example = "phone.aurora.example")]
    name: Option<String>,
    /// A label below the installation's domain; yours at once.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 63)))]
    #[schema(min_length = 1, max_length = 63, example = "aurora")]
    subdomain: Option<String>,
}

fn view(domain: Domain, state: &ApiState) -> DomainView {
    let parsed = DomainName::parse(&domain.name).ok();
    let mut records = Vec::new();
    if let (DomainKind::Custom, Some(name)) = (domain.kind, &parsed) {
        records.push(RecordView { kind: "TXT", name: name.proof_name(), value: proof(&domain.token) });
        if let Some(target) = &state.app.settings.hosts.target {
            let kind = match target {
                app::domains::Target::Name(_) => "CNAME",
                app::domains::Target::Address(_) => "A",
            };
            records.push(RecordView { kind, name: domain.name.clone(), value: target.to_string() });
        }
    }
    DomainView {
        id: domain.id,
        display_name: parsed.map_or_else(|| domain.name.clone(), |name| name.shown()),
        name: domain.name,
        kind: match domain.kind {
            DomainKind::Custom => KindView::Custom,
            DomainKind::Subdomain => KindView::Subdomain,
        },
        state: match domain.state {
            DomainState::Pending => StateView::Pending,
            DomainState::Verified => StateView::Verified,
            DomainState::Failed => StateView::Failed,
        },
        reason: domain.reason,
        records,
        checked_at: domain.checked_at,
        verified_at: domain.verified_at,
        failing_since: domain.failing_since,
        created_at: domain.created_at,
    }
}

/// List the names of your organization, newest first.
#[utoipa::path(
    get, path = "/api/v1/domains", operation_id = "list_domains", tag = "domains",
    extensions(("x-permission" = json!("domains:manage"))),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of domains", body = Page<DomainView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_domains(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::DomainsManage>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<DomainView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let found = store::domains::list(&mut tx, page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(found, |domain| domain.id.to_string(), |domain| view(domain, &_state))))
}

/// Claim a name: your own domain, or a subdomain of the installation's.
#[utoipa::path(
    post, path = "/api/v1/domains", operation_id = "create_domain", tag = "domains",
    extensions(("x-permission" = json!("domains:manage"))),
    request_body(content = NewDomainBody, example = json!({"name": "phone.aurora.example"})),
    responses(
        (status = 201, description = "The domain, with the records to enter", body = DomainView,
            headers(("Location" = String, description = "Where it is"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "It is taken, or there are 20 already", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_domain(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::DomainsManage>,
    ValidJson(new): ValidJson<NewDomainBody>,
) -> Result<Response, ApiError> {
    let claim = match (new.name, new.subdomain) {
        (Some(name), None) => Claim::Custom(name),
        (None, Some(label)) => Claim::Subdomain(label),
        (None, None) => return Err(ApiError::field("name", "is missing: give `name` or `subdomain`")),
        (Some(_), Some(_)) => {
            return Err(ApiError::field("subdomain", "goes without `name`: give one of them"));
        }
    };
    let claimed = app::domains::claim(&_state.app, &tenant.actor(), claim).await?;
    let location: [(HeaderName, String); 1] = [(header::LOCATION, format!("/api/v1/domains/{}", claimed.id))];
    Ok((StatusCode::CREATED, location, Json(view(claimed, &_state))).into_response())
}

/// Get a name.
#[utoipa::path(
    get, path = "/api/v1/domains/{id}", operation_id = "get_domain", tag = "domains",
    extensions(("x-permission" = json!("domains:manage"))),
    params(("id" = String, Path, description = "The domain", example = "dom_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The domain", body = DomainView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such domain", body = Problem),
    ),
)]
pub(crate) async fn get_domain(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::DomainsManage>,
    Id(id): Id<DomainId>,
) -> Result<Json<DomainView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(view(store::domains::get(&mut tx, id).await?, &_state)))
}

/// Give a name up.
#[utoipa::path(
    delete, path = "/api/v1/domains/{id}", operation_id = "delete_domain", tag = "domains",
    extensions(("x-permission" = json!("domains:manage"))),
    params(("id" = String, Path, description = "The domain", example = "dom_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is given up"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such domain", body = Problem),
        (status = 409, description = "It is the primary domain", body = Problem),
    ),
)]
pub(crate) async fn delete_domain(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::DomainsManage>,
    Id(id): Id<DomainId>,
) -> Result<StatusCode, ApiError> {
    app::domains::give_up(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Look into the DNS now: whether the domain is yours, and leads here.
#[utoipa::path(
    post, path = "/api/v1/domains/{id}/check", operation_id = "check_domain", tag = "domains",
    extensions(("x-permission" = json!("domains:manage"))),
    params(("id" = String, Path, description = "The domain", example = "dom_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The domain as it is now; `reason` says what is missing", body = DomainView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such domain", body = Problem),
    ),
)]
pub(crate) async fn check_domain(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::DomainsManage>,
    Id(id): Id<DomainId>,
) -> Result<Json<DomainView>, ApiError> {
    Ok(Json(view(app::domains::check_now(&_state.app, &tenant.actor(), id).await?, &_state)))
}
