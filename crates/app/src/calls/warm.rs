//! Sessions with a speech-to-speech model that are opened while the telephone still rings.
//!
//! A session costs the better part of a second: by the time the carrier has connected its stream it is there, or on
//! its way, and the call takes it. One whose call never comes is closed after [`LIFE`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::CallId;
use provider_traits::descriptor::{Descriptor, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::realtime::{RealtimeConfig, RealtimeLink, RealtimeProvider};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// From the answer to the carrier until its stream must have come.
const LIFE: Duration = Duration::from_secs(20);

type Opened = Result<RealtimeLink, ProviderError>;

/// The sessions that wait for their call. At most one for each call that the process may carry; further calls open
/// theirs when they begin.
#[derive(Debug)]
pub(crate) struct WarmSessions {
    waiting: Mutex<HashMap<CallId, Waiting>>,
    most: usize,
}

#[derive(Debug)]
struct Waiting {
    session: oneshot::Receiver<Opened>,
    /// Tells the keeper that nobody waits any more.
    _gone: DropGuard,
}

impl WarmSessions {
    /// At most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: Mutex::default(), most }
    }

    /// Opens a session for a call and keeps it until it is taken, `stop` fires or the call has not come in time.
    pub(crate) async fn keep(
        &self,
        call_id: CallId,
        provider: Arc<dyn RealtimeProvider>,
        config: &RealtimeConfig,
        stop: &CancellationToken,
    ) {
        let Some((mut opened, gone)) = self.announce(call_id) else { return };
        let over = tokio::time::Instant::now() + LIFE;
        let work = async {
            let session = tokio::select! {
                session = provider.open(config) => session,
                // The call has come and gone.
                () = opened.closed() => return,
            };
            if let Err(error) = &session {
                tracing::warn!(call.id = %call_id, %error, "no session was opened while the telephone rang");
            }
            if opened.send(session).is_ok() {
                gone.cancelled().await;
            }
        };
        tokio::select! {
            () = work => {}
            () = tokio::time::sleep_until(over) => {}
            () = stop.cancelled() => {}
        }
        // Closes the session, unless the call has it.
        drop(self.waiting().remove(&call_id));
    }

    /// The session of a call, there or on its way.
    pub(crate) fn take(&self, call_id: CallId) -> Option<WarmSession> {
        let mut session = self.waiting().remove(&call_id)?.session;
        match session.try_recv() {
            Ok(Ok(link)) if link.output.is_closed() || link.input.is_closed() => None,
            Ok(Ok(link)) => Some(WarmSession::Open(link)),
            Ok(Err(error)) => Some(WarmSession::Failed(error)),
            Err(oneshot::error::TryRecvError::Empty) => Some(WarmSession::Opening(session)),
            Err(oneshot::error::TryRecvError::Closed) => None,
        }
    }

    /// How many wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.waiting().len()
    }

    /// `None` when there are too many, or the call has one: carriers repeat their webhooks.
    fn announce(&self, call_id: CallId) -> Option<(oneshot::Sender<Opened>, CancellationToken)> {
        let mut waiting = self.waiting();
        if waiting.len() >= self.most || waiting.contains_key(&call_id) {
            return None;
        }
        let (opened, session) = oneshot::channel();
        let gone = CancellationToken::new();
        waiting.insert(call_id, Waiting { session, _gone: gone.clone().drop_guard() });
        Some((opened, gone))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that was asked for while the telephone rang.
#[derive(Debug)]
pub(crate) enum WarmSession {
    /// It is there.
    Open(RealtimeLink),
    /// It is on its way.
    Opening(oneshot::Receiver<Opened>),
    /// There is none.
    Failed(ProviderError),
}

impl WarmSession {
    /// The session, when it is there, and the provider whose first session is this one when it is not.
    pub(crate) fn of(
        self,
        provider: Arc<dyn RealtimeProvider>,
    ) -> (Option<RealtimeLink>, Arc<dyn RealtimeProvider>) {
        let first = match self {
            Self::Open(link) => return (Some(link), provider),
            Self::Opening(session) => session,
            Self::Failed(error) => {
                let (failed, session) = oneshot::channel();
                // The other end is in the next line.
                let _sent = failed.send(Err(error));
                session
            }
        };
        (None, Arc::new(FirstOpened { provider, first: Mutex::new(Some(first)) }))
    }
}

/// A provider whose first session is on its way already.
struct FirstOpened {
    provider: Arc<dyn RealtimeProvider>,
    first: Mutex<Option<oneshot::Receiver<Opened>>>,
}

#[async_trait]
impl RealtimeProvider for FirstOpened {
    fn descriptor(&self) -> &'static Descriptor {
        self.provider.descriptor()
    }

    fn model(&self) -> &str {
        self.provider.model()
    }

    fn transcriber(&self) -> &str {
        self.provider.transcriber()
    }

    fn readiness(&self) -> Readiness {
        self.provider.readiness()
    }

    fn open_sessions(&self) -> usize {
        self.provider.open_sessions()
    }

    async fn open(&self, config: &RealtimeConfig) -> Opened {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first
            && let Ok(opened) = first.await
        {
            return opened;
        }
        self.provider.open(config).await
    }
}

#[cfg(test)]
mod tests;
