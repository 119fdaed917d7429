//! Opens sessions with a Realtime endpoint.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::ambient::Clock;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::realtime::{
    ErrorClass, RealtimeConfig, RealtimeError, RealtimeLink, RealtimeOutput, RealtimeProvider,
};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::TaskTracker;

use super::reading::{self, Read};
use super::socket::{self, Socket};
use super::{link, sending};
use crate::web_socket;

/// The vendor's own endpoint: it wants a key.
const OWN_HOST: &str = "api.openai.com";

/// Voices that the vendor makes. A voice of another name belongs to another engine of the same agent.
const VOICES: [&str; 10] =
    ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

/// Frames without meaning before `session.created` that are survived.
const GARBAGE_AT_FIRST: usize = 20;

static DESCRIPTOR: Descriptor =
    Descriptor { id: "openai", name: "OpenAI Realtime", locality: Locality::Cloud };

/// Where the endpoint is and what is asked of it.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// `wss://…`, or `ws://…` on this machine; the model is added as a query.
    pub url: Url,
    /// The key; an endpoint other than the vendor's may need none.
    pub api_key: Option<SecretString>,
    /// The model's id.
    pub model: String,
    /// The voice of agents that have not chosen one of the model's.
    pub voice: String,
    /// The model that writes down what callers say.
    pub transcriber: String,
    /// Further headers of the handshake. One of the same name as ours takes its place.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long to wait.
    pub patience: Patience,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first packet until the configuration is sent.
    pub open: Duration,
    /// Until a message is taken by the socket. A link that takes longer is gone.
    pub write: Duration,
    /// Between pings.
    pub ping_every: Duration,
    /// Until anything comes after a ping.
    pub pong_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(5),
            write: Duration::from_secs(5),
            ping_every: Duration::from_secs(15),
            pong_within: Duration::from_secs(10),
        }
    }
}

/// OpenAI's Realtime API, or an endpoint compatible with it.
pub struct OpenAiRealtime {
    settings: OpenAiSettings,
    /// With the model.
    url: Url,
    headers: HeaderMap,
    tls: Option<TlsConnector>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    /// Held by each session, so that they can be counted.
    sessions: Arc<()>,
}

// By hand: headers may hold keys.
impl std::fmt::Debug for OpenAiRealtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAiRealtime").field("model", &self.settings.model).finish_non_exhaustive()
    }
}

/// Why a provider can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The machine trusts nobody.
    #[error("could not read the certificates that this machine trusts")]
    Certificates(#[from] rustls::Error),
    /// The key has a character that no header may have. It is not shown.
    #[error("the key has a character that a header can't carry")]
    Key,
}

impl OpenAiRealtime {
    /// With the certificates that this machine trusts. The tasks of its sessions are tracked by `tasks`.
    ///
    /// # Errors
    /// When TLS can't be set up, or the key is none that a header can carry.
    pub fn new(
        settings: OpenAiSettings,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
    ) -> Result<Self, SetUpError> {
        let tls = web_socket::tls_for(&settings.url)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            let bearer = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(bearer).map_err(|_unshown| SetUpError::Key)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in &settings.headers {
            headers.insert(name.clone(), value.clone());
        }
        let mut url = settings.url.clone();
        url.query_pairs_mut().append_pair("model", &settings.model);
        Ok(Self { settings, url, headers, tls, clock, tasks, sessions: Arc::default() })
    }

    fn is_own_endpoint(&self) -> bool {
        self.settings.url.host_str() == Some(OWN_HOST)
    }

    /// The agent's voice where the model has it, else the installation's.
    fn voiced(&self, config: &RealtimeConfig) -> RealtimeConfig {
        let known = VOICES.contains(&config.voice.as_str()) || config.voice.starts_with("voice_");
        let voice = if known { &config.voice } else { &self.settings.voice };
        RealtimeConfig { voice: voice.clone(), ..config.clone() }
    }

    async fn opened(&self, update: String) -> Result<Socket, ProviderError> {
        let mut socket = socket::connect(&self.url, &self.headers, self.tls.as_ref()).await?;
        created(&mut socket).await?;
        let sent = socket.send(Message::text(update)).await;
        sent.map_err(|error| unavailable(link::broken(&error).message))?;
        Ok(socket)
    }
}

#[async_trait]
impl RealtimeProvider for OpenAiRealtime {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.settings.model
    }

    fn transcriber(&self) -> &str {
        &self.settings.transcriber
    }

    fn readiness(&self) -> Readiness {
        if self.settings.api_key.is_none() && self.is_own_endpoint() {
            return Readiness::Missing {
                what: "OpenAI's key".to_owned(),
                remedy:
                    "set OPENAI_API_KEY, or OPENAI_REALTIME_API_KEY for this engine alone, or OPENAI_REALTIME_URL to a \
                     compatible endpoint"
                        .to_owned(),
            };
        }
        Readiness::Ready
    }

    fn open_sessions(&self) -> usize {
        // One is the provider's own.
        Arc::strong_count(&self.sessions) - 1
    }

    async fn open(&self, config: &RealtimeConfig) -> Result<RealtimeLink, ProviderError> {
        if let Readiness::Missing { what, .. } = self.readiness() {
            return Err(refused(format!("{what} is missing")));
        }
        let update =
            sending::session_update(&self.voiced(config), &self.settings.model, &self.settings.transcriber);
        let patience = self.settings.patience;
        let waited_ms = u64::try_from(patience.open.as_millis()).unwrap_or(u64::MAX);
        let socket = tokio::time::timeout(patience.open, self.opened(update))
            .await
            .map_err(|_elapsed| ProviderError::Timeout { provider: DESCRIPTOR.id, waited_ms })??;
        let of_us = Arc::clone(&self.sessions);
        Ok(link::start(socket, patience, Arc::clone(&self.clock), of_us, &self.tasks))
    }
}

/// Waits for the session. What comes instead says why there is none.
async fn created(socket: &mut Socket) -> Result<(), ProviderError> {
    let mut garbage = 0;
    while garbage < GARBAGE_AT_FIRST {
        let message = match socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(unavailable(link::broken(&error).message)),
            None => return Err(unavailable("the connection was closed before the session began".to_owned())),
        };
        match message {
            Message::Text(text) => match reading::read(&text, 0) {
                Ok(Read::Created) => return Ok(()),
                Ok(Read::Event(RealtimeOutput::Error(error))) => return Err(not_begun(&error)),
                Ok(_) => {}
                Err(_) => garbage += 1,
            },
            Message::Close(frame) => return Err(not_begun(&link::closed(frame.as_ref()))),
            Message::Binary(_) => garbage += 1,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    Err(unavailable("it sent what is none of the protocol's".to_owned()))
}

/// The vendor's code alone: its words may repeat a part of the key.
fn not_begun(error: &RealtimeError) -> ProviderError {
    match error.class {
        ErrorClass::Refused => refused(error.code.clone()),
        ErrorClass::Benign | ErrorClass::Unknown | ErrorClass::SessionOver => {
            unavailable(format!("no session: {}", error.code))
        }
    }
}

pub(super) fn unavailable(reason: String) -> ProviderError {
    ProviderError::Unavailable { provider: DESCRIPTOR.id, reason }
}

pub(super) fn refused(reason: String) -> ProviderError {
    ProviderError::Refused { provider: DESCRIPTOR.id, reason }
}

pub(super) fn rate_limited(retry_after: Option<Duration>) -> ProviderError {
    ProviderError::RateLimited { provider: DESCRIPTOR.id, retry_after }
}
