//! The private PostgreSQL: starts, refuses a second owner, survives the death of its owner.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection, Executor};
use store::embedded::{
    Binaries, Durability, EmbeddedError, EmbeddedPostgres, EmbeddedSettings, connect_running,
};

use crate::agency::postgres_dir;

/// Set for the process that a crash test runs and kills: the data folder it starts a server on.
const CRASHING: &str = "STORE_TEST_CRASHING";

/// A data folder of a test, removed with everything that was made outside it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let base = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
        let path = Path::new(base).join(format!("store-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn settings(&self) -> EmbeddedSettings {
        settings(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let elsewhere = std::fs::canonicalize(self.0.join("postgres"));
        let _removed = elsewhere.map(std::fs::remove_dir_all);
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

fn settings(folder: &Path) -> EmbeddedSettings {
    EmbeddedSettings {
        data_dir: folder.to_owned(),
        binaries: Binaries::Folder(postgres_dir()),
        durability: Durability::Nothing,
    }
}

async fn write_and_count(postgres: &EmbeddedPostgres) -> i64 {
    let mut conn = postgres.target().connect_owner().await.expect("a connection");
    conn.execute("CREATE TABLE IF NOT EXISTS marks (id int); INSERT INTO marks VALUES (1)")
        .await
        .expect("a mark");
    let count = sqlx::query_scalar("SELECT count(*) FROM marks").fetch_one(&mut conn).await.expect("a count");
    conn.close().await.expect("a farewell");
    count
}

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z')))
}

#[tokio::test]
async fn a_cluster_is_stopped_and_goes_on_where_it_was() {
    let folder = Folder::new("restart");
    let first = EmbeddedPostgres::start(&folder.settings()).await.expect("a first start");
    let pid = first.pid();
    assert_eq!(write_and_count(&first).await, 1);
    first.stop().await.expect("a stop");
    assert!(!alive(pid));
    assert!(matches!(connect_running(&folder.0), Err(EmbeddedError::NotRunning { .. })));
    let second = EmbeddedPostgres::start(&folder.settings()).await.expect("a second start");
    assert_eq!(write_and_count(&second).await, 2);
    second.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_second_owner_is_refused_and_a_command_joins_in() {
    let folder = Folder::new("twice");
    let first = EmbeddedPostgres::start(&folder.settings()).await.expect("a first start");
    let refusal = EmbeddedPostgres::start(&folder.settings()).await.expect_err("a second start");
    let EmbeddedError::DataDirInUse { pid, .. } = &refusal else { panic!("{refusal}") };
    assert_eq!(*pid, std::process::id().to_string());
    assert!(refusal.to_string().contains(folder.0.to_str().expect("a readable path")), "{refusal}");
    let command = connect_running(&folder.0).expect("the running cluster");
    command.connect_owner().await.expect("a connection").close().await.expect("a farewell");
    first.stop().await.expect("a stop");
}

#[tokio::test]
async fn programs_that_are_missing_are_named_with_the_remedy() {
    let folder = Folder::new("missing");
    let mut settings = folder.settings();
    settings.binaries = Binaries::Folder("/nowhere/postgres".into());
    let error = EmbeddedPostgres::start(&settings).await.expect_err("no programs");
    let text = error.to_string();
    assert!(text.contains("/nowhere/postgres") && text.contains("scripts/fetch-postgres.sh"), "{text}");
}

#[tokio::test]
async fn a_data_folder_with_a_long_path_gets_a_short_socket() {
    let folder = Folder::new(&"long-".repeat(24));
    let postgres = EmbeddedPostgres::start(&folder.settings()).await.expect("a start");
    assert_eq!(write_and_count(&postgres).await, 1);
    let socket_dir = std::fs::read_to_string(folder.0.join("postgres/cluster/postmaster.pid"))
        .expect("the pid file")
        .lines()
        .nth(4)
        .map(PathBuf::from)
        .expect("the socket's folder");
    assert!(socket_dir.starts_with("/tmp"));
    postgres.stop().await.expect("a stop");
    std::fs::remove_dir(socket_dir).expect("an empty folder");
}

#[tokio::test]
async fn a_log_is_quoted_when_the_server_does_not_come_up() {
    let folder = Folder::new("broken");
    EmbeddedPostgres::start(&folder.settings()).await.expect("a start").stop().await.expect("a stop");
    let config = folder.0.join("postgres/cluster/postgresql.conf");
    std::fs::write(config, "no_such_setting = 1\n").expect("a spoiled file");
    let error = EmbeddedPostgres::start(&folder.settings()).await.expect_err("no server");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

/// Not a test of its own: the process that the next test kills. Without the variable it does nothing.
#[tokio::test]
async fn crashing_process() {
    let Some(folder) = std::env::vars().find_map(|(name, value)| (name == CRASHING).then_some(value)) else {
        return;
    };
    let postgres = EmbeddedPostgres::start(&settings(Path::new(&folder))).await.expect("a start");
    write_and_count(&postgres).await;
    std::fs::write(Path::new(&folder).join("started"), postgres.pid().to_string()).expect("a sign");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn after_kill_9_the_server_goes_too_and_the_next_start_waits_for_it() {
    let folder = Folder::new("killed");
    let mut process = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "embedded::crashing_process", "--nocapture"])
        .env(CRASHING, &folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let sign = folder.0.join("started");
    let server: u32 = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(pid) = std::fs::read_to_string(&sign).ok().and_then(|text| text.parse().ok()) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the other process starts its server");
    assert!(alive(server));
    process.kill().expect("SIGKILL");
    process.wait().expect("its end");
    // At once: the old server is still on its way out.
    let next = EmbeddedPostgres::start(&folder.settings()).await.expect("the next start");
    assert!(!alive(server), "the server of the dead process is gone");
    assert_eq!(write_and_count(&next).await, 2, "what it had committed is there");
    next.stop().await.expect("a stop");
}

#[tokio::test]
async fn the_pid_of_a_dead_server_that_somebody_else_has_now_is_no_obstacle() {
    let folder = Folder::new("reused");
    EmbeddedPostgres::start(&folder.settings()).await.expect("a start").stop().await.expect("a stop");
    let pid_file = folder.0.join("postgres/cluster/postmaster.pid");
    // This very process is alive and no server.
    std::fs::write(&pid_file, format!("{}\n/x\n1\n5432\n/x\n\n\nready\n", std::process::id()))
        .expect("a stale file");
    let postgres = EmbeddedPostgres::start(&folder.settings()).await.expect("a start");
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn the_server_does_not_run_as_root() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new("account");
    let postgres = EmbeddedPostgres::start(&folder.settings()).await.expect("a start");
    let owner = std::fs::metadata(format!("/proc/{}", postgres.pid())).expect("the process").uid();
    assert_ne!(owner, 0);
    // Nobody else may enter the socket's folder: whoever may is let in.
    let run = std::fs::metadata(folder.0.join("postgres/run")).expect("the socket's folder");
    assert_eq!(run.mode() & 0o077, 0);
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_data_folder_that_is_closed_to_others_is_served() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("closed");
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    let first = EmbeddedPostgres::start(&folder.settings()).await.expect("a first start");
    assert_eq!(write_and_count(&first).await, 1);
    first.stop().await.expect("a stop");
    let second = EmbeddedPostgres::start(&folder.settings()).await.expect("a second start");
    assert_eq!(write_and_count(&second).await, 2);
    connect_running(&folder.0).expect("the running cluster");
    second.stop().await.expect("a stop");
}

#[tokio::test]
async fn the_server_runs_as_the_owner_of_the_data_folder() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new("owned");
    // Only root may give a folder away; any other user owns it already.
    let _may_not = std::os::unix::fs::chown(&folder.0, Some(1), Some(1));
    let owner = std::fs::metadata(&folder.0).expect("the folder").uid();
    let postgres = EmbeddedPostgres::start(&folder.settings()).await.expect("a start");
    let server = std::fs::metadata(format!("/proc/{}", postgres.pid())).expect("the process").uid();
    assert_eq!(server, owner);
    postgres.stop().await.expect("a stop");
}

#[cfg(feature = "bundled-postgres")]
#[tokio::test]
async fn the_copy_inside_the_executable_is_unpacked_and_runs() {
    let folder = Folder::new("bundled");
    let settings = EmbeddedSettings { binaries: Binaries::Bundled, ..folder.settings() };
    let postgres = EmbeddedPostgres::start(&settings).await.expect("a start");
    assert_eq!(write_and_count(&postgres).await, 1);
    postgres.stop().await.expect("a stop");
}
