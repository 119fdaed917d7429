//! Names of places and customs that the world has agreed on: countries, currencies, languages with their region.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is none of the agreed names; says what one looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownRegion(&'static str);

macro_rules! code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownRegion;
            fn try_from(text: String) -> Result<Self, UnknownRegion> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code! {
    /// An ISO 3166 alpha-2 code of a country that has telephone numbers, in capitals.
    Country
}
code! {
    /// An ISO 4217 code of a currency in use, in capitals.
    Currency
}
code! {
    /// A BCP 47 tag of a language, perhaps with script and region, written as is usual (`pt-BR`, `zh-Hant-TW`).
    Locale
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(pub chrono_tz::Tz);

impl Default for TimeZone {
    fn default() -> Self {
        Self(chrono_tz::UTC)
    }
}

impl TimeZone {
    /// Parses a name.
    ///
    /// # Errors
    /// When the database has no zone of that name.
    pub fn parse(text: &str) -> Result<Self, UnknownRegion> {
        let zone = text.trim().parse().map(Self);
        zone.map_err(|_| UnknownRegion("must be a time zone of the IANA database, such as America/New_York"))
    }
}

impl TryFrom<String> for TimeZone {
    type Error = UnknownRegion;
    fn try_from(text: String) -> Result<Self, UnknownRegion> {
        Self::parse(&text)
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.0.name().to_owned()
    }
}

impl Country {
    /// Parses a code, in whatever case.
    ///
    /// # Errors
    /// When no country has it.
    pub fn parse(text: &str) -> Result<Self, UnknownRegion> {
        let code = text.trim().to_ascii_uppercase();
        let two_letters = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        if two_letters && code.parse::<phonenumber::country::Id>().is_ok() {
            Ok(Self(code))
        } else {
            Err(UnknownRegion("must be the ISO 3166 code of a country, two letters such as US or DE"))
        }
    }
}

impl Currency {
    /// Parses a code, in whatever case.
    ///
    /// # Errors
    /// When no currency in use has it.
    pub fn parse(text: &str) -> Result<Self, UnknownRegion> {
        let code = text.trim().to_ascii_uppercase();
        if CURRENCIES.split_ascii_whitespace().any(|known| known == code) {
            Ok(Self(code))
        } else {
            Err(UnknownRegion(
                "must be the ISO 4217 code of a currency in use, three letters such as USD or EUR",
            ))
        }
    }
}

impl Locale {
    /// Parses a tag, in whatever case, with `-` or `_` between its parts. Extensions and variants are refused: nothing
    /// here speaks or writes them.
    ///
    /// # Errors
    /// When it is not made of a language, perhaps a script, perhaps a region.
    pub fn parse(text: &str) -> Result<Self, UnknownRegion> {
        let wrong =
            UnknownRegion("must be a BCP 47 tag of a language and perhaps a region, such as en-US or de");
        let mut parts = text.trim().split(['-', '_']);
        let letters = |part: &str, length: std::ops::RangeInclusive<usize>| {
            length.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic())
        };
        let language = parts.next().filter(|part| letters(part, 2..=3)).ok_or(wrong)?;
        let mut tag = language.to_ascii_lowercase();
        let mut rest = parts.peekable();
        if let Some(script) = rest.next_if(|part| letters(part, 4..=4)) {
            tag.push('-');
            tag.push_str(&script[..1].to_ascii_uppercase());
            tag.push_str(&script[1..].to_ascii_lowercase());
        }
        let is_region = |part: &&str| {
            letters(part, 2..=2) || (part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit()))
        };
        if let Some(region) = rest.next_if(is_region) {
            tag.push('-');
            tag.push_str(&region.to_ascii_uppercase());
        }
        if rest.next().is_some() { Err(wrong) } else { Ok(Self(tag)) }
    }
}

/// ISO 4217, currencies in use (amendment 177); funds, metals and test codes left out.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
    HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD \
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG \
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD \
    TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_those_with_telephone_numbers() {
        for (text, expect) in [("US", Some("US")), ("de", Some("DE")), (" gb ", Some("GB"))] {
            assert_eq!(Country::parse(text).ok().as_ref().map(Country::as_str), expect, "{text}");
        }
        for text in ["", "XX", "USA", "1", "001", "u s"] {
            assert!(Country::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn currencies_are_those_in_use() {
        assert_eq!(Currency::parse("eur").map(String::from).as_deref(), Ok("EUR"));
        for text in ["", "EURO", "XXX", "XAU", "DEM", "US", "USD EUR"] {
            assert!(Currency::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_zones_are_those_of_the_database() {
        assert_eq!(TimeZone::parse("America/New_York").map(String::from).as_deref(), Ok("America/New_York"));
        for text in ["", "EST+5", "Mars/Olympus"] {
            assert!(TimeZone::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_locale_is_written_as_is_usual() {
        for (text, expect) in [
            ("en-us", "en-US"),
            ("EN_gb", "en-GB"),
            ("de", "de"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(Locale::parse(text).map(String::from).as_deref(), Ok(expect), "{text}");
        }
        for text in ["", "e", "english", "en-", "en-USA", "en-US-x-y", "en US", "12-US", "de-é"] {
            assert!(Locale::parse(text).is_err(), "{text}");
        }
    }
}
