//! Keeps what is needed to go on with a call elsewhere, while the call runs. The call never waits for it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::call_log::ContinueCause;
use domain::ids::{CallId, OrgId};
use store::call_sessions::{CallSession, Kept, SessionStore as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use voice::call::CallState;

use crate::calls::finish::HEARTBEAT_EVERY;
use crate::runtime::App;

/// A session is written at most so often; what is published in between is in the next one.
const WRITE_EVERY: Duration = Duration::from_millis(200);

/// The call whose session is kept.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) org_id: OrgId,
    pub(crate) call_id: CallId,
    pub(crate) call_sid: String,
    pub(crate) resumptions: u32,
}

impl Keeping {
    /// The session of a state.
    pub(crate) fn session(
        &self,
        app: &App,
        state: &CallState,
        state_at: DateTime<Utc>,
        left: Option<ContinueCause>,
    ) -> CallSession {
        CallSession {
            org_id: self.org_id,
            call_id: self.call_id,
            call_sid: self.call_sid.clone(),
            node: app.settings.node.clone(),
            // A state is plain data: it is always JSON.
            state: serde_json::to_value(state).unwrap_or_default(),
            state_at,
            heartbeat_at: app.ambient.now(),
            resumptions: self.resumptions,
            left,
        }
    }

    /// Writes the session. Says whether the call is still this node's, as far as is known.
    pub(crate) async fn write(&self, app: &App, session: &CallSession) -> bool {
        match app.sessions.put(session).await {
            Ok(Kept::Kept) => true,
            Ok(Kept::Superseded) => false,
            Err(error) => {
                // The call can still go on elsewhere, from its log.
                tracing::warn!(call.id = %self.call_id, %error, "a call's session could not be kept");
                true
            }
        }
    }

    /// Keeps the session of a call: whenever its state changes, and as a sign of life. Ends when the call does; gives
    /// the call up when another node has gone on with it.
    pub(crate) async fn keep(
        self,
        app: Arc<App>,
        mut states: watch::Receiver<CallState>,
        stop: CancellationToken,
        give_up: CancellationToken,
    ) {
        let mut state_at = app.ambient.now();
        loop {
            let written_at = Instant::now();
            let state = states.borrow_and_update().clone();
            // Gone before the wait for news: as a tree of values it takes many times the memory of what it tells.
            let is_ours = self.write(&app, &self.session(&app, &state, state_at, None)).await;
            if !is_ours {
                tracing::warn!(call.id = %self.call_id, "another node has gone on with a call of this one");
                give_up.cancel();
                return;
            }
            let CallState { mind, .. } = state;
            // A mind that has answered is kept at once: it knows what no log tells.
            let news = async {
                states.changed().await?;
                let soon = tokio::time::sleep_until(written_at + WRITE_EVERY);
                let answered = states.wait_for(|now| now.mind != mind);
                tokio::select! {
                    () = soon => Ok(()),
                    answered = answered => answered.map(drop),
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                news = tokio::time::timeout(HEARTBEAT_EVERY, news) => match news {
                    Ok(Ok(())) => state_at = app.ambient.now(),
                    Ok(Err(_gone)) => return,
                    Err(_quiet) => {}
                },
            }
        }
    }
}
