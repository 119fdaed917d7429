//! How long the next try has to wait after so many that failed. Pure: who counts them, and where, is no matter here.

use chrono::{DateTime, TimeDelta, Utc};

/// The delay doubles from one second up to here. Longer would let anybody lock an owner out.
const LONGEST_DELAY_S: i64 = 300;
/// What was tried longer ago than this is forgotten.
pub const MEMORY: TimeDelta = TimeDelta::minutes(30);

/// Recent tries at one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// How many that did not turn out right.
    pub count: u32,
    /// The last of them.
    pub last_at: DateTime<Utc>,
}

impl Tries {
    /// The tries with one more, begun now; `free` of them cost nothing.
    ///
    /// # Errors
    /// The seconds to wait, at least one, when it comes too early. Such a try is not counted.
    pub fn one_more(self, free: u32, now: DateTime<Utc>) -> Result<Self, u64> {
        if now - self.last_at > MEMORY {
            return Ok(Self { count: 1, last_at: now });
        }
        match self.wait_s(free, now) {
            0 => Ok(Self { count: self.count.saturating_add(1), last_at: now }),
            wait_s => Err(wait_s),
        }
    }

    fn wait_s(self, free: u32, now: DateTime<Utc>) -> u64 {
        let Some(over) = self.count.checked_sub(free) else { return 0 };
        // 2^20 is beyond the longest; more would leave the type.
        let delay_s = (1i64 << over.min(20)).min(LONGEST_DELAY_S);
        let until = self.last_at + TimeDelta::seconds(delay_s);
        // Rounded up: a client that waits as told must be let in.
        u64::try_from(((until - now).num_milliseconds() + 999) / 1_000).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a valid time")
    }

    fn after(count: u32) -> Tries {
        Tries { count, last_at: at(0) }
    }

    #[test]
    fn the_delay_doubles_once_the_free_tries_are_used() {
        let table =
            [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (12, 128), (13, 256), (14, 300), (60, 300), (99, 300)];
        for (count, wait_s) in table {
            let expect =
                if wait_s == 0 { Ok(Tries { count: count + 1, last_at: at(0) }) } else { Err(wait_s) };
            assert_eq!(after(count).one_more(5, at(0)), expect, "after {count}");
        }
    }

    #[test]
    fn whoever_waits_as_told_is_let_in() {
        for count in 5..40 {
            let wait_s = after(count).one_more(5, at(0)).expect_err("too early");
            let later = at(i64::try_from(wait_s).expect("small"));
            assert!(after(count).one_more(5, later).is_ok(), "after {count}");
            assert!(after(count).one_more(5, later - TimeDelta::milliseconds(1)).is_err(), "after {count}");
        }
    }

    #[test]
    fn old_tries_are_forgotten() {
        assert_eq!(after(50).one_more(5, at(1_801)), Ok(Tries { count: 1, last_at: at(1_801) }));
        assert!(after(50).one_more(5, at(299)).is_err());
    }
}
