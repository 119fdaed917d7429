//! Carries one call's socket: audio in, words out. A socket that is lost while nobody speaks is opened again with the
//! next utterance, for vendors close those that are old or idle; one that is lost while words are owed is a failure.

use std::time::Duration;

use audio::g711;
use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SttInput, SttOutput, SttStream};
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::task::TaskTracker;

use super::dialect::{Dialect, Step};
use crate::vendor_http::Vendor;
use crate::web_socket::{self, NoSocket, Socket};

/// Five seconds of frames: a vendor that is further behind is of no use to a conversation.
const INPUT: usize = 256;
const OUTPUT: usize = 64;
/// Audio is sent in pieces of 100 ms: fewer messages, and the end of an utterance does not wait for a full one.
const PIECE_BYTES: usize = 800;
/// Safety net for connecting and agreeing.
const OPENS_WITHIN: Duration = Duration::from_secs(10);
/// Safety net for a socket that is not read.
const WRITES_WITHIN: Duration = Duration::from_secs(5);
/// A socket on which nothing was said for so long is told that somebody is there.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Messages in a row without any meaning.
const GARBAGE: usize = 20;

/// Where sockets are opened.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) tls: Option<TlsConnector>,
}

/// Opens a stream. `make` makes the dialect of each new socket.
pub(super) async fn open<D: Dialect>(
    door: Door,
    make: impl Fn() -> D + Send + Sync + 'static,
    tasks: &TaskTracker,
) -> Result<SttStream, ProviderError> {
    let mut dialect = make();
    let socket = agreed(&door, &mut dialect).await?;
    let (input, from_call) = mpsc::channel(INPUT);
    let (to_call, output) = mpsc::channel(OUTPUT);
    let call = Call { door, make, input: from_call, output: to_call };
    tasks.spawn(call.serve(socket, dialect));
    Ok(SttStream { input, output })
}

/// Connects, says hello and waits until the vendor agrees.
async fn agreed<D: Dialect>(door: &Door, dialect: &mut D) -> Result<Socket, ProviderError> {
    let vendor = dialect.vendor();
    let opening = async {
        let connecting = web_socket::connect(&door.url, &door.headers, door.tls.as_ref());
        let mut socket = connecting.await.map_err(|failure| match failure {
            NoSocket::Lost(reason) => vendor.unavailable(reason),
            NoSocket::Answered { status, retry_after, code } => {
                vendor.meaning_of_handshake(status, retry_after, code.as_deref())
            }
        })?;
        if let Some(hello) = dialect.hello() {
            socket.send(Message::text(hello)).await.map_err(|error| lost(vendor, &error))?;
        }
        let mut garbage = 0;
        while !dialect.is_ready() {
            match heard(vendor, socket.next().await)? {
                Heard::Text(text) => match dialect.hear(&text) {
                    Ok(_nothing_yet) => {}
                    Err(error) => return Err(error),
                },
                Heard::Garbage => garbage += 1,
                Heard::Nothing => {}
            }
            if garbage >= GARBAGE {
                return Err(vendor.unavailable("it sent what is none of the protocol's"));
            }
        }
        Ok(socket)
    };
    tokio::time::timeout(OPENS_WITHIN, opening).await.map_err(|_elapsed| vendor.timeout(OPENS_WITHIN))?
}

struct Call<F> {
    door: Door,
    make: F,
    input: mpsc::Receiver<SttInput>,
    output: mpsc::Sender<SttOutput>,
}

/// How a socket ended.
enum Ended {
    CallIsOver,
    /// Nothing was owed.
    Idle,
    Broken(ProviderError),
}

impl<D: Dialect, F: Fn() -> D> Call<F> {
    async fn serve(mut self, mut socket: Socket, mut dialect: D) {
        let mut first = None;
        loop {
            let mut line = Line::new(dialect, socket);
            let error = match line.carry(first.take(), &mut self.input, &self.output).await {
                Ended::CallIsOver => return line.leave().await,
                Ended::Broken(error) => error,
                Ended::Idle => match self.next_start().await {
                    None => return,
                    Some(utterance) => {
                        let mut next = (self.make)();
                        match agreed(&self.door, &mut next).await {
                            Ok(opened) => {
                                (socket, dialect) = (opened, next);
                                first = Some(SttInput::Start { utterance });
                                continue;
                            }
                            Err(error) => error,
                        }
                    }
                },
            };
            // A reader that is gone has no use for the reason.
            let _gone = self.output.send(SttOutput::Failed(error)).await;
            return;
        }
    }

    /// Waits for the next utterance; `None` when the call is over.
    async fn next_start(&mut self) -> Option<u32> {
        loop {
            match self.input.recv().await? {
                SttInput::Start { utterance } => return Some(utterance),
                SttInput::Sync { id } => {
                    let _gone = self.output.send(SttOutput::Synced { id }).await;
                }
                SttInput::Audio(_) | SttInput::End | SttInput::Cancel => {}
            }
        }
    }
}

/// One socket of a call.
struct Line<D> {
    dialect: D,
    socket: Socket,
    in_utterance: bool,
    /// Audio that does not make a piece yet.
    codes: Vec<u8>,
    garbage: usize,
    said_at: Instant,
    heard_at: Instant,
}

impl<D: Dialect> Line<D> {
    fn new(dialect: D, socket: Socket) -> Self {
        let now = Instant::now();
        Self {
            dialect,
            socket,
            in_utterance: false,
            codes: Vec::new(),
            garbage: 0,
            said_at: now,
            heard_at: now,
        }
    }

    async fn carry(
        &mut self,
        first: Option<SttInput>,
        input: &mut mpsc::Receiver<SttInput>,
        output: &mpsc::Sender<SttOutput>,
    ) -> Ended {
        let mut next = first;
        loop {
            let step = match next.take() {
                Some(given) => self.take(given),
                None => {
                    let owed = self.dialect.owed_within().map(|patience| self.heard_at + patience);
                    tokio::select! {
                        // A socket that is lost already is known to be before an utterance begins on it.
                        biased;
                        message = self.socket.next() => self.hear(message),
                        given = input.recv() => match given {
                            Some(given) => self.take(given),
                            None => return Ended::CallIsOver,
                        },
                        () = tokio::time::sleep_until(owed.unwrap_or(self.heard_at)), if owed.is_some() => {
                            self.heard_at = Instant::now();
                            self.dialect.overdue()
                        }
                        () = tokio::time::sleep_until(self.said_at + KEEP_ALIVE) => {
                            let alive = self.dialect.keep_alive().map(Message::text);
                            let alive = alive.unwrap_or_else(|| Message::Ping(tungstenite::Bytes::new()));
                            Ok(Step { send: vec![alive], tell: Vec::new() })
                        }
                    }
                }
            };
            let done = match step {
                Ok(step) => self.carry_out(step, output).await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                let idle = !self.in_utterance && self.dialect.owed_within().is_none();
                return if idle { Ended::Idle } else { Ended::Broken(error) };
            }
            if output.is_closed() {
                return Ended::CallIsOver;
            }
        }
    }

    fn take(&mut self, input: SttInput) -> Result<Step, ProviderError> {
        let was_owed = self.dialect.owed_within().is_some();
        let step = match input {
            SttInput::Start { utterance } => {
                self.in_utterance = true;
                self.codes.clear();
                self.dialect.start(utterance);
                Step::default()
            }
            SttInput::Audio(samples) if self.in_utterance => {
                g711::encode_into(&samples, &mut self.codes);
                if self.codes.len() < PIECE_BYTES {
                    return Ok(Step::default());
                }
                self.flushed()
            }
            SttInput::End if self.in_utterance => {
                self.in_utterance = false;
                let mut step = self.flushed();
                let end = self.dialect.end();
                step.send.extend(end.send);
                step.tell.extend(end.tell);
                step
            }
            SttInput::Cancel if self.in_utterance => {
                self.in_utterance = false;
                self.codes.clear();
                self.dialect.cancel()
            }
            SttInput::Audio(_) | SttInput::End | SttInput::Cancel => Step::default(),
            // How far a vendor is nobody knows; what was given has been sent.
            SttInput::Sync { id } => {
                let mut step = if self.in_utterance { self.flushed() } else { Step::default() };
                step.tell.push(SttOutput::Synced { id });
                step
            }
        };
        if !was_owed {
            // The vendor's time begins now, not when it last spoke.
            self.heard_at = Instant::now();
        }
        Ok(step)
    }

    fn flushed(&mut self) -> Step {
        if self.codes.is_empty() {
            return Step::default();
        }
        let step = self.dialect.audio(&self.codes);
        self.codes.clear();
        step
    }

    fn hear(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<Step, ProviderError> {
        let vendor = self.dialect.vendor();
        match heard(vendor, message)? {
            Heard::Text(text) => {
                if serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok() {
                    (self.garbage, self.heard_at) = (0, Instant::now());
                    return self.dialect.hear(&text);
                }
                self.garbage += 1;
            }
            Heard::Garbage => self.garbage += 1,
            Heard::Nothing => {}
        }
        if self.garbage >= GARBAGE {
            return Err(vendor.unavailable("it sent what is none of the protocol's"));
        }
        Ok(Step::default())
    }

    async fn carry_out(&mut self, step: Step, output: &mpsc::Sender<SttOutput>) -> Result<(), ProviderError> {
        let vendor = self.dialect.vendor();
        for message in step.send {
            self.said_at = Instant::now();
            tokio::time::timeout(WRITES_WITHIN, self.socket.send(message))
                .await
                .map_err(|_elapsed| vendor.timeout(WRITES_WITHIN))?
                .map_err(|error| lost(vendor, &error))?;
        }
        for told in step.tell {
            match told {
                // One that finds no room is superseded by the next.
                SttOutput::Partial { .. } => {
                    let _superseded = output.try_send(told);
                }
                SttOutput::Final { .. } | SttOutput::Synced { .. } | SttOutput::Failed(_) => {
                    let _gone = output.send(told).await;
                }
            }
        }
        Ok(())
    }

    async fn leave(mut self) {
        let farewell = async {
            if let Some(text) = self.dialect.farewell() {
                let _gone = self.socket.send(Message::text(text)).await;
            }
            let _gone = self.socket.close(None).await;
        };
        let _late = tokio::time::timeout(WRITES_WITHIN, farewell).await;
    }
}

enum Heard {
    Text(tungstenite::Utf8Bytes),
    Garbage,
    Nothing,
}

fn heard(
    vendor: Vendor,
    message: Option<Result<Message, tungstenite::Error>>,
) -> Result<Heard, ProviderError> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Heard::Text(text)),
        Some(Ok(Message::Binary(_))) => Ok(Heard::Garbage),
        Some(Ok(Message::Close(frame))) => {
            let code = frame.map_or(1005, |frame| u16::from(frame.code));
            let said = format!("the socket was closed with {code}");
            // 1008 (policy) and 4000 (not spoken any more) will come again.
            Err(if matches!(code, 1008 | 4000) { vendor.refused(said) } else { vendor.unavailable(said) })
        }
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(Heard::Nothing),
        Some(Err(error)) => Err(lost(vendor, &error)),
        None => Err(vendor.unavailable("the socket was lost")),
    }
}

fn lost(vendor: Vendor, error: &tungstenite::Error) -> ProviderError {
    vendor.unavailable(format!("the socket was lost: {error}"))
}
