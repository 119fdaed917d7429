//! Every vendor, played, and a server's settings that lead to them.

use std::sync::Arc;

use simulator::deepgram::DeepgramStandIn;
use simulator::elevenlabs::ElevenLabs;
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::openai_audio::OpenAiAudio;
use simulator::openai_platform::OpenAiPlatform;
use simulator::polly::Polly;
use simulator::vendor::Vendor;
use simulator::vendor::fault::Fault;
use simulator::vendor::stand_in::{Place, StandIn};

use super::PHRASES;

/// A vendor, whoever it is.
pub(super) trait Played: Send + Sync {
    fn set_fault(&self, fault: Option<Fault>);
    /// Requests to this part of its address.
    fn asked(&self, path: &str) -> usize;
    /// What it did not like of our requests.
    fn refused(&self) -> Vec<u16>;
}

impl<V: Vendor> Played for StandIn<V> {
    fn set_fault(&self, fault: Option<Fault>) {
        Self::set_fault(self, fault);
    }

    fn asked(&self, path: &str) -> usize {
        self.seen().requests.iter().filter(|seen| seen.request.path.contains(path)).count()
    }

    fn refused(&self) -> Vec<u16> {
        self.seen().refused()
    }
}

/// Every vendor, by role and id, with the part of its address that tells the role.
pub(super) struct Vendors(pub(super) Vec<(&'static str, &'static str, &'static str, Arc<dyn Played>)>);

impl Vendors {
    pub(super) async fn play(settings: &mut Vec<(&'static str, String)>) -> Self {
        let phrases: Vec<String> = PHRASES.map(str::to_owned).into();
        let audio = || OpenAiAudio { phrases: phrases.clone(), ..OpenAiAudio::default() };
        let language = |protocol, key: &str| {
            LlmVendor::new(protocol, llm::Settings { key: Some(key.to_owned()), ..llm::Settings::default() })
        };
        let mut set = |name, value: &str| settings.push((name, value.to_owned()));

        let scribe = started(ElevenLabs { phrases: phrases.clone(), ..ElevenLabs::default() }).await;
        let voices = started(ElevenLabs::default()).await;
        set("elevenlabs.api_key", "xi-test-key");
        set("elevenlabs.socket_url", &scribe.ws_url());
        set("elevenlabs.base_url", &voices.url());
        set("elevenlabs.voice", "21m00Tcm4TlvDq8ikWAM");

        let deepgram =
            started(DeepgramStandIn { phrases: phrases.clone(), ..DeepgramStandIn::default() }).await;
        set("deepgram.api_key", "dg-test-key");
        set("deepgram.socket_url", &deepgram.ws_url());

        let sessions = started(audio()).await;
        let model = language(Protocol::OpenAiResponses, "sk-test-key");
        let platform = started(OpenAiPlatform { audio: audio(), language: model }).await;
        set("openai.api_key", "sk-test-key");
        set("openai.stt_url", &format!("{}/v1/realtime", sessions.ws_url()));
        set("openai.base_url", &format!("{}/v1", platform.url()));
        set("openai.llm_model", "a-model");

        let polly = started(Polly::default()).await;
        set("polly.base_url", &polly.url());
        set("aws.region", "eu-central-1");
        set("aws.access_key_id", "AKIDEXAMPLE");
        set("aws.secret_access_key", "polly-test-secret");

        let anthropic = started(language(Protocol::Anthropic, "anthropic-key")).await;
        set("anthropic.api_key", "anthropic-key");
        set("anthropic.base_url", &anthropic.url());
        set("anthropic.model", "a-model");
        let gemini = started(language(Protocol::Gemini, "gemini-key")).await;
        set("gemini.api_key", "gemini-key");
        set("gemini.base_url", &gemini.url());
        set("gemini.model", "a-model");
        let mistral = started(language(Protocol::Mistral, "mistral-key")).await;
        set("mistral.api_key", "mistral-key");
        set("mistral.base_url", &format!("{}/v1", mistral.url()));
        set("mistral.model", "a-model");

        let vectors = started(OpenAiAudio { key: None, ..OpenAiAudio::default() }).await;
        set("embeddings.url", &format!("{}/v1", vectors.url()));

        Self(vec![
            ("transcriber", "elevenlabs", "/v1/speech-to-text/", scribe),
            ("transcriber", "deepgram", "/v1/listen", deepgram),
            ("transcriber", "openai", "/v1/realtime", sessions),
            ("voice", "elevenlabs", "/v1/text-to-speech/", voices),
            ("voice", "openai", "/v1/audio/speech", Arc::clone(&platform) as _),
            ("voice", "polly", "/v1/speech", polly),
            ("language_model", "openai", "/v1/responses", Arc::clone(&platform) as _),
            ("language_model", "anthropic", "/v1/messages", anthropic),
            ("language_model", "gemini", ":streamGenerateContent", gemini),
            ("language_model", "mistral", "/v1/chat/completions", mistral),
            ("embeddings", "openai", "/v1/embeddings", platform),
            ("embeddings", "compatible", "/v1/embeddings", vectors),
        ])
    }

    pub(super) fn of(&self, role: &str, id: &str) -> (&'static str, &dyn Played) {
        let found = self.0.iter().find(|one| (one.0, one.1) == (role, id));
        let (_, _, path, played) = found.unwrap_or_else(|| panic!("nobody plays {role} {id}"));
        (path, &**played)
    }

    pub(super) fn set_fault(&self, role: &str, id: &str, fault: Option<Fault>) {
        self.of(role, id).1.set_fault(fault);
    }

    /// Requests for lists of models, at all of them.
    pub(super) fn asked_for_models(&self) -> usize {
        self.0.iter().map(|(_, _, _, played)| played.asked("/v1/models")).sum()
    }

    pub(super) fn asked(&self, role: &str, id: &str) -> usize {
        let (path, played) = self.of(role, id);
        played.asked(path)
    }
}

async fn started<V: Vendor>(vendor: V) -> Arc<StandIn<V>> {
    Arc::new(StandIn::start(vendor, Place::default()).await.unwrap())
}
