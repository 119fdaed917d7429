//! Text to speech, streaming telephone audio.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::descriptor::{Descriptor, Readiness};
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

    /// Begins to speak a sentence. Dropping the receiver cancels the work.
    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError>;
}
