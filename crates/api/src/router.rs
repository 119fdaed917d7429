//! All routes, and what every request passes before it reaches one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, Method, header};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::edge;
use crate::problem::{ApiError, plan_named};
use crate::state::{ApiSettings, ApiState};
use crate::voice::edge::VoiceEdge;
use crate::voice::media::root_alias;
use crate::{health, openapi, pages, v1, voice};

/// Largest body of a JSON request.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// How long a browser may remember what another origin is allowed.
const PREFLIGHT_MEMORY: Duration = Duration::from_secs(600);

/// The whole edge. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that sign-in limits
/// and the carrier's routes know the peer's address.
pub fn router(state: ApiState, voice: Arc<VoiceEdge>) -> Router {
    let document = Arc::new(document());
    let cors = cors(&state.settings);
    let (routes, _) = described().merge(voice::router(Arc::clone(&voice))).split_for_parts();
    routes
        .merge(pages::router())
        .fallback(async || ApiError::NotFound("page"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(state.clone(), plan_named))
        .layer(axum::Extension(document))
        .layer(middleware::from_fn_with_state(state.clone(), edge::same_site))
        .layer(middleware::from_fn_with_state(voice, root_alias))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(middleware::from_fn(edge::deadline))
        .layer(cors)
        .layer(middleware::from_fn_with_state(state.clone(), edge::protect))
        .layer(middleware::from_fn_with_state(state.clone(), edge::identify))
        .with_state(state)
}

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> OpenApi {
    let carrier = voice::routes().into_openapi();
    openapi::complete(described().into_openapi().merge_from(carrier))
}

/// The routes of people and programs, with their description.
fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(v1::router())
        .merge(health::router())
        .routes(utoipa_axum::routes!(openapi::get_openapi))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// Other origins may call only when they were named. Without credentials: they bring a token, never the cookie.
fn cors(settings: &ApiSettings) -> CorsLayer {
    if settings.cors_origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(settings.cors_origins.clone())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([header::ETAG, header::RETRY_AFTER, edge::REQUEST_ID])
        .max_age(PREFLIGHT_MEMORY)
}
