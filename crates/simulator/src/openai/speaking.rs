//! Answers: events in the order of recorded sessions, audio much faster than real time.

use std::collections::VecDeque;
use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ear::Format;
use super::events::{self, Refusal};
use super::fault::Phase;
use super::seen::ResponseSeen;
use super::session::{Over, Session};
use super::settings::{Answer, Asked, FunctionCall};

/// Milliseconds of the pieces that audio comes in, over and over.
const PIECES_MS: [u32; 5] = [20, 200, 100, 60, 200];
/// The hum: mu-law of one period and a half of 500 Hz, far from silence.
const HUM: [u8; 16] =
    [0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10];

/// An answer that is being made.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) id: String,
    /// When the next step is due.
    pub(super) due: Instant,
    steps: VecDeque<Step>,
    /// Whether it becomes part of the conversation.
    in_band: bool,
    /// The spoken item, while it is open.
    spoken: Option<Spoken>,
    /// The called function, while the call is being written.
    calling: Option<(String, String, FunctionCall)>,
    /// Items that are complete, as they are told at the end.
    output: Vec<Value>,
    made_ms: u32,
    asked_at_tokens: u64,
}

#[derive(Debug)]
struct Spoken {
    item: String,
    words: String,
}

#[derive(Debug)]
enum Step {
    OpenMessage,
    Words(String),
    Audio(u32),
    CloseMessage,
    OpenCall(FunctionCall),
    Arguments(String),
    CloseCall,
}

fn steps(answer: &Answer) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let mut left_ms = answer.milliseconds();
    if !answer.words.is_empty() || left_ms > 0 {
        steps.push_back(Step::OpenMessage);
        let mut words = answer.words.split_inclusive(' ').map(str::to_owned).collect::<VecDeque<_>>();
        let mut sizes = PIECES_MS.into_iter().cycle();
        while left_ms > 0 {
            // The words are ahead of the audio.
            steps.extend((0..2).filter_map(|_| words.pop_front()).map(Step::Words));
            let piece_ms = sizes.next().unwrap_or(20).min(left_ms);
            steps.push_back(Step::Audio(piece_ms));
            left_ms -= piece_ms;
        }
        steps.extend(words.into_iter().map(Step::Words));
        steps.push_back(Step::CloseMessage);
    }
    if let Some(call) = &answer.call {
        steps.push_back(Step::OpenCall(call.clone()));
        let pieces: Vec<char> = call.arguments.chars().collect();
        steps.extend(pieces.chunks(12).map(|piece| Step::Arguments(piece.iter().collect())));
        steps.push_back(Step::CloseCall);
    }
    steps
}

/// `ms` of a hum.
fn hum(ms: u32, format: Format) -> String {
    let samples = ms as usize * 8;
    let codes: Vec<u8> = match format {
        Format::MuLaw => HUM.iter().copied().cycle().take(samples).collect(),
        Format::ALaw => vec![0x2A; samples],
        Format::Pcm => [0x00, 0x20].into_iter().cycle().take(samples * 6).collect(),
    };
    STANDARD.encode_to_string(codes)
}

impl Session {
    /// Begins an answer.
    pub(super) async fn begin_answer(&mut self, asked: &Value) -> Result<Result<(), Refusal>, Over> {
        self.page.note(|session| session.asked += 1);
        if let Some(active) = &self.answering {
            let message = format!(
                "Conversation already has an active response in progress: {}. Wait until the response is finished \
                 before creating a new one.",
                active.id
            );
            return Ok(Err(Refusal::new("conversation_already_has_active_response", message)));
        }
        self.answers += 1;
        let id = self.id("resp");
        let instructions = asked["instructions"].as_str().map(str::to_owned);
        let answer = self.shared.settings.script.answer(&Asked {
            caller: self.said.as_deref(),
            output: self.output.as_deref(),
            instructions: instructions.as_deref(),
            number: self.answers,
        });
        let seen = ResponseSeen {
            id: id.clone(),
            instructions,
            asked_at: Instant::now(),
            words: answer.words.clone(),
            made_ms: 0,
            status: "in_progress".to_owned(),
        };
        self.page.note(|session| session.responses.push(seen));
        (self.said, self.output) = (None, None);
        self.answering = Some(Answering {
            id: id.clone(),
            due: Instant::now() + self.shared.settings.thinking,
            steps: steps(&answer),
            in_band: asked["conversation"] != "none",
            spoken: None,
            calling: None,
            output: Vec::new(),
            made_ms: 0,
            asked_at_tokens: self.tokens,
        });
        self.reach(Phase::ReplyOwed).await?;
        if self.answering.is_some() {
            let response = self.response(&id, "in_progress", &Value::Null, &Value::Null, &[]);
            self.send(json!({ "type": "response.created", "response": response })).await?;
        }
        Ok(Ok(()))
    }

    fn response(&self, id: &str, status: &str, details: &Value, usage: &Value, output: &[Value]) -> Value {
        json!({
            "object": "realtime.response", "id": id, "status": status, "status_details": details,
            "output": output, "conversation_id": format!("conv_StandIn{:08}", self.connection),
            "output_modalities": ["audio"], "max_output_tokens": self.configuration.max_output_tokens(),
            "audio": self.configuration.output(), "usage": usage, "metadata": null,
        })
    }

    /// The next step of the answer.
    pub(super) async fn go_on_speaking(&mut self) -> Result<(), Over> {
        let Some(answering) = self.answering.as_mut() else { return Ok(()) };
        let (id, index) = (answering.id.clone(), answering.output.len());
        let Some(step) = answering.steps.pop_front() else {
            return self.end_answer("completed", None, None).await;
        };
        let mut pause = Duration::ZERO;
        match step {
            Step::OpenMessage => self.open_message(&id, index).await?,
            Step::Words(words) => {
                let Some(spoken) = answering.spoken.as_mut() else { return Ok(()) };
                spoken.words.push_str(&words);
                let item = spoken.item.clone();
                self.send(json!({
                    "type": "response.output_audio_transcript.delta", "response_id": id, "item_id": item,
                    "output_index": index, "content_index": 0, "delta": words, "obfuscation": "p4",
                }))
                .await?;
            }
            Step::Audio(ms) => {
                self.audio(&id, index, ms).await?;
                pause = Duration::from_millis(u64::from(ms)).div_f64(self.shared.settings.speed.max(0.1));
            }
            Step::CloseMessage => self.close_message("completed").await?,
            Step::OpenCall(call) => self.open_call(&id, index, call).await?,
            Step::Arguments(piece) => {
                let Some((item, call_id, _)) = answering.calling.as_ref() else { return Ok(()) };
                let event = json!({
                    "type": "response.function_call_arguments.delta", "response_id": id, "item_id": item,
                    "output_index": index, "call_id": call_id, "delta": piece, "obfuscation": "Kd",
                });
                self.send(event).await?;
            }
            Step::CloseCall => self.close_call("completed").await?,
        }
        if let Some(answering) = self.answering.as_mut() {
            answering.due = Instant::now() + pause;
        }
        Ok(())
    }

    async fn open_message(&mut self, id: &str, index: usize) -> Result<(), Over> {
        let item = self.id("item");
        let value = json!({
            "id": item, "type": "message", "status": "in_progress", "role": "assistant", "content": [],
        });
        self.open_item(id, index, &item, &value, true).await?;
        if let Some(answering) = self.answering.as_mut() {
            answering.spoken = Some(Spoken { item: item.clone(), words: String::new() });
        }
        self.send(json!({
            "type": "response.content_part.added", "response_id": id, "item_id": item,
            "output_index": index, "content_index": 0, "part": { "type": "audio", "transcript": "" },
        }))
        .await
    }

    async fn open_item(
        &mut self,
        id: &str,
        index: usize,
        item: &str,
        value: &Value,
        spoken: bool,
    ) -> Result<(), Over> {
        self.send(json!({
            "type": "response.output_item.added", "response_id": id, "output_index": index, "item": value,
        }))
        .await?;
        if self.answering.as_ref().is_some_and(|answering| answering.in_band) {
            let previous = self.conversation.append(item, value.clone(), spoken);
            self.send(events::item_added(previous.as_deref(), value)).await?;
        }
        Ok(())
    }

    async fn audio(&mut self, id: &str, index: usize, ms: u32) -> Result<(), Over> {
        let format = self.configuration.speaks();
        let Some(answering) = self.answering.as_mut() else { return Ok(()) };
        let Some(item) = answering.spoken.as_ref().map(|spoken| spoken.item.clone()) else { return Ok(()) };
        answering.made_ms += ms;
        let made_ms = answering.made_ms;
        self.voice_is_locked = true;
        self.conversation.made(&item, ms);
        self.page.response(id, |response| response.made_ms = made_ms);
        self.send(json!({
            "type": "response.output_audio.delta", "response_id": id, "item_id": item,
            "output_index": index, "content_index": 0, "delta": hum(ms, format),
        }))
        .await?;
        // In the middle: something was heard, something is still to come.
        if made_ms >= 300 {
            self.reach(Phase::Speaking).await?;
        }
        Ok(())
    }

    async fn close_message(&mut self, status: &str) -> Result<(), Over> {
        let Some(answering) = self.answering.as_mut() else { return Ok(()) };
        let Some(Spoken { item, words }) = answering.spoken.take() else { return Ok(()) };
        let (id, index) = (answering.id.clone(), answering.output.len());
        let base = |kind: &str| {
            json!({
                "type": kind, "response_id": id, "item_id": item, "output_index": index, "content_index": 0,
            })
        };
        let mut transcript = base("response.output_audio_transcript.done");
        transcript["transcript"] = json!(words);
        let mut part = base("response.content_part.done");
        part["part"] = json!({ "type": "audio", "transcript": words });
        let value = json!({
            "id": item, "type": "message", "status": status, "role": "assistant",
            "content": [{ "type": "output_audio", "transcript": words }],
        });
        for event in [base("response.output_audio.done"), transcript, part] {
            self.send(event).await?;
        }
        self.close_item(&id, index, &item, value).await
    }

    async fn close_item(&mut self, id: &str, index: usize, item: &str, value: Value) -> Result<(), Over> {
        let Some(answering) = self.answering.as_mut() else { return Ok(()) };
        answering.output.push(value.clone());
        if answering.in_band {
            let previous = self.conversation.finish(item, value.clone());
            self.send(events::item_done(previous.as_deref(), &value)).await?;
        }
        self.send(json!({
            "type": "response.output_item.done", "response_id": id, "output_index": index, "item": value,
        }))
        .await
    }

    async fn open_call(&mut self, id: &str, index: usize, call: FunctionCall) -> Result<(), Over> {
        let (item, call_id) = (self.id("item"), self.id("call"));
        let value = json!({
            "id": item, "type": "function_call", "status": "in_progress", "name": call.name, "call_id": call_id,
            "arguments": "",
        });
        self.open_item(id, index, &item, &value, false).await?;
        if let Some(answering) = self.answering.as_mut() {
            answering.calling = Some((item, call_id, call));
        }
        Ok(())
    }

    async fn close_call(&mut self, status: &str) -> Result<(), Over> {
        let Some(answering) = self.answering.as_mut() else { return Ok(()) };
        let Some((item, call_id, call)) = answering.calling.take() else { return Ok(()) };
        let (id, index) = (answering.id.clone(), answering.output.len());
        let value = json!({
            "id": item, "type": "function_call", "status": status, "name": call.name, "call_id": call_id,
            "arguments": call.arguments,
        });
        if status == "completed" {
            self.conversation.called(&call_id);
            self.send(json!({
                "type": "response.function_call_arguments.done", "response_id": id, "item_id": item,
                "output_index": index, "call_id": call_id, "name": call.name, "arguments": call.arguments,
            }))
            .await?;
        }
        self.close_item(&id, index, &item, value).await
    }

    /// Cancels the answer on request.
    pub(super) async fn cancel_answer(&mut self, which: &Value) -> Result<Result<(), Refusal>, Over> {
        let active = self.answering.as_ref().map(|answering| answering.id.clone());
        let Some(id) = active.filter(|id| which.is_null() || which == id) else {
            let message = "Cancellation failed: no active response found";
            return Ok(Err(Refusal::new("response_cancel_not_active", message)));
        };
        self.page.note(|session| session.cancels.push(id));
        self.end_answer("cancelled", Some("client_cancelled"), None).await?;
        Ok(Ok(()))
    }

    /// The answer fails: an error inside of it, not beside it.
    pub(super) async fn fail_answer(&mut self, refusal: &Refusal) -> Result<(), Over> {
        if let Some(answering) = self.answering.as_ref()
            && answering.made_ms == 0
        {
            let id = answering.id.clone();
            let response = self.response(&id, "in_progress", &Value::Null, &Value::Null, &[]);
            self.send(json!({ "type": "response.created", "response": response })).await?;
        }
        self.end_answer("failed", None, Some(refusal)).await
    }

    /// Ends the answer: what is open is closed, then it is done, then the limits are told.
    pub(super) async fn end_answer(
        &mut self,
        status: &str,
        reason: Option<&str>,
        error: Option<&Refusal>,
    ) -> Result<(), Over> {
        let item_status = if status == "completed" { "completed" } else { "incomplete" };
        self.close_message(item_status).await?;
        self.close_call(item_status).await?;
        let Some(answering) = self.answering.take() else { return Ok(()) };
        let mut details = Value::Null;
        if status != "completed" {
            details = json!({ "type": status });
            if let Some(reason) = reason {
                details["reason"] = json!(reason);
            }
            if let Some(error) = error {
                details["error"] = json!({ "type": "server_error", "code": error.code });
            }
        }
        let usage = self.usage(&answering);
        let response = self.response(&answering.id, status, &details, &usage, &answering.output);
        self.page.response(&answering.id, |seen| seen.status = status.to_owned());
        self.send(json!({ "type": "response.done", "response": response })).await?;
        self.answered();
        let used = self.tokens;
        self.send(events::rate_limits(used)).await
    }

    /// About 10 tokens for a second heard, 20 for a second spoken, one for four letters; what the answer before this
    /// one had read already is cached.
    fn usage(&mut self, answering: &Answering) -> Value {
        let heard = std::mem::take(&mut self.heard_ms) / 100;
        let cached = answering.asked_at_tokens;
        let text = (self.configuration.instructions().chars().count() / 4) as u64;
        let text_in = if cached == 0 { text } else { 0 };
        let spoken = u64::from(answering.made_ms) / 50;
        let written = answering.output.iter().map(|item| item.to_string().len() as u64 / 24).sum::<u64>();
        let input = text_in + heard + cached;
        self.tokens += text_in + heard + spoken + written;
        json!({
            "total_tokens": input + spoken + written, "input_tokens": input, "output_tokens": spoken + written,
            "input_token_details": {
                "text_tokens": text_in + cached, "audio_tokens": heard, "image_tokens": 0, "cached_tokens": cached,
                "cached_tokens_details": { "text_tokens": cached, "audio_tokens": 0, "image_tokens": 0 },
            },
            "output_token_details": { "text_tokens": written, "audio_tokens": spoken },
        })
    }
}
