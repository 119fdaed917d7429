//! Recordings of calls and of messages, whole or in parts, so that a player can jump.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::ids::{CallId, MessageId};
use futures_util::stream;
use provider_traits::error::ProviderError;
use serde::Serialize;
use store::messages::recorded::{self, Recording};

use crate::auth::tenant::{Tenant, needs};
use crate::byte_range::{Asked, asked};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_call_recording)).routes(routes!(get_message_recording))
}

/// What is held in memory of a recording at once.
const CHUNK_BYTES: u64 = 256 * 1024;

/// A message that the caller left on tape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallRecordedMessage)]
pub struct RecordedMessageView {
    /// The message.
    #[schema(value_type = String, example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    message_id: MessageId,
    /// The length of its audio in milliseconds; `null` until it can be played here.
    recording_ms: Option<u64>,
    /// What is said in it; empty when no words were understood, `null` before anybody listened.
    words: Option<String>,
}

impl From<Recording> for RecordedMessageView {
    fn from(recording: Recording) -> Self {
        Self { message_id: recording.message_id, recording_ms: recording.length_ms, words: recording.words }
    }
}

/// Get the recording of a call (stereo WAV: the caller left, the agent right).
///
/// Of a call of which only a message was recorded it is that message, as the carrier recorded it.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/recording", operation_id = "get_call_recording", tag = "calls",
    extensions(("x-permission" = json!("calls:listen"))),
    params(
        ("id" = String, Path, description = "The call", example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("Range" = Option<String>, Header, description = "A single range of bytes", example = "bytes=0-65535"),
    ),
    responses(
        (status = 200, description = "The recording", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The part that was asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such call, or it was not recorded", body = Problem),
        (status = 416, description = "The range lies behind the end", body = Problem),
    ),
)]
pub(crate) async fn get_call_recording(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsListen>,
    Id(id): Id<CallId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let call = store::calls::get(&mut tx, id).await?;
    let (key, length_ms) = match call.recording_key {
        Some(key) => (Some(key), call.recording_ms),
        None => {
            let messages = recorded::of_call(&mut tx, id).await?;
            messages
                .into_iter()
                .find(|one| one.key.is_some())
                .map_or((None, None), |one| (one.key, one.length_ms))
        }
    };
    drop(tx);
    played(_state, key.ok_or(ApiError::NotFound("recording"))?, length_ms, &id.to_string(), &headers).await
}

/// Get the recording of a message that a caller left on tape (WAV).
#[utoipa::path(
    get, path = "/api/v1/messages/{id}/recording", operation_id = "get_message_recording", tag = "messages",
    extensions(("x-permission" = json!("calls:listen"))),
    params(
        ("id" = String, Path, description = "The message", example = "msg_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("Range" = Option<String>, Header, description = "A single range of bytes", example = "bytes=0-65535"),
    ),
    responses(
        (status = 200, description = "The recording", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The part that was asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such message, or no recording of it", body = Problem),
        (status = 416, description = "The range lies behind the end", body = Problem),
    ),
)]
pub(crate) async fn get_message_recording(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsListen>,
    Id(id): Id<MessageId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let recording = recorded::get(&mut tx, id).await?;
    drop(tx);
    let recording = recording.ok_or(ApiError::NotFound("recording"))?;
    let key = recording.key.ok_or(ApiError::NotFound("recording"))?;
    played(_state, key, recording.length_ms, &id.to_string(), &headers).await
}

/// What a player gets of an object.
async fn played(
    state: ApiState,
    key: String,
    length_ms: Option<u64>,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let away = |error: ProviderError| ApiError::Unavailable(error.to_string());
    let size = state.app.objects.size(&key).await.map_err(away)?.ok_or(ApiError::NotFound("recording"))?;
    let tag = format!("\"{size:x}-{}\"", length_ms.unwrap_or_default());

    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // Parts of another version must not be sewn together.
    let range = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|seen| seen == tag));
    let (status, part) = match asked(range, size) {
        Asked::Whole => (StatusCode::OK, 0..size),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Asked::Outside => return Err(ApiError::BadRange { size }),
    };
    let mut response = (status, Body::from_stream(chunks(state, key, part.clone()))).into_response();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "audio/wav");
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &tag);
    set(header::CONTENT_LENGTH, &(part.end - part.start).to_string());
    set(header::CONTENT_DISPOSITION, &format!("inline; filename=\"{name}.wav\""));
    if status == StatusCode::PARTIAL_CONTENT {
        set(header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", part.start, part.end - 1));
    }
    Ok(response)
}

/// Reads a part piece by piece, as fast as the listener takes it.
fn chunks(
    state: ApiState,
    key: String,
    part: Range<u64>,
) -> impl futures_util::Stream<Item = Result<Bytes, ProviderError>> {
    stream::try_unfold((state, key, part), async |(state, key, part)| {
        if part.is_empty() {
            return Ok(None);
        }
        let end = part.end.min(part.start + CHUNK_BYTES);
        let bytes = state.app.objects.read(&key, part.start..end).await?;
        Ok(Some((bytes, (state, key, end..part.end))))
    })
}
