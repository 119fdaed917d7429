//! Any endpoint that speaks OpenAI's `POST …/audio/transcriptions`: an operator's own Whisper, or another vendor's.
//! It is asked in the oldest form, which all of them know: a whole answer, and likely words in a prompt.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttStream};
use reqwest::Url;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::hints::{keywords, primary_language};
use super::transcription_endpoint::{Asking, TranscriptionEndpoint};
use super::utterances;
use crate::vendor_http::Vendor;

static DESCRIPTOR: Descriptor =
    Descriptor { id: "compatible", name: "A compatible transcriber", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "compatible.stt_model" };

/// Whisper reads 224 tokens of a prompt; names have two or three each.
const MOST_WORDS: usize = 60;

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct CompatibleSttSettings {
    /// With the version, such as `http://127.0.0.1:9000/v1`; `None`: there is no such endpoint.
    pub base_url: Option<Url>,
    /// The key, where one is asked for.
    pub api_key: Option<SecretString>,
    /// The model's id.
    pub model: String,
    /// The client that asks.
    pub http: reqwest::Client,
    /// Streams of calls.
    pub tasks: TaskTracker,
}

/// A compatible endpoint's transcription.
#[derive(Clone)]
pub struct CompatibleStt {
    endpoint: Option<TranscriptionEndpoint>,
    tasks: TaskTracker,
}

impl CompatibleStt {
    /// With these settings.
    #[must_use]
    pub fn new(settings: CompatibleSttSettings) -> Self {
        let CompatibleSttSettings { base_url, api_key, model, http, tasks } = settings;
        let endpoint = base_url.map(|base_url| TranscriptionEndpoint {
            vendor: VENDOR,
            base_url,
            api_key,
            model,
            stream: false,
            http,
        });
        Self { endpoint, tasks }
    }
}

#[async_trait]
impl SpeechToText for CompatibleStt {
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
            what: "the address of a compatible transcriber".to_owned(),
            remedy: "set compatible.stt_url to one that serves /audio/transcriptions".to_owned(),
        }
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let Some(endpoint) = &self.endpoint else {
            return Err(VENDOR.refused("no address is configured"));
        };
        let words = keywords(&config.vocabulary, MOST_WORDS, usize::MAX);
        let asking = Asking {
            language: primary_language(&config.language).map(str::to_owned),
            keywords: Vec::new(),
            prompt: (!words.is_empty()).then(|| words.join(", ")),
        };
        Ok(utterances::open(endpoint.clone(), asking, &self.tasks))
    }
}
