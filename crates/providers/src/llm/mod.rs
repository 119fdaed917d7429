//! Language models of five vendors, and of whoever speaks OpenAI's Chat Completions: one file each.
//!
//! | id | vendor | file |
//! | --- | --- | --- |
//! | `openai` | OpenAI, Responses | [`openai_responses`] |
//! | `openai-chat` | OpenAI, Chat Completions | [`openai_chat`] |
//! | `compatible` | any server that speaks Chat Completions: Ollama, vLLM, llama.cpp | [`openai_chat`] |
//! | `anthropic` | Anthropic, Messages | [`anthropic`] |
//! | `gemini` | Google, `streamGenerateContent` | [`gemini`] |
//! | `mistral` | Mistral, chat | [`mistral`] |
//!
//! Each is made from [`LlmSettings`] and is a body to send and a [`exchange::Reader`] of what comes back, both pure;
//! `exchange` does the rest for all. None repeats a request or rests after a failure: the layers around them do. The
//! only deadlines here are a safety net ([`Patience`]).
//!
//! Written by hand, not with the crate genai (0.7.2 was read for it): it writes what a stream says, and with it words
//! of the conversation, to the log when it does not understand it; chooses between `max_tokens` and
//! `max_completion_tokens` by the model's name, which says nothing about a compatible server; hands the ids of calls on
//! as they are, which Mistral and Anthropic refuse once another vendor made them; and ends a stream that was cut off
//! like one that is complete.
//!
//! What is shared between vendors in one conversation: a call made by one and told to another gets an id that the
//! other accepts (`conversation`), because a conversation goes on when its vendor fails in the middle.

pub mod anthropic;
mod chat;
mod conversation;
mod events;
pub mod exchange;
mod failure;
pub mod gemini;
pub mod mistral;
pub mod openai_chat;
pub mod openai_responses;

use std::sync::Arc;
use std::time::Duration;

use provider_traits::ambient::Clock;
use provider_traits::descriptor::Readiness;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::task::TaskTracker;

/// Where a model is and what is asked of it. The same for every vendor.
#[derive(Clone)]
pub struct LlmSettings {
    /// The address before the vendor's own path; each vendor has its `BASE_URL`.
    pub base_url: Url,
    /// The key. A compatible server may need none.
    pub api_key: Option<SecretString>,
    /// The model's id; each vendor has its `MODEL`.
    pub model: String,
    /// The name of the setting that chose the model, for who has to change it.
    pub model_setting: &'static str,
    /// How long the model may think before it answers, in the vendor's own word (`none`, `low`, …). `None`: as the
    /// vendor likes. What is thought counts as output.
    pub effort: Option<String>,
    /// Makes the requests. It follows no redirects and has no deadline for a whole answer.
    pub http: reqwest::Client,
    /// For `Retry-After` with a date.
    pub clock: Arc<dyn Clock>,
    /// Tracks the tasks that read answers.
    pub tasks: TaskTracker,
    /// The safety net.
    pub patience: Patience,
}

// By hand: a clock has nothing to show.
impl std::fmt::Debug for LlmSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LlmSettings")
            .field("base_url", &self.base_url.as_str())
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Longer than any caller waits: so long until a request that nobody watches is given up.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until the vendor has accepted a request.
    pub accepted: Duration,
    /// Between two pieces of an answer.
    pub between: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { accepted: Duration::from_secs(30), between: Duration::from_secs(30) }
    }
}

/// Why a provider can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// The key has a character that no header may have. It is not shown.
    #[error("the key has a character that a header can't carry")]
    Key,
    /// There is no model's id.
    #[error("no model is chosen ({setting})")]
    Model {
        /// The setting that chooses it.
        setting: &'static str,
    },
    /// The address is none of HTTP.
    #[error("the base URL must begin with http:// or https://")]
    Address,
}

/// The path behind the base URL, which may end with a slash or not.
fn address(base: &Url, path: &str) -> Result<Url, SetUpError> {
    if !matches!(base.scheme(), "http" | "https") {
        return Err(SetUpError::Address);
    }
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    Ok(url)
}

/// A key as the value of a header, which no log shows.
fn key_header(before: &str, key: &SecretString) -> Result<HeaderValue, SetUpError> {
    let text = format!("{before}{}", key.expose_secret());
    let mut value = HeaderValue::try_from(text).map_err(|_unshown| SetUpError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether there is a key, where one is needed.
fn readiness(settings: &LlmSettings, vendor: &str, variable: &str) -> Readiness {
    if settings.api_key.is_some() {
        return Readiness::Ready;
    }
    Readiness::Missing { what: format!("{vendor}'s key"), remedy: format!("set {variable}") }
}
