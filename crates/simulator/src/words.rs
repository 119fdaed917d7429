//! Spoken text as plain words, so that "$8,000" and "eight thousand dollars" are the same.

/// Lower-case words with numbers spelled out and punctuation gone.
#[must_use]
pub fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let text = text.replace(['\u{2019}', '\u{2018}'], "'").to_lowercase();
    for token in text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '\u{2013}' | '\u{2014}' | '/')) {
        push_token(token, &mut words);
    }
    join_compounds(&mut words);
    words
}

/// Words that some write in one and some in two: a difference of spelling, not of hearing.
const COMPOUNDS: [(&str, &str); 6] =
    [("web", "site"), ("home", "page"), ("never", "mind"), ("e", "mail"), ("good", "bye"), ("on", "line")];

fn join_compounds(words: &mut Vec<String>) {
    let mut at = 0;
    while at + 1 < words.len() {
        let pair = (words[at].as_str(), words[at + 1].as_str());
        if COMPOUNDS.contains(&pair) {
            let second = words.remove(at + 1);
            words[at].push_str(&second);
        }
        at += 1;
    }
}

fn push_token(token: &str, words: &mut Vec<String>) {
    let dollars = token.starts_with('$');
    let characters: Vec<char> = token.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        if rest[0].is_ascii_digit() {
            let inside = |i: usize| {
                rest[i].is_ascii_digit()
                    || (rest[i] == ',' && rest.get(i + 1).is_some_and(char::is_ascii_digit))
            };
            let length = (0..rest.len()).find(|&i| !inside(i)).unwrap_or(rest.len());
            let digits: String = rest[..length].iter().filter(|c| c.is_ascii_digit()).collect();
            push_number(&digits, words);
            at += length;
        } else if rest[0].is_alphabetic() {
            let length = rest.iter().position(|c| !(c.is_alphabetic() || *c == '\'')).unwrap_or(rest.len());
            let word: String = rest[..length].iter().collect();
            words.push(word.trim_end_matches('\'').to_owned());
            at += length;
        } else {
            let between = at > 0 && rest.len() > 1 && rest[1].is_alphanumeric();
            match rest[0] {
                '&' => words.push("and".to_owned()),
                '%' => words.push("percent".to_owned()),
                '@' => words.push("at".to_owned()),
                '.' if between => words.push(
                    if rest[1].is_ascii_digit() && characters[at - 1].is_ascii_digit() {
                        "point"
                    } else {
                        "dot"
                    }
                    .to_owned(),
                ),
                _ => {}
            }
            at += 1;
        }
    }
    if dollars {
        words.push("dollars".to_owned());
    }
}

/// Long figures, and those that begin with zero, are read digit by digit; others as a number.
fn push_number(digits: &str, words: &mut Vec<String>) {
    match digits.parse::<u32>() {
        Ok(value) if digits.len() <= 6 && (digits == "0" || !digits.starts_with('0')) => {
            push_cardinal(value, words);
        }
        _ => {
            for digit in digits.bytes() {
                words.push(SMALL[usize::from(digit - b'0')].to_owned());
            }
        }
    }
}

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
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
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

fn push_cardinal(value: u32, words: &mut Vec<String>) {
    match value {
        0..=19 => words.push(SMALL[value as usize].to_owned()),
        20..=99 => {
            words.push(TENS[(value / 10) as usize].to_owned());
            if !value.is_multiple_of(10) {
                push_cardinal(value % 10, words);
            }
        }
        100..=999 => {
            push_cardinal(value / 100, words);
            words.push("hundred".to_owned());
            if !value.is_multiple_of(100) {
                push_cardinal(value % 100, words);
            }
        }
        _ => {
            push_cardinal(value / 1000, words);
            words.push("thousand".to_owned());
            if !value.is_multiple_of(1000) {
                push_cardinal(value % 1000, words);
            }
        }
    }
}

/// Whether a phrase occurs: its words in a row, endings of number and tense forgiven. Alternatives are
/// separated by `|`.
#[must_use]
pub fn contains_phrase(heard: &[String], phrase: &str) -> bool {
    phrase.split('|').any(|alternative| {
        let wanted: Vec<String> = words_of(alternative).iter().map(|word| stem(word)).collect();
        !wanted.is_empty()
            && heard
                .windows(wanted.len())
                .any(|window| window.iter().map(|word| stem(word)).eq(wanted.iter().cloned()))
    })
}

fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    for (ending, least) in [("ing", 6), ("ed", 5)] {
        if let Some(root) = word.strip_suffix(ending)
            && word.len() >= least
        {
            return root.trim_end_matches('e').to_owned();
        }
    }
    let root = match word.strip_suffix('s') {
        Some(root) if word.len() > 3 && !root.ends_with('s') => root,
        _ => word,
    };
    if root.len() > 3 { root.trim_end_matches('e').to_owned() } else { root.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(words_of(text).join(" "), expect, "{text:?}");
    }

    #[test]
    fn numbers_become_words() {
        check("It starts at $8,000.", "it starts at eight thousand dollars");
        check("8-10 weeks", "eight ten weeks");
        check("9am to 6 pm", "nine am to six pm");
        check("12,345", "twelve thousand three hundred forty five");
        check("5135550142", "five one three five five five zero one four two");
        check("0199", "zero one nine nine");
    }

    #[test]
    fn punctuation_goes_and_addresses_are_spoken() {
        check("Hi \u{2014} it\u{2019}s Maria; isn't it?", "hi it's maria isn't it");
        check("maria@gmail.com", "maria at gmail dot com");
        check("Wait... 3.5 % & more", "wait three point five percent and more");
    }

    #[test]
    fn spelling_in_one_word_or_two_is_the_same() {
        check("Your web site's home page", "your web site's homepage");
        check("the web site, never mind, e-mail", "the website nevermind email");
    }

    #[test]
    fn phrase_is_found_whatever_its_endings() {
        let heard = words_of("The homepage designs are ready for your review, two rounds of revisions.");
        for phrase in ["homepage design", "reviews", "ready for your review", "nothing|revision", "2 rounds"]
        {
            assert!(contains_phrase(&heard, phrase), "{phrase}");
        }
        for phrase in ["design homepage", "view", "three rounds", "", "nothing|never"] {
            assert!(!contains_phrase(&heard, phrase), "{phrase}");
        }
    }
}
