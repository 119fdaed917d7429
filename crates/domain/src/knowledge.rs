//! Finding the knowledge entry that answers a question, by words alone.
//!
//! Questions are reduced to concepts: stop words fall away, the rest is stemmed and put through a synonym
//! table for agencies, and the shape of the question ("how much", "how long") counts as a word. Words that
//! few entries share weigh more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::language::{Sections, listed};
use crate::words::{edit_distance, find_phrase, stem, words};

/// Below this confidence the honest answer is "I don't know".
pub const DONT_KNOW_BELOW: f32 = 0.45;

/// An entry that may answer.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its question.
    pub question: &'a str,
    /// Other ways to ask it.
    pub variants: &'a [String],
    /// Its answer.
    pub answer: &'a str,
}

/// A candidate with its confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Position in the candidates.
    pub index: usize,
    /// 0 to 1: how sure it is that the entry answers the question.
    pub confidence: f32,
}

/// Stemmed phrases with the concept each means, longest first.
static CONCEPTS: LazyLock<Vec<(Vec<String>, &'static str)>> = LazyLock::new(|| {
    let mut phrases: Vec<(Vec<String>, &'static str)> = SYNONYM_LINES
        .iter()
        .flat_map(|(name, lines)| lines.iter().flat_map(|l| l.split(',')).map(move |p| (p, name)))
        .map(|(phrase, name)| (words(phrase).iter().map(|w| stem(w)).collect(), name))
        .filter(|(phrase, _): &(Vec<String>, _)| !phrase.is_empty())
        .collect();
    phrases.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
    phrases
});

/// The concepts of a text, each once: synonym groups by name, other content words by their stem.
#[must_use]
pub fn concepts(text: &str) -> BTreeSet<String> {
    let said = words(text);
    let stems: Vec<String> = said.iter().map(|w| stem(w)).collect();
    let mut taken = vec![false; stems.len()];
    let mut found = BTreeSet::new();
    for (phrase, name) in CONCEPTS.iter() {
        let mut from = 0;
        while let Some(at) = find_phrase(&stems[from..], phrase).map(|at| at + from) {
            let span = at..at + phrase.len();
            if taken[span.clone()].iter().all(|t| !t) {
                found.insert(format!("#{name}"));
                taken[span].fill(true);
            }
            from = at + 1;
        }
    }
    for ((word, stem), taken) in said.iter().zip(&stems).zip(taken) {
        if !taken && !listed("stopwords", word) && word.len() > 1 {
            found.insert(stem.clone());
        }
    }
    found
}

/// Words to search a full-text index with, any of which may occur: the question's own content words and the
/// synonyms of its concepts.
#[must_use]
pub fn search_terms(question: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut add = |term: &str| {
        if term.len() > 1 && !terms.iter().any(|t| t == term) && terms.len() < 64 {
            terms.push(term.to_owned());
        }
    };
    for word in words(question).iter().filter(|w| !listed("stopwords", w)) {
        add(&word.replace('\'', ""));
    }
    let wanted = concepts(question);
    for (name, lines) in SYNONYM_LINES.iter() {
        if wanted.contains(&format!("#{name}")) {
            for phrase in lines.iter().flat_map(|l| l.split(',')) {
                let phrase = words(phrase);
                if let [only] = phrase.as_slice()
                    && !listed("stopwords", only)
                {
                    add(only);
                }
            }
        }
    }
    terms
}

static SYNONYM_LINES: LazyLock<Sections> =
    LazyLock::new(|| Sections::read(include_str!("../data/en/synonyms.txt")));

/// Ranks candidates for a question, best first; candidates without anything in common are left out.
#[must_use]
pub fn rank(question: &str, candidates: &[Candidate<'_>]) -> Vec<Hit> {
    let asked = concepts(question);
    if asked.is_empty() {
        return Vec::new();
    }
    let prepared: Vec<(Vec<BTreeSet<String>>, BTreeSet<String>)> = candidates
        .iter()
        .map(|c| {
            let mut asks = vec![concepts(c.question)];
            asks.extend(c.variants.iter().take(40).map(|v| concepts(v)));
            (asks, concepts(c.answer))
        })
        .collect();
    let mut entries_with: BTreeMap<&str, usize> = BTreeMap::new();
    for (asks, _) in &prepared {
        let all: BTreeSet<&str> = asks.iter().flatten().map(String::as_str).collect();
        for concept in all {
            *entries_with.entry(concept).or_default() += 1;
        }
    }
    let total = candidates.len().max(1) as f32;
    let weight = |concept: &str| -> f32 {
        let known = entries_with.get(concept).copied().unwrap_or(0) as f32;
        let rarity = ((total + 1.0) / (known + 0.5)).ln().clamp(0.3, 2.5);
        // The shape of a question tells less than its subject.
        if listed_shape(concept) {
            rarity * 0.6
        } else if listed("weak_words", concept) {
            // "wait, one more question", "a new website": words around the subject.
            rarity * 0.15
        } else {
            rarity
        }
    };
    let mut hits: Vec<Hit> = prepared
        .iter()
        .enumerate()
        .filter_map(|(index, (asks, answer))| {
            let best = asks.iter().map(|ask| overlap(&asked, ask, answer, &weight)).fold(0.0_f32, f32::max);
            (best > 0.05).then_some(Hit { index, confidence: best })
        })
        .collect();
    hits.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.index.cmp(&b.index)));
    hits
}

fn listed_shape(concept: &str) -> bool {
    concept.starts_with("#ask")
}

/// How much of the question an entry's question covers, and how much of the entry's question was asked.
fn overlap(
    asked: &BTreeSet<String>,
    entry: &BTreeSet<String>,
    answer: &BTreeSet<String>,
    weight: &dyn Fn(&str) -> f32,
) -> f32 {
    let has = |set: &BTreeSet<String>, concept: &str| {
        set.contains(concept)
            || (concept.len() >= 6
                && !concept.starts_with('#')
                && set.iter().any(|c| {
                    !c.starts_with('#')
                        && c.len().abs_diff(concept.len()) <= 1
                        && edit_distance(c, concept) <= 1
                }))
    };
    let (mut covered, mut wanted) = (0.0, 0.0);
    for concept in asked {
        let w = weight(concept);
        wanted += w;
        if has(entry, concept) {
            covered += w;
        } else if has(answer, concept) {
            covered += w * 0.35;
        }
    }
    let (mut used, mut whole) = (0.0, 0.0);
    for concept in entry {
        let w = weight(concept);
        whole += w;
        if has(asked, concept) {
            used += w;
        }
    }
    if wanted <= 0.0 || whole <= 0.0 || covered <= 0.0 {
        return 0.0;
    }
    let (recall, precision) = (covered / wanted, used / whole);
    (0.6 * recall + 0.4 * precision).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
