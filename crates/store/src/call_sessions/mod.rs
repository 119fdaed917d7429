//! What is needed to go on with a call elsewhere, where other nodes find it: in Redis, and in memory meanwhile.
//!
//! A session is a convenience, not the truth: when it is gone, the call goes on from its log in PostgreSQL. What only
//! the session knows is the last quarter of a second and the mind's own snapshot.

mod failover;
mod memory;
mod redis;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::call_log::ContinueCause;
use domain::ids::{CallId, OrgId};
use serde::{Deserialize, Serialize};

pub use failover::{FailoverSessions, SharedHealth, SharedState};
pub use memory::MemorySessions;
pub use redis::RedisSessions;

/// Largest session, as JSON. An hour of conversation is about 40 KB.
pub const MAX_BYTES: usize = 256 * 1024;
/// How long a session outlives its last sign of life, in seconds.
pub const TTL_S: u64 = 2 * 60 * 60;

/// A call as another node needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallSession {
    /// The business.
    pub org_id: OrgId,
    /// The call.
    pub call_id: CallId,
    /// The carrier's id of it.
    pub call_sid: String,
    /// The node that has it.
    pub node: String,
    /// What the engine published last: history, lead progress, the mind's snapshot.
    pub state: serde_json::Value,
    /// When it published that.
    pub state_at: DateTime<Utc>,
    /// The node's last sign of life for this call.
    pub heartbeat_at: DateTime<Utc>,
    /// How often the call went on with a new stream. A session with fewer never replaces one with more, so that a
    /// node that was given up and still runs can do no harm.
    pub resumptions: u32,
    /// Why the node let go of the call, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<ContinueCause>,
}

impl CallSession {
    /// Which of two sessions of a call is the later one.
    fn age(&self) -> (u32, DateTime<Utc>, DateTime<Utc>) {
        (self.resumptions, self.state_at, self.heartbeat_at)
    }
}

/// What became of a session that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Kept,
    /// Another node has gone on with the call: it is not.
    Superseded,
}

/// Why sessions could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The address of Redis can't be used.
    #[error("redis.url can't be used: {reason}")]
    Address {
        /// What is wrong; never the address itself, which may hold a password.
        reason: String,
    },
    /// Redis does not answer, or not in time.
    #[error("redis is not available: {reason}")]
    Unavailable {
        /// What was seen.
        reason: String,
    },
    /// The session is larger than [`MAX_BYTES`].
    #[error("a session of {bytes} bytes is too large")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// Where sessions are kept. Every entry vanishes [`TTL_S`] after it was last put.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a session, in place of an earlier one of the call. Also a node's sign of life.
    ///
    /// # Errors
    /// [`SessionError::Unavailable`]; [`SessionError::TooLarge`].
    async fn put(&self, session: &CallSession) -> Result<Kept, SessionError>;

    /// The session of a call.
    ///
    /// # Errors
    /// [`SessionError::Unavailable`].
    async fn get(&self, call_id: CallId) -> Result<Option<CallSession>, SessionError>;

    /// Forgets a call's session, unless another node has resumed the call more often than `resumptions` times.
    ///
    /// # Errors
    /// [`SessionError::Unavailable`].
    async fn delete(&self, call_id: CallId, resumptions: u32) -> Result<(), SessionError>;

    /// All sessions, in no order; of a `node` only when one is named.
    ///
    /// # Errors
    /// [`SessionError::Unavailable`].
    async fn list(&self, node: Option<&str>) -> Result<Vec<CallSession>, SessionError>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`SessionError::Unavailable`].
    async fn ping(&self) -> Result<(), SessionError>;
}

/// What cannot be read is as good as not there.
fn decode(bytes: &[u8]) -> Option<CallSession> {
    serde_json::from_slice(bytes)
        .inspect_err(|error| tracing::warn!(%error, "a kept session could not be read"))
        .ok()
}

fn encode(session: &CallSession) -> Result<Vec<u8>, SessionError> {
    let bytes = serde_json::to_vec(session)
        .map_err(|error| SessionError::Unavailable { reason: format!("no JSON: {error}") })?;
    if bytes.len() > MAX_BYTES {
        return Err(SessionError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}
