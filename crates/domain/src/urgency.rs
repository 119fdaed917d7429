//! How urgent a caller's words are, 0 to 10, and why.

use std::ops::Range;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::language::Sections;
use crate::leads::Priority;
use crate::patterns::{Pattern, Said};
use crate::words::{find_loosely, words};

/// From this score on somebody is alerted at once.
pub const URGENT: u8 = 8;
/// From this score on a lead or message has high priority.
pub const HIGH: u8 = 5;

/// Haste alone goes up to here: somebody in a hurry says so in three ways and is still no emergency.
const HASTE: f32 = 7.0;

struct Defaults {
    alarms: Vec<Pattern>,
    negations: Vec<&'static str>,
    calm: Vec<Pattern>,
    over: Vec<Pattern>,
}

static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| {
    let sections = Sections::read(include_str!("../data/en/urgency.txt"));
    let mut alarms = Pattern::all(sections.get("agency"));
    alarms.extend(Pattern::all(sections.get("trades")));
    Defaults {
        alarms,
        negations: sections.get("negations").to_vec(),
        calm: Pattern::all(sections.get("calm")),
        over: Pattern::all(sections.get("over")),
    }
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
    let said = Said::new(text);
    let context = Context::of(&said);
    let own = rules.phrases.iter().filter_map(|(phrase, score)| {
        // What a business calls urgent itself is so in any context but a denial.
        let at = find_loosely(&said.words, &words(phrase))?;
        (!is_negated(&said, at)).then(|| (f32::from(*score), phrase.clone()))
    });
    let defaults = DEFAULTS.alarms.iter().filter_map(|alarm| {
        let span = alarm.find_all(&said).into_iter().find(|span| context.is_alarming(&said, span))?;
        Some((alarm.weight, said.words[span].join(" ")))
    });
    let mut found: Vec<(f32, String)> = own.chain(defaults).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.dedup_by(|a, b| a.1 == b.1);
    let Some((worst, _)) = found.first() else { return Urgency::default() };
    // Three shades of the same alarm do not make it three times as loud.
    let mut score = worst + if found.len() > 1 { 1.0 } else { 0.0 };
    if *worst < f32::from(URGENT) {
        score = score.min(HASTE);
    }
    let score = (score + f32::from(rules.sensitivity.clamp(-3, 3))).round().clamp(0.0, 10.0) as u8;
    Urgency { score, reasons: found.into_iter().map(|(_, phrase)| phrase).take(5).collect() }
}

/// What takes the alarm out of words.
struct Context {
    /// Words that belong to a name, a product, a question of what may happen.
    calm: Vec<Range<usize>>,
    /// Whatever began before this word is over.
    over_before: usize,
}

impl Context {
    fn of(said: &Said) -> Self {
        Self {
            calm: DEFAULTS.calm.iter().flat_map(|p| p.find_all(said)).collect(),
            over_before: DEFAULTS
                .over
                .iter()
                .flat_map(|p| p.find_all(said))
                .map(|s| s.end)
                .max()
                .unwrap_or(0),
        }
    }

    fn is_alarming(&self, said: &Said, span: &Range<usize>) -> bool {
        span.start >= self.over_before
            && !self.calm.iter().any(|calm| calm.contains(&span.start))
            && !is_negated(said, span.start)
    }
}

fn is_negated(said: &Said, at: usize) -> bool {
    let before = &said.words[at.saturating_sub(3)..at];
    let denied = before.iter().rposition(|w| DEFAULTS.negations.contains(&w.as_str()));
    // "It's not just urgent, it's an emergency."
    denied.is_some_and(|i| !before.get(i + 1).is_some_and(|next| matches!(next.as_str(), "just" | "only")))
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
