//! Which project a caller means, and the two sentences that say how it stands.

use chrono::NaiveDate;

use crate::language::listed;
use crate::spoken_forms::{numbers, speak};
use crate::words::{capitalised, find_loosely, is_close, words};

/// A project's names.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Its name.
    pub name: &'a str,
    /// Other names it goes by.
    pub aliases: &'a [String],
}

/// What a spoken name leads to; positions in the list of projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// This one.
    One(usize),
    /// One of these.
    Several(Vec<usize>),
    /// No project was named.
    None,
}

/// Resolves the project that some words name.
#[must_use]
pub fn find(said: &str, projects: &[Named<'_>]) -> Match {
    let said = words(said);
    let scores: Vec<f32> = projects
        .iter()
        .map(|p| {
            std::iter::once(p.name)
                .chain(p.aliases.iter().map(String::as_str))
                .map(|n| name_score(&said, n))
                .fold(0.0, f32::max)
        })
        .collect();
    let best = scores.iter().copied().fold(0.0, f32::max);
    if best < 0.5 {
        return Match::None;
    }
    let close: Vec<usize> = (0..scores.len()).filter(|&i| scores[i] > best - 0.15).collect();
    match close.as_slice() {
        [only] => Match::One(*only),
        _ => Match::Several(close),
    }
}

/// Resolves an answer to "which one": a name, or its place in the list that was read out.
#[must_use]
pub fn choose(said: &str, offered: &[Named<'_>]) -> Match {
    let by_name = find(said, offered);
    if by_name != Match::None {
        return by_name;
    }
    let spoken = words(said);
    let place = numbers::ordinal(said)
        .or_else(|| numbers::number(said).filter(|n| spoken.len() <= 3 && n.fract() == 0.0).map(|n| n as u32))
        .or_else(|| find_loosely(&spoken, &words("last one")).map(|_| offered.len() as u32));
    match place {
        Some(place) if (1..=offered.len() as u32).contains(&place) => Match::One(place as usize - 1),
        _ => Match::None,
    }
}

/// 1 for a name said whole, less for parts of it.
fn name_score(said: &[String], name: &str) -> f32 {
    let name = words(name);
    if name.is_empty() {
        return 0.0;
    }
    let joined: String = name.concat();
    if find_loosely(said, &name).is_some() || said.contains(&joined) {
        // Longer names are more telling: "online shop" over "shop".
        return 1.0 + 0.1 * (name.len() as f32 - 1.0);
    }
    let telling: Vec<&String> = name.iter().filter(|w| !listed("stopwords", w)).collect();
    let found = telling.iter().filter(|w| said.iter().any(|s| is_close(s, w))).count();
    if telling.is_empty() { 0.0 } else { 0.9 * found as f32 / telling.len() as f32 }
}

/// What is known of a project's state.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Normalised status: `planned`, `active`, `at_risk`, `on_hold`, `in_review`, `done`, `cancelled`.
    pub status: &'a str,
    /// The last update.
    pub last_update: Option<&'a str>,
    /// The next milestone.
    pub next_milestone: Option<&'a str>,
    /// When it is due.
    pub due_on: Option<NaiveDate>,
    /// Hours since the data was fresh; `None` when entered by hand.
    pub stale_hours: Option<u32>,
}

/// Says how a project stands: status and last update, then milestone and due date; a third sentence only
/// when the data is older than `sync_hours`. Nothing is said that is not known.
#[must_use]
pub fn status_sentences(facts: &Facts<'_>, today: NaiveDate, sync_hours: u32) -> Vec<String> {
    let status = status_words(facts.status);
    let update = facts.last_update.map(str::trim).filter(|u| !u.is_empty()).map(|u| u.trim_end_matches('.'));
    let mut sentences = vec![match update {
        Some(update) => format!("{} {status}: {}.", facts.name, in_mid_sentence(update)),
        None => format!("{} {status}.", facts.name),
    }];
    let finished = matches!(facts.status, "done" | "cancelled");
    let milestone = facts.next_milestone.map(str::trim).filter(|m| !m.is_empty() && !finished);
    let due = facts.due_on.filter(|_| !finished).map(|due| {
        let day = speak::date(due, today);
        if due < today { format!("was due on {day}") } else { format!("due on {day}") }
    });
    match (milestone, due) {
        (Some(milestone), Some(due)) => sentences.push(format!("The next step is {milestone}, {due}.")),
        (Some(milestone), None) => sentences.push(format!("The next step is {milestone}.")),
        (None, Some(due)) => {
            let due = due.strip_prefix("due").map_or_else(|| due.clone(), |rest| format!("is due{rest}"));
            sentences.push(format!("It {due}."));
        }
        (None, None) => {}
    }
    if let Some(hours) = facts.stale_hours.filter(|h| *h > sync_hours) {
        let age = match hours {
            0..=47 => format!("{} hours", speak::number(hours.into())),
            _ => format!("{} days", speak::number(u64::from(hours / 24))),
        };
        sentences.push(format!("That was the state {age} ago."));
    }
    sentences
}

fn status_words(status: &str) -> String {
    match status {
        "planned" => "is planned and has not started yet".to_owned(),
        "active" => "is in progress and on track".to_owned(),
        "at_risk" => "is in progress, but at risk of a delay".to_owned(),
        "on_hold" => "is on hold at the moment".to_owned(),
        "in_review" => "is in review".to_owned(),
        "done" => "is finished".to_owned(),
        "cancelled" => "was cancelled".to_owned(),
        other => format!("is {}", other.replace('_', " ")),
    }
}

/// A sentence's first word made small where it is an ordinary word, so that names keep their capital.
fn in_mid_sentence(sentence: &str) -> String {
    let first = sentence.split_whitespace().next().unwrap_or_default();
    let ordinary = listed("stopwords", &first.to_lowercase())
        || ["All", "Second", "First", "Two", "Three"].contains(&first);
    if ordinary && first != "I" {
        let mut letters = sentence.chars();
        letters.next().map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
    } else {
        sentence.to_owned()
    }
}

/// "Packaging Design or Online Shop": names to choose from.
#[must_use]
pub fn choices(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => capitalised(only),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, expect: &Match) {
        let aliases: [Vec<String>; 3] = [
            ["packaging", "package", "bags", "labels", "coffee bags"].map(String::from).to_vec(),
            ["shop", "store", "web shop", "e-commerce"].map(String::from).to_vec(),
            ["website", "site", "homepage"].map(String::from).to_vec(),
        ];
        let names = ["Packaging Design", "Online Shop", "Bakery Website"];
        let projects: Vec<Named<'_>> =
            names.iter().zip(&aliases).map(|(name, aliases)| Named { name, aliases }).collect();
        assert_eq!(&find(said, &projects), expect, "{said}");
    }

    #[test]
    fn names_and_aliases_lead_to_their_project() {
        check("how is the packaging design coming along", &Match::One(0));
        check("what about the coffee bags", &Match::One(0));
        check("the online shop please", &Match::One(1));
        check("how is the e commerce project", &Match::One(1));
        check("the store", &Match::One(1));
        check("how's my website", &Match::One(2));
        check("the bakery websites", &Match::One(2));
        check("how is my project", &Match::None);
        check("the shop and the packaging", &Match::Several(vec![0, 1]));
        check("", &Match::None);
    }

    #[test]
    fn one_of_a_few_can_be_chosen_by_its_place() {
        let offered =
            [Named { name: "Packaging Design", aliases: &[] }, Named { name: "Online Shop", aliases: &[] }];
        assert_eq!(choose("the second one", &offered), Match::One(1));
        assert_eq!(choose("the first", &offered), Match::One(0));
        assert_eq!(choose("the last one please", &offered), Match::One(1));
        assert_eq!(choose("the shop", &offered), Match::None);
        assert_eq!(choose("online shop", &offered), Match::One(1));
        assert_eq!(choose("neither", &offered), Match::None);
    }

    #[test]
    fn a_status_is_two_sentences_and_tells_its_age_only_when_old() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date");
        let facts = Facts {
            name: "Bakery Website",
            status: "in_review",
            last_update: Some("The homepage design is ready for your review."),
            next_milestone: Some("content upload"),
            due_on: NaiveDate::from_ymd_opt(2026, 12, 5),
            stale_hours: Some(2),
        };
        assert_eq!(
            status_sentences(&facts, today, 24),
            [
                "Bakery Website is in review: the homepage design is ready for your review.",
                "The next step is content upload, due on December fifth.",
            ]
        );
        let old = Facts { stale_hours: Some(72), next_milestone: None, ..facts };
        assert_eq!(
            status_sentences(&old, today, 24)[1..],
            ["It is due on December fifth.", "That was the state three days ago."]
        );
        let bare =
            Facts { last_update: None, next_milestone: None, due_on: None, stale_hours: None, ..facts };
        assert_eq!(status_sentences(&bare, today, 24), ["Bakery Website is in review."]);
        let done = Facts { status: "done", due_on: NaiveDate::from_ymd_opt(2026, 11, 15), ..facts };
        assert_eq!(status_sentences(&done, today, 24).len(), 1);
    }
}
