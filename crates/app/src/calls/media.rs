//! Connecting a call's media stream to a session, and everything around the session.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use domain::call_log::{CallEvent, ContinueCause, EndReason, EventKind};
use domain::call_plan::CallPlan;
use domain::ids::{CallId, OrgId};
use domain::webhooks::EventType;
use futures_util::FutureExt as _;
use store::calls::life::{LeftBecause, Taken};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use voice::call::{CallParts, CallState, Outcome, Start};
use voice::phone::{Pace, PhoneLine};

use crate::calls::beating;
use crate::calls::finish::{self, Closer};
use crate::calls::keeping::Keeping;
use crate::calls::status::goes_on_after;
use crate::deadlines;
use crate::error::AppError;
use crate::runtime::App;
use crate::{ticket, transfers, webhooks};
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
    /// The carrier's id of the call.
    call_sid: String,
    /// Where it begins.
    start: Start,
    /// The entry of the log that tells that the call goes on.
    continued: Option<CallEvent>,
    /// How often the call went on with a new stream.
    resumptions: u32,
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

impl MediaGrant {
    /// Who speaks with whom about what: what the session is to do.
    #[must_use]
    pub fn plan(&self) -> &Arc<CallPlan> {
        &self.plan
    }
}

impl App {
    /// Lets a media stream in: its ticket is burned, the call is answered, the plan is made.
    ///
    /// # Errors
    /// The refusal; the carrier then goes on with the spoken tail of its instructions.
    pub async fn connect_media(&self, request: MediaRequest) -> Result<MediaGrant, MediaRefusal> {
        if self.is_stopping() || self.active_calls() >= self.settings.max_calls {
            return Err(MediaRefusal::Busy);
        }
        let (org_id, call_id) = self.burn_ticket(&request).await?;
        if self.carries(call_id) {
            return Err(MediaRefusal::Duplicate);
        }
        let (plan, taken) = self.begin_media(org_id, call_id).await.map_err(|error| {
            tracing::error!(call.id = %call_id, %error, "a call's media could not be prepared");
            MediaRefusal::Failed
        })?;
        let (start, continued) = self.start_of(org_id, call_id, &taken).await.map_err(|error| {
            tracing::error!(call.id = %call_id, %error, "where a call is to begin could not be found out");
            MediaRefusal::Failed
        })?;
        let lockstep = request.lockstep_wanted && self.settings.allow_lockstep;
        let pace = if lockstep { Pace::Lockstep } else { Pace::RealTime };
        Ok(MediaGrant {
            org_id,
            call_id,
            pace,
            plan,
            call_sid: request.call_sid,
            start,
            continued,
            resumptions: taken.resumptions,
        })
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

    async fn begin_media(&self, org_id: OrgId, call_id: CallId) -> Result<(Arc<CallPlan>, Taken), AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let taken =
            store::calls::life::mark_answered(&mut tx, call_id, &self.settings.node, self.ambient.now())
                .await?;
        if taken.is_some() {
            let call = store::calls::get(&mut tx, call_id).await?;
            // A stream that connects again is still the same call.
            let key = call_id.to_string();
            webhooks::publish(&mut tx, self, EventType::CallStarted, &key, webhooks::call(&call)).await?;
        }
        tx.commit().await?;
        let Some(taken) = taken else {
            return Err(AppError::Conflict { reason: "the call is over already".to_owned() });
        };
        Ok((self.plan(org_id, call_id).await?, taken))
    }

    /// Runs a call to its end and writes everything of it. Returns when the record is complete.
    pub async fn run_call(self: &Arc<Self>, grant: MediaGrant, line: PhoneLine) -> Option<Outcome> {
        let MediaGrant { org_id, call_id, plan, call_sid, mut start, continued, resumptions, .. } = grant;
        let hand_over = CancellationToken::new();
        let Some(registration) = self.begin_call(call_id, &call_sid, hand_over.clone()) else {
            tracing::warn!(call.id = %call_id, "a second session for a call, or one too many, was not begun");
            return None;
        };
        let (log, events) = mpsc::channel::<CallEvent>(LOG_QUEUE);
        let written = self.tasks.spawn(Arc::clone(self).record_log(Arc::clone(&plan), events));
        if let Some(continued) = continued {
            // The first entry of a queue with room for a thousand.
            let _sent = log.try_send(continued);
        }
        let (recording, recorded) = self.record_audio(&plan);
        let (state, states) = watch::channel(CallState::default());
        let tools = self.conversation_tools(Arc::clone(&plan));
        let realtime = self.engine(&plan, Arc::clone(&tools), &log, &mut start);
        let ended_log = log.clone();
        let wishes = plan.agent.providers.clone();
        let stt = wishes.stt.and_then(|ids| self.stt.in_order(&ids)).unwrap_or_else(|| Arc::clone(&self.stt));
        let tts = wishes.tts.and_then(|ids| self.tts.in_order(&ids)).unwrap_or_else(|| Arc::clone(&self.tts));
        let parts = CallParts {
            mind: self.brain.begin(Arc::clone(&plan), tools),
            plan,
            stt,
            tts,
            vad: Arc::clone(&self.vad),
            log,
            recording,
            ambient: self.ambient.clone(),
            realtime,
            start,
            state,
            drain: self.drain.child_token(),
            hand_over: hand_over.clone(),
        };
        let beat = CancellationToken::new();
        self.tasks.spawn(beating::beat(Arc::clone(self), call_id, beat.clone(), hand_over.clone()));
        let keeping = Keeping { org_id, call_id, call_sid, resumptions };
        let kept = self.tasks.spawn(keeping.clone().keep(Arc::clone(self), states, beat.clone(), hand_over));
        let outcome = AssertUnwindSafe(Box::pin(voice::call::run(parts, line))).catch_unwind().await;
        let outcome = outcome.inspect_err(|_| {
            tracing::error!(org.id = %org_id, call.id = %call_id, "a defect ended the session; the caller is left to the spoken tail");
        });
        if outcome.is_err() {
            let kind = EventKind::Ended { reason: EndReason::InternalError };
            // After the last regular entry; a full queue means the writer works on it anyway.
            let _full = ended_log.try_send(CallEvent { seq: u32::MAX >> 1, at_ms: 0, kind });
        }
        let outcome = outcome.ok();
        let mut waits = false;
        if let Some(outcome) = outcome.as_ref().filter(|outcome| outcome.reason == EndReason::Transferred) {
            // Boxed like the session.
            waits = Box::pin(deadlines::soon(transfers::is_prepared(self, org_id, call_id)))
                .await
                .unwrap_or(false);
            if !waits {
                let (kind, at_ms) = (EventKind::Ended { reason: outcome.reason }, outcome.state.at_ms);
                // A full queue means the writer works on it anyway.
                let _full = ended_log.try_send(CallEvent { seq: finish::AFTERWARDS, at_ms, kind });
            }
        }
        drop(ended_log);
        // Before anything is written: the carrier asks at once what follows, whether the database is there or not.
        self.remember_outcome(call_id, outcome.as_ref());
        registration.is_over(hangs_up(outcome.as_ref()));
        if let Err(error) = written.await {
            tracing::error!(call.id = %call_id, %error, "the writer of the call's log died");
        }
        if let Some(recorded) = recorded
            && let Ok(Err(error)) = recorded.await
        {
            tracing::error!(call.id = %call_id, %error, "the recording is incomplete");
        }
        beat.cancel();
        // Nothing of it may come after what is written next.
        if let Err(error) = kept.await {
            tracing::error!(call.id = %call_id, %error, "the keeper of a call's session died");
        }
        let because = match &outcome {
            Some(Outcome { handed_over: Some(ContinueCause::HandedOver), .. }) => {
                Some(LeftBecause::HandedOver)
            }
            Some(Outcome { handed_over: Some(ContinueCause::CutOff), .. })
            | Some(Outcome { reason: EndReason::ConnectionLost, .. }) => Some(LeftBecause::ConnectionLost),
            _ => None,
        };
        // Boxed like the session: what a call needs at its end takes no memory while it runs.
        let closing = Box::pin(async {
            if waits && let Some(outcome) = &outcome {
                return self.leave_to_wait(&keeping, outcome).await;
            }
            match (because, &outcome) {
                (Some(because), Some(outcome)) => self.leave_call(&keeping, because, outcome).await,
                _ => finish::close(self, org_id, call_id, Closer::Carrier).await,
            }
        });
        if let Err(error) = deadlines::closing(closing).await {
            // The sweep finishes it.
            tracing::warn!(call.id = %call_id, %error, "the call's record is completed later");
        }
        drop(registration);
        outcome
    }

    /// Lets go of a call that is not over: its caller comes back here or on another node, or is gone.
    async fn leave_call(
        &self,
        keeping: &Keeping,
        because: LeftBecause,
        outcome: &Outcome,
    ) -> Result<(), AppError> {
        let (org_id, call_id, now) = (keeping.org_id, keeping.call_id, self.ambient.now());
        let cause = match because {
            LeftBecause::HandedOver => ContinueCause::HandedOver,
            LeftBecause::ConnectionLost => ContinueCause::CutOff,
            LeftBecause::Transferring | LeftBecause::Transferred => ContinueCause::NotConnected,
        };
        // Before the record tells that the call may be taken.
        keeping.write(self, &keeping.session(self, &outcome.state, now, Some(cause))).await;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        store::calls::life::leave(&mut tx, call_id, &self.settings.node, because, now).await?;
        let left = store::calls::life::hold(&mut tx, call_id).await?;
        tx.commit().await?;
        tracing::info!(call.id = %call_id, ?because, "a call is left for another stream to go on with");
        if left.status.is_terminal() {
            // The carrier has told meanwhile that the caller is gone.
            return finish::close(self, org_id, call_id, Closer::Carrier).await;
        }
        if outcome.handed_over.is_some() {
            // This node's disk may go with it.
            finish::store_recording(self, org_id, call_id).await?;
        }
        Ok(())
    }

    /// Lets go of a call whose caller waits for a person.
    async fn leave_to_wait(&self, keeping: &Keeping, outcome: &Outcome) -> Result<(), AppError> {
        let (org_id, call_id, now) = (keeping.org_id, keeping.call_id, self.ambient.now());
        let cause = Some(ContinueCause::NotConnected);
        keeping.write(self, &keeping.session(self, &outcome.state, now, cause)).await;
        let is_gone = transfers::leave(self, org_id, call_id).await?;
        if is_gone { finish::close(self, org_id, call_id, Closer::Carrier).await } else { Ok(()) }
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
}

/// Whether nothing follows a call whose media part ended like this.
fn hangs_up(outcome: Option<&Outcome>) -> bool {
    outcome.is_some_and(|outcome| {
        outcome.handed_over.is_none() && !outcome.left_to_spoken_tail && !goes_on_after(outcome.reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::heeding;

    fn three<A, B, C, F: Future>(_make: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    fn four<A, B, C, D, F: Future>(_make: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    fn five<A, B, C, D, E, F: Future>(_make: impl Fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_tasks_of_a_call_take_little_memory() {
        let sizes = [
            ("the call", three(App::run_call)),
            ("the writer of its log", three(App::record_log)),
            ("whoever heeds its turns", three(heeding::heed)),
            ("its signs of life", four(beating::beat)),
            ("the keeper of its session", five(Keeping::keep)),
        ];
        for (what, bytes) in sizes {
            assert!(bytes <= 2 * 1024, "{what}: {bytes} bytes");
        }
    }
}
