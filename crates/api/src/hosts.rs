//! Names under which requests come. Any name is served, unless the operator wants strangers' names refused.

use app::domains::hosts::{HostOwner, owner_of};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::ApiError;
use crate::state::ApiState;

/// Load balancers ask under whatever name they like.
const ALWAYS: &str = "/health";

/// Refuses requests under names of nobody, where the configuration says so.
pub(crate) async fn known(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if !state.app.settings.hosts.refuse_unknown || request.uri().path().starts_with(ALWAYS) {
        return next.run(request).await;
    }
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = named.or_else(|| request.uri().authority().map(|a| a.as_str())).unwrap_or_default().to_owned();
    match owner_of(&state.app, &host).await {
        Ok(HostOwner::Unknown) => ApiError::UnknownHost.into_response(),
        Ok(HostOwner::Installation | HostOwner::Organization(_)) => next.run(request).await,
        Err(error) => ApiError::from(error).into_response(),
    }
}
