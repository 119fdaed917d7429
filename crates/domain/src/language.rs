//! The English language pack: word lists and phrases kept as data, read once.
//!
//! A file has `[sections]` with one entry per line; `#` begins a comment. A number in front of an entry is
//! its weight.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::words::words;

/// A file of sections.
pub(crate) struct Sections(Vec<(&'static str, Vec<&'static str>)>);

impl Sections {
    /// Reads a file's text.
    pub(crate) fn read(text: &'static str) -> Self {
        let mut sections: Vec<(&'static str, Vec<&'static str>)> = vec![("", Vec::new())];
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                Some(name) => sections.push((name, Vec::new())),
                None => {
                    if let Some((_, entries)) = sections.last_mut() {
                        entries.push(line);
                    }
                }
            }
        }
        Self(sections)
    }

    /// The entries of a section; none when there is no such section.
    pub(crate) fn get(&self, name: &str) -> &[&'static str] {
        self.0.iter().find(|(n, _)| *n == name).map_or(&[], |(_, entries)| entries)
    }

    /// The named sections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &[&'static str])> {
        self.0.iter().filter(|(n, _)| !n.is_empty()).map(|(n, e)| (*n, e.as_slice()))
    }
}

/// First names a caller may have, lower case.
pub(crate) static FIRST_NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("../data/en/first_names.txt").split_whitespace().collect());
/// Surnames a caller may have, lower case.
pub(crate) static SURNAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("../data/en/surnames.txt").split_whitespace().collect());
/// Word lists of the parsers and filters.
pub(crate) static LISTS: LazyLock<Sections> =
    LazyLock::new(|| Sections::read(include_str!("../data/en/lists.txt")));

/// A list as a set of its entries, and its entries cut into words: cut once, for they are asked every turn.
struct Cut {
    set: HashSet<&'static str>,
    phrases: Vec<Vec<String>>,
}

static CUT: LazyLock<HashMap<&'static str, Cut>> = LazyLock::new(|| {
    LISTS
        .iter()
        .map(|(name, entries)| {
            let phrases = entries.iter().map(|e| words(e)).collect();
            (name, Cut { set: entries.iter().copied().collect(), phrases })
        })
        .collect()
});

/// Whether a list of the pack has the word.
pub(crate) fn listed(list: &str, word: &str) -> bool {
    CUT.get(list).is_some_and(|cut| cut.set.contains(word))
}

/// A list's phrases, cut into words.
pub(crate) fn phrases(list: &str) -> &'static [Vec<String>] {
    CUT.get(list).map_or(&[], |cut| &cut.phrases)
}

/// Whether the words hold one of a list's phrases, anywhere.
pub(crate) fn has_phrase_of(list: &str, said: &[String]) -> bool {
    phrases(list).iter().any(|phrase| crate::words::find_phrase(said, phrase).is_some())
}
