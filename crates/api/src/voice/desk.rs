//! What the carrier's edge needs of the use cases. A trait, so that the edge can be tested without a database.

use std::sync::Arc;

use ::voice::phone::{Pace, PhoneLine};
use app::App;
use app::calls::inbound::{Answer, InboundCall};
use app::calls::media::{MediaRefusal, MediaRequest};
use app::calls::status::{AfterStream, Delivery, StatusUpdate};
use app::calls::voicemail::RecordedMessage;
use app::error::AppError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::CallId;
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
}
