//! Phone numbers, kept in E.164.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dialable number in E.164 form (`+15135550142`).
///
/// It is possible by the numbering plan's length rules, not necessarily assigned: fictional numbers
/// (`+1 513 555 01xx`) must work in demonstrations.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text is not a phone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number that can be dialled: give it with country code, such as +15135550142")]
pub struct InvalidPhone;

impl PhoneNumber {
    /// Parses a number in any common notation; one without country code is read as of `default_country`
    /// (ISO 3166 alpha-2, such as `US`).
    ///
    /// # Errors
    /// When no dialable number can be made of it: withheld callers (`anonymous`, `client:…`, Twilio's
    /// `+266696687`) are refused too.
    pub fn parse(text: &str, default_country: Option<&str>) -> Result<Self, InvalidPhone> {
        let text = text.trim();
        // "ANONYMOUS" on a keypad, and its short forms: how Twilio writes a withheld number.
        if matches!(
            text,
            "+266696687" | "266696687" | "+7378742833" | "+2562533" | "+8656696" | "+86282452253"
        ) {
            return Err(InvalidPhone);
        }
        if text.chars().any(char::is_alphabetic) || text.len() > 40 {
            return Err(InvalidPhone);
        }
        let country = default_country.and_then(|c| c.parse::<phonenumber::country::Id>().ok());
        let number = phonenumber::parse(country, text).map_err(|_| InvalidPhone)?;
        let e164 = number.format().mode(phonenumber::Mode::E164).to_string();
        let digits = e164.len().saturating_sub(1);
        if !(7..=15).contains(&digits) || e164.as_bytes().get(1) == Some(&b'0') {
            return Err(InvalidPhone);
        }
        Ok(Self(e164))
    }

    /// The E.164 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with all but its last four digits hidden, for logs.
    #[must_use]
    pub fn masked(&self) -> String {
        let tail = self.0.len().saturating_sub(4);
        format!("+…{}", &self.0[tail..])
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = InvalidPhone;
    fn try_from(text: String) -> Result<Self, InvalidPhone> {
        Self::parse(&text, None)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// Masked on purpose: a `{:?}` in a log line must not spell a caller's number.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, country: Option<&str>, expect: Option<&str>) {
        let parsed = PhoneNumber::parse(text, country).ok();
        assert_eq!(parsed.as_ref().map(PhoneNumber::as_str), expect, "{text:?}");
    }

    #[test]
    fn numbers_in_any_notation_become_e164() {
        check("+1 (513) 555-0142", None, Some("+15135550142"));
        check("513.555.0142", Some("US"), Some("+15135550142"));
        check("020 7946 0958", Some("GB"), Some("+442079460958"));
        check("5135550142", None, None);
    }

    #[test]
    fn withheld_callers_have_no_number() {
        for text in ["+266696687", "anonymous", "client:Anonymous", "", "+", "unknown"] {
            check(text, Some("US"), None);
        }
    }

    #[test]
    fn debug_hides_the_number() {
        let number = PhoneNumber::parse("+15135550142", None).expect("a valid number");
        assert_eq!(format!("{number:?}"), "+…0142");
    }
}
