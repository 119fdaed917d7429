//! What is remembered of a link's last requests: how often it failed, how soon it answered.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Requests over which the rate of failures is reckoned.
const REMEMBERED: usize = 20;
/// First results of which the 95th percentile is reckoned.
const TIMED: usize = 64;
/// Requests before a link is judged.
const TO_JUDGE: usize = 5;
/// First results before a link is known to be late.
const TO_KNOW_LATE: usize = 20;
/// Weight of the latest first result in the average.
const WEIGHT: f64 = 0.2;
/// A vendor's result that comes sooner was not made now (a phrase that was kept); it says nothing of the vendor.
pub(crate) const NOT_MADE_NOW: Duration = Duration::from_millis(3);
/// Share of failures above which a link steps back, in percent.
pub(crate) const TOO_MANY_FAILURES: u32 = 20;

#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// Whether a request went badly, the oldest first.
    went_badly: VecDeque<bool>,
    /// Milliseconds to the first result, the oldest first.
    first_results: VecDeque<f64>,
    average_ms: Option<f64>,
    back: Option<Back>,
    times_back: u32,
}

/// A link stands behind those that do better.
#[derive(Debug)]
struct Back {
    until: Instant,
    why: String,
}

impl Scores {
    pub(crate) fn answered(&mut self, after: Duration) {
        let ms = after.as_secs_f64() * 1_000.0;
        push(&mut self.first_results, ms, TIMED);
        self.average_ms = Some(self.average_ms.map_or(ms, |average| average + WEIGHT * (ms - average)));
    }

    pub(crate) fn ended(&mut self, badly: bool) {
        push(&mut self.went_badly, badly, REMEMBERED);
    }

    /// Failures in percent of the last requests; `None` before there are enough to judge.
    pub(crate) fn failures_percent(&self) -> Option<u32> {
        let all = self.went_badly.len();
        let bad = self.went_badly.iter().filter(|&&bad| bad).count();
        (all >= TO_JUDGE).then(|| (bad * 100 / all) as u32)
    }

    /// The weighted average of first results, whatever it is worth.
    pub(crate) fn average(&self) -> Option<Duration> {
        self.average_ms.map(|ms| Duration::from_secs_f64(ms / 1_000.0))
    }

    /// The latest first result.
    pub(crate) fn latest(&self) -> Option<Duration> {
        self.first_results.back().map(|ms| Duration::from_secs_f64(ms / 1_000.0))
    }

    /// The average, once there are enough to judge by.
    pub(crate) fn judged_average(&self) -> Option<Duration> {
        self.average().filter(|_| self.first_results.len() >= TO_JUDGE)
    }

    /// The time within which 95 of 100 first results came, once the link is known.
    pub(crate) fn late_after(&self) -> Option<Duration> {
        if self.first_results.len() < TO_KNOW_LATE {
            return None;
        }
        let mut sorted: Vec<f64> = self.first_results.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let ms = sorted[(sorted.len() * 95).div_ceil(100) - 1];
        Some(Duration::from_secs_f64(ms / 1_000.0))
    }

    /// Stands behind the others for `hold`, doubled each time in a row.
    pub(crate) fn step_back(&mut self, why: String, hold: Duration, now: Instant) {
        let hold = hold * (1 << self.times_back.min(3));
        self.times_back += 1;
        self.back = Some(Back { until: now + hold, why });
    }

    /// Why it stands behind, while it does.
    pub(crate) fn why_back(&self, now: Instant) -> Option<&str> {
        self.back.as_ref().filter(|back| now < back.until).map(|back| back.why.as_str())
    }

    /// Whether its time behind is over and one request shall try it in front.
    pub(crate) fn is_on_trial(&self, now: Instant) -> bool {
        self.back.as_ref().is_some_and(|back| now >= back.until)
    }

    /// The trial begins: others keep it behind until `hold` has passed.
    pub(crate) fn begin_trial(&mut self, hold: Duration, now: Instant) {
        if let Some(back) = self.back.as_mut().filter(|back| now >= back.until) {
            back.until = now + hold;
        }
    }

    /// While it stands behind, a good result brings it back to its place with a clean record.
    pub(crate) fn redeem(&mut self) {
        if self.back.is_some() {
            *self = Self { times_back: self.times_back, ..Self::default() };
        } else if self.went_badly.len() == REMEMBERED && !self.went_badly.contains(&true) {
            self.times_back = 0;
        }
    }
}

fn push<T>(kept: &mut VecDeque<T>, one: T, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_judged_by_its_last_twenty_requests_and_not_before_five() {
        let mut scores = Scores::default();
        for _ in 0..4 {
            scores.ended(true);
        }
        assert_eq!(scores.failures_percent(), None);
        scores.ended(false);
        assert_eq!(scores.failures_percent(), Some(80));
        for _ in 0..20 {
            scores.ended(false);
        }
        assert_eq!(scores.failures_percent(), Some(0));
    }

    #[test]
    fn late_is_what_takes_longer_than_ninety_five_of_a_hundred() {
        let mut scores = Scores::default();
        for ms in 1..=20 {
            assert_eq!(scores.late_after(), None);
            scores.answered(Duration::from_millis(ms * 10));
        }
        assert_eq!(scores.late_after(), Some(Duration::from_millis(190)));
    }

    #[test]
    fn the_average_follows_the_latest() {
        let mut scores = Scores::default();
        scores.answered(Duration::from_millis(100));
        scores.answered(Duration::from_millis(200));
        assert_eq!(scores.average(), Some(Duration::from_millis(120)));
        assert_eq!(scores.judged_average(), None);
    }
}
