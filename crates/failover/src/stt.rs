//! Several transcribers as one.
//!
//! The audio of the utterance in progress is kept, so that when a link fails in the middle the next one
//! hears the utterance from its beginning (from its last 20 seconds when it is longer).

mod relay;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use provider_traits::descriptor::{Descriptor, ProviderNotice, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttStream};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::link::Link;
use crate::race::{Race, Won};
use crate::report::{ChainReport, Reporting, report};
use crate::settings::ChainSettings;
use crate::{NOBODY, Told, nobody, order, readiness_of};
use relay::Relay;

/// Inputs waiting for the chain: 1.3 s of audio. A sender that finds it full has a stuck machine.
const WAITING_INPUTS: usize = 64;
/// Results waiting for the session, which reads all the time.
const WAITING_RESULTS: usize = 32;

const TOLD: Told = Told {
    what: "transcriber",
    failed_over: "stt_failed_over",
    exhausted: "stt_exhausted",
    overtaken: "stt_overtaken",
};

/// An ordered list of speech-to-text providers.
#[derive(Clone)]
pub struct SttChain {
    shared: Arc<Shared>,
    preference: Arc<[usize]>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
}

struct Shared {
    links: Vec<Link<dyn SpeechToText>>,
    settings: ChainSettings,
    tasks: TaskTracker,
}

impl SttChain {
    /// A chain of `providers`, the preferred one first. Open streams are tracked by `tasks`.
    #[must_use]
    pub fn new(providers: Vec<Arc<dyn SpeechToText>>, settings: ChainSettings, tasks: TaskTracker) -> Self {
        let link = |provider: Arc<dyn SpeechToText>| {
            let descriptor = provider.descriptor();
            Link::new(provider, descriptor, &settings)
        };
        let links: Vec<_> = providers.into_iter().map(link).collect();
        let preference = order::preference(&links, None).into();
        Self { shared: Arc::new(Shared { links, settings, tasks }), preference, notices: None }
    }

    fn candidates(&self) -> VecDeque<usize> {
        let Shared { links, settings, .. } = &*self.shared;
        order::candidates(links, &self.preference, settings, |provider| provider.readiness())
    }

    /// Opens the first link of `order` that can be; the links that could not are taken off.
    async fn open_first(
        &self,
        order: &mut VecDeque<usize>,
        config: &SttConfig,
    ) -> Result<Won<SttStream>, ProviderError> {
        let Shared { links, settings, .. } = &*self.shared;
        let tell = |failed: usize, error: &ProviderError, next: Option<usize>| {
            let next = next.map(|next| links[next].descriptor);
            TOLD.tell(links[failed].descriptor, error, next, self.notices.as_ref());
        };
        let race = Race { links, settings, patience: settings.open, hedging: None, tell: &tell };
        race.run(order, |index| {
            let (provider, config) = (Arc::clone(&links[index].provider), config.clone());
            async move { provider.open(&config).await }.boxed()
        })
        .await
    }
}

#[async_trait]
impl SpeechToText for SttChain {
    fn descriptor(&self) -> &'static Descriptor {
        let first = self.candidates().front().copied();
        first.map_or(&NOBODY, |index| self.shared.links[index].descriptor)
    }

    fn readiness(&self) -> Readiness {
        let all: Vec<Readiness> = self.shared.links.iter().map(|link| link.provider.readiness()).collect();
        readiness_of(&all, "a transcriber (speech to text)")
    }

    async fn prepare(&self, config: &SttConfig) -> Result<(), ProviderError> {
        let mut last_error = None;
        let mut any = false;
        for index in self.candidates() {
            match self.shared.links[index].provider.prepare(config).await {
                Ok(()) => any = true,
                Err(error) => last_error = Some(error),
            }
        }
        match last_error {
            Some(error) if !any => Err(error),
            _ => Ok(()),
        }
    }

    fn for_call(&self, notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn SpeechToText>> {
        Some(Arc::new(Self { notices: Some(notices.clone()), ..self.clone() }))
    }

    fn in_order(&self, ids: &[String]) -> Option<Arc<dyn SpeechToText>> {
        let preference = order::preference(&self.shared.links, Some(ids)).into();
        Some(Arc::new(Self { preference, ..self.clone() }))
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let mut order = self.candidates();
        if order.is_empty() {
            return Err(nobody("transcriber"));
        }
        let won = self.open_first(&mut order, config).await?;
        let (input, inputs) = mpsc::channel(WAITING_INPUTS);
        let (results, output) = mpsc::channel(WAITING_RESULTS);
        let relay = Relay::new(self.clone(), config.clone(), order, won, results);
        self.shared.tasks.spawn(relay.run(inputs));
        Ok(SttStream { input, output })
    }
}

impl Reporting for SttChain {
    fn report(&self) -> ChainReport {
        report("stt", &self.shared.links, &self.candidates(), |provider| provider.readiness())
    }
}
