//! The two tasks of an open session: one reads the socket, one writes it. Either one's end is the other's.
//!
//! Whatever ended a session is told as a last [`RealtimeOutput::Error`], unless the vendor has told it already or it
//! was us who closed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::ambient::Clock;
use provider_traits::realtime::{ErrorClass, RealtimeError, RealtimeInput, RealtimeLink, RealtimeOutput};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use super::provider::Patience;
use super::reading::{self, Read};
use super::sending;
use super::socket::Socket;

/// More than a second of the caller's audio. When it is full the other side does not read any more.
const INPUT: usize = 64;
/// An answer comes much faster than it is spoken. When it is full the socket is not read.
const OUTPUT: usize = 256;
/// Frames in a row without any meaning.
const GARBAGE: usize = 20;
/// For the farewell.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Bytes of an event with 20 ms of audio, and room.
const EVENT_BYTES: usize = 320;

/// What both tasks know.
struct Shared {
    end: CancellationToken,
    /// Set before `end` fires, by the one who found out.
    why: OnceLock<RealtimeError>,
    began: Instant,
    /// When the last frame came, in milliseconds since `began`.
    heard_ms: AtomicU64,
    /// The reader waits for room in `output`: that the other side is not heard is our own doing.
    waits: AtomicBool,
    /// Counts among the provider's sessions.
    _session: Arc<()>,
}

impl Shared {
    fn heard(&self) {
        self.heard_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn was_heard_since(&self, at_ms: u64) -> bool {
        self.waits.load(Ordering::Relaxed) || self.heard_ms.load(Ordering::Relaxed) >= at_ms
    }
}

/// Starts the tasks of a session whose configuration is sent.
pub(super) fn start(
    socket: Socket,
    patience: Patience,
    clock: Arc<dyn Clock>,
    session: Arc<()>,
    tasks: &TaskTracker,
) -> RealtimeLink {
    let (input, incoming) = mpsc::channel(INPUT);
    let (outgoing, output) = mpsc::channel(OUTPUT);
    let (sink, stream) = socket.split();
    let shared = Arc::new(Shared {
        end: CancellationToken::new(),
        why: OnceLock::new(),
        began: Instant::now(),
        heard_ms: AtomicU64::new(0),
        waits: AtomicBool::new(false),
        _session: session,
    });
    tasks.spawn(write(sink, incoming, patience, Arc::clone(&shared)));
    tasks.spawn(read(stream, outgoing, clock, shared));
    RealtimeLink { input, output }
}

async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut input: mpsc::Receiver<RealtimeInput>,
    patience: Patience,
    shared: Arc<Shared>,
) {
    let why = write_until_end(&mut sink, &mut input, patience, &shared).await;
    let broken = why.is_some();
    if let Some(why) = why {
        // The reader may have been first; then its reason stands.
        let _second = shared.why.set(why);
    }
    shared.end.cancel();
    if !broken {
        let farewell = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let _gone = tokio::time::timeout(CLOSE_WITHIN, sink.send(Message::Close(Some(farewell)))).await;
    }
}

/// `None` when the link was dropped, or the reader has ended.
async fn write_until_end(
    sink: &mut SplitSink<Socket, Message>,
    input: &mut mpsc::Receiver<RealtimeInput>,
    patience: Patience,
    shared: &Shared,
) -> Option<RealtimeError> {
    let mut pings = tokio::time::interval_at(Instant::now() + patience.ping_every, patience.ping_every);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // When the last ping was sent that nothing has followed yet.
    let mut pinged: Option<(u64, Instant)> = None;
    let mut number = 0_u64;
    // One wait for all: making it anew for each frame takes a lock twice.
    let end = shared.end.cancelled();
    tokio::pin!(end);
    loop {
        let silent_at = pinged.map_or_else(Instant::now, |(_, at)| at + patience.pong_within);
        let message = tokio::select! {
            () = &mut end => return None,
            next = input.recv() => {
                number += 1;
                let mut text = String::with_capacity(EVENT_BYTES);
                sending::write(&next?, &format!("e{number}"), &mut text);
                Message::text(text)
            }
            _ = pings.tick() => {
                pinged.get_or_insert((shared.now_ms(), Instant::now()));
                Message::Ping(tungstenite::Bytes::new())
            }
            () = tokio::time::sleep_until(silent_at), if pinged.is_some() => {
                let (since_ms, _) = pinged.take()?;
                if shared.was_heard_since(since_ms) {
                    continue;
                }
                return Some(over("no_pong", "nothing came after a ping".to_owned()));
            }
        };
        match tokio::time::timeout(patience.write, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(broken(&error)),
            Err(_) => return Some(over("write_timeout", "the other side does not read".to_owned())),
        }
    }
}

async fn read(
    mut stream: SplitStream<Socket>,
    output: mpsc::Sender<RealtimeOutput>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
) {
    let why = tokio::select! {
        // Whether the socket has something more is of no interest to anybody then.
        biased;
        () = shared.end.cancelled() => shared.why.get().cloned(),
        () = output.closed() => None,
        why = read_until_end(&mut stream, &output, &*clock, &shared) => why,
    };
    shared.end.cancel();
    drop(stream);
    if let Some(why) = why {
        tracing::debug!(code = %why.code, "a realtime session was ended by the other side");
        let _nobody_listens = output.send(RealtimeOutput::Error(why)).await;
    }
}

/// `None` when the vendor has told the reason already, or nobody listens.
async fn read_until_end(
    stream: &mut SplitStream<Socket>,
    output: &mpsc::Sender<RealtimeOutput>,
    clock: &dyn Clock,
    shared: &Shared,
) -> Option<RealtimeError> {
    let mut garbage = 0;
    let mut told = false;
    loop {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return (!told).then(|| broken(&error)),
            None => return (!told).then(|| over("connection_lost", "the connection is gone".to_owned())),
        };
        shared.heard();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(frame) => return (!told).then(|| closed(frame.as_ref())),
            Message::Binary(_) => {
                garbage += 1;
                if garbage >= GARBAGE {
                    return Some(too_much_garbage());
                }
                continue;
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        let event = match reading::read(&text, clock.now().timestamp()) {
            Ok(Read::Event(event)) => event,
            Ok(Read::Created | Read::Nothing) => {
                garbage = 0;
                continue;
            }
            Err(error) => {
                garbage += 1;
                tracing::debug!(%error, "a frame of a realtime session was passed over");
                if garbage >= GARBAGE {
                    return Some(too_much_garbage());
                }
                continue;
            }
        };
        garbage = 0;
        told |= matches!(
            &event,
            RealtimeOutput::Error(RealtimeError { class: ErrorClass::SessionOver | ErrorClass::Refused, .. })
        );
        let metered = matches!(event, RealtimeOutput::CallerWords { .. })
            .then(|| reading::transcription_usage(&text))
            .flatten();
        for event in std::iter::once(event).chain(metered) {
            if !deliver(output, event, shared).await {
                return None;
            }
        }
    }
}

/// False when nobody listens any more.
async fn deliver(output: &mpsc::Sender<RealtimeOutput>, event: RealtimeOutput, shared: &Shared) -> bool {
    let event = match output.try_send(event) {
        Ok(()) => return true,
        Err(mpsc::error::TrySendError::Closed(_)) => return false,
        Err(mpsc::error::TrySendError::Full(event)) => event,
    };
    shared.waits.store(true, Ordering::Relaxed);
    let sent = output.send(event).await.is_ok();
    shared.heard();
    shared.waits.store(false, Ordering::Relaxed);
    sent
}

fn over(code: &str, message: String) -> RealtimeError {
    RealtimeError { class: ErrorClass::SessionOver, code: code.to_owned(), message }
}

fn too_much_garbage() -> RealtimeError {
    over("garbage", format!("{GARBAGE} frames in a row were none of the protocol's"))
}

/// What a broken connection means: this session is over, another may work.
pub(super) fn broken(error: &tungstenite::Error) -> RealtimeError {
    let code = match error {
        tungstenite::Error::Capacity(_) => "too_large",
        tungstenite::Error::Utf8(_) => "not_text",
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)
        | tungstenite::Error::Io(_)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed => "connection_lost",
        _ => "protocol",
    };
    over(code, error.to_string())
}

/// What the other side's farewell means. 1008 (policy) and 4000 (the protocol is not spoken any more) will come
/// again; 1001 comes with the end of a session.
pub(super) fn closed(frame: Option<&CloseFrame>) -> RealtimeError {
    let Some(frame) = frame else {
        return over("closed", "closed without a reason".to_owned());
    };
    let code = u16::from(frame.code);
    let class = match code {
        1008 | 4000 => ErrorClass::Refused,
        _ => ErrorClass::SessionOver,
    };
    let reason: String = frame.reason.chars().take(120).collect();
    RealtimeError { class, code: format!("closed_{code}"), message: reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<A, B, C, D, F: Future>(_make: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_tasks_of_a_session_take_little_memory() {
        for (what, bytes) in [("writing", future_bytes(write)), ("reading", future_bytes(read))] {
            assert!(bytes <= 4 * 1024, "{what}: {bytes} bytes");
        }
    }
}
