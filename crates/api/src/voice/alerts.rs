//! The calls that are made about an incident: what is said, the key, the reports. Each has its alert's id in its address,
//! which the carrier's signature covers.

use std::sync::Arc;

use app::error::AppError;
use app::incidents::alerts::{AlertKey, AlertWords};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::ids::AlertId;
use providers::twilio::callbacks;
use providers::twilio::form::FormError;
use providers::twilio::twiml::{self, TwimlError, Verb};

use super::admission::{self, Refusal};
use super::edge::{VoiceEdge, VoiceSettings};
use super::webhooks::always_spoken;
use crate::problem::Problem;

/// How long a key is waited for when all is said, in seconds.
const KEY_SECONDS: u32 = 10;
/// Said before the key is waited for.
const KEYS: &str = "Press 1 to take care of it. Press 2 to have the next person called.";
/// Said when no key was pressed.
const NO_KEY: &str = "No key was pressed. The next person will be called. Goodbye.";

/// Say what an emergency is about.
#[utoipa::path(
    post,
    path = "/api/voice/alerts/{id}",
    operation_id = "speak_alert",
    tag = "voice",
    params(("id" = String, Path, description = "The alert", example = "alert_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's voice webhook of a call that we placed", example = "CallSid=CA0123"),
    responses(
        (status = 200, description = "TwiML that says it twice and waits for a key", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn speak(
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
        let words = edge.desk.alert_words(id, &call_sid).await.unwrap_or_else(|error| in_trouble(&error));
        Ok(spoken(&edge.settings, id, words)?)
    };
    always_spoken(&edge, "alert", edge.settings.answer_within, answer).await
}

/// Take the key that somebody presses who is called about an emergency.
#[utoipa::path(
    post,
    path = "/api/voice/alerts/{id}/key",
    operation_id = "take_alert_key",
    tag = "voice",
    params(("id" = String, Path, description = "The alert", example = "alert_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's action callback of `<Gather>`", example = "CallSid=CA0123&Digits=1"),
    responses(
        (status = 200, description = "TwiML with some last words, or the same again", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn key(
    State(edge): State<Arc<VoiceEdge>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let id = parse(&id)?;
        let key = AlertKey::of(&webhook.form.get("Digits").unwrap_or_default());
        let words = edge.desk.alert_key(id, key).await.unwrap_or_else(|error| in_trouble(&error));
        Ok(spoken(&edge.settings, id, words)?)
    };
    always_spoken(&edge, "alert key", edge.settings.answer_within, answer).await
}

/// Take note of how a call about an emergency goes.
#[utoipa::path(
    post,
    path = "/api/voice/alerts/{id}/status",
    operation_id = "record_alert_status",
    tag = "voice",
    params(("id" = String, Path, description = "The alert", example = "alert_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's status callback", example = "CallSid=CA0123&CallStatus=no-answer&SequenceNumber=2"),
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
    noted(edge.desk.alert_status(id, &report.call_sid, &report.status).await)
}

/// Take note of who answered a call about an emergency: a person or a machine.
#[utoipa::path(
    post,
    path = "/api/voice/alerts/{id}/machine",
    operation_id = "record_alert_answered_by",
    tag = "voice",
    params(("id" = String, Path, description = "The alert", example = "alert_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's verdict on who answered", example = "CallSid=CA0123&AnsweredBy=machine_start"),
    responses(
        (status = 204, description = "Noted; repeating it changes nothing"),
        (status = 400, description = "A field is missing", body = Problem),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
        (status = 503, description = "Could not be stored; send it again", body = Problem),
    )
)]
pub(super) async fn machine(
    State(edge): State<Arc<VoiceEdge>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let webhook = admission::webhook(&edge, request).await?;
    let call_sid = callbacks::call_sid(&webhook.form)?;
    let by = webhook.form.get("AnsweredBy").unwrap_or_default();
    let id = parse(&id)?;
    noted(edge.desk.alert_answered_by(id, &call_sid, &by).await)
}

/// Whoever is called must know that something is the matter, even if it can't be looked up now.
fn in_trouble(error: &AppError) -> AlertWords {
    tracing::error!(%error, "somebody who is called about an incident can't be told what it is");
    AlertWords::Goodbye(
        "There is an urgent call for your business, but we can't read it out to you now. Please look at your messages."
            .to_owned(),
    )
}

fn parse(id: &str) -> Result<AlertId, FormError> {
    id.parse().map_err(|_| FormError::Field { field: "id" })
}

fn noted(outcome: Result<(), AppError>) -> Result<StatusCode, Refusal> {
    match outcome {
        // Of an incident that is gone nothing needs to be known.
        Ok(()) | Err(AppError::NotFound { .. }) => Ok(StatusCode::NO_CONTENT),
        // The carrier's own failure to end a call: its time limit does.
        Err(AppError::Provider(error)) => {
            tracing::warn!(%error, "a call with a machine could not be ended");
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => {
            tracing::warn!(%error, "how a call about an incident goes could not be stored");
            Err(Refusal::NotStored)
        }
    }
}

fn spoken(settings: &VoiceSettings, id: AlertId, words: AlertWords) -> Result<String, TwimlError> {
    let say = |text: &str| Verb::Say { text: text.to_owned() };
    match words {
        AlertWords::Goodbye(text) => twiml::render(&[say(&text), Verb::Hangup]),
        AlertWords::Ask { opening, summary } => {
            let inside = vec![
                say(&opening),
                say(&summary),
                Verb::Pause { seconds: 1 },
                say(&format!("Once more. {summary}")),
                say(KEYS),
            ];
            let action = settings.webhook_url(&format!("/api/voice/alerts/{id}/key"));
            let gather = Verb::Gather { action, digits: 1, timeout_s: KEY_SECONDS, inside };
            twiml::render(&[gather, say(NO_KEY), Verb::Hangup])
        }
    }
}
