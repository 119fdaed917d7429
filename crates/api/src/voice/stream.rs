//! One media socket from its handshake to its end.
//!
//! Three tasks: this one reads, one writes, one runs the call. The queues between them are bounded, and
//! whichever ends first ends the others; the place that the socket holds is free when all three are over.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ::voice::media_streams::{Incoming, StartMessage, parse};
use ::voice::phone::{PhoneLine, PhoneOut};
use app::calls::media::{MediaRefusal, MediaRequest};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::stream::SplitStream;
use futures_util::{FutureExt, SinkExt, StreamExt};
use providers::twilio::callbacks::is_sid;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::desk::Admitted;
use super::edge::{CallClaim, VoiceEdge};
use super::reader::{Reader, ReaderEnd};
use super::writer;

/// Messages from the phone that may wait for the session: ten seconds of audio. Full: see [`Reader`].
const INCOMING: usize = 512;
/// Messages to the phone that may wait for the network. Full: the session waits, and the writer gives up when
/// the peer takes nothing for [`writer::SEND_WITHIN`].
const OUTGOING: usize = 256;
/// Messages before `start`: the protocol has one.
const MAX_OPENING_MESSAGES: usize = 8;
/// How long the records may take to let a stream in.
const ADMIT_WITHIN: Duration = Duration::from_secs(5);
/// How long the peer may take to answer our closing.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a socket never becomes a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NoCall {
    #[error("the connection was closed before the stream began")]
    Gone,
    #[error("the stream did not begin in time")]
    TooLate,
    #[error("what was sent before the stream's beginning makes no sense")]
    Nonsense,
    #[error("the server is stopping")]
    Stopping,
    #[error("the stream's audio is not 8 kHz mono mu-law")]
    WrongFormat,
    #[error("the stream's beginning has no ticket")]
    NoTicket,
    #[error(transparent)]
    Refused(#[from] MediaRefusal),
    #[error("the records did not answer")]
    NoRecords,
}

impl NoCall {
    fn close_frame(&self) -> CloseFrame {
        let code = match self {
            Self::Stopping | Self::Refused(MediaRefusal::Busy) => close_code::AGAIN,
            Self::Refused(MediaRefusal::Failed) | Self::NoRecords => close_code::ERROR,
            _ => close_code::POLICY,
        };
        CloseFrame { code, reason: Utf8Bytes::from(self.to_string()) }
    }
}

/// Serves a socket until it is over.
pub(super) async fn serve(edge: Arc<VoiceEdge>, socket: WebSocket, _place: OwnedSemaphorePermit) {
    let (mut sink, mut stream) = socket.split();
    // Boxed, so that what lets a stream in takes no memory while the call runs.
    match Box::pin(open(&edge, &mut stream)).await {
        Ok(opened) => Box::pin(carry(&edge, sink, stream, opened)).await,
        Err(no_call) => {
            edge.totals.refuse();
            tracing::warn!(reason = %no_call, "a media stream did not become a call");
            let farewell = async {
                // The peer may be gone already; then there is nobody to tell.
                let _ = sink.send(Message::Close(Some(no_call.close_frame()))).await;
                while let Some(Ok(_)) = stream.next().await {}
            };
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        }
    }
}

/// A stream that was let in.
struct Opened {
    start: StartMessage,
    admitted: Admitted,
    claim: CallClaim,
}

async fn open(edge: &Arc<VoiceEdge>, stream: &mut SplitStream<WebSocket>) -> Result<Opened, NoCall> {
    let start = tokio::select! {
        start = tokio::time::timeout(edge.settings.start_within, read_start(stream)) => {
            start.map_err(|_elapsed| NoCall::TooLate)??
        }
        () = edge.drain.cancelled() => return Err(NoCall::Stopping),
    };
    if !is_sid(&start.call_sid) || !is_sid(&start.stream_sid) {
        return Err(NoCall::Nonsense);
    }
    if !start.is_telephone_audio() {
        return Err(NoCall::WrongFormat);
    }
    let ticket = start.parameter("token").filter(|ticket| !ticket.is_empty()).ok_or(NoCall::NoTicket)?;
    let claim = edge.claim_call(&start.call_sid).ok_or(MediaRefusal::Duplicate)?;
    let request = MediaRequest {
        call_sid: start.call_sid.clone(),
        stream_sid: start.stream_sid.clone(),
        ticket: ticket.to_owned(),
        lockstep_wanted: start.parameter("pace") == Some("lockstep"),
    };
    let admission = AssertUnwindSafe(Arc::clone(&edge.desk).connect_media(request)).catch_unwind();
    let admitted = match tokio::time::timeout(ADMIT_WITHIN, admission).await {
        Ok(Ok(admitted)) => admitted?,
        Ok(Err(_panic)) => return Err(MediaRefusal::Failed.into()),
        Err(_elapsed) => return Err(NoCall::NoRecords),
    };
    Ok(Opened { start, admitted, claim })
}

async fn read_start(stream: &mut SplitStream<WebSocket>) -> Result<StartMessage, NoCall> {
    for _ in 0..MAX_OPENING_MESSAGES {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => match parse(&text) {
                Ok(Incoming::Connected | Incoming::Unknown) => {}
                Ok(Incoming::Start(start)) => return Ok(start),
                Ok(Incoming::Phone(_)) | Err(_) => return Err(NoCall::Nonsense),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(NoCall::Nonsense),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(NoCall::Gone),
        }
    }
    Err(NoCall::Nonsense)
}

async fn carry(
    edge: &Arc<VoiceEdge>,
    sink: writer::Sink,
    mut stream: SplitStream<WebSocket>,
    Opened { start, admitted, claim }: Opened,
) {
    let Admitted { call_id, pace, run } = admitted;
    let (incoming, from_phone) = mpsc::channel(INCOMING);
    let (to_phone, outgoing) = mpsc::channel::<PhoneOut>(OUTGOING);
    let line = PhoneLine { incoming: from_phone, outgoing: to_phone, pace };
    tracing::info!(call.id = %call_id, ?pace, "a media stream began");

    let session = edge.tasks.spawn(run(line));
    let (hang_up, hung_up) = oneshot::channel();
    let ping_interval = edge.settings.ping_interval;
    let (ping_sent, pinged) = watch::channel(None);
    let stream_sid = start.stream_sid.clone();
    let mut writing =
        edge.tasks.spawn(writer::run(sink, outgoing, stream_sid, hung_up, ping_interval, ping_sent));

    let idle_limit = ping_interval + edge.settings.pong_timeout;
    let counters = Arc::clone(&claim.counters);
    counters.carries(call_id);
    let mut reader = Reader::new(incoming, start.stream_sid, idle_limit, pinged, counters);
    let ended_by = tokio::select! {
        end = reader.run(&mut stream) => Some(end),
        // The session is done and said so to the peer, or the peer takes nothing any more.
        _ = &mut writing => None,
    };
    let figures = reader.close();
    if let Some(ReaderEnd::Abused(why)) = ended_by {
        let frame = CloseFrame { code: close_code::POLICY, reason: Utf8Bytes::from_static(why) };
        // An error means that the writer is gone, and the socket with it.
        let _ = hang_up.send(frame);
    } else {
        drop(hang_up);
    }
    if ended_by.is_some() {
        // Says goodbye, or sees that there is nobody to say it to; at most for the time that a message may take.
        let _ = writing.await;
    }
    if ended_by != Some(ReaderEnd::Silent) {
        // Takes the peer's answer to our closing, or sends ours to its. What is left unread would reset the
        // connection before the peer has read our words. A peer that sends on for ever is left behind.
        let goodbye = async { while let Some(Ok(_)) = stream.next().await {} };
        let _ = tokio::time::timeout(FAREWELL, goodbye).await;
    }
    if let Err(error) = session.await {
        tracing::error!(call.id = %call_id, %error, "the task of a call died");
    }
    drop(claim);
    tracing::info!(
        call.id = %call_id,
        ended_by = ended_by.as_ref().map_or("us", ReaderEnd::as_str),
        messages = figures.messages,
        malformed = figures.malformed,
        dropped = figures.dropped,
        "a media stream ended"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three<A, B, C, F: Future>(_make: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    fn four<A, B, C, D, F: Future>(_make: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    fn six<A, B, C, D, E, G, F: Future>(_make: impl Fn(A, B, C, D, E, G) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_tasks_of_a_socket_take_little_memory() {
        let sizes = [("the socket", three(serve)), ("reading", four(carry)), ("writing", six(writer::run))];
        for (what, bytes) in sizes {
            assert!(bytes <= 4 * 1024, "{what}: {bytes} bytes");
        }
    }
}
