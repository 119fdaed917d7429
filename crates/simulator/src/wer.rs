//! Word error rate: how much of what was said a transcriber got wrong.

use serde::{Deserialize, Serialize};

use crate::words::words_of;

/// Errors over a number of reference words; adds up over lines and calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordErrors {
    /// Words of the reference.
    pub words: u32,
    /// Words replaced by others.
    pub substituted: u32,
    /// Words missing.
    pub deleted: u32,
    /// Words invented.
    pub inserted: u32,
}

impl WordErrors {
    /// Compares a transcript with what was really said.
    #[must_use]
    pub fn between(said: &str, transcript: &str) -> Self {
        align(&words_of(said), &words_of(transcript))
    }

    /// Errors per reference word; 0 without words.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.words == 0 {
            return 0.0;
        }
        f64::from(self.substituted + self.deleted + self.inserted) / f64::from(self.words)
    }

    /// Adds another line's errors.
    pub fn add(&mut self, other: Self) {
        self.words += other.words;
        self.substituted += other.substituted;
        self.deleted += other.deleted;
        self.inserted += other.inserted;
    }
}

/// The cheapest alignment, all errors costing the same.
fn align(said: &[String], heard: &[String]) -> WordErrors {
    let start = WordErrors { words: u32::try_from(said.len()).unwrap_or(u32::MAX), ..WordErrors::default() };
    let cost = |errors: &WordErrors| errors.substituted + errors.deleted + errors.inserted;
    // One row of the usual table: the best alignment of the said words so far with each prefix of the heard.
    let mut row: Vec<WordErrors> = (0..=heard.len())
        .map(|count| WordErrors { inserted: u32::try_from(count).unwrap_or(u32::MAX), ..start })
        .collect();
    for word in said {
        let mut diagonal = row[0];
        row[0].deleted += 1;
        for (index, other) in heard.iter().enumerate() {
            let mut replaced = diagonal;
            if word != other {
                replaced.substituted += 1;
            }
            let mut deleted = row[index + 1];
            deleted.deleted += 1;
            let mut inserted = row[index];
            inserted.inserted += 1;
            diagonal = row[index + 1];
            let best = [replaced, deleted, inserted].into_iter().min_by_key(cost);
            row[index + 1] = best.expect("three candidates");
        }
    }
    row.pop().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, heard: &str, substituted: u32, deleted: u32, inserted: u32) {
        let errors = WordErrors::between(said, heard);
        let found = (errors.substituted, errors.deleted, errors.inserted);
        assert_eq!(found, (substituted, deleted, inserted), "{said:?} / {heard:?}");
    }

    #[test]
    fn errors_are_counted_by_kind() {
        check("how is my website", "how is my website", 0, 0, 0);
        check("how is my website", "how was website", 1, 1, 0);
        check("how is my website", "", 0, 4, 0);
        check("", "thank you", 0, 0, 2);
        check("my budget is $12,000", "my budget is twelve thousand dollars", 0, 0, 0);
        check("a b c d", "b c d e", 0, 1, 1);
    }

    #[test]
    fn rate_is_over_the_words_said_and_adds_up() {
        let mut sum = WordErrors::between("one two three four", "one two three five");
        assert!((sum.rate() - 0.25).abs() < 1e-9);
        sum.add(WordErrors::between("five six seven eight", "five six seven eight"));
        assert!((sum.rate() - 0.125).abs() < 1e-9);
        assert!(WordErrors::default().rate().abs() < 1e-9);
    }
}
