//! Answering a call: who is called, who calls, what happens next.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, OrgId};
use domain::organizations::{MessagesOnly, may_answer};
use domain::phone::PhoneNumber;
use domain::plans::{Feature, Limit};
use provider_traits::descriptor::Readiness;
use store::calls::lines;
use store::numbers::Route;
use store::tx::{OrgTx, SystemTx};

use crate::calls::plan::{self, Stored};
use crate::calls::routing;
use crate::error::AppError;
use crate::organizations::settings_of;
use crate::plans::LINE_SILENCE;
use crate::runtime::App;
use crate::ticket;
use crate::transfers;

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
    /// Whether the announcement carried the carrier's signature, and it fitted.
    pub signed: bool,
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
    /// Ring a telephone; when nobody answers, take a message.
    Forward {
        /// E.164 number.
        to: String,
        /// Shown to the person: the business's own number.
        caller_id: String,
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

    /// Words, then a message is recorded.
    pub(crate) fn message(text: String) -> Self {
        Self::speak(text, true)
    }

    fn speak(text: String, record_message: bool) -> Self {
        Self::Speak { text, record_message }
    }
}

impl App {
    /// Decides what becomes of a call. Never fails: whatever goes wrong, the caller hears a sentence.
    pub async fn answer_call(self: &Arc<Self>, call: InboundCall) -> Answer {
        let answer = self.try_answer(&call).await.unwrap_or_else(|error| {
            tracing::error!(call.sid = %call.call_sid, %error, "a call could not be prepared; the caller is asked for a message");
            Answer::apology()
        });
        if matches!(answer, Answer::Speak { record_message: true, .. }) {
            // Not in the caller's way.
            let app = Arc::clone(self);
            self.tasks.spawn(async move { app.asks_for_message(&call.call_sid).await });
        }
        answer
    }

    async fn try_answer(self: &Arc<Self>, call: &InboundCall) -> Result<Answer, AppError> {
        let Some(route) = self.route(&call.to).await? else {
            tracing::warn!(call.sid = %call.call_sid, "a call came in for a number that belongs to nobody");
            return Ok(Answer::speak("This number is not in service. Goodbye.".to_owned(), false));
        };
        let org_id = route.org_id;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let business = store::organizations::get(&mut tx).await?;
        let now = self.ambient.now();
        let entitled = store::plans::entitlements(&mut tx).await?;
        let mut messages_only = may_answer(
            business.status,
            business.standing.trial_ends_at,
            entitled.allows(Feature::PhoneAnswering),
            now,
        )
        .err();
        let routed = routing::route(&mut tx, &route.number, &route.routing, &business, now).await?;
        let engine = plan::engine(&entitled, routed.agent.engine.clone());
        let from = PhoneNumber::parse(&call.from, Some(&business.profile.default_country)).ok();
        let client = plan::client_of(&mut tx, &entitled, from.as_ref()).await?;
        let announced = store::calls::life::insert_incoming(
            &mut tx,
            &store::calls::life::NewCall {
                id: CallId(self.ambient.new_id()),
                agent_id: routed.agent_id,
                number_id: route.number.id,
                call_sid: call.call_sid.clone(),
                from_number: from.clone().map(String::from),
                to_number: route.number.e164.clone(),
                client_id: client.as_ref().map(|client| client.id),
                // What was asked for; the log tells what carried it.
                engine: engine.clone(),
                started_at: now,
            },
        )
        .await?;
        if messages_only.is_none()
            && let Some(answer) = routed.instead
        {
            lines::take_message_only(&mut tx, announced.call_id).await?;
            tx.commit().await?;
            self.note_signature(org_id, call.signed);
            tracing::info!(org.id = %org_id, call.id = %announced.call_id, "a call is routed past the agents");
            return Ok(answer);
        }
        if messages_only.is_none()
            && !line_is_free(&mut tx, announced.call_id, entitled.limit(Limit::ConcurrentCalls), now).await?
        {
            messages_only = Some(MessagesOnly::LinesTaken);
        }
        if let Some(why) = messages_only {
            lines::take_message_only(&mut tx, announced.call_id).await?;
            tx.commit().await?;
            self.note_signature(org_id, call.signed);
            tracing::info!(org.id = %org_id, call.id = %announced.call_id, why = why.name(), "no agent may talk to a caller");
            let own_words = settings_of(&business)?.unavailable_message;
            let words = why.sentence(&business.name, own_words.as_deref());
            return Ok(match why {
                MessagesOnly::LinesTaken => routing::overflow(&route.routing, &route.number, words),
                _ => Answer::message(words),
            });
        }
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
        // A call that was announced before is the one of then.
        let asked = if announced.first {
            let (escalation, _) = store::escalation_settings::get(&mut tx).await?;
            Some((plan::questions(&mut tx, &entitled).await?, escalation.urgency))
        } else {
            None
        };
        let memory = plan::memory_of(&mut tx, client.as_ref(), announced.call_id, &business).await?;
        let (_, people) = transfers::reachable(&mut tx, &business, now).await?;
        tx.commit().await?;
        self.note_signature(org_id, call.signed);
        // A node that stops while others are there still answers: the stream finds its way to one of them.
        let is_leaving = self.is_stopping() && !self.has_company.load(Ordering::Relaxed);
        if is_leaving || self.active_calls() >= self.settings.max_calls {
            tracing::warn!(org.id = %org_id, call.id = %announced.call_id, "all lines are busy; the caller is asked for a message");
            let words = format!(
                "Thank you for calling {}. All our lines are busy. Please leave a message after the tone, and we will call you back.",
                business.name
            );
            return Ok(routing::overflow(&route.routing, &route.number, words));
        }
        let is_heard_by_a_model = self.is_heard_by_a_model(&engine);
        if !is_heard_by_a_model && let Readiness::Missing { what, remedy } = self.stt.readiness() {
            // Better an honest message than an agent that can't hear.
            tracing::error!(org.id = %org_id, call.id = %announced.call_id, %what, %remedy, "no transcriber is ready; the caller is asked for a message");
            let words = format!(
                "Thank you for calling {}. We can't take your call right now. Please leave a message after the tone, and we will call you back.",
                business.name
            );
            return Ok(routing::overflow(&route.routing, &route.number, words));
        }
        tracing::info!(org.id = %org_id, call.id = %announced.call_id, repeated = !announced.first, "call comes in");
        self.warm_up(org_id, routed.agent.language.clone(), is_heard_by_a_model);
        if let Some((lead_questions, urgency)) = asked {
            let plan = Arc::new(self.plan_of(Stored {
                call_id: announced.call_id,
                started_at: now,
                business,
                agent_id: routed.agent_id,
                agent: routed.agent,
                number: Some(route.number),
                entitled,
                lead_questions,
                caller: from,
                client,
                urgency,
                opening: None,
                memory,
                people,
            })?);
            self.announced.keep(Arc::clone(&plan));
            if is_heard_by_a_model {
                self.open_session_early(plan);
            }
        }
        Ok(Answer::Connect { call_id: announced.call_id, ticket })
    }

    async fn route(&self, to: &str) -> Result<Option<Route>, AppError> {
        let Ok(dialled) = PhoneNumber::parse(to, None) else { return Ok(None) };
        let mut tx = SystemTx::begin(&self.db, "the called number decides which business it is").await?;
        Ok(store::numbers::resolve(&mut tx, &dialled).await?)
    }

    /// Remembers the first signed call of a business: its set-up asks for one. Not in the caller's way.
    fn note_signature(self: &Arc<Self>, org_id: OrgId, signed: bool) {
        let known = |app: &Self| app.signed.lock().unwrap_or_else(PoisonError::into_inner).contains(&org_id);
        if !signed || known(self) {
            return;
        }
        let app = Arc::clone(self);
        self.tasks.spawn(async move {
            let noted = async {
                let mut tx = SystemTx::begin(&app.db, "the carrier's signature was checked").await?;
                store::onboarding::webhook_was_verified(&mut tx, org_id, app.ambient.now()).await?;
                tx.commit().await
            };
            match noted.await {
                Ok(()) => {
                    app.signed.lock().unwrap_or_else(PoisonError::into_inner).insert(org_id);
                }
                Err(error) => {
                    tracing::warn!(org.id = %org_id, %error, "that a webhook was signed could not be noted");
                }
            }
        });
    }

    /// Loads the transcriber's model while the phone still rings. For calls that it only stands by for, one at a
    /// time and business: should a model fail, the first call is served at once and the others wait for a moment.
    fn warm_up(self: &Arc<Self>, org_id: OrgId, language: String, stands_by: bool) {
        let app = Arc::clone(self);
        if stands_by && !app.warming.lock().unwrap_or_else(PoisonError::into_inner).insert(org_id) {
            return;
        }
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
            if stands_by {
                app.warming.lock().unwrap_or_else(PoisonError::into_inner).remove(&org_id);
            }
        });
    }
}

/// Whether the plan has a line left for the call, over all nodes. Calls of one organization are counted one after
/// another: two that come in at once can't both take the last line.
async fn line_is_free(
    tx: &mut OrgTx,
    call_id: CallId,
    most: Option<u64>,
    now: DateTime<Utc>,
) -> Result<bool, AppError> {
    let Some(most) = most else { return Ok(true) };
    lines::queue_for_a_line(tx).await?;
    Ok(lines::calls_in_progress(tx, Some(call_id), now - LINE_SILENCE).await? < most)
}
