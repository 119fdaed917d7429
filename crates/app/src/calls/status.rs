//! What the carrier tells of a call while it runs and after it, and what it is told in return.

use std::time::Duration;

use domain::call_log::EndReason;
use domain::ids::{CallId, OrgId, TransferId};
use store::calls::CallStatus;
use store::calls::life::StatusReport;
use store::tx::{OrgTx, SystemTx};
use store::webhook_receipts::{self, Claim};
use voice::call::Outcome;

use crate::after_calls::waiting;
use crate::calls::resume::Ended;
use crate::calls::sweep;
use crate::deadlines;
use crate::error::AppError;
use crate::runtime::App;

/// How long the carrier waits for the record of a call that ended well. Below what it is given for an answer: 10 s.
const WRITTEN_WITHIN: Duration = Duration::from_secs(8);

/// Name of the carrier's webhooks among the receipts.
const RECEIPTS: &str = "twilio";
/// A delivery that has no answer after the carrier's own patience is of a process that died.
const STALE_AFTER: chrono::TimeDelta = chrono::TimeDelta::seconds(15);
/// How long a repetition waits for the answer of the delivery that is being worked on. Below the limit of an answer.
const WAIT_FOR_ANSWER: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many ended calls' outcomes are kept for the carrier's question what follows.
const OUTCOMES: usize = 4_096;

/// What is known of a webhook's delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is the first: work on it, then [`App::keep_answer`].
    First,
    /// It was answered like this.
    Answered(String),
    /// Another one is being worked on, and for longer than can be waited.
    InProgress,
}

/// A status callback.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// The carrier's id of the call.
    pub call_sid: String,
    /// `queued`, `ringing`, `in-progress`, `completed`, `busy`, `failed`, `no-answer`, `canceled`.
    pub status: String,
    /// Position of the callback; they may arrive out of order.
    pub sequence: Option<u32>,
    /// Length of the call in seconds, with the last one.
    pub duration_s: Option<u32>,
}

/// What follows when the media stream of a call is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterStream {
    /// End the call.
    HangUp,
    /// Ring a person; when nobody answers, take a message.
    Dial {
        /// E.164 number.
        to: String,
        /// Shown to the person: the business's own number.
        caller_id: Option<String>,
    },
    /// The caller waits for a person, who is called meanwhile.
    Wait {
        /// Their transfer.
        transfer: TransferId,
    },
    /// The conversation is not over: connect another stream.
    Connect {
        /// The one-time ticket that the stream must show.
        ticket: String,
    },
    /// The stream broke: apologise and take a message.
    Speak {
        /// The words.
        text: String,
        /// Whether a message is recorded afterwards.
        record_message: bool,
    },
}

impl App {
    /// Takes note of a status. Callbacks may repeat and overtake each other; an end is never taken back.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an unknown status, [`AppError::NotFound`] for an unknown call.
    pub async fn record_status(&self, update: StatusUpdate) -> Result<(), AppError> {
        let status = match update.status.as_str() {
            "queued" | "initiated" | "ringing" => CallStatus::Ringing,
            "in-progress" | "answered" => CallStatus::InProgress,
            "completed" => CallStatus::Completed,
            "busy" => CallStatus::Busy,
            "failed" => CallStatus::Failed,
            "no-answer" => CallStatus::NoAnswer,
            "canceled" => CallStatus::Canceled,
            _ => {
                return Err(AppError::Invalid {
                    field: "CallStatus",
                    message:
                        "must be queued, ringing, in-progress, completed, busy, failed, no-answer or canceled"
                            .to_owned(),
                });
            }
        };
        let (org_id, call_id) = self.call_of(&update.call_sid).await?;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let report = StatusReport {
            status,
            sequence: update.sequence,
            duration_s: update.duration_s,
            at: self.ambient.now(),
        };
        let has_changed = store::calls::life::update_status(&mut tx, call_id, report).await?;
        let left = store::calls::life::hold(&mut tx, call_id).await?;
        // News to whoever waits for a message even when the record was completed long ago: its caller was still there.
        if status.is_terminal() {
            waiting::caller_hung_up(&mut tx, call_id, self.ambient.now()).await?;
        }
        tx.commit().await?;
        if has_changed && status.is_terminal() {
            // A person who answers hears that the caller is gone, whatever comes of this.
            if let Err(error) = self.caller_is_gone(org_id, call_id).await {
                tracing::warn!(call.id = %call_id, %error, "that a caller waits no more could not be noted");
            }
        }
        if has_changed
            && status.is_terminal()
            && left.left_because.is_some()
            && left.finalized_at.is_none()
            && let Err(error) = sweep::promise(&self.db, &[(org_id, call_id)]).await
        {
            tracing::warn!(call.id = %call_id, %error, "a call that nobody has is finished by the next sweep");
        }
        Ok(())
    }

    /// Decides what follows when a call's stream is over.
    pub async fn after_stream(&self, call_sid: &str) -> AfterStream {
        let after = self.try_after_stream(call_sid).await.unwrap_or_else(|error| {
            tracing::error!(call.sid = %call_sid, %error, "what follows a call's stream is not known; the caller is asked for a message");
            broken()
        });
        self.expecting(call_sid, after).await
    }

    /// Takes note when what follows is a message.
    async fn expecting(&self, call_sid: &str, after: AfterStream) -> AfterStream {
        if matches!(after, AfterStream::Speak { record_message: true, .. }) {
            self.asks_for_message(call_sid).await;
        }
        after
    }

    async fn try_after_stream(&self, call_sid: &str) -> Result<AfterStream, AppError> {
        // Known here before it is stored: a call that ended well needs no database to be hung up.
        if let Some((call_id, hangs_up)) = self.call_is_over(call_sid).await
            && hangs_up
        {
            // Whoever reads the record when the carrier reports the end finds it complete, unless the database is away.
            let _late = tokio::time::timeout(WRITTEN_WITHIN, self.call_finished(call_id)).await;
            return Ok(match self.take_transfer(call_id) {
                Some(to) => {
                    if let Ok(Some(transfer)) = deadlines::soon(self.waits_for_a_person(call_sid)).await {
                        return Ok(AfterStream::Wait { transfer });
                    }
                    let called = deadlines::soon(self.called_number(call_sid)).await;
                    AfterStream::Dial { to, caller_id: called.ok() }
                }
                None => AfterStream::HangUp,
            });
        }
        let (org_id, call_id) = self.call_of(call_sid).await?;
        self.call_finished(call_id).await;
        if let Some(to) = self.hand_over_fetched(org_id, call_id).await? {
            return Ok(AfterStream::Dial {
                to,
                caller_id: deadlines::soon(self.called_number(call_sid)).await.ok(),
            });
        }
        if let Some(transfer) = self.begin_ringing(org_id, call_id).await? {
            return Ok(AfterStream::Wait { transfer });
        }
        if let Some(to) = self.take_transfer(call_id) {
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            let caller_id = store::calls::get(&mut tx, call_id).await.ok().map(|call| call.to_number);
            return Ok(AfterStream::Dial { to, caller_id });
        }
        Ok(match self.settle_stream(org_id, call_id, call_sid).await? {
            Ended::GoesOn { ticket } => AfterStream::Connect { ticket },
            Ended::Waits(transfer) => AfterStream::Wait { transfer },
            Ended::Over(Some(reason)) if !goes_on_after(reason) => AfterStream::HangUp,
            Ended::GivenUp | Ended::Over(_) => broken(),
        })
    }

    /// Keeps what the carrier will ask for in a moment: whether the caller is to be connected with somebody.
    pub(crate) fn remember_outcome(&self, call_id: CallId, outcome: Option<&Outcome>) {
        let Some(to) = outcome.and_then(|outcome| outcome.transfer_to.clone()) else { return };
        let mut transfers = self.transfers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if transfers.len() >= OUTCOMES {
            // Carriers ask within a second; what is left over was never asked for.
            transfers.clear();
        }
        transfers.insert(call_id, to);
    }

    fn take_transfer(&self, call_id: CallId) -> Option<String> {
        self.transfers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&call_id)
    }

    /// Whether a webhook with this idempotency token is the first of its kind. While another delivery of it is being
    /// worked on, waits for that one's answer: two at once must not both act.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn earlier_answer(&self, token: &str) -> Result<Delivery, AppError> {
        let give_up = tokio::time::Instant::now() + WAIT_FOR_ANSWER;
        loop {
            let delivery = self.claim_delivery(token).await?;
            if delivery != Delivery::InProgress || tokio::time::Instant::now() >= give_up {
                return Ok(delivery);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn claim_delivery(&self, token: &str) -> Result<Delivery, AppError> {
        let now = self.ambient.now();
        let mut tx = SystemTx::begin(&self.db, "receipts are looked up before the business is known").await?;
        let claim = webhook_receipts::claim(&mut tx, RECEIPTS, token, now, now - STALE_AFTER).await?;
        tx.commit().await?;
        Ok(match claim {
            Claim::Answered(answer) => Delivery::Answered(answer.as_str().unwrap_or_default().to_owned()),
            Claim::Ours => Delivery::First,
            Claim::InProgress => Delivery::InProgress,
        })
    }

    /// Keeps the answer to a webhook and returns the one that counts.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn keep_answer(&self, token: &str, answer: String) -> Result<String, AppError> {
        let mut tx = SystemTx::begin(&self.db, "receipts are kept before the business is known").await?;
        let kept = serde_json::Value::String(answer.clone());
        webhook_receipts::complete(&mut tx, RECEIPTS, token, &kept).await?;
        tx.commit().await?;
        Ok(answer)
    }

    async fn waits_for_a_person(&self, call_sid: &str) -> Result<Option<TransferId>, AppError> {
        let (org_id, call_id) = self.call_of(call_sid).await?;
        self.begin_ringing(org_id, call_id).await
    }

    /// Decides what follows for a caller whom nobody took: back to the agent.
    pub async fn transfer_back(&self, id: TransferId, call_sid: &str) -> AfterStream {
        let back = async {
            let (org_id, call_id) = self.give_back(id).await?;
            Ok::<_, AppError>(match self.settle_stream(org_id, call_id, call_sid).await? {
                Ended::GoesOn { ticket } => AfterStream::Connect { ticket },
                Ended::Over(Some(reason)) if !goes_on_after(reason) => AfterStream::HangUp,
                Ended::Waits(_) | Ended::GivenUp | Ended::Over(_) => nobody(),
            })
        };
        let after = back.await.unwrap_or_else(|error| {
            tracing::error!(call.sid = %call_sid, %error, "a caller could not go back to the agent; they are asked for a message");
            nobody()
        });
        self.expecting(call_sid, after).await
    }

    async fn called_number(&self, call_sid: &str) -> Result<String, AppError> {
        let (org_id, call_id) = self.call_of(call_sid).await?;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        Ok(store::calls::get(&mut tx, call_id).await?.to_number)
    }

    pub(crate) async fn call_of(&self, call_sid: &str) -> Result<(OrgId, CallId), AppError> {
        let mut tx = SystemTx::begin(&self.db, "the carrier's call id tells which business it is").await?;
        store::calls::life::find_by_sid(&mut tx, call_sid).await?.ok_or(AppError::NotFound { noun: "call" })
    }
}

/// Whether a call that ended for this reason is not over for its caller, who is asked for a message.
pub(super) fn goes_on_after(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::ConnectionLost
            | EndReason::InternalError
            | EndReason::ProcessDied
            | EndReason::ServerStopped
    )
}

fn nobody() -> AfterStream {
    AfterStream::Speak {
        text: "I am sorry, nobody can take your call right now. Please leave a message after the tone, and we will \
               call you back."
            .to_owned(),
        record_message: true,
    }
}

fn broken() -> AfterStream {
    AfterStream::Speak {
        text:
            "I am sorry, we were cut off. Please leave a message after the tone, and we will call you back."
                .to_owned(),
        record_message: true,
    }
}
