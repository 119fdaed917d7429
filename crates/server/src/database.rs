//! Which database the configuration means, and how a command comes to it.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use store::StoreError;
use store::database::{DatabaseSsl, PoolSizes, Target};
use store::embedded::{
    Binaries, Durability, EmbeddedError, EmbeddedPostgres, EmbeddedSettings, connect_running,
};

use crate::config::{Config, types};

/// A database that can be connected to, with the private PostgreSQL behind it when this process runs one.
#[derive(Debug)]
pub struct OpenDatabase {
    /// Where it is.
    pub target: Target,
    /// The private PostgreSQL of this process. When it ends by itself the process has no database any more.
    pub embedded: Option<EmbeddedPostgres>,
}

impl OpenDatabase {
    /// Opens the database of the configuration; starts the private PostgreSQL when no URL is set.
    ///
    /// # Errors
    /// When the URL can't be read, or the private PostgreSQL can't be started: the message says what to mend.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(target) = of_url(config) {
            return Ok(Self { target: target?, embedded: None });
        }
        let embedded = EmbeddedPostgres::start(&embedded_settings(config)?).await?;
        Ok(Self { target: embedded.target(), embedded: Some(embedded) })
    }

    /// As [`OpenDatabase::open`], but beside a server that runs on the same data folder its database is used.
    ///
    /// # Errors
    /// As [`OpenDatabase::open`].
    pub async fn open_beside(config: &Config) -> anyhow::Result<Self> {
        match Self::open(config).await {
            Err(error) if matches!(error.downcast_ref(), Some(EmbeddedError::DataDirInUse { .. })) => {
                let target = connect_running(&config.general.data_dir).context(error)?;
                Ok(Self { target, embedded: None })
            }
            other => other,
        }
    }

    /// Stops the private PostgreSQL when this process runs it.
    ///
    /// # Errors
    /// When it would not end.
    pub async fn close(self) -> Result<(), EmbeddedError> {
        match self.embedded {
            Some(embedded) => embedded.stop().await,
            None => Ok(()),
        }
    }
}

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

/// How the private PostgreSQL of the data folder is run.
///
/// # Errors
/// When nothing says where its programs are.
pub fn embedded_settings(config: &Config) -> anyhow::Result<EmbeddedSettings> {
    Ok(EmbeddedSettings {
        data_dir: config.general.data_dir.clone(),
        binaries: binaries(config)?,
        durability: Durability::Committed,
    })
}

/// The programs of the private PostgreSQL: a folder that is set wins over the copy in the executable.
///
/// # Errors
/// When there is neither.
pub fn binaries(config: &Config) -> anyhow::Result<Binaries> {
    if let Some(folder) = &config.database.postgres_dir {
        return Ok(Binaries::Folder(folder.clone()));
    }
    #[cfg(feature = "bundled-postgres")]
    return Ok(Binaries::Bundled);
    #[cfg(not(feature = "bundled-postgres"))]
    anyhow::bail!(
        "no PostgreSQL: set DATABASE_URL, or database.postgres_dir to the folder that holds bin/postgres"
    )
}

/// The sizes of the connection pools.
#[must_use]
pub fn pool_sizes(config: &Config) -> PoolSizes {
    PoolSizes { app: config.database.max_connections, system: config.database.system_connections }
}
