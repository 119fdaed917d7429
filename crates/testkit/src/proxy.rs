//! Between a server and what it talks to: lets through, holds back, or cuts off.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// What a proxy does with what passes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Lets everything through.
    Open,
    /// Takes connections and holds everything back: the far side seems to hang.
    Frozen,
    /// Breaks every connection and takes no new ones.
    Cut,
}

/// A proxy; gone when dropped.
#[derive(Debug)]
pub struct Proxy {
    mode: watch::Sender<Mode>,
    tasks: TaskTracker,
    _gone: DropGuard,
}

impl Proxy {
    /// Listens on a socket in `folder`, and connects to the one of the same name in `target`.
    ///
    /// # Errors
    /// When the socket can't be made.
    pub fn unix(folder: &Path, target: &Path) -> anyhow::Result<Self> {
        let name = target.file_name().context("a socket has a name")?;
        let listener = UnixListener::bind(folder.join(name)).context("could not make the proxy's socket")?;
        let (mode, tasks) = (watch::Sender::new(Mode::Open), TaskTracker::new());
        let (target, modes, connections): (PathBuf, _, _) =
            (target.to_owned(), mode.subscribe(), tasks.clone());
        let is_gone = CancellationToken::new();
        let gone = is_gone.clone();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = gone.cancelled() => return,
                    taken = listener.accept() => {
                        let Ok((near, _)) = taken else { return };
                        let (modes, target) = (modes.clone(), target.clone());
                        connections.spawn(async move {
                            if let Ok(far) = UnixStream::connect(target).await {
                                join(near, far, modes).await;
                            }
                        });
                    }
                }
            }
        });
        Ok(Self { mode, tasks, _gone: is_gone.drop_guard() })
    }

    /// Listens on a free port of this machine, and connects to another; returns its own.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn tcp(target: u16) -> anyhow::Result<(Self, u16)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
        let port = listener.local_addr().context("a listener has an address")?.port();
        let (mode, tasks) = (watch::Sender::new(Mode::Open), TaskTracker::new());
        let (modes, connections) = (mode.subscribe(), tasks.clone());
        let is_gone = CancellationToken::new();
        let gone = is_gone.clone();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = gone.cancelled() => return,
                    taken = listener.accept() => {
                        let Ok((near, _)) = taken else { return };
                        let modes = modes.clone();
                        connections.spawn(async move {
                            if let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await {
                                join(near, far, modes).await;
                            }
                        });
                    }
                }
            }
        });
        Ok((Self { mode, tasks, _gone: is_gone.drop_guard() }, port))
    }

    /// Changes what it does.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Tasks that are still there.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }
}

async fn join<S: AsyncRead + AsyncWrite>(near: S, far: S, mut modes: watch::Receiver<Mode>) {
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = tokio::io::split(far);
    let (there, back) = (modes.clone(), modes.clone());
    tokio::select! {
        () = carry(near_read, far_write, there) => {}
        () = carry(far_read, near_write, back) => {}
        // An error means that the proxy is gone.
        _ = modes.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut modes: watch::Receiver<Mode>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        if modes.wait_for(|mode| *mode != Mode::Frozen).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
