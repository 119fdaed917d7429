//! OpenID Connect: discovery, the authorization code flow with PKCE, and the check of what comes back.
//!
//! The provider's address was entered by a customer, so every request goes through [`SafeHttp`]: public addresses
//! only, pinned, no redirects, bounded.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
};
use provider_traits::ambient::Clock;
use provider_traits::error::ProviderError;
use provider_traits::http_sender::SendError;
use provider_traits::identity_provider::{IdentityProvider, RelyingParty, TrySecrets, Vouched};
use secrecy::{ExposeSecret, SecretString};

use crate::safe_http::SafeHttp;

const ID: &str = "oidc";
/// Most bytes of an answer: discovery documents and key sets of large providers have some 10 KiB.
const MAX_ANSWER: usize = 256 * 1024;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The protocol, for whatever provider.
pub struct Oidc {
    http: SafeHttp,
    clock: Arc<dyn Clock>,
}

impl Oidc {
    /// `http` reaches the providers, `clock` tells whether what they say is still good.
    #[must_use]
    pub fn new(http: SafeHttp, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock }
    }

    /// The bridge between the two libraries: openidconnect's own is for an older reqwest.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let (parts, body) = request.into_parts();
        let (status, headers, body) =
            self.http.exchange(parts.method, &parts.uri.to_string(), parts.headers, body, MAX_ANSWER).await?;
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    async fn client(&self, party: &RelyingParty) -> Result<Client, ProviderError> {
        let issuer = IssuerUrl::new(party.issuer.clone())
            .map_err(|_| invalid("the issuer is no address".to_owned()))?;
        let redirect = RedirectUrl::new(party.redirect_uri.clone())
            .map_err(|_| invalid("our own address is none".to_owned()))?;
        let metadata = CoreProviderMetadata::discover_async(issuer, self).await.map_err(|error| {
            unavailable(format!("its configuration could not be read: {}", innermost(&error)))
        })?;
        let secret = ClientSecret::new(party.client_secret.expose_secret().to_owned());
        let client_id = ClientId::new(party.client_id.clone());
        Ok(CoreClient::from_provider_metadata(metadata, client_id, Some(secret)).set_redirect_uri(redirect))
    }
}

impl<'c> AsyncHttpClient<'c> for Oidc {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

#[async_trait]
impl IdentityProvider for Oidc {
    async fn sign_in_url(&self, party: &RelyingParty, secrets: &TrySecrets) -> Result<String, ProviderError> {
        let client = self.client(party).await?;
        let verifier = PkceCodeVerifier::new(secrets.pkce_verifier.expose_secret().to_owned());
        let state = CsrfToken::new(secrets.state.expose_secret().to_owned());
        let nonce = Nonce::new(secrets.nonce.expose_secret().to_owned());
        let (url, _state, _nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url.into())
    }

    async fn redeem(
        &self,
        party: &RelyingParty,
        code: &SecretString,
        secrets: &TrySecrets,
    ) -> Result<Vouched, ProviderError> {
        let client = self.client(party).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .map_err(|_| invalid("the provider names no address for exchanging codes".to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.pkce_verifier.expose_secret().to_owned()))
            .request_async(self)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(said) => {
                    refused(format!("it refused the code: {}", said.error()))
                }
                other => unavailable(format!("the code could not be exchanged: {}", innermost(&other))),
            })?;
        let id_token =
            answer.id_token().ok_or_else(|| refused("it says nothing of the person".to_owned()))?;
        let clock = Arc::clone(&self.clock);
        let verifier = client.id_token_verifier().set_time_fn(move || clock.now());
        let nonce = Nonce::new(secrets.nonce.expose_secret().to_owned());
        let claims = id_token
            .claims(&verifier, &nonce)
            .map_err(|error| refused(format!("what it says does not hold: {}", innermost(&error))))?;
        if let Some(expected) = claims.access_token_hash() {
            let alg = id_token.signing_alg().map_err(|error| refused(error.to_string()))?;
            let key = id_token.signing_key(&verifier).map_err(|error| refused(error.to_string()))?;
            let actual = AccessTokenHash::from_token(answer.access_token(), alg, key)
                .map_err(|error| refused(error.to_string()))?;
            if actual != *expected {
                return Err(refused("its access token belongs to another sign-in".to_owned()));
            }
        }
        Ok(Vouched {
            subject: claims.subject().as_str().to_owned(),
            email: claims.email().map(|email| email.as_str().to_owned()),
            email_verified: claims.email_verified().unwrap_or(false),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()),
        })
    }
}

/// The innermost message: the outer ones only say that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn invalid(reason: String) -> ProviderError {
    ProviderError::Invalid { provider: ID, reason }
}

fn refused(reason: String) -> ProviderError {
    ProviderError::Refused { provider: ID, reason }
}

fn unavailable(reason: String) -> ProviderError {
    ProviderError::Unavailable { provider: ID, reason }
}
