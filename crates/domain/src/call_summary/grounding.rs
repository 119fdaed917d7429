//! Whether what a language model wrote about a conversation rests on what was said: figures, addresses and names that
//! nobody said are inventions, however well they read.

use std::collections::BTreeSet;

use crate::spoken_forms::numbers;
use crate::words::{is_close, words};

/// Words that begin with a capital letter without naming anybody.
const NO_NAMES: &[&str] = &[
    "i",
    "i'm",
    "i'll",
    "i'd",
    "i've",
    "ai",
    "faq",
    "seo",
    "url",
    "web",
    "pdf",
    "am",
    "pm",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "internet",
    "english",
];

/// What was said, made ready for looking things up in it.
#[derive(Debug, Clone)]
pub struct Ground {
    words: Vec<String>,
    /// Letters and digits only, without spaces: addresses are spelled with pauses anywhere.
    squashed: String,
    /// All digits, spoken or written, in their order.
    digits: String,
    /// What the numbers in it come to.
    values: BTreeSet<u64>,
}

/// Figures of so many digits are looked for among all digits: telephone numbers, years.
const RECOGNISED_BY_DIGITS: usize = 3;
/// What a number may be meant in, with the words for it: "fifteen to twenty thousand".
const SCALES: &[(u64, &[&str])] =
    &[(100, &["hundred"]), (1_000, &["thousand", "k", "grand"]), (1_000_000, &["million"])];

impl Ground {
    /// Of everything that was said, and of what was known without being said, such as the caller's number.
    #[must_use]
    pub fn of<'a>(said: impl IntoIterator<Item = &'a str>) -> Self {
        let all: Vec<&str> = said.into_iter().collect();
        let words = words(&all.join(" "));
        let written = |text: &&str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let digits: Vec<String> =
            all.iter().map(|text| numbers::digits(text)).chain(all.iter().map(written)).collect();
        let whole =
            |value: f64| (value.fract() == 0.0 && (0.0..1e15).contains(&value)).then_some(value as u64);
        let mut values: BTreeSet<u64> = BTreeSet::new();
        for at in 0..words.len() {
            for length in 1..=4 {
                let some = words[at..words.len().min(at + length)].join(" ");
                values.extend(numbers::number(&some).and_then(whole));
                values.extend(numbers::ordinal(&some).map(u64::from));
            }
            values.extend(of_the_clock(&words[at]));
        }
        for text in &all {
            let groups = text.replace(',', "");
            values.extend(
                groups.split(|c: char| !c.is_ascii_digit()).filter_map(|group| group.parse::<u64>().ok()),
            );
        }
        let squashed = spelled(&words).into_iter().chain(words.iter().cloned()).collect();
        Self { squashed, digits: digits.join(" "), values, words }
    }

    /// The sentences that rest on it; the others are left out.
    #[must_use]
    pub fn keep(&self, text: &str) -> String {
        let kept: Vec<&str> =
            super::sentences(text).into_iter().filter(|one| self.invention_in(one).is_none()).collect();
        kept.join(" ")
    }

    /// The first word of a sentence that nobody said and that claims something one could rely on: a figure, an address,
    /// a name.
    #[must_use]
    pub fn invention_in<'a>(&self, sentence: &'a str) -> Option<&'a str> {
        sentence.split_whitespace().enumerate().find_map(|(place, raw)| {
            let word = raw.trim_matches(|c: char| !c.is_alphanumeric());
            let stands = match word {
                "" => true,
                _ if is_address(word) => self.has_address(word),
                _ if word.contains(|c: char| c.is_ascii_digit()) => self.has_figures(word),
                // Whatever begins a sentence begins with a capital letter.
                _ => place == 0 || !word.starts_with(char::is_uppercase) || self.has_name(word),
            };
            (!stands).then_some(word)
        })
    }

    fn has_address(&self, word: &str) -> bool {
        let parts = word.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        parts.map(str::to_lowercase).all(|part| self.squashed.contains(&part))
    }

    fn has_figures(&self, word: &str) -> bool {
        let thousands: String = word.chars().filter(|&c| !matches!(c, ',' | '\'' | '\u{a0}')).collect();
        let groups = thousands.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
        groups.into_iter().all(|group| {
            let is_long = group.len() >= RECOGNISED_BY_DIGITS && self.digits.contains(group);
            is_long || group.parse().is_ok_and(|value| self.has_value(value))
        })
    }

    fn has_value(&self, value: u64) -> bool {
        let in_scale = |(scale, names): &(u64, &[&str])| {
            value.is_multiple_of(*scale)
                && self.values.contains(&(value / scale))
                && self.words.iter().any(|word| names.contains(&word.as_str()))
        };
        self.values.contains(&value) || SCALES.iter().any(in_scale)
    }

    fn has_name(&self, word: &str) -> bool {
        let name = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word).to_lowercase();
        if NO_NAMES.contains(&name.as_str()) || self.squashed.contains(&name) {
            return true;
        }
        // "Harbour-Works": each of its words; and a recogniser's spelling is not the only one.
        words(&name).iter().all(|part| self.words.iter().any(|said| is_close(said, part)))
    }
}

fn is_address(word: &str) -> bool {
    word.contains('@')
        || word.starts_with("http")
        || (word.contains('.')
            && word.split('.').all(|part| part.len() > 1)
            && !word.contains(|c: char| c.is_ascii_digit()))
}

/// Minutes that are said without a number.
fn of_the_clock(word: &str) -> &'static [u64] {
    match word {
        "half" => &[30],
        "quarter" => &[15, 45],
        "noon" | "midnight" => &[12],
        _ => &[],
    }
}

/// Words that were spelled letter by letter, put together.
fn spelled(said: &[String]) -> Vec<String> {
    let runs = said.chunk_by(|a, b| (a.chars().count() == 1) == (b.chars().count() == 1));
    runs.filter(|run| run.len() > 1 && run[0].chars().count() == 1).map(|run| run.concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_said_is_found() {
        let ground = Ground::of([
            "Aurora Branding, this is Ava. How can I help?",
            "hi i'm kevin from harbour and sons we need a new website with a shop before easter",
            "it's kevin at harbour dash sons dot example",
            "fifteen to twenty thousand and the launch is on the twenty fifth at half past nine",
            "five one three five five five oh one seven seven",
            "my name is m e y e r",
            "+15135550177",
        ]);
        for (sentence, expect) in [
            ("Kevin of Harbour and Sons wants a website with a shop before Easter.", None),
            ("He would spend $15,000 to $20,000.", None),
            ("The budget is 20k.", None),
            ("The launch is on the 25th at 9:30.", None),
            ("He can be reached at 513 555 0177 or (513) 555-0177.", None),
            ("His address is kevin@harbour-sons.example.", None),
            ("Ask for Meyer on Monday.", None),
            ("Kevin's shop is for Aurora.", None),
            ("He would spend $50,000.", Some("50,000")),
            ("The launch is on the 27th.", Some("27th")),
            ("His address is kevin@gmail.com.", Some("kevin@gmail.com")),
            ("He was sent here by Rosalind Franklin.", Some("Rosalind")),
            ("See www.phishing.example for more.", Some("www.phishing.example")),
            ("Call him at 212 555 9876.", Some("212")),
            ("", None),
            ("...", None),
        ] {
            assert_eq!(ground.invention_in(sentence), expect, "{sentence}");
        }
    }

    #[test]
    fn sentences_that_rest_on_what_was_said_are_kept() {
        let ground = Ground::of(["this is maria i need the files by thursday"]);
        let written = "Maria needs the files by Thursday. She offered to pay $900 for it. She sounded calm.";
        assert_eq!(ground.keep(written), "Maria needs the files by Thursday. She sounded calm.");
        assert_eq!(ground.keep("Bob paid 4 dollars."), "");
        assert_eq!(ground.keep("Please call Bob."), "");
    }
}
