//! The deterministic brain: intents, retrieval, the lead flow and a dialogue policy, all by rule.
//!
//! Its input is speech recognition with a word in ten wrong, so everything is matched by evidence, and what
//! is not understood is asked again, offered as a message or handed to a person. It never invents.

mod ask;
mod callback;
mod dialogue;
mod identify;
mod lead;
mod memory;
mod message;
mod recall;
mod satisfaction;
mod scope;
mod small_talk;
mod status;
mod taking_over;
mod tools;
mod transfer;
mod urgent;

use std::sync::Arc;

use async_trait::async_trait;
use domain::call_log::EventKind;
use domain::call_plan::CallPlan;
use domain::history::History;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Brain, Mind, Prompt, Thought};
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::tools::Tools;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::reply::Reply;
use dialogue::Talk;
use memory::Memory;

static DESCRIPTOR: Descriptor = Descriptor { id: "rules", name: "Built-in rules", locality: Locality::Local };

/// Makes rule-driven minds.
#[derive(Clone)]
pub struct RulesBrain {
    ambient: Ambient,
}

impl RulesBrain {
    /// A brain that takes the ids of its tool calls from `ambient`.
    #[must_use]
    pub fn new(ambient: Ambient) -> Self {
        Self { ambient }
    }
}

impl Brain for RulesBrain {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn begin(&self, plan: Arc<CallPlan>, tools: Arc<dyn Tools>) -> Box<dyn Mind> {
        let memory = Memory { client: plan.caller.client.clone(), ..Memory::default() };
        Box::new(RulesMind { plan, tools, ambient: self.ambient.clone(), memory, held: Vec::new() })
    }
}

/// One conversation.
struct RulesMind {
    plan: Arc<CallPlan>,
    tools: Arc<dyn Tools>,
    ambient: Ambient,
    memory: Memory,
    /// Log entries that a cancelled turn could not send; they go out with the next one.
    held: Vec<EventKind>,
}

#[async_trait]
impl Mind for RulesMind {
    async fn respond(
        &mut self,
        prompt: Prompt,
        thoughts: &mpsc::Sender<Thought>,
        cancel: &CancellationToken,
    ) {
        let before = self.memory.clone();
        let mut reply = Reply::new(thoughts, cancel);
        for entry in std::mem::take(&mut self.held) {
            reply.log(entry).await;
        }
        let mut talk = Talk::new(&self.plan, &self.tools, &self.ambient, &mut self.memory, reply);
        talk.answer(prompt).await;
        let reply = talk.finish().await;
        let unsaid = reply.said.is_empty() && cancel.is_cancelled();
        self.held = reply.held;
        if unsaid {
            // Nobody heard anything: the next prompt finds the conversation as it was. Tools that ran have
            // left their mark, and running them again replaces it.
            self.memory = before;
        }
    }

    fn snapshot(&self) -> serde_json::Value {
        serde_json::to_value(&self.memory).unwrap_or_default()
    }

    fn restore(&mut self, snapshot: serde_json::Value) {
        if let Ok(memory) = serde_json::from_value::<Memory>(snapshot) {
            self.memory = memory;
        }
    }

    fn take_over(&mut self, history: &History) {
        self.memory.take_over(history, &self.plan);
    }
}

#[cfg(test)]
pub(crate) mod tests;
