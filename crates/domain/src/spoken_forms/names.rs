//! People's names.

use super::numbers::is_digit_word;
use crate::language::{FIRST_NAMES, LISTS, SURNAMES, listed};
use crate::words::{capitalised, find_phrase, words};

/// Reads a name. When one was asked for, the words themselves may be it; otherwise only a clear introduction
/// counts ("my name is …", "this is Tom").
#[must_use]
pub fn read(text: &str, was_asked: bool) -> Option<String> {
    let said = words(text);
    for lead in LISTS.get("name_lead_ins") {
        let lead_words = words(lead);
        let Some(at) = find_phrase(&said, &lead_words) else { continue };
        let rest = &said[at + lead_words.len()..];
        // "this is urgent" and "I'm looking for" introduce nobody.
        let sure = lead.contains("name");
        let first_known = rest.first().is_some_and(|w| FIRST_NAMES.contains(&w.as_str()));
        if (sure || first_known || (was_asked && rest.first().is_some_and(|w| !listed("not_names", w))))
            && let Some(name) = leading_name(rest)
        {
            return Some(name);
        }
    }
    if let Some(at) = said.iter().position(|w| w == "speaking" || w == "here")
        && at <= 3
        && said.first().is_some_and(|w| FIRST_NAMES.contains(&w.as_str()))
    {
        return leading_name(&said[..at]);
    }
    if !was_asked {
        return None;
    }
    let start = said.iter().position(|w| !listed("name_fillers", w))?;
    let rest = &said[start..];
    let known = rest.iter().any(|w| FIRST_NAMES.contains(&w.as_str()) || SURNAMES.contains(&w.as_str()));
    // A long sentence without a name in it is no answer to "your name?".
    if rest.len() > 4 && !known {
        return None;
    }
    if rest.len() > 4
        && let Some(at) = rest.iter().position(|w| FIRST_NAMES.contains(&w.as_str()))
    {
        return leading_name(&rest[at..]);
    }
    leading_name(rest)
}

/// Whether the words introduce somebody of this name and say nothing else.
#[must_use]
pub fn says_only(text: &str, name: &str) -> bool {
    let name = words(name);
    words(text).iter().all(|word| {
        name.contains(word)
            || listed("name_fillers", word)
            || matches!(word.as_str(), "i'm" | "name's" | "here" | "speaking")
    })
}

/// Up to three name words at the start, a spelling of the last one taken over it.
fn leading_name(said: &[String]) -> Option<String> {
    let mut name: Vec<String> = Vec::new();
    let mut i = 0;
    while i < said.len() {
        let word = said[i].as_str();
        let letters: Vec<&str> = said[i..].iter().take_while(|w| w.len() == 1).map(String::as_str).collect();
        if letters.len() >= 3 {
            let spelled = letters.concat();
            match name.last_mut() {
                Some(last) if crate::words::similarity(last, &spelled) >= 0.4 => *last = spelled,
                _ => name.push(spelled),
            }
            i += letters.len();
            break;
        }
        if word == "spelled" || word == "that's" || word == "spelt" {
            i += 1;
            continue;
        }
        if name.len() >= 3 || listed("not_names", word) || is_digit_word(word) {
            break;
        }
        name.push(word.to_owned());
        i += 1;
    }
    if let Some(changed) = with_letters(&said[i..], name.last()) {
        name.pop();
        name.push(changed);
    }
    let letters: usize = name.iter().map(|w| w.chars().filter(|c| c.is_alphabetic()).count()).sum();
    (letters >= 2).then(|| name.iter().map(|w| large(w)).collect::<Vec<_>>().join(" "))
}

fn large(word: &str) -> String {
    // "o'brien" has two large letters.
    word.split('\'').map(capitalised).collect::<Vec<_>>().join("'")
}

/// "lopez" and "with an s" make "lopes"; "with double t" doubles the letter.
fn with_letters(said: &[String], word: Option<&String>) -> Option<String> {
    let word = word?;
    let at = said.iter().position(|w| w == "with")?;
    let rest: Vec<&str> = said[at + 1..].iter().map(String::as_str).collect();
    let (twice, letter) = match rest.as_slice() {
        ["double" | "two", letter, ..] => (true, *letter),
        ["a" | "an", letter, ..] => (false, *letter),
        [letter, ..] => (false, *letter),
        [] => return None,
    };
    let letter = letter.trim_end_matches("'s");
    let mut chars = letter.chars();
    let (Some(letter), None) = (chars.next(), chars.next()) else { return None };
    if twice {
        let at = word.rfind(letter)?;
        let doubled = format!("{letter}{letter}");
        return Some(if word.contains(&doubled) {
            word.clone()
        } else {
            word[..at].to_owned() + &doubled + &word[at + letter.len_utf8()..]
        });
    }
    if word.contains(letter) {
        return Some(word.clone());
    }
    const ALIKE: [&str; 8] = ["szc", "ckq", "iye", "fvp", "gj", "mn", "bpvd", "dt"];
    let groups: Vec<&str> = ALIKE.into_iter().filter(|g| g.contains(letter)).collect();
    let at = word.rfind(|c| groups.iter().any(|g| g.contains(c)))?;
    let replaced = word[at..].chars().next()?;
    Some(format!("{}{letter}{}", &word[..at], &word[at + replaced.len_utf8()..]))
}

/// Puts a corrected name over the one that was noted: a single word replaces the word most like it.
#[must_use]
pub fn corrected(noted: &str, correction: &str) -> String {
    let old: Vec<&str> = noted.split_whitespace().collect();
    if correction.contains(' ') || old.len() < 2 {
        return correction.to_owned();
    }
    let alike = |w: &str| crate::words::similarity(&w.to_lowercase(), &correction.to_lowercase());
    let best = (0..old.len()).max_by(|&a, &b| alike(old[a]).total_cmp(&alike(old[b])));
    match best.filter(|&i| alike(old[i]) >= 0.4) {
        Some(best) => old
            .iter()
            .enumerate()
            .map(|(i, w)| if i == best { correction } else { w })
            .collect::<Vec<_>>()
            .join(" "),
        None => correction.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_asked_for_is_read() {
        for (text, expect) in [
            ("maria lopez", "Maria Lopez"),
            ("my name is maria lopez", "Maria Lopez"),
            ("yes it's tom baker", "Tom Baker"),
            ("sure my name is susan park and i need a website", "Susan Park"),
            ("this is tom from northwind coffee", "Tom"),
            ("tom baker speaking", "Tom Baker"),
            ("i'm anna o'brien", "Anna O'Brien"),
            ("lopez l o p e s", "Lopes"),
            ("maria lopez that's l o p e s", "Maria Lopes"),
            ("call me jo", "Jo"),
            ("um maria", "Maria"),
            ("it's lopez with an s", "Lopes"),
            ("scot with double t", "Scott"),
            ("the name is dana reed", "Dana Reed"),
            ("xiomara quillfeather", "Xiomara Quillfeather"),
        ] {
            assert_eq!(read(text, true).as_deref(), Some(expect), "{text}");
        }
        for text in ["", "how much does a website cost", "i don't want to say", "no", "what", "one two three"]
        {
            assert_eq!(read(text, true), None, "{text}");
        }
    }

    #[test]
    fn an_introduction_alone_is_told_from_one_with_more_behind_it() {
        for (text, only) in [
            ("my name is sarah o'connor", true),
            ("hi this is sarah", true),
            ("this is sarah i need the files", false),
        ] {
            let name = read(text, false).unwrap_or_default();
            assert_eq!(says_only(text, &name), only, "{text}: {name}");
        }
        for no_name in ["tuesday at three", "next week", "in the morning"] {
            assert_eq!(read(no_name, true), None, "{no_name}");
        }
    }

    #[test]
    fn only_an_introduction_counts_unasked() {
        for (text, expect) in [
            ("hi my name is maria lopez and i need a website", Some("Maria Lopez")),
            ("hello this is tom baker", Some("Tom Baker")),
            ("i'm looking for a new logo", None),
            ("this is urgent", None),
            ("website", None),
            ("i'm maria", Some("Maria")),
        ] {
            assert_eq!(read(text, false).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn a_corrected_word_replaces_the_one_like_it() {
        assert_eq!(corrected("Maria Lopez", "Lopes"), "Maria Lopes");
        assert_eq!(corrected("Maria Lopez", "Anna Smith"), "Anna Smith");
        assert_eq!(corrected("Mario Lopez", "Maria"), "Maria Lopez");
    }
}
