//! Trying the lead flow out as text.

use app::lead_preview::Preview;
use axum::Json;
use axum::extract::State;
use domain::ids::QuestionId;
use domain::leads::{AnswerType, LeadAnswer, LeadField, LeadQuestion, Priority, SkipCondition};
use domain::qualification::rehearsal::{Exchange, Heard};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::lead_questions::SkipConditionView;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::ValidJson;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(preview_lead_flow))
}

/// A flow to be tried out.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeadFlowTrial {
    /// A draft, in the order it is asked; the stored questions when it is left out.
    #[serde(default)]
    #[garde(length(min = 1, max = 100), dive)]
    #[schema(min_items = 1, max_items = 100)]
    questions: Option<Vec<DraftQuestion>>,
    /// What a caller says, turn by turn.
    #[garde(length(max = 60), inner(length(chars, min = 1, max = 500)))]
    #[schema(max_items = 60, example = json!(["my name is maria lopez", "maria at gmail dot com", "yes"]))]
    said: Vec<String>,
}

/// A question of a draft.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftQuestion {
    /// The question's id; one of your own making will do, so that conditions can name it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: Option<QuestionId>,
    /// As the agent says it.
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500, example = "What budget do you have in mind?")]
    text: String,
    /// The short label on screens.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Budget")]
    label: String,
    /// What is expected: `text`, `name`, `email`, `phone`, `choice`, `number`, `money_range`, `date`, `yes_no`.
    #[serde(default = "text")]
    #[garde(skip)]
    #[schema(value_type = String, default = "text", example = "money_range")]
    answer_type: AnswerType,
    /// What the answer fills: `name`, `email`, `phone`, `company`, `budget`, `timeline`, `service`, `notes`.
    #[serde(default = "notes")]
    #[garde(skip)]
    #[schema(value_type = String, default = "notes", example = "budget")]
    field: LeadField,
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

fn text() -> AnswerType {
    AnswerType::Text
}

fn notes() -> LeadField {
    LeadField::Notes
}

/// A flow that was tried out.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeadFlowPreview {
    /// The agent's first words, sentence by sentence.
    #[schema(example = json!(["Great, I'd love to help with that.", "May I have your name, please?"]))]
    opening: Vec<String>,
    /// What followed, one for each thing that was said.
    turns: Vec<PreviewTurn>,
    /// The lead that would come of it.
    lead: PreviewLead,
}

/// One exchange.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewTurn {
    /// What the caller said.
    said: String,
    /// What it was taken for: `answer`, `confirmed` (a yes to what was read back, or a late correction),
    /// `not_understood`, `aside` (a question of the caller's: the flow pauses and resumes), `stopped`,
    /// `after_the_end`.
    #[schema(value_type = String, example = "answer")]
    heard: &'static str,
    /// Answers that were taken, new and corrected.
    saved: Vec<PreviewAnswer>,
    /// Questions that were left open for good: asked twice again in vain, or refused.
    #[schema(value_type = Vec<String>)]
    given_up: Vec<QuestionId>,
    /// Questions that are left out from here on, by their conditions.
    #[schema(value_type = Vec<String>)]
    left_out: Vec<QuestionId>,
    /// How often the open question was not understood.
    #[schema(minimum = 0, maximum = 3)]
    retries: u8,
    /// What the agent says then, sentence by sentence.
    agent: Vec<String>,
    /// The question that is open then; `null` when the flow is over.
    #[schema(value_type = Option<String>)]
    asking: Option<QuestionId>,
}

/// An answer as it was understood.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewAnswer {
    /// The question.
    #[schema(value_type = String, example = "ques_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    question_id: QuestionId,
    /// Its label.
    #[schema(example = "Budget")]
    label: String,
    /// What it fills.
    #[schema(value_type = String, example = "budget")]
    field: LeadField,
    /// In its normal form.
    #[schema(example = "USD 10000-15000")]
    value: String,
}

/// The lead that would come of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewLead {
    /// Its answers, in the order of the questions.
    answers: Vec<PreviewAnswer>,
    /// Whether every question was dealt with, or the caller stopped.
    over: bool,
    /// Whether every required question that is not left out has its answer.
    complete: bool,
    /// The urgency, 0 to 10, that its answers give it.
    #[schema(minimum = 0, maximum = 10)]
    urgency: u8,
    /// Its priority.
    #[schema(value_type = String, example = "NORMAL")]
    priority: Priority,
}

/// Try the lead flow out as text. It is the flow that calls run: nothing is stored and nobody is told.
#[utoipa::path(
    post, path = "/api/v1/lead-flow/preview", operation_id = "preview_lead_flow", tag = "lead-questions",
    extensions(("x-permission" = json!("leads:read"))),
    request_body(content = LeadFlowTrial, example = json!({"said": ["my name is maria lopez", "where are you located"]})),
    responses(
        (status = 200, description = "The conversation and its lead", body = LeadFlowPreview),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no more questions", body = Problem),
        (status = 422, description = "Fields are invalid, such as `questions[2].choices`", body = Problem),
        (status = 429, description = "Sixty previews within a minute", body = Problem),
    ),
)]
pub(crate) async fn preview_lead_flow(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    ValidJson(trial): ValidJson<LeadFlowTrial>,
) -> Result<Json<LeadFlowPreview>, ApiError> {
    let draft = trial.questions.map(|questions| {
        let question = |draft: DraftQuestion| LeadQuestion {
            id: draft.id.unwrap_or_else(|| QuestionId(_state.app.ambient.new_id())),
            text: draft.text,
            label: draft.label,
            answer_type: draft.answer_type,
            field: draft.field,
            required: draft.required,
            choices: draft.choices.iter().map(|choice| choice.trim().to_owned()).collect(),
            retry_text: draft.retry_text,
            skip_when: draft.skip_when.map(SkipCondition::from),
            urgency_weight: draft.urgency_weight,
        };
        questions.into_iter().map(question).collect()
    });
    let preview = app::lead_preview::preview(&_state.app, tenant.org_id(), draft, &trial.said).await?;
    Ok(Json(shown(preview)))
}

fn shown(preview: Preview) -> LeadFlowPreview {
    let Preview { questions, rehearsal, priority } = preview;
    let answer = |answer: LeadAnswer| PreviewAnswer {
        label: questions
            .iter()
            .find(|question| question.id == answer.question)
            .map(|question| question.label.clone())
            .unwrap_or_default(),
        question_id: answer.question,
        field: answer.field,
        value: answer.value,
    };
    let turn = |exchange: Exchange| PreviewTurn {
        said: exchange.said,
        heard: match exchange.heard {
            Heard::Answer => "answer",
            Heard::Confirmed => "confirmed",
            Heard::NotUnderstood => "not_understood",
            Heard::Aside => "aside",
            Heard::Stopped => "stopped",
            Heard::AfterTheEnd => "after_the_end",
        },
        saved: exchange.saved.into_iter().map(answer).collect(),
        given_up: exchange.given_up,
        left_out: exchange.left_out,
        retries: exchange.retries,
        agent: exchange.agent,
        asking: exchange.asking,
    };
    LeadFlowPreview {
        opening: rehearsal.opening,
        turns: rehearsal.exchanges.into_iter().map(turn).collect(),
        lead: PreviewLead {
            answers: rehearsal.answers.into_iter().map(answer).collect(),
            over: rehearsal.over,
            complete: rehearsal.complete,
            urgency: rehearsal.urgency,
            priority,
        },
    }
}
