//! One call of a load: set up as the carrier does, then frames at the pace of a telephone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::line::{FromServer, Writer};
use super::person::{Person, Talk};
use super::stamp::Stamp;
use super::tape::Tape;
use super::{FRAME_BYTES, FRAME_MS, socket as load_socket};
use crate::line::messages::{self, StreamIds};
use crate::line::socket::{self, Socket};
use crate::twilio::signature;
use crate::twilio::twiml::{self, Stream, Verb};
use crate::twilio::webhook::{Webhooks, call_fields, new_sid};

/// A server that takes nothing for so long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long a server may take to end the stream after `stop`.
const FAREWELL: Duration = Duration::from_secs(3);
/// A loud code, for frames in which the caller speaks.
const LOUD: u8 = 0x8F;
/// mu-law silence.
const SILENCE: u8 = 0xFF;

/// How a call reaches what is under load.
#[derive(Clone)]
pub enum Door {
    /// As the carrier does: the voice webhook, its TwiML, the stream that it names, the status callback.
    Webhook {
        /// Sends them.
        webhooks: Webhooks,
        /// The number called.
        to: String,
    },
    /// Straight to a media socket, as a relay has it.
    Socket(Url),
}

/// A call with an open stream.
pub(crate) struct Placed {
    pub(crate) socket: Socket,
    pub(crate) ids: StreamIds,
    parameters: Vec<(String, String)>,
    fields: Vec<(String, String)>,
}

/// Why a call has no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStream {
    /// The server answered with something else than a stream: all lines are busy, the number is not in service.
    #[error("refused: {0}")]
    Refused(String),
    /// Something failed.
    #[error("{0}")]
    Failed(String),
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The caller ended it.
    AsPlanned,
    /// The server did.
    ByServer,
    /// The connection broke, or nothing was taken any more.
    Broken(String),
}

/// How a call is ended by its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// `stop`, then the WebSocket's closing.
    HangUp,
    /// The connection is dropped.
    Drop,
}

/// The number that call `number` comes from.
fn caller(number: u32) -> String {
    format!("+1614555{:04}", number % 10_000)
}

impl Door {
    /// Sets up a call until its stream is open; nothing was sent on it yet.
    pub(crate) async fn open(&self, number: u32, board: &Board) -> Result<Placed, NoStream> {
        let call_sid = new_sid("CA");
        let failed = |error: &dyn std::fmt::Display| NoStream::Failed(error.to_string());
        match self {
            Self::Socket(url) => {
                let socket = socket::connect_with(url, None, load_socket::config()).await;
                let account_sid = "AC00000000000000000000000000000000".to_owned();
                let ids = StreamIds { account_sid, call_sid, stream_sid: new_sid("MZ") };
                let socket = socket.map_err(|error| failed(&error))?;
                Ok(Placed { socket, ids, parameters: Vec::new(), fields: Vec::new() })
            }
            Self::Webhook { webhooks, .. } => {
                let account_sid = webhooks.account().sid.clone();
                let (fields, stream) = self.announced(&call_sid, number, board).await?;
                let address = Url::parse(&stream.url).map_err(|error| failed(&error))?;
                let signed = signature::sign_url(&webhooks.account().auth_token, &stream.url);
                let address = webhooks.endpoint().route(&address);
                let socket = socket::connect_with(&address, Some(&signed), load_socket::config()).await;
                let socket = socket.map_err(|error| failed(&error))?;
                let ids = StreamIds { account_sid, call_sid, stream_sid: new_sid("MZ") };
                Ok(Placed { socket, ids, parameters: stream.parameters, fields })
            }
        }
    }

    /// Announces a call to the server and goes no further.
    pub(crate) async fn announce(&self, number: u32, board: &Board) -> Result<(), NoStream> {
        self.announced(&new_sid("CA"), number, board).await.map(drop)
    }

    async fn announced(
        &self,
        call_sid: &str,
        number: u32,
        board: &Board,
    ) -> Result<(Vec<(String, String)>, Stream), NoStream> {
        let failed = |error: &dyn std::fmt::Display| NoStream::Failed(error.to_string());
        let Self::Webhook { webhooks, to } = self else {
            return Err(NoStream::Failed("there is no webhook to announce a call to".to_owned()));
        };
        let fields = call_fields(&webhooks.account().sid, call_sid, &caller(number), to, "ringing");
        let url = webhooks.endpoint().public.join("/api/voice/inbound").map_err(|error| failed(&error))?;
        let answer = webhooks.document(&url, false, &fields, &new_sid("")).await;
        let answer = answer.map_err(|error| failed(&error))?;
        board.twiml.add(answer.took);
        let verbs = twiml::parse(&answer.body).map_err(|error| failed(&error))?;
        Ok((fields, stream_of(verbs)?))
    }

    /// Tells the server that the call is over.
    pub(crate) async fn report_end(&self, fields: &[(String, String)]) -> Result<(), NoStream> {
        let Self::Webhook { webhooks, .. } = self else { return Ok(()) };
        let failed = |error: &dyn std::fmt::Display| NoStream::Failed(error.to_string());
        let url = webhooks.endpoint().public.join("/api/voice/status").map_err(|error| failed(&error))?;
        let mut fields: Vec<(String, String)> =
            fields.iter().filter(|(name, _)| name != "CallStatus").cloned().collect();
        for (name, value) in [
            ("CallStatus", "completed"),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", "0"),
            ("CallDuration", "1"),
        ] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        match webhooks.send(&url, false, &fields, &new_sid("")).await {
            Ok(answer) if answer.status < 300 => Ok(()),
            Ok(answer) => Err(failed(&format!("the status callback was answered with {}", answer.status))),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn stream_of(verbs: Vec<Verb>) -> Result<Stream, NoStream> {
    let mut said = None;
    for verb in verbs {
        match verb {
            Verb::ConnectStream { stream, .. } => return Ok(stream),
            Verb::Say { text, .. } => said = said.or(Some(text)),
            _ => {}
        }
    }
    Err(NoStream::Refused(said.unwrap_or_else(|| "no stream and no words".to_owned())))
}

/// Places one call that lasts so long, apart from all figures: the first call of a server makes what later ones find.
///
/// # Errors
/// When it has no stream.
pub async fn one(door: &Door, lasts: Duration) -> Result<Ended, NoStream> {
    // A board without calls counts nothing of a call.
    let board = Arc::new(Board::new(0));
    let number = Stamp::NO_CALL;
    let mut placed = door.open(number, &board).await?;
    placed.begin().await.map_err(NoStream::Failed)?;
    let until = CancellationToken::new();
    let talk = Talk { ms: 1_000, interrupts_after_ms: None };
    let talking = placed.talk(number, talk, &board, &until, Farewell::HangUp);
    let ends = async {
        tokio::time::sleep(lasts).await;
        until.cancel();
        // The call says goodbye now, and ends both.
        std::future::pending::<()>().await;
    };
    let (ended, fields) = tokio::select! {
        ended = talking => ended,
        () = ends => return Ok(Ended::AsPlanned),
    };
    door.report_end(&fields).await?;
    Ok(ended)
}

impl Placed {
    /// `connected` and `start`.
    pub(crate) async fn begin(&mut self) -> Result<(), String> {
        for text in [messages::connected(), messages::start(&self.ids, &self.parameters)] {
            send(&mut self.socket, text.into()).await?;
        }
        Ok(())
    }

    /// Talks until `until`, then ends the call and reports its end.
    pub(crate) async fn talk(
        mut self,
        number: u32,
        talk: Talk,
        board: &Arc<Board>,
        until: &CancellationToken,
        farewell: Farewell,
    ) -> (Ended, Vec<(String, String)>) {
        let mut call = Talking {
            number,
            board: Arc::clone(board),
            writer: Writer::new(self.ids.clone()),
            person: Person::new(talk),
            tape: Tape::default(),
            turn_over_at: None,
        };
        let ended = tokio::select! {
            ended = call.run(&mut self.socket) => ended,
            () = until.cancelled() => Ended::AsPlanned,
        };
        if ended == Ended::AsPlanned && farewell == Farewell::HangUp {
            let goodbye = async {
                send(&mut self.socket, call.writer.stop()).await?;
                self.socket.close(None).await.map_err(|error| error.to_string())?;
                while let Some(Ok(_)) = self.socket.next().await {}
                Ok::<_, String>(())
            };
            // Whatever the server makes of it, the receiver is down.
            let _late = tokio::time::timeout(FAREWELL, goodbye).await;
        }
        (ended, self.fields)
    }
}

struct Talking {
    number: u32,
    board: Arc<Board>,
    writer: Writer,
    person: Person,
    tape: Tape,
    turn_over_at: Option<Instant>,
}

impl Talking {
    async fn run(&mut self, socket: &mut Socket) -> Ended {
        let mut due = Instant::now();
        let timer = tokio::time::sleep_until(due);
        tokio::pin!(timer);
        loop {
            let done = tokio::select! {
                () = &mut timer => {
                    self.board.own_lateness.add(due.elapsed());
                    let sent = self.frame(socket).await;
                    // From the plan, not from now: a late frame makes no other one late.
                    due += Duration::from_millis(FRAME_MS);
                    timer.as_mut().reset(due);
                    sent
                }
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => self.obey(socket, &text).await,
                    Some(Ok(Message::Close(_))) | None => return Ended::ByServer,
                    Some(Ok(_)) => Ok(()),
                    Some(Err(error)) => Err(error.to_string()),
                },
            };
            if let Err(error) = done {
                return Ended::Broken(error);
            }
        }
    }

    async fn frame(&mut self, socket: &mut Socket) -> Result<(), String> {
        let sounds = self.tape.play();
        while let Some(name) = self.tape.due() {
            send(socket, self.writer.mark(&name)).await?;
        }
        let said = self.person.next(sounds);
        if said.turn_over {
            self.turn_over_at = Some(Instant::now());
        }
        if said.unanswered {
            self.turn_over_at = None;
            self.board.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        let sequence = self.writer.frames();
        let mut frame = [if said.is_speech { LOUD } else { SILENCE }; FRAME_BYTES];
        let stamp = Stamp {
            call: self.number,
            sequence: u32::try_from(sequence).unwrap_or(u32::MAX),
            is_speech: said.is_speech,
            sent_us: self.board.now_us(),
        };
        stamp.write(&mut frame);
        let text = self.writer.media(sequence * FRAME_MS, &frame);
        send(socket, text).await?;
        self.board.frames_up.fetch_add(1, Ordering::Relaxed);
        self.board.with_call(self.number, |mark| mark.sent_up = sequence + 1);
        Ok(())
    }

    async fn obey(&mut self, socket: &mut Socket, text: &str) -> Result<(), String> {
        let message: FromServer<'_> =
            serde_json::from_str(text).map_err(|error| format!("a message can't be read: {error}"))?;
        match (message.event.as_ref(), message.media, message.mark) {
            ("media", Some(media), _) => {
                let audio = base64_simd::STANDARD
                    .decode_to_vec(media.payload.as_bytes())
                    .map_err(|error| format!("audio can't be read: {error}"))?;
                self.hear(&audio);
                Ok(())
            }
            ("mark", _, Some(mark)) => match self.tape.mark(mark.name.into_owned()) {
                Some(name) => send(socket, self.writer.mark(&name)).await,
                None => Ok(()),
            },
            ("clear", ..) => {
                self.board.cleared(self.number);
                let names: Vec<String> = self.tape.clear().collect();
                for name in names {
                    send(socket, self.writer.mark(&name)).await?;
                }
                Ok(())
            }
            (event, ..) => Err(format!("an unknown event {event:?}")),
        }
    }

    fn hear(&mut self, audio: &[u8]) {
        self.board.messages_down.fetch_add(1, Ordering::Relaxed);
        self.tape.media(audio.len());
        if self.person.waits_for_answer()
            && let Some(at) = self.turn_over_at.take()
            && self.board.is_measuring()
        {
            self.board.answered.add(at.elapsed());
        }
        for (place, frame) in audio.chunks(FRAME_BYTES).enumerate() {
            match Stamp::read(frame) {
                Some(stamp) => {
                    let sent_us = (place == 0).then_some(stamp.sent_us);
                    self.board.came_down(self.number, stamp.sequence, sent_us);
                }
                None => {
                    self.board.strange_down.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

async fn send(socket: &mut Socket, text: tokio_tungstenite::tungstenite::Utf8Bytes) -> Result<(), String> {
    match tokio::time::timeout(SEND_WITHIN, socket.send(Message::Text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the server took nothing for 10 s".to_owned()),
    }
}
