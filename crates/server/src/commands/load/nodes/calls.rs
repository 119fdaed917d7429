//! The calls of a measurement: placed one after the other, watched, and brought to their end.

use std::time::Duration;

use anyhow::bail;
use simulator::failover::{ANSWERS, Caller, Handle, Progress};
use simulator::line::session::LineEnd;
use simulator::twilio::call::{CallOptions, CarrierReport, place};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::stage::Stage;

/// New calls in a second.
const RAMP: f64 = 20.0;
/// The longest call; a conversation takes half a minute when nothing is in its way.
const LONGEST_MS: u64 = 15 * 60 * 1_000;

/// A call in progress.
pub(super) struct InProgress {
    /// The caller's number, by which the records know it.
    pub(super) from: String,
    /// What is seen of the caller.
    pub(super) handle: Handle,
    ended: JoinHandle<CarrierReport>,
}

/// A call that is over.
pub(super) struct Done {
    /// The caller's number.
    pub(super) from: String,
    /// How far the conversation came.
    pub(super) progress: Progress,
    /// What is wrong with how it ended, if anything.
    pub(super) wrong: Vec<String>,
}

/// Many calls.
pub(super) struct Calls {
    pub(super) placed: Vec<InProgress>,
    _tasks: TaskTracker,
}

impl Calls {
    /// Places so many calls, each of which gives so many answers for now. The numbers of the callers begin at `first`.
    pub(super) async fn place(stage: &Stage, first: usize, count: usize, answers: usize) -> Self {
        let tasks = TaskTracker::new();
        let mut placed = Vec::with_capacity(count);
        let mut every = tokio::time::interval(Duration::from_secs_f64(1.0 / RAMP));
        for number in first..first + count {
            every.tick().await;
            let from = format!("+1614555{:04}", number % 10_000);
            let (mut caller, handle) = Caller::new(answers);
            let mut options = CallOptions::new(&from, &stage.number);
            options.max_ms = LONGEST_MS;
            let webhooks = stage.webhooks.clone();
            let ended = tasks.spawn(async move { place(&webhooks, &options, &mut caller).await });
            placed.push(InProgress { from, handle, ended });
        }
        Self { placed, _tasks: tasks }
    }

    /// Waits until every caller has given so many answers.
    pub(super) async fn get_going(
        &mut self,
        stage: &Stage,
        within: Duration,
        answers: usize,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + within;
        let mut without = 0;
        for call in &mut self.placed {
            let going = call.handle.wait_for(|progress| progress.answered >= answers);
            let reached = tokio::time::timeout_at(until, going).await;
            without += usize::from(!matches!(reached, Ok(Some(_))));
        }
        if without == 0 {
            return Ok(());
        }
        bail!(
            "{without} of {} calls did not get into the middle of the questions: is the machine too small for so many? {}",
            self.placed.len(),
            stage.said().await.first().map_or("the nodes wrote no warnings", String::as_str)
        )
    }

    /// Lets every caller tell the rest and say goodbye; waits until the calls are over.
    pub(super) async fn finish(self, within: Duration) -> Vec<Done> {
        let until = Instant::now() + within;
        for call in &self.placed {
            call.handle.let_give(usize::MAX);
        }
        let mut done = Vec::with_capacity(self.placed.len());
        for call in self.placed {
            let InProgress { from, handle, mut ended } = call;
            let report = tokio::time::timeout_at(until, &mut ended).await;
            let progress = handle.now();
            let wrong = match report {
                Ok(Ok(report)) => judge(&progress, &report),
                Ok(Err(error)) => vec![format!("the caller died of a defect: {error}")],
                Err(_late) => {
                    ended.abort();
                    vec![format!("the call did not come to its end: {} answers", progress.answered)]
                }
            };
            done.push(Done { from, progress, wrong });
        }
        done
    }
}

/// A conversation ends when both have said goodbye and the agent has hung up.
fn judge(progress: &Progress, report: &CarrierReport) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(error) = &report.error {
        wrong.push(format!("the carrier gave up: {error}"));
    }
    if report.said().next().is_some() {
        wrong.push("the carrier's own voice was needed".to_owned());
    }
    if !progress.said_goodbye || progress.answered < ANSWERS.len() {
        let (answered, all) = (progress.answered, ANSWERS.len());
        wrong.push(format!("it ended early, after {answered} of {all} answers"));
    }
    match report.line.as_ref().map(|line| &line.end) {
        Some(LineEnd::ServerClosed) => {}
        Some(end) => wrong.push(format!("the last stream ended otherwise than by the agent: {end:?}")),
        None => wrong.push("there was no stream".to_owned()),
    }
    for line in report.earlier_lines.iter().chain(&report.line) {
        wrong.extend(
            line.violations.iter().map(|broken| format!("the protocol was broken: {}", broken.reason)),
        );
    }
    wrong
}
