//! Embeddings on this machine: a static model in a folder, as Model2Vec makes them.
//!
//! Such a model is a vector for each token, learned from a large model in advance. A text's vector is the mean of its
//! tokens' vectors: no network is run, so a text takes some ten microseconds and no graphics card. It knows less of
//! what words mean together than a vendor's model does, and nothing leaves the machine.
//!
//! A folder has `model.safetensors` and `tokenizer.json`; [`folder`] reads it.

pub mod folder;
mod matrix;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::embeddings::Embeddings;
use provider_traits::error::ProviderError;

use folder::{ModelFolder, UnusableFolder};

static DESCRIPTOR: Descriptor =
    Descriptor { id: "local", name: "Local embeddings", locality: Locality::Local };

/// The longest text. Pieces of documents are a thousandth of it.
const MOST_BYTES: usize = 1024 * 1024;

/// A model in a folder, or why there is none.
pub struct LocalEmbeddings {
    model: Result<Arc<ModelFolder>, UnusableFolder>,
}

impl LocalEmbeddings {
    /// Reads the folder. That it holds no model is told by [`Embeddings::readiness`], with the file at fault.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        Self { model: ModelFolder::open(folder).map(Arc::new) }
    }
}

fn invalid(reason: String) -> ProviderError {
    ProviderError::Invalid { provider: DESCRIPTOR.id, reason }
}

/// One vector for each text, in order.
fn embedded(model: &ModelFolder, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
    let vectors = texts.iter().enumerate().map(|(number, text)| {
        if text.len() > MOST_BYTES {
            return Err(invalid(format!("text {number} is longer than {MOST_BYTES} bytes")));
        }
        let vector = model.vector(text);
        vector.ok_or_else(|| invalid(format!("text {number} has nothing in it that the model knows")))
    });
    vectors.collect()
}

#[async_trait]
impl Embeddings for LocalEmbeddings {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        match &self.model {
            Ok(_) => Readiness::Ready,
            Err(error) => Readiness::Missing {
                what: format!("a model for embeddings ({error})"),
                remedy: "set embeddings.folder to the folder of a static (Model2Vec) model, with \
                         model.safetensors and tokenizer.json"
                    .to_owned(),
            },
        }
    }

    fn model(&self) -> &str {
        self.model.as_ref().map_or("local", |model| model.name())
    }

    fn dimensions(&self) -> usize {
        self.model.as_ref().map_or(0, |model| model.dimensions())
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        let model = self.model.as_ref().map(Arc::clone).map_err(|error| ProviderError::Unavailable {
            provider: DESCRIPTOR.id,
            reason: error.to_string(),
        })?;
        let texts = texts.to_vec();
        let made = tokio::task::spawn_blocking(move || embedded(&model, &texts)).await;
        made.unwrap_or_else(|_defect| {
            let reason = "it died of a defect".to_owned();
            Err(ProviderError::Unavailable { provider: DESCRIPTOR.id, reason })
        })
    }
}

#[cfg(test)]
mod tests;
