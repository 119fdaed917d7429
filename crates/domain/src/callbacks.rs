//! Calls that are to be made, and the hours in which they may be.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::hours::{Interval, TimeOfDay};

/// Nobody is called before this hour, nor from the other on, in the business's own time.
const FROM_HOUR: u16 = 8;
const TO_HOUR: u16 = 21;

/// How a call that is to be made stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Its time has not come.
    Waiting,
    /// It is being asked for; whether the carrier has it is not known yet.
    Placing,
    /// The carrier has it.
    Ringing,
    /// The agent talks with whoever answered.
    Talking,
    /// It is over.
    Done,
    /// A machine answered and was left a message.
    Machine,
    /// Nobody answered.
    NoAnswer,
    /// They were talking.
    Busy,
    /// It could not be made.
    Failed,
    /// Somebody decided against it.
    Cancelled,
}

impl CallbackState {
    /// Whether nothing more comes of it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Placing | Self::Ringing | Self::Talking)
    }

    /// Whether it may become `next` by what the carrier tells: what is final stays, and nothing is told backwards.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        let rank = |state: Self| match state {
            Self::Waiting => 0,
            Self::Placing => 1,
            Self::Ringing => 2,
            Self::Talking => 3,
            _ => 4,
        };
        rank(self) < rank(next)
    }
}

/// The first moment from `wanted` on at which somebody may be called.
#[must_use]
pub fn polite_moment(wanted: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
    let hour = |hour: u16| TimeOfDay::from_minutes(hour * 60).unwrap_or(TimeOfDay::MIDNIGHT);
    let open = Interval { opens: hour(FROM_HOUR), closes: hour(TO_HOUR) };
    let today = wanted.with_timezone(&tz).date_naive();
    let days = [Some(today), today.succ_opt()];
    let spans = days.into_iter().flatten().filter_map(|date| open.on(date, tz));
    for (from, to) in spans {
        if wanted < to {
            return wanted.max(from);
        }
    }
    wanted + TimeDelta::hours(12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_at_night() {
        let tz = chrono_tz::America::New_York;
        for (wanted, expect) in [
            ("2026-11-20T15:00:00-05:00", "2026-11-20T15:00:00-05:00"),
            ("2026-11-20T06:00:00-05:00", "2026-11-20T08:00:00-05:00"),
            ("2026-11-20T21:00:00-05:00", "2026-11-21T08:00:00-05:00"),
            ("2026-11-20T23:59:00-05:00", "2026-11-21T08:00:00-05:00"),
        ] {
            let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(polite_moment(at(wanted), tz), at(expect), "{wanted}");
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        use CallbackState::*;
        assert!(Placing.may_become(Ringing) && Ringing.may_become(Busy) && Talking.may_become(Done));
        assert!(!Machine.may_become(Done) && !Talking.may_become(Ringing) && !Cancelled.may_become(Placing));
        assert!(Cancelled.is_final() && !Talking.is_final());
    }
}
