//! The parts of the document that are measured or asked for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use store::SystemTx;
use store::call_sessions::SharedState;

use super::{
    Connection, DatabaseFigures, JobFigures, OpenAiFigures, PoolView, RedisFigures, SocketFigures,
    SpeechFigures, TrafficFigures,
};
use crate::health::DATABASE_WITHIN;
use crate::health::machine::{Circuit, Machine, SpeechProvider, Traffic};
use crate::state::ApiState;
use crate::voice::edge::VoiceEdge;

/// Connections that are listed; more is for a program that asks the metrics.
const MOST_CONNECTIONS: usize = 1_000;

pub(super) fn database_figures(state: &ApiState, latency: Option<Duration>) -> DatabaseFigures {
    let pools = state.app.db.pools().map(|pool| PoolView {
        name: pool.name,
        open: pool.open,
        idle: pool.idle,
        most: pool.most,
    });
    DatabaseFigures {
        connected: latency.is_some(),
        latency_ms: latency.map(milliseconds),
        pools: pools.into(),
    }
}

pub(super) fn redis_figures(state: &ApiState) -> RedisFigures {
    let health = state.app.sessions.health();
    let count = |figure: u64| u32::try_from(figure).unwrap_or(u32::MAX);
    RedisFigures {
        configured: health.state != SharedState::Off,
        connected: health.state == SharedState::Up,
        reconnect_attempts: count(health.probes),
        max_reconnect_attempts: 0,
        consecutive_failures: count(health.failures),
    }
}

pub(super) fn socket_figures(voice: &VoiceEdge) -> SocketFigures {
    let figures = voice.figures();
    SocketFigures {
        active_connections: figures.open,
        max_connections: voice.most_streams(),
        connections_today: figures.opened_today,
        connections_since_start: figures.opened,
        refused: figures.refused,
        total_messages: figures.messages,
        malformed_messages: figures.malformed,
        dropped_frames: figures.dropped,
        average_latency: figures.round_trip.map(milliseconds),
    }
}

pub(super) fn open_connections(voice: &VoiceEdge) -> Vec<Connection> {
    let open = voice.open_streams().into_iter().take(MOST_CONNECTIONS);
    open.map(|stream| Connection {
        call_sid: stream.call_sid,
        call_id: stream.call_id,
        connected_at: stream.since,
        messages: stream.messages,
        malformed_messages: stream.malformed,
        dropped_frames: stream.dropped,
        average_latency: stream.round_trip.map(milliseconds),
    })
    .collect()
}

pub(super) async fn jobs(state: &ApiState, now: DateTime<Utc>) -> Option<JobFigures> {
    let ask = async {
        let mut tx = SystemTx::begin(&state.app.db, "the jobs of all organizations are one queue").await?;
        store::jobs::backlog(&mut tx, now).await
    };
    let backlog = tokio::time::timeout(DATABASE_WITHIN, ask).await.ok()?;
    let backlog =
        backlog.inspect_err(|error| tracing::warn!(%error, "the jobs could not be counted")).ok()?;
    Some(JobFigures {
        waiting: backlog.waiting,
        oldest_s: backlog.oldest.map(|oldest| (now - oldest).num_seconds().max(0)),
        given_up: backlog.given_up,
    })
}

pub(super) fn open_ai(machine: &dyn Machine, response_time: Option<Duration>) -> OpenAiFigures {
    let model = machine.speech().into_iter().find(|provider| provider.role == "realtime");
    OpenAiFigures {
        realtime_connections: u32::try_from(machine.realtime_sessions()).unwrap_or(u32::MAX),
        model_status: match model {
            Some(SpeechProvider { missing: None, .. }) => "ready",
            _ => "not_configured",
        },
        average_response_time: response_time.map(milliseconds),
    }
}

impl From<SpeechProvider> for SpeechFigures {
    fn from(provider: SpeechProvider) -> Self {
        Self {
            ready: provider.missing.is_none(),
            id: provider.id,
            role: provider.role,
            missing: provider.missing,
            traffic: provider.traffic.map(TrafficFigures::from),
        }
    }
}

impl From<Traffic> for TrafficFigures {
    fn from(traffic: Traffic) -> Self {
        Self {
            circuit: match traffic.circuit {
                Circuit::Closed => "closed",
                Circuit::Open => "open",
                Circuit::Refused => "refused",
                Circuit::Probing => "probing",
            },
            first_result_ms: traffic.first_result.map(milliseconds),
            failures_percent: traffic.failures_percent,
            requests: traffic.requests,
            failures: traffic.failures,
            passed_over_full: traffic.passed_over_full,
            hedged_percent: traffic.hedged_percent,
            underruns: traffic.underruns,
            place: traffic.place,
            why: traffic.why,
        }
    }
}

pub(super) fn megabytes(bytes: u64) -> f64 {
    rounded(bytes as f64 / 1_048_576.0)
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

pub(super) fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
