//! The agent's tools as functions that a language model may call.
//!
//! What a model writes is treated like what a stranger sends: names and arguments are checked, sizes are bounded, and
//! whatever goes wrong becomes a sentence. What the model is told of a value comes from the same domain code that the
//! [rules](crate::rules) use, so that a lead is the same lead whoever took it.

mod arguments;
mod callers;
pub(crate) mod catalogue;
mod endings;
mod fitting;
mod lead;
mod messages;
mod projects;
mod registry;
mod reports;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::agent_phrases::{Phrase, fill, variant};
use domain::call_log::EventKind;
use domain::call_plan::CallPlan;
use domain::history::{History, LeadState};
use domain::qualification::{LeadQualifier, Progress};
use domain::urgency::Urgency;
use futures_util::FutureExt as _;
use provider_traits::ambient::Ambient;
use provider_traits::brain::NextStep;
use provider_traits::functions::{FunctionOutcome, FunctionSpec, Functions};
use provider_traits::tools::{TakenMessage, ToolError, Tools};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::arguments::Arguments;
pub use self::registry::{Audience, Registered, registry};
use crate::carrying_out::Order;

/// The functions of one conversation, over the tools that this call has.
#[must_use]
pub fn functions(plan: Arc<CallPlan>, tools: Arc<dyn Tools>, ambient: Ambient) -> Arc<dyn Functions> {
    let specs = catalogue::specs(&plan);
    Arc::new(ConversationFunctions { specs, plan, tools, ambient, notes: Mutex::default() })
}

/// What is said when a function could not do its work.
#[must_use]
pub fn did_not_work() -> &'static str {
    variant(Phrase::FunctionFailed, 0)
}

/// What is said when a function is not for this caller.
#[must_use]
pub fn not_for_this_caller() -> &'static str {
    variant(Phrase::FunctionRefused, 0)
}

struct ConversationFunctions {
    specs: Vec<FunctionSpec>,
    plan: Arc<CallPlan>,
    tools: Arc<dyn Tools>,
    ambient: Ambient,
    notes: Mutex<Notes>,
}

/// What the functions remember of the conversation.
#[derive(Debug, Clone, Default)]
struct Notes {
    lead: Progress,
    lead_state: LeadState,
    /// The highest urgency so far.
    urgency: u8,
    /// The message that was passed on last: a model that asks twice shall not send it twice.
    last_message: Option<TakenMessage>,
}

/// What a function gives back.
struct Answer {
    /// For the model.
    output: Value,
    then: Option<NextStep>,
}

impl Answer {
    fn new(output: Value) -> Self {
        Self { output, then: None }
    }
}

/// Why a function did nothing, for the model.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// What it asked for can't be; says which argument, and what is allowed.
    #[error("{0}")]
    Argument(String),
    #[error("this caller may not have that: say that you can only speak of it with the client it belongs to")]
    NotAllowed,
    #[error("it did not work just now: say so, and offer to take a message")]
    Failed,
}

impl From<ToolError> for Refusal {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::NotAllowed => Self::NotAllowed,
            ToolError::BadArgument(what) => Self::Argument(what),
            // The reason is in the log; a model would read it to the caller.
            ToolError::Failed(_) => Self::Failed,
        }
    }
}

/// One function that is being called: its deadline, and what the log will say.
struct Run<'a> {
    of: &'a ConversationFunctions,
    ends_at: Instant,
    log: Vec<EventKind>,
}

impl Run<'_> {
    /// Runs a tool and notes the call.
    async fn tool<T: Serialize>(
        &mut self,
        name: &str,
        arguments: Value,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let limit = self.ends_at.saturating_duration_since(Instant::now());
        let order = Order { name, arguments, limit };
        let (outcome, entry) = order.carry_out(&self.of.ambient, std::future::pending(), work).await;
        self.log.push(entry);
        outcome
    }
}

impl ConversationFunctions {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The business's own date.
    fn today(&self) -> chrono::NaiveDate {
        self.plan.started_at.with_timezone(&self.plan.business.timezone).date_naive()
    }

    /// A phrase with the business's names in it.
    fn phrase(&self, phrase: Phrase) -> String {
        let business = &self.plan.business;
        fill(
            variant(phrase, 0),
            &[
                ("contact", business.contact_name.as_deref().unwrap_or("the team")),
                ("business", &business.name),
                ("agent", &self.plan.agent.name),
            ],
        )
    }

    /// The priority that the highest urgency so far gives, of the caller's words and of the lead's answers.
    fn priority(&self) -> domain::leads::Priority {
        let (urgency, lead) = {
            let notes = self.notes();
            (notes.urgency, notes.lead.clone())
        };
        let of_answers = LeadQualifier::new(&self.plan.lead_questions, lead).urgency(self.today());
        Urgency { score: urgency.max(of_answers), reasons: Vec::new() }.priority()
    }

    async fn perform(&self, run: &mut Run<'_>, name: &str, arguments: &Value) -> Result<Answer, Refusal> {
        let known = self.specs.iter().any(|spec| spec.tool.name == name);
        if !known {
            return Err(Refusal::Argument(self.unknown(name)));
        }
        let given = Arguments::read(arguments)?;
        match name {
            "identify_client" => self.identify_client(run, &given).await,
            "verify_client" => self.verify_client(run, &given).await,
            "get_project_status" => self.get_project_status(run, &given).await,
            "list_projects" => self.list_projects(run, &given).await,
            "search_knowledge" => self.search_knowledge(run, &given).await,
            "save_lead_answer" => self.save_lead_answer(run, &given).await,
            "finish_lead" => self.finish_lead(run, &given).await,
            "flag_urgent" => self.flag_urgent(run, &given).await,
            "report_scope_change" => self.report_scope_change(run, &given).await,
            "schedule_callback" => self.schedule_callback(run, &given).await,
            "record_satisfaction" => self.record_satisfaction(run, &given).await,
            "take_message" => self.take_message(run, &given).await,
            "transfer_call" => self.transfer_call(run, &given).await,
            "end_call" => self.end_call(run, &given).await,
            _ => Err(Refusal::Argument(self.unknown(name))),
        }
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self.specs.iter().map(|spec| spec.tool.name.as_str()).collect();
        let name: String = name.chars().take(64).collect();
        format!("there is no function {name:?}; there are: {}", known.join(", "))
    }
}

#[async_trait]
impl Functions for ConversationFunctions {
    fn specs(&self) -> &[FunctionSpec] {
        &self.specs
    }

    async fn call(&self, name: &str, arguments: &Value) -> FunctionOutcome {
        let started = Instant::now();
        let limit =
            self.specs.iter().find(|spec| spec.tool.name == name).map_or(Duration::ZERO, |spec| spec.limit);
        let mut run = Run { of: self, ends_at: started + limit, log: Vec::new() };
        let performed = AssertUnwindSafe(self.perform(&mut run, name, arguments)).catch_unwind().await;
        let answer = performed.unwrap_or_else(|_panic| {
            tracing::error!(call.id = %self.plan.call_id, function = name, "a function panicked");
            Err(Refusal::Failed)
        });
        let (output, then) = match answer {
            Ok(Answer { output, then }) => (fitting::fit(output), then),
            Err(refusal) => (json!({ "error": refusal.to_string() }).to_string(), None),
        };
        let mut log = run.log;
        if !log
            .iter()
            .any(|entry| matches!(entry, EventKind::ToolCall { name: logged, .. } if logged == name))
        {
            // Nothing was run: refused, or there was nothing to run.
            let result = serde_json::from_str(&output).unwrap_or(Value::Null);
            let ok = !output.starts_with(r#"{"error""#);
            let name: String = name.chars().take(64).collect();
            let order = Order { name: &name, arguments: arguments::for_log(arguments), limit };
            log.push(order.entry(&self.ambient, result, ok, started));
        }
        FunctionOutcome { output, log, then }
    }

    fn take_over(&self, history: &History) {
        let mut notes = self.notes();
        let lead = std::mem::take(&mut notes.lead);
        let mut flow = LeadQualifier::new(&self.plan.lead_questions, lead);
        flow.adopt(&history.answers, &history.left_open, true);
        notes.lead = flow.into_progress();
        notes.lead_state = history.lead;
        if history.flagged_urgent {
            notes.urgency = notes.urgency.max(domain::urgency::URGENT);
        }
    }
}

#[cfg(test)]
mod tests;
