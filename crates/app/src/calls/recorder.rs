//! Writes a call's log while the call runs: in small batches, never waited for by the call.
//!
//! Watchers see an event at once; the database sees it at the latest [`FLUSH_EVERY`] later. When the database
//! is away the events wait here, bounded, and are stored when it is back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::call_log::{CallEvent, EndReason, EventKind};
use domain::ids::{CallId, OrgId};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use store::tx::OrgTx;

use crate::calls::engine::REALTIME;
use crate::deadlines;
use crate::live::LiveEvent;
use crate::runtime::App;

/// The longest an event waits for others to be written with.
const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Events written in one statement.
const BATCH: usize = 200;
/// Events kept while the database is away: hours of a conversation. Beyond it the oldest go.
const BACKLOG: usize = 20_000;
/// How long the events of a call that is over wait for a database that is away.
const LAST_FLUSH_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Receives a call's events until the channel closes, then makes sure that all are stored.
/// Returns how many could not be.
///
/// That the line was lost is not written: the caller may come back. What of it becomes the call's end is decided later.
pub(crate) async fn record(
    app: Arc<App>,
    org_id: OrgId,
    call_id: CallId,
    mut events: mpsc::Receiver<CallEvent>,
) -> usize {
    let mut writer = Writer {
        app,
        org_id,
        call_id,
        waiting: VecDeque::new(),
        lost: 0,
        given_up: false,
        is_a_models: false,
    };
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(CallEvent { kind: EventKind::Ended { reason: EndReason::ConnectionLost }, .. }) => {}
                Some(event) => writer.take(event),
                None => break,
            },
            _ = flush.tick(), if !writer.waiting.is_empty() => {
                writer.flush().await;
            }
        }
    }
    writer.finish().await
}

struct Writer {
    app: Arc<App>,
    org_id: OrgId,
    call_id: CallId,
    waiting: VecDeque<CallEvent>,
    lost: usize,
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
            _ => {}
        }
        self.app.live.publish(LiveEvent { org_id: self.org_id, call_id: self.call_id, event: event.clone() });
        // Words so far are superseded by the turn: worth showing, not worth keeping.
        if matches!(event.kind, EventKind::CallerPartial { .. })
            && let Some(last) = self.waiting.back()
            && matches!(last.kind, EventKind::CallerPartial { .. })
        {
            self.waiting.pop_back();
        }
        if self.waiting.len() >= BACKLOG {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(event);
    }

    /// Writes what waits; whether all of it is stored.
    async fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            if self.given_up {
                // Another node has gone on with the call, and its log is that one's.
                self.lost += self.waiting.len();
                self.waiting.clear();
                return true;
            }
            let batch: Vec<CallEvent> = self.waiting.iter().take(BATCH).cloned().collect();
            match self.write(&batch).await {
                Ok(true) => drop(self.waiting.drain(..batch.len())),
                Ok(false) => {
                    tracing::warn!(call.id = %self.call_id, "another node has gone on with a call of this one");
                    self.given_up = true;
                }
                Err(error) => {
                    tracing::warn!(call.id = %self.call_id, waiting = self.waiting.len(), %error, "call events could not be stored yet");
                    return false;
                }
            }
        }
        true
    }

    /// Whether the call is still this node's.
    async fn write(&self, batch: &[CallEvent]) -> Result<bool, store::StoreError> {
        let (node, now) = (&self.app.settings.node, self.app.ambient.now());
        // Entries that are there already are left as they are, so that a batch can be written again.
        deadlines::database(async {
            let mut tx = OrgTx::begin(&self.app.db, self.org_id).await?;
            let ours = store::calls::events::append_as(&mut tx, self.call_id, node, batch, now).await?;
            tx.commit().await?;
            Ok(ours)
        })
        .await
    }

    async fn finish(mut self) -> usize {
        let deadline = Instant::now() + LAST_FLUSH_PATIENCE;
        let mut pause = Duration::from_millis(200);
        while !self.flush().await {
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
