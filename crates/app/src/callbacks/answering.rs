//! Somebody answers a call that we made: the agent talks with them, a machine gets a message.

use chrono::TimeDelta;
use domain::callbacks::CallbackState;
use domain::ids::{CallId, CallbackId, OrgId};
use store::callbacks::{self, Callback};
use store::{OrgTx, SystemTx};

use crate::calls::plan;
use crate::error::AppError;
use crate::runtime::App;
use crate::ticket;

/// What becomes of a call that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The agent talks.
    Talk {
        /// For the media stream.
        ticket: String,
    },
    /// A machine hears these words.
    Message(String),
    /// There is nothing to say any more.
    HangUp,
}

impl App {
    async fn org_of_callback(&self, id: CallbackId) -> Result<OrgId, AppError> {
        let mut tx =
            SystemTx::begin(&self.db, "the address that the carrier asks tells which business it is").await?;
        Ok(callbacks::find(&mut tx, id).await?)
    }

    /// Decides what whoever answered hears. `by` is the carrier's verdict on who that is.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn callback_answered(
        &self,
        id: CallbackId,
        call_sid: &str,
        by: &str,
    ) -> Result<Answered, AppError> {
        let org_id = self.org_of_callback(id).await?;
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut callback = callbacks::lock(&mut tx, id).await?;
        let is_again =
            callback.call_sid.as_deref() == Some(call_sid) && callback.state == CallbackState::Talking;
        if callback.state.is_final() && callback.call_sid.as_deref() != Some(call_sid) {
            tx.commit().await?;
            return Ok(Answered::HangUp);
        }
        callback.call_sid = Some(call_sid.to_owned());
        if by.starts_with("machine") || by == "fax" {
            let business = store::organizations::get(&mut tx).await?.name;
            let words = message(&callback, &business);
            (callback.state, callback.since, callback.next_at) = (CallbackState::Machine, now, None);
            callbacks::update(&mut tx, &callback, now).await?;
            tx.commit().await?;
            return Ok(Answered::Message(words));
        }
        let entitled = store::plans::entitlements(&mut tx).await?;
        let agent = store::agents::published(&mut tx, callback.agent_id).await?;
        let client =
            store::clients::find_by_contact(&mut tx, store::clients::ContactKind::Phone, &callback.number)
                .await?;
        let announced = store::calls::life::insert_outgoing(
            &mut tx,
            &store::calls::life::NewCall {
                id: CallId(self.ambient.new_id()),
                agent_id: callback.agent_id,
                number_id: callback.number_id,
                call_sid: call_sid.to_owned(),
                from_number: Some(callback.our_number.clone()),
                to_number: callback.number.clone(),
                client_id: client.map(|client| client.id),
                engine: plan::engine(&entitled, agent.engine),
                started_at: now,
            },
        )
        .await?;
        let ticket = ticket::draw();
        let life = chrono::Duration::from_std(self.settings.ticket_ttl)
            .map_err(|_| AppError::Bug("the ticket's life is too long".to_owned()))?;
        store::calls::tickets::create(
            &mut tx,
            &ticket::hash(&ticket),
            announced.call_id,
            call_sid,
            now + life,
        )
        .await?;
        if !is_again {
            (callback.state, callback.since) = (CallbackState::Talking, now);
        }
        callback.became = Some(announced.call_id);
        callback.next_at = Some(now + TimeDelta::hours(2));
        callbacks::update(&mut tx, &callback, now).await?;
        tx.commit().await?;
        Ok(Answered::Talk { ticket })
    }

    /// The carrier tells how a call that we made goes.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; storage errors.
    pub async fn callback_status(
        &self,
        id: CallbackId,
        call_sid: &str,
        status: &str,
    ) -> Result<(), AppError> {
        let state = match status {
            "initiated" | "queued" | "ringing" => CallbackState::Ringing,
            "completed" => CallbackState::Done,
            "busy" => CallbackState::Busy,
            "no-answer" => CallbackState::NoAnswer,
            "failed" | "canceled" => CallbackState::Failed,
            // That somebody answered is known when they are to hear something.
            _ => return Ok(()),
        };
        let org_id = self.org_of_callback(id).await?;
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let mut callback = callbacks::lock(&mut tx, id).await?;
        if !callback.state.may_become(state)
            || callback.call_sid.as_deref().is_some_and(|sid| sid != call_sid)
        {
            return Ok(tx.commit().await?);
        }
        callback.call_sid = Some(call_sid.to_owned());
        (callback.state, callback.since) = (state, now);
        callback.next_at = (!state.is_final()).then_some(now + TimeDelta::hours(2));
        callbacks::update(&mut tx, &callback, now).await?;
        Ok(tx.commit().await?)
    }
}

/// What a machine hears. What it is about may be nobody else's business in that house.
fn message(callback: &Callback, business: &str) -> String {
    let number: String =
        callback.our_number.chars().filter(char::is_ascii_digit).flat_map(|c| [c, ' ']).collect();
    let name = callback.name.as_deref().map(|name| format!(" for {name}")).unwrap_or_default();
    format!(
        "Hello, this is a message{name} from {business}. We are calling you back as you wished. Please call us at \
         {}. Thank you, goodbye.",
        number.trim_end()
    )
}
