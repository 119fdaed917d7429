//! Sessions in this process: of the calls that it carries, and for a moment of those that it let go of.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::CallId;
use tokio::time::Instant;

use super::{CallSession, Kept, SessionError, SessionStore, decode, encode};

/// A call gives a sign of life every few seconds; one that has given none for so long is not here any more.
const FORGET_AFTER: Duration = Duration::from_secs(10 * 60);

/// Sessions in memory.
#[derive(Debug, Default)]
pub struct MemorySessions {
    entries: Mutex<HashMap<CallId, Entry>>,
}

/// As text: as a tree of values a session takes many times the memory, and it is hardly ever read.
struct Entry {
    encoded: Box<[u8]>,
    resumptions: u32,
    put_at: Instant,
}

// By hand: a session holds callers' words.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("bytes", &self.encoded.len())
            .field("resumptions", &self.resumptions)
            .finish_non_exhaustive()
    }
}

impl MemorySessions {
    fn entries(&self) -> MutexGuard<'_, HashMap<CallId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a session.
    ///
    /// # Errors
    /// [`SessionError::TooLarge`].
    pub(super) fn keep(&self, session: &CallSession) -> Result<Kept, SessionError> {
        let encoded = encode(session)?.into_boxed_slice();
        let mut entries = self.entries();
        if entries.get(&session.call_id).is_some_and(|kept| kept.resumptions > session.resumptions) {
            return Ok(Kept::Superseded);
        }
        let entry = Entry { encoded, resumptions: session.resumptions, put_at: Instant::now() };
        entries.insert(session.call_id, entry);
        Ok(Kept::Kept)
    }

    /// The session of a call.
    pub(super) fn of(&self, call_id: CallId) -> Option<CallSession> {
        self.entries().get(&call_id).and_then(|entry| decode(&entry.encoded))
    }

    /// Forgets a session; says whether there was one.
    pub(super) fn forget(&self, call_id: CallId, resumptions: u32) -> bool {
        let mut entries = self.entries();
        let ours = entries.get(&call_id).is_some_and(|kept| kept.resumptions <= resumptions);
        ours && entries.remove(&call_id).is_some()
    }

    /// All sessions.
    pub(super) fn all(&self) -> Vec<CallSession> {
        self.entries().values().filter_map(|entry| decode(&entry.encoded)).collect()
    }

    /// Forgets what nobody has put for minutes.
    pub(super) fn forget_old(&self) {
        self.entries().retain(|_, entry| entry.put_at.elapsed() < FORGET_AFTER);
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn put(&self, session: &CallSession) -> Result<Kept, SessionError> {
        self.keep(session)
    }

    async fn get(&self, call_id: CallId) -> Result<Option<CallSession>, SessionError> {
        Ok(self.of(call_id))
    }

    async fn delete(&self, call_id: CallId, resumptions: u32) -> Result<(), SessionError> {
        self.forget(call_id, resumptions);
        Ok(())
    }

    async fn list(&self, node: Option<&str>) -> Result<Vec<CallSession>, SessionError> {
        Ok(self.all().into_iter().filter(|session| node.is_none_or(|node| session.node == node)).collect())
    }

    async fn ping(&self) -> Result<(), SessionError> {
        Ok(())
    }
}
