use chrono::DateTime;
use domain::ids::OrgId;

use super::*;

/// A store that can be taken away: at once, or so that it hangs.
#[derive(Default)]
struct Fragile {
    kept: MemorySessions,
    is_away: AtomicBool,
    hangs: AtomicBool,
}

impl Fragile {
    async fn answer(&self) -> Result<(), SessionError> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(SessionError::Unavailable { reason: "connection refused".to_owned() }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl SessionStore for Fragile {
    async fn put(&self, session: &CallSession) -> Result<Kept, SessionError> {
        self.answer().await?;
        self.kept.put(session).await
    }
    async fn get(&self, call_id: CallId) -> Result<Option<CallSession>, SessionError> {
        self.answer().await?;
        self.kept.get(call_id).await
    }
    async fn delete(&self, call_id: CallId, resumptions: u32) -> Result<(), SessionError> {
        self.answer().await?;
        self.kept.delete(call_id, resumptions).await
    }
    async fn list(&self, node: Option<&str>) -> Result<Vec<CallSession>, SessionError> {
        self.answer().await?;
        self.kept.list(node).await
    }
    async fn ping(&self) -> Result<(), SessionError> {
        self.answer().await
    }
}

fn call(number: u128) -> CallId {
    CallId(uuid::Uuid::from_u128(number))
}

fn session(number: u128, said: u32, resumptions: u32) -> CallSession {
    let at = DateTime::from_timestamp(1_800_000_000 + i64::from(said), 0).expect("a time");
    CallSession {
        org_id: OrgId(uuid::Uuid::from_u128(1)),
        call_id: call(number),
        call_sid: format!("CA{number:032x}"),
        node: "a".to_owned(),
        state: serde_json::json!({ "said": said }),
        state_at: at,
        heartbeat_at: at,
        resumptions,
        left: None,
    }
}

struct Desk {
    sessions: Arc<FailoverSessions>,
    shared: Arc<Fragile>,
    _stop: tokio_util::sync::DropGuard,
}

fn desk() -> Desk {
    let shared = Arc::new(Fragile::default());
    let sessions = Arc::new(FailoverSessions::new(
        Some(Arc::clone(&shared) as Arc<dyn SessionStore>),
        Duration::from_secs(5),
    ));
    let stop = CancellationToken::new();
    let (watching, token) = (Arc::clone(&sessions), stop.clone());
    tokio_util::task::TaskTracker::new().spawn(async move { watching.watch(token).await });
    Desk { sessions, shared, _stop: stop.drop_guard() }
}

impl Desk {
    async fn put(&self, session: &CallSession) -> Kept {
        self.sessions.put(session).await.expect("always kept somewhere")
    }

    async fn in_redis(&self, number: u128) -> Option<serde_json::Value> {
        self.shared.kept.of(call(number)).map(|session| session.state["said"].clone())
    }

    async fn wait_for(&self, state: SharedState) {
        for _ in 0..100 {
            if self.sessions.health().state == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not {state:?} after 10 s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_while_redis_is_away_is_there_when_it_is_back() {
    let desk = desk();
    desk.put(&session(1, 1, 0)).await;
    desk.put(&session(2, 1, 0)).await;
    desk.put(&session(3, 1, 0)).await;
    desk.shared.is_away.store(true, Ordering::Relaxed);
    desk.put(&session(1, 2, 0)).await;
    assert_eq!(desk.sessions.health().state, SharedState::Down);
    desk.put(&session(1, 3, 0)).await;
    desk.put(&session(4, 1, 0)).await;
    desk.sessions.delete(call(2), 0).await.expect("deleting");
    let ours = desk.sessions.get(call(1)).await.expect("reading").expect("in memory");
    assert_eq!(ours.state["said"], 3, "reads go to memory meanwhile");
    assert_eq!(desk.in_redis(1).await.expect("the old one"), 1);
    desk.shared.is_away.store(false, Ordering::Relaxed);
    desk.wait_for(SharedState::Up).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(desk.in_redis(1).await.expect("written back"), 3, "the latest");
    assert_eq!(desk.in_redis(4).await.expect("written back"), 1);
    assert_eq!(desk.in_redis(2).await, None, "what was deleted meanwhile is gone");
    assert_eq!(desk.in_redis(3).await.expect("untouched"), 1);
    assert_eq!((desk.sessions.health().failures, desk.sessions.health().probes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_redis_that_came_back_empty_gets_all_that_is_still_needed() {
    let desk = desk();
    desk.put(&session(1, 1, 0)).await;
    desk.put(&session(2, 1, 0)).await;
    desk.shared.kept.forget(call(1), 0);
    desk.shared.kept.forget(call(2), 0);
    desk.shared.is_away.store(true, Ordering::Relaxed);
    desk.wait_for(SharedState::Down).await;
    desk.shared.is_away.store(false, Ordering::Relaxed);
    desk.wait_for(SharedState::Up).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(desk.in_redis(1).await.is_some() && desk.in_redis(2).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_redis_that_hangs_is_waited_for_once_and_briefly() {
    let desk = desk();
    desk.put(&session(1, 1, 0)).await;
    desk.shared.hangs.store(true, Ordering::Relaxed);
    let began = Instant::now();
    for said in 2..50 {
        desk.put(&session(1, said, 0)).await;
        desk.sessions.get(call(1)).await.expect("reading").expect("in memory");
    }
    assert!(began.elapsed() <= Duration::from_millis(260), "{:?}", began.elapsed());
    desk.shared.hangs.store(false, Ordering::Relaxed);
    desk.wait_for(SharedState::Up).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(desk.in_redis(1).await.expect("written back"), 49);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_given_up_replaces_and_deletes_nothing() {
    let desk = desk();
    assert_eq!(desk.put(&session(1, 9, 0)).await, Kept::Kept);
    // Another node went on with the call, which this one does not know.
    desk.shared.kept.put(&session(1, 2, 1)).await.expect("the other node's");
    assert_eq!(desk.put(&session(1, 10, 0)).await, Kept::Superseded);
    desk.sessions.delete(call(1), 0).await.expect("deleting");
    assert_eq!(desk.in_redis(1).await.expect("the other node's"), 2);
}

#[tokio::test(start_paused = true)]
async fn without_redis_memory_does_and_old_sessions_go() {
    let sessions = Arc::new(FailoverSessions::new(None, Duration::from_secs(5)));
    assert_eq!(sessions.health().state, SharedState::Off);
    sessions.put(&session(1, 1, 0)).await.expect("keeping");
    assert_eq!(sessions.list(Some("a")).await.expect("listing").len(), 1);
    assert_eq!(sessions.list(Some("b")).await.expect("listing").len(), 0);
    let stop = CancellationToken::new();
    let (watching, token) = (Arc::clone(&sessions), stop.clone());
    tokio_util::task::TaskTracker::new().spawn(async move { watching.watch(token).await });
    tokio::time::sleep(Duration::from_secs(11 * 60)).await;
    assert_eq!(sessions.list(None).await.expect("listing").len(), 0);
    stop.cancel();
}

#[tokio::test]
async fn a_session_that_is_too_large_is_refused_and_no_fault_of_the_store() {
    let desk = desk();
    let state = serde_json::Value::String("x".repeat(super::super::MAX_BYTES));
    let error = desk.sessions.put(&CallSession { state, ..session(1, 1, 0) }).await.expect_err("too large");
    assert!(matches!(error, SessionError::TooLarge { .. }));
    assert_eq!(desk.sessions.health().state, SharedState::Up);
}
