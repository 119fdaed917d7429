//! The bus on which calls in progress are watched.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::call_log::CallEvent;
use domain::ids::{CallId, OrgId};
use tokio::sync::broadcast;

/// Events a slow watcher may fall behind before it must read the log again.
const BACKLOG: usize = 256;

/// An event of a call in progress.
#[derive(Debug, Clone)]
pub struct LiveEvent {
    /// The business.
    pub org_id: OrgId,
    /// The call.
    pub call_id: CallId,
    /// The entry of the call's log.
    pub event: CallEvent,
}

/// Fans events of a business's calls out to its watchers. A watcher that falls behind sees
/// [`broadcast::error::RecvError::Lagged`] and reads what it missed from the stored log.
#[derive(Debug, Default)]
pub struct LiveBus {
    channels: Mutex<HashMap<OrgId, broadcast::Sender<LiveEvent>>>,
}

impl LiveBus {
    /// Watches all calls of a business.
    #[must_use]
    pub fn watch(&self, org_id: OrgId) -> broadcast::Receiver<LiveEvent> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.entry(org_id).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Tells the watchers; without any it costs a look-up.
    pub fn publish(&self, event: LiveEvent) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let org_id = event.org_id;
        if let Some(channel) = channels.get(&org_id)
            && channel.send(event).is_err()
        {
            // The last watcher is gone.
            channels.remove(&org_id);
        }
    }
}
