//! Stand-ins for tests and measurements: a transcriber, a voice, a detector, a mind and a telephone that
//! behave like the real ones, without models and without chance.
//!
//! What the caller says is encoded in the loudness of the audio: phrase number `n` sounds at
//! [`loudness`]`(n)`, 300 ms for each word. The transcriber hears exactly what reached it.

pub mod model;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use audio::{energy, g711};
use bytes::Bytes;
use domain::call_plan::{AgentProfile, BusinessProfile, CallPlan, Caller, Vocabulary};
use domain::ids::{AgentId, CallId, OrgId};
use domain::turn_taking::TurnTaking;
use provider_traits::ambient::IdSource;
use provider_traits::brain::{Mind, Prompt, Thought};
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use provider_traits::vad::{VoiceScorer, VoiceScorerFactory};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A plan of a call to the stand-in business: recorded, of a stranger, at most half an hour.
#[must_use]
pub fn plan(ids: &dyn IdSource) -> CallPlan {
    CallPlan {
        call_id: CallId(ids.next()),
        org_id: OrgId(ids.next()),
        started_at: chrono::DateTime::UNIX_EPOCH,
        business: BusinessProfile {
            name: "Aurora".into(),
            timezone: "UTC".parse().expect("UTC is a time zone"),
            default_country: "US".into(),
            currency: "USD".into(),
            transfer_to: None,
            people: Vec::new(),
            ask_satisfaction: false,
            contact_name: None,
        },
        agent: AgentProfile {
            id: AgentId(ids.next()),
            name: "Ava".into(),
            engine: "pipeline".into(),
            persona_prompt: String::new(),
            language: "en-US".into(),
            voice: String::new(),
            greeting: String::new(),
            client_greeting: String::new(),
            notice: String::new(),
            greeting_interruptible: true,
            turn_taking: TurnTaking::default(),
            providers: Default::default(),
        },
        caller: Caller::default(),
        lead_questions: Vec::new(),
        vocabulary: Arc::new(Vocabulary::default()),
        urgency: Default::default(),
        recording: true,
        max_call_minutes: 30,
    }
}

/// Milliseconds that the stand-in caller takes for a word.
pub const MS_PER_WORD: u64 = 300;
/// Milliseconds that the stand-in voice takes for a character.
pub const VOICE_MS_PER_CHARACTER: usize = 60;

/// The amplitude of phrase `number` (0 to 9).
#[must_use]
pub fn loudness(number: usize) -> i16 {
    (2_000.0 * 1.3_f64.powi(number as i32)) as i16
}

fn phrase_of(sample: i16) -> Option<usize> {
    let amplitude = f64::from(sample.unsigned_abs());
    (0..10).find(|&number| (amplitude / f64::from(loudness(number)) - 1.0).abs() < 0.1)
}

/// A frame of the caller saying phrase `number`, as mu-law.
#[must_use]
pub fn voiced_frame(number: usize) -> [u8; 160] {
    let amplitude = loudness(number);
    std::array::from_fn(|at| g711::encode(if at % 8 < 4 { amplitude } else { -amplitude }))
}

/// A frame of noise loud enough to be taken for voice, that no transcriber understands.
#[must_use]
pub fn noise_frame() -> [u8; 160] {
    std::array::from_fn(|at| g711::encode(if at % 8 < 4 { 1_400 } else { -1_400 }))
}

/// Calls loud frames voice.
#[derive(Debug, Default, Clone, Copy)]
pub struct LoudIsVoice;

impl VoiceScorer for LoudIsVoice {
    fn score(&mut self, samples_8k: &[i16]) -> f32 {
        if energy::rms_dbfs(samples_8k) > -40.0 { 0.95 } else { 0.02 }
    }
}

impl VoiceScorerFactory for LoudIsVoice {
    fn scorer(&self) -> Box<dyn VoiceScorer> {
        Box::new(Self)
    }
}

/// What goes wrong with a transcriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SttFault {
    /// Nothing.
    None,
    /// It is not installed.
    Missing,
    /// It can't be opened.
    Refuses,
    /// It breaks after so many milliseconds of audio.
    BreaksAfterMs(u64),
    /// It takes audio and never answers.
    Mute,
    /// It does not take audio.
    Stuck,
}

/// What the ten phrases are, known to whoever speaks and to the transcriber. They may change while a call goes on: a
/// caller of many words writes down what is said next.
#[derive(Debug, Clone, Default)]
pub struct PhraseBook(Arc<RwLock<Vec<String>>>);

impl PhraseBook {
    /// With these phrases, the first of them number 0.
    #[must_use]
    pub fn new<T: AsRef<str>>(phrases: &[T]) -> Self {
        Self(Arc::new(RwLock::new(phrases.iter().map(|phrase| phrase.as_ref().to_owned()).collect())))
    }

    /// Makes `words` the phrase of this number (0 to 9).
    pub fn write(&self, number: usize, words: &str) {
        let mut phrases = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if phrases.len() <= number {
            phrases.resize(number + 1, String::new());
        }
        words.clone_into(&mut phrases[number]);
    }

    fn beginning(&self, number: usize, words: usize) -> String {
        let phrases = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let phrase = phrases.get(number).map_or("", String::as_str);
        phrase.split(' ').take(words).collect::<Vec<&str>>().join(" ")
    }
}

/// A transcriber that knows ten phrases by their loudness.
pub struct PhraseStt {
    descriptor: &'static Descriptor,
    phrases: PhraseBook,
    fault: SttFault,
    tasks: TaskTracker,
}

impl PhraseStt {
    /// A transcriber that understands `phrases`.
    #[must_use]
    pub fn new(phrases: &[&'static str], fault: SttFault) -> Self {
        Self::of(&PhraseBook::new(phrases), fault)
    }

    /// A transcriber that understands what the book has at the time.
    #[must_use]
    pub fn of(book: &PhraseBook, fault: SttFault) -> Self {
        static SOUND: Descriptor = Descriptor { id: "phrases", name: "Phrases", locality: Locality::Local };
        static FAULTY: Descriptor = Descriptor { id: "faulty", name: "Faulty", locality: Locality::Cloud };
        let descriptor = if fault == SttFault::None { &SOUND } else { &FAULTY };
        Self { descriptor, phrases: book.clone(), fault, tasks: TaskTracker::new() }
    }
}

#[async_trait]
impl SpeechToText for PhraseStt {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn readiness(&self) -> Readiness {
        match self.fault {
            SttFault::Missing => Readiness::Missing { what: "a model".into(), remedy: "install it".into() },
            _ => Readiness::Ready,
        }
    }

    async fn open(&self, _config: &SttConfig) -> Result<SttStream, ProviderError> {
        if self.fault == SttFault::Refuses {
            return Err(ProviderError::Refused { provider: "faulty", reason: "no".into() });
        }
        let (input, inputs) = mpsc::channel(16);
        let (outputs, output) = mpsc::channel(16);
        self.tasks.spawn(transcribe(self.phrases.clone(), self.fault, inputs, outputs));
        Ok(SttStream { input, output })
    }
}

async fn transcribe(
    phrases: PhraseBook,
    fault: SttFault,
    mut inputs: mpsc::Receiver<SttInput>,
    outputs: mpsc::Sender<SttOutput>,
) {
    let (mut utterance, mut heard_ms, mut total_ms) = (0, [0_u64; 10], 0);
    let mut last = String::new();
    if fault == SttFault::Stuck {
        return outputs.closed().await;
    }
    while let Some(input) = inputs.recv().await {
        let mut output = None;
        match input {
            SttInput::Start { utterance: number } => {
                (utterance, heard_ms, last) = (number, [0; 10], String::new());
            }
            SttInput::Audio(samples) => {
                for frame in samples.chunks(160) {
                    total_ms += 20;
                    if let Some(number) = phrase_of(frame[0]) {
                        heard_ms[number] += 20;
                    }
                }
                let text = understood(&phrases, &heard_ms, false);
                if text != last {
                    last.clone_from(&text);
                    output = Some(SttOutput::Partial { utterance, text });
                }
            }
            SttInput::End => {
                let text = understood(&phrases, &heard_ms, true);
                output = Some(SttOutput::Final { utterance, text, confidence: Some(0.9) });
            }
            SttInput::Cancel => {}
            SttInput::Sync { id } => output = Some(SttOutput::Synced { id }),
        }
        if matches!(fault, SttFault::BreaksAfterMs(ms) if total_ms > ms) {
            let error = ProviderError::Unavailable { provider: "faulty", reason: "it broke".into() };
            // Whether anybody still listens is not this stand-in's business.
            let _gone = outputs.send(SttOutput::Failed(error)).await;
            return;
        }
        if let Some(output) =
            output.filter(|output| fault != SttFault::Mute || matches!(output, SttOutput::Synced { .. }))
            && outputs.send(output).await.is_err()
        {
            return;
        }
    }
}

fn understood(phrases: &PhraseBook, heard_ms: &[u64; 10], is_final: bool) -> String {
    let Some((number, &ms)) = heard_ms.iter().enumerate().max_by_key(|&(_, ms)| ms) else {
        return String::new();
    };
    let slack_ms = if is_final { 80 } else { 0 };
    phrases.beginning(number, ((ms + slack_ms) / MS_PER_WORD) as usize)
}

/// What goes wrong with a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtsFault {
    /// Nothing.
    None,
    /// It refuses each sentence.
    Refuses,
    /// It accepts a sentence and never sends audio.
    Mute,
    /// It breaks off after so many milliseconds of audio.
    BreaksAfterMs(usize),
    /// Its first audio comes late.
    LateMs(u64),
    /// It panics.
    Panics,
}

/// A voice that hums: loud for letters, silent for spaces.
pub struct HummingTts {
    descriptor: &'static Descriptor,
    fault: TtsFault,
    spoken: Mutex<Vec<String>>,
    tasks: TaskTracker,
}

impl HummingTts {
    /// A voice.
    #[must_use]
    pub fn new(fault: TtsFault) -> Self {
        static SOUND: Descriptor = Descriptor { id: "hum", name: "Hum", locality: Locality::Local };
        static FAULTY: Descriptor = Descriptor { id: "hoarse", name: "Hoarse", locality: Locality::Cloud };
        let descriptor = if fault == TtsFault::None { &SOUND } else { &FAULTY };
        Self { descriptor, fault, spoken: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// What it was asked to speak.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl TextToSpeech for HummingTts {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn voices(&self) -> Vec<Voice> {
        let (id, name) = (self.descriptor.id.to_owned(), self.descriptor.name.to_owned());
        vec![Voice { id, name, language: "en-US".to_owned(), ..Voice::default() }]
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner).push(request.text.clone());
        let error = || ProviderError::Unavailable { provider: "hoarse", reason: "it broke".into() };
        match self.fault {
            TtsFault::Refuses => return Err(error()),
            TtsFault::Panics => panic!("a defect of the voice"),
            _ => {}
        }
        let (pieces, audio) = mpsc::channel(4);
        let fault = self.fault;
        let text = request.text.clone();
        self.tasks.spawn(async move {
            let mut codes = Vec::new();
            for c in text.chars() {
                let code = if c == ' ' { g711::SILENCE } else { 0x90 };
                codes.resize(codes.len() + VOICE_MS_PER_CHARACTER * 8, code);
            }
            match fault {
                TtsFault::Mute => return pieces.closed().await,
                TtsFault::LateMs(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                TtsFault::BreaksAfterMs(ms) => codes.truncate(ms * 8),
                _ => {}
            }
            for piece in codes.chunks(1_000) {
                if pieces.send(Ok(Bytes::copy_from_slice(piece))).await.is_err() {
                    return;
                }
            }
            if matches!(fault, TtsFault::BreaksAfterMs(_)) {
                // The other side may have stopped listening.
                let _gone = pieces.send(Err(error())).await;
            }
        });
        Ok(audio)
    }
}

/// A step of a scripted mind.
#[derive(Debug, Clone)]
pub enum Step {
    /// Has a thought.
    Think(Thought),
    /// Takes its time; a cancel ends the answer here.
    Wait(Duration),
    /// Dies.
    Panic,
}

/// What a scripted mind answers to a prompt.
pub type Answers = Box<dyn FnMut(&Prompt) -> Vec<Step> + Send>;

/// A mind that answers by script and remembers what it was asked.
pub struct ScriptedMind {
    answers: Answers,
    asked: Arc<Mutex<Vec<Prompt>>>,
}

impl ScriptedMind {
    /// A mind, and the list of what it is asked.
    #[must_use]
    pub fn new(answers: Answers) -> (Self, Arc<Mutex<Vec<Prompt>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        (Self { answers, asked: Arc::clone(&asked) }, asked)
    }
}

#[async_trait]
impl Mind for ScriptedMind {
    fn take_over(&mut self, _history: &domain::history::History) {}

    async fn respond(
        &mut self,
        prompt: Prompt,
        thoughts: &mpsc::Sender<Thought>,
        cancel: &CancellationToken,
    ) {
        let steps = (self.answers)(&prompt);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(prompt);
        for step in steps {
            match step {
                Step::Think(thought) => {
                    tokio::select! {
                        biased;
                        () = cancel.cancelled() => return,
                        sent = thoughts.send(thought) => if sent.is_err() { return },
                    }
                }
                Step::Wait(time) => {
                    tokio::select! {
                        biased;
                        () = cancel.cancelled() => return,
                        () = tokio::time::sleep(time) => {}
                    }
                }
                Step::Panic => panic!("a defect of the mind"),
            }
        }
    }

    fn snapshot(&self) -> serde_json::Value {
        serde_json::json!({ "asked": self.asked.lock().unwrap_or_else(PoisonError::into_inner).len() })
    }

    fn restore(&mut self, _snapshot: serde_json::Value) {}
}

/// The far end of a line: plays what it is sent, returns marks as a carrier does.
#[derive(Debug, Default)]
pub struct Playback {
    queue: VecDeque<Queued>,
    /// Milliseconds of the agent's audio that were heard.
    pub heard_ms: u64,
    /// Whether the frame played last was the agent's.
    pub sounding: bool,
    /// How often the queue was thrown away.
    pub clears: u32,
}

#[derive(Debug)]
enum Queued {
    Frame,
    Mark(String),
}

impl Playback {
    /// Takes audio: whole frames.
    pub fn media(&mut self, bytes: usize) {
        self.queue.extend((0..bytes / 160).map(|_| Queued::Frame));
    }

    /// Takes a mark; given back when nothing is queued.
    pub fn mark(&mut self, name: String) -> Option<String> {
        if self.queue.is_empty() {
            return Some(name);
        }
        self.queue.push_back(Queued::Mark(name));
        None
    }

    /// Throws the queue away; the marks in it come back at once.
    pub fn clear(&mut self) -> Vec<String> {
        self.clears += 1;
        self.queue
            .drain(..)
            .filter_map(|queued| match queued {
                Queued::Mark(name) => Some(name),
                Queued::Frame => None,
            })
            .collect()
    }

    /// Milliseconds queued.
    #[must_use]
    pub fn queued_ms(&self) -> usize {
        self.queue.iter().filter(|queued| matches!(queued, Queued::Frame)).count() * 20
    }

    /// Plays 20 ms; returns the marks that come back.
    pub fn play(&mut self) -> Vec<String> {
        self.sounding = matches!(self.queue.front(), Some(Queued::Frame));
        if self.sounding {
            self.queue.pop_front();
            self.heard_ms += 20;
        }
        let mut marks = Vec::new();
        while let Some(Queued::Mark(_)) = self.queue.front() {
            if let Some(Queued::Mark(name)) = self.queue.pop_front() {
                marks.push(name);
            }
        }
        marks
    }
}
