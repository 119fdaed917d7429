//! What can go wrong in a use case, named for what the caller can do about it.

use std::collections::BTreeMap;
use std::path::Path;

use domain::ids::OrgId;
use domain::permissions::Permission;
use domain::plans::{Feature, Limit};
use provider_traits::error::ProviderError;
use store::StoreError;
use store::call_sessions::SessionError;

use crate::secrets::SecretError;

/// A use case that did not work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no such thing for this tenant.
    #[error("no such {noun}")]
    NotFound {
        /// What was looked for.
        noun: &'static str,
    },
    /// The request contradicts what is there; the text says how.
    #[error("{reason}")]
    Conflict {
        /// Plain words.
        reason: String,
    },
    /// A field is wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is allowed.
        message: String,
    },
    /// Fields are wrong, named as they stand in the request, such as `recipients[2].email`.
    #[error("invalid fields")]
    InvalidFields {
        /// By field, what is allowed.
        errors: BTreeMap<String, String>,
    },
    /// Too many tries.
    #[error("too many attempts")]
    TooMany {
        /// Seconds until the next may succeed.
        retry_after_s: u64,
    },
    /// The change was based on an older version.
    #[error("the version is out of date")]
    OutOfDate,
    /// The permission is missing.
    #[error("permission {permission} is missing")]
    Forbidden {
        /// Which.
        permission: Permission,
    },
    /// The plan of the organization does not have it.
    #[error("the plan does not have {feature}")]
    PlanRequired {
        /// What is missing.
        feature: Feature,
    },
    /// The plan has only so much of it.
    #[error("the plan allows {most} of {limit}")]
    LimitReached {
        /// Of what.
        limit: Limit,
        /// How much.
        most: u64,
    },
    /// A suspended organization changes nothing.
    #[error("the organization is suspended")]
    Suspended,
    /// A secret could not be sealed or opened.
    #[error("a stored secret is unusable: {0}")]
    Secret(#[from] SecretError),
    /// The credentials are wrong. Says no more than that.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// The password is right; the second factor is asked for.
    #[error("a second factor is needed")]
    SecondFactorRequired,
    /// The second factor is wrong, or was used before.
    #[error("the second factor is wrong")]
    WrongSecondFactor,
    /// The organization lets its members in by single sign-on only.
    #[error("the organization asks for single sign-on")]
    SingleSignOnRequired {
        /// Which.
        org_id: OrgId,
    },
    /// The identity provider's word did not let somebody in.
    #[error("single sign-on failed: {reason}")]
    SingleSignOnFailed {
        /// Plain words for the person.
        reason: String,
    },
    /// The session is over.
    #[error("the session is over")]
    SignedOut,
    /// A browser's page did not prove that it is ours.
    #[error("the CSRF token is missing or wrong")]
    CsrfMissing,
    /// A program has no account of its own.
    #[error("only a person can do this")]
    PersonNeeded,
    /// The database failed.
    #[error("storage failed")]
    Store(#[from] StoreError),
    /// The sessions of calls can't be reached.
    #[error(transparent)]
    Sessions(#[from] SessionError),
    /// A provider failed.
    #[error("a provider failed")]
    Provider(#[from] ProviderError),
    /// The local disk failed.
    #[error("could not {doing} at {path}: {cause}")]
    Spool {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// A defect of ours.
    #[error("internal error: {0}")]
    Bug(String),
}

impl AppError {
    pub(crate) fn spool(doing: &'static str, path: &Path, cause: &std::io::Error) -> Self {
        Self::Spool { doing, path: path.display().to_string(), cause: cause.to_string() }
    }
}
