//! Signing people in by an identity provider of their organization.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::error::ProviderError;

/// Who we are at an identity provider.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    /// The provider's issuer, exactly as it calls itself.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretString,
    /// Where people are sent back to.
    pub redirect_uri: String,
}

/// The secrets of one sign-in, drawn for it and used once.
#[derive(Debug, Clone)]
pub struct TrySecrets {
    /// Comes back with the person.
    pub state: SecretString,
    /// Comes back inside what the provider signs.
    pub nonce: SecretString,
    /// Proves that who redeems the code is who asked for it (PKCE).
    pub pkce_verifier: SecretString,
}

/// What the provider says of a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Who they are there; never changes and is never given to somebody else.
    pub subject: String,
    /// Their address.
    pub email: Option<String>,
    /// Whether the provider made sure that the address is theirs.
    pub email_verified: bool,
    /// Their name.
    pub name: Option<String>,
}

// By hand, so that no log shows the address.
impl std::fmt::Debug for Vouched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vouched").field("email_verified", &self.email_verified).finish_non_exhaustive()
    }
}

/// A protocol that identity providers speak.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Where the person's browser is sent to.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] when the provider does not answer; [`ProviderError::Invalid`] when it, or we,
    /// are not set up as said.
    async fn sign_in_url(&self, party: &RelyingParty, secrets: &TrySecrets) -> Result<String, ProviderError>;

    /// Exchanges the code that the person came back with for what the provider says of them. Everything that is said
    /// was checked: signature, issuer, audience, time, nonce.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] when the code is refused or what is said does not hold;
    /// [`ProviderError::Unavailable`] when the provider does not answer.
    async fn redeem(
        &self,
        party: &RelyingParty,
        code: &SecretString,
        secrets: &TrySecrets,
    ) -> Result<Vouched, ProviderError>;
}
