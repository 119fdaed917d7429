//! Sending e-mail.

use async_trait::async_trait;

use crate::descriptor::{Descriptor, Readiness};
use crate::error::ProviderError;

/// A message to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailMessage {
    /// Name and address of the sender, `Aurora <hello@aurora.example>`; `None` means the transport's own.
    pub from: Option<String>,
    /// The name shown with the transport's own address, when `from` is none.
    pub sender_name: Option<String>,
    /// The address.
    pub to: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The subject, one line.
    pub subject: String,
    /// The text for programs and people without HTML.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// The same key means the same message: a transport that can, sends it once.
    pub key: String,
}

// By hand: e-mail carries names, links and callers' words, which belong in no log.
impl std::fmt::Debug for EmailMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailMessage").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A way to send e-mail.
#[async_trait]
pub trait Email: Send + Sync {
    /// Its name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it can work now.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// Hands a message over; returns what the transport calls it.
    ///
    /// # Errors
    /// [`ProviderError::Invalid`] when this message will never be taken (an address is none, the receiver is not known);
    /// anything else when it can't be sent now.
    async fn send(&self, message: &EmailMessage) -> Result<String, ProviderError>;
}
