//! The writing half of a media socket: [`PhoneOut`] to wire text, pings, and the close frame.

use std::time::Duration;

use ::voice::media_streams::write_outgoing;
use ::voice::phone::PhoneOut;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

/// The half of a socket that is written.
pub(super) type Sink = SplitSink<WebSocket, Message>;

/// Messages that go to the socket together, when they are there already: audio and its mark, mostly.
const TOGETHER: usize = 16;
/// A peer that takes nothing for so long is gone.
pub(super) const SEND_WITHIN: Duration = Duration::from_secs(10);

/// `ping_sent` tells when the last ping went out. Writes until the session is done, the reader hangs up, or the peer takes nothing any more; then says goodbye.
/// When the reader is gone without a word (`hang_up` dropped), what the session still says goes nowhere, and
/// writing ends with the session.
pub(super) async fn run(
    mut sink: Sink,
    mut outgoing: mpsc::Receiver<PhoneOut>,
    stream_sid: String,
    hang_up: oneshot::Receiver<CloseFrame>,
    ping_interval: Duration,
    ping_sent: watch::Sender<Option<Instant>>,
) {
    // An interval of nothing would panic.
    let mut pings = tokio::time::interval(ping_interval.max(Duration::from_millis(1)));
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once.
    pings.tick().await;
    tokio::pin!(hang_up);
    let goodbye = loop {
        let sent = tokio::select! {
            biased;
            frame = &mut hang_up => match frame {
                Ok(frame) => break frame,
                // The socket is dead: nothing can be said any more. The session sees its queue closed.
                Err(_reader_gone) => return,
            },
            out = outgoing.recv() => match out {
                Some(out) => send_with_next(&mut sink, &out, &mut outgoing, &stream_sid).await,
                None => break CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::from_static("done") },
            },
            _ = pings.tick() => {
                ping_sent.send_replace(Some(Instant::now()));
                send(&mut sink, Message::Ping(Bytes::new())).await
            }
        };
        if !sent {
            return;
        }
    };
    send(&mut sink, Message::Close(Some(goodbye))).await;
}

/// Sends a message, and what waits behind it, by one call of the system.
async fn send_with_next(
    sink: &mut Sink,
    first: &PhoneOut,
    outgoing: &mut mpsc::Receiver<PhoneOut>,
    stream_sid: &str,
) -> bool {
    in_time(async {
        sink.feed(message(first, stream_sid)).await?;
        for _ in 1..TOGETHER {
            let Ok(next) = outgoing.try_recv() else { break };
            sink.feed(message(&next, stream_sid)).await?;
        }
        sink.flush().await
    })
    .await
}

fn message(out: &PhoneOut, stream_sid: &str) -> Message {
    let mut text = String::new();
    write_outgoing(out, stream_sid, &mut text);
    // The socket takes the text over: the one allocation that a message costs.
    Message::Text(Utf8Bytes::from(text))
}

async fn send(sink: &mut Sink, message: Message) -> bool {
    in_time(sink.send(message)).await
}

async fn in_time(sending: impl Future<Output = Result<(), axum::Error>>) -> bool {
    match tokio::time::timeout(SEND_WITHIN, sending).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a media socket takes nothing any more");
            false
        }
        Err(_elapsed) => {
            tracing::info!(
                waited_ms = SEND_WITHIN.as_millis() as u64,
                "a media socket took nothing for too long"
            );
            false
        }
    }
}
