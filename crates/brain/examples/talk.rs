//! A conversation with the rules brain by keyboard: `cargo run -p brain --example talk`.

use std::io::{BufRead, Write};
use std::sync::Arc;

use async_trait::async_trait;
use brain::rules::RulesBrain;
use domain::call_plan::{AgentProfile, BusinessProfile, CallPlan, Caller, KnownClient, Vocabulary};
use domain::ids::{AgentId, CallId, LeadId, MessageId, OrgId, ProjectId, QuestionId, TurnId};
use domain::leads::{AnswerType, LeadAnswer, LeadField, LeadQuestion, Priority};
use domain::turn_taking::TurnTaking;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Brain, Prompt, Thought};
use provider_traits::tools::{ClientKey, KnowledgeHit, SpokenProject, TakenMessage, ToolError, Tools};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Tools that keep nothing: what is saved shows in the printed log.
struct Forgetful;

#[async_trait]
impl Tools for Forgetful {
    async fn identify_client(&self, _: ClientKey) -> Result<Option<KnownClient>, ToolError> {
        Ok(None)
    }
    async fn list_projects(&self) -> Result<Vec<SpokenProject>, ToolError> {
        Err(ToolError::NotAllowed)
    }
    async fn get_project_status(&self, _: ProjectId) -> Result<SpokenProject, ToolError> {
        Err(ToolError::NotAllowed)
    }
    async fn search_knowledge(&self, _: &str) -> Result<Vec<KnowledgeHit>, ToolError> {
        Ok(Vec::new())
    }
    async fn save_lead_answer(&self, _: LeadAnswer) -> Result<LeadId, ToolError> {
        Ok(LeadId(Uuid::nil()))
    }
    async fn finish_lead(&self, _: bool, _: Priority) -> Result<LeadId, ToolError> {
        Ok(LeadId(Uuid::nil()))
    }
    async fn flag_urgent(&self, _: u8, _: &str) -> Result<(), ToolError> {
        Ok(())
    }
    async fn take_message(&self, _: TakenMessage) -> Result<MessageId, ToolError> {
        Ok(MessageId(Uuid::nil()))
    }
}

fn plan() -> CallPlan {
    let question = |n: u128, text: &str, answer_type, field| LeadQuestion {
        id: QuestionId(Uuid::from_u128(n)),
        text: text.into(),
        label: String::new(),
        answer_type,
        field,
        required: n < 2,
        choices: Vec::new(),
        retry_text: None,
        skip_when: None,
        urgency_weight: 0,
    };
    CallPlan {
        call_id: CallId(Uuid::nil()),
        org_id: OrgId(Uuid::nil()),
        started_at: Ambient::system().now(),
        business: BusinessProfile {
            name: "Example Studio".into(),
            timezone: chrono_tz::UTC,
            default_country: "US".into(),
            currency: "USD".into(),
            transfer_to: None,
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
        caller: Caller::default(),
        lead_questions: vec![
            question(0, "May I have your name, please?", AnswerType::Name, LeadField::Name),
            question(1, "What is your email address?", AnswerType::Email, LeadField::Email),
            question(2, "Do you have a budget in mind?", AnswerType::MoneyRange, LeadField::Budget),
            question(3, "When would you like to have it finished?", AnswerType::Date, LeadField::Timeline),
        ],
        vocabulary: Arc::new(Vocabulary::default()),
        urgency: Default::default(),
        recording: false,
        max_call_minutes: 30,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut mind = RulesBrain::new(Ambient::system()).begin(Arc::new(plan()), Arc::new(Forgetful));
    let mut screen = std::io::stdout();
    let mut prompt = Prompt::PickedUp;
    let mut lines = std::io::stdin().lock().lines();
    loop {
        let (sender, mut thoughts) = mpsc::channel(256);
        mind.respond(prompt, &sender, &CancellationToken::new()).await;
        drop(sender);
        let mut over = false;
        while let Some(thought) = thoughts.recv().await {
            match thought {
                Thought::Say { text, .. } => writeln!(screen, "agent: {text}")?,
                Thought::Expect(_) => {}
                Thought::Log(event) => writeln!(screen, "       ({event:?})")?,
                Thought::Then(next) => {
                    writeln!(screen, "       {next:?}")?;
                    over = true;
                }
            }
        }
        if over {
            return Ok(());
        }
        write!(screen, "you: ")?;
        screen.flush()?;
        let Some(text) = lines.next().transpose()? else { return Ok(()) };
        prompt = Prompt::CallerSaid { turn: TurnId(Uuid::nil()), text, agent_was_heard: None };
    }
}
