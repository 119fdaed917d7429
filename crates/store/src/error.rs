//! How storage can fail, named for what the caller can do about it.

use sqlx::error::DatabaseError;

/// A failure of storage.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row for this tenant.
    #[error("no such {noun}")]
    NotFound {
        /// What was looked for.
        noun: &'static str,
    },
    /// The write contradicts what is there.
    #[error("the database refused a row by {constraint}")]
    Conflict {
        /// The constraint's name, such as `phone_numbers_e164_unique`.
        constraint: String,
    },
    /// The database can't be reached or is too busy: trying again later may help.
    #[error("the database is not available: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
    },
    /// The database can't be used as it is; the text says what to change.
    #[error("the database can't be used: {reason}")]
    Unsuitable {
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// A defect of ours.
    #[error("a database statement failed: {reason}")]
    Bug {
        /// What the database said.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn bug(reason: impl Into<String>) -> Self {
        Self::Bug { reason: reason.into() }
    }

    /// Whether this is the refusal by the named constraint.
    #[must_use]
    pub fn is_conflict_with(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == name)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound { noun: "row" },
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable { reason: error.to_string() }
            }
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Self::Unavailable { reason: error.to_string() },
            sqlx::Error::Database(cause) => from_database(cause.as_ref()),
            other => Self::bug(other.to_string()),
        }
    }
}

fn from_database(cause: &dyn DatabaseError) -> StoreError {
    let code = cause.code().unwrap_or_default();
    if let Some(constraint) = cause.constraint() {
        return StoreError::Conflict { constraint: constraint.to_owned() };
    }
    // Classes of SQLSTATE: 08 connection, 40 rolled back by concurrency, 53 out of resources, 57 stopping.
    match code.get(..2) {
        Some("08" | "40" | "53" | "57") => {
            StoreError::Unavailable { reason: format!("{} ({code})", cause.message()) }
        }
        _ => StoreError::bug(format!("{} ({code})", cause.message())),
    }
}
