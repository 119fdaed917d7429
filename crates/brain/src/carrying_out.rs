//! One tool call: timed, bounded and written down, whoever asks for it.

use std::future::Future;
use std::time::Duration;

use domain::call_log::EventKind;
use domain::ids::ToolCallId;
use provider_traits::ambient::Ambient;
use provider_traits::tools::ToolError;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

/// A tool that is about to run.
pub(crate) struct Order<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// The arguments, as the log keeps them.
    pub(crate) arguments: Value,
    /// The longest it may take.
    pub(crate) limit: Duration,
}

impl Order<'_> {
    /// Runs the tool until it is done, too slow, or `cancelled`; and the entry for the log, whatever came of it.
    pub(crate) async fn carry_out<T: Serialize>(
        self,
        ambient: &Ambient,
        cancelled: impl Future<Output = ()>,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> (Result<T, ToolError>, EventKind) {
        let started = Instant::now();
        let outcome = tokio::select! {
            biased;
            done = work => done,
            () = cancelled => Err(ToolError::Failed("the caller went on speaking".to_owned())),
            () = tokio::time::sleep(self.limit) => Err(ToolError::Failed("it took too long".to_owned())),
        };
        let result = match &outcome {
            Ok(value) => serde_json::to_value(value).unwrap_or(Value::Null),
            Err(error) => Value::String(error.to_string()),
        };
        let entry = self.entry(ambient, result, outcome.is_ok(), started);
        (outcome, entry)
    }

    /// The entry of a call that needed no work, or was refused before any.
    pub(crate) fn entry(self, ambient: &Ambient, result: Value, ok: bool, started: Instant) -> EventKind {
        EventKind::ToolCall {
            id: ToolCallId(ambient.new_id()),
            name: self.name.to_owned(),
            arguments: self.arguments,
            result,
            ok,
            duration_ms: u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX),
        }
    }
}
