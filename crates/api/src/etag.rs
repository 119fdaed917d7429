//! Versions of configuration: an `ETag` on what is read, `If-Match` on what is changed.
//!
//! The version of a record is the moment of its last change.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};

use crate::problem::ApiError;

fn tag(updated_at: DateTime<Utc>) -> String {
    format!("\"{:x}\"", updated_at.timestamp_micros())
}

/// An answer with the version that it shows.
pub(crate) fn tagged(updated_at: DateTime<Utc>, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    if let Ok(value) = HeaderValue::from_str(&tag(updated_at)) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// The answer to the creation of configuration: where it is found, and the version that it shows.
pub(crate) fn created(path: &str, updated_at: DateTime<Utc>, body: impl IntoResponse) -> Response {
    created_at(path, tagged(updated_at, body))
}

/// The answer to a creation: `201`, and where the new thing is found.
pub(crate) fn created_at(path: &str, mut response: Response) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(value) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// The version that a change is based on; `None` for `*`. A request without `If-Match` is refused with `428`.
#[derive(Debug)]
pub(crate) struct IfMatch(pub(crate) Option<DateTime<Utc>>);

impl IfMatch {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let value = headers.get(header::IF_MATCH).ok_or(ApiError::IfMatchMissing)?;
        let value = value.to_str().map_err(|_| ApiError::OutOfDate)?.trim();
        if value == "*" {
            return Ok(Self(None));
        }
        // A tag that is not one of ours is none of the current version.
        value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .and_then(|digits| i64::from_str_radix(digits, 16).ok())
            .and_then(DateTime::from_timestamp_micros)
            .map(|at| Self(Some(at)))
            .ok_or(ApiError::OutOfDate)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_the_moment_it_was_made_of() {
        let at = DateTime::from_timestamp_micros(1_800_000_000_123_456).expect("a valid time");
        let response = tagged(at, "a body");
        let headers = HeaderMap::from_iter([(header::IF_MATCH, response.headers()[header::ETAG].clone())]);
        assert!(matches!(IfMatch::of(&headers), Ok(IfMatch(Some(seen))) if seen == at));
    }

    #[test]
    fn a_change_must_say_what_it_is_based_on() {
        let check = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
            }
            IfMatch::of(&headers)
        };
        assert!(matches!(check(None), Err(ApiError::IfMatchMissing)));
        assert!(matches!(check(Some("*")), Ok(IfMatch(None))));
        assert!(matches!(check(Some("\"not ours\"")), Err(ApiError::OutOfDate)));
        assert!(matches!(check(Some("W/\"1\"")), Err(ApiError::OutOfDate)));
    }
}
