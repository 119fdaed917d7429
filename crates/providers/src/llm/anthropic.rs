//! Anthropic's Messages.
//!
//! Turns alternate and begin with the caller; outputs of functions are the caller's, before any words; empty words are
//! refused. The rules and functions are marked to be kept in the vendor's cache: they are the same in every turn of a
//! call, and the first word comes sooner.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmCall, LlmPiece, LlmRequest, LlmStop, LlmUsage};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::conversation::{CallIds, IdRule, Turn, arguments_as_object, read_arguments, turns, worded};
use super::exchange::{Exchange, Reader};
use super::failure::Who;
use super::{LlmSettings, SetUpError, address, key_header, readiness};

/// Anthropic's address.
pub const BASE_URL: &str = "https://api.anthropic.com";
/// The quickest of the current family (official SDK 2.12.0, November 2026).
pub const MODEL: &str = "claude-haiku-5-5";

/// The version of the API that is spoken: the official SDK's (2.12.0).
pub(crate) const VERSION: &str = "2026-10-21";
/// Ids of calls: letters, digits, `_` and `-`.
const IDS: IdRule = IdRule::Word(64);

static DESCRIPTOR: Descriptor = Descriptor { id: "anthropic", name: "Anthropic", locality: Locality::Cloud };

/// Anthropic's models.
#[derive(Debug, Clone)]
pub struct Anthropic {
    exchange: Exchange,
}

impl Anthropic {
    /// With the settings' model.
    ///
    /// # Errors
    /// When the settings can't be sent.
    pub fn new(settings: LlmSettings) -> Result<Self, SetUpError> {
        if settings.model.is_empty() {
            return Err(SetUpError::Model { setting: settings.model_setting });
        }
        let url = address(&settings.base_url, "v1/messages")?;
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION));
        if let Some(key) = &settings.api_key {
            // As the official SDK sends it; `x-api-key` was the place before.
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
impl LanguageModel for Anthropic {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        readiness(&self.exchange.settings, "Anthropic", "ANTHROPIC_API_KEY")
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let settings = &self.exchange.settings;
        let body = body(request, &settings.model, settings.effort.as_deref());
        let reader = MessageReader::new(self.exchange.who.clone(), request);
        self.exchange.ask(&body, reader).await
    }
}

fn body(request: &LlmRequest, model: &str, effort: Option<&str>) -> Value {
    let kept = json!({ "type": "ephemeral" });
    let system = json!([{ "type": "text", "text": worded(&request.system), "cache_control": kept }]);
    let mut messages: Vec<Value> = Vec::new();
    for turn in turns(request) {
        let (role, blocks) = blocks(&turn);
        match messages.last_mut() {
            Some(last) if last["role"] == role => {
                if let Some(known) = last["content"].as_array_mut() {
                    known.extend(blocks);
                }
            }
            _ => messages.push(json!({ "role": role, "content": blocks })),
        }
    }
    let mut body = json!({
        "model": model,
        "max_tokens": request.max_output_tokens,
        "system": system,
        "messages": messages,
        "stream": true,
    });
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters })
        });
        body["tools"] = tools.collect();
    }
    match effort {
        Some("none") => body["thinking"] = json!({ "type": "disabled" }),
        Some(effort) => body["output_config"] = json!({ "effort": effort }),
        None => {}
    }
    body
}

fn blocks(turn: &Turn<'_>) -> (&'static str, Vec<Value>) {
    let text = |text: &&str| json!({ "type": "text", "text": text });
    match turn {
        Turn::Caller(texts) => ("user", texts.iter().map(text).collect()),
        Turn::Agent { texts, calls } => {
            let calls = calls.iter().map(|call| {
                let input = arguments_as_object(&call.arguments);
                json!({ "type": "tool_use", "id": IDS.fit(&call.id), "name": call.name, "input": input })
            });
            ("assistant", texts.iter().map(text).chain(calls).collect())
        }
        Turn::Outputs(outputs) => {
            let outputs = outputs.iter().map(|output| {
                let id = IDS.fit(output.call);
                json!({ "type": "tool_result", "tool_use_id": id, "content": output.output })
            });
            ("user", outputs.collect())
        }
    }
}

/// Reads the events of a message. Its blocks come one after the other.
struct MessageReader {
    who: Who,
    ids: CallIds,
    usage: LlmUsage,
    /// The call whose arguments are coming.
    half: Option<Half>,
    stop: LlmStop,
    /// Why it ended was told.
    stopped: bool,
}

struct Half {
    id: Option<String>,
    name: String,
    arguments: String,
}

impl MessageReader {
    fn new(who: Who, request: &LlmRequest) -> Self {
        let usage = LlmUsage {
            provider: who.provider,
            model: who.model.clone(),
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
        };
        let ids = CallIds::of(request);
        Self { who, ids, usage, half: None, stop: LlmStop::Finished, stopped: false }
    }

    /// Numbers are of the whole message so far; tokens that were read from the cache or written to it are not among
    /// `input_tokens`.
    fn count(&mut self, usage: &Value) {
        let count = |name: &str| usage[name].as_u64();
        let (read, written) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
        if let Some(input) = count("input_tokens") {
            let cached = read.unwrap_or_default();
            self.usage.input_tokens = input + cached + written.unwrap_or_default();
            self.usage.cached_tokens = cached;
        }
        if let Some(output) = count("output_tokens") {
            self.usage.output_tokens = output;
        }
    }

    fn begin(&mut self, block: &Value) -> Result<(), ProviderError> {
        if block["type"] == "tool_use" {
            let name = block["name"].as_str().ok_or_else(|| self.who.garbage())?.to_owned();
            // What is not streamed is here already.
            let arguments = match &block["input"] {
                Value::Object(input) if !input.is_empty() => block["input"].to_string(),
                _ => String::new(),
            };
            self.half = Some(Half { id: block["id"].as_str().map(str::to_owned), name, arguments });
        }
        Ok(())
    }
}

impl Reader for MessageReader {
    fn event(&mut self, _name: &str, data: &str, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        let event: Value = serde_json::from_str(data).map_err(|_unshown| self.who.garbage())?;
        match event["type"].as_str().ok_or_else(|| self.who.garbage())? {
            "message_start" => {
                let message = &event["message"];
                if let Some(model) = message["model"].as_str() {
                    model.clone_into(&mut self.usage.model);
                }
                self.count(&message["usage"]);
            }
            "content_block_start" => self.begin(&event["content_block"])?,
            "content_block_delta" => {
                let delta = &event["delta"];
                if let Some(words) = delta["text"].as_str().filter(|words| !words.is_empty()) {
                    to.push(LlmPiece::Text(words.to_owned()));
                }
                if let (Some(half), Some(more)) = (&mut self.half, delta["partial_json"].as_str()) {
                    half.arguments.push_str(more);
                }
            }
            "content_block_stop" => {
                if let Some(half) = self.half.take() {
                    to.push(LlmPiece::Call(LlmCall {
                        id: self.ids.unique(half.id),
                        name: half.name,
                        arguments: read_arguments(&half.arguments),
                        signature: None,
                    }));
                }
            }
            "message_delta" => {
                self.count(&event["usage"]);
                if let Some(reason) = event["delta"]["stop_reason"].as_str() {
                    self.stopped = true;
                    self.stop = match reason {
                        "tool_use" => LlmStop::Calls,
                        "max_tokens" | "model_context_window_exceeded" => LlmStop::Length,
                        "refusal" => LlmStop::Filtered,
                        _ => LlmStop::Finished,
                    };
                }
            }
            "message_stop" if self.stopped => {
                to.push(LlmPiece::Done { stop: self.stop, usage: Some(self.usage.clone()) });
            }
            "message_stop" => return Err(self.who.cut_off()),
            "error" => return Err(self.who.of_event(&event)),
            // `ping`, and what is to come.
            _ => {}
        }
        Ok(())
    }
}
