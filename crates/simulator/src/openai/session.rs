//! One session: what the client sends, what the ear notices, and what is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base64_simd::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::ambient::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::configuration::Configuration;
use super::conversation::{Conversation, Meaning};
use super::ear::{Ear, Noticed, Utterance};
use super::events::{self, Refusal};
use super::fault::{Fault, FaultKind, Phase};
use super::handshake::Admitted;
use super::requests::Request;
use super::seen::{Page, TruncationSeen};
use super::settings::TranscriptOrder;
use super::speaking::Answering;
use super::stand_in::Shared;

/// Milliseconds of a caller's sentence after which [`Phase::CallerSpeaking`] is reached.
const MID_SENTENCE_MS: u64 = 240;
/// Milliseconds of silence after an answer after which [`Phase::Listening`] is reached.
const LISTENING_MS: u64 = 400;
/// How long the words of a caller wait for an answer that they are to come after.
const WORDS_WAIT: Duration = Duration::from_secs(3);
/// Between two pieces of a caller's words.
const WORD_EVERY: Duration = Duration::from_millis(15);
/// Bytes of the caller's first audio that are remembered.
const FIRST_AUDIO: usize = 8_000;
/// Audio that a client may commit by itself.
const LEAST_COMMIT_MS: u64 = 100;

/// How a session ended.
#[derive(Debug)]
pub(super) enum Over {
    /// The client is gone.
    ClientLeft,
    /// It is to be closed.
    Closed { code: u16, reason: String },
    /// Something is to go wrong now.
    Fault(FaultKind),
}

/// A session.
pub(super) struct Session {
    socket: WebSocketStream<TcpStream>,
    pub(super) shared: Arc<Shared>,
    pub(super) page: Page,
    pub(super) connection: usize,
    fault: Option<Fault>,
    /// Every event comes so much later.
    lag: Option<Duration>,
    pub(super) configuration: Configuration,
    /// Whether an update was accepted.
    updated: bool,
    pub(super) conversation: Conversation,
    ear: Ear,
    /// The item that the caller's words will be, while they are spoken.
    caller_item: Option<String>,
    pub(super) answering: Option<Answering>,
    pub(super) answers: usize,
    /// Whether audio was made: the voice can't be changed any more.
    pub(super) voice_is_locked: bool,
    /// What was said since the last answer.
    pub(super) said: Option<String>,
    /// Whether it was told what a caller said in a session before.
    goes_on: bool,
    /// What the last function said.
    pub(super) output: Option<String>,
    /// Events that come by themselves.
    later: VecDeque<(Instant, Value)>,
    /// Words that come after the next answer.
    after_answer: Vec<Value>,
    /// Milliseconds of silence since the last answer was complete; `None` before it.
    listened_ms: Option<u64>,
    ids: u32,
    /// Tokens of the session so far, and of audio since the last answer.
    pub(super) tokens: u64,
    pub(super) heard_ms: u64,
    ends_at: Instant,
}

impl Session {
    pub(super) fn new(
        admitted: Admitted,
        connection: usize,
        fault: Option<Fault>,
        shared: Arc<Shared>,
    ) -> Self {
        let limit = shared.settings.session_limit;
        let expires_at =
            SystemClock.now().timestamp() + i64::try_from(limit.as_secs()).unwrap_or(i64::MAX / 2);
        let id = format!("sess_StandIn{connection:08}");
        Self {
            page: shared.book.open(connection, &admitted.model),
            configuration: Configuration::new(&id, &admitted.model, expires_at),
            socket: admitted.socket,
            shared,
            connection,
            fault,
            lag: None,
            updated: false,
            conversation: Conversation::default(),
            ear: Ear::new(),
            caller_item: None,
            answering: None,
            answers: 0,
            voice_is_locked: false,
            said: None,
            goes_on: false,
            output: None,
            later: VecDeque::new(),
            after_answer: Vec::new(),
            listened_ms: None,
            ids: 0,
            tokens: 0,
            heard_ms: 0,
            ends_at: Instant::now() + limit,
        }
    }

    pub(super) fn socket(&mut self) -> &mut WebSocketStream<TcpStream> {
        &mut self.socket
    }

    /// Runs until it is over.
    pub(super) async fn run(&mut self) -> Over {
        match self.live().await {
            Ok(()) => Over::ClientLeft,
            Err(over) => over,
        }
    }

    async fn live(&mut self) -> Result<(), Over> {
        self.reach(Phase::BeforeCreated).await?;
        self.send(json!({ "type": "session.created", "session": self.configuration.session() })).await?;
        loop {
            let words_due = self.later.front().map(|(at, _)| *at);
            let answer_due = self.answering.as_ref().map(|answering| answering.due);
            let due = [words_due, answer_due].into_iter().flatten().min();
            tokio::select! {
                () = tokio::time::sleep_until(self.ends_at) => return Err(self.expire().await),
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => self.take(&text).await?,
                    Some(Ok(Message::Binary(_))) => {
                        self.refuse(&Refusal::new("invalid_request", "Binary frames are not supported."), None).await?;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                    Some(Ok(_)) => {}
                },
                () = tokio::time::sleep_until(due.unwrap_or(self.ends_at)), if due.is_some() => {
                    if due == words_due && let Some((_, event)) = self.later.pop_front() {
                        self.send(event).await?;
                    } else {
                        self.go_on_speaking().await?;
                    }
                }
            }
        }
    }

    async fn expire(&mut self) -> Over {
        let reason = "Your session hit the maximum duration of 60 minutes.";
        let error = events::error(&Refusal::new("session_expired", reason), None);
        match self.send(error).await {
            Ok(()) => Over::Closed { code: 1001, reason: reason.to_owned() },
            Err(over) => over,
        }
    }

    /// A fault that was to come in this phase comes.
    pub(super) async fn reach(&mut self, phase: Phase) -> Result<(), Over> {
        let in_an_answer = matches!(phase, Phase::ReplyOwed | Phase::Speaking | Phase::Listening);
        let answers = self.answers;
        let goes_on = self.goes_on;
        let due = |fault: &mut Fault| {
            let is_wanted = !in_an_answer || answers >= fault.from_answer;
            fault.phase == phase && is_wanted && !(fault.in_first_session && goes_on)
        };
        let Some(fault) = self.fault.take_if(due) else { return Ok(()) };
        self.shared.noted(self.connection, &fault);
        match fault.kind {
            FaultKind::Slow(delay) => {
                self.lag = Some(delay);
                Ok(())
            }
            FaultKind::Error(code) => {
                let refusal = Refusal::new(&code, "The server had an error while processing your request.");
                if code == "session_expired" {
                    return Err(self.expire().await);
                }
                if matches!(phase, Phase::ReplyOwed | Phase::Speaking) {
                    return self.fail_answer(&refusal).await;
                }
                self.send(events::error(&refusal, None)).await
            }
            kind => Err(Over::Fault(kind)),
        }
    }

    pub(super) async fn send(&mut self, mut event: Value) -> Result<(), Over> {
        if let Some(lag) = self.lag {
            tokio::time::sleep(lag).await;
        }
        event["event_id"] = Value::from(self.id("event"));
        self.socket.send(Message::text(event.to_string())).await.map_err(|_| Over::ClientLeft)
    }

    pub(super) fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}_S{:05}N{:07}", self.connection, self.ids)
    }

    pub(super) async fn refuse(&mut self, refusal: &Refusal, event_id: Option<&str>) -> Result<(), Over> {
        self.page.note(|session| {
            session.errors.push(refusal.code.clone());
            session.complaints.push(refusal.message.clone());
        });
        self.send(events::error(refusal, event_id)).await
    }

    async fn take(&mut self, text: &str) -> Result<(), Over> {
        let request = match Request::read(text) {
            Ok(request) => request,
            Err((refusal, event_id)) => {
                self.page.event("(refused)");
                return self.refuse(&refusal, event_id.as_deref()).await;
            }
        };
        self.page.event(&request.kind);
        let done = match request.kind.as_str() {
            "input_audio_buffer.append" => self.hear(&request).await?,
            "session.update" => self.update(&request).await?,
            "input_audio_buffer.commit" => self.commit().await?,
            "input_audio_buffer.clear" => {
                self.ear.clear();
                self.caller_item = None;
                self.send(json!({ "type": "input_audio_buffer.cleared" })).await?;
                Ok(())
            }
            "conversation.item.create" => self.create_item(&request).await?,
            "conversation.item.delete" => self.delete_item(&request).await?,
            "conversation.item.truncate" => self.truncate(&request).await?,
            "conversation.item.retrieve" => match self.conversation.get(request.text("item_id")) {
                Ok(item) => {
                    self.send(json!({ "type": "conversation.item.retrieved", "item": item })).await?;
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            },
            "response.create" => self.begin_answer(request.value("response")).await?,
            "response.cancel" => self.cancel_answer(request.value("response_id")).await?,
            other => Err(Refusal::new("invalid_request", format!("'{other}' is for WebRTC and SIP only."))),
        };
        match done {
            Ok(()) => Ok(()),
            Err(refusal) => self.refuse(&refusal, request.event_id.as_deref()).await,
        }
    }

    async fn update(&mut self, request: &Request) -> Result<Result<(), Refusal>, Over> {
        self.reach(Phase::BeforeUpdated).await?;
        if let Err(refusal) = self.configuration.update(request.value("session"), self.voice_is_locked) {
            return Ok(Err(refusal));
        }
        self.updated = true;
        let instructions = self.configuration.instructions().to_owned();
        self.page.note(|session| session.instructions = instructions);
        self.send(json!({ "type": "session.updated", "session": self.configuration.session() })).await?;
        Ok(Ok(()))
    }

    async fn hear(&mut self, request: &Request) -> Result<Result<(), Refusal>, Over> {
        let Ok(audio) = STANDARD.decode_to_vec(request.text("audio")) else {
            let message = "Invalid 'audio'. Expected base64-encoded audio bytes, but got an invalid value.";
            return Ok(Err(Refusal::new("invalid_value", message).of("audio")));
        };
        let early = !self.updated;
        self.page.note(|session| {
            session.audio_bytes += audio.len();
            let missing = FIRST_AUDIO.saturating_sub(session.first_audio.len());
            session.first_audio.extend_from_slice(&audio[..missing.min(audio.len())]);
            session.early_audio_bytes += if early { audio.len() } else { 0 };
        });
        let before_ms = self.ear.buffered_ms;
        let detection = self.configuration.detection();
        let noticed = self.ear.take(&audio, self.configuration.hears(), detection);
        self.heard_ms += self.ear.buffered_ms.saturating_sub(before_ms);
        for noticed in noticed {
            match noticed {
                Noticed::Started { start_ms } => self.caller_started(start_ms).await?,
                Noticed::Stopped { end_ms, heard } => self.caller_stopped(end_ms, heard).await?,
            }
        }
        if self.ear.speaking() {
            if self.ear.loud_ms() >= MID_SENTENCE_MS {
                self.reach(Phase::CallerSpeaking).await?;
            }
        } else if self.answering.is_none()
            && let Some(listened_ms) = self.listened_ms.as_mut()
        {
            *listened_ms += (audio.len() / 8) as u64;
            if *listened_ms >= LISTENING_MS {
                self.reach(Phase::Listening).await?;
            }
        }
        Ok(Ok(()))
    }

    async fn caller_started(&mut self, start_ms: u64) -> Result<(), Over> {
        self.listened_ms = None;
        let item = self.id("item");
        self.caller_item = Some(item.clone());
        self.send(json!({
            "type": "input_audio_buffer.speech_started", "audio_start_ms": start_ms, "item_id": item,
        }))
        .await?;
        if self.configuration.interrupts_itself() && self.answering.is_some() {
            self.end_answer("cancelled", Some("turn_detected"), None).await?;
        }
        Ok(())
    }

    async fn caller_stopped(&mut self, end_ms: u64, heard: Utterance) -> Result<(), Over> {
        let item = self.caller_item.take().unwrap_or_else(|| self.id("item"));
        self.send(json!({
            "type": "input_audio_buffer.speech_stopped", "audio_end_ms": end_ms, "item_id": item,
        }))
        .await?;
        self.committed(&item, heard).await?;
        if self.configuration.answers_by_itself()
            && let Err(refusal) = self.begin_answer(&Value::Null).await?
        {
            self.refuse(&refusal, None).await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<Result<(), Refusal>, Over> {
        let buffered_ms = self.ear.buffered_ms;
        if buffered_ms < LEAST_COMMIT_MS {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least {LEAST_COMMIT_MS}ms of audio, \
                 but buffer only has {buffered_ms}.00ms of audio."
            );
            return Ok(Err(Refusal::new("input_audio_buffer_commit_empty", message)));
        }
        let heard = self.ear.commit();
        let item = self.caller_item.take().unwrap_or_else(|| self.id("item"));
        self.committed(&item, heard).await?;
        Ok(Ok(()))
    }

    /// The caller's turn is an item now; its words come when they come.
    async fn committed(&mut self, item: &str, heard: Utterance) -> Result<(), Over> {
        let settings = &self.shared.settings;
        let words = heard.words(&settings.phrases, &settings.otherwise_heard);
        let order = settings.transcripts;
        self.page.note(|session| session.heard.push(words.clone()));
        let transcript = match self.configuration.transcribes() {
            true => events::transcript(item, &words, heard.seconds()),
            false => Vec::new(),
        };
        self.said = Some(words);
        self.output = None;
        match order {
            TranscriptOrder::Before => {
                for event in transcript {
                    self.send(event).await?;
                }
            }
            TranscriptOrder::During => self.say_later(transcript, WORD_EVERY),
            TranscriptOrder::After => self.after_answer.extend(transcript),
        }
        let value = events::caller_item(item);
        let previous = self.conversation.append(item, value.clone(), false);
        let previous = previous.as_deref();
        self.send(json!({
            "type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item,
        }))
        .await?;
        self.send(events::item_added(previous, &value)).await?;
        self.send(events::item_done(previous, &value)).await?;
        self.listened_ms = None;
        if order == TranscriptOrder::After {
            // In case that nobody asks for an answer.
            let waiting = std::mem::take(&mut self.after_answer);
            self.say_later(waiting, WORDS_WAIT);
        }
        Ok(())
    }

    fn say_later(&mut self, events: Vec<Value>, first: Duration) {
        let mut at = Instant::now() + first;
        for event in events {
            let place = self.later.partition_point(|(due, _)| *due <= at);
            self.later.insert(place, (at, event));
            at += WORD_EVERY;
        }
    }

    /// An answer is complete: words that waited for it come.
    pub(super) fn answered(&mut self) {
        self.listened_ms = Some(0);
        if self.shared.settings.transcripts == TranscriptOrder::After {
            let now = Instant::now();
            for (due, _) in &mut self.later {
                *due = (*due).min(now);
            }
        }
    }

    async fn create_item(&mut self, request: &Request) -> Result<Result<(), Refusal>, Over> {
        let id = self.id("item");
        let created = self.conversation.create(request.value("item"), request.value("previous_item_id"), &id);
        let added = match created {
            Ok(added) => added,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let is_output = match added.means {
            Meaning::Earlier(role, words) => {
                self.page.note(|session| session.seeded.push((role.clone(), words.clone())));
                if role == "user" {
                    self.goes_on = true;
                    self.said = Some(words);
                    self.output = None;
                }
                false
            }
            Meaning::Output(call_id, output) => {
                self.page.note(|session| session.outputs.push((call_id, output.clone())));
                self.output = Some(output);
                true
            }
        };
        let previous = added.previous.as_deref();
        self.send(events::item_added(previous, &added.item)).await?;
        self.send(events::item_done(previous, &added.item)).await?;
        if is_output {
            self.reach(Phase::FunctionOutput).await?;
        }
        Ok(Ok(()))
    }

    async fn delete_item(&mut self, request: &Request) -> Result<Result<(), Refusal>, Over> {
        let item = request.text("item_id").to_owned();
        if let Err(refusal) = self.conversation.delete(&item) {
            return Ok(Err(refusal));
        }
        self.page.note(|session| session.deleted.push(item.clone()));
        self.send(json!({ "type": "conversation.item.deleted", "item_id": item })).await?;
        Ok(Ok(()))
    }

    async fn truncate(&mut self, request: &Request) -> Result<Result<(), Refusal>, Over> {
        let item = request.text("item_id").to_owned();
        let number = |name: &str| request.value(name).as_u64();
        let (Some(content_index), Some(end_ms)) = (number("content_index"), number("audio_end_ms")) else {
            return Ok(Err(Refusal::invalid("audio_end_ms", "expected an integer of 0 or more")));
        };
        let made_ms = match self.conversation.truncate(&item, content_index, end_ms) {
            Ok(made_ms) => made_ms,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let audio_end_ms = u32::try_from(end_ms).unwrap_or(u32::MAX);
        let seen = TruncationSeen { item: item.clone(), audio_end_ms, made_ms, at: Instant::now() };
        self.page.note(|session| session.truncations.push(seen));
        self.send(json!({
            "type": "conversation.item.truncated",
            "item_id": item, "content_index": content_index, "audio_end_ms": end_ms,
        }))
        .await?;
        Ok(Ok(()))
    }
}
