//! The speech-to-text provider: settings, readiness, preparation, streams.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use audio::g711;
use moka::sync::Cache;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttStream};
use provider_traits::tts::{TextToSpeech, TtsRequest};
use tokio::sync::{OnceCell, mpsc};

use super::ffi::{FfiError, LIBRARY, Library};
use super::model::Model;
use super::pool::{Free, Place, Pool, Recipe, start};
use super::worker::Job;
use crate::flite::{Flite, FliteSettings};
use crate::synthesis::Program;

pub(super) const ID: &str = "pocketsphinx";

static DESCRIPTOR: Descriptor = Descriptor { id: ID, name: "PocketSphinx", locality: Locality::Local };

/// Spoken to a new decoder. Their content does not matter, their sound does.
const WARM_UP: [&str; 2] = [
    "Hello, I am calling about the status of my project.",
    "Could you tell me how much a new logo would cost?",
];

/// How PocketSphinx is run.
#[derive(Debug, Clone)]
pub struct PocketSphinxSettings {
    /// The acoustic model's folder.
    pub acoustic_model: PathBuf,
    /// The CMU dictionary.
    pub dictionary: PathBuf,
    /// Decoders at most: each call that listens has one, of about 45 MB.
    pub max_decoders: usize,
    /// Vocabularies whose models are kept.
    pub max_models: u64,
    /// flite, which pronounces unknown words and speaks the warm-up. Its absence is survived.
    pub flite: PathBuf,
    /// Longest time to make and warm a decoder.
    pub start_deadline: Duration,
    /// Further decoder settings such as `("-lw", "8")`, which win over ours: for experiments.
    pub decoder_settings: Vec<(String, String)>,
}

impl Default for PocketSphinxSettings {
    fn default() -> Self {
        Self {
            acoustic_model: PathBuf::from("/usr/share/pocketsphinx/model/en-us/en-us"),
            dictionary: PathBuf::from("/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"),
            max_decoders: 8,
            max_models: 32,
            flite: FliteSettings::default().program,
            start_deadline: Duration::from_secs(20),
            decoder_settings: Vec::new(),
        }
    }
}

/// The PocketSphinx recogniser.
pub struct PocketSphinx {
    settings: PocketSphinxSettings,
    /// Loaded with the first use, never unloaded.
    library: OnceLock<Arc<Library>>,
    models: Cache<String, Arc<Model>>,
    pool: Arc<Pool>,
    warm_up: OnceCell<Arc<[Vec<i16>]>>,
}

impl PocketSphinx {
    /// A recogniser with these settings; nothing is loaded yet.
    #[must_use]
    pub fn new(settings: PocketSphinxSettings) -> Self {
        Self {
            models: Cache::new(settings.max_models),
            pool: Pool::new(settings.max_decoders),
            library: OnceLock::new(),
            warm_up: OnceCell::new(),
            settings,
        }
    }

    fn library(&self) -> Result<Arc<Library>, FfiError> {
        if let Some(library) = self.library.get() {
            return Ok(library.clone());
        }
        // Loading twice at the same time is harmless: the system counts.
        let library = Arc::new(Library::load()?);
        Ok(self.library.get_or_init(|| library).clone())
    }

    /// What the installation lacks, as package names.
    fn missing_packages(&self) -> Vec<&'static str> {
        let mut packages = Vec::new();
        if self.library().is_err() {
            packages.push("libpocketsphinx3");
        }
        if !self.settings.acoustic_model.is_dir() || !self.settings.dictionary.is_file() {
            packages.push("pocketsphinx-en-us");
        }
        packages
    }

    /// The model of a vocabulary: from memory, or made now.
    async fn model(&self, config: &SttConfig) -> Result<Arc<Model>, ProviderError> {
        if let Some(model) = self.models.get(&config.vocabulary.key) {
            return Ok(model);
        }
        let (vocabulary, models) = (config.vocabulary.clone(), self.models.clone());
        let dictionary = self.settings.dictionary.clone();
        let speller = Program::new("flite", self.settings.flite.clone(), 1, Duration::from_secs(10));
        let runtime = tokio::runtime::Handle::current();
        // Equal keys asked for at the same time are made once: the cache lets the second wait.
        let made = tokio::task::spawn_blocking(move || {
            models.try_get_with(vocabulary.key.clone(), || {
                let (model, size) = Model::build(&vocabulary, &dictionary, &speller, &runtime)?;
                tracing::debug!(words = size.words, by_rule = size.pronounced_by_rule, "language model made");
                Ok::<_, std::io::Error>(model)
            })
        });
        match made.await {
            Ok(Ok(model)) => Ok(model),
            Ok(Err(error)) => Err(unavailable(format!("language model: {error}"))),
            Err(error) => Err(unavailable(format!("language model: {error}"))),
        }
    }

    /// The warm-up sentences as telephone audio; none without flite.
    async fn warm_up(&self) -> Arc<[Vec<i16>]> {
        let make = async || {
            let flite =
                Flite::new(FliteSettings { program: self.settings.flite.clone(), ..Default::default() });
            let mut sentences = Vec::new();
            for text in WARM_UP {
                match hear(&flite, text).await {
                    Ok(samples) => sentences.push(samples),
                    Err(error) => tracing::warn!(%error, "decoders start without warm-up"),
                }
            }
            Arc::from(sentences)
        };
        self.warm_up.get_or_init(make).await.clone()
    }

    /// A free decoder for a vocabulary.
    async fn decoder(&self, config: &SttConfig) -> Result<Free, ProviderError> {
        let library = self.library().map_err(|error| unavailable(error.to_string()))?;
        let model = self.model(config).await?;
        let room = match self.pool.take(&model.key) {
            Place::Free(free) => return Ok(free),
            Place::Full => {
                return Err(unavailable(format!("all {} decoders are busy", self.settings.max_decoders)));
            }
            Place::Room(room) => room,
        };
        let settings = decoder_settings(&self.settings, &model);
        let recipe = Recipe { library, model, settings, warm_up: self.warm_up().await };
        let started = start(recipe, room).map_err(|error| unavailable(format!("no thread: {error}")))?;
        let waited_ms = u64::try_from(self.settings.start_deadline.as_millis()).unwrap_or(u64::MAX);
        match tokio::time::timeout(self.settings.start_deadline, started).await {
            Ok(Ok(Ok(free))) => Ok(free),
            Ok(Ok(Err(error))) => Err(unavailable(error.to_string())),
            Ok(Err(_)) => Err(unavailable("the decoder's thread ended".to_owned())),
            Err(_) => Err(ProviderError::Timeout { provider: ID, waited_ms }),
        }
    }
}

/// Settings found by `examples/wer.rs`; the measurements stand in its head.
fn decoder_settings(settings: &PocketSphinxSettings, model: &Model) -> Vec<(String, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let ours = [
        ("-hmm", path(&settings.acoustic_model)),
        ("-lm", path(&model.language_file())),
        ("-dict", path(&model.dictionary_file())),
        ("-mllr", path(&model.adaptation_file())),
        ("-topn", "8".to_owned()),
    ];
    let mut all: Vec<(String, String)> =
        ours.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, value) in &settings.decoder_settings {
        all.retain(|(known, _)| known != name);
        all.push((name.clone(), value.clone()));
    }
    all
}

fn unavailable(reason: String) -> ProviderError {
    ProviderError::Unavailable { provider: ID, reason }
}

/// Synthesises a sentence to samples.
async fn hear(voice: &dyn TextToSpeech, text: &str) -> Result<Vec<i16>, ProviderError> {
    let request = TtsRequest { text: text.to_owned(), voice: "slt".to_owned(), language: "en-US".to_owned() };
    let mut audio = voice.speak(&request).await?;
    let mut samples = Vec::new();
    while let Some(chunk) = audio.recv().await {
        g711::decode_into(&chunk?, &mut samples);
    }
    Ok(samples)
}

#[async_trait]
impl SpeechToText for PocketSphinx {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        let packages = self.missing_packages();
        if packages.is_empty() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: format!("the speech recogniser PocketSphinx ({LIBRARY} and its English model)"),
            remedy: format!("sudo apt-get install -y {}", packages.join(" ")),
        }
    }

    async fn prepare(&self, config: &SttConfig) -> Result<(), ProviderError> {
        self.model(config).await?;
        if !self.pool.has_free(&config.vocabulary.key) {
            let free = self.decoder(config).await?;
            self.pool.give_back(free);
        }
        Ok(())
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let free = self.decoder(config).await?;
        // Five seconds of frames: a recogniser that is further behind is of no use to a conversation.
        let (input, from_call) = mpsc::channel(256);
        let (to_call, output) = mpsc::channel(64);
        free.give(Job { input: from_call, output: to_call })
            .map_err(|error| unavailable(error.to_string()))?;
        Ok(SttStream { input, output })
    }
}
