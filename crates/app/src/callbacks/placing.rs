//! Placing the calls whose time has come. As with incidents: what is about to be done is written down, then done, then
//! what came of it is written down; who comes after a worker that died asks the carrier first.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::callbacks::CallbackState;
use domain::ids::{CallbackId, OrgId};
use provider_traits::error::ProviderError;
use provider_traits::telephony::{KnownCall, MachineDetection, NewCall};
use store::callbacks::{self, Callback};
use store::{OrgTx, SystemTx};
use tokio::time::MissedTickBehavior;

use crate::due::CLOCKS_DIFFER_BY;
use crate::error::AppError;
use crate::runtime::App;

/// How often a worker looks by itself.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a call is a worker's own: longer than its turn at the carrier's rate and the carrier itself may take.
const LEASE: TimeDelta = TimeDelta::seconds(120);
/// Calls taken at once; they are placed one after the other at the account's rate.
const MOST: u32 = 20;
/// Between two tries.
const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(10);
/// The carrier is tried so long.
const TRY_FOR: TimeDelta = TimeDelta::minutes(10);
/// One that was placed and not heard of for so long is lost; longer than any conversation.
const LOST_AFTER: TimeDelta = TimeDelta::hours(2);
/// How long a telephone rings, in seconds.
const RING_SECONDS: u32 = 30;

impl App {
    /// Places calls until the drain. Run it once, in a tracked task.
    pub async fn place_callbacks(self: Arc<Self>) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.drain.cancelled() => return,
                _ = every.tick() => {}
                () = self.callbacks.wake.notified() => {}
            }
            if let Err(error) = self.place_due_callbacks().await {
                tracing::warn!(%error, "calls that are to be made could not be looked for");
            }
        }
    }

    /// Places the calls whose time has come; returns how many there were.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn place_due_callbacks(&self) -> Result<usize, AppError> {
        let now = self.ambient.now();
        let mut tx = SystemTx::begin(&self.db, "calls are due whoever's they are").await?;
        let due = callbacks::lease(&mut tx, now, now + LEASE, MOST).await?;
        tx.commit().await?;
        for &(org_id, id) in &due {
            if let Err(error) = self.place_callback(org_id, id).await {
                // The lease ends, and then it is tried again.
                tracing::error!(org.id = %org_id, callback.id = %id, %error, "a call could not be placed");
            }
        }
        Ok(due.len())
    }

    async fn place_callback(&self, org_id: OrgId, id: CallbackId) -> Result<(), AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut callback = callbacks::lock(&mut tx, id).await?;
        let is_resumed = match callback.state {
            CallbackState::Waiting => false,
            CallbackState::Placing => true,
            CallbackState::Ringing | CallbackState::Talking if now - callback.since > LOST_AFTER => {
                (callback.state, callback.since, callback.next_at) = (CallbackState::Failed, now, None);
                callbacks::update(&mut tx, &callback, now).await?;
                return Ok(tx.commit().await?);
            }
            state => {
                callback.next_at = (!state.is_final()).then_some(callback.since + LOST_AFTER);
                callbacks::update(&mut tx, &callback, now).await?;
                return Ok(tx.commit().await?);
            }
        };
        if !is_resumed {
            (callback.state, callback.since, callback.placed_at) = (CallbackState::Placing, now, Some(now));
        }
        // Should this process die now, somebody looks at it then.
        callback.next_at = Some(now + LEASE);
        callbacks::update(&mut tx, &callback, now).await?;
        tx.commit().await?;
        let url = |what: &str| format!("{}/api/voice/outbound/{id}{what}", self.settings.webhook_url);
        let call = NewCall {
            to: callback.number.clone(),
            from: callback.our_number.clone(),
            url: url(""),
            status_url: url("/status"),
            ring_seconds: RING_SECONDS,
            most_seconds: None,
            // A message must begin behind the machine's own words, so the verdict is waited for.
            machine: MachineDetection::Before,
        };
        let placed = self.place_or_find(org_id, &callback, &call, is_resumed).await;
        self.callback_was_placed(org_id, id, placed).await
    }

    async fn place_or_find(
        &self,
        org_id: OrgId,
        callback: &Callback,
        call: &NewCall,
        is_resumed: bool,
    ) -> Result<KnownCall, AppError> {
        let earliest = callback.placed_at.unwrap_or(callback.since) - CLOCKS_DIFFER_BY;
        if is_resumed {
            for known in self.telephony.calls_to(&call.to, &call.from).await? {
                let mut tx = OrgTx::begin(&self.db, org_id).await?;
                let is_ours = known.created_at.is_some_and(|at| at >= earliest)
                    && !callbacks::is_known(&mut tx, &known.id).await?
                    && !store::incidents::alerts::is_known(&mut tx, &known.id).await?;
                if is_ours {
                    return Ok(known);
                }
            }
        }
        Ok(self.telephony.place_call(call).await?)
    }

    async fn callback_was_placed(
        &self,
        org_id: OrgId,
        id: CallbackId,
        placed: Result<KnownCall, AppError>,
    ) -> Result<(), AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut callback = callbacks::lock(&mut tx, id).await?;
        // The carrier may have told of the call before it answered.
        if callback.state != CallbackState::Placing {
            return Ok(tx.commit().await?);
        }
        let may_try = callback.placed_at.is_some_and(|at| now < at + TRY_FOR);
        match placed {
            Ok(call) => {
                callback.call_sid = Some(call.id);
                (callback.state, callback.since) = (CallbackState::Ringing, now);
                callback.next_at = Some(now + LOST_AFTER);
            }
            Err(AppError::Provider(
                error @ (ProviderError::Unavailable { .. }
                | ProviderError::Timeout { .. }
                | ProviderError::RateLimited { .. }),
            )) if may_try => {
                tracing::warn!(org.id = %org_id, callback.id = %id, %error, "a call is tried again");
                callback.next_at = Some(now + TRY_AGAIN_AFTER);
            }
            Err(error) => {
                tracing::warn!(org.id = %org_id, callback.id = %id, %error, "a call could not be made");
                (callback.state, callback.since, callback.next_at) = (CallbackState::Failed, now, None);
            }
        }
        callbacks::update(&mut tx, &callback, now).await?;
        Ok(tx.commit().await?)
    }
}
