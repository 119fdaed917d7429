//! A running server: the use cases, the edge before them, the jobs beside them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::state::{ApiSettings, ApiState, RequestLimits};
use api::voice::edge::{Verification, VoiceEdge, VoiceSettings};
use app::domains::hosts::HostSettings;
use app::{App, AppParts, AppSettings};
use brain::llm::{LlmBrain, LlmSettings};
use brain::rules::RulesBrain;
use domain::prices::Prices;
use provider_traits::ambient::Ambient;
use provider_traits::brain::Brain;
use provider_traits::identity_provider::IdentityProvider;
use providers::dns::SystemDns;
use providers::objects::local::LocalFolder;
use providers::safe_http::{Patience, Policy, SafeHttp};
use providers::twilio::signature::SignatureVerifier;
use secrecy::ExposeSecret;
use store::Database;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::ConnectionLimits;
use super::machine::ThisMachine;
use super::secrets;
use super::sessions;
use super::speech::Speech;
use super::telephony;
use super::watched;
use crate::config::Config;
use crate::config::types::BrainChoice;

/// What tells this process's calls from those of earlier processes and other nodes.
const NODE_FILE: &str = "node";

/// How long calls may take to come to a quiet moment and be left: a call waits at most 20 s for one.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(30);

/// From the start to the first look at the vendors' lists of models.
const MODELS_AFTER: Duration = Duration::from_secs(20);

/// A server that answers.
pub struct RunningServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The address it believes to have.
    pub public_url: String,
    /// The use cases.
    pub app: Arc<App>,
    /// The carrier's edge.
    pub edge: Arc<VoiceEdge>,
    /// Speech.
    pub speech: Arc<Speech>,
    drain: CancellationToken,
    stop_listening: CancellationToken,
    tasks: TaskTracker,
}

/// Takes the address, so that the port is known before anything else starts.
///
/// # Errors
/// When the address is taken or not ours.
pub async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.server.host, config.server.port);
    TcpListener::bind(address)
        .await
        .with_context(|| format!("could not listen on {address}: choose another with --port or server.port"))
}

/// The language models' brain, when one of them has its key and nobody prefers the rules.
fn brain(config: &Config, speech: &Speech) -> Arc<dyn Brain> {
    let ambient = Ambient::system();
    match (&speech.llm, config.general.brain) {
        (Some(model), BrainChoice::Auto) => {
            let think_ahead = config.vendors.llm.think_ahead;
            let settings = LlmSettings { think_ahead, ..LlmSettings::default() };
            Arc::new(LlmBrain::new(Arc::clone(model), ambient, settings))
        }
        _ => Arc::new(RulesBrain::new(ambient)),
    }
}

/// Starts everything on an open database.
///
/// # Errors
/// When a folder can't be made or a part refuses its settings.
pub async fn start(config: &Config, db: Database, listener: TcpListener) -> anyhow::Result<RunningServer> {
    let tasks = TaskTracker::new();
    let speech = Speech::of(config, &Ambient::system(), &tasks)?;
    start_with(config, db, listener, speech, tasks).await
}

/// As [`start`], with speech of the caller's choice, whose tasks are on `tasks`.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    config: &Config,
    db: Database,
    listener: TcpListener,
    speech: Speech,
    tasks: TaskTracker,
) -> anyhow::Result<RunningServer> {
    let speech = Arc::new(speech);
    let address = listener.local_addr().context("the listener has no address")?;
    let public_url = config
        .server
        .public_url
        .as_ref()
        .map_or_else(|| format!("http://localhost:{}", address.port()), |url| url.as_str().to_owned());
    let drain = CancellationToken::new();
    let stop_listening = CancellationToken::new();
    for missing in speech.missing() {
        tracing::warn!("{missing}");
    }
    for (role, ids) in speech.order() {
        tracing::info!(role, order = ids.join(", "), "whom calls ask");
    }
    let data_dir = &config.general.data_dir;
    let folder = config.storage.folder.clone().unwrap_or_else(|| data_dir.join("objects"));
    let realtime = super::realtime::provider(&config.openai, &Ambient::system(), &tasks)?;
    let app = App::new(AppParts {
        db,
        ambient: Ambient::system(),
        objects: Arc::new(LocalFolder::open(&folder).context("could not open the folder for recordings")?),
        email: super::mail::transport(config)?,
        telephony: Arc::new(telephony::network(config)?),
        identity_provider: identity_provider(config)?,
        http: Arc::new(safe_http(config)?),
        dns: Arc::new(SystemDns::open()),
        secrets: secrets::envelope(config)?,
        stt: Arc::clone(&speech.stt),
        tts: Arc::clone(&speech.tts),
        vad: Arc::clone(&speech.vad),
        brain: brain(config, &speech),
        // Whoever keeps to the rules has no language model read what callers say.
        summarizer: speech.llm.clone().filter(|_| config.general.brain == BrainChoice::Auto),
        realtime: Some(Arc::clone(&realtime)),
        watched_models: watched::vendors(config, &super::speech::vendor_http()?),
        settings: AppSettings {
            public_url: public_url.clone(),
            webhook_url: webhook_url(config, &public_url).trim_end_matches('/').to_owned(),
            hosts: hosts(config, &public_url),
            token_key: secrets::token_key(config)?,
            node: node_name(data_dir)?,
            spool_dir: data_dir.join("spool"),
            allow_lockstep: config.media.allow_lockstep,
            ticket_ttl: config.media.ticket_ttl,
            max_calls: config.limits.calls,
            max_call_minutes: u32::try_from(config.media.max_call.as_secs() / 60).unwrap_or(60).max(1),
            prices: Prices::known().replaced_by(&config.vendors.prices.models.0),
            resume_within: config.sessions.resume_within,
        },
        sessions: sessions::open(config)?,
        drain: drain.clone(),
    })?;
    let edge = VoiceEdge::new(
        Arc::clone(&app) as Arc<dyn api::voice::desk::CallDesk>,
        voice_settings(config, &public_url)?,
        app.stopping.clone(),
        tasks.clone(),
    );
    let settings = ApiSettings {
        public_url: public_url.clone(),
        trust_proxy: config.server.trust_proxy,
        cors_origins: origins(config)?,
        max_connections: config.limits.event_streams,
        requests: RequestLimits {
            per_address: config.limits.requests_per_minute,
            by_strangers: config.limits.sign_in_requests_per_minute,
        },
        machine: Arc::new(ThisMachine::new(data_dir.clone(), Arc::clone(&speech), realtime)),
        ..ApiSettings::default()
    };
    let router = api::router(ApiState::new(Arc::clone(&app), settings), Arc::clone(&edge));
    if config.speech.prerender {
        let (speech, stop) = (Arc::clone(&speech), drain.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = speech.prerender() => {}
            }
        });
    }
    let jobs = Arc::clone(&app);
    tasks.spawn(async move {
        if let Err(error) = jobs.work_on_jobs().await {
            tracing::error!(%error, "jobs are not worked on any more; restart the server");
        }
    });
    let (models, stop) = (Arc::clone(&app), stop_listening.clone());
    tasks.spawn(async move {
        let _stopped = stop.run_until_cancelled(look_at_models(&models)).await;
    });
    tasks.spawn(Arc::clone(&app).sweep_calls());
    tasks.spawn(Arc::clone(&app).deliver_webhooks());
    tasks.spawn(Arc::clone(&app).watch_incidents());
    tasks.spawn(Arc::clone(&app).place_callbacks());
    tasks.spawn(Arc::clone(&app).connect_callers());
    tasks.spawn(Arc::clone(&app).stay_known(stop_listening.clone()));
    let (sessions, stop) = (Arc::clone(&app.sessions), stop_listening.clone());
    tasks.spawn(async move { sessions.watch(stop).await });
    tasks.spawn(Arc::clone(&app).keep_count_of_requests(stop_listening.clone()));
    let connections = ConnectionLimits {
        connections: config.limits.connections,
        header_timeout: config.limits.header_timeout,
    };
    tasks.spawn(super::listener::serve(listener, router, connections, stop_listening.clone(), tasks.clone()));
    Ok(RunningServer { address, public_url, app, edge, speech, drain, stop_listening, tasks })
}

/// Whether the configured models still exist: after a change of the settings the next night is late. The first calls
/// come before.
async fn look_at_models(app: &App) {
    tokio::time::sleep(MODELS_AFTER).await;
    if let Err(error) = app::models::check_unless_fresh(app).await {
        tracing::warn!(%error, "whether the configured models still exist could not be written down");
    }
}

/// What sends webhooks to the addresses that organizations enter.
fn safe_http(config: &Config) -> anyhow::Result<SafeHttp> {
    let policy = Policy {
        allow_insecure: config.webhooks.allow_insecure,
        allowed_networks: config.webhooks.allowed_networks.0.clone(),
    };
    SafeHttp::new(policy, Patience::default())
        .context("the certificates that this machine trusts could not be read: install ca-certificates")
}

/// What signs people in by their organization's provider.
#[cfg(feature = "oidc")]
fn identity_provider(config: &Config) -> anyhow::Result<Option<Arc<dyn IdentityProvider>>> {
    let clock = Ambient::system().clock;
    Ok(Some(Arc::new(providers::oidc::Oidc::new(safe_http(config)?, clock))))
}

#[cfg(not(feature = "oidc"))]
#[expect(clippy::unnecessary_wraps, reason = "the other build can fail")]
fn identity_provider(_config: &Config) -> anyhow::Result<Option<Arc<dyn IdentityProvider>>> {
    Ok(None)
}

fn voice_settings(config: &Config, public_url: &str) -> anyhow::Result<VoiceSettings> {
    let base = webhook_url(config, public_url);
    let verification = match &config.twilio.auth_token {
        Some(token) => {
            let secondary = config.twilio.auth_token_secondary.as_ref().map(ExposeSecret::expose_secret);
            let verifier = SignatureVerifier::new(token.expose_secret(), secondary);
            Verification::Signed(verifier.map_err(|_| anyhow::anyhow!("twilio.auth_token is empty"))?)
        }
        None if config.twilio.require_signature => {
            anyhow::bail!("twilio.require_signature needs twilio.auth_token: without it nobody could call")
        }
        None => Verification::LoopbackOnly,
    };
    Ok(VoiceSettings {
        answer_within: config.limits.answer_within,
        start_within: config.media.start_timeout,
        max_streams: config.media.max_connections,
        ping_interval: config.media.ping_interval,
        pong_timeout: config.media.pong_timeout,
        ..VoiceSettings::new(base, verification)
    })
}

/// Where the carrier reaches this installation.
fn webhook_url<'a>(config: &'a Config, public_url: &'a str) -> &'a str {
    config.twilio.webhook_base_url.as_ref().map_or(public_url, |url| url.as_str())
}

/// The installation's own names: browsers and the carrier may know different ones.
fn hosts(config: &Config, public_url: &str) -> HostSettings {
    let webhooks = webhook_url(config, public_url);
    let base_domain = config.server.base_domain.as_ref().map(|base| base.0.clone());
    HostSettings::of(&[public_url, webhooks], base_domain, config.server.refuse_unknown_hosts)
}

fn origins(config: &Config) -> anyhow::Result<Vec<axum::http::HeaderValue>> {
    let origins = config.server.cors_origins.0.iter();
    origins
        .map(|origin| {
            origin.as_str().parse().with_context(|| format!("{} is not an origin", origin.as_str()))
        })
        .collect()
}

/// The name of the installation that owns the data folder: a restarted process recognises the calls of the one
/// before it.
fn node_name(data_dir: &std::path::Path) -> anyhow::Result<String> {
    let file: PathBuf = data_dir.join(NODE_FILE);
    match std::fs::read_to_string(&file) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        _ => {
            let name = format!("node-{}", hex::encode(rand::random::<[u8; 6]>()));
            std::fs::create_dir_all(data_dir)
                .and_then(|()| std::fs::write(&file, &name))
                .with_context(|| format!("could not write {}", file.display()))?;
            Ok(name)
        }
    }
}

impl RunningServer {
    /// Where programs of this machine reach the server.
    #[must_use]
    pub fn local_url(&self) -> String {
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            std::net::IpAddr::V4(ip) => ip.to_string(),
        };
        format!("http://{host}:{}", self.address.port())
    }

    /// Takes no new calls and lets those in progress go on for a while. Those that are not over then go on at another
    /// node, or, when there is none, a while longer here. Returns when no calls are left, or their time is up: then
    /// [`RunningServer::stop`].
    pub async fn drain(&self, drain_within: Duration, goodbye_within: Duration) {
        self.app.stopping.cancel();
        if tokio::time::timeout(drain_within, self.calls_are_over()).await.is_ok() {
            return;
        }
        let calls = self.app.active_calls();
        if self.app.another_node_is_there().await {
            tracing::info!(calls, "calls in progress are handed over to another node");
            self.app.hand_calls_over().await;
            if tokio::time::timeout(HAND_OVER_WITHIN, self.calls_are_over()).await.is_err() {
                tracing::warn!(calls = self.app.active_calls(), "some calls could not be handed over");
            }
        } else {
            tracing::info!(calls, "there is no other node that could go on with the calls in progress");
            // An error means that they go on: the agents say goodbye.
            let _late = tokio::time::timeout(goodbye_within, self.calls_are_over()).await;
        }
    }

    async fn calls_are_over(&self) {
        while self.app.active_calls() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes no new calls, lets those in progress say goodbye, then stops everything. Whatever is not done after
    /// `patience` is cut off; its record is completed at the next start.
    pub async fn stop(self, patience: Duration) {
        self.app.stopping.cancel();
        self.drain.cancel();
        if tokio::time::timeout(patience, self.calls_are_over()).await.is_err() {
            tracing::warn!(calls = self.app.active_calls(), "calls are cut off: they took too long to end");
        }
        self.stop_listening.cancel();
        self.tasks.close();
        self.app.tasks.close();
        let all_done = async {
            self.tasks.wait().await;
            self.app.tasks.wait().await;
        };
        if tokio::time::timeout(Duration::from_secs(5), all_done).await.is_err() {
            tracing::warn!(
                server = self.tasks.len(),
                use_cases = self.app.tasks.len(),
                "some tasks did not end in time"
            );
        }
    }
}
