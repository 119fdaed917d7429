//! What the carrier's edge needs of the use cases. A trait, so that the edge can be tested without a database.

use std::sync::Arc;

use ::voice::phone::{Pace, PhoneLine};
use app::App;
use app::callbacks::answering::Answered;
use app::calls::inbound::{Answer, InboundCall};
use app::calls::media::{MediaRefusal, MediaRequest};
use app::calls::status::{AfterStream, Delivery, StatusUpdate};
use app::calls::voicemail::RecordedMessage;
use app::error::AppError;
use app::incidents::alerts::{AlertKey, AlertWords};
use app::transfers::{HoldWords, PersonKey, PersonWords};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{AlertId, CallId, CallbackId, TransferId};
use futures_util::future::BoxFuture;
use providers::twilio::callbacks::RecordingCallback;

/// A media stream that is let in.
pub struct Admitted {
    /// The call.
    pub call_id: CallId,
    /// The pace that is granted.
    pub pace: Pace,
    /// Runs the call to its end on the line it is given.
    pub run: Box<dyn FnOnce(PhoneLine) -> BoxFuture<'static, ()> + Send>,
}

/// The use cases of a call.
#[async_trait]
pub trait CallDesk: Send + Sync {
    /// The time.
    fn now(&self) -> DateTime<Utc>;

    /// Whether a webhook with this idempotency token is the first of its kind; waits a little for the answer of one
    /// that is being worked on.
    async fn earlier_answer(&self, token: &str) -> Result<Delivery, AppError>;

    /// Keeps the answer to a webhook and returns the one that counts.
    async fn keep_answer(&self, token: &str, twiml: String) -> Result<String, AppError>;

    /// Decides what becomes of a call that comes in.
    async fn answer_call(self: Arc<Self>, call: InboundCall) -> Answer;

    /// Takes note of what the carrier tells of a call.
    async fn record_status(&self, update: StatusUpdate) -> Result<(), AppError>;

    /// Lets a media stream in, once for each ticket.
    async fn connect_media(self: Arc<Self>, request: MediaRequest) -> Result<Admitted, MediaRefusal>;

    /// Decides what follows when a call's stream is over.
    async fn after_stream(&self, call_sid: &str) -> AfterStream;

    /// Takes note of a message that the carrier recorded.
    async fn message_recorded(&self, recording: RecordingCallback) -> Result<(), AppError>;

    /// Takes note that somebody answered whom a caller is connected with.
    async fn transfer_answered(&self, call_sid: &str);

    /// Takes note that nobody answered whom a caller was to be connected with.
    async fn transfer_failed(&self, call_sid: &str);

    /// What somebody hears whom we called.
    async fn callback_answered(&self, id: CallbackId, call_sid: &str, by: &str)
    -> Result<Answered, AppError>;

    /// Takes note of how a call goes that we made.
    async fn callback_status(&self, id: CallbackId, call_sid: &str, status: &str) -> Result<(), AppError>;

    /// What somebody hears who is called about an incident.
    async fn alert_words(&self, id: AlertId, call_sid: &str) -> Result<AlertWords, AppError>;

    /// Takes the key that they press.
    async fn alert_key(&self, id: AlertId, key: AlertKey) -> Result<AlertWords, AppError>;

    /// Takes note of how their call goes.
    async fn alert_status(&self, id: AlertId, call_sid: &str, status: &str) -> Result<(), AppError>;

    /// Takes note of who answered.
    async fn alert_answered_by(&self, id: AlertId, call_sid: &str, by: &str) -> Result<(), AppError>;

    /// What a caller hears who waits to be connected.
    async fn transfer_hold(&self, id: TransferId) -> Result<HoldWords, AppError>;

    /// Whether nothing follows for somebody whose conference is over.
    async fn transfer_left(&self, id: TransferId) -> Result<bool, AppError>;

    /// What follows for a caller whom nobody took.
    async fn transfer_back(&self, id: TransferId, call_sid: &str) -> AfterStream;

    /// What somebody hears who is to take a caller.
    async fn transfer_words(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
    ) -> Result<PersonWords, AppError>;

    /// Takes the key that they press.
    async fn transfer_key(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
        key: PersonKey,
    ) -> Result<PersonWords, AppError>;

    /// Takes note of how their call goes.
    async fn transfer_status(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
        status: &str,
    ) -> Result<(), AppError>;

    /// Takes note of who answered.
    async fn transfer_answered_by(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
        by: &str,
    ) -> Result<(), AppError>;
}

// Each calls the use case of the same name, which the language prefers over the trait's.
#[async_trait]
impl CallDesk for App {
    fn now(&self) -> DateTime<Utc> {
        self.ambient.now()
    }

    async fn earlier_answer(&self, token: &str) -> Result<Delivery, AppError> {
        App::earlier_answer(self, token).await
    }

    async fn keep_answer(&self, token: &str, twiml: String) -> Result<String, AppError> {
        App::keep_answer(self, token, twiml).await
    }

    async fn answer_call(self: Arc<Self>, call: InboundCall) -> Answer {
        App::answer_call(&self, call).await
    }

    async fn record_status(&self, update: StatusUpdate) -> Result<(), AppError> {
        App::record_status(self, update).await
    }

    async fn connect_media(self: Arc<Self>, request: MediaRequest) -> Result<Admitted, MediaRefusal> {
        let grant = App::connect_media(&self, request).await?;
        Ok(Admitted {
            call_id: grant.call_id,
            pace: grant.pace,
            run: Box::new(move |line| {
                Box::pin(async move {
                    // The outcome is in the records; what follows is asked for by the carrier.
                    let _outcome = self.run_call(grant, line).await;
                })
            }),
        })
    }

    async fn after_stream(&self, call_sid: &str) -> AfterStream {
        App::after_stream(self, call_sid).await
    }

    async fn message_recorded(&self, recording: RecordingCallback) -> Result<(), AppError> {
        let RecordingCallback { call_sid, recording_sid, url, duration_s, to, from } = recording;
        let duration_s = duration_s.unwrap_or(0);
        let message = RecordedMessage { call_sid, recording_sid, url, duration_s, to, from };
        App::message_recorded(self, message).await
    }

    async fn transfer_answered(&self, call_sid: &str) {
        left_aside(call_sid, App::transfer_answered(self, call_sid).await);
    }

    async fn transfer_failed(&self, call_sid: &str) {
        left_aside(call_sid, App::transfer_failed(self, call_sid).await);
    }

    async fn callback_answered(
        &self,
        id: CallbackId,
        call_sid: &str,
        by: &str,
    ) -> Result<Answered, AppError> {
        App::callback_answered(self, id, call_sid, by).await
    }

    async fn callback_status(&self, id: CallbackId, call_sid: &str, status: &str) -> Result<(), AppError> {
        App::callback_status(self, id, call_sid, status).await
    }

    async fn alert_words(&self, id: AlertId, call_sid: &str) -> Result<AlertWords, AppError> {
        App::alert_words(self, id, call_sid).await
    }

    async fn alert_key(&self, id: AlertId, key: AlertKey) -> Result<AlertWords, AppError> {
        App::alert_key(self, id, key).await
    }

    async fn alert_status(&self, id: AlertId, call_sid: &str, status: &str) -> Result<(), AppError> {
        App::alert_status(self, id, call_sid, status).await
    }

    async fn alert_answered_by(&self, id: AlertId, call_sid: &str, by: &str) -> Result<(), AppError> {
        App::alert_answered_by(self, id, call_sid, by).await
    }

    async fn transfer_hold(&self, id: TransferId) -> Result<HoldWords, AppError> {
        App::transfer_hold(self, id).await
    }

    async fn transfer_left(&self, id: TransferId) -> Result<bool, AppError> {
        App::transfer_left(self, id).await
    }

    async fn transfer_back(&self, id: TransferId, call_sid: &str) -> AfterStream {
        App::transfer_back(self, id, call_sid).await
    }

    async fn transfer_words(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
    ) -> Result<PersonWords, AppError> {
        App::transfer_words(self, id, place, call_sid).await
    }

    async fn transfer_key(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
        key: PersonKey,
    ) -> Result<PersonWords, AppError> {
        App::transfer_key(self, id, place, call_sid, key).await
    }

    async fn transfer_status(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
        status: &str,
    ) -> Result<(), AppError> {
        App::transfer_status(self, id, place, call_sid, status).await
    }

    async fn transfer_answered_by(
        &self,
        id: TransferId,
        place: usize,
        call_sid: &str,
        by: &str,
    ) -> Result<(), AppError> {
        App::transfer_answered_by(self, id, place, call_sid, by).await
    }
}

/// What becomes of a caller's transfer matters to an incident only; the caller does not wait for it.
fn left_aside(call_sid: &str, outcome: Result<(), AppError>) {
    match outcome {
        // Without a call there is no incident.
        Ok(()) | Err(AppError::NotFound { .. }) => {}
        Err(error) => tracing::warn!(call.sid = %call_sid, %error, "how a transfer went could not be noted"),
    }
}
