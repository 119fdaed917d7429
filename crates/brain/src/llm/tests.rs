//! Conversations with a scripted model: what is said, what is run, what happens when the model fails.

mod attacks;
mod conversations;
mod failing;
mod injection;
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use domain::call_log::EventKind;
use domain::call_plan::CallPlan;
use domain::ids::TurnId;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Brain, ExpectedAnswer, Mind, NextStep, Prompt, Thought};
use provider_traits::tools::Tools;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::scripted::Scripted;
use super::{LlmBrain, LlmSettings};
use crate::rules::tests::{FakeTools, Who, plan};

/// A conversation under test.
struct Call {
    mind: Box<dyn Mind>,
    model: Arc<Scripted>,
    turns: u128,
}

/// What one prompt brought.
#[derive(Default, Debug)]
struct Heard {
    sentences: Vec<String>,
    expect: ExpectedAnswer,
    next: Option<NextStep>,
    log: Vec<EventKind>,
    first_words_after: Option<Duration>,
}

impl Heard {
    fn text(&self) -> String {
        self.sentences.join(" ")
    }

    fn tools(&self) -> Vec<(&str, bool)> {
        self.log
            .iter()
            .filter_map(|entry| match entry {
                EventKind::ToolCall { name, ok, .. } => Some((name.as_str(), *ok)),
                _ => None,
            })
            .collect()
    }

    fn noted(&self, wanted: &str) -> bool {
        self.log.iter().any(|entry| matches!(entry, EventKind::Notice { code, .. } if code == wanted))
    }
}

impl Call {
    fn of(who: Who, model: Scripted) -> (Self, Arc<FakeTools>) {
        let tools = Arc::new(FakeTools::new(who));
        (Self::with(plan(who), tools.clone(), model, LlmSettings::default()), tools)
    }

    fn with(plan: CallPlan, tools: Arc<dyn Tools>, model: Scripted, settings: LlmSettings) -> Self {
        let model = Arc::new(model);
        let brain = LlmBrain::new(model.clone(), Ambient::system(), settings);
        Self { mind: brain.begin(Arc::new(plan), tools), model, turns: 0 }
    }

    async fn prompt(&mut self, prompt: Prompt) -> Heard {
        self.prompt_until(prompt, CancellationToken::new()).await
    }

    async fn prompt_until(&mut self, prompt: Prompt, cancel: CancellationToken) -> Heard {
        let (sender, mut receiver) = mpsc::channel(4);
        let mind = &mut self.mind;
        let asked = Instant::now();
        let answering = async move {
            mind.respond(prompt, &sender, &cancel).await;
            drop(sender);
        };
        let listening = async {
            let mut heard = Heard::default();
            while let Some(thought) = receiver.recv().await {
                match thought {
                    Thought::Say { text, .. } => {
                        heard.first_words_after.get_or_insert(asked.elapsed());
                        heard.sentences.push(text);
                    }
                    Thought::Expect(expect) => heard.expect = expect,
                    Thought::Log(entry) => heard.log.push(entry),
                    Thought::Then(next) => heard.next = Some(next),
                }
            }
            heard
        };
        tokio::join!(answering, listening).1
    }

    async fn say(&mut self, text: &str) -> Heard {
        self.say_over(text, None).await
    }

    async fn say_over(&mut self, text: &str, heard: Option<&str>) -> Heard {
        let prompt = self.said(text, heard);
        self.prompt(prompt).await
    }

    fn said(&mut self, text: &str, heard: Option<&str>) -> Prompt {
        self.turns += 1;
        let turn = TurnId(Uuid::from_u128(self.turns));
        Prompt::CallerSaid { turn, text: text.into(), agent_was_heard: heard.map(String::from) }
    }
}
