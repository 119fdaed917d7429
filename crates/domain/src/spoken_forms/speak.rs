//! Values as they are spoken: words only, so that any voice reads them alike and a recogniser can follow.

use chrono::{Datelike, NaiveDate};

use super::money::Amount;
use crate::email::EmailAddress;
use crate::phone::PhoneNumber;

const UNITS: [&str; 20] = [
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
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A number in words.
#[must_use]
pub fn number(value: u64) -> String {
    for (size, name) in [
        (1_000_000_000_000, "trillion"),
        (1_000_000_000, "billion"),
        (1_000_000, "million"),
        (1_000, "thousand"),
        (100, "hundred"),
    ] {
        if value >= size {
            let head = format!("{} {name}", number(value / size));
            return match value % size {
                0 => head,
                rest => format!("{head} {}", number(rest)),
            };
        }
    }
    match value {
        0..=19 => UNITS[value as usize].to_owned(),
        _ if value.is_multiple_of(10) => TENS[(value / 10) as usize].to_owned(),
        _ => format!("{} {}", TENS[(value / 10) as usize], UNITS[(value % 10) as usize]),
    }
}

/// An ordinal in words, 1 to 99.
#[must_use]
pub fn ordinal(value: u32) -> String {
    const FIRST: [&str; 20] = [
        "zeroth",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
    ];
    match value {
        0..=19 => FIRST[value as usize].to_owned(),
        20..=99 if value.is_multiple_of(10) => {
            format!("{}ieth", TENS[(value / 10) as usize].trim_end_matches('y'))
        }
        20..=99 => format!("{} {}", TENS[(value / 10) as usize], FIRST[(value % 10) as usize]),
        _ => number(value.into()),
    }
}

/// A year: "twenty twenty seven".
#[must_use]
pub fn year(year: i32) -> String {
    let year = u64::from(year.unsigned_abs());
    match (year / 100, year % 100) {
        (high @ 10..=99, low @ 10..=99) => format!("{} {}", number(high), number(low)),
        (high @ (11..=19 | 21..=99), low @ 1..=9) => format!("{} oh {}", number(high), number(low)),
        _ => number(year),
    }
}

/// A date: "March thirty first", with the year when it is not within the next ten months.
#[must_use]
pub fn date(date: NaiveDate, today: NaiveDate) -> String {
    let day = format!("{} {}", month(date.month()), ordinal(date.day()));
    let near = (-60..=300).contains(&(date - today).num_days());
    if near || date.year() == today.year() { day } else { format!("{day} {}", year(date.year())) }
}

/// A month's name, 1 to 12.
#[must_use]
pub fn month(month: u32) -> &'static str {
    MONTHS.get(month.saturating_sub(1) as usize).copied().unwrap_or("December")
}

/// An address: "maria dot lopez at gmail dot com".
#[must_use]
pub fn email(address: &EmailAddress) -> String {
    let (local, domain) = address.parts();
    format!("{} at {}", symbols(local), symbols(domain))
}

/// An address with its first part spelled: "m a r i a at gmail dot com".
#[must_use]
pub fn email_spelled(address: &EmailAddress) -> String {
    let (local, domain) = address.parts();
    let letters: Vec<String> = local.chars().map(|c| c.to_string()).collect();
    format!("{} at {}", symbols(&letters.join(" ")), symbols(domain))
}

fn symbols(text: &str) -> String {
    let mut spoken = String::new();
    let mut apart = |word: &str, apart: bool| {
        if apart && !spoken.is_empty() && !spoken.ends_with(' ') {
            spoken.push(' ');
        }
        spoken.push_str(word);
        if apart {
            spoken.push(' ');
        }
    };
    for c in text.chars() {
        match c {
            '.' => apart("dot", true),
            '-' => apart("dash", true),
            '_' => apart("underscore", true),
            '+' => apart("plus", true),
            '0'..='9' => apart(UNITS[(c as u8 - b'0') as usize], true),
            ' ' => apart("", true),
            other => apart(other.encode_utf8(&mut [0; 4]), false),
        }
    }
    spoken.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number in groups: "five one three, five five five, zero one four two".
#[must_use]
pub fn phone(phone: &PhoneNumber) -> String {
    let digits = phone.as_str().trim_start_matches('+');
    let (country, national) = match digits.strip_prefix('1').filter(|rest| rest.len() == 10) {
        Some(rest) => (None, rest),
        None => digits.split_at_checked(2).map_or((None, digits), |(c, n)| (Some(c), n)),
    };
    let say = |group: &str| {
        group
            .bytes()
            .filter_map(|b| UNITS.get(usize::from(b.wrapping_sub(b'0'))).copied())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut groups: Vec<String> = country.map(|c| format!("plus {}", say(c))).into_iter().collect();
    let mut rest = national;
    while rest.len() > 4 {
        let (group, tail) = rest.split_at(3);
        groups.push(say(group));
        rest = tail;
    }
    groups.push(say(rest));
    groups.join(", ")
}

/// Money in words: "ten to fifteen thousand dollars", "up to five thousand dollars".
#[must_use]
pub fn amount(amount: &Amount) -> String {
    let unit = match amount.currency {
        Some("EUR") => "euros",
        Some("GBP") => "pounds",
        _ => "dollars",
    };
    match (amount.low, amount.high) {
        (Some(low), Some(high)) if low == high => format!("{} {unit}", number(low)),
        (Some(low), Some(high)) => {
            let thousands = |v: u64| v.is_multiple_of(1_000) && (1_000..1_000_000).contains(&v);
            if thousands(low) && thousands(high) {
                format!("{} to {} thousand {unit}", number(low / 1_000), number(high / 1_000))
            } else {
                format!("{} to {} {unit}", number(low), number(high))
            }
        }
        (Some(low), None) => format!("at least {} {unit}", number(low)),
        (None, Some(high)) => format!("up to {} {unit}", number(high)),
        (None, None) => "no amount".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spoken_in_words() {
        assert_eq!(number(0), "zero");
        assert_eq!(number(12_345), "twelve thousand three hundred forty five");
        assert_eq!(number(1_000_000), "one million");
        assert_eq!(ordinal(31), "thirty first");
        assert_eq!(ordinal(20), "twentieth");
        assert_eq!(year(2027), "twenty twenty seven");
        assert_eq!(year(2005), "two thousand five");
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date");
        let at = |y, m, d| date(NaiveDate::from_ymd_opt(y, m, d).expect("a date"), today);
        assert_eq!(at(2026, 12, 5), "December fifth");
        assert_eq!(at(2027, 3, 31), "March thirty first");
        assert_eq!(at(2028, 3, 31), "March thirty first twenty twenty eight");
        let address = |t: &str| EmailAddress::parse(t).expect("an address");
        assert_eq!(
            email(&address("j.smith-2@acme-design.co.uk")),
            "j dot smith dash two at acme dash design dot co dot uk"
        );
        assert_eq!(email_spelled(&address("maria@gmail.com")), "m a r i a at gmail dot com");
        let number = |t: &str| PhoneNumber::parse(t, None).expect("a number");
        assert_eq!(phone(&number("+15135550142")), "five one three, five five five, zero one four two");
        assert_eq!(
            phone(&number("+442079460958")),
            "plus four four, two zero seven, nine four six, zero nine five eight"
        );
        let money = |t: &str| amount(&super::super::money::read(t).expect("money"));
        assert_eq!(money("between ten and fifteen thousand"), "ten to fifteen thousand dollars");
        assert_eq!(money("up to eight thousand euros"), "up to eight thousand euros");
    }
}
