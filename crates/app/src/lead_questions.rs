//! Changing the questions that qualify a lead.

use chrono::{DateTime, Utc};
use domain::ids::QuestionId;
use domain::lead_flow::{self, MAX_QUESTIONS};
use domain::leads::{AnswerType, LeadField, LeadQuestion, SkipCondition};
use domain::plans::Limit;
use serde_json::json;
use store::OrgTx;
use store::lead_questions::{self, StoredQuestion};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;

/// What is set of a question; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct QuestionChange {
    /// As the agent says it.
    pub text: Option<String>,
    /// The short label on screens.
    pub label: Option<String>,
    /// What is expected.
    pub answer_type: Option<AnswerType>,
    /// What the answer fills.
    pub field: Option<LeadField>,
    /// Whether the lead is incomplete without it.
    pub required: Option<bool>,
    /// The choices.
    pub choices: Option<Vec<String>>,
    /// What is said when the answer was not understood; `Some(None)` for the default.
    pub retry_text: Option<Option<String>>,
    /// When it is left out; `Some(None)` for never.
    pub skip_when: Option<Option<SkipCondition>>,
    /// The urgency, 0 to 10, that a pressing answer gives the lead.
    pub urgency_weight: Option<u8>,
}

impl QuestionChange {
    fn of(self, before: LeadQuestion) -> LeadQuestion {
        let trimmed = |choices: Vec<String>| choices.iter().map(|choice| choice.trim().to_owned()).collect();
        LeadQuestion {
            id: before.id,
            text: self.text.unwrap_or(before.text),
            label: self.label.unwrap_or(before.label),
            answer_type: self.answer_type.unwrap_or(before.answer_type),
            field: self.field.unwrap_or(before.field),
            required: self.required.unwrap_or(before.required),
            choices: self.choices.map_or(before.choices, trimmed),
            retry_text: self.retry_text.unwrap_or(before.retry_text),
            skip_when: self.skip_when.unwrap_or(before.skip_when),
            urgency_weight: self.urgency_weight.unwrap_or(before.urgency_weight),
        }
    }
}

/// Adds a question at the end of the flow.
///
/// # Errors
/// [`AppError::LimitReached`] when the plan has no more; [`AppError::Conflict`] when there are too many for any
/// caller; [`AppError::Invalid`]; storage errors.
pub async fn create(
    app: &App,
    actor: &Actor,
    text: String,
    label: String,
    change: QuestionChange,
) -> Result<StoredQuestion, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    lead_questions::lock_flow(&mut tx).await?;
    let mut flow = lead_questions::list(&mut tx).await?;
    let limit = store::plans::entitlements(&mut tx).await?.limit(Limit::LeadQuestions);
    if let Some(most) = limit.filter(|most| flow.len() as u64 >= *most) {
        return Err(AppError::LimitReached { limit: Limit::LeadQuestions, most });
    }
    if flow.len() >= MAX_QUESTIONS {
        let reason = format!("there are {MAX_QUESTIONS} questions already, which is the most");
        return Err(AppError::Conflict { reason });
    }
    let question = change.of(LeadQuestion {
        id: QuestionId(app.ambient.new_id()),
        text,
        label,
        answer_type: AnswerType::Text,
        field: LeadField::Notes,
        required: false,
        choices: Vec::new(),
        retry_text: None,
        skip_when: None,
        urgency_weight: 0,
    });
    flow.push(question.clone());
    check(&flow, question.id)?;
    lead_questions::append(&mut tx, &question, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "lead_flow:write", &question.id, json!({ "created": true })).await?;
    let stored = lead_questions::get(&mut tx, question.id).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(stored)
}

/// Changes a question, if it is still as the asker saw it.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::Invalid`]; [`AppError::Conflict`] when a condition of a later question
/// would be left hanging; not found; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: QuestionId,
    based_on: Option<DateTime<Utc>>,
    change: QuestionChange,
) -> Result<StoredQuestion, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    lead_questions::lock_flow(&mut tx).await?;
    let before = lead_questions::get(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    let question = change.of(before.question);
    let mut flow = lead_questions::list(&mut tx).await?;
    if let Some(place) = flow.iter_mut().find(|other| other.id == id) {
        *place = question.clone();
    }
    check(&flow, id)?;
    lead_questions::update(&mut tx, &question, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "lead_flow:write", &id, json!({ "changed": true })).await?;
    let stored = lead_questions::get(&mut tx, id).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(stored)
}

/// Takes a question out of the flow. Answers that were given stay with their leads.
///
/// # Errors
/// [`AppError::Conflict`] when a later question depends on it; not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: QuestionId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    lead_questions::lock_flow(&mut tx).await?;
    lead_questions::get(&mut tx, id).await?;
    let flow = lead_questions::list(&mut tx).await?;
    let depends =
        |question: &&LeadQuestion| question.skip_when.as_ref().is_some_and(|skip| skip.question == id);
    if let Some(dependent) = flow.iter().find(depends) {
        return Err(hanging(&dependent.label));
    }
    lead_questions::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "lead_flow:write", &id, json!({ "deleted": true })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(())
}

/// Puts the questions into another order, which names each of them once.
///
/// # Errors
/// [`AppError::Invalid`] when it does not, or when a question would be skipped by the answer to a later one;
/// storage errors.
pub async fn reorder(
    app: &App,
    actor: &Actor,
    order: &[QuestionId],
) -> Result<Vec<StoredQuestion>, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    lead_questions::lock_flow(&mut tx).await?;
    let flow = lead_questions::list(&mut tx).await?;
    let invalid = |message: String| AppError::Invalid { field: "ids", message };
    let mut named: Vec<&QuestionId> = order.iter().collect();
    named.sort();
    named.dedup();
    let known = |id: &&QuestionId| flow.iter().any(|question| question.id == **id);
    if named.len() != order.len() || order.len() != flow.len() || !named.iter().all(known) {
        return Err(invalid("must name each of the questions once, and no other".to_owned()));
    }
    let mut reordered = flow;
    reordered.sort_by_key(|question| order.iter().position(|id| *id == question.id));
    if let Some(problem) = lead_flow::problem(&reordered) {
        let label = reordered.iter().find(|question| question.id == problem.question).map(|q| &q.label);
        let label = label.map_or("a question", String::as_str);
        return Err(invalid(format!(
            "can't be in this order: {} of {label:?} {}",
            problem.field, problem.message
        )));
    }
    lead_questions::reorder(&mut tx, order).await?;
    audit::record(&mut tx, app, actor, "lead_flow:write", &actor.org_id, json!({ "order": order })).await?;
    let stored = lead_questions::stored(&mut tx).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(stored)
}

/// A fault of the question itself is the asker's field; one of another question is a contradiction with it.
fn check(flow: &[LeadQuestion], asked: QuestionId) -> Result<(), AppError> {
    match lead_flow::problem(flow) {
        None => Ok(()),
        Some(problem) if problem.question == asked => {
            Err(AppError::Invalid { field: problem.field, message: problem.message })
        }
        Some(problem) => {
            let other = flow.iter().find(|question| question.id == problem.question);
            Err(hanging(other.map_or("another question", |question| &question.label)))
        }
    }
}

fn hanging(label: &str) -> AppError {
    AppError::Conflict {
        reason: format!("{label:?} is skipped by an answer to this question: change that first"),
    }
}
