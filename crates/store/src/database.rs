//! Connecting: where the database is, under which roles it is used, and whether it is fit for use.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection, PgPool};
use tokio_util::task::TaskTracker;

use crate::error::StoreError;

/// The role of requests: one organization, no schema changes.
pub const APP_ROLE: &str = "studioconnect_app";
/// The role of [`crate::tx::SystemTx`] and the job runner: all organizations, no schema changes.
pub const SYSTEM_ROLE: &str = "studioconnect_system";
/// The owner of the private cluster.
pub(crate) const OWNER_ROLE: &str = "studioconnect_owner";
/// Oldest server that is supported, as `server_version_num`.
const OLDEST_VERSION: i32 = 150_000;
/// A request that waits longer than this for a connection is better told so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How the connection to a server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DatabaseSsl {
    /// What the URL says (`sslmode=`), or encrypted when the server can.
    #[default]
    FromUrl,
    /// Not encrypted.
    Disable,
    /// Encrypted; the certificate is not looked at.
    Require,
    /// Encrypted; the certificate must be of a known authority and name the host.
    VerifyFull,
}

/// Where a database is and how its roles are taken on.
#[derive(Clone)]
pub struct Target {
    owner: PgConnectOptions,
    /// Whether the roles log in by themselves (private cluster) or are taken on by `SET ROLE`.
    roles_log_in: bool,
}

// By hand: the options hold a password.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.owner.get_host())
            .field("database", &self.owner.get_database())
            .finish_non_exhaustive()
    }
}

impl Target {
    /// The database of a URL (`postgres://user:password@host:port/name`). Its user owns the schema: it must be
    /// allowed to create roles, or somebody created them before.
    ///
    /// # Errors
    /// [`StoreError::Unsuitable`] when the URL can't be read. The message doesn't repeat it: it holds a password.
    pub fn from_url(url: &str, ssl: DatabaseSsl) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Unsuitable {
            reason: "DATABASE_URL can't be read; write postgres://user:password@host:5432/name".to_owned(),
        })?;
        let owner = match ssl {
            DatabaseSsl::FromUrl => options,
            DatabaseSsl::Disable => options.ssl_mode(PgSslMode::Disable),
            DatabaseSsl::Require => options.ssl_mode(PgSslMode::Require),
            DatabaseSsl::VerifyFull => options.ssl_mode(PgSslMode::VerifyFull),
        };
        Ok(Self { owner: quiet(owner), roles_log_in: false })
    }

    /// A database of the private cluster that listens in a folder.
    pub(crate) fn from_socket(folder: &Path, database: &str) -> Self {
        let owner = PgConnectOptions::new_without_pgpass()
            .socket(folder)
            .port(crate::embedded::PORT)
            .username(OWNER_ROLE)
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        Self { owner: quiet(owner), roles_log_in: true }
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { owner: self.owner.clone().database(name), roles_log_in: self.roles_log_in }
    }

    /// The address at which another process of this machine finds the database of a private cluster, as its owner;
    /// `None` for a database that is not behind a socket.
    #[must_use]
    pub fn socket_url(&self) -> Option<String> {
        let folder = self.owner.get_socket()?.to_str()?;
        let escaped: String = folder
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        let (user, port) = (self.owner.get_username(), self.owner.get_port());
        let database = self.owner.get_database()?;
        Some(format!("postgres://{user}@{escaped}:{port}/{database}?sslmode=disable"))
    }

    /// A connection as the owner: for migrations, backups and test set-up, never for requests.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server can't be reached, [`StoreError::Unsuitable`] when it says no.
    pub async fn connect_owner(&self) -> Result<PgConnection, StoreError> {
        self.owner.connect().await.map_err(refused)
    }

    #[cfg(feature = "testing")]
    pub(crate) fn on_socket(&self, folder: &Path) -> Self {
        Self { owner: self.owner.clone().socket(folder), roles_log_in: self.roles_log_in }
    }

    pub(crate) fn owner_options(&self) -> &PgConnectOptions {
        &self.owner
    }

    fn options_as(&self, role: &str) -> PgConnectOptions {
        let options = self.owner.clone().application_name(role).options([
            // A statement of a request that takes longer than this has been given up by whoever asked.
            ("statement_timeout", "20s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
        if self.roles_log_in { options.username(role) } else { options.options([("role", role)]) }
    }
}

fn quiet(options: PgConnectOptions) -> PgConnectOptions {
    // Statements carry callers' words as parameters; slow ones are found by the server's own statistics.
    options.disable_statement_logging()
}

/// How many connections are kept for what.
#[derive(Debug, Clone, Copy)]
pub struct PoolSizes {
    /// For requests.
    pub app: u32,
    /// For the system and the job runner, which keeps one to listen on.
    pub system: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { app: 16, system: 8 }
    }
}

/// How the connections of a pool are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    /// `app` or `system`.
    pub name: &'static str,
    /// Connections that are open.
    pub open: u32,
    /// Connections that wait for something to do.
    pub idle: u32,
    /// Most connections.
    pub most: u32,
}

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) app: PgPool,
    pub(crate) system: PgPool,
    /// Transactions that were begun for somebody who did not wait.
    pub(crate) beginnings: TaskTracker,
}

impl Database {
    /// Opens a database that is migrated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it can't be reached; [`StoreError::Unsuitable`] when it refuses us.
    pub async fn connect(target: &Target, sizes: PoolSizes) -> Result<Self, StoreError> {
        let open = |role: &'static str, size: u32| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with(target.options_as(role))
        };
        let (app, system) =
            tokio::try_join!(open(APP_ROLE, sizes.app), open(SYSTEM_ROLE, sizes.system)).map_err(refused)?;
        Ok(Self { app, system, beginnings: TaskTracker::new() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("SELECT 1").fetch_one(&self.app).await?;
        Ok(())
    }

    /// How the connections are used now.
    #[must_use]
    pub fn pools(&self) -> [PoolFigures; 2] {
        [("app", &self.app), ("system", &self.system)].map(|(name, pool)| PoolFigures {
            name,
            open: pool.size(),
            idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
            most: pool.options().get_max_connections(),
        })
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        self.beginnings.close();
        tokio::join!(self.app.close(), self.system.close(), self.beginnings.wait());
    }
}

/// Refuses a server that is too old or has no pgvector.
pub(crate) async fn check_fitness(conn: &mut PgConnection) -> Result<(), StoreError> {
    let version =
        sqlx::query_scalar!(r#"SELECT current_setting('server_version_num')::integer AS "version!""#)
            .fetch_one(&mut *conn)
            .await?;
    if version < OLDEST_VERSION {
        return Err(StoreError::Unsuitable {
            reason: format!("the server is PostgreSQL {}, 15 or newer is needed", version / 10_000),
        });
    }
    let vector = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS "available!""#
    )
    .fetch_one(conn)
    .await?;
    if vector {
        Ok(())
    } else {
        Err(StoreError::Unsuitable {
            reason: "the server has no extension `vector`; install pgvector on it (Debian: postgresql-NN-pgvector), \
                     or leave DATABASE_URL unset to use the private PostgreSQL"
                .to_owned(),
        })
    }
}

/// What a failed connection means: an answer that says no is for a person to mend, silence may pass.
fn refused(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(cause) if !matches!(cause.code().as_deref(), Some(code) if code.starts_with("57") || code.starts_with("53")) => {
            StoreError::Unsuitable {
                reason: format!("the server refused the connection: {}", cause.message()),
            }
        }
        sqlx::Error::Configuration(_) => StoreError::Unsuitable { reason: error.to_string() },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let target = Target::from_url("postgres://ada:s3cret@db.example/studio", DatabaseSsl::FromUrl);
        let shown = format!("{:?}", target.expect("a good URL"));
        assert!(shown.contains("studio") && !shown.contains("s3cret"), "{shown}");
        let error = Target::from_url("mysql://ada:s3cret@db/x", DatabaseSsl::FromUrl).map(drop);
        let port =
            Target::from_url("postgres://ada:s3cret@db:port/x", DatabaseSsl::FromUrl).expect_err("no port");
        assert!(!format!("{error:?} {port}").contains("s3cret"));
    }
}
