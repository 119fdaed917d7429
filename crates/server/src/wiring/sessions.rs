//! Where calls in progress are kept for other nodes.

use std::sync::Arc;

use store::call_sessions::{FailoverSessions, RedisSessions, SessionError, SessionStore};

use crate::config::Config;

/// The sessions of the configuration: in Redis, when there is one, with memory behind it.
///
/// # Errors
/// When the address of Redis can't be used. One that does not answer is no error.
pub fn open(config: &Config) -> Result<Arc<FailoverSessions>, SessionError> {
    let shared = match &config.redis.url {
        Some(url) => Some(Arc::new(RedisSessions::open(&url.0)?) as Arc<dyn SessionStore>),
        None => None,
    };
    Ok(Arc::new(FailoverSessions::new(shared, config.redis.health_check_interval)))
}
