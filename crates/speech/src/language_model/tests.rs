//! The model's sums and shapes; its use by the recogniser is tested where the recogniser is.

use proptest::prelude::*;

use super::*;

fn model(sentences: &[&str], words: &[&str]) -> LanguageModel {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    LanguageModel::from_vocabulary(&owned(sentences), &owned(words))
}

/// Reads a model back: log probability and back-off weight by words.
fn read(arpa: &str) -> HashMap<Vec<String>, (f64, f64)> {
    let mut order = 0;
    let mut entries = HashMap::new();
    for line in arpa.lines() {
        if let Some(number) = line.strip_prefix('\\').and_then(|rest| rest.strip_suffix("-grams:")) {
            order = number.parse().unwrap();
        } else if order > 0 && !line.is_empty() && !line.starts_with('\\') {
            let fields: Vec<&str> = line.split(' ').collect();
            let words = fields[1..=order].iter().map(|&word| word.to_owned()).collect();
            let weight = fields.get(order + 1).map_or(0.0, |field| field.parse().unwrap());
            entries.insert(words, (fields[0].parse().unwrap(), weight));
        }
    }
    entries
}

/// Probability of a word after a history, as a reader of the format computes it.
fn probability(entries: &HashMap<Vec<String>, (f64, f64)>, history: &[&str], word: &str) -> f64 {
    let mut ngram: Vec<String> = history.iter().map(|&w| w.to_owned()).collect();
    ngram.push(word.to_owned());
    if let Some((log, _)) = entries.get(&ngram) {
        return 10_f64.powf(*log);
    }
    if history.is_empty() {
        return 0.0;
    }
    let weight = entries.get(&ngram[..history.len()]).map_or(1.0, |(_, weight)| 10_f64.powf(*weight));
    weight * probability(entries, &history[1..], word)
}

#[test]
fn probabilities_after_any_history_sum_to_one() {
    let model = model(
        &["how is my project going", "how is the logo", "the logo is late", "call me back"],
        &["maria", "logo", "a", "b", "one", "two"],
    );
    let entries = read(&model.to_arpa());
    for history in [
        vec![],
        vec!["<s>"],
        vec!["how"],
        vec!["how", "is"],
        vec!["the", "logo"],
        vec!["maria"],
        vec!["one"],
        vec!["maria", "how"],
    ] {
        let sum: f64 = model.words().chain(["</s>"]).map(|word| probability(&entries, &history, word)).sum();
        assert!((sum - 1.0).abs() < 0.002, "after {history:?}: {sum}");
    }
}

#[test]
fn what_was_seen_is_likelier_than_what_was_not() {
    let entries = read(&model(&["how is my project going", "how are you"], &["zebra"]).to_arpa());
    let after = |history: &[&str], word| probability(&entries, history, word);
    assert!(after(&["how", "is"], "my") > 5.0 * after(&["how", "is"], "zebra"));
    assert!(after(&["how", "is"], "zebra") > 0.0);
}

#[test]
fn digits_follow_digits_and_letters_letters() {
    let alphabet: Vec<String> = (b'a'..=b'z').map(|c| char::from(c).to_string()).collect();
    let mut words: Vec<&str> = alphabet.iter().map(String::as_str).collect();
    words.extend(["one", "nine", "logo"]);
    let entries = read(&model(&["a logo please"], &words).to_arpa());
    let after = |history: &str, word| probability(&entries, &[history], word);
    assert!(after("one", "nine") > 2.0 * after("one", "logo"));
    assert!(after("m", "q") > 3.0 * after("logo", "q"));
}

#[test]
fn punctuation_and_case_do_not_matter() {
    let check = |text: &str, words: &[&str]| assert_eq!(normalise(text), words, "{text}");
    check("What’s the status, please?", &["what's", "the", "status", "please"]);
    check("re-brand 'em — 24/7!", &["re", "brand", "em"]);
    check("...", &[]);
}

#[test]
fn an_empty_vocabulary_is_still_a_model() {
    let arpa = model(&[], &[]).to_arpa();
    assert!(arpa.contains("ngram 1=2") && arpa.ends_with("\\end\\\n"));
}

proptest! {
    #[test]
    fn counts_in_the_header_are_those_of_the_body(
        sentences in prop::collection::vec("[a-e' ]{0,12}", 0..12),
        words in prop::collection::vec("[a-z]{1,3}", 0..30),
    ) {
        let arpa = LanguageModel::from_vocabulary(&sentences, &words).to_arpa();
        let entries = read(&arpa);
        for order in 1..=3 {
            let header: usize = arpa
                .lines()
                .find_map(|line| line.strip_prefix(&format!("ngram {order}=")))
                .unwrap()
                .parse()
                .unwrap();
            prop_assert_eq!(header, entries.keys().filter(|words| words.len() == order).count());
        }
    }
}
