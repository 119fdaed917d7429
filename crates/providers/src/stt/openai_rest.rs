//! OpenAI's transcription by request: an utterance goes out as a WAV file at its end. Slower than the realtime
//! session, and independent of it: another link of a chain.

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
    Descriptor { id: "openai-rest", name: "OpenAI transcription", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "openai.stt_rest_model" };

/// Words that are told as likely.
const MOST_KEYWORDS: usize = 100;

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct OpenAiRestSttSettings {
    /// With the version: `https://api.openai.com/v1`.
    pub base_url: Url,
    /// The key.
    pub api_key: Option<SecretString>,
    /// The model's id, such as `gpt-transcribe`.
    pub model: String,
    /// The client that asks.
    pub http: reqwest::Client,
    /// Streams of calls.
    pub tasks: TaskTracker,
}

/// OpenAI's transcription by request.
#[derive(Clone)]
pub struct OpenAiRestStt {
    endpoint: TranscriptionEndpoint,
    tasks: TaskTracker,
}

impl OpenAiRestStt {
    /// With these settings.
    #[must_use]
    pub fn new(settings: OpenAiRestSttSettings) -> Self {
        let endpoint = TranscriptionEndpoint {
            vendor: VENDOR,
            base_url: settings.base_url,
            api_key: settings.api_key,
            stream: settings.model != "whisper-1",
            model: settings.model,
            http: settings.http,
        };
        Self { endpoint, tasks: settings.tasks }
    }
}

#[async_trait]
impl SpeechToText for OpenAiRestStt {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.endpoint.model
    }

    fn readiness(&self) -> Readiness {
        if self.endpoint.api_key.is_none() && self.endpoint.base_url.host_str() == Some("api.openai.com") {
            return Readiness::Missing {
                what: "OpenAI's key".to_owned(),
                remedy: "set OPENAI_API_KEY (openai.api_key)".to_owned(),
            };
        }
        Readiness::Ready
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let takes_keywords = self.endpoint.model == "gpt-transcribe";
        let words = keywords(&config.vocabulary, if takes_keywords { MOST_KEYWORDS } else { 0 }, usize::MAX);
        let asking = Asking {
            language: primary_language(&config.language).map(str::to_owned),
            keywords: words.into_iter().map(str::to_owned).collect(),
            prompt: None,
        };
        Ok(utterances::open(self.endpoint.clone(), asking, &self.tasks))
    }
}
