//! Stand-ins for the vendors' language models: as strict as the vendor, with a mind that a test decides.
//!
//! [`LlmVendor`] speaks one [`Protocol`] over [`crate::vendor::stand_in::StandIn`]. What it answers comes from a
//! [`mind::Mind`]: a script, or a model that obeys whoever spoke last ([`obedient`]), or one
//! that carries a conversation as it should (`sensible`). OpenAI's protocols are those of
//! the published types (SDK 3.52.0) and Mistral's of its OpenAPI document of August 2026; Anthropic's and Google's are
//! written from what their official SDKs send and accept (2.12.0, 3.4.0). It shares no code with the clients that it
//! tests.

mod anthropic;
mod chat;
pub mod conversation;
mod fields;
mod gemini;
pub mod mind;
mod models;
pub mod obedient;
mod responses;
mod sensible;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Reply};
use crate::vendor::auth::{self, KeyPlace};
use crate::vendor::fault::Failure;
use crate::vendor::request::Request;
use conversation::Conversation;
use mind::{Made, Mind};

/// Whose protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI's Responses.
    OpenAiResponses,
    /// OpenAI's Chat Completions.
    OpenAiChat,
    /// A server that is compatible with it and knows only what is old.
    Compatible,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's `streamGenerateContent`.
    Gemini,
    /// Mistral's chat.
    Mistral,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::OpenAiResponses,
        Self::OpenAiChat,
        Self::Compatible,
        Self::Anthropic,
        Self::Gemini,
        Self::Mistral,
    ];

    /// Its name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAiResponses => "openai-responses",
            Self::OpenAiChat => "openai-chat",
            Self::Compatible => "compatible",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Mistral => "mistral",
        }
    }

    /// What is between the stand-in's address and the vendor's own path, as the vendor's base URL has it.
    #[must_use]
    pub fn base_path(self) -> &'static str {
        match self {
            Self::OpenAiResponses | Self::OpenAiChat | Self::Compatible | Self::Mistral => "/v1",
            Self::Anthropic | Self::Gemini => "",
        }
    }

    fn path(self, model: &str) -> String {
        match self {
            Self::OpenAiResponses => "/v1/responses".to_owned(),
            Self::OpenAiChat | Self::Compatible | Self::Mistral => "/v1/chat/completions".to_owned(),
            Self::Anthropic => "/v1/messages".to_owned(),
            Self::Gemini => format!("/v1/models/{model}:streamGenerateContent"),
        }
    }

    /// Anthropic's SDK has moved from its own header to the common one; the vendor takes both.
    fn key_places(self) -> &'static [KeyPlace] {
        match self {
            Self::Anthropic => &[KeyPlace::Bearer, KeyPlace::Header("x-api-key")],
            Self::Gemini => &[KeyPlace::Header("x-goog-api-key")],
            _ => &[KeyPlace::Bearer],
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("must be one of {}", names.join(", "))
        })
    }
}

/// How a vendor behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The key that is asked for; `None` takes anybody.
    pub key: Option<String>,
    /// The models that there are.
    pub models: Vec<String>,
    /// Those of them that were announced to end, each with its date (RFC 3339).
    pub ending: Vec<(String, String)>,
    /// What is answered.
    pub mind: Mind,
    /// Between two pieces of words.
    pub pace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key: None,
            models: vec!["a-model".to_owned()],
            ending: Vec::new(),
            mind: Mind::default(),
            pace: Duration::ZERO,
        }
    }
}

/// A vendor of language models, played.
#[derive(Debug)]
pub struct LlmVendor {
    protocol: Protocol,
    settings: Settings,
    /// Counts answers, for ids that are never the same.
    made: AtomicU64,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    /// Which of the vendor's errors.
    kind: Kind,
    /// What it says.
    message: String,
    /// The field at fault.
    param: Option<String>,
}

/// An error, by what it means; each vendor has its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    NoModel,
    NotFound,
    Invalid,
    /// A field that the vendor does not know.
    Extra,
    RateLimited,
    NoCredit,
    Server,
}

impl Refusal {
    fn invalid(message: impl Into<String>) -> Self {
        Self { status: 400, kind: Kind::Invalid, message: message.into(), param: None }
    }
}

/// An answer with what a protocol needs to write it down.
pub(crate) struct Reckoned<'a> {
    made: &'a Made,
    model: &'a str,
    /// Never the same.
    number: u64,
    pace: Duration,
    streamed: bool,
    usage: mind::Usage,
    /// The usage was asked for, where it has to be.
    usage_asked: bool,
}

impl LlmVendor {
    /// Speaks `protocol`.
    #[must_use]
    pub fn new(protocol: Protocol, settings: Settings) -> Self {
        Self { protocol, settings, made: AtomicU64::new(1) }
    }

    fn judged(&self, request: &Request) -> Result<Answer, Refusal> {
        self.admitted(request)?;
        if request.method == "GET" {
            return models::answer(self.protocol, &self.settings, &request.path);
        }
        let body = request.json();
        let named = if self.protocol == Protocol::Gemini {
            gemini::model_of(&request.path)
        } else {
            body["model"].as_str()
        };
        let model = named.unwrap_or_default().to_owned();
        if request.method != "POST" || request.path != self.protocol.path(&model) {
            let message = format!("Invalid URL ({} {})", request.method, request.path);
            return Err(Refusal { status: 404, kind: Kind::NotFound, message, param: None });
        }
        if request.header("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
            return Err(Refusal::invalid("Content-Type must be application/json"));
        }
        if !body.is_object() {
            return Err(Refusal::invalid("We could not parse the JSON body of your request."));
        }
        let read = match self.protocol {
            Protocol::OpenAiResponses => responses::read(&body)?,
            Protocol::OpenAiChat | Protocol::Compatible | Protocol::Mistral => {
                chat::read(&body, self.protocol)?
            }
            Protocol::Anthropic => anthropic::read(&body, request)?,
            Protocol::Gemini => gemini::read(&body, &model, request)?,
        };
        if !self.settings.models.contains(&model) {
            return Err(Refusal {
                status: if self.protocol == Protocol::Mistral { 400 } else { 404 },
                kind: Kind::NoModel,
                message: model,
                param: Some("model".to_owned()),
            });
        }
        Ok(self.made(&read))
    }

    fn admitted(&self, request: &Request) -> Result<(), Refusal> {
        let expected = self.settings.key.as_deref();
        let shown = |place: &KeyPlace| auth::check(request, *place, expected).is_ok();
        if self.protocol.key_places().iter().any(shown) {
            return Ok(());
        }
        Err(Refusal {
            status: if self.protocol == Protocol::Gemini { 400 } else { 401 },
            kind: Kind::Key,
            message: "the key is missing or wrong".to_owned(),
            param: None,
        })
    }

    /// Its models as its list has them.
    pub(crate) fn models_listed(&self) -> Vec<Value> {
        models::all(self.protocol, &self.settings)
    }

    fn made(&self, read: &Read) -> Answer {
        let made = self.settings.mind.answer(&read.conversation);
        let reckoned = Reckoned {
            usage: made.usage.unwrap_or_else(|| mind::Usage::reckon(&read.conversation, &made)),
            made: &made,
            model: &read.conversation.model,
            number: self.made.fetch_add(1, Ordering::Relaxed),
            pace: self.settings.pace,
            streamed: read.streamed,
            usage_asked: read.usage_asked,
        };
        match self.protocol {
            Protocol::OpenAiResponses => responses::write(&reckoned),
            Protocol::OpenAiChat | Protocol::Compatible | Protocol::Mistral => {
                chat::write(&reckoned, self.protocol)
            }
            Protocol::Anthropic => anthropic::write(&reckoned),
            Protocol::Gemini => gemini::write(&reckoned),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Answer {
        match self.protocol {
            Protocol::OpenAiResponses | Protocol::OpenAiChat | Protocol::Compatible => {
                chat::refuse_openai(refusal)
            }
            Protocol::Mistral => chat::refuse_mistral(refusal),
            Protocol::Anthropic => anthropic::refuse(refusal),
            Protocol::Gemini => gemini::refuse(refusal),
        }
    }
}

/// A request that was understood.
pub(crate) struct Read {
    conversation: Conversation,
    streamed: bool,
    usage_asked: bool,
}

#[async_trait]
impl Vendor for LlmVendor {
    fn answer(&self, request: &Request) -> Reply {
        self.judged(request).unwrap_or_else(|refusal| self.refused(&refusal)).into()
    }

    fn failure(&self, failure: Failure) -> Reply {
        let anthropic = self.protocol == Protocol::Anthropic;
        let (status, kind) = match failure {
            Failure::Unauthorized => (401, Kind::Key),
            Failure::RateLimited(_) => (429, Kind::RateLimited),
            // In a sentence only.
            Failure::NoCredit if anthropic => (400, Kind::NoCredit),
            Failure::NoCredit if self.protocol == Protocol::Mistral => (402, Kind::NoCredit),
            Failure::NoCredit if self.protocol == Protocol::Gemini => (403, Kind::NoCredit),
            Failure::NoCredit => (429, Kind::NoCredit),
            Failure::Server(status) => (status, Kind::Server),
        };
        let answer = self.refused(&Refusal { status, kind, message: "by order".to_owned(), param: None });
        match failure {
            Failure::RateLimited(Some(after)) => {
                answer.header("retry-after", after.as_secs().to_string()).into()
            }
            _ => answer.into(),
        }
    }
}
