//! The call to one person: what they hear, what they press, how it ends. The carrier's reports come in any order and more
//! than once; those of a call that is not the present one any more change nothing.

use domain::ids::{OrgId, TransferId};
use domain::transfers;
use store::OrgTx;
use store::transfers::{Attempt, Transfer, TransferState};

use super::{end_call, note, publish};
use crate::error::AppError;
use crate::incidents;
use crate::runtime::App;

/// What somebody who is called hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonWords {
    /// Who calls and what it is about; a key is asked for.
    Ask {
        /// Who calls.
        opening: String,
        /// What it is about; said twice.
        summary: String,
    },
    /// They join the caller.
    Join {
        /// Said before.
        text: String,
    },
    /// Some last words.
    Goodbye(String),
}

/// What somebody pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonKey {
    /// They take the caller.
    Take,
    /// They do not.
    Decline,
    /// Anything else: they hear it again.
    Other,
}

impl PersonKey {
    /// By the keys pressed.
    #[must_use]
    pub fn of(digits: &str) -> Self {
        match digits.trim() {
            "1" => Self::Take,
            "2" => Self::Decline,
            _ => Self::Other,
        }
    }
}

/// Whether a report is about the person who is being rung.
fn is_present(transfer: &Transfer, position: usize, call_sid: &str) -> bool {
    transfer.state == TransferState::Connecting
        && transfer.position == position
        && matches!(transfer.attempt, Attempt::Placing | Attempt::Ringing | Attempt::Answered)
        && transfer.person_call.as_deref().is_none_or(|known| known == call_sid)
}

fn too_late() -> PersonWords {
    PersonWords::Goodbye("The caller is not waiting any more. Thank you, goodbye.".to_owned())
}

async fn words(tx: &mut OrgTx, transfer: &Transfer) -> Result<PersonWords, AppError> {
    let business = store::organizations::get(tx).await?.name;
    let caller = store::calls::get(tx, transfer.call_id).await?.client_name;
    let (opening, summary) = transfers::announcement(&business, caller.as_deref(), &transfer.about);
    Ok(PersonWords::Ask { opening, summary })
}

impl App {
    /// What somebody hears who answered.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn transfer_words(
        &self,
        id: TransferId,
        position: usize,
        call_sid: &str,
    ) -> Result<PersonWords, AppError> {
        let (mut tx, org_id, mut transfer) = self.hold_transfer(id).await?;
        if !is_present(&transfer, position, call_sid) {
            tx.commit().await?;
            return Ok(too_late());
        }
        let event = match transfer.attempt {
            // Asked once more after a wrong key.
            Attempt::Answered => None,
            _ => {
                transfer.attempt = Attempt::Answered;
                known(&mut transfer, call_sid);
                store::transfers::update(&mut tx, &transfer, self.ambient.now()).await?;
                let text = format!("{} answered.", name(&transfer));
                Some(note(&mut tx, self, transfer.call_id, "transfer_answered", &text).await?)
            }
        };
        let words = words(&mut tx, &transfer).await?;
        tx.commit().await?;
        if let Some(event) = event {
            publish(self, org_id, transfer.call_id, event);
        }
        Ok(words)
    }

    /// Somebody pressed a key. One person at most is joined: whoever presses 1 first, while the caller waits.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn transfer_key(
        &self,
        id: TransferId,
        position: usize,
        call_sid: &str,
        key: PersonKey,
    ) -> Result<PersonWords, AppError> {
        let (mut tx, org_id, mut transfer) = self.hold_transfer(id).await?;
        let join = || PersonWords::Join { text: "Thank you. You are being connected.".to_owned() };
        // The carrier may tell a key twice.
        if transfer.state == TransferState::Connected
            && transfer.position == position
            && transfer.person_call.as_deref() == Some(call_sid)
        {
            tx.commit().await?;
            return Ok(join());
        }
        if !is_present(&transfer, position, call_sid) {
            tx.commit().await?;
            return Ok(too_late());
        }
        match key {
            PersonKey::Other => {
                let words = words(&mut tx, &transfer).await?;
                tx.commit().await?;
                Ok(words)
            }
            PersonKey::Decline => {
                known(&mut transfer, call_sid);
                self.go_on_from(tx, org_id, transfer, "transfer_declined", "did not take the caller").await?;
                Ok(PersonWords::Goodbye("Alright. Thank you, goodbye.".to_owned()))
            }
            PersonKey::Take => {
                let (call_id, name) = (transfer.call_id, name(&transfer).to_owned());
                known(&mut transfer, call_sid);
                transfer.state = TransferState::Connected;
                transfer.next_at = None;
                store::transfers::update(&mut tx, &transfer, self.ambient.now()).await?;
                let text = format!("{name} took the caller.");
                let event = note(&mut tx, self, call_id, "transfer_connected", &text).await?;
                let needless = incidents::connected(&mut tx, self, call_id, &name).await?;
                store::calls::life::was_taken(&mut tx, call_id).await?;
                tx.commit().await?;
                publish(self, org_id, call_id, event);
                incidents::end_calls(self, needless).await;
                self.finish_taken(org_id, call_id).await;
                Ok(join())
            }
        }
    }

    /// The carrier tells how the call to somebody goes.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn transfer_status(
        &self,
        id: TransferId,
        position: usize,
        call_sid: &str,
        status: &str,
    ) -> Result<(), AppError> {
        let (code, what) = match status {
            "busy" => ("transfer_busy", "is talking on the telephone"),
            "no-answer" => ("transfer_no_answer", "did not answer"),
            "failed" | "canceled" => ("transfer_unreachable", "could not be called"),
            // Somebody answered and pressed nothing.
            "completed" => ("transfer_declined", "did not take the caller"),
            _ => return Ok(()),
        };
        let (tx, org_id, mut transfer) = self.hold_transfer(id).await?;
        if !is_present(&transfer, position, call_sid) {
            return Ok(tx.commit().await?);
        }
        known(&mut transfer, call_sid);
        self.go_on_from(tx, org_id, transfer, code, what).await
    }

    /// The carrier tells who answered: no machine is asked to take a caller.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn transfer_answered_by(
        &self,
        id: TransferId,
        position: usize,
        call_sid: &str,
        answered_by: &str,
    ) -> Result<(), AppError> {
        if !answered_by.starts_with("machine") && answered_by != "fax" {
            return Ok(());
        }
        let (tx, org_id, mut transfer) = self.hold_transfer(id).await?;
        if !is_present(&transfer, position, call_sid) {
            return Ok(tx.commit().await?);
        }
        known(&mut transfer, call_sid);
        self.go_on_from(tx, org_id, transfer, "transfer_machine", "has a machine answering").await?;
        // It would talk to the machine until the call's time is up.
        end_call(self, call_sid).await;
        Ok(())
    }

    /// The present person does not take the caller: the next one is rung, or the caller goes back.
    pub(super) async fn go_on_from(
        &self,
        mut tx: OrgTx,
        org_id: OrgId,
        mut transfer: Transfer,
        code: &str,
        what: &str,
    ) -> Result<(), AppError> {
        let now = self.ambient.now();
        let text = format!("{} {what}.", name(&transfer));
        transfer.position += 1;
        transfer.person_call = None;
        let is_last = transfer.position >= transfer.people.len();
        transfer.attempt = if is_last { Attempt::Returning } else { Attempt::Due };
        (transfer.since, transfer.next_at) = (now, Some(now));
        store::transfers::update(&mut tx, &transfer, now).await?;
        let event = note(&mut tx, self, transfer.call_id, code, &text).await?;
        tx.commit().await?;
        publish(self, org_id, transfer.call_id, event);
        self.connecting.wake.notify_one();
        Ok(())
    }
}

/// Remembers the carrier's id of the present call.
pub(super) fn known(transfer: &mut Transfer, call_sid: &str) {
    transfer.person_call = Some(call_sid.to_owned());
    if !transfer.calls_made.iter().any(|made| made == call_sid) {
        transfer.calls_made.push(call_sid.to_owned());
    }
}

pub(super) fn name(transfer: &Transfer) -> &str {
    transfer.person().map_or("Somebody", |person| person.name.as_str())
}
