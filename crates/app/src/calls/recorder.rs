//! Writes a call's log while the call runs: in small batches, never waited for by the call.
//!
//! Watchers see an event at once, also while others are being written; the database sees it at the latest a quarter of
//! a second later, together with those of other calls. When the database is away the events wait here, bounded, and are
//! stored when it is back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::call_log::{CallEvent, EndReason, EventKind};
use domain::call_plan::CallPlan;
use domain::ids::{CallId, OrgId};
use store::StoreError;
use store::calls::events;
use tokio::sync::mpsc;
use tokio::time::Instant;

use store::tx::OrgTx;

use crate::calls::engine::REALTIME;
use crate::calls::finish::AFTERWARDS;
use crate::calls::heeding;
use crate::calls::together::{Joint, Together, Weight};
use crate::deadlines;
use crate::live::LiveEvent;
use crate::runtime::App;

/// How long a call's entries wait for those of others. An entry that comes while others are written waits twice.
const GATHER: Duration = Duration::from_millis(125);
/// Events written in one statement, of all calls of a business.
const MOST_TOGETHER: usize = 2_000;
/// Events of a call written in one statement.
const BATCH: usize = 200;
/// Events kept while the database is away: hours of a conversation. Beyond it the oldest go.
const BACKLOG: usize = 20_000;
/// How long the next try waits after one that failed.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// How long the events of a call that is over wait for a database that is away.
const LAST_FLUSH_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Entries of a call.
type Log = (CallId, Arc<[CallEvent]>);
/// The logs of a business's calls that are written together; what comes of each is whether it is still this node's.
pub(crate) type Logs = Together<OrgId, Log, bool>;

impl Weight for Log {
    fn weight(&self) -> usize {
        self.1.len()
    }
}

/// Where the logs of a process's calls meet.
pub(crate) fn logs() -> Logs {
    Together::new(GATHER, MOST_TOGETHER)
}

impl App {
    /// Receives a call's events until the channel closes, heeds what the caller says, and makes sure that all are stored.
    /// Returns how many could not be.
    ///
    /// That the line was lost is not written: the caller may come back. What of it becomes the call's end is decided
    /// later.
    pub async fn record_log(
        self: Arc<Self>,
        plan: Arc<CallPlan>,
        mut events: mpsc::Receiver<CallEvent>,
    ) -> usize {
        let app = self;
        let (org_id, call_id) = (plan.org_id, plan.call_id);
        let (heeded, turns) = mpsc::channel(heeding::WAITING);
        // Ends with the writer, which has the other end.
        let heeding = app.tasks.spawn(heeding::heed(Arc::clone(&app), plan, turns));
        let mut writer = Writer {
            app,
            org_id,
            call_id,
            waiting: VecDeque::new(),
            in_work: 0,
            lost: 0,
            heeded,
            given_up: false,
            is_a_models: false,
        };
        let mut work: Option<Work> = None;
        let mut not_before = Instant::now();
        loop {
            if work.is_none() && !writer.waiting.is_empty() {
                work = Some(writer.begin(not_before));
            }
            let worked = async {
                match &mut work {
                    Some(work) => work.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.recv() => match event {
                    Some(CallEvent { kind: EventKind::Ended { reason: EndReason::ConnectionLost }, .. }) => {}
                    // Whether it is over or the caller comes back is decided behind the session.
                    Some(CallEvent { kind: EventKind::Ended { reason: EndReason::Transferred }, seq, .. })
                        if seq < AFTERWARDS => {}
                    Some(event) => writer.take(event),
                    None => break,
                },
                written = worked => {
                    work = None;
                    if !writer.settle(written) {
                        not_before = Instant::now() + TRY_AGAIN_AFTER;
                    }
                }
            }
        }
        if let Some(work) = work {
            // It may still be waiting for others, or write theirs; the call's record does not wait for that, and what is
            // written twice is there once.
            writer.in_work = 0;
            drop(writer.app.tasks.spawn(work));
        }
        // Boxed, like each batch: what a transaction needs takes no memory while nothing is written.
        let lost = Box::pin(writer.finish()).await;
        // What was said last counts, too, before the record is closed.
        if let Err(error) = heeding.await {
            tracing::error!(call.id = %call_id, %error, "whoever heeds the call's turns died");
        }
        lost
    }
}

/// A batch on its way to the database: whether the call is still this node's.
type Work = Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send>>;

struct Writer {
    app: Arc<App>,
    org_id: OrgId,
    call_id: CallId,
    /// Not known to be stored, oldest first.
    waiting: VecDeque<CallEvent>,
    /// So many of them are on their way: they are neither changed nor moved.
    in_work: usize,
    lost: usize,
    /// Takes what the caller says.
    heeded: mpsc::Sender<String>,
    given_up: bool,
    /// Whether a speech-to-speech model carries the call now.
    is_a_models: bool,
}

impl Writer {
    fn take(&mut self, event: CallEvent) {
        match &event.kind {
            EventKind::EngineReady { engine, .. } => self.is_a_models = engine == REALTIME,
            EventKind::EngineChanged { to, .. } => self.is_a_models = to == REALTIME,
            EventKind::Latency { parts, .. } if self.is_a_models => {
                self.app.response_times.note(Duration::from_millis(parts.total_ms.into()));
            }
            EventKind::CallerTurn { text, .. } if self.heeded.try_send(text.clone()).is_err() => {
                tracing::warn!(call.id = %self.call_id, "a turn was not heeded: the database is too slow");
            }
            _ => {}
        }
        self.app.live.publish(LiveEvent { org_id: self.org_id, call_id: self.call_id, event: event.clone() });
        self.lost += if self.given_up { 1 } else { keep(&mut self.waiting, self.in_work, event) };
    }

    /// Begins to write the oldest of what waits.
    fn begin(&mut self, not_before: Instant) -> Work {
        let batch = self.batch();
        let (app, org_id, call_id) = (Arc::clone(&self.app), self.org_id, self.call_id);
        Box::pin(async move {
            tokio::time::sleep_until(not_before).await;
            write(&app, org_id, call_id, batch).await
        })
    }

    fn batch(&mut self) -> Arc<[CallEvent]> {
        let batch: Arc<[CallEvent]> = self.waiting.iter().take(BATCH).cloned().collect();
        self.in_work = batch.len();
        batch
    }

    /// What became of the batch; whether it needs no other try.
    fn settle(&mut self, written: Result<bool, StoreError>) -> bool {
        let in_work = std::mem::take(&mut self.in_work);
        match written {
            Ok(true) => drop(self.waiting.drain(..in_work)),
            Ok(false) => {
                tracing::warn!(call.id = %self.call_id, "another node has gone on with a call of this one");
                // The log is that one's.
                self.given_up = true;
                self.lost += self.waiting.len();
                self.waiting.clear();
            }
            Err(error) => {
                tracing::warn!(call.id = %self.call_id, waiting = self.waiting.len(), %error, "call events could not be stored yet");
                return false;
            }
        }
        true
    }

    /// Writes the rest, without waiting for others: the call's record is made of it next.
    async fn finish(mut self) -> usize {
        let deadline = Instant::now() + LAST_FLUSH_PATIENCE;
        let mut pause = Duration::from_millis(200);
        while !self.waiting.is_empty() {
            let batch = self.batch();
            let written = write_alone(&self.app, self.org_id, self.call_id, &batch).await;
            if self.settle(written) {
                continue;
            }
            if Instant::now() + pause > deadline {
                tracing::error!(call.id = %self.call_id, lost = self.waiting.len(), "call events are lost: the database did not come back");
                return self.lost + self.waiting.len();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
        self.lost
    }
}

/// Puts an event behind those that wait, of which the first `in_work` are being written. Returns how many had to go
/// for it.
fn keep(waiting: &mut VecDeque<CallEvent>, in_work: usize, event: CallEvent) -> usize {
    // Words so far are superseded by the turn: worth showing, not worth keeping.
    if matches!(event.kind, EventKind::CallerPartial { .. })
        && waiting.len() > in_work
        && waiting.back().is_some_and(|last| matches!(last.kind, EventKind::CallerPartial { .. }))
    {
        waiting.pop_back();
    }
    let lost = usize::from(waiting.len() >= BACKLOG && waiting.remove(in_work).is_some());
    waiting.push_back(event);
    lost
}

/// Whether the call is still this node's.
async fn write(
    app: &Arc<App>,
    org_id: OrgId,
    call_id: CallId,
    batch: Arc<[CallEvent]>,
) -> Result<bool, StoreError> {
    let work = |logs: Vec<Log>| {
        let app = Arc::clone(app);
        async move { write_together(&app, org_id, &logs).await }
    };
    match app.logs.join(org_id, (call_id, Arc::clone(&batch)), work).await {
        Joint::Done(ours) => Ok(ours),
        Joint::Away { reason } => Err(StoreError::Unavailable { reason }),
        Joint::Alone => write_alone(app, org_id, call_id, &batch).await,
    }
}

/// Entries that are there already are left as they are, so that a batch can be written again.
async fn write_together(app: &App, org_id: OrgId, logs: &[Log]) -> Result<Vec<Option<bool>>, StoreError> {
    deadlines::database(async {
        let mut tx = OrgTx::begin(&app.db, org_id).await?;
        let stored = events::append_together(&mut tx, &app.settings.node, logs, app.ambient.now()).await?;
        tx.commit().await?;
        Ok(logs.iter().map(|(call_id, _)| stored.contains(call_id).then_some(true)).collect())
    })
    .await
}

async fn write_alone(
    app: &App,
    org_id: OrgId,
    call_id: CallId,
    batch: &[CallEvent],
) -> Result<bool, StoreError> {
    deadlines::database(async {
        let mut tx = OrgTx::begin(&app.db, org_id).await?;
        let now = app.ambient.now();
        let ours = events::append_as(&mut tx, call_id, &app.settings.node, batch, now).await?;
        tx.commit().await?;
        Ok(ours)
    })
    .await
}

#[cfg(test)]
mod tests {
    use domain::ids::TurnId;

    use super::*;

    fn partial(seq: u32) -> CallEvent {
        let kind = EventKind::CallerPartial { turn: TurnId(uuid::Uuid::nil()), text: String::new() };
        CallEvent { seq, at_ms: 0, kind }
    }

    fn other(seq: u32) -> CallEvent {
        CallEvent { seq, at_ms: 0, kind: EventKind::SpeechStarted }
    }

    fn numbers(waiting: &VecDeque<CallEvent>) -> Vec<u32> {
        waiting.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn words_so_far_are_superseded_unless_they_are_being_written() {
        let mut waiting = VecDeque::new();
        for event in [other(0), partial(1), partial(2)] {
            assert_eq!(keep(&mut waiting, 0, event), 0);
        }
        assert_eq!(numbers(&waiting), [0, 2]);
        // Both are on their way: what comes must not take the place of one of them.
        for event in [partial(3), partial(4)] {
            assert_eq!(keep(&mut waiting, 2, event), 0);
        }
        assert_eq!(numbers(&waiting), [0, 2, 4]);
    }

    #[test]
    fn a_full_backlog_loses_the_oldest_that_is_not_being_written() {
        let mut waiting: VecDeque<CallEvent> = (0..BACKLOG as u32).map(other).collect();
        assert_eq!(keep(&mut waiting, 2, other(BACKLOG as u32)), 1);
        assert_eq!(waiting.len(), BACKLOG);
        assert_eq!(numbers(&waiting)[..4], [0, 1, 3, 4]);
    }
}
