//! How an outside service can fail, named for what the caller can do about it.

use std::time::Duration;

/// A failure of a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Not there, or broken for now: use the next of the chain, try again later.
    #[error("{provider} is unavailable: {reason}")]
    Unavailable {
        /// Provider id.
        provider: &'static str,
        /// What was seen, without secrets and without a caller's words.
        reason: String,
    },
    /// It did not answer in time.
    #[error("{provider} did not answer within {waited_ms} ms")]
    Timeout {
        /// Provider id.
        provider: &'static str,
        /// How long was waited.
        waited_ms: u64,
    },
    /// It asks us to slow down.
    #[error("{provider} is over its rate limit")]
    RateLimited {
        /// Provider id.
        provider: &'static str,
        /// When it will listen again, if it said so.
        retry_after: Option<Duration>,
    },
    /// It refuses us: wrong key, no permission. Repeating is useless.
    #[error("{provider} refused the request: {reason}")]
    Refused {
        /// Provider id.
        provider: &'static str,
        /// What it said.
        reason: String,
    },
    /// What we asked makes no sense to it. Repeating is useless; it says nothing of its health, and another provider may
    /// take the same.
    #[error("{provider} can't do this: {reason}")]
    Invalid {
        /// Provider id.
        provider: &'static str,
        /// What it said.
        reason: String,
    },
}
