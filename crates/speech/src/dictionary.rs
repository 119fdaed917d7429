//! The recogniser's dictionary: how each word of a vocabulary is pronounced.
//!
//! Only the words that are needed are copied out of the installed CMU dictionary (a full one costs memory and
//! time for each decoder). What it lacks is pronounced by flite's letter-to-sound rules, and without flite by
//! the rough rule of [`by_letters`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

/// Pronunciations by word; the recogniser numbers a word's second and later ones.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Dictionary {
    entries: BTreeMap<String, Vec<String>>,
}

impl Dictionary {
    /// Looks up `words` in a dictionary file of lines such as `word(2) W ER D`. Single letters take their
    /// names ("w." is "double u") beside what they are as words ("a").
    pub(crate) fn look_up<'a>(
        file: impl Read,
        words: impl Iterator<Item = &'a str>,
    ) -> std::io::Result<Self> {
        let wanted: BTreeSet<&str> = words.collect();
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let Ok(text) = std::str::from_utf8(&line) else { continue };
            let Some((head, phones)) = text.trim_end().split_once(' ') else { continue };
            let word = head.split('(').next().unwrap_or(head);
            let word = if word.len() == 2 { word.strip_suffix('.').unwrap_or(word) } else { word };
            if !wanted.contains(word) {
                continue;
            }
            let variants = entries.entry(word.to_owned()).or_default();
            let phones = phones.trim();
            if !variants.iter().any(|known| known == phones) {
                variants.push(phones.to_owned());
            }
        }
        Ok(Self { entries })
    }

    /// Which of `words` have no pronunciation yet.
    pub(crate) fn missing<'a>(&self, words: impl Iterator<Item = &'a str>) -> Vec<String> {
        words.filter(|word| !self.entries.contains_key(*word)).map(str::to_owned).collect()
    }

    /// Adds a word with a pronunciation in the recogniser's phones; an empty one is left out.
    pub(crate) fn add(&mut self, word: &str, phones: &[&str]) {
        if !phones.is_empty() {
            self.entries.entry(word.to_owned()).or_default().push(phones.join(" "));
        }
    }

    /// The number of words.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The dictionary as the recogniser reads it.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (word, variants) in &self.entries {
            for (index, phones) in variants.iter().enumerate() {
                text.push_str(word);
                if index > 0 {
                    text.push_str(&format!("({})", index + 1));
                }
                text.push(' ');
                text.push_str(phones);
                text.push('\n');
            }
        }
        text
    }
}

/// The recogniser's phones for flite's; the two sets differ in the reduced vowel and in the pause.
#[must_use]
pub(crate) fn phone_of_flite(phone: &str) -> Option<&'static str> {
    PHONES.iter().copied().find(|known| known.eq_ignore_ascii_case(phone)).or(match phone {
        "ax" => Some("AH"),
        "axr" => Some("ER"),
        "ix" => Some("IH"),
        _ => None,
    })
}

const PHONES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
];

/// A rough pronunciation of an English-looking word, letter by letter: for machines without flite.
#[must_use]
pub(crate) fn by_letters(word: &str) -> Vec<&'static str> {
    const PAIRS: [(&str, &[&str]); 16] = [
        ("ch", &["CH"]),
        ("sh", &["SH"]),
        ("th", &["TH"]),
        ("ph", &["F"]),
        ("wh", &["W"]),
        ("ck", &["K"]),
        ("qu", &["K", "W"]),
        ("ng", &["NG"]),
        ("ee", &["IY"]),
        ("ea", &["IY"]),
        ("oo", &["UW"]),
        ("ou", &["AW"]),
        ("ow", &["OW"]),
        ("ai", &["EY"]),
        ("ay", &["EY"]),
        ("oa", &["OW"]),
    ];
    let letters: Vec<char> = word.chars().filter(char::is_ascii_lowercase).collect();
    let mut phones = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let pair: String = letters[at..letters.len().min(at + 2)].iter().collect();
        if let Some((_, sounds)) = PAIRS.iter().find(|(spelled, _)| *spelled == pair) {
            phones.extend_from_slice(sounds);
            at += 2;
            continue;
        }
        let last = at + 1 == letters.len();
        if at > 0 && letters[at] == letters[at - 1] {
            at += 1;
            continue;
        }
        let sounds: &[&'static str] = match letters[at] {
            'a' => &["AE"],
            'b' => &["B"],
            'c' if letters.get(at + 1).is_some_and(|next| "eiy".contains(*next)) => &["S"],
            'c' | 'k' | 'q' => &["K"],
            'd' => &["D"],
            'e' if last && phones.len() > 1 => &[],
            'e' => &["EH"],
            'f' => &["F"],
            'g' => &["G"],
            'h' => &["HH"],
            'i' => &["IH"],
            'j' => &["JH"],
            'l' => &["L"],
            'm' => &["M"],
            'n' => &["N"],
            'o' if last => &["OW"],
            'o' => &["AA"],
            'p' => &["P"],
            'r' => &["R"],
            's' => &["S"],
            't' => &["T"],
            'u' => &["AH"],
            'v' => &["V"],
            'w' => &["W"],
            'x' => &["K", "S"],
            'y' if at == 0 => &["Y"],
            'y' => &["IY"],
            _ => &["Z"],
        };
        phones.extend_from_slice(sounds);
        at += 1;
    }
    phones
}

/// Splits what `flite -ps` printed for words given one to a line into one pronunciation each; `None` when the
/// numbers do not agree (a word was read as several phrases).
#[must_use]
pub(crate) fn split_flite_phones(printed: &str, words: usize) -> Option<Vec<Vec<&'static str>>> {
    let pronunciations: Vec<Vec<&'static str>> = printed
        .split_whitespace()
        .collect::<Vec<_>>()
        .split(|phone| *phone == "pau")
        .filter(|phones| !phones.is_empty())
        .map(|phones| phones.iter().filter_map(|phone| phone_of_flite(phone)).collect())
        .collect();
    (pronunciations.len() == words).then_some(pronunciations)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "a AH\na(2) EY\na. EY\nbrand B R AE N D\nbranding B R AE N D IH NG\n\
                        route R UW T\nroute(2) R AW T\nw D AH B AH L Y UW\nw. D AH B AH L Y UW\n";

    #[test]
    fn only_the_words_asked_for_are_kept_with_all_variants() {
        let words = ["a", "route", "w", "zbrush"];
        let dictionary = Dictionary::look_up(FILE.as_bytes(), words.into_iter()).unwrap();
        assert_eq!(
            dictionary.to_text(),
            "a AH\na(2) EY\nroute R UW T\nroute(2) R AW T\nw D AH B AH L Y UW\n"
        );
        assert_eq!(dictionary.missing(words.into_iter()), ["zbrush"]);
    }

    #[test]
    fn flite_answers_one_pronunciation_for_each_word() {
        let printed = "pau ow k l iy pau k ax m pau pau b l ae k pau ";
        let phones = split_flite_phones(printed, 3).unwrap();
        assert_eq!(phones, [vec!["OW", "K", "L", "IY"], vec!["K", "AH", "M"], vec!["B", "L", "AE", "K"]]);
        assert_eq!(split_flite_phones(printed, 2), None);
    }

    #[test]
    fn words_have_some_pronunciation_without_flite() {
        let check = |word: &str, phones: &str| assert_eq!(by_letters(word).join(" "), phones, "{word}");
        check("brand", "B R AE N D");
        check("zeeko", "Z IY K OW");
        check("ellice", "EH L IH S");
        check("chuck", "CH AH K");
        check("'42", "");
    }
}
