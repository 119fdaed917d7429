//! The functions that the model calls: run once, answered once.

use provider_traits::functions::FunctionOutcome;
use provider_traits::realtime::RealtimeInput;

use super::{Machine, Output};

/// A function that runs.
#[derive(Debug)]
pub(super) struct Running {
    /// What is said when it takes more than a moment.
    pub(super) waiting_line: &'static str,
    pub(super) said: bool,
}

impl Machine {
    pub(super) fn has_called(&self, response: &str) -> bool {
        self.answers.called_by(response)
    }

    pub(super) fn function_called(
        &mut self,
        response: &str,
        call_id: String,
        name: String,
        arguments: String,
        out: &mut Vec<Output>,
    ) {
        if !self.answers.function_called(&call_id, response) {
            return;
        }
        let waiting_line = self.settings.waiting_lines.get(&name).copied().unwrap_or("");
        let said = self.turn.as_ref().is_some_and(|turn| turn.has_of(response));
        self.functions.insert(call_id.clone(), Running { waiting_line, said });
        self.waiting_since_ms.get_or_insert(self.now_ms);
        out.push(Output::RunFunction { call_id, name, arguments });
    }

    pub(super) fn function_done(&mut self, call_id: &str, outcome: FunctionOutcome, out: &mut Vec<Output>) {
        self.functions.remove(call_id);
        out.extend(outcome.log.into_iter().map(Output::Log));
        (self.last_model_ms, self.functions_done_ms) = (self.now_ms, self.now_ms);
        if !self.closing.is_open() {
            return;
        }
        if self.answers.function_done(call_id) {
            let call_id = call_id.to_owned();
            let output = outcome.output;
            out.push(Output::ToModel(RealtimeInput::FunctionOutput { call_id, output }));
        } else if self.link.lost_functions.remove(call_id) {
            self.lost_results.push(outcome.output);
        }
        if let Some(then) = outcome.then {
            let spoke = self.turn.as_ref().is_some_and(|turn| turn.has_of_model());
            self.then = Some(then);
            if spoke {
                // The last words came with the call: nothing more is asked for.
                self.answers.forgo_results();
                self.waiting_since_ms = None;
            }
        }
    }
}
