//! Which providers a business wants for its calls, and in which order.

use serde::{Deserialize, Serialize};

/// Transcribers there are names for.
pub const TRANSCRIBERS: [&str; 6] =
    ["openai", "openai-rest", "elevenlabs", "deepgram", "compatible", "pocketsphinx"];
/// Voices there are names for.
pub const VOICES: [&str; 6] = ["elevenlabs", "openai", "polly", "compatible", "flite", "espeak-ng"];
/// Language models there are names for.
pub const MODELS: [&str; 6] = ["openai", "openai-chat", "anthropic", "gemini", "mistral", "compatible"];

/// A business's own order for each capability, the first choice first; `None` is the operator's order.
///
/// A list is complete: whom it does not name is not asked, because callers' words would go there. Only what runs on the
/// installation's own machine stands in at the end, so an empty list means "nobody outside".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderOrder {
    /// Transcribers.
    pub stt: Option<Vec<String>>,
    /// Voices.
    pub tts: Option<Vec<String>>,
    /// Language models. When none is left, the rules brain answers.
    pub llm: Option<Vec<String>>,
}

/// A list that can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("each must be one of {}, at most once", .allowed.join(", "))]
pub struct UnusableOrder {
    /// The list: `providers.stt`.
    pub field: &'static str,
    /// What it may name.
    pub allowed: &'static [&'static str],
}

impl ProviderOrder {
    /// Whether every list names known providers, each at most once.
    ///
    /// # Errors
    /// The first list that does not.
    pub fn check(&self) -> Result<(), UnusableOrder> {
        let lists = [
            ("providers.stt", &self.stt, TRANSCRIBERS.as_slice()),
            ("providers.tts", &self.tts, VOICES.as_slice()),
            ("providers.llm", &self.llm, MODELS.as_slice()),
        ];
        for (field, list, allowed) in lists {
            let ids = list.as_deref().unwrap_or_default();
            let is_sound =
                |(at, id): (usize, &String)| allowed.contains(&id.as_str()) && !ids[..at].contains(id);
            if !ids.iter().enumerate().all(is_sound) {
                return Err(UnusableOrder { field, allowed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_known_providers_once() {
        let list = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect());
        let cases = [
            (ProviderOrder::default(), None),
            (ProviderOrder { stt: list(&[]), ..Default::default() }, None),
            (ProviderOrder { stt: list(&["deepgram", "openai"]), ..Default::default() }, None),
            (ProviderOrder { stt: list(&["flite"]), ..Default::default() }, Some("providers.stt")),
            (ProviderOrder { tts: list(&["polly", "polly"]), ..Default::default() }, Some("providers.tts")),
            (ProviderOrder { llm: list(&["rules"]), ..Default::default() }, Some("providers.llm")),
        ];
        for (order, wrong) in cases {
            assert_eq!(order.check().err().map(|error| error.field), wrong, "{order:?}");
        }
    }
}
