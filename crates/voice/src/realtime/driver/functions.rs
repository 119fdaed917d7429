//! The functions that the model calls: run beside the call, each within its limit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::call_log::EventKind;
use futures_util::FutureExt as _;
use provider_traits::functions::FunctionOutcome;
use tokio::time::Instant;

use super::Driver;

impl Driver {
    pub(super) fn run_function(&mut self, call_id: String, name: String, arguments: &str) {
        let functions = Arc::clone(&self.functions);
        let arguments = serde_json::from_str(arguments)
            .unwrap_or_else(|_| serde_json::Value::String(arguments.to_owned()));
        let limit = functions.specs().iter().find(|spec| spec.tool.name == name).map(|spec| spec.limit);
        // The registry keeps its own limits; this one is for a registry that does not.
        let limit = limit.unwrap_or_default() + Duration::from_secs(1);
        self.running.spawn(async move {
            let work = AssertUnwindSafe(functions.call(&name, &arguments)).catch_unwind();
            let outcome = match tokio::time::timeout(limit, work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_panic)) => failed("Something went wrong with that. Offer to take a message."),
                Err(_late) => failed("That takes too long right now. Offer to take a message."),
            };
            (call_id, outcome)
        });
    }

    /// Waits for functions that run, and writes what they did.
    pub(super) async fn finish_functions(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        while !self.running.is_empty() {
            match tokio::time::timeout_at(until, self.running.join_next()).await {
                Ok(Some(Ok((_, outcome)))) => {
                    for entry in outcome.log {
                        self.line.log(entry);
                    }
                }
                Ok(Some(Err(_))) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

fn failed(sentence: &str) -> FunctionOutcome {
    FunctionOutcome { output: sentence.to_owned(), log: Vec::<EventKind>::new(), then: None }
}
