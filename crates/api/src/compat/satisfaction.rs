//! `/api/client-satisfaction`.

use app::satisfaction::NewVerdict;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, ClientId, ProjectId, SatisfactionId};
use domain::satisfaction::Scale;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::satisfaction::{Verdict, VerdictSource};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::CompatPage;
use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::page::{List, ListParams};
use crate::v1::satisfaction::SatisfactionQuery;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_list_satisfaction, compat_record_satisfaction))
}

/// A client's verdict.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatSatisfaction {
    /// The verdict's id.
    #[schema(value_type = String, example = "sat_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: SatisfactionId,
    /// Whose it is.
    #[schema(value_type = Option<String>)]
    client_id: Option<ClientId>,
    /// The project it is about.
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    /// The conversation it is about.
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// `csat` or `nps`.
    #[schema(value_type = String, example = "csat")]
    scale: Scale,
    /// The score on that scale.
    score: u8,
    /// Words that came with it.
    comment: String,
    /// How it reached us.
    #[schema(value_type = String, example = "manual")]
    source: VerdictSource,
    /// When it was given.
    given_at: DateTime<Utc>,
}

impl From<Verdict> for CompatSatisfaction {
    fn from(verdict: Verdict) -> Self {
        Self {
            id: verdict.id,
            client_id: verdict.client_id,
            project_id: verdict.project_id,
            call_id: verdict.call_id,
            scale: verdict.scale,
            score: verdict.score,
            comment: verdict.comment,
            source: verdict.source,
            given_at: verdict.given_at,
        }
    }
}

/// A verdict to be recorded.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewCompatSatisfaction {
    /// Whose it is.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    client_id: Option<ClientId>,
    /// The project it is about.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    /// The conversation it is about.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// `csat` (1 to 5; when left out) or `nps` (0 to 10).
    #[serde(default = "csat")]
    #[garde(skip)]
    #[schema(value_type = String, default = "csat", pattern = "^(csat|nps)$")]
    scale: Scale,
    /// The score on that scale.
    #[garde(range(max = 10))]
    #[schema(maximum = 10)]
    score: u8,
    /// Words that came with it.
    #[serde(default)]
    #[garde(length(chars, max = 2_000))]
    #[schema(max_length = 2_000)]
    comment: String,
}

fn csat() -> Scale {
    Scale::Csat
}

/// List verdicts, as the older documents had it: use `GET /api/v1/satisfaction`.
#[utoipa::path(
    get, path = "/api/client-satisfaction", operation_id = "compat_list_satisfaction", tag = "compat",
    extensions(("x-permission" = json!("satisfaction:read"))),
    params(SatisfactionQuery, ListParams),
    responses(
        (status = 200, description = "A page of verdicts", body = CompatPage<CompatSatisfaction>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_list_satisfaction(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::SatisfactionRead>,
    list: List<SatisfactionQuery>,
) -> Result<Json<CompatPage<CompatSatisfaction>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let verdicts = store::satisfaction::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(verdicts, CompatSatisfaction::from).into()))
}

/// Record a verdict, as the older documents had it: use `POST /api/v1/satisfaction`.
#[utoipa::path(
    post, path = "/api/client-satisfaction", operation_id = "compat_record_satisfaction", tag = "compat",
    extensions(("x-permission" = json!("clients:write"))),
    request_body(content = NewCompatSatisfaction, example = json!({"score": 5, "comment": "Quick and friendly."})),
    responses(
        (status = 201, description = "The verdict", body = CompatSatisfaction),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "Fields are invalid, or there is no such client, call or project",
            body = Problem),
    ),
)]
pub(crate) async fn compat_record_satisfaction(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    CamelJson(new): CamelJson<NewCompatSatisfaction>,
) -> Result<(StatusCode, Json<CompatSatisfaction>), ApiError> {
    let new = NewVerdict {
        client_id: new.client_id,
        project_id: new.project_id,
        call_id: new.call_id,
        scale: new.scale,
        score: new.score,
        comment: new.comment,
        source: VerdictSource::Manual,
        given_at: None,
    };
    let verdict = app::satisfaction::record(&_state.app, &tenant.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(verdict.into())))
}
