//! What both measurements need: database, nodes, load balancer, model, telephone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use app::agents::{self, AgentChange};
use app::audit::Actor;
use domain::ids::OrgId;
use secrecy::ExposeSecret as _;
use simulator::failover;
use simulator::front::Front;
use simulator::openai::settings::{Settings, TranscriptOrder};
use simulator::openai::stand_in::StandIn;
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use store::database::PoolSizes;
use store::{Database, bulk};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::node::{Installation, Node};
use crate::cli::LoadNodes;
use crate::config::Config;
use crate::database::OpenDatabase;
use crate::wiring::{secrets, server, simulation};

/// Our own connections: the private PostgreSQL takes few, and the nodes need them.
const POOLS: PoolSizes = PoolSizes { app: 4, system: 3 };
/// The load balancer asks every second.
const KNOWN_WITHIN: Duration = Duration::from_secs(20);
/// A node that has not stopped by then when all is over is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// Everything that runs.
pub(super) struct Stage {
    /// The records, for looking into.
    pub(super) db: Database,
    /// The business that is called.
    pub(super) org_id: OrgId,
    /// Its number.
    pub(super) number: String,
    /// The telephone network.
    pub(super) webhooks: Webhooks,
    /// The load balancer.
    pub(super) front: Front,
    nodes: Vec<Mutex<Node>>,
    installation: Installation,
    http: reqwest::Client,
    model: StandIn,
    database: OpenDatabase,
}

impl Stage {
    /// Makes the database, enters the agency, starts everything, and returns when all nodes are known to be ready.
    pub(super) async fn open(
        config: &Config,
        options: &LoadNodes,
        flags: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut config = config.clone();
        let folder = config.general.data_dir.join("nodes");
        config.general.data_dir = folder.join("first");
        config.storage.folder = Some(folder.join("objects"));
        let drawn = || -> String { (0..4).map(|_| secrets::password()).collect() };
        let keys = [("ENCRYPTION_KEY", drawn()), ("JWT_SECRET", drawn())];
        config.secrets.encryption_key = Some(keys[0].1.clone().into());
        config.secrets.jwt_secret = Some(keys[1].1.clone().into());

        let database = OpenDatabase::open(&config).await?;
        store::migrate::migrate(&database.target).await.context("could not bring the database up to date")?;
        bulk::mark(&database.target).await?;
        bulk::lift_limit_of_calls(&database.target).await?;
        let db = Database::connect(&database.target, POOLS).await?;
        let (org_id, number) = enter_the_agency(&config, &db).await?;

        let model = StandIn::start(Settings {
            phrases: failover::PHRASES.map(str::to_owned).into(),
            script: failover::script(),
            transcripts: TranscriptOrder::Before,
            ..Settings::default()
        });
        let model = model.await.context("the model could not listen")?;
        let nodes = (1..=options.nodes.max(1)).map(|number| Node::new(folder.join(format!("node-{number}"))));
        let mut nodes: Vec<Node> = nodes.collect::<anyhow::Result<_>>()?;
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address).collect();
        let front = Front::start(&addresses).await.context("the load balancer could not listen")?;
        let installation = installation(&config, options, flags, &front, &model, &database, keys)?;
        let http = simulation::http_client()?;
        for node in &mut nodes {
            // One after the other: the first brings the schema up to date.
            node.start(&installation)?;
            node.ready(&http).await?;
        }
        let endpoint = Endpoint {
            base: format!("http://127.0.0.1:{}", front.port()).parse()?,
            public: installation.public_url.parse()?,
        };
        let account = Account { sid: super::super::NO_ACCOUNT.to_owned(), auth_token: String::new() };
        let webhooks = Webhooks::new(one_connection_each()?, account, endpoint);
        let nodes = nodes.into_iter().map(Mutex::new).collect();
        let stage = Self { db, org_id, number, webhooks, front, nodes, installation, http, model, database };
        for node in 0..stage.nodes.len() {
            stage.is_known(node).await?;
        }
        Ok(stage)
    }

    /// How many nodes there are.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// A node's name in the records.
    pub(super) async fn name(&self, node: usize) -> anyhow::Result<String> {
        self.nodes[node].lock().await.name()
    }

    /// Takes a node away, as by `kill -9`; returns when.
    pub(super) async fn kill(&self, node: usize) -> anyhow::Result<Instant> {
        let mut node = self.nodes[node].lock().await;
        let at = Instant::now();
        node.kill().await?;
        Ok(at)
    }

    /// Tells a node to stop, waits until it has, starts it again, waits until calls can come to it. Returns how long
    /// the two took.
    pub(super) async fn restart(&self, at: usize, within: Duration) -> anyhow::Result<(Duration, Duration)> {
        let mut node = self.nodes[at].lock().await;
        let told = Instant::now();
        node.stop(within).await?;
        let stopped = Instant::now();
        node.start(&self.installation)?;
        node.ready(&self.http).await?;
        self.is_known(at).await?;
        Ok((stopped - told, stopped.elapsed()))
    }

    /// Waits until the load balancer knows that a node is ready.
    async fn is_known(&self, node: usize) -> anyhow::Result<()> {
        let known = async {
            while !self.front.is_well(node) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(KNOWN_WITHIN, known).await.context("the load balancer does not see a node")
    }

    /// What every node says of its health to the public; an empty word for one that does not say it in time.
    pub(super) async fn health(&self) -> Vec<String> {
        let mut said = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let url = format!("http://{}/health", node.lock().await.address);
            let asked = async {
                let answer = self.http.get(url).send().await.ok()?;
                let body: serde_json::Value = answer.json().await.ok()?;
                body["status"].as_str().map(str::to_owned)
            };
            let status = tokio::time::timeout(Duration::from_secs(10), asked).await;
            said.push(status.ok().flatten().unwrap_or_default());
        }
        said
    }

    /// The processes of the private PostgreSQL; `None` when the database is another's.
    pub(super) fn database_processes(&self) -> Option<Vec<i32>> {
        let postmaster = self.database.embedded.as_ref()?.pid();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        Some(i32::try_from(postmaster).into_iter().chain(children).collect())
    }

    /// Warnings and errors that the nodes wrote.
    pub(super) async fn said(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for node in &self.nodes {
            let log = node.lock().await.log();
            let text = std::fs::read_to_string(log).unwrap_or_default();
            lines.extend(
                text.lines()
                    .filter(|line| line.contains("ERROR") || line.contains("WARN"))
                    .map(str::to_owned),
            );
        }
        lines
    }

    /// Stops everything.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        let Self { db, nodes, front, model, database, .. } = self;
        let mut outcome = Ok(());
        for node in nodes {
            let stopped = node.into_inner().stop(STOPS_WITHIN).await;
            outcome = outcome.and(stopped);
        }
        drop(front);
        model.stop().await;
        db.close().await;
        database.close().await.context("could not stop the private PostgreSQL")?;
        outcome
    }
}

/// A carrier keeps no connection to a node that may be gone.
fn one_connection_each() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .context("could not make an HTTP client")
}

fn installation(
    config: &Config,
    options: &LoadNodes,
    flags: &[(String, String)],
    front: &Front,
    model: &StandIn,
    database: &OpenDatabase,
    keys: [(&'static str, String); 2],
) -> anyhow::Result<Installation> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("where this program is can't be found out")?,
    };
    let database_url = match (&config.database.url, database.target.socket_url()) {
        (Some(url), _) => url.0.expose_secret().to_owned(),
        (None, Some(url)) => url,
        (None, None) => anyhow::bail!("the private PostgreSQL has no socket"),
    };
    let mut environment = vec![("DATABASE_URL", database_url)];
    environment.extend(keys);
    if let Some(url) = &config.redis.url {
        environment.push(("REDIS_URL", url.0.expose_secret().to_owned()));
    }
    let places = options.calls as usize + 100;
    let objects: PathBuf = config.storage.folder.clone().unwrap_or_default();
    let room = [
        ("limits.calls", places.to_string()),
        ("limits.connections", (places * 3 + 100).to_string()),
        ("media.max_connections", places.to_string()),
        ("limits.requests_per_minute", "100000000".to_owned()),
        ("limits.sign_in_requests_per_minute", "100000000".to_owned()),
        ("openai.realtime_url", model.url()),
        ("storage.folder", objects.display().to_string()),
        ("speech.prerender", "false".to_owned()),
        ("log.level", "warn".to_owned()),
        ("log.format", "text".to_owned()),
    ];
    let room = room.into_iter().map(|(key, value)| (key.to_owned(), value));
    let own = ["data_dir", "database.url", "redis.url", "storage.folder"];
    let flags = flags.iter().filter(|(key, _)| !own.contains(&key.as_str())).cloned();
    Ok(Installation {
        program,
        public_url: format!("http://localhost:{}", front.port()),
        settings: room.chain(flags).collect(),
        environment,
    })
}

/// Enters the demonstration's agency with an agent that a model carries.
async fn enter_the_agency(config: &Config, db: &Database) -> anyhow::Result<(OrgId, String)> {
    let mut config = config.clone();
    config.server.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.server.port = 0;
    config.server.public_url = None;
    config.redis.url = None;
    config.speech.prerender = false;
    let listener = server::listen(&config).await?;
    let running = server::start(&config, db.clone(), listener).await?;
    let app = &running.app;
    let agency = app.seed_demo(&secrets::password()).await.context("could not enter the demo agency")?;
    let actor = Actor::system(agency.org_id);
    let change = AgentChange { engine: Some("realtime".to_owned()), ..AgentChange::default() };
    agents::change_default(app, &actor, change).await.context("could not choose the engine")?;
    running.stop(Duration::from_secs(5)).await;
    Ok((agency.org_id, agency.number))
}
