//! Dictated phone numbers.

use super::numbers::{digit_runs, tokens};
use crate::language::has_phrase_of;
use crate::phone::PhoneNumber;
use crate::words::words;

/// Countries of the North American plan, whose numbers always have ten digits.
const NORTH_AMERICA: [&str; 4] = ["US", "CA", "PR", "JM"];

/// Reads a phone number; one without country code is of `default_country` (ISO 3166 alpha-2).
#[must_use]
pub fn read(text: &str, default_country: &str) -> Option<PhoneNumber> {
    let runs = digit_runs(&tokens(text));
    let joined: String = runs.concat();
    runs.iter().chain(std::iter::once(&joined)).find_map(|run| dialable(run, default_country))
}

/// "The number I'm calling from": the one that the call shows is meant.
#[must_use]
pub fn means_this_one(text: &str) -> bool {
    has_phrase_of("this_number", &words(text))
}

fn dialable(run: &str, default_country: &str) -> Option<PhoneNumber> {
    let plus = run.starts_with('+');
    let digits: String = run.chars().filter(char::is_ascii_digit).collect();
    if !(7..=15).contains(&digits.len()) {
        return None;
    }
    let north_american = NORTH_AMERICA.contains(&default_country);
    let text = match (plus, north_american) {
        (true, _) => format!("+{digits}"),
        (false, true) => match digits.strip_prefix('1').filter(|rest| rest.len() == 10) {
            Some(_) => format!("+{digits}"),
            None if digits.len() == 10 => digits,
            None => return international(&digits),
        },
        (false, false) => match digits.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None => digits,
        },
    };
    let number = PhoneNumber::parse(&text, Some(default_country)).ok()?;
    // The plan's library accepts local numbers without area code; nobody could call them back.
    (!number.as_str().starts_with("+1") || number.as_str().len() == 12).then_some(number)
}

/// A number dialled from North America with its exit code.
fn international(digits: &str) -> Option<PhoneNumber> {
    let rest = digits.strip_prefix("011")?;
    PhoneNumber::parse(&format!("+{rest}"), None).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, country: &str, expect: Option<&str>) {
        assert_eq!(read(text, country).as_ref().map(PhoneNumber::as_str), expect, "{text}");
    }

    #[test]
    fn dictated_numbers_become_e164() {
        let cincinnati = Some("+15135550142");
        for text in [
            "five one three five five five zero one four two",
            "five one three triple five oh one four two",
            "five thirteen five five five oh one forty two",
            "my number is five one three five five five oh one four two thank you",
            "area code five one three then five five five and zero one four two",
            "one five one three five five five zero one four two",
            "plus one five one three five five five zero one four two",
            "(513) 555-0142",
            "+1 513 555 0142",
            "five one three five double five zero one four two",
            "you can reach me at five one three five five five oh one four two after five",
        ] {
            check(text, "US", cincinnati);
        }
        check("eight hundred five five five zero one nine nine", "US", Some("+18005550199"));
        check("plus four four two oh seven nine four six oh nine five eight", "US", Some("+442079460958"));
        check("oh two oh seven nine four six oh nine five eight", "GB", Some("+442079460958"));
        check(
            "zero one one four four two zero seven nine four six zero nine five eight",
            "US",
            Some("+442079460958"),
        );
    }

    #[test]
    fn too_few_digits_are_no_number() {
        for text in [
            "five five five oh one four two",
            "five",
            "",
            "no",
            "five one three five five five zero one four",
        ] {
            check(text, "US", None);
        }
    }
}
