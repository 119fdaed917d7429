//! Publishing agents, and bringing an earlier version back.

use domain::ids::AgentId;
use serde_json::json;
use store::OrgTx;
use store::agent_versions::{self, AgentVersion, NewVersion};
use store::agents;

use crate::agents::demand_features;
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;

/// Publishes an agent's draft: calls use it from the next one on.
///
/// # Errors
/// [`AppError::PlanRequired`] when the plan was lowered since the draft was made; not found; storage errors.
pub async fn publish(app: &App, actor: &Actor, id: AgentId, note: String) -> Result<AgentVersion, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let version = publish_in(&mut tx, app, actor, id, note).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(version)
}

pub(crate) async fn publish_in(
    tx: &mut OrgTx,
    app: &App,
    actor: &Actor,
    id: AgentId,
    note: String,
) -> Result<AgentVersion, AppError> {
    agents::lock(tx, id).await?;
    let agent = agents::get(tx, id).await?;
    demand_features(tx, &agent.settings, &agent.published.settings).await?;
    let number = agent_versions::latest(tx, id).await? + 1;
    let origin = by(app, actor, note, None);
    agent_versions::insert(tx, id, number, &agent.settings, &origin).await?;
    agents::set_published(tx, id, number, origin.published_at).await?;
    audit::record(tx, app, actor, "agents:publish", &id, json!({ "version": number })).await?;
    Ok(agent_versions::get(tx, id, number).await?)
}

/// Brings a version back: its settings become the draft and are published as a new version.
///
/// # Errors
/// Not found for the agent or the version; [`AppError::PlanRequired`]; storage errors.
pub async fn roll_back(
    app: &App,
    actor: &Actor,
    id: AgentId,
    version: i32,
    note: String,
) -> Result<AgentVersion, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    agents::lock(&mut tx, id).await?;
    let agent = agents::get(&mut tx, id).await?;
    let old = agent_versions::get(&mut tx, id, version).await?;
    demand_features(&mut tx, &old.settings, &agent.published.settings).await?;
    let number = agent_versions::latest(&mut tx, id).await? + 1;
    let origin = by(app, actor, note, Some(version));
    agent_versions::insert(&mut tx, id, number, &old.settings, &origin).await?;
    agents::update(&mut tx, id, &old.settings, origin.published_at).await?;
    agents::set_published(&mut tx, id, number, origin.published_at).await?;
    let detail = json!({ "version": number, "restored_from": version });
    audit::record(&mut tx, app, actor, "agents:publish", &id, detail).await?;
    let restored = agent_versions::get(&mut tx, id, number).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(restored)
}

/// A version that somebody publishes now.
pub(crate) fn by(app: &App, actor: &Actor, note: String, restored_from: Option<i32>) -> NewVersion {
    let (published_by, api_key_id) = match actor.who {
        Who::Person(id) => (Some(id), None),
        Who::Key(id) => (None, Some(id)),
        Who::System => (None, None),
    };
    NewVersion { note, restored_from, published_by, api_key_id, published_at: app.ambient.now() }
}
