//! The agent's tools as functions that a language model may call: one registry, one JSON Schema each.
//!
//! Like [`crate::tools`] an implementation is bound to one tenant, one call and the caller's rights.

use std::time::Duration;

use async_trait::async_trait;
use domain::call_log::EventKind;
use domain::history::History;
use serde_json::Value;

use crate::brain::NextStep;
use crate::realtime::FunctionTool;

/// A function as the registry knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSpec {
    /// Name, purpose and JSON Schema, as the model is told.
    pub tool: FunctionTool,
    /// The longest it may run.
    pub limit: Duration,
    /// What the agent says while it runs, when it takes more than a moment.
    pub waiting_line: &'static str,
}

/// What came of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionOutcome {
    /// For the model: JSON, or a sentence that the agent can say. Never empty.
    pub output: String,
    /// For the call's log: the tool call itself, and what it led to (`lead_saved`, `intent`).
    pub log: Vec<EventKind>,
    /// What follows when the agent has said its last words (`end_call`, `transfer_call`).
    pub then: Option<NextStep>,
}

/// The functions of one conversation.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Those that this caller's conversation may use, in a stable order.
    fn specs(&self) -> &[FunctionSpec];

    /// Runs one, validating its arguments. Never fails and never takes longer than its limit: what goes wrong is a
    /// sentence in the outcome, also for an unknown name and for arguments that are no JSON.
    async fn call(&self, name: &str, arguments: &Value) -> FunctionOutcome;

    /// Goes on with a conversation that something else had until now: which answers of the lead flow are saved. Called
    /// before the first [`Self::call`] when there was anything before.
    fn take_over(&self, _history: &History) {}
}
