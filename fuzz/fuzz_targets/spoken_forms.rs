//! Spoken forms: every reader survives any words, and what an e-mail or phone reader accepts is valid.
#![no_main]

use domain::expected_answer::ExpectedAnswer;
use domain::qualification::{LeadQualifier, Progress};
use domain::spoken_forms::{dates, email, money, names, numbers, phone, speak, yes_no};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(today) = chrono::NaiveDate::from_ymd_opt(2026, 11, 21) else { return };
    if let Ok(address) = email::read(text) {
        assert!(domain::email::EmailAddress::parse(address.as_str()).is_ok());
        let _ = (speak::email(&address), speak::email_spelled(&address));
    }
    for country in ["US", "GB", "DE", ""] {
        if let Some(number) = phone::read(text, country) {
            assert!(domain::phone::PhoneNumber::parse(number.as_str(), None).is_ok());
            let _ = speak::phone(&number);
        }
    }
    if let Some(amount) = money::read(text) {
        assert!(amount.low.zip(amount.high).is_none_or(|(low, high)| low <= high));
        let _ = (amount.value("USD"), speak::amount(&amount));
    }
    if let Some(when) = dates::read(text, today) {
        let _ = (when.value(), when.spoken(today));
    }
    let _ = (numbers::number(text), numbers::ordinal(text), numbers::digits(text), yes_no::read(text));
    let _ = (names::read(text, true), names::read(text, false), names::corrected("Maria Lopez", text));
    let _ =
        (domain::intents::scores(text), domain::acts::is_question(text), domain::knowledge::concepts(text));
    let _ = domain::urgency::assess(text, &domain::urgency::UrgencyRules::default());
    for expecting in
        [ExpectedAnswer::Open, ExpectedAnswer::Email, ExpectedAnswer::Digits, ExpectedAnswer::Money]
    {
        let score = domain::end_of_turn::score(text, expecting);
        assert!((0.0..=1.0).contains(&score));
    }
    // Stored progress may be anything, too.
    if let Ok(progress) = serde_json::from_str::<Progress>(text) {
        let _ = LeadQualifier::new(&[], progress).begin();
    }
});
