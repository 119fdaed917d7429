//! A transcriber, a voice, a language model and embeddings that answer after 150 ms, with faults on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::embeddings::Embeddings;
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmPiece, LlmRequest, LlmStop};
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is refused.
    Refused,
    /// 401: the key is wrong.
    WrongKey,
    /// 429, to be asked again after seven seconds.
    RateLimited,
    /// 500, after a while.
    ServerError,
    /// The first result takes so many milliseconds.
    SlowMs(u64),
    /// Nothing comes any more in mid-stream.
    Stalls,
    /// What comes can't be read.
    Garbage,
    /// The stream ends in the middle, without a word.
    Truncated,
    /// It dies of a defect.
    Panics,
}

pub(crate) const FAULTS: [Fault; 9] = [
    Fault::Refused,
    Fault::WrongKey,
    Fault::RateLimited,
    Fault::ServerError,
    Fault::SlowMs(3_000),
    Fault::Stalls,
    Fault::Garbage,
    Fault::Truncated,
    Fault::Panics,
];

/// How soon a provider without fault answers.
pub(crate) const THINK: Duration = Duration::from_millis(150);
/// Milliseconds of audio per character.
pub(crate) const MS_PER_CHARACTER: usize = 60;
/// What retry-after says.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(7);

static NAMES: [Descriptor; 4] = [
    Descriptor { id: "first", name: "First", locality: Locality::Cloud },
    Descriptor { id: "middle", name: "Middle", locality: Locality::Cloud },
    Descriptor { id: "last", name: "Last", locality: Locality::Cloud },
    Descriptor { id: "here", name: "Here", locality: Locality::Local },
];

/// One scripted provider of everything.
#[derive(Clone)]
pub(crate) struct Scripted {
    descriptor: &'static Descriptor,
    fault: Arc<Mutex<Option<Fault>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Pieces of a model's answer.
    pub(crate) pieces: Vec<LlmPiece>,
    tasks: TaskTracker,
}

pub(crate) fn done(stop: LlmStop) -> LlmPiece {
    LlmPiece::Done { stop, usage: None }
}

pub(crate) fn words(text: &str) -> LlmPiece {
    LlmPiece::Text(text.into())
}

impl Scripted {
    /// The provider at a place of a chain: `first`, `middle`, `last`, `here` (local).
    pub(crate) fn at(place: usize) -> Self {
        Self {
            descriptor: &NAMES[place],
            fault: Arc::default(),
            asked: Arc::default(),
            pieces: vec![words("Your "), words("website "), words("is live."), done(LlmStop::Finished)],
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn set(&self, fault: Option<Fault>) {
        *self.fault.lock().expect("no test dies with it") = fault;
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test dies with it").clone()
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.lock().expect("no test dies with it")
    }

    fn unavailable(&self, reason: &str) -> ProviderError {
        ProviderError::Unavailable { provider: self.descriptor.id, reason: reason.into() }
    }

    /// What comes before the first result.
    async fn accept(&self, what: &str) -> Result<(), ProviderError> {
        self.asked.lock().expect("no test dies with it").push(what.to_owned());
        let provider = self.descriptor.id;
        match self.fault() {
            Some(Fault::Refused) => Err(self.unavailable("connection refused")),
            Some(Fault::WrongKey) => Err(ProviderError::Refused { provider, reason: "wrong key".into() }),
            Some(Fault::RateLimited) => {
                Err(ProviderError::RateLimited { provider, retry_after: Some(RETRY_AFTER) })
            }
            Some(Fault::ServerError) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(self.unavailable("it answered 500"))
            }
            Some(Fault::Panics) => panic!("a defect"),
            _ => Ok(()),
        }
    }

    fn first_result(&self) -> Duration {
        match self.fault() {
            Some(Fault::SlowMs(ms)) => Duration::from_millis(ms),
            _ => THINK,
        }
    }
}

#[async_trait]
impl TextToSpeech for Scripted {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        self.accept(&request.text).await?;
        let (pieces, audio) = mpsc::channel(2);
        let (this, text) = (self.clone(), request.text.clone());
        self.tasks.spawn(async move {
            tokio::time::sleep(this.first_result()).await;
            if this.fault() == Some(Fault::Garbage) {
                let _gone = pieces.send(Err(this.unavailable("its audio can't be read"))).await;
                return;
            }
            let hundred = Bytes::from_static(&[0x90; 800]);
            for at in 0..(text.chars().count() * MS_PER_CHARACTER).div_ceil(100) {
                match this.fault() {
                    Some(Fault::Stalls) if at == 4 => return pieces.closed().await,
                    Some(Fault::Truncated) if at == 4 => return,
                    _ => {}
                }
                if pieces.send(Ok(hundred.clone())).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Ok(audio)
    }
}

#[async_trait]
impl SpeechToText for Scripted {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    async fn open(&self, _config: &SttConfig) -> Result<SttStream, ProviderError> {
        self.accept("open").await?;
        tokio::time::sleep(self.first_result()).await;
        let (input, mut inputs) = mpsc::channel(16);
        let (outputs, output) = mpsc::channel(16);
        let this = self.clone();
        self.tasks.spawn(async move {
            let (mut number, mut samples) = (0, 0);
            while let Some(input) = inputs.recv().await {
                let result = match input {
                    SttInput::Start { utterance } => {
                        (number, samples) = (utterance, 0);
                        continue;
                    }
                    SttInput::Audio(audio) => {
                        samples += audio.len();
                        match this.fault() {
                            Some(Fault::Stalls) if samples > 4_000 => return outputs.closed().await,
                            Some(Fault::Truncated) if samples > 4_000 => return,
                            _ => continue,
                        }
                    }
                    SttInput::End if this.fault() == Some(Fault::Garbage) => {
                        SttOutput::Failed(this.unavailable("its answer can't be read"))
                    }
                    SttInput::End => {
                        tokio::time::sleep(this.first_result()).await;
                        let text = format!("{} ms", samples / 8);
                        SttOutput::Final { utterance: number, text, confidence: None }
                    }
                    SttInput::Cancel | SttInput::Sync { .. } => continue,
                };
                if outputs.send(result).await.is_err() {
                    return;
                }
            }
        });
        Ok(SttStream { input, output })
    }
}

#[async_trait]
impl LanguageModel for Scripted {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        self.accept(&request.system).await?;
        let (pieces, answer) = mpsc::channel(2);
        let this = self.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(this.first_result()).await;
            for (at, piece) in this.pieces.iter().enumerate() {
                match this.fault() {
                    Some(Fault::Garbage) => {
                        let _gone = pieces.send(Err(this.unavailable("its answer can't be read"))).await;
                        return;
                    }
                    Some(Fault::Stalls) if at == 2 => return pieces.closed().await,
                    Some(Fault::Truncated) if at == 2 => return,
                    _ => {}
                }
                if pieces.send(Ok(piece.clone())).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Ok(answer)
    }
}

#[async_trait]
impl Embeddings for Scripted {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn model(&self) -> &str {
        "scripted-2"
    }

    fn dimensions(&self) -> usize {
        2
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        self.accept(&texts.join(" ")).await?;
        tokio::time::sleep(self.first_result()).await;
        let vectors = vec![vec![1.0, 0.0]; texts.len()];
        match self.fault() {
            Some(Fault::Garbage) => Err(self.unavailable("its answer can't be read")),
            Some(Fault::Stalls) => std::future::pending().await,
            Some(Fault::Truncated) => Ok(vectors[1..].to_vec()),
            _ => Ok(vectors),
        }
    }
}
