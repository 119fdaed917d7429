//! Where a request carries its session token: a bearer header, or the browser's cookie.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::CookieJar;

use crate::state::ApiSettings;

/// The browser's session cookie.
pub const COOKIE: &str = "studioconnect_session";

/// The token behind `Authorization: Bearer`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The token in the cookie.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers).get(COOKIE).map(|cookie| cookie.value().to_owned())
}

/// The `Set-Cookie` value that carries a token for `max_age_s` seconds; 0 takes it away. Scripts can't read the
/// cookie, and what other sites make the browser send does not bring it along.
#[must_use]
pub fn set_cookie(token: &str, max_age_s: i64, settings: &ApiSettings) -> String {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}")
}

/// The address the request comes from. What a proxy claims is believed only when it is ours.
#[must_use]
pub fn address(parts: &Parts, settings: &ApiSettings) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    if !settings.trust_proxy {
        return peer;
    }
    // The last entry is the one our proxy wrote; those before it are the sender's own words.
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|value| value.to_str().ok()).and_then(|list| list.rsplit(',').next());
    last.and_then(|text| text.trim().parse().ok()).or(peer)
}
