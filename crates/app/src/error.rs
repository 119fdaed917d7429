//! What can go wrong in a use case, named for what the caller can do about it.

use std::path::Path;

use domain::permissions::Permission;
use domain::plans::{Feature, Limit};
use provider_traits::error::ProviderError;
use store::StoreError;

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
    /// The database failed.
    #[error("storage failed")]
    Store(#[from] StoreError),
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
