//! A moment as callers say it: "tomorrow at ten", "friday afternoon", "in half an hour".

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::dates::{self, When};
use super::numbers::{self, read as read_number, tokens};

/// A part of a day and the time that is meant by it.
const PARTS: &[(&str, u32)] =
    &[("morning", 10), ("noon", 12), ("lunchtime", 12), ("afternoon", 14), ("evening", 17)];

/// The moment that is meant, on the business's own wall; `None` when there is no time of day in the words. An hour
/// without "a m" or "p m" is one at which businesses are open: 8 to 12, or 1 to 7 in the afternoon. A time without a day is
/// the next one.
#[must_use]
pub fn read(text: &str, now: NaiveDateTime) -> Option<NaiveDateTime> {
    // "Call me at five one three, five five five …" tells a number, not a time.
    if numbers::digits(text).len() >= 6 {
        return None;
    }
    let tokens = tokens(text);
    if let Some(later) = span(&tokens) {
        return Some(now + later);
    }
    let time = clock(&tokens).or_else(|| part_of_day(&tokens))?;
    let date = match dates::read(text, now.date()) {
        Some(When::On(day) | When::Within(day, _)) => Some(day),
        Some(When::Soonest | When::Flexible) | None => None,
    };
    let date = date.or_else(|| named(&tokens, now.date()));
    let at = date.unwrap_or(now.date()).and_time(time);
    match date {
        None if at <= now => at.checked_add_days(Days::new(1)),
        _ => Some(at),
    }
}

fn named(tokens: &[String], today: NaiveDate) -> Option<NaiveDate> {
    let is_said = |word: &str| tokens.iter().any(|token| token == word);
    if is_said("tomorrow") {
        return today.checked_add_days(Days::new(1));
    }
    (is_said("today") || is_said("tonight")).then_some(today)
}

/// "In two hours", "in half an hour", "in an hour", "in twenty minutes".
fn span(tokens: &[String]) -> Option<TimeDelta> {
    let at = tokens.iter().position(|token| token == "in")?;
    let rest = &tokens[at + 1..];
    let unit = rest
        .iter()
        .take(4)
        .position(|token| matches!(token.as_str(), "hour" | "hours" | "minute" | "minutes"))?;
    let minutes = if rest[unit].starts_with("hour") { 60.0 } else { 1.0 };
    let before = &rest[..unit];
    let count = match before.first().map(String::as_str) {
        Some("half") => 0.5,
        Some("a" | "an") => 1.0,
        _ => read_number(before)?.value,
    };
    #[expect(clippy::cast_possible_truncation, reason = "bounded right below")]
    let total = (count * minutes).round() as i64;
    (1..=24 * 60).contains(&total).then(|| TimeDelta::minutes(total))
}

/// "At ten", "at two thirty", "at 3 pm", "at half past nine", "at 14:30".
fn clock(tokens: &[String]) -> Option<NaiveTime> {
    (0..tokens.len()).find_map(|at| {
        let behind = |word: &str| tokens[at] == word;
        if behind("at") || behind("around") || behind("after") || behind("about") {
            return hour_and_minute(&tokens[at + 1..]);
        }
        // "Ten o'clock", "three pm": the hour without "at".
        let marked =
            tokens.get(at + 1).is_some_and(|next| is_half_of_day(next).is_some() || next == "o'clock");
        marked.then(|| hour_and_minute(&tokens[at..])).flatten()
    })
}

fn is_half_of_day(token: &str) -> Option<bool> {
    match token {
        "pm" | "p" => Some(true),
        "am" | "a" => Some(false),
        _ => None,
    }
}

fn hour_and_minute(tokens: &[String]) -> Option<NaiveTime> {
    let (past, tokens) = match tokens {
        [half, past, rest @ ..] if half == "half" && past == "past" => (30, rest),
        [quarter, past, rest @ ..] if quarter == "quarter" && past == "past" => (15, rest),
        _ => (0, tokens),
    };
    let first = tokens.first()?;
    let (hour, minute, used) = match first.split_once(':') {
        Some((hour, minute)) => (hour.parse().ok()?, minute.parse().ok()?, 1),
        None => {
            let found = read_small(&tokens[..1])?;
            match tokens.get(1..2).and_then(read_small).filter(|minute| *minute >= 10 && *minute < 60) {
                Some(tens) => {
                    match tokens.get(2..3).and_then(read_small).filter(|one| tens % 10 == 0 && *one < 10) {
                        Some(one) => (found, tens + one, 3),
                        None => (found, tens, 2),
                    }
                }
                None => (found, past, 1),
            }
        }
    };
    let half = tokens.get(used).and_then(|token| is_half_of_day(token));
    let hour = match (half, hour) {
        (Some(true), 1..=11) => hour + 12,
        (Some(false), 12) => 0,
        (None, 1..=7) => hour + 12,
        _ => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

fn read_small(tokens: &[String]) -> Option<u32> {
    let value = read_number(tokens)?.value;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded and whole")]
    let small = (0.0..60.0).contains(&value).then_some(value as u32);
    small.filter(|small| (f64::from(*small) - value).abs() < f64::EPSILON)
}

fn part_of_day(tokens: &[String]) -> Option<NaiveTime> {
    let (_, hour) = PARTS.iter().find(|(part, _)| tokens.iter().any(|token| token == part))?;
    NaiveTime::from_hms_opt(*hour, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_said() {
        // A Saturday, a quarter past three in the afternoon.
        let now = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap().and_hms_opt(15, 15, 0).unwrap();
        for (text, expect) in [
            ("call me back tomorrow at ten", Some("2026-11-22 10:00")),
            ("tomorrow at two thirty", Some("2026-11-22 14:30")),
            ("can you call me at 5 pm", Some("2026-11-21 17:00")),
            // It is past nine: the next one.
            ("call me at nine", Some("2026-11-22 09:00")),
            ("call me at half past four", Some("2026-11-21 16:30")),
            ("on monday at eleven", Some("2026-11-23 11:00")),
            ("monday morning", Some("2026-11-23 10:00")),
            ("tomorrow afternoon please", Some("2026-11-22 14:00")),
            ("in half an hour", Some("2026-11-21 15:45")),
            ("in two hours", Some("2026-11-21 17:15")),
            ("in an hour", Some("2026-11-21 16:15")),
            ("please call me back", None),
            ("call me at five one three five five five zero one four two", None),
            ("call me tomorrow", None),
            ("call me back about the website", None),
        ] {
            let expect = expect.map(|at| NaiveDateTime::parse_from_str(at, "%Y-%m-%d %H:%M").unwrap());
            assert_eq!(read(text, now), expect, "{text:?}");
        }
    }
}
