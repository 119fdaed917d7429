//! Tools over a small agency in memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::call_plan::KnownClient;
use domain::ids::{ClientId, KnowledgeId, LeadId, MessageId, ProjectId};
use domain::knowledge::{Candidate, rank};
use domain::leads::{LeadAnswer, LeadField, Priority};
use provider_traits::tools::{
    ClientKey, KnowledgeHit, SpokenProject, TakenMessage, ToolError, Tools, Verification, WantedCallback,
    WantedPerson,
};
use uuid::Uuid;

use super::Who;

/// Question, variants, answer.
const KNOWLEDGE: &[(&str, &[&str], &str)] = &[
    (
        "What are your opening hours?",
        &["when are you open", "are you open on saturday"],
        "We are open Monday to Friday from nine to six.",
    ),
    (
        "Where are you located?",
        &["what is your address", "is there parking"],
        "Our studio is at twelve Main Street in Cincinnati.",
    ),
    (
        "What services do you offer?",
        &["what do you do"],
        "We design brands, websites, packaging and marketing campaigns.",
    ),
    (
        "How much does a website cost?",
        &["what is the price of a website"],
        "A website usually starts at eight thousand dollars.",
    ),
    (
        "How much does a logo or brand identity cost?",
        &["what does a logo cost"],
        "A brand identity usually starts at five thousand dollars.",
    ),
    (
        "How long does a website take?",
        &["how many weeks does a website take"],
        "A typical website takes eight to ten weeks.",
    ),
    (
        "What are your payment terms?",
        &["how do i pay", "do you take a deposit"],
        "We ask for half up front and half at delivery.",
    ),
    (
        "Do you do social media?",
        &["can you manage our instagram"],
        "Yes, we plan and run social media campaigns.",
    ),
    (
        "How many revisions are included?",
        &["how many rounds of changes do i get"],
        "Two rounds of revisions are included.",
    ),
];

/// Everything the tools were asked to keep.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) answers: Vec<LeadAnswer>,
    pub(crate) finished: Vec<(bool, Priority)>,
    pub(crate) urgent: Vec<(u8, String)>,
    pub(crate) messages: Vec<TakenMessage>,
    /// For whom codes were asked, whether known or not.
    pub(crate) codes_for: Vec<ClientKey>,
    /// How often the code that was sent last was tried.
    pub(crate) tried: u8,
    /// Whether the caller proved to be Maria.
    pub(crate) verified: bool,
    pub(crate) wanted: Vec<WantedPerson>,
    pub(crate) scores: Vec<(u8, String)>,
    pub(crate) callbacks: Vec<WantedCallback>,
}

/// The code that Maria gets.
pub(crate) const CODE: &str = "402913";

pub(crate) struct FakeTools {
    who: Who,
    pub(crate) kept: Mutex<Kept>,
    pub(crate) broken: AtomicBool,
    pub(crate) stuck: AtomicBool,
    /// A defect: the tool panics.
    pub(crate) panics: AtomicBool,
}

impl FakeTools {
    pub(crate) fn new(who: Who) -> Self {
        Self {
            who,
            kept: Mutex::default(),
            broken: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            panics: AtomicBool::new(false),
        }
    }

    /// The last value of a lead field.
    pub(crate) fn lead(&self, field: LeadField) -> Option<String> {
        self.kept.lock().unwrap().answers.iter().rev().find(|a| a.field == field).map(|a| a.value.clone())
    }

    async fn works(&self) -> Result<(), ToolError> {
        assert!(!self.panics.load(Ordering::Relaxed), "a defect in a tool");
        if self.stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.broken.load(Ordering::Relaxed) {
            Err(ToolError::Failed("no connection".into()))
        } else {
            Ok(())
        }
    }

    fn projects(&self) -> Vec<SpokenProject> {
        let project =
            |id: u128, name: &str, aliases: &[&str], status: &str, update: &str, next: &str, day: u32| {
                SpokenProject {
                    id: ProjectId(Uuid::from_u128(id)),
                    client: ClientId(Uuid::from_u128(1)),
                    name: name.into(),
                    aliases: aliases.iter().map(|s| (*s).into()).collect(),
                    status: status.into(),
                    last_update: Some(update.into()),
                    next_milestone: Some(next.into()),
                    due_on: NaiveDate::from_ymd_opt(2026, 12, day),
                    stale_hours: None,
                }
            };
        let verified = self.kept.lock().unwrap().verified;
        match self.who {
            _ if verified => Self::new(Who::Maria).projects(),
            Who::Maria => vec![project(
                1,
                "Bakery Website",
                &["website", "site", "homepage"],
                "in_review",
                "The homepage design is ready for your review.",
                "content upload",
                5,
            )],
            Who::Tom => vec![
                project(
                    2,
                    "Packaging Design",
                    &["packaging", "bags", "labels"],
                    "active",
                    "The second round of label drafts is finished.",
                    "print proofs",
                    1,
                ),
                project(
                    3,
                    "Online Shop",
                    &["shop", "store", "web shop"],
                    "at_risk",
                    "The payment integration is taking longer than planned.",
                    "test orders",
                    12,
                ),
            ],
            Who::Stranger | Who::Withheld => Vec::new(),
        }
    }
}

#[async_trait]
impl Tools for FakeTools {
    async fn identify_client(&self, key: ClientKey) -> Result<Option<KnownClient>, ToolError> {
        self.works().await?;
        let known = key == ClientKey::Phone("+15135550111".into());
        Ok(known.then(|| KnownClient {
            id: ClientId(Uuid::from_u128(1)),
            name: "Bright Bakery".into(),
            person: Some("Maria Lopez".into()),
        }))
    }

    async fn send_code(&self, key: ClientKey) -> Result<(), ToolError> {
        self.works().await?;
        let mut kept = self.kept.lock().unwrap();
        kept.tried = 0;
        kept.codes_for.push(key);
        Ok(())
    }

    async fn verify_client(&self, code: &str) -> Result<Verification, ToolError> {
        self.works().await?;
        let mut kept = self.kept.lock().unwrap();
        let known = matches!(kept.codes_for.last(), Some(ClientKey::Code(digits)) if digits == "20417")
            || matches!(kept.codes_for.last(), Some(ClientKey::Email(address)) if address == "maria@gmail.com");
        kept.tried += 1;
        if kept.tried > 3 {
            return Ok(Verification::Over);
        }
        if code == CODE && known {
            kept.verified = true;
            return Ok(Verification::Verified(KnownClient {
                id: ClientId(Uuid::from_u128(1)),
                name: "Bright Bakery".into(),
                person: Some("Maria Lopez".into()),
            }));
        }
        Ok(match 3 - kept.tried {
            0 => Verification::Over,
            tries_left => Verification::Wrong { tries_left },
        })
    }

    async fn list_projects(&self) -> Result<Vec<SpokenProject>, ToolError> {
        self.works().await?;
        let verified = self.kept.lock().unwrap().verified;
        if matches!(self.who, Who::Stranger | Who::Withheld) && !verified {
            Err(ToolError::NotAllowed)
        } else {
            Ok(self.projects())
        }
    }

    async fn get_project_status(&self, id: ProjectId) -> Result<SpokenProject, ToolError> {
        self.works().await?;
        self.projects().into_iter().find(|p| p.id == id).ok_or(ToolError::NotAllowed)
    }

    async fn search_knowledge(&self, question: &str) -> Result<Vec<KnowledgeHit>, ToolError> {
        self.works().await?;
        let variants: Vec<Vec<String>> =
            KNOWLEDGE.iter().map(|(_, v, _)| v.iter().map(|s| (*s).into()).collect()).collect();
        let candidates: Vec<Candidate<'_>> = KNOWLEDGE
            .iter()
            .zip(&variants)
            .map(|((question, _, answer), variants)| Candidate { question, variants, answer })
            .collect();
        Ok(rank(question, &candidates)
            .into_iter()
            .map(|hit| KnowledgeHit {
                id: KnowledgeId(Uuid::from_u128(hit.index as u128)),
                question: KNOWLEDGE[hit.index].0.into(),
                answer: KNOWLEDGE[hit.index].2.into(),
                confidence: hit.confidence,
            })
            .collect())
    }

    async fn save_lead_answer(&self, answer: LeadAnswer) -> Result<LeadId, ToolError> {
        self.works().await?;
        self.kept.lock().unwrap().answers.push(answer);
        Ok(LeadId(Uuid::nil()))
    }

    async fn finish_lead(&self, complete: bool, priority: Priority) -> Result<LeadId, ToolError> {
        self.works().await?;
        self.kept.lock().unwrap().finished.push((complete, priority));
        Ok(LeadId(Uuid::nil()))
    }

    async fn flag_urgent(&self, score: u8, reason: &str) -> Result<(), ToolError> {
        self.works().await?;
        self.kept.lock().unwrap().urgent.push((score, reason.into()));
        Ok(())
    }

    async fn transfer_call(&self, wanted: WantedPerson) -> Result<Option<String>, ToolError> {
        self.works().await?;
        // Sam looks after money; everything else goes where calls usually go.
        let sam = wanted.whom.contains("invoice").then(|| "+15135550143".to_owned());
        self.kept.lock().unwrap().wanted.push(wanted);
        Ok(sam)
    }

    async fn schedule_callback(&self, wanted: WantedCallback) -> Result<DateTime<Utc>, ToolError> {
        self.works().await?;
        let at = wanted.at.ok_or_else(|| ToolError::BadArgument("when".into()))?;
        self.kept.lock().unwrap().callbacks.push(wanted);
        Ok(at)
    }

    async fn record_satisfaction(&self, score: u8, comment: &str) -> Result<(), ToolError> {
        self.works().await?;
        self.kept.lock().unwrap().scores.push((score, comment.into()));
        Ok(())
    }

    async fn take_message(&self, message: TakenMessage) -> Result<MessageId, ToolError> {
        self.works().await?;
        self.kept.lock().unwrap().messages.push(message);
        Ok(MessageId(Uuid::nil()))
    }
}
