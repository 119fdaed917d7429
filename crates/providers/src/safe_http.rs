//! HTTP to addresses that customers chose (see [`provider_traits::http_sender`]).
//!
//! Every request reads its address anew, resolves the name once, checks every address that the name stands for, and
//! connects to exactly these: the client is made for the one request and its resolver knows nothing else. So a name
//! that stands for another address the next time (DNS rebinding) is checked the next time.

mod addresses;
mod target;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ipnet::IpNet;
use provider_traits::http_sender::{AddressRefused, HttpSender, OutgoingPost, ReceiverAnswer, SendError};
use reqwest::dns::{Addrs, Name, Resolve as ResolveName, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};

use target::{Host, Target};

/// Most bytes read of an answer.
const MAX_ANSWER: usize = 16 * 1024;
/// Most addresses of a name that are looked at.
const MAX_ADDRESSES: usize = 32;
const USER_AGENT: &str = concat!("StudioConnect-Webhooks/", env!("CARGO_PKG_VERSION"));

/// What is acceptable.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether `http://` is acceptable, too. For laboratories.
    pub allow_insecure: bool,
    /// The operator's own networks that may be reached, at any port.
    pub allowed_networks: Vec<IpNet>,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the name and the connection.
    pub connect: Duration,
    /// For all of it, the answer included.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(15) }
    }
}

/// What names stand for.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of a name.
    ///
    /// # Errors
    /// What the resolver says.
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
    }
}

/// A sender of such requests.
#[derive(Clone)]
pub struct SafeHttp {
    policy: Policy,
    patience: Patience,
    resolver: Arc<dyn Resolver>,
    tls: rustls::ClientConfig,
}

impl std::fmt::Debug for SafeHttp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SafeHttp").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl SafeHttp {
    /// With the machine's resolver and the certificates it trusts.
    ///
    /// # Errors
    /// When the machine trusts nobody.
    pub fn new(policy: Policy, patience: Patience) -> Result<Self, rustls::Error> {
        use rustls_platform_verifier::BuilderVerifierExt as _;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        Ok(Self { policy, patience, resolver: Arc::new(SystemResolver), tls })
    }

    /// With another resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The addresses to connect to: all of the name's, all of them checked.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, SendError> {
        let found = match &target.host {
            // Checked when it was read.
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let asked = tokio::time::timeout(self.patience.connect, self.resolver.resolve(name)).await;
                asked
                    .map_err(|_elapsed| SendError::Unresolved { reason: "no answer in time".to_owned() })?
                    .map_err(|error| SendError::Unresolved { reason: error.to_string() })?
            }
        };
        if found.is_empty() {
            return Err(SendError::Unresolved { reason: "the name has no address".to_owned() });
        }
        if found.len() > MAX_ADDRESSES {
            return Err(
                AddressRefused { reason: format!("stands for more than {MAX_ADDRESSES} others") }.into()
            );
        }
        // One that is not acceptable among several is an attempt to get there with luck.
        for &address in &found {
            target::permit(&self.policy, target, address)?;
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address.to_canonical(), target.port)).collect())
    }

    fn client(&self, pinned: Vec<SocketAddr>) -> Result<reqwest::Client, SendError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Arc::new(Pinned(pinned)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(self.patience.connect)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| SendError::Connect { reason: root_cause(&error) })
    }

    async fn send(&self, request: &OutgoingPost) -> Result<ReceiverAnswer, SendError> {
        let target = target::read(&self.policy, &request.url)?;
        let addresses = self.addresses(&target).await?;
        let mut post = self
            .client(addresses)?
            .post(target.url)
            .header(CONTENT_TYPE, "application/json")
            .body(request.body.clone());
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        let mut response = post.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while body.len() < MAX_ANSWER {
            match response.chunk().await.map_err(|error| self.failed(&error))? {
                Some(chunk) => body.extend_from_slice(&chunk[..chunk.len().min(MAX_ANSWER - body.len())]),
                None => break,
            }
        }
        Ok(ReceiverAnswer { status, retry_after, body })
    }

    /// Sends any request and reads the whole answer, of at most `most` bytes.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::Broken`] when the answer is larger.
    #[cfg(feature = "oidc")]
    pub(crate) async fn exchange(
        &self,
        method: reqwest::Method,
        url: &str,
        headers: reqwest::header::HeaderMap,
        body: Vec<u8>,
        most: usize,
    ) -> Result<(reqwest::StatusCode, reqwest::header::HeaderMap, Vec<u8>), SendError> {
        let work = async {
            let target = target::read(&self.policy, url)?;
            let addresses = self.addresses(&target).await?;
            let request = self.client(addresses)?.request(method, target.url).headers(headers).body(body);
            let mut response = request.send().await.map_err(|error| self.failed(&error))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
                if body.len() + chunk.len() > most {
                    return Err(SendError::Broken { reason: format!("it has more than {most} bytes") });
                }
                body.extend_from_slice(&chunk);
            }
            Ok((status, headers, body))
        };
        let waited_ms = self.patience.total.as_millis() as u64;
        tokio::time::timeout(self.patience.total, work)
            .await
            .map_err(|_elapsed| SendError::Timeout { waited_ms })?
    }

    fn failed(&self, error: &reqwest::Error) -> SendError {
        if error.is_connect() && error.is_timeout() {
            return SendError::Connect {
                reason: format!("no connection within {} ms", self.patience.connect.as_millis()),
            };
        }
        let reason = root_cause(error);
        if error.is_connect() { SendError::Connect { reason } } else { SendError::Broken { reason } }
    }
}

/// The innermost message: the outer ones repeat the address, which belongs in no log.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.source() {
        Some(_) => cause.to_string(),
        None => "the request could not be made".to_owned(),
    }
}

#[async_trait]
impl HttpSender for SafeHttp {
    fn check(&self, url: &str) -> Result<String, AddressRefused> {
        target::read(&self.policy, url).map(|target| target.url.to_string())
    }

    async fn post(&self, request: &OutgoingPost) -> Result<ReceiverAnswer, SendError> {
        let waited_ms = u64::try_from(self.patience.total.as_millis()).unwrap_or(u64::MAX);
        tokio::time::timeout(self.patience.total, self.send(request))
            .await
            .unwrap_or(Err(SendError::Timeout { waited_ms }))
    }
}

/// Knows the checked addresses and nothing else, whatever is asked.
struct Pinned(Vec<SocketAddr>);

impl ResolveName for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
