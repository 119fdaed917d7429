//! The models that a vendor serves, and until when: vendors retire them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::ProviderError;

/// A model as a vendor tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedModel {
    /// Its id.
    pub id: String,
    /// Other names that mean it.
    pub aliases: Vec<String>,
    /// Whether it is only listed as history: nobody is served with it any more.
    pub is_retired: bool,
    /// When it ends, where that was announced.
    pub ends: Option<DateTime<Utc>>,
    /// What the vendor advises to take instead.
    pub replacement: Option<String>,
}

impl ListedModel {
    /// Whether it is what this name means.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }
}

/// A vendor's list of models. Asking costs nothing.
#[async_trait]
pub trait ModelList: Send + Sync {
    /// The vendor's id.
    fn vendor(&self) -> &'static str;

    /// All models that the account may use.
    ///
    /// # Errors
    /// When the vendor could not be asked; that says nothing about any model.
    async fn models(&self) -> Result<Vec<ListedModel>, ProviderError>;

    /// One model by its name, for names that a list may not have (aliases, models of one's own); `None`: the vendor says
    /// that there is none.
    ///
    /// # Errors
    /// As [`Self::models`].
    async fn model(&self, name: &str) -> Result<Option<ListedModel>, ProviderError> {
        Ok(self.models().await?.into_iter().find(|model| model.is_called(name)))
    }
}
