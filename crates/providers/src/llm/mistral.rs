//! Mistral's chat: near to OpenAI's, and refuses every field that is not its own.
//!
//! Ids of calls have exactly nine letters and digits. After a function's output it wants to hear the model, so where a
//! caller spoke instead, a word of the model's is put between. Usage comes without being asked for.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmRequest};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use super::chat::{self, ChatReader};
use super::conversation::IdRule;
use super::exchange::Exchange;
use super::failure::Who;
use super::{LlmSettings, SetUpError, address, key_header, readiness};

/// Mistral's address.
pub const BASE_URL: &str = "https://api.mistral.ai/v1";
/// Small enough to answer a caller in time (generally available in August 2026).
pub const MODEL: &str = "mistral-small-latest";

/// What the model said when it was interrupted before it could speak of an output.
const INTERRUPTED: &str = "(interrupted)";

static DESCRIPTOR: Descriptor = Descriptor { id: "mistral", name: "Mistral", locality: Locality::Cloud };

/// Mistral's models.
#[derive(Debug, Clone)]
pub struct Mistral {
    exchange: Exchange,
}

impl Mistral {
    /// With the settings' model.
    ///
    /// # Errors
    /// When the settings can't be sent.
    pub fn new(settings: LlmSettings) -> Result<Self, SetUpError> {
        if settings.model.is_empty() {
            return Err(SetUpError::Model { setting: settings.model_setting });
        }
        let url = address(&settings.base_url, "chat/completions")?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            headers.insert(AUTHORIZATION, key_header("Bearer ", key)?);
        }
        let who = Who {
            provider: DESCRIPTOR.id,
            model: settings.model.clone(),
            model_setting: settings.model_setting,
        };
        Ok(Self { exchange: Exchange { settings, who, url, headers } })
    }
}

#[async_trait]
impl LanguageModel for Mistral {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        readiness(&self.exchange.settings, "Mistral", "MISTRAL_API_KEY")
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let settings = &self.exchange.settings;
        let body = body(request, &settings.model, settings.effort.as_deref());
        let reader = ChatReader::new(self.exchange.who.clone(), request);
        self.exchange.ask(&body, reader).await
    }
}

fn body(request: &LlmRequest, model: &str, effort: Option<&str>) -> Value {
    let mut messages: Vec<Value> = Vec::new();
    for message in chat::messages(request, IdRule::Nine) {
        let last = messages.last().map(|last| &last["role"]);
        if message["role"] == "user" && last.is_some_and(|role| role == "tool") {
            messages.push(json!({ "role": "assistant", "content": INTERRUPTED }));
        }
        messages.push(message);
    }
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "max_tokens": request.max_output_tokens,
    });
    if !request.tools.is_empty() {
        body["tools"] = json!(chat::tools(&request.tools));
    }
    if let Some(effort) = effort {
        body["reasoning_effort"] = json!(effort);
    }
    body
}
