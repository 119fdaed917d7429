//! Trying a lead flow out as text, before callers hear it. Nothing is stored and nobody is told.

use std::collections::BTreeMap;

use domain::ids::OrgId;
use domain::lead_flow;
use domain::leads::{LeadQuestion, Priority};
use domain::plans::Limit;
use domain::qualification::Context;
use domain::qualification::rehearsal::{Rehearsal, rehearse};
use domain::urgency::Urgency;
use store::OrgTx;
use store::knowledge::Visibility;

use crate::conversation_tools::find_knowledge;
use crate::error::AppError;
use crate::runtime::App;

/// From here on a stored answer is sure enough to be given in the middle of the questions, as in a call.
const ASIDE: f32 = 0.55;

/// A flow that was tried out.
#[derive(Debug)]
pub struct Preview {
    /// The questions, in their order.
    pub questions: Vec<LeadQuestion>,
    /// The conversation.
    pub rehearsal: Rehearsal,
    /// The priority that the lead would have.
    pub priority: Priority,
}

/// Tries out a draft, or the questions that are stored, with what a caller might say.
///
/// # Errors
/// [`AppError::InvalidFields`] for a draft that is no flow, with its faults as `questions[2].choices`;
/// [`AppError::LimitReached`] for one with more questions than the plan has; [`AppError::TooMany`]; storage errors.
pub async fn preview(
    app: &App,
    org_id: OrgId,
    draft: Option<Vec<LeadQuestion>>,
    said: &[String],
) -> Result<Preview, AppError> {
    app.lead_previews.admit(org_id)?;
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let most = store::plans::entitlements(&mut tx).await?.limit(Limit::LeadQuestions);
    let questions = match draft {
        Some(draft) => {
            if let Some(most) = most.filter(|most| draft.len() as u64 > *most) {
                return Err(AppError::LimitReached { limit: Limit::LeadQuestions, most });
            }
            check(&draft)?;
            draft
        }
        None => {
            let mut stored = store::lead_questions::list(&mut tx).await?;
            // As a call asks them.
            stored.truncate(most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX));
            stored
        }
    };
    let business = store::organizations::get(&mut tx).await?;
    drop(tx);
    let timezone = business.profile.timezone.parse().unwrap_or(chrono_tz::UTC);
    let context = Context {
        today: app.ambient.now().with_timezone(&timezone).date_naive(),
        default_country: &business.profile.default_country,
        currency: &business.profile.currency,
        caller_number: None,
    };
    let mut answers = Vec::with_capacity(said.len());
    for text in said {
        // Only what may be a question is looked for: the rest is answers.
        let hits = if domain::acts::is_question(text) {
            find_knowledge(&app.db, org_id, text, &[Visibility::Public]).await?
        } else {
            Vec::new()
        };
        answers.push(hits.into_iter().next().filter(|hit| hit.confidence >= ASIDE).map(|hit| hit.answer));
    }
    let contact = business.profile.contact_name.as_deref().unwrap_or("the team");
    let rehearsal = rehearse(&questions, said, &context, contact, |place| answers[place].clone());
    let priority = Urgency { score: rehearsal.urgency, reasons: Vec::new() }.priority();
    Ok(Preview { questions, rehearsal, priority })
}

/// A draft's first fault, by its place in the request.
fn check(draft: &[LeadQuestion]) -> Result<(), AppError> {
    let twice = |at: usize| draft[..at].iter().any(|other| other.id == draft[at].id);
    if let Some(at) = (0..draft.len()).find(|&at| twice(at)) {
        let message = "is the id of an earlier question".to_owned();
        return Err(AppError::InvalidFields {
            errors: BTreeMap::from([(format!("questions[{at}].id"), message)]),
        });
    }
    let Some(problem) = lead_flow::problem(draft) else { return Ok(()) };
    let at = draft.iter().position(|question| question.id == problem.question).unwrap_or_default();
    // The API calls the earlier question by its id.
    let field = problem.field.replace("skip_when.question", "skip_when.question_id");
    Err(AppError::InvalidFields {
        errors: BTreeMap::from([(format!("questions[{at}].{field}"), problem.message)]),
    })
}
