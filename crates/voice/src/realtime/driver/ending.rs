//! How the loop ends: the line goes to the next engine, or the media part is over.

use std::time::Duration;

use domain::call_log::{ContinueCause, EndReason, Fault};

use super::{Driver, End, GaveUp};
use crate::call::Outcome;
use crate::realtime::machine::Owed;
use crate::session;

/// How long functions that run may finish when the model is given up. The caller waits meanwhile.
const FUNCTIONS_MAY_FINISH: Duration = Duration::from_millis(250);

impl Driver {
    /// The next engine goes on.
    pub(super) async fn hand_on(mut self) -> End {
        (self.current, self.next, self.opening) = (None, None, None);
        self.finish_functions(FUNCTIONS_MAY_FINISH).await;
        let (cause, fault, owed) =
            self.gave_up.take().unwrap_or_else(|| (String::new(), Fault::Us, Owed::Nothing));
        let begin = match owed {
            Owed::Greeting if self.line.history().is_empty() => session::Begin::PickedUp,
            // Whoever was cut off has heard nothing yet of what went on.
            Owed::Greeting => session::Begin::Continued(ContinueCause::CutOff),
            Owed::Nothing => session::Begin::TookOver(None),
            Owed::This(owed) => session::Begin::TookOver(Some(owed)),
        };
        End::GaveUp(Box::new(GaveUp { line: self.line, parts: self.parts, cause, fault, begin }))
    }

    /// The media part is over.
    pub(super) async fn leave(mut self) -> Outcome {
        self.line.hang_up().await;
        (self.current, self.next, self.opening) = (None, None, None);
        self.line.now();
        let outcome = Outcome {
            reason: self.machine.end_reason().unwrap_or(EndReason::InternalError),
            transfer_to: self.machine.transfer_to().map(str::to_owned),
            left_to_spoken_tail: false,
            handed_over: self.machine.handed_over(),
            state: self.line.state(),
        };
        self.line.finish().await;
        outcome
    }
}
