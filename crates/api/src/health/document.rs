//! The whole document, and what is concluded from it. Names are those of the older documents, in camelCase.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::CallId;
use serde::Serialize;
use store::call_sessions::SharedState;
use utoipa::ToSchema;

use super::machine::{Circuit, SpeechProvider};
use super::models::{self, ModelFigures};
use super::{DATABASE_WITHIN, HealthStatus, database_latency};
use crate::state::ApiState;
use crate::voice::edge::VoiceEdge;

mod measured;

use self::measured::{
    database_figures, jobs, megabytes, open_ai, open_connections, redis_figures, rounded, socket_figures,
};

/// A job that is late by so much tells that nobody works.
const LATE: TimeDelta = TimeDelta::minutes(10);
/// Less free disk than this part of it is worth a word, and less than the second one stops recordings.
const LITTLE_DISK: f64 = 0.10;
const NO_DISK: f64 = 0.01;

/// Everything that who operates the platform should know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthDocument {
    /// In a word.
    pub(super) status: HealthStatus,
    /// The version that runs.
    #[schema(example = "0.1.0")]
    version: String,
    /// When this was found out.
    timestamp: DateTime<Utc>,
    /// Why it is not healthy, in plain words.
    reasons: Vec<String>,
    /// The process's memory; `null` where the system does not tell.
    memory: Option<MemoryFigures>,
    /// The database.
    database: DatabaseFigures,
    /// Redis, in which nodes share what is needed to go on with each other's calls.
    redis: RedisFigures,
    /// Conversations.
    sessions: SessionFigures,
    /// Media sockets.
    web_socket: SocketFigures,
    /// Work in the background; `null` when the database does not answer.
    jobs: Option<JobFigures>,
    /// The disk under the data folder; `null` where the system does not tell.
    disk: Option<DiskFigures>,
    /// Transcribers and voices in the order in which they are tried.
    speech: Vec<SpeechFigures>,
    /// The vendors' models that the configuration names, as the daily check found them; `null` when the database does not
    /// answer.
    models: Option<Vec<ModelFigures>>,
    /// OpenAI, whose speech-to-speech model carries the calls of agents with the engine `realtime`.
    #[serde(rename = "openAI")]
    open_ai: OpenAiFigures,
    /// What runs where.
    environment: Environment,
    /// The open media sockets, when they are asked for: the oldest 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    connections: Option<Vec<Connection>>,
}

/// What a program of this very machine may know without a token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SocketDocument {
    /// In a word.
    pub(super) status: HealthStatus,
    /// The version that runs.
    #[schema(example = "0.1.0")]
    version: String,
    /// Media sockets.
    web_socket: SocketFigures,
    /// The open media sockets: the oldest 1,000.
    connections: Vec<Connection>,
}

/// Memory in MB.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemoryFigures {
    /// What the process takes of the machine.
    #[schema(example = 74.2)]
    rss: f64,
    /// Of it, what is its own.
    #[schema(example = 41.8)]
    heap_used: f64,
    /// What it has asked for, touched or not.
    #[schema(example = 310.5)]
    heap_total: f64,
    /// `heapUsed` of `heapTotal`.
    #[schema(example = 13.5)]
    heap_used_percent: f64,
}

/// The database.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DatabaseFigures {
    /// Whether it answers.
    connected: bool,
    /// How long a question and its answer take, in milliseconds.
    #[schema(example = 0.4)]
    latency_ms: Option<f64>,
    /// Connections by what they are for.
    pools: Vec<PoolView>,
}

/// Connections of a pool.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PoolView {
    /// `app` for requests and calls, `system` for jobs.
    name: &'static str,
    /// Connections that are open.
    open: u32,
    /// Those of them that wait for something to do.
    idle: u32,
    /// Most connections.
    most: u32,
}

/// Redis. While it is away its work is done in memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RedisFigures {
    /// Whether one is configured.
    configured: bool,
    /// Whether it answers.
    connected: bool,
    /// Tries to connect again.
    reconnect_attempts: u32,
    /// Most tries; 0 means that there is no end of them.
    max_reconnect_attempts: u32,
    /// Failures in a row.
    consecutive_failures: u32,
}

/// Conversations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionFigures {
    /// Calls that this node carries.
    active_voice_sessions: usize,
    /// All conversations of this node.
    total_active_sessions: usize,
    /// Most calls at once.
    max_voice_sessions: usize,
    /// Browsers that watch.
    event_streams: usize,
}

/// Media sockets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SocketFigures {
    /// Sockets open now.
    active_connections: usize,
    /// Most sockets at once.
    max_connections: usize,
    /// Sockets opened today (UTC), or since the start when that was later.
    connections_today: u64,
    /// Sockets opened since the start.
    connections_since_start: u64,
    /// Sockets turned away since the start.
    refused: u64,
    /// Messages received since the start.
    total_messages: u64,
    /// Messages among them that could not be read.
    malformed_messages: u64,
    /// Audio frames among them that were dropped.
    dropped_frames: u64,
    /// How long answers to pings took on average, in milliseconds; `null` before the first.
    average_latency: Option<f64>,
}

/// Work in the background.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobFigures {
    /// Jobs that are due and nobody works on.
    waiting: u64,
    /// How late the oldest of them is, in seconds.
    oldest_s: Option<i64>,
    /// Jobs that were given up.
    given_up: u64,
}

/// The disk, in MB.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DiskFigures {
    /// All of it.
    total: f64,
    /// What is free.
    free: f64,
}

/// A transcriber, a voice, a language model, a provider of embeddings or a speech-to-speech model.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SpeechFigures {
    /// Its id.
    #[schema(example = "flite")]
    id: String,
    /// `transcriber`, `voice`, `language_model`, `embeddings` or `realtime`.
    #[schema(example = "voice")]
    role: &'static str,
    /// Whether it can serve.
    ready: bool,
    /// Why it can't, with the remedy.
    missing: Option<String>,
    /// How it does; absent when nobody counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<TrafficFigures>,
}

/// How a provider does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TrafficFigures {
    /// `closed` (requests go through), `open` (it rests after a failure), `refused` (it refuses us: look at its key)
    /// or `probing` (one request tries it after its rest).
    #[schema(example = "closed")]
    circuit: &'static str,
    /// Milliseconds to the first result, averaged over the latest.
    #[serde(rename = "firstResult_ms")]
    first_result_ms: Option<f64>,
    /// Failures in percent of the last 20 requests.
    #[serde(rename = "failures_percent")]
    failures_percent: Option<u32>,
    /// Requests since the start.
    requests: u64,
    /// Those that failed.
    failures: u64,
    /// Times it was passed over because it had enough to do.
    passed_over_full: u64,
    /// Requests in percent for which another provider was asked besides, because this one was late.
    #[serde(rename = "hedged_percent")]
    hedged_percent: f64,
    /// Times a caller had nothing left to hear in mid-sentence.
    underruns: u64,
    /// Its place among those that are asked now, from 0.
    place: Option<usize>,
    /// Why it stands there, in plain words.
    #[schema(example = "in its place")]
    why: String,
}

/// OpenAI.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenAiFigures {
    /// Open connections.
    realtime_connections: u32,
    /// How the model is: `ready` or `not_configured`.
    #[schema(example = "not_configured")]
    model_status: &'static str,
    /// From the caller's last word to the first sound of the model's answer, on average over the last hundred or so answers
    /// of this node, in milliseconds; `null` before the first.
    average_response_time: Option<f64>,
}

/// What runs where.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Environment {
    /// The node's name in the records.
    node: String,
    /// Where the world reaches this installation.
    public_url: String,
    /// Operating system.
    #[schema(example = "linux")]
    os: &'static str,
    /// Processor.
    #[schema(example = "x86_64")]
    arch: &'static str,
    /// How long the process has run, in seconds.
    uptime_s: u64,
    /// Whether the server is stopping.
    draining: bool,
    /// Tasks of the process that are alive: a few for each call and connection.
    #[schema(example = 38)]
    tasks: usize,
}

/// An open media socket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Connection {
    /// The carrier's id of the call.
    call_sid: String,
    /// The call's id; `null` while its stream is being let in.
    #[schema(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: Option<CallId>,
    /// Since when.
    connected_at: DateTime<Utc>,
    /// Messages received.
    messages: u64,
    /// Messages among them that could not be read.
    malformed_messages: u64,
    /// Audio frames among them that were dropped.
    dropped_frames: u64,
    /// How long answers to pings took on average, in milliseconds; `null` before the first.
    average_latency: Option<f64>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) status: HealthStatus,
    pub(super) text: String,
}

/// The worst of the reasons decides.
pub(super) fn worst(reasons: &[Reason]) -> HealthStatus {
    reasons.iter().map(|reason| reason.status).max().unwrap_or(HealthStatus::Healthy)
}

/// What is wrong, as far as it can be seen without asking the database for more.
pub(super) fn reasons(state: &ApiState, database: Option<Duration>) -> Vec<Reason> {
    let machine = &state.settings.machine;
    let mut reasons = Vec::new();
    let mut note = |status, text: String| reasons.push(Reason { status, text });
    if database.is_none() {
        // A call still hears a sentence and can leave a message with the carrier.
        note(HealthStatus::Degraded, "the database does not answer".to_owned());
    }
    if state.app.sessions.health().state == SharedState::Down {
        let text = "redis does not answer: calls of a node that dies go on from their log in PostgreSQL";
        note(HealthStatus::Degraded, text.to_owned());
    }
    if state.app.is_stopping() {
        note(HealthStatus::Degraded, "the server is stopping".to_owned());
    }
    let speech = machine.speech();
    // A speech-to-speech model is an addition that an installation may do without.
    let needed = speech.iter().filter(|provider| provider.role != "realtime");
    for missing in needed.filter_map(|provider| provider.missing.as_ref()) {
        note(HealthStatus::Degraded, missing.clone());
    }
    // Whoever only rests returns by itself.
    let refuses = |provider: &&SpeechProvider| {
        provider.traffic.as_ref().is_some_and(|traffic| traffic.circuit == Circuit::Refused)
    };
    for provider in speech.iter().filter(refuses) {
        note(
            HealthStatus::Degraded,
            format!("the {} {} refuses us: look at its key", provider.role, provider.id),
        );
    }
    for role in ["transcriber", "voice"] {
        let mut of_role = speech.iter().filter(|provider| provider.role == role).peekable();
        if of_role.peek().is_some() && of_role.all(|provider| provider.missing.is_some()) {
            note(HealthStatus::Unhealthy, format!("no {role} is ready: calls are asked for a message"));
        }
    }
    if let Some(disk) = machine.disk().filter(|disk| disk.total > 0) {
        let free = disk.free as f64 / disk.total as f64;
        if free < NO_DISK {
            note(
                HealthStatus::Unhealthy,
                "the disk is full: recordings and records can't be written".to_owned(),
            );
        } else if free < LITTLE_DISK {
            note(HealthStatus::Degraded, format!("only {:.0} % of the disk is free", free * 100.0));
        }
    }
    reasons
}

/// Looks at everything.
pub(super) async fn look(state: &ApiState, voice: &VoiceEdge, connections: bool) -> HealthDocument {
    let database = database_latency(state).await;
    let now = state.app.ambient.now();
    let jobs = if database.is_some() { jobs(state, now).await } else { None };
    let found = if database.is_some() { models::known(state, DATABASE_WITHIN).await } else { None };
    let mut reasons = reasons(state, database);
    reasons.extend(models::reasons(found.as_deref().unwrap_or_default(), now));
    if let Some(oldest_s) =
        jobs.as_ref().and_then(|jobs| jobs.oldest_s).filter(|late| *late > LATE.num_seconds())
    {
        let text = format!("a job in the background has waited for {} minutes", oldest_s / 60);
        reasons.push(Reason { status: HealthStatus::Degraded, text });
    }
    let machine = &state.settings.machine;
    let settings = &state.app.settings;
    let active = state.app.active_calls();
    HealthDocument {
        status: worst(&reasons),
        version: state.settings.version.to_owned(),
        timestamp: now,
        reasons: reasons.into_iter().map(|reason| reason.text).collect(),
        memory: machine.memory().map(|memory| MemoryFigures {
            rss: megabytes(memory.resident),
            heap_used: megabytes(memory.anonymous),
            heap_total: megabytes(memory.reserved),
            heap_used_percent: rounded(memory.anonymous as f64 * 100.0 / memory.reserved.max(1) as f64),
        }),
        database: database_figures(state, database),
        redis: redis_figures(state),
        sessions: SessionFigures {
            active_voice_sessions: active,
            total_active_sessions: active,
            max_voice_sessions: settings.max_calls,
            event_streams: state
                .settings
                .max_connections
                .saturating_sub(state.event_streams.available_permits()),
        },
        web_socket: socket_figures(voice),
        jobs,
        disk: machine
            .disk()
            .map(|disk| DiskFigures { total: megabytes(disk.total), free: megabytes(disk.free) }),
        speech: machine.speech().into_iter().map(SpeechFigures::from).collect(),
        models: found.map(|found| found.into_iter().map(ModelFigures::from).collect()),
        open_ai: open_ai(&**machine, state.app.model_response_time()),
        environment: Environment {
            node: settings.node.clone(),
            public_url: state.settings.public_url.clone(),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            uptime_s: machine.uptime().as_secs(),
            draining: state.app.is_stopping(),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        },
        connections: connections.then(|| open_connections(voice)),
    }
}

/// Looks at the media sockets alone.
pub(super) async fn look_at_sockets(state: &ApiState, voice: &VoiceEdge) -> SocketDocument {
    SocketDocument {
        status: worst(&reasons(state, database_latency(state).await)),
        version: state.settings.version.to_owned(),
        web_socket: socket_figures(voice),
        connections: open_connections(voice),
    }
}
