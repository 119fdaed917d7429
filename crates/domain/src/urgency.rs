//! How urgent a caller's words are, 0 to 10, and why.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::language::{Sections, Weighted, has_phrase_of, weighted};
use crate::leads::Priority;
use crate::words::{find_loosely, words};

/// From this score on somebody is alerted at once.
pub const URGENT: u8 = 8;
/// From this score on a lead or message has high priority.
pub const HIGH: u8 = 5;

static DEFAULTS: LazyLock<(Vec<Weighted>, Vec<&'static str>, Vec<&'static str>)> = LazyLock::new(|| {
    let sections = Sections::read(include_str!("../data/en/urgency.txt"));
    let mut phrases = weighted(sections.get("agency"));
    phrases.extend(weighted(sections.get("trades")));
    (phrases, sections.get("negations").to_vec(), sections.get("over").to_vec())
});

/// What a business changes of the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UrgencyRules {
    /// Phrases of its own with their scores, 0 to 10.
    pub phrases: Vec<(String, u8)>,
    /// Added to every score that is not 0: -3 (calm) to 3 (nervous).
    pub sensitivity: i8,
}

/// A score with its reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urgency {
    /// 0 (nothing) to 10.
    pub score: u8,
    /// The phrases that were found.
    pub reasons: Vec<String>,
}

impl Urgency {
    /// Whether somebody must be alerted.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.score >= URGENT
    }

    /// The priority a lead or message gets from it.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match self.score {
            URGENT.. => Priority::Urgent,
            HIGH.. => Priority::High,
            _ => Priority::Normal,
        }
    }
}

/// Scores some words.
#[must_use]
pub fn assess(text: &str, rules: &UrgencyRules) -> Urgency {
    let said = words(text);
    let own = rules.phrases.iter().map(|(phrase, score)| (f32::from(*score), phrase.as_str(), words(phrase)));
    let defaults = DEFAULTS.0.iter().map(|w| (w.weight, w.phrase, w.words.clone()));
    let mut found: Vec<(f32, String)> = own
        .chain(defaults)
        .filter(|(_, _, phrase)| find_loosely(&said, phrase).is_some_and(|at| !is_negated(&said, at)))
        .map(|(score, phrase, _)| (score, phrase.to_owned()))
        .collect();
    if found.is_empty() || DEFAULTS.2.iter().any(|p| find_loosely(&said, &words(p)).is_some()) {
        return Urgency::default();
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Three shades of the same alarm do not make it three times as loud.
    let mut score = found[0].0 + if found.len() > 1 { 1.0 } else { 0.0 };
    // A question about what is on offer is no emergency: "do you have an emergency service?"
    if has_phrase_of_offer(&said) {
        score = score.min(4.0);
    }
    let score = (score + f32::from(rules.sensitivity.clamp(-3, 3))).round().clamp(0.0, 10.0) as u8;
    Urgency { score, reasons: found.into_iter().map(|(_, phrase)| phrase).take(5).collect() }
}

fn is_negated(said: &[String], at: usize) -> bool {
    said[at.saturating_sub(3)..at].iter().any(|w| DEFAULTS.1.contains(&w.as_str()))
}

fn has_phrase_of_offer(said: &[String]) -> bool {
    said.len() >= 2
        && matches!(
            (said[0].as_str(), said[1].as_str()),
            ("do", "you") | ("can", "you") | ("how", "much") | ("what", "do")
        )
        && !has_phrase_of("refusals", said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(text: &str) -> u8 {
        assess(text, &UrgencyRules::default()).score
    }

    #[test]
    fn emergencies_are_urgent() {
        for text in [
            "our website is down",
            "the online shop is down and we are losing orders",
            "we have been hacked",
            "this is an emergency",
            "we launch today and nothing works",
            "we lost all our data",
            "there is water everywhere a pipe burst",
            "it is flooding",
            "i smell gas",
            "this is extremely urgent",
        ] {
            assert!(score(text) >= URGENT, "{text}: {}", score(text));
        }
    }

    #[test]
    fn haste_is_high() {
        for text in
            ["i need it asap", "it is urgent", "as soon as possible please", "our deadline is tomorrow"]
        {
            assert!((HIGH..URGENT).contains(&score(text)), "{text}: {}", score(text));
        }
    }

    #[test]
    fn negation_and_context_calm() {
        for text in [
            "it is not urgent",
            "no emergency",
            "this isn't an emergency at all",
            "do you have an emergency service",
            "the site was down but it is fixed now",
            "there is no rush",
            "how is my website",
            "not urgent at all",
            "",
        ] {
            assert!(score(text) < HIGH, "{text}: {}", score(text));
        }
    }

    #[test]
    fn a_business_has_its_own_phrases_and_nerves() {
        let rules = UrgencyRules { phrases: vec![("press proof".into(), 9)], sensitivity: 0 };
        assert_eq!(assess("the press proof is wrong", &rules).score, 9);
        let calm = UrgencyRules { sensitivity: -2, ..UrgencyRules::default() };
        assert!(assess("it is urgent", &calm).score < assess("it is urgent", &UrgencyRules::default()).score);
        assert_eq!(
            assess("good morning", &UrgencyRules { sensitivity: 3, ..UrgencyRules::default() }).score,
            0
        );
    }
}
