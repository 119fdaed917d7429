//! The cluster on disk: who owns it, how it is made, what its pid file says.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Home;
use super::error::EmbeddedError;
use super::{Durability, PORT, process};
use crate::database::OWNER_ROLE;

/// The folder of cluster and socket inside the data folder.
pub(super) const HOME: &str = "postgres";
/// The cluster inside it.
pub(super) const DATA: &str = "cluster";
/// Longest path of a Unix socket that the system takes, without the ending NUL.
const LONGEST_SOCKET_PATH: usize = 107;

/// A cluster that is ready to be started.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) data: PathBuf,
    /// Whether it was made just now, and so is not on the disk for good yet.
    pub(super) fresh: bool,
    pub(super) socket_dir: PathBuf,
}

/// A server as its pid file describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) pid: i32,
    pub(super) socket_dir: PathBuf,
    /// Whether it takes connections, or will in a moment. (`ready` is written a little after it does.)
    pub(super) serving: bool,
}

/// Takes the data folder for this process, until the file is closed.
pub(super) fn lock(data_dir: &Path) -> Result<File, EmbeddedError> {
    let path = data_dir.join("postgres.lock");
    let failed = |error: &std::io::Error| EmbeddedError::io("lock", &path, error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _unknown = file.read_to_string(&mut holder);
            let pid = if holder.trim().is_empty() { "?".to_owned() } else { holder.trim().to_owned() };
            return Err(EmbeddedError::DataDirInUse { folder: data_dir.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|error| failed(&error))?;
    Ok(file)
}

/// The server that runs on a cluster, if one does.
pub(super) fn running(data: &Path) -> Option<Running> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let running = parse_pid_file(&text)?;
    // A pid may have been given to somebody else since.
    let name = fs::read_to_string(format!("/proc/{}/comm", running.pid)).ok()?;
    (name.trim() == "postgres" && !is_zombie(running.pid)).then_some(running)
}

fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z')))
        .unwrap_or(true)
}

/// Lines of `postmaster.pid`: pid, data folder, start time, port, socket folder, address, shared memory, status.
fn parse_pid_file(text: &str) -> Option<Running> {
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    let socket_dir = lines.nth(3).map(PathBuf::from).unwrap_or_default();
    let serving = lines.nth(2).is_some_and(|status| status.trim() != "stopping");
    Some(Running { pid, socket_dir, serving })
}

/// Makes the cluster unless it is there.
pub(super) fn open(home: &Home, programs: &Path) -> Result<Cluster, EmbeddedError> {
    let data = home.path.join(DATA);
    let fresh = !data.join("PG_VERSION").is_file();
    if fresh {
        make(home, programs, &data)?;
    }
    let socket_dir = socket_folder(home)?;
    Ok(Cluster { data, fresh, socket_dir })
}

/// Runs `initdb` beside the final place, so that a half-made cluster never stands there.
fn make(home: &Home, programs: &Path, data: &Path) -> Result<(), EmbeddedError> {
    let unfinished = home.path.join("unfinished");
    let _leftover = fs::remove_dir_all(&unfinished);
    let mut command = Command::new(programs.join("initdb"));
    command.arg("--pgdata").arg(&unfinished).args([
        "--username",
        OWNER_ROLE,
        // Whoever may enter the socket's folder is us: nobody else may.
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        // The same order of texts on every machine, whatever its C library says.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        // A thousand files one by one took 3 s on a busy disk; see [`Cluster::sync`].
        "--no-sync",
    ]);
    process::prepare(&mut command, home.account, &home.path);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| EmbeddedError::io("run", &programs.join("initdb"), &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(EmbeddedError::failed(
            format!("make a cluster at {}", data.display()),
            said.trim().to_owned(),
        ));
    }
    fs::rename(&unfinished, data).map_err(|error| EmbeddedError::io("put the cluster at", data, &error))
}

/// `run` beside the cluster, or a short folder under `/tmp` when the path would be too long for a socket.
fn socket_folder(home: &Home) -> Result<PathBuf, EmbeddedError> {
    let wanted = home.path.join("run");
    let fits = wanted.join(format!(".s.PGSQL.{PORT}.lock")).as_os_str().len() <= LONGEST_SOCKET_PATH;
    let (folder, owner) = match home.account {
        Some(account) => (account.uid, Some(account)),
        None => (nix::unistd::Uid::effective().as_raw(), None),
    };
    let path =
        if fits { wanted } else { PathBuf::from(format!("/tmp/studioconnect-{:x}", inode(&home.path)?)) };
    let failed = |error: &std::io::Error| EmbeddedError::io("make the socket's folder", &path, error);
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => {
            if let Some(account) = owner {
                chown(&path, Some(account.uid), Some(account.gid)).map_err(|error| failed(&error))?;
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            // Under /tmp anybody could have made it first.
            let meta = fs::symlink_metadata(&path).map_err(|error| failed(&error))?;
            if !meta.is_dir() || meta.uid() != folder || meta.mode() & 0o077 != 0 {
                return Err(EmbeddedError::failed(
                    format!("use {}", path.display()),
                    "it is not a folder of our own that is closed to others: remove it",
                ));
            }
        }
        Err(error) => return Err(failed(&error)),
    }
    Ok(path)
}

fn inode(path: &Path) -> Result<u64, EmbeddedError> {
    let meta = fs::metadata(path).map_err(|error| EmbeddedError::io("look at", path, &error))?;
    Ok(meta.ino() ^ meta.dev().rotate_left(40))
}

impl Cluster {
    /// Puts a fresh cluster on the disk for good, while the server runs on it already: until then a power cut
    /// (no crash, no kill) may cost an installation its first second.
    pub(super) fn sync(data: &Path) {
        let result = File::open(data)
            .map_err(|error| error.to_string())
            .and_then(|folder| nix::unistd::syncfs(folder).map_err(|error| error.to_string()));
        if let Err(error) = result {
            tracing::warn!(%error, "the new cluster could not be put on the disk for good");
        }
    }

    /// Removes a pid file whose process is no server any more: PostgreSQL would take whoever has the pid now for
    /// one. Only under the lock and after [`running`] said no.
    pub(super) fn forget_dead_predecessor(&self) -> Result<(), EmbeddedError> {
        let path = self.data.join("postmaster.pid");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(EmbeddedError::io("remove", &path, &error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn server_arguments(&self, durability: Durability) -> Vec<String> {
        let mut settings = vec![
            format!("unix_socket_directories={}", self.socket_dir.display()),
            "unix_socket_permissions=0700".to_owned(),
            "listen_addresses=".to_owned(),
            format!("port={PORT}"),
            "max_connections=80".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "max_wal_size=512MB".to_owned(),
            "jit=off".to_owned(),
            // One machine, small data: parallel workers and I/O workers cost more than they bring.
            "max_parallel_workers_per_gather=0".to_owned(),
            "io_method=sync".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
            // Statements and their parameters hold callers' words: the log must not.
            "log_min_error_statement=panic".to_owned(),
            "log_error_verbosity=terse".to_owned(),
            "log_parameter_max_length_on_error=0".to_owned(),
        ];
        if durability == Durability::Nothing {
            settings.extend(
                ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"]
                    .map(str::to_owned),
            );
        }
        let mut arguments = vec!["-D".to_owned(), self.data.display().to_string()];
        for setting in settings {
            arguments.push("-c".to_owned());
            arguments.push(setting);
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(i32, &str, bool)>) {
        let expect =
            expect.map(|(pid, socket_dir, serving)| Running { pid, socket_dir: socket_dir.into(), serving });
        assert_eq!(parse_pid_file(text), expect, "{text:?}");
    }

    #[test]
    fn a_pid_file_tells_pid_socket_and_status() {
        let file =
            |status| format!("812\n/data/cluster\n1700000000\n5432\n/data/run\n\n  1234  5\n{status}\n");
        check(&file("ready   "), Some((812, "/data/run", true)));
        check(&file("starting"), Some((812, "/data/run", true)));
        check(&file("stopping"), Some((812, "/data/run", false)));
    }

    #[test]
    fn a_pid_file_that_is_being_written_is_of_no_use_yet() {
        check("812\n/data/cluster\n17", Some((812, "", false)));
        check("", None);
    }
}
