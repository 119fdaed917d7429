//! Extractors that answer with problems: bodies and queries that are read and checked in one step.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use garde::Validate;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};

use crate::problem::ApiError;

/// A JSON body that was read and passed its field rules.
#[derive(Debug)]
pub(crate) struct ValidJson<T>(pub(crate) T);

impl<S, T> FromRequest<S> for ValidJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_json = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|mime| {
                let mime = mime.trim();
                mime.eq_ignore_ascii_case("application/json") || mime.ends_with("+json")
            });
        if !is_json {
            return Err(ApiError::NotJson);
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::TooLarge
            } else {
                ApiError::Malformed("the body could not be read to its end".to_owned())
            }
        })?;
        parse(&body).map(Self)
    }
}

/// A JSON body that may be left out altogether.
#[derive(Debug)]
pub(crate) struct MaybeJson<T>(pub(crate) Option<T>);

impl<S, T> FromRequest<S> for MaybeJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return ValidJson::from_request(request, state).await.map(|ValidJson(value)| Self(Some(value)));
        }
        let body = Bytes::from_request(request, state).await.map_err(|_| ApiError::TooLarge)?;
        if body.is_empty() { Ok(Self(None)) } else { Err(ApiError::NotJson) }
    }
}

fn parse<T: DeserializeOwned + Validate<Context = ()>>(body: &[u8]) -> Result<T, ApiError> {
    let is_json = || serde_json::from_slice::<IgnoredAny>(body).is_ok();
    // Serde would read a list as an object without names.
    if body.trim_ascii_start().first() != Some(&b'{') && is_json() {
        return Err(ApiError::field("body", "must be a JSON object"));
    }
    if holds_zero_character(body) {
        return Err(ApiError::field("body", "must not hold the character U+0000 anywhere"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            field_error(&path, &cause)
        } else if is_json() {
            // `null` in place of a name is a syntax error to serde.
            ApiError::field(&path, "must not be null or of another kind")
        } else {
            ApiError::Malformed(format!("the body is not valid JSON: {cause}"))
        }
    })?;
    json.end().map_err(|error| ApiError::Malformed(format!("the body is not valid JSON: {error}")))?;
    check(&value)?;
    Ok(value)
}

/// Whether a text of the body holds the one character that PostgreSQL can't store. JSON can only write it as an
/// escape; a backslash that is itself escaped begins none.
fn holds_zero_character(body: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"\\u0000";
    body.windows(ESCAPE.len()).enumerate().filter(|(_, window)| *window == ESCAPE).any(|(at, _)| {
        let before = body[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        before.is_multiple_of(2)
    })
}

/// Says of serde's message what concerns the sender: the field and the rule, not the line and column.
fn field_error(path: &str, cause: &serde_json::Error) -> ApiError {
    let text = cause.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    // For a missing or unknown field serde's path ends at its parent; the name is in the message.
    let named = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.split('`').next());
    let field = match (path, named) {
        ("." | "", Some(name)) => name.to_owned(),
        (_, Some(name)) if !path.ends_with(name) => format!("{path}.{name}"),
        ("." | "", None) => "body".to_owned(),
        (path, _) => path.to_owned(),
    };
    ApiError::field(&field, message)
}

pub(crate) fn check<T: Validate<Context = ()>>(value: &T) -> Result<(), ApiError> {
    value.validate().map_err(|report| {
        let mut errors = BTreeMap::new();
        for (path, error) in report.iter() {
            errors.entry(path.to_string()).or_insert_with(|| error.message().to_owned());
        }
        ApiError::Invalid(errors)
    })
}

/// Query parameters that were read and passed their rules.
#[derive(Debug)]
pub(crate) struct ValidQuery<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for ValidQuery<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| query_error(&rejection.body_text()))?;
        check(&value)?;
        Ok(Self(value))
    }
}

/// Says which parameter could not be read: axum writes it before the cause.
fn query_error(text: &str) -> ApiError {
    let cause = text.rsplit_once("query string: ").map_or(text, |(_, cause)| cause);
    match cause.split_once(": ") {
        Some((name, cause)) if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') => {
            ApiError::field(name, cause)
        }
        _ => ApiError::field("query", cause),
    }
}

/// The id in a path such as `/calls/{id}`. A text that is no id of the noun names nothing: not found.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: FromStr,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::NotFound("thing"))?;
        text.parse().map(Self).map_err(|_| ApiError::NotFound("thing"))
    }
}

/// For a `PATCH` field that can be cleared: absent stays `None`, `null` is `Some(None)`.
///
/// # Errors
/// When the value has the wrong type.
pub(crate) fn clearable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// For a `PATCH` field that always has a value: absent stays `None`, `null` is refused.
///
/// # Errors
/// When the value is `null` or has the wrong type.
pub(crate) fn required<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Change {
        #[serde(default, deserialize_with = "required")]
        #[garde(length(chars, min = 1, max = 5))]
        name: Option<String>,
        #[serde(default, deserialize_with = "clearable")]
        #[garde(inner(length(chars, max = 5)))]
        notes: Option<Option<String>>,
        #[serde(default, deserialize_with = "required")]
        #[garde(skip)]
        color: Option<Color>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Color {
        Red,
    }

    fn check_body(body: &str, expect: Result<Change, &str>) {
        let parsed = parse::<Change>(body.as_bytes()).map_err(|error| match error {
            ApiError::Invalid(errors) => errors.into_keys().collect::<Vec<_>>().join(","),
            other => other.to_string(),
        });
        match expect {
            Ok(change) => assert_eq!(parsed, Ok(change), "{body}"),
            Err(start) => assert!(parsed.as_ref().is_err_and(|e| e.starts_with(start)), "{body}: {parsed:?}"),
        }
    }

    #[test]
    fn a_patch_tells_absent_null_and_value_apart() {
        check_body("{}", Ok(Change { name: None, notes: None, color: None }));
        check_body(r#"{"notes":null}"#, Ok(Change { name: None, notes: Some(None), color: None }));
        check_body(
            r#"{"name":"a","notes":"b","color":"red"}"#,
            Ok(Change { name: Some("a".into()), notes: Some(Some("b".into())), color: Some(Color::Red) }),
        );
    }

    #[test]
    fn every_fault_names_its_field() {
        check_body(r#"{"name":null}"#, Err("name"));
        check_body(r#"{"name":""}"#, Err("name"));
        check_body(r#"{"notes":"longer than five"}"#, Err("notes"));
        check_body(r#"{"notes":7}"#, Err("notes"));
        check_body(r#"{"color":null}"#, Err("color"));
        check_body(r#"{"color":"blue"}"#, Err("color"));
        check_body(r#"{"nmae":"a"}"#, Err("nmae"));
        check_body(r#"{"name":"toolong","notes":"too long too"}"#, Err("name,notes"));
        check_body("[]", Err("body"));
        check_body("{", Err("the body is not valid JSON"));
        check_body("{} {}", Err("the body is not valid JSON"));
    }

    #[test]
    fn the_character_that_cannot_be_stored_is_refused_wherever_it_stands() {
        check_body(r#"{"name": "a\u0000"}"#, Err("body"));
        check_body(r#"{"name": "\\\u0000"}"#, Err("body"));
        let spelled = Change { name: Some("\\u00".to_owned()), notes: None, color: None };
        check_body(r#"{"name": "\\u00"}"#, Ok(spelled));
        check_body(r#"{"notes": "\\u0000"}"#, Err("notes"));
    }
}
