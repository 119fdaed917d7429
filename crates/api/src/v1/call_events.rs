//! Following the log of a call: what happened so far, then every entry as it happens.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use app::live::LiveEvent;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::call_log::{CallEvent, EventKind};
use domain::ids::CallId;
use futures_util::stream;
use store::{StoreError, calls};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use tokio::time::Instant;

use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(watch_call))
}

/// Entries read from the stored log at once.
const CHUNK: u32 = 500;
/// A silent stream says that it lives, so that proxies leave it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A stream ends then and the browser comes back by itself; so a revoked session does not listen for ever.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// How often the stored log is looked at for a call that another process carries.
const POLL: Duration = Duration::from_secs(1);
/// How soon, and how often, an entry that is on its way to the store is asked for again.
const GAP_WAIT: Duration = Duration::from_millis(100);
const GAP_TRIES: u32 = 50;

/// Follow a call: its log from the beginning (or from behind `Last-Event-ID`), then live.
///
/// Server-sent events. Each entry of the log is an event `entry` whose id is its position; when the call is over
/// and everything was sent, an event `complete` follows and the stream ends. A client that loses the connection
/// comes back with `Last-Event-ID` and misses nothing. Incidents are entries like all others: `notice` with `fault`,
/// `engine_changed` when another engine goes on, `continued` when the call goes on with a new media stream.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/events", operation_id = "watch_call", tag = "calls",
    extensions(("x-permission" = json!("calls:live"))),
    params(
        ("id" = String, Path, description = "The call", example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("Last-Event-ID" = Option<u32>, Header, description = "The last position that was received"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream",
            example = "id: 0\nevent: entry\ndata: {\"seq\":0,\"at_ms\":0,\"type\":\"speech_started\"}\n\n"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such call", body = Problem),
        (status = 503, description = "All places for streams are taken", body = Problem),
    ),
)]
pub(crate) async fn watch_call(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsLive>,
    Id(call_id): Id<CallId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let state = _state;
    let place = std::sync::Arc::clone(&state.event_streams)
        .try_acquire_owned()
        .map_err(|_full| ApiError::Unavailable("all places for event streams are taken".to_owned()))?;
    // Watched before the history is read, so that nothing falls between the two.
    let live = state.app.live.watch(tenant.org_id());
    let next_seq = last_event_id(&headers).map_or(0, |seq| seq.saturating_add(1));
    let watcher = Watcher {
        live,
        call_id,
        next_seq,
        ready: VecDeque::new(),
        ahead: None,
        gap_tries: 0,
        look_in_store: true,
        over: false,
        closed: false,
        ends_at: Instant::now() + LONGEST,
        tenant,
        state,
        _place: place,
    };
    if !watcher.call_exists().await? {
        return Err(ApiError::NotFound("call"));
    }
    let events = stream::unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that collect answers would turn a live conversation into a late one.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn last_event_id(headers: &HeaderMap) -> Option<u32> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

/// One stream: merges the stored log and the live bus into entries without gap and without repetition.
struct Watcher {
    state: ApiState,
    tenant: Tenant<needs::CallsLive>,
    call_id: CallId,
    live: Receiver<LiveEvent>,
    /// The position that is sent next.
    next_seq: u32,
    /// Entries from the store, in order.
    ready: VecDeque<CallEvent>,
    /// A live entry that came before an earlier one was in the store.
    ahead: Option<CallEvent>,
    gap_tries: u32,
    look_in_store: bool,
    over: bool,
    closed: bool,
    ends_at: Instant,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// Whether nothing follows in the call's log; `None` when there is no such call.
    async fn call_is_over(&self) -> Result<Option<bool>, ApiError> {
        let mut tx = self.tenant.begin(&self.state).await?;
        match calls::get(&mut tx, self.call_id).await {
            Ok(call) => Ok(Some(call.finalized_at.is_some())),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn stored_entries(&self) -> Result<Vec<CallEvent>, ApiError> {
        let mut tx = self.tenant.begin(&self.state).await?;
        Ok(calls::events::list(&mut tx, self.call_id, self.next_seq, CHUNK).await?)
    }

    async fn call_exists(&self) -> Result<bool, ApiError> {
        Ok(self.call_is_over().await?.is_some())
    }

    /// The next event to send; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(entry) = self.take_ready() {
                return Some(self.send(&entry));
            }
            if self.closed {
                return None;
            }
            if self.over {
                self.closed = true;
                return Some(Event::default().event("complete").data("{}"));
            }
            if self.look_in_store {
                // A failing database ends the stream; the client comes back and goes on where it was.
                self.read_store().await.ok()?;
                continue;
            }
            self.wait().await?;
        }
    }

    fn take_ready(&mut self) -> Option<CallEvent> {
        while let Some(entry) = self.ready.pop_front() {
            if entry.seq >= self.next_seq {
                return Some(entry);
            }
        }
        let entry = self.ahead.take()?;
        if entry.seq < self.next_seq {
            return None;
        }
        // After too many tries what is missing is taken as lost: a late word is better than a frozen page.
        if entry.seq == self.next_seq || self.gap_tries >= GAP_TRIES {
            self.gap_tries = 0;
            return Some(entry);
        }
        self.ahead = Some(entry);
        None
    }

    fn send(&mut self, entry: &CallEvent) -> Event {
        self.next_seq = entry.seq.saturating_add(1);
        self.over = matches!(entry.kind, EventKind::Ended { .. });
        let event = Event::default().id(entry.seq.to_string()).event("entry");
        match event.json_data(entry) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(call.id = %self.call_id, seq = entry.seq, %error, "an entry can't be written as JSON");
                Event::default().comment("an entry can't be shown")
            }
        }
    }

    async fn read_store(&mut self) -> Result<(), ApiError> {
        // Asked before the entries are read: when it was over by then, they are all there.
        let over = self.call_is_over().await?.unwrap_or(true);
        let entries = self.stored_entries().await?;
        let full = entries.len() >= CHUNK as usize;
        self.look_in_store = full;
        self.ready.extend(entries);
        if !full && over && self.ready.is_empty() && self.ahead.is_none() {
            self.over = true;
        } else if !full && over {
            self.look_in_store = true;
        }
        Ok(())
    }

    /// Waits for something to send, or to look for. `None` when the stream is to end.
    async fn wait(&mut self) -> Option<()> {
        let carried_here = self.state.app.carries(self.call_id);
        let pause = match (&self.ahead, carried_here) {
            (Some(_), _) => GAP_WAIT,
            (None, false) => POLL,
            (None, true) => KEEP_ALIVE,
        };
        tokio::select! {
            () = self.state.app.drain.cancelled(), if !carried_here => None,
            () = tokio::time::sleep_until(self.ends_at) => None,
            () = tokio::time::sleep(pause) => {
                self.look_in_store = true;
                self.gap_tries += u32::from(self.ahead.is_some());
                Some(())
            }
            // While an entry waits for an earlier one, the bus keeps what follows.
            received = self.live.recv(), if self.ahead.is_none() => {
                match received {
                    Ok(event) if event.call_id == self.call_id => self.ahead = Some(event.event),
                    Ok(_other_call) => {}
                    Err(RecvError::Lagged(_)) => self.look_in_store = true,
                    Err(RecvError::Closed) => return None,
                }
                Some(())
            }
        }
    }
}
