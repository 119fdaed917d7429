//! A business's order of providers as the API shows and takes it.

use domain::provider_order::ProviderOrder;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which providers calls ask, the first choice first. A list that is absent or null is the operator's order. A list is
/// complete: whom it does not name is not asked. Only what runs on the installation's own machine stands in at its end,
/// so an empty list means "nobody outside".
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProviderOrder)]
pub struct ProviderOrderView {
    /// Transcribers: `openai`, `openai-rest`, `elevenlabs`, `deepgram`, `compatible`, `pocketsphinx`.
    #[serde(default)]
    #[garde(length(max = 10))]
    #[schema(max_items = 10, example = json!(["deepgram", "openai"]))]
    stt: Option<Vec<String>>,
    /// Voices: `elevenlabs`, `openai`, `polly`, `compatible`, `flite`, `espeak-ng`.
    #[serde(default)]
    #[garde(length(max = 10))]
    #[schema(max_items = 10)]
    tts: Option<Vec<String>>,
    /// Language models: `openai`, `openai-chat`, `anthropic`, `gemini`, `mistral`, `compatible`. When none is left, the
    /// rules brain answers.
    #[serde(default)]
    #[garde(length(max = 10))]
    #[schema(max_items = 10)]
    llm: Option<Vec<String>>,
}

impl From<ProviderOrder> for ProviderOrderView {
    fn from(order: ProviderOrder) -> Self {
        Self { stt: order.stt, tts: order.tts, llm: order.llm }
    }
}

impl From<ProviderOrderView> for ProviderOrder {
    fn from(view: ProviderOrderView) -> Self {
        Self { stt: view.stt, tts: view.tts, llm: view.llm }
    }
}
