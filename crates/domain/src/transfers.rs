//! Whom callers are connected with: people of the business, what they answer for, and when they may be rung.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::escalation::RING_SECONDS;
use crate::hours::BusinessHours;
use crate::notification_settings::SettingsProblem;
use crate::phone::PhoneNumber;
use crate::words::words;

/// Most people a business can name.
pub const MAX_TARGETS: usize = 20;
/// Most subjects of one person.
pub const MAX_TOPICS: usize = 20;
/// Longest name, role or subject, in characters.
pub const MAX_CHARS: usize = 100;
/// Most people who are rung for one caller: nobody waits longer for a sixth.
pub const MAX_RUNG: usize = 5;

/// How a caller is connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferMode {
    /// The person is told first what it is about, and takes the call by a key; else the caller comes back to the agent.
    #[default]
    Warm,
    /// The person's telephone rings, and the agent is out of it.
    Blind,
}

/// What callers hear while they wait, beside the words that say who is being tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldMusic {
    /// Music between the words.
    #[default]
    Music,
    /// The words only, with pauses.
    Words,
}

/// When somebody may be rung.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// While the business is open; always where it gave no hours.
    #[default]
    BusinessHours,
    /// At any time.
    Always,
    /// At hours of their own.
    Own(BusinessHours),
}

impl Availability {
    fn allows(&self, business: Option<&BusinessHours>, tz: Tz, at: DateTime<Utc>) -> bool {
        match self {
            Self::BusinessHours => business.is_none_or(|hours| hours.is_open(at, tz)),
            Self::Always => true,
            Self::Own(hours) => hours.is_open(at, tz),
        }
    }
}

/// Somebody whom callers can be connected with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferTarget {
    /// Their name.
    pub name: String,
    /// What they are, such as "account manager".
    #[serde(default)]
    pub role: String,
    /// What they answer for, such as "invoices".
    #[serde(default)]
    pub topics: Vec<String>,
    /// Their telephone.
    pub phone: PhoneNumber,
    /// When it may ring.
    #[serde(default)]
    pub available: Availability,
}

/// What a business says of connecting callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferSettings {
    /// How.
    pub mode: TransferMode,
    /// How long each telephone rings, in seconds.
    pub ring_seconds: u32,
    /// What callers hear meanwhile.
    pub hold_music: HoldMusic,
    /// With whom.
    pub targets: Vec<TransferTarget>,
}

impl Default for TransferSettings {
    fn default() -> Self {
        // About five rings: before most mailboxes answer.
        Self {
            mode: TransferMode::default(),
            ring_seconds: 25,
            hold_music: HoldMusic::default(),
            targets: Vec::new(),
        }
    }
}

/// Somebody who can be rung now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colleague {
    /// Their name.
    pub name: String,
    /// What they are; may be empty.
    pub role: String,
    /// What they answer for.
    pub topics: Vec<String>,
    /// Their telephone.
    pub phone: PhoneNumber,
}

impl TransferSettings {
    /// What can't be used, field by field. Empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<SettingsProblem> {
        let mut problems = Vec::new();
        let mut refuse = |field: String, message: String| problems.push(SettingsProblem { field, message });
        if !RING_SECONDS.contains(&self.ring_seconds) {
            let (least, most) = (RING_SECONDS.start(), RING_SECONDS.end());
            refuse("ring_seconds".to_owned(), format!("must be {least} to {most}"));
        }
        if self.targets.len() > MAX_TARGETS {
            refuse("targets".to_owned(), format!("must not be more than {MAX_TARGETS}"));
        }
        for (place, target) in self.targets.iter().enumerate() {
            let field = format!("targets[{place}]");
            if words(&target.name).is_empty() || target.name.chars().count() > MAX_CHARS {
                refuse(
                    format!("{field}.name"),
                    format!("must have a word, and at most {MAX_CHARS} characters"),
                );
            }
            if target.role.chars().count() > MAX_CHARS {
                refuse(format!("{field}.role"), format!("must have at most {MAX_CHARS} characters"));
            }
            if target.topics.len() > MAX_TOPICS {
                refuse(format!("{field}.topics"), format!("must not be more than {MAX_TOPICS}"));
            }
            for (nth, topic) in target.topics.iter().enumerate() {
                if words(topic).is_empty() || topic.chars().count() > MAX_CHARS {
                    let message = format!("must have a word, and at most {MAX_CHARS} characters");
                    refuse(format!("{field}.topics[{nth}]"), message);
                }
            }
            if !crate::dialling::may_be_called(&target.phone) {
                refuse(format!("{field}.phone"), "is a number that is not called from here".to_owned());
            }
            if self.targets[..place].iter().any(|other| other.phone == target.phone) {
                refuse(format!("{field}.phone"), "is listed twice: give each person once".to_owned());
            }
            if let Availability::Own(hours) = &target.available {
                for problem in hours.problems() {
                    refuse(format!("{field}.hours.{}", problem.field), problem.message);
                }
            }
        }
        problems
    }

    /// Who can be rung at a moment, whoever goes for everybody first. `usual` is the business's own number for
    /// transfers with the name of who is there; it may be one of the people.
    #[must_use]
    pub fn reachable(
        &self,
        usual: Option<(&str, &PhoneNumber)>,
        business: Option<&BusinessHours>,
        tz: Tz,
        at: DateTime<Utc>,
    ) -> Vec<Colleague> {
        let mut people: Vec<Colleague> = self
            .targets
            .iter()
            .filter(|target| target.available.allows(business, tz, at))
            .map(|target| Colleague {
                name: target.name.clone(),
                role: target.role.clone(),
                topics: target.topics.clone(),
                phone: target.phone.clone(),
            })
            .collect();
        let Some((name, phone)) = usual else { return people };
        if let Some(place) = people.iter().position(|person| person.phone == *phone) {
            people[..=place].rotate_right(1);
        } else if self.targets.iter().all(|target| target.phone != *phone)
            && Availability::BusinessHours.allows(business, tz, at)
        {
            let usual = Colleague {
                name: name.to_owned(),
                role: String::new(),
                topics: Vec::new(),
                phone: phone.clone(),
            };
            people.insert(0, usual);
        }
        people
    }
}

/// Who is rung for a caller who wants somebody or something, one after the other: those who fit, best first, then
/// whoever goes for everybody; or, when nobody fits, everybody in their order.
#[must_use]
pub fn in_order(people: &[Colleague], wanted: &str) -> Vec<Colleague> {
    let wanted = words(wanted);
    let mut fitting: Vec<(usize, &Colleague)> =
        people.iter().map(|person| (fits(person, &wanted), person)).filter(|(fit, _)| *fit > 0).collect();
    // Stable: among equals the business's own order.
    fitting.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
    let mut order: Vec<Colleague> = fitting.into_iter().map(|(_, person)| person.clone()).collect();
    let others = if order.is_empty() { people } else { &people[..people.len().min(1)] };
    for person in others {
        if !order.contains(person) {
            order.push(person.clone());
        }
    }
    order.truncate(MAX_RUNG);
    order
}

/// How well somebody fits: a name says more than a role, a role more than a subject.
fn fits(person: &Colleague, wanted: &[String]) -> usize {
    let is_wanted = |word: &String| wanted.iter().any(|said| alike(said, word));
    let whole = |text: &str| {
        let words = words(text);
        !words.is_empty() && words.iter().all(is_wanted)
    };
    // Of a name one part is enough: nobody says all of it. Not "the" of "the studio".
    let named =
        words(&person.name).iter().any(|word| word.chars().count() > 2 && word != "the" && is_wanted(word));
    let topics = person.topics.iter().filter(|topic| whole(topic)).count();
    usize::from(named) * 100 + usize::from(whole(&person.role)) * 30 + topics.min(9)
}

/// "invoice" and "invoices".
fn alike(said: &str, word: &str) -> bool {
    let (short, long) = if said.len() < word.len() { (said, word) } else { (word, said) };
    long == short || (short.chars().count() >= 4 && long.starts_with(short) && long.len() - short.len() <= 2)
}

/// What somebody hears who is to take a caller: who calls them, and what it is about.
#[must_use]
pub fn announcement(business: &str, caller: Option<&str>, about: &str) -> (String, String) {
    let opening = format!("This is a call from {business}.");
    let caller = caller.map(str::trim).filter(|name| !name.is_empty()).unwrap_or("A caller");
    let about = about.trim().trim_end_matches(['.', '!', '?']);
    let summary = if about.is_empty() {
        format!("{caller} would like to speak with you.")
    } else {
        format!("{caller} would like to speak with you. It is about: {about}.")
    };
    (opening, summary)
}

#[cfg(test)]
mod tests;
