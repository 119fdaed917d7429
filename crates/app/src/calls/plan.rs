//! Making a call's plan out of what is stored.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::agent_versions::{AgentSettings, DEFAULT_ENGINE};
use domain::call_plan::{
    AgentProfile, BusinessProfile, CallPlan, Caller, ClientMemory, KnownClient, RememberedTalk,
};
use domain::ids::{AgentId, CallId, ClientId, OrgId};
use domain::leads::LeadQuestion;
use domain::phone::PhoneNumber;
use domain::plans::{Entitlements, Feature, Limit};
use domain::transfers::Colleague;
use domain::urgency::UrgencyRules;
use store::StoreError;
use store::callbacks::CallbackPurpose;
use store::calls::Direction;
use store::clients::ContactKind;
use store::numbers::Number;
use store::organizations::Organization;
use store::tx::OrgTx;
use uuid::Uuid;

use crate::error::AppError;
use crate::organizations::settings_of;
use crate::runtime::App;
use crate::transfers;

/// The engine that an agent's calls ask for. A plan that was changed may not have the agent's any more: each minute
/// of a model costs the installation money.
pub(crate) fn engine(entitled: &Entitlements, chosen: String) -> String {
    if entitled.allows(Feature::AllEngines) { chosen } else { DEFAULT_ENGINE.to_owned() }
}

/// What a plan is made of.
pub(crate) struct Stored {
    pub(crate) call_id: CallId,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) business: Organization,
    pub(crate) agent_id: AgentId,
    pub(crate) agent: AgentSettings,
    /// `None` when it was released meanwhile: it has nothing more to say about the call.
    pub(crate) number: Option<Number>,
    pub(crate) entitled: Entitlements,
    pub(crate) lead_questions: Vec<LeadQuestion>,
    pub(crate) caller: Option<PhoneNumber>,
    pub(crate) client: Option<KnownClient>,
    pub(crate) urgency: UrgencyRules,
    /// What is said first, in place of a greeting, when we made the call.
    pub(crate) opening: Option<String>,
    pub(crate) memory: ClientMemory,
    /// Who can be rung now.
    pub(crate) people: Vec<Colleague>,
}

/// The client behind a number; without the feature everybody is new.
pub(crate) async fn client_of(
    tx: &mut OrgTx,
    entitled: &Entitlements,
    caller: Option<&PhoneNumber>,
) -> Result<Option<KnownClient>, StoreError> {
    match caller {
        Some(number) if entitled.allows(Feature::ClientRecognition) => {
            store::clients::find_by_contact(tx, ContactKind::Phone, number.as_str()).await
        }
        Some(_) | None => Ok(None),
    }
}

impl App {
    /// Everything a call needs to know before the first word: as it was read when the call was announced here a moment
    /// ago, or as it is stored.
    pub(crate) async fn plan(&self, org_id: OrgId, call_id: CallId) -> Result<Arc<CallPlan>, AppError> {
        let announced = self.announced.take(call_id).filter(|plan| plan.org_id == org_id);
        let plan = match announced {
            Some(plan) => CallPlan::clone(&plan),
            None => self.stored_plan(org_id, call_id).await?,
        };
        let vocabulary = self.vocabulary_at_hand(org_id).await?;
        Ok(Arc::new(CallPlan { vocabulary, ..plan }))
    }

    /// The plan as it is stored, without the vocabulary, which takes a while to make and is for transcribers.
    pub(crate) async fn stored_plan(&self, org_id: OrgId, call_id: CallId) -> Result<CallPlan, AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let call = store::calls::get(&mut tx, call_id).await?;
        let business = store::organizations::get(&mut tx).await?;
        let agent = store::agents::published(&mut tx, call.agent_id).await?;
        let number = match call.number_id {
            Some(id) => store::numbers::get(&mut tx, id).await.ok().map(|stored| stored.number),
            None => None,
        };
        let entitled = store::plans::entitlements(&mut tx).await?;
        let lead_questions = questions(&mut tx, &entitled).await?;
        // Whoever is at the other end, whoever called.
        let other = match call.direction {
            Direction::Inbound => call.from_number,
            Direction::Outbound => Some(call.to_number),
        };
        let caller = other.and_then(|number| PhoneNumber::parse(&number, None).ok());
        let client = client_of(&mut tx, &entitled, caller.as_ref()).await?;
        let (escalation, _) = store::escalation_settings::get(&mut tx).await?;
        // Whoever is called did not call: thanking them for it would be odd.
        let opening = match call.direction {
            Direction::Inbound => None,
            Direction::Outbound => Some(opening(store::callbacks::of_call(&mut tx, call_id).await?)),
        };
        // A caller who has proved to be a client stays one when the call goes on elsewhere.
        let client = match client {
            None if entitled.allows(Feature::ClientRecognition) && call.client_id.is_some() => {
                store::client_verifications::verified(&mut tx, call_id).await?
            }
            known => known,
        };
        let memory = memory_of(&mut tx, client.as_ref(), call_id, &business).await?;
        let (_, people) = transfers::reachable(&mut tx, &business, self.ambient.now()).await?;
        drop(tx);
        self.plan_of(Stored {
            people,
            call_id,
            started_at: call.started_at,
            business,
            agent_id: call.agent_id,
            agent,
            number,
            entitled,
            lead_questions,
            caller,
            client,
            urgency: escalation.urgency,
            opening,
            memory,
        })
    }

    /// The plan as far as a speech-to-speech model needs it: the vocabulary, which takes a while to make, is for
    /// transcribers.
    pub(crate) fn plan_of(&self, stored: Stored) -> Result<CallPlan, AppError> {
        let Stored { business, agent, number, entitled, lead_questions, opening, .. } = stored;
        let own = settings_of(&business)?;
        let (own_limit, ask_satisfaction) = (own.max_call_minutes, own.ask_satisfaction);
        let greeting = number
            .as_ref()
            .map(|number| number.greeting.clone())
            .filter(|greeting| !greeting.is_empty())
            .unwrap_or(agent.greeting);
        let greeting = opening.clone().unwrap_or(greeting);
        let client_greeting = opening.unwrap_or(agent.client_greeting);
        Ok(CallPlan {
            call_id: stored.call_id,
            org_id: business.id,
            started_at: stored.started_at,
            business: BusinessProfile {
                name: business.name,
                timezone: business.profile.timezone.parse().unwrap_or(chrono_tz::UTC),
                default_country: business.profile.default_country,
                currency: business.profile.currency,
                transfer_to: stored.people.first().map(|person| person.phone.clone()),
                people: stored.people,
                ask_satisfaction,
                contact_name: business.profile.contact_name,
            },
            agent: AgentProfile {
                id: stored.agent_id,
                name: agent.name,
                engine: engine(&entitled, agent.engine),
                persona_prompt: agent.persona_prompt,
                language: agent.language,
                voice: agent.voice,
                greeting,
                client_greeting,
                notice: number.as_ref().map(|number| number.notice.clone()).unwrap_or_default(),
                greeting_interruptible: agent.greeting_interruptible,
                turn_taking: agent.turn_taking,
                providers: agent.providers,
            },
            caller: Caller {
                number: stored.caller,
                may_identify: stored.client.is_none() && entitled.allows(Feature::ClientRecognition),
                client: stored.client,
                memory: stored.memory,
            },
            lead_questions,
            vocabulary: Arc::default(),
            urgency: stored.urgency,
            recording: number.is_some_and(|number| number.recording),
            max_call_minutes: own_limit
                .map_or(self.settings.max_call_minutes, |own| own.min(self.settings.max_call_minutes)),
        })
    }
}

impl App {
    /// A plan that no call has: what a business's tools depend on, whoever calls.
    ///
    /// # Errors
    /// Storage errors.
    pub(crate) async fn plan_of_nobody(&self, org_id: OrgId) -> Result<CallPlan, AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let business = store::organizations::get(&mut tx).await?;
        let entitled = store::plans::entitlements(&mut tx).await?;
        let lead_questions = questions(&mut tx, &entitled).await?;
        let (_, people) = transfers::reachable(&mut tx, &business, self.ambient.now()).await?;
        drop(tx);
        let agent = AgentSettings::default();
        let ask_satisfaction = settings_of(&business)?.ask_satisfaction;
        Ok(CallPlan {
            call_id: CallId(Uuid::nil()),
            org_id,
            started_at: self.ambient.now(),
            business: BusinessProfile {
                name: business.name,
                timezone: business.profile.timezone.parse().unwrap_or(chrono_tz::UTC),
                default_country: business.profile.default_country,
                currency: business.profile.currency,
                transfer_to: people.first().map(|person| person.phone.clone()),
                people,
                ask_satisfaction,
                contact_name: business.profile.contact_name,
            },
            agent: AgentProfile {
                id: AgentId(Uuid::nil()),
                name: agent.name,
                engine: agent.engine,
                persona_prompt: agent.persona_prompt,
                language: agent.language,
                voice: agent.voice,
                greeting: agent.greeting,
                client_greeting: agent.client_greeting,
                notice: String::new(),
                greeting_interruptible: agent.greeting_interruptible,
                turn_taking: agent.turn_taking,
                providers: agent.providers,
            },
            caller: Caller { may_identify: entitled.allows(Feature::ClientRecognition), ..Caller::default() },
            lead_questions,
            vocabulary: Arc::default(),
            urgency: UrgencyRules::default(),
            recording: false,
            max_call_minutes: self.settings.max_call_minutes,
        })
    }
}

/// Earlier conversations that are remembered.
const TALKS: u32 = 3;
/// Open promises, and open messages, that are remembered.
const PROMISES: u32 = 5;

/// What is remembered of whoever is recognised.
pub(crate) async fn memory_of(
    tx: &mut OrgTx,
    client: Option<&KnownClient>,
    but: CallId,
    business: &Organization,
) -> Result<ClientMemory, StoreError> {
    let timezone = business.profile.timezone.parse().unwrap_or(chrono_tz::UTC);
    match client {
        Some(client) => remembered(tx, client.id, but, timezone).await,
        None => Ok(ClientMemory::default()),
    }
}

/// What the business remembers of a client: what earlier calls were about, what was promised in them, and what is still
/// to be passed on.
async fn remembered(
    tx: &mut OrgTx,
    client: ClientId,
    but: CallId,
    timezone: chrono_tz::Tz,
) -> Result<ClientMemory, StoreError> {
    let calls = store::calls::earlier::calls(tx, client, but, TALKS).await?;
    let messages = store::calls::earlier::open_messages(tx, client, but, PROMISES).await?;
    let mut memory = ClientMemory::default();
    for call in calls {
        // A summary is written by another part and may be of an older form.
        let summary = call.summary.unwrap_or_default();
        let text = summary["text"].as_str().unwrap_or_default().trim();
        if !text.is_empty() {
            let on = call.started_at.with_timezone(&timezone).date_naive();
            memory.talks.push(RememberedTalk { on, summary: text.to_owned() });
        }
        let promised = summary["follow_ups"].as_array().into_iter().flatten();
        memory.promises.extend(promised.filter_map(|promise| promise.as_str().map(str::to_owned)));
    }
    memory.promises.extend(messages.into_iter().map(|message| {
        let on = message.taken_at.with_timezone(&timezone).format("%-d %B");
        format!("the message of {on}, not dealt with yet: {}", message.text)
    }));
    memory.promises.truncate(2 * PROMISES as usize);
    Ok(memory)
}

/// The questions that are asked of a lead: as many as the plan allows.
pub(super) async fn questions(
    tx: &mut OrgTx,
    entitled: &Entitlements,
) -> Result<Vec<LeadQuestion>, StoreError> {
    let mut questions = store::lead_questions::list(tx).await?;
    if let Some(most) = entitled.limit(Limit::LeadQuestions) {
        questions.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    Ok(questions)
}

/// The first words of a call that we make; the names are filled in by whoever says them.
fn opening(asked: Option<(CallbackPurpose, String)>) -> String {
    let (purpose, about) = asked.unwrap_or((CallbackPurpose::Request, String::new()));
    let hello = "Hello, this is {agent}, the assistant of {business}.";
    // What was written down is said as it is; braces in it are no names.
    let about = about.replace(['{', '}'], "");
    match (purpose, about.trim()) {
        (CallbackPurpose::Test, _) => {
            format!("{hello} This is a test call. You may ask me anything, or hang up.")
        }
        (CallbackPurpose::Callback, "") => {
            format!("{hello} You asked us to call you back. How can I help you?")
        }
        (CallbackPurpose::Callback, about) => {
            format!("{hello} You asked us to call you back about {about}. How can I help you?")
        }
        (CallbackPurpose::Request, "") => format!("{hello} Do you have a moment?"),
        (CallbackPurpose::Request, about) => {
            format!("{hello} I am calling about {about}. Do you have a moment?")
        }
    }
}
