//! The table of vendors, and what tests ask of them.

use std::sync::Arc;
use std::time::Duration;

use provider_traits::ambient::SystemClock;
use provider_traits::error::ProviderError;
use provider_traits::llm::{
    LanguageModel, LlmAnswer, LlmCall, LlmMessage, LlmPiece, LlmRequest, LlmStop, LlmUsage,
};
use provider_traits::realtime::FunctionTool;
use provider_traits::schema::Schema;
use providers::llm::anthropic::Anthropic;
use providers::llm::gemini::Gemini;
use providers::llm::mistral::Mistral;
use providers::llm::openai_chat::{Flavour, OpenAiChat};
use providers::llm::openai_responses::OpenAiResponses;
use providers::llm::{LlmSettings, Patience, SetUpError};
use secrecy::SecretString;
use serde_json::json;
use simulator::llm::mind::Mind;
use simulator::llm::{LlmVendor, Protocol, Settings};
use simulator::vendor::stand_in::{Place, StandIn};
use tokio_util::task::TaskTracker;

/// The key of all vendors.
pub(crate) const KEY: &str = "sk-the-key-of-the-tests";
/// The model of all vendors.
pub(crate) const MODEL: &str = "model-of-today";
/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(20);

/// A vendor, and our client of it.
pub(crate) struct Stage {
    pub(crate) protocol: Protocol,
    pub(crate) stand_in: StandIn<LlmVendor>,
    pub(crate) model: Arc<dyn LanguageModel>,
}

/// A vendor of this protocol with this mind.
pub(crate) async fn stage(protocol: Protocol, mind: Mind) -> Stage {
    stage_with(protocol, mind, |settings| settings).await
}

pub(crate) async fn stage_with(
    protocol: Protocol,
    mind: Mind,
    change: impl FnOnce(LlmSettings) -> LlmSettings,
) -> Stage {
    let settings =
        Settings { key: Some(KEY.to_owned()), models: vec![MODEL.to_owned()], mind, ..Settings::default() };
    let stand_in = StandIn::start(LlmVendor::new(protocol, settings), Place::default()).await.unwrap();
    let model = client(protocol, change(client_settings(protocol, &stand_in.url()))).unwrap();
    Stage { protocol, stand_in, model }
}

pub(crate) fn client_settings(protocol: Protocol, url: &str) -> LlmSettings {
    LlmSettings {
        base_url: format!("{url}{}", protocol.base_path()).parse().unwrap(),
        api_key: Some(SecretString::from(KEY)),
        model: MODEL.to_owned(),
        model_setting: "llm.the_model",
        effort: None,
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        clock: Arc::new(SystemClock),
        tasks: TaskTracker::new(),
        patience: Patience::default(),
    }
}

pub(crate) fn client(
    protocol: Protocol,
    settings: LlmSettings,
) -> Result<Arc<dyn LanguageModel>, SetUpError> {
    Ok(match protocol {
        Protocol::OpenAiResponses => Arc::new(OpenAiResponses::new(settings)?),
        Protocol::OpenAiChat => Arc::new(OpenAiChat::new(settings, Flavour::OpenAi)?),
        Protocol::Compatible => Arc::new(OpenAiChat::new(settings, Flavour::Compatible)?),
        Protocol::Anthropic => Arc::new(Anthropic::new(settings)?),
        Protocol::Gemini => Arc::new(Gemini::new(settings)?),
        Protocol::Mistral => Arc::new(Mistral::new(settings)?),
    })
}

/// Everything of an answer.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) pieces: Vec<String>,
    pub(crate) calls: Vec<LlmCall>,
    pub(crate) done: Option<(LlmStop, Option<LlmUsage>)>,
    pub(crate) error: Option<ProviderError>,
}

impl Whole {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    pub(crate) fn stop(&self) -> LlmStop {
        self.done.as_ref().unwrap_or_else(|| panic!("not done: {self:?}")).0
    }

    /// The message that the conversation goes on with.
    pub(crate) fn message(&self) -> LlmMessage {
        LlmMessage::Agent { text: self.text(), calls: self.calls.clone() }
    }
}

/// Reads an answer to its end.
pub(crate) async fn read(mut answer: LlmAnswer) -> Whole {
    let mut whole = Whole::default();
    let reading = async {
        while let Some(piece) = answer.recv().await {
            assert!(whole.done.is_none() && whole.error.is_none(), "nothing follows the end: {piece:?}");
            match piece {
                Ok(LlmPiece::Text(text)) => whole.pieces.push(text),
                Ok(LlmPiece::Call(call)) => whole.calls.push(call),
                Ok(LlmPiece::Done { stop, usage }) => whole.done = Some((stop, usage)),
                Err(error) => whole.error = Some(error),
            }
        }
    };
    tokio::time::timeout(HANGS, reading).await.expect("an answer ends");
    whole
}

impl Stage {
    /// The whole answer to a request that must be accepted.
    pub(crate) async fn answer(&self, request: &LlmRequest) -> Whole {
        let answer = self.model.answer(request).await;
        read(answer.unwrap_or_else(|error| panic!("{:?}: {error}; {:?}", self.protocol, self.complaint())))
            .await
    }

    /// The failure of a request, whether it comes at once or in the middle.
    pub(crate) async fn failure(&self, request: &LlmRequest) -> ProviderError {
        match self.model.answer(request).await {
            Err(error) => error,
            Ok(answer) => {
                let whole = read(answer).await;
                whole.error.clone().unwrap_or_else(|| panic!("{:?}: no failure: {whole:?}", self.protocol))
            }
        }
    }

    /// The last request, for messages of failed tests.
    pub(crate) fn complaint(&self) -> String {
        let seen = self.stand_in.seen();
        seen.last().map(|last| last.request.json().to_string()).unwrap_or_default()
    }
}

pub(crate) fn tool(name: &str) -> FunctionTool {
    FunctionTool {
        name: name.to_owned(),
        description: "Looks up a project.".to_owned(),
        parameters: Schema::from(&json!({
            "type": "object",
            "properties": { "name": { "type": "string", "description": "Its name." } },
            "required": ["name"],
            "additionalProperties": false,
        })),
    }
}

pub(crate) fn caller(text: &str) -> LlmMessage {
    LlmMessage::Caller { text: text.to_owned() }
}

pub(crate) fn agent(text: &str) -> LlmMessage {
    LlmMessage::Agent { text: text.to_owned(), calls: Vec::new() }
}

pub(crate) fn output(call: &LlmCall, text: &str) -> LlmMessage {
    LlmMessage::Output { call: call.id.clone(), name: call.name.clone(), output: text.to_owned() }
}

/// A request with two functions.
pub(crate) fn request(messages: Vec<LlmMessage>) -> LlmRequest {
    LlmRequest {
        system: Arc::from("You answer the telephone of a studio."),
        messages,
        tools: Arc::from([tool("get_project_status"), tool("end_call")]),
        max_output_tokens: 200,
    }
}

/// Without functions.
pub(crate) fn plain(text: &str) -> LlmRequest {
    LlmRequest { tools: Arc::from([]), ..request(vec![caller(text)]) }
}
