//! A model that does what a script says.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::error::ProviderError;
use provider_traits::llm::{
    LanguageModel, LlmAnswer, LlmCall, LlmMessage, LlmPiece, LlmRequest, LlmStop, LlmUsage,
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

static DESCRIPTOR: Descriptor = Descriptor { id: "scripted", name: "Scripted", locality: Locality::Local };

/// A step of an answer.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Words, in pieces of three characters.
    Say(String),
    Call(&'static str, Value),
    Wait(u64),
    /// Refuses the request when first, breaks off the stream else.
    Fail,
    /// The stream ends without its end.
    CutOff,
}

pub(super) fn say(text: &str) -> Step {
    Step::Say(text.to_owned())
}

type Script = Box<dyn Fn(usize, &LlmRequest) -> Vec<Step> + Send + Sync>;

pub(super) struct Scripted {
    script: Script,
    pub(super) requests: Mutex<Vec<LlmRequest>>,
    tasks: TaskTracker,
}

impl Scripted {
    /// Answers in this order; then it has nothing more to say.
    pub(super) fn answers(answers: Vec<Vec<Step>>) -> Self {
        Self::by(move |nth, _| answers.get(nth).cloned().unwrap_or_default())
    }

    /// Decides by the number of the request and its words.
    pub(super) fn by(script: impl Fn(usize, &LlmRequest) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self { script: Box::new(script), requests: Mutex::default(), tasks: TaskTracker::new() }
    }

    pub(super) fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The last request's messages as text.
    pub(super) fn last_messages(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.last().map_or_else(Vec::new, |request| request.messages.iter().map(told).collect())
    }
}

/// A message as text.
pub(super) fn told(message: &LlmMessage) -> String {
    match message {
        LlmMessage::Caller { text } => format!("caller: {text}"),
        LlmMessage::Agent { text, calls } => {
            let calls: Vec<String> =
                calls.iter().map(|call| format!("{}({})", call.name, call.arguments)).collect();
            format!("agent: {text}{}", calls.join(" "))
        }
        LlmMessage::Output { name, output, .. } => format!("{name}: {output}"),
    }
}

#[async_trait]
impl LanguageModel for Scripted {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    async fn answer(&self, request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let nth = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let steps = (self.script)(nth, request);
        let gone =
            || ProviderError::Unavailable { provider: "scripted", reason: "as the script says".into() };
        if matches!(steps.first(), Some(Step::Fail)) {
            return Err(gone());
        }
        let (sender, answer) = mpsc::channel(4);
        self.tasks.spawn(async move {
            let mut calls = 0;
            for step in steps {
                match step {
                    Step::Say(text) => {
                        let characters: Vec<char> = text.chars().collect();
                        for piece in characters.chunks(3) {
                            if sender.send(Ok(LlmPiece::Text(piece.iter().collect()))).await.is_err() {
                                return;
                            }
                        }
                    }
                    Step::Call(name, arguments) => {
                        calls += 1;
                        let call = LlmCall {
                            id: format!("c{calls}"),
                            name: name.into(),
                            arguments,
                            signature: None,
                        };
                        let _ = sender.send(Ok(LlmPiece::Call(call))).await;
                    }
                    Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                    Step::Fail => {
                        let _ = sender.send(Err(gone())).await;
                        return;
                    }
                    Step::CutOff => return,
                }
            }
            let stop = if calls > 0 { LlmStop::Calls } else { LlmStop::Finished };
            let usage = LlmUsage {
                provider: "scripted",
                model: "script-1".into(),
                input_tokens: 100,
                cached_tokens: 60,
                output_tokens: 10,
            };
            let _ = sender.send(Ok(LlmPiece::Done { stop, usage: Some(usage) })).await;
        });
        Ok(answer)
    }
}
