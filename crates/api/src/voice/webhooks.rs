//! The carrier's webhooks. After the signature is verified, a call is always answered with TwiML.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use app::calls::inbound::InboundCall;
use app::calls::status::{Delivery, StatusUpdate};
use app::error::AppError;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::phone::PhoneNumber;
use futures_util::FutureExt;
use providers::twilio::callbacks::{self, RecordingCallback, StatusCallback, VoiceWebhook};
use providers::twilio::form::FormError;
use providers::twilio::twiml::TwimlError;

use super::admission::{self, Refusal, Webhook};
use super::answers;
use super::edge::{Verification, VoiceEdge};
use crate::problem::Problem;

/// How long the end of a call may take to be written before the carrier is told what follows. Below its 15 s;
/// above the limit of an answer, because the caller has said goodbye and hears nothing meanwhile.
const AFTER_STREAM_WITHIN: Duration = Duration::from_secs(10);

/// Why a call hears the fallback.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no answer within {0} ms")]
    TooSlow(u128),
    #[error("a defect: the use case panicked")]
    Panicked,
    #[error("another delivery of it is being worked on for too long")]
    InProgress,
    #[error(transparent)]
    Form(#[from] FormError),
    #[error(transparent)]
    Twiml(#[from] TwimlError),
    #[error(transparent)]
    App(#[from] AppError),
}

/// Answer a call that comes in.
#[utoipa::path(
    post,
    path = "/api/voice/inbound",
    operation_id = "answer_call",
    tag = "voice",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's voice webhook", example = "CallSid=CA0123&From=%2B15135550142&To=%2B15135550100"),
    params(("x-twilio-signature" = Option<String>, Header, description = "Signature over URL and fields"),
        ("i-twilio-idempotency-token" = Option<String>, Header, description = "Repeated by retries")),
    responses(
        (status = 200, description = "TwiML that connects the media stream, or speaks", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn inbound(State(edge): State<Arc<VoiceEdge>>, request: Request) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    always_spoken(&edge, "inbound", edge.settings.answer_within, answer_inbound(&edge, webhook)).await
}

async fn answer_inbound(edge: &VoiceEdge, webhook: Webhook) -> Result<String, Trouble> {
    let call = VoiceWebhook::from_form(&webhook.form)?;
    let token = webhook.idempotency_token;
    if let Some(token) = &token {
        match earlier_answer(edge, token).await {
            Delivery::First => {}
            Delivery::Answered(earlier) => {
                tracing::info!(call.sid = call.call_sid, "a repeated webhook gets the answer it got");
                return Ok(earlier);
            }
            Delivery::InProgress => return Err(Trouble::InProgress),
        }
    }
    let number = |number: PhoneNumber| number.as_str().to_owned();
    let answer = Arc::clone(&edge.desk).answer_call(InboundCall {
        call_sid: call.call_sid,
        account_sid: call.account_sid,
        from: call.from.map(number).unwrap_or_default(),
        to: call.to,
        forwarded_from: call.forwarded_from.map(number),
        signed: matches!(edge.settings.verification, Verification::Signed(_)),
    });
    let twiml = answers::inbound(&edge.settings, answer.await)?;
    match token {
        None => Ok(twiml),
        // An answer that can't be kept is still an answer.
        Some(token) => Ok(edge.desk.keep_answer(&token, twiml.clone()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the answer to a call could not be kept for its repetitions");
            twiml
        })),
    }
}

async fn earlier_answer(edge: &VoiceEdge, token: &str) -> Delivery {
    edge.desk.earlier_answer(token).await.unwrap_or_else(|error| {
        // A call answered twice is better than one not answered.
        tracing::warn!(%error, "whether a webhook is a repetition could not be found out");
        Delivery::First
    })
}

/// Take note of a call's status.
#[utoipa::path(
    post,
    path = "/api/voice/status",
    operation_id = "record_call_status",
    tag = "voice",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's status callback",
        example = "CallSid=CA0123&CallStatus=completed&SequenceNumber=3&CallDuration=61"),
    responses(
        (status = 204, description = "Noted; repeating it changes nothing"),
        (status = 400, description = "A field is missing", body = Problem),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
        (status = 503, description = "Could not be stored; send it again", body = Problem),
    )
)]
pub(super) async fn status(
    State(edge): State<Arc<VoiceEdge>>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let webhook = admission::webhook(&edge, request).await?;
    let status = StatusCallback::from_form(&webhook.form)?;
    let call_sid = status.call_sid.clone();
    let update = StatusUpdate {
        call_sid: status.call_sid,
        status: status.status,
        sequence: status.sequence,
        duration_s: status.duration_s,
    };
    match edge.desk.record_status(update).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // A call of another system on the same account is nothing that a retry could mend.
        Err(AppError::NotFound { .. }) => {
            tracing::info!(call.sid = call_sid, "a status of an unknown call was left aside");
            Ok(StatusCode::NO_CONTENT)
        }
        Err(AppError::Invalid { field, .. }) => Err(Refusal::Field { field }),
        Err(error) => {
            tracing::warn!(call.sid = call_sid, %error, "a call's status could not be stored");
            Err(Refusal::NotStored)
        }
    }
}

/// Say what follows when a call's media stream is over.
#[utoipa::path(
    post,
    path = "/api/voice/after-stream",
    operation_id = "continue_call_after_stream",
    tag = "voice",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's action callback of `<Connect>`", example = "CallSid=CA0123"),
    responses(
        (status = 200, description = "TwiML that hangs up, rings a person, or takes a message", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn after_stream(State(edge): State<Arc<VoiceEdge>>, request: Request) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let call_sid = callbacks::call_sid(&webhook.form)?;
        let next = edge.desk.after_stream(&call_sid).await;
        Ok(answers::after_stream(&edge.settings, next)?)
    };
    always_spoken(&edge, "after-stream", AFTER_STREAM_WITHIN, answer).await
}

/// Say what follows when a person was rung.
#[utoipa::path(
    post,
    path = "/api/voice/after-dial",
    operation_id = "continue_call_after_dial",
    tag = "voice",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's action callback of `<Dial>`", example = "CallSid=CA0123&DialCallStatus=no-answer"),
    responses(
        (status = 200, description = "TwiML that hangs up, or takes a message when nobody answered", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn after_dial(State(edge): State<Arc<VoiceEdge>>, request: Request) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let was_answered = callbacks::dial_was_answered(&webhook.form);
    let answer = async {
        if !was_answered && let Ok(call_sid) = callbacks::call_sid(&webhook.form) {
            edge.desk.transfer_failed(&call_sid).await;
        }
        Ok(answers::after_dial(&edge.settings, was_answered)?)
    };
    always_spoken(&edge, "after-dial", edge.settings.answer_within, answer).await
}

/// Take note that somebody answered who was rung for a caller.
#[utoipa::path(
    post,
    path = "/api/voice/transfer-answered",
    operation_id = "record_transfer_answered",
    tag = "voice",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's status callback of `<Number>`", example = "CallSid=CA0456&ParentCallSid=CA0123"),
    responses(
        (status = 204, description = "Noted; repeating it changes nothing"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn transfer_answered(
    State(edge): State<Arc<VoiceEdge>>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let webhook = admission::webhook(&edge, request).await?;
    if let Some(call_sid) = webhook.form.get("ParentCallSid").filter(|sid| callbacks::is_sid(sid)) {
        edge.desk.transfer_answered(&call_sid).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Take note of a message that was recorded.
#[utoipa::path(
    post,
    path = "/api/voice/message",
    operation_id = "record_call_message",
    tag = "voice",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's action callback of `<Record>`",
        example = "CallSid=CA0123&RecordingSid=RE0123&RecordingUrl=https%3A%2F%2Fapi.twilio.com%2FRE0123"),
    responses(
        (status = 200, description = "TwiML that thanks and hangs up", body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn message(State(edge): State<Arc<VoiceEdge>>, request: Request) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let recording = RecordingCallback::from_form(&webhook.form)?;
        tracing::info!(
            call.sid = recording.call_sid,
            recording.sid = recording.recording_sid,
            duration_s = recording.duration_s,
            "a message was recorded by the carrier"
        );
        edge.desk.message_recorded(recording).await?;
        Ok(answers::message_taken()?)
    };
    always_spoken(&edge, "message", edge.settings.answer_within, answer).await
}

/// Answers with TwiML whatever happens: too slow, failed or panicked is answered with the fallback.
pub(super) async fn always_spoken(
    edge: &VoiceEdge,
    webhook: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<String, Trouble>>,
) -> Response {
    let answer = tokio::time::timeout(limit, AssertUnwindSafe(answer).catch_unwind()).await;
    let twiml = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(Trouble::Panicked),
        Err(_elapsed) => Err(Trouble::TooSlow(limit.as_millis())),
    };
    let twiml = twiml.unwrap_or_else(|trouble| {
        tracing::error!(webhook, reason = %trouble, "a call was answered with the spoken fallback");
        answers::trouble(&edge.settings)
    });
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response()
}
