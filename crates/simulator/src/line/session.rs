//! One stream from `connected` to its end: frames out at the line's pace, the server's audio played as a phone would.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::messages::{self, FromServer, Refused, StreamIds};
use super::playout::Playout;
use super::socket::Socket;
use super::{FRAME_MS, Frame, SILENCE};

/// How media time relates to the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// A frame every 20 ms, as on a telephone.
    RealTime,
    /// The next frame goes out when the server has said that the last one is completely processed. Asked
    /// for with the custom parameter `pace`; the server has to grant it.
    Lockstep,
}

/// How a stream is run.
#[derive(Debug, Clone)]
pub struct LineSetup {
    /// Who is talking.
    pub ids: StreamIds,
    /// From the TwiML.
    pub parameters: Vec<(String, String)>,
    /// The pace wanted.
    pub pace: Pace,
    /// Frames are late by up to this many milliseconds, at random; real time only.
    pub jitter_ms: u64,
    /// Decides the randomness.
    pub seed: u64,
    /// The caller hangs up after this much media time, whatever happens.
    pub max_ms: u64,
    /// How long a grant of lockstep is waited for before real time is taken.
    pub grant_timeout: Duration,
}

/// Whoever speaks and listens on a line.
#[async_trait]
pub trait LineUser: Send {
    /// Called for every 20 ms: what was heard in the frame before, what is said in this one.
    async fn tick(&mut self, moment: Moment<'_>) -> Doing;

    /// The line is dead from here on.
    async fn ended(&mut self, at_ms: u64);
}

/// A moment on the line.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Media time at which the frame asked for begins.
    pub now_ms: u64,
    /// What was heard in the 20 ms before.
    pub heard: &'a Frame,
}

/// What a caller does in a frame's time.
#[derive(Debug, Clone)]
pub struct Doing {
    /// What the caller's microphone picks up.
    pub audio: Frame,
    /// What the network does with it.
    pub fate: Fate,
    /// Keys pressed.
    pub keys: Vec<char>,
    /// Messages sent as they are, whatever they are.
    pub raw: Vec<RawMessage>,
    /// How the caller ends the call, before the frame is sent.
    pub end: Option<Ending>,
}

impl Default for Doing {
    fn default() -> Self {
        Self { audio: SILENCE, fate: Fate::Delivered, keys: Vec::new(), raw: Vec::new(), end: None }
    }
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Delivered,
    /// It never arrives; time goes on without it.
    Lost,
    /// It arrives twice.
    Doubled,
    /// It arrives after the next one.
    Swapped,
}

/// A message outside the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawMessage {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// How a caller ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Puts the receiver down: `stop`, then the socket is closed.
    HangUp,
    /// The connection breaks without a word.
    Break,
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// The caller hung up.
    CallerHungUp,
    /// The caller's connection was broken on purpose.
    CallerBroke,
    /// The server closed the stream.
    ServerClosed,
    /// The longest time was reached; the simulator hung up.
    TooLong,
    /// The connection broke from the server's side, without a closing handshake.
    Lost,
}

/// Something the server did that Twilio would not accept, or not expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Media time.
    pub at_ms: u64,
    /// Twilio's error code.
    pub code: u32,
    /// What it was.
    pub reason: String,
}

/// A `clear` of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClearSeen {
    /// Media time.
    pub at_ms: u64,
    /// Audio it kept from being heard.
    pub dropped_ms: u64,
}

/// What happened on the line.
#[derive(Debug, Clone, Serialize)]
pub struct LineReport {
    /// How it ended.
    pub end: LineEnd,
    /// Whether lockstep was asked for and granted; `None` when it was not asked for.
    pub lockstep_granted: Option<bool>,
    /// Media time of the whole stream.
    pub media_ms: u64,
    /// Wall time of the whole stream.
    pub wall_ms: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames lost on purpose.
    pub frames_lost: u64,
    /// Marks echoed.
    pub marks: u64,
    /// Audio dropped on the server's order.
    pub clears: Vec<ClearSeen>,
    /// Audio of the server that was still queued when the stream ended, and never heard.
    pub unheard_at_end_ms: u64,
    /// The most audio ever queued ahead.
    pub most_queued_ms: u64,
    /// What Twilio would not have accepted.
    pub violations: Vec<Violation>,
    /// What the caller said, mu-law, from media time 0.
    #[serde(skip)]
    pub caller_audio: Vec<u8>,
    /// What the caller heard, mu-law, from media time 0.
    #[serde(skip)]
    pub heard_audio: Vec<u8>,
}

/// The longest a server may take for one frame in lockstep before the line falls back to real time.
const PROCESSED_TIMEOUT: Duration = Duration::from_secs(30);
/// Frames the network doubled or swapped need not be acknowledged.
const UNSURE_PROCESSED_TIMEOUT: Duration = Duration::from_millis(250);
/// How long the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// More than this queued ahead is no playback any more.
const MOST_QUEUED_MS: u64 = 10 * 60 * 1000;

/// Runs a stream to its end.
pub async fn run(socket: Socket, setup: &LineSetup, user: &mut dyn LineUser) -> LineReport {
    let mut line = Line::new(socket, setup);
    let end = line.run(user).await.unwrap_or_else(|end| end);
    user.ended(line.now_ms).await;
    line.into_report(end)
}

struct Line<'a> {
    setup: &'a LineSetup,
    socket: Option<Socket>,
    playout: Playout,
    random: StdRng,
    lockstep: bool,
    now_ms: u64,
    sequence: u64,
    chunk: u64,
    /// The highest number the server has said to be processed.
    processed: u64,
    swapped: Option<String>,
    /// Marks whose audio ends with the frame being played.
    due_marks: Vec<String>,
    started: Instant,
    report: LineReport,
}

impl<'a> Line<'a> {
    fn new(socket: Socket, setup: &'a LineSetup) -> Self {
        let lockstep = setup.pace == Pace::Lockstep;
        Self {
            setup,
            socket: Some(socket),
            playout: Playout::default(),
            random: StdRng::seed_from_u64(setup.seed),
            lockstep,
            now_ms: 0,
            sequence: 1,
            chunk: 0,
            processed: 0,
            swapped: None,
            due_marks: Vec::new(),
            started: Instant::now(),
            report: LineReport {
                end: LineEnd::Lost,
                lockstep_granted: lockstep.then_some(false),
                media_ms: 0,
                wall_ms: 0,
                frames_sent: 0,
                frames_lost: 0,
                marks: 0,
                clears: Vec::new(),
                unheard_at_end_ms: 0,
                most_queued_ms: 0,
                violations: Vec::new(),
                caller_audio: Vec::new(),
                heard_audio: Vec::new(),
            },
        }
    }

    async fn run(&mut self, user: &mut dyn LineUser) -> Result<LineEnd, LineEnd> {
        self.send(Message::text(messages::connected())).await?;
        let mut parameters = self.setup.parameters.clone();
        if self.lockstep {
            parameters.push(("pace".to_owned(), "lockstep".to_owned()));
        }
        self.send(Message::text(messages::start(&self.setup.ids, &parameters))).await?;
        if self.lockstep {
            self.lockstep = self.wait_processed(1, self.setup.grant_timeout).await?;
            self.report.lockstep_granted = Some(self.lockstep);
            if !self.lockstep {
                let waited_ms = self.setup.grant_timeout.as_millis();
                tracing::warn!(waited_ms, "the server granted no lockstep, going on in real time");
            }
        }
        let mut heard = SILENCE;
        let mut due = Instant::now();
        loop {
            if self.now_ms >= self.setup.max_ms {
                self.hang_up().await;
                return Ok(LineEnd::TooLong);
            }
            let doing = user.tick(Moment { now_ms: self.now_ms, heard: &heard }).await;
            // What is heard while this frame is spoken was received before: the answer to a frame can't be
            // heard before the frame is over.
            let played = self.playout.play();
            heard = played.frame;
            self.due_marks = played.marks;
            if let Some(end) = self.carry_out(doing).await? {
                return Ok(end);
            }
            if !self.lockstep {
                due += Duration::from_millis(FRAME_MS);
                let late = self.random.random_range(0..=self.setup.jitter_ms);
                self.receive_until(due + Duration::from_millis(late)).await?;
            }
            self.report.heard_audio.extend_from_slice(&heard);
            self.now_ms += FRAME_MS;
            self.echo_due().await?;
        }
    }

    async fn carry_out(&mut self, doing: Doing) -> Result<Option<LineEnd>, LineEnd> {
        match doing.end {
            Some(Ending::HangUp) => {
                self.hang_up().await;
                return Ok(Some(LineEnd::CallerHungUp));
            }
            Some(Ending::Break) => {
                self.socket = None;
                return Ok(Some(LineEnd::CallerBroke));
            }
            None => {}
        }
        for digit in doing.keys {
            self.sequence += 1;
            self.send(Message::text(messages::dtmf(&self.setup.ids, self.sequence, digit))).await?;
        }
        for raw in doing.raw {
            self.send(match raw {
                RawMessage::Text(text) => Message::text(text),
                RawMessage::Binary(bytes) => Message::binary(bytes),
            })
            .await?;
        }
        self.report.caller_audio.extend_from_slice(&doing.audio);
        // A lost frame was sent by the caller's phone all the same: its numbers are used up.
        self.sequence += 1;
        self.chunk += 1;
        let number = self.sequence;
        let text = messages::media(&self.setup.ids, number, self.chunk, self.now_ms, &doing.audio);
        let mut patience = PROCESSED_TIMEOUT;
        match doing.fate {
            Fate::Lost => {
                self.report.frames_lost += 1;
                return Ok(None);
            }
            Fate::Swapped if self.swapped.is_none() => {
                self.swapped = Some(text);
                return Ok(None);
            }
            Fate::Doubled => {
                self.send_frame(text.clone()).await?;
                self.send_frame(text).await?;
            }
            Fate::Delivered | Fate::Swapped => self.send_frame(text).await?,
        }
        if let Some(late) = self.swapped.take() {
            self.send_frame(late).await?;
            patience = UNSURE_PROCESSED_TIMEOUT;
        }
        if self.lockstep && !self.wait_processed(number, patience).await? && patience == PROCESSED_TIMEOUT {
            self.violation(0, format!("frame {number} was not processed within 30 s; going on in real time"));
            self.lockstep = false;
        }
        Ok(None)
    }

    async fn send_frame(&mut self, text: String) -> Result<(), LineEnd> {
        self.report.frames_sent += 1;
        self.send(Message::text(text)).await
    }

    /// Receives until the server has processed that number. `false` when it took too long.
    async fn wait_processed(&mut self, number: u64, timeout: Duration) -> Result<bool, LineEnd> {
        let deadline = Instant::now() + timeout;
        while self.processed < number {
            if !self.receive_one(deadline).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn receive_until(&mut self, deadline: Instant) -> Result<(), LineEnd> {
        while self.receive_one(deadline).await? {}
        Ok(())
    }

    /// Receives one message; `false` when the deadline came first.
    async fn receive_one(&mut self, deadline: Instant) -> Result<bool, LineEnd> {
        let socket = self.socket.as_mut().ok_or(LineEnd::Lost)?;
        let Ok(message) = tokio::time::timeout_at(deadline, socket.next()).await else { return Ok(false) };
        match message {
            Some(Ok(Message::Text(text))) => {
                match messages::read(&text, &self.setup.ids.stream_sid) {
                    Ok(message) => self.obey(message).await?,
                    Err(Refused { code, reason }) => self.violation(code, reason),
                }
                Ok(true)
            }
            Some(Ok(Message::Binary(_))) => {
                self.violation(31950, "a binary frame".to_owned());
                Ok(true)
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(true),
            Some(Ok(Message::Close(_))) => Err(LineEnd::ServerClosed),
            Some(Err(_)) | None => Err(LineEnd::Lost),
        }
    }

    async fn obey(&mut self, message: FromServer) -> Result<(), LineEnd> {
        match message {
            FromServer::Media(bytes) => {
                self.playout.media(bytes);
                if self.playout.queued_ms() > MOST_QUEUED_MS {
                    self.violation(31951, "more than 10 minutes of audio queued".to_owned());
                    let _ = self.playout.clear();
                }
            }
            FromServer::Mark(name) => {
                if let Some(name) = self.playout.mark(name) {
                    self.echo(&name).await?;
                }
            }
            FromServer::Clear => {
                let cleared = self.playout.clear();
                self.report.clears.push(ClearSeen { at_ms: self.now_ms, dropped_ms: cleared.dropped_ms });
                self.echo_due().await?;
                for name in cleared.marks {
                    self.echo(&name).await?;
                }
            }
            FromServer::Processed(number) => {
                if self.setup.pace != Pace::Lockstep {
                    self.violation(31951, "processed was sent on a line in real time".to_owned());
                }
                self.processed = self.processed.max(number);
            }
        }
        Ok(())
    }

    async fn echo_due(&mut self) -> Result<(), LineEnd> {
        for name in std::mem::take(&mut self.due_marks) {
            self.echo(&name).await?;
        }
        Ok(())
    }

    async fn echo(&mut self, name: &str) -> Result<(), LineEnd> {
        self.sequence += 1;
        self.report.marks += 1;
        self.send(Message::text(messages::mark(&self.setup.ids, self.sequence, name))).await
    }

    async fn send(&mut self, message: Message) -> Result<(), LineEnd> {
        let socket = self.socket.as_mut().ok_or(LineEnd::Lost)?;
        if socket.send(message).await.is_ok() {
            return Ok(());
        }
        // The server may have said goodbye properly while we were writing.
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        loop {
            let Some(socket) = self.socket.as_mut() else { return Err(LineEnd::Lost) };
            match tokio::time::timeout_at(deadline, socket.next()).await {
                Ok(Some(Ok(Message::Close(_)))) => return Err(LineEnd::ServerClosed),
                Ok(Some(Ok(_))) => {}
                _ => return Err(LineEnd::Lost),
            }
        }
    }

    async fn hang_up(&mut self) {
        self.sequence += 1;
        let stop = messages::stop(&self.setup.ids, self.sequence);
        let Some(mut socket) = self.socket.take() else { return };
        let farewell = async {
            socket.send(Message::text(stop)).await?;
            socket.close(None).await?;
            while let Some(message) = socket.next().await {
                message?;
            }
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        // Whatever the server makes of it, the receiver is down.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, farewell).await;
    }

    fn violation(&mut self, code: u32, reason: String) {
        tracing::debug!(code, at_ms = self.now_ms, "the server broke the protocol: {reason}");
        self.report.violations.push(Violation { at_ms: self.now_ms, code, reason });
    }

    fn into_report(mut self, end: LineEnd) -> LineReport {
        self.report.end = end;
        self.report.media_ms = self.now_ms;
        self.report.wall_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.unheard_at_end_ms = self.playout.queued_ms();
        self.report.most_queued_ms = self.playout.most_queued_ms();
        self.report
    }
}

#[cfg(test)]
mod tests;
