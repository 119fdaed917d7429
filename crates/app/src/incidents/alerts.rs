//! The call to one person: what they hear, what they press, how it ends. The carrier's reports come in any order and
//! more than once.

use domain::escalation::AlertState;
use domain::ids::{AlertId, OrgId};
use domain::phone::PhoneNumber;
use domain::spoken_forms::speak;
use provider_traits::telephony::CallUpdate;
use store::incidents::alerts::{self, StoredAlert};
use store::incidents::{self, Incident, IncidentState};
use store::{OrgTx, SystemTx};

use super::escalating::reschedule;
use super::{note, state_of, take};
use crate::error::AppError;
use crate::runtime::App;

/// What somebody who is called hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertWords {
    /// What it is about; a key is asked for.
    Ask {
        /// Who calls.
        opening: String,
        /// What happened; said twice.
        summary: String,
    },
    /// Some last words.
    Goodbye(String),
}

/// What somebody pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertKey {
    /// They take it.
    Take,
    /// The next person is to be called.
    PassOn,
    /// Anything else: they hear it again.
    Other,
}

impl AlertKey {
    /// By the keys pressed.
    #[must_use]
    pub fn of(digits: &str) -> Self {
        match digits.trim() {
            "1" => Self::Take,
            "2" => Self::PassOn,
            _ => Self::Other,
        }
    }
}

/// One alert, held together with its incident until the end of the transaction.
struct Held {
    tx: OrgTx,
    org_id: OrgId,
    incident: Incident,
    alert: StoredAlert,
}

impl App {
    async fn hold_alert(&self, id: AlertId) -> Result<Held, AppError> {
        let mut tx =
            SystemTx::begin(&self.db, "the address that the carrier asks tells which business it is").await?;
        let (org_id, incident_id) = alerts::find(&mut tx, id).await?;
        drop(tx);
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let incident = incidents::lock(&mut tx, incident_id).await?;
        let all = alerts::list(&mut tx, incident_id).await?;
        let alert = all.into_iter().find(|alert| alert.id == id);
        let alert = alert.ok_or(AppError::NotFound { noun: "alert" })?;
        Ok(Held { tx, org_id, incident, alert })
    }

    /// What somebody hears who answered.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn alert_words(&self, id: AlertId, call_sid: &str) -> Result<AlertWords, AppError> {
        let mut held = self.hold_alert(id).await?;
        self.advance(&mut held, AlertState::Answered, Some(call_sid)).await?;
        let business = store::organizations::get(&mut held.tx).await?.name;
        let words = words(&held.incident, &business);
        held.tx.commit().await?;
        Ok(words)
    }

    /// Somebody pressed a key.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn alert_key(&self, id: AlertId, key: AlertKey) -> Result<AlertWords, AppError> {
        let mut held = self.hold_alert(id).await?;
        let business = store::organizations::get(&mut held.tx).await?.name;
        let words = match (held.incident.state, key) {
            (IncidentState::Acknowledged, _) | (_, AlertKey::Other) => words(&held.incident, &business),
            // Taken even when everybody was called meanwhile: late is better than never.
            (IncidentState::Alerting | IncidentState::Unanswered, AlertKey::Take) => {
                let now = self.ambient.now();
                alerts::update(&mut held.tx, id, AlertState::Acknowledged, now, None).await?;
                let name = held.alert.name.clone();
                let calls = take(&mut held.tx, self, held.incident, &name).await?;
                held.tx.commit().await?;
                super::end_calls(self, calls).await;
                return Ok(AlertWords::Goodbye(format!(
                    "Thank you, {name}. Everybody else is told that you take care of it. Goodbye."
                )));
            }
            (IncidentState::Alerting | IncidentState::Unanswered, AlertKey::PassOn) => {
                self.advance(&mut held, AlertState::Declined, None).await?;
                AlertWords::Goodbye("Alright, the next person will be called. Goodbye.".to_owned())
            }
        };
        held.tx.commit().await?;
        self.escalations.wake();
        Ok(words)
    }

    /// The carrier tells how a call goes.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn alert_status(&self, id: AlertId, call_sid: &str, status: &str) -> Result<(), AppError> {
        let Some(state) = state_of(status) else { return Ok(()) };
        let mut held = self.hold_alert(id).await?;
        self.advance(&mut held, state, Some(call_sid)).await?;
        held.tx.commit().await?;
        if state.is_final() {
            self.escalations.wake();
        }
        Ok(())
    }

    /// The carrier tells who answered: a machine is not talked to.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn alert_answered_by(
        &self,
        id: AlertId,
        call_sid: &str,
        answered_by: &str,
    ) -> Result<(), AppError> {
        if !answered_by.starts_with("machine") && answered_by != "fax" {
            return Ok(());
        }
        let mut held = self.hold_alert(id).await?;
        self.advance(&mut held, AlertState::Machine, Some(call_sid)).await?;
        held.tx.commit().await?;
        self.escalations.wake();
        // It would talk to the machine until the call's time is up.
        self.telephony.update_call(call_sid, &CallUpdate::End).await?;
        Ok(())
    }

    /// Writes down how a call stands, unless more is known already, and when to go on.
    async fn advance(
        &self,
        held: &mut Held,
        state: AlertState,
        call_sid: Option<&str>,
    ) -> Result<(), AppError> {
        let Held { tx, org_id, incident, alert } = held;
        if !alert.state.may_become(state) {
            return Ok(());
        }
        let now = self.ambient.now();
        alerts::update(tx, alert.id, state, now, call_sid).await?;
        let name = &alert.name;
        let step = match state {
            AlertState::Answered => Some(("answered", format!("{name} answered."))),
            AlertState::Declined => Some(("declined", format!("{name} did not take it."))),
            AlertState::NoAnswer => Some(("no_answer", format!("{name} did not answer."))),
            AlertState::Busy => Some(("busy", format!("{name}'s line is busy."))),
            AlertState::Machine => Some(("machine", format!("A machine answered for {name}."))),
            AlertState::Failed => Some(("failed", format!("{name} could not be called."))),
            AlertState::Placing | AlertState::Ringing | AlertState::Acknowledged => None,
        };
        if let Some((kind, text)) = step {
            note(tx, self, incident.id, kind, &text).await?;
        }
        tracing::info!(org.id = %org_id, incident.id = %incident.id, ?state, "a call about an incident goes on");
        reschedule(tx, incident, now).await?;
        Ok(())
    }
}

fn words(incident: &Incident, business: &str) -> AlertWords {
    if incident.state == IncidentState::Acknowledged {
        let by = incident.acknowledged_by.as_deref().unwrap_or("Somebody");
        return AlertWords::Goodbye(format!(
            "This was an alert of {business}. {by} takes care of it already. Goodbye."
        ));
    }
    let who = incident.caller_name.as_deref().unwrap_or("A caller");
    let mut summary = format!("{who} said: {}.", incident.reason.trim_end_matches(['.', '!', '?', ' ']));
    if let Some(details) = &incident.details {
        summary.push(' ');
        summary.push_str(details.trim());
    }
    let number = incident.caller_number.as_deref().and_then(|number| PhoneNumber::parse(number, None).ok());
    if let Some(number) = number {
        summary.push_str(&format!(" Call back at {}.", speak::phone(&number)));
    }
    AlertWords::Ask { opening: format!("This is an urgent call from {business}."), summary }
}
