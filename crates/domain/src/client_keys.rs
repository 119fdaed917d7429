//! What callers say to be known as a client: a client number, or the address on file.

use crate::email::EmailAddress;
use crate::language::has_phrase_of;
use crate::spoken_forms::{email, numbers};
use crate::words::words;

/// Digits of a client number, the fewest and the most.
pub const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

/// Something a client can be looked up by. It proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The address on file.
    Email(EmailAddress),
    /// The client number.
    Number(String),
}

/// Reads an address or a client number, spoken or dialled.
#[must_use]
pub fn read(text: &str) -> Option<Key> {
    if let Ok(address) = email::read(text) {
        return Some(Key::Email(address));
    }
    let digits = numbers::digits(text);
    NUMBER_DIGITS.contains(&digits.len()).then_some(Key::Number(digits))
}

/// Whether somebody says that they are a client already.
#[must_use]
pub fn claims_to_be_client(text: &str) -> bool {
    has_phrase_of("client_claims", &words(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_read() {
        let number = |digits: &str| Some(Key::Number(digits.to_owned()));
        for (text, expect) in [
            ("my client number is two oh four one seven", number("20417")),
            ("20417", number("20417")),
            ("it's 2 0 4 1 7", number("20417")),
            ("twelve", None),
            ("i don't have one", None),
            ("one two three four five six seven eight nine one two three four", None),
        ] {
            assert_eq!(read(text), expect, "{text}");
        }
        let address = EmailAddress::parse("maria@gmail.com").expect("an address");
        assert_eq!(read("maria at gmail dot com"), Some(Key::Email(address)));
    }

    #[test]
    fn who_is_a_client_already_says_so() {
        for text in [
            "i'm a client of yours",
            "we are already clients",
            "i am an existing customer",
            "my client number is one two three four",
        ] {
            assert!(claims_to_be_client(text), "{text}");
        }
        for text in ["i want to become a client", "who are your clients", "how is my website"] {
            assert!(!claims_to_be_client(text), "{text}");
        }
    }
}
