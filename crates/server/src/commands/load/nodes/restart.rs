//! All nodes are restarted, one after the other, while calls are in progress.

use std::time::Duration;

use domain::call_log::ContinueCause;
use futures_util::StreamExt as _;
use serde::Serialize;

use super::calls::Calls;
use super::stage::Stage;
use super::{Times, complaints, line, records};
use crate::cli::LoadNodes;
use crate::exit::Exit;

/// How long all calls may take to get into the middle of the questions, and to their end afterwards.
const PATIENCE: Duration = Duration::from_secs(180);
/// Longer than a node may take for its calls to end, to be handed over, and to complete their records.
const STOPS_WITHIN: Duration = Duration::from_secs(120);
/// Records looked at beside each other.
const LOOKS: usize = 4;

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    nodes: usize,
    calls: usize,
    /// How long each node took to stop, and to take calls again.
    stopped_ms: Vec<u64>,
    started_ms: Vec<u64>,
    /// New streams because a call was handed over, or because it was cut off.
    handed_over: usize,
    cut_off: usize,
    /// The longest time without a stream, of each call that was handed over.
    without_stream: Times,
    /// The longest time in which neither caller nor agent was heard, of each call.
    silence: Times,
    limit_ms: u64,
    /// Calls with no longer silence than the limit.
    in_time: usize,
    /// Calls that came to their end with all answers.
    with_lead: usize,
    complaints: Vec<String>,
}

/// Brings calls up, restarts every node, and looks what became of them.
pub(super) async fn run(stage: &Stage, options: &LoadNodes) -> anyhow::Result<Exit> {
    let count = options.calls as usize;
    let mut calls = Calls::place(stage, 0, count, options.answers).await;
    calls.get_going(stage, PATIENCE, options.answers).await?;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (mut stopped_ms, mut started_ms) = (Vec::new(), Vec::new());
    for node in 0..stage.count() {
        let (stopped, started) = stage.restart(node, STOPS_WITHIN).await?;
        stopped_ms.push(ms(stopped));
        started_ms.push(ms(started));
    }
    let done = calls.finish(PATIENCE).await;
    let limit = Duration::from_secs_f64(options.within);
    let gaps = done.iter().map(|call| call.progress).filter(|now| now.streams > 1).map(|now| now.longest_gap);
    let mut outcome = Outcome {
        nodes: stage.count(),
        calls: count,
        stopped_ms,
        started_ms,
        handed_over: 0,
        cut_off: 0,
        without_stream: Times::of(gaps),
        silence: Times::of(done.iter().map(|call| call.progress.longest_silence)),
        limit_ms: ms(limit),
        in_time: done.iter().filter(|call| call.progress.longest_silence <= limit).count(),
        with_lead: 0,
        complaints: Vec::new(),
    };
    let looked = futures_util::stream::iter(done)
        .map(async |call| (records::look(stage, &call.from).await, call.wrong))
        .buffer_unordered(LOOKS)
        .collect::<Vec<_>>()
        .await;
    for (record, mut wrong) in looked {
        let record = record?;
        wrong.extend(record.wrong);
        let handed_over =
            record.continued.iter().filter(|cause| **cause == ContinueCause::HandedOver).count();
        outcome.handed_over += handed_over;
        outcome.cut_off += record.continued.len() - handed_over;
        outcome.with_lead += usize::from(wrong.is_empty());
        outcome.complaints.extend(wrong);
    }
    super::super::show(options.json, &outcome, &outcome.table())?;
    Ok(if outcome.is_as_it_must_be() { Exit::Done } else { Exit::NotAsExpected })
}

impl Outcome {
    fn is_as_it_must_be(&self) -> bool {
        self.complaints.is_empty()
            && self.in_time == self.calls
            && self.with_lead == self.calls
            && self.cut_off == 0
            // Otherwise nothing was tried.
            && self.handed_over > 0
    }

    fn table(&self) -> String {
        let seconds = |times: &[u64]| {
            let each: Vec<String> = times.iter().map(|ms| format!("{:.1} s", *ms as f64 / 1e3)).collect();
            each.join(", ")
        };
        let mut text = String::new();
        line(&mut text, "calls in the middle of the flow", format!("{} on {} nodes", self.calls, self.nodes));
        line(&mut text, "nodes stopped after", seconds(&self.stopped_ms));
        line(&mut text, "and took calls again after", seconds(&self.started_ms));
        line(&mut text, "handed over", self.handed_over);
        line(&mut text, "cut off", self.cut_off);
        line(&mut text, "longest time without a stream", &self.without_stream);
        line(&mut text, "longest silence of a call", &self.silence);
        let limit_s = self.limit_ms as f64 / 1e3;
        line(
            &mut text,
            &format!("calls without a silence over {limit_s} s"),
            format!("{} of {}", self.in_time, self.calls),
        );
        line(&mut text, "to the end with all answers", format!("{} of {}", self.with_lead, self.calls));
        complaints(&mut text, &self.complaints);
        text
    }
}
