//! Calls that are to be made: what callers asked for in a conversation, and what the business asks for. Each is placed
//! once, at its time; then the agent talks with whoever answers, or leaves a machine a message.

pub mod answering;
mod placing;

use chrono::{DateTime, TimeDelta, Utc};
use domain::callbacks::{CallbackState, polite_moment};
use domain::dialling::may_be_called;
use domain::ids::{AgentId, CallId, CallbackId};
use domain::phone::PhoneNumber;
use domain::plans::Feature;
use provider_traits::descriptor::Readiness;
use serde_json::json;
use store::OrgTx;
use store::callbacks::{self, Callback, CallbackPurpose};
use store::numbers::Number;
use tokio::sync::Notify;

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;
use crate::version;

/// Nobody plans further ahead.
const LATEST: TimeDelta = TimeDelta::days(60);
/// Longest account of what it is about, in characters.
const LONGEST_ABOUT: usize = 500;

/// What the placing of calls keeps in a process.
#[derive(Debug, Default)]
pub struct Callbacks {
    wake: Notify,
}

/// A call that the business asks for.
#[derive(Debug, Clone)]
pub struct WantedCall {
    /// Who is called.
    pub to: PhoneNumber,
    /// Their name.
    pub name: Option<String>,
    /// What it is about.
    pub about: String,
    /// Who talks; the agent of the number it is made from when `None`.
    pub agent_id: Option<AgentId>,
    /// Not before this moment; `None`: now.
    pub at: Option<DateTime<Utc>>,
    /// Whether it is only to try whether calls work.
    pub is_test: bool,
}

/// Asks for a call.
///
/// # Errors
/// [`AppError::Invalid`] for a number that is not called, or a moment that is too far off; [`AppError::PlanRequired`];
/// [`AppError::Conflict`] when there is no number or no network to call with, or it is night; storage errors.
pub async fn ask(app: &App, actor: &Actor, wanted: WantedCall) -> Result<Callback, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let due_at = wanted.at.unwrap_or(now).max(now);
    let purpose = if wanted.is_test { CallbackPurpose::Test } else { CallbackPurpose::Request };
    let business = store::organizations::get(&mut tx).await?;
    let tz = business.profile.timezone.parse().unwrap_or(chrono_tz::UTC);
    if purpose != CallbackPurpose::Test && polite_moment(due_at, tz) != due_at {
        let reason = format!("nobody is called between 21:00 and 08:00 ({tz}); give another time");
        return Err(AppError::Conflict { reason });
    }
    let wish =
        Wish { purpose, asked_in: None, to: &wanted.to, due_at, agent_id: wanted.agent_id, from: None };
    let callback = prepare(&mut tx, app, wish, wanted.name, wanted.about).await?;
    callbacks::insert(&mut tx, &callback).await.map_err(|error| {
        if error.is_conflict_with("callbacks_agent_fkey") {
            AppError::NotFound { noun: "agent" }
        } else {
            error.into()
        }
    })?;
    let detail = json!({ "purpose": callback.purpose, "due_at": callback.due_at });
    audit::record(&mut tx, app, actor, "callbacks:create", &callback.id, detail).await?;
    tx.commit().await?;
    app.callbacks.wake.notify_one();
    Ok(callback)
}

/// A caller asks to be called back; returns when that will be. Asked again in the same conversation, nothing changes.
pub(crate) async fn schedule(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    to: &PhoneNumber,
    wanted: Option<DateTime<Utc>>,
    about: &str,
) -> Result<DateTime<Utc>, AppError> {
    let now = app.ambient.now();
    let call = store::calls::get(tx, call_id).await?;
    let business = store::organizations::get(tx).await?;
    let tz = business.profile.timezone.parse().unwrap_or(chrono_tz::UTC);
    let due_at = polite_moment(wanted.unwrap_or(now + TimeDelta::minutes(5)).max(now), tz);
    let wish = Wish {
        purpose: CallbackPurpose::Callback,
        asked_in: Some(call_id),
        to,
        due_at,
        agent_id: Some(call.agent_id),
        from: Some(&call.to_number),
    };
    let callback = prepare(tx, app, wish, call.client_name, about.to_owned()).await?;
    callbacks::insert(tx, &callback).await?;
    Ok(due_at)
}

struct Wish<'a> {
    purpose: CallbackPurpose,
    asked_in: Option<CallId>,
    to: &'a PhoneNumber,
    due_at: DateTime<Utc>,
    agent_id: Option<AgentId>,
    /// The number to be called from, where there is a choice.
    from: Option<&'a str>,
}

/// What is to be written down, when all that it needs is there.
async fn prepare(
    tx: &mut OrgTx,
    app: &App,
    wish: Wish<'_>,
    name: Option<String>,
    about: String,
) -> Result<Callback, AppError> {
    let now = app.ambient.now();
    if !may_be_called(wish.to) {
        let message = "is a number that is not called from here".to_owned();
        return Err(AppError::Invalid { field: "to", message });
    }
    if wish.due_at > now + LATEST {
        return Err(AppError::Invalid { field: "at", message: "is more than 60 days ahead".to_owned() });
    }
    let feature = Feature::PhoneAnswering;
    if !store::plans::entitlements(tx).await?.allows(feature) {
        return Err(AppError::PlanRequired { feature });
    }
    if let Some(agent) = wish.agent_id {
        store::agents::published(tx, agent).await?;
    }
    if let Readiness::Missing { what, .. } = app.telephony.readiness() {
        return Err(AppError::Conflict { reason: format!("no call can be placed: there is not {what}") });
    }
    let Some(number) = number_to_call_from(tx, wish.from).await? else {
        return Err(AppError::Conflict { reason: "the business has no number to call from".to_owned() });
    };
    Ok(Callback {
        id: CallbackId(app.ambient.new_id()),
        purpose: wish.purpose,
        asked_in: wish.asked_in,
        became: None,
        agent_id: wish.agent_id.unwrap_or(number.agent_id),
        number_id: number.id,
        our_number: number.e164,
        number: wish.to.as_str().to_owned(),
        name,
        about: about.chars().take(LONGEST_ABOUT).collect(),
        due_at: wish.due_at,
        state: CallbackState::Waiting,
        since: now,
        placed_at: None,
        call_sid: None,
        next_at: Some(wish.due_at),
        created_at: now,
        updated_at: now,
    })
}

async fn number_to_call_from(tx: &mut OrgTx, wanted: Option<&str>) -> Result<Option<Number>, AppError> {
    let mut numbers: Vec<Number> =
        store::numbers::list(tx).await?.into_iter().map(|stored| stored.number).collect();
    let at = numbers.iter().position(|number| Some(number.e164.as_str()) == wanted).unwrap_or(0);
    Ok((at < numbers.len()).then(|| numbers.swap_remove(at)))
}

/// What to change; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct CallbackChange {
    /// Not before this moment.
    pub due_at: Option<DateTime<Utc>>,
    /// What it is about.
    pub about: Option<String>,
    /// Whether it is not to be made any more.
    pub cancelled: bool,
}

/// Changes a call that waits, if it is still as the asker saw it.
///
/// # Errors
/// Not found; [`AppError::OutOfDate`]; [`AppError::Conflict`] for one that does not wait any more; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: CallbackId,
    based_on: Option<DateTime<Utc>>,
    change: CallbackChange,
) -> Result<Callback, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let mut callback = callbacks::lock(&mut tx, id).await?;
    version::demand(based_on, callback.updated_at)?;
    if callback.state != CallbackState::Waiting {
        return Err(AppError::Conflict { reason: "the call is being made, or over".to_owned() });
    }
    if let Some(due_at) = change.due_at {
        if due_at > now + LATEST {
            return Err(AppError::Invalid {
                field: "due_at",
                message: "is more than 60 days ahead".to_owned(),
            });
        }
        (callback.due_at, callback.next_at) = (due_at, Some(due_at));
    }
    callback.about = change.about.unwrap_or(callback.about);
    if change.cancelled {
        (callback.state, callback.since, callback.next_at) = (CallbackState::Cancelled, now, None);
    }
    callbacks::update(&mut tx, &callback, now).await?;
    let detail = json!({ "state": callback.state, "due_at": callback.due_at });
    audit::record(&mut tx, app, actor, "callbacks:update", &id, detail).await?;
    let stored = callbacks::lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(stored)
}
