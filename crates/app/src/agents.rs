//! Changing agents.

use chrono::{DateTime, Utc};
use domain::ids::AgentId;
use domain::turn_taking::TurnTaking;
use store::OrgTx;
use store::agents::{self, Agent, AgentSettings};

use crate::audit::{self, Actor};
use crate::error::AppError;
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
    /// Whether a caller may talk over the greeting.
    pub greeting_interruptible: Option<bool>,
    /// Turn-taking, whole.
    pub turn_taking: Option<TurnTaking>,
}

/// What became of a change.
#[derive(Debug)]
pub enum Changed {
    /// It was made; this is the agent now.
    Done(Box<Agent>),
    /// The agent was changed by somebody else since `based_on`; nothing was done.
    OutOfDate,
}

/// Changes an agent, if it is still as the asker saw it (`based_on` is the `updated_at` of what they saw;
/// `None` takes whatever is there). Calls in progress keep what they began with.
///
/// # Errors
/// Not found; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: AgentId,
    based_on: Option<DateTime<Utc>>,
    change: AgentChange,
) -> Result<Changed, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    // Held until the end: of two changes based on one version, the second finds a newer one.
    let updated_at = agents::lock(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Ok(Changed::OutOfDate);
    }
    let before = agents::get(&mut tx, id).await?;
    let settings = AgentSettings {
        name: change.name.unwrap_or(before.settings.name),
        language: change.language.unwrap_or(before.settings.language),
        voice: change.voice.unwrap_or(before.settings.voice),
        greeting: change.greeting.unwrap_or(before.settings.greeting),
        client_greeting: change.client_greeting.unwrap_or(before.settings.client_greeting),
        greeting_interruptible: change
            .greeting_interruptible
            .unwrap_or(before.settings.greeting_interruptible),
        turn_taking: change.turn_taking.unwrap_or(before.settings.turn_taking),
        engine: before.settings.engine,
    };
    agents::update(&mut tx, id, &settings, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "agents:write", &id, serde_json::Value::Null).await?;
    let agent = agents::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Changed::Done(Box::new(agent)))
}
