//! Connecting a call's media stream to a session, and everything around the session.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use domain::call_log::{CallEvent, EndReason, EventKind};
use domain::call_plan::CallPlan;
use domain::ids::{CallId, OrgId};
use domain::webhooks::EventType;
use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use voice::call::{CallParts, CallState, Outcome, Start};
use voice::phone::{Pace, PhoneLine};

use crate::calls::{finish, recorder};
use crate::conversation_tools::CallTools;
use crate::error::AppError;
use crate::runtime::App;
use crate::{ticket, webhooks};
use store::tx::{OrgTx, SystemTx};

/// Log entries that may wait for the writer. Beyond it they wait inside the session.
const LOG_QUEUE: usize = 1_024;
/// Seconds of audio that may wait for the disk. Beyond it the recording has holes; the call has none.
const RECORDING_QUEUE: usize = 30;

/// A media stream that asks to be let in.
#[derive(Debug, Clone)]
pub struct MediaRequest {
    /// The carrier's id of the call.
    pub call_sid: String,
    /// The carrier's id of the stream (`MZ…`).
    pub stream_sid: String,
    /// The ticket from the stream's parameters.
    pub ticket: String,
    /// Whether the other side wants to be driven in lockstep.
    pub lockstep_wanted: bool,
}

/// Leave to run a session.
#[derive(Debug)]
pub struct MediaGrant {
    /// The business.
    pub org_id: OrgId,
    /// The call.
    pub call_id: CallId,
    /// The pace that is granted.
    pub pace: Pace,
    /// What the session is to do.
    plan: Arc<CallPlan>,
}

/// Why a media stream is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaRefusal {
    /// The ticket is unknown, expired, used, or of another call.
    #[error("the ticket is not valid for this call")]
    BadTicket,
    /// The call has a stream already.
    #[error("the call already has a media stream")]
    Duplicate,
    /// The server is stopping or full.
    #[error("no new calls are taken now")]
    Busy,
    /// Something of ours failed.
    #[error("the call could not be prepared")]
    Failed,
}

impl App {
    /// Lets a media stream in: its ticket is burned, the call is answered, the plan is made.
    ///
    /// # Errors
    /// The refusal; the carrier then goes on with the spoken tail of its instructions.
    pub async fn connect_media(&self, request: MediaRequest) -> Result<MediaGrant, MediaRefusal> {
        if self.drain.is_cancelled() || self.active_calls() >= self.settings.max_calls {
            return Err(MediaRefusal::Busy);
        }
        let (org_id, call_id) = self.burn_ticket(&request).await?;
        if self.carries(call_id) {
            return Err(MediaRefusal::Duplicate);
        }
        let plan = self.begin_media(org_id, call_id).await.map_err(|error| {
            tracing::error!(call.id = %call_id, %error, "a call's media could not be prepared");
            MediaRefusal::Failed
        })?;
        let lockstep = request.lockstep_wanted && self.settings.allow_lockstep;
        let pace = if lockstep { Pace::Lockstep } else { Pace::RealTime };
        Ok(MediaGrant { org_id, call_id, pace, plan })
    }

    async fn burn_ticket(&self, request: &MediaRequest) -> Result<(OrgId, CallId), MediaRefusal> {
        let burned = async {
            let mut tx =
                SystemTx::begin(&self.db, "a media ticket tells which business the stream is for").await?;
            let hash = ticket::hash(&request.ticket);
            let burned =
                store::calls::tickets::burn(&mut tx, &hash, &request.call_sid, self.ambient.now()).await?;
            tx.commit().await?;
            Ok::<_, store::StoreError>(burned)
        };
        match burned.await {
            Ok(Some(call)) => Ok(call),
            Ok(None) => Err(MediaRefusal::BadTicket),
            Err(error) => {
                tracing::error!(call.sid = %request.call_sid, %error, "a media ticket could not be checked");
                Err(MediaRefusal::Failed)
            }
        }
    }

    async fn begin_media(&self, org_id: OrgId, call_id: CallId) -> Result<Arc<CallPlan>, AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let open =
            store::calls::life::mark_answered(&mut tx, call_id, &self.settings.node, self.ambient.now())
                .await?;
        if open {
            let call = store::calls::get(&mut tx, call_id).await?;
            // A stream that connects again is still the same call.
            let key = call_id.to_string();
            webhooks::publish(&mut tx, self, EventType::CallStarted, &key, webhooks::call(&call)).await?;
        }
        tx.commit().await?;
        if !open {
            return Err(AppError::Conflict { reason: "the call is over already".to_owned() });
        }
        self.plan(org_id, call_id).await
    }

    /// Runs a call to its end and writes everything of it. Returns when the record is complete.
    pub async fn run_call(self: &Arc<Self>, grant: MediaGrant, line: PhoneLine) -> Option<Outcome> {
        let MediaGrant { org_id, call_id, plan, .. } = grant;
        let Some(registration) = self.begin_call(call_id) else {
            tracing::warn!(call.id = %call_id, "a second session for a call, or one too many, was not begun");
            return None;
        };
        let (log, events) = mpsc::channel::<CallEvent>(LOG_QUEUE);
        let written = self.tasks.spawn(recorder::record(Arc::clone(self), org_id, call_id, events));
        let (recording, recorded) = self.record_audio(&plan);
        let tools = Arc::new(CallTools::new(Arc::clone(self), Arc::clone(&plan)));
        let ended_log = log.clone();
        let parts = CallParts {
            mind: self.brain.begin(Arc::clone(&plan), tools),
            plan,
            stt: Arc::clone(&self.stt),
            tts: Arc::clone(&self.tts),
            vad: Arc::clone(&self.vad),
            log,
            recording,
            ambient: self.ambient.clone(),
            realtime: None,
            start: Start::default(),
            state: tokio::sync::watch::Sender::new(CallState::default()),
            drain: self.drain.child_token(),
            hand_over: CancellationToken::new(),
        };
        let beat = CancellationToken::new();
        self.tasks.spawn(Arc::clone(self).keep_heartbeat(call_id, beat.clone()));
        let outcome = AssertUnwindSafe(voice::call::run(parts, line)).catch_unwind().await;
        let outcome = outcome.inspect_err(|_| {
            tracing::error!(org.id = %org_id, call.id = %call_id, "a defect ended the session; the caller is left to the spoken tail");
        });
        if outcome.is_err() {
            let kind = EventKind::Ended { reason: EndReason::InternalError };
            // After the last regular entry; a full queue means the writer works on it anyway.
            let _full = ended_log.try_send(CallEvent { seq: u32::MAX >> 1, at_ms: 0, kind });
        }
        drop(ended_log);
        if let Err(error) = written.await {
            tracing::error!(call.id = %call_id, %error, "the writer of the call's log died");
        }
        if let Some(recorded) = recorded
            && let Ok(Err(error)) = recorded.await
        {
            tracing::error!(call.id = %call_id, %error, "the recording is incomplete");
        }
        let outcome = outcome.ok();
        self.remember_outcome(call_id, outcome.as_ref());
        if let Err(error) = finish::close(self, org_id, call_id).await {
            // The job that was promised with the last events finishes it, or the sweep does.
            tracing::warn!(call.id = %call_id, %error, "the call's record is completed later");
        }
        beat.cancel();
        drop(registration);
        outcome
    }

    #[expect(clippy::type_complexity, reason = "the two ends of one recording")]
    fn record_audio(
        self: &Arc<Self>,
        plan: &CallPlan,
    ) -> (Option<mpsc::Sender<voice::call::StereoBlock>>, Option<tokio::task::JoinHandle<Result<(), AppError>>>)
    {
        if !plan.recording {
            return (None, None);
        }
        let (blocks, incoming) = mpsc::channel(RECORDING_QUEUE);
        let app = Arc::clone(self);
        let (org_id, call_id) = (plan.org_id, plan.call_id);
        let task = self.tasks.spawn(async move { app.spool.record(org_id, call_id, incoming).await });
        (Some(blocks), Some(task))
    }

    async fn keep_heartbeat(self: Arc<Self>, call_id: CallId, stop: CancellationToken) {
        let mut every = tokio::time::interval(finish::HEARTBEAT_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = every.tick() => {}
            }
            let beat = async {
                let mut tx =
                    SystemTx::begin(&self.db, "heartbeats are of a process, not of a tenant").await?;
                store::calls::life::heartbeat(&mut tx, &self.settings.node, &[call_id], self.ambient.now())
                    .await?;
                tx.commit().await
            };
            if let Err(error) = beat.await {
                tracing::warn!(call.id = %call_id, %error, "the heartbeat of a call could not be written");
            }
        }
    }
}
