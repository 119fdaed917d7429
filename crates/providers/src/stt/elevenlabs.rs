//! ElevenLabs Scribe, realtime: mu-law as it is, committed by us at the end of an utterance. The words' logarithmic
//! probabilities are the transcript's confidence.
//!
//! There is no message that forgets audio: a cancelled utterance is committed too, and its transcript thrown away.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use base64_simd::STANDARD;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttOutput, SttStream};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

use super::dialect::{Dialect, Step};
use super::hints::{confidence, keywords, primary_language};
use super::session::{self, Door};
use crate::set_up::{SetUpError, secret_header};
use crate::vendor_http::Vendor;
use crate::web_socket;

static DESCRIPTOR: Descriptor =
    Descriptor { id: "elevenlabs", name: "ElevenLabs Scribe", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "elevenlabs.stt_model" };

const KEY_HEADER: HeaderName = HeaderName::from_static("xi-api-key");
/// The vendor refuses to commit less than 300 ms; what is shorter is filled up with silence.
const LEAST_BYTES: usize = 3_200;
/// Mu-law silence.
const SILENCE: u8 = 0xFF;
/// Likely words that the vendor takes, and their length.
const MOST_KEYTERMS: usize = 50;
const LONGEST_KEYTERM: usize = 20;
/// Safety net for a transcript that is owed.
const OWED_WITHIN: Duration = Duration::from_secs(15);
/// The transcript with probabilities follows the plain one; when it does not, the plain one will do.
const PROBABILITIES_WITHIN: Duration = Duration::from_millis(500);

/// Where the vendor is and what is asked of it.
#[derive(Clone)]
pub struct ElevenLabsSttSettings {
    /// Without the version: `wss://api.elevenlabs.io`, or a residency's.
    pub base_url: Url,
    /// The key.
    pub api_key: Option<SecretString>,
    /// The model's id, such as `scribe_v2_realtime`.
    pub model: String,
    /// Sockets of calls.
    pub tasks: TaskTracker,
}

/// ElevenLabs Scribe.
#[derive(Clone)]
pub struct ElevenLabsStt {
    settings: ElevenLabsSttSettings,
    door: Door,
}

impl ElevenLabsStt {
    /// With the certificates that this machine trusts.
    ///
    /// # Errors
    /// When TLS can't be set up, or the key is none that a header can carry.
    pub fn new(settings: ElevenLabsSttSettings) -> Result<Self, SetUpError> {
        let tls = web_socket::tls_for(&settings.base_url)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            headers.insert(KEY_HEADER, secret_header("", key)?);
        }
        let mut url = settings.base_url.clone();
        let path = format!("{}/v1/speech-to-text/realtime", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut()
            .append_pair("model_id", &settings.model)
            .append_pair("audio_format", "ulaw_8000")
            .append_pair("commit_strategy", "manual")
            .append_pair("include_timestamps", "true");
        Ok(Self { door: Door { url, headers, tls }, settings })
    }
}

#[async_trait]
impl SpeechToText for ElevenLabsStt {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.settings.model
    }

    fn readiness(&self) -> Readiness {
        if self.settings.api_key.is_some() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: "ElevenLabs' key".to_owned(),
            remedy: "set ELEVENLABS_API_KEY (elevenlabs.api_key)".to_owned(),
        }
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let mut door = self.door.clone();
        if let Some(language) = primary_language(&config.language) {
            door.url.query_pairs_mut().append_pair("language_code", language);
        }
        for word in keywords(&config.vocabulary, MOST_KEYTERMS, LONGEST_KEYTERM) {
            door.url.query_pairs_mut().append_pair("keyterms", word);
        }
        session::open(door, Scribe::default, &self.settings.tasks).await
    }
}

/// A commit whose transcript is to come.
struct Owed {
    /// `None`: it was cancelled.
    utterance: Option<u32>,
    /// The plain transcript, when it is there.
    plain: Option<String>,
}

#[derive(Default)]
struct Scribe {
    ready: bool,
    current: Option<u32>,
    /// Mu-law of the current utterance.
    bytes: usize,
    owed: VecDeque<Owed>,
}

#[derive(Serialize)]
struct Chunk {
    message_type: &'static str,
    audio_base_64: String,
    commit: bool,
    sample_rate: u32,
}

#[derive(Deserialize)]
struct Event {
    message_type: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    words: Option<Vec<Word>>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Word {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    logprob: Option<f64>,
}

impl Scribe {
    fn commit(&mut self, utterance: Option<u32>) -> Step {
        self.owed.push_back(Owed { utterance, plain: None });
        let missing = LEAST_BYTES.saturating_sub(self.bytes);
        chunk(&vec![SILENCE; missing], true)
    }

    /// The oldest commit is answered.
    fn settled(&mut self, text: &str, confidence: Option<f32>) -> Step {
        let utterance = self.owed.pop_front().and_then(|owed| owed.utterance);
        let text = text.trim().to_owned();
        utterance.map_or_else(Step::default, |utterance| {
            Step::tell(SttOutput::Final { utterance, text, confidence })
        })
    }
}

fn chunk(codes: &[u8], commit: bool) -> Step {
    let audio_base_64 = STANDARD.encode_to_string(codes);
    let chunk = Chunk { message_type: "input_audio_chunk", audio_base_64, commit, sample_rate: 8_000 };
    Step::send(serde_json::to_string(&chunk).expect("a plain struct"))
}

impl Dialect for Scribe {
    fn vendor(&self) -> Vendor {
        VENDOR
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn start(&mut self, utterance: u32) {
        (self.current, self.bytes) = (Some(utterance), 0);
    }

    fn audio(&mut self, codes: &[u8]) -> Step {
        self.bytes += codes.len();
        chunk(codes, false)
    }

    fn end(&mut self) -> Step {
        let Some(utterance) = self.current.take() else { return Step::default() };
        if self.bytes == 0 {
            return Step::tell(SttOutput::Final { utterance, text: String::new(), confidence: None });
        }
        self.commit(Some(utterance))
    }

    fn cancel(&mut self) -> Step {
        self.current = None;
        if self.bytes == 0 { Step::default() } else { self.commit(None) }
    }

    fn hear(&mut self, text: &str) -> Result<Step, ProviderError> {
        let Ok(event) = serde_json::from_str::<Event>(text) else { return Ok(Step::default()) };
        let text = event.text.unwrap_or_default();
        match event.message_type.as_str() {
            "session_started" => self.ready = true,
            "partial_transcript" | "final_transcript" => {
                // What is owed comes before what is being said: a partial text is always of the newest audio.
                let utterance = self.current.or_else(|| self.owed.back().and_then(|owed| owed.utterance));
                let text = text.trim().to_owned();
                return Ok(match utterance {
                    Some(utterance) if !text.is_empty() => Step::tell(SttOutput::Partial { utterance, text }),
                    _ => Step::default(),
                });
            }
            "committed_transcript" => {
                if let Some(owed) = self.owed.iter_mut().find(|owed| owed.plain.is_none()) {
                    owed.plain = Some(text);
                }
            }
            "committed_transcript_with_timestamps" => {
                let words = event.words.unwrap_or_default();
                let spoken = words.iter().filter(|word| word.kind.as_deref() == Some("word"));
                let confidence = confidence(spoken.filter_map(|word| word.logprob));
                return Ok(self.settled(&text, confidence));
            }
            // Too little was said since the last commit: that is an answer too.
            "commit_throttled" | "insufficient_audio_activity" if !self.owed.is_empty() => {
                return Ok(self.settled("", None));
            }
            kind => {
                if let Some(said) = event.error {
                    return Err(meaning(kind, &said));
                }
            }
        }
        Ok(Step::default())
    }

    fn owed_within(&self) -> Option<Duration> {
        let oldest = self.owed.front()?;
        Some(if oldest.plain.is_some() { PROBABILITIES_WITHIN } else { OWED_WITHIN })
    }

    fn overdue(&mut self) -> Result<Step, ProviderError> {
        match self.owed.front_mut().and_then(|owed| owed.plain.take()) {
            Some(text) => Ok(self.settled(&text, None)),
            None => Err(VENDOR.timeout(OWED_WITHIN)),
        }
    }
}

/// What an error means. Its words are only searched for what they are about: they may repeat what was said.
fn meaning(kind: &str, said: &str) -> ProviderError {
    match kind {
        "auth_error" | "quota_exceeded" | "unaccepted_terms" => VENDOR.refused(kind),
        "rate_limited" => VENDOR.rate_limited(None),
        "invalid_request" if said.to_lowercase().contains("model") => VENDOR.unknown_model(kind),
        "invalid_request" | "input_error" | "chunk_size_exceeded" => VENDOR.invalid(kind),
        _ => {
            let is_word = kind.len() <= 60 && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            VENDOR.unavailable(if is_word { kind } else { "an error" })
        }
    }
}
