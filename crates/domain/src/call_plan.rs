//! Everything a live call needs to know before the first word, decided once when the call comes in.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, CallId, ClientId, OrgId};
use crate::leads::LeadQuestion;
use crate::phone::PhoneNumber;
use crate::provider_order::ProviderOrder;
use crate::transfers::Colleague;
use crate::turn_taking::TurnTaking;
use crate::urgency::UrgencyRules;

/// The plan of one call: made by `app`, carried out by `voice` and the brain, never changed by them.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// The call.
    pub call_id: CallId,
    /// The business.
    pub org_id: OrgId,
    /// When the call came in.
    pub started_at: DateTime<Utc>,
    /// The business as the agent may speak of it.
    pub business: BusinessProfile,
    /// The persona that answers.
    pub agent: AgentProfile,
    /// Who calls, as far as known.
    pub caller: Caller,
    /// The lead flow, in order.
    pub lead_questions: Vec<LeadQuestion>,
    /// What the local transcriber should expect to hear.
    pub vocabulary: Arc<Vocabulary>,
    /// What the business calls urgent.
    pub urgency: UrgencyRules,
    /// Whether the audio is kept.
    pub recording: bool,
    /// The call is ended politely after this many minutes.
    pub max_call_minutes: u32,
}

/// The business, as far as a conversation needs it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BusinessProfile {
    /// The name as spoken.
    pub name: String,
    /// IANA time zone.
    pub timezone: chrono_tz::Tz,
    /// ISO 3166 alpha-2 country that numbers without country code belong to.
    pub default_country: String,
    /// ISO 4217 code of amounts said without one.
    pub currency: String,
    /// Where a transfer goes that is for nobody in particular, when there is someone now.
    pub transfer_to: Option<PhoneNumber>,
    /// Everybody who can be rung now; the first is whoever `transfer_to` is.
    #[serde(default)]
    pub people: Vec<Colleague>,
    /// Whether clients are asked at the end how satisfied they are.
    #[serde(default)]
    pub ask_satisfaction: bool,
    /// The person who takes messages and is named in promises ("Dana").
    pub contact_name: Option<String>,
}

/// The agent's persona and manners.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentProfile {
    /// The agent's id.
    pub id: AgentId,
    /// The name it gives itself.
    pub name: String,
    /// The engine that carries its calls: `pipeline`, `realtime`, `elevenlabs`.
    pub engine: String,
    /// Who it is and how it behaves, in plain words, for models that can use them.
    pub persona_prompt: String,
    /// BCP 47 tag of the language it speaks.
    pub language: String,
    /// Voice id as the text-to-speech chain understands it; empty means the provider's default.
    pub voice: String,
    /// The greeting for a new caller; `{business}` and `{agent}` are filled in. Empty means the default.
    pub greeting: String,
    /// The greeting for a recognised client; also knows `{first_name}`.
    pub client_greeting: String,
    /// A notice spoken before everything else, never interruptible ("This call may be recorded.").
    pub notice: String,
    /// Whether a caller may talk over the greeting.
    pub greeting_interruptible: bool,
    /// Turn-taking.
    pub turn_taking: TurnTaking,
    /// Which providers its calls ask.
    #[serde(default)]
    pub providers: ProviderOrder,
}

/// Who is on the line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Caller {
    /// The caller's number, unless withheld.
    pub number: Option<PhoneNumber>,
    /// The client the number belongs to.
    pub client: Option<KnownClient>,
    /// Whether somebody who is not recognised may prove to be a client, by a code sent to the address on file.
    pub may_identify: bool,
    /// What the business remembers of earlier conversations with the client.
    pub memory: ClientMemory,
}

/// What is remembered of a client's earlier conversations, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMemory {
    /// What the last ones were about.
    pub talks: Vec<RememberedTalk>,
    /// What was promised in them, and what the client asked to be passed on and nobody has dealt with yet.
    pub promises: Vec<String>,
}

/// An earlier conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedTalk {
    /// The business's own date.
    pub on: chrono::NaiveDate,
    /// What it was about, in a few sentences.
    pub summary: String,
}

/// A recognised client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownClient {
    /// The client.
    pub id: ClientId,
    /// The client's (company's) name.
    pub name: String,
    /// The person whose number it is, when known.
    pub person: Option<String>,
}

/// What a transcriber with a generated language model should expect to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Changes when the content does; equal keys share one model.
    pub key: String,
    /// Whole utterances a caller may say, plain lower-case words.
    pub sentences: Vec<String>,
    /// Single words that may appear anywhere.
    pub words: Vec<String>,
}
