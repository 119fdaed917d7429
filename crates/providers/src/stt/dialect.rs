//! What the vendors with a socket have in common, seen from the session that carries one.

use std::time::Duration;

use provider_traits::error::ProviderError;
use provider_traits::stt::SttOutput;
use tokio_tungstenite::tungstenite::Message;

use crate::vendor_http::Vendor;

/// What is to be done: said to the vendor, told to the call.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// To the vendor, in order.
    pub(super) send: Vec<Message>,
    /// To the call, in order.
    pub(super) tell: Vec<SttOutput>,
}

impl Step {
    pub(super) fn send(text: String) -> Self {
        Self { send: vec![Message::text(text)], tell: Vec::new() }
    }

    pub(super) fn tell(output: SttOutput) -> Self {
        Self { send: Vec::new(), tell: vec![output] }
    }
}

/// One vendor's protocol. Pure: it sees messages and makes messages. A new one is made for each socket.
pub(super) trait Dialect: Send + Sync + 'static {
    /// Whose it is.
    fn vendor(&self) -> Vendor;

    /// What is said first.
    fn hello(&self) -> Option<String> {
        None
    }

    /// Whether the vendor has agreed to what was said first: audio before that is lost or misread.
    fn is_ready(&self) -> bool;

    /// An utterance begins.
    fn start(&mut self, utterance: u32);

    /// Mu-law of the utterance.
    fn audio(&mut self, codes: &[u8]) -> Step;

    /// The utterance is complete.
    fn end(&mut self) -> Step;

    /// The utterance is of no interest.
    fn cancel(&mut self) -> Step;

    /// The vendor said something.
    ///
    /// # Errors
    /// When the socket is of no use any more.
    fn hear(&mut self, text: &str) -> Result<Step, ProviderError>;

    /// Until a transcript that is owed must be there; `None` when none is.
    fn owed_within(&self) -> Option<Duration>;

    /// Nothing came for so long.
    ///
    /// # Errors
    /// When there is no way to go on without what is owed.
    fn overdue(&mut self) -> Result<Step, ProviderError>;

    /// What keeps a silent socket open; `None`: a ping.
    fn keep_alive(&self) -> Option<String> {
        None
    }

    /// What is said last.
    fn farewell(&self) -> Option<String> {
        None
    }
}
