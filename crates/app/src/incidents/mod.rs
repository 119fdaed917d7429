//! What can't wait: raised once, told to everybody who is to know, and brought to one person after the other by
//! telephone until somebody takes it.
//!
//! Every step is written down before it is taken, so that a process that dies in between leaves behind what the next
//! one needs to go on without taking it twice.

pub mod alerts;
mod escalating;
mod telling;

use chrono::{DateTime, TimeDelta, Utc};
use domain::escalation::AlertState;
use domain::ids::{CallId, IncidentId, OrgId};
use domain::plans::Feature;
use domain::urgency::URGENT;
use provider_traits::telephony::CallUpdate;
use provider_traits::tools::TakenMessage;
use store::OrgTx;
use store::incidents::{self, Incident, IncidentState, IncidentStep};
use tokio::sync::Notify;

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// How long people are not called yet: the caller is offered a person, or asked four quick questions.
const CAPTURE: TimeDelta = TimeDelta::seconds(45);
/// As long as somebody is being connected with the caller nobody else is called.
const CONNECTING: TimeDelta = TimeDelta::seconds(120);
/// Longest account of what happens, in characters.
const LONGEST_REASON: usize = 500;

/// What the escalation of incidents keeps in a process.
#[derive(Debug, Default)]
pub struct Escalations {
    wake: Notify,
}

impl Escalations {
    /// There may be somebody to call.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Raises an incident for a conversation that is urgent, unless it has one. What the same client or number said a short
/// while ago is the same incident.
pub(crate) async fn raise(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    score: u8,
    reason: &str,
) -> Result<(), AppError> {
    if score < URGENT || incidents::of_call(tx, call_id).await?.is_some() {
        return Ok(());
    }
    let call = store::calls::get(tx, call_id).await?;
    let subject = match (call.client_id, &call.from_number) {
        (Some(client), _) => client.to_string(),
        (None, Some(number)) => number.clone(),
        (None, None) => call_id.to_string(),
    };
    // Both may have passed the first look.
    incidents::queue_for(tx, &subject).await?;
    if incidents::of_call(tx, call_id).await?.is_some() {
        return Ok(());
    }
    let now = app.ambient.now();
    if let Some(former) = incidents::recent(tx, &subject, now).await? {
        incidents::join(tx, former, call_id).await?;
        return note(tx, app, former, "called_again", "The same caller was in touch about it again.").await;
    }
    let (mut settings, _) = store::escalation_settings::get(tx).await?;
    if !store::plans::entitlements(tx).await?.allows(Feature::UrgentPhoneAlerts) {
        settings.people.clear();
    }
    let incident = Incident {
        id: IncidentId(app.ambient.new_id()),
        subject,
        state: IncidentState::Alerting,
        score,
        reason: reason.chars().take(LONGEST_REASON).collect(),
        details: None,
        caller_name: call.client_name,
        caller_number: call.from_number,
        client_id: call.client_id,
        our_number: Some(call.to_number),
        settings,
        told: false,
        raised_at: now,
        acknowledged_at: None,
        acknowledged_by: None,
        next_at: Some(now + CAPTURE),
        updated_at: now,
    };
    incidents::insert(tx, &incident).await?;
    incidents::join(tx, incident.id, call_id).await?;
    store::leads::capture::make_urgent(tx, call_id, now).await?;
    tracing::info!(org.id = %tx.org_id(), call.id = %call_id, incident.id = %incident.id, score, "something can't wait");
    note(tx, app, incident.id, "raised", &format!("The caller said: {}", incident.reason)).await
}

/// Adds what the quick questions brought to light; now people are called.
pub(crate) async fn add_details(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    message: &TakenMessage,
) -> Result<(), AppError> {
    let Some(mut incident) = open_one_of(tx, call_id).await? else { return Ok(()) };
    incident.details = Some(message.text.chars().take(LONGEST_REASON).collect());
    incident.caller_name = message.from_name.clone().or(incident.caller_name);
    incident.caller_number = message.reply_to.clone().or(incident.caller_number);
    note(tx, app, incident.id, "details", "The caller answered the quick questions.").await?;
    hasten(tx, app, incident, app.ambient.now()).await
}

/// A conversation is over: people are called now, unless the caller is being connected with somebody.
pub(crate) async fn call_is_over(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    is_transferred: bool,
) -> Result<(), AppError> {
    let Some(incident) = open_one_of(tx, call_id).await? else { return Ok(()) };
    let now = app.ambient.now();
    if !is_transferred {
        return hasten(tx, app, incident, now).await;
    }
    note(tx, app, incident.id, "connecting", "The caller is being connected with a person.").await?;
    let later = Incident { next_at: Some(now + CONNECTING), ..incident };
    Ok(incidents::update(tx, &later, now).await?)
}

/// Somebody took the caller of an urgent conversation: they take the incident. Calls the carrier is still making about it
/// are returned, to be ended when the transaction is committed.
pub(crate) async fn connected(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    by: &str,
) -> Result<Vec<String>, AppError> {
    let Some(id) = incidents::of_call(tx, call_id).await? else { return Ok(Vec::new()) };
    let incident = incidents::lock(tx, id).await?;
    if incident.state == IncidentState::Acknowledged {
        return Ok(Vec::new());
    }
    take(tx, app, incident, by).await
}

/// Nobody took the caller of an urgent conversation: now people are called about it.
pub(crate) async fn not_connected(tx: &mut OrgTx, app: &App, call_id: CallId) -> Result<(), AppError> {
    let Some(incident) = open_one_of(tx, call_id).await? else { return Ok(()) };
    note(tx, app, incident.id, "not_connected", "Nobody answered the caller's transfer.").await?;
    hasten(tx, app, incident, app.ambient.now()).await
}

/// The incident of a conversation, held, while nobody was called about it yet.
async fn open_one_of(tx: &mut OrgTx, call_id: CallId) -> Result<Option<Incident>, AppError> {
    let Some(id) = incidents::of_call(tx, call_id).await? else { return Ok(None) };
    let incident = incidents::lock(tx, id).await?;
    let is_open =
        incident.state == IncidentState::Alerting && incidents::alerts::list(tx, id).await?.is_empty();
    Ok(is_open.then_some(incident))
}

async fn hasten(tx: &mut OrgTx, app: &App, incident: Incident, now: DateTime<Utc>) -> Result<(), AppError> {
    let next_at = incident.next_at.map(|at| at.min(now));
    incidents::update(tx, &Incident { next_at, ..incident }, now).await?;
    app.escalations.wake();
    Ok(())
}

/// Writes a step down.
async fn note(
    tx: &mut OrgTx,
    app: &App,
    incident: IncidentId,
    kind: &str,
    text: &str,
) -> Result<(), AppError> {
    let step = IncidentStep { at: app.ambient.now(), kind: kind.to_owned(), text: text.to_owned() };
    Ok(incidents::note(tx, incident, app.ambient.new_id(), &step).await?)
}

/// Somebody takes it: nobody else is called, and everybody is told. Calls the carrier is still making are returned, to
/// be ended when the transaction is committed.
async fn take(tx: &mut OrgTx, app: &App, incident: Incident, by: &str) -> Result<Vec<String>, AppError> {
    let now = app.ambient.now();
    if !incident.told {
        telling::raised(tx, app, &incident).await?;
    }
    let taken = Incident {
        state: IncidentState::Acknowledged,
        acknowledged_at: Some(now),
        acknowledged_by: Some(by.to_owned()),
        next_at: None,
        told: true,
        ..incident
    };
    incidents::update(tx, &taken, now).await?;
    note(tx, app, taken.id, "acknowledged", &format!("{by} takes care of it.")).await?;
    telling::taken(tx, app, &taken, by).await?;
    let alerts = incidents::alerts::list(tx, taken.id).await?;
    let in_progress = alerts.into_iter().filter(|alert| !alert.state.is_final());
    Ok(in_progress.filter_map(|alert| alert.call_sid).collect())
}

/// Ends calls that are not needed any more. One that can't be ended says by itself that it was taken.
pub(crate) async fn end_calls(app: &App, calls: Vec<String>) {
    for call in calls {
        if let Err(error) = app.telephony.update_call(&call, &CallUpdate::End).await {
            tracing::warn!(call.sid = %call, %error, "a call that is not needed any more could not be ended");
        }
    }
}

/// Takes an incident, by name. Taking one that was taken changes nothing.
///
/// # Errors
/// Not found; storage errors.
pub async fn acknowledge(app: &App, actor: &Actor, id: IncidentId, by: &str) -> Result<Incident, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let incident = incidents::lock(&mut tx, id).await?;
    if incident.state == IncidentState::Acknowledged {
        tx.commit().await?;
        return Ok(incident);
    }
    let calls = take(&mut tx, app, incident, by).await?;
    let incident = incidents::get(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "incidents:acknowledge", &id, serde_json::Value::Null).await?;
    tx.commit().await?;
    end_calls(app, calls).await;
    Ok(incident)
}

impl App {
    /// Marks a conversation urgent, with the caller's words. From 8 on people are called about it, once.
    ///
    /// # Errors
    /// Not found; storage errors.
    pub async fn flag_urgent(
        &self,
        org_id: OrgId,
        call_id: CallId,
        score: u8,
        reason: &str,
    ) -> Result<(), AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        store::calls::life::flag_urgent(&mut tx, call_id, score, reason).await?;
        raise(&mut tx, self, call_id, score, reason).await?;
        Ok(tx.commit().await?)
    }

    /// A person answered whom the caller of an urgent conversation was connected with: they take it.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn transfer_answered(&self, call_sid: &str) -> Result<(), AppError> {
        self.transfer_ended(call_sid, true).await
    }

    /// Nobody answered whom a caller was to be connected with: they are asked for a message. In an urgent conversation
    /// people are called now.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn transfer_failed(&self, call_sid: &str) -> Result<(), AppError> {
        self.asks_for_message(call_sid).await;
        self.transfer_ended(call_sid, false).await
    }

    async fn transfer_ended(&self, call_sid: &str, was_answered: bool) -> Result<(), AppError> {
        let (org_id, call_id) = self.call_of(call_sid).await?;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        if !was_answered {
            not_connected(&mut tx, self, call_id).await?;
        } else if let Some(incident) = open_one_of(&mut tx, call_id).await? {
            // Nobody was called yet.
            let _calls = take(&mut tx, self, incident, "The person the caller was connected with").await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// How the state of a call at the carrier reads for an alert; `None` when it says nothing new.
fn state_of(status: &str) -> Option<AlertState> {
    Some(match status {
        "initiated" | "queued" | "ringing" => AlertState::Ringing,
        "in-progress" | "answered" => AlertState::Answered,
        // Somebody answered and pressed nothing.
        "completed" => AlertState::Declined,
        "busy" => AlertState::Busy,
        "no-answer" => AlertState::NoAnswer,
        "failed" | "canceled" => AlertState::Failed,
        _ => return None,
    })
}
