//! One node is killed while its calls are in the middle of the questions.

use std::time::Duration;

use domain::call_log::ContinueCause;
use futures_util::StreamExt as _;
use serde::Serialize;
use tokio::time::Instant;

use super::calls::{Calls, Done};
use super::stage::Stage;
use super::{Times, complaints, line, records};
use crate::cli::LoadNodes;
use crate::exit::Exit;

/// How long all calls may take to get into the middle of the questions, and to their end afterwards.
const PATIENCE: Duration = Duration::from_secs(180);
/// Callers who have heard nothing by then hear nothing any more.
const LOST_AFTER: Duration = Duration::from_secs(30);
/// Records looked at beside each other.
const LOOKS: usize = 4;

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    nodes: usize,
    calls: usize,
    /// Calls in the middle of the questions when the node was killed.
    up: usize,
    /// Of those, on the node that was killed.
    on_killed: usize,
    /// Of those, whose caller heard the agent again.
    resumed: usize,
    /// Of those, within the limit.
    in_time: usize,
    limit_ms: u64,
    /// From the kill to the beginning of the new stream.
    stream_again: Times,
    /// From the kill to the first audio of the new stream.
    heard_again: Times,
    /// Calls of the killed node that came to their end with all answers, those of before included.
    with_lead: usize,
    /// Calls of the killed node whose caller never heard the agent again.
    lost: usize,
    /// Calls of other nodes, and of those, which came to their end in one stream.
    others: usize,
    others_undisturbed: usize,
    complaints: Vec<String>,
}

/// Brings calls up, kills the first node, and looks what became of them.
pub(super) async fn run(stage: &Stage, options: &LoadNodes) -> anyhow::Result<Exit> {
    warm_up(stage).await?;
    let count = options.calls as usize;
    let mut calls = Calls::place(stage, 0, count, options.answers).await;
    calls.get_going(stage, PATIENCE, options.answers).await?;
    let name = stage.name(0).await?;
    let mut victims = Vec::with_capacity(count);
    for call in &calls.placed {
        victims.push(records::carrier(stage, &call.from).await?.as_deref() == Some(name.as_str()));
    }
    let killed_at = stage.kill(0).await?;
    let mut heard = Vec::new();
    let (mut began, mut lost) = (Vec::new(), 0);
    let until = Instant::now() + LOST_AFTER;
    for (call, _) in calls.placed.iter_mut().zip(&victims).filter(|(_, victim)| **victim) {
        let again = call.handle.wait_for(|now| now.streams >= 2 && now.heard_at.is_some());
        match tokio::time::timeout_at(until, again).await {
            Ok(Some(now)) => {
                heard.extend(now.heard_at.map(|at| at - killed_at));
                began.extend(now.began_at.map(|at| at - killed_at));
            }
            _ => lost += 1,
        }
    }
    let done = calls.finish(PATIENCE).await;
    let limit = Duration::from_secs_f64(options.within);
    let mut outcome = Outcome {
        nodes: stage.count(),
        calls: count,
        up: count,
        on_killed: victims.iter().filter(|victim| **victim).count(),
        resumed: heard.len(),
        in_time: heard.iter().filter(|after| **after <= limit).count(),
        limit_ms: u64::try_from(limit.as_millis())?,
        stream_again: Times::of(began),
        heard_again: Times::of(heard),
        with_lead: 0,
        lost,
        others: victims.iter().filter(|victim| !**victim).count(),
        others_undisturbed: 0,
        complaints: Vec::new(),
    };
    let looked = futures_util::stream::iter(done.into_iter().zip(victims))
        .map(async |(call, victim)| look(stage, call, victim).await)
        .buffer_unordered(LOOKS)
        .collect::<Vec<_>>()
        .await;
    for looked in looked {
        let (victim, wrong) = looked?;
        let sound = usize::from(wrong.is_empty());
        if victim {
            outcome.with_lead += sound;
        } else {
            outcome.others_undisturbed += sound;
        }
        outcome.complaints.extend(wrong);
    }
    if outcome.on_killed == 0 {
        outcome.complaints.push("no call was on the node that was killed".to_owned());
    }
    super::super::show(options.json, &outcome, &outcome.table())?;
    Ok(if outcome.is_as_it_must_be() { Exit::Done } else { Exit::NotAsExpected })
}

/// One call on each node, to its end: what the first call of a process loads is there afterwards.
async fn warm_up(stage: &Stage) -> anyhow::Result<()> {
    let calls = Calls::place(stage, 9_000, stage.count(), usize::MAX).await;
    for done in calls.finish(PATIENCE).await {
        if let Some(wrong) = done.wrong.first() {
            tracing::warn!(from = done.from, wrong, "a call before the measurement did not go well");
        }
    }
    Ok(())
}

async fn look(stage: &Stage, call: Done, victim: bool) -> anyhow::Result<(bool, Vec<String>)> {
    let record = records::look(stage, &call.from).await?;
    let mut wrong = call.wrong;
    wrong.extend(record.wrong);
    let expected: &[ContinueCause] = if victim { &[ContinueCause::CutOff] } else { &[] };
    if record.continued != expected {
        let whose = if victim { "the killed node" } else { "another node" };
        wrong.push(format!("a call of {whose} went on like this: {:?}", record.continued));
    }
    Ok((victim, wrong))
}

impl Outcome {
    fn is_as_it_must_be(&self) -> bool {
        self.complaints.is_empty()
            && self.lost == 0
            && self.in_time == self.on_killed
            && self.with_lead == self.on_killed
            && self.others_undisturbed == self.others
    }

    fn table(&self) -> String {
        let mut text = String::new();
        line(&mut text, "calls in the middle of the flow", format!("{} on {} nodes", self.up, self.nodes));
        line(&mut text, "calls on the killed node", self.on_killed);
        line(&mut text, "resumed", format!("{} of {}", self.resumed, self.on_killed));
        let limit_s = self.limit_ms as f64 / 1e3;
        line(
            &mut text,
            &format!("resumed within {limit_s} s"),
            format!("{} of {}", self.in_time, self.on_killed),
        );
        line(&mut text, "kill to the new stream", &self.stream_again);
        line(&mut text, "kill to its first audio", &self.heard_again);
        line(&mut text, "to the end with all answers", format!("{} of {}", self.with_lead, self.on_killed));
        line(&mut text, "lost", self.lost);
        line(
            &mut text,
            "calls of other nodes undisturbed",
            format!("{} of {}", self.others_undisturbed, self.others),
        );
        complaints(&mut text, &self.complaints);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(change: impl FnOnce(&mut Outcome)) -> bool {
        let mut outcome = Outcome {
            nodes: 2,
            calls: 4,
            up: 4,
            on_killed: 2,
            resumed: 2,
            in_time: 2,
            limit_ms: 3_000,
            stream_again: Times::of([]),
            heard_again: Times::of([]),
            with_lead: 2,
            lost: 0,
            others: 2,
            others_undisturbed: 2,
            complaints: Vec::new(),
        };
        change(&mut outcome);
        outcome.is_as_it_must_be()
    }

    #[test]
    fn every_call_must_be_resumed_in_time_and_with_its_lead() {
        assert!(outcome(|_| ()));
        assert!(!outcome(|outcome| outcome.in_time = 1));
        assert!(!outcome(|outcome| outcome.with_lead = 1));
        assert!(!outcome(|outcome| outcome.others_undisturbed = 1));
        assert!(!outcome(|outcome| outcome.complaints.push("something".to_owned())));
    }
}
