//! OpenAI's Chat Completions, and every server that speaks it.
//!
//! OpenAI wants `max_completion_tokens` (reasoning models refuse `max_tokens`); most compatible servers know only
//! `max_tokens`. `stream_options.include_usage` is known to vLLM, Ollama and llama.cpp; a server that refuses it is
//! served by [`Flavour::CompatibleWithoutUsage`].

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

/// OpenAI's address.
pub const BASE_URL: &str = "https://api.openai.com/v1";
/// The successor that OpenAI names for its small models of before (November 2026).
pub const MODEL: &str = "gpt-6-luna";

/// OpenAI's longest id of a call.
const LONGEST_ID: usize = 40;

static OPENAI: Descriptor =
    Descriptor { id: "openai-chat", name: "OpenAI Chat Completions", locality: Locality::Cloud };
static COMPATIBLE: Descriptor =
    Descriptor { id: "compatible", name: "Compatible with OpenAI", locality: Locality::Cloud };

/// Whose dialect is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// OpenAI's own, as of November 2026.
    OpenAi,
    /// What servers have in common that call themselves compatible.
    Compatible,
    /// The same for servers that refuse `stream_options`. What an answer costs is not known then.
    CompatibleWithoutUsage,
}

/// A model behind Chat Completions.
#[derive(Debug, Clone)]
pub struct OpenAiChat {
    flavour: Flavour,
    exchange: Exchange,
}

impl OpenAiChat {
    /// A compatible server needs neither a key nor a default model.
    ///
    /// # Errors
    /// When the settings can't be sent.
    pub fn new(settings: LlmSettings, flavour: Flavour) -> Result<Self, SetUpError> {
        if settings.model.is_empty() {
            return Err(SetUpError::Model { setting: settings.model_setting });
        }
        let url = address(&settings.base_url, "chat/completions")?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            headers.insert(AUTHORIZATION, key_header("Bearer ", key)?);
        }
        let who = Who {
            provider: descriptor(flavour).id,
            model: settings.model.clone(),
            model_setting: settings.model_setting,
        };
        Ok(Self { flavour, exchange: Exchange { settings, who, url, headers } })
    }
}

fn descriptor(flavour: Flavour) -> &'static Descriptor {
    if flavour == Flavour::OpenAi { &OPENAI } else { &COMPATIBLE }
}

#[async_trait]
impl LanguageModel for OpenAiChat {
    fn descriptor(&self) -> &'static Descriptor {
        descriptor(self.flavour)
    }

    fn readiness(&self) -> Readiness {
        if self.flavour != Flavour::OpenAi {
            return Readiness::Ready;
        }
        readiness(&self.exchange.settings, "OpenAI", "OPENAI_API_KEY")
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let settings = &self.exchange.settings;
        let body = body(request, &settings.model, settings.effort.as_deref(), self.flavour);
        let reader = ChatReader::new(self.exchange.who.clone(), request);
        self.exchange.ask(&body, reader).await
    }
}

fn body(request: &LlmRequest, model: &str, effort: Option<&str>, flavour: Flavour) -> Value {
    let mut body = json!({
        "model": model,
        "messages": chat::messages(request, IdRule::Longest(LONGEST_ID)),
        "stream": true,
    });
    let most = if flavour == Flavour::OpenAi { "max_completion_tokens" } else { "max_tokens" };
    body[most] = json!(request.max_output_tokens);
    match flavour {
        // Padding against listeners on the wire would only cost time.
        Flavour::OpenAi => {
            body["stream_options"] = json!({ "include_usage": true, "include_obfuscation": false });
        }
        Flavour::Compatible => body["stream_options"] = json!({ "include_usage": true }),
        Flavour::CompatibleWithoutUsage => {}
    }
    if !request.tools.is_empty() {
        body["tools"] = json!(chat::tools(&request.tools));
    }
    if let Some(effort) = effort {
        body["reasoning_effort"] = json!(effort);
    }
    body
}
