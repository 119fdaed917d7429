//! A Redis of a test's own, on a free port, without files. It can be killed and started again, empty.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// A running Redis; killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    child: Child,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Errors
    /// When `redis-server` is not installed (`scripts/setup.sh` installs it) or does not answer.
    pub async fn start() -> anyhow::Result<Self> {
        let free = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
        let port = free.local_addr().context("a listener has an address")?.port();
        drop(free);
        Self::start_on(port).await
    }

    async fn start_on(port: u16) -> anyhow::Result<Self> {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"])
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("redis-server can't be started; scripts/setup.sh installs it")?;
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(Self { port, child });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("redis-server does not answer on port {port}")
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, with all that it knows.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Starts it again where it was, empty.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        *self = Self::start_on(self.port).await?;
        Ok(())
    }
}
