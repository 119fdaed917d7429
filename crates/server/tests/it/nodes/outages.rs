//! Database or Redis away in the middle of a call, in every way in which they can be: calls go on, nothing of them is
//! lost, and whoever calls meanwhile is asked for a message.

use std::time::Duration;

use domain::call_log::{CallEvent, EventKind};
use domain::ids::{CallId, OrgId};
use simulator::twilio::call::Deed;
use store::call_sessions::{CallSession, RedisSessions, SessionStore as _};
use store::messages::{Message, MessageFilter, MessageSort};
use store::page::Wanted;
use store::tx::OrgTx;
use testkit::proxy::{Mode, Proxy};
use testkit::redis::RedisServer;
use tokio::time::{Instant, timeout};

use super::rig::{Node, PATIENCE, Rig, call, config, heard, saved, telephone};

/// Slower than anybody waits for.
const SLOW: Mode = Mode::Slow(Duration::from_secs(3));
/// Lines of the caller after which name and e-mail are given.
const NAME_AND_EMAIL: usize = 4;
/// Answers that are given by then: the first line tells the kind of project.
const ANSWERS: usize = 3;

fn told(log: &[CallEvent], words: &str) -> bool {
    log.iter().any(|event| matches!(&event.kind, EventKind::CallerTurn { text, .. } if text.contains(words)))
}

/// A call during which the database is away.
async fn without_the_database(mode: Mode) {
    let rig = Rig::new(None).await;
    // On a server of one's own choice there may be no socket to stand before.
    let Some(socket) = store::testing::socket_of(&rig.target) else { return };
    let between = testkit::folders::fresh("between");
    let proxy = Proxy::unix(between.path(), &socket).await.unwrap();
    let target = store::testing::through(&rig.target, between.path());
    let node = Node::start(config(rig.folder.path(), "only", None), target).await;
    let org_id = node.seed().await;
    let (placing, mut caller) = call(telephone(&[&node]), 1);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= 1)).await.unwrap();
    let call_id = rig.only_call(org_id).await;
    rig.wait_for_log(org_id, call_id, "a turn", |log| !heard(log).is_empty()).await;

    proxy.set(mode);
    node.becomes("it is not ready", async |node| !node.is_ready().await).await;
    assert_eq!(node.health().await, "degraded");
    let stored = rig.log(org_id, call_id).await;
    caller.let_say(NAME_AND_EMAIL);
    let during =
        timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= NAME_AND_EMAIL)).await.unwrap();
    assert_eq!(during.streams, 1, "{mode:?}");
    assert!(!told(&rig.log(org_id, call_id).await, "kevin at gmail"), "the database was not away");
    // Whoever calls meanwhile.
    let (also, _their_handle) = call(telephone(&[&node]), 0);
    let report = timeout(PATIENCE, also).await.expect("an answer").unwrap();
    assert_eq!(report.error, None, "{:#?}", report.deeds);
    assert!(
        report.said().next().is_some_and(|words| words.contains("leave a message")),
        "{:#?}",
        report.deeds
    );
    assert!(report.deeds.contains(&Deed::Recorded), "{:#?}", report.deeds);

    proxy.set(Mode::Open);
    node.becomes("it is ready again", async |node| node.is_ready().await).await;
    caller.let_say(usize::MAX);
    let report = timeout(PATIENCE, placing).await.expect("the call ends").unwrap();
    assert_eq!((report.error.as_deref(), report.earlier_lines.len()), (None, 0), "{:#?}", report.deeds);
    let is_over = |log: &[CallEvent]| log.iter().any(|e| matches!(e.kind, EventKind::Ended { .. }));
    let log = rig.wait_for_log(org_id, call_id, "end", is_over).await;
    // All of it, in order, once; what was there before is there still.
    let seqs: Vec<u32> = log.iter().map(|event| event.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert_eq!(&log[..stored.len()], stored.as_slice());
    for words in ["kevin johnson", "kevin at gmail"] {
        assert!(told(&log, words), "{words} is not in {log:#?}");
    }
    // What was told during the outage is in the lead.
    let deadline = Instant::now() + PATIENCE;
    let call = loop {
        let mut tx = OrgTx::begin(&rig.db, org_id).await.unwrap();
        let call = store::calls::get(&mut tx, call_id).await.unwrap();
        if call.finalized_at.is_some() {
            break call;
        }
        drop(tx);
        assert!(Instant::now() < deadline, "the record is never completed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut tx = OrgTx::begin(&rig.db, org_id).await.unwrap();
    let lead = store::leads::get(&mut tx, call.lead_id.expect("a lead")).await.unwrap();
    assert_eq!(lead.name.as_deref(), Some("Kevin Johnson"), "{mode:?}: {lead:#?} {log:#?}");
    assert_eq!(lead.email.as_deref(), Some("kevin@gmail.com"), "{mode:?}: {lead:#?}");
    drop(tx);
    // And so is the message of whoever called meanwhile, once.
    let deadline = Instant::now() + PATIENCE;
    while messages(&rig, org_id).await.is_empty() {
        assert!(Instant::now() < deadline, "the message that was recorded meanwhile is lost");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let kept = messages(&rig, org_id).await;
    assert!(matches!(&kept[..], [one] if one.text.contains("Recorded message")), "{kept:#?}");
    node.stop().await;
}

async fn messages(rig: &Rig, org_id: OrgId) -> Vec<Message> {
    let mut tx = OrgTx::begin(&rig.db, org_id).await.unwrap();
    let wanted = Wanted::first(MessageSort::CreatedAt, 10);
    let listed = store::messages::list(&mut tx, &MessageFilter::default(), &wanted).await.unwrap();
    listed.items.into_iter().map(|kept| kept.message).collect()
}

/// A call during which Redis is away: nobody notices, and everything is there afterwards.
async fn without_redis(mode: Mode) {
    let redis = RedisServer::start().await.unwrap();
    let (proxy, port) = Proxy::tcp(redis.port()).await.unwrap();
    let rig = Rig::new(Some(format!("redis://127.0.0.1:{port}"))).await;
    let node = rig.node("only").await;
    let org_id = node.seed().await;
    let (placing, mut caller) = call(telephone(&[&node]), 2);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= 2)).await.unwrap();
    let call_id = rig.only_call(org_id).await;

    proxy.set(mode);
    node.becomes("redis is away", async |node| !node.has_redis()).await;
    assert_eq!(node.health().await, "degraded");
    caller.let_say(NAME_AND_EMAIL);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= NAME_AND_EMAIL)).await.unwrap();
    rig.wait_for_log(org_id, call_id, "saved answers", |log| saved(log) >= ANSWERS).await;
    // Whoever calls meanwhile is answered by the agent.
    let (also, mut theirs) = call(telephone(&[&node]), 1);
    timeout(PATIENCE, theirs.wait_for(|progress| progress.answered >= 1)).await.unwrap();
    also.abort();
    let _aborted = also.await;

    proxy.set(Mode::Open);
    node.becomes("redis is back", async |node| node.has_redis()).await;
    written_back(&redis, call_id).await;
    caller.let_say(usize::MAX);
    let report = timeout(PATIENCE, placing).await.expect("the call ends").unwrap();
    assert_eq!((report.error.as_deref(), report.earlier_lines.len()), (None, 0), "{:#?}", report.deeds);
    node.stop().await;
}

/// Waits until Redis has the session with all answers.
async fn written_back(redis: &RedisServer, call_id: CallId) {
    let again = RedisSessions::open(&redis.url().into()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let kept = again.get(call_id).await.unwrap();
        let answers = |kept: &CallSession| kept.state["history"]["answers"].as_array().map_or(0, Vec::len);
        if kept.as_ref().map(answers) == Some(ANSWERS) {
            return;
        }
        assert!(Instant::now() < deadline, "the session was not written back: {kept:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

macro_rules! outages {
    ($($name:ident = $test:ident($mode:expr);)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $test($mode).await;
        })*
    };
}

outages! {
    a_call_goes_on_while_the_database_refuses_connections = without_the_database(Mode::Refused);
    a_call_goes_on_while_the_database_closes_connections = without_the_database(Mode::Cut);
    a_call_goes_on_while_the_database_is_silent = without_the_database(Mode::Frozen);
    a_call_goes_on_while_the_database_is_slow = without_the_database(SLOW);
    nobody_notices_that_redis_refuses_connections = without_redis(Mode::Refused);
    nobody_notices_that_redis_closes_connections = without_redis(Mode::Cut);
    nobody_notices_that_redis_is_silent = without_redis(Mode::Frozen);
    nobody_notices_that_redis_is_slow = without_redis(SLOW);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_dies_in_mid_call_and_comes_back_with_nothing_missing() {
    let mut redis = RedisServer::start().await.unwrap();
    let rig = Rig::new(Some(redis.url())).await;
    let node = rig.node("only").await;
    let org_id = node.seed().await;
    let (placing, mut caller) = call(telephone(&[&node]), 2);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= 2)).await.unwrap();
    let call_id = rig.only_call(org_id).await;
    redis.kill().await.unwrap();
    node.becomes("redis is away", async |node| !node.has_redis()).await;
    assert_eq!(node.health().await, "degraded");
    caller.let_say(NAME_AND_EMAIL);
    timeout(PATIENCE, caller.wait_for(|progress| progress.answered >= NAME_AND_EMAIL)).await.unwrap();
    redis.restart().await.unwrap();
    node.becomes("redis is back", async |node| node.has_redis()).await;
    written_back(&redis, call_id).await;
    caller.let_say(usize::MAX);
    timeout(PATIENCE, placing).await.expect("the call ends").unwrap();
    node.stop().await;
}
