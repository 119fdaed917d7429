//! A trigram language model out of a few thousand sentences, in the ARPA format.
//!
//! Interpolated absolute discounting: small, quick, and enough for a closed domain. Words that stand in no
//! sentence are known as unigrams; spelled letters and dictated digits follow one another whether or not a
//! sentence shows it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// How much a count is lowered in favour of what was never seen. See `examples/wer.rs` for the tuning.
const DISCOUNT: f64 = 0.6;
/// The count of a word that stands in the word list only.
const WORD_COUNT: f64 = 0.5;
/// The count of a single letter wherever nothing was seen before it: letters are short, and a recogniser hears
/// them everywhere if it may.
const LETTER_COUNT: f64 = 0.1;
/// Letters that are words.
const ARTICLES: [&str; 2] = ["a", "i"];
/// The count of each pair of spelled letters, dictated digits or parts of amounts.
const RUN_COUNT: f64 = 1.0;

const DIGITS: [&str; 13] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "triple",
];
const TEENS: [&str; 10] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 2] = ["hundred", "thousand"];
const CURRENCIES: [&str; 3] = ["dollars", "euros", "pounds"];
/// What stands between the parts of an e-mail address.
const ADDRESS_MARKS: [&str; 4] = ["at", "dot", "dash", "underscore"];

const BEGIN: &str = "<s>";
const END: &str = "</s>";

/// Counts of one order: how often a word followed a history.
type Followers = HashMap<Vec<u32>, BTreeMap<u32, f64>>;

/// A model being made.
#[derive(Debug, Default)]
pub struct LanguageModel {
    words: Vec<String>,
    ids: HashMap<String, u32>,
    unigrams: BTreeMap<u32, f64>,
    bigrams: Followers,
    trigrams: Followers,
}

impl LanguageModel {
    /// A model of these utterances and of single words that may appear anywhere. Both are lower-cased and
    /// freed from punctuation; what holds no letter is left out.
    #[must_use]
    pub fn from_vocabulary(sentences: &[String], words: &[String]) -> Self {
        let mut model = Self::default();
        model.id(BEGIN);
        model.id(END);
        for sentence in sentences {
            model.add_sentence(&normalise(sentence));
        }
        for entry in words {
            for word in normalise(entry) {
                let id = model.id(&word);
                let count = if word.len() == 1 { LETTER_COUNT } else { WORD_COUNT };
                *model.unigrams.entry(id).or_default() += count;
            }
        }
        model.add_runs();
        model
    }

    /// The words of the model, without the marks for beginning and end.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words[2..].iter().map(String::as_str)
    }

    fn id(&mut self, word: &str) -> u32 {
        if let Some(&id) = self.ids.get(word) {
            return id;
        }
        let id = u32::try_from(self.words.len()).expect("a vocabulary is far smaller than 2^32");
        self.words.push(word.to_owned());
        self.ids.insert(word.to_owned(), id);
        id
    }

    fn add_sentence(&mut self, words: &[String]) {
        if words.is_empty() {
            return;
        }
        let mut ids = vec![0];
        ids.extend(words.iter().map(|word| self.id(word)));
        ids.push(1);
        for (&id, word) in ids[1..].iter().zip(words.iter().map(Some).chain([None])) {
            let is_letter = word.is_some_and(|word| word.len() == 1 && !ARTICLES.contains(&word.as_str()));
            *self.unigrams.entry(id).or_default() += if is_letter { LETTER_COUNT } else { 1.0 };
        }
        for pair in ids.windows(2) {
            *self.bigrams.entry(vec![pair[0]]).or_default().entry(pair[1]).or_default() += 1.0;
        }
        for triple in ids.windows(3) {
            *self.trigrams.entry(triple[..2].to_vec()).or_default().entry(triple[2]).or_default() += 1.0;
        }
    }

    /// Spelled addresses, dictated numbers and amounts are made of parts that follow one another whether or not
    /// a sentence shows it; as far as the vocabulary has them.
    fn add_runs(&mut self) {
        let letters: Vec<String> = (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        // A handful of letters are but words of sentences ("a", "i"): nobody spells with them.
        if letters.iter().filter(|letter| self.ids.contains_key(**letter)).count() > 10 {
            self.add_pairs(&letters, &[&letters, &ADDRESS_MARKS]);
            self.add_pairs(&ADDRESS_MARKS, &[&letters]);
        }
        self.add_pairs(&DIGITS, &[&DIGITS]);
        for small in [&DIGITS[2..11], &TEENS, &TENS] {
            self.add_pairs(small, &[&SCALES]);
        }
        self.add_pairs(&TENS, &[&DIGITS[2..11]]);
        self.add_pairs(&SCALES, &[&DIGITS[2..11], &SCALES[1..], &TENS, &CURRENCIES]);
        self.add_pairs(&CURRENCIES, &[&[END]]);
    }

    fn add_pairs(&mut self, first: &[&str], second: &[&[&str]]) {
        let known = |words: &[&str]| -> Vec<u32> {
            words.iter().filter_map(|word| self.ids.get(*word).copied()).collect()
        };
        let (first, second) =
            (known(first), second.iter().flat_map(|words| known(words)).collect::<Vec<_>>());
        for history in first {
            let followers = self.bigrams.entry(vec![history]).or_default();
            for &word in &second {
                *followers.entry(word).or_default() += RUN_COUNT;
            }
        }
    }

    /// The model as ARPA text.
    #[must_use]
    pub fn to_arpa(&self) -> String {
        let total: f64 = self.unigrams.values().sum::<f64>().max(1.0);
        let unigram = |id: u32| self.unigrams.get(&id).map_or(0.0, |count| count / total);
        let (after_one, after_two) = (discount(&self.bigrams), discount(&self.trigrams));
        let bigram = |history: u32, id: u32| match after_one.get([history].as_slice()) {
            Some(seen) => seen.probability(id) + seen.back_off * unigram(id),
            None => unigram(id),
        };
        let weight = |seen: Option<&Discounted<'_>>| log10(seen.map_or(1.0, |seen| seen.back_off));
        let count = |followers: &Followers| followers.values().map(BTreeMap::len).sum::<usize>();
        let mut text = String::with_capacity(64 * self.words.len() + 48 * count(&self.trigrams));
        let (ones, twos, threes) = (self.words.len(), count(&self.bigrams), count(&self.trigrams));
        write!(text, "\\data\\\nngram 1={ones}\nngram 2={twos}\nngram 3={threes}\n\n\\1-grams:\n")
            .expect("text grows without failing");
        for (id, word) in (0_u32..).zip(&self.words) {
            let probability = if id == 0 { -99.0 } else { log10(unigram(id)) };
            let weight = weight(after_one.get([id].as_slice()));
            writeln!(text, "{probability:.4} {word} {weight:.4}").expect("text grows without failing");
        }
        let spelled = |id: u32| &self.words[id as usize];
        text.push_str("\n\\2-grams:\n");
        for (history, seen) in &after_one {
            let first = history[0];
            for &id in seen.counts.keys() {
                let (probability, weight) =
                    (log10(bigram(first, id)), weight(after_two.get([first, id].as_slice())));
                writeln!(text, "{probability:.4} {} {} {weight:.4}", spelled(first), spelled(id))
                    .expect("text grows without failing");
            }
        }
        text.push_str("\n\\3-grams:\n");
        for (history, seen) in &after_two {
            let (first, second) = (history[0], history[1]);
            for &id in seen.counts.keys() {
                let probability = log10(seen.probability(id) + seen.back_off * bigram(second, id));
                writeln!(text, "{probability:.4} {} {} {}", spelled(first), spelled(second), spelled(id))
                    .expect("text grows without failing");
            }
        }
        text.push_str("\n\\end\\\n");
        text
    }
}

/// What followed one history, and how much of the probability discounting left for what did not.
struct Discounted<'a> {
    counts: &'a BTreeMap<u32, f64>,
    total: f64,
    back_off: f64,
}

impl Discounted<'_> {
    fn probability(&self, id: u32) -> f64 {
        self.counts.get(&id).map_or(0.0, |count| (count - DISCOUNT).max(0.0) / self.total)
    }
}

/// Histories in order, so that equal vocabularies give equal files.
fn discount(followers: &Followers) -> BTreeMap<&[u32], Discounted<'_>> {
    followers
        .iter()
        .map(|(history, counts)| {
            let total: f64 = counts.values().sum();
            let back_off = counts.values().map(|count| count.min(DISCOUNT)).sum::<f64>() / total;
            (history.as_slice(), Discounted { counts, total, back_off })
        })
        .collect()
}

fn log10(probability: f64) -> f64 {
    if probability <= 0.0 { -99.0 } else { probability.log10() }
}

/// The words of a text as the model knows them: lower case, letters and inner apostrophes only.
#[must_use]
pub fn normalise(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphabetic() || c == '\'' || c == '’'))
        .map(|word| word.replace('’', "'").trim_matches('\'').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
