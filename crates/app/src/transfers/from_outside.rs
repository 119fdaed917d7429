//! Callers who talk with a platform's agent (ElevenLabs) and want a person. The platform has the audio, but the call is a
//! leg of our carrier account: it is fetched from there by having the carrier ask us what follows, and from then on it
//! is a transfer like any other.
//!
//! Whom nobody takes comes back to our own pipeline, with what the platform's agent did as its history: a platform can
//! only be asked for a new conversation, which would know nothing of this one and greet the caller as a stranger.

use chrono::TimeDelta;
use domain::ids::{CallId, OrgId, TransferId};
use domain::phone::PhoneNumber;
use domain::transfers::{Colleague, TransferMode};
use provider_traits::descriptor::Readiness;
use provider_traits::telephony::{CallUpdate, Updated};
use store::OrgTx;
use store::calls::from_outside;
use store::transfers::{Attempt, Transfer, TransferState};

use super::{note, publish};
use crate::calls::sweep;
use crate::error::AppError;
use crate::incidents;
use crate::runtime::App;

/// The platform's agent has so long to say that it connects, before its audio is taken away.
const SAYS_IT_WITHIN: TimeDelta = TimeDelta::seconds(4);
/// Between two tries to fetch a call.
const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(2);
/// The carrier asks what follows within a moment; else it is told once more.
const ASKED_WITHIN: TimeDelta = TimeDelta::seconds(10);
/// After this the caller stays with the platform's agent.
const FETCH_FOR: TimeDelta = TimeDelta::seconds(30);

/// Promises that the caller is fetched from the platform: for whoever was prepared, or for this number where the business
/// wants no more than that it rings. `false` when the carrier can't be asked for it.
pub(crate) async fn fetch(app: &App, org_id: OrgId, call_id: CallId, to: &str) -> Result<bool, AppError> {
    if !matches!(app.telephony.readiness(), Readiness::Ready) {
        return Ok(false);
    }
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let latest = store::transfers::latest_of(&mut tx, call_id).await?;
    let mut transfer = match latest {
        // The platform may ask twice.
        Some(transfer) if transfer.state == TransferState::Connecting => {
            return Ok(tx.commit().await.map(|()| true)?);
        }
        Some(transfer) if transfer.state == TransferState::Prepared => transfer,
        _ => {
            let transfer = ringing(TransferId(app.ambient.new_id()), call_id, to, now)?;
            store::transfers::prepare(&mut tx, &transfer).await?;
            transfer
        }
    };
    (transfer.state, transfer.attempt) = (TransferState::Connecting, Attempt::Fetching);
    (transfer.since, transfer.next_at) = (now, Some(now + SAYS_IT_WITHIN));
    store::transfers::update(&mut tx, &transfer, now).await?;
    let names: Vec<&str> = transfer.people.iter().map(|person| person.name.as_str()).collect();
    let told = format!(
        "The caller is fetched from the platform's agent. Who is called, in this order: {}.",
        names.join(", ")
    );
    let event = note(&mut tx, app, call_id, "transfer_begins", &told).await?;
    tx.commit().await?;
    publish(app, org_id, call_id, event);
    Ok(true)
}

/// A transfer to a number and no more.
fn ringing(
    id: TransferId,
    call_id: CallId,
    to: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Transfer, AppError> {
    let phone = PhoneNumber::parse(to, None)
        .map_err(|error| AppError::Bug(format!("the number for transfers: {error}")))?;
    let person = Colleague { name: "our team".to_owned(), role: String::new(), topics: Vec::new(), phone };
    Ok(Transfer {
        id,
        call_id,
        state: TransferState::Prepared,
        attempt: Attempt::Waiting,
        about: String::new(),
        people: vec![person],
        position: 0,
        ring_seconds: domain::transfers::TransferSettings::default().ring_seconds,
        since: now,
        person_call: None,
        calls_made: Vec::new(),
        next_at: None,
        created_at: now,
    })
}

impl App {
    /// Has the carrier take the caller's call away from the platform.
    pub(super) async fn fetch_caller(
        &self,
        org_id: OrgId,
        transfer: &Transfer,
        call_sid: &str,
    ) -> Result<(), AppError> {
        let url = format!("{}/api/voice/after-stream", self.settings.webhook_url);
        match self.telephony.update_call(call_sid, &CallUpdate::GoOnAt(url)).await {
            Ok(Updated::Done) => Ok(()),
            Ok(Updated::CallIsOver) => {
                self.caller_is_gone(org_id, transfer.call_id).await?;
                sweep::promise(&self.db, &[(org_id, transfer.call_id)]).await
            }
            Err(error) => {
                tracing::warn!(org.id = %org_id, transfer.id = %transfer.id, %error, "a caller could not be fetched yet");
                let now = self.ambient.now();
                let mut tx = OrgTx::begin(&self.db, org_id).await?;
                let mut transfer = store::transfers::lock(&mut tx, transfer.id).await?;
                if transfer.attempt == Attempt::Fetching {
                    transfer.next_at = Some(now + TRY_AGAIN_AFTER);
                    store::transfers::update(&mut tx, &transfer, now).await?;
                }
                Ok(tx.commit().await?)
            }
        }
    }

    /// Writes down that a caller is being fetched. Returns their call at the carrier; `None` when that has been tried for
    /// long enough: they stay where they are, and the platform's agent goes on talking with them.
    pub(super) async fn prepare_fetching(
        &self,
        mut tx: OrgTx,
        org_id: OrgId,
        transfer: &mut Transfer,
    ) -> Result<Option<String>, AppError> {
        let now = self.ambient.now();
        if now < transfer.since + FETCH_FOR {
            let call = store::calls::get(&mut tx, transfer.call_id).await?;
            transfer.next_at = Some(now + ASKED_WITHIN);
            store::transfers::update(&mut tx, transfer, now).await?;
            tx.commit().await?;
            return Ok(Some(call.call_sid));
        }
        (transfer.state, transfer.next_at) = (TransferState::Failed, None);
        store::transfers::update(&mut tx, transfer, now).await?;
        let text = "The caller could not be fetched from the platform's agent, and stays there.";
        let event = note(&mut tx, self, transfer.call_id, "transfer_failed", text).await?;
        incidents::not_connected(&mut tx, self, transfer.call_id).await?;
        tx.commit().await?;
        publish(self, org_id, transfer.call_id, event);
        Ok(None)
    }

    /// A caller who was fetched, of a business that wants no more than that the telephone rings: the number. From here on
    /// the call is the carrier's.
    pub(crate) async fn hand_over_fetched(
        &self,
        org_id: OrgId,
        call_id: CallId,
    ) -> Result<Option<String>, AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let latest = store::transfers::latest_of(&mut tx, call_id).await?;
        let fetched = latest.filter(|transfer| {
            transfer.state == TransferState::Connecting && transfer.attempt == Attempt::Fetching
        });
        let Some(mut transfer) = fetched else { return Ok(tx.commit().await.map(|()| None)?) };
        let (settings, _) = store::transfer_settings::get(&mut tx).await?;
        let first = transfer.person().cloned();
        let Some(person) = first.filter(|_| settings.mode == TransferMode::Blind) else {
            return Ok(tx.commit().await.map(|()| None)?);
        };
        (transfer.state, transfer.next_at) = (TransferState::Connected, None);
        store::transfers::update(&mut tx, &transfer, now).await?;
        from_outside::leave(&mut tx, call_id, now).await?;
        store::calls::life::was_taken(&mut tx, call_id).await?;
        incidents::call_is_over(&mut tx, self, call_id, true).await?;
        let text = format!("{} is called by the carrier.", person.name);
        let event = note(&mut tx, self, call_id, "transfer_rings", &text).await?;
        tx.commit().await?;
        publish(self, org_id, call_id, event);
        self.finish_taken(org_id, call_id).await;
        Ok(Some(person.phone.into()))
    }
}
