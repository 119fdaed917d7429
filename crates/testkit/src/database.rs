//! A fresh database for each test, in a cluster that all test processes share and that ends with the last of them.
//!
//! `DATABASE_URL` names another server to make the databases on; its user must be allowed to create databases
//! and roles. Test databases are never dropped: on the shared cluster they go with it.

use std::path::PathBuf;

use anyhow::Context as _;
use store::Database;
use store::database::{DatabaseSsl, Target};
use store::embedded::POSTGRES_VERSION;
use store::testing;

/// A migrated, empty database of one test's own.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// The open database.
    pub db: Database,
    /// Where it is: for what needs the owner's rights, or another connection.
    pub target: Target,
}

/// Makes a database. Takes about 20 ms once the cluster runs; the first test of a run waits a second for it.
///
/// # Errors
/// When PostgreSQL can't be had; the message says what to do.
pub async fn fresh() -> anyhow::Result<TestDatabase> {
    let server = server().await?;
    let (db, target) = testing::fresh_database(&server).await.context("making a test database")?;
    Ok(TestDatabase { db, target })
}

/// The server that test databases are made on.
///
/// # Errors
/// As [`fresh`].
#[expect(clippy::disallowed_methods, reason = "tests have no configuration to be told by")]
pub async fn server() -> anyhow::Result<Target> {
    match std::env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => Ok(Target::from_url(&url, DatabaseSsl::FromUrl)?),
        _ => testing::shared_cluster(&postgres_dir()).await.context("starting PostgreSQL for the tests"),
    }
}

/// The folder that `scripts/fetch-postgres.sh` fetches the programs to.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests have no configuration to be told by")]
pub fn postgres_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache =
        set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))).unwrap_or_default();
    cache.join("studioconnect/postgres").join(POSTGRES_VERSION)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_test_gets_a_database_of_its_own() {
        let (one, two) = tokio::try_join!(super::fresh(), super::fresh()).expect("two databases");
        one.db.ping().await.expect("an answer");
        two.db.ping().await.expect("an answer");
        assert_ne!(format!("{:?}", one.target), format!("{:?}", two.target));
    }
}
