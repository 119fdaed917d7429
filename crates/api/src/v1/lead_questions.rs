//! The questions that qualify a lead, in the order they are asked.

use app::lead_questions::QuestionChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::QuestionId;
use domain::leads::{AnswerType, Comparison, LeadField, SkipCondition};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::lead_questions::StoredQuestion;
use utoipa::ToSchema;

use super::page::Page;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created, tagged};
use crate::extract::{Id, ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_lead_questions, create_lead_question))
        .routes(routes!(order_lead_questions))
        .routes(routes!(get_lead_question, update_lead_question, delete_lead_question))
}

/// A question of the lead flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeadQuestion)]
pub struct LeadQuestionView {
    /// The question's id.
    #[schema(value_type = String, example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: QuestionId,
    /// As the agent says it.
    #[schema(example = "What budget do you have in mind?")]
    text: String,
    /// The short label on screens.
    #[schema(example = "Budget")]
    label: String,
    /// What is expected: `text`, `name`, `email`, `phone`, `choice`, `number`, `money_range`, `date`, `yes_no`.
    #[schema(value_type = String, example = "money_range")]
    answer_type: AnswerType,
    /// What the answer fills: `name`, `email`, `phone`, `company`, `budget`, `timeline`, `service`, `notes`.
    #[schema(value_type = String, example = "budget")]
    field: LeadField,
    /// Whether the lead is incomplete without it.
    required: bool,
    /// The choices, for `choice`.
    choices: Vec<String>,
    /// What is said when the answer was not understood; `null` for the default.
    retry_text: Option<String>,
    /// When it is left out; `null` for never.
    skip_when: Option<SkipConditionView>,
    /// The urgency, 0 to 10, that a pressing answer gives the lead: a yes, a deadline within a week, words in haste.
    #[schema(minimum = 0, maximum = 10)]
    urgency_weight: u8,
    /// When it was entered.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// An answer to an earlier question that makes a later one superfluous.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SkipCondition)]
pub struct SkipConditionView {
    /// The earlier question.
    #[garde(skip)]
    #[schema(value_type = String, example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    question_id: QuestionId,
    /// How its answer is compared: `is`, `contains`.
    #[garde(skip)]
    #[schema(value_type = String, example = "is")]
    comparison: Comparison,
    /// With what; upper and lower case are the same.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Logo")]
    value: String,
}

impl From<SkipCondition> for SkipConditionView {
    fn from(skip: SkipCondition) -> Self {
        Self { question_id: skip.question, comparison: skip.comparison, value: skip.value }
    }
}

impl From<SkipConditionView> for SkipCondition {
    fn from(skip: SkipConditionView) -> Self {
        Self { question: skip.question_id, comparison: skip.comparison, value: skip.value }
    }
}

impl From<StoredQuestion> for LeadQuestionView {
    fn from(stored: StoredQuestion) -> Self {
        let question = stored.question;
        Self {
            id: question.id,
            text: question.text,
            label: question.label,
            answer_type: question.answer_type,
            field: question.field,
            required: question.required,
            choices: question.choices,
            retry_text: question.retry_text,
            skip_when: question.skip_when.map(SkipConditionView::from),
            urgency_weight: question.urgency_weight,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// A question to be added at the end.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLeadQuestion {
    /// As the agent says it.
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500, example = "What budget do you have in mind?")]
    text: String,
    /// The short label on screens.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Budget")]
    label: String,
    /// What is expected; free words when it is left out.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String, default = "text", example = "money_range")]
    answer_type: Option<AnswerType>,
    /// What the answer fills; the notes when it is left out.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String, default = "notes", example = "budget")]
    field: Option<LeadField>,
    /// Whether the lead is incomplete without it.
    #[serde(default)]
    #[garde(skip)]
    required: bool,
    /// The choices, for `choice`: at least two.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 100)))]
    #[schema(max_items = 20)]
    choices: Vec<String>,
    /// What is said when the answer was not understood.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 500)))]
    #[schema(min_length = 1, max_length = 500)]
    retry_text: Option<String>,
    /// When it is left out.
    #[serde(default)]
    #[garde(dive)]
    skip_when: Option<SkipConditionView>,
    /// The urgency, 0 to 10, that a pressing answer gives the lead.
    #[serde(default)]
    #[garde(range(max = 10))]
    #[schema(minimum = 0, maximum = 10)]
    urgency_weight: u8,
}

/// What to change of a question. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadQuestionPatch {
    /// As the agent says it.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(nullable = false, min_length = 1, max_length = 500)]
    text: Option<String>,
    /// The short label on screens.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    label: Option<String>,
    /// What is expected.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String)]
    answer_type: Option<AnswerType>,
    /// What the answer fills.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String)]
    field: Option<LeadField>,
    /// Whether the lead is incomplete without it.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    required: Option<bool>,
    /// The choices, for `choice`: at least two.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 20), inner(inner(length(chars, min = 1, max = 100))))]
    #[schema(nullable = false, max_items = 20)]
    choices: Option<Vec<String>>,
    /// What is said when the answer was not understood; `null` for the default.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(length(chars, min = 1, max = 500))))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    retry_text: Option<Option<String>>,
    /// When it is left out; `null` for never.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(dive)]
    #[schema(value_type = Option<SkipConditionView>)]
    skip_when: Option<Option<SkipConditionView>>,
    /// The urgency, 0 to 10, that a pressing answer gives the lead.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(range(max = 10)))]
    #[schema(nullable = false, minimum = 0, maximum = 10)]
    urgency_weight: Option<u8>,
}

/// The order in which the questions are asked.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadQuestionOrder {
    /// The ids of all questions, each once.
    #[garde(length(max = 100))]
    #[schema(value_type = Vec<String>, max_items = 100)]
    ids: Vec<QuestionId>,
}

/// List the lead questions, in the order they are asked. They come at once.
#[utoipa::path(
    get, path = "/api/v1/lead-questions", operation_id = "list_lead_questions", tag = "lead-questions",
    extensions(("x-permission" = json!("leads:read"))),
    responses(
        (status = 200, description = "The questions", body = Page<LeadQuestionView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_lead_questions(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
) -> Result<Json<Page<LeadQuestionView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(listed(store::lead_questions::stored(&mut tx).await?))
}

/// Get a lead question. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/lead-questions/{id}", operation_id = "get_lead_question", tag = "lead-questions",
    extensions(("x-permission" = json!("leads:read"))),
    params(("id" = String, Path, description = "The question", example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The question", body = LeadQuestionView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such question", body = Problem),
    ),
)]
pub(crate) async fn get_lead_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    Id(id): Id<QuestionId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::lead_questions::get(&mut tx, id).await?))
}

/// Add a lead question at the end of the flow.
#[utoipa::path(
    post, path = "/api/v1/lead-questions", operation_id = "create_lead_question", tag = "lead-questions",
    extensions(("x-permission" = json!("lead_flow:write"))),
    request_body(content = NewLeadQuestion, example = json!({"text": "What budget do you have in mind?",
        "label": "Budget", "answer_type": "money_range", "field": "budget"})),
    responses(
        (status = 201, description = "The question", body = LeadQuestionView,
            headers(("ETag" = String, description = "This version"), ("Location" = String, description = "Its path"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no more questions", body = Problem),
        (status = 409, description = "There are too many questions", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_lead_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    ValidJson(new): ValidJson<NewLeadQuestion>,
) -> Result<Response, ApiError> {
    let change = QuestionChange {
        text: None,
        label: None,
        answer_type: new.answer_type,
        field: new.field,
        required: Some(new.required),
        choices: Some(new.choices),
        retry_text: Some(new.retry_text),
        skip_when: Some(new.skip_when.map(SkipCondition::from)),
        urgency_weight: Some(new.urgency_weight),
    };
    let stored =
        app::lead_questions::create(&_state.app, &tenant.actor(), new.text, new.label, change).await?;
    let path = format!("/api/v1/lead-questions/{}", stored.question.id);
    Ok(created(&path, stored.updated_at, Json(LeadQuestionView::from(stored))))
}

/// Change a lead question, which keeps its place. Calls in progress keep the flow they began with.
#[utoipa::path(
    patch, path = "/api/v1/lead-questions/{id}", operation_id = "update_lead_question", tag = "lead-questions",
    extensions(("x-permission" = json!("lead_flow:write"))),
    params(
        ("id" = String, Path, description = "The question", example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = LeadQuestionPatch, example = json!({"required": true})),
    responses(
        (status = 200, description = "The question as it is now", body = LeadQuestionView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such question", body = Problem),
        (status = 409, description = "Another question is skipped by an answer that this one would not have", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_lead_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    Id(id): Id<QuestionId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<LeadQuestionPatch>,
) -> Result<Response, ApiError> {
    let change = QuestionChange {
        text: patch.text,
        label: patch.label,
        answer_type: patch.answer_type,
        field: patch.field,
        required: patch.required,
        choices: patch.choices,
        retry_text: patch.retry_text,
        skip_when: patch.skip_when.map(|skip| skip.map(SkipCondition::from)),
        urgency_weight: patch.urgency_weight,
    };
    Ok(shown(app::lead_questions::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Delete a lead question. Answers that were given stay with their leads.
#[utoipa::path(
    delete, path = "/api/v1/lead-questions/{id}", operation_id = "delete_lead_question", tag = "lead-questions",
    extensions(("x-permission" = json!("lead_flow:write"))),
    params(("id" = String, Path, description = "The question", example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such question", body = Problem),
        (status = 409, description = "Another question is skipped by an answer to it", body = Problem),
    ),
)]
pub(crate) async fn delete_lead_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    Id(id): Id<QuestionId>,
) -> Result<StatusCode, ApiError> {
    app::lead_questions::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put the lead questions into another order. Naming all of them is what guards against changes in the meantime.
#[utoipa::path(
    put, path = "/api/v1/lead-questions/order", operation_id = "order_lead_questions", tag = "lead-questions",
    extensions(("x-permission" = json!("lead_flow:write"))),
    request_body(content = LeadQuestionOrder,
        example = json!({"ids": ["ques_01jd5z6q2mf3vr4c9s8e7t6k5h", "ques_01jd5z6q2mf3vr4c9s8e7t6k5j"]})),
    responses(
        (status = 200, description = "The questions in their order", body = Page<LeadQuestionView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "It does not name each question once, or a question would be skipped by the \
            answer to a later one", body = Problem),
    ),
)]
pub(crate) async fn order_lead_questions(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    ValidJson(order): ValidJson<LeadQuestionOrder>,
) -> Result<Json<Page<LeadQuestionView>>, ApiError> {
    Ok(listed(app::lead_questions::reorder(&_state.app, &tenant.actor(), &order.ids).await?))
}

fn listed(questions: Vec<StoredQuestion>) -> Json<Page<LeadQuestionView>> {
    Json(Page::whole(questions.into_iter().map(LeadQuestionView::from).collect()))
}

fn shown(stored: StoredQuestion) -> Response {
    tagged(stored.updated_at, Json(LeadQuestionView::from(stored)))
}
