//! Sessions in Redis, which all nodes share: `studioconnect:session:{call}` holds JSON and vanishes by itself.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, Script};
use async_trait::async_trait;
use domain::ids::CallId;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::{CallSession, Kept, SessionError, SessionStore, TTL_S, decode, encode};

const PREFIX: &str = "studioconnect:session:";
/// An answer that takes longer is none: a call is not to wait for it.
const WITHIN: Duration = Duration::from_millis(250);
/// Sessions read at once when all are listed.
const PAGE: usize = 500;

/// Keeps a session unless the call was resumed more often than it knows. Returns 1 when it is kept.
const PUT: &str = r"
local kept = redis.call('GET', KEYS[1])
if kept and (cjson.decode(kept).resumptions or 0) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1";

/// Forgets a session under the same condition.
const DELETE: &str = r"
local kept = redis.call('GET', KEYS[1])
if kept and (cjson.decode(kept).resumptions or 0) > tonumber(ARGV[1]) then return 0 end
return redis.call('DEL', KEYS[1])";

/// Sessions in Redis. Connects when it is first needed, and anew after each failure.
pub struct RedisSessions {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    put: Script,
    delete: Script,
}

impl std::fmt::Debug for RedisSessions {
    // The client's own shows the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisSessions")
    }
}

impl RedisSessions {
    /// Sessions at an address: `redis://`, `rediss://` (encrypted) or `redis+unix://`.
    ///
    /// # Errors
    /// [`SessionError::Address`].
    pub fn open(url: &SecretString) -> Result<Self, SessionError> {
        let client = Client::open(url.expose_secret())
            .map_err(|error| SessionError::Address { reason: error.category().to_owned() })?;
        Ok(Self { client, connection: Mutex::new(None), put: Script::new(PUT), delete: Script::new(DELETE) })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, SessionError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(WITHIN))
            .set_response_timeout(Some(WITHIN));
        let made = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(kept.insert(made).clone())
    }

    /// After a failure nobody knows what state a connection is in: the next request makes another.
    async fn settled<T>(&self, answer: Result<T, RedisError>) -> Result<T, SessionError> {
        if answer.is_err() {
            *self.connection.lock().await = None;
        }
        answer.map_err(|error| unavailable(&error))
    }

    async fn ask<T: FromRedisValue>(&self, command: &::redis::Cmd) -> Result<T, SessionError> {
        let mut connection = self.connection().await?;
        let answer = command.query_async(&mut connection).await;
        self.settled(answer).await
    }
}

fn unavailable(error: &RedisError) -> SessionError {
    SessionError::Unavailable { reason: error.to_string() }
}

fn key(call_id: CallId) -> String {
    format!("{PREFIX}{call_id}")
}

/// A session of another version that can't be read is as good as none.
#[async_trait]
impl SessionStore for RedisSessions {
    async fn put(&self, session: &CallSession) -> Result<Kept, SessionError> {
        let body = encode(session)?;
        let mut connection = self.connection().await?;
        let mut script = self.put.prepare_invoke();
        script.key(key(session.call_id)).arg(body).arg(session.resumptions).arg(TTL_S);
        let answer = script.invoke_async::<i64>(&mut connection).await;
        Ok(if self.settled(answer).await? == 1 { Kept::Kept } else { Kept::Superseded })
    }

    async fn get(&self, call_id: CallId) -> Result<Option<CallSession>, SessionError> {
        let found: Option<Vec<u8>> = self.ask(::redis::cmd("GET").arg(key(call_id))).await?;
        Ok(found.as_deref().and_then(decode))
    }

    async fn delete(&self, call_id: CallId, resumptions: u32) -> Result<(), SessionError> {
        let mut connection = self.connection().await?;
        let mut script = self.delete.prepare_invoke();
        script.key(key(call_id)).arg(resumptions);
        let answer = script.invoke_async::<i64>(&mut connection).await;
        self.settled(answer).await.map(drop)
    }

    async fn list(&self, node: Option<&str>) -> Result<Vec<CallSession>, SessionError> {
        let (mut cursor, mut found) = (0_u64, Vec::new());
        loop {
            let mut scan = ::redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{PREFIX}*")).arg("COUNT").arg(PAGE);
            let (next, keys): (u64, Vec<String>) = self.ask(&scan).await?;
            if !keys.is_empty() {
                let values: Vec<Option<Vec<u8>>> = self.ask(::redis::cmd("MGET").arg(&keys)).await?;
                found.extend(values.into_iter().flatten().filter_map(|value| decode(&value)));
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // A scan may show a key twice.
        found.sort_by_key(|session: &CallSession| session.call_id.0);
        found.dedup_by_key(|session| session.call_id);
        found.retain(|session| node.is_none_or(|node| session.node == node));
        Ok(found)
    }

    async fn ping(&self) -> Result<(), SessionError> {
        self.ask::<String>(&::redis::cmd("PING")).await.map(drop)
    }
}
