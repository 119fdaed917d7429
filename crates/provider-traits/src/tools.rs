//! The brain's hands. An implementation is bound to one tenant, one call and the caller's rights; a failure
//! comes back as a sentence the agent can say.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use domain::call_plan::KnownClient;
use domain::ids::{ClientId, KnowledgeId, LeadId, MessageId, ProjectId};
use domain::leads::{LeadAnswer, Priority};
use serde::{Deserialize, Serialize};

/// A tool that could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The caller may not have this.
    #[error("the caller has no right to this")]
    NotAllowed,
    /// An argument is wrong; the text says which and what is allowed.
    #[error("{0}")]
    BadArgument(String),
    /// It could not be done now.
    #[error("the tool did not work: {0}")]
    Failed(String),
}

/// How to find a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKey {
    /// By E.164 number.
    Phone(String),
    /// By e-mail address.
    Email(String),
    /// By client number: digits.
    Code(String),
}

/// What came of a one-time code that a caller said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// The caller is this client, and has its rights from now on.
    Verified(KnownClient),
    /// It is another code; so often it may be tried again.
    Wrong {
        /// Tries that are left, at least one.
        tries_left: u8,
    },
    /// There is no code that could still be tried: tried too often, too late, used, or none was asked for.
    Over,
}

/// A project as it may be spoken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenProject {
    /// The project.
    pub id: ProjectId,
    /// Its client.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// Other names it goes by.
    pub aliases: Vec<String>,
    /// Normalised status: `planned`, `active`, `at_risk`, `on_hold`, `in_review`, `done`, `cancelled`.
    pub status: String,
    /// The last update, a sentence a client may hear.
    pub last_update: Option<String>,
    /// The next milestone.
    pub next_milestone: Option<String>,
    /// When the milestone or the project is due.
    pub due_on: Option<NaiveDate>,
    /// Hours since the data was fresh; `None` when entered by hand.
    pub stale_hours: Option<u32>,
}

/// An entry of the knowledge base that may answer a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnowledgeHit {
    /// The entry.
    pub id: KnowledgeId,
    /// Its question.
    pub question: String,
    /// Its answer, to be quoted.
    pub answer: String,
    /// 0 to 1: how sure it is that the entry answers the question.
    pub confidence: f32,
}

/// A message for the business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenMessage {
    /// Who it is from, as said.
    pub from_name: Option<String>,
    /// Where to answer: E.164 or e-mail.
    pub reply_to: Option<String>,
    /// The words.
    pub text: String,
    /// How pressing.
    pub priority: Priority,
}

/// A call that somebody wants to get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedCallback {
    /// Where they are called, E.164.
    pub number: String,
    /// When; `None`: soon.
    pub at: Option<DateTime<Utc>>,
    /// What it is about.
    pub about: String,
}

/// A person whom a caller wants to be connected with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedPerson {
    /// A name, role or subject, in whatever words; empty for nobody in particular.
    pub whom: String,
    /// What it is about, in the caller's words: whoever is called hears it.
    pub about: String,
}

/// What became of a report that a client wants more than was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeReport {
    /// Who will come back to the client about it, by name.
    pub manager: String,
}

/// The tools of a conversation.
#[async_trait]
pub trait Tools: Send + Sync {
    /// Finds a client of the business.
    async fn identify_client(&self, key: ClientKey) -> Result<Option<KnownClient>, ToolError>;

    /// Sends a one-time code to the address on file of the client with this number or address, if there is one. The
    /// answer is the same when there is none: whoever asks learns nothing.
    async fn send_code(&self, _key: ClientKey) -> Result<(), ToolError> {
        Err(ToolError::NotAllowed)
    }

    /// Checks the code that was sent last. When it is right the conversation has the client's rights.
    async fn verify_client(&self, _code: &str) -> Result<Verification, ToolError> {
        Err(ToolError::NotAllowed)
    }

    /// The caller's projects. Not allowed for a caller that is no recognised client.
    async fn list_projects(&self) -> Result<Vec<SpokenProject>, ToolError>;

    /// One of the caller's projects, fresh.
    async fn get_project_status(&self, project: ProjectId) -> Result<SpokenProject, ToolError>;

    /// Entries that may answer a question, best first.
    async fn search_knowledge(&self, question: &str) -> Result<Vec<KnowledgeHit>, ToolError>;

    /// Saves or replaces one answer; creates the conversation's lead with the first.
    async fn save_lead_answer(&self, answer: LeadAnswer) -> Result<LeadId, ToolError>;

    /// Closes the lead flow: complete, or abandoned with what there is.
    async fn finish_lead(&self, complete: bool, priority: Priority) -> Result<LeadId, ToolError>;

    /// Marks the conversation urgent, with the caller's words.
    async fn flag_urgent(&self, score: u8, reason: &str) -> Result<(), ToolError>;

    /// Reports that the client asks for more than was agreed, in their own words. Not allowed for a caller that is no
    /// recognised client; conversations without projects have it not.
    async fn report_scope_change(&self, _quote: &str) -> Result<ScopeReport, ToolError> {
        Err(ToolError::NotAllowed)
    }

    /// Has somebody called back, at a moment or soon; returns when that will be. Conversations without a telephone have
    /// it not.
    async fn schedule_callback(&self, _wanted: WantedCallback) -> Result<DateTime<Utc>, ToolError> {
        Err(ToolError::NotAllowed)
    }

    /// Writes down how satisfied the caller says to be: 1 (not at all) to 5 (very). Conversations that are not kept have
    /// it not.
    async fn record_satisfaction(&self, _score: u8, _comment: &str) -> Result<(), ToolError> {
        Err(ToolError::NotAllowed)
    }

    /// Has a caller connected with a person as soon as the agent is done. Returns the number that will ring first, E.164;
    /// `None` when nobody can be reached now, or when this conversation leaves that to whoever carries it.
    async fn transfer_call(&self, _wanted: WantedPerson) -> Result<Option<String>, ToolError> {
        Ok(None)
    }

    /// Takes a message.
    async fn take_message(&self, message: TakenMessage) -> Result<MessageId, ToolError>;
}
