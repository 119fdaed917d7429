//! Answering a call: who is called, who calls, what happens next.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::{CallId, OrgId};
use domain::phone::PhoneNumber;
use provider_traits::descriptor::Readiness;
use store::clients::ContactKind;
use store::numbers::Route;
use store::organizations::OrgStatus;
use store::tx::{OrgTx, SystemTx};

use crate::error::AppError;
use crate::runtime::App;
use crate::ticket;

/// A call that a carrier announces.
#[derive(Debug, Clone)]
pub struct InboundCall {
    /// The carrier's id of the call (`CA…`).
    pub call_sid: String,
    /// The carrier account (`AC…`).
    pub account_sid: String,
    /// The caller as the carrier gives it; may be withheld.
    pub from: String,
    /// The number called.
    pub to: String,
    /// The number that forwarded the call to us.
    pub forwarded_from: Option<String>,
}

/// What the carrier is told to do with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Connect the media stream.
    Connect {
        /// The call.
        call_id: CallId,
        /// The one-time ticket that the stream must show.
        ticket: String,
    },
    /// Say something, then end or take a message.
    Speak {
        /// The words.
        text: String,
        /// Whether a message is recorded afterwards.
        record_message: bool,
    },
}

impl Answer {
    /// What a caller hears when something of ours failed: never silence, never an error page.
    #[must_use]
    pub fn apology() -> Self {
        Self::Speak {
            text: "Thank you for calling. We can't take your call right now. \
                   Please leave a message after the tone, and we will call you back."
                .to_owned(),
            record_message: true,
        }
    }

    fn speak(text: String, record_message: bool) -> Self {
        Self::Speak { text, record_message }
    }
}

impl App {
    /// Decides what becomes of a call. Never fails: whatever goes wrong, the caller hears a sentence.
    pub async fn answer_call(self: &Arc<Self>, call: InboundCall) -> Answer {
        match self.try_answer(&call).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(call.sid = %call.call_sid, %error, "a call could not be prepared; the caller is asked for a message");
                Answer::apology()
            }
        }
    }

    async fn try_answer(self: &Arc<Self>, call: &InboundCall) -> Result<Answer, AppError> {
        let Some(route) = self.route(&call.to).await? else {
            tracing::warn!(call.sid = %call.call_sid, "a call came in for a number that belongs to nobody");
            return Ok(Answer::speak("This number is not in service. Goodbye.".to_owned(), false));
        };
        let org_id = route.org_id;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let business = store::organizations::get(&mut tx).await?;
        if matches!(route.org_status, OrgStatus::Suspended | OrgStatus::Closed) {
            tracing::info!(org.id = %org_id, call.sid = %call.call_sid, "a suspended business was called");
            let text = format!(
                "Thank you for calling {}. We can't take calls at the moment. Please leave a message after the tone.",
                business.name
            );
            return Ok(Answer::speak(text, true));
        }
        let agent = store::agents::get(&mut tx, route.number.agent_id).await?;
        let from = PhoneNumber::parse(&call.from, Some(&business.profile.default_country)).ok();
        let client = match &from {
            Some(number) => {
                store::clients::find_by_contact(&mut tx, ContactKind::Phone, number.as_str()).await?
            }
            None => None,
        };
        let now = self.ambient.now();
        let announced = store::calls::life::insert_incoming(
            &mut tx,
            &store::calls::life::NewCall {
                id: CallId(self.ambient.new_id()),
                agent_id: agent.id,
                number_id: route.number.id,
                call_sid: call.call_sid.clone(),
                from_number: from.map(String::from),
                to_number: route.number.e164.clone(),
                client_id: client.map(|client| client.id),
                engine: agent.settings.engine.clone(),
                started_at: now,
            },
        )
        .await?;
        let ticket = ticket::draw();
        let expires_at = now
            + chrono::Duration::from_std(self.settings.ticket_ttl)
                .map_err(|_| AppError::Bug("the ticket's life is too long".to_owned()))?;
        store::calls::tickets::create(
            &mut tx,
            &ticket::hash(&ticket),
            announced.call_id,
            &call.call_sid,
            expires_at,
        )
        .await?;
        tx.commit().await?;
        if self.active_calls() >= self.settings.max_calls {
            tracing::warn!(org.id = %org_id, call.id = %announced.call_id, "all lines are busy; the caller is asked for a message");
            let text = format!(
                "Thank you for calling {}. All our lines are busy. Please leave a message after the tone, and we will call you back.",
                business.name
            );
            return Ok(Answer::speak(text, true));
        }
        if let Readiness::Missing { what, remedy } = self.stt.readiness() {
            // Better an honest message than an agent that can't hear.
            tracing::error!(org.id = %org_id, call.id = %announced.call_id, %what, %remedy, "no transcriber is ready; the caller is asked for a message");
            let text = format!(
                "Thank you for calling {}. We can't take your call right now. Please leave a message after the tone, and we will call you back.",
                business.name
            );
            return Ok(Answer::speak(text, true));
        }
        tracing::info!(org.id = %org_id, call.id = %announced.call_id, repeated = !announced.first, "call comes in");
        self.warm_up(org_id, agent.settings.language);
        Ok(Answer::Connect { call_id: announced.call_id, ticket })
    }

    async fn route(&self, to: &str) -> Result<Option<Route>, AppError> {
        let Ok(dialled) = PhoneNumber::parse(to, None) else { return Ok(None) };
        let mut tx = SystemTx::begin(&self.db, "the called number decides which business it is").await?;
        Ok(store::numbers::resolve(&mut tx, &dialled).await?)
    }

    /// Loads the transcriber's model while the phone still rings.
    fn warm_up(self: &Arc<Self>, org_id: OrgId, language: String) {
        let app = Arc::clone(self);
        self.tasks.spawn(async move {
            let warmed =
                tokio::time::timeout(Duration::from_secs(20), app.prepare_speech(org_id, language)).await;
            match warmed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(org.id = %org_id, %error, "the transcriber could not be prepared");
                }
                Err(_) => tracing::warn!(org.id = %org_id, "preparing the transcriber takes too long"),
            }
        });
    }
}
