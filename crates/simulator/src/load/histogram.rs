//! A histogram of durations that many tasks write into at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Steps within a power of two: a value is known to about 3 %.
const STEPS: usize = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Powers of two above the first: up to an hour in microseconds.
const POWERS: usize = 28;

/// Counts durations, to the microsecond below 64 µs and to about 3 % above.
#[derive(Debug)]
pub struct Histogram {
    counts: Vec<AtomicU64>,
    worst_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let counts = (0..STEPS * (POWERS + 1)).map(|_| AtomicU64::new(0)).collect();
        Self { counts, worst_us: AtomicU64::new(0) }
    }
}

/// What a histogram comes to, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Values.
    pub count: u64,
    /// Half of them were at most this.
    pub p50_us: u64,
    /// 99 of 100 were at most this.
    pub p99_us: u64,
    /// 999 of 1,000 were at most this.
    pub p999_us: u64,
    /// The largest.
    pub max_us: u64,
}

impl Histogram {
    /// Adds a value in microseconds.
    pub fn add_us(&self, value_us: u64) {
        self.counts[place(value_us)].fetch_add(1, Ordering::Relaxed);
        self.worst_us.fetch_max(value_us, Ordering::Relaxed);
    }

    /// Adds a duration.
    pub fn add(&self, took: Duration) {
        self.add_us(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What it comes to.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max_us = self.worst_us.load(Ordering::Relaxed);
        let at = |per_mille: u64| {
            let wanted = (count * per_mille).div_ceil(1_000).max(1);
            let mut seen = 0;
            let found = counts.iter().position(|part| {
                seen += part;
                seen >= wanted
            });
            found.map_or(0, upper_end).min(max_us)
        };
        Spread { count, p50_us: at(500), p99_us: at(990), p999_us: at(999), max_us }
    }
}

fn place(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let power = value.ilog2() - STEP_BITS;
    let step = (value >> power) as usize - STEPS;
    (STEPS * (power as usize + 1) + step).min(STEPS * (POWERS + 1) - 1)
}

/// The largest value that is counted at a place.
fn upper_end(place: usize) -> u64 {
    if place < STEPS {
        return place as u64;
    }
    let power = place / STEPS - 1;
    let step = (place % STEPS + STEPS) as u64;
    ((step + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_within_three_percent() {
        for value in (0..200).chain([1_000, 4_095, 4_096, 99_999, 3_000_000, 3_599_000_000]) {
            let end = upper_end(place(value));
            assert!(end >= value && end <= value + value / 32, "{value} became {end}");
        }
    }

    #[test]
    fn parts_of_a_hundred_are_found() {
        let histogram = Histogram::default();
        for value in 1..=1_000 {
            histogram.add_us(value * 10);
        }
        let spread = histogram.spread();
        assert_eq!(spread.count, 1_000);
        assert!((5_000..=5_160).contains(&spread.p50_us), "{spread:?}");
        assert!((9_900..=10_000).contains(&spread.p99_us), "{spread:?}");
        assert_eq!(spread.max_us, 10_000);
    }

    #[test]
    fn nothing_counted_is_all_zeros() {
        assert_eq!(Histogram::default().spread(), Spread::default());
    }
}
