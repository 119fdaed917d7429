//! Several language models as one.
//!
//! Before any word was passed on, the next model answers the whole request. Once words were passed on they may have
//! been heard, so the failure goes to whoever asked: another model would begin anew in mid-sentence. Calls of functions
//! are held back until the answer is complete, so that a function is never run twice nor for an answer that broke off.
//! An answer that only calls functions is a good answer; one with neither words nor calls is none.

mod answer;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, ProviderNotice, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmRequest};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::hedge::Hedging;
use crate::link::Link;
use crate::report::{ChainReport, Reporting, report};
use crate::settings::ChainSettings;
use crate::{NOBODY, Told, nobody, order, readiness_of};
use answer::Answer;

/// Pieces waiting for whoever asked. When full, the vendor waits.
const WAITING_PIECES: usize = 32;

const TOLD: Told = Told {
    what: "language model",
    failed_over: "llm_failed_over",
    exhausted: "llm_exhausted",
    overtaken: "llm_overtaken",
};

/// An ordered list of language models.
#[derive(Clone)]
pub struct LlmChain {
    shared: Arc<Shared>,
    preference: Arc<[usize]>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
}

struct Shared {
    links: Vec<Link<dyn LanguageModel>>,
    settings: ChainSettings,
    hedging: Option<Hedging>,
    tasks: TaskTracker,
}

impl LlmChain {
    /// A chain of `models`, the preferred one first. Answers in progress are tracked by `tasks`.
    #[must_use]
    pub fn new(models: Vec<Arc<dyn LanguageModel>>, settings: ChainSettings, tasks: TaskTracker) -> Self {
        let link = |provider: Arc<dyn LanguageModel>| {
            let descriptor = provider.descriptor();
            Link::new(provider, descriptor, &settings)
        };
        let links: Vec<_> = models.into_iter().map(link).collect();
        let preference = order::preference(&links, None).into();
        let hedging = settings.hedge.map(Hedging::new);
        Self { shared: Arc::new(Shared { links, settings, hedging, tasks }), preference, notices: None }
    }

    fn candidates(&self) -> VecDeque<usize> {
        let Shared { links, settings, .. } = &*self.shared;
        order::candidates(links, &self.preference, settings, |provider| provider.readiness())
    }
}

#[async_trait]
impl LanguageModel for LlmChain {
    fn descriptor(&self) -> &'static Descriptor {
        let first = self.candidates().front().copied();
        first.map_or(&NOBODY, |index| self.shared.links[index].descriptor)
    }

    fn readiness(&self) -> Readiness {
        let all: Vec<Readiness> = self.shared.links.iter().map(|link| link.provider.readiness()).collect();
        readiness_of(&all, "a language model")
    }

    fn for_call(&self, notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn LanguageModel>> {
        Some(Arc::new(Self { notices: Some(notices.clone()), ..self.clone() }))
    }

    fn in_order(&self, ids: &[String]) -> Option<Arc<dyn LanguageModel>> {
        let preference = order::preference(&self.shared.links, Some(ids)).into();
        Some(Arc::new(Self { preference, ..self.clone() }))
    }

    /// Returns at once; a failure of all models comes as the answer's only piece.
    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let order = self.candidates();
        if order.is_empty() {
            return Err(nobody("language model"));
        }
        let (pieces, answer) = mpsc::channel(WAITING_PIECES);
        let work = Answer::new(self.clone(), request.clone(), pieces);
        self.shared.tasks.spawn(work.give(order));
        Ok(answer)
    }
}

impl Reporting for LlmChain {
    fn report(&self) -> ChainReport {
        report("llm", &self.shared.links, &self.candidates(), |provider| provider.readiness())
    }
}
