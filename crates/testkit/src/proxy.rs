//! Between a server and what it talks to: lets through, holds back, delays, cuts off, or is not there at all.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Delays everything that is sent, in both directions.
    Slow(Duration),
    /// Breaks every connection, and closes new ones at once.
    Cut,
    /// Breaks every connection, and refuses new ones.
    Refused,
}

impl Mode {
    fn breaks(self) -> bool {
        matches!(self, Self::Cut | Self::Refused)
    }
}

/// A proxy; gone when dropped.
#[derive(Debug)]
pub struct Proxy {
    mode: watch::Sender<Mode>,
    tasks: TaskTracker,
    _gone: DropGuard,
}

/// Where a proxy listens and what is behind it.
#[derive(Debug, Clone)]
enum Way {
    Unix { here: PathBuf, there: PathBuf },
    Tcp { here: u16, there: u16 },
}

/// An open door.
enum Door {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Way {
    async fn open(&self) -> io::Result<Door> {
        match self {
            Self::Unix { here, .. } => {
                // Left over from before it was closed.
                let _absent = std::fs::remove_file(here);
                UnixListener::bind(here).map(Door::Unix)
            }
            Self::Tcp { here, .. } => TcpListener::bind((Ipv4Addr::LOCALHOST, *here)).await.map(Door::Tcp),
        }
    }

    fn close(&self) {
        if let Self::Unix { here, .. } = self {
            // It refuses connections either way.
            let _absent = std::fs::remove_file(here);
        }
    }
}

impl Proxy {
    /// Listens on a socket in `folder`, and connects to the one of the same name in `target`.
    ///
    /// # Errors
    /// When the socket can't be made.
    pub async fn unix(folder: &Path, target: &Path) -> anyhow::Result<Self> {
        let name = target.file_name().context("a socket has a name")?;
        let way = Way::Unix { here: folder.join(name), there: target.to_owned() };
        let door = way.open().await.context("could not make the proxy's socket")?;
        Ok(Self::run(way, door))
    }

    /// Listens on a free port of this machine, and connects to another; returns its own.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn tcp(target: u16) -> anyhow::Result<(Self, u16)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port")?;
        let here = listener.local_addr().context("a listener has an address")?.port();
        Ok((Self::run(Way::Tcp { here, there: target }, Door::Tcp(listener)), here))
    }

    fn run(way: Way, door: Door) -> Self {
        let (mode, tasks) = (watch::Sender::new(Mode::Open), TaskTracker::new());
        let gone = CancellationToken::new();
        let taking = take(way, door, mode.subscribe(), tasks.clone(), gone.clone());
        let until = gone.clone();
        tasks.spawn(async move { until.run_until_cancelled(taking).await });
        Self { mode, tasks, _gone: gone.drop_guard() }
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

async fn take(
    way: Way,
    door: Door,
    mut modes: watch::Receiver<Mode>,
    tasks: TaskTracker,
    gone: CancellationToken,
) {
    let mut door = Some(door);
    let passed_on = modes.clone();
    loop {
        let mode = *modes.borrow_and_update();
        if mode == Mode::Refused {
            door = None;
            way.close();
        } else if door.is_none() {
            // The port may be in use for a moment: tried again with the next change, or soon.
            door = way.open().await.ok();
        }
        tokio::select! {
            changed = modes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_millis(50)), if door.is_none() => {}
            () = accept(door.as_ref(), &way, &passed_on, &tasks, &gone) => {}
        }
    }
}

/// Takes one connection; waits for ever without a door.
async fn accept(
    door: Option<&Door>,
    way: &Way,
    modes: &watch::Receiver<Mode>,
    tasks: &TaskTracker,
    gone: &CancellationToken,
) {
    let (modes, until) = (modes.clone(), gone.clone());
    match (door, way) {
        (Some(Door::Unix(door)), Way::Unix { there, .. }) => {
            let Ok((near, _)) = door.accept().await else { return };
            let there = there.clone();
            let carrying = async move {
                if let Ok(far) = UnixStream::connect(there).await {
                    join(near, far, modes).await;
                }
            };
            tasks.spawn(async move { until.run_until_cancelled(carrying).await });
        }
        (Some(Door::Tcp(door)), Way::Tcp { there, .. }) => {
            let Ok((near, _)) = door.accept().await else { return };
            let there = *there;
            let carrying = async move {
                if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, there)).await {
                    join(near, far, modes).await;
                }
            };
            tasks.spawn(async move { until.run_until_cancelled(carrying).await });
        }
        _ => std::future::pending().await,
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
        _ = modes.wait_for(|mode| mode.breaks()) => {}
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
        let Ok(mode) = modes.wait_for(|mode| *mode != Mode::Frozen).await.map(|mode| *mode) else { return };
        if let Mode::Slow(delay) = mode {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection through the proxy gives: a byte comes back, or not within a moment, or there is none.
    async fn tried(port: u16) -> &'static str {
        let Ok(mut socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return "refused" };
        let mut echo = [0; 1];
        let exchange = async {
            socket.write_all(b"x").await?;
            socket.read_exact(&mut echo).await.map(drop)
        };
        match tokio::time::timeout(Duration::from_millis(300), exchange).await {
            Ok(Ok(())) => "open",
            Ok(Err(_)) => "closed",
            Err(_) => "silent",
        }
    }

    #[tokio::test]
    async fn a_proxy_does_what_it_is_told_and_recovers() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = echo.local_addr().unwrap().port();
        let tasks = TaskTracker::new();
        let _serving = tasks.spawn(async move {
            while let Ok((mut socket, _)) = echo.accept().await {
                let mut byte = [0; 1];
                if socket.read_exact(&mut byte).await.is_ok() {
                    let _sent = socket.write_all(&byte).await;
                }
            }
        });
        let (proxy, port) = Proxy::tcp(target).await.unwrap();
        assert_eq!(tried(port).await, "open");
        // The echo serves one after the other: what is held back comes last.
        for (mode, seen) in [
            (Mode::Refused, "refused"),
            (Mode::Cut, "closed"),
            (Mode::Slow(Duration::from_millis(20)), "open"),
            (Mode::Frozen, "silent"),
        ] {
            proxy.set(mode);
            let until = tokio::time::Instant::now() + Duration::from_secs(20);
            while tried(port).await != seen {
                assert!(tokio::time::Instant::now() < until, "{mode:?} is never {seen}");
            }
            proxy.set(Mode::Open);
            while tried(port).await != "open" {
                assert!(tokio::time::Instant::now() < until, "it never recovers from {mode:?}");
            }
        }
    }
}
