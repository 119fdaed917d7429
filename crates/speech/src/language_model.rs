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
/// The count of a letter after a letter and of a digit after a digit.
const RUN_COUNT: f64 = 1.0;

/// Words that are dictated one after the other.
const DIGITS: [&str; 13] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "triple",
];

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
                *model.unigrams.entry(id).or_default() += WORD_COUNT;
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
        for &id in &ids[1..] {
            *self.unigrams.entry(id).or_default() += 1.0;
        }
        for pair in ids.windows(2) {
            *self.bigrams.entry(vec![pair[0]]).or_default().entry(pair[1]).or_default() += 1.0;
        }
        for triple in ids.windows(3) {
            *self.trigrams.entry(triple[..2].to_vec()).or_default().entry(triple[2]).or_default() += 1.0;
        }
    }

    /// Letters follow letters and digits digits, as far as the vocabulary has them.
    fn add_runs(&mut self) {
        let letters: Vec<u32> = (b'a'..=b'z')
            .filter_map(|letter| self.ids.get(char::from(letter).to_string().as_str()).copied())
            .collect();
        let digits: Vec<u32> = DIGITS.iter().filter_map(|digit| self.ids.get(*digit).copied()).collect();
        // A handful of letters are but words of sentences ("a", "i"): nobody spells with them.
        for run in [if letters.len() > 10 { letters } else { Vec::new() }, digits] {
            for &first in &run {
                let followers = self.bigrams.entry(vec![first]).or_default();
                for &second in &run {
                    *followers.entry(second).or_default() += RUN_COUNT;
                }
            }
        }
    }

    /// The model as ARPA text.
    #[must_use]
    pub fn to_arpa(&self) -> String {
        let total: f64 = self.unigrams.values().sum::<f64>().max(1.0);
        let unigram = |id: u32| self.unigrams.get(&id).map_or(0.0, |count| count / total);
        let bigram = |history: u32, id: u32| match self.bigrams.get(&vec![history]) {
            Some(followers) => discounted(followers, id) + back_off(followers) * unigram(id),
            None => unigram(id),
        };
        let count = |followers: &Followers| followers.values().map(BTreeMap::len).sum::<usize>();
        let mut text = String::with_capacity(64 * self.words.len() + 48 * count(&self.trigrams));
        let (ones, twos, threes) = (self.words.len(), count(&self.bigrams), count(&self.trigrams));
        write!(text, "\\data\\\nngram 1={ones}\nngram 2={twos}\nngram 3={threes}\n\n\\1-grams:\n")
            .expect("text grows without failing");
        for (id, word) in (0_u32..).zip(&self.words) {
            let probability = if id == 0 { -99.0 } else { log10(unigram(id)) };
            let weight = self.bigrams.get(&vec![id]).map_or(1.0, back_off);
            writeln!(text, "{probability:.4} {word} {:.4}", log10(weight))
                .expect("text grows without failing");
        }
        text.push_str("\n\\2-grams:\n");
        for (history, followers) in sorted(&self.bigrams) {
            for &id in followers.keys() {
                let weight = self.trigrams.get(&vec![history[0], id]).map_or(1.0, back_off);
                let (first, second) = (&self.words[history[0] as usize], &self.words[id as usize]);
                let probability = log10(bigram(history[0], id));
                writeln!(text, "{probability:.4} {first} {second} {:.4}", log10(weight))
                    .expect("text grows without failing");
            }
        }
        text.push_str("\n\\3-grams:\n");
        for (history, followers) in sorted(&self.trigrams) {
            for &id in followers.keys() {
                let probability = discounted(followers, id) + back_off(followers) * bigram(history[1], id);
                let [first, second] = [history[0], history[1]].map(|word| &self.words[word as usize]);
                writeln!(text, "{:.4} {first} {second} {}", log10(probability), self.words[id as usize])
                    .expect("text grows without failing");
            }
        }
        text.push_str("\n\\end\\\n");
        text
    }
}

fn sorted(followers: &Followers) -> BTreeMap<&Vec<u32>, &BTreeMap<u32, f64>> {
    followers.iter().collect()
}

fn discounted(followers: &BTreeMap<u32, f64>, id: u32) -> f64 {
    let total: f64 = followers.values().sum();
    followers.get(&id).map_or(0.0, |count| (count - DISCOUNT).max(0.0) / total)
}

/// What discounting left over for words that were not seen here.
fn back_off(followers: &BTreeMap<u32, f64>) -> f64 {
    let total: f64 = followers.values().sum();
    followers.values().map(|count| count.min(DISCOUNT)).sum::<f64>() / total
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
