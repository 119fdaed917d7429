//! When a business is open: intervals by weekday, and holidays that replace them.
//!
//! Hours are times on the wall at the business. An interval belongs to the day on which it opens; one that closes
//! at or before the time it opens passes midnight. Where the clock is put forward, a time that does not exist
//! means the moment after the gap; where it is put back, one that exists twice opens at its first and closes at
//! its second occurrence, so that nobody finds a door closed that the sign says is open.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most intervals of one day.
pub const MAX_INTERVALS: usize = 8;
/// Most holidays of one calendar.
pub const MAX_HOLIDAYS: usize = 100;
/// How far ahead an opening is looked for: a yearly holiday can't hide more than a year.
const HORIZON_DAYS: u64 = 400;
const MINUTES_PER_DAY: u16 = 24 * 60;

/// A time on the wall, to the minute, `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(u16);

/// Why a text is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day: give it as HH:MM from 00:00 to 24:00")]
pub struct InvalidTime;

impl TimeOfDay {
    /// The first moment of a day.
    pub const MIDNIGHT: Self = Self(0);
    /// The end of a day, which is the first moment of the next.
    pub const END: Self = Self(MINUTES_PER_DAY);

    /// Minutes since midnight, up to 1,440; `None` beyond.
    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Option<Self> {
        if minutes <= MINUTES_PER_DAY { Some(Self(minutes)) } else { None }
    }

    /// Minutes since midnight.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let (hours, minutes) = text.split_once(':').ok_or(InvalidTime)?;
        let two_digits = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hours, minutes) =
            two_digits(hours).zip(two_digits(minutes).filter(|m| *m < 60)).ok_or(InvalidTime)?;
        Self::from_minutes(hours * 60 + minutes).ok_or(InvalidTime)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Open from one time to another. At or before `opens`, `closes` is on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The first minute that is open.
    pub opens: TimeOfDay,
    /// The first minute that is closed again.
    pub closes: TimeOfDay,
}

impl Interval {
    /// The end in minutes since midnight of the day it opens on; beyond 1,440 on the next day.
    fn end(self) -> u16 {
        if self.closes > self.opens { self.closes.0 } else { self.closes.0 + MINUTES_PER_DAY }
    }

    /// The moments it begins and ends when it begins on a date.
    pub(crate) fn on(self, date: NaiveDate, tz: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let midnight = date.and_time(chrono::NaiveTime::MIN);
        let wall = |minutes: u16| midnight.checked_add_signed(TimeDelta::minutes(i64::from(minutes)));
        let from = moment(wall(self.opens.0)?, tz, Occurrence::First)?;
        let to = moment(wall(self.end())?, tz, Occurrence::Last)?;
        (from < to).then_some((from, to))
    }
}

#[derive(Clone, Copy)]
enum Occurrence {
    First,
    Last,
}

/// The moment at which the wall shows a time.
fn moment(wall: NaiveDateTime, tz: Tz, which: Occurrence) -> Option<DateTime<Utc>> {
    // The longest gap on record is a day (Samoa left out 30 December 2011).
    (0..=i64::from(MINUTES_PER_DAY) + 60).find_map(|later| {
        let at = match (tz.from_local_datetime(&(wall + TimeDelta::minutes(later))), which) {
            (MappedLocalTime::Single(at), _) => at,
            (MappedLocalTime::Ambiguous(first, _), Occurrence::First) => first,
            (MappedLocalTime::Ambiguous(_, last), Occurrence::Last) => last,
            (MappedLocalTime::None, _) => return None,
        };
        Some(at.with_timezone(&Utc))
    })
}

/// The hours of each weekday; a day without intervals is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Week {
    /// Monday's.
    pub monday: Vec<Interval>,
    /// Tuesday's.
    pub tuesday: Vec<Interval>,
    /// Wednesday's.
    pub wednesday: Vec<Interval>,
    /// Thursday's.
    pub thursday: Vec<Interval>,
    /// Friday's.
    pub friday: Vec<Interval>,
    /// Saturday's.
    pub saturday: Vec<Interval>,
    /// Sunday's.
    pub sunday: Vec<Interval>,
}

impl Week {
    /// The days by name, Monday first.
    #[must_use]
    pub fn days(&self) -> [(&'static str, &[Interval]); 7] {
        [
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
            ("sunday", &self.sunday),
        ]
    }

    fn on(&self, weekday: chrono::Weekday) -> &[Interval] {
        self.days()[weekday.num_days_from_monday() as usize].1
    }
}

/// A day that is not like its weekday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The day.
    pub date: NaiveDate,
    /// What it is called.
    pub name: String,
    /// Whether it comes back on the same day of every year.
    #[serde(default)]
    pub yearly: bool,
    /// The hours of that day; none means closed.
    #[serde(default)]
    pub hours: Vec<Interval>,
}

impl Holiday {
    fn falls_on(&self, date: NaiveDate) -> bool {
        self.date == date
            || (self.yearly && (self.date.month(), self.date.day()) == (date.month(), date.day()))
    }
}

/// When a business is open. By default it always is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessHours {
    /// The hours of an ordinary week.
    pub weekly: Week,
    /// Days that differ. The hours of a holiday replace those of its weekday; a shift that began the evening
    /// before ends as on any other day.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

impl Default for BusinessHours {
    fn default() -> Self {
        let day = vec![Interval { opens: TimeOfDay::MIDNIGHT, closes: TimeOfDay::END }];
        Self {
            weekly: Week {
                monday: day.clone(),
                tuesday: day.clone(),
                wednesday: day.clone(),
                thursday: day.clone(),
                friday: day.clone(),
                saturday: day.clone(),
                sunday: day,
            },
            holidays: Vec::new(),
        }
    }
}

/// A part of the hours that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursProblem {
    /// Where, such as `weekly.monday[1].closes`.
    pub field: String,
    /// What is allowed.
    pub message: String,
}

impl BusinessHours {
    /// The holiday of a date. One of that very date goes before a yearly one.
    #[must_use]
    pub fn holiday(&self, date: NaiveDate) -> Option<&Holiday> {
        let of_that_date = self.holidays.iter().find(|holiday| holiday.date == date);
        of_that_date.or_else(|| self.holidays.iter().find(|holiday| holiday.falls_on(date)))
    }

    /// The holiday at a moment, by the date at the business.
    #[must_use]
    pub fn holiday_at(&self, at: DateTime<Utc>, tz: Tz) -> Option<&Holiday> {
        self.holiday(at.with_timezone(&tz).date_naive())
    }

    /// The intervals that begin on a date.
    fn of(&self, date: NaiveDate) -> &[Interval] {
        self.holiday(date).map_or_else(|| self.weekly.on(date.weekday()), |holiday| &holiday.hours)
    }

    /// Whether it is open at a moment.
    #[must_use]
    pub fn is_open(&self, at: DateTime<Utc>, tz: Tz) -> bool {
        let today = at.with_timezone(&tz).date_naive();
        // Tomorrow too: a clock that is put back over midnight shows yesterday's date once more.
        let days = [today.pred_opt(), Some(today), today.succ_opt()];
        days.into_iter().flatten().any(|date| {
            let mut open = self.of(date).iter().filter_map(|interval| interval.on(date, tz));
            open.any(|(from, to)| from <= at && at < to)
        })
    }

    /// The first moment from `at` on at which it is open: `at` itself when it is. `None` when it opens no more
    /// within 400 days.
    #[must_use]
    pub fn next_opening(&self, at: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        if self.is_open(at, tz) {
            return Some(at);
        }
        let today = at.with_timezone(&tz).date_naive();
        (0..HORIZON_DAYS).find_map(|ahead| {
            let date = today.checked_add_days(Days::new(ahead))?;
            let starts = self.of(date).iter().filter_map(|interval| interval.on(date, tz));
            starts.map(|(from, _)| from).filter(|from| *from > at).min()
        })
    }

    /// What can't be used of the hours, field by field. Empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<HoursProblem> {
        let mut problems = Vec::new();
        for (day, intervals) in self.weekly.days() {
            check_day(&format!("weekly.{day}"), intervals, &mut problems);
        }
        if self.holidays.len() > MAX_HOLIDAYS {
            let message = format!("must not be more than {MAX_HOLIDAYS}");
            problems.push(HoursProblem { field: "holidays".to_owned(), message });
            return problems;
        }
        for (place, holiday) in self.holidays.iter().enumerate() {
            let field = format!("holidays[{place}]");
            if !(1..=100).contains(&holiday.name.trim().chars().count()) {
                problems.push(HoursProblem {
                    field: format!("{field}.name"),
                    message: "must have 1 to 100 characters".to_owned(),
                });
            }
            let twice = self.holidays[..place].iter().any(|other| {
                if holiday.yearly && other.yearly {
                    other.falls_on(holiday.date)
                } else {
                    holiday.yearly == other.yearly && holiday.date == other.date
                }
            });
            if twice {
                problems.push(HoursProblem {
                    field: format!("{field}.date"),
                    message: "is listed twice: give each day once".to_owned(),
                });
            }
            check_day(&format!("{field}.hours"), &holiday.hours, &mut problems);
        }
        problems
    }
}

fn check_day(field: &str, intervals: &[Interval], problems: &mut Vec<HoursProblem>) {
    if intervals.len() > MAX_INTERVALS {
        let message = format!("must not be more than {MAX_INTERVALS} intervals");
        problems.push(HoursProblem { field: field.to_owned(), message });
        return;
    }
    for (place, interval) in intervals.iter().enumerate() {
        let mut refuse = |part: &str, message: &str| {
            let field = format!("{field}[{place}].{part}");
            problems.push(HoursProblem { field, message: message.to_owned() });
        };
        if interval.opens == TimeOfDay::END {
            refuse("opens", "must be before 24:00: put it on the next day as 00:00");
        } else if interval.opens == interval.closes {
            refuse("closes", "must differ from opens; a whole day is 00:00 to 24:00");
        } else if interval.closes == TimeOfDay::MIDNIGHT {
            refuse("closes", "must be 24:00 for the end of the day");
        } else if intervals[..place].last().is_some_and(|before| before.end() > interval.opens.0) {
            refuse("opens", "must not be before the interval above it has closed");
        }
    }
}

#[cfg(test)]
mod tests;
