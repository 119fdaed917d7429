//! Redis first, memory meanwhile: whatever Redis does, a call's session is kept, and no call waits for it.
//!
//! Every session that this process puts is also in its memory. When Redis fails or is slow it is left alone, and asked
//! every second whether it is back; then everything that is still needed is written back. Until then a call that loses
//! its node goes on from its log in PostgreSQL.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::CallId;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{CallSession, Kept, MemorySessions, SessionError, SessionStore};

/// A store that has not answered by then has failed.
const WITHIN: Duration = Duration::from_millis(250);
/// How often a store that failed is asked whether it is back.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Sessions that were deleted while the store was away; beyond it they go when their time is up.
const DELETIONS: usize = 10_000;

/// How the shared store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedState {
    /// There is none: this node shares only PostgreSQL with others.
    Off,
    /// It answers.
    Up,
    /// It does not; memory stands in.
    Down,
}

/// How the shared store does, with figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedHealth {
    /// In a word.
    pub state: SharedState,
    /// Failures since it last answered.
    pub failures: u64,
    /// Times that it was asked whether it is back, since it last answered.
    pub probes: u64,
}

/// Sessions in a shared store that may fail, with memory behind it.
pub struct FailoverSessions {
    shared: Option<Arc<dyn SessionStore>>,
    memory: MemorySessions,
    is_down: AtomicBool,
    failures: AtomicU64,
    probes: AtomicU64,
    /// Calls whose session must go when the store is back.
    deletions: Mutex<HashMap<CallId, u32>>,
    check_every: Duration,
}

impl FailoverSessions {
    /// Sessions in `shared`, which is asked every `check_every` how it is even when nobody needs it; only in memory
    /// without it.
    #[must_use]
    pub fn new(shared: Option<Arc<dyn SessionStore>>, check_every: Duration) -> Self {
        Self {
            shared,
            memory: MemorySessions::default(),
            is_down: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            deletions: Mutex::default(),
            check_every,
        }
    }

    /// How the shared store does.
    #[must_use]
    pub fn health(&self) -> SharedHealth {
        let state = match &self.shared {
            None => SharedState::Off,
            Some(_) if self.is_down.load(Ordering::Relaxed) => SharedState::Down,
            Some(_) => SharedState::Up,
        };
        SharedHealth {
            state,
            failures: self.failures.load(Ordering::Relaxed),
            probes: self.probes.load(Ordering::Relaxed),
        }
    }

    /// Looks after the shared store until `stop`. Run it once, in a tracked task.
    pub async fn watch(&self, stop: CancellationToken) {
        let mut every = tokio::time::interval(PROBE_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checked = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = every.tick() => {}
            }
            self.memory.forget_old();
            if self.is_down.load(Ordering::Relaxed) {
                self.probe().await;
            } else if checked.elapsed() >= self.check_every {
                checked = Instant::now();
                let _noted = self.ask(|shared| async move { shared.ping().await }).await;
            }
        }
    }

    /// Asks a store that was down whether it is back, and brings it up to date when it is.
    async fn probe(&self) {
        let Some(shared) = &self.shared else { return };
        self.probes.fetch_add(1, Ordering::Relaxed);
        if !matches!(tokio::time::timeout(WITHIN, shared.ping()).await, Ok(Ok(()))) {
            return;
        }
        // From here on what is put goes there; what was put before is written by us, the latest of each.
        self.is_down.store(false, Ordering::Relaxed);
        if let Err(error) = self.write_back().await {
            tracing::warn!(%error, "redis came back and went away again");
            return;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.probes.store(0, Ordering::Relaxed);
        tracing::info!("redis is back: the sessions of calls in progress are there again");
    }

    async fn write_back(&self) -> Result<(), SessionError> {
        let gone: Vec<(CallId, u32)> = self.deletions().drain().collect();
        for (at, &(call_id, resumptions)) in gone.iter().enumerate() {
            let deleted = self.ask(|shared| async move { shared.delete(call_id, resumptions).await }).await;
            if let Some(Err(error)) = deleted {
                self.deletions().extend(gone[at..].iter().copied());
                return Err(error);
            }
        }
        for CallSession { call_id, .. } in self.memory.all() {
            // While ours is under way a later one may be put and arrive first: then ours is late, and goes again.
            while let Some(session) = self.memory.of(call_id) {
                let session = &session;
                if let Some(Err(error)) =
                    self.ask(|shared| async move { shared.put(session).await.map(drop) }).await
                {
                    return Err(error);
                }
                if self.memory.of(call_id).is_none_or(|now| now == *session) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn deletions(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, u32>> {
        self.deletions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the shared store, when there is one and it is not known to be away. A failure is noted.
    async fn ask<T, F>(
        &self,
        request: impl FnOnce(Arc<dyn SessionStore>) -> F,
    ) -> Option<Result<T, SessionError>>
    where
        F: Future<Output = Result<T, SessionError>>,
    {
        let shared = self.shared.as_ref().filter(|_| !self.is_down.load(Ordering::Relaxed))?;
        let answer = match tokio::time::timeout(WITHIN, request(Arc::clone(shared))).await {
            Ok(answer) => answer,
            Err(_late) => Err(SessionError::Unavailable { reason: "it is too slow".to_owned() }),
        };
        if let Err(error @ SessionError::Unavailable { .. }) = &answer {
            self.failures.fetch_add(1, Ordering::Relaxed);
            if !self.is_down.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "redis is away: sessions are kept in memory until it is back");
            }
        }
        Some(answer)
    }
}

#[async_trait]
impl SessionStore for FailoverSessions {
    async fn put(&self, session: &CallSession) -> Result<Kept, SessionError> {
        if self.memory.keep(session)? == Kept::Superseded {
            return Ok(Kept::Superseded);
        }
        self.deletions().remove(&session.call_id);
        let answer = self.ask(|shared| async move { shared.put(session).await }).await;
        if matches!(answer, Some(Ok(Kept::Superseded))) {
            self.memory.forget(session.call_id, session.resumptions);
            return Ok(Kept::Superseded);
        }
        Ok(Kept::Kept)
    }

    async fn get(&self, call_id: CallId) -> Result<Option<CallSession>, SessionError> {
        let shared = match self.ask(|shared| async move { shared.get(call_id).await }).await {
            Some(Ok(found)) => found,
            Some(Err(_)) | None => None,
        };
        // While the shared store was away, what this process put is the later one.
        let ours = self.memory.of(call_id);
        Ok([shared, ours].into_iter().flatten().max_by_key(CallSession::age))
    }

    async fn delete(&self, call_id: CallId, resumptions: u32) -> Result<(), SessionError> {
        self.memory.forget(call_id, resumptions);
        let answer = self.ask(|shared| async move { shared.delete(call_id, resumptions).await }).await;
        if self.shared.is_some() && !matches!(answer, Some(Ok(()))) {
            let mut deletions = self.deletions();
            if deletions.len() < DELETIONS {
                deletions.insert(call_id, resumptions);
            }
        }
        Ok(())
    }

    async fn list(&self, node: Option<&str>) -> Result<Vec<CallSession>, SessionError> {
        let mut found: HashMap<CallId, CallSession> = HashMap::new();
        let shared = match self.ask(|shared| async move { shared.list(node).await }).await {
            Some(Ok(sessions)) => sessions,
            Some(Err(_)) | None => Vec::new(),
        };
        for session in shared.into_iter().chain(self.memory.list(node).await?) {
            let later = found.get(&session.call_id).is_none_or(|known| known.age() < session.age());
            if later {
                found.insert(session.call_id, session);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn ping(&self) -> Result<(), SessionError> {
        match self.ask(|shared| async move { shared.ping().await }).await {
            Some(answer) => answer,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
