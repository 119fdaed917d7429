//! The database (and whatever else is named) stops answering while calls are in progress, as a machine does that hangs:
//! connections stay open, new ones are taken by the system, and no answer comes.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use simulator::failover::Caller;
use simulator::twilio::call::{CallOptions, Deed, place};
use tokio::time::Instant;

use super::calls::Calls;
use super::stage::Stage;
use super::{Times, complaints, line, records};
use crate::cli::LoadNodes;
use crate::exit::Exit;

/// How long all calls may take to get into the middle of the questions, and to their end afterwards.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often somebody calls meanwhile, and looks at the health of every node.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The health is asked for the first time when every node can know.
const KNOWN_AFTER: Duration = Duration::from_secs(5);
/// After the end every node is well again within this time.
const WELL_WITHIN: Duration = Duration::from_secs(60);
/// Records looked at beside each other.
const LOOKS: usize = 4;

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    nodes: usize,
    calls: usize,
    seconds: u64,
    /// The longest time in which neither caller nor agent was heard, of each call.
    silence: Times,
    limit_ms: u64,
    /// Calls with no longer silence than the limit.
    in_time: usize,
    /// Looks at `/health` meanwhile, and those of them that said `degraded`.
    looks: usize,
    degraded: usize,
    /// Until all nodes were well again.
    well_after_ms: u64,
    /// Calls that came in meanwhile, and those of them whose caller was asked for a message.
    came_in: usize,
    asked_for_a_message: usize,
    /// Turns of callers that were said and that the records have.
    said: usize,
    stored: usize,
    /// Calls that came to their end with all answers, in one stream.
    whole: usize,
    complaints: Vec<String>,
}

/// Brings calls up, freezes the database, thaws it, and looks what became of them.
pub(super) async fn run(stage: &Stage, options: &LoadNodes) -> anyhow::Result<Exit> {
    let count = options.calls as usize;
    let mut calls = Calls::place(stage, 0, count, options.answers).await;
    calls.get_going(stage, PATIENCE, options.answers).await?;
    // A disk that is nearly full, say, is told as well: well is what it was before.
    let before = stage.health().await;
    let mut frozen = stage.database_processes().context("only the private PostgreSQL can be frozen")?;
    frozen.extend(options.also.iter().copied());
    let seconds = Duration::from_secs(options.seconds);
    let mut meanwhile = Meanwhile::default();
    {
        // Thawed whatever happens: nobody else would.
        let _ice = Ice::freeze(frozen);
        let until = Instant::now() + seconds;
        tokio::time::sleep(KNOWN_AFTER.min(seconds)).await;
        while Instant::now() < until {
            meanwhile.look(stage).await;
            tokio::time::sleep_until((Instant::now() + LOOK_EVERY).min(until)).await;
        }
    }
    let thawed = Instant::now();
    let mut complained = Vec::new();
    while stage.health().await != before {
        if thawed.elapsed() > WELL_WITHIN {
            complained.push("a node was not well again afterwards".to_owned());
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let well_after = thawed.elapsed();
    let done = calls.finish(PATIENCE).await;
    let limit = Duration::from_secs_f64(options.within);
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut outcome = Outcome {
        nodes: stage.count(),
        calls: count,
        seconds: options.seconds,
        silence: Times::of(done.iter().map(|call| call.progress.longest_silence)),
        limit_ms: ms(limit),
        in_time: done.iter().filter(|call| call.progress.longest_silence <= limit).count(),
        looks: meanwhile.looks,
        degraded: meanwhile.degraded,
        well_after_ms: ms(well_after),
        came_in: meanwhile.came_in,
        asked_for_a_message: meanwhile.asked_for_a_message,
        said: done.iter().map(|call| call.progress.said as usize).sum(),
        stored: 0,
        whole: 0,
        complaints: complained,
    };
    let looked = futures_util::stream::iter(done)
        .map(async |call| (records::look(stage, &call.from).await, call))
        .buffer_unordered(LOOKS)
        .collect::<Vec<_>>()
        .await;
    for (record, call) in looked {
        let (record, mut wrong) = (record?, call.wrong);
        wrong.extend(record.wrong);
        if !record.continued.is_empty() {
            wrong.push("a call lost its stream".to_owned());
        }
        if record.caller_turns != call.progress.said as usize {
            wrong.push("turns of a caller are not in the records".to_owned());
        }
        outcome.stored += record.caller_turns;
        outcome.whole += usize::from(wrong.is_empty());
        outcome.complaints.extend(wrong);
    }
    super::super::show(options.json, &outcome, &outcome.table())?;
    Ok(if outcome.is_as_it_must_be() { Exit::Done } else { Exit::NotAsExpected })
}

/// What is seen while the database is away.
#[derive(Debug, Default)]
struct Meanwhile {
    looks: usize,
    degraded: usize,
    came_in: usize,
    asked_for_a_message: usize,
}

impl Meanwhile {
    async fn look(&mut self, stage: &Stage) {
        let health = stage.health().await;
        self.looks += health.len();
        self.degraded += health.iter().filter(|status| *status == "degraded").count();
        let (mut caller, _handle) = Caller::new(0);
        let from = format!("+1614556{:04}", self.came_in % 10_000);
        let options = CallOptions::new(&from, &stage.number);
        let report = place(&stage.webhooks, &options, &mut caller).await;
        self.came_in += 1;
        let asked = report.error.is_none() && report.deeds.contains(&Deed::Recorded);
        self.asked_for_a_message += usize::from(asked);
    }
}

/// Processes that are stopped; dropping it lets them go on.
struct Ice(Vec<i32>);

impl Ice {
    fn freeze(processes: Vec<i32>) -> Self {
        let ice = Self(processes);
        ice.tell(Signal::SIGSTOP);
        ice
    }

    fn tell(&self, signal: Signal) {
        for process in &self.0 {
            // One that is gone by now needs no telling.
            let _gone = kill(Pid::from_raw(*process), signal);
        }
    }
}

impl Drop for Ice {
    fn drop(&mut self) {
        self.tell(Signal::SIGCONT);
    }
}

impl Outcome {
    fn is_as_it_must_be(&self) -> bool {
        self.complaints.is_empty()
            && self.in_time == self.calls
            && self.whole == self.calls
            && self.looks > 0
            && self.degraded == self.looks
            && self.came_in > 0
            && self.asked_for_a_message == self.came_in
    }

    fn table(&self) -> String {
        let mut text = String::new();
        line(&mut text, "calls in the middle of the flow", format!("{} on {} nodes", self.calls, self.nodes));
        line(&mut text, "the database was silent for", format!("{} s", self.seconds));
        line(&mut text, "longest silence of a call", &self.silence);
        let limit_s = self.limit_ms as f64 / 1e3;
        line(
            &mut text,
            &format!("calls without a silence over {limit_s} s"),
            format!("{} of {}", self.in_time, self.calls),
        );
        line(&mut text, "/health said degraded", format!("{} of {} times", self.degraded, self.looks));
        line(&mut text, "and was well again after", format!("{:.1} s", self.well_after_ms as f64 / 1e3));
        line(
            &mut text,
            "calls that came in meanwhile",
            format!("{}, of which {} were asked for a message", self.came_in, self.asked_for_a_message),
        );
        line(&mut text, "turns of callers", format!("{} said, {} in the records", self.said, self.stored));
        line(&mut text, "to the end with all answers", format!("{} of {}", self.whole, self.calls));
        complaints(&mut text, &self.complaints);
        text
    }
}
