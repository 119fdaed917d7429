//! Leads: prospective clients that conversations left behind.

use app::leads::LeadChange;
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId};
use domain::leads::{LeadAnswer, Priority};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::leads::{Lead, LeadStatus};
use store::page::Cursor;
use utoipa::{IntoParams, ToSchema};

use super::page::{Page, PageQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_leads)).routes(routes!(get_lead, update_lead))
}

/// A lead.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lead)]
pub struct LeadView {
    /// The lead's id.
    #[schema(value_type = String, example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: LeadId,
    /// `open`, `contacted`, `qualified`, `won` or `lost`.
    #[schema(value_type = String, example = "open")]
    status: LeadStatus,
    /// Whether every required question was answered.
    complete: bool,
    /// `LOW`, `NORMAL`, `HIGH` or `URGENT`.
    #[schema(value_type = String, example = "NORMAL")]
    priority: Priority,
    /// Where it came from: `voice`, `chat`, `manual`.
    source: String,
    /// The latest conversation about it.
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// The person's name.
    #[schema(example = "Maria Lopez")]
    name: Option<String>,
    /// The person's e-mail address.
    email: Option<String>,
    /// The number to call back, E.164.
    phone: Option<String>,
    /// The company.
    company: Option<String>,
    /// The budget.
    #[schema(example = "USD 10000-15000")]
    budget: Option<String>,
    /// The timeline.
    timeline: Option<String>,
    /// The service or type of project.
    service: Option<String>,
    /// Anything else.
    notes: Option<String>,
    /// What the person answered, in the order the questions were first answered.
    answers: Vec<LeadAnswerView>,
    /// When it was taken.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// An answer of the lead flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeadAnswer)]
pub struct LeadAnswerView {
    /// The question.
    question_id: String,
    /// The field it fills.
    #[schema(value_type = String, example = "budget")]
    field: domain::leads::LeadField,
    /// The caller's own words.
    said: String,
    /// What was understood, normalised.
    value: String,
}

impl From<LeadAnswer> for LeadAnswerView {
    fn from(answer: LeadAnswer) -> Self {
        Self {
            question_id: answer.question.to_string(),
            field: answer.field,
            said: answer.said,
            value: answer.value,
        }
    }
}

impl From<Lead> for LeadView {
    fn from(lead: Lead) -> Self {
        Self {
            id: lead.id,
            status: lead.status,
            complete: lead.complete,
            priority: lead.priority,
            source: lead.source,
            call_id: lead.call_id,
            name: lead.name,
            email: lead.email,
            phone: lead.phone,
            company: lead.company,
            budget: lead.budget,
            timeline: lead.timeline,
            service: lead.service,
            notes: lead.notes,
            answers: lead.answers.into_iter().map(LeadAnswerView::from).collect(),
            created_at: lead.created_at,
            updated_at: lead.updated_at,
        }
    }
}

/// Which leads are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LeadsQuery {
    /// Only leads that stand there.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(open|contacted|qualified|won|lost)$")]
    status: Option<LeadStatus>,
}

/// What to change of a lead. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadPatch {
    /// `open`, `contacted`, `qualified`, `won` or `lost`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "contacted")]
    status: Option<LeadStatus>,
    /// `LOW`, `NORMAL`, `HIGH` or `URGENT`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "HIGH")]
    priority: Option<Priority>,
    /// Notes; `null` empties them.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 10_000))))]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    notes: Option<Option<String>>,
}

/// List leads, newest first.
#[utoipa::path(
    get, path = "/api/v1/leads", operation_id = "list_leads", tag = "leads",
    extensions(("x-permission" = json!("leads:read"))),
    params(LeadsQuery, PageQuery),
    responses(
        (status = 200, description = "A page of leads", body = Page<LeadView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_leads(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    ValidQuery(query): ValidQuery<LeadsQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<LeadView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let leads = store::leads::list(&mut tx, query.status, page.behind()?, page.limit()).await?;
    let place = |lead: &Lead| Cursor { at: lead.created_at, id: lead.id.0 }.to_string();
    Ok(Json(Page::of(leads, place, LeadView::from)))
}

/// Get a lead.
#[utoipa::path(
    get, path = "/api/v1/leads/{id}", operation_id = "get_lead", tag = "leads",
    extensions(("x-permission" = json!("leads:read"))),
    params(("id" = String, Path, description = "The lead", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The lead", body = LeadView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
    ),
)]
pub(crate) async fn get_lead(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    Id(id): Id<LeadId>,
) -> Result<Json<LeadView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::leads::get(&mut tx, id).await?.into()))
}

/// Change where a lead stands, how pressing it is, or its notes.
#[utoipa::path(
    patch, path = "/api/v1/leads/{id}", operation_id = "update_lead", tag = "leads",
    extensions(("x-permission" = json!("leads:write"))),
    params(("id" = String, Path, description = "The lead", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = LeadPatch, example = json!({"status": "contacted"})),
    responses(
        (status = 200, description = "The lead as it is now", body = LeadView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
        (status = 409, description = "The same person has another open lead", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn update_lead(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsWrite>,
    Id(id): Id<LeadId>,
    ValidJson(patch): ValidJson<LeadPatch>,
) -> Result<Json<LeadView>, ApiError> {
    let change = LeadChange { status: patch.status, priority: patch.priority, notes: patch.notes };
    Ok(Json(app::leads::change(&_state.app, &tenant.actor(), id, change).await?.into()))
}
