//! Deepgram's streaming transcription, and endpoints compatible with it; written from the vendor's public
//! documentation, for there is no contract of it among ours.
//!
//! Results say which part of the stream they are about, in seconds. That decides whose words they are: an utterance
//! is complete when a final result reaches its end, or a little after `Finalize`, which the vendor does not always
//! answer.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttOutput, SttStream};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::SecretString;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::task::TaskTracker;

use super::dialect::{Dialect, Step};
use super::hints::keywords;
use super::session::{self, Door};
use crate::set_up::{SetUpError, secret_header};
use crate::vendor_http::Vendor;
use crate::web_socket;

static DESCRIPTOR: Descriptor = Descriptor { id: "deepgram", name: "Deepgram", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "deepgram.model" };

/// Silence after `Finalize` that means that nothing more comes.
const FINALIZED_WITHIN: Duration = Duration::from_millis(1_500);
/// Results may end a little before the audio that was sent.
const REACHES: f64 = 0.05;
/// Mu-law bytes of a second.
const BYTES_PER_SECOND: f64 = 8_000.0;
const MOST_KEYTERMS: usize = 50;
const LONGEST_KEYTERM: usize = 40;

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct DeepgramSettings {
    /// Without the version: `wss://api.deepgram.com`.
    pub base_url: Url,
    /// The key; an endpoint other than the vendor's may need none.
    pub api_key: Option<SecretString>,
    /// The model's id, such as `nova-3`.
    pub model: String,
    /// Sockets of calls.
    pub tasks: TaskTracker,
}

/// Deepgram.
#[derive(Clone)]
pub struct Deepgram {
    settings: DeepgramSettings,
    door: Door,
}

impl Deepgram {
    /// With the certificates that this machine trusts.
    ///
    /// # Errors
    /// When TLS can't be set up, or the key is none that a header can carry.
    pub fn new(settings: DeepgramSettings) -> Result<Self, SetUpError> {
        let tls = web_socket::tls_for(&settings.base_url)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            headers.insert(AUTHORIZATION, secret_header("Token ", key)?);
        }
        let mut url = settings.base_url.clone();
        let path = format!("{}/v1/listen", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut()
            .append_pair("model", &settings.model)
            .append_pair("encoding", "mulaw")
            .append_pair("sample_rate", "8000")
            .append_pair("channels", "1")
            .append_pair("interim_results", "true")
            .append_pair("punctuate", "true")
            .append_pair("endpointing", "false");
        Ok(Self { door: Door { url, headers, tls }, settings })
    }
}

#[async_trait]
impl SpeechToText for Deepgram {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.settings.model
    }

    fn readiness(&self) -> Readiness {
        if self.settings.api_key.is_some() || self.settings.base_url.host_str() != Some("api.deepgram.com") {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: "Deepgram's key".to_owned(),
            remedy: "set DEEPGRAM_API_KEY (deepgram.api_key)".to_owned(),
        }
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let mut door = self.door.clone();
        if !config.language.is_empty() {
            door.url.query_pairs_mut().append_pair("language", &config.language);
        }
        // Older models know keywords of another form.
        if self.settings.model.starts_with("nova-3") {
            for word in keywords(&config.vocabulary, MOST_KEYTERMS, LONGEST_KEYTERM) {
                door.url.query_pairs_mut().append_pair("keyterm", word);
            }
        }
        session::open(door, Listening::default, &self.settings.tasks).await
    }
}

/// An utterance, from its first byte on.
struct Utterance {
    /// `None`: it was cancelled.
    number: Option<u32>,
    /// Where in the stream it begins and, once it is complete, ends.
    from: u64,
    to: Option<u64>,
    /// Words that won't change, and their weighted confidence.
    settled: String,
    weighed: f64,
    weight: f64,
    /// Words that may still change.
    interim: String,
    /// Whether the vendor said anything about it.
    was_heard: bool,
}

impl Utterance {
    fn new(number: u32, from: u64) -> Self {
        Self {
            number: Some(number),
            from,
            to: None,
            settled: String::new(),
            weighed: 0.0,
            weight: 0.0,
            interim: String::new(),
            was_heard: false,
        }
    }

    fn with(&self, more: &str) -> String {
        format!("{} {more}", self.settled).trim().to_owned()
    }

    fn outcome(self) -> Option<SttOutput> {
        let confidence = (self.weight > 0.0).then(|| (self.weighed / self.weight) as f32);
        let utterance = self.number?;
        Some(SttOutput::Final { utterance, text: self.settled.trim().to_owned(), confidence })
    }
}

#[derive(Default)]
struct Listening {
    /// Mu-law sent so far.
    sent: u64,
    /// The oldest first; the last may still be spoken.
    utterances: VecDeque<Utterance>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    start: f64,
    #[serde(default)]
    duration: f64,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    from_finalize: bool,
    #[serde(default)]
    channel: Option<Channel>,
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Deserialize)]
struct Channel {
    #[serde(default)]
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    confidence: f64,
}

impl Listening {
    fn finished(&mut self) -> Step {
        let end = self.sent;
        if let Some(last) = self.utterances.back_mut() {
            last.to = Some(end);
        }
        Step::send(r#"{"type":"Finalize"}"#.to_owned())
    }

    fn results(&mut self, event: Event) -> Step {
        let middle = (event.start + event.duration / 2.0) * BYTES_PER_SECOND;
        let end = (event.start + event.duration + REACHES) * BYTES_PER_SECOND;
        let after = |utterance: &Utterance| utterance.to.is_some_and(|to| middle > to as f64);
        let Some(place) = self.utterances.iter().position(|utterance| !after(utterance)) else {
            return Step::default();
        };
        let mut step = Step::default();
        // A result of a later part says that nothing more comes for the earlier ones.
        if event.is_final {
            step.tell.extend(self.utterances.drain(..place).filter_map(Utterance::outcome));
        }
        let place = if event.is_final { 0 } else { place };
        let utterance = &mut self.utterances[place];
        // Before its beginning: of one that was settled already.
        if middle < utterance.from as f64 {
            return step;
        }
        let best = event.channel.and_then(|channel| channel.alternatives.into_iter().next());
        let (words, sure) = best.map_or_else(Default::default, |best| (best.transcript, best.confidence));
        utterance.was_heard = true;
        utterance.interim = if event.is_final { String::new() } else { words.clone() };
        if event.is_final {
            if !words.is_empty() {
                utterance.settled = utterance.with(&words);
                utterance.weighed += sure * words.len() as f64;
                utterance.weight += words.len() as f64;
            }
            if utterance.to.is_some_and(|to| event.from_finalize || end >= to as f64) {
                step.tell.extend(self.utterances.remove(place).and_then(Utterance::outcome));
                return step;
            }
        }
        let text = if event.is_final { utterance.settled.clone() } else { utterance.with(&words) };
        if let (Some(number), false) = (utterance.number, text.is_empty()) {
            step.tell.push(SttOutput::Partial { utterance: number, text });
        }
        step
    }
}

impl Dialect for Listening {
    fn vendor(&self) -> Vendor {
        VENDOR
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn start(&mut self, utterance: u32) {
        self.utterances.push_back(Utterance::new(utterance, self.sent));
    }

    fn audio(&mut self, codes: &[u8]) -> Step {
        self.sent += codes.len() as u64;
        Step { send: vec![Message::Binary(Bytes::copy_from_slice(codes))], tell: Vec::new() }
    }

    fn end(&mut self) -> Step {
        if self.utterances.back().is_some_and(|last| last.from == self.sent) {
            let nothing = self.utterances.pop_back().and_then(Utterance::outcome);
            return nothing.map_or_else(Step::default, Step::tell);
        }
        self.finished()
    }

    fn cancel(&mut self) -> Step {
        if let Some(last) = self.utterances.back_mut() {
            last.number = None;
        }
        if self.utterances.back().is_some_and(|last| last.from == self.sent) {
            self.utterances.pop_back();
            return Step::default();
        }
        self.finished()
    }

    fn hear(&mut self, text: &str) -> Result<Step, ProviderError> {
        let Ok(event) = serde_json::from_str::<Event>(text) else { return Ok(Step::default()) };
        match event.kind.as_str() {
            "Results" => Ok(self.results(event)),
            "Error" => {
                let said = event.variant.unwrap_or_default();
                let is_word = !said.is_empty()
                    && said.len() <= 60
                    && said.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                Err(VENDOR.unavailable(if is_word { said } else { "an error".to_owned() }))
            }
            _ => Ok(Step::default()),
        }
    }

    fn owed_within(&self) -> Option<Duration> {
        self.utterances.front().filter(|oldest| oldest.to.is_some()).map(|_| FINALIZED_WITHIN)
    }

    fn overdue(&mut self) -> Result<Step, ProviderError> {
        let Some(mut oldest) = self.utterances.pop_front() else { return Ok(Step::default()) };
        if !oldest.was_heard && oldest.number.is_some() {
            return Err(VENDOR.timeout(FINALIZED_WITHIN));
        }
        let interim = std::mem::take(&mut oldest.interim);
        oldest.settled = oldest.with(&interim);
        let settled = oldest.outcome();
        Ok(settled.map_or_else(Step::default, Step::tell))
    }

    fn keep_alive(&self) -> Option<String> {
        Some(r#"{"type":"KeepAlive"}"#.to_owned())
    }

    fn farewell(&self) -> Option<String> {
        Some(r#"{"type":"CloseStream"}"#.to_owned())
    }
}
