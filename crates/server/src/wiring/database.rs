//! The database of this process: the one of the configuration, or a private one that lives and dies with us.

use anyhow::Context as _;
use store::Database;
use store::database::{PoolSizes, Target};
use store::embedded::{EmbeddedPostgres, EmbeddedSettings};

use crate::config::Config;
use crate::database;

/// An open, migrated database.
#[derive(Debug)]
pub struct OpenDatabase {
    /// Where it is.
    pub target: Target,
    /// For the use cases.
    pub db: Database,
    /// The private server, when there is one.
    pub embedded: Option<EmbeddedPostgres>,
}

/// Starts the private server if one is meant, brings the schema up to date, connects.
///
/// # Errors
/// When the server can't be started or reached, or is not fit for use; the message says what to mend.
pub async fn open(config: &Config) -> anyhow::Result<OpenDatabase> {
    let (target, embedded) = match database::of_url(config) {
        Some(target) => (target?, None),
        None => {
            let settings = EmbeddedSettings {
                data_dir: config.general.data_dir.clone(),
                binaries: database::binaries(config)?,
                durability: store::embedded::Durability::Committed,
            };
            let embedded = EmbeddedPostgres::start(&settings).await?;
            (embedded.target(), Some(embedded))
        }
    };
    let migrated =
        store::migrate::migrate(&target).await.context("could not bring the database up to date")?;
    tracing::info!(applied = migrated.applied, total = migrated.total, "database schema is up to date");
    let sizes = PoolSizes { app: config.database.max_connections, ..PoolSizes::default() };
    let db = Database::connect(&target, sizes).await.context("could not open the database")?;
    Ok(OpenDatabase { target, db, embedded })
}

impl OpenDatabase {
    /// Closes the connections, then stops the private server.
    ///
    /// # Errors
    /// When the private server would not go.
    pub async fn close(self) -> anyhow::Result<()> {
        self.db.close().await;
        match self.embedded {
            Some(embedded) => embedded.stop().await.context("could not stop the private PostgreSQL"),
            None => Ok(()),
        }
    }
}
