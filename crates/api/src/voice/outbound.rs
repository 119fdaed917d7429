//! The calls that we make: what whoever answers hears, and how the calls go.

use std::sync::Arc;

use app::callbacks::answering::Answered;
use app::error::AppError;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::ids::CallbackId;
use providers::twilio::callbacks;
use providers::twilio::form::FormError;
use providers::twilio::twiml::{self, Verb};

use super::admission::{self, Refusal};
use super::answers;
use super::edge::VoiceEdge;
use super::webhooks::always_spoken;
use crate::problem::Problem;

/// Say what somebody hears whom we called.
#[utoipa::path(
    post,
    path = "/api/voice/outbound/{id}",
    operation_id = "answer_outbound_call",
    tag = "voice",
    params(("id" = String, Path, description = "The call that was to be made", example = "cb_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's voice webhook of a call that we placed", example = "CallSid=CA0123&AnsweredBy=human"),
    responses(
        (status = 200, description = "TwiML that connects the media stream, or leaves a machine a message",
            body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn answered(
    State(edge): State<Arc<VoiceEdge>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let (id, call_sid) = (parse(&id)?, callbacks::call_sid(&webhook.form)?);
        let by = webhook.form.get("AnsweredBy").unwrap_or_default();
        let verbs = match edge.desk.callback_answered(id, &call_sid, &by).await? {
            Answered::Talk { ticket } => answers::connected(&edge.settings, ticket),
            Answered::Message(text) => vec![Verb::Say { text }, Verb::Hangup],
            Answered::HangUp => vec![Verb::Hangup],
        };
        Ok(twiml::render(&verbs)?)
    };
    always_spoken(&edge, "outbound", edge.settings.answer_within, answer).await
}

/// Take note of how a call goes that we made.
#[utoipa::path(
    post,
    path = "/api/voice/outbound/{id}/status",
    operation_id = "record_outbound_status",
    tag = "voice",
    params(("id" = String, Path, description = "The call that was to be made", example = "cb_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's status callback", example = "CallSid=CA0123&CallStatus=completed&SequenceNumber=3"),
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
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let webhook = admission::webhook(&edge, request).await?;
    let report = callbacks::StatusCallback::from_form(&webhook.form)?;
    let id = parse(&id)?;
    let noted = edge.desk.callback_status(id, &report.call_sid, &report.status).await;
    // The conversation, if there was one, has a record of its own.
    let update = app::calls::status::StatusUpdate {
        call_sid: report.call_sid,
        status: report.status,
        sequence: report.sequence,
        duration_s: report.duration_s,
    };
    let recorded = edge.desk.record_status(update).await;
    for outcome in [noted, recorded] {
        match outcome {
            Ok(()) | Err(AppError::NotFound { .. } | AppError::Invalid { .. }) => {}
            Err(error) => {
                tracing::warn!(%error, "how a call goes that we made could not be stored");
                return Err(Refusal::NotStored);
            }
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn parse(id: &str) -> Result<CallbackId, FormError> {
    id.parse().map_err(|_| FormError::Field { field: "id" })
}
