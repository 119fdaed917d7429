//! The database: the one of `database.url`, or the private PostgreSQL.

use store::StoreError;
use store::database::Target;

use super::Finding;
use crate::config::Config;
use crate::database;

/// Whether the database can be used.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    match database::of_url(config) {
        Some(Ok(target)) => vec![outside(&target).await],
        Some(Err(error)) => vec![broken(&error)],
        None => Vec::new(),
    }
}

async fn outside(target: &Target) -> Finding {
    match target.connect_owner().await {
        Ok(_connected) => Finding::well("database", "the PostgreSQL of database.url answers"),
        Err(error) => broken(&error),
    }
}

fn broken(error: &StoreError) -> Finding {
    let remedy = "check DATABASE_URL and DATABASE_SSL, or unset DATABASE_URL to use the private PostgreSQL";
    Finding::broken("database", error.to_string(), remedy)
}
