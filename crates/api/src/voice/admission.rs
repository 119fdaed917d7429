//! Who is let in: requests whose signature fits, or programs of this machine when there is no carrier account.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use providers::twilio::form::{Form, FormError, MAX_BODY_BYTES};
use providers::twilio::signature::SignatureError;

use super::edge::{Verification, VoiceEdge, VoiceSettings};
use crate::problem::Problem;

/// The carrier's signature.
const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// Names a webhook over all its retries.
const IDEMPOTENCY_TOKEN: HeaderName = HeaderName::from_static("i-twilio-idempotency-token");

/// Longest idempotency token that is kept.
const MAX_TOKEN_BYTES: usize = 128;

/// A body that is not complete by then is given up.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// Put there by proxies and browsers: behind a proxy on this machine the whole world has a loopback address, and
/// a browser on this machine sends what any site tells it to.
const NOT_OURS: [&str; 6] = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "origin", "sec-fetch-site"];

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The signature is absent or wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// There is no carrier account, and the request is not from this machine.
    #[error("without a carrier account only this machine itself may call")]
    NotLocal,
    /// The body is no form.
    #[error("the body is not an HTML form")]
    NotForm,
    /// The body is over the limit.
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// The body did not come, or not whole.
    #[error("the body could not be read to its end")]
    Broken,
    /// A field is absent or makes no sense.
    #[error("the form has no usable {field}")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// What the webhook is about could not be stored; sending it again helps.
    #[error("it could not be stored now")]
    NotStored,
    /// All places for sockets are taken, or the server is stopping.
    #[error("no more calls are taken now")]
    Full,
}

impl Refusal {
    fn describe(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Signature(_) => (StatusCode::FORBIDDEN, "bad-signature", "Not signed by the carrier"),
            Self::NotLocal => (StatusCode::FORBIDDEN, "not-local", "Only from this machine"),
            Self::NotForm => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-a-form", "The body must be a form"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::Broken => (StatusCode::BAD_REQUEST, "malformed", "The request can't be read"),
            Self::Field { .. } => (StatusCode::BAD_REQUEST, "malformed", "The request can't be read"),
            Self::NotStored => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "full", "No more calls now"),
        }
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        match error {
            FormError::TooLong | FormError::TooManyFields => Self::TooLarge,
            FormError::Field { field } => Self::Field { field },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name, title) = self.describe();
        let problem = Problem {
            kind: format!("urn:studioconnect:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            ..Problem::default()
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// A webhook that is believed.
#[derive(Debug)]
pub struct Webhook {
    /// Its fields.
    pub form: Form,
    /// Names it over all its retries.
    pub idempotency_token: Option<String>,
}

/// Reads a webhook and believes it, or not.
///
/// # Errors
/// The reason for which it is turned away; logged here.
pub async fn webhook(edge: &VoiceEdge, request: Request) -> Result<Webhook, Refusal> {
    let (parts, body) = request.into_parts();
    let read = read_webhook(&edge.settings, &parts, Request::from_parts(parts.clone(), body)).await;
    read.inspect_err(|refusal| log_refusal(&parts, *refusal))
}

async fn read_webhook(settings: &VoiceSettings, parts: &Parts, request: Request) -> Result<Webhook, Refusal> {
    let mime = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mime = mime.split(';').next().unwrap_or("").trim();
    if !mime.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::NotForm);
    }
    // The router's `DefaultBodyLimit` is what ends too long a body.
    let body = match tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Err(Refusal::TooLarge);
        }
        Ok(Err(_)) | Err(_) => return Err(Refusal::Broken),
    };
    let form = Form::parse(&body)?;
    match &settings.verification {
        Verification::Signed(verifier) => {
            verifier.verify_form(&settings.webhook_url(path_and_query(parts)), &form, signature(parts))?;
        }
        Verification::LoopbackOnly => require_local(parts)?,
    }
    let idempotency_token = parts
        .headers
        .get(IDEMPOTENCY_TOKEN)
        .and_then(|value| value.to_str().ok())
        .filter(|token| (1..=MAX_TOKEN_BYTES).contains(&token.len()))
        .map(str::to_owned);
    Ok(Webhook { form, idempotency_token })
}

/// Believes the handshake of a media socket, or not.
///
/// # Errors
/// The reason for which it is turned away; logged here.
pub fn handshake(settings: &VoiceSettings, parts: &Parts) -> Result<(), Refusal> {
    let checked = match &settings.verification {
        Verification::Signed(verifier) => {
            let path = path_and_query(parts);
            let mut answer = verifier.verify_handshake(&settings.socket_url(path), signature(parts));
            if answer.is_err() && path == "/" {
                // For the alias at the root the TwiML may say `wss://host` without the slash.
                answer = verifier.verify_handshake(&settings.socket_url(""), signature(parts));
            }
            answer.map_err(Refusal::from)
        }
        Verification::LoopbackOnly => require_local(parts),
    };
    checked.inspect_err(|refusal| log_refusal(parts, *refusal))
}

/// The path as the carrier asked for it, before any nesting of routers.
fn path_and_query(parts: &Parts) -> &str {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    uri.path_and_query().map_or("/", |path| path.as_str())
}

fn signature(parts: &Parts) -> Option<&[u8]> {
    parts.headers.get(SIGNATURE).map(HeaderValue::as_bytes)
}

fn require_local(parts: &Parts) -> Result<(), Refusal> {
    if is_local(parts) { Ok(()) } else { Err(Refusal::NotLocal) }
}

/// Whether a program of this very machine asks, and nobody through it.
pub(crate) fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let is_local = peer.is_some_and(|ip| ip.to_canonical().is_loopback());
    let is_passed_on = NOT_OURS.iter().any(|name| parts.headers.contains_key(*name));
    is_local && !is_passed_on
}

fn log_refusal(parts: &Parts, refusal: Refusal) {
    let path = parts.uri.path();
    tracing::warn!(http.path = path, reason = %refusal, "a request in the carrier's name was turned away");
}
