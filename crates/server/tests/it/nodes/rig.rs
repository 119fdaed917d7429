//! Nodes that share a database, and a telephone that reaches whichever of them takes its call.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use domain::call_log::{CallEvent, EventKind};
use domain::ids::{CallId, OrgId};
use server::config::{Config, Layers, Loaded};
use server::wiring::server::{RunningServer, listen, start_with};
use server::wiring::simulation::http_client;
use server::wiring::speech::Speech;
use simulator::line::session::Pace;
use simulator::twilio::call::{CallOptions, CarrierReport, place};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use store::Database;
use store::call_sessions::SharedState;
use store::calls::{CallFilter, CallSort};
use store::database::Target;
use store::page::Wanted;
use store::tx::OrgTx;
use tempfile::TempDir;
use testkit::cheap_speech;
use testkit::lead_caller::{Handle, LeadCaller};
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

/// The address that all nodes have for the world.
const PUBLIC_URL: &str = "https://studio.example";
/// Nothing here takes so long unless it hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// A database, a folder, and what nodes on them have in common.
pub(super) struct Rig {
    pub(super) db: Database,
    pub(super) target: Target,
    pub(super) folder: TempDir,
    redis: Option<String>,
}

impl Rig {
    pub(super) async fn new(redis: Option<String>) -> Self {
        let database = testkit::database::fresh().await.unwrap();
        let folder = testkit::folders::fresh("nodes");
        Self { db: database.db, target: database.target, folder, redis }
    }

    pub(super) async fn node(&self, name: &str) -> Node {
        Node::start(config(self.folder.path(), name, self.redis.as_deref()), self.target.clone()).await
    }

    /// The one call of the records; waits for it.
    pub(super) async fn only_call(&self, org_id: OrgId) -> CallId {
        let wanted =
            Wanted { sort: CallSort::StartedAt, descending: true, behind: None, limit: 1, count: false };
        for _ in 0..500 {
            let mut tx = OrgTx::begin(&self.db, org_id).await.unwrap();
            let listed = store::calls::list(&mut tx, &CallFilter::default(), &wanted).await.unwrap();
            if let Some(call) = listed.items.first() {
                return call.id;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("there is no call")
    }

    pub(super) async fn log(&self, org_id: OrgId, call_id: CallId) -> Vec<CallEvent> {
        let mut tx = OrgTx::begin(&self.db, org_id).await.unwrap();
        store::calls::events::list(&mut tx, call_id, 0, 5_000).await.unwrap()
    }

    /// Waits until the stored log fits.
    pub(super) async fn wait_for_log(
        &self,
        org_id: OrgId,
        call_id: CallId,
        what: &str,
        fits: impl Fn(&[CallEvent]) -> bool,
    ) -> Vec<CallEvent> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let log = self.log(org_id, call_id).await;
            if fits(&log) {
                return log;
            }
            assert!(tokio::time::Instant::now() < deadline, "no {what} in {log:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(super) fn config(folder: &Path, name: &str, redis: Option<&str>) -> Config {
    let mut settings = vec![
        ("data_dir", folder.join(name).display().to_string()),
        ("storage.folder", folder.join("objects").display().to_string()),
        ("server.public_url", PUBLIC_URL.to_owned()),
        ("sessions.resume_within", "5s".to_owned()),
    ];
    settings.extend(redis.map(|url| ("redis.url", url.to_owned())));
    let layers = Layers { machine_defaults: settings, ..Layers::default() };
    let mut config = Loaded::from_layers(&layers).unwrap().config;
    config.server.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.server.port = 0;
    config.media.allow_lockstep = true;
    config.speech.prerender = false;
    config
}

/// A node with everything of its own: threads, sockets, connections. Killing it takes all of that away at once.
pub(super) struct Node {
    runtime: Option<Runtime>,
    running: Option<RunningServer>,
    pub(super) url: String,
}

impl Node {
    pub(super) async fn start(config: Config, target: Target) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let starting = runtime.spawn(async move {
            let db = store::testing::open_database(&target).await.unwrap();
            let listener = listen(&config).await.unwrap();
            let speech =
                Speech::of_parts(cheap_speech::ears(), cheap_speech::mouth(), cheap_speech::activity());
            start_with(&config, db, listener, speech, TaskTracker::new()).await.unwrap()
        });
        let running = starting.await.unwrap();
        let url = running.local_url();
        Self { runtime: Some(runtime), running: Some(running), url }
    }

    pub(super) fn server(&self) -> &RunningServer {
        self.running.as_ref().unwrap()
    }

    /// Enters the demonstration's agency.
    pub(super) async fn seed(&self) -> OrgId {
        let app = self.server().app.clone();
        let seeding = self
            .runtime
            .as_ref()
            .unwrap()
            .spawn(async move { app.seed_demo("correct horse battery staple").await.unwrap().org_id });
        seeding.await.unwrap()
    }

    /// Dies without a word, as by `kill -9`.
    pub(super) fn kill(mut self) {
        self.die();
    }

    fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        drop(self.running.take());
    }

    /// As after SIGTERM, with no time for calls in progress.
    pub(super) async fn stop(self) {
        self.stop_within(Duration::from_secs(10)).await;
    }

    /// The same with so much time for goodbyes.
    pub(super) async fn stop_within(mut self, patience: Duration) {
        let running = self.running.take().unwrap();
        let stopping = self.runtime.as_ref().unwrap().spawn(async move {
            running.drain(Duration::ZERO, Duration::ZERO).await;
            running.stop(patience).await;
        });
        stopping.await.unwrap();
    }

    /// Waits until something can be said of the node.
    pub(super) async fn becomes(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is_so(self).await {
            assert!(tokio::time::Instant::now() < deadline, "it is never so that {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether it says that calls may be sent to it, for which it needs its database.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = http_client().unwrap().get(format!("{}/health/ready", self.url)).send().await.unwrap();
        answer.status().is_success()
    }

    /// Whether Redis answers it.
    pub(super) fn has_redis(&self) -> bool {
        self.server().app.sessions.health().state == SharedState::Up
    }

    /// What `/health` says to the public.
    pub(super) async fn health(&self) -> String {
        let answer = http_client().unwrap().get(format!("{}/health", self.url)).send().await.unwrap();
        let body: serde_json::Value = answer.json().await.unwrap();
        body["status"].as_str().unwrap().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.die();
    }
}

/// A telephone behind a load balancer before these nodes, the first choice first.
pub(super) fn telephone(nodes: &[&Node]) -> Webhooks {
    let base = |node: &Node| node.url.parse().unwrap();
    let endpoint = Endpoint { base: base(nodes[0]), public: PUBLIC_URL.parse().unwrap() };
    let account = Account { sid: "AC00000000000000000000000000000000".to_owned(), auth_token: String::new() };
    Webhooks::new(http_client().unwrap(), account, endpoint)
        .with_others(nodes[1..].iter().map(|node| base(node)).collect())
}

/// A call of somebody who becomes a lead, and says so many lines of it for now.
pub(super) fn call(webhooks: Webhooks, lines: usize) -> (tokio::task::JoinHandle<CarrierReport>, Handle) {
    let (mut caller, handle) = LeadCaller::new(lines);
    let options = CallOptions {
        pace: Pace::Lockstep,
        max_ms: 300_000,
        ..CallOptions::new("+15135550177", "+15135550100")
    };
    let placing = TaskTracker::new().spawn(async move { place(&webhooks, &options, &mut caller).await });
    (placing, handle)
}

/// What the agent said that can have been heard, sentence by sentence.
pub(super) fn heard(log: &[CallEvent]) -> Vec<&str> {
    log.iter()
        .filter_map(|event| match &event.kind {
            EventKind::AgentTurn { heard, .. } => Some(heard.as_str()),
            _ => None,
        })
        .collect()
}

/// Answers of the lead flow that were saved.
pub(super) fn saved(log: &[CallEvent]) -> usize {
    let is_saved = |event: &&CallEvent| matches!(&event.kind, EventKind::ToolCall { name, ok: true, .. } if name == "save_lead_answer");
    log.iter().filter(is_saved).count()
}
