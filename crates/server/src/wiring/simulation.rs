//! The simulated caller: its voices, its ears, and how it reads the server's records.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use simulator::scenario::records::Records;
use simulator::scenario::run::Stage;
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use speech::espeak::Espeak;
use speech::flite::Flite;
use speech::pocketsphinx::{PocketSphinx, PocketSphinxSettings};

/// The account of calls to a server that checks no signatures.
const NO_ACCOUNT: &str = "AC00000000000000000000000000000000";
/// The carrier's own deadline is 15 s; ours lies behind it.
const HTTP_TIMEOUT: Duration = Duration::from_secs(20);

/// How a server is reached by a simulated caller.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Where it listens.
    pub url: String,
    /// The address it believes to have, which is what gets signed.
    pub public_url: String,
    /// The carrier account.
    pub account_sid: Option<String>,
    /// The token that signs; `None` for a server that only hears this machine.
    pub auth_token: Option<String>,
}

/// An HTTP client for the caller's side.
///
/// # Errors
/// When TLS can't be set up.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(HTTP_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("could not make an HTTP client")
}

/// Whether the caller can speak at all on this machine.
///
/// # Errors
/// When no voice is installed; the message has the command that installs one.
pub fn caller_can_speak() -> anyhow::Result<()> {
    match CallerVoices::default().readiness() {
        Readiness::Ready => Ok(()),
        Readiness::Missing { what, remedy } => {
            anyhow::bail!("the caller has no voice: {what} is missing; mend it with: {remedy}")
        }
    }
}

/// What a run of a scenario needs. Without PocketSphinx the caller understands no words; without a voice
/// ([`caller_can_speak`]) it can't be run.
///
/// # Errors
/// When an address is not one.
pub fn stage(
    http: &reqwest::Client,
    reach: &Reach,
    records: Option<Arc<dyn Records>>,
    agent_phrases: Vec<String>,
) -> anyhow::Result<Stage> {
    let endpoint = Endpoint {
        base: reach.url.parse().with_context(|| format!("{} is not an address", reach.url))?,
        public: reach
            .public_url
            .parse()
            .with_context(|| format!("{} is not an address", reach.public_url))?,
    };
    let account = Account {
        sid: reach.account_sid.clone().unwrap_or_else(|| NO_ACCOUNT.to_owned()),
        auth_token: reach.auth_token.clone().unwrap_or_default(),
    };
    let ears = PocketSphinx::new(PocketSphinxSettings::default());
    let stt = match ears.readiness() {
        Readiness::Ready => Some(Arc::new(ears) as Arc<dyn SpeechToText>),
        Readiness::Missing { .. } => None,
    };
    Ok(Stage {
        webhooks: Webhooks::new(http.clone(), account, endpoint),
        tts: Arc::new(CallerVoices::default()),
        stt,
        records,
        agent_phrases,
    })
}

static DESCRIPTOR: Descriptor =
    Descriptor { id: "caller", name: "Simulated caller", locality: Locality::Local };

/// Every voice of this machine, chosen by its id: flite's by their names, `espeak-ng` for the other program.
#[derive(Debug, Default)]
pub struct CallerVoices {
    flite: Flite,
    espeak: Espeak,
}

impl CallerVoices {
    fn of(&self, voice: &str) -> &dyn TextToSpeech {
        let wants_espeak = voice.starts_with("espeak") || voice.starts_with("en-");
        if wants_espeak || self.flite.readiness() != Readiness::Ready { &self.espeak } else { &self.flite }
    }
}

#[async_trait]
impl TextToSpeech for CallerVoices {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        match self.flite.readiness() {
            Readiness::Ready => Readiness::Ready,
            missing => match self.espeak.readiness() {
                Readiness::Ready => Readiness::Ready,
                Readiness::Missing { .. } => missing,
            },
        }
    }

    fn voices(&self) -> Vec<Voice> {
        self.flite.voices().into_iter().chain(self.espeak.voices()).collect()
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        self.of(&request.voice).speak(request).await
    }
}
