//! OpenAI's Responses API.
//!
//! Nothing is kept at the vendor (`store: false`): the conversation is told anew with each request. The model's calls go
//! back without the vendor's ids of items, because with them the vendor also wants the thoughts that came before.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::llm::{
    LanguageModel, LlmAnswer, LlmCall, LlmMessage, LlmPiece, LlmRequest, LlmStop, LlmUsage,
};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use super::conversation::{CallIds, IdRule, arguments_as_text, read_arguments, worded};
use super::exchange::{Exchange, Reader};
use super::failure::Who;
use super::{LlmSettings, SetUpError, address, key_header, readiness};

pub use super::openai_chat::{BASE_URL, MODEL};

/// The longest id of a call.
const LONGEST_ID: usize = 64;
/// The vendor refuses a smaller limit.
const LEAST_TOKENS: u32 = 16;

static DESCRIPTOR: Descriptor =
    Descriptor { id: "openai", name: "OpenAI Responses", locality: Locality::Cloud };

/// OpenAI's models.
#[derive(Debug, Clone)]
pub struct OpenAiResponses {
    exchange: Exchange,
}

impl OpenAiResponses {
    /// With the settings' model.
    ///
    /// # Errors
    /// When the settings can't be sent.
    pub fn new(settings: LlmSettings) -> Result<Self, SetUpError> {
        if settings.model.is_empty() {
            return Err(SetUpError::Model { setting: settings.model_setting });
        }
        let url = address(&settings.base_url, "responses")?;
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
impl LanguageModel for OpenAiResponses {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        readiness(&self.exchange.settings, "OpenAI", "OPENAI_API_KEY")
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let settings = &self.exchange.settings;
        let body = body(request, &settings.model, settings.effort.as_deref());
        let who = self.exchange.who.clone();
        let reader = ResponseReader { who, ids: CallIds::of(request), called: false };
        self.exchange.ask(&body, reader).await
    }
}

fn body(request: &LlmRequest, model: &str, effort: Option<&str>) -> Value {
    let mut input: Vec<Value> = request.messages.iter().flat_map(written).collect();
    if input.is_empty() {
        input.push(json!({ "role": "user", "content": worded("") }));
    }
    let mut body = json!({
        "model": model,
        "instructions": &*request.system,
        "input": input,
        "stream": true,
        // Padding against listeners on the wire would only cost time.
        "stream_options": { "include_obfuscation": false },
        "store": false,
        "max_output_tokens": request.max_output_tokens.max(LEAST_TOKENS),
    });
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                // Strict schemas must require every property; ours have optional ones.
                "strict": false,
            })
        });
        body["tools"] = tools.collect();
    }
    if let Some(effort) = effort {
        body["reasoning"] = json!({ "effort": effort });
    }
    body
}

fn written(message: &LlmMessage) -> Vec<Value> {
    let ids = IdRule::Longest(LONGEST_ID);
    match message {
        LlmMessage::Caller { text } => vec![json!({ "role": "user", "content": worded(text) })],
        LlmMessage::Agent { text, calls } => {
            let words = Some(text).filter(|text| !text.trim().is_empty());
            let words = words.map(|text| json!({ "role": "assistant", "content": text }));
            let calls = calls.iter().map(|call| {
                json!({
                    "type": "function_call",
                    "call_id": ids.fit(&call.id),
                    "name": call.name,
                    "arguments": arguments_as_text(&call.arguments),
                })
            });
            words.into_iter().chain(calls).collect()
        }
        LlmMessage::Output { call, output, .. } => {
            vec![json!({ "type": "function_call_output", "call_id": ids.fit(call), "output": output })]
        }
    }
}

/// Reads the events of a response. Items and parts have events of their own; only what is said, called and at the end
/// is of interest.
struct ResponseReader {
    who: Who,
    ids: CallIds,
    called: bool,
}

impl ResponseReader {
    fn done(&self, response: &Value, stop: LlmStop) -> LlmPiece {
        LlmPiece::Done { stop, usage: usage(response) }
    }
}

impl Reader for ResponseReader {
    fn event(&mut self, _name: &str, data: &str, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        // Not documented, but what a proxy may add.
        if data.trim() == "[DONE]" {
            return Ok(());
        }
        let event: Value = serde_json::from_str(data).map_err(|_unshown| self.who.garbage())?;
        match event["type"].as_str().ok_or_else(|| self.who.garbage())? {
            "response.output_text.delta" | "response.refusal.delta" => {
                if let Some(words) = event["delta"].as_str().filter(|words| !words.is_empty()) {
                    to.push(LlmPiece::Text(words.to_owned()));
                }
            }
            // Complete; its arguments have come in pieces before.
            "response.output_item.done" if event["item"]["type"] == "function_call" => {
                let item = &event["item"];
                let text = |name: &str| item[name].as_str().map(str::to_owned);
                let name = text("name").ok_or_else(|| self.who.garbage())?;
                self.called = true;
                to.push(LlmPiece::Call(LlmCall {
                    id: self.ids.unique(text("call_id")),
                    name,
                    arguments: read_arguments(&text("arguments").unwrap_or_default()),
                    signature: None,
                }));
            }
            "response.completed" => {
                let stop = if self.called { LlmStop::Calls } else { LlmStop::Finished };
                to.push(self.done(&event["response"], stop));
            }
            "response.incomplete" => {
                let response = &event["response"];
                let filtered = response["incomplete_details"]["reason"] == "content_filter";
                to.push(self.done(response, if filtered { LlmStop::Filtered } else { LlmStop::Length }));
            }
            "response.failed" => return Err(self.who.of_event(&event["response"])),
            "error" => return Err(self.who.of_event(&event)),
            _ => {}
        }
        Ok(())
    }
}

fn usage(response: &Value) -> Option<LlmUsage> {
    let usage = Some(&response["usage"]).filter(|usage| usage.is_object())?;
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    Some(LlmUsage {
        provider: DESCRIPTOR.id,
        model: response["model"].as_str().unwrap_or_default().to_owned(),
        input_tokens: count(&usage["input_tokens"]),
        cached_tokens: count(&usage["input_tokens_details"]["cached_tokens"]),
        output_tokens: count(&usage["output_tokens"]),
    })
}
