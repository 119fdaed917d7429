//! The server as a process: started by a thread that outlives it, so that the kernel's parent-death signal, which
//! goes by the thread, comes exactly when our process dies.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};
use tokio::sync::{oneshot, watch};

use super::account::Account;
use super::error::EmbeddedError;

/// A log longer than this many bytes is put aside at the next start.
const LONG_LOG: u64 = 8 * 1024 * 1024;

/// What to run.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) account: Option<Account>,
    pub(super) folder: PathBuf,
}

/// Whether the server goes when we go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// It does.
    ToParent,
    /// Somebody else ends it: the reaper of a test run.
    #[cfg(feature = "testing")]
    None,
}

/// A server process.
#[derive(Debug)]
pub(super) struct Server {
    pid: Pid,
    gone: watch::Receiver<bool>,
}

/// Sets what all programs of PostgreSQL need: the account, a folder it may be in, an environment that doesn't
/// change what they do.
pub(super) fn prepare(command: &mut Command, account: Option<Account>, folder: &Path) {
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin").current_dir(folder);
    if let Some(account) = account {
        // Setting the uid as root drops the supplementary groups too (std::os::unix::process::CommandExt::uid).
        command.uid(account.uid).gid(account.gid);
    }
}

/// Starts the server. Its words go to the log.
pub(super) async fn start(program: &Program, log: &Path, tie: Tie) -> Result<Server, EmbeddedError> {
    let failed = |error: &std::io::Error| EmbeddedError::io("run", &program.path, error);
    put_aside(log);
    let log_file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|error| EmbeddedError::io("open the log", log, &error))?;
    let log_copy = log_file.try_clone().map_err(|error| failed(&error))?;
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).stdin(Stdio::null()).stdout(log_file).stderr(log_copy);
    prepare(&mut command, program.account, &program.folder);
    // A group of its own: Ctrl-C at the terminal is for us, who then stop the server last.
    command.process_group(0);
    if tie == Tie::ToParent {
        die_with_parent(&mut command);
    }

    let (started, outcome) = oneshot::channel();
    let (leave, gone) = watch::channel(false);
    std::thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || match command.spawn() {
            Ok(mut child) => {
                let _nobody_waits = started.send(Ok(child.id()));
                // Until here the thread lives, and with it the server.
                let _status = child.wait();
                leave.send_replace(true);
            }
            Err(error) => {
                let _nobody_waits = started.send(Err(error));
            }
        })
        .map_err(|error| failed(&error))?;
    let pid = outcome
        .await
        .map_err(|_| EmbeddedError::failed("run PostgreSQL", "the thread that starts it died"))?
        .map_err(|error| failed(&error))?;
    let pid =
        i32::try_from(pid).map_err(|_| EmbeddedError::failed("run PostgreSQL", "its pid makes no sense"))?;
    Ok(Server { pid: Pid::from_raw(pid), gone })
}

fn put_aside(log: &Path) {
    if std::fs::metadata(log).is_ok_and(|meta| meta.len() > LONG_LOG) {
        // Losing this race or the old log is no reason not to start.
        let _kept = std::fs::rename(log, log.with_extension("log.old"));
    }
}

/// A fast shutdown when our process dies. Must follow the change of account, which clears the setting; the
/// standard library runs these hooks after it.
#[expect(unsafe_code, reason = "the standard library has no other way to run prctl in the child")]
fn die_with_parent(command: &mut Command) {
    let parent = Pid::this();
    let hook = move || {
        set_pdeathsig(Signal::SIGINT)?;
        // We may have died before the setting took hold.
        if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and getppid are, and nothing
    // is allocated.
    unsafe {
        command.pre_exec(hook);
    }
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    pub(super) fn has_exited(&self) -> bool {
        *self.gone.borrow()
    }

    pub(super) async fn exited(&self) {
        let mut gone = self.gone.clone();
        // An error means the waiting thread is gone, and it only goes after the server.
        let _gone = gone.wait_for(|gone| *gone).await;
    }

    /// Fast shutdown, then immediate, then the end.
    pub(super) async fn stop(&self, patience: Duration) -> Result<(), EmbeddedError> {
        for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
            self.send(signal);
            if tokio::time::timeout(patience, self.exited()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(%signal, "the private PostgreSQL does not end");
        }
        Err(EmbeddedError::failed("stop PostgreSQL", format!("process {} does not end", self.pid)))
    }

    fn send(&self, signal: Signal) {
        // Not waited for yet means the pid is still ours, even of a zombie.
        if !self.has_exited() {
            let _gone = kill(self.pid, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.send(Signal::SIGINT);
    }
}
