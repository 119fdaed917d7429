//! How often an organization may do something that costs work, in a sliding window of this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ids::OrgId;
use tokio::time::Instant;

use crate::error::AppError;

/// So many uses in a window, for each organization.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: usize,
    window: Duration,
    uses: Mutex<HashMap<OrgId, VecDeque<Instant>>>,
}

impl Allowance {
    pub(crate) fn new(most: usize, window: Duration) -> Self {
        Self { most, window, uses: Mutex::default() }
    }

    /// Counts a use.
    ///
    /// # Errors
    /// [`AppError::TooMany`] when there were as many as may be.
    pub(crate) fn admit(&self, org_id: OrgId) -> Result<(), AppError> {
        let now = Instant::now();
        let recent = |at: &Instant| now.duration_since(*at) < self.window;
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        // Organizations that did nothing for a while are forgotten.
        uses.retain(|_, used| used.back().is_some_and(recent));
        let used = uses.entry(org_id).or_default();
        while used.front().is_some_and(|first| !recent(first)) {
            used.pop_front();
        }
        if used.len() >= self.most {
            let oldest = used.front().copied().unwrap_or(now);
            let wait = self.window.saturating_sub(now.duration_since(oldest));
            return Err(AppError::TooMany { retry_after_s: wait.as_secs() + 1 });
        }
        used.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_organization_has_its_own_window() {
        let allowance = Allowance::new(2, Duration::from_secs(60));
        let (one, other) = (OrgId(Uuid::from_u128(1)), OrgId(Uuid::from_u128(2)));
        assert!(allowance.admit(one).is_ok());
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(allowance.admit(one).is_ok());
        assert!(matches!(allowance.admit(one), Err(AppError::TooMany { retry_after_s: 41 })));
        assert!(allowance.admit(other).is_ok());
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(allowance.admit(one).is_ok(), "the first is long ago");
        assert!(allowance.admit(one).is_err());
    }
}
