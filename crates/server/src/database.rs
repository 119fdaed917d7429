//! Which database the configuration means.

use secrecy::ExposeSecret as _;
use store::StoreError;
use store::database::{DatabaseSsl, Target};

use crate::config::Config;
use crate::config::types;

/// The database of `database.url`, when one is set.
#[must_use]
pub fn of_url(config: &Config) -> Option<Result<Target, StoreError>> {
    let url = config.database.url.as_ref()?;
    let ssl = match config.database.ssl {
        types::DatabaseSsl::FromUrl => DatabaseSsl::FromUrl,
        types::DatabaseSsl::Disable => DatabaseSsl::Disable,
        types::DatabaseSsl::Require => DatabaseSsl::Require,
        types::DatabaseSsl::VerifyFull => DatabaseSsl::VerifyFull,
    };
    Some(Target::from_url(url.0.expose_secret(), ssl))
}
