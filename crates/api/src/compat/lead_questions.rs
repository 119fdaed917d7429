//! `/api/lead-questions`: the questions in the order they are asked, as a plain list.

use app::lead_questions::QuestionChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::QuestionId;
use domain::leads::{AnswerType, LeadField};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::lead_questions::StoredQuestion;
use utoipa::ToSchema;

use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_questions, add_question)).routes(routes!(
        get_question,
        change_question,
        remove_question
    ))
}

/// A question of the lead flow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CompatLeadQuestion)]
pub struct Question {
    /// The question's id.
    #[schema(value_type = String, example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: QuestionId,
    /// As the agent says it.
    #[schema(example = "What budget do you have in mind?")]
    text: String,
    /// The short label on screens.
    #[schema(example = "Budget")]
    label: String,
    /// What is expected.
    #[schema(value_type = String, example = "money_range")]
    answer_type: AnswerType,
    /// What the answer fills.
    #[schema(value_type = String, example = "budget")]
    field: LeadField,
    /// Whether the lead is incomplete without it.
    required: bool,
    /// The choices, for `choice`.
    choices: Vec<String>,
    /// What is said when the answer was not understood; `null` for the default.
    retry_text: Option<String>,
}

impl From<StoredQuestion> for Question {
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
        }
    }
}

/// A question to be added at the end.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CompatNewLeadQuestion)]
pub struct NewQuestion {
    /// As the agent says it.
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500, example = "What budget do you have in mind?")]
    text: String,
    /// The short label on screens.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Budget")]
    label: String,
    /// What is expected: `text`, `name`, `email`, `phone`, `choice`, `number`, `money_range`, `date`, `yes_no`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String)]
    answer_type: Option<AnswerType>,
    /// What the answer fills: `name`, `email`, `phone`, `company`, `budget`, `timeline`, `service`, `notes`.
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
}

/// What to change of a question. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CompatLeadQuestionChange)]
pub struct QuestionUpdate {
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
    /// What is expected: `text`, `name`, `email`, `phone`, `choice`, `number`, `money_range`, `date`, `yes_no`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false, value_type = String)]
    answer_type: Option<AnswerType>,
    /// What the answer fills: `name`, `email`, `phone`, `company`, `budget`, `timeline`, `service`, `notes`.
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
}

/// List the lead questions, in the order they are asked.
#[utoipa::path(
    get, path = "/api/lead-questions", operation_id = "list_questions_compat", tag = "compat",
    extensions(("x-permission" = json!("leads:read"))),
    responses(
        (status = 200, description = "The questions", body = Vec<Question>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_questions(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
) -> Result<Json<Vec<Question>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::lead_questions::stored(&mut tx).await?.into_iter().map(Question::from).collect()))
}

/// Get a lead question.
#[utoipa::path(
    get, path = "/api/lead-questions/{id}", operation_id = "get_question_compat", tag = "compat",
    extensions(("x-permission" = json!("leads:read"))),
    params(("id" = String, Path, description = "The question", example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The question", body = Question),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such question", body = Problem),
    ),
)]
pub(crate) async fn get_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    Id(id): Id<QuestionId>,
) -> Result<Json<Question>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::lead_questions::get(&mut tx, id).await?.into()))
}

/// Add a lead question at the end of the flow.
#[utoipa::path(
    post, path = "/api/lead-questions", operation_id = "create_question_compat", tag = "compat",
    extensions(("x-permission" = json!("lead_flow:write"))),
    request_body(content = NewQuestion, example = json!({"text": "What budget do you have in mind?",
        "label": "Budget", "answerType": "money_range", "field": "budget"})),
    responses(
        (status = 201, description = "The question", body = Question),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no more questions", body = Problem),
        (status = 409, description = "There are too many questions", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn add_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    CamelJson(new): CamelJson<NewQuestion>,
) -> Result<(StatusCode, Json<Question>), ApiError> {
    let change = QuestionChange {
        answer_type: new.answer_type,
        field: new.field,
        required: new.required,
        choices: new.choices,
        retry_text: new.retry_text,
        ..QuestionChange::default()
    };
    let actor = tenant.actor();
    let stored = app::lead_questions::create(&_state.app, &actor, new.text, new.label, change).await;
    Ok((StatusCode::CREATED, Json(stored?.into())))
}

/// Change a lead question, which keeps its place.
#[utoipa::path(
    put, path = "/api/lead-questions/{id}", operation_id = "update_question_compat", tag = "compat",
    extensions(("x-permission" = json!("lead_flow:write"))),
    params(("id" = String, Path, description = "The question", example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = QuestionUpdate, example = json!({"required": true})),
    responses(
        (status = 200, description = "The question as it is now", body = Question),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such question", body = Problem),
        (status = 409, description = "Another question is skipped by an answer that this one would not have", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn change_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    Id(id): Id<QuestionId>,
    CamelJson(update): CamelJson<QuestionUpdate>,
) -> Result<Json<Question>, ApiError> {
    let change = QuestionChange {
        text: update.text,
        label: update.label,
        answer_type: update.answer_type,
        field: update.field,
        required: update.required,
        choices: update.choices,
        retry_text: update.retry_text,
        skip_when: None,
        urgency_weight: None,
    };
    let stored = app::lead_questions::change(&_state.app, &tenant.actor(), id, None, change).await;
    Ok(Json(stored?.into()))
}

/// Delete a lead question. Answers that were given stay with their leads.
#[utoipa::path(
    delete, path = "/api/lead-questions/{id}", operation_id = "delete_question_compat", tag = "compat",
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
pub(crate) async fn remove_question(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadFlowWrite>,
    Id(id): Id<QuestionId>,
) -> Result<StatusCode, ApiError> {
    app::lead_questions::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
