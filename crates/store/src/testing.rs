//! Databases for tests: one throwaway cluster for all processes of a test run, a fresh database for each test.
//!
//! The cluster lies in shared memory and is started by whoever comes first. Every process that uses it holds a
//! shared lock; a small shell waits for the exclusive one, which it gets when the last user is gone, however that
//! came about, then stops the cluster and removes its files. So nothing is left after a test run. Needs `flock`
//! (package util-linux).

pub mod holds;

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use crate::database::{Database, PoolSizes, Target};
use crate::embedded::{
    Binaries, Durability, EmbeddedError, EmbeddedPostgres, EmbeddedSettings, connect_running,
};
use crate::error::StoreError;
use crate::migrate;

/// Connections of one test.
const TEST_POOLS: PoolSizes = PoolSizes { app: 6, system: 4 };
/// The number of the advisory lock under which the template is made: "template" in ASCII.
const TEMPLATE_LOCK: i64 = 0x74_65_6d_70_6c_61_74_65;
/// Waits until nobody uses the cluster (lock file: argument 3), also not a moment later, for there are gaps between
/// the processes of a run; then stops it (pid file: argument 2) and removes the run's folder (argument 1).
const REAPER: &str = r#"
    until
        flock --exclusive "$3" true
        sleep 0.3
        flock --exclusive --nonblock "$3" sh -c '
            pid=$(head -n 1 "$2" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
            left=100
            while [ -e "$2" ] && [ $left -gt 0 ]; do left=$((left - 1)); sleep 0.05; done
            rm -rf "$(readlink -f "$1/postgres")" "$1"
        ' reaper "$@"
    do :; done
"#;

static SHARED: OnceCell<SharedCluster> = OnceCell::const_new();
static NAMES: AtomicU64 = AtomicU64::new(0);

struct SharedCluster {
    target: Target,
    _use: File,
    _ours: Option<EmbeddedPostgres>,
}

/// The run's cluster, started if need be.
///
/// # Errors
/// [`EmbeddedError`], which says what to mend.
pub async fn shared_cluster(binaries: &Path) -> Result<Target, EmbeddedError> {
    let shared = SHARED.get_or_try_init(|| join_or_start(binaries.to_owned())).await?;
    Ok(shared.target.clone())
}

/// Makes a fresh, migrated database on a server and opens it.
///
/// # Errors
/// [`StoreError`].
pub async fn fresh_database(server: &Target) -> Result<(Database, Target), StoreError> {
    let template = template(server).await?;
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{}_{number}", std::process::id(), boot_nanos());
    let mut conn = server.with_database("postgres").connect_owner().await?;
    // file_copy: 20 ms instead of 60 with the default, which logs every page.
    let statement = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
    conn.execute(AssertSqlSafe(statement)).await?;
    conn.close().await?;
    let target = server.with_database(&name);
    let db = Database::connect(&target, TEST_POOLS).await?;
    Ok((db, target))
}

/// The socket of the server that a database is on, when it listens on one.
#[must_use]
pub fn socket_of(target: &Target) -> Option<PathBuf> {
    let options = target.owner_options();
    options.get_socket().map(|folder| folder.join(format!(".s.PGSQL.{}", options.get_port())))
}

/// The same database through a socket in another folder: for what lies between.
#[must_use]
pub fn through(target: &Target, folder: &Path) -> Target {
    target.on_socket(folder)
}

/// Opens a database with a test's few connections.
///
/// # Errors
/// [`StoreError`].
pub async fn open_database(target: &Target) -> Result<Database, StoreError> {
    Database::connect(target, TEST_POOLS).await
}

/// Tells the databases of processes with equal pids apart, on a server that outlives them.
fn boot_nanos() -> u128 {
    static START: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
    *START.get_or_init(|| {
        fs::metadata("/proc/self")
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_nanos())
    })
}

async fn join_or_start(binaries: PathBuf) -> Result<SharedCluster, EmbeddedError> {
    let folder = run_folder()?;
    let wanted = folder.clone();
    let (start, usage) = tokio::task::spawn_blocking(move || lock_run(&wanted))
        .await
        .map_err(|_| EmbeddedError::failed("join the test cluster", "the joining task died"))?
        .map_err(|error| EmbeddedError::io("lock", &folder, &error))?;
    let settings = EmbeddedSettings {
        data_dir: folder.clone(),
        binaries: Binaries::Folder(binaries),
        durability: Durability::Nothing,
    };
    let shared = match connect_running(&folder) {
        Ok(target) => SharedCluster { target, _use: usage, _ours: None },
        Err(_) => {
            let ours = EmbeddedPostgres::start_shared(&settings).await?;
            start_reaper(&folder)?;
            SharedCluster { target: ours.target(), _use: usage, _ours: Some(ours) }
        }
    };
    drop(start);
    Ok(shared)
}

/// The lock under which one process starts the cluster, and the one that says we use it.
fn lock_run(folder: &Path) -> std::io::Result<(File, File)> {
    // These two files stay: a lock on a file that is removed meanwhile would keep nobody out.
    let start = open(&folder.with_extension("start"))?;
    start.lock()?;
    let usage = open(&folder.with_extension("users"))?;
    // Waits for a reaper that is at work.
    usage.lock_shared()?;
    fs::create_dir_all(folder)?;
    Ok((start, usage))
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn run_folder() -> Result<PathBuf, EmbeddedError> {
    let base =
        ["/dev/shm", "/tmp"].into_iter().map(Path::new).find(|base| base.is_dir()).ok_or_else(|| {
            EmbeddedError::failed("find a place for the test cluster", "no /dev/shm and no /tmp")
        })?;
    Ok(base.join(format!("studioconnect-test-{}", nix::unistd::Uid::effective())))
}

fn start_reaper(folder: &Path) -> Result<(), EmbeddedError> {
    let pid_file = folder.join("postgres/cluster/postmaster.pid");
    Command::new("sh")
        .args(["-c", REAPER, "reaper"])
        .arg(folder)
        .arg(pid_file)
        .arg(folder.with_extension("users"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C ends the tests; this must come after them.
        .process_group(0)
        .spawn()
        .map(drop)
        .map_err(|error| {
            EmbeddedError::failed("run `sh`, which is to stop the test cluster", error.to_string())
        })
}

/// The name of the migrated, empty database, made unless it is there.
async fn template(server: &Target) -> Result<String, StoreError> {
    let name = format!("template_{}", migrate::fingerprint());
    let mut conn = server.with_database("postgres").connect_owner().await?;
    if !exists(&mut conn, &name).await? {
        sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut conn).await?;
        if !exists(&mut conn, &name).await? {
            // Under another name until it is complete.
            let unfinished = format!("unfinished_{}", migrate::fingerprint());
            conn.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {unfinished}"))).await?;
            migrate::create_database(server, &unfinished).await?;
            migrate::migrate(&server.with_database(&unfinished)).await?;
            conn.execute(AssertSqlSafe(format!("ALTER DATABASE {unfinished} RENAME TO {name}"))).await?;
        }
    }
    // Gives the lock back, too.
    conn.close().await?;
    Ok(name)
}

async fn exists(conn: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(conn)
        .await?)
}
