//! OpenAI's realtime transcription: a session of the Realtime API that only listens. Mu-law goes in as it is, an
//! utterance is committed at its end, and its words are known by the item's id, not by their arrival.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use base64_simd::STANDARD;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttOutput, SttStream};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use super::dialect::{Dialect, Step};
use super::hints::{confidence, keywords, primary_language};
use super::session::{self, Door};
use crate::set_up::{SetUpError, secret_header};
use crate::vendor_http::Vendor;
use crate::web_socket;

static DESCRIPTOR: Descriptor =
    Descriptor { id: "openai", name: "OpenAI realtime transcription", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "openai.stt_model" };

/// The vendor refuses to commit less than 100 ms.
const LEAST_BYTES: usize = 800;
/// Safety net for a transcript that is owed.
const OWED_WITHIN: Duration = Duration::from_secs(15);
/// Words that are told as likely.
const MOST_KEYWORDS: usize = 100;

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct OpenAiSttSettings {
    /// `wss://api.openai.com/v1/realtime`, or another's.
    pub url: Url,
    /// The key; an endpoint other than the vendor's may need none.
    pub api_key: Option<SecretString>,
    /// The model's id, such as `gpt-live-transcribe`.
    pub model: String,
    /// Sockets of calls.
    pub tasks: TaskTracker,
}

/// OpenAI's realtime transcription.
#[derive(Clone)]
pub struct OpenAiStt {
    settings: OpenAiSttSettings,
    door: Door,
}

impl OpenAiStt {
    /// With the certificates that this machine trusts.
    ///
    /// # Errors
    /// When TLS can't be set up, or the key is none that a header can carry.
    pub fn new(settings: OpenAiSttSettings) -> Result<Self, SetUpError> {
        let tls: Option<TlsConnector> = web_socket::tls_for(&settings.url)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            headers.insert(AUTHORIZATION, secret_header("Bearer ", key)?);
        }
        let mut url = settings.url.clone();
        url.query_pairs_mut().append_pair("intent", "transcription");
        Ok(Self { door: Door { url, headers, tls }, settings })
    }
}

#[async_trait]
impl SpeechToText for OpenAiStt {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.settings.model
    }

    fn readiness(&self) -> Readiness {
        if self.settings.api_key.is_none() && self.settings.url.host_str() == Some("api.openai.com") {
            return Readiness::Missing {
                what: "OpenAI's key".to_owned(),
                remedy: "set OPENAI_API_KEY (openai.api_key)".to_owned(),
            };
        }
        Readiness::Ready
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let update = session_update(&self.settings.model, config);
        let make = move || Transcription::new(update.clone());
        session::open(self.door.clone(), make, &self.settings.tasks).await
    }
}

/// Nothing is left to a default. `keywords` and `languages` are for the models of one generation only, `prompt` and
/// `delay` for others; what a model does not know makes it refuse the whole.
fn session_update(model: &str, config: &SttConfig) -> String {
    let mut transcription = json!({ "model": model });
    let takes_keywords = matches!(model, "gpt-live-transcribe" | "gpt-transcribe");
    if let Some(language) = primary_language(&config.language) {
        transcription["language"] = json!(language);
    }
    let words = keywords(&config.vocabulary, MOST_KEYWORDS, usize::MAX);
    if takes_keywords && !words.is_empty() {
        transcription["keywords"] = json!(words);
    }
    json!({
        "type": "session.update",
        "event_id": "su_1",
        "session": {
            "type": "transcription",
            "audio": { "input": {
                "format": { "type": "audio/pcmu" },
                "noise_reduction": null,
                "transcription": transcription,
                "turn_detection": null,
            }},
        },
    })
    .to_string()
}

/// An utterance whose end was told.
struct Owed {
    utterance: u32,
    /// Known when the vendor has confirmed the commit.
    item: Option<String>,
}

struct Transcription {
    hello: String,
    ready: bool,
    current: Option<u32>,
    /// Mu-law of the current utterance.
    bytes: usize,
    owed: VecDeque<Owed>,
    /// Words so far, by item; some models write before the commit.
    words: HashMap<String, String>,
}

impl Transcription {
    fn new(hello: String) -> Self {
        Self { hello, ready: false, current: None, bytes: 0, owed: VecDeque::new(), words: HashMap::new() }
    }

    /// Whose words those of an item are: the commit tells, and before it they can only be the current utterance's.
    fn utterance_of(&self, item: &str) -> Option<u32> {
        let known = self.owed.iter().find(|owed| owed.item.as_deref() == Some(item));
        let unconfirmed = || self.owed.iter().find(|owed| owed.item.is_none());
        known.or_else(unconfirmed).map(|owed| owed.utterance).or(self.current)
    }

    /// The transcript that an item's end is for; `None` when nobody waits for it.
    fn settled(&mut self, item: &str) -> Option<u32> {
        let known = self.owed.iter().position(|owed| owed.item.as_deref() == Some(item));
        let unconfirmed = || self.owed.iter().position(|owed| owed.item.is_none());
        self.words.remove(item);
        let place = known.or_else(unconfirmed)?;
        self.owed.remove(place).map(|owed| owed.utterance)
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    item_id: Option<String>,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    transcript: Option<String>,
    #[serde(default)]
    logprobs: Option<Vec<Logprob>>,
    #[serde(default)]
    error: Option<Trouble>,
}

#[derive(Deserialize)]
struct Logprob {
    logprob: f64,
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Trouble {
    /// The code alone: the vendor's words may repeat a part of the key.
    fn code(&self) -> &str {
        let said = self.code.as_deref().or(self.kind.as_deref()).unwrap_or("unknown");
        let is_word = said.len() <= 60 && said.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_word { said } else { "unknown" }
    }
}

impl Dialect for Transcription {
    fn vendor(&self) -> Vendor {
        VENDOR
    }

    fn hello(&self) -> Option<String> {
        Some(self.hello.clone())
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn start(&mut self, utterance: u32) {
        (self.current, self.bytes) = (Some(utterance), 0);
    }

    fn audio(&mut self, codes: &[u8]) -> Step {
        self.bytes += codes.len();
        let audio = STANDARD.encode_to_string(codes);
        Step::send(format!(r#"{{"type":"input_audio_buffer.append","audio":"{audio}"}}"#))
    }

    fn end(&mut self) -> Step {
        let Some(utterance) = self.current.take() else { return Step::default() };
        if self.bytes < LEAST_BYTES {
            let mut step = Step::tell(nothing(utterance));
            if self.bytes > 0 {
                step.send.extend(clear().send);
            }
            return step;
        }
        self.owed.push_back(Owed { utterance, item: None });
        Step::send(r#"{"type":"input_audio_buffer.commit"}"#.to_owned())
    }

    fn cancel(&mut self) -> Step {
        self.current = None;
        if self.bytes > 0 { clear() } else { Step::default() }
    }

    fn hear(&mut self, text: &str) -> Result<Step, ProviderError> {
        let Ok(event) = serde_json::from_str::<Event>(text) else { return Ok(Step::default()) };
        let item = event.item_id.unwrap_or_default();
        match event.kind.as_str() {
            "session.updated" => self.ready = true,
            "input_audio_buffer.committed" => {
                if let Some(owed) = self.owed.iter_mut().find(|owed| owed.item.is_none()) {
                    owed.item = Some(item);
                }
            }
            "conversation.item.input_audio_transcription.delta" => {
                let words = self.words.entry(item.clone()).or_default();
                words.push_str(&event.delta.unwrap_or_default());
                let text = words.trim().to_owned();
                let told = self.utterance_of(&item).filter(|_| !text.is_empty());
                return Ok(told.map_or_else(Step::default, |utterance| {
                    Step::tell(SttOutput::Partial { utterance, text })
                }));
            }
            "conversation.item.input_audio_transcription.completed" => {
                let Some(utterance) = self.settled(&item) else { return Ok(Step::default()) };
                let text = event.transcript.unwrap_or_default().trim().to_owned();
                let logs = event.logprobs.unwrap_or_default();
                let confidence = confidence(logs.iter().map(|one| one.logprob));
                return Ok(Step::tell(SttOutput::Final { utterance, text, confidence }));
            }
            "conversation.item.input_audio_transcription.failed" => {
                let code = event.error.map_or_else(|| "unknown".to_owned(), |error| error.code().to_owned());
                return Err(VENDOR.unavailable(format!("an utterance could not be transcribed: {code}")));
            }
            "error" => return self.trouble(event.error.as_ref().map_or("unknown", Trouble::code)),
            _ => {}
        }
        Ok(Step::default())
    }

    fn owed_within(&self) -> Option<Duration> {
        (!self.owed.is_empty()).then_some(OWED_WITHIN)
    }

    fn overdue(&mut self) -> Result<Step, ProviderError> {
        Err(VENDOR.timeout(OWED_WITHIN))
    }
}

impl Transcription {
    fn trouble(&mut self, code: &str) -> Result<Step, ProviderError> {
        match code {
            "input_audio_buffer_commit_empty" => {
                let place = self.owed.iter().position(|owed| owed.item.is_none());
                let owed = place.and_then(|place| self.owed.remove(place));
                Ok(owed.map_or_else(Step::default, |owed| Step::tell(nothing(owed.utterance))))
            }
            "rate_limit_exceeded" => Err(VENDOR.rate_limited(None)),
            "invalid_api_key" | "insufficient_quota" | "beta_api_shape_disabled" => Err(VENDOR.refused(code)),
            code if code.starts_with("model_") => Err(VENDOR.unknown_model(code)),
            "session_expired" | "server_error" => Err(VENDOR.unavailable(code)),
            // Before the session is agreed upon an error is the answer to what was said.
            _ if !self.ready => Err(VENDOR.invalid(code)),
            _ => {
                tracing::debug!(code, "an error of a transcription session was passed over");
                Ok(Step::default())
            }
        }
    }
}

fn clear() -> Step {
    Step::send(r#"{"type":"input_audio_buffer.clear"}"#.to_owned())
}

/// Too short to be anything.
fn nothing(utterance: u32) -> SttOutput {
    SttOutput::Final { utterance, text: String::new(), confidence: None }
}
