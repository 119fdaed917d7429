//! No embeddings: searches then go by words alone.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::embeddings::Embeddings;
use provider_traits::error::ProviderError;

static DESCRIPTOR: Descriptor = Descriptor { id: "none", name: "No embeddings", locality: Locality::Local };

/// The absence of embeddings.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEmbeddings;

#[async_trait]
impl Embeddings for NoEmbeddings {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        Readiness::Missing {
            what: "a provider of embeddings".to_owned(),
            remedy: "set embeddings.provider to openai, compatible or local".to_owned(),
        }
    }

    fn model(&self) -> &str {
        "none"
    }

    fn dimensions(&self) -> usize {
        0
    }

    async fn embed(&self, _texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        Err(ProviderError::Refused {
            provider: DESCRIPTOR.id,
            reason: "no provider of embeddings is configured".to_owned(),
        })
    }
}
