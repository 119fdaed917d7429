//! How a setting's text becomes a typed value, and how it is written in TOML.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How a value is written in a TOML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As it is: numbers and booleans.
    Bare,
    /// In quotes.
    Text,
    /// A list of quoted words; in the environment the words are separated by commas.
    List,
}

/// A type that settings can have. Every layer hands over text: what the file says bare (`3000`) and what
/// the environment says (`"3000"`) go through one parser.
pub(super) trait SettingValue: Sized {
    /// How the file writes it.
    const SHAPE: Shape;
    /// Whether it must never be shown.
    const SECRET: bool = false;
    /// Whether an empty text is a value of its own: "not set".
    const OPTIONAL: bool = false;

    /// What is allowed, to follow "allowed is".
    fn allowed() -> String;

    /// The value, or `None` when the text is not one.
    fn parse(text: &str) -> Option<Self>;
}

impl SettingValue for bool {
    const SHAPE: Shape = Shape::Bare;

    fn allowed() -> String {
        "true or false".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

macro_rules! whole_number {
    ($($kind:ty),*) => {$(
        impl SettingValue for $kind {
            const SHAPE: Shape = Shape::Bare;

            fn allowed() -> String {
                "a whole number".to_owned()
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}
whole_number!(u16, u32, usize);

impl SettingValue for IpAddr {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "an IP address such as 127.0.0.1, 0.0.0.0 or ::".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        if text == "localhost" { Some(IpAddr::from([127, 0, 0, 1])) } else { text.parse().ok() }
    }
}

impl SettingValue for PathBuf {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "a path".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }
}

/// Text without a rule of its own.
impl SettingValue for String {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "any text".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl SettingValue for SecretString {
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;

    fn allowed() -> String {
        "any text".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| SecretString::from(text))
    }
}

/// A duration with its unit: `250ms`, `30s`, `5m`, `1h`, `30d`. A bare number means seconds, as in the
/// variables of older documents.
impl SettingValue for Duration {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "a duration such as 250ms, 30s, 5m, 1h or 30d".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let milliseconds_per_unit = match unit.trim() {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(milliseconds_per_unit).map(Duration::from_millis)
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const SECRET: bool = T::SECRET;
    const OPTIONAL: bool = true;

    fn allowed() -> String {
        format!("{}, or nothing", T::allowed())
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
}
