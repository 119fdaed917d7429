//! The private PostgreSQL: a child process on a Unix socket, for an installation of one machine.
//!
//! Layout of a data folder:
//! ```text
//! postgres.lock      held while a process owns the cluster, with its pid
//! postgres.log       what the server says
//! postgres/cluster   the cluster itself
//! postgres/run       its socket
//! ```
//! PostgreSQL refuses to run as root. Then another account is used (see [`account`]), and when that account can't
//! reach the data folder, `postgres` is a link into [`account::ROOT_HOME`].
//!
//! The server dies with us: the kernel sends it a shutdown signal when the thread that started it ends, however
//! that comes about. A thread of its own therefore starts it and waits for it ([`process`]).

mod account;
mod binaries;
#[cfg(feature = "bundled-postgres")]
mod bundled;
mod cluster;
mod error;
mod process;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::database::Target;
use crate::migrate;
pub use binaries::{Binaries, POSTGRES_VERSION};
pub use error::EmbeddedError;

/// The port in the socket's file name; there is no TCP.
pub(crate) const PORT: u16 = 5432;
/// The database of the installation.
const DATABASE: &str = "studioconnect";
/// How long a predecessor may take to shut down.
const PREDECESSOR_TIMEOUT: Duration = Duration::from_secs(20);
/// Recovery after a power cut replays at most a few hundred MB.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a fast shutdown may take before a harder one follows.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Between looks at whether the server is ready.
const READY_POLL: Duration = Duration::from_millis(10);

/// What must outlive a power cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Every committed transaction.
    #[default]
    Committed,
    /// Nothing: for tests.
    Nothing,
}

/// How to run the private PostgreSQL.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// The installation's data folder.
    pub data_dir: PathBuf,
    /// Where the programs come from.
    pub binaries: Binaries,
    /// What must outlive a power cut.
    pub durability: Durability,
}

/// A running private PostgreSQL. Stop it with [`EmbeddedPostgres::stop`]; dropping it only asks it to shut down.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: process::Server,
    target: Target,
    _lock: File,
}

impl EmbeddedPostgres {
    /// Starts the cluster of the data folder, making it first if need be, and waits until it answers.
    ///
    /// # Errors
    /// [`EmbeddedError::DataDirInUse`] when another process runs it; the others say what to mend.
    pub async fn start(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        Self::start_tied(settings, process::Tie::ToParent).await
    }

    /// Like [`EmbeddedPostgres::start`], for a server that is shared by the processes of a test run.
    #[cfg(feature = "testing")]
    pub(crate) async fn start_shared(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        Self::start_tied(settings, process::Tie::None).await
    }

    async fn start_tied(settings: &EmbeddedSettings, tie: process::Tie) -> Result<Self, EmbeddedError> {
        let owned = settings.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&owned))
            .await
            .map_err(|_| EmbeddedError::failed("prepare the cluster", "the preparing task died"))??;
        wait_for_predecessor(&prepared.cluster).await?;
        let server = process::start(&prepared.program, &prepared.log, tie).await?;
        let target = Target::from_socket(&prepared.cluster.socket_dir, DATABASE);
        wait_until_ready(&server, &target, &prepared.log).await?;
        migrate::create_database(&target, DATABASE).await?;
        if prepared.cluster.fresh && settings.durability == Durability::Committed {
            // Not waited for: nobody depends on it but the power cut.
            let data = prepared.cluster.data;
            drop(tokio::task::spawn_blocking(move || cluster::Cluster::sync(&data)));
        }
        Ok(Self { server, target, _lock: prepared.lock })
    }

    /// The installation's database.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Pid of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Waits until the server is gone without having been asked to: a reason to stop the process.
    pub async fn exited(&self) {
        self.server.exited().await;
    }

    /// Shuts the server down: cuts connections, writes everything, waits; harder after ten seconds.
    ///
    /// # Errors
    /// [`EmbeddedError::Failed`] when it would not go.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        self.server.stop(STOP_TIMEOUT).await
    }
}

/// The database of a cluster that another process runs: for commands beside a running server.
///
/// # Errors
/// [`EmbeddedError::NotRunning`].
pub fn connect_running(data_dir: &Path) -> Result<Target, EmbeddedError> {
    let not_running = || EmbeddedError::NotRunning { folder: data_dir.to_owned() };
    let running =
        cluster::running(&data_dir.join(cluster::HOME).join(cluster::DATA)).ok_or_else(not_running)?;
    if !running.serving {
        return Err(not_running());
    }
    Ok(Target::from_socket(&running.socket_dir, DATABASE))
}

struct Prepared {
    cluster: cluster::Cluster,
    program: process::Program,
    log: PathBuf,
    lock: File,
}

/// Everything up to the start of the server; blocks on the disk.
fn prepare(settings: &EmbeddedSettings) -> Result<Prepared, EmbeddedError> {
    std::fs::create_dir_all(&settings.data_dir)
        .map_err(|error| EmbeddedError::io("make the data folder", &settings.data_dir, &error))?;
    // Absolute, because the server works in a folder of its own.
    let data_dir = std::path::absolute(&settings.data_dir)
        .map_err(|error| EmbeddedError::io("find the data folder", &settings.data_dir, &error))?;
    let lock = cluster::lock(&data_dir)?;
    let home = account::home(&data_dir)?;
    let programs = binaries::place(&settings.binaries, &data_dir, home.account)?;
    let cluster = cluster::open(&home, &programs)?;
    let log = data_dir.join("postgres.log");
    let program = process::Program {
        path: programs.join("postgres"),
        arguments: cluster.server_arguments(settings.durability),
        account: home.account,
        folder: home.path,
    };
    Ok(Prepared { cluster, program, log, lock })
}

/// We hold the lock, so a server that still runs has lost its parent and is on its way out.
async fn wait_for_predecessor(cluster: &cluster::Cluster) -> Result<(), EmbeddedError> {
    let deadline = Instant::now() + PREDECESSOR_TIMEOUT;
    while let Some(running) = cluster::running(&cluster.data) {
        if Instant::now() > deadline {
            return Err(EmbeddedError::PredecessorStays { pid: running.pid });
        }
        tokio::time::sleep(READY_POLL).await;
    }
    cluster.forget_dead_predecessor()
}

async fn wait_until_ready(
    server: &process::Server,
    target: &Target,
    log: &Path,
) -> Result<(), EmbeddedError> {
    let probe = target.with_database("postgres");
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let refusal = match probe.connect_owner().await {
            Ok(conn) => {
                drop(conn);
                return Ok(());
            }
            Err(error) => error,
        };
        if server.has_exited() {
            return Err(EmbeddedError::start_failed("it ended at once", log));
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::start_failed(&format!("it did not answer in time: {refusal}"), log));
        }
        tokio::time::sleep(READY_POLL).await;
    }
}
