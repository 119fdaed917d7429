//! What every request passes: its id, the deadline, panics, cross-site requests, the headers of the answer.

use std::any::Any;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use provider_traits::ambient::Ambient;
use tracing::Instrument;

use crate::auth::credentials;
use crate::problem::ApiError;
use crate::state::{ApiSettings, ApiState};

/// Names a request in answers and logs.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A handler that has not begun to answer by then is cut off. Streams and sockets begin at once.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What pages of ours may load: themselves. Recordings are played from the same origin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; media-src 'self'; connect-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Gives the request an id, taken from the sender when it is a decent one, and logs the outcome.
pub(crate) async fn identify(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers(), &state.app.ambient);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let span = tracing::info_span!(
        "request",
        request.id = id.to_str().unwrap_or_default(),
        http.method = %request.method(),
        http.path = request.uri().path(),
    );
    let began = tokio::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let duration_ms = began.elapsed().as_millis() as u64;
    span.in_scope(|| tracing::debug!(http.status = response.status().as_u16(), duration_ms, "answered"));
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn request_id(headers: &HeaderMap, ambient: &Ambient) -> HeaderValue {
    let decent = |value: &&HeaderValue| {
        (8..=64).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    headers.get(REQUEST_ID).filter(decent).cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&ambient.new_id().simple().to_string())
            .expect("hexadecimal digits make a header value")
    })
}

/// Cuts off a handler that takes too long.
pub(crate) async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => too_late(),
    }
}

/// Answers for a handler that took too long.
#[must_use]
pub(crate) fn too_late() -> Response {
    ApiError::Unavailable(format!("no answer within {} s", DEADLINE.as_secs())).into_response()
}

/// Answers for a handler that panicked.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the cause over")]
#[must_use]
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    ApiError::Internal(format!("a handler panicked: {text}")).into_response()
}

/// Turns away what another site makes a signed-in browser send. Reads pass: other sites can't see the answer.
/// A bearer token is never sent by a browser on its own, so it proves that the sender meant it.
pub(crate) async fn same_site(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let headers = request.headers();
    if reads || credentials::bearer(headers).is_some() || came_from_us(headers, &state.settings) {
        next.run(request).await
    } else {
        ApiError::CrossSite.into_response()
    }
}

fn came_from_us(headers: &HeaderMap, settings: &ApiSettings) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    if let Some(origin) = text(header::ORIGIN) {
        let host = origin.split_once("://").map(|(_, host)| host);
        return origin == settings.origin() || (host.is_some() && host == text(header::HOST));
    }
    // No browser that says neither is left; a program without a cookie has nothing that could be abused.
    credentials::cookie(headers, settings).is_none()
}

/// Puts the headers on every answer that keep browsers from being clever.
pub(crate) async fn protect(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=()",
    );
    if state.settings.is_https() {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    if is_api {
        // Tenant data has no place in a shared cache or on a disk.
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)], expect: bool) {
        let settings = ApiSettings { public_url: "https://studio.example".into(), ..ApiSettings::default() };
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"))
            })
            .collect();
        assert_eq!(came_from_us(&headers, &settings), expect, "{pairs:?}");
    }

    const COOKIE: (&str, &str) = ("cookie", "__Host-studioconnect_session=sess_x");

    #[test]
    fn only_our_own_pages_may_use_the_cookie() {
        check(&[COOKIE, ("sec-fetch-site", "same-origin")], true);
        check(&[COOKIE, ("sec-fetch-site", "cross-site")], false);
        check(&[COOKIE, ("sec-fetch-site", "same-site")], false);
        check(&[COOKIE, ("origin", "https://studio.example")], true);
        check(&[COOKIE, ("origin", "http://10.0.0.5:3000"), ("host", "10.0.0.5:3000")], true);
        check(&[COOKIE, ("origin", "https://evil.example"), ("host", "studio.example")], false);
        check(&[COOKIE, ("origin", "null")], false);
        check(&[COOKIE], false);
    }

    #[test]
    fn another_site_cannot_even_sign_a_browser_in() {
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "https://evil.example"), ("host", "studio.example")], false);
        check(&[], true);
    }
}
