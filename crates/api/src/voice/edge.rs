//! The state of the carrier's edge: its settings, and which streams are open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::CallId;
use providers::twilio::signature::SignatureVerifier;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counters::{SocketCounters, SocketFigures};
use super::desk::CallDesk;

/// How a request is known to come from the carrier. There is no default: one of them is chosen.
#[derive(Debug, Clone)]
pub enum Verification {
    /// By its signature.
    Signed(SignatureVerifier),
    /// There is no carrier account: only programs of this very machine are heard (the call simulator).
    LoopbackOnly,
}

/// Settings of the carrier's edge.
#[derive(Debug, Clone)]
pub struct VoiceSettings {
    /// The address the carrier was given for its webhooks (`https://host`), never the request's `Host`.
    pub webhook_base_url: String,
    /// How requests are verified.
    pub verification: Verification,
    /// A call that is not answered by then hears the fallback. Far below the carrier's 15 s.
    pub answer_within: Duration,
    /// A media socket that has not said which call it is by then is closed.
    pub start_within: Duration,
    /// Most media sockets at once; beyond them `503`.
    pub max_streams: usize,
    /// How often an open socket is pinged.
    pub ping_interval: Duration,
    /// A peer that has been silent for this long after a ping is gone.
    pub pong_timeout: Duration,
}

impl VoiceSettings {
    /// The usual limits, for an address and a way to verify.
    #[must_use]
    pub fn new(webhook_base_url: &str, verification: Verification) -> Self {
        Self {
            webhook_base_url: webhook_base_url.trim_end_matches('/').to_owned(),
            verification,
            answer_within: Duration::from_secs(3),
            start_within: Duration::from_secs(10),
            max_streams: 1_000,
            ping_interval: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(10),
        }
    }

    /// The address of a webhook of ours as the carrier knows it.
    #[must_use]
    pub fn webhook_url(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.webhook_base_url.trim_end_matches('/'))
    }

    /// The address of a socket of ours as the carrier knows it: `wss`, or `ws` where webhooks are plain `http`.
    #[must_use]
    pub fn socket_url(&self, path_and_query: &str) -> String {
        let url = self.webhook_url(path_and_query);
        match url.split_once("://") {
            Some(("https", rest)) => format!("wss://{rest}"),
            Some(("http", rest)) => format!("ws://{rest}"),
            _ => url,
        }
    }
}

/// What happened on the media sockets since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamFigures {
    /// Sockets open now.
    pub open: usize,
    /// Sockets opened.
    pub opened: u64,
    /// Sockets turned away, before or after their handshake.
    pub refused: u64,
    /// Messages received from streams that became a call, up to this moment.
    pub messages: u64,
    /// Messages that could not be read, likewise.
    pub malformed: u64,
    /// Audio frames dropped because the session was too slow, likewise.
    pub dropped: u64,
    /// Sockets opened today (UTC).
    pub opened_today: u64,
    /// How long the answers to pings took on average; `None` before the first.
    pub round_trip: Option<Duration>,
}

/// A call whose media socket is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStream {
    /// The carrier's id of the call.
    pub call_sid: String,
    /// The call, once its stream was let in.
    pub call_id: Option<CallId>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Messages received.
    pub messages: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Audio frames dropped because the session was too slow.
    pub dropped: u64,
    /// How long the answers to pings took on average; `None` before the first.
    pub round_trip: Option<Duration>,
}

/// Shared by the handlers of the edge.
pub struct VoiceEdge {
    pub(super) desk: Arc<dyn CallDesk>,
    pub(super) settings: VoiceSettings,
    /// Fires when no new sockets are to be taken. Running calls end as the desk sees fit.
    pub(super) drain: CancellationToken,
    /// Every task of a media socket; wait for it after `drain`.
    pub(super) tasks: TaskTracker,
    places: Arc<Semaphore>,
    calls: Mutex<Sockets>,
    pub(super) totals: Totals,
    /// Made when it is first asked for.
    pub(super) hold_music: OnceCell<Bytes>,
}

/// The sockets that carry a call, and what those before them received: under one lock, so that a socket that closes
/// is never counted twice or not at all.
#[derive(Debug, Default)]
struct Sockets {
    open: HashMap<String, Socket>,
    closed: SocketFigures,
}

#[derive(Debug)]
struct Socket {
    since: DateTime<Utc>,
    counters: Arc<SocketCounters>,
}

/// Counters behind [`StreamFigures`].
#[derive(Debug, Default)]
pub(super) struct Totals {
    opened: AtomicU64,
    refused: AtomicU64,
    today: Mutex<(NaiveDate, u64)>,
}

impl Totals {
    fn open(&self, now: DateTime<Utc>) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.date_naive();
        *today = if today.0 == day { (day, today.1 + 1) } else { (day, 1) };
    }

    fn opened_on(&self, day: NaiveDate) -> u64 {
        let today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 == day { today.1 } else { 0 }
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl VoiceEdge {
    /// An edge before `desk`, whose tasks are spawned on `tasks`.
    #[must_use]
    pub fn new(
        desk: Arc<dyn CallDesk>,
        settings: VoiceSettings,
        drain: CancellationToken,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            desk,
            places: Arc::new(Semaphore::new(settings.max_streams)),
            settings,
            drain,
            tasks,
            calls: Mutex::default(),
            totals: Totals::default(),
            hold_music: OnceCell::new(),
        })
    }

    /// What happened on the media sockets since the start.
    #[must_use]
    pub fn figures(&self) -> StreamFigures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let received = {
            let sockets = self.sockets();
            sockets.open.values().fold(sockets.closed, |sum, socket| sum.plus(socket.counters.read()))
        };
        StreamFigures {
            open: self.settings.max_streams.saturating_sub(self.places.available_permits()),
            opened: load(&self.totals.opened),
            refused: load(&self.totals.refused),
            messages: received.messages,
            malformed: received.malformed,
            dropped: received.dropped,
            opened_today: self.totals.opened_on(self.desk.now().date_naive()),
            round_trip: received.round_trip(),
        }
    }

    /// The calls whose media sockets are open, the oldest first.
    #[must_use]
    pub fn open_streams(&self) -> Vec<OpenStream> {
        let mut open: Vec<OpenStream> = {
            let sockets = self.sockets();
            let open = sockets.open.iter().map(|(call_sid, socket)| {
                let received = socket.counters.read();
                OpenStream {
                    call_sid: call_sid.clone(),
                    call_id: socket.counters.call(),
                    since: socket.since,
                    messages: received.messages,
                    malformed: received.malformed,
                    dropped: received.dropped,
                    round_trip: received.round_trip(),
                }
            });
            open.collect()
        };
        open.sort_by(|a, b| (a.since, &a.call_sid).cmp(&(b.since, &b.call_sid)));
        open
    }

    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Most media sockets at once.
    #[must_use]
    pub fn most_streams(&self) -> usize {
        self.settings.max_streams
    }

    /// A place for a socket, unless all are taken. It is given back when dropped.
    pub(super) fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        self.totals.open(self.desk.now());
        Some(place)
    }

    /// Marks a call as having a stream, unless it has one. Unmarked when dropped.
    pub(super) fn claim_call(self: &Arc<Self>, call_sid: &str) -> Option<CallClaim> {
        let since = self.desk.now();
        let mut sockets = self.sockets();
        let Entry::Vacant(vacant) = sockets.open.entry(call_sid.to_owned()) else { return None };
        let counters = Arc::new(SocketCounters::default());
        vacant.insert(Socket { since, counters: Arc::clone(&counters) });
        drop(sockets);
        Some(CallClaim { edge: Arc::clone(self), call_sid: call_sid.to_owned(), counters })
    }
}

/// A call's right to its one stream.
pub(super) struct CallClaim {
    edge: Arc<VoiceEdge>,
    call_sid: String,
    /// What the stream receives.
    pub(super) counters: Arc<SocketCounters>,
}

impl Drop for CallClaim {
    fn drop(&mut self) {
        let mut sockets = self.edge.sockets();
        sockets.open.remove(&self.call_sid);
        sockets.closed = sockets.closed.plus(self.counters.read());
    }
}
