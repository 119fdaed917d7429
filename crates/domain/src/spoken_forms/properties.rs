//! Any text is survived, and what is spoken is read back as what it was.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use super::money::Amount;
use super::{dates, email, money, names, numbers, phone, speak, yes_no};
use crate::email::EmailAddress;
use crate::phone::PhoneNumber;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date")
}

/// Words that steer the readers, in any order: where mistakes in counting would show.
fn telling_words() -> impl Strategy<Value = String> {
    let words = [
        "at",
        "dot",
        "double",
        "triple",
        "a",
        "and",
        "half",
        "point",
        "thousand",
        "hundred",
        "million",
        "k",
        "ten",
        "oh",
        "plus",
        "to",
        "no",
        "make",
        "that",
        "between",
        "end",
        "of",
        "next",
        "march",
        "the",
        "first",
        "twenty",
        "year",
        "with",
        "an",
        "s",
        "as",
        "in",
        "b",
        "bravo",
        "maria",
        "com",
        "gmail",
        "dash",
        "underscore",
        "couple",
        "few",
        "quarter",
        "q",
        "$10",
        "10-15k",
        "a@b.co",
        "é",
        "o'brien",
        "friday",
        "weeks",
        "dozen",
        "up",
        "more",
        "than",
        "is",
        "my",
        "name",
        "l",
        "o",
        "p",
        "yes",
        "not",
        "sorry",
        "i",
        "mean",
        "early",
        "by",
        "2027-02-30",
        "99999999999",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..14).prop_map(|w| w.join(" "))
}

fn read_everything(text: &str) {
    let _ = (email::read(text).is_ok(), phone::read(text, "US"), phone::read(text, "GB"), yes_no::read(text));
    let _ = (numbers::number(text), numbers::ordinal(text), numbers::digits(text));
    let _ = (names::read(text, true), names::read(text, false), names::corrected("Maria Lopez", text));
    if let Some(amount) = money::read(text) {
        let _ = (amount.value("USD"), speak::amount(&amount));
    }
    for day in [today(), NaiveDate::MIN, NaiveDate::MAX] {
        if let Some(when) = dates::read(text, day) {
            let _ = (when.value(), when.spoken(day));
        }
    }
    let _ = crate::end_of_turn::score(text, crate::expected_answer::ExpectedAnswer::Digits);
    let _ = (crate::intents::classify(text), crate::acts::is_question(text));
    let _ = crate::urgency::assess(text, &crate::urgency::UrgencyRules::default());
    let _ = crate::knowledge::search_terms(text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,80}") {
        read_everything(&text);
    }

    #[test]
    fn any_order_of_telling_words_is_survived(text in telling_words()) {
        read_everything(&text);
    }

    #[test]
    fn a_spoken_number_is_read_back(value in 0_u64..2_000_000_000) {
        prop_assert_eq!(numbers::number(&speak::number(value)), Some(value as f64));
    }

    #[test]
    fn a_spoken_phone_number_is_read_back(area in 201_u32..=989, rest in 2_000_000_u32..=9_999_999) {
        if let Ok(number) = PhoneNumber::parse(&format!("+1{area}{rest}"), None) {
            let spoken = speak::phone(&number);
            prop_assert_eq!(phone::read(&spoken, "US"), Some(number), "{}", spoken);
        }
    }

    #[test]
    fn a_spelled_address_is_read_back(local in "[a-z]{2,9}([._-][a-z]{2,6})?[0-9]{0,3}", host in prop::sample::select(vec!["gmail.com", "acme-design.co.uk", "yahoo.com", "studio.design"])) {
        let address = EmailAddress::parse(&format!("{local}@{host}")).expect("a valid address");
        let spoken = speak::email_spelled(&address);
        prop_assert_eq!(email::read(&spoken), Ok(address), "{}", spoken);
    }

    #[test]
    fn a_spoken_amount_is_read_back(low in 1_u64..900, more in 0_u64..90, scale in prop::sample::select(vec![100_u64, 1_000])) {
        let (low, high) = (low * scale, (low + more) * scale);
        let amount = Amount { currency: Some("USD"), low: Some(low), high: Some(high), is_certain: true };
        let spoken = speak::amount(&amount);
        prop_assert_eq!(money::read(&spoken).map(|a| a.value("USD")), Some(amount.value("USD")), "{}", spoken);
    }

    #[test]
    fn a_spoken_date_is_read_back(ahead in 0_u64..300) {
        let day = today().checked_add_days(Days::new(ahead)).expect("near");
        let spoken = speak::date(day, today());
        prop_assert_eq!(dates::read(&spoken, today()), Some(dates::When::On(day)), "{}", spoken);
    }
}
