//! All routes, and what every request passes before it reaches one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, Method, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Router, middleware};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate, SizeAbove};
use tower_http::cors::CorsLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::contract::{self, Operations};
use crate::openapi::Document;
use crate::problem::{ApiError, plan_named};
use crate::rate_limit::{self, AddressGuard, AddressLimits};
use crate::state::{ApiSettings, ApiState};
use crate::voice::edge::VoiceEdge;
use crate::voice::media::root_alias;
use crate::{compat, docs_page, edge, health, hosts, idempotency, openapi, pages, v1, voice};

/// Largest body of a JSON request.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Smaller answers are not worth compressing.
const COMPRESS_FROM_BYTES: u64 = 1024;
/// How long a browser may remember what another origin is allowed.
const PREFLIGHT_MEMORY: Duration = Duration::from_secs(600);

/// The whole edge. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that sign-in limits
/// and the carrier's routes know the peer's address.
pub fn router(state: ApiState, voice: Arc<VoiceEdge>) -> Router {
    let document = Arc::new(document());
    let operations = Arc::new(Operations::of(&document));
    let addresses = AddressGuard {
        state: state.clone(),
        operations: Arc::clone(&operations),
        limits: Arc::new(AddressLimits::new(state.settings.requests)),
    };
    let of_operations = (state.clone(), Arc::clone(&operations));
    let cors = cors(&state.settings);
    let (routes, _) = described().merge(voice::router(Arc::clone(&voice))).split_for_parts();
    // The last layer is the first that a request meets.
    routes
        .merge(docs_page::router())
        .merge(pages::router())
        .merge(compat::pages())
        .fallback(not_found)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(state.clone(), plan_named))
        .layer(axum::Extension(document))
        .layer(axum::Extension(Arc::clone(&voice)))
        .layer(middleware::from_fn_with_state(of_operations.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(of_operations, rate_limit::by_plan))
        .layer(middleware::from_fn_with_state(operations, contract::keep))
        .layer(middleware::from_fn_with_state(state.clone(), edge::same_site))
        .layer(middleware::from_fn_with_state(voice, root_alias))
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(middleware::from_fn(edge::deadline))
        .layer(compression())
        .layer(middleware::from_fn_with_state(state.clone(), hosts::known))
        .layer(middleware::from_fn_with_state(addresses, rate_limit::by_address))
        .layer(cors)
        .layer(middleware::from_fn(contract::options))
        .layer(middleware::from_fn_with_state(state.clone(), edge::protect))
        .layer(middleware::from_fn_with_state(state.clone(), edge::identify))
        .with_state(state)
}

/// There is nothing here; but a slash too many at the end is easily put right.
async fn not_found(uri: Uri) -> Response {
    let path = uri.path();
    let without = path.trim_end_matches('/');
    // A path that begins with two slashes would name another host.
    if without.len() < path.len() && without.starts_with("/api/") && !path.contains("//") {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Redirect::permanent(&format!("{without}{query}")).into_response();
    }
    ApiError::NotFound("page").into_response()
}

/// Text that is long enough. Events must not wait in a buffer, and recordings don't get smaller.
fn compression() -> CompressionLayer<impl Predicate> {
    let worth_it = SizeAbove::new(COMPRESS_FROM_BYTES)
        .and(DefaultPredicate::new())
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("audio/"));
    CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(worth_it)
}

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> Document {
    let carrier = voice::routes().into_openapi();
    openapi::complete(described().into_openapi().merge_from(carrier))
}

/// The routes of people and programs, with their description.
fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(compat::router())
        .merge(health::router())
        .merge(v1::router())
        .routes(utoipa_axum::routes!(openapi::get_openapi))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// Other origins may call only when they were named. Without credentials: they bring a token, never the cookie.
fn cors(settings: &ApiSettings) -> CorsLayer {
    if settings.cors_origins.is_empty() {
        return CorsLayer::new();
    }
    let mut exposed =
        vec![header::ETAG, header::LOCATION, header::RETRY_AFTER, edge::REQUEST_ID, idempotency::REPLAYED];
    exposed.extend(rate_limit::HEADERS);
    CorsLayer::new()
        .allow_origin(settings.cors_origins.clone())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("x-csrf-token"),
            HeaderName::from_static("x-organization-id"),
            idempotency::KEY,
            edge::REQUEST_ID,
        ])
        .expose_headers(exposed)
        .max_age(PREFLIGHT_MEMORY)
}
