//! OpenAI's speech endpoint. The vendor ends it with all of its models on 2027-01-06 and names no successor that it
//! can serve; from that day this provider says that it is not ready, so that chains pass it over.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use provider_traits::ambient::Clock;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use reqwest::Url;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::decoding::AudioShape;
use super::speech_endpoint::SpeechEndpoint;
use crate::vendor_http::Vendor;

static DESCRIPTOR: Descriptor = Descriptor { id: "openai", name: "OpenAI speech", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "openai.tts_model" };

/// The vendor's voices for this endpoint.
const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
    "verse",
];

/// The endpoint's last moment: 2027-01-06.
const ENDS: DateTime<Utc> = DateTime::from_timestamp(1_799_193_600, 0).expect("a moment that exists");

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct OpenAiTtsSettings {
    /// With the version: `https://api.openai.com/v1`.
    pub base_url: Url,
    /// The key.
    pub api_key: Option<SecretString>,
    /// The model's id.
    pub model: String,
    /// The voice of agents that have not chosen one of the vendor's.
    pub voice: String,
    /// How to speak, in words; not for `tts-1` and `tts-1-hd`.
    pub instructions: Option<String>,
    /// The client that asks.
    pub http: reqwest::Client,
    /// Tells whether the endpoint still exists.
    pub clock: Arc<dyn Clock>,
    /// Sentences being spoken.
    pub tasks: TaskTracker,
}

/// OpenAI's voices.
#[derive(Clone)]
pub struct OpenAiTts {
    endpoint: SpeechEndpoint,
    voice: String,
    instructions: Option<String>,
    clock: Arc<dyn Clock>,
}

impl OpenAiTts {
    /// With these settings.
    #[must_use]
    pub fn new(settings: OpenAiTtsSettings) -> Self {
        let takes_instructions = !settings.model.starts_with("tts-1");
        let endpoint = SpeechEndpoint {
            vendor: VENDOR,
            base_url: settings.base_url,
            api_key: settings.api_key,
            model: settings.model,
            shape: AudioShape::Pcm { rate_hz: 24_000 },
            http: settings.http,
            tasks: settings.tasks,
        };
        let instructions = settings.instructions.filter(|text| takes_instructions && !text.is_empty());
        Self { endpoint, voice: settings.voice, instructions, clock: settings.clock }
    }
}

#[async_trait]
impl TextToSpeech for OpenAiTts {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.endpoint.model
    }

    fn readiness(&self) -> Readiness {
        let own = self.endpoint.base_url.host_str() == Some("api.openai.com");
        if own && self.endpoint.api_key.is_none() {
            return Readiness::Missing {
                what: "OpenAI's key".to_owned(),
                remedy: "set OPENAI_API_KEY (openai.api_key)".to_owned(),
            };
        }
        if own && self.clock.now() >= ENDS {
            return Readiness::Missing {
                what: "OpenAI's speech endpoint, which the vendor ended on 2027-01-06".to_owned(),
                remedy: "take openai out of tts.order, and put elevenlabs or polly in its place".to_owned(),
            };
        }
        Readiness::Ready
    }

    fn sound(&self) -> String {
        let instructions = self.instructions.as_deref().unwrap_or_default();
        format!("{}/{}/{}/{instructions}", DESCRIPTOR.id, self.endpoint.model, self.voice)
    }

    fn voices(&self) -> Vec<Voice> {
        let capital = |id: &str| id[..1].to_uppercase() + &id[1..];
        VOICES
            .iter()
            .map(|id| Voice {
                id: (*id).to_owned(),
                name: format!("OpenAI {}", capital(id)),
                ..Voice::default()
            })
            .collect()
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let known = VOICES.contains(&request.voice.as_str());
        let voice = if known { &request.voice } else { &self.voice };
        self.endpoint.speak(request, voice, self.instructions.as_deref()).await
    }
}
