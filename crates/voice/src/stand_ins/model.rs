//! A speech-to-speech model that hears the stand-in caller's phrases and hums its answers, with faults on demand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use audio::g711;
use bytes::Bytes;
use domain::call_log::ModelTokens;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::error::ProviderError;
use provider_traits::realtime::{
    RealtimeConfig, RealtimeInput, RealtimeLink, RealtimeOutput, RealtimeProvider, ResponseStatus,
};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{MS_PER_WORD, VOICE_MS_PER_CHARACTER, phrase_of};

/// Where in a session something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelPhase {
    /// Before it is ready.
    Opening,
    /// When the caller begins to speak, before it is noticed.
    Listening,
    /// While the caller speaks.
    CallerSpeaking,
    /// When an answer is asked for.
    ReplyOwed,
    /// In mid-answer, after 400 ms of its audio.
    Speaking,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFault {
    /// It can't be opened.
    Refuses,
    /// The connection is closed.
    Closes,
    /// Nothing comes any more.
    Silent,
    /// Everything is so many milliseconds late.
    Slow(u64),
    /// It talks without end.
    Floods,
}

/// What a scripted model saw.
#[derive(Debug, Default, Clone)]
pub struct ModelSeen {
    /// Everything but audio, in order, with the session's number.
    pub inputs: Vec<(usize, RealtimeInput)>,
    /// Milliseconds of the caller's audio.
    pub audio_ms: u64,
    /// Sessions that are open.
    pub open: usize,
    /// Sessions that were opened.
    pub opened: usize,
}

/// What a model answers: words, and a function that it calls besides.
pub struct ModelAnswer {
    /// The words; none for a function alone.
    pub words: String,
    /// A function and its arguments.
    pub function: Option<(&'static str, &'static str)>,
}

/// From the caller's last words, or the instructions, to an answer.
pub type ModelAnswers = fn(&str) -> ModelAnswer;

/// The scripted model.
pub struct ScriptedModel {
    /// Its phrases.
    pub phrases: Vec<&'static str>,
    /// What it answers.
    pub answers: ModelAnswers,
    /// Faults: of the session with that number (from 0), or of all from it on.
    pub faults: Vec<(std::ops::Range<usize>, ModelPhase, ModelFault)>,
    /// Faults of answers come not before this one of a session (from 0).
    pub from_answer: usize,
    /// How long a session lasts.
    pub lasts: Duration,
    /// Whether it never notices that anybody speaks.
    pub is_hard_of_hearing: bool,
    seen: Arc<Mutex<ModelSeen>>,
    tasks: TaskTracker,
}

impl ScriptedModel {
    /// A model without faults.
    #[must_use]
    pub fn new(phrases: &[&'static str], answers: ModelAnswers) -> Self {
        Self {
            phrases: phrases.to_vec(),
            answers,
            faults: Vec::new(),
            from_answer: 0,
            lasts: Duration::from_secs(3_600),
            is_hard_of_hearing: false,
            seen: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// What it saw so far.
    #[must_use]
    pub fn seen(&self) -> Arc<Mutex<ModelSeen>> {
        Arc::clone(&self.seen)
    }
}

#[async_trait]
impl RealtimeProvider for ScriptedModel {
    fn descriptor(&self) -> &'static Descriptor {
        static MODEL: Descriptor = Descriptor { id: "scripted", name: "Scripted", locality: Locality::Cloud };
        &MODEL
    }

    fn model(&self) -> &'static str {
        "scripted-1"
    }

    async fn open(&self, _config: &RealtimeConfig) -> Result<RealtimeLink, ProviderError> {
        let number = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.opened += 1;
            seen.opened - 1
        };
        let fault = self
            .faults
            .iter()
            .find(|(sessions, ..)| sessions.contains(&number))
            .map(|&(_, phase, fault)| (phase, fault));
        if let Some((ModelPhase::Opening, ModelFault::Refuses)) = fault {
            return Err(ProviderError::Refused { provider: "scripted", reason: "no".into() });
        }
        let (input, inputs) = mpsc::channel(64);
        let (outputs, output) = mpsc::channel(64);
        let session = Session {
            number,
            phrases: self.phrases.clone(),
            answers: self.answers,
            fault,
            from_answer: self.from_answer,
            answered: 0,
            lasts: self.lasts,
            is_hard_of_hearing: self.is_hard_of_hearing,
            seen: Arc::clone(&self.seen),
            outputs,
            voiced_ms: [0; 10],
            loud_ms: 0,
            quiet_ms: 0,
            speaking: None,
            items: 0,
            last_words: String::new(),
        };
        self.tasks.spawn(session.run(inputs));
        Ok(RealtimeLink { input, output })
    }
}

struct Session {
    number: usize,
    phrases: Vec<&'static str>,
    answers: ModelAnswers,
    fault: Option<(ModelPhase, ModelFault)>,
    from_answer: usize,
    answered: usize,
    lasts: Duration,
    is_hard_of_hearing: bool,
    seen: Arc<Mutex<ModelSeen>>,
    outputs: mpsc::Sender<RealtimeOutput>,
    voiced_ms: [u64; 10],
    loud_ms: u64,
    quiet_ms: u64,
    speaking: Option<String>,
    items: usize,
    last_words: String,
}

/// The session is over.
struct Over;

impl Session {
    async fn run(mut self, mut inputs: mpsc::Receiver<RealtimeInput>) {
        self.seen(|seen| seen.open += 1);
        let _over = self.live(&mut inputs).await;
        self.seen(|seen| seen.open -= 1);
    }

    fn seen(&self, note: impl FnOnce(&mut ModelSeen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn live(&mut self, inputs: &mut mpsc::Receiver<RealtimeInput>) -> Result<(), Over> {
        self.reach(ModelPhase::Opening).await?;
        self.tell(RealtimeOutput::Ready { expires_in: Some(self.lasts) }).await?;
        let mut response = 0;
        while let Some(input) = inputs.recv().await {
            match input {
                RealtimeInput::Audio(audio) => {
                    for frame in audio.chunks(160) {
                        self.hear(frame).await?;
                    }
                }
                other => {
                    let number = self.number;
                    self.seen(|seen| seen.inputs.push((number, other.clone())));
                    match other {
                        RealtimeInput::Probe => {
                            self.tell(RealtimeOutput::Ready { expires_in: Some(self.lasts) }).await?;
                        }
                        RealtimeInput::Respond { instructions } => {
                            let id = format!("r{}-{response}", self.number);
                            response += 1;
                            self.answer(id, instructions.as_deref()).await?;
                        }
                        RealtimeInput::Earlier(provider_traits::realtime::Earlier::Caller(words)) => {
                            self.last_words = words;
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    async fn tell(&self, event: RealtimeOutput) -> Result<(), Over> {
        self.outputs.send(event).await.map_err(|_| Over)
    }

    /// What goes wrong here does.
    async fn reach(&self, phase: ModelPhase) -> Result<(), Over> {
        let in_answer = matches!(phase, ModelPhase::ReplyOwed | ModelPhase::Speaking);
        if in_answer && self.answered < self.from_answer {
            return Ok(());
        }
        match self.fault {
            Some((at, ModelFault::Closes)) if at == phase => Err(Over),
            Some((at, ModelFault::Silent)) if at == phase => {
                self.outputs.closed().await;
                Err(Over)
            }
            Some((at, ModelFault::Slow(ms))) if at == phase => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            Some((at, ModelFault::Floods)) if at == phase => loop {
                let audio = Bytes::from(vec![0x90; 8_000]);
                let (response, item) = ("flood".to_owned(), "flood".to_owned());
                self.tell(RealtimeOutput::ResponseStarted { response: response.clone() }).await?;
                self.tell(RealtimeOutput::Audio { response, item, content_index: 0, audio }).await?;
            },
            _ => Ok(()),
        }
    }

    async fn hear(&mut self, frame: &[u8]) -> Result<(), Over> {
        self.seen(|seen| seen.audio_ms += 20);
        let loud = frame.first().map_or(0, |&code| g711::decode(code).unsigned_abs()) > 1_000;
        if loud {
            if let Some(phrase) = phrase_of(g711::decode(frame[0])) {
                self.voiced_ms[phrase] += 20;
            }
            (self.loud_ms, self.quiet_ms) = (self.loud_ms + 20, 0);
        } else {
            self.quiet_ms += 20;
        }
        if self.loud_ms == 20 {
            self.reach(ModelPhase::Listening).await?;
        }
        if self.speaking.is_none() && self.loud_ms >= 60 && !self.is_hard_of_hearing {
            let item = format!("c{}-{}", self.number, self.items);
            self.items += 1;
            self.speaking = Some(item.clone());
            self.tell(RealtimeOutput::SpeechStarted { item }).await?;
            self.reach(ModelPhase::CallerSpeaking).await?;
        }
        if self.quiet_ms >= 500 {
            self.loud_ms = 0;
            if let Some(item) = self.speaking.take() {
                self.last_words = self.words();
                self.voiced_ms = [0; 10];
                self.tell(RealtimeOutput::SpeechStopped { item: item.clone() }).await?;
                self.tell(RealtimeOutput::Committed { item: item.clone() }).await?;
                let text = self.last_words.clone();
                self.tell(RealtimeOutput::CallerWords { item, text }).await?;
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        let heard = self.voiced_ms.iter().enumerate().max_by_key(|(_, ms)| **ms);
        let Some((phrase, &ms)) = heard.filter(|(_, ms)| **ms > 0) else { return String::new() };
        let count = usize::try_from(ms.div_ceil(MS_PER_WORD)).unwrap_or(usize::MAX);
        let phrase = self.phrases.get(phrase).copied().unwrap_or_default();
        phrase.split(' ').take(count).collect::<Vec<_>>().join(" ")
    }

    async fn answer(&mut self, response: String, instructions: Option<&str>) -> Result<(), Over> {
        self.reach(ModelPhase::ReplyOwed).await?;
        let ModelAnswer { words, function } = (self.answers)(instructions.unwrap_or(&self.last_words));
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.tell(RealtimeOutput::ResponseStarted { response: response.clone() }).await?;
        if !words.is_empty() {
            let item = format!("a-{response}");
            self.tell(RealtimeOutput::AgentWords { item: item.clone(), text: words.clone() }).await?;
            let codes = vec![0x90; words.chars().count() * VOICE_MS_PER_CHARACTER * 8];
            for (number, piece) in codes.chunks(3_200).enumerate() {
                if number == 1 {
                    self.reach(ModelPhase::Speaking).await?;
                }
                let audio = Bytes::copy_from_slice(piece);
                let (response, item) = (response.clone(), item.clone());
                self.tell(RealtimeOutput::Audio { response, item, content_index: 0, audio }).await?;
            }
        }
        if let Some((name, arguments)) = function {
            let (response, call_id) = (response.clone(), format!("f-{response}"));
            let (name, arguments) = (name.to_owned(), arguments.to_owned());
            self.tell(RealtimeOutput::FunctionCall { response, call_id, name, arguments }).await?;
        }
        let usage = ModelTokens { input_text: 10, output_audio: 20, ..ModelTokens::default() };
        self.answered += 1;
        self.tell(RealtimeOutput::ResponseDone { response, status: ResponseStatus::Completed, usage }).await
    }
}
