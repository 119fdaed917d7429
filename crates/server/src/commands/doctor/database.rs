//! The database: the one of `database.url`, or the private PostgreSQL.

use std::fmt::Display;
use std::path::PathBuf;

use store::database::Target;
use store::embedded::{Durability, EmbeddedError, EmbeddedPostgres, EmbeddedSettings, connect_running};

use super::Finding;
use crate::config::Config;
use crate::database;

/// Whether the database can be used.
pub(super) async fn finding(config: &Config) -> Finding {
    match database::of_url(config) {
        Some(Ok(target)) => outside(&target).await,
        Some(Err(error)) => outside_broken(&error),
        None => private(config).await,
    }
}

async fn outside(target: &Target) -> Finding {
    match target.connect_owner().await {
        Ok(_connected) => Finding::well("database", "the PostgreSQL of database.url answers"),
        Err(error) => outside_broken(&error),
    }
}

fn outside_broken(error: &impl Display) -> Finding {
    let remedy = "check DATABASE_URL and DATABASE_SSL, or unset DATABASE_URL to use the private PostgreSQL";
    Finding::broken("database", error.to_string(), remedy)
}

/// Tries the programs for real, in a folder of its own: rights, libraries and the change of user are what
/// breaks, and no look at files finds that.
async fn private(config: &Config) -> Finding {
    if connect_running(&config.general.data_dir).is_ok() {
        return Finding::well("database", "the private PostgreSQL of the data folder is running");
    }
    let settings = match database::embedded_settings(config) {
        Ok(settings) => settings,
        Err(error) => return Finding::broken("database", error.to_string(), "scripts/fetch-postgres.sh"),
    };
    let folder = PathBuf::from(format!("/tmp/studioconnect-doctor-{}", std::process::id()));
    let trial = EmbeddedSettings { data_dir: folder.clone(), durability: Durability::Nothing, ..settings };
    let outcome = start_and_stop(&trial).await;
    // Nothing in it is worth a message.
    let _removed = std::fs::remove_dir_all(&folder);
    match outcome {
        Ok(()) => Finding::well("database", "the private PostgreSQL starts on this machine"),
        Err(error @ EmbeddedError::BinariesMissing { .. }) => {
            Finding::broken("database", error.to_string(), "make setup, or scripts/fetch-postgres.sh")
        }
        Err(error) => {
            let remedy = "mend what it says, or set DATABASE_URL to a PostgreSQL 15 or later with pgvector";
            Finding::broken("database", error.to_string(), remedy)
        }
    }
}

async fn start_and_stop(settings: &EmbeddedSettings) -> Result<(), EmbeddedError> {
    EmbeddedPostgres::start(settings).await?.stop().await
}
