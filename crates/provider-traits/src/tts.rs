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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voice {
    /// Id for [`TtsRequest::voice`].
    pub id: String,
    /// Name on screens.
    pub name: String,
    /// BCP 47 language; empty when the voice speaks any.
    pub language: String,
    /// `female`, `male` or what else the vendor says, in lower case.
    pub gender: Option<String>,
    /// What it sounds like, in a few words.
    pub description: Option<String>,
    /// Address of a sample at the vendor.
    pub preview: Option<String>,
}

/// Which voices are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct VoiceQuery {
    /// Text that occurs in the name, the description or the id; empty matches all.
    pub search: String,
    /// BCP 47 language, or its first part alone (`en`); empty matches all.
    pub language: String,
}

impl VoiceQuery {
    /// Whether a voice is one of those.
    #[must_use]
    pub fn matches(&self, voice: &Voice) -> bool {
        let wanted = self.search.trim().to_lowercase();
        let texts = [Some(&voice.name), voice.description.as_ref(), Some(&voice.id)];
        let found = wanted.is_empty()
            || texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&wanted));
        found && self.speaks(&voice.language)
    }

    /// `en` asks for every kind of English; a voice that says only `en` fits every wish for one.
    fn speaks(&self, language: &str) -> bool {
        let parts = |tag: &str| {
            let tag = tag.trim().to_lowercase();
            let (primary, region) = tag.split_once('-').unwrap_or((&tag, ""));
            (primary.to_owned(), region.to_owned())
        };
        let ((wanted, wanted_region), (primary, region)) = (parts(&self.language), parts(language));
        wanted.is_empty()
            || primary.is_empty()
            || (wanted == primary
                && (wanted_region.is_empty() || region.is_empty() || wanted_region == region))
    }
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

    /// What its audio depends on besides the request (model, voice, place), in a word that changes with it: for whoever
    /// keeps audio longer than the process lives.
    fn sound(&self) -> String {
        self.descriptor().id.to_owned()
    }

    /// The voices it is known to have without asking anybody.
    fn voices(&self) -> Vec<Voice>;

    /// The voices that a query finds; a vendor is asked for its own.
    ///
    /// # Errors
    /// When the vendor could not be asked.
    async fn find_voices(&self, query: &VoiceQuery) -> Result<Vec<Voice>, ProviderError> {
        Ok(self.voices().into_iter().filter(|voice| query.matches(voice)).collect())
    }

    /// The providers behind this one, when it is several that act as one.
    fn parts(&self) -> Vec<Arc<dyn TextToSpeech>> {
        Vec::new()
    }

    /// The id of the model that speaks, for what it costs; the provider's own where it has only one.
    fn model(&self) -> &str {
        self.descriptor().id
    }

    /// Whether a sentence is spoken from memory, so that nobody is asked and nothing is charged.
    fn knows_by_heart(&self, _request: &TtsRequest) -> bool {
        false
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_finds_by_text_and_language() {
        let voice = Voice {
            id: "v1".into(),
            name: "Rachel".into(),
            language: "en-US".into(),
            description: Some("Calm, narration".into()),
            ..Voice::default()
        };
        for (search, language, expect) in [
            ("", "", true),
            ("rach", "", true),
            ("CALM", "en", true),
            ("v1", "en-US", true),
            ("", "EN-us", true),
            ("", "en-GB", false),
            ("", "de", false),
            ("loud", "en", false),
        ] {
            let query = VoiceQuery { search: search.into(), language: language.into() };
            assert_eq!(query.matches(&voice), expect, "{query:?}");
        }
        let general = Voice { language: "en".into(), ..Voice::default() };
        assert!(VoiceQuery { language: "en-GB".into(), ..VoiceQuery::default() }.matches(&general));
        let any = Voice::default();
        assert!(VoiceQuery { language: "de".into(), ..VoiceQuery::default() }.matches(&any));
    }
}
