//! The chains of transcribers, voices and language models that the configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::health::machine::{Circuit, SpeechProvider, Traffic};
use domain::agent_phrases;
use failover::ChainSettings;
use failover::embeddings::SteadyEmbeddings;
use failover::llm::LlmChain;
use failover::report::{self, LinkReport, Reporting};
use failover::stt::SttChain;
use failover::tts::TtsChain;
use provider_traits::ambient::Ambient;
use provider_traits::descriptor::{Locality, Readiness};
use provider_traits::embeddings::Embeddings;
use provider_traits::llm::LanguageModel;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::{TextToSpeech, TtsRequest};
use provider_traits::vad::VoiceScorerFactory;
use speech::phrase_cache::PhraseCache;
use speech::phrase_shelf::PhraseShelf;
use speech::vad::EarshotVad;
use tokio_util::task::TaskTracker;
use voice::pipeline::phrases;

use super::providers::{self, Made, Materials};
use crate::config::Config;

/// Audio kept of phrases, in bytes for each voice: about an hour and a half.
const PHRASES_BYTES: u64 = 48 * 1024 * 1024;
/// The folder, in the data folder, of phrases that a vendor has spoken.
const PHRASES: &str = "phrases";
/// How long a connection to a vendor may take; the chains' own deadlines are shorter in a call.
const CONNECT: Duration = Duration::from_secs(5);

/// Speech and thought of one process.
pub struct Speech {
    /// Transcribers.
    pub stt: Arc<dyn SpeechToText>,
    /// Voices.
    pub tts: Arc<dyn TextToSpeech>,
    /// Voice activity.
    pub vad: Arc<dyn VoiceScorerFactory>,
    /// Language models; `None`: none has what it needs, the rules brain answers.
    pub llm: Option<Arc<dyn LanguageModel>>,
    /// Embeddings, when somebody makes them.
    pub embeddings: Option<Arc<dyn Embeddings>>,
    caches: Vec<PhraseCache>,
    missing: Vec<String>,
    chains: Vec<(&'static str, Arc<dyn Reporting>)>,
}

/// The client that asks vendors: no redirects (a key must not follow one), no deadline for a whole answer (it
/// streams).
///
/// # Errors
/// When TLS can't be set up.
pub fn vendor_http() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(Duration::from_secs(90))
        .build()
        .context("the client that asks vendors can't be set up")
}

impl Speech {
    /// The chains of the configuration. What is missing on this machine is logged with its remedy and passed over.
    ///
    /// # Errors
    /// When no vendor could be asked at all: TLS can't be set up.
    pub fn of(config: &Config, ambient: &Ambient, tasks: &TaskTracker) -> anyhow::Result<Self> {
        let with = Materials { config, ambient, tasks, http: vendor_http()? };
        let mut missing = Vec::new();
        let transcribers = chosen(providers::transcribers(&with), &mut missing);
        let voices = chosen(providers::voices(&with), &mut missing);
        let models = chosen(providers::models(&with), &mut missing);
        let embeddings = providers::embeddings(&with).map(|made| chosen(vec![made], &mut missing));

        let (folder, now) = (config.general.data_dir.join(PHRASES), ambient.now().into());
        let cached = |voice: Arc<dyn TextToSpeech>| {
            let (is_local, sound) = (voice.descriptor().locality == Locality::Local, voice.sound());
            let cache = PhraseCache::new(voice, PHRASES_BYTES);
            // What is made here is made as soon as it is read.
            if is_local { cache } else { cache.on_shelf(PhraseShelf::open(&folder, &sound, now)) }
        };
        let caches: Vec<PhraseCache> = voices.into_iter().map(cached).collect();
        let voices = caches.iter().map(|cache| Arc::new(cache.clone()) as Arc<dyn TextToSpeech>).collect();
        let stt = Arc::new(SttChain::new(transcribers, ChainSettings::default(), tasks.clone()));
        let tts = Arc::new(TtsChain::new(voices, ChainSettings::voices(), tasks.clone()));
        let mut chains: Vec<(&'static str, Arc<dyn Reporting>)> =
            vec![("transcriber", Arc::clone(&stt) as _), ("voice", Arc::clone(&tts) as _)];
        let llm = (!models.is_empty())
            .then(|| Arc::new(LlmChain::new(models, ChainSettings::models(), tasks.clone())));
        chains.extend(llm.iter().map(|llm| ("language_model", Arc::clone(llm) as _)));
        let embeddings = embeddings
            .and_then(|mut one| one.pop())
            .map(|one| Arc::new(SteadyEmbeddings::new(one, ChainSettings::embeddings())));
        chains.extend(embeddings.iter().map(|one| ("embeddings", Arc::clone(one) as _)));
        Ok(Self {
            stt,
            tts,
            vad: Arc::new(EarshotVad),
            llm: llm.map(|llm| llm as _),
            embeddings: embeddings.map(|one| one as _),
            caches,
            missing,
            chains,
        })
    }

    /// Speech of the given parts, with nothing rendered in advance.
    #[must_use]
    pub fn of_parts(
        stt: Arc<dyn SpeechToText>,
        tts: Arc<dyn TextToSpeech>,
        vad: Arc<dyn VoiceScorerFactory>,
    ) -> Self {
        Self {
            stt,
            tts,
            vad,
            llm: None,
            embeddings: None,
            caches: Vec::new(),
            missing: Vec::new(),
            chains: Vec::new(),
        }
    }

    /// Renders the sentences that every agent of this process says: fillers and prompts first, they can't wait.
    /// Takes some seconds; calls may be taken meanwhile.
    pub async fn prerender(&self) {
        let unfilled = agent_phrases::templates("{business}", "{agent}", "{contact}");
        let common = unfilled.into_iter().filter(|sentence| !sentence.contains('{'));
        self.render(phrases::all().into_iter().map(str::to_owned).chain(common)).await;
    }

    /// Renders what an agent of this name at this business says again and again.
    pub async fn prerender_for(&self, business: &str, agent: &str, contact: &str) {
        self.render(agent_phrases::fixed(business, agent, contact).into_iter()).await;
    }

    /// Only with the first voice that is ready: the others serve when it fails, and then a moment's wait is the
    /// smaller evil. Not through the chain: what another voice has spoken must not be kept as this one's. A vendor is
    /// asked for a phrase once in thirty days, not at each start.
    async fn render(&self, sentences: impl Iterator<Item = String>) {
        let Some(cache) = self.caches.iter().find(|cache| cache.readiness() == Readiness::Ready) else {
            return;
        };
        let requests: Vec<TtsRequest> = sentences
            .map(|text| TtsRequest { text, voice: String::new(), language: "en-US".to_owned() })
            .collect();
        match cache.prerender(&requests).await {
            Ok(made) => tracing::debug!(made, "phrases are rendered"),
            Err(error) => tracing::warn!(%error, "phrases could not be rendered in advance"),
        }
    }

    /// The providers as they are now, each capability's in the operator's order.
    #[must_use]
    pub fn providers(&self) -> Vec<SpeechProvider> {
        let of_chain = |(role, chain): &(&'static str, Arc<dyn Reporting>)| {
            let role = *role;
            chain.report().links.into_iter().map(move |link| shown(role, link))
        };
        self.chains.iter().flat_map(of_chain).collect()
    }

    /// Whom calls ask, by capability, in the operator's order.
    #[must_use]
    pub fn order(&self) -> Vec<(&'static str, Vec<String>)> {
        let ids =
            |chain: &Arc<dyn Reporting>| chain.report().links.iter().map(|link| link.id.to_owned()).collect();
        self.chains.iter().map(|(role, chain)| (*role, ids(chain))).collect()
    }

    /// What was missing on this machine when it started, each with the command that installs it.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// The providers that belong into the chain. A vendor without a key was not chosen, which nobody needs to be told.
fn chosen<P: ?Sized>(all: Vec<Made<P>>, missing: &mut Vec<String>) -> Vec<Arc<P>> {
    let mut chosen = Vec::new();
    for made in all {
        if made.is_chosen() || made.provider.is_none() {
            missing.extend(remedied(&made.readiness));
        }
        if made.is_chosen() {
            chosen.extend(made.provider);
        }
    }
    chosen
}

/// A provider without traffic of its own in a chain.
pub(super) fn known(id: &str, role: &'static str, readiness: &Readiness) -> SpeechProvider {
    SpeechProvider { id: id.to_owned(), role, missing: remedied(readiness), traffic: None }
}

fn shown(role: &'static str, link: LinkReport) -> SpeechProvider {
    let circuit = match link.circuit {
        report::Circuit::Closed => Circuit::Closed,
        report::Circuit::Probing => Circuit::Probing,
        report::Circuit::Open { is_refused: true, .. } => Circuit::Refused,
        report::Circuit::Open { is_refused: false, .. } => Circuit::Open,
    };
    let percent = |part: u64| {
        let all = link.counts.requests.max(1);
        (part as f64 * 1_000.0 / all as f64).round() / 10.0
    };
    let traffic = Traffic {
        circuit,
        first_result: link.first_result,
        failures_percent: link.failures_percent,
        requests: link.counts.requests,
        failures: link.counts.failures,
        passed_over_full: link.counts.full,
        hedged_percent: percent(link.counts.hedged),
        underruns: link.counts.underruns,
        place: link.place,
        why: link.why,
    };
    SpeechProvider { traffic: Some(traffic), ..known(link.id, role, &link.readiness) }
}

fn remedied(readiness: &Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::Missing { what, remedy } => Some(format!("{what} is missing; mend it with: {remedy}")),
    }
}
