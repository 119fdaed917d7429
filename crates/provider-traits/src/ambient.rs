//! Time and identity, passed in so that tests can decide them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Where new ids come from.
pub trait IdSource: Send + Sync {
    /// A fresh UUIDv7.
    fn next(&self) -> Uuid;
}

/// Time-ordered random ids.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The clock and the id source that a component is given.
#[derive(Clone)]
pub struct Ambient {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

impl Ambient {
    /// The machine's clock and random ids.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds) }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A fresh UUIDv7.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.ids.next()
    }
}
