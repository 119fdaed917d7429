//! The providers that the configuration names, made from the tables ([speech and embeddings](super::tables), [language
//! models](super::models)).
//!
//! A provider is made whether or not it can work; its readiness says what is missing. One that can't even be made (a
//! key that no header can carry) is passed over and told with the rest that is missing: it must not keep the telephone
//! from being answered.

use std::sync::Arc;

use provider_traits::ambient::Ambient;
use provider_traits::descriptor::{Locality, Readiness};
use provider_traits::embeddings::Embeddings;
use provider_traits::llm::LanguageModel;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::TextToSpeech;
use tokio_util::task::TaskTracker;

use super::models::MODELS;
use super::tables::{EMBEDDINGS, TRANSCRIBERS, VOICES};
use crate::config::Config;

/// What providers are made of.
pub struct Materials<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The clock.
    pub ambient: &'a Ambient,
    /// Tracks what they have in progress.
    pub tasks: &'a TaskTracker,
    /// Asks vendors. It follows no redirects and has no deadline for a whole answer.
    pub http: reqwest::Client,
}

/// Makes a provider.
pub type Make<P> = fn(&Materials<'_>) -> anyhow::Result<Arc<P>>;

/// A provider that was asked for by its id.
pub struct Made<P: ?Sized> {
    /// The id.
    pub id: &'static str,
    /// The provider, unless it could not be made.
    pub provider: Option<Arc<P>>,
    /// Where it runs.
    pub locality: Locality,
    /// Whether it can work.
    pub readiness: Readiness,
}

impl<P: ?Sized> Made<P> {
    /// Whether it belongs into a chain. What runs on this machine does even when it is missing, for it may be installed
    /// while the server runs; a vendor without a key was not chosen.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        self.locality == Locality::Local || self.readiness == Readiness::Ready
    }
}

/// Makes the providers of `ids`, in that order.
pub fn made<P: ?Sized>(
    ids: &[&'static str],
    table: &[(&str, Make<P>)],
    with: &Materials<'_>,
    known: impl Fn(&P) -> (Locality, Readiness),
) -> Vec<Made<P>> {
    let lines =
        ids.iter().filter_map(|&id| table.iter().find(|(known, _)| *known == id).map(|(_, make)| (id, make)));
    lines
        .map(|(id, make)| match make(with) {
            Ok(provider) => {
                let (locality, readiness) = known(&provider);
                Made { id, provider: Some(provider), locality, readiness }
            }
            Err(error) => {
                let what = format!("{id} can't be set up ({error:#})");
                let readiness = Readiness::Missing { what, remedy: format!("look at the section [{id}]") };
                Made { id, provider: None, locality: Locality::Cloud, readiness }
            }
        })
        .collect()
}

/// The transcribers of the configuration, in order.
#[must_use]
pub fn transcribers(with: &Materials<'_>) -> Vec<Made<dyn SpeechToText>> {
    let ids = with.config.vendors.stt.order.ids();
    made(ids, TRANSCRIBERS, with, |one| (one.descriptor().locality, one.readiness()))
}

/// The voices of the configuration, in order.
#[must_use]
pub fn voices(with: &Materials<'_>) -> Vec<Made<dyn TextToSpeech>> {
    let ids = with.config.vendors.tts.order.ids();
    made(ids, VOICES, with, |one| (one.descriptor().locality, one.readiness()))
}

/// The language models of the configuration, in order.
#[must_use]
pub fn models(with: &Materials<'_>) -> Vec<Made<dyn LanguageModel>> {
    let ids = with.config.vendors.llm.order.ids();
    made(ids, MODELS, with, |one| (one.descriptor().locality, one.readiness()))
}

/// The provider of embeddings, unless there is none.
#[must_use]
pub fn embeddings(with: &Materials<'_>) -> Option<Made<dyn Embeddings>> {
    let id = with.config.vendors.embeddings.provider.word();
    made(&[id], EMBEDDINGS, with, |one| (one.descriptor().locality, one.readiness())).pop()
}
