//! Ringing one person after the other, and bringing the caller back.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{OrgId, TransferId};
use provider_traits::telephony::{CallUpdate, KnownCall, MachineDetection, NewCall, Updated};
use store::transfers::{self, Attempt, Transfer, TransferState};
use store::{OrgTx, StoreError, SystemTx};
use tokio::sync::Notify;

use super::people::{known, name};
use super::{end_call, note, publish};
use crate::calls::sweep;
use crate::due::{self, CLOCKS_DIFFER_BY, Due, Patience};
use crate::error::AppError;
use crate::runtime::App;

/// How long a transfer is a worker's own.
const LEASE: TimeDelta = TimeDelta::seconds(35);
/// Between two tries to have the carrier do something.
const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(2);
/// The carrier is tried so long for one person; then it is the next one's turn.
const PATIENCE: Patience = Patience { again_after: TRY_AGAIN_AFTER, give_up_after: TimeDelta::seconds(15) };
/// The caller is brought back as often as it takes; after this they are asked for nothing any more.
const BRING_BACK_FOR: TimeDelta = TimeDelta::minutes(2);
/// A caller who is being brought back asks what follows within a moment; else they are brought back once more.
const BACK_WITHIN: TimeDelta = TimeDelta::seconds(20);
/// Beside its ringing a call to somebody takes at most so long: the words twice, the key, the carrier's reports.
const TALK: TimeDelta = TimeDelta::seconds(75);
/// States of a call that may still be answered, or is.
const LIVES: [&str; 4] = ["queued", "initiated", "ringing", "in-progress"];

/// What is to be done about a transfer.
enum Decision {
    Nothing,
    /// Somebody is to be called; `is_resumed`: they may have been by somebody who died.
    Call {
        transfer: Box<Transfer>,
        call: NewCall,
        is_resumed: bool,
    },
    /// The caller is to be taken away from a platform's agent.
    Fetch {
        transfer: Box<Transfer>,
        call_sid: String,
    },
    /// The caller is to be brought back.
    BringBack {
        transfer: Box<Transfer>,
        call_sid: String,
    },
}

/// Callers who are to be connected.
struct Connecting;

impl Due for Connecting {
    type Id = TransferId;

    const WHAT: &'static str = "callers who wait";
    const WHY: &'static str = "callers wait whoever's they are";
    const LOOK_EVERY: Duration = Duration::from_secs(1);
    /// A caller waits meanwhile.
    const LEASE: TimeDelta = LEASE;
    const MOST: u32 = 50;

    fn wake(app: &App) -> &Notify {
        &app.connecting.wake
    }

    async fn lease(
        tx: &mut SystemTx,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(OrgId, TransferId)>, StoreError> {
        transfers::lease(tx, now, until, Self::MOST).await
    }

    async fn go_on(app: &App, org_id: OrgId, id: TransferId) {
        app.connect(org_id, id).await;
    }
}

impl App {
    /// Connects callers until the drain. Run it once, in a tracked task.
    pub async fn connect_callers(self: Arc<Self>) {
        due::work_until_drain::<Connecting>(self).await;
    }

    /// Takes the next step of every transfer that is due; returns how many there were.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn connect_due(&self) -> Result<usize, AppError> {
        due::work_once::<Connecting>(self).await
    }

    async fn connect(&self, org_id: OrgId, id: TransferId) {
        if let Err(error) = self.take_transfer_step(org_id, id).await {
            // The lease ends, and then it is tried again.
            tracing::error!(org.id = %org_id, transfer.id = %id, %error, "a caller could not be connected with anybody");
        }
    }

    async fn take_transfer_step(&self, org_id: OrgId, id: TransferId) -> Result<(), AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let transfer = transfers::lock(&mut tx, id).await?;
        match self.next_of_transfer(tx, org_id, transfer).await? {
            Decision::Nothing => Ok(()),
            Decision::Call { transfer, call, is_resumed } => {
                let placed = self.ring(org_id, &transfer, &call, is_resumed).await;
                self.note_ringing(org_id, &transfer, placed).await
            }
            Decision::Fetch { transfer, call_sid } => self.fetch_caller(org_id, &transfer, &call_sid).await,
            Decision::BringBack { transfer, call_sid } => self.bring_back(org_id, &transfer, &call_sid).await,
        }
    }

    async fn next_of_transfer(
        &self,
        mut tx: OrgTx,
        org_id: OrgId,
        mut transfer: Transfer,
    ) -> Result<Decision, AppError> {
        let now = self.ambient.now();
        if transfer.state != TransferState::Connecting {
            transfer.next_at = None;
            transfers::update(&mut tx, &transfer, now).await?;
            tx.commit().await?;
            return Ok(Decision::Nothing);
        }
        match transfer.attempt {
            // The carrier never asked what follows: there is no caller any more.
            Attempt::Waiting => {
                tx.commit().await?;
                self.caller_is_gone(org_id, transfer.call_id).await?;
                sweep::promise(&self.db, &[(org_id, transfer.call_id)]).await?;
                Ok(Decision::Nothing)
            }
            Attempt::Fetching => Ok(match self.prepare_fetching(tx, org_id, &mut transfer).await? {
                Some(call_sid) => Decision::Fetch { transfer: Box::new(transfer), call_sid },
                None => Decision::Nothing,
            }),
            Attempt::Due | Attempt::Placing => self.prepare_ringing(tx, org_id, transfer).await,
            Attempt::Ringing | Attempt::Answered => {
                let lost = transfer.person_call.clone();
                self.go_on_from(tx, org_id, transfer, "transfer_no_answer", "was not heard of any more")
                    .await?;
                if let Some(call) = lost {
                    end_call(self, &call).await;
                }
                Ok(Decision::Nothing)
            }
            Attempt::Returning => {
                let call = store::calls::get(&mut tx, transfer.call_id).await?;
                // Should this process die now, somebody looks at it then.
                transfer.next_at = Some(now + BACK_WITHIN);
                transfers::update(&mut tx, &transfer, now).await?;
                tx.commit().await?;
                Ok(Decision::BringBack { transfer: Box::new(transfer), call_sid: call.call_sid })
            }
        }
    }

    /// Writes down that somebody will be called.
    async fn prepare_ringing(
        &self,
        mut tx: OrgTx,
        org_id: OrgId,
        mut transfer: Transfer,
    ) -> Result<Decision, AppError> {
        let now = self.ambient.now();
        let Some(person) = transfer.person().cloned() else {
            self.go_on_from(tx, org_id, transfer, "transfer_unreachable", "could not be called").await?;
            return Ok(Decision::Nothing);
        };
        let is_resumed = transfer.attempt == Attempt::Placing;
        let call = store::calls::get(&mut tx, transfer.call_id).await?;
        let mut event = None;
        if !is_resumed {
            transfer.since = now;
            let text = format!("{} is called.", person.name);
            event = Some(note(&mut tx, self, transfer.call_id, "transfer_rings", &text).await?);
        }
        transfer.attempt = Attempt::Placing;
        transfer.next_at = Some(now + LEASE);
        transfers::update(&mut tx, &transfer, now).await?;
        tx.commit().await?;
        if let Some(event) = event {
            publish(self, org_id, transfer.call_id, event);
        }
        let base = format!(
            "{}/api/voice/transfers/{}/{}",
            self.settings.webhook_url, transfer.id, transfer.position
        );
        let call = NewCall {
            to: person.phone.into(),
            // What the caller called, or was called from.
            from: match call.direction {
                store::calls::Direction::Inbound => call.to_number,
                store::calls::Direction::Outbound => call.from_number.unwrap_or(call.to_number),
            },
            url: base.clone(),
            status_url: format!("{base}/status"),
            ring_seconds: transfer.ring_seconds,
            most_seconds: None,
            machine: MachineDetection::Meanwhile { url: format!("{base}/machine") },
        };
        Ok(Decision::Call { transfer: Box::new(transfer), call, is_resumed })
    }

    async fn ring(
        &self,
        org_id: OrgId,
        transfer: &Transfer,
        call: &NewCall,
        is_resumed: bool,
    ) -> Result<KnownCall, AppError> {
        if is_resumed && let Some(found) = self.find_rung(org_id, transfer, call).await? {
            tracing::info!(org.id = %org_id, transfer.id = %transfer.id, "a call that was placed already was found");
            return Ok(found);
        }
        Ok(self.telephony.place_call(call).await?)
    }

    /// The call that was placed for this person by somebody who could not write it down.
    async fn find_rung(
        &self,
        org_id: OrgId,
        transfer: &Transfer,
        call: &NewCall,
    ) -> Result<Option<KnownCall>, AppError> {
        let earliest = transfer.since - CLOCKS_DIFFER_BY;
        for one in self.telephony.calls_to(&call.to, &call.from).await? {
            if one.created_at.is_none_or(|at| at < earliest) || !LIVES.contains(&one.status.as_str()) {
                continue;
            }
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            let is_anothers = transfers::is_known(&mut tx, &one.id).await?
                && transfer.person_call.as_deref() != Some(one.id.as_str());
            if !is_anothers && !store::incidents::alerts::is_known(&mut tx, &one.id).await? {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }

    /// Writes down what the carrier said.
    async fn note_ringing(
        &self,
        org_id: OrgId,
        order: &Transfer,
        placed: Result<KnownCall, AppError>,
    ) -> Result<(), AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut transfer = transfers::lock(&mut tx, order.id).await?;
        let is_present = transfer.state == TransferState::Connecting
            && transfer.position == order.position
            && matches!(transfer.attempt, Attempt::Placing | Attempt::Ringing | Attempt::Answered);
        match placed {
            Ok(call) if is_present => {
                known(&mut transfer, &call.id);
                // The carrier may have told of the call before it answered.
                if transfer.attempt == Attempt::Placing {
                    transfer.attempt = Attempt::Ringing;
                }
                let rings = TimeDelta::seconds(i64::from(transfer.ring_seconds));
                transfer.next_at = Some(now + rings + TALK);
                transfers::update(&mut tx, &transfer, now).await?;
                tx.commit().await?;
            }
            // Everything is over already: the caller is gone, or the carrier told the call's end first.
            Ok(call) => {
                let is_needed = transfer.person_call.as_deref() == Some(call.id.as_str());
                if !transfer.calls_made.contains(&call.id) {
                    transfer.calls_made.push(call.id.clone());
                    transfers::update(&mut tx, &transfer, now).await?;
                }
                // Before the carrier is asked, which takes seconds.
                tx.commit().await?;
                if !is_needed {
                    end_call(self, &call.id).await;
                }
            }
            Err(error) if is_present && transfer.attempt == Attempt::Placing => {
                if let Some(later) = PATIENCE.next_try(&error, transfer.since, now) {
                    tracing::warn!(org.id = %org_id, transfer.id = %transfer.id, %error, "a call to a person is tried again");
                    transfer.next_at = Some(later);
                    transfers::update(&mut tx, &transfer, now).await?;
                    tx.commit().await?;
                } else {
                    tracing::warn!(org.id = %org_id, transfer.id = %transfer.id, %error, "{} can't be called", name(&transfer));
                    self.go_on_from(tx, org_id, transfer, "transfer_unreachable", "could not be called")
                        .await?;
                }
            }
            Err(error) => {
                tx.commit().await?;
                tracing::warn!(org.id = %org_id, transfer.id = %transfer.id, %error, "the carrier answered late about a call");
            }
        }
        Ok(())
    }

    /// Has the caller's call ask us what follows.
    async fn bring_back(&self, org_id: OrgId, transfer: &Transfer, call_sid: &str) -> Result<(), AppError> {
        let url = format!("{}/api/voice/transfers/{}/back", self.settings.webhook_url, transfer.id);
        let outcome = self.telephony.update_call(call_sid, &CallUpdate::GoOnAt(url)).await;
        let is_over = match &outcome {
            Ok(Updated::Done) => return Ok(()),
            Ok(Updated::CallIsOver) => true,
            Err(_) => self.ambient.now() > transfer.since + BRING_BACK_FOR,
        };
        if is_over {
            self.caller_is_gone(org_id, transfer.call_id).await?;
            return sweep::promise(&self.db, &[(org_id, transfer.call_id)]).await;
        }
        if let Err(error) = outcome {
            tracing::warn!(org.id = %org_id, transfer.id = %transfer.id, %error, "a caller could not be brought back yet");
        }
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut transfer = transfers::lock(&mut tx, transfer.id).await?;
        if transfer.state == TransferState::Connecting {
            transfer.next_at = Some(now + TRY_AGAIN_AFTER);
            transfers::update(&mut tx, &transfer, now).await?;
        }
        Ok(tx.commit().await?)
    }
}
