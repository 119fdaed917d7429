//! Where the carrier meets us: signed webhooks that are answered with TwiML, and the media WebSocket.
//!
//! A webhook is believed only with its signature; from then on it is never answered with an error page,
//! because the carrier would play that to the caller as an "application error". What a call is and what
//! happens in it is decided behind [`desk::CallDesk`].

pub mod admission;
mod alerts;
pub mod answers;
mod counters;
pub mod desk;
pub mod edge;
mod hold_music;
pub mod media;
mod outbound;
mod reader;
mod stream;
mod transfers;
pub mod webhooks;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use providers::twilio::form::MAX_BODY_BYTES;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use edge::VoiceEdge;

/// The carrier's routes. The listener below them must set `TCP_NODELAY` (frames of 20 ms must not wait for
/// each other) and hand down the peer's address as `ConnectInfo<SocketAddr>`.
///
/// Older set-ups have the media socket at `/`: see [`media::root_alias`].
pub fn router<S: Clone + Send + Sync + 'static>(edge: Arc<VoiceEdge>) -> OpenApiRouter<S> {
    routes().with_state(edge)
}

/// The routes before they have their edge: enough to describe them.
pub(crate) fn routes() -> OpenApiRouter<Arc<VoiceEdge>> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::inbound))
        .routes(routes!(webhooks::status))
        .routes(routes!(webhooks::after_stream))
        .routes(routes!(webhooks::after_dial))
        .routes(routes!(webhooks::transfer_answered))
        .routes(routes!(webhooks::message))
        .routes(routes!(outbound::answered))
        .routes(routes!(outbound::status))
        .routes(routes!(hold_music::get))
        .routes(routes!(transfers::hold))
        .routes(routes!(transfers::left))
        .routes(routes!(transfers::back))
        .routes(routes!(transfers::speak))
        .routes(routes!(transfers::key))
        .routes(routes!(transfers::status))
        .routes(routes!(transfers::machine))
        .routes(routes!(alerts::speak))
        .routes(routes!(alerts::key))
        .routes(routes!(alerts::status))
        .routes(routes!(alerts::machine))
        .routes(routes!(media::connect))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}
