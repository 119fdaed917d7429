//! The chains of transcribers and voices that the configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use domain::agent_phrases;
use failover::ChainSettings;
use failover::stt::SttChain;
use failover::tts::TtsChain;
use provider_traits::descriptor::Readiness;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::{TextToSpeech, TtsRequest};
use provider_traits::vad::VoiceScorerFactory;
use speech::espeak::Espeak;
use speech::flite::{Flite, FliteSettings};
use speech::phrase_cache::PhraseCache;
use speech::pocketsphinx::{PocketSphinx, PocketSphinxSettings};
use speech::vad::EarshotVad;
use tokio_util::task::TaskTracker;
use voice::pipeline::phrases;

use api::health::machine::SpeechProvider;

use crate::config::Config;

/// Audio kept of phrases, in bytes for each voice: about an hour and a half.
const PHRASES_BYTES: u64 = 48 * 1024 * 1024;

/// Deadlines of chains whose links all run on this machine. A program that is late because the machine is busy
/// will be no quicker in another one's place, and a voice that changes in mid-call is worse than a second's wait,
/// which a filler covers. (With 700 ms a machine at load 6 changed from flite to eSpeak within a call.)
fn local() -> ChainSettings {
    let patience = Duration::from_secs(2);
    ChainSettings { open: patience, first_result: patience, stall: patience, ..ChainSettings::default() }
}

/// Speech of one process.
pub struct Speech {
    /// Transcribers.
    pub stt: Arc<dyn SpeechToText>,
    /// Voices.
    pub tts: Arc<dyn TextToSpeech>,
    /// Voice activity.
    pub vad: Arc<dyn VoiceScorerFactory>,
    caches: Vec<PhraseCache>,
    missing: Vec<String>,
    providers: Vec<SpeechProvider>,
}

impl Speech {
    /// The chains of the configuration. What is missing on this machine is logged with its remedy and passed over.
    #[must_use]
    pub fn of(config: &Config, tasks: &TaskTracker) -> Self {
        let transcribers: Vec<Arc<dyn SpeechToText>> = config
            .speech
            .stt
            .ids()
            .iter()
            .filter_map(|id| transcriber(id, config.speech.max_decoders))
            .collect();
        let caches: Vec<PhraseCache> = config
            .speech
            .tts
            .ids()
            .iter()
            .filter_map(|id| synthesiser(id, &config.speech.agent_voice))
            .map(|voice| PhraseCache::new(voice, PHRASES_BYTES))
            .collect();
        let readiness = transcribers.iter().map(|one| one.readiness());
        let missing =
            readiness.chain(caches.iter().map(TextToSpeech::readiness)).filter_map(remedied).collect();
        let transcribing =
            transcribers.iter().map(|one| known(one.descriptor().id, "transcriber", one.readiness()));
        let speaking = caches.iter().map(|one| known(one.descriptor().id, "voice", one.readiness()));
        let providers = transcribing.chain(speaking).collect();
        let voices = caches.iter().map(|cache| Arc::new(cache.clone()) as Arc<dyn TextToSpeech>).collect();
        Self {
            stt: Arc::new(SttChain::new(transcribers, local(), tasks.clone())),
            tts: Arc::new(TtsChain::new(voices, local(), tasks.clone())),
            vad: Arc::new(EarshotVad),
            caches,
            missing,
            providers,
        }
    }

    /// Speech of the given parts, with nothing rendered in advance.
    #[must_use]
    pub fn of_parts(
        stt: Arc<dyn SpeechToText>,
        tts: Arc<dyn TextToSpeech>,
        vad: Arc<dyn VoiceScorerFactory>,
    ) -> Self {
        Self { stt, tts, vad, caches: Vec::new(), missing: Vec::new(), providers: Vec::new() }
    }

    /// Renders the sentences that every agent of this process says: fillers and prompts first, they can't wait.
    /// Takes some seconds; calls may be taken meanwhile.
    pub async fn prerender(&self) {
        let unfilled = agent_phrases::templates("{business}", "{agent}", "{contact}");
        let common = unfilled.into_iter().filter(|sentence| !sentence.contains('{'));
        self.render(phrases::all().into_iter().map(str::to_owned).chain(common)).await;
    }

    /// Renders what an agent of this name at this business says again and again.
    pub async fn prerender_for(&self, business: &str, agent: &str, contact: &str) {
        self.render(agent_phrases::fixed(business, agent, contact).into_iter()).await;
    }

    /// Only with the first voice that is ready: the others serve when it fails, and then a moment's wait is the
    /// smaller evil.
    async fn render(&self, sentences: impl Iterator<Item = String>) {
        let Some(cache) = self.caches.iter().find(|cache| cache.readiness() == Readiness::Ready) else {
            return;
        };
        let requests: Vec<TtsRequest> = sentences
            .map(|text| TtsRequest { text, voice: String::new(), language: "en-US".to_owned() })
            .collect();
        match cache.prerender(&requests).await {
            Ok(made) => tracing::debug!(made, "phrases are rendered"),
            Err(error) => tracing::warn!(%error, "phrases could not be rendered in advance"),
        }
    }

    /// The providers in the order in which they are tried, as they were when the server started.
    #[must_use]
    pub fn providers(&self) -> &[SpeechProvider] {
        &self.providers
    }

    /// What was missing on this machine when it started, each with the command that installs it.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

pub(super) fn known(id: &str, role: &'static str, readiness: Readiness) -> SpeechProvider {
    SpeechProvider { id: id.to_owned(), role, missing: remedied(readiness) }
}

fn remedied(readiness: Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::Missing { what, remedy } => Some(format!("{what} is missing; mend it with: {remedy}")),
    }
}

fn transcriber(id: &str, max_decoders: usize) -> Option<Arc<dyn SpeechToText>> {
    let settings = PocketSphinxSettings { max_decoders, ..PocketSphinxSettings::default() };
    match id {
        "pocketsphinx" => Some(Arc::new(PocketSphinx::new(settings))),
        _ => None,
    }
}

fn synthesiser(id: &str, voice: &str) -> Option<Arc<dyn TextToSpeech>> {
    match id {
        "flite" => {
            Some(Arc::new(Flite::new(FliteSettings { voice: voice.to_owned(), ..FliteSettings::default() })))
        }
        "espeak-ng" => Some(Arc::new(Espeak::default())),
        _ => None,
    }
}
