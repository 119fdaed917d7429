//! Connecting callers with people: the caller waits in a conference of the carrier's, one person after the other is
//! called and told what it is about, and whoever presses 1 joins. Nobody of us is in the audio then.
//!
//! As with incidents every step is written down before it is taken, so that a process that dies in between leaves behind
//! what the next one needs to go on: a telephone rings once, and one person at most is joined.

mod connecting;
pub(crate) mod from_outside;
pub mod hold_music;
mod people;
pub mod settings;

use chrono::{DateTime, TimeDelta, Utc};
use domain::call_log::{CallEvent, EventKind};
use domain::ids::{CallId, OrgId, TransferId};
use domain::phone::PhoneNumber;
use domain::transfers::{self, Colleague, HoldMusic, TransferMode, TransferSettings};
use provider_traits::descriptor::Readiness;
use provider_traits::telephony::CallUpdate;
use store::calls::life::LeftBecause;
use store::organizations::Organization;
use store::transfers::{Attempt, Transfer, TransferState};
use store::{OrgTx, StoreError, SystemTx};
use tokio::sync::Notify;

pub use self::people::{PersonKey, PersonWords};
use crate::calls::finish::AFTERWARDS;
use crate::calls::sweep;
use crate::error::AppError;
use crate::incidents;
use crate::live::LiveEvent;
use crate::runtime::App;

/// Longest account of what it is about, in characters.
const LONGEST_ABOUT: usize = 300;
/// The carrier asks within a second what follows the stream; a caller of whom nobody asked is gone.
const ASKED_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// What connecting callers keeps in a process.
#[derive(Debug, Default)]
pub struct Transfers {
    wake: Notify,
}

/// What a waiting caller hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldWords {
    /// Said again and again.
    pub text: String,
    /// What is heard between.
    pub between: HoldMusic,
}

/// Who can be rung now, whoever goes for everybody first.
pub(crate) async fn reachable(
    tx: &mut OrgTx,
    business: &Organization,
    at: DateTime<Utc>,
) -> Result<(TransferSettings, Vec<Colleague>), StoreError> {
    let (settings, _) = store::transfer_settings::get(tx).await?;
    let usual = business.profile.transfer_to.as_deref().and_then(|to| PhoneNumber::parse(to, None).ok());
    let name = business.profile.contact_name.as_deref().unwrap_or("our team");
    let people = settings.reachable(
        usual.as_ref().map(|phone| (name, phone)),
        business.details.business_hours.as_ref(),
        business.profile.timezone.parse().unwrap_or(chrono_tz::UTC),
        at,
    );
    Ok((settings, people))
}

/// Writes down that a caller wants to be connected. Returns who will be rung first, by number; `None` when nobody can be
/// rung now. Where the carrier can't be asked to call somebody, or the business wants it so, nothing is written: the
/// carrier rings that number when the agent is done.
pub(crate) async fn prepare(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    wanted: &str,
    about: &str,
) -> Result<Option<String>, AppError> {
    let now = app.ambient.now();
    let business = store::organizations::get(tx).await?;
    let (settings, people) = reachable(tx, &business, now).await?;
    let people = transfers::in_order(&people, wanted);
    let Some(first) = people.first().map(|person| person.phone.as_str().to_owned()) else { return Ok(None) };
    let can_ring = matches!(app.telephony.readiness(), Readiness::Ready);
    if settings.mode == TransferMode::Blind || !can_ring {
        return Ok(Some(first));
    }
    let transfer = Transfer {
        id: TransferId(app.ambient.new_id()),
        call_id,
        state: TransferState::Prepared,
        attempt: Attempt::Waiting,
        about: about.chars().take(LONGEST_ABOUT).collect(),
        people,
        position: 0,
        ring_seconds: settings.ring_seconds,
        since: now,
        person_call: None,
        calls_made: Vec::new(),
        next_at: None,
        created_at: now,
    };
    store::transfers::prepare(tx, &transfer).await?;
    Ok(Some(first))
}

/// Whether the caller of a call that has just ended is to wait for a person.
pub(crate) async fn is_prepared(app: &App, org_id: OrgId, call_id: CallId) -> Result<bool, AppError> {
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let transfer = store::transfers::latest_of(&mut tx, call_id).await?;
    Ok(transfer.is_some_and(|transfer| transfer.state == TransferState::Prepared))
}

/// The agent is done with a caller who wants a person: from here on the call is nobody's, until the caller comes back.
/// Returns whether the caller is gone already.
pub(crate) async fn leave(app: &App, org_id: OrgId, call_id: CallId) -> Result<bool, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let Some(mut transfer) = store::transfers::latest_of(&mut tx, call_id).await? else {
        return Err(AppError::NotFound { noun: "transfer" });
    };
    store::calls::life::leave(&mut tx, call_id, &app.settings.node, LeftBecause::Transferring, now).await?;
    let left = store::calls::life::hold(&mut tx, call_id).await?;
    let is_gone = left.status.is_terminal();
    transfer.state = if is_gone { TransferState::Abandoned } else { TransferState::Connecting };
    transfer.next_at = (!is_gone).then_some(now + ASKED_WITHIN);
    store::transfers::update(&mut tx, &transfer, now).await?;
    incidents::call_is_over(&mut tx, app, call_id, !is_gone).await?;
    let names: Vec<&str> = transfer.people.iter().map(|person| person.name.as_str()).collect();
    let told =
        format!("The caller waits to be connected. Who is called, in this order: {}.", names.join(", "));
    let event = note(&mut tx, app, call_id, "transfer_begins", &told).await?;
    tx.commit().await?;
    publish(app, org_id, call_id, event);
    Ok(is_gone)
}

/// Writes a step on the call's timeline.
async fn note(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    code: &str,
    text: &str,
) -> Result<CallEvent, AppError> {
    let now = app.ambient.now();
    let tail = store::calls::events::tail(tx, call_id, AFTERWARDS).await?;
    let (seq, at_ms) = tail.map_or((0, 0), |(seq, at_ms, recorded_at)| {
        let since = u64::try_from((now - recorded_at).num_milliseconds()).unwrap_or(0);
        (seq + 1, at_ms + since)
    });
    let kind = EventKind::Notice { code: code.to_owned(), text: text.to_owned(), fault: None };
    let event = CallEvent { seq, at_ms, kind };
    store::calls::events::append(tx, call_id, std::slice::from_ref(&event), now).await?;
    Ok(event)
}

fn publish(app: &App, org_id: OrgId, call_id: CallId, event: CallEvent) {
    app.live.publish(LiveEvent { org_id, call_id, event });
}

/// Ends a call that is not needed any more. One that can't be ended says by itself that it is too late.
async fn end_call(app: &App, call: &str) {
    if let Err(error) = app.telephony.update_call(call, &CallUpdate::End).await {
        tracing::warn!(call.sid = %call, %error, "a call that is not needed any more could not be ended");
    }
}

impl App {
    /// The caller's stream is over and they are to wait for a person: from now on telephones ring. `None` when there is
    /// no transfer of this call, or not any more.
    pub(crate) async fn begin_ringing(
        &self,
        org_id: OrgId,
        call_id: CallId,
    ) -> Result<Option<TransferId>, AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let Some(mut transfer) = store::transfers::latest_of(&mut tx, call_id).await? else {
            return Ok(None);
        };
        if transfer.state != TransferState::Connecting || transfer.attempt == Attempt::Returning {
            tx.commit().await?;
            return Ok(None);
        }
        // The carrier may ask twice.
        let is_first = matches!(transfer.attempt, Attempt::Waiting | Attempt::Fetching);
        if is_first {
            if transfer.attempt == Attempt::Fetching {
                // Until now the platform's agent had them.
                store::calls::from_outside::leave(&mut tx, call_id, now).await?;
                incidents::call_is_over(&mut tx, self, call_id, true).await?;
            }
            transfer.attempt = Attempt::Due;
            transfer.next_at = Some(now);
            store::transfers::update(&mut tx, &transfer, now).await?;
        }
        // Also when nothing changed: dropped, it would hold the transfer for a moment after this, and nobody would ring.
        tx.commit().await?;
        if is_first {
            self.connecting.wake.notify_one();
        }
        Ok(Some(transfer.id))
    }

    /// The caller hung up: nobody is rung any more.
    pub(crate) async fn caller_is_gone(&self, org_id: OrgId, call_id: CallId) -> Result<(), AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let Some(mut transfer) = store::transfers::latest_of(&mut tx, call_id).await? else { return Ok(()) };
        match transfer.state {
            TransferState::Connecting => {
                transfer.state = TransferState::Abandoned;
                transfer.next_at = None;
                store::transfers::update(&mut tx, &transfer, now).await?;
                let text = "The caller hung up before anybody took them.";
                let event = note(&mut tx, self, call_id, "transfer_abandoned", text).await?;
                incidents::not_connected(&mut tx, self, call_id).await?;
                tx.commit().await?;
                publish(self, org_id, call_id, event);
            }
            // A wish that came to nothing: the agent may still talk.
            TransferState::Prepared => return Ok(tx.commit().await?),
            // Whoever took them may still be on the way into the conference.
            TransferState::Connected => tx.commit().await?,
            TransferState::Failed | TransferState::Abandoned => return Ok(tx.commit().await?),
        }
        if let Some(call) = &transfer.person_call {
            end_call(self, call).await;
        }
        Ok(())
    }

    /// A transfer, held until the transaction ends. End it by committing also where nothing changed: a dropped one holds
    /// the transfer until its connection is used again, and the carrier's next question waits for that.
    async fn hold_transfer(&self, id: TransferId) -> Result<(OrgTx, OrgId, Transfer), AppError> {
        let mut tx =
            SystemTx::begin(&self.db, "the address that the carrier asks tells which business it is").await?;
        let org_id = store::transfers::find(&mut tx, id).await?;
        drop(tx);
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let transfer = store::transfers::lock(&mut tx, id).await?;
        Ok((tx, org_id, transfer))
    }

    /// What a caller hears who waits.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn transfer_hold(&self, id: TransferId) -> Result<HoldWords, AppError> {
        let (mut tx, _, transfer) = self.hold_transfer(id).await?;
        let (settings, _) = store::transfer_settings::get(&mut tx).await?;
        tx.commit().await?;
        let name = transfer.person().map_or("somebody", |person| person.name.as_str());
        let text = format!("Please hold the line while I try to reach {name}.");
        Ok(HoldWords { text, between: settings.hold_music })
    }

    /// The conference is over, for the caller or for whoever took them: whether that was all. When nobody has taken the
    /// caller they are to go back.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn transfer_left(&self, id: TransferId) -> Result<bool, AppError> {
        let now = self.ambient.now();
        let (mut tx, _, mut transfer) = self.hold_transfer(id).await?;
        if transfer.state != TransferState::Connecting {
            tx.commit().await?;
            return Ok(true);
        }
        // A conference that ends by itself: whoever was rung is rung no more.
        transfer.attempt = Attempt::Returning;
        let needless = transfer.person_call.take();
        transfer.next_at = Some(now);
        store::transfers::update(&mut tx, &transfer, now).await?;
        tx.commit().await?;
        if let Some(call) = needless {
            end_call(self, &call).await;
        }
        Ok(false)
    }

    /// The caller is to go back to the agent: takes note that nobody took them. Returns their call.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub(crate) async fn give_back(&self, id: TransferId) -> Result<(OrgId, CallId), AppError> {
        let now = self.ambient.now();
        let (mut tx, org_id, mut transfer) = self.hold_transfer(id).await?;
        let call_id = transfer.call_id;
        if transfer.state == TransferState::Connecting {
            transfer.state = TransferState::Failed;
            transfer.next_at = None;
            store::transfers::update(&mut tx, &transfer, now).await?;
            let text = "Nobody took the caller, who goes back to the agent.";
            let event = note(&mut tx, self, call_id, "transfer_failed", text).await?;
            incidents::not_connected(&mut tx, self, call_id).await?;
            tx.commit().await?;
            publish(self, org_id, call_id, event);
        } else {
            tx.commit().await?;
        }
        Ok((org_id, call_id))
    }

    /// Has the record of a call completed that a person took.
    async fn finish_taken(&self, org_id: OrgId, call_id: CallId) {
        if let Err(error) = sweep::promise(&self.db, &[(org_id, call_id)]).await {
            tracing::warn!(call.id = %call_id, %error, "a call that was taken is finished by the next sweep");
        }
    }
}
