//! The questions that qualify a lead.

use axum::Json;
use axum::extract::State;
use domain::leads::{AnswerType, LeadField, LeadQuestion};
use serde::Serialize;
use utoipa::ToSchema;

use super::page::Page;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_lead_questions))
}

/// A question of the lead flow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeadQuestion)]
pub struct LeadQuestionView {
    /// The question's id.
    #[schema(example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: String,
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
}

impl From<LeadQuestion> for LeadQuestionView {
    fn from(question: LeadQuestion) -> Self {
        Self {
            id: question.id.to_string(),
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

/// List the lead questions, in the order they are asked. They come at once.
#[utoipa::path(
    get, path = "/api/v1/lead-questions", operation_id = "list_lead_questions", tag = "leads",
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
    let questions = store::lead_questions::list(&mut tx).await?;
    Ok(Json(Page::whole(questions.into_iter().map(LeadQuestionView::from).collect())))
}
