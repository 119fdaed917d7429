//! Making, changing and deleting agents. A change is one of the draft; [`crate::agent_versions`] publishes it.

use chrono::{DateTime, Utc};
use domain::agent_versions::{AgentSettings, ENGINES};
use domain::ids::AgentId;
use domain::provider_order::ProviderOrder;
use domain::turn_taking::TurnTaking;
use serde_json::json;
use store::OrgTx;
use store::agents::{self, Agent};

use crate::agent_versions::{by, publish_in};
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;

/// What to change of an agent; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct AgentChange {
    /// The name it gives itself.
    pub name: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// Voice id; empty means the provider's default.
    pub voice: Option<String>,
    /// For a new caller; empty means the default.
    pub greeting: Option<String>,
    /// For a recognised client; empty means the default.
    pub client_greeting: Option<String>,
    /// What a visitor of the chat reads first; empty means the default.
    pub welcome_message: Option<String>,
    /// Who it is and how it behaves.
    pub persona_prompt: Option<String>,
    /// Whether a caller may talk over the greeting.
    pub greeting_interruptible: Option<bool>,
    /// Who runs its conversations.
    pub engine: Option<String>,
    /// The vendor's agent.
    pub elevenlabs_agent_id: Option<String>,
    /// The vendor's voice.
    pub elevenlabs_voice: Option<String>,
    /// Turn-taking, whole.
    pub turn_taking: Option<TurnTaking>,
    /// Which providers its calls ask, whole.
    pub providers: Option<ProviderOrder>,
}

impl AgentChange {
    /// The settings that come of it.
    fn of(self, before: AgentSettings) -> Result<AgentSettings, AppError> {
        if self.engine.as_deref().is_some_and(|engine| !ENGINES.contains(&engine)) {
            let message = format!("must be one of {}", ENGINES.join(", "));
            return Err(AppError::Invalid { field: "engine", message });
        }
        if let Some(Err(wrong)) = self.providers.as_ref().map(ProviderOrder::check) {
            return Err(AppError::Invalid { field: wrong.field, message: wrong.to_string() });
        }
        Ok(AgentSettings {
            name: self.name.unwrap_or(before.name),
            language: self.language.unwrap_or(before.language),
            voice: self.voice.unwrap_or(before.voice),
            greeting: self.greeting.unwrap_or(before.greeting),
            client_greeting: self.client_greeting.unwrap_or(before.client_greeting),
            welcome_message: self.welcome_message.unwrap_or(before.welcome_message),
            persona_prompt: self.persona_prompt.unwrap_or(before.persona_prompt),
            greeting_interruptible: self.greeting_interruptible.unwrap_or(before.greeting_interruptible),
            engine: self.engine.unwrap_or(before.engine),
            elevenlabs_agent_id: self.elevenlabs_agent_id.unwrap_or(before.elevenlabs_agent_id),
            elevenlabs_voice: self.elevenlabs_voice.unwrap_or(before.elevenlabs_voice),
            turn_taking: self.turn_taking.unwrap_or(before.turn_taking),
            providers: self.providers.unwrap_or(before.providers),
        })
    }
}

/// Makes an agent, published as its version 1. No call reaches it before a number leads to it.
///
/// # Errors
/// [`AppError::Invalid`] for an engine or a provider that there is not; [`AppError::PlanRequired`]; [`AppError::Conflict`] when
/// there are too many; storage errors.
pub async fn create(app: &App, actor: &Actor, change: AgentChange) -> Result<Agent, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let id = create_in(&mut tx, app, actor, change).await?;
    let agent = agents::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(agent)
}

pub(crate) async fn create_in(
    tx: &mut OrgTx,
    app: &App,
    actor: &Actor,
    change: AgentChange,
) -> Result<AgentId, AppError> {
    if agents::list(tx).await?.len() >= agents::MAX_AGENTS {
        let reason = format!("there are {} agents already, which is the most", agents::MAX_AGENTS);
        return Err(AppError::Conflict { reason });
    }
    let settings = change.of(AgentSettings::default())?;
    demand_features(tx, &settings, &AgentSettings::default()).await?;
    let id = AgentId(app.ambient.new_id());
    agents::insert_by(tx, id, &settings, &by(app, actor, String::new(), None)).await?;
    audit::record(tx, app, actor, "agents:write", &id, json!({ "created": true, "version": 1 })).await?;
    Ok(id)
}

/// Changes an agent's draft, if the agent is still as the asker saw it (`based_on` is the `updated_at` of what they
/// saw; `None` takes whatever is there). Calls go on with what is published.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::Invalid`]; [`AppError::PlanRequired`]; not found; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: AgentId,
    based_on: Option<DateTime<Utc>>,
    change: AgentChange,
) -> Result<Agent, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    change_in(&mut tx, app, actor, id, based_on, change).await?;
    let agent = agents::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(agent)
}

pub(crate) async fn change_in(
    tx: &mut OrgTx,
    app: &App,
    actor: &Actor,
    id: AgentId,
    based_on: Option<DateTime<Utc>>,
    change: AgentChange,
) -> Result<(), AppError> {
    // Held until the end: of two changes based on one version, the second finds a newer one.
    let updated_at = agents::lock(tx, id).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    let before = agents::get(tx, id).await?.settings;
    let settings = change.of(before.clone())?;
    demand_features(tx, &settings, &before).await?;
    agents::update(tx, id, &settings, app.ambient.now()).await?;
    let fields: Vec<String> = domain::agent_versions::differences(&before, &settings)
        .into_iter()
        .map(|change| change.field)
        .collect();
    audit::record(tx, app, actor, "agents:write", &id, json!({ "draft": fields })).await
}

/// Changes a business's default agent, its oldest, and publishes it at once with whatever its draft holds.
///
/// # Errors
/// As [`change`]; not found when there is no agent.
pub async fn change_default(app: &App, actor: &Actor, change: AgentChange) -> Result<Agent, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let oldest = agents::list(&mut tx).await?.into_iter().next();
    let id = oldest.ok_or(AppError::NotFound { noun: "agent" })?.id;
    change_in(&mut tx, app, actor, id, None, change).await?;
    publish_in(&mut tx, app, actor, id, String::new()).await?;
    let agent = agents::get(&mut tx, id).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(agent)
}

/// Deletes an agent that no number leads to. Its calls stay and keep its name.
///
/// # Errors
/// [`AppError::Conflict`] that names a number which leads to it; not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: AgentId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    agents::lock(&mut tx, id).await?;
    if let Some(number) = store::numbers::reaching(&mut tx, id).await? {
        let reason = format!("the number {number} leads to this agent: give it another one first");
        return Err(AppError::Conflict { reason });
    }
    agents::delete(&mut tx, id, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "agents:delete", &id, serde_json::Value::Null).await?;
    Ok(tx.commit().await?)
}

/// Demands what the plan must have for what differs from before.
pub(crate) async fn demand_features(
    tx: &mut OrgTx,
    settings: &AgentSettings,
    before: &AgentSettings,
) -> Result<(), AppError> {
    let plan = store::plans::entitlements(tx).await?;
    match settings.feature_missing(before, &plan) {
        Some(feature) => Err(AppError::PlanRequired { feature }),
        None => Ok(()),
    }
}
