//! Callers who wait for a person, and the calls to those people: what each hears, the key, the reports. The transfer's id
//! and the person's place are in the address, which the carrier's signature covers.

use std::sync::Arc;

use app::error::AppError;
use app::transfers::{PersonKey, PersonWords};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::ids::TransferId;
use domain::transfers::HoldMusic;
use providers::twilio::callbacks;
use providers::twilio::form::FormError;
use providers::twilio::twiml::{self, TwimlError, Verb};

use super::admission::{self, Refusal};
use super::answers;
use super::edge::{VoiceEdge, VoiceSettings};
use super::hold_music;
use super::webhooks::always_spoken;
use crate::problem::Problem;

/// How long a key is waited for when all is said, in seconds.
const KEY_SECONDS: u32 = 10;
/// Said before the key is waited for.
const KEYS: &str = "Press 1 to take the call. Press 2 if you can't.";
/// Said when no key was pressed.
const NO_KEY: &str = "No key was pressed. Goodbye.";
/// Between two words to a caller who waits without music, in seconds.
const HOLD_SECONDS: u32 = 12;

/// A caller waits in a conference; what follows is carried out when the action can't be asked.
pub(super) fn waiting(settings: &VoiceSettings, id: TransferId) -> Vec<Verb> {
    let mut verbs = vec![room(settings, id, true)];
    verbs.extend(answers::spoken(settings, answers::NOBODY_ANSWERED.to_owned(), true));
    verbs
}

fn room(settings: &VoiceSettings, id: TransferId, waits: bool) -> Verb {
    let url = |what: &str| settings.webhook_url(&format!("/api/voice/transfers/{id}/{what}"));
    Verb::Conference { name: id.to_string(), action: url("left"), wait: waits.then(|| url("hold")) }
}

/// Say what a caller hears who waits for a person.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/hold",
    operation_id = "hold_caller",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's request for a conference's wait document", example = "CallSid=CA0123"),
    responses(
        (status = 200, description = "TwiML with words, and music or a pause", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn hold(
    State(edge): State<Arc<VoiceEdge>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let _whose = callbacks::call_sid(&webhook.form)?;
        let words = edge.desk.transfer_hold(parse(&id)?).await?;
        // Asked again when it is over: then it may be somebody else who is called. So the music goes round.
        let between = match words.between {
            HoldMusic::Music => Verb::Play { url: edge.settings.webhook_url(hold_music::PATH) },
            HoldMusic::Words => Verb::Pause { seconds: HOLD_SECONDS },
        };
        Ok(twiml::render(&[Verb::Say { text: words.text }, between])?)
    };
    always_spoken(&edge, "hold", edge.settings.answer_within, answer).await
}

/// Say what follows when the conference of a caller or a person is over.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/left",
    operation_id = "continue_call_after_conference",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's action callback of `<Dial>`", example = "CallSid=CA0123&DialCallStatus=completed"),
    responses(
        (status = 200, description = "TwiML that hangs up, or brings the caller back", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn left(
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
        if edge.desk.transfer_left(id).await? {
            return Ok(twiml::render(&[Verb::Hangup])?);
        }
        let next = edge.desk.transfer_back(id, &call_sid).await;
        Ok(answers::after_stream(&edge.settings, next)?)
    };
    always_spoken(&edge, "conference left", edge.settings.answer_within, answer).await
}

/// Say what follows for a caller whom nobody took.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/back",
    operation_id = "bring_caller_back",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's request after the call was redirected", example = "CallSid=CA0123"),
    responses(
        (status = 200, description = "TwiML that connects the media stream again, or takes a message", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn back(
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
        let next = edge.desk.transfer_back(id, &call_sid).await;
        Ok(answers::after_stream(&edge.settings, next)?)
    };
    always_spoken(&edge, "caller back", edge.settings.answer_within, answer).await
}

/// Say what a call is about to somebody who is to take it.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/{place}",
    operation_id = "announce_transfer",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("place" = usize, Path, description = "The person's place among those who are rung", example = 0),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's voice webhook of a call that we placed", example = "CallSid=CA0456"),
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
    Path((id, place)): Path<(String, usize)>,
    request: Request,
) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let (id, call_sid) = (parse(&id)?, callbacks::call_sid(&webhook.form)?);
        let words =
            edge.desk.transfer_words(id, place, &call_sid).await.unwrap_or_else(|error| in_trouble(&error));
        Ok(spoken(&edge.settings, id, place, words)?)
    };
    always_spoken(&edge, "transfer", edge.settings.answer_within, answer).await
}

/// Take the key that somebody presses who is to take a caller.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/{place}/key",
    operation_id = "take_transfer_key",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("place" = usize, Path, description = "The person's place among those who are rung", example = 0),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's action callback of `<Gather>`", example = "CallSid=CA0456&Digits=1"),
    responses(
        (status = 200, description = "TwiML that joins them, says goodbye, or says it again", body = String,
            content_type = "text/xml"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn key(
    State(edge): State<Arc<VoiceEdge>>,
    Path((id, place)): Path<(String, usize)>,
    request: Request,
) -> Response {
    let webhook = match admission::webhook(&edge, request).await {
        Ok(webhook) => webhook,
        Err(refusal) => return refusal.into_response(),
    };
    let answer = async {
        let (id, call_sid) = (parse(&id)?, callbacks::call_sid(&webhook.form)?);
        let key = PersonKey::of(&webhook.form.get("Digits").unwrap_or_default());
        let words = edge
            .desk
            .transfer_key(id, place, &call_sid, key)
            .await
            .unwrap_or_else(|error| in_trouble(&error));
        Ok(spoken(&edge.settings, id, place, words)?)
    };
    always_spoken(&edge, "transfer key", edge.settings.answer_within, answer).await
}

/// Take note of how the call goes to somebody who is to take a caller.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/{place}/status",
    operation_id = "record_transfer_status",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("place" = usize, Path, description = "The person's place among those who are rung", example = 0),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's status callback", example = "CallSid=CA0456&CallStatus=no-answer&SequenceNumber=2"),
    responses(
        (status = 204, description = "Noted; repeating it changes nothing"),
        (status = 400, description = "A field is missing", body = Problem),
        (status = 503, description = "Could not be stored; send it again", body = Problem),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn status(
    State(edge): State<Arc<VoiceEdge>>,
    Path((id, place)): Path<(String, usize)>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let webhook = admission::webhook(&edge, request).await?;
    let report = callbacks::StatusCallback::from_form(&webhook.form)?;
    let id = parse(&id)?;
    noted(edge.desk.transfer_status(id, place, &report.call_sid, &report.status).await)
}

/// Take note of who answered that is to take a caller: a person or a machine.
#[utoipa::path(
    post,
    path = "/api/voice/transfers/{id}/{place}/machine",
    operation_id = "record_transfer_answered_by",
    tag = "voice",
    params(
        ("id" = String, Path, description = "The transfer", example = "tr_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("place" = usize, Path, description = "The person's place among those who are rung", example = 0),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "Twilio's verdict on who answered", example = "CallSid=CA0456&AnsweredBy=machine_start"),
    responses(
        (status = 204, description = "Noted; repeating it changes nothing"),
        (status = 400, description = "A field is missing", body = Problem),
        (status = 503, description = "Could not be stored; send it again", body = Problem),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 413, description = "Body over 64 KiB", body = Problem),
        (status = 415, description = "Body is no form", body = Problem),
    )
)]
pub(super) async fn machine(
    State(edge): State<Arc<VoiceEdge>>,
    Path((id, place)): Path<(String, usize)>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let webhook = admission::webhook(&edge, request).await?;
    let call_sid = callbacks::call_sid(&webhook.form)?;
    let by = webhook.form.get("AnsweredBy").unwrap_or_default();
    let id = parse(&id)?;
    noted(edge.desk.transfer_answered_by(id, place, &call_sid, &by).await)
}

fn in_trouble(error: &AppError) -> PersonWords {
    tracing::error!(%error, "somebody who is to take a caller can't be told so");
    PersonWords::Goodbye("A caller can't be connected with you now. Goodbye.".to_owned())
}

fn parse(id: &str) -> Result<TransferId, FormError> {
    id.parse().map_err(|_| FormError::Field { field: "id" })
}

fn noted(outcome: Result<(), AppError>) -> Result<StatusCode, Refusal> {
    match outcome {
        // Of a transfer that is gone nothing needs to be known.
        Ok(()) | Err(AppError::NotFound { .. } | AppError::Store(store::StoreError::NotFound { .. })) => {
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => {
            tracing::warn!(%error, "how a call to a person goes could not be stored");
            Err(Refusal::NotStored)
        }
    }
}

fn spoken(
    settings: &VoiceSettings,
    id: TransferId,
    place: usize,
    words: PersonWords,
) -> Result<String, TwimlError> {
    let say = |text: &str| Verb::Say { text: text.to_owned() };
    match words {
        PersonWords::Goodbye(text) => twiml::render(&[say(&text), Verb::Hangup]),
        PersonWords::Join { text } => twiml::render(&[say(&text), room(settings, id, false)]),
        PersonWords::Ask { opening, summary } => {
            let inside = vec![
                say(&opening),
                say(&summary),
                Verb::Pause { seconds: 1 },
                say(&format!("Once more. {summary}")),
                say(KEYS),
            ];
            let action = settings.webhook_url(&format!("/api/voice/transfers/{id}/{place}/key"));
            let gather = Verb::Gather { action, digits: 1, timeout_s: KEY_SECONDS, inside };
            twiml::render(&[gather, say(NO_KEY), Verb::Hangup])
        }
    }
}
