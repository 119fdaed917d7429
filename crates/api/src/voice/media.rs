//! The handshake of the media socket.

use std::sync::Arc;

use ::voice::media_streams::MAX_MESSAGE_BYTES;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::admission::{self, Refusal};
use super::edge::VoiceEdge;
use super::stream;
use crate::problem::Problem;

/// Measured on loopback: with the default of 128 KiB a call costs 2.4 times the CPU and 11 times the memory. Before each
/// read the library fills it with zeros; a frame has 350 bytes.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What is written goes out when the writer says so, which it does whenever nothing more waits.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// What may wait for a slow peer before writing to it fails.
const MAX_WAITING_BYTES: usize = 256 * 1024;

/// Connect a call's media stream (WebSocket, Twilio Media Streams).
#[utoipa::path(
    get,
    path = "/api/voice/media",
    operation_id = "connect_media_stream",
    tag = "voice",
    params(("x-twilio-signature" = Option<String>, Header, description = "Signature over the `wss` URL")),
    responses(
        (status = 101, description = "Switching protocols; the stream's first message must carry the ticket"),
        (status = 403, description = "Not signed by the carrier", body = Problem),
        (status = 426, description = "Not a WebSocket handshake"),
        (status = 503, description = "All places are taken, or the server is stopping", body = Problem),
    )
)]
pub(super) async fn connect(State(edge): State<Arc<VoiceEdge>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    upgrade(edge, parts).await
}

/// Serves the media socket at `/` as well, as the older documents have it: a layer that takes only WebSocket
/// handshakes for `/` and leaves everything else to the routes.
pub async fn root_alias(State(edge): State<Arc<VoiceEdge>>, request: Request, next: Next) -> Response {
    let is_handshake = request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if request.uri().path() == "/" && is_handshake {
        let (parts, _) = request.into_parts();
        return upgrade(edge, parts).await;
    }
    next.run(request).await
}

async fn upgrade(edge: Arc<VoiceEdge>, mut parts: Parts) -> Response {
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    if let Err(refusal) = admission::handshake(&edge.settings, &parts) {
        edge.totals.refuse();
        return refusal.into_response();
    }
    let place = if edge.drain.is_cancelled() { None } else { edge.take_place() };
    let Some(place) = place else {
        edge.totals.refuse();
        tracing::warn!("a media stream was turned away: no place, or the server is stopping");
        return Refusal::Full.into_response();
    };
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WAITING_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_failed_upgrade(|error| tracing::info!(%error, "a media handshake was not completed"))
        .on_upgrade(move |socket| {
            let tasks = edge.tasks.clone();
            tasks.track_future(stream::serve(edge, socket, place))
        })
}
