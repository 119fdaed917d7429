//! Going on with a call whose media stream ended although the conversation had not.
//!
//! The carrier asks any node what follows. When nothing says that the call is over it is connected again, and goes on
//! from its session, or, when that is gone, from its log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::call_log::{CallEvent, ContinueCause, EndReason, EventKind};
use domain::history::History;
use domain::ids::{CallId, OrgId, TransferId};
use store::call_sessions::{CallSession, SessionStore as _};
use store::calls::life::{LeftBecause, Taken, Whereabouts};
use store::tx::{OrgTx, SystemTx};
use tokio::time::Instant;
use voice::call::{CallState, Start};

use crate::calls::finish::read_log;
use crate::error::AppError;
use crate::runtime::App;
use crate::ticket;

/// A call goes on with a new stream at most so often; then the caller is asked for a message.
const MOST_RESUMPTIONS: u32 = 5;
/// A stream that never came about is tried once more.
const MOST_BEGINNINGS: u32 = 1;
/// How long a node that lives may take to write what became of its call. A caller waits meanwhile.
const SETTLED_WITHIN: Duration = Duration::from_millis(1_500);
/// How soon that is looked for again; each time later by half, as many calls may wait at once.
const LOOK_AFTER: Duration = Duration::from_millis(40);
/// At most so much later.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is known of a call whose stream ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It is over.
    Over(Option<EndReason>),
    /// It is not: here is the ticket for another stream.
    GoesOn {
        /// The ticket.
        ticket: String,
    },
    /// Its caller waits for a person.
    Waits(TransferId),
    /// It could not be gone on with.
    GivenUp,
}

impl App {
    /// Finds out what became of a call whose stream ended, and takes it over when it is not over.
    ///
    /// # Errors
    /// When the records can't be asked.
    pub(super) async fn settle_stream(
        &self,
        org_id: OrgId,
        call_id: CallId,
        call_sid: &str,
    ) -> Result<Ended, AppError> {
        let left = self.wait_for_the_other_node(org_id, call_id).await?;
        if left.left_because == Some(LeftBecause::Transferring)
            && let Some(transfer) = self.begin_ringing(org_id, call_id).await?
        {
            return Ok(Ended::Waits(transfer));
        }
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        if left.finalized_at.is_some() {
            return Ok(Ended::Over(store::calls::get(&mut tx, call_id).await?.end_reason));
        }
        if left.status.is_terminal() {
            return Ok(Ended::Over(Some(EndReason::CallerHungUp)));
        }
        let log = read_log(&mut tx, call_id).await?;
        let reason = log.iter().find_map(|event| match event.kind {
            EventKind::Ended { reason } => Some(reason),
            _ => None,
        });
        if let Some(reason) = reason {
            return Ok(Ended::Over(Some(reason)));
        }
        if self.is_stopping() && !self.has_company.load(Ordering::Relaxed) {
            tracing::warn!(call.id = %call_id, "a call that lost its stream can't go on: its only node is stopping");
            return Ok(Ended::GivenUp);
        }
        if self.active_calls() >= self.settings.max_calls {
            tracing::warn!(call.id = %call_id, "a call that lost its stream can't go on here: all lines are busy");
            return Ok(Ended::GivenUp);
        }
        let most = if log.is_empty() { MOST_BEGINNINGS } else { MOST_RESUMPTIONS };
        let now = self.ambient.now();
        let claimed =
            store::calls::life::claim_resumption(&mut tx, call_id, &self.settings.node, most, now).await?;
        let Some(count) = claimed else {
            tracing::warn!(call.id = %call_id, "a call that lost its stream is given up");
            return Ok(Ended::GivenUp);
        };
        let ticket = ticket::draw();
        let life = chrono::Duration::from_std(self.settings.ticket_ttl)
            .map_err(|_| AppError::Bug("the ticket's life is too long".to_owned()))?;
        let hash = ticket::hash(&ticket);
        store::calls::tickets::create(&mut tx, &hash, call_id, call_sid, now + life).await?;
        tx.commit().await?;
        tracing::info!(call.id = %call_id, count, from = left.node, "a call goes on with a new stream");
        Ok(Ended::GoesOn { ticket })
    }

    /// A node that lives says within a moment what became of its call: over, or left. One that is dead does not, and is
    /// not waited for.
    async fn wait_for_the_other_node(&self, org_id: OrgId, call_id: CallId) -> Result<Whereabouts, AppError> {
        let give_up = Instant::now() + SETTLED_WITHIN;
        let mut look_after = LOOK_AFTER;
        loop {
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            let found = store::calls::life::hold(&mut tx, call_id).await?;
            // Dropped, it would hold the call for a moment after this, and the other node needs it to say what became of it.
            tx.commit().await?;
            let settled =
                found.finalized_at.is_some() || found.left_because.is_some() || found.status.is_terminal();
            let other = found.node.as_deref().filter(|node| *node != self.settings.node);
            let Some(other) = other.filter(|_| !settled) else { return Ok(found) };
            let mut tx =
                SystemTx::begin(&self.db, "whether a node lives is the installation's business").await?;
            let lives = store::nodes::is_present(&mut tx, other).await?;
            drop(tx);
            if !lives || Instant::now() >= give_up {
                return Ok(found);
            }
            tokio::time::sleep(look_after).await;
            look_after = (look_after * 3 / 2).min(LOOK_EVERY);
        }
    }

    /// Where a call begins that this node has just taken: at its beginning, or where it was left.
    ///
    /// # Errors
    /// When the records can't be asked.
    pub(super) async fn start_of(
        &self,
        org_id: OrgId,
        call_id: CallId,
        taken: &Taken,
    ) -> Result<(Start, Option<CallEvent>), AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let log = read_log(&mut tx, call_id).await?;
        let stored_at = store::calls::events::last_recorded_at(&mut tx, call_id).await?;
        drop(tx);
        let session = match self.sessions.get(call_id).await {
            Ok(session) => session,
            Err(error) => {
                tracing::warn!(call.id = %call_id, %error, "a call goes on without its session, from its log");
                None
            }
        };
        Ok(begin(&log, stored_at, session.as_ref(), taken, &self.settings.node, self.ambient.now()))
    }
}

/// Puts together what the log, the session and the call's row say.
fn begin(
    log: &[CallEvent],
    stored_at: Option<DateTime<Utc>>,
    session: Option<&CallSession>,
    taken: &Taken,
    node: &str,
    now: DateTime<Utc>,
) -> (Start, Option<CallEvent>) {
    // A state of another version that can't be read is as good as none.
    let state = session.and_then(|session| serde_json::from_value::<CallState>(session.state.clone()).ok());
    let state_at = session.map(|session| session.state_at);
    let logged = log.last().map_or(0, |last| last.seq + 1);
    let published = state.as_ref().map_or(0, |state| state.next_seq);
    if logged == 0 && published == 0 {
        return (Start::default(), None);
    }
    let since = |then: Option<DateTime<Utc>>| {
        then.and_then(|then| u64::try_from((now - then).num_milliseconds()).ok()).unwrap_or(0)
    };
    let at_ms = [
        log.last().map(|last| last.at_ms + since(stored_at)),
        state.as_ref().map(|state| state.at_ms + since(state_at)),
    ];
    let sign_of_life = [stored_at, session.map(|session| session.heartbeat_at), taken.heartbeat_at];
    // Taking the call was a sign of life as well, but ours: the stream was silent since the ones before.
    let last_life = sign_of_life.iter().take(2).flatten().max().copied().or(taken.heartbeat_at);
    let cause = match (taken.left_because, session.and_then(|session| session.left)) {
        (Some(LeftBecause::HandedOver), _) | (None, Some(ContinueCause::HandedOver)) => {
            ContinueCause::HandedOver
        }
        (Some(LeftBecause::Transferring), _) => ContinueCause::NotConnected,
        _ => ContinueCause::CutOff,
    };
    let at_ms = at_ms.into_iter().flatten().max().unwrap_or(0);
    let seq = logged.max(published);
    let (history, mind) = match state {
        Some(state) if published >= logged => (state.history, state.mind),
        // The log knows more than the session: the mind's snapshot is of before, and takes over what came since.
        Some(state) => (History::of(log.iter().map(|event| &event.kind)), state.mind),
        None => (History::of(log.iter().map(|event| &event.kind)), None),
    };
    let continued = EventKind::Continued { node: node.to_owned(), gap_ms: since(last_life), cause };
    let start = Start { at_ms, next_seq: seq + 1, history, mind, continued: Some(cause) };
    (start, Some(CallEvent { seq, at_ms, kind: continued }))
}

#[cfg(test)]
mod tests;
