//! What OpenAI's Chat Completions and Mistral's chat have in common: messages, tools, and the stream.

use provider_traits::error::ProviderError;
use provider_traits::llm::{LlmCall, LlmMessage, LlmPiece, LlmRequest, LlmStop, LlmUsage};
use provider_traits::realtime::FunctionTool;
use serde_json::{Value, json};

use super::conversation::{CallIds, IdRule, arguments_as_text, read_arguments, worded};
use super::exchange::Reader;
use super::failure::Who;

/// Most calls of one answer. An index beyond is none of an honest vendor's.
const MOST_CALLS: usize = 64;

/// The messages of a request, the rules first.
pub(super) fn messages(request: &LlmRequest, ids: IdRule) -> Vec<Value> {
    let mut messages = vec![json!({ "role": "system", "content": &*request.system })];
    messages.extend(request.messages.iter().filter_map(|message| written(message, ids)));
    if messages.len() == 1 {
        messages.push(json!({ "role": "user", "content": worded("") }));
    }
    messages
}

fn written(message: &LlmMessage, ids: IdRule) -> Option<Value> {
    Some(match message {
        LlmMessage::Caller { text } => json!({ "role": "user", "content": worded(text) }),
        LlmMessage::Agent { text, calls } if calls.is_empty() => {
            // Words of which nothing was heard.
            if text.trim().is_empty() {
                return None;
            }
            json!({ "role": "assistant", "content": text })
        }
        LlmMessage::Agent { text, calls } => {
            let calls: Vec<Value> = calls.iter().map(|call| call_written(call, ids)).collect();
            let text = Some(text).filter(|text| !text.trim().is_empty());
            json!({ "role": "assistant", "content": text, "tool_calls": calls })
        }
        LlmMessage::Output { call, output, .. } => {
            json!({ "role": "tool", "tool_call_id": ids.fit(call), "content": output })
        }
    })
}

fn call_written(call: &LlmCall, ids: IdRule) -> Value {
    let function = json!({ "name": call.name, "arguments": arguments_as_text(&call.arguments) });
    json!({ "id": ids.fit(&call.id), "type": "function", "function": function })
}

/// The functions that may be called.
pub(super) fn tools(tools: &[FunctionTool]) -> Vec<Value> {
    let written = |tool: &FunctionTool| {
        let function = json!({
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        });
        json!({ "type": "function", "function": function })
    };
    tools.iter().map(written).collect()
}

/// Reads the chunks of either vendor.
pub(super) struct ChatReader {
    who: Who,
    ids: CallIds,
    model: String,
    calls: Vec<Half>,
    stop: Option<LlmStop>,
    usage: Option<LlmUsage>,
    /// The calls were passed on.
    called: bool,
}

/// A call that may not be complete.
#[derive(Debug, Default)]
struct Half {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl ChatReader {
    pub(super) fn new(who: Who, request: &LlmRequest) -> Self {
        let ids = CallIds::of(request);
        let model = who.model.clone();
        Self { who, ids, model, calls: Vec::new(), stop: None, usage: None, called: false }
    }

    fn chunk(&mut self, chunk: &Value, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        if !chunk["error"].is_null() || chunk["object"] == "error" {
            return Err(self.who.of_event(chunk));
        }
        if !chunk["choices"].is_array() {
            return Err(self.who.garbage());
        }
        if let Some(model) = chunk["model"].as_str().filter(|model| !model.is_empty()) {
            model.clone_into(&mut self.model);
        }
        if chunk["usage"].is_object() {
            self.usage = Some(usage(&self.who, &self.model, &chunk["usage"]));
        }
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        text(&delta["content"], to);
        // What it says instead, when it will not answer.
        text(&delta["refusal"], to);
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call)?;
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish(reason, to)?;
        }
        Ok(())
    }

    /// Parts of a call have its index. Servers that send calls whole give all of them the index 0, but each its id.
    fn call(&mut self, part: &Value) -> Result<(), ProviderError> {
        let index = part["index"].as_u64().unwrap_or_default();
        let id = part["id"].as_str().unwrap_or_default();
        let same =
            |call: &Half| call.index == index && (id.is_empty() || call.id.is_empty() || call.id == id);
        let place = self.calls.iter().rposition(same).unwrap_or(self.calls.len());
        if place == MOST_CALLS {
            return Err(self.who.garbage());
        }
        if place == self.calls.len() {
            self.calls.push(Half { index, ..Half::default() });
        }
        let half = &mut self.calls[place];
        if half.id.is_empty() {
            id.clone_into(&mut half.id);
        }
        let function = &part["function"];
        if half.name.is_empty() {
            function["name"].as_str().unwrap_or_default().clone_into(&mut half.name);
        }
        match &function["arguments"] {
            Value::String(more) => half.arguments.push_str(more),
            Value::Object(_) => half.arguments = function["arguments"].to_string(),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, reason: &str, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        let stop = match reason {
            "length" | "model_length" => LlmStop::Length,
            "content_filter" => LlmStop::Filtered,
            "error" => return Err(self.who.unavailable("it gave up in the middle of its answer")),
            _ if self.calls.is_empty() => LlmStop::Finished,
            _ => LlmStop::Calls,
        };
        self.stop = Some(stop);
        // A call of an answer that was cut may be half a call.
        if stop == LlmStop::Calls && !std::mem::replace(&mut self.called, true) {
            for half in std::mem::take(&mut self.calls) {
                if half.name.is_empty() {
                    return Err(self.who.garbage());
                }
                to.push(LlmPiece::Call(LlmCall {
                    id: self.ids.unique(Some(half.id)),
                    name: half.name,
                    arguments: read_arguments(&half.arguments),
                    signature: None,
                }));
            }
        }
        Ok(())
    }
}

impl Reader for ChatReader {
    fn event(&mut self, _name: &str, data: &str, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError> {
        if data.trim() == "[DONE]" {
            if self.stop.is_none() {
                return Err(self.who.cut_off());
            }
            self.ended(to);
            return Ok(());
        }
        let chunk: Value = serde_json::from_str(data).map_err(|_unshown| self.who.garbage())?;
        self.chunk(&chunk, to)
    }

    fn ended(&mut self, to: &mut Vec<LlmPiece>) {
        if let Some(stop) = self.stop {
            to.push(LlmPiece::Done { stop, usage: self.usage.take() });
        }
    }
}

/// Words: a string, or Mistral's list of chunks, of which thoughts are nobody's business.
fn text(content: &Value, to: &mut Vec<LlmPiece>) {
    match content {
        Value::String(words) if !words.is_empty() => to.push(LlmPiece::Text(words.clone())),
        Value::Array(chunks) => {
            for chunk in chunks.iter().filter(|chunk| chunk["type"] == "text") {
                text(&chunk["text"], to);
            }
        }
        _ => {}
    }
}

fn usage(who: &Who, model: &str, usage: &Value) -> LlmUsage {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    // OpenAI's place, and the two that Mistral has had.
    let cached = [
        &usage["prompt_tokens_details"]["cached_tokens"],
        &usage["prompt_token_details"]["cached_tokens"],
        &usage["num_cached_tokens"],
    ];
    LlmUsage {
        provider: who.provider,
        model: model.to_owned(),
        input_tokens: count(&usage["prompt_tokens"]),
        cached_tokens: cached.into_iter().map(count).max().unwrap_or_default(),
        output_tokens: count(&usage["completion_tokens"]),
    }
}
