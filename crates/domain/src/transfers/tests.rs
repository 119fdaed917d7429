use chrono::TimeZone as _;

use super::*;
use crate::hours::{Interval, Week};

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, None).unwrap()
}

fn target(name: &str, role: &str, topics: &[&str], phone: &str) -> TransferTarget {
    TransferTarget {
        name: name.into(),
        role: role.into(),
        topics: topics.iter().map(|&topic| topic.into()).collect(),
        phone: number(phone),
        available: Availability::default(),
    }
}

fn agency() -> TransferSettings {
    TransferSettings {
        targets: vec![
            target("Dana Reed", "account manager", &["new projects"], "+15135550142"),
            target("Sam Okafor", "bookkeeper", &["invoices", "payment"], "+15135550143"),
            target("Robin Sato", "developer", &["website down", "hosting"], "+15135550144"),
        ],
        ..TransferSettings::default()
    }
}

fn names(people: &[Colleague]) -> Vec<&str> {
    people.iter().map(|person| person.name.as_str()).collect()
}

/// Monday, 16 November 2026, at an hour in UTC.
fn monday(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 16, hour, 0, 0).unwrap()
}

fn nine_to_five() -> BusinessHours {
    let day = vec![Interval { opens: "09:00".parse().unwrap(), closes: "17:00".parse().unwrap() }];
    BusinessHours { weekly: Week { monday: day, ..Week::default() }, ..BusinessHours::default() }
}

#[test]
fn who_is_rung_follows_from_what_is_wanted() {
    let desk = number("+15135550199");
    let people = agency().reachable(Some(("the studio", &desk)), None, Tz::UTC, monday(3));
    for (wanted, expect) in [
        ("can i speak to sam please", &["Sam Okafor", "the studio"][..]),
        ("I want Mrs. Reed", &["Dana Reed", "the studio"]),
        ("your bookkeeper", &["Sam Okafor", "the studio"]),
        ("I have a question about an invoice", &["Sam Okafor", "the studio"]),
        ("our website is down", &["Robin Sato", "the studio"]),
        // The website alone is nobody's.
        ("it is about the website", &["the studio", "Dana Reed", "Sam Okafor", "Robin Sato"]),
        ("dana, it is about the payment", &["Dana Reed", "Sam Okafor", "the studio"]),
        ("a person", &["the studio", "Dana Reed", "Sam Okafor", "Robin Sato"]),
        ("", &["the studio", "Dana Reed", "Sam Okafor", "Robin Sato"]),
    ] {
        assert_eq!(names(&in_order(&people, wanted)), expect, "{wanted:?}");
    }
    assert!(in_order(&[], "sam").is_empty());
}

#[test]
fn the_usual_number_comes_first_and_only_once() {
    let sam = number("+15135550143");
    let people = agency().reachable(Some(("the team", &sam)), None, Tz::UTC, monday(12));
    assert_eq!(names(&people), ["Sam Okafor", "Dana Reed", "Robin Sato"]);
    let alone = TransferSettings::default().reachable(Some(("Dana", &sam)), None, Tz::UTC, monday(12));
    assert_eq!(names(&alone), ["Dana"]);
    assert!(TransferSettings::default().reachable(None, None, Tz::UTC, monday(12)).is_empty());
}

#[test]
fn nobody_is_rung_outside_their_hours() {
    let desk = number("+15135550199");
    let mut settings = agency();
    settings.targets[1].available = Availability::Always;
    let evening = BusinessHours {
        weekly: Week {
            monday: vec![Interval { opens: "18:00".parse().unwrap(), closes: "22:00".parse().unwrap() }],
            ..Week::default()
        },
        ..BusinessHours::default()
    };
    settings.targets[2].available = Availability::Own(evening);
    let hours = nine_to_five();
    let at = |hour| settings.reachable(Some(("the studio", &desk)), Some(&hours), Tz::UTC, monday(hour));
    assert_eq!(names(&at(10)), ["the studio", "Dana Reed", "Sam Okafor"]);
    assert_eq!(names(&at(20)), ["Sam Okafor", "Robin Sato"]);
    assert_eq!(names(&at(3)), ["Sam Okafor"]);
    // A usual number that is somebody's rings at their hours.
    let dana = number("+15135550142");
    let people = settings.reachable(Some(("the studio", &dana)), Some(&hours), Tz::UTC, monday(3));
    assert_eq!(names(&people), ["Sam Okafor"]);
}

#[test]
fn what_can_not_be_used_is_told_field_by_field() {
    assert!(agency().problems().is_empty());
    let mut wrong = agency();
    wrong.ring_seconds = 5;
    wrong.targets[0].name = " ".into();
    wrong.targets[1].phone = number("+19005550100");
    wrong.targets[2].phone = number("+15135550142");
    wrong.targets[2].topics = vec!["!".into()];
    let fields: Vec<String> = wrong.problems().into_iter().map(|problem| problem.field).collect();
    assert_eq!(
        fields,
        ["ring_seconds", "targets[0].name", "targets[1].phone", "targets[2].topics[0]", "targets[2].phone"]
    );
    let many = TransferSettings { targets: vec![agency().targets[0].clone(); 21], ..agency() };
    assert!(many.problems().iter().any(|problem| problem.field == "targets"));
}

#[test]
fn the_announcement_says_who_and_what() {
    let (opening, summary) = announcement("Aurora", Some("Maria of Northwind"), "the shop is down!");
    assert_eq!(opening, "This is a call from Aurora.");
    assert_eq!(summary, "Maria of Northwind would like to speak with you. It is about: the shop is down.");
    assert_eq!(announcement("Aurora", None, " ").1, "A caller would like to speak with you.");
}
