//! One provider of embeddings with the layers around it.
//!
//! There is no other to fall over to: vectors of another model can't be compared. So it is asked again, and when it
//! stays ill it rests, and who asks in that time is told at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use backon::Retryable as _;
use futures_util::FutureExt as _;
use provider_traits::descriptor::{Descriptor, Readiness};
use provider_traits::embeddings::Embeddings;
use provider_traits::error::ProviderError;
use tokio::time::Instant;

use crate::breaker::Circuit;
use crate::link::Link;
use crate::report::{ChainReport, Reporting, report};
use crate::retry::{FullJitter, is_worth_repeating, pause_after};
use crate::settings::ChainSettings;

/// A provider of embeddings that is asked again.
pub struct SteadyEmbeddings {
    /// Exactly one.
    links: [Link<dyn Embeddings>; 1],
    settings: ChainSettings,
}

impl SteadyEmbeddings {
    /// Puts the layers around `provider`.
    #[must_use]
    pub fn new(provider: Arc<dyn Embeddings>, settings: ChainSettings) -> Self {
        let descriptor = provider.descriptor();
        Self { links: [Link::new(provider, descriptor, &settings)], settings }
    }

    fn link(&self) -> &Link<dyn Embeddings> {
        &self.links[0]
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        let id = self.link().descriptor.id;
        let patience = self.settings.last_link;
        let unavailable = |reason: String| ProviderError::Unavailable { provider: id, reason };
        let asked = AssertUnwindSafe(self.link().provider.embed(texts)).catch_unwind();
        let vectors = match tokio::time::timeout(patience, asked).await {
            Ok(Ok(vectors)) => vectors?,
            Ok(Err(_panic)) => return Err(unavailable("it died of a defect".to_owned())),
            Err(_late) => {
                return Err(ProviderError::Timeout { provider: id, waited_ms: patience.as_millis() as u64 });
            }
        };
        if vectors.len() != texts.len() {
            return Err(unavailable(format!("{} vectors came for {} texts", vectors.len(), texts.len())));
        }
        Ok(vectors)
    }
}

#[async_trait]
impl Embeddings for SteadyEmbeddings {
    fn descriptor(&self) -> &'static Descriptor {
        self.link().descriptor
    }

    fn readiness(&self) -> Readiness {
        self.link().provider.readiness()
    }

    fn model(&self) -> &str {
        self.link().provider.model()
    }

    fn dimensions(&self) -> usize {
        self.link().provider.dimensions()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        let link = self.link();
        let now = Instant::now();
        let circuit = {
            let state = link.state();
            state.breaker.is_open(now).then(|| state.breaker.circuit(now))
        };
        if let Some(circuit) = circuit {
            let reason = match circuit {
                Circuit::Open { cause, .. } => format!("it rests after a failure: {cause}"),
                _ => "it rests after a failure and is being tried".to_owned(),
            };
            return Err(ProviderError::Unavailable { provider: link.descriptor.id, reason });
        }
        let Ok(_permit) = link.permits.acquire().await else {
            let reason = "its limit is closed".into();
            return Err(ProviderError::Unavailable { provider: link.descriptor.id, reason });
        };
        let mut attempt = link.begin(self.settings);
        let pauses = FullJitter::new(self.settings.retry_pause, self.settings.retries);
        let result = (|| self.ask(texts))
            .retry(pauses)
            .sleep(tokio::time::sleep)
            .when(is_worth_repeating)
            .adjust(|error, pause| pause.map(|drawn| pause_after(error, drawn)))
            .await;
        match &result {
            Ok(_) => {
                attempt.answered();
                attempt.worked();
            }
            Err(error) => attempt.failed(error),
        }
        result
    }
}

impl Reporting for SteadyEmbeddings {
    fn report(&self) -> ChainReport {
        report("embeddings", &self.links, &[0].into(), |provider| provider.readiness())
    }
}
