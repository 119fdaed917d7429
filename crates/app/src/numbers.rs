//! Connecting, changing and releasing phone numbers, and their routing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ids::{AgentId, NumberId};
use domain::phone::PhoneNumber;
use domain::routing::{Destination, Routing};
use serde_json::json;
use store::numbers::{self, Number, StoredNumber};
use store::{OrgTx, agents, organizations};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// What is set of a number; `None` leaves a field as it is, or at its default for a new number.
#[derive(Debug, Default)]
pub struct NumberChange {
    /// The agent that answers.
    pub agent_id: Option<AgentId>,
    /// The name on screens.
    pub label: Option<String>,
    /// Where a call goes when no agent can take it; `Some(None)` clears it.
    pub fallback_number: Option<Option<String>>,
    /// Whether calls are recorded.
    pub recording: Option<bool>,
    /// Spoken before everything else.
    pub notice: Option<String>,
    /// In place of the agent's greeting.
    pub greeting: Option<String>,
}

/// Connects a number.
///
/// # Errors
/// [`AppError::Invalid`] for what is no phone number or an agent that there is not; [`AppError::Conflict`] when the
/// number is connected already, here or elsewhere; storage errors.
pub async fn create(
    app: &App,
    actor: &Actor,
    e164: &str,
    agent_id: AgentId,
    change: NumberChange,
) -> Result<StoredNumber, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    if numbers::list(&mut tx).await?.len() >= numbers::MAX_NUMBERS {
        let reason = format!("there are {} numbers already, which is the most", numbers::MAX_NUMBERS);
        return Err(AppError::Conflict { reason });
    }
    let country = organizations::get(&mut tx).await?.profile.default_country;
    let blank = Number {
        id: NumberId(app.ambient.new_id()),
        agent_id,
        e164: phone("number", e164, &country)?,
        label: String::new(),
        fallback_number: None,
        recording: true,
        notice: String::new(),
        greeting: String::new(),
    };
    let number = changed(blank, NumberChange { agent_id: None, ..change }, &country)?;
    demand_agent(&mut tx, number.agent_id).await?;
    numbers::insert(&mut tx, &number).await.map_err(|error| {
        // Says nothing of whose it is: numbers of other tenants can't be looked up this way.
        if error.is_conflict_with("phone_numbers_e164_unique") {
            return AppError::Conflict { reason: "this number is connected already".to_owned() };
        }
        error.into()
    })?;
    let detail = json!({ "connected": number.e164 });
    audit::record(&mut tx, app, actor, "numbers:manage", &number.id, detail).await?;
    let stored = numbers::get(&mut tx, number.id).await?;
    tx.commit().await?;
    Ok(stored)
}

/// Changes what is set of a number, if it is still as the asker saw it.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::Invalid`]; not found; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: NumberId,
    based_on: Option<DateTime<Utc>>,
    change: NumberChange,
) -> Result<StoredNumber, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    numbers::lock(&mut tx, id).await?;
    let before = numbers::get(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    let country = organizations::get(&mut tx).await?.profile.default_country;
    let agent_before = before.number.agent_id;
    let number = changed(before.number, change, &country)?;
    if number.agent_id != agent_before {
        demand_agent(&mut tx, number.agent_id).await?;
    }
    numbers::update(&mut tx, &number, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "numbers:manage", &id, json!({ "agent": number.agent_id })).await?;
    let stored = numbers::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(stored)
}

/// Releases a number. Its calls stay.
///
/// # Errors
/// Not found; storage errors.
pub async fn release(app: &App, actor: &Actor, id: NumberId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let released = numbers::get(&mut tx, id).await?.number.e164;
    numbers::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "numbers:manage", &id, json!({ "released": released })).await?;
    Ok(tx.commit().await?)
}

/// Replaces a number's routing, if it is still as the asker saw it.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::InvalidFields`]; not found; storage errors.
pub async fn set_routing(
    app: &App,
    actor: &Actor,
    id: NumberId,
    based_on: Option<DateTime<Utc>>,
    routing: Routing,
) -> Result<(Routing, DateTime<Utc>), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    numbers::lock(&mut tx, id).await?;
    let (_, updated_at) = numbers::routing(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    let own = numbers::get(&mut tx, id).await?.number.e164;
    let mut errors: BTreeMap<String, String> =
        routing.problems().into_iter().map(|problem| (problem.field, problem.message)).collect();
    let wanted: Vec<AgentId> = routing.destinations().filter_map(|(_, to)| agent_of(to)).collect();
    let there = agents::hold(&mut tx, &wanted).await?;
    for (field, destination) in routing.destinations() {
        match destination {
            Destination::Agent { agent_id: Some(agent_id) } if !there.contains(agent_id) => {
                errors.insert(format!("{field}.agent_id"), "is no agent of this organization".to_owned());
            }
            Destination::Forward { number } if number.as_str() == own => {
                errors.insert(format!("{field}.number"), "must not be this number itself".to_owned());
            }
            _ => {}
        }
    }
    if !errors.is_empty() {
        return Err(AppError::InvalidFields { errors });
    }
    numbers::set_routing(&mut tx, id, &routing, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "numbers:manage", &id, json!({ "routing": routing })).await?;
    let stored = numbers::routing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(stored)
}

fn agent_of(destination: &Destination) -> Option<AgentId> {
    match destination {
        Destination::Agent { agent_id } => *agent_id,
        Destination::Message { .. } | Destination::Forward { .. } => None,
    }
}

fn changed(before: Number, change: NumberChange, country: &str) -> Result<Number, AppError> {
    let fallback_number = match change.fallback_number {
        None => before.fallback_number,
        Some(None) => None,
        Some(Some(text)) => {
            let number = phone("fallback_number", &text, country)?;
            if number == before.e164 {
                let message = "must not be the number itself".to_owned();
                return Err(AppError::Invalid { field: "fallback_number", message });
            }
            Some(number)
        }
    };
    Ok(Number {
        agent_id: change.agent_id.unwrap_or(before.agent_id),
        label: change.label.unwrap_or(before.label),
        fallback_number,
        recording: change.recording.unwrap_or(before.recording),
        notice: change.notice.unwrap_or(before.notice),
        greeting: change.greeting.unwrap_or(before.greeting),
        ..before
    })
}

async fn demand_agent(tx: &mut OrgTx, id: AgentId) -> Result<(), AppError> {
    if agents::hold(tx, &[id]).await?.is_empty() {
        let message = "is no agent of this organization".to_owned();
        return Err(AppError::Invalid { field: "agent_id", message });
    }
    Ok(())
}

fn phone(field: &'static str, text: &str, country: &str) -> Result<String, AppError> {
    PhoneNumber::parse(text, Some(country))
        .map(String::from)
        .map_err(|error| AppError::Invalid { field, message: format!("is {error}") })
}
