//! Asking the Domain Name System, for checks of domains that customers claim to own.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::error::ProviderError;

/// The Domain Name System. Names are ASCII (punycode), without a dot at the end. A name without such records has an
/// empty answer, which is no error.
#[async_trait]
pub trait Dns: Send + Sync {
    /// The texts at a name, each put together from its parts.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] or [`ProviderError::Timeout`] when nobody answers.
    async fn texts(&self, name: &str) -> Result<Vec<String>, ProviderError>;

    /// The name that a name is an alias of.
    ///
    /// # Errors
    /// As [`Dns::texts`].
    async fn alias(&self, name: &str) -> Result<Option<String>, ProviderError>;

    /// The addresses that a name leads to in the end.
    ///
    /// # Errors
    /// As [`Dns::texts`].
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ProviderError>;
}
