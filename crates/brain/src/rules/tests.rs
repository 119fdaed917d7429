//! Conversations as data: what the caller says, and words that the agent's answer must hold.

mod conversations;
mod endings;
mod fake_tools;
mod identification;
mod lead_flow;
mod mechanics;
mod messages;
mod robustness;
mod taking_over;

use std::sync::Arc;

use domain::call_log::EventKind;
use domain::call_plan::{AgentProfile, BusinessProfile, CallPlan, Caller, KnownClient, Vocabulary};
use domain::ids::{AgentId, CallId, ClientId, OrgId, QuestionId, TurnId};
use domain::leads::{AnswerType, LeadField, LeadQuestion};
use domain::phone::PhoneNumber;
use domain::turn_taking::TurnTaking;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Brain, ExpectedAnswer, Mind, NextStep, Prompt, Thought};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::RulesBrain;
pub(crate) use fake_tools::FakeTools;

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Stranger,
    Withheld,
    /// One project.
    Maria,
    /// Two projects.
    Tom,
}

pub(crate) fn plan(who: Who) -> CallPlan {
    let number = |text: &str| PhoneNumber::parse(text, None).expect("a number");
    let client = |id: u128, name: &str, person: &str| {
        Some(KnownClient {
            id: ClientId(Uuid::from_u128(id)),
            name: name.into(),
            person: Some(person.into()),
        })
    };
    let caller = match who {
        Who::Stranger => Caller { number: Some(number("+15135550177")), ..Caller::default() },
        Who::Withheld => Caller::default(),
        Who::Maria => {
            let client = client(1, "Bright Bakery", "Maria Lopez");
            Caller { number: Some(number("+15135550111")), client, ..Caller::default() }
        }
        Who::Tom => Caller {
            number: Some(number("+15135550122")),
            client: client(2, "Northwind Coffee", "Tom Baker"),
            ..Caller::default()
        },
    };
    use AnswerType as T;
    use LeadField as F;
    let questions = [
        ("May I have your name, please?", T::Name, F::Name, true),
        ("What is the best email address to reach you?", T::Email, F::Email, true),
        ("And what phone number can we call you back on?", T::Phone, F::Phone, false),
        ("What is the name of your company?", T::Text, F::Company, false),
        (
            "What kind of project is it: branding, a website, packaging or marketing?",
            T::Choice,
            F::Service,
            true,
        ),
        ("Do you have a budget in mind?", T::MoneyRange, F::Budget, false),
        ("And when would you like to have it finished?", T::Date, F::Timeline, false),
    ];
    CallPlan {
        call_id: CallId(Uuid::nil()),
        org_id: OrgId(Uuid::nil()),
        started_at: "2026-11-21T15:00:00Z".parse().expect("a time"),
        business: BusinessProfile {
            name: "Aurora Branding".into(),
            timezone: chrono_tz::America::New_York,
            default_country: "US".into(),
            currency: "USD".into(),
            transfer_to: Some(number("+15135550199")),
            people: Vec::new(),
            ask_satisfaction: false,
            contact_name: Some("Dana".into()),
        },
        agent: AgentProfile {
            id: AgentId(Uuid::nil()),
            name: "Ava".into(),
            engine: "pipeline".into(),
            persona_prompt: String::new(),
            language: "en-US".into(),
            voice: String::new(),
            greeting: String::new(),
            client_greeting: String::new(),
            notice: String::new(),
            greeting_interruptible: true,
            turn_taking: TurnTaking::default(),
            providers: Default::default(),
        },
        caller,
        lead_questions: questions
            .into_iter()
            .enumerate()
            .map(|(i, (text, answer_type, field, required))| LeadQuestion {
                id: QuestionId(Uuid::from_u128(i as u128)),
                text: text.into(),
                label: format!("{field:?}"),
                answer_type,
                field,
                required,
                choices: if answer_type == T::Choice {
                    ["branding", "website", "packaging", "marketing"].map(String::from).to_vec()
                } else {
                    Vec::new()
                },
                retry_text: None,
                skip_when: None,
                urgency_weight: 0,
            })
            .collect(),
        vocabulary: Arc::new(Vocabulary::default()),
        urgency: Default::default(),
        recording: false,
        max_call_minutes: 30,
    }
}

/// A conversation under test.
pub(super) struct Call {
    pub(super) mind: Box<dyn Mind>,
    pub(super) tools: Arc<FakeTools>,
    pub(super) plan: Arc<CallPlan>,
    turns: u128,
}

/// What one turn brought.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) expect: ExpectedAnswer,
    pub(super) next: Option<NextStep>,
    pub(super) log: Vec<EventKind>,
    pub(super) thoughts: Vec<Thought>,
}

impl Call {
    pub(super) fn new(who: Who) -> Self {
        Self::with(plan(who), who)
    }

    pub(super) fn with(plan: CallPlan, who: Who) -> Self {
        let plan = Arc::new(plan);
        let tools = Arc::new(FakeTools::new(who));
        let mind = RulesBrain::new(Ambient::system()).begin(plan.clone(), tools.clone());
        Self { mind, tools, plan, turns: 0 }
    }

    pub(super) async fn prompt(&mut self, prompt: Prompt) -> Heard {
        let (sender, mut receiver) = mpsc::channel(256);
        let cancel = CancellationToken::new();
        self.mind.respond(prompt, &sender, &cancel).await;
        drop(sender);
        let mut heard = Heard::default();
        while let Some(thought) = receiver.recv().await {
            heard.thoughts.push(thought.clone());
            match thought {
                Thought::Say { text, .. } => {
                    if !heard.text.is_empty() {
                        heard.text.push(' ');
                    }
                    heard.text.push_str(&text);
                }
                Thought::Expect(expect) => heard.expect = expect,
                Thought::Log(event) => heard.log.push(event),
                Thought::Then(next) => heard.next = Some(next),
            }
        }
        heard
    }

    pub(super) async fn say(&mut self, text: &str) -> Heard {
        self.say_over(text, None).await
    }

    pub(super) async fn say_over(&mut self, text: &str, heard: Option<&str>) -> Heard {
        self.turns += 1;
        let turn = TurnId(Uuid::from_u128(self.turns));
        self.prompt(Prompt::CallerSaid { turn, text: text.into(), agent_was_heard: heard.map(String::from) })
            .await
    }
}

/// Runs a conversation; every answer must hold the words beside the caller's line. `HANGUP` and `TRANSFER`
/// stand for what follows the words.
pub(super) async fn converse(who: Who, lines: &[(&str, &str)]) -> Call {
    let mut call = Call::new(who);
    let greeting = call.prompt(Prompt::PickedUp).await;
    assert!(greeting.text.contains("Ava"), "{}", greeting.text);
    let mut transcript = format!("AGENT {}\n", greeting.text);
    for (line, expect) in lines {
        // Between any two lines the conversation may move to another node.
        let snapshot = call.mind.snapshot();
        call.mind = RulesBrain::new(Ambient::system()).begin(call.plan.clone(), call.tools.clone());
        call.mind.restore(snapshot);
        let heard = call.say(line).await;
        let next = match &heard.next {
            Some(NextStep::HangUp) => " HANGUP",
            Some(NextStep::Transfer { .. }) => " TRANSFER",
            None => "",
        };
        transcript.push_str(&format!("CALLER {line}\nAGENT {}{next}\n", heard.text));
        let all = format!("{}{next}", heard.text);
        for part in expect.split('|') {
            assert!(all.contains(part), "lacks {part:?}\n{transcript}");
        }
    }
    call
}
