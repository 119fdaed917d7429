//! What a password must be (NIST SP 800-63B): long enough, not one that everybody tries, not made of what is known of
//! the person. No rules about kinds of characters: they make people choose worse ones.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

/// Least characters.
pub const SHORTEST_CHARS: usize = 10;
/// Most bytes that are read at all.
pub const LONGEST_BYTES: usize = 1_024;
/// Shorter pieces of names and addresses may appear by chance.
const TELLING_CHARS: usize = 4;
/// What everybody who guesses here tries first.
const PRODUCT: &str = "studioconnect";

/// The words that passwords are most often built from, one per line, in lower case and without decoration.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../data/common_passwords.txt").lines().filter(|l| !l.is_empty()).collect()
});

/// Rows that fingers follow.
const ROWS: [&str; 8] = [
    "01234567890123456789",
    "09876543210987654321",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];

/// Why a password is refused, in words for whoever chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Too short.
    TooShort,
    /// Too long.
    TooLong,
    /// Among those that are tried first.
    Common,
    /// A row of keys, or the same again and again.
    Pattern,
    /// Made of the person's address or name, or of the product's name.
    Personal,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => {
                write!(f, "must have at least {SHORTEST_CHARS} characters; a few words do well")
            }
            Self::TooLong => write!(f, "must have at most {LONGEST_BYTES} bytes"),
            Self::Common => {
                f.write_str("is among the passwords that are tried first: choose one that others don't use")
            }
            Self::Pattern => {
                f.write_str("is a row of keys or a repetition: choose one that can't be foreseen")
            }
            Self::Personal => {
                f.write_str("must not be made of your name, your e-mail address or the product's name")
            }
        }
    }
}

/// Checks a password that somebody chose. `personal` is what is known of them: address, name, organization.
///
/// # Errors
/// The first flaw found.
pub fn check(password: &str, personal: &[&str]) -> Result<(), Flaw> {
    if password.len() > LONGEST_BYTES {
        return Err(Flaw::TooLong);
    }
    if password.chars().count() < SHORTEST_CHARS {
        return Err(Flaw::TooShort);
    }
    let plain = undecorated(password);
    if is_pattern(password) {
        return Err(Flaw::Pattern);
    }
    if COMMON.contains(plain.as_str())
        || COMMON.contains(password.to_lowercase().as_str())
        || is_doubled(&plain)
    {
        return Err(Flaw::Common);
    }
    // A long phrase may hold a name; a password that is little else may not.
    let telling = personal.iter().flat_map(|text| pieces(text)).chain([PRODUCT.to_owned()]);
    let given_away = telling.filter(|piece| plain.contains(piece.as_str())).map(|piece| piece.len()).max();
    if given_away.is_some_and(|len| plain.len() < len + SHORTEST_CHARS) {
        return Err(Flaw::Personal);
    }
    Ok(())
}

/// Lower case, the usual stand-ins for letters taken back, and nothing but letters: `P@ssw0rd2024!` is `password`.
fn undecorated(password: &str) -> String {
    let lower = password.to_lowercase();
    // A year or a mark at the end is decoration; at the beginning a sign may stand for a letter.
    let core = lower
        .trim_end_matches(|c: char| !c.is_alphabetic())
        .trim_start_matches(|c: char| !c.is_alphabetic() && !"@$0".contains(c));
    core.chars()
        .filter_map(|c| match c {
            '0' => Some('o'),
            '1' | '!' => Some('i'),
            '3' => Some('e'),
            '4' | '@' => Some('a'),
            '5' | '$' => Some('s'),
            '7' => Some('t'),
            c if c.is_alphabetic() => Some(c),
            _ => None,
        })
        .collect()
}

/// A common word said twice or more.
fn is_doubled(plain: &str) -> bool {
    (2..=plain.len() / 3).filter(|n| plain.len().is_multiple_of(*n)).any(|n| {
        let Some(word) = plain.get(..plain.len() / n) else { return false };
        word.repeat(n) == plain && COMMON.contains(word)
    })
}

/// Few different characters, or pieces of the rows that fingers follow and hardly anything else.
fn is_pattern(password: &str) -> bool {
    let lower: Vec<char> = password.to_lowercase().chars().collect();
    if lower.iter().collect::<HashSet<_>>().len() <= 4 {
        return true;
    }
    let follows = |pair: &[char]| {
        pair[0] == pair[1] || ROWS.iter().any(|row| row.contains(&pair.iter().collect::<String>()))
    };
    let steps = lower.windows(2).filter(|pair| follows(pair)).count();
    // Chance has one or two of ten; a run along the keys has nearly all.
    steps * 10 >= (lower.len() - 1) * 8
}

/// The telling pieces of an address or a name.
fn pieces(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let whole: String =
        text.split('@').next().unwrap_or_default().chars().filter(|c| c.is_alphabetic()).collect();
    text.split(|c: char| !c.is_alphabetic())
        .map(str::to_owned)
        .chain([whole])
        .filter(|piece| {
            piece.chars().count() >= TELLING_CHARS && !["mail", "gmail", "example"].contains(&piece.as_str())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DANA: [&str; 2] = ["dana.lindqvist@aurora.example", "Dana Lindqvist"];

    #[test]
    fn what_is_tried_first_is_refused_with_its_reason() {
        let table = [
            ("short", Flaw::TooShort),
            ("nine char", Flaw::TooShort),
            ("P@ssw0rd2024!", Flaw::Common),
            ("password123", Flaw::Common),
            ("Sunshine2025", Flaw::Common),
            ("qwertyuiop", Flaw::Pattern),
            ("1234567890", Flaw::Pattern),
            ("aaaaaaaaaaaa", Flaw::Pattern),
            ("abababababab", Flaw::Pattern),
            ("abcdefghijkl", Flaw::Pattern),
            ("dragondragon", Flaw::Common),
            ("Lindqvist2024", Flaw::Personal),
            ("dana.lindqvist1", Flaw::Personal),
            ("StudioConnect1", Flaw::Personal),
            ("$tudioC0nnect!", Flaw::Personal),
        ];
        for (password, flaw) in table {
            assert_eq!(check(password, &DANA), Err(flaw), "{password}");
        }
        assert_eq!(check(&"x y".repeat(400), &DANA), Err(Flaw::TooLong));
    }

    #[test]
    fn what_can_not_be_foreseen_is_taken_whatever_its_characters() {
        for password in [
            "teal kettle over the fjord",
            "kqzr-wvbn-hxpd",
            "häßliche Öfen",
            "7391 0284 5562",
            "lindqvist counts eleven blue boats",
            "motörhead-on-a-monday",
        ] {
            assert_eq!(check(password, &DANA), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_list_is_in_the_form_it_is_compared_in() {
        assert!(COMMON.len() > 300);
        for word in COMMON.iter() {
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{word}");
        }
    }
}
