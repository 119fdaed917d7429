//! What this process remembers for some seconds of who is asking, so that a busy session costs no query each time.
//!
//! A change made here is felt here at once (`invalidate_…`, after the commit); a change made by another node is
//! felt within [`FRESH`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{ApiKeyId, OrgId, SessionId, UserId};
use moka::sync::Cache;

use super::identity::{Identity, Principal};

/// How long an answer is believed without asking the database again.
pub const FRESH: TimeDelta = TimeDelta::seconds(5);
/// Unused entries leave after this; the clock of the process decides what is believed.
const KEPT: Duration = Duration::from_secs(60);
/// Most askers remembered; some 1 KiB each.
const CAPACITY: u64 = 20_000;

/// Who asks, by what they showed, and for which organization when they named one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A session.
    Session(SessionId, Option<OrgId>),
    /// A program, by the hash of its key.
    Key([u8; 32], Option<OrgId>),
}

struct Remembered {
    identity: Identity,
    loaded_at: DateTime<Utc>,
}

/// A moment before a load: what was invalidated since must not be remembered.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(u64);

/// Recent answers to "who is that?".
pub struct AuthCache {
    known: Cache<Asker, Arc<Remembered>>,
    changes: AtomicU64,
}

impl std::fmt::Debug for AuthCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthCache").field("entries", &self.known.entry_count()).finish()
    }
}

impl Default for AuthCache {
    fn default() -> Self {
        let known = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(KEPT)
            .support_invalidation_closures()
            .build();
        Self { known, changes: AtomicU64::new(0) }
    }
}

impl AuthCache {
    /// Who that is, when it was looked up a moment ago.
    #[must_use]
    pub fn get(&self, asker: &Asker, now: DateTime<Utc>) -> Option<Identity> {
        let found = self.known.get(asker)?;
        let age = now - found.loaded_at;
        (age < FRESH && age >= TimeDelta::zero()).then(|| found.identity.clone())
    }

    /// Draw it before the database is asked, and hand it to [`Self::put`].
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket(self.changes.load(Ordering::SeqCst))
    }

    /// Remembers an answer, unless something was invalidated while it was looked up: then it may be older than that.
    pub fn put(&self, ticket: Ticket, asker: &Asker, identity: &Identity, now: DateTime<Utc>) {
        if self.changes.load(Ordering::SeqCst) != ticket.0 {
            return;
        }
        let remembered = Arc::new(Remembered { identity: identity.clone(), loaded_at: now });
        self.known.insert(asker.clone(), remembered);
        if self.changes.load(Ordering::SeqCst) != ticket.0 {
            self.known.invalidate(asker);
        }
    }

    /// Forgets a session, and what was opened from it. Call it after the commit, as with the others.
    pub fn invalidate_session(&self, session_id: SessionId) {
        self.forget(move |asker, identity| {
            matches!(asker, Asker::Session(id, _) if *id == session_id)
                || identity.opened.is_some_and(|opened| opened.by == session_id)
        });
    }

    /// Forgets whatever is known of a person.
    pub fn invalidate_user(&self, user_id: UserId) {
        self.forget(move |_, identity| identity.person().is_some_and(|person| person.id == user_id));
    }

    /// Forgets whatever is known of a key.
    pub fn invalidate_key(&self, key_id: ApiKeyId) {
        self.forget(
            move |_, identity| matches!(identity.principal, Principal::Key { id, .. } if id == key_id),
        );
    }

    /// Forgets everybody who acts for an organization, or with rights from it.
    pub fn invalidate_org(&self, org_id: OrgId) {
        self.forget(move |_, identity| {
            identity.org.id == org_id
                || identity.home_org_id == org_id
                || identity.org.parent_id == Some(org_id)
        });
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }

    fn forget(&self, affected: impl Fn(&Asker, &Identity) -> bool + Send + Sync + 'static) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        let done = self.known.invalidate_entries_if(move |asker, entry| affected(asker, &entry.identity));
        if done.is_err() {
            // Only when the cache was built without closures; forgetting too much is safe.
            self.known.invalidate_all();
        }
    }
}
