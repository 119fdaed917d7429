//! The brain that asks a language model, with the [rules](crate::rules) behind it.
//!
//! The model gets the business's instructions, what was said and heard, and the [functions](crate::functions) that
//! this caller's conversation may use. Its words are cut into sentences, held against what is known ([`guard`]) and
//! handed on as they come. What must not depend on a model does not: the greeting, prompts in silence, the end, the
//! alarm of an emergency. A model that does not answer in time, or not at all, is passed over for the turn: the rules
//! answer it, and the caller notices a short filler at most.

mod conversation;
mod expecting;
mod foresight;
mod guard;
mod sentences;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::agent_phrases::{Phrase, fill, variant};
use domain::call_log::{EventKind, Fault, Purpose};
use domain::call_plan::CallPlan;
use domain::expected_answer::ExpectedAnswer;
use domain::history::{History, Side};
use domain::ids::TurnId;
use domain::intents::{self, Intent};
use domain::urgency;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Brain, GoOn, Mind, Prompt, Thought};
use provider_traits::descriptor::{Descriptor, Locality, ProviderNotice};
use provider_traits::functions::Functions;
use provider_traits::llm::{LanguageModel, LlmCall, LlmRequest};
use provider_traits::realtime::FunctionTool;
use provider_traits::tools::Tools;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::conversation::Conversation;
use self::foresight::Foresight;
use self::guard::Guard;
use self::turn::Ended;
use crate::reply::Reply;
use crate::rules::RulesBrain;
use crate::{functions, instructions};

static DESCRIPTOR: Descriptor = Descriptor {
    id: "llm",
    name: "Language model, with the built-in rules behind it",
    locality: Locality::Cloud,
};

/// Notices of the model's chain that wait to be written into the call's log.
const WAITING_NOTICES: usize = 16;

/// How long is waited for a model, and how much it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LlmSettings {
    /// From a prompt to the first words or function; then the rules answer. A filler that begins after 1.2 s lasts
    /// about as long as is left, so that no gap of more than 1.5 s is heard (`product/11-targets`).
    pub first_words: Duration,
    /// The same while the model has just failed: its caller need not wait as long to find that out again.
    pub first_words_after_failure: Duration,
    /// Between two pieces of an answer.
    pub stall: Duration,
    /// Requests for one prompt: functions and answers take turns.
    pub most_rounds: u32,
    /// Tokens of the conversation that the model is told; the oldest are left out.
    pub history_tokens: usize,
    /// Most tokens of one answer.
    pub max_output_tokens: u32,
    /// Whether the model is asked while the caller's pause may still be the end of the turn. It answers sooner and
    /// costs more: requests whose words turn out to go on are thrown away.
    pub think_ahead: bool,
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            first_words: Duration::from_millis(3_500),
            first_words_after_failure: Duration::from_millis(1_200),
            stall: Duration::from_millis(2_500),
            most_rounds: 6,
            history_tokens: 6_000,
            max_output_tokens: 500,
            think_ahead: true,
        }
    }
}

/// Makes minds that ask a language model.
#[derive(Clone)]
pub struct LlmBrain {
    model: Arc<dyn LanguageModel>,
    rules: RulesBrain,
    ambient: Ambient,
    settings: LlmSettings,
}

impl LlmBrain {
    /// A brain over a model, which usually is a chain of several.
    #[must_use]
    pub fn new(model: Arc<dyn LanguageModel>, ambient: Ambient, settings: LlmSettings) -> Self {
        Self { model, rules: RulesBrain::new(ambient.clone()), ambient, settings }
    }
}

impl Brain for LlmBrain {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn begin(&self, plan: Arc<CallPlan>, tools: Arc<dyn Tools>) -> Box<dyn Mind> {
        let (notify, notices) = mpsc::channel(WAITING_NOTICES);
        let functions = functions::functions(Arc::clone(&plan), Arc::clone(&tools), self.ambient.clone());
        let specs: Vec<FunctionTool> = functions.specs().iter().map(|spec| spec.tool.clone()).collect();
        let wishes = plan.agent.providers.llm.as_deref();
        let model =
            wishes.and_then(|ids| self.model.in_order(ids)).unwrap_or_else(|| Arc::clone(&self.model));
        Box::new(LlmMind {
            model: model.for_call(&notify).unwrap_or(model),
            notices,
            rules: self.rules.begin(Arc::clone(&plan), tools),
            system: instructions::conversation(&plan),
            specs: specs.into(),
            guard: Guard::of(&plan),
            functions,
            settings: self.settings,
            conversation: Conversation::default(),
            history: History::default(),
            foresight: Foresight::default(),
            expect: ExpectedAnswer::Open,
            failures: 0,
            phrases_said: 0,
            held: Vec::new(),
            plan,
        })
    }
}

/// One conversation.
struct LlmMind {
    plan: Arc<CallPlan>,
    model: Arc<dyn LanguageModel>,
    notices: mpsc::Receiver<ProviderNotice>,
    functions: Arc<dyn Functions>,
    specs: Arc<[FunctionTool]>,
    rules: Box<dyn Mind>,
    system: String,
    settings: LlmSettings,
    conversation: Conversation,
    /// The same conversation in nobody's words, for the rules and for other nodes.
    history: History,
    guard: Guard,
    foresight: Foresight,
    expect: ExpectedAnswer,
    /// Turns in a row that the model could not answer.
    failures: u32,
    /// Varies the phrases that are said in place of a model's words.
    phrases_said: usize,
    /// Log entries that a cancelled turn could not send; they go out with the next one.
    held: Vec<EventKind>,
}

/// What another node needs to go on.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Snapshot {
    conversation: Conversation,
    history: History,
    rules: serde_json::Value,
}

#[async_trait]
impl Mind for LlmMind {
    async fn respond(
        &mut self,
        prompt: Prompt,
        thoughts: &mpsc::Sender<Thought>,
        cancel: &CancellationToken,
    ) {
        let mut reply = Reply::new(thoughts, cancel);
        for entry in std::mem::take(&mut self.held) {
            reply.log(entry).await;
        }
        self.answer(prompt, &mut reply).await;
        while let Ok(notice) = self.notices.try_recv() {
            reply.log(notice.entry()).await;
        }
        reply.close(self.expect).await;
        self.held = reply.held;
    }

    fn foresee(&mut self, words: &str) {
        let emergency = urgency::assess(words, &self.plan.urgency).is_urgent();
        if !self.settings.think_ahead || self.failures > 0 || emergency {
            return self.foresight.forget();
        }
        let (conversation, model) = (&self.conversation, &self.model);
        let (plan, history, system) = (&self.plan, &self.history, &self.system);
        let (specs, settings) = (&self.specs, &self.settings);
        self.foresight.begin(words, model, || {
            let mut conversation = conversation.clone();
            conversation.caller_said(words);
            request(&conversation, plan, history, system, specs, settings)
        });
    }

    fn snapshot(&self) -> serde_json::Value {
        let snapshot = Snapshot {
            conversation: self.conversation.clone(),
            history: self.history.clone(),
            rules: self.rules.snapshot(),
        };
        serde_json::to_value(snapshot).unwrap_or_default()
    }

    fn restore(&mut self, snapshot: serde_json::Value) {
        let Ok(snapshot) = serde_json::from_value::<Snapshot>(snapshot) else { return };
        self.rules.restore(snapshot.rules);
        self.conversation = snapshot.conversation;
        self.conversation.each_proof(|name, text| match name {
            Some(name) => self.guard.function_gave(name, text),
            None => self.guard.caller_said(text),
        });
        self.history = snapshot.history;
        self.functions.take_over(&self.history);
    }

    fn take_over(&mut self, history: &History) {
        if history.lines != self.history.lines {
            // What was heard counts, not what was made; the functions' outputs are known to the guard still.
            self.conversation.clear();
            for line in &history.lines {
                match line.by {
                    Side::Caller => {
                        self.guard.caller_said(&line.text);
                        self.conversation.caller_said(&line.text);
                    }
                    Side::Agent => self.conversation.agent_said(&line.text),
                }
            }
        }
        self.history.clone_from(history);
        self.functions.take_over(history);
        self.rules.take_over(history);
    }
}

impl LlmMind {
    async fn answer(&mut self, prompt: Prompt, out: &mut Reply<'_>) {
        match prompt {
            Prompt::PickedUp if self.history.is_empty() => self.by_rules(Prompt::PickedUp, out).await,
            Prompt::PickedUp => self.take_up(GoOn::CutOff, out).await,
            Prompt::CallerSaid { turn, text, agent_was_heard } => {
                if let Some(heard) = agent_was_heard {
                    self.was_heard(&heard);
                    self.foresight.forget();
                }
                self.caller_said(turn, text, out).await;
            }
            // Zero is the way to a person everywhere.
            Prompt::CallerDialled { digits } if digits.trim_end_matches('#') == "0" => {
                self.by_rules(Prompt::CallerDialled { digits }, out).await;
            }
            Prompt::CallerDialled { digits } => {
                let keys: String = digits.chars().flat_map(|key| [key, ' ']).collect();
                self.conversation.note(&format!("The caller pressed the keys {}", keys.trim_end()));
                self.guard.caller_said(&digits);
                self.or_rules(None, Prompt::CallerDialled { digits }, out).await;
            }
            Prompt::Silence { .. } | Prompt::TimeIsUp => self.by_rules(prompt, out).await,
            Prompt::GoOn(how) => self.take_up(how, out).await,
        }
    }

    async fn caller_said(&mut self, turn: TurnId, text: String, out: &mut Reply<'_>) {
        let foreseen = self.foresight.take(&text);
        let urgency = urgency::assess(&text, &self.plan.urgency);
        let intent = if urgency.is_urgent() { Intent::Emergency } else { intents::classify(&text) };
        out.log(EventKind::Intent { turn, intent: intent.name().to_owned() }).await;
        self.conversation.caller_said(&text);
        self.guard.caller_said(&text);
        self.history.note(&EventKind::CallerTurn {
            turn,
            started_ms: 0,
            ended_ms: 0,
            text: text.clone(),
            confidence: None,
        });
        if urgency.is_urgent() && !self.history.flagged_urgent {
            // The alarm does not wait for a model's opinion.
            let call = LlmCall {
                id: String::new(),
                name: "flag_urgent".to_owned(),
                arguments: json!({ "score": urgency.score.clamp(5, 10), "reason": text }),
                signature: None,
            };
            self.run(vec![call], true, out).await;
        }
        self.or_rules(foreseen, Prompt::GoOn(GoOn::AnswerOwed { turn, text }), out).await;
    }

    /// Lets the model answer; when it can't, the rules answer the prompt.
    async fn or_rules(&mut self, foreseen: Option<turn::Foreseen>, prompt: Prompt, out: &mut Reply<'_>) {
        let said = out.said.len();
        let ended = self.converse(foreseen, out).await;
        self.heard_later(&out.said[said..].join(" "));
        match ended {
            Ended::Answered => self.failures = 0,
            Ended::Cancelled => {}
            Ended::Failed { error } => {
                self.failures += 1;
                let text =
                    format!("the language model failed ({error}); the built-in rules answered this turn");
                out.log(self.notice("brain_failed_over", text, Fault::Provider)).await;
                self.by_rules(prompt, out).await;
            }
        }
    }

    /// Lets the rules answer, and remembers what they said and did.
    async fn by_rules(&mut self, prompt: Prompt, out: &mut Reply<'_>) {
        self.foresight.forget();
        self.rules.take_over(&self.history);
        let said = out.said.len();
        let (sender, mut thoughts) = mpsc::channel(8);
        let (rules, history, cancel) = (&mut self.rules, &mut self.history, out.cancel());
        let expect = &mut self.expect;
        let answering = async move {
            rules.respond(prompt, &sender, cancel).await;
            drop(sender);
        };
        let passing_on = async {
            while let Some(thought) = thoughts.recv().await {
                match thought {
                    Thought::Say { text, purpose, interruptible } => {
                        out.say(text, purpose, interruptible).await;
                    }
                    Thought::Expect(kind) => *expect = kind,
                    Thought::Log(entry) => {
                        history.note(&entry);
                        out.log(entry).await;
                    }
                    Thought::Then(next) => out.next = Some(next),
                }
            }
        };
        tokio::join!(answering, passing_on);
        let words = out.said[said..].join(" ");
        if !words.is_empty() {
            self.conversation.agent_said(&words);
        }
        self.heard_later(&words);
        self.functions.take_over(&self.history);
    }

    async fn take_up(&mut self, how: GoOn, out: &mut Reply<'_>) {
        match how {
            GoOn::CutOff if self.history.is_empty() => self.by_rules(Prompt::PickedUp, out).await,
            GoOn::CutOff => {
                let words = self.phrase(Phrase::CutOff);
                out.say(words.clone(), Purpose::Reply, true).await;
                let open = self.history.unanswered.clone();
                if open.is_none() {
                    self.conversation.note(
                        "The line was cut off for a moment and is back; you have said that you are sorry. Ask again \
                         what you asked last, or how you can help",
                    );
                }
                let fallback = open.map(|owed| GoOn::AnswerOwed { turn: owed.turn, text: owed.text });
                match fallback {
                    Some(how) => self.or_rules(None, Prompt::GoOn(how), out).await,
                    None => self.or_phrase(Phrase::WhereWereWe, out).await,
                }
            }
            GoOn::AnswerOwed { turn, text } => {
                if self.history.unanswered.as_ref().is_none_or(|owed| owed.text != text) {
                    return self.caller_said(turn, text, out).await;
                }
                self.or_rules(None, Prompt::GoOn(GoOn::AnswerOwed { turn, text }), out).await;
            }
            // The rules know what to offer now; the model goes on from what they said.
            GoOn::NotConnected => self.by_rules(Prompt::GoOn(GoOn::NotConnected), out).await,
            GoOn::WordsLost => {
                let words = self.phrase(Phrase::WordsLost);
                out.say(words.clone(), Purpose::Reply, true).await;
                self.conversation.agent_said(&words);
                self.heard_later(&words);
            }
        }
    }

    /// Lets the model speak; when it can't, this phrase is said.
    async fn or_phrase(&mut self, phrase: Phrase, out: &mut Reply<'_>) {
        let said = out.said.len();
        if let Ended::Failed { .. } = self.converse(None, out).await {
            self.failures += 1;
            let words = self.phrase(phrase);
            out.say(words.clone(), Purpose::Reply, true).await;
            self.conversation.agent_said(&words);
        }
        self.heard_later(&out.said[said..].join(" "));
    }

    /// Notes the agent's words as heard: a correction comes with the caller's next turn, if there is one to make.
    fn heard_later(&mut self, words: &str) {
        if !words.is_empty() {
            let said = EventKind::AgentTurn {
                turn: TurnId(uuid::Uuid::nil()),
                started_ms: 0,
                ended_ms: 0,
                generated: String::new(),
                sent: String::new(),
                heard: words.to_owned(),
                interrupted: false,
            };
            self.history.note(&said);
        }
    }

    /// The caller cut the agent short: only this much of its last words was heard.
    fn was_heard(&mut self, heard: &str) {
        self.conversation.cut_agent_to(heard);
        if let Some(last) = self.history.lines.last_mut().filter(|line| line.by == Side::Agent) {
            heard.trim().clone_into(&mut last.text);
            if last.text.is_empty() {
                self.history.lines.pop();
            }
        }
    }

    fn request(&self) -> LlmRequest {
        request(&self.conversation, &self.plan, &self.history, &self.system, &self.specs, &self.settings)
    }

    fn notice(&self, code: &str, text: impl Into<String>, fault: Fault) -> EventKind {
        EventKind::Notice { code: code.to_owned(), text: text.into(), fault: Some(fault) }
    }

    fn phrase(&mut self, phrase: Phrase) -> String {
        self.phrases_said += 1;
        let business = &self.plan.business;
        fill(
            variant(phrase, self.phrases_said - 1),
            &[
                ("contact", business.contact_name.as_deref().unwrap_or("the team")),
                ("business", &business.name),
                ("agent", &self.plan.agent.name),
            ],
        )
    }
}

fn request(
    conversation: &Conversation,
    plan: &CallPlan,
    history: &History,
    system: &str,
    specs: &Arc<[FunctionTool]>,
    settings: &LlmSettings,
) -> LlmRequest {
    // What changes comes last: what stands before it may be cached by the vendor.
    let system = format!("{system}{}", instructions::known_so_far(plan, history));
    LlmRequest {
        system: system.into(),
        messages: conversation.messages(settings.history_tokens),
        tools: Arc::clone(specs),
        max_output_tokens: settings.max_output_tokens,
    }
}

#[cfg(test)]
mod tests;
