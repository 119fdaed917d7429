//! Whether a client asks for more or other than was agreed.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::language::Sections;
use crate::patterns::{Pattern, Said};

/// From this much evidence on, words ask for a change.
const ENOUGH: f32 = 2.0;
/// Longest quotation, in words: an alert is read at a glance.
const LONGEST_QUOTE: usize = 24;

struct Rules {
    asks: Vec<Pattern>,
    refers: Vec<Pattern>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let sections = Sections::read(include_str!("../data/en/scope.txt"));
    Rules { asks: Pattern::all(sections.get("asks")), refers: Pattern::all(sections.get("refers")) }
});

/// What the words are worth as a request to change what was agreed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeChange {
    /// Whether they are one.
    pub is_change: bool,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// The client's own words that ask for it; empty when none do.
    pub quote: String,
}

/// Judges a client's words. Cheap enough for every turn.
#[must_use]
pub fn assess(text: &str) -> ScopeChange {
    let said = Said::new(text);
    let (evidence, start) = evidence(&said);
    if evidence < ENOUGH {
        // Little evidence that there is a change is some that there is none.
        return ScopeChange { confidence: 1.0 - evidence / (2.0 * ENOUGH), ..ScopeChange::default() };
    }
    // Two points are an even bet won narrowly; each further one halves the doubt.
    let confidence = 1.0 - 0.5_f32.powf(evidence - 0.5);
    ScopeChange { is_change: true, confidence, quote: quote(text, start) }
}

/// How much speaks for a change: the best pattern whole, a second one by half.
pub(crate) fn weight(said: &Said) -> f32 {
    evidence(said).0
}

/// The evidence, and the word its first pattern begins at.
fn evidence(said: &Said) -> (f32, usize) {
    // "Is the extra page done?" speaks of something agreed.
    let referred: Vec<_> = RULES.refers.iter().flat_map(|p| p.find_all(said)).collect();
    let mut found: Vec<(f32, usize)> = RULES
        .asks
        .iter()
        .filter_map(|pattern| {
            let stands = |at: usize| referred.iter().all(|span| !span.contains(&at));
            let span = pattern.find_all(said).into_iter().find(|span| stands(span.start))?;
            Some((pattern.weight, span.start))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let first = found.iter().map(|(_, start)| *start).min().unwrap_or(0);
    let best = found.first().map_or(0.0, |(weight, _)| *weight);
    (best + found.get(1).map_or(0.0, |(weight, _)| weight / 2.0), first)
}

/// The text from a word on, as it was written.
fn quote(text: &str, start: usize) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let mut begins = Vec::new();
    let mut inside = false;
    for (at, c) in text.char_indices() {
        // A lone apostrophe is no word.
        let here = is_word(c) && (inside || c.is_alphanumeric());
        if here && !inside {
            begins.push(at);
        }
        inside = here;
    }
    let from = begins.get(start).copied().unwrap_or(0);
    let to = begins.get(start + LONGEST_QUOTE).copied().unwrap_or(text.len());
    text[from..to].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_more_is_quoted() {
        let change = assess("Thanks! By the way, could you also design a flyer for us?");
        assert!(change.is_change);
        assert!(change.confidence > 0.6, "{change:?}");
        assert_eq!(change.quote, "could you also design a flyer for us?");
        assert_eq!(assess("“can we add a page”").quote, "can we add a page”");
    }

    #[test]
    fn what_was_agreed_is_no_change() {
        for text in ["is the extra page already done", "can you add me to the mailing list", "yes", ""] {
            let change = assess(text);
            assert!(!change.is_change && change.quote.is_empty(), "{text}: {change:?}");
        }
    }

    #[test]
    fn a_long_speech_is_quoted_in_part() {
        let text = format!("could you also design a flyer {}", "and so on ".repeat(30));
        assert_eq!(assess(&text).quote.split_whitespace().count(), LONGEST_QUOTE);
    }

    #[test]
    fn more_evidence_is_more_sure() {
        let weak = assess("we need more photos");
        let strong = assess("could you also add another page that was not in the original plan");
        assert!(strong.confidence >= weak.confidence, "{weak:?} {strong:?}");
        assert!((0.0..=1.0).contains(&strong.confidence));
    }
}
