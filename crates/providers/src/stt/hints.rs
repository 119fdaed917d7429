//! What a transcriber is told about what it will hear, and what its probabilities mean.

use domain::call_plan::Vocabulary;

/// ISO 639-1 of a BCP 47 tag.
pub(super) fn primary_language(tag: &str) -> Option<&str> {
    tag.split('-').next().filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic()))
}

/// The vocabulary's words, the longest first: names are long, and what a model hears anyway is short.
pub(super) fn keywords(vocabulary: &Vocabulary, most: usize, longest: usize) -> Vec<&str> {
    let fits = |word: &&str| word.chars().count() > 3 && word.chars().count() <= longest;
    let mut words: Vec<&str> = vocabulary.words.iter().map(String::as_str).filter(fits).collect();
    words.sort_by_key(|word| (std::cmp::Reverse(word.chars().count()), *word));
    words.dedup();
    words.truncate(most);
    words
}

/// The mean probability of words whose logarithms are these; `None` without any.
pub(super) fn confidence(logprobs: impl Iterator<Item = f64>) -> Option<f32> {
    let (sum, count) = logprobs.fold((0.0, 0_u32), |(sum, count), log| (sum + log.min(0.0).exp(), count + 1));
    (count > 0).then(|| (sum / f64::from(count)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_words_are_told() {
        let words = ["aurora", "yes", "branding", "aurora", "a very long name of a company indeed"];
        let vocabulary = Vocabulary { words: words.map(str::to_owned).to_vec(), ..Vocabulary::default() };
        assert_eq!(keywords(&vocabulary, 9, 20), ["branding", "aurora"]);
        assert_eq!(keywords(&vocabulary, 1, usize::MAX), ["a very long name of a company indeed"]);
    }

    #[test]
    fn a_confidence_is_the_mean_of_probabilities() {
        assert_eq!(confidence(std::iter::empty()), None);
        assert_eq!(confidence([0.0, f64::NEG_INFINITY].into_iter()), Some(0.5));
        assert_eq!(confidence([0.7].into_iter()), Some(1.0), "a logarithm above 0 is none");
    }

    #[test]
    fn a_language_is_its_first_part() {
        assert_eq!(primary_language("en-US"), Some("en"));
        assert_eq!(primary_language("de"), Some("de"));
        assert_eq!(primary_language(""), None);
        assert_eq!(primary_language("multi"), None);
    }
}
