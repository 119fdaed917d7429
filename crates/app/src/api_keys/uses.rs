//! When a key was last used: noted beside the request, never in its way, at most once a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::ApiKeyId;
use store::{SystemTx, api_keys};

use crate::runtime::App;

const EVERY: TimeDelta = TimeDelta::minutes(1);
/// Keys remembered; beyond it those noted longest ago are forgotten, which costs a note too many.
const CAPACITY: usize = 10_000;

/// When this process last noted a key's use.
#[derive(Debug, Default)]
pub(crate) struct KeyUses(Mutex<HashMap<ApiKeyId, DateTime<Utc>>>);

impl KeyUses {
    /// Whether it is time to note it again.
    fn is_due(&self, id: ApiKeyId, now: DateTime<Utc>) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&id).is_some_and(|&at| now - at < EVERY) {
            return false;
        }
        if noted.len() >= CAPACITY {
            noted.retain(|_, at| now - *at < EVERY);
        }
        if noted.len() < CAPACITY {
            noted.insert(id, now);
        }
        true
    }
}

impl App {
    pub(crate) fn note_key_use(&self, id: ApiKeyId, address: Option<IpAddr>) {
        let now = self.ambient.now();
        if !self.key_uses.is_due(id, now) {
            return;
        }
        let db = self.db.clone();
        self.tasks.spawn(async move {
            let noted = async {
                let mut tx = SystemTx::begin(&db, "whose key it is does not matter here").await?;
                api_keys::note_use(&mut tx, id, now, address.map(|address| address.to_string()).as_deref())
                    .await?;
                tx.commit().await
            };
            if let Err(error) = noted.await {
                tracing::warn!(%error, "the use of a key could not be noted");
            }
        });
    }

    /// A key was changed or ended: what was remembered of it holds no longer. Call it after the commit.
    pub(crate) fn forget_key(&self, id: ApiKeyId) {
        self.auth_cache.invalidate_key(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_use_is_noted_once_a_minute_and_key() {
        let uses = KeyUses::default();
        let (one, other) = (ApiKeyId(Uuid::from_u128(1)), ApiKeyId(Uuid::from_u128(2)));
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time");
        assert!(uses.is_due(one, at(0)));
        assert!(uses.is_due(other, at(1)));
        assert!(!uses.is_due(one, at(59)));
        assert!(uses.is_due(one, at(60)));
    }
}
