//! Whether a caller has finished: rules over the words so far, for a pause that has just begun.
//!
//! The score is the likelihood that nothing more is coming. How long a pause is then waited for is the
//! voice's business.

use crate::expected_answer::ExpectedAnswer;
use crate::language::{has_phrase_of, listed};
use crate::spoken_forms::{dates, email, money, numbers, yes_no};
use crate::words::words;

/// How likely the words are a finished utterance, 0 (more is surely coming) to 1.
#[must_use]
pub fn score(text: &str, expecting: ExpectedAnswer) -> f32 {
    let said = words(text);
    let Some(last) = said.last() else { return 0.5 };
    if has_phrase_of("thinking", &said) && said.len() <= 8 {
        return 0.1;
    }
    match expecting {
        ExpectedAnswer::Email => return email_score(text, &said),
        ExpectedAnswer::Digits => {
            if let Some(score) = digits_score(text, &said) {
                return score;
            }
        }
        ExpectedAnswer::YesNo if said.len() <= 6 && yes_no::read(text).is_some() && !is_trailing(&said) => {
            return 0.95;
        }
        ExpectedAnswer::Money if money::read(text).is_some() && !is_trailing(&said) => {
            return if money::ends_open(text) { 0.45 } else { 0.85 };
        }
        ExpectedAnswer::Date if !is_trailing(&said) && dates::may_be_complete(text) => return 0.85,
        _ => {}
    }
    if is_trailing(&said) {
        return 0.12;
    }
    // "maria at gmail": the rest of an address is coming, whatever was asked.
    if listed("mail_hosts", last) {
        return 0.3;
    }
    let dictating =
        said.len() >= 3 && said[said.len() - 3..].iter().all(|w| numbers::is_digit_word(w) || w.len() == 1);
    if dictating {
        return 0.35;
    }
    if said.len() <= 4 && (yes_no::read(text).is_some() || listed("short_answers", last)) {
        return 0.9;
    }
    if crate::acts::is_question(text) && said.len() >= 3 {
        return 0.9;
    }
    match (expecting, said.len()) {
        (ExpectedAnswer::Name, 2 | 3) => 0.85,
        (ExpectedAnswer::Name | ExpectedAnswer::Choice, _) => 0.75,
        (_, count) if count < 3 => 0.5,
        _ => 0.7,
    }
}

/// Whether the last words ask for more: "and", "to the", "my", "because".
fn is_trailing(said: &[String]) -> bool {
    let Some(last) = said.last() else { return false };
    if said.len() >= 2 && has_phrase_of("closed_endings", &said[said.len() - 2..]) {
        return false;
    }
    listed("trailing", last)
}

fn email_score(text: &str, said: &[String]) -> f32 {
    if email::read(text).is_ok() {
        // "maria at acme dot co" may still get its "dot uk".
        let open = said.last().is_some_and(|w| w == "co" || w == "dot" || w == "at");
        return if open { 0.4 } else { 0.9 };
    }
    if said.len() <= 5 && (yes_no::read(text).is_some() || has_phrase_of("refusals", said)) {
        return 0.85;
    }
    if crate::acts::is_question(text) && !said.iter().any(|w| w == "at" || w == "dot") {
        return 0.8;
    }
    0.15
}

/// `None` when the words hold no digits.
fn digits_score(text: &str, said: &[String]) -> Option<f32> {
    let digits = numbers::digits(text).len();
    match digits {
        0 => None,
        1..=9 => Some(0.15),
        10 | 11 if is_trailing(said) => Some(0.3),
        _ => Some(0.9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExpectedAnswer as E;

    #[test]
    fn complete_utterances_score_high_and_unfinished_ones_low() {
        let complete = [
            ("yes", E::YesNo),
            ("yes please", E::YesNo),
            ("no thank you", E::Open),
            ("that's right", E::YesNo),
            ("how much does a website cost", E::Open),
            ("where are you located", E::Open),
            ("my name is maria lopez", E::Name),
            ("maria at gmail dot com", E::Email),
            ("five one three five five five zero one four two", E::Digits),
            ("around ten thousand dollars", E::Money),
            ("by the end of march", E::Date),
            ("i would like to talk to a real person", E::Open),
            ("what is it for", E::Open),
        ];
        for (text, expecting) in complete {
            assert!(score(text, expecting) >= 0.7, "{text}: {}", score(text, expecting));
        }
        let unfinished = [
            ("i would like to", E::Open),
            ("we need a website and", E::Open),
            ("let me think", E::Open),
            ("um", E::Open),
            ("my number is five one three", E::Digits),
            ("maria at gmail", E::Open),
            ("m a r i", E::Email),
            ("maria at", E::Email),
            ("how is the", E::Open),
            ("it is about my", E::Open),
        ];
        for (text, expecting) in unfinished {
            assert!(score(text, expecting) <= 0.5, "{text}: {}", score(text, expecting));
        }
    }
}
