//! What is measured, in a process of its own: a server with the demonstration's agency, or the bare relay.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use app::agents::{self, AgentChange};
use app::audit::Actor;
use app::auth::operator::{self, NewPerson};
use app::numbers::{self, NumberChange};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use provider_traits::ambient::Ambient;
use simulator::load::phone::Door;
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use store::{OrgTx, bulk};
use tokio::process::{Child, Command};

use crate::cli::{Load, LoadSubject};
use crate::config::Config;
use crate::wiring::{database, secrets, server, simulation};

/// A server that is not ready by then does not come.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A server that has not stopped by then is killed.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Who looks at the server's health.
const OPERATOR: &str = "load@example.com";

/// A running process.
pub(super) struct Subject {
    child: Child,
    pid: u32,
    address: String,
    number: Option<String>,
    password: String,
}

impl Subject {
    /// Prepares the data and starts the process; `peer` is where its model is.
    pub(super) async fn start(
        config: &Config,
        options: &Load,
        flags: &[(String, String)],
        peer: &str,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let program = std::env::current_exe().context("where this program is can't be found out")?;
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        if options.subject == LoadSubject::Relay {
            command.args(["load", "relay", "--port", &port.to_string(), "--peer", peer]);
            return Self::spawn(command, format!("ws://127.0.0.1:{port}/"), None, String::new()).await;
        }
        let mut config = config.clone();
        config.general.data_dir = config.general.data_dir.join("load");
        let password = secrets::password();
        let number = Self::prepare(&config, options.subject, &password).await?;
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string(), "--data-dir"]);
        command.arg(&config.general.data_dir);
        let places = options.idle.unwrap_or(options.calls as usize) + 100;
        let room = [
            ("limits.calls", places.to_string()),
            ("limits.connections", (places * 2 + 100).to_string()),
            ("media.max_connections", places.to_string()),
            ("limits.requests_per_minute", "100000000".to_owned()),
            ("limits.sign_in_requests_per_minute", "100000000".to_owned()),
            ("openai.realtime_url", peer.to_owned()),
            ("speech.prerender", "false".to_owned()),
            ("log.level", "warn".to_owned()),
            ("log.format", "text".to_owned()),
        ];
        if options.idle.is_some() {
            // They are to stay until they were looked at.
            command.args(["--set", "media.start_timeout=1m"]);
        }
        let mut set = |key: &str, value: &str| {
            command.arg("--set").arg(format!("{key}={value}"));
        };
        for (key, value) in &room {
            set(key, value);
        }
        for (key, value) in flags.iter().filter(|(key, _)| key != "data_dir") {
            set(key, value);
        }
        Self::spawn(command, format!("http://127.0.0.1:{port}"), Some(number), password).await
    }

    async fn spawn(
        mut command: Command,
        address: String,
        number: Option<String>,
        password: String,
    ) -> anyhow::Result<Self> {
        let child = command.spawn().context("the process to be measured could not be started")?;
        let pid = child.id().context("the process to be measured is gone")?;
        let mut subject = Self { child, pid, address, number, password };
        let ready = tokio::time::timeout(READY_WITHIN, subject.ready()).await;
        ready.context("the process to be measured did not become ready")??;
        Ok(subject)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let http = simulation::http_client()?;
        let url = self.address.replacen("ws://", "http://", 1);
        let url = if self.number.is_some() { format!("{url}/health/ready") } else { url };
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the process to be measured ended at once: {status}");
            }
            // The relay refuses what is no WebSocket, which shows that it is there.
            match http.get(&url).send().await {
                Ok(answer) if answer.status().is_success() || self.number.is_none() => return Ok(()),
                Err(error) if self.number.is_none() && !error.is_connect() => return Ok(()),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Enters the agency with an agent of the engine, and somebody who may look at the server's health. Calls are
    /// not recorded: the relay records nothing either.
    async fn prepare(config: &Config, subject: LoadSubject, password: &str) -> anyhow::Result<String> {
        let mut config = config.clone();
        config.server.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        config.server.port = 0;
        config.speech.prerender = false;
        let database = database::open(&config).await?;
        // Refused where a business works.
        bulk::mark(&database.open.target).await?;
        bulk::lift_limit_of_calls(&database.open.target).await?;
        let listener = server::listen(&config).await?;
        let running = server::start(&config, database.db.clone(), listener).await?;
        let app = &running.app;
        let agency = app.seed_demo(password).await.context("could not enter the demo agency")?;
        let actor = Actor::system(agency.org_id);
        let engine = if subject == LoadSubject::Bridge { "realtime" } else { "pipeline" };
        let change = AgentChange { engine: Some(engine.to_owned()), ..AgentChange::default() };
        agents::change_default(app, &actor, change).await.context("could not choose the engine")?;
        let mut tx = OrgTx::begin(&app.db, agency.org_id).await?;
        let stored = store::numbers::list(&mut tx).await?;
        drop(tx);
        for stored in stored {
            let change = NumberChange { recording: Some(false), ..NumberChange::default() };
            numbers::change(app, &actor, stored.number.id, None, change).await?;
        }
        let operator = NewPerson {
            email: OPERATOR.to_owned(),
            name: None,
            organization: None,
            role: Some("platform_admin".to_owned()),
            password: password.to_owned().into(),
        };
        if let Err(error) = operator::create_person(&app.db, &Ambient::system(), operator).await {
            // There since an earlier load in the same folder: then its health is not looked at.
            tracing::info!(%error, "the operator was not entered");
        }
        running.stop(Duration::from_secs(5)).await;
        database.close().await?;
        Ok(agency.number)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The way for calls.
    pub(super) fn door(&self) -> anyhow::Result<Door> {
        let Some(number) = &self.number else { return Ok(Door::Socket(self.address.parse()?)) };
        let account = Account { sid: super::NO_ACCOUNT.to_owned(), auth_token: String::new() };
        // The server believes to be `localhost`, and says so in its TwiML.
        let public = self.address.replace("127.0.0.1", "localhost");
        let endpoint = Endpoint { base: self.address.parse()?, public: public.parse()? };
        Ok(Door::Webhook {
            webhooks: Webhooks::new(simulation::http_client()?, account, endpoint),
            to: number.clone(),
        })
    }

    /// Its address, and what its operator signs in with; `None` for a relay.
    pub(super) fn operator(&self) -> Option<(&str, &str, &str)> {
        self.number.as_ref().map(|_| (self.address.as_str(), OPERATOR, self.password.as_str()))
    }

    /// Ends the process as an operator would.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).context("the process has no usable number")?;
        // An error means that it is gone already.
        let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        if tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            tracing::warn!("the process under load did not stop in time and is killed");
            self.child.kill().await?;
        }
        Ok(())
    }
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
