//! Language models: words and calls of functions in, words and calls of functions out, streaming.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::descriptor::{Descriptor, ProviderNotice, Readiness};
use crate::error::ProviderError;
use crate::realtime::FunctionTool;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmRequest {
    /// The rules it works by.
    pub system: Arc<str>,
    /// The conversation so far, oldest first; the last is the caller's or a function's output.
    pub messages: Vec<LlmMessage>,
    /// The functions it may call; empty when it shall only speak.
    pub tools: Arc<[FunctionTool]>,
    /// Most tokens of the answer.
    pub max_output_tokens: u32,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum LlmMessage {
    /// What the caller said, or what the call itself has to tell.
    Caller {
        /// The words.
        text: String,
    },
    /// What the model answered, as far as it was heard.
    Agent {
        /// The words; empty when it only called functions.
        text: String,
        /// The functions it called, each followed by its output.
        calls: Vec<LlmCall>,
    },
    /// What came of a function. Exactly one for each call.
    Output {
        /// Id of the call.
        call: String,
        /// Name of the function.
        name: String,
        /// JSON, or a sentence.
        output: String,
    },
}

/// A function that the model calls.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmCall {
    /// The vendor's id of the call; unique within the conversation.
    pub id: String,
    /// Name of the function.
    pub name: String,
    /// Arguments; anything that is no JSON object is passed on as the string it was.
    pub arguments: Value,
    /// What the vendor wants back unchanged with the call (Gemini's thought signature).
    pub signature: Option<String>,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum LlmPiece {
    /// More words. Any length, also within a word.
    Text(String),
    /// A call of a function, complete.
    Call(LlmCall),
    /// The answer is complete; nothing follows.
    Done {
        /// Why it ended.
        stop: LlmStop,
        /// What it cost, when the vendor says so.
        usage: Option<LlmUsage>,
    },
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LlmStop {
    /// It was finished.
    Finished,
    /// Functions are to be run, then it goes on.
    Calls,
    /// It was cut at its longest length.
    Length,
    /// The vendor's filter stopped it.
    Filtered,
}

/// Tokens of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmUsage {
    /// Id of the provider that answered.
    pub provider: &'static str,
    /// The model that answered, as the vendor names it.
    pub model: String,
    /// Tokens read, those from the vendor's cache included.
    pub input_tokens: u64,
    /// Those of the above that came from the vendor's cache.
    pub cached_tokens: u64,
    /// Tokens written, thoughts included.
    pub output_tokens: u64,
}

/// An answer as it is made. After [`LlmPiece::Done`] or an error it ends; when it ends without either, it was cut
/// off. Dropping it cancels the request at the vendor. Bounded: a slow reader slows the vendor.
pub type LlmAnswer = mpsc::Receiver<Result<LlmPiece, ProviderError>>;

/// A language model.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Its name and nature.
    fn descriptor(&self) -> &'static Descriptor;

    /// Whether it can work here now.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// The same model for one call, which tells `notices` what that call's log should show. Never waits for room
    /// there. `None`: it has nothing to tell, use it as it is.
    fn for_call(&self, _notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn LanguageModel>> {
        None
    }

    /// The same for a business that wants these providers in this order, by their ids. `None`: there is nothing to
    /// choose from, use it as it is.
    fn in_order(&self, _ids: &[String]) -> Option<Arc<dyn LanguageModel>> {
        None
    }

    /// Begins to answer. Returns when the vendor has accepted the request.
    ///
    /// # Errors
    /// When it can't be asked, or refuses.
    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError>;
}
