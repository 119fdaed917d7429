//! Any endpoint that speaks OpenAI's `POST …/audio/speech`: an operator's own voice, or another vendor's.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use reqwest::Url;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::decoding::AudioShape;
use super::speech_endpoint::SpeechEndpoint;
use crate::vendor_http::Vendor;

static DESCRIPTOR: Descriptor =
    Descriptor { id: "compatible", name: "A compatible voice", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "compatible.tts_model" };

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct CompatibleTtsSettings {
    /// With the version, such as `http://127.0.0.1:8880/v1`; `None`: there is no such endpoint.
    pub base_url: Option<Url>,
    /// The key, where one is asked for.
    pub api_key: Option<SecretString>,
    /// The model's id.
    pub model: String,
    /// The voice of agents that have not chosen one of these.
    pub voice: String,
    /// The voices that agents may choose.
    pub voices: Vec<String>,
    /// What the endpoint sends: `Pcm` (asked for as `pcm`) or `Wav`.
    pub shape: AudioShape,
    /// The client that asks.
    pub http: reqwest::Client,
    /// Sentences being spoken.
    pub tasks: TaskTracker,
}

/// The voices of a compatible endpoint.
#[derive(Clone)]
pub struct CompatibleTts {
    endpoint: Option<SpeechEndpoint>,
    voice: String,
    voices: Vec<String>,
}

impl CompatibleTts {
    /// With these settings.
    #[must_use]
    pub fn new(settings: CompatibleTtsSettings) -> Self {
        let CompatibleTtsSettings { base_url, api_key, model, voice, voices, shape, http, tasks } = settings;
        let endpoint = base_url.map(|base_url| SpeechEndpoint {
            vendor: VENDOR,
            base_url,
            api_key,
            model,
            shape,
            http,
            tasks,
        });
        Self { endpoint, voice, voices }
    }
}

#[async_trait]
impl TextToSpeech for CompatibleTts {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        self.endpoint.as_ref().map_or(DESCRIPTOR.id, |endpoint| &endpoint.model)
    }

    fn readiness(&self) -> Readiness {
        if self.endpoint.is_some() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: "the address of a compatible voice".to_owned(),
            remedy: "set compatible.tts_url to one that serves /audio/speech".to_owned(),
        }
    }

    fn sound(&self) -> String {
        let at = self.endpoint.as_ref().map(|at| format!("{}/{}", at.base_url, at.model)).unwrap_or_default();
        format!("{}/{at}/{}", DESCRIPTOR.id, self.voice)
    }

    fn voices(&self) -> Vec<Voice> {
        let voices = self.voices.iter().chain([&self.voice]).filter(|id| !id.is_empty());
        let mut all: Vec<Voice> =
            voices.map(|id| Voice { id: id.clone(), name: id.clone(), ..Voice::default() }).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup();
        all
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let Some(endpoint) = &self.endpoint else {
            return Err(VENDOR.refused("no address is configured"));
        };
        let known = self.voices.contains(&request.voice);
        let voice = if known { &request.voice } else { &self.voice };
        endpoint.speak(request, voice, None).await
    }
}
