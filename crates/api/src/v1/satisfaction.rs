//! Satisfaction: clients' verdicts on conversations and projects, and the figures made of them.

use app::satisfaction::NewVerdict;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{CallId, ClientId, ProjectId, SatisfactionId};
use domain::satisfaction::{Csat, Figures, Nps, Scale};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::page::Span;
use store::satisfaction::{Verdict, VerdictFilter, VerdictSort, VerdictSource};
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::created_at;
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_satisfaction, record_satisfaction))
        .routes(routes!(get_satisfaction_figures))
        .routes(routes!(get_satisfaction, delete_satisfaction))
}

/// A client's verdict.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Satisfaction)]
pub struct VerdictView {
    /// The verdict's id.
    #[schema(value_type = String, example = "sat_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    pub(crate) id: SatisfactionId,
    /// Whose it is.
    #[schema(value_type = Option<String>)]
    pub(crate) client_id: Option<ClientId>,
    /// The project it is about.
    #[schema(value_type = Option<String>)]
    pub(crate) project_id: Option<ProjectId>,
    /// The conversation it is about.
    #[schema(value_type = Option<String>)]
    pub(crate) call_id: Option<CallId>,
    /// `csat` (satisfaction, 1 to 5) or `nps` (would recommend, 0 to 10).
    #[schema(value_type = String, example = "csat")]
    pub(crate) scale: Scale,
    /// The score on that scale.
    #[schema(maximum = 10, example = 5)]
    pub(crate) score: u8,
    /// Words that came with it.
    pub(crate) comment: String,
    /// How it reached us: `voice`, `chat`, `project_tool` or `manual`.
    #[schema(value_type = String, example = "manual")]
    pub(crate) source: VerdictSource,
    /// When it was given.
    pub(crate) given_at: DateTime<Utc>,
    /// When it was entered.
    pub(crate) created_at: DateTime<Utc>,
}

impl From<Verdict> for VerdictView {
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
            created_at: verdict.created_at,
        }
    }
}

/// A verdict to be recorded.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSatisfaction {
    /// Whose it is; taken from the call or the project when it is left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
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
    /// `csat` (1 to 5) or `nps` (0 to 10).
    #[garde(skip)]
    #[schema(value_type = String, example = "csat", pattern = "^(csat|nps)$")]
    scale: Scale,
    /// The score on that scale.
    #[garde(range(max = 10))]
    #[schema(maximum = 10, example = 5)]
    score: u8,
    /// Words that came with it.
    #[serde(default)]
    #[garde(length(chars, max = 2_000))]
    #[schema(max_length = 2_000)]
    comment: String,
    /// How it reached you: `voice`, `chat`, `project_tool` or `manual` (when left out).
    #[serde(default = "manual")]
    #[garde(skip)]
    #[schema(value_type = String, default = "manual", pattern = "^(voice|chat|project_tool|manual)$")]
    source: VerdictSource,
    /// When it was given; now when left out.
    #[serde(default)]
    #[garde(custom(moment))]
    given_at: Option<DateTime<Utc>>,
}

fn manual() -> VerdictSource {
    VerdictSource::Manual
}

orders! {
    /// How verdicts are ordered.
    pub enum SatisfactionOrder of VerdictSort:
    GivenAt "given_at", GivenAtDown "-given_at" => VerdictSort::GivenAt;
}

/// Which verdicts are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SatisfactionQuery {
    /// The order; `-given_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<SatisfactionOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "sat_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<SatisfactionId>>,
    /// Only this client's verdicts.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    client_id: Option<ClientId>,
    /// Only verdicts on this project.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "proj_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    project_id: Option<ProjectId>,
    /// Only verdicts on this conversation.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: Option<CallId>,
    /// Only verdicts on this scale.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(csat|nps)$")]
    scale: Option<Scale>,
    /// Only verdicts that came this way.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(voice|chat|project_tool|manual)$")]
    source: Option<VerdictSource>,
    /// Only verdicts given at this moment or later.
    #[garde(custom(moment))]
    given_after: Option<DateTime<Utc>>,
    /// Only verdicts given before this moment.
    #[garde(custom(moment))]
    given_before: Option<DateTime<Utc>>,
}

impl Listing for SatisfactionQuery {
    const NOUN: &'static str = "satisfaction";
    type Order = SatisfactionOrder;

    fn order(&self) -> Option<SatisfactionOrder> {
        self.sort
    }
}

impl From<&SatisfactionQuery> for VerdictFilter {
    fn from(query: &SatisfactionQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            client_id: query.client_id,
            project_id: query.project_id,
            call_id: query.call_id,
            scale: query.scale,
            source: query.source,
            given: Span { from: query.given_after, until: query.given_before },
        }
    }
}

/// The period of the figures.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiguresQuery {
    /// How many days back.
    #[garde(range(min = 1, max = 730))]
    #[param(minimum = 1, maximum = 730, default = 30)]
    days: Option<u16>,
}

/// The days of the figures unless somebody says otherwise.
const USUAL_DAYS: u16 = 30;

/// The figures of a period. A figure without verdicts is `null`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SatisfactionFigures)]
pub struct FiguresView {
    /// The period's first moment.
    since: DateTime<Utc>,
    /// Satisfaction.
    csat: Option<CsatView>,
    /// Willingness to recommend.
    nps: Option<NpsView>,
}

/// Satisfaction of a period.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Csat)]
pub struct CsatView {
    /// How many verdicts.
    responses: u64,
    /// Their mean, 1 to 5.
    mean: f64,
    /// The share of 4 and 5, in percent.
    satisfied_percent: f64,
    /// Half the width of the share's 95 % interval, in percent.
    margin_percent: f64,
}

/// Willingness to recommend of a period.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Nps)]
pub struct NpsView {
    /// How many verdicts.
    responses: u64,
    /// 9 and 10.
    promoters: u64,
    /// 7 and 8.
    passives: u64,
    /// 0 to 6.
    detractors: u64,
    /// Percent of promoters less percent of detractors, -100 to 100.
    score: f64,
    /// Half the width of the score's 95 % interval.
    margin: f64,
}

impl From<Csat> for CsatView {
    fn from(csat: Csat) -> Self {
        Self {
            responses: csat.responses,
            mean: csat.mean,
            satisfied_percent: csat.satisfied_percent,
            margin_percent: csat.margin_percent,
        }
    }
}

impl From<Nps> for NpsView {
    fn from(nps: Nps) -> Self {
        Self {
            responses: nps.responses,
            promoters: nps.promoters,
            passives: nps.passives,
            detractors: nps.detractors,
            score: nps.score,
            margin: nps.margin,
        }
    }
}

impl FiguresView {
    fn of(since: DateTime<Utc>, figures: Figures) -> Self {
        Self { since, csat: figures.csat.map(CsatView::from), nps: figures.nps.map(NpsView::from) }
    }
}

/// List verdicts.
#[utoipa::path(
    get, path = "/api/v1/satisfaction", operation_id = "list_satisfaction", tag = "satisfaction",
    extensions(("x-permission" = json!("satisfaction:read"))),
    params(SatisfactionQuery, ListParams),
    responses(
        (status = 200, description = "A page of verdicts", body = Page<VerdictView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_satisfaction(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::SatisfactionRead>,
    list: List<SatisfactionQuery>,
) -> Result<Json<Page<VerdictView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let verdicts = store::satisfaction::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(verdicts, VerdictView::from)))
}

/// Get the figures of the last days: CSAT and NPS with their numbers of verdicts and 95 % intervals.
#[utoipa::path(
    get, path = "/api/v1/satisfaction/figures", operation_id = "get_satisfaction_figures", tag = "satisfaction",
    extensions(("x-permission" = json!("satisfaction:read"))),
    params(FiguresQuery),
    responses(
        (status = 200, description = "The figures", body = FiguresView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn get_satisfaction_figures(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::SatisfactionRead>,
    ValidQuery(query): ValidQuery<FiguresQuery>,
) -> Result<Json<FiguresView>, ApiError> {
    let days = query.days.unwrap_or(USUAL_DAYS);
    let since = _state.app.ambient.now() - TimeDelta::days(i64::from(days));
    let mut tx = tenant.begin(&_state).await?;
    let figures = store::satisfaction::figures(&mut tx, since).await?;
    Ok(Json(FiguresView::of(since, figures)))
}

/// Get a verdict.
#[utoipa::path(
    get, path = "/api/v1/satisfaction/{id}", operation_id = "get_satisfaction", tag = "satisfaction",
    extensions(("x-permission" = json!("satisfaction:read"))),
    params(("id" = String, Path, description = "The verdict", example = "sat_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The verdict", body = VerdictView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such verdict", body = Problem),
    ),
)]
pub(crate) async fn get_satisfaction(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::SatisfactionRead>,
    Id(id): Id<SatisfactionId>,
) -> Result<Json<VerdictView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::satisfaction::get(&mut tx, id).await?.into()))
}

/// Record a verdict. A verdict is a fact: it is not changed afterwards, only deleted.
#[utoipa::path(
    post, path = "/api/v1/satisfaction", operation_id = "record_satisfaction", tag = "satisfaction",
    extensions(("x-permission" = json!("clients:write"))),
    request_body(content = NewSatisfaction, example = json!({"scale": "csat", "score": 5,
        "comment": "Quick and friendly."})),
    responses(
        (status = 201, description = "The verdict", body = VerdictView,
            headers(("Location" = String, description = "Where it is found"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "Fields are invalid, or there is no such client, call or project",
            body = Problem),
    ),
)]
pub(crate) async fn record_satisfaction(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    ValidJson(new): ValidJson<NewSatisfaction>,
) -> Result<Response, ApiError> {
    let new = NewVerdict {
        client_id: new.client_id,
        project_id: new.project_id,
        call_id: new.call_id,
        scale: new.scale,
        score: new.score,
        comment: new.comment,
        source: new.source,
        given_at: new.given_at,
    };
    let verdict = app::satisfaction::record(&_state.app, &tenant.actor(), new).await?;
    let path = format!("/api/v1/satisfaction/{}", verdict.id);
    Ok(created_at(&path, Json(VerdictView::from(verdict)).into_response()))
}

/// Delete a verdict.
#[utoipa::path(
    delete, path = "/api/v1/satisfaction/{id}", operation_id = "delete_satisfaction", tag = "satisfaction",
    extensions(("x-permission" = json!("clients:delete"))),
    params(("id" = String, Path, description = "The verdict", example = "sat_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such verdict", body = Problem),
    ),
)]
pub(crate) async fn delete_satisfaction(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsDelete>,
    Id(id): Id<SatisfactionId>,
) -> Result<StatusCode, ApiError> {
    app::satisfaction::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
