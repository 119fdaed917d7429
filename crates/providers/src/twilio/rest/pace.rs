//! The account's rate of placing calls: each call takes the next free moment.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many calls in a second, one after the other.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(calls_per_second: u32) -> Self {
        Self { apart: Duration::from_secs(1) / calls_per_second.max(1), next: Mutex::default() }
    }

    /// Waits for the next free moment. Who stops waiting leaves it empty.
    pub(super) async fn turn(&self) {
        let moment = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let moment = next.map_or(now, |next| next.max(now));
            *next = Some(moment + self.apart);
            moment
        };
        tokio::time::sleep_until(moment).await;
    }

    /// No call for so long.
    pub(super) fn slow_down(&self, by: Duration) {
        let until = Instant::now() + by;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(until, |next| next.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_of_an_account_are_placed_one_a_second() {
        let pace = Pace::new(1);
        let began = Instant::now();
        for second in 0..3 {
            pace.turn().await;
            assert_eq!(began.elapsed(), Duration::from_secs(second));
        }
        pace.slow_down(Duration::from_secs(10));
        pace.turn().await;
        assert_eq!(began.elapsed(), Duration::from_secs(12));
        tokio::time::advance(Duration::from_secs(60)).await;
        let later = Instant::now();
        pace.turn().await;
        assert_eq!(later.elapsed(), Duration::ZERO, "who comes after a while does not wait");
    }
}
