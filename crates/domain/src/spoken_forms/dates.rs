//! Dates, deadlines and spans of time.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::numbers::{read as read_number, read_ordinal, tokens};
use super::speak;
use crate::language::has_phrase_of;
use crate::words::words;

/// When something is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A day.
    On(NaiveDate),
    /// Any day of a span, ends included.
    Within(NaiveDate, NaiveDate),
    /// As soon as possible.
    Soonest,
    /// No deadline.
    Flexible,
}

impl When {
    /// The normal form: `2026-03-31`, `2026-03-01..2026-03-31`, `as soon as possible`, `flexible`.
    #[must_use]
    pub fn value(self) -> String {
        match self {
            Self::On(day) => day.to_string(),
            Self::Within(from, to) => format!("{from}..{to}"),
            Self::Soonest => "as soon as possible".to_owned(),
            Self::Flexible => "flexible".to_owned(),
        }
    }

    /// The words to say it with.
    #[must_use]
    pub fn spoken(self, today: NaiveDate) -> String {
        match self {
            Self::On(day) => speak::date(day, today),
            Self::Within(from, to) => {
                let whole_month = from.day() == 1 && end_of_month(from.year(), from.month()) == Some(to);
                if whole_month {
                    speak::month(from.month()).to_owned()
                } else {
                    format!("between {} and {}", speak::date(from, today), speak::date(to, today))
                }
            }
            Self::Soonest => "as soon as possible".to_owned(),
            Self::Flexible => "no fixed deadline".to_owned(),
        }
    }
}

/// Whether the words can be the whole of a date, for endpointing; needs no clock.
pub(crate) fn may_be_complete(text: &str) -> bool {
    NaiveDate::from_ymd_opt(2026, 1, 15).is_some_and(|day| read(text, day).is_some())
}

/// Reads a date or a span. `today` is the business's own date.
#[must_use]
pub fn read(text: &str, today: NaiveDate) -> Option<When> {
    let said = words(text);
    if has_phrase_of("soonest", &said) {
        return Some(When::Soonest);
    }
    let all = tokens(text);
    let tokens = after_correction(&all, today);
    if let Some(when) = find(tokens, today) {
        return Some(when);
    }
    has_phrase_of("flexible", &said).then_some(When::Flexible)
}

/// The tokens after the last "no", "make that", "actually", when a date follows.
fn after_correction(tokens: &[String], today: NaiveDate) -> &[String] {
    let cut = tokens
        .iter()
        .rposition(|t| matches!(t.as_str(), "no" | "actually" | "sorry" | "mean" | "that" | "rather"));
    match cut {
        Some(cut) if find(&tokens[cut + 1..], today).is_some() => &tokens[cut + 1..],
        _ => tokens,
    }
}

/// Reads one form of date at the start of some tokens.
type Matcher = fn(&[String], NaiveDate) -> Option<When>;

fn find(tokens: &[String], today: NaiveDate) -> Option<When> {
    let matchers: [Matcher; 6] = [part_of, span, day_of_month, named_day, period, bare_month];
    (0..tokens.len().min(60)).find_map(|i| tokens[i].parse::<NaiveDate>().ok()).map(When::On).or_else(|| {
        matchers
            .iter()
            .find_map(|matcher| (0..tokens.len().min(60)).find_map(|i| matcher(&tokens[i..], today)))
    })
}

fn word(tokens: &[String], i: usize) -> &str {
    tokens.get(i).map_or("", String::as_str)
}

fn month_of(word: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    NAMES.iter().position(|n| *n == word || (word.len() == 3 && n.starts_with(word))).map(|i| i as u32 + 1)
}

fn weekday_of(word: &str) -> Option<Weekday> {
    let word = word.strip_suffix('s').unwrap_or(word);
    (word.len() > 4).then(|| word.parse().ok()).flatten()
}

fn end_of_month(year: i32, month: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)?.checked_add_months(Months::new(1))?.pred_opt()
}

/// The year of the next such month that is not over.
fn year_for(month: u32, today: NaiveDate) -> i32 {
    if month < today.month() { today.year() + 1 } else { today.year() }
}

/// A year said after a month: "twenty twenty seven", "2027", "next year".
fn said_year(tokens: &[String], today: NaiveDate) -> Option<i32> {
    let first = word(tokens, 0);
    if first == "next" && word(tokens, 1) == "year" {
        return Some(today.year() + 1);
    }
    if let Ok(year) = first.parse::<i32>() {
        return (2000..2100).contains(&year).then_some(year);
    }
    if first == "twenty" {
        let low = read_number(&tokens[1..])?.value as i32;
        return (20..100).contains(&low).then_some(2000 + low);
    }
    None
}

/// The span of a month, quarter, week, year or season named at the start of the tokens.
fn stretch(tokens: &[String], today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let mut i = 0;
    let mut offset = 0;
    while matches!(word(tokens, i), "the" | "next" | "this" | "of" | "coming") {
        if word(tokens, i) == "next" {
            offset = 1;
        }
        i += 1;
    }
    let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d);
    let name = word(tokens, i);
    if let Some(month) = month_of(name) {
        let year = said_year(&tokens[i + 1..], today).unwrap_or_else(|| year_for(month, today));
        return Some((day(year, month, 1)?, end_of_month(year, month)?));
    }
    match name {
        "week" => {
            let monday = today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()))?;
            let start = monday.checked_add_days(Days::new(7 * offset))?;
            Some((start, start.checked_add_days(Days::new(4))?))
        }
        "weekend" => {
            let monday = today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()))?;
            let start = monday.checked_add_days(Days::new(7 * offset + 5))?;
            Some((start, start.succ_opt()?))
        }
        "month" => {
            let start =
                day(today.year(), today.month(), 1)?.checked_add_months(Months::new(offset as u32))?;
            Some((start, end_of_month(start.year(), start.month())?))
        }
        "quarter" => {
            let first = (today.month() - 1) / 3 * 3 + 1;
            let start = day(today.year(), first, 1)?.checked_add_months(Months::new(3 * offset as u32))?;
            Some((start, start.checked_add_months(Months::new(3))?.pred_opt()?))
        }
        "year" => {
            let year = today.year() + offset as i32;
            Some((day(year, 1, 1)?, day(year, 12, 31)?))
        }
        "spring" | "summer" | "fall" | "autumn" | "winter" => {
            let first = match name {
                "spring" => 3,
                "summer" => 6,
                "winter" => 12,
                _ => 9,
            };
            let mut year = today.year();
            let ends = |year| day(year, first, 1)?.checked_add_months(Months::new(3))?.pred_opt();
            if ends(year)? < today {
                year += 1;
            }
            Some((day(year, first, 1)?, ends(year)?))
        }
        _ => {
            let quarter = match (name, word(tokens, i + 1)) {
                ("q", n) => ["one", "two", "three", "four"].iter().position(|w| *w == n),
                (n, "quarter") => ["first", "second", "third", "fourth"].iter().position(|w| *w == n),
                _ => None,
            }? as u32;
            let start_month = quarter * 3 + 1;
            let year = said_year(&tokens[(i + 2).min(tokens.len())..], today)
                .unwrap_or(if start_month + 2 < today.month() { today.year() + 1 } else { today.year() });
            let start = day(year, start_month, 1)?;
            Some((start, start.checked_add_months(Months::new(3))?.pred_opt()?))
        }
    }
}

/// "end of march", "early next year", "middle of the month".
fn part_of(tokens: &[String], today: NaiveDate) -> Option<When> {
    let (part, skip) = match (word(tokens, 0), word(tokens, 1)) {
        ("end" | "ends", "of") | ("beginning" | "start" | "middle", "of") => (word(tokens, 0), 2),
        ("late" | "early" | "mid", _) => (word(tokens, 0), 1),
        _ => return None,
    };
    let (from, to) = stretch(&tokens[skip..], today)?;
    let third = ((to - from).num_days() / 3).max(0) as u64;
    Some(match part {
        "end" | "ends" => When::On(to),
        "late" => When::Within(to.checked_sub_days(Days::new(third))?, to),
        "middle" | "mid" => {
            When::Within(from.checked_add_days(Days::new(third))?, to.checked_sub_days(Days::new(third))?)
        }
        _ => When::Within(from, from.checked_add_days(Days::new(third))?),
    })
}

/// "in three weeks", "six to eight weeks", "a month", "two months from now", "half a year".
fn span(tokens: &[String], today: NaiveDate) -> Option<When> {
    let article = matches!(word(tokens, 0), "a" | "an" | "one") && unit_days(word(tokens, 1)).is_some();
    let (low, high, at) = if word(tokens, 0) == "half" && word(tokens, 1) == "a" && word(tokens, 2) == "year"
    {
        return today.checked_add_months(Months::new(6)).map(When::On);
    } else if article {
        (1.0, 1.0, 1)
    } else {
        let first = read_number(tokens)?;
        let mut at = first.used;
        let mut high = first.value;
        if matches!(word(tokens, at), "to" | "or")
            && let Some(second) = tokens.get(at + 1..).and_then(read_number)
        {
            high = second.value;
            at += 1 + second.used;
        }
        if word(tokens, at) == "of" {
            at += 1;
        }
        (first.value, high, at)
    };
    let unit = word(tokens, at);
    unit_days(unit)?;
    let add = |count: f64| -> Option<NaiveDate> {
        if !(0.0..=600.0).contains(&count) {
            return None;
        }
        match unit {
            "month" | "months" => today
                .checked_add_months(Months::new(count.trunc() as u32))?
                .checked_add_days(Days::new((count.fract() * 30.0).round() as u64)),
            "year" | "years" => today.checked_add_months(Months::new((count * 12.0).round() as u32)),
            _ => today.checked_add_days(Days::new((count * f64::from(unit_days(unit)?)).round() as u64)),
        }
    };
    let (from, to) = (add(low)?, add(high)?);
    Some(if from < to { When::Within(from, to) } else { When::On(from) })
}

fn unit_days(word: &str) -> Option<u32> {
    Some(match word {
        "day" | "days" => 1,
        "week" | "weeks" => 7,
        "month" | "months" => 30,
        "year" | "years" => 365,
        _ => return None,
    })
}

/// "march fifteenth", "the fifteenth of march", "march 15 2027", "the fifteenth".
fn day_of_month(tokens: &[String], today: NaiveDate) -> Option<When> {
    let dated = |month: u32, day: u32, year: Option<i32>| -> Option<When> {
        let mut date = NaiveDate::from_ymd_opt(year.unwrap_or(today.year()), month, day)?;
        if year.is_none() && date < today {
            date = NaiveDate::from_ymd_opt(today.year() + 1, month, day)?;
        }
        Some(When::On(date))
    };
    if let Some(month) = month_of(word(tokens, 0)) {
        let rest = &tokens[1 + usize::from(word(tokens, 1) == "the")..];
        let (day, used) = read_ordinal(rest).or_else(|| {
            let n = read_number(rest)?;
            // "march twenty twenty seven" is a year.
            let year = said_year(rest, today).is_some();
            (!year && n.value.fract() == 0.0 && (1.0..=31.0).contains(&n.value))
                .then_some((n.value as u32, n.used))
        })?;
        return dated(month, day, said_year(&rest[used.min(rest.len())..], today));
    }
    // "the fifteenth": only with its article, or "thirty first" of a wrong date would count.
    let article = usize::from(word(tokens, 0) == "the");
    let (day, ordinal_used) = read_ordinal(&tokens[article..])?;
    let used = article + ordinal_used;
    let after = usize::from(word(tokens, used) == "of");
    if let Some(month) = month_of(word(tokens, used + after)) {
        return dated(month, day, said_year(&tokens[(used + after + 1).min(tokens.len())..], today));
    }
    if article == 1 && tokens.len() == used && (4..=31).contains(&day) {
        let this_month = NaiveDate::from_ymd_opt(today.year(), today.month(), day).filter(|d| *d >= today);
        let next = || {
            let start = NaiveDate::from_ymd_opt(today.year(), today.month(), 1)?
                .checked_add_months(Months::new(1))?;
            NaiveDate::from_ymd_opt(start.year(), start.month(), day)
        };
        return this_month.or_else(next).map(When::On);
    }
    None
}

/// "tomorrow", "next friday", "by monday", "before christmas".
fn named_day(tokens: &[String], today: NaiveDate) -> Option<When> {
    let first = word(tokens, 0);
    let day = match first {
        "today" | "tonight" => today,
        "tomorrow" => today.succ_opt()?,
        "christmas" => {
            let this = NaiveDate::from_ymd_opt(today.year(), 12, 24)?;
            if this >= today { this } else { NaiveDate::from_ymd_opt(today.year() + 1, 12, 24)? }
        }
        "new" if word(tokens, 1).starts_with("year") => NaiveDate::from_ymd_opt(today.year(), 12, 31)?,
        "day" if word(tokens, 1) == "after" && word(tokens, 2) == "tomorrow" => {
            today.checked_add_days(Days::new(2))?
        }
        "next" => {
            let wanted = weekday_of(word(tokens, 1))?;
            // "Next Friday" is the one of the coming week.
            let monday = today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()))?;
            monday.checked_add_days(Days::new(7 + u64::from(wanted.num_days_from_monday())))?
        }
        other => {
            let wanted = weekday_of(other)?;
            let ahead = (7 + wanted.num_days_from_monday() - today.weekday().num_days_from_monday()) % 7;
            today.checked_add_days(Days::new(if ahead == 0 { 7 } else { ahead }.into()))?
        }
    };
    Some(When::On(day))
}

/// "next month", "this quarter", "in the spring", "q two".
fn period(tokens: &[String], today: NaiveDate) -> Option<When> {
    let named =
        matches!(word(tokens, 0), "next" | "this" | "q" | "spring" | "summer" | "fall" | "autumn" | "winter")
            || word(tokens, 1) == "quarter";
    let (from, to) = named.then(|| stretch(tokens, today)).flatten()?;
    Some(When::Within(from, to))
}

/// "march", "in may", "march twenty twenty seven". A lone "may" or "march" inside a long sentence is a verb.
fn bare_month(tokens: &[String], today: NaiveDate) -> Option<When> {
    let lead =
        matches!(word(tokens, 0), "in" | "by" | "until" | "till" | "before" | "around" | "during" | "for");
    let at = usize::from(lead);
    let name = word(tokens, at);
    month_of(name)?;
    if matches!(name, "may" | "march" | "mar" | "sun")
        && !lead
        && tokens.len() > 2
        && said_year(&tokens[at + 1..], today).is_none()
    {
        return None;
    }
    let (from, to) = stretch(&tokens[at..], today)?;
    Some(When::Within(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Saturday.
    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date")
    }

    #[test]
    fn dates_and_spans_are_read() {
        for (text, expect) in [
            ("end of march", "2027-03-31"),
            ("by the end of the year", "2026-12-31"),
            ("end of next month", "2026-12-31"),
            ("in about three months", "2027-02-21"),
            ("in three months", "2027-02-21"),
            ("three months from now", "2027-02-21"),
            ("within two weeks", "2026-12-05"),
            ("a couple of weeks", "2026-12-05"),
            ("six to eight weeks", "2027-01-02..2027-01-16"),
            ("in a month", "2026-12-21"),
            ("half a year", "2027-05-21"),
            ("one and a half years", "2028-05-21"),
            ("next friday", "2026-11-27"),
            ("on monday", "2026-11-23"),
            ("by friday", "2026-11-27"),
            ("tomorrow", "2026-11-22"),
            ("today", "2026-11-21"),
            ("the day after tomorrow", "2026-11-23"),
            ("as soon as possible", "as soon as possible"),
            ("asap", "as soon as possible"),
            ("right away please", "as soon as possible"),
            ("no rush", "flexible"),
            ("we are flexible", "flexible"),
            ("march fifteenth", "2027-03-15"),
            ("the fifteenth of march", "2027-03-15"),
            ("december third", "2026-12-03"),
            ("march 15 2028", "2028-03-15"),
            ("march fifteenth twenty twenty eight", "2028-03-15"),
            ("the thirtieth", "2026-11-30"),
            ("in may", "2027-05-01..2027-05-31"),
            ("maybe in january", "2027-01-01..2027-01-31"),
            ("march", "2027-03-01..2027-03-31"),
            ("next month", "2026-12-01..2026-12-31"),
            ("next year", "2027-01-01..2027-12-31"),
            ("next week", "2026-11-23..2026-11-27"),
            ("first quarter", "2027-01-01..2027-03-31"),
            ("q two next year", "2027-04-01..2027-06-30"),
            ("in the spring", "2027-03-01..2027-05-31"),
            ("before christmas", "2026-12-24"),
            ("early next year", "2027-01-01..2027-05-02"),
            ("2027-01-31", "2027-01-31"),
            ("in march no make that april", "2027-04-01..2027-04-30"),
        ] {
            assert_eq!(read(text, today()).map(When::value).as_deref(), Some(expect), "{text}");
        }
        for text in ["", "i may call you", "we march on", "ten thousand", "maria", "february thirty first"] {
            assert!(!matches!(read(text, today()), Some(When::On(_))), "{text}");
        }
        assert_eq!(read("i may call you later", today()), None);
    }

    #[test]
    fn dates_are_spoken_back() {
        for (text, expect) in [
            ("end of march", "March thirty first"),
            ("in may", "May"),
            ("asap", "as soon as possible"),
            ("six to eight weeks", "between January second and January sixteenth"),
        ] {
            assert_eq!(read(text, today()).map(|w| w.spoken(today())).as_deref(), Some(expect), "{text}");
        }
    }
}
