//! The reading half of a media socket: wire text to [`PhoneIn`], and a limit on nonsense.
//!
//! Nothing here waits for the session. When its queue is full, audio is dropped and counted (the session
//! hears a gap); the last places are kept for marks, keys and `stop`. A peer that keeps a queue full, or sends
//! mostly nonsense, is flooding us, and is closed.

use std::sync::Arc;
use std::time::Duration;

use ::voice::media_streams::{Incoming, parse_of};
use ::voice::phone::PhoneIn;
use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::counters::{SocketCounters, SocketFigures};

/// Places in the queue that audio may not take.
const KEPT_FOR_CONTROL: usize = 32;
/// Dropped frames that end the stream: ten seconds of audio.
const MAX_DROPPED: u64 = 512;
/// Weight of a malformed message; a good one takes one off. So one in ten is survived for ever.
const MALFORMED_WEIGHT: u32 = 10;
/// The weight that ends the stream: fifty malformed messages in a row.
const MAX_WEIGHT: u32 = 500;

/// Why reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReaderEnd {
    /// The peer closed the socket, properly or not.
    Closed,
    /// Nothing came, not even an answer to a ping: the connection is half open.
    Silent,
    /// The peer floods us; says with what.
    Abused(&'static str),
}

impl ReaderEnd {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "peer",
            Self::Silent => "silence",
            Self::Abused(why) => why,
        }
    }
}

/// Reads one socket.
pub(super) struct Reader {
    phone: mpsc::Sender<PhoneIn>,
    stream_sid: String,
    idle_limit: Duration,
    counters: Arc<SocketCounters>,
    weight: u32,
    /// When the last ping went out.
    ping_sent: watch::Receiver<Option<Instant>>,
}

impl Reader {
    pub(super) fn new(
        phone: mpsc::Sender<PhoneIn>,
        stream_sid: String,
        idle_limit: Duration,
        ping_sent: watch::Receiver<Option<Instant>>,
        counters: Arc<SocketCounters>,
    ) -> Self {
        Self { phone, stream_sid, idle_limit, counters, weight: 0, ping_sent }
    }

    /// Reads until the socket is over. May be dropped at any await without losing a message.
    pub(super) async fn run(&mut self, stream: &mut SplitStream<WebSocket>) -> ReaderEnd {
        let mut last_seen = Instant::now();
        let idle = tokio::time::sleep_until(last_seen + self.idle_limit);
        tokio::pin!(idle);
        loop {
            tokio::select! {
                biased;
                message = stream.next() => {
                    last_seen = Instant::now();
                    if let Some(end) = self.take(message) {
                        return end;
                    }
                }
                // Set anew only when it fires, so that a frame costs no timer.
                () = &mut idle => {
                    let silent_until = last_seen + self.idle_limit;
                    if silent_until <= Instant::now() {
                        return ReaderEnd::Silent;
                    }
                    idle.as_mut().reset(silent_until);
                }
            }
        }
    }

    /// Tells the session that nothing more comes.
    pub(super) fn close(self) -> SocketFigures {
        // With a full queue, or none, dropping the sender says the same.
        let _ = self.phone.try_send(PhoneIn::Closed);
        self.counters.read()
    }

    fn take(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<ReaderEnd> {
        match message {
            Some(Ok(Message::Text(text))) => self.take_text(&text),
            Some(Ok(Message::Binary(_))) => self.take_malformed("binary message"),
            Some(Ok(Message::Ping(_))) => None,
            Some(Ok(Message::Pong(_))) => {
                if let Some(sent) = *self.ping_sent.borrow() {
                    self.counters.pong(sent.elapsed());
                }
                None
            }
            Some(Ok(Message::Close(_))) | None => Some(ReaderEnd::Closed),
            Some(Err(error)) => {
                // Too long a message ends here too: what follows it can't be told from its rest.
                tracing::info!(%error, "a media socket broke");
                Some(ReaderEnd::Closed)
            }
        }
    }

    fn take_text(&mut self, text: &str) -> Option<ReaderEnd> {
        match parse_of(text, &self.stream_sid) {
            Err(malformed) => self.take_malformed(malformed.reason),
            Ok(Incoming::Start(_)) => self.take_malformed("second start"),
            Ok(Incoming::Phone(message)) => {
                self.counters.message();
                self.weight = self.weight.saturating_sub(1);
                self.deliver(message)
            }
            Ok(Incoming::Connected | Incoming::Unknown) => {
                self.counters.message();
                None
            }
        }
    }

    fn take_malformed(&mut self, reason: &'static str) -> Option<ReaderEnd> {
        self.counters.message();
        self.counters.malformed();
        self.weight += MALFORMED_WEIGHT;
        if self.weight > MAX_WEIGHT {
            return Some(ReaderEnd::Abused("too many malformed messages"));
        }
        self.deliver(PhoneIn::Malformed { reason })
    }

    fn deliver(&mut self, message: PhoneIn) -> Option<ReaderEnd> {
        let is_droppable = matches!(message, PhoneIn::Media { .. } | PhoneIn::Malformed { .. });
        if is_droppable && self.phone.capacity() <= KEPT_FOR_CONTROL && !self.phone.is_closed() {
            let dropped = self.counters.dropped();
            return (dropped > MAX_DROPPED).then_some(ReaderEnd::Abused("flooding"));
        }
        match self.phone.try_send(message) {
            // A session that is over needs nothing more; the writer closes the socket.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(_)) => Some(ReaderEnd::Abused("flooding")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 64;

    fn reader() -> (Reader, mpsc::Receiver<PhoneIn>) {
        let (phone, session) = mpsc::channel(CAPACITY);
        (
            Reader::new(phone, "MZ1".into(), Duration::from_secs(1), watch::channel(None).1, Arc::default()),
            session,
        )
    }

    fn media(sequence: u64) -> Option<Result<Message, axum::Error>> {
        let text = format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"MZ1",
                "media":{{"track":"inbound","chunk":"1","timestamp":"20","payload":"//8="}}}}"#
        );
        Some(Ok(Message::text(text)))
    }

    fn text(text: &str) -> Option<Result<Message, axum::Error>> {
        Some(Ok(Message::text(text)))
    }

    #[test]
    fn audio_keys_marks_and_stop_reach_the_session_in_order() {
        let (mut reader, mut session) = reader();
        for message in [
            media(3),
            text(r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"g1"}}"#),
            text(
                r#"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}"#,
            ),
            text(r#"{"event":"unheard-of","streamSid":"MZ1"}"#),
            text(
                r#"{"event":"stop","sequenceNumber":"9","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}"#,
            ),
        ] {
            assert_eq!(reader.take(message), None);
        }
        assert_eq!(
            reader.close(),
            SocketFigures { messages: 5, malformed: 0, dropped: 0, ..SocketFigures::default() }
        );
        let payload = bytes::Bytes::from_static(&[0xff, 0xff]);
        let expect = [
            PhoneIn::Media { sequence: 3, timestamp_ms: 20, payload },
            PhoneIn::Mark { name: "g1".into() },
            PhoneIn::Dtmf { digit: '1' },
            PhoneIn::Stop,
            PhoneIn::Closed,
        ];
        for message in expect {
            assert_eq!(session.try_recv(), Ok(message));
        }
        assert!(session.is_closed());
    }

    #[test]
    fn nonsense_is_survived_counted_and_told() {
        let second_start =
            r#"{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA2"}}"#;
        let foreign = r#"{"event":"stop","streamSid":"MZ2"}"#;
        let nonsense =
            [text("{"), text(second_start), text(foreign), Some(Ok(Message::binary(vec![1, 2, 3])))];
        let (mut reader, mut session) = reader();
        for message in nonsense {
            assert_eq!(reader.take(message), None);
            assert!(matches!(session.try_recv(), Ok(PhoneIn::Malformed { .. })));
        }
        assert_eq!(reader.take(media(1)), None);
        assert!(matches!(session.try_recv(), Ok(PhoneIn::Media { .. })));
        assert_eq!(
            reader.close(),
            SocketFigures { messages: 5, malformed: 4, dropped: 0, ..SocketFigures::default() }
        );
    }

    #[test]
    fn one_bad_message_in_ten_is_survived_for_ever_and_fifty_in_a_row_are_not() {
        let (mut reader, mut session) = reader();
        for round in 0..1_000 {
            assert_eq!(reader.take(text("{")), None, "round {round}");
            for sequence in 0..10 {
                assert_eq!(reader.take(media(sequence)), None);
            }
            while session.try_recv().is_ok() {}
        }
        let survived = (0..1_000).take_while(|_| {
            while session.try_recv().is_ok() {}
            reader.take(text("{")).is_none()
        });
        assert_eq!(survived.count(), 50);
    }

    #[test]
    fn slow_session_loses_audio_but_no_keys_until_it_is_hopeless() {
        let (mut reader, mut session) = reader();
        for sequence in 0..100 {
            assert_eq!(reader.take(media(sequence)), None);
        }
        let key = r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"7"}}"#;
        assert_eq!(reader.take(text(key)), None);
        assert_eq!(reader.counters.read().dropped, 100 - (CAPACITY - KEPT_FOR_CONTROL) as u64);
        let received: Vec<_> = std::iter::from_fn(|| session.try_recv().ok()).collect();
        assert_eq!(received.last(), Some(&PhoneIn::Dtmf { digit: '7' }));
        assert_eq!(received.len(), CAPACITY - KEPT_FOR_CONTROL + 1);
        // It recovered; now it hangs for good.
        let end = (0..10_000).find_map(|sequence| reader.take(media(sequence)));
        assert_eq!(end, Some(ReaderEnd::Abused("flooding")));
    }

    #[test]
    fn session_that_is_over_is_no_flood() {
        let (mut reader, session) = reader();
        drop(session);
        for sequence in 0..1_000 {
            assert_eq!(reader.take(media(sequence)), None);
        }
        assert_eq!(reader.counters.read().dropped, 0);
    }
}
