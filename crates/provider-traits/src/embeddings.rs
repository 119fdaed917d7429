//! Embeddings: texts as vectors whose nearness is nearness of meaning.

use async_trait::async_trait;

use crate::descriptor::{Descriptor, Readiness};
use crate::error::ProviderError;

/// A provider of embeddings. Vectors of different models can't be compared, so there is no falling over from one
/// model to another: who stores vectors stores [`Self::model`] beside them.
#[async_trait]
pub trait Embeddings: Send + Sync {
    /// Its name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it can work here now.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// The model, with everything that makes its vectors incomparable with others' (dimensions included).
    fn model(&self) -> &str;

    /// Length of each vector.
    fn dimensions(&self) -> usize;

    /// One vector for each text, in order, each of length 1. Texts are split over several requests as the vendor's
    /// limits ask for.
    ///
    /// # Errors
    /// When any of them could not be had; `Invalid` when a text is too long for the model.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError>;
}
