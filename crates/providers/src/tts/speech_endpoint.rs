//! `POST …/audio/speech` as OpenAI defined it: spoken by OpenAI and by whoever is compatible.

use provider_traits::error::ProviderError;
use provider_traits::tts::{TtsAudio, TtsRequest};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio_util::task::TaskTracker;

use super::decoding::AudioShape;
use super::pouring::pour;
use crate::vendor_http::Vendor;

/// The longest text that the vendor takes.
const MOST_CHARACTERS: usize = 4_096;

/// Where and how.
#[derive(Clone)]
pub(super) struct SpeechEndpoint {
    pub(super) vendor: Vendor,
    /// With the version: `https://api.openai.com/v1`.
    pub(super) base_url: Url,
    pub(super) api_key: Option<SecretString>,
    pub(super) model: String,
    pub(super) shape: AudioShape,
    pub(super) http: reqwest::Client,
    pub(super) tasks: TaskTracker,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
}

impl SpeechEndpoint {
    pub(super) async fn speak(
        &self,
        request: &TtsRequest,
        voice: &str,
        instructions: Option<&str>,
    ) -> Result<TtsAudio, ProviderError> {
        if request.text.chars().count() > MOST_CHARACTERS {
            return Err(self.vendor.invalid(format!("a text of more than {MOST_CHARACTERS} characters")));
        }
        let response_format = match self.shape {
            AudioShape::Wav => "wav",
            AudioShape::Pcm { .. } | AudioShape::MuLaw => "pcm",
        };
        let body = Body { model: &self.model, input: &request.text, voice, response_format, instructions };
        let mut asking = self.http.post(below(&self.base_url, "audio/speech")).json(&body);
        if let Some(key) = &self.api_key {
            asking = asking.bearer_auth(key.expose_secret());
        }
        let answer = self.vendor.ask(asking).await?;
        pour(self.vendor, answer, self.shape, &self.tasks)
    }
}

/// An address below a base that may or may not end in a slash.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&joined);
    url
}
