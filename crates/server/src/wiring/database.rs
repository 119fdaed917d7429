//! The database of a serving process: open, migrated, connected.

use anyhow::Context as _;
use store::Database;

use crate::config::Config;
use crate::database::{self, OpenDatabase};

/// An open, migrated database with its connections.
#[derive(Debug)]
pub struct ServingDatabase {
    /// For the use cases.
    pub db: Database,
    /// What is behind it.
    pub open: OpenDatabase,
}

/// Starts the private server if one is meant, brings the schema up to date, connects.
///
/// # Errors
/// When the server can't be started or reached, or is not fit for use; the message says what to mend.
pub async fn open(config: &Config) -> anyhow::Result<ServingDatabase> {
    let open = OpenDatabase::open(config).await?;
    let migrated =
        store::migrate::migrate(&open.target).await.context("could not bring the database up to date")?;
    tracing::info!(applied = migrated.applied, total = migrated.total, "database schema is up to date");
    let db = Database::connect(&open.target, database::pool_sizes(config))
        .await
        .context("could not open the database")?;
    Ok(ServingDatabase { db, open })
}

impl ServingDatabase {
    /// Waits until the private server is gone without having been asked to; for ever when there is none.
    pub async fn lost(&self) {
        match &self.open.embedded {
            Some(embedded) => embedded.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Closes the connections, then stops the private server.
    ///
    /// # Errors
    /// When the private server would not go.
    pub async fn close(self) -> anyhow::Result<()> {
        self.db.close().await;
        self.open.close().await.context("could not stop the private PostgreSQL")
    }
}
