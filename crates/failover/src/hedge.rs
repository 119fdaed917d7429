//! Asking a second provider because the first is late.
//!
//! The request is then made twice, so it is paid twice: a budget bounds how often. Each request earns the share that
//! may be hedged, each hedge spends one; at most [`MOST_SAVED`] are saved up, so that a vendor's bad quarter of an
//! hour does not double the bill.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::settings::Hedge;

/// Hedges that can be saved up.
pub const MOST_SAVED: f64 = 5.0;
/// A link is never late before this.
const SOONEST: Duration = Duration::from_millis(50);

/// The hedges of one chain.
#[derive(Debug)]
pub(crate) struct Hedging {
    rule: Hedge,
    saved: Mutex<f64>,
}

impl Hedging {
    /// One hedge is there from the start.
    pub(crate) fn new(rule: Hedge) -> Self {
        Self { rule, saved: Mutex::new(1.0) }
    }

    /// A request earns its share.
    pub(crate) fn earn(&self) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        *saved = (*saved + self.rule.share).min(MOST_SAVED);
    }

    /// Spends one, if there is one.
    pub(crate) fn spend(&self) -> bool {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        // A hair less than one: twenty twentieths are not quite one.
        let enough = *saved > 0.999;
        if enough {
            *saved -= 1.0;
        }
        enough
    }

    /// When a link of whom this is known is late.
    pub(crate) fn late_after(&self, known: Option<Duration>) -> Duration {
        known.unwrap_or(self.rule.after).max(SOONEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_share_is_hedged() {
        let hedging = Hedging::new(Hedge { after: Duration::from_millis(350), share: 0.05 });
        let mut hedged = 0;
        for _ in 0..1_000 {
            hedging.earn();
            hedged += u32::from(hedging.spend());
        }
        assert!((50..=51).contains(&hedged), "{hedged}");
    }

    #[test]
    fn a_long_good_time_saves_only_a_few() {
        let hedging = Hedging::new(Hedge { after: Duration::from_millis(350), share: 0.05 });
        (0..10_000).for_each(|_| hedging.earn());
        assert_eq!((0..100).filter(|_| hedging.spend()).count(), 5);
    }
}
