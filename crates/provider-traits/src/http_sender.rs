//! Sending HTTP requests to addresses that customers chose.
//!
//! Whoever may name an address can try to make us reach what only we can reach: the machine itself, the network
//! behind it, the cloud's metadata. So an implementation must, for every single request: accept only addresses that
//! are public (or that the operator permitted), resolve a name once and connect to exactly what was checked, follow
//! no redirect, use no proxy, verify the certificate for the name in the address, and bound time and size of the
//! answer.

use async_trait::async_trait;
use bytes::Bytes;

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct OutgoingPost {
    /// Where to.
    pub url: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON document.
    pub body: Bytes,
}

/// What came back. Redirects come back as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// An address that is not acceptable, whatever may listen there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AddressRefused {
    /// What is wrong and what is allowed, to follow "the address".
    pub reason: String,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address, or what its name stands for now, is not acceptable. Nothing was sent.
    #[error("the address {0}")]
    Refused(#[from] AddressRefused),
    /// The name stands for nothing.
    #[error("the name could not be resolved: {reason}")]
    Unresolved {
        /// What the resolver said.
        reason: String,
    },
    /// There was no connection, or no trustworthy one.
    #[error("could not connect: {reason}")]
    Connect {
        /// What was seen.
        reason: String,
    },
    /// It took too long.
    #[error("no complete answer within {waited_ms} ms")]
    Timeout {
        /// How long was waited.
        waited_ms: u64,
    },
    /// The connection broke, or what came back was not HTTP.
    #[error("the answer broke off: {reason}")]
    Broken {
        /// What was seen.
        reason: String,
    },
}

/// A way to send such requests.
#[async_trait]
pub trait HttpSender: Send + Sync {
    /// Checks an address as far as that is possible without asking anybody, and returns its normal form.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, url: &str) -> Result<String, AddressRefused>;

    /// Sends a request and reads the beginning of the answer.
    ///
    /// # Errors
    /// [`SendError`].
    async fn post(&self, request: &OutgoingPost) -> Result<ReceiverAnswer, SendError>;
}
