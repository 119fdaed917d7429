//! Calling one person after the other.
//!
//! A worker takes incidents that are due. What it is about to do is written down and committed; then the carrier is
//! asked; then what came of it is written down. A worker that dies in between leaves an alert in the state `placing`,
//! and whoever comes next asks the carrier whether the call was placed before placing it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::escalation::{self, Alert, AlertState, Step};
use domain::ids::{AlertId, IncidentId, OrgId};
use provider_traits::descriptor::Readiness;
use provider_traits::telephony::{KnownCall, MachineDetection, NewCall};
use store::incidents::alerts::{self, StoredAlert};
use store::incidents::{self, Incident, IncidentState};
use store::{OrgTx, StoreError, SystemTx};
use tokio::sync::Notify;

use super::{end_calls, note, telling};
use crate::due::{self, CLOCKS_DIFFER_BY, Due, Patience};
use crate::error::AppError;
use crate::runtime::App;

/// How long an incident is a worker's own.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Steps of one incident in a row: everybody on the list fails at once, and a few to spare.
const MOST_STEPS: usize = 20;
/// The carrier is tried so long to call one person; then it is the next one's turn.
const PATIENCE: Patience =
    Patience { again_after: TimeDelta::seconds(5), give_up_after: TimeDelta::seconds(60) };
/// Longest alert, in seconds, for the case that somebody leaves the receiver off.
const MOST_SECONDS: u32 = 120;

/// A call that is to be placed.
struct Order {
    alert: StoredAlert,
    call: NewCall,
    /// Whether it may have been placed by somebody who died.
    is_resumed: bool,
}

/// Incidents that are to be brought to somebody.
struct Escalating;

impl Due for Escalating {
    type Id = IncidentId;

    const WHAT: &'static str = "incidents";
    const WHY: &'static str = "incidents are due whoever's they are";
    const LOOK_EVERY: Duration = Duration::from_secs(1);
    /// The carrier is waited for 15 s, and as long to look for a call.
    const LEASE: TimeDelta = LEASE;
    const MOST: u32 = 20;

    fn wake(app: &App) -> &Notify {
        &app.escalations.wake
    }

    async fn lease(
        tx: &mut SystemTx,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(OrgId, IncidentId)>, StoreError> {
        incidents::lease(tx, now, until, Self::MOST).await
    }

    async fn go_on(app: &App, org_id: OrgId, id: IncidentId) {
        app.escalate(org_id, id).await;
    }
}

impl App {
    /// Brings incidents to people until the drain. Run it once, in a tracked task.
    pub async fn watch_incidents(self: Arc<Self>) {
        due::work_until_drain::<Escalating>(self).await;
    }

    /// Takes the next step of every incident that is due; returns how many there were.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn escalate_due(&self) -> Result<usize, AppError> {
        due::work_once::<Escalating>(self).await
    }

    async fn escalate(&self, org_id: OrgId, id: IncidentId) {
        for _ in 0..MOST_STEPS {
            match self.take_step(org_id, id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    // The lease ends, and then it is tried again.
                    tracing::error!(org.id = %org_id, incident.id = %id, %error, "an incident could not be brought to anybody");
                    return;
                }
            }
        }
    }

    /// Takes one step; whether another follows at once.
    async fn take_step(&self, org_id: OrgId, id: IncidentId) -> Result<bool, AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let incident = incidents::lock(&mut tx, id).await?;
        let order = self.decide(&mut tx, incident).await?;
        tx.commit().await?;
        let order = match order {
            Decision::Wait => return Ok(false),
            Decision::Again => return Ok(true),
            Decision::Place(order) => order,
        };
        let placed = self.place(org_id, &order).await;
        self.note_outcome(org_id, &order, placed).await
    }

    async fn decide(&self, tx: &mut OrgTx, mut incident: Incident) -> Result<Decision, AppError> {
        let now = self.ambient.now();
        if incident.state != IncidentState::Alerting {
            incident.next_at = None;
            incidents::update(tx, &incident, now).await?;
            return Ok(Decision::Wait);
        }
        if !incident.told {
            telling::raised(tx, self, &incident).await?;
            incident.told = true;
        }
        let made = alerts::list(tx, incident.id).await?;
        match escalation::next_step(&incident.settings, &plain(&made), now) {
            Step::Taken => incident.next_at = None,
            Step::WaitUntil(at) => incident.next_at = Some(at),
            Step::Exhausted if incident.settings.people.is_empty() => {
                return self.give_up(tx, incident, "There is nobody to be called.").await;
            }
            Step::Exhausted => return self.give_up(tx, incident, "Nobody on the list took it.").await,
            Step::GiveUp { position } => {
                let lost = made.iter().find(|alert| alert.position == position);
                if let Some(lost) = lost {
                    alerts::update(tx, lost.id, AlertState::NoAnswer, now, None).await?;
                    note(tx, self, incident.id, "lost", &format!("The call to {} was lost.", lost.name))
                        .await?;
                }
                incidents::update(tx, &incident, now).await?;
                return Ok(Decision::Again);
            }
            Step::Call { position } => return self.prepare(tx, incident, &made, position).await,
        }
        incidents::update(tx, &incident, now).await?;
        Ok(Decision::Wait)
    }

    /// Writes down that somebody will be called.
    async fn prepare(
        &self,
        tx: &mut OrgTx,
        mut incident: Incident,
        made: &[StoredAlert],
        position: usize,
    ) -> Result<Decision, AppError> {
        let now = self.ambient.now();
        let Some(from) = incident.our_number.clone() else {
            return self.give_up(tx, incident, "The business has no number to call from.").await;
        };
        if let Readiness::Missing { what, .. } = self.telephony.readiness() {
            let why = format!("Nobody could be called: this installation has not {what}.");
            return self.give_up(tx, incident, &why).await;
        }
        let Some(person) = incident.settings.people.get(position).cloned() else {
            return self.give_up(tx, incident, "Nobody on the list took it.").await;
        };
        let begun = made.iter().find(|alert| alert.position == position).cloned();
        let is_resumed = begun.is_some();
        let alert = match begun {
            Some(alert) => alert,
            None => {
                let alert = StoredAlert {
                    id: AlertId(self.ambient.new_id()),
                    incident_id: incident.id,
                    position,
                    name: person.name,
                    number: person.phone.into(),
                    state: AlertState::Placing,
                    since: now,
                    placed_at: now,
                    call_sid: None,
                };
                alerts::insert(tx, &alert).await?;
                note(tx, self, incident.id, "calling", &format!("{} is called.", alert.name)).await?;
                alert
            }
        };
        // Should this process die now, somebody looks at it then.
        incident.next_at = Some(now + LEASE);
        incidents::update(tx, &incident, now).await?;
        let url = |what: &str| format!("{}/api/voice/alerts/{}{what}", self.settings.webhook_url, alert.id);
        let call = NewCall {
            to: alert.number.clone(),
            from,
            url: url(""),
            status_url: url("/status"),
            ring_seconds: incident.settings.ring_seconds,
            most_seconds: Some(MOST_SECONDS),
            machine: MachineDetection::Meanwhile { url: url("/machine") },
        };
        Ok(Decision::Place(Box::new(Order { alert, call, is_resumed })))
    }

    async fn give_up(&self, tx: &mut OrgTx, incident: Incident, why: &str) -> Result<Decision, AppError> {
        let incident = Incident { state: IncidentState::Unanswered, next_at: None, ..incident };
        incidents::update(tx, &incident, self.ambient.now()).await?;
        note(tx, self, incident.id, "unanswered", why).await?;
        // Where nobody is to be called, the first news said so.
        if !incident.settings.people.is_empty() {
            telling::unanswered(tx, self, &incident, why).await?;
        }
        tracing::warn!(org.id = %tx.org_id(), incident.id = %incident.id, why, "nobody took an incident");
        Ok(Decision::Wait)
    }

    async fn place(&self, org_id: OrgId, order: &Order) -> Result<KnownCall, AppError> {
        let Order { alert, call, is_resumed } = order;
        if *is_resumed && let Some(found) = self.find_placed(org_id, alert, call).await? {
            tracing::info!(org.id = %org_id, incident.id = %alert.incident_id, "a call that was placed already was found");
            return Ok(found);
        }
        Ok(self.telephony.place_call(call).await?)
    }

    /// The call that was placed for this alert by somebody who could not write it down.
    async fn find_placed(
        &self,
        org_id: OrgId,
        alert: &StoredAlert,
        call: &NewCall,
    ) -> Result<Option<KnownCall>, AppError> {
        let earliest = alert.placed_at - CLOCKS_DIFFER_BY;
        for known in self.telephony.calls_to(&call.to, &call.from).await? {
            if known.created_at.is_none_or(|at| at < earliest) {
                continue;
            }
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            if !alerts::is_known(&mut tx, &known.id).await? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// Writes down what the carrier said; whether another step follows at once.
    async fn note_outcome(
        &self,
        org_id: OrgId,
        order: &Order,
        placed: Result<KnownCall, AppError>,
    ) -> Result<bool, AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut incident = incidents::lock(&mut tx, order.alert.incident_id).await?;
        let made = alerts::list(&mut tx, incident.id).await?;
        // The carrier may have told of the call before it answered.
        let waits = made.iter().any(|alert| alert.id == order.alert.id && alert.state == AlertState::Placing);
        let id = order.alert.id;
        let mut needless = Vec::new();
        match placed {
            Ok(call) => {
                if waits {
                    alerts::update(&mut tx, id, AlertState::Ringing, now, Some(&call.id)).await?;
                }
                if incident.state != IncidentState::Alerting {
                    needless.push(call.id);
                }
            }
            Err(error) if waits => match PATIENCE.next_try(&error, order.alert.placed_at, now) {
                Some(later) if incident.state == IncidentState::Alerting => {
                    tracing::warn!(org.id = %org_id, incident.id = %incident.id, %error, "a call about an incident is tried again");
                    incident.next_at = Some(later);
                    incidents::update(&mut tx, &incident, now).await?;
                    tx.commit().await?;
                    return Ok(false);
                }
                _ => {
                    alerts::update(&mut tx, id, AlertState::Failed, now, None).await?;
                    let reason = source(&error);
                    let text = format!("{} could not be called: {reason}.", order.alert.name);
                    note(&mut tx, self, incident.id, "failed", &text).await?;
                }
            },
            Err(error) => {
                tracing::warn!(org.id = %org_id, incident.id = %incident.id, %error, "the carrier answered late about a call");
            }
        }
        let goes_on = reschedule(&mut tx, &mut incident, now).await?;
        tx.commit().await?;
        end_calls(self, needless).await;
        Ok(goes_on)
    }
}

enum Decision {
    /// Nothing to do now.
    Wait,
    /// Decide once more.
    Again,
    /// Somebody is to be called.
    Place(Box<Order>),
}

fn plain(alerts: &[StoredAlert]) -> Vec<Alert> {
    let plain =
        |alert: &StoredAlert| Alert { position: alert.position, state: alert.state, since: alert.since };
    alerts.iter().map(plain).collect()
}

fn source(error: &AppError) -> String {
    match error {
        AppError::Provider(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Writes down when to look at an incident next; whether that is now.
pub(super) async fn reschedule(
    tx: &mut OrgTx,
    incident: &mut Incident,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let made = alerts::list(tx, incident.id).await?;
    incident.next_at = match incident.state {
        IncidentState::Alerting => match escalation::next_step(&incident.settings, &plain(&made), now) {
            Step::WaitUntil(at) => Some(at),
            Step::Taken => None,
            Step::Call { .. } | Step::GiveUp { .. } | Step::Exhausted => Some(now),
        },
        IncidentState::Acknowledged | IncidentState::Unanswered => None,
    };
    incidents::update(tx, incident, now).await?;
    Ok(incident.next_at == Some(now))
}
