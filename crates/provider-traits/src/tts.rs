//! Text to speech, streaming telephone audio.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::descriptor::{Descriptor, ProviderNotice, Readiness};
use crate::error::ProviderError;

/// A sentence to be spoken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TtsRequest {
    /// Plain text, one sentence or two.
    pub text: String,
    /// Voice id; empty or unknown means the provider's default.
    pub voice: String,
    /// BCP 47 language.
    pub language: String,
}

/// The audio of a sentence as it is made: 8 kHz mu-law, any chunk length. The sender is dropped at the end.
pub type TtsAudio = mpsc::Receiver<Result<Bytes, ProviderError>>;

/// A voice that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Id for [`TtsRequest::voice`].
    pub id: String,
    /// Name on screens.
    pub name: String,
    /// BCP 47 language.
    pub language: String,
}

/// A text-to-speech provider.
#[async_trait]
pub trait TextToSpeech: Send + Sync {
    /// Its name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it can work here now.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// The voices it has.
    fn voices(&self) -> Vec<Voice>;

    /// The same provider for one call, which tells `notices` what that call's log should show. Never waits
    /// for room there. `None`: it has nothing to tell, use it as it is.
    fn for_call(&self, _notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn TextToSpeech>> {
        None
    }

    /// The same for a business that wants these providers in this order, by their ids. `None`: there is nothing to
    /// choose from, use it as it is.
    fn in_order(&self, _ids: &[String]) -> Option<Arc<dyn TextToSpeech>> {
        None
    }

    /// Begins to speak a sentence. Dropping the receiver cancels the work.
    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError>;
}
