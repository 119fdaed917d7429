//! What the rules make of each line of the sets.

use chrono::NaiveDate;
use domain::expected_answer::ExpectedAnswer;
use domain::intents;
use domain::phantom_speech::{self, Evidence, Layers};
use domain::scope;
use domain::spoken_forms::{dates, email, money, numbers, phone};
use domain::urgency::{self, HIGH, URGENT, UrgencyRules};

use super::sets::{INTENTS, Line, PHANTOM, SCOPE, SPOKEN, Split, URGENCY};

/// A line with the rules' answer.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) split: Split,
    /// What it is.
    pub(crate) expected: String,
    /// What the rules say it is.
    pub(crate) got: String,
    /// The kind of line or value, where the set has kinds.
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
}

fn judged(line: &Line, expected: &str, got: String, kind: &'static str) -> Judged {
    Judged { split: line.split, expected: expected.to_owned(), got, kind, text: line.text() }
}

/// Intents.
pub(crate) fn intents() -> Vec<Judged> {
    let name = |text| intents::classify(text).name().to_owned();
    INTENTS
        .lines()
        .iter()
        .map(|line| judged(line, column(line, 0), name(line.text()), column(line, 0)))
        .collect()
}

/// Urgency in three steps.
pub(crate) fn urgency() -> Vec<Judged> {
    let step = |text| match urgency::assess(text, &UrgencyRules::default()).score {
        URGENT.. => "URGENT",
        HIGH.. => "HIGH",
        _ => "low",
    };
    URGENCY
        .lines()
        .iter()
        .map(|line| judged(line, column(line, 0), step(line.text()).to_owned(), column(line, 1)))
        .collect()
}

/// Scope changes.
pub(crate) fn scope() -> Vec<Judged> {
    let answer = |text| if scope::assess(text).is_change { "change" } else { "no" };
    SCOPE
        .lines()
        .iter()
        .map(|line| judged(line, column(line, 0), answer(line.text()).to_owned(), column(line, 1)))
        .collect()
}

/// Phantom speech, with the layers that are on by default.
pub(crate) fn phantom_speech() -> Vec<Judged> {
    PHANTOM
        .lines()
        .iter()
        .map(|line| {
            let number = |i: usize| column(line, i).parse::<f32>().expect("a number");
            let evidence = Evidence {
                text: line.text(),
                confidence: (column(line, 2) != "-").then(|| number(2)),
                speech_ms: column(line, 3).parse().expect("milliseconds"),
                mean_voice_score: number(4),
                above_noise_db: Some(number(5)),
                expecting: expecting(column(line, 1)),
                agent_was_speaking: column(line, 6) == "speaking",
                agent_words: if column(line, 7) == "-" { "" } else { column(line, 7) },
                vocabulary: None,
            };
            let answer = match phantom_speech::judge(&evidence, &Layers::default()) {
                Ok(()) => "real",
                Err(_) => "phantom",
            };
            judged(line, column(line, 0), answer.to_owned(), column(line, 1))
        })
        .collect()
}

/// Values read from speech.
pub(crate) fn spoken_forms() -> Vec<Judged> {
    let today = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date");
    SPOKEN
        .lines()
        .iter()
        .map(|line| {
            let text = line.text();
            let read = match column(line, 0) {
                "email" => email::read(text).ok().map(|address| address.as_str().to_owned()),
                "phone" => phone::read(text, "US").map(|number| number.as_str().to_owned()),
                "date" => dates::read(text, today).map(dates::When::value),
                "money" => money::read(text).map(|amount| amount.value("USD")),
                "number" => numbers::number(text).map(|number| number.to_string()),
                other => panic!("unknown kind of value {other}"),
            };
            judged(line, column(line, 1), read.unwrap_or_else(|| "-".to_owned()), column(line, 0))
        })
        .collect()
}

fn column(line: &Line, index: usize) -> &'static str {
    line.columns.get(index).copied().unwrap_or_else(|| panic!("no column {index}: {line:?}"))
}

fn expecting(name: &str) -> ExpectedAnswer {
    serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("no answer is called {name}"))
}
