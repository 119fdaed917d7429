//! The music that callers hear while they wait: made at its first use, then kept. It is public, as carriers fetch what they
//! play without a signature, and the same for everybody.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::edge::VoiceEdge;
use crate::problem::ApiError;

/// Where it is.
pub(super) const PATH: &str = "/api/voice/hold-music.wav";
/// Carriers keep it for a day; the music of another version is heard a day later at most.
const KEPT: &str = "public, max-age=86400";

/// Get the music for callers who wait.
#[utoipa::path(
    get,
    path = "/api/voice/hold-music.wav",
    operation_id = "get_hold_music",
    tag = "voice",
    extensions(("x-permission" = json!("public"))),
    responses(
        (status = 200, description = "Half a minute of music (WAV, 8 kHz, one channel)", body = Vec<u8>,
            content_type = "audio/wav",
            headers(("Cache-Control" = String, description = "How long it may be kept"))),
    )
)]
pub(super) async fn get(State(edge): State<Arc<VoiceEdge>>) -> Result<Response, ApiError> {
    let made = edge.hold_music.get_or_try_init(|| async {
        // A moment of arithmetic: not among the tasks that carry audio.
        edge.tasks.spawn_blocking(app::transfers::hold_music::wav).await
    });
    let music = made.await.map_err(|error| ApiError::Unavailable(format!("the music: {error}")))?;
    let headers = [(header::CONTENT_TYPE, "audio/wav"), (header::CACHE_CONTROL, KEPT)];
    Ok((headers, music.clone()).into_response())
}
