//! Spoken and spelled e-mail addresses.

use super::numbers::{self, tokens};
use crate::email::EmailAddress;
use crate::language::{LISTS, listed};

/// What is wrong with an address as heard, so that the question can be asked again for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailProblem {
    /// No "at".
    #[error("the address has no at sign")]
    NoAt,
    /// Nothing in front of the "at".
    #[error("the address has no name before the at sign")]
    NoName,
    /// Nothing usable behind the "at".
    #[error("the address has no domain after the at sign")]
    NoDomain,
}

/// Reads an address.
///
/// # Errors
/// What is missing in it.
pub fn read(text: &str) -> Result<EmailAddress, EmailProblem> {
    let all = tokens(text);
    let words = without_false_start(&all);
    if let Some(typed) = words.iter().find_map(|t| EmailAddress::parse(t).ok()) {
        return Ok(typed);
    }
    let ats: Vec<usize> = (0..words.len()).filter(|&i| matches!(words[i].as_str(), "at" | "@")).collect();
    let mut problem = if ats.is_empty() { EmailProblem::NoAt } else { EmailProblem::NoDomain };
    // The last "at" that a domain follows: "you can reach me at maria at gmail dot com".
    for &at in ats.iter().rev() {
        let Some(domain) = domain(&words[at + 1..]) else { continue };
        let local = local(&words[..at]);
        match EmailAddress::parse(&format!("{local}@{domain}")) {
            Ok(address) => return Ok(address),
            Err(_) if local.is_empty() => problem = EmailProblem::NoName,
            Err(_) => {}
        }
    }
    Err(problem)
}

/// The tokens after the last "no", "sorry" or "actually", when an address follows it.
fn without_false_start(words: &[String]) -> &[String] {
    let cut =
        words.iter().rposition(|w| matches!(w.as_str(), "no" | "sorry" | "actually" | "wait" | "correction"));
    match cut {
        Some(cut) if words[cut + 1..].iter().any(|w| w == "at" || w.contains('@')) => &words[cut + 1..],
        _ => words,
    }
}

fn is_dot(word: &str) -> bool {
    matches!(word, "dot" | "point" | "period" | ".")
}

fn is_top_level(word: &str) -> bool {
    listed("top_level_domains", word)
}

/// A top-level domain as recognisers write it.
fn top_level(word: &str) -> &str {
    match word {
        "calm" | "come" | "comm" | "comp" => "com",
        "debt" | "nets" => "net",
        "orc" => "org",
        other => other,
    }
}

/// The domain at the start of the tokens.
fn domain(words: &[String]) -> Option<String> {
    if let Some(whole) = words.first().filter(|w| w.contains('.') && w.len() <= 253) {
        return Some(whole.clone());
    }
    let mut labels: Vec<String> = vec![String::new()];
    let mut i = 0;
    while i < words.len() && i < 60 {
        let word = words[i].as_str();
        if is_dot(word) {
            if labels.last().is_none_or(String::is_empty) {
                return None;
            }
            labels.push(String::new());
            i += 1;
            continue;
        }
        let behind_a_dot = labels.len() > 1;
        let starts_label = labels.last().is_some_and(String::is_empty);
        if behind_a_dot && starts_label {
            let top = top_level(word);
            let spelled: String =
                words[i..].iter().take_while(|w| w.len() == 1).take(6).map(String::as_str).collect();
            let (label, used) = if is_top_level(top) {
                (top.to_owned(), 1)
            } else if is_top_level(&spelled) {
                (spelled.clone(), spelled.len())
            } else {
                (String::new(), 0)
            };
            if used > 0 {
                i += used;
                if let Some(last) = labels.last_mut() {
                    *last = label;
                }
                if words.get(i).is_some_and(|w| is_dot(w)) {
                    continue;
                }
                break;
            }
        }
        // "gmail com": the dot was swallowed.
        if !starts_label
            && !behind_a_dot
            && is_top_level(top_level(word))
            && !words.get(i + 1).is_some_and(|w| is_dot(w))
        {
            labels.push(top_level(word).to_owned());
            break;
        }
        let (piece, used) = piece(words, i);
        // Words after an unknown ending are conversation: "maria at acme dot dentist thank you".
        if behind_a_dot
            && !starts_label
            && piece != "-"
            && word.len() > 1
            && !labels.last().is_some_and(|l| l.ends_with('-'))
        {
            break;
        }
        if let Some(last) = labels.last_mut() {
            last.push_str(&piece);
        }
        i += used;
    }
    labels.retain(|l| !l.is_empty());
    if labels.len() == 1 {
        let only = labels.first()?;
        return listed("mail_hosts", only).then(|| format!("{only}.com"));
    }
    Some(labels.join("."))
}

/// What a token (or a few) means inside an address, and how many tokens it took.
fn piece(words: &[String], i: usize) -> (String, usize) {
    let word = words[i].as_str();
    let next = words.get(i + 1).map_or("", String::as_str);
    let is_letter = |w: &str| w.len() == 1 && w.chars().all(|c| c.is_ascii_alphabetic());
    // "b as in bravo", "p like peter", "d for dog": the word is heard better than the letter.
    if is_letter(word) {
        let (skip, explains) = match next {
            "as" if words.get(i + 2).is_some_and(|w| w == "in") => (3, true),
            "like" | "for" => (2, true),
            _ => (0, false),
        };
        if explains && let Some(example) = words.get(i + skip).filter(|w| w.len() > 1) {
            return (example.chars().take(1).collect(), skip + 1);
        }
        return (word.to_owned(), 1);
    }
    match word {
        "dot" | "point" | "period" => return (".".to_owned(), 1),
        "dash" | "hyphen" | "minus" => return ("-".to_owned(), 1),
        "underscore" => return ("_".to_owned(), 1),
        "under" if next == "score" => return ("_".to_owned(), 2),
        "plus" => return ("+".to_owned(), 1),
        "double" if next == "u" || next == "you" => return ("w".to_owned(), 2),
        "double" | "triple" => {
            let count = if word == "double" { 2 } else { 3 };
            if is_letter(next) {
                return (next.repeat(count), 2);
            }
            if let Some(digit) = numbers::unit(next) {
                return (digit.to_string().repeat(count), 2);
            }
            return (String::new(), 1);
        }
        _ => {}
    }
    // Letters by their names, when they stand among letters.
    let among_letters = is_letter(next) || i.checked_sub(1).is_some_and(|p| is_letter(&words[p]));
    if among_letters && let Some(letter) = letter_by_name(word) {
        return (letter.to_owned(), 1);
    }
    if numbers::is_digit_word(word) && word != "hundred" {
        let run: Vec<String> = words[i..].iter().take_while(|w| numbers::is_digit_word(w)).cloned().collect();
        let digits: String = numbers::digit_runs(&run).concat();
        return (digits, run.len());
    }
    (word.chars().filter(|c| c.is_ascii_alphanumeric() || "._-+".contains(*c)).collect(), 1)
}

fn letter_by_name(word: &str) -> Option<&'static str> {
    Some(match word {
        "ay" | "eh" => "a",
        "be" | "bee" => "b",
        "see" | "sea" => "c",
        "dee" => "d",
        "ee" => "e",
        "ef" | "eff" => "f",
        "gee" => "g",
        "aitch" | "age" => "h",
        "eye" => "i",
        "jay" => "j",
        "kay" => "k",
        "el" | "ell" => "l",
        "em" => "m",
        "en" | "and" => "n",
        "oh" => "o",
        "pea" | "pee" => "p",
        "cue" | "queue" => "q",
        "are" | "our" => "r",
        "es" | "ess" => "s",
        "tea" | "tee" => "t",
        "you" => "u",
        "vee" => "v",
        "ex" => "x",
        "why" => "y",
        "zee" | "zed" => "z",
        _ => return None,
    })
}

/// The part before the "at", freed from what leads to it.
fn local(words: &[String]) -> String {
    let single = |w: &String| w.len() == 1;
    // After the last lead-in ("my email is"), unless nothing would be left ("me at acme dot com").
    let start = words.iter().rposition(|w| w == "at" || listed("email_lead_ins", w)).map_or(0, |i| i + 1);
    let words = if start < words.len() { &words[start..] } else { &words[words.len().saturating_sub(1)..] };
    let mut pieces: Vec<(String, bool)> = Vec::new();
    let mut i = 0;
    while i < words.len() && i < 80 {
        let word = words[i].as_str();
        let between_letters = i > 0
            && i + 1 < words.len()
            && words[i - 1].len() == 1
            && words[i + 1].len() == 1
            && letter_by_name(word).is_some();
        if listed("email_fillers", word) && !between_letters {
            i += 1;
            continue;
        }
        let (text, used) = piece(words, i);
        let spelled =
            single(&words[i]) || (used == 1 && text.len() == 1) || word == "double" || word == "triple";
        pieces.push((text, spelled));
        i += used.max(1);
    }
    if let Some(initials) = spelling_alphabet(words) {
        return initials;
    }
    // "maria m a r i a": the spelling replaces the word it spells.
    let mut joined: Vec<(String, bool)> = Vec::new();
    for (text, spelled) in pieces {
        match joined.last_mut() {
            Some((run, true)) if spelled && !matches!(text.as_str(), "." | "-" | "_" | "+") => {
                run.push_str(&text);
            }
            _ => joined.push((text, spelled && text_is_letter_like(words))),
        }
    }
    let mut local = String::new();
    for (i, (text, _)) in joined.iter().enumerate() {
        let respelled = joined.get(i + 1).is_some_and(|(next, spelled)| {
            *spelled && next.len() >= 3 && text.len() >= 3 && crate::words::similarity(text, next) >= 0.6
        });
        if !respelled {
            local.push_str(text);
        }
    }
    local
}

/// Spelling is only looked for when several single letters were said.
fn text_is_letter_like(words: &[String]) -> bool {
    words.iter().filter(|w| w.len() == 1).count() >= 2
}

/// "mike alpha romeo india alpha": three or more words, all of the spelling alphabet.
fn spelling_alphabet(words: &[String]) -> Option<String> {
    let alphabet = LISTS.get("spelling_alphabet");
    let spelled = words.len() >= 3 && words.iter().all(|w| alphabet.contains(&w.as_str()));
    spelled.then(|| words.iter().filter_map(|w| w.chars().next()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoken_addresses_are_read() {
        for (text, expect) in [
            ("maria at gmail dot com", "maria@gmail.com"),
            ("m a r i a at gmail dot com", "maria@gmail.com"),
            ("j dot smith at acme dash design dot co dot uk", "j.smith@acme-design.co.uk"),
            ("my email is maria dot lopez at gmail dot com", "maria.lopez@gmail.com"),
            ("my email address is m a r i a at g mail dot com thank you", "maria@gmail.com"),
            ("it's tom underscore baker at northwind coffee dot com", "tom_baker@northwindcoffee.com"),
            ("you can reach me at maria at gmail dot com", "maria@gmail.com"),
            ("s c o double t at outlook dot com", "scott@outlook.com"),
            ("b as in bravo o b at hot mail dot com", "bob@hotmail.com"),
            ("p as in bravo o b at yahoo dot com", "bob@yahoo.com"),
            ("maria that's m a r i a at gmail dot com", "maria@gmail.com"),
            ("maria lopez one two three at yahoo dot com", "marialopez123@yahoo.com"),
            ("tom nineteen eighty five at icloud dot com", "tom1985@icloud.com"),
            ("info at bright bakery dot com", "info@brightbakery.com"),
            ("me at jo dot io", "me@jo.io"),
            ("maria at gmail com", "maria@gmail.com"),
            ("maria at gmail", "maria@gmail.com"),
            ("maria@gmail.com", "maria@gmail.com"),
            ("sure, it is Maria@Gmail.com.", "maria@gmail.com"),
            ("mike alpha romeo india alpha at gmail dot com", "maria@gmail.com"),
            ("mike at gmail dot com", "mike@gmail.com"),
            ("j o h n plus work at gmail dot com", "john+work@gmail.com"),
            ("anna at studio nine dot d e", "anna@studio9.de"),
            ("susan at green valley dental dot o r g", "susan@greenvalleydental.org"),
            ("no it's maria dot l at gmail dot com", "maria.l@gmail.com"),
            ("mario no sorry maria at gmail dot com", "maria@gmail.com"),
            ("double u i l l at acme dot com", "will@acme.com"),
            ("k a t e at acme dot calm", "kate@acme.com"),
            ("s a m at a c m e dot com", "sam@acme.com"),
        ] {
            assert_eq!(read(text).as_ref().map(EmailAddress::as_str), Ok(expect), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(read("maria gmail dot com"), Err(EmailProblem::NoAt));
        assert_eq!(read("m a r i a"), Err(EmailProblem::NoAt));
        assert_eq!(read("at gmail dot com"), Err(EmailProblem::NoName));
        assert_eq!(read("maria at"), Err(EmailProblem::NoDomain));
        assert_eq!(read("we are at the office"), Err(EmailProblem::NoDomain));
        assert_eq!(read(""), Err(EmailProblem::NoAt));
    }
}
