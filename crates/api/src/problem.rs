//! Errors as RFC 9457 problem documents: the one place where a failure becomes a status.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::ids::OrgId;
use domain::permissions::Permission;
use domain::plans::{Feature, Limit, Need};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, RefOr};

mod causes;
mod plans;

use plans::Refused;
pub(crate) use plans::plan_named;

/// How problems travel.
const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, as an RFC 9457 document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem, `urn:studioconnect:problem:<name>`.
    #[serde(rename = "type")]
    #[schema(example = "urn:studioconnect:problem:invalid")]
    pub kind: String,
    /// The kind in plain words.
    #[schema(example = "The request has invalid fields")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time and what to do about it.
    #[schema(example = "1 field is invalid: name")]
    pub detail: String,
    /// Field by field, what is wrong with it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, String>,
    /// The feature that the plan does not have (`plan-required`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "client_recognition")]
    pub feature: Option<String>,
    /// What the plan has only so much of (`plan-required`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "lead_questions")]
    pub limit: Option<String>,
    /// The lowest plan that has it (`plan-required`); absent when none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "enterprise")]
    pub plan: Option<String>,
}

/// A request that can't be answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The request can't be read.
    #[error("{0}")]
    Malformed(String),
    /// Fields are wrong.
    #[error("invalid fields")]
    Invalid(BTreeMap<String, String>),
    /// Nobody is signed in.
    #[error("not signed in")]
    Unauthenticated,
    /// E-mail address or password is wrong; says no more than that.
    #[error("wrong credentials")]
    WrongCredentials,
    /// The password is right; a second factor is asked for.
    #[error("second factor required")]
    SecondFactorRequired,
    /// The second factor is wrong, or was used before.
    #[error("wrong second factor")]
    WrongSecondFactor,
    /// The organization lets its members in by single sign-on only.
    #[error("single sign-on required")]
    SingleSignOnRequired(OrgId),
    /// The identity provider's word did not let somebody in.
    #[error("single sign-on failed")]
    SingleSignOnFailed(String),
    /// A change that a cookie vouches for, without the proof that a page of ours asks for it.
    #[error("csrf token missing or wrong")]
    CsrfMissing,
    /// Only a person can do this, not a program.
    #[error("only a person can do this")]
    PersonNeeded,
    /// The signed-in person lacks the permission.
    #[error("permission {0} is missing")]
    Forbidden(Permission),
    /// The plan does not have the feature.
    #[error("the plan does not have {0}")]
    PlanRequired(Feature),
    /// The plan has only so much.
    #[error("the plan allows {most} of {limit}")]
    LimitReached {
        /// Of what.
        limit: Limit,
        /// How much.
        most: u64,
    },
    /// The organization is suspended.
    #[error("the organization is suspended")]
    Suspended,
    /// A browser request that did not come from our own pages.
    #[error("cross-site request")]
    CrossSite,
    /// There is no such thing, or it belongs to somebody else, which is the same to the asker.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The path exists, the method doesn't.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The change was based on an older version.
    #[error("the version is out of date")]
    OutOfDate,
    /// A change needs `If-Match`.
    #[error("if-match is missing")]
    IfMatchMissing,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge,
    /// The body is no JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The asked byte range lies outside the object.
    #[error("range not satisfiable")]
    BadRange {
        /// The object's size in bytes.
        size: u64,
    },
    /// Too many tries.
    #[error("too many attempts")]
    TooMany {
        /// Seconds until the next may succeed.
        retry_after_s: u64,
    },
    /// More requests than allowed.
    #[error("rate limited: {reason}")]
    RateLimited {
        /// Seconds until the next is let through.
        retry_after_s: u64,
        /// Whose limit it is, in plain words.
        reason: String,
    },
    /// Nothing that `Accept` names can be answered.
    #[error("not acceptable: answers are {produces}")]
    NotAcceptable {
        /// The media types that can.
        produces: String,
    },
    /// The name of the host is nobody's here.
    #[error("unknown host")]
    UnknownHost,
    /// Path and query are too long.
    #[error("the address is too long")]
    UriTooLong,
    /// The same request with the same idempotency key is being worked on.
    #[error("the request is being worked on")]
    RequestInProgress {
        /// Seconds after which its answer may be there.
        retry_after_s: u64,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Something we depend on is away; trying again later helps.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A defect of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl ApiError {
    /// One field that is wrong.
    #[must_use]
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name.to_owned(), message.into())]))
    }

    fn describe(&self) -> (StatusCode, &'static str, &'static str, String) {
        use StatusCode as S;
        match self {
            Self::Malformed(what) => {
                (S::BAD_REQUEST, "malformed", "The request can't be read", what.clone())
            }
            Self::Invalid(errors) => {
                let names = errors.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let count = match errors.len() {
                    1 => "1 field is".to_owned(),
                    n => format!("{n} fields are"),
                };
                let detail = format!("{count} invalid: {names}");
                (S::UNPROCESSABLE_ENTITY, "invalid", "The request has invalid fields", detail)
            }
            Self::Unauthenticated => (
                S::UNAUTHORIZED,
                "unauthenticated",
                "Sign in first",
                "send a session token as `Authorization: Bearer …` or sign in again".to_owned(),
            ),
            Self::WrongCredentials => (
                S::UNAUTHORIZED,
                "wrong-credentials",
                "Sign-in failed",
                "the e-mail address or the password is wrong".to_owned(),
            ),
            Self::SecondFactorRequired => (
                S::UNAUTHORIZED,
                "second-factor-required",
                "A second factor is needed",
                "send the same again with `totp_code`, or with one of your recovery codes as `recovery_code`"
                    .to_owned(),
            ),
            Self::WrongSecondFactor => (
                S::UNAUTHORIZED,
                "wrong-second-factor",
                "Sign-in failed",
                "the code is wrong or was used before; wait for the next one".to_owned(),
            ),
            Self::SingleSignOnRequired(org_id) => (
                S::FORBIDDEN,
                "single-sign-on-required",
                "Sign in by single sign-on",
                format!("your organization lets its members in at /api/v1/auth/sso/{org_id} only"),
            ),
            Self::SingleSignOnFailed(reason) => {
                (S::UNAUTHORIZED, "single-sign-on-failed", "Sign-in failed", reason.clone())
            }
            Self::CsrfMissing => (
                S::FORBIDDEN,
                "csrf",
                "The CSRF token is missing or wrong",
                "a page that is signed in by cookie must repeat the value of the CSRF cookie as `X-CSRF-Token`"
                    .to_owned(),
            ),
            Self::PersonNeeded => (
                S::FORBIDDEN,
                "person-needed",
                "Only a person can do this",
                "a program with a key has no account of its own: sign in".to_owned(),
            ),
            Self::Forbidden(permission) => (
                S::FORBIDDEN,
                "forbidden",
                "Not allowed",
                format!("this needs the permission {permission}, which your role does not have"),
            ),
            Self::PlanRequired(feature) => (
                S::FORBIDDEN,
                "plan-required",
                "Your plan does not include this",
                format!("this needs the feature {feature}, which a higher plan has"),
            ),
            Self::LimitReached { limit, most } => (
                S::FORBIDDEN,
                "plan-required",
                "Your plan does not include more",
                format!("the plan allows {most} of {limit}"),
            ),
            Self::Suspended => (
                S::FORBIDDEN,
                "suspended",
                "The organization is suspended",
                "everything can be read, nothing can be changed until it is active again".to_owned(),
            ),
            Self::CrossSite => (
                S::FORBIDDEN,
                "cross-site",
                "Not allowed from another site",
                "a request that changes something must come from this site's own pages, or carry a bearer token"
                    .to_owned(),
            ),
            Self::NotFound(noun) => (S::NOT_FOUND, "not-found", "Not found", format!("there is no such {noun}")),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
                "the `Allow` header lists what this path answers".to_owned(),
            ),
            Self::Conflict(reason) => {
                (S::CONFLICT, "conflict", "It contradicts what is there", reason.clone())
            }
            Self::OutOfDate => (
                S::PRECONDITION_FAILED,
                "out-of-date",
                "Changed by someone else in the meantime",
                "read it again and repeat the change on the newer version".to_owned(),
            ),
            Self::IfMatchMissing => (
                S::PRECONDITION_REQUIRED,
                "if-match-required",
                "Say which version you are changing",
                "send the `ETag` of the version you read as `If-Match`".to_owned(),
            ),
            Self::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
                "the body is larger than this operation takes".to_owned(),
            ),
            Self::NotJson => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body must be JSON",
                "send the body with `Content-Type: application/json`".to_owned(),
            ),
            Self::BadRange { size } => (
                S::RANGE_NOT_SATISFIABLE,
                "bad-range",
                "The range lies outside",
                format!("the recording has {size} bytes"),
            ),
            Self::TooMany { retry_after_s } => (
                S::TOO_MANY_REQUESTS,
                "too-many",
                "Too many attempts",
                format!("try again in {retry_after_s} seconds"),
            ),
            Self::RateLimited { retry_after_s, reason } => (
                S::TOO_MANY_REQUESTS,
                "rate-limited",
                "Too many requests",
                format!("{reason}; try again in {retry_after_s} seconds"),
            ),
            Self::NotAcceptable { produces } => (
                S::NOT_ACCEPTABLE,
                "not-acceptable",
                "Can't be answered in that form",
                format!("this operation answers {produces}; name it in `Accept` or leave the header out"),
            ),
            Self::UnknownHost => (
                S::MISDIRECTED_REQUEST,
                "unknown-host",
                "Nobody is reached under this name",
                "no organization here has this domain, or it is not verified yet".to_owned(),
            ),
            Self::UriTooLong => (
                S::URI_TOO_LONG,
                "uri-too-long",
                "The address is too long",
                "path and query may have 8192 bytes".to_owned(),
            ),
            Self::RequestInProgress { .. } => (
                S::CONFLICT,
                "idempotency-in-progress",
                "The request is being worked on",
                "the same request with this `Idempotency-Key` has no answer yet; try again in a moment"
                    .to_owned(),
            ),
            Self::KeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key was used for another request",
                "use a new key for each request; repeat a request exactly with its own key".to_owned(),
            ),
            Self::Unavailable(_) => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "Not available now",
                "something this depends on does not answer; try again in a moment".to_owned(),
            ),
            Self::Internal(_) => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Our mistake",
                "this is a defect; the X-Request-Id header finds it in the logs".to_owned(),
            ),
        }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let (status, name, title, detail) = error.describe();
        Self {
            kind: format!("urn:studioconnect:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            feature: match &error {
                ApiError::PlanRequired(feature) => Some(feature.name().to_owned()),
                _ => None,
            },
            limit: match &error {
                ApiError::LimitReached { limit, .. } => Some(limit.name().to_owned()),
                _ => None,
            },
            // Only the catalogue knows; `plan_named` asks it.
            plan: None,
            errors: match error {
                ApiError::Invalid(errors) => errors,
                _ => BTreeMap::new(),
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Internal(what) => tracing::error!(what, "a request met a defect"),
            Self::Unavailable(what) => tracing::warn!(what, "a request met something that is away"),
            _ => {}
        }
        let extra = match &self {
            Self::TooMany { retry_after_s }
            | Self::RateLimited { retry_after_s, .. }
            | Self::RequestInProgress { retry_after_s } => {
                Some((header::RETRY_AFTER, retry_after_s.to_string()))
            }
            Self::Unavailable(_) => Some((header::RETRY_AFTER, "2".to_owned())),
            Self::BadRange { size } => Some((header::CONTENT_RANGE, format!("bytes */{size}"))),
            Self::Unauthenticated
            | Self::WrongCredentials
            | Self::SecondFactorRequired
            | Self::SingleSignOnFailed(_)
            | Self::WrongSecondFactor => Some((header::WWW_AUTHENTICATE, "Bearer".to_owned())),
            _ => None,
        };
        let need = match &self {
            Self::PlanRequired(feature) => Some(Need::Feature(*feature)),
            Self::LimitReached { limit, most } => Some(Need::More { limit: *limit, than: *most }),
            _ => None,
        };
        let problem = Problem::from(self);
        let refused = need.map(|need| Refused { need, problem: problem.clone() });
        let mut response = problem.into_response();
        if let Some((name, value)) = extra
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        if let Some(refused) = refused {
            response.extensions_mut().insert(refused);
        }
        response
    }
}

/// Says of every documented problem that it travels as `application/problem+json`.
pub(crate) fn declare_media_type(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let is_problem = |content: &RefOr<Content>| {
            let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else { return false };
            schema.ref_location.ends_with("/Problem")
        };
        if response.content.get("application/json").is_some_and(is_problem)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(MEDIA_TYPE.to_owned(), content);
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_kind_and_its_fields() {
        let problem = Problem::from(ApiError::field("email", "is missing"));
        assert_eq!(problem.kind, "urn:studioconnect:problem:invalid");
        assert_eq!(problem.status, 422);
        assert_eq!(problem.errors.get("email").map(String::as_str), Some("is missing"));
    }

    #[test]
    fn the_inside_of_a_defect_stays_inside() {
        let problem = Problem::from(ApiError::Internal("column \"secret\" of table users".to_owned()));
        let text = serde_json::to_string(&problem).expect("serialisable");
        assert!(!text.contains("secret"), "{text}");
    }
}
