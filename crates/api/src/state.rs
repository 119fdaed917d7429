//! What the handlers are given.

use std::sync::Arc;

use app::App;
use axum::http::HeaderValue;

use crate::health::machine::{Machine, UnknownMachine};

/// Most requests in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// From one address.
    pub per_address: u32,
    /// From one address, of those that change something without a sign-in (signing in is one of them).
    pub by_strangers: u32,
}

/// Settings of the edge, decided by the server's configuration.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Where the world reaches this server (`https://studio.example`), without a slash at the end.
    pub public_url: String,
    /// Shown by `/health`.
    pub version: &'static str,
    /// Whether `X-Forwarded-For` is believed: only behind a proxy that sets it.
    pub trust_proxy: bool,
    /// Origins that may call the API from a browser; none by default.
    pub cors_origins: Vec<HeaderValue>,
    /// Most event streams at once; beyond it `503`.
    pub max_connections: usize,
    /// Most requests in a minute.
    pub requests: RequestLimits,
    /// The machine, for who looks after it.
    pub machine: Arc<dyn Machine>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            public_url: "http://localhost:3000".to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            trust_proxy: false,
            cors_origins: Vec::new(),
            max_connections: 500,
            // Out of the way; the server's configuration has limits that fit a server.
            requests: RequestLimits { per_address: 1_000_000, by_strangers: 1_000_000 },
            machine: Arc::new(UnknownMachine),
        }
    }
}

impl ApiSettings {
    /// Whether browsers reach us encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Scheme, host and port of the public address.
    #[must_use]
    pub fn origin(&self) -> &str {
        let after_scheme = self.public_url.find("://").map_or(0, |at| at + 3);
        let end =
            self.public_url[after_scheme..].find('/').map_or(self.public_url.len(), |at| after_scheme + at);
        &self.public_url[..end]
    }
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The use cases.
    pub app: Arc<App>,
    /// Settings.
    pub settings: Arc<ApiSettings>,
    /// Places for event streams.
    pub event_streams: Arc<tokio::sync::Semaphore>,
}

impl ApiState {
    /// The state of a process.
    #[must_use]
    pub fn new(app: Arc<App>, settings: ApiSettings) -> Self {
        Self {
            app,
            event_streams: Arc::new(tokio::sync::Semaphore::new(settings.max_connections)),
            settings: Arc::new(settings),
        }
    }
}
