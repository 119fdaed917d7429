//! Looking for calls that lost their process, and for sessions that nobody needs any more.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{CallId, OrgId};
use store::Database;
use store::call_sessions::{CallSession, FailoverSessions, SessionStore as _, TTL_S};
use store::calls::life::{LeftBecause, Whereabouts};
use store::calls::lost::{Silence, Unfinished};
use store::jobs::NewJob;
use store::tx::{OrgTx, SystemTx};
use tokio::time::Instant;

use crate::calls::finish::{self, HEARTBEAT_EVERY};
use crate::error::AppError;
use crate::jobs::FinishCall;
use crate::runtime::App;

/// A call of another node that was silent for so long has lost its process, whatever is configured.
const SILENT_AFTER: Duration = Duration::from_secs(30);
/// Nothing is heard of a caller who waits for a person, or talks with one: longer than everybody can ring.
const WAITS_FOR_A_PERSON: Duration = Duration::from_secs(15 * 60);
/// How often lost calls are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often sessions that nobody needs are looked for.
const SWEEP_SESSIONS_EVERY: Duration = Duration::from_secs(60);
/// A sweep that takes longer found no working database.
const SWEEP_WITHIN: Duration = Duration::from_secs(5);
/// Lost calls taken up at once.
const SWEEP_LIMIT: u32 = 500;

/// How long a call may be silent.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Once it is certain that no process has it: how long the caller may take to come back.
    pub resume_within: Duration,
}

impl Patience {
    /// For calls of nodes whose heartbeat may just be late.
    fn of_others(self) -> Duration {
        (self.resume_within + 2 * HEARTBEAT_EVERY).max(SILENT_AFTER)
    }

    fn silence(self, node: &str, now: DateTime<Utc>) -> Silence<'_> {
        let ago = |time: Duration| now - TimeDelta::from_std(time).unwrap_or_default();
        Silence {
            since: ago(self.of_others()),
            node,
            of_node_since: ago(self.resume_within),
            waiting_since: ago(WAITS_FOR_A_PERSON),
        }
    }

    /// Whether a call counts as lost.
    pub(crate) fn is_over_for(self, call: &Whereabouts, node: &str, now: DateTime<Utc>) -> bool {
        let silence = self.silence(node, now);
        let caller_is_gone = call.left_because.is_some() && call.status.is_terminal();
        let of_node = call.node.as_deref() == Some(node);
        match call.left_because {
            Some(LeftBecause::Transferred) => return true,
            Some(LeftBecause::Transferring) => {
                return caller_is_gone
                    || call.heartbeat_at.unwrap_or(call.started_at) < silence.waiting_since;
            }
            _ => {}
        }
        caller_is_gone
            || call.heartbeat_at.unwrap_or(call.started_at) < silence.since
            || (of_node && call.heartbeat_at.is_some_and(|at| at < silence.of_node_since))
    }
}

/// A session that nobody needs any more.
#[derive(Debug, Clone, PartialEq)]
pub struct StuckSession {
    /// The session.
    pub session: CallSession,
    /// Why nobody needs it, in plain words.
    pub why: &'static str,
}

/// Sessions of calls that are over or gone, or whose last sign of life is older than a session's life.
///
/// # Errors
/// When sessions or records can't be asked.
pub async fn stuck_sessions(
    db: &Database,
    sessions: &FailoverSessions,
    now: DateTime<Utc>,
) -> Result<Vec<StuckSession>, AppError> {
    let mut stuck = Vec::new();
    for session in sessions.list(None).await? {
        let why = if (now - session.heartbeat_at).num_seconds() > i64::try_from(TTL_S).unwrap_or(i64::MAX) {
            Some("its node gave no sign of life for hours")
        } else {
            let mut tx = OrgTx::begin(db, session.org_id).await?;
            match store::calls::get(&mut tx, session.call_id).await {
                Ok(call) if call.finalized_at.is_some() => Some("its call is over"),
                Ok(_) => None,
                Err(store::StoreError::NotFound { .. }) => Some("its call is not in the records"),
                Err(error) => return Err(error.into()),
            }
        };
        stuck.extend(why.map(|why| StuckSession { session, why }));
    }
    Ok(stuck)
}

/// Calls that nobody carries any more. A call of which a session tells that its node still lives is none of them.
///
/// # Errors
/// When records can't be asked.
pub async fn lost_calls(
    db: &Database,
    sessions: &FailoverSessions,
    node: &str,
    patience: Patience,
    now: DateTime<Utc>,
) -> Result<Vec<Unfinished>, AppError> {
    let mut tx = SystemTx::begin(db, "calls that lost their process are of all businesses").await?;
    let found =
        store::calls::lost::list_unfinished(&mut tx, patience.silence(node, now), SWEEP_LIMIT).await?;
    drop(tx);
    let mut lost = Vec::with_capacity(found.len());
    for call in found {
        let session = sessions.get(call.call_id).await.ok().flatten();
        let alive = session.is_some_and(|session| {
            let within = TimeDelta::from_std(patience.of_others()).unwrap_or_default();
            session.left.is_none() && session.node != node && now - session.heartbeat_at < within
        });
        if !alive {
            lost.push(call);
        }
    }
    Ok(lost)
}

/// Promises that the records of these calls are completed.
///
/// # Errors
/// When the promise can't be written.
pub async fn promise(db: &Database, calls: &[(OrgId, CallId)]) -> Result<(), AppError> {
    let mut tx = SystemTx::begin(db, "calls that lost their process are of all businesses").await?;
    for &(org_id, call_id) in calls {
        let key = format!("finish:{call_id}");
        let payload = serde_json::to_value(FinishCall { org_id, call_id })
            .map_err(|error| AppError::Bug(error.to_string()))?;
        let job = NewJob { task: FinishCall::TASK, payload, key: Some(&key), ..NewJob::default() };
        store::jobs::enqueue(&mut tx, &job).await?;
    }
    Ok(tx.commit().await?)
}

impl App {
    /// Keeps looking for calls whose process died and for sessions that nobody needs, until the drain. Run it once, in a
    /// tracked task.
    pub async fn sweep_calls(self: Arc<Self>) {
        let mut every = tokio::time::interval(SWEEP_EVERY);
        let mut sessions_swept = Instant::now();
        let mut answering_since = None;
        loop {
            tokio::select! {
                () = self.drain.cancelled() => return,
                _ = every.tick() => {}
            }
            // A database that was away has no heartbeats of that time: nobody is dead because of that.
            let began = Instant::now();
            let answers = tokio::time::timeout(SWEEP_WITHIN, self.db.ping()).await;
            if !matches!(answers, Ok(Ok(()))) {
                answering_since = None;
                tracing::warn!("lost calls are not looked for: the database does not answer");
                continue;
            }
            let answering_since = *answering_since.get_or_insert(began);
            let settled = answering_since.elapsed() >= 3 * HEARTBEAT_EVERY;
            match self.store_waiting_messages().await {
                Ok(0) => {}
                Ok(stored) => {
                    tracing::info!(messages = stored, "messages that waited for the database are stored");
                }
                Err(error) => tracing::warn!(%error, "messages that wait could not be stored yet"),
            }
            match self.sweep(settled).await {
                Ok(0) => {}
                Ok(found) => {
                    tracing::warn!(calls = found, "calls of a process that died are being completed");
                }
                Err(error) => tracing::warn!(%error, "lost calls could not be looked for"),
            }
            if sessions_swept.elapsed() >= SWEEP_SESSIONS_EVERY {
                sessions_swept = Instant::now();
                if let Err(error) = self.sweep_sessions().await {
                    tracing::warn!(%error, "sessions that nobody needs could not be looked for");
                }
            }
        }
    }

    /// Promises to finish every call that lost its process; returns how many. Those of other nodes only when `settled`.
    async fn sweep(&self, settled: bool) -> Result<usize, AppError> {
        let (node, patience) = (&self.settings.node, self.patience());
        let lost = lost_calls(&self.db, &self.sessions, node, patience, self.ambient.now()).await?;
        let lost: Vec<(OrgId, CallId)> = lost
            .into_iter()
            .filter(|call| !self.carries(call.call_id) && (settled || call.node.as_deref() == Some(node)))
            .map(|call| (call.org_id, call.call_id))
            .collect();
        if !lost.is_empty() {
            promise(&self.db, &lost).await?;
        }
        // Recordings of calls that are over, or that another node goes on with: the process died between the two.
        for (org_id, call_id) in self.spool.leftovers()? {
            if !self.carries(call_id)
                && !self.may_come_back(org_id, call_id).await
                && let Err(error) = finish::store_recording(self, org_id, call_id).await
            {
                tracing::warn!(call.id = %call_id, %error, "a recording left behind could not be stored yet");
            }
        }
        Ok(lost.len())
    }

    /// Whether this node may yet go on with a call, and so with its recording.
    async fn may_come_back(&self, org_id: OrgId, call_id: CallId) -> bool {
        let asked = async {
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            let call = store::calls::life::hold(&mut tx, call_id).await?;
            // Another node may wait for the call.
            tx.commit().await?;
            let ours = call.node.as_deref().is_none_or(|node| node == self.settings.node);
            Ok::<_, store::StoreError>(call.finalized_at.is_none() && ours)
        };
        // A call that is gone does not; whether one that can't be asked for does is seen later.
        asked.await.unwrap_or_else(|error| !matches!(error, store::StoreError::NotFound { .. }))
    }

    async fn sweep_sessions(&self) -> Result<(), AppError> {
        for stuck in stuck_sessions(&self.db, &self.sessions, self.ambient.now()).await? {
            let CallSession { call_id, resumptions, .. } = stuck.session;
            if !self.carries(call_id) {
                tracing::info!(call.id = %call_id, why = stuck.why, "a session is removed");
                self.sessions.delete(call_id, resumptions).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { resume_within: self.settings.resume_within }
    }
}
