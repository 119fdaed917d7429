use chrono_tz::America::New_York;
use chrono_tz::{Europe, Pacific};
use proptest::prelude::*;

use super::*;

fn hours(json: serde_json::Value) -> BusinessHours {
    serde_json::from_value(json).expect("hours")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// The state at a wall-clock time of New York in winter (UTC-5).
fn check(hours: &BusinessHours, time: &str, open: bool) {
    assert_eq!(hours.is_open(at(&format!("{time}:00-05:00")), New_York), open, "{time}");
}

fn studio() -> BusinessHours {
    hours(serde_json::json!({
        "weekly": {
            "monday": [{"opens": "09:00", "closes": "12:30"}, {"opens": "13:30", "closes": "18:00"}],
            "friday": [{"opens": "18:00", "closes": "02:00"}],
        },
        "holidays": [
            {"date": "2026-01-05", "name": "Inventory", "hours": [{"opens": "10:00", "closes": "11:00"}]},
            {"date": "2020-01-01", "name": "New Year", "yearly": true},
        ],
    }))
}

#[test]
fn a_day_may_have_a_break_and_the_last_minute_is_closed() {
    let studio = studio();
    // 12 January 2026 is a Monday.
    check(&studio, "2026-01-12T08:59", false);
    check(&studio, "2026-01-12T09:00", true);
    check(&studio, "2026-01-12T12:30", false);
    check(&studio, "2026-01-12T13:30", true);
    check(&studio, "2026-01-12T18:00", false);
    check(&studio, "2026-01-13T10:00", false);
}

#[test]
fn an_interval_that_passes_midnight_belongs_to_the_day_it_opens_on() {
    let studio = studio();
    check(&studio, "2026-01-16T23:59", true);
    check(&studio, "2026-01-17T01:59", true);
    check(&studio, "2026-01-17T02:00", false);
    check(&studio, "2026-01-16T01:00", false);
}

#[test]
fn a_holiday_replaces_the_hours_of_its_weekday() {
    let studio = studio();
    check(&studio, "2026-01-05T09:30", false);
    check(&studio, "2026-01-05T10:30", true);
    // New Year 2027 is a Friday; the evening would have been open.
    check(&studio, "2027-01-01T19:00", false);
    let named = |time: &str| studio.holiday_at(at(time), New_York).map(|holiday| holiday.name.as_str());
    assert_eq!(named("2027-01-01T19:00:00-05:00"), Some("New Year"));
    assert_eq!(named("2027-01-02T19:00:00-05:00"), None);
}

#[test]
fn the_next_opening_jumps_over_breaks_weekends_and_holidays() {
    let studio = studio();
    let next = |time: &str| studio.next_opening(at(time), New_York);
    assert_eq!(next("2026-01-12T10:00:00-05:00"), Some(at("2026-01-12T10:00:00-05:00")));
    assert_eq!(next("2026-01-12T12:45:00-05:00"), Some(at("2026-01-12T13:30:00-05:00")));
    assert_eq!(next("2026-01-12T18:00:00-05:00"), Some(at("2026-01-16T18:00:00-05:00")));
    assert_eq!(next("2027-01-01T12:00:00-05:00"), Some(at("2027-01-04T09:00:00-05:00")));
    assert_eq!(
        hours(serde_json::json!({"weekly": {}})).next_opening(at("2026-01-01T00:00:00Z"), New_York),
        None
    );
}

#[test]
fn hours_keep_to_the_wall_when_the_clock_changes() {
    let night = hours(serde_json::json!({"weekly": {"sunday": [{"opens": "01:30", "closes": "02:30"}]}}));
    // 8 March 2026: 02:00 becomes 03:00; half past two does not exist, so it closes at three.
    let open = |time: &str| night.is_open(at(time), New_York);
    assert!(open("2026-03-08T06:30:00Z") && open("2026-03-08T06:59:00Z"));
    assert!(!open("2026-03-08T07:00:00Z"));
    // 1 November 2026: 02:00 becomes 01:00; open from the first half past one, without a break.
    assert!(!open("2026-11-01T05:29:00Z"));
    for time in ["2026-11-01T05:30:00Z", "2026-11-01T06:15:00Z", "2026-11-01T07:29:00Z"] {
        assert!(open(time), "{time}");
    }
    assert!(!open("2026-11-01T07:30:00Z"));
    // Samoa had no 30 December 2011, which would have been a Friday.
    let fridays = hours(serde_json::json!({"weekly": {"friday": [{"opens": "09:00", "closes": "17:00"}]}}));
    let before = at("2011-12-30T09:30:00Z");
    assert_eq!(fridays.next_opening(before, Pacific::Apia), Some(at("2012-01-05T19:00:00Z")));
}

#[test]
fn what_was_not_said_is_always_open() {
    let always = BusinessHours::default();
    assert!(always.problems().is_empty());
    for time in ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-12-31T23:00:00Z"] {
        assert!(always.is_open(at(time), Europe::Berlin), "{time}");
    }
}

#[test]
fn every_problem_names_its_field() {
    let wrong = hours(serde_json::json!({
        "weekly": {
            "monday": [{"opens": "09:00", "closes": "09:00"}],
            "tuesday": [{"opens": "09:00", "closes": "12:00"}, {"opens": "11:00", "closes": "13:00"}],
            "wednesday": [{"opens": "20:00", "closes": "02:00"}, {"opens": "22:00", "closes": "23:00"}],
            "thursday": [{"opens": "24:00", "closes": "02:00"}],
            "friday": [{"opens": "18:00", "closes": "00:00"}],
        },
        "holidays": [
            {"date": "2026-12-25", "name": "Christmas", "yearly": true},
            {"date": "2027-12-25", "name": " ", "yearly": true},
            {"date": "2027-12-25", "name": "This year only"},
        ],
    }));
    let fields: Vec<String> = wrong.problems().into_iter().map(|problem| problem.field).collect();
    assert_eq!(
        fields,
        [
            "weekly.monday[0].closes",
            "weekly.tuesday[1].opens",
            "weekly.wednesday[1].opens",
            "weekly.thursday[0].opens",
            "weekly.friday[0].closes",
            "holidays[1].name",
            "holidays[1].date",
        ]
    );
}

#[test]
fn a_time_of_day_is_read_strictly() {
    for (text, minutes) in [("00:00", Some(0)), ("24:00", Some(1_440)), ("09:05", Some(545))] {
        assert_eq!(text.parse::<TimeOfDay>().ok().map(TimeOfDay::minutes), minutes, "{text}");
    }
    for text in ["", "9:00", "24:01", "12:60", "+1:00", "12:00:00", "noon"] {
        assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
    }
}

fn intervals() -> impl Strategy<Value = Vec<Interval>> {
    prop::collection::btree_set(0u16..=1_440, 0..6).prop_map(|times| {
        let times: Vec<u16> = times.into_iter().collect();
        times
            .chunks_exact(2)
            .map(|pair| Interval { opens: TimeOfDay(pair[0]), closes: TimeOfDay(pair[1]) })
            .collect()
    })
}

prop_compose! {
    fn any_hours()(days in prop::collection::vec(intervals(), 7), late in 0u16..1_440, holiday in 0u64..600)
        -> BusinessHours
    {
        let mut days = days.into_iter();
        let mut day = || days.next().unwrap_or_default();
        let first = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date");
        BusinessHours {
            weekly: Week {
                monday: day(), tuesday: day(), wednesday: day(), thursday: day(), friday: day(), saturday: day(),
                // One night shift that ends a minute before it began.
                sunday: vec![Interval { opens: TimeOfDay(late + 1), closes: TimeOfDay(late.max(1)) }],
            },
            holidays: vec![Holiday {
                date: first + Days::new(holiday), name: "Day off".to_owned(), yearly: false, hours: Vec::new(),
            }],
        }
    }
}

proptest! {
    #[test]
    fn the_next_opening_is_open_and_the_time_before_it_is_not(
        hours in any_hours(),
        minute in 0i64..60 * 24 * 600,
        zone in prop::sample::select(vec![New_York, Europe::Berlin, chrono_tz::Australia::Lord_Howe,
            chrono_tz::Africa::Casablanca, chrono_tz::Asia::Kathmandu, chrono_tz::America::Santiago]),
    ) {
        let from = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(minute);
        let opening = hours.next_opening(from, zone).expect("Sunday nights are open");
        prop_assert!(opening >= from && hours.is_open(opening, zone));
        let closed = (opening - from).num_minutes();
        for part in 0..20 {
            let between = from + TimeDelta::minutes(closed * part / 20);
            prop_assert!(between >= opening || !hours.is_open(between, zone), "{between}");
        }
    }

    #[test]
    fn hours_survive_their_json(hours in any_hours()) {
        let json = serde_json::to_value(&hours).expect("json");
        prop_assert_eq!(serde_json::from_value::<BusinessHours>(json).expect("hours"), hours);
    }

    #[test]
    fn a_week_without_holidays_repeats_where_the_clock_never_changes(hours in any_hours(), minute in 0i64..10_080) {
        let hours = BusinessHours { holidays: Vec::new(), ..hours };
        let first = at("2026-01-05T00:00:00Z") + TimeDelta::minutes(minute);
        let later = first + TimeDelta::days(7 * 20);
        prop_assert_eq!(hours.is_open(first, chrono_tz::UTC), hours.is_open(later, chrono_tz::UTC));
    }

    #[test]
    fn any_text_is_answered_without_panic(text in ".*") {
        let _ = text.parse::<TimeOfDay>();
    }
}
