//! Google's Gemini: `models/…:streamGenerateContent` of the Developer API.
//!
//! A call carries a signature of the thoughts before it, which the vendor wants back with the call; a call that another
//! vendor made has none, and gets the word that the vendor documents for that. Schemas go as `parametersJsonSchema`:
//! the older `parameters` knows a part of JSON Schema only. The last chunk has no mark of its own: an answer is complete
//! when a reason to finish was told.

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmCall, LlmPiece, LlmRequest, LlmStop, LlmUsage};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::conversation::{CallIds, Turn, arguments_as_object, turns};
use super::exchange::{Exchange, Reader};
use super::failure::Who;
use super::{LlmSettings, SetUpError, address, key_header, readiness};

/// Google's address.
pub const BASE_URL: &str = "https://generativelanguage.googleapis.com";
/// The quick one of the current family (official SDK 3.4.0, November 2026).
pub const MODEL: &str = "gemini-3.8-flash";

/// Stands for the signature of a call that the vendor did not make.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

static DESCRIPTOR: Descriptor = Descriptor { id: "gemini", name: "Google Gemini", locality: Locality::Cloud };

/// Google's models.
#[derive(Debug, Clone)]
pub struct Gemini {
    exchange: Exchange,
}

impl Gemini {
    /// With the settings' model.
    ///
    /// # Errors
    /// When the settings can't be sent.
    pub fn new(settings: LlmSettings) -> Result<Self, SetUpError> {
        let model = settings.model.trim_start_matches("models/");
        if model.is_empty() {
            return Err(SetUpError::Model { setting: settings.model_setting });
        }
        let path = format!("v1/models/{model}:streamGenerateContent");
        let mut url = address(&settings.base_url, &path)?;
        url.set_query(Some("alt=sse"));
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            headers.insert(HeaderName::from_static("x-goog-api-key"), key_header("", key)?);
        }
        let who =
            Who { provider: DESCRIPTOR.id, model: model.to_owned(), model_setting: settings.model_setting };
        Ok(Self { exchange: Exchange { settings, who, url, headers } })
    }
}

#[async_trait]
impl LanguageModel for Gemini {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        readiness(&self.exchange.settings, "Google's Gemini", "GEMINI_API_KEY")
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let body = body(request, self.exchange.settings.effort.as_deref());
        let reader = ContentReader::new(self.exchange.who.clone(), request);
        self.exchange.ask(&body, reader).await
    }
}

fn body(request: &LlmRequest, effort: Option<&str>) -> Value {
    let contents: Vec<Value> = turns(request).iter().map(content).collect();
    let mut body = json!({
        "systemInstruction": { "parts": [{ "text": &*request.system }] },
        "contents": contents,
        "generationConfig": { "maxOutputTokens": request.max_output_tokens },
    });
    if !request.tools.is_empty() {
        let functions: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "parametersJsonSchema": tool.parameters,
                })
            })
            .collect();
        body["tools"] = json!([{ "functionDeclarations": functions }]);
    }
    if let Some(effort) = effort {
        body["generationConfig"]["thinkingConfig"] = json!({ "thinkingLevel": effort });
    }
    body
}

fn content(turn: &Turn<'_>) -> Value {
    let text = |text: &&str| json!({ "text": text });
    let (role, parts): (_, Vec<Value>) = match turn {
        Turn::Caller(texts) => ("user", texts.iter().map(text).collect()),
        Turn::Agent { texts, calls } => {
            let calls = calls.iter().map(|call| {
                json!({
                    "functionCall": {
                        "id": call.id,
                        "name": call.name,
                        "args": arguments_as_object(&call.arguments),
                    },
                    "thoughtSignature": call.signature.as_deref().unwrap_or(NO_SIGNATURE),
                })
            });
            ("model", texts.iter().map(text).chain(calls).collect())
        }
        Turn::Outputs(outputs) => {
            let outputs = outputs.iter().map(|output| {
                let response = response(output.output);
                let function = json!({ "id": output.call, "name": output.name, "response": response });
                json!({ "functionResponse": function })
            });
            ("user", outputs.collect())
        }
    };
    json!({ "role": role, "parts": parts })
}

/// An object, whatever the function said.
fn response(output: &str) -> Value {
    match serde_json::from_str(output) {
        Ok(Value::Object(object)) => Value::Object(object),
        Ok(other) => json!({ "output": other }),
        Err(_) => json!({ "output": output }),
    }
}

/// Reads the chunks of an answer, each a whole document.
struct ContentReader {
    who: Who,
    ids: CallIds,
    usage: Option<LlmUsage>,
    model: String,
    called: bool,
    stop: Option<LlmStop>,
}

impl ContentReader {
    fn new(who: Who, request: &LlmRequest) -> Self {
        let (ids, model) = (CallIds::of(request), who.model.clone());
        Self { who, ids, usage: None, model, called: false, stop: None }
    }

    fn part(&mut self, part: &Value, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        if part["functionCall"].is_object() {
            let call = &part["functionCall"];
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let arguments = if call["args"].is_null() { json!({}) } else { call["args"].clone() };
            self.called = true;
            to.push(LlmPiece::Call(LlmCall {
                id: self.ids.unique(text(&call["id"])),
                name: text(&call["name"]).ok_or_else(|| self.who.garbage())?,
                arguments,
                signature: text(&part["thoughtSignature"]),
            }));
            return Ok(());
        }
        // Thoughts are nobody's business.
        let words = part["text"].as_str().filter(|words| !words.is_empty() && part["thought"] != true);
        to.extend(words.map(|words| LlmPiece::Text(words.to_owned())));
        Ok(())
    }

    fn finish(&mut self, reason: &str) -> Result<(), ProviderError> {
        self.stop = Some(match reason {
            "STOP" if self.called => LlmStop::Calls,
            "STOP" => LlmStop::Finished,
            "MAX_TOKENS" => LlmStop::Length,
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "MODEL_ARMOR" => LlmStop::Filtered,
            // It wrote a call that it can't read itself, forgot its thoughts, or has no word for it.
            _ => {
                let shown = reason.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
                let reason = if shown { reason } else { "an unknown reason" };
                return Err(self.who.unavailable(format!("it gave up: {reason}")));
            }
        });
        Ok(())
    }

    fn count(&mut self, usage: &Value) {
        let count = |name: &str| usage[name].as_u64().unwrap_or_default();
        self.usage = Some(LlmUsage {
            provider: self.who.provider,
            model: self.model.clone(),
            input_tokens: count("promptTokenCount") + count("toolUsePromptTokenCount"),
            cached_tokens: count("cachedContentTokenCount"),
            output_tokens: count("candidatesTokenCount") + count("thoughtsTokenCount"),
        });
    }
}

impl Reader for ContentReader {
    fn event(&mut self, _name: &str, data: &str, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        let chunk: Value = serde_json::from_str(data).map_err(|_unshown| self.who.garbage())?;
        if !chunk["error"].is_null() {
            return Err(self.who.of_event(&chunk));
        }
        let known = ["candidates", "usageMetadata", "promptFeedback", "responseId"];
        if !known.iter().any(|name| !chunk[name].is_null()) {
            return Err(self.who.garbage());
        }
        if let Some(model) = chunk["modelVersion"].as_str() {
            model.clone_into(&mut self.model);
        }
        if chunk["usageMetadata"].is_object() {
            self.count(&chunk["usageMetadata"]);
        }
        // Nothing of an answer: the question was stopped.
        if chunk["promptFeedback"]["blockReason"].is_string() {
            self.stop = Some(LlmStop::Filtered);
        }
        let candidate = &chunk["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            self.part(part, to)?;
        }
        if let Some(reason) = candidate["finishReason"].as_str() {
            self.finish(reason)?;
        }
        Ok(())
    }

    fn ended(&mut self, to: &mut Vec<LlmPiece>) {
        if let Some(stop) = self.stop {
            to.push(LlmPiece::Done { stop, usage: self.usage.take() });
        }
    }
}
