//! Speech to text, streaming.

use std::sync::Arc;

use async_trait::async_trait;
use domain::call_plan::Vocabulary;
use tokio::sync::mpsc;

use crate::descriptor::{Descriptor, ProviderNotice, Readiness};
use crate::error::ProviderError;

/// What a transcriber is told before the first audio.
#[derive(Debug, Clone)]
pub struct SttConfig {
    /// BCP 47 language.
    pub language: String,
    /// What is likely to be heard.
    pub vocabulary: Arc<Vocabulary>,
}

/// What goes into a transcription stream. Utterances never overlap; `Start`, any `Audio`, then `End` or `Cancel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SttInput {
    /// An utterance begins.
    Start {
        /// Numbers the utterance within the call.
        utterance: u32,
    },
    /// 8 kHz mono samples of the utterance.
    Audio(Vec<i16>),
    /// The utterance is complete: answer with `Final`.
    End,
    /// Forget the utterance; no `Final` is wanted.
    Cancel,
    /// Asks to be told with `Synced` when everything before this has been taken into account and all partial
    /// words that came of it were sent. Only calls in lockstep ask.
    Sync {
        /// Comes back with the answer.
        id: u32,
    },
}

/// What comes out of a transcription stream.
#[derive(Debug, Clone, PartialEq)]
pub enum SttOutput {
    /// The words so far; later ones replace it.
    Partial {
        /// The utterance.
        utterance: u32,
        /// The words so far.
        text: String,
    },
    /// The transcript. Exactly one for each `End`, empty text when nothing was understood.
    Final {
        /// The utterance.
        utterance: u32,
        /// The words.
        text: String,
        /// 0 to 1, when the provider gives one.
        confidence: Option<f32>,
    },
    /// Everything that came before the `Sync` of that id was taken into account.
    Synced {
        /// The question's id.
        id: u32,
    },
    /// The stream is broken; nothing more follows.
    Failed(ProviderError),
}

/// One call's transcription stream. Dropping it ends it.
#[derive(Debug)]
pub struct SttStream {
    /// Bounded. When full the provider is too slow: the sender treats it as a failure rather than wait.
    pub input: mpsc::Sender<SttInput>,
    /// Bounded. Read by the session all the time.
    pub output: mpsc::Receiver<SttOutput>,
}

/// A speech-to-text provider.
#[async_trait]
pub trait SpeechToText: Send + Sync {
    /// Its name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it can work here now.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// The id of the model that listens, for what it costs; the provider's own where it has only one.
    fn model(&self) -> &str {
        self.descriptor().id
    }

    /// Prepares for a vocabulary (builds and warms models) so that `open` is quick. May do nothing.
    async fn prepare(&self, _config: &SttConfig) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The same provider for one call, which tells `notices` what that call's log should show. Never waits
    /// for room there. `None`: it has nothing to tell, use it as it is.
    fn for_call(&self, _notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn SpeechToText>> {
        None
    }

    /// The same for a business that wants these providers in this order, by their ids. `None`: there is nothing to
    /// choose from, use it as it is.
    fn in_order(&self, _ids: &[String]) -> Option<Arc<dyn SpeechToText>> {
        None
    }

    /// Opens a stream for one call.
    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError>;
}
