//! `POST …/embeddings` as OpenAI defined it: by OpenAI, or by an endpoint that is compatible.

use async_trait::async_trait;
use base64_simd::STANDARD;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::embeddings::Embeddings;
use provider_traits::error::ProviderError;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::tts::below;
use crate::vendor_http::Vendor;

static OPENAI: Descriptor = Descriptor { id: "openai", name: "OpenAI embeddings", locality: Locality::Cloud };
static COMPATIBLE: Descriptor =
    Descriptor { id: "compatible", name: "Compatible embeddings", locality: Locality::Cloud };

/// The vendor's limits for a request: texts, and tokens of all of them. A token is a byte at least.
const MOST_TEXTS: usize = 2_048;
const MOST_BYTES: usize = 300_000;

/// Where the endpoint is and what is asked of it.
#[derive(Clone)]
pub struct EmbeddingsSettings {
    /// With the version: `https://api.openai.com/v1`; `None`: there is no such endpoint.
    pub base_url: Option<Url>,
    /// The key, where one is asked for.
    pub api_key: Option<SecretString>,
    /// The model's id.
    pub model: String,
    /// Length of its vectors.
    pub dimensions: usize,
    /// Whether the model is asked for that length; those with one length only refuse to be asked.
    pub asks_for_dimensions: bool,
    /// The client that asks.
    pub http: reqwest::Client,
}

/// Embeddings by OpenAI, or by an endpoint that is compatible.
#[derive(Clone)]
pub struct OpenAiEmbeddings {
    descriptor: &'static Descriptor,
    vendor: Vendor,
    /// With the dimensions.
    model: String,
    settings: EmbeddingsSettings,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    index: usize,
    embedding: Vector,
}

/// As asked for, or as those write it who don't know the shorter form.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Base64(String),
    Numbers(Vec<f32>),
}

impl OpenAiEmbeddings {
    /// OpenAI's own.
    #[must_use]
    pub fn openai(settings: EmbeddingsSettings) -> Self {
        let vendor = Vendor { id: OPENAI.id, model_setting: "embeddings.model" };
        Self::of(&OPENAI, vendor, settings)
    }

    /// An endpoint that is compatible.
    #[must_use]
    pub fn compatible(settings: EmbeddingsSettings) -> Self {
        let vendor = Vendor { id: COMPATIBLE.id, model_setting: "embeddings.model" };
        Self::of(&COMPATIBLE, vendor, settings)
    }

    fn of(descriptor: &'static Descriptor, vendor: Vendor, settings: EmbeddingsSettings) -> Self {
        let model = format!("{}/{}/{}", descriptor.id, settings.model, settings.dimensions);
        Self { descriptor, vendor, model, settings }
    }

    async fn batch(&self, base_url: &Url, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        let settings = &self.settings;
        let body = Body {
            model: &settings.model,
            input: texts,
            encoding_format: "base64",
            dimensions: settings.asks_for_dimensions.then_some(settings.dimensions),
        };
        let mut request = settings.http.post(below(base_url, "embeddings")).json(&body);
        if let Some(key) = &settings.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        let answer: Answer = self.vendor.document(request).await?;
        let mut vectors = vec![None; texts.len()];
        for one in answer.data {
            let vector = one.embedding.normalised(settings.dimensions);
            let vector = vector.map_err(|reason| self.vendor.unavailable(reason))?;
            let place = vectors.get_mut(one.index);
            *place.ok_or_else(|| self.vendor.unavailable("a vector for a text that was not sent"))? =
                Some(vector);
        }
        let all: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
        all.ok_or_else(|| self.vendor.unavailable("it left out a vector"))
    }
}

impl Vector {
    fn normalised(self, dimensions: usize) -> Result<Vec<f32>, &'static str> {
        let mut numbers = match self {
            Self::Numbers(numbers) => numbers,
            Self::Base64(text) => {
                let bytes =
                    STANDARD.decode_to_vec(text.as_bytes()).map_err(|_| "a vector that is no base64")?;
                let (whole, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("a vector that was cut off");
                }
                whole.iter().map(|&four| f32::from_le_bytes(four)).collect()
            }
        };
        if numbers.len() != dimensions {
            return Err("vectors of another length than configured (embeddings.dimensions)");
        }
        let length = numbers.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= f64::from(f32::EPSILON) {
            return Err("a vector without a direction");
        }
        numbers.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
        Ok(numbers)
    }
}

/// Ranges of texts that fit into a request each.
fn batches(texts: &[String]) -> Vec<std::ops::Range<usize>> {
    let (mut all, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, text) in texts.iter().enumerate() {
        if at > from && (at - from == MOST_TEXTS || bytes + text.len() > MOST_BYTES) {
            all.push(from..at);
            (from, bytes) = (at, 0);
        }
        bytes += text.len();
    }
    if from < texts.len() {
        all.push(from..texts.len());
    }
    all
}

#[async_trait]
impl Embeddings for OpenAiEmbeddings {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn readiness(&self) -> Readiness {
        let Some(base_url) = &self.settings.base_url else {
            return Readiness::Missing {
                what: "the address of compatible embeddings".to_owned(),
                remedy: "set embeddings.url to one that serves /embeddings".to_owned(),
            };
        };
        if self.settings.api_key.is_none() && base_url.host_str() == Some("api.openai.com") {
            return Readiness::Missing {
                what: "OpenAI's key".to_owned(),
                remedy: "set OPENAI_API_KEY (openai.api_key)".to_owned(),
            };
        }
        Readiness::Ready
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn dimensions(&self) -> usize {
        self.settings.dimensions
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ProviderError> {
        let Some(base_url) = &self.settings.base_url else {
            return Err(self.vendor.refused("no address is configured"));
        };
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(self.vendor.invalid("an empty text"));
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for range in batches(texts) {
            vectors.extend(self.batch(base_url, &texts[range]).await?);
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_stay_within_the_vendors_limits() {
        let lengths =
            |texts: &[String]| batches(texts).into_iter().map(|range| range.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&vec!["a".to_owned(); 5_000]), [2_048, 2_048, 904]);
        assert_eq!(lengths(&vec!["a".repeat(100_000); 7]), [3, 3, 1]);
        assert_eq!(lengths(&vec!["a".repeat(400_000); 2]), [1, 1], "the vendor says what is too long");
    }

    #[test]
    fn vectors_have_length_1_in_either_form() {
        let base64 = STANDARD.encode_to_string([3.0_f32.to_le_bytes(), 4.0_f32.to_le_bytes()].concat());
        for vector in [Vector::Numbers(vec![3.0, 4.0]), Vector::Base64(base64)] {
            assert_eq!(vector.normalised(2), Ok(vec![0.6, 0.8]));
        }
        assert!(Vector::Numbers(vec![3.0]).normalised(2).is_err());
        assert!(Vector::Numbers(vec![0.0, 0.0]).normalised(2).is_err());
        assert!(Vector::Numbers(vec![f32::NAN, 0.0]).normalised(2).is_err());
        assert!(Vector::Base64("AAAAAAA=".into()).normalised(1).is_err());
    }
}
