//! Several nodes on one database: what becomes of a call when its node, Redis or the database goes away.

mod letters;
mod outages;
mod processes;
mod rig;

use domain::call_log::{CallEvent, ContinueCause, EndReason, EventKind};
use store::call_sessions::{RedisSessions, SessionStore as _};
use store::tx::OrgTx;
use testkit::redis::RedisServer;
use tokio::time::{Duration, timeout};

use rig::{Node, PATIENCE, Rig, call, heard, saved, telephone};

/// Lines of the caller after which name and e-mail are saved.
const NAME_AND_EMAIL: usize = 4;
/// Answers that are saved by then: the first line tells the kind of project.
const ANSWERS: usize = 3;

fn continued(log: &[CallEvent]) -> Vec<(&str, ContinueCause)> {
    log.iter()
        .filter_map(|event| match &event.kind {
            EventKind::Continued { node, cause, .. } => Some((node.as_str(), *cause)),
            _ => None,
        })
        .collect()
}

fn asked(log: &[CallEvent], words: &str) -> usize {
    heard(log).iter().filter(|said| said.contains(words)).count()
}

/// A call through two nodes whose first is taken away in the middle of the lead flow. Returns its log at the end.
async fn lose_the_first_node(rig: &Rig, take_away: impl AsyncFnOnce(Node)) -> Vec<CallEvent> {
    let (first, second) = (rig.node("first").await, rig.node("second").await);
    let org_id = first.seed().await;
    let (placing, mut caller) = call(telephone(&[&first, &second]), NAME_AND_EMAIL);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= NAME_AND_EMAIL)).await.unwrap();
    let call_id = rig.only_call(org_id).await;
    rig.wait_for_log(org_id, call_id, "saved answers", |log| saved(log) >= ANSWERS).await;
    take_away(first).await;
    caller.let_say(usize::MAX);
    timeout(PATIENCE, caller.wait_for(|progress| progress.streams == 2)).await.unwrap();
    let report = timeout(PATIENCE, placing).await.expect("the call ends").unwrap();
    assert_eq!(report.error, None, "{:#?}", report.deeds);
    assert_eq!(report.said().count(), 0, "the carrier's own voice was needed: {:#?}", report.deeds);
    let is_over = |log: &[CallEvent]| log.iter().any(|e| matches!(e.kind, EventKind::Ended { .. }));
    let log = rig.wait_for_log(org_id, call_id, "end", is_over).await;
    let seqs: Vec<u32> = log.iter().map(|event| event.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert!(log.is_sorted_by_key(|event| event.at_ms), "time went back");
    for question in ["your name", "email address"] {
        assert_eq!(asked(&log, question), 1, "{question}: {:#?}", heard(&log));
    }
    let finalized = async {
        loop {
            let mut tx = OrgTx::begin(&rig.db, org_id).await.unwrap();
            let call = store::calls::get(&mut tx, call_id).await.unwrap();
            if call.finalized_at.is_some() {
                return call;
            }
            drop(tx);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let stored = timeout(PATIENCE, finalized).await.expect("the record is completed");
    let mut tx = OrgTx::begin(&rig.db, org_id).await.unwrap();
    let lead = store::leads::get(&mut tx, stored.lead_id.expect("a lead")).await.unwrap();
    let answers = format!("{lead:?}");
    for value in ["Kevin Johnson", "kevin@gmail.com", "+15135550177", "10000"] {
        assert!(answers.contains(value), "{value} is not in {answers}");
    }
    second.stop().await;
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_with_its_lead_on_another_node_when_its_own_is_killed() {
    let redis = RedisServer::start().await.unwrap();
    let rig = Rig::new(Some(redis.url())).await;
    let log = lose_the_first_node(&rig, async |node| node.kill()).await;
    assert_eq!(continued(&log).len(), 1);
    assert_eq!(continued(&log)[0].1, ContinueCause::CutOff);
    assert_eq!(asked(&log, "cut off"), 1, "{:#?}", heard(&log));
    let sessions = RedisSessions::open(&redis.url().into()).unwrap();
    assert_eq!(sessions.list(None).await.unwrap(), [], "a session outlived its call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_from_its_log_when_the_nodes_share_only_the_database() {
    let rig = Rig::new(None).await;
    let log = lose_the_first_node(&rig, async |node| node.kill()).await;
    assert_eq!(continued(&log)[0].1, ContinueCause::CutOff);
    assert_eq!(asked(&log, "cut off"), 1, "{:#?}", heard(&log));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_when_a_node_that_stops_hands_its_calls_over() {
    let redis = RedisServer::start().await.unwrap();
    let rig = Rig::new(Some(redis.url())).await;
    let log = lose_the_first_node(&rig, async |node| node.stop().await).await;
    assert_eq!(continued(&log)[0].1, ContinueCause::HandedOver);
    assert_eq!(asked(&log, "cut off"), 0, "{:#?}", heard(&log));
    assert_eq!(asked(&log, "oodbye"), 1, "only the one at the end: {:#?}", heard(&log));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_others_says_goodbye_when_it_stops() {
    let rig = Rig::new(None).await;
    let only = rig.node("only").await;
    let org_id = only.seed().await;
    let (placing, mut caller) = call(telephone(&[&only]), 2);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= 2)).await.unwrap();
    let call_id = rig.only_call(org_id).await;
    // The caller is silent until then, and time stands still: the node has the time for goodbyes that an operator
    // gives it, and the call goes on as soon as it is stopping.
    let stopping = only.server().app.stopping.clone();
    tokio::join!(only.stop_within(PATIENCE), async {
        stopping.cancelled().await;
        caller.let_say(usize::MAX);
    });
    let report = timeout(PATIENCE, placing).await.expect("the call ends").unwrap();
    let log = rig.log(org_id, call_id).await;
    assert!(report.earlier_lines.is_empty(), "it went on: {:#?} {:#?}", report.deeds, log.last_chunk::<5>());
    assert_eq!(log.last().unwrap().kind, EventKind::Ended { reason: EndReason::ServerStopped });
    assert!(asked(&log, "oodbye") > 0, "{:#?}", heard(&log));
}
