//! Leads: prospective clients that conversations left behind.

use app::leads::LeadChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId, UserId};
use domain::leads::{LeadAnswer, Priority};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::leads::{Lead, LeadSort, LeadStatus};
use utoipa::ToSchema;

use super::page::{List, ListParams, Page, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created_at, tagged};
use crate::extract::{Id, ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod export;
mod query;

pub use self::query::LeadsQuery;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_leads, create_lead))
        .routes(routes!(get_lead, update_lead, delete_lead))
        .routes(routes!(merge_leads))
        .merge(export::router())
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
    /// Who looks after it.
    #[schema(value_type = Option<String>, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    assignee_id: Option<UserId>,
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
            assignee_id: lead.assignee_id,
            created_at: lead.created_at,
            updated_at: lead.updated_at,
        }
    }
}

orders! {
    /// How leads are ordered.
    pub enum LeadOrder of LeadSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => LeadSort::CreatedAt;
    UpdatedAt "updated_at", UpdatedAtDown "-updated_at" => LeadSort::UpdatedAt;
}

/// A lead to be entered by hand. A name, an e-mail address, a number or a company is needed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLead {
    /// `open` (when left out), `contacted`, `qualified`, `won` or `lost`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^(open|contacted|qualified|won|lost)$")]
    status: Option<LeadStatus>,
    /// `LOW`, `NORMAL` (when left out), `HIGH` or `URGENT`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, pattern = "^(LOW|NORMAL|HIGH|URGENT)$")]
    priority: Option<Priority>,
    /// Who looks after it: a member of the organization.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    assignee_id: Option<UserId>,
    /// The person's name.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200, example = "Maria Lopez")]
    name: Option<String>,
    /// The person's e-mail address.
    #[serde(default)]
    #[garde(length(chars, max = 320))]
    #[schema(max_length = 320, example = "maria@lopez.example")]
    email: Option<String>,
    /// The number to call back; kept in E.164.
    #[serde(default)]
    #[garde(length(chars, max = 40))]
    #[schema(max_length = 40, example = "+15135550142")]
    phone: Option<String>,
    /// The company.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    company: Option<String>,
    /// The budget.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    budget: Option<String>,
    /// The timeline.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    timeline: Option<String>,
    /// The service or type of project.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    #[schema(max_length = 500)]
    service: Option<String>,
    /// Anything else.
    #[serde(default)]
    #[garde(length(chars, max = 10_000))]
    #[schema(max_length = 10_000)]
    notes: Option<String>,
}

/// What to change of a lead. Fields that are left out stay as they are; `null` empties a field.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadPatch {
    /// `open`, `contacted`, `qualified`, `won` or `lost`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "contacted",
        pattern = "^(open|contacted|qualified|won|lost)$")]
    status: Option<LeadStatus>,
    /// `LOW`, `NORMAL`, `HIGH` or `URGENT`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, example = "HIGH", pattern = "^(LOW|NORMAL|HIGH|URGENT)$")]
    priority: Option<Priority>,
    /// Whether everything required is known.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    complete: Option<bool>,
    /// Who looks after it: a member of the organization.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    assignee_id: Option<Option<UserId>>,
    /// The person's name.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 200))))]
    #[schema(value_type = Option<String>, max_length = 200, example = "Maria Lopez")]
    name: Option<Option<String>>,
    /// The person's e-mail address.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 320))))]
    #[schema(value_type = Option<String>, max_length = 320, example = "maria@lopez.example")]
    email: Option<Option<String>>,
    /// The number to call back; kept in E.164.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 40))))]
    #[schema(value_type = Option<String>, max_length = 40, example = "+15135550142")]
    phone: Option<Option<String>>,
    /// The company.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 200))))]
    #[schema(value_type = Option<String>, max_length = 200)]
    company: Option<Option<String>>,
    /// The budget.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 200))))]
    #[schema(value_type = Option<String>, max_length = 200)]
    budget: Option<Option<String>>,
    /// The timeline.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 200))))]
    #[schema(value_type = Option<String>, max_length = 200)]
    timeline: Option<Option<String>>,
    /// The service or type of project.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 500))))]
    #[schema(value_type = Option<String>, max_length = 500)]
    service: Option<Option<String>>,
    /// Anything else.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, max = 10_000))))]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    notes: Option<Option<String>>,
}

/// A lead of the same person.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadMerge {
    /// The lead that goes.
    #[garde(skip)]
    #[schema(value_type = String, example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    lead_id: LeadId,
}

/// List leads.
#[utoipa::path(
    get, path = "/api/v1/leads", operation_id = "list_leads", tag = "leads",
    extensions(("x-permission" = json!("leads:read"))),
    params(LeadsQuery, ListParams),
    responses(
        (status = 200, description = "A page of leads", body = Page<LeadView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_leads(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    list: List<LeadsQuery>,
) -> Result<Json<Page<LeadView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let leads = store::leads::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(leads, LeadView::from)))
}

/// Get a lead. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/leads/{id}", operation_id = "get_lead", tag = "leads",
    extensions(("x-permission" = json!("leads:read"))),
    params(("id" = String, Path, description = "The lead", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The lead", body = LeadView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
    ),
)]
pub(crate) async fn get_lead(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    Id(id): Id<LeadId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::leads::get(&mut tx, id).await?))
}

/// Enter a lead by hand.
#[utoipa::path(
    post, path = "/api/v1/leads", operation_id = "create_lead", tag = "leads",
    extensions(("x-permission" = json!("leads:write"))),
    request_body(content = NewLead, example = json!({"name": "Maria Lopez", "phone": "+15135550142",
        "company": "Lopez Bakery", "service": "A new logo"})),
    responses(
        (status = 201, description = "The lead", body = LeadView,
            headers(
            ("ETag" = String, description = "This version, for `If-Match`"),
            ("Location" = String, description = "Where it is found"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "The same person has an open lead", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_lead(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsWrite>,
    ValidJson(new): ValidJson<NewLead>,
) -> Result<Response, ApiError> {
    let change = LeadChange {
        status: new.status,
        priority: new.priority,
        complete: None,
        assignee_id: Some(new.assignee_id),
        name: Some(new.name),
        email: Some(new.email),
        phone: Some(new.phone),
        company: Some(new.company),
        budget: Some(new.budget),
        timeline: Some(new.timeline),
        service: Some(new.service),
        notes: Some(new.notes),
    };
    let created = app::leads::create(&_state.app, &tenant.actor(), change).await?;
    let path = format!("/api/v1/leads/{}", created.id);
    Ok(created_at(&path, shown(created)))
}

/// Change a lead.
#[utoipa::path(
    patch, path = "/api/v1/leads/{id}", operation_id = "update_lead", tag = "leads",
    extensions(("x-permission" = json!("leads:write"))),
    params(
        ("id" = String, Path, description = "The lead", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = LeadPatch, example = json!({"status": "contacted", "notes": null})),
    responses(
        (status = 200, description = "The lead as it is now", body = LeadView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
        (status = 409, description = "The same person has another open lead", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_lead(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsWrite>,
    Id(id): Id<LeadId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<LeadPatch>,
) -> Result<Response, ApiError> {
    let change = LeadChange {
        status: patch.status,
        priority: patch.priority,
        complete: patch.complete,
        assignee_id: patch.assignee_id,
        name: patch.name,
        email: patch.email,
        phone: patch.phone,
        company: patch.company,
        budget: patch.budget,
        timeline: patch.timeline,
        service: patch.service,
        notes: patch.notes,
    };
    Ok(shown(app::leads::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Merge another lead of the same person into this one: this one takes over what it lacks, the other one goes.
#[utoipa::path(
    post, path = "/api/v1/leads/{id}/merge", operation_id = "merge_leads", tag = "leads",
    extensions(("x-permission" = json!("leads:write"))),
    params(("id" = String, Path, description = "The lead that stays", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = LeadMerge, example = json!({"lead_id": "lead_01jd5z6q2mf3vr4c9s8e7t6k5j"})),
    responses(
        (status = 200, description = "The lead as it is now", body = LeadView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
        (status = 409, description = "The same person has a third open lead", body = Problem),
        (status = 422, description = "The other lead is the same one, or there is none", body = Problem),
    ),
)]
pub(crate) async fn merge_leads(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsWrite>,
    Id(id): Id<LeadId>,
    ValidJson(merge): ValidJson<LeadMerge>,
) -> Result<Response, ApiError> {
    Ok(shown(app::leads::merge(&_state.app, &tenant.actor(), id, merge.lead_id).await?))
}

/// Delete a lead. The calls it came from stay.
#[utoipa::path(
    delete, path = "/api/v1/leads/{id}", operation_id = "delete_lead", tag = "leads",
    extensions(("x-permission" = json!("leads:delete"))),
    params(("id" = String, Path, description = "The lead", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
    ),
)]
pub(crate) async fn delete_lead(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsDelete>,
    Id(id): Id<LeadId>,
) -> Result<StatusCode, ApiError> {
    app::leads::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(lead: Lead) -> Response {
    tagged(lead.updated_at, Json(LeadView::from(lead)))
}
