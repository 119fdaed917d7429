//! Patterns of words in the language pack: phrases with alternatives, classes and gaps.
//!
//! A pattern is a line of pieces. Between two pieces one foreign word may stand. A piece is
//!
//! - `word`: that word, forgiving grammar and, in long words, a letter a recogniser missed; `=word`: exactly it;
//! - `a|b|c`: one of these words;
//! - `@class`: a phrase of a class of `classes.txt`, or one of `@first_name`;
//! - `*`: up to four words may stand here; as the last piece it takes the words that follow, up to a word that
//!   begins something new ("our", "but");
//! - `**`, only last: the rest of the turn up to "but";
//! - `^`, only first: the turn begins here, but for greetings and sounds; `$`, only last: it ends here.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::language::{FIRST_NAMES, Sections};
use crate::words::{edit_distance, stem, words};

/// Words that `*` may stand for.
const GAP: usize = 4;

static CLASSES: LazyLock<HashMap<&'static str, Vec<Phrase>>> = LazyLock::new(|| {
    let sections = Sections::read(include_str!("../data/en/classes.txt"));
    let mut classes: HashMap<_, Vec<Phrase>> = sections
        .iter()
        .map(|(name, lines)| {
            let phrases = lines.iter().flat_map(|line| line.split(',')).map(phrase);
            (name, phrases.filter(|p| !p.is_empty()).collect())
        })
        .collect();
    classes.insert("first_name", FIRST_NAMES.iter().map(|name| vec![Word::new(name, true)]).collect());
    classes
});

/// A word of a pattern.
#[derive(Debug, Clone)]
struct Word {
    word: String,
    stem: String,
    exact: bool,
}

type Phrase = Vec<Word>;

impl Word {
    fn new(word: &str, exact: bool) -> Self {
        Self { word: word.to_owned(), stem: stem(word), exact }
    }
}

fn phrase(text: &str) -> Phrase {
    words(text).iter().map(|word| Word::new(word, false)).collect()
}

/// What was said, cut for matching.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) words: Vec<String>,
    stems: Vec<String>,
    /// Where it begins behind greetings and sounds.
    begins: usize,
}

impl Said {
    /// Cuts a text.
    pub(crate) fn new(text: &str) -> Self {
        let words = words(text);
        let stems = words.iter().map(|word| stem(word)).collect();
        let mut said = Self { words, stems, begins: 0 };
        let openings = CLASSES.get("opening").map_or(&[][..], Vec::as_slice);
        while let Some(end) = openings.iter().find_map(|phrase| said.holds(said.begins, phrase)) {
            said.begins = end;
        }
        said
    }

    fn is(&self, at: usize, wanted: &Word) -> bool {
        let Some(word) = self.words.get(at) else { return false };
        if *word == wanted.word {
            return true;
        }
        let shorter = word.len().min(wanted.word.len());
        if wanted.exact || shorter < 3 {
            return false;
        }
        let allowed = match shorter {
            0..=5 => 0,
            6..=8 => 1,
            _ => 2,
        };
        // A recogniser seldom misses how a word begins: "morder" is no "order" with a letter more.
        self.stems[at] == wanted.stem
            || (allowed > 0
                && word.as_bytes()[0] == wanted.word.as_bytes()[0]
                && word.len().abs_diff(wanted.word.len()) <= allowed
                && edit_distance(word, &wanted.word) <= allowed)
    }

    /// Where a phrase that begins here ends.
    fn holds(&self, at: usize, phrase: &[Word]) -> Option<usize> {
        let held = phrase.iter().enumerate().all(|(i, word)| self.is(at + i, word));
        held.then_some(at + phrase.len())
    }
}

#[derive(Debug)]
struct Piece {
    alternatives: Vec<Phrase>,
    /// Foreign words that may stand before it.
    gap: usize,
}

/// What a pattern takes behind its last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Nothing,
    Few,
    Rest,
    MustEnd,
}

/// A pattern with its weight.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) weight: f32,
    pieces: Vec<Piece>,
    at_start: bool,
    tail: Tail,
}

impl Pattern {
    /// Reads a `weight pattern` line; a line without a number weighs 1.
    pub(crate) fn read(line: &str) -> Self {
        let weighed = line.split_once(' ').and_then(|(first, rest)| Some((first.parse().ok()?, rest.trim())));
        let (weight, source) = weighed.unwrap_or((1.0, line));
        let mut pattern = Self { weight, pieces: Vec::new(), at_start: false, tail: Tail::Nothing };
        let mut gap = 1;
        for token in source.split_whitespace() {
            match token {
                "^" => pattern.at_start = true,
                "$" => pattern.tail = Tail::MustEnd,
                "**" => pattern.tail = Tail::Rest,
                "*" => gap = GAP,
                token => {
                    pattern.pieces.push(Piece { alternatives: alternatives(token), gap });
                    gap = 1;
                }
            }
        }
        if gap == GAP {
            pattern.tail = Tail::Few;
        }
        pattern
    }

    /// Reads a section's lines.
    pub(crate) fn all(lines: &[&'static str]) -> Vec<Self> {
        lines.iter().map(|line| Self::read(line)).collect()
    }

    /// Where it stands first.
    pub(crate) fn find(&self, said: &Said) -> Option<Range<usize>> {
        self.find_from(said, 0)
    }

    /// Every place where it stands, by where each begins.
    pub(crate) fn find_all(&self, said: &Said) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(span) = self.find_from(said, from) {
            from = span.start + 1;
            found.push(span);
        }
        found
    }

    fn find_from(&self, said: &Said, from: usize) -> Option<Range<usize>> {
        let (first, rest) = self.pieces.split_first()?;
        let starts = if self.at_start { said.begins..said.begins + 1 } else { 0..said.words.len() };
        starts.filter(|start| *start >= from).find_map(|start| {
            let mut ends = first.alternatives.iter().filter_map(|phrase| said.holds(start, phrase));
            ends.find_map(|end| self.ends(said, rest, end)).map(|end| start..end)
        })
    }

    /// Where the remaining pieces end when the ones before ended here.
    fn ends(&self, said: &Said, pieces: &[Piece], at: usize) -> Option<usize> {
        let length = said.words.len();
        let Some((piece, rest)) = pieces.split_first() else {
            let until = |most: usize, class: &str| {
                let stops = CLASSES.get(class).map_or(&[][..], Vec::as_slice);
                let most = most.min(length);
                (at..most).find(|&i| stops.iter().any(|p| said.holds(i, p).is_some())).unwrap_or(most)
            };
            return match self.tail {
                Tail::Nothing => Some(at),
                Tail::Few => Some(until(at + GAP, "begins_something_new")),
                Tail::Rest => Some(until(usize::MAX, "turns_around")),
                Tail::MustEnd => (at == length).then_some(at),
            };
        };
        (at..(at + piece.gap + 1).min(length)).find_map(|start| {
            let mut ends = piece.alternatives.iter().filter_map(|phrase| said.holds(start, phrase));
            ends.find_map(|end| self.ends(said, rest, end))
        })
    }
}

fn alternatives(token: &str) -> Vec<Phrase> {
    let mut found = Vec::new();
    for part in token.split('|') {
        if let Some(class) = part.strip_prefix('@') {
            found.extend(CLASSES.get(class).into_iter().flatten().cloned());
        } else if let Some(word) = part.strip_prefix('=') {
            found.push(vec![Word::new(word, true)]);
        } else {
            found.push(phrase(part));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(pattern: &'static str, text: &str) -> Option<Range<usize>> {
        Pattern::read(pattern).find(&Said::new(text))
    }

    #[test]
    fn pieces_match_as_described() {
        for (pattern, text, expect) in [
            ("3 build a website", "please build me a website", Some(1..5)),
            ("build|design a website", "designing a web site", None),
            ("build|design a @thing", "designing a web site", Some(0..4)),
            ("=hacked", "a growth hacking agency", None),
            ("hacked", "a growth hacking agency", Some(2..3)),
            ("site * down", "the site is right now completely down", Some(1..7)),
            ("site * down", "the site you made for us last year is down", None),
            ("fire *", "fire pits for the garden and", Some(0..5)),
            ("fire *", "fire pits our site", Some(0..2)),
            ("do you **", "do you help when it is late but now", Some(0..7)),
            ("^ agent $", "um agent please", None),
            ("^ agent $", "um hello agent", Some(2..3)),
            ("^ agent", "my agent", None),
            ("is @first_name there", "is maria there", Some(0..3)),
        ] {
            assert_eq!(finds(pattern, text), expect, "{pattern} in {text}");
        }
    }

    #[test]
    fn every_place_is_found() {
        let found = Pattern::read("down").find_all(&Said::new("down and down"));
        assert_eq!(found, [0..1, 2..3]);
    }

    #[test]
    fn every_pattern_of_the_pack_has_pieces_with_words() {
        for file in [
            include_str!("../data/en/intents.txt"),
            include_str!("../data/en/urgency.txt"),
            include_str!("../data/en/scope.txt"),
        ] {
            for (section, lines) in Sections::read(file).iter() {
                for pattern in Pattern::all(lines) {
                    let whole = !pattern.pieces.is_empty()
                        && pattern.pieces.iter().all(|p| {
                            !p.alternatives.is_empty() && p.alternatives.iter().all(|a| !a.is_empty())
                        });
                    assert!(whole, "[{section}] {pattern:?}");
                }
            }
        }
    }
}
