//! A node: the program in a process of its own, that can be killed, told to stop, and started again where it was.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// A node that is not ready by then does not come.
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What all nodes have in common.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    /// The program.
    pub(super) program: PathBuf,
    /// The address of the load balancer.
    pub(super) public_url: String,
    /// Settings, in the order in which they count.
    pub(super) settings: Vec<(String, String)>,
    /// The environment: what is nobody's business in a list of processes.
    pub(super) environment: Vec<(&'static str, String)>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) address: SocketAddr,
    data_dir: PathBuf,
    child: Option<Child>,
}

impl Node {
    /// A node with a data folder of its own and a free port; it does not run yet.
    pub(super) fn new(data_dir: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&data_dir).context("could not make a node's folder")?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        Ok(Self { address: free.local_addr()?, data_dir, child: None })
    }

    /// Starts it; what it writes goes into a file beside its folder.
    pub(super) fn start(&mut self, of: &Installation) -> anyhow::Result<()> {
        let said = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .context("could not open a node's log")?;
        let mut command = Command::new(&of.program);
        command
            .args(["serve", "--host", "127.0.0.1", "--port", &self.address.port().to_string()])
            .args(["--public-url", &of.public_url, "--data-dir"])
            .arg(&self.data_dir)
            .envs(of.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(said.try_clone().context("could not open a node's log twice")?)
            .stderr(said)
            .kill_on_drop(true);
        for (key, value) in &of.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        self.child = Some(command.spawn().context("a node could not be started")?);
        Ok(())
    }

    /// Waits until it is ready.
    pub(super) async fn ready(&mut self, http: &reqwest::Client) -> anyhow::Result<()> {
        let url = format!("http://{}/health/ready", self.address);
        let until = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                bail!("a node ended at once ({status}); it said: {}", self.last_words());
            }
            if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("a node did not become ready; it said: {}", self.last_words());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Its name in the records.
    pub(super) fn name(&self) -> anyhow::Result<String> {
        let name = std::fs::read_to_string(self.data_dir.join("node")).context("a node has no name")?;
        Ok(name.trim().to_owned())
    }

    /// Takes it away without a word, as by `kill -9`, and returns once it is gone.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the node does not run")?;
        child.kill().await.context("a node could not be killed")
    }

    /// Tells it to stop, as an orchestrator does, and waits until it has. A node that does not stop in time is killed,
    /// and that is an error.
    pub(super) async fn stop(&mut self, within: Duration) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let Some(pid) = child.id() else { return Ok(()) };
        let pid = i32::try_from(pid).context("a process has no usable number")?;
        // An error means that it is gone already.
        let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        match tokio::time::timeout(within, child.wait()).await {
            Ok(status) => {
                let status = status.context("a node's end could not be waited for")?;
                if !status.success() {
                    bail!("a node that was told to stop ended with {status}: {}", self.last_words());
                }
                Ok(())
            }
            Err(_late) => {
                child.kill().await.context("a node could not be killed")?;
                bail!("a node did not stop within {} s: {}", within.as_secs(), self.last_words())
            }
        }
    }

    /// What it wrote.
    pub(super) fn log(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }

    fn last_words(&self) -> String {
        last_lines(&self.log(), 5)
    }
}

fn last_lines(file: &Path, count: usize) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
