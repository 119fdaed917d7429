//! ElevenLabs' voices: `ulaw_8000` by plain HTTP streaming, or over its multi-context WebSocket (`sockets`).

mod protocol;
mod sockets;
mod voices;

use std::sync::Arc;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice, VoiceQuery};
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use serde::Serialize;
use tokio_util::task::TaskTracker;

use super::decoding::AudioShape;
use super::pouring::pour;
use super::speech_endpoint::below;
use crate::set_up::{SetUpError, secret_header};
use crate::vendor_http::Vendor;
use sockets::Sockets;

pub(super) static DESCRIPTOR: Descriptor =
    Descriptor { id: "elevenlabs", name: "ElevenLabs", locality: Locality::Cloud };

pub(super) const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "elevenlabs.tts_model" };

/// The header with the key.
pub(super) const KEY_HEADER: &str = "xi-api-key";

/// How sentences are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A request for each sentence.
    Http,
    /// Sockets that stay open between sentences: the first byte comes sooner.
    Socket,
}

/// How a voice sounds; what is absent is left to the voice's own settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct VoiceSettings {
    /// 0 to 1: low is lively, high is monotonous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<f32>,
    /// 0 to 1: closeness to the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f32>,
    /// 0.7 to 1.2: pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
}

impl VoiceSettings {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the vendor is and what is asked of it.
#[derive(Clone)]
pub struct ElevenLabsTtsSettings {
    /// Without the version: `https://api.elevenlabs.io`, or a residency's.
    pub base_url: Url,
    /// The key.
    pub api_key: Option<SecretString>,
    /// The model's id, such as `eleven_flash_v2_5`.
    pub model: String,
    /// The voice of agents that have not chosen one of the vendor's.
    pub voice: String,
    /// How it sounds.
    pub voice_settings: VoiceSettings,
    /// How sentences are asked for.
    pub transport: Transport,
    /// The client that asks.
    pub http: reqwest::Client,
    /// Sentences being spoken, and sockets.
    pub tasks: TaskTracker,
}

/// ElevenLabs' voices.
#[derive(Clone)]
pub struct ElevenLabsTts {
    settings: Arc<ElevenLabsTtsSettings>,
    /// Sensitive: never shown.
    key: Option<HeaderValue>,
    sockets: Sockets,
}

#[derive(Serialize)]
struct Body<'a> {
    text: &'a str,
    model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
    #[serde(skip_serializing_if = "VoiceSettings::is_empty")]
    voice_settings: VoiceSettings,
}

impl ElevenLabsTts {
    /// With the certificates that this machine trusts.
    ///
    /// # Errors
    /// When TLS can't be set up, or the key is none that a header can carry.
    pub fn new(settings: ElevenLabsTtsSettings) -> Result<Self, SetUpError> {
        let key = settings.api_key.as_ref().map(|key| secret_header("", key)).transpose()?;
        let settings = Arc::new(settings);
        let sockets = Sockets::new(Arc::clone(&settings), key.clone())?;
        Ok(Self { settings, key, sockets })
    }

    /// The agent's voice when it looks like one of the vendor's, else the installation's: agents may have a voice of
    /// another provider.
    fn voice<'a>(&'a self, request: &'a TtsRequest) -> &'a str {
        let voice = request.voice.as_str();
        let is_id = voice.len() >= 16 && voice.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_id { voice } else { &self.settings.voice }
    }

    async fn by_http(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let path = format!("v1/text-to-speech/{}/stream", self.voice(request));
        let body = Body {
            text: &request.text,
            model_id: &self.settings.model,
            language_code: language_code(&self.settings.model, &request.language),
            voice_settings: self.settings.voice_settings,
        };
        let asking = self.asked(self.settings.http.post(below(&self.settings.base_url, &path)));
        let answer = VENDOR.ask(asking.query(&[("output_format", "ulaw_8000")]).json(&body)).await?;
        pour(VENDOR, answer, AudioShape::MuLaw, &self.settings.tasks)
    }

    fn asked(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.key {
            Some(key) => request.header(KEY_HEADER, key.clone()),
            None => request,
        }
    }
}

/// ISO 639-1, for the models that may be told; others refuse it.
fn language_code<'a>(model: &str, language: &'a str) -> Option<&'a str> {
    let code = language.split('-').next().filter(|code| code.len() == 2)?;
    model.ends_with("_v2_5").then_some(code)
}

#[async_trait]
impl TextToSpeech for ElevenLabsTts {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.settings.model
    }

    fn readiness(&self) -> Readiness {
        if self.key.is_some() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: "ElevenLabs' key".to_owned(),
            remedy: "set ELEVENLABS_API_KEY (elevenlabs.api_key)".to_owned(),
        }
    }

    fn sound(&self) -> String {
        let ElevenLabsTtsSettings { model, voice, voice_settings, .. } = &*self.settings;
        format!("{}/{model}/{voice}/{voice_settings:?}", DESCRIPTOR.id)
    }

    /// The account's voices are only known to the vendor; see `find_voices`.
    fn voices(&self) -> Vec<Voice> {
        let id = self.settings.voice.clone();
        vec![Voice { id, name: "ElevenLabs (the installation's)".to_owned(), ..Voice::default() }]
    }

    async fn find_voices(&self, query: &VoiceQuery) -> Result<Vec<Voice>, ProviderError> {
        voices::find(self, query).await
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        match self.settings.transport {
            Transport::Http => self.by_http(request).await,
            Transport::Socket => {
                let language = language_code(&self.settings.model, &request.language);
                self.sockets.speak(self.voice(request), language, &request.text).await
            }
        }
    }
}
