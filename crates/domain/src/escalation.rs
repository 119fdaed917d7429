//! Whom an emergency call goes to, one after the other, and what follows each of them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::notification_settings::SettingsProblem;
use crate::phone::PhoneNumber;
use crate::urgency::UrgencyRules;

/// Most people on the list.
pub const MAX_PEOPLE: usize = 5;
/// Longest pause after somebody, in seconds.
pub const MAX_PAUSE_SECONDS: u32 = 900;
/// Most phrases of a business's own.
pub const MAX_PHRASES: usize = 200;
/// Longest phrase, in characters.
pub const MAX_PHRASE_CHARS: usize = 100;
/// How long a telephone may ring, in seconds.
pub const RING_SECONDS: std::ops::RangeInclusive<u32> = 10..=60;

/// Beside its ringing an alert takes at most so long: the words twice, the key, the carrier's reports. One that has not
/// been heard of for longer is lost.
const TALK: TimeDelta = TimeDelta::seconds(120);

/// Somebody who is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyPerson {
    /// Their name.
    pub name: String,
    /// Where they are called.
    pub phone: PhoneNumber,
    /// How long to wait after they did not take it, before the next is called, in seconds.
    pub pause_seconds: u32,
}

/// What a business says of emergencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EscalationSettings {
    /// Who is called, in order.
    pub people: Vec<EmergencyPerson>,
    /// How long each telephone rings, in seconds.
    pub ring_seconds: u32,
    /// What is urgent.
    pub urgency: UrgencyRules,
}

impl Default for EscalationSettings {
    fn default() -> Self {
        // About five rings: before most mailboxes answer.
        Self { people: Vec::new(), ring_seconds: 25, urgency: UrgencyRules::default() }
    }
}

impl EscalationSettings {
    /// What can't be used, field by field. Empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<SettingsProblem> {
        let mut problems = Vec::new();
        let mut refuse = |field: String, message: String| problems.push(SettingsProblem { field, message });
        if self.people.len() > MAX_PEOPLE {
            refuse("people".to_owned(), format!("must not be more than {MAX_PEOPLE}"));
        }
        for (place, person) in self.people.iter().enumerate() {
            let field = format!("people[{place}]");
            if !(1..=200).contains(&person.name.trim().chars().count()) {
                refuse(format!("{field}.name"), "must have 1 to 200 characters".to_owned());
            }
            if person.pause_seconds > MAX_PAUSE_SECONDS {
                refuse(format!("{field}.pause_seconds"), format!("must be at most {MAX_PAUSE_SECONDS}"));
            }
            if !crate::dialling::may_be_called(&person.phone) {
                refuse(format!("{field}.phone"), "is a number that is not called from here".to_owned());
            }
            if self.people[..place].iter().any(|other| other.phone == person.phone) {
                refuse(format!("{field}.phone"), "is listed twice: give each person once".to_owned());
            }
        }
        if !RING_SECONDS.contains(&self.ring_seconds) {
            let (least, most) = (RING_SECONDS.start(), RING_SECONDS.end());
            refuse("ring_seconds".to_owned(), format!("must be {least} to {most}"));
        }
        if !(-3..=3).contains(&self.urgency.sensitivity) {
            refuse("sensitivity".to_owned(), "must be -3 (calm) to 3 (nervous)".to_owned());
        }
        if self.urgency.phrases.len() > MAX_PHRASES {
            refuse("phrases".to_owned(), format!("must not be more than {MAX_PHRASES}"));
        }
        for (place, (phrase, score)) in self.urgency.phrases.iter().enumerate() {
            if crate::words::words(phrase).is_empty() || phrase.chars().count() > MAX_PHRASE_CHARS {
                let message = format!("must have a word, and at most {MAX_PHRASE_CHARS} characters");
                refuse(format!("phrases[{place}].phrase"), message);
            }
            if *score > 10 {
                refuse(format!("phrases[{place}].score"), "must be 0 to 10".to_owned());
            }
        }
        problems
    }
}

/// How the call to one person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is being asked for; whether the carrier has it is not known yet.
    Placing,
    /// The carrier has it.
    Ringing,
    /// Somebody, or something, answered.
    Answered,
    /// They took it.
    Acknowledged,
    /// They did not take it.
    Declined,
    /// Nobody answered.
    NoAnswer,
    /// They were talking.
    Busy,
    /// A machine answered.
    Machine,
    /// The call could not be made.
    Failed,
}

impl AlertState {
    /// Whether nothing more comes of it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Placing | Self::Ringing | Self::Answered)
    }

    /// Whether it may become `next`: what is final stays, and nothing is told backwards.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        let rank = |state: Self| match state {
            Self::Placing => 0,
            Self::Ringing => 1,
            Self::Answered => 2,
            _ => 3,
        };
        rank(self) < rank(next)
    }
}

/// The call to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Their place on the list, from 0.
    pub position: usize,
    /// How it stands.
    pub state: AlertState,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Call whoever is at this place; or, if that was begun, find out what became of it.
    Call {
        /// The place on the list.
        position: usize,
    },
    /// The call to whoever is at this place was lost: nobody told how it ended.
    GiveUp {
        /// The place on the list.
        position: usize,
    },
    /// Nothing before this moment.
    WaitUntil(DateTime<Utc>),
    /// Nobody took it.
    Exhausted,
    /// Somebody took it.
    Taken,
}

/// The next step, from the calls made so far, in order.
#[must_use]
pub fn next_step(settings: &EscalationSettings, alerts: &[Alert], now: DateTime<Utc>) -> Step {
    if alerts.iter().any(|alert| alert.state == AlertState::Acknowledged) {
        return Step::Taken;
    }
    let Some(last) = alerts.iter().max_by_key(|alert| alert.position) else {
        return if settings.people.is_empty() { Step::Exhausted } else { Step::Call { position: 0 } };
    };
    let position = last.position;
    if last.state == AlertState::Placing {
        return Step::Call { position };
    }
    if !last.state.is_final() {
        let lost_at = last.since + TimeDelta::seconds(i64::from(settings.ring_seconds)) + TALK;
        return if now < lost_at { Step::WaitUntil(lost_at) } else { Step::GiveUp { position } };
    }
    if position + 1 >= settings.people.len() {
        return Step::Exhausted;
    }
    let pause = settings.people.get(position).map_or(0, |person| person.pause_seconds);
    let due = last.since + TimeDelta::seconds(i64::from(pause));
    if now < due { Step::WaitUntil(due) } else { Step::Call { position: position + 1 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(place: usize) -> EmergencyPerson {
        EmergencyPerson {
            name: format!("Person {place}"),
            phone: PhoneNumber::parse(&format!("+1513555014{place}"), None).unwrap(),
            pause_seconds: 30,
        }
    }

    fn settings(people: usize) -> EscalationSettings {
        EscalationSettings { people: (0..people).map(person).collect(), ..EscalationSettings::default() }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn alert(position: usize, state: AlertState, second: i64) -> Alert {
        Alert { position, state, since: at(second) }
    }

    #[test]
    fn one_after_the_other_is_called_until_somebody_takes_it() {
        use AlertState::*;
        let two = settings(2);
        for (alerts, second, expect) in [
            (vec![], 0, Step::Call { position: 0 }),
            (vec![alert(0, Placing, 0)], 0, Step::Call { position: 0 }),
            (vec![alert(0, Ringing, 0)], 10, Step::WaitUntil(at(145))),
            (vec![alert(0, Answered, 0)], 145, Step::GiveUp { position: 0 }),
            (vec![alert(0, Busy, 5)], 10, Step::WaitUntil(at(35))),
            (vec![alert(0, Machine, 5)], 35, Step::Call { position: 1 }),
            (vec![alert(0, NoAnswer, 5), alert(1, Ringing, 40)], 41, Step::WaitUntil(at(185))),
            (vec![alert(0, Declined, 5), alert(1, Acknowledged, 50)], 60, Step::Taken),
            (vec![alert(0, NoAnswer, 5), alert(1, Failed, 40)], 41, Step::Exhausted),
        ] {
            assert_eq!(next_step(&two, &alerts, at(second)), expect, "{alerts:?}");
        }
        assert_eq!(next_step(&settings(0), &[], at(0)), Step::Exhausted);
    }

    #[test]
    fn reports_that_come_late_change_nothing() {
        use AlertState::*;
        for (from, to, expect) in [
            (Placing, Ringing, true),
            (Ringing, Answered, true),
            (Placing, Busy, true),
            (Answered, Ringing, false),
            (Answered, Answered, false),
            (Acknowledged, Declined, false),
            (Machine, Declined, false),
        ] {
            assert_eq!(from.may_become(to), expect, "{from:?} {to:?}");
        }
    }

    #[test]
    fn every_problem_names_its_field() {
        let wrong = EscalationSettings {
            people: vec![
                person(1),
                EmergencyPerson { name: " ".to_owned(), pause_seconds: 901, ..person(1) },
                EmergencyPerson { phone: PhoneNumber::parse("+19005550123", None).unwrap(), ..person(2) },
            ],
            ring_seconds: 5,
            urgency: UrgencyRules { phrases: vec![("?!".to_owned(), 11)], sensitivity: 4 },
        };
        let fields: Vec<String> = wrong.problems().into_iter().map(|problem| problem.field).collect();
        assert_eq!(
            fields,
            [
                "people[1].name",
                "people[1].pause_seconds",
                "people[1].phone",
                "people[2].phone",
                "ring_seconds",
                "sensitivity",
                "phrases[0].phrase",
                "phrases[0].score",
            ]
        );
        assert_eq!(settings(5).problems(), []);
        assert_eq!(settings(6).problems()[0].field, "people");
    }
}
