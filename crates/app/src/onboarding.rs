//! The guided set-up of an organization: which steps there are, which are done, what to do next.

use domain::ids::OrgId;
use domain::organizations::OrgKind;
use serde_json::json;
use store::OrgTx;
use store::onboarding::Progress;
use store::organizations::Organization;

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The profile says who they are.
    Profile,
    /// A number leads to an agent.
    Number,
    /// The carrier has reached us, and its signature fitted.
    Webhook,
    /// Somebody picked a voice.
    Voice,
    /// There is something to answer with.
    Knowledge,
    /// There is something to ask.
    LeadQuestions,
    /// Somebody hears of what happens.
    Notifications,
    /// An agent has answered a call.
    TestCall,
}

impl Step {
    /// All, in their order.
    pub const ALL: &'static [Self] = &[
        Self::Profile,
        Self::Number,
        Self::Webhook,
        Self::Voice,
        Self::Knowledge,
        Self::LeadQuestions,
        Self::Notifications,
        Self::TestCall,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Number => "number",
            Self::Webhook => "webhook",
            Self::Voice => "voice",
            Self::Knowledge => "knowledge",
            Self::LeadQuestions => "lead_questions",
            Self::Notifications => "notifications",
            Self::TestCall => "test_call",
        }
    }

    /// What to do, in a sentence.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Profile => "Say who takes messages, and check time zone and country.",
            Self::Number => "Connect the phone number that your callers dial.",
            Self::Webhook => "Point the number's voice webhook at this installation and call it once.",
            Self::Voice => "Listen to the voices and pick the one of your agent.",
            Self::Knowledge => "Enter the questions that callers ask most, with their answers.",
            Self::LeadQuestions => "Look over the questions that new callers are asked.",
            Self::Notifications => "Say which address hears of new leads and messages.",
            Self::TestCall => "Call your number and talk to your agent.",
        }
    }

    /// Where in the API it is done.
    #[must_use]
    pub const fn link(self) -> &'static str {
        match self {
            Self::Profile | Self::Notifications => "/api/v1/organization",
            Self::Number | Self::Webhook => "/api/v1/numbers",
            Self::Voice => "/api/v1/agents",
            Self::Knowledge => "/api/v1/knowledge-entries",
            Self::LeadQuestions => "/api/v1/lead-questions",
            Self::TestCall => "/api/v1/calls",
        }
    }

    fn is_done(self, org: &Organization, progress: &Progress) -> bool {
        match self {
            Self::Profile => org.profile.contact_name.is_some(),
            Self::Number => progress.numbers > 0,
            Self::Webhook => progress.webhook_verified_at.is_some(),
            Self::Voice => progress.voices > 0,
            Self::Knowledge => progress.knowledge > 0,
            Self::LeadQuestions => progress.questions > 0,
            Self::Notifications => org.profile.notification_email.is_some(),
            Self::TestCall => progress.answered_calls > 0,
        }
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Done, as the records show.
    Done,
    /// Somebody chose to pass over it.
    Skipped,
    /// To be done.
    Open,
}

/// The checklist.
#[derive(Debug, Clone, PartialEq)]
pub struct Checklist {
    /// Each step and where it stands.
    pub steps: Vec<(Step, StepState)>,
    /// When all of it was done or passed over for the first time.
    pub completed_at: Option<chrono::DateTime<chrono::Utc>>,
}

fn states(org: &Organization, progress: &Progress) -> Vec<(Step, StepState)> {
    let state = |step: Step| {
        if step.is_done(org, progress) {
            StepState::Done
        } else if progress.skipped.iter().any(|name| name == step.name()) {
            StepState::Skipped
        } else {
            StepState::Open
        }
    };
    Step::ALL.iter().map(|&step| (step, state(step))).collect()
}

/// The checklist as the records show it. Reads only; that it is complete is remembered by [`note_completion`].
///
/// # Errors
/// Storage errors.
pub async fn checklist(tx: &mut OrgTx) -> Result<Checklist, AppError> {
    let org = store::organizations::get(tx).await?;
    let progress = store::onboarding::progress(tx).await?;
    Ok(Checklist { steps: states(&org, &progress), completed_at: org.onboarded_at })
}

/// Remembers the first time that nothing is open any more; returns the checklist as it is then.
///
/// # Errors
/// Storage errors.
pub async fn note_completion(app: &App, org_id: OrgId) -> Result<Checklist, AppError> {
    // Whoever looks first did not do it: it came about by what the records show.
    let actor = &Actor::system(org_id);
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = checklist(&mut tx).await?;
    let open = before.steps.iter().any(|(_, state)| *state == StepState::Open);
    if open || before.completed_at.is_some() {
        return Ok(before);
    }
    store::onboarding::complete(&mut tx, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "onboarding:complete", &actor.org_id, serde_json::Value::Null).await?;
    let after = checklist(&mut tx).await?;
    tx.commit().await?;
    tracing::info!(org.id = %actor.org_id, "an organization is set up");
    Ok(after)
}

/// Passes over a step.
///
/// # Errors
/// Not found when there is no such step; [`AppError::Conflict`] for an organization that takes no calls.
pub async fn skip(app: &App, actor: &Actor, kind: OrgKind, step: &str) -> Result<Checklist, AppError> {
    let step = Step::ALL.iter().find(|known| known.name() == step);
    let step = step.ok_or(AppError::NotFound { noun: "step" })?;
    if kind != OrgKind::Business {
        let reason = "only businesses take calls and have something to set up".to_owned();
        return Err(AppError::Conflict { reason });
    }
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    store::onboarding::skip(&mut tx, step.name()).await?;
    let detail = json!({ "step": step.name() });
    audit::record(&mut tx, app, actor, "onboarding:skip", &actor.org_id, detail).await?;
    tx.commit().await?;
    note_completion(app, actor.org_id).await
}
