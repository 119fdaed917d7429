//! Where a request carries its tokens: a bearer header, or the browser's cookies.

use std::net::{IpAddr, SocketAddr};

use app::auth::{NewSession, Origin};
use app::impersonation::Switched;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum_extra::extract::cookie::CookieJar;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use crate::state::{ApiSettings, ApiState};

/// The browser's cookie with the access token, before its prefix.
pub const COOKIE: &str = "studioconnect_session";
/// The cookie with the refresh token, which only the exchange sees.
const REFRESH_COOKIE: &str = "studioconnect_refresh";
/// The cookie that our pages read and repeat in [`CSRF_HEADER`].
const CSRF_COOKIE: &str = "studioconnect_csrf";
/// The cookie that binds a single sign-on to the browser that began it.
const STATE_COOKIE: &str = "studioconnect_sso";
/// Proves that a request which a cookie vouches for comes from a page of ours.
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// Where refresh tokens are exchanged.
pub(crate) const REFRESH_PATH: &str = "/api/v1/auth/refresh";

/// The token behind `Authorization: Bearer`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The access token in the cookie.
#[must_use]
pub fn cookie(headers: &HeaderMap, settings: &ApiSettings) -> Option<String> {
    value(headers, &host_name(COOKIE, settings))
}

/// The refresh token in its cookie.
#[must_use]
pub(crate) fn refresh_cookie(headers: &HeaderMap, settings: &ApiSettings) -> Option<String> {
    value(headers, &refresh_name(settings))
}

/// What a page sent as its CSRF token.
#[must_use]
pub(crate) fn csrf(headers: &HeaderMap) -> Option<&str> {
    headers.get(CSRF_HEADER)?.to_str().ok()
}

fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    CookieJar::from_headers(headers).get(name).map(|cookie| cookie.value().to_owned())
}

/// Encrypted, a cookie is bound to this host, so that a neighbour on the same domain can't set one for us.
fn host_name(name: &str, settings: &ApiSettings) -> String {
    if settings.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// `__Host-` would demand the path `/`.
fn refresh_name(settings: &ApiSettings) -> String {
    if settings.is_https() { format!("__Secure-{REFRESH_COOKIE}") } else { REFRESH_COOKIE.to_owned() }
}

/// The `Set-Cookie` values that carry a session, each for as many seconds as its token is good; scripts can read
/// the CSRF token only, and what other sites make the browser send brings none of them along.
#[must_use]
pub(crate) fn set_cookies(session: &NewSession, now: DateTime<Utc>, settings: &ApiSettings) -> [String; 3] {
    let access_s = (session.access_expires_at - now).num_seconds();
    let refresh_s = (session.refresh_expires_at - now).num_seconds();
    cookies(
        (session.access.expose_secret(), access_s),
        (session.refresh.expose_secret(), refresh_s),
        (&session.csrf, refresh_s),
        settings,
    )
}

/// The `Set-Cookie` value that binds a single sign-on to this browser. Lax: it comes back from another site.
#[must_use]
pub(crate) fn set_state_cookie(state: &str, max_age_s: i64, settings: &ApiSettings) -> String {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let name = host_name(STATE_COOKIE, settings);
    format!("{name}={state}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}")
}

/// The state in its cookie.
#[must_use]
pub(crate) fn state_cookie(headers: &HeaderMap, settings: &ApiSettings) -> Option<String> {
    value(headers, &host_name(STATE_COOKIE, settings))
}

/// The `Set-Cookie` values that take a session away.
#[must_use]
pub(crate) fn clear_cookies(settings: &ApiSettings) -> [String; 3] {
    cookies(("", 0), ("", 0), ("", 0), settings)
}

/// The `Set-Cookie` values that switch to another session of the same sign-in: its refresh token stays as it is.
#[must_use]
pub(crate) fn switch_cookies(switched: &Switched, now: DateTime<Utc>, settings: &ApiSettings) -> Vec<String> {
    let access = (switched.access.expose_secret(), (switched.access_expires_at - now).num_seconds());
    let csrf = (switched.csrf.as_str(), (switched.expires_at - now).num_seconds());
    let [access, _refresh, csrf] = cookies(access, ("", 0), csrf, settings);
    vec![access, csrf]
}

fn cookies(
    access: (&str, i64),
    refresh: (&str, i64),
    csrf: (&str, i64),
    settings: &ApiSettings,
) -> [String; 3] {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let cookie = |name: String, (value, max_age_s): (&str, i64), path: &str, rest: &str| {
        format!("{name}={value}; Path={path}; Max-Age={max_age_s}{rest}{secure}")
    };
    [
        // Lax: whoever follows a link to us is still signed in.
        cookie(host_name(COOKIE, settings), access, "/", "; HttpOnly; SameSite=Lax"),
        cookie(refresh_name(settings), refresh, REFRESH_PATH, "; HttpOnly; SameSite=Strict"),
        cookie(host_name(CSRF_COOKIE, settings), csrf, "/", "; SameSite=Strict"),
    ]
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

/// Where a sign-in comes from.
#[must_use]
pub(crate) fn origin(parts: &Parts, settings: &ApiSettings) -> Origin {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Origin {
        address: address(parts, settings),
        user_agent: agent.map(|text| text.chars().take(300).collect()),
    }
}

/// The address alone, for handlers that need nothing else of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl FromRequestParts<ApiState> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Self::Rejection> {
        Ok(Self(address(parts, &state.settings)))
    }
}
