//! One session with the peer.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::ambient::{Clock as _, SystemClock};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::Manner;
use super::events::{self, Names};
use crate::load::board::Board;
use crate::load::stamp::Stamp;
use crate::load::{FRAME_BYTES, FRAME_MS};

/// Loudness of the agent's frames behind their stamps.
const LOUD: u8 = 0x9F;

/// What a client says, as far as it matters here.
#[derive(Deserialize)]
struct FromClient<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    audio: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item_id: Option<Cow<'a, str>>,
    #[serde(default)]
    content_index: u64,
    #[serde(default)]
    audio_end_ms: u64,
}

/// As far as it decides who asks for answers.
#[derive(Deserialize)]
struct SessionConfig {
    audio: AudioConfig,
}

#[derive(Deserialize)]
struct AudioConfig {
    input: InputConfig,
}

#[derive(Deserialize)]
struct InputConfig {
    turn_detection: Option<TurnDetection>,
}

#[derive(Deserialize)]
struct TurnDetection {
    create_response: bool,
}

/// An answer that is being sent.
struct Answer {
    names: Names,
    frames_left: u64,
    due: Instant,
}

struct Session<'a> {
    socket: WebSocketStream<TcpStream>,
    board: &'a Board,
    manner: Manner,
    events: u64,
    answers: u64,
    turns: u64,
    call: u32,
    heard_ms: u64,
    caller_speaks: bool,
    answers_by_itself: bool,
    answer: Option<Answer>,
    sent_frames: u32,
}

/// Serves a client until it is gone.
pub(super) async fn run(
    socket: WebSocketStream<TcpStream>,
    board: &Board,
    manner: Manner,
) -> Result<(), String> {
    let mut session = Session {
        socket,
        board,
        manner,
        events: 0,
        answers: 0,
        turns: 0,
        call: Stamp::NO_CALL,
        heard_ms: 0,
        caller_speaks: false,
        answers_by_itself: true,
        answer: None,
        sent_frames: 0,
    };
    session.run().await
}

impl Session<'_> {
    async fn run(&mut self) -> Result<(), String> {
        let created = events::session("session.created", self.next_event(1), None, now_unix_s());
        self.send(created).await?;
        loop {
            let due = self.answer.as_ref().map(|answer| answer.due);
            tokio::select! {
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => self.obey(&text).await?,
                    Some(Ok(Message::Close(_))) | None => return Ok(()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.to_string()),
                },
                () = sleep_until(due) => self.send_audio().await?,
            }
        }
    }

    async fn obey(&mut self, text: &str) -> Result<(), String> {
        let message: FromClient<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match message.kind.as_ref() {
            "input_audio_buffer.append" => {
                let audio = message.audio.unwrap_or_default();
                let audio = base64_simd::STANDARD
                    .decode_to_vec(audio.as_bytes())
                    .map_err(|error| format!("audio can't be read: {error}"))?;
                for frame in audio.chunks(FRAME_BYTES) {
                    self.hear(frame).await?;
                }
                Ok(())
            }
            "session.update" => {
                let config: Option<SessionConfig> =
                    message.session.and_then(|session| serde_json::from_str(session.get()).ok());
                if let Some(config) = config {
                    let detection = config.audio.input.turn_detection;
                    self.answers_by_itself = detection.is_some_and(|detection| detection.create_response);
                }
                let event = self.next_event(1);
                self.send(events::session("session.updated", event, message.session, now_unix_s())).await
            }
            "response.create" if self.answer.is_some() => {
                let event = self.next_event(1);
                let code = "conversation_already_has_active_response";
                self.send(events::error(event, code, "Conversation already has an active response")).await
            }
            "response.create" => self.begin_answer().await,
            "response.cancel" => match self.answer.take() {
                Some(answer) => self.end_answer(&answer.names, false).await,
                None => {
                    let event = self.next_event(1);
                    let message = "Cancellation failed: no active response found";
                    self.send(events::error(event, "response_cancel_not_active", message)).await
                }
            },
            "conversation.item.truncate" => {
                let item = message.item_id.unwrap_or_default();
                let event = self.next_event(1);
                self.send(events::truncated(event, &item, message.content_index, message.audio_end_ms)).await
            }
            _ => Ok(()),
        }
    }

    async fn hear(&mut self, frame: &[u8]) -> Result<(), String> {
        self.heard_ms += FRAME_MS;
        let Some(stamp) = Stamp::read(frame) else {
            self.board.strange_up.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        self.call = stamp.call;
        self.board.came_up(stamp.call, stamp.sequence, stamp.sent_us);
        if stamp.is_speech == self.caller_speaks {
            return Ok(());
        }
        self.caller_speaks = stamp.is_speech;
        if stamp.is_speech {
            self.turns += 1;
        }
        let item = format!("item_c{}", self.turns);
        if stamp.is_speech {
            let event = self.next_event(1);
            let now_us = self.board.now_us();
            self.board.with_call(self.call, |mark| mark.speaks_since_us = Some(now_us));
            return self.send(events::speech_started(event, &item, self.heard_ms)).await;
        }
        for text in events::turn_over(self.next_event(5), &item, self.heard_ms) {
            self.send(text).await?;
        }
        if self.answers_by_itself && self.answer.is_none() { self.begin_answer().await } else { Ok(()) }
    }

    async fn begin_answer(&mut self) -> Result<(), String> {
        self.answers += 1;
        let names =
            Names { response: format!("resp_{}", self.answers), item: format!("item_a{}", self.answers) };
        for text in events::answer_begins(self.next_event(5), &names) {
            self.send(text).await?;
        }
        let frames_left = self.manner.answer_ms / FRAME_MS;
        self.answer = Some(Answer { names, frames_left, due: Instant::now() });
        Ok(())
    }

    async fn send_audio(&mut self) -> Result<(), String> {
        let Some(mut answer) = self.answer.take() else { return Ok(()) };
        let frames = (self.manner.delta_ms / FRAME_MS).clamp(1, answer.frames_left.max(1));
        let mut audio = vec![LOUD; frames as usize * FRAME_BYTES];
        let sent_us = self.board.now_us();
        for frame in audio.chunks_exact_mut(FRAME_BYTES) {
            let stamp = Stamp { call: self.call, sequence: self.sent_frames, is_speech: true, sent_us };
            stamp.write(frame);
            self.sent_frames += 1;
        }
        self.board.frames_down.fetch_add(frames, Ordering::Relaxed);
        let text = events::audio(self.next_event(1), &answer.names, &audio);
        self.send(text).await?;
        answer.frames_left -= frames.min(answer.frames_left);
        if answer.frames_left == 0 {
            return self.end_answer(&answer.names, true).await;
        }
        answer.due += Duration::from_millis(frames * FRAME_MS) / self.manner.speed.max(1);
        self.answer = Some(answer);
        Ok(())
    }

    async fn end_answer(&mut self, names: &Names, completed: bool) -> Result<(), String> {
        for text in events::answer_ends(self.next_event(5), names, completed) {
            self.send(text).await?;
        }
        Ok(())
    }

    fn next_event(&mut self, count: u64) -> u64 {
        self.events += count;
        self.events - count + 1
    }

    async fn send(&mut self, text: String) -> Result<(), String> {
        self.socket.send(Message::text(text)).await.map_err(|error| error.to_string())
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn now_unix_s() -> i64 {
    SystemClock.now().timestamp()
}
