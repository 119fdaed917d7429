//! Which models a vendor serves, by the list that each of them has.

mod reading;

use async_trait::async_trait;
use provider_traits::error::ProviderError;
use provider_traits::model_list::{ListedModel, ModelList};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::SecretString;
use serde_json::Value;

use crate::set_up::{SetUpError, secret_header};
use crate::tts::below;
use crate::vendor_http::Vendor;

/// No vendor has more pages; one that never ends its list must not keep us.
const MOST_PAGES: usize = 20;

/// Whose list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI, and whoever is compatible.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google.
    Gemini,
    /// Mistral.
    Mistral,
    /// ElevenLabs. Its list has the models that speak; transcribers are not reliably on it.
    ElevenLabs,
    /// Deepgram. It is compiled from the vendor's public documentation.
    Deepgram,
}

impl Dialect {
    /// Below the base address as the vendor's other endpoints have it.
    fn path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Mistral => "models",
            Self::Anthropic | Self::Gemini | Self::ElevenLabs | Self::Deepgram => "v1/models",
        }
    }

    fn key_place(self) -> (HeaderName, &'static str) {
        match self {
            Self::OpenAi | Self::Mistral | Self::Anthropic => (AUTHORIZATION, "Bearer "),
            Self::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
            Self::ElevenLabs => (HeaderName::from_static("xi-api-key"), ""),
            Self::Deepgram => (AUTHORIZATION, "Token "),
        }
    }

    /// What makes a page as long as it can be.
    fn page_size(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Anthropic => Some(("limit", "1000")),
            Self::Gemini => Some(("pageSize", "1000")),
            Self::OpenAi | Self::Mistral | Self::ElevenLabs | Self::Deepgram => None,
        }
    }

    /// Whether one model can be asked for by its name.
    fn tells_of_one(self) -> bool {
        !matches!(self, Self::ElevenLabs | Self::Deepgram)
    }
}

/// Where a list is, and who asks.
#[derive(Clone)]
pub struct ModelListSettings {
    /// The vendor's id in the configuration.
    pub vendor: &'static str,
    /// Whose list.
    pub dialect: Dialect,
    /// The base address as the vendor's other endpoints have it.
    pub base_url: Url,
    /// The key, where one is asked for.
    pub api_key: Option<SecretString>,
    /// The client that asks.
    pub http: reqwest::Client,
}

/// A vendor's list of models.
#[derive(Clone)]
pub struct VendorModels {
    vendor: Vendor,
    dialect: Dialect,
    base_url: Url,
    key: Option<(HeaderName, HeaderValue)>,
    http: reqwest::Client,
}

impl VendorModels {
    /// With these settings.
    ///
    /// # Errors
    /// When the key has a character that no header can carry.
    pub fn new(settings: ModelListSettings) -> Result<Self, SetUpError> {
        let ModelListSettings { vendor, dialect, base_url, api_key, http } = settings;
        let (name, scheme) = dialect.key_place();
        let key = api_key.map(|key| secret_header(scheme, &key)).transpose()?.map(|value| (name, value));
        let vendor = Vendor { id: vendor, model_setting: "its address" };
        Ok(Self { vendor, dialect, base_url, key, http })
    }

    fn asking(&self, path: &str) -> RequestBuilder {
        let mut asking = self.http.get(below(&self.base_url, path));
        if let Some((name, value)) = &self.key {
            asking = asking.header(name, value);
        }
        if self.dialect == Dialect::Anthropic {
            asking = asking.header("anthropic-version", crate::llm::anthropic::VERSION);
        }
        asking
    }
}

#[async_trait]
impl ModelList for VendorModels {
    fn vendor(&self) -> &'static str {
        self.vendor.id
    }

    async fn models(&self) -> Result<Vec<ListedModel>, ProviderError> {
        let (mut all, mut next) = (Vec::new(), None::<(&'static str, String)>);
        for _ in 0..MOST_PAGES {
            let mut asking = self.asking(self.dialect.path());
            asking = asking.query(&self.dialect.page_size().into_iter().collect::<Vec<_>>());
            if let Some((name, value)) = &next {
                asking = asking.query(&[(name, value)]);
            }
            let page: Value = self.vendor.document(asking).await?;
            let models = reading::page(self.dialect, &page)
                .ok_or_else(|| self.vendor.unavailable("its list of models is none of the protocol's"))?;
            all.extend(models);
            next = reading::next_page(self.dialect, &page);
            if next.is_none() {
                return Ok(all);
            }
        }
        Ok(all)
    }

    async fn model(&self, name: &str) -> Result<Option<ListedModel>, ProviderError> {
        if !self.dialect.tells_of_one() {
            return Ok(self.models().await?.into_iter().find(|model| model.is_called(name)));
        }
        let path = format!("{}/{name}", self.dialect.path());
        let told: Option<Value> = self.vendor.document_if_any(self.asking(&path)).await?;
        told.map(|one| {
            let model = reading::model(self.dialect, &one);
            model.ok_or_else(|| self.vendor.unavailable("what it tells of a model is none of the protocol's"))
        })
        .transpose()
    }
}
