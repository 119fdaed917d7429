//! Reading one answer by the type of its question.

use super::Context;
use crate::language::{has_phrase_of, listed};
use crate::leads::{AnswerType, LeadField, LeadQuestion};
use crate::phone::PhoneNumber;
use crate::spoken_forms::email::EmailProblem;
use crate::spoken_forms::{dates, email, money, names, numbers, phone, speak, yes_no};
use crate::words::{capitalised, find_loosely, find_phrase, words};

/// What a question makes of some words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// An answer.
    Value {
        /// The normal form.
        value: String,
        /// The words to say it back with.
        spoken: String,
        /// Whether it is read back before it counts.
        needs_read_back: bool,
    },
    /// None; for an address with what is missing.
    Unclear(Option<EmailProblem>),
}

/// Reads the words as an answer to the question.
#[must_use]
pub fn parse(question: &LeadQuestion, text: &str, context: &Context<'_>) -> Parsed {
    let plain = |value: String| Parsed::Value { spoken: value.clone(), value, needs_read_back: false };
    let said = words(text);
    if said.is_empty() {
        return Parsed::Unclear(None);
    }
    let declines = has_phrase_of("refusals", &said);
    match question.answer_type {
        AnswerType::Name if !declines => names::read(text, true).map_or(Parsed::Unclear(None), plain),
        AnswerType::Email => match email::read(text) {
            Ok(address) => Parsed::Value {
                spoken: speak::email(&address),
                value: address.as_str().to_owned(),
                needs_read_back: true,
            },
            Err(problem) => Parsed::Unclear(Some(problem)),
        },
        AnswerType::Phone => {
            if let Some(number) = phone::read(text, context.default_country) {
                return Parsed::Value {
                    spoken: speak::phone(&number),
                    value: number.as_str().to_owned(),
                    needs_read_back: true,
                };
            }
            // "The number I'm calling from" needs no reading back: nobody dictated it.
            match context.caller_number.filter(|_| phone::means_this_one(text)) {
                Some(number) => Parsed::Value {
                    spoken: speak::phone(number),
                    value: number.as_str().to_owned(),
                    needs_read_back: false,
                },
                None => Parsed::Unclear(None),
            }
        }
        AnswerType::Choice => choice(question, &said).map_or(Parsed::Unclear(None), plain),
        AnswerType::Number => numbers::number(text).map_or(Parsed::Unclear(None), |n| plain(n.to_string())),
        AnswerType::MoneyRange => match money::read(text).filter(|a| a.is_certain) {
            Some(amount) => Parsed::Value {
                value: amount.value(context.currency),
                spoken: speak::amount(&amount),
                needs_read_back: false,
            },
            None => Parsed::Unclear(None),
        },
        AnswerType::Date => dates::read(text, context.today).map_or(Parsed::Unclear(None), |when| {
            Parsed::Value { value: when.value(), spoken: when.spoken(context.today), needs_read_back: false }
        }),
        AnswerType::YesNo => yes_no::read(text)
            .map_or(Parsed::Unclear(None), |yes| plain(if yes { "yes" } else { "no" }.to_owned())),
        AnswerType::Text if !(declines || said.len() <= 3 && yes_no::read(text).is_some()) => {
            free_text(question, text, &said).map_or(Parsed::Unclear(None), plain)
        }
        AnswerType::Name | AnswerType::Text => Parsed::Unclear(None),
    }
}

/// The choice that the words name, forgiving grammar and a missed letter.
fn choice(question: &LeadQuestion, said: &[String]) -> Option<String> {
    let named = question.choices.iter().filter(|c| {
        let choice = words(c);
        let joined = choice.concat();
        find_loosely(said, &choice).is_some()
            || said.windows(2).any(|w| w.concat() == joined)
            || said.iter().any(|w| crate::words::is_close(w, &joined))
    });
    let named: Vec<&String> = named.collect();
    match named.as_slice() {
        [] => synonym_choice(question, said),
        [only] => Some((*only).clone()),
        // "branding and a website": both are wanted.
        several => Some(several.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

/// A choice by what it means: "a logo" is branding, "a home page" a website.
fn synonym_choice(question: &LeadQuestion, said: &[String]) -> Option<String> {
    let meant = crate::knowledge::concepts(&said.join(" "));
    question
        .choices
        .iter()
        .find(|c| {
            crate::knowledge::concepts(c)
                .iter()
                .any(|concept| concept.starts_with('#') && meant.contains(concept))
        })
        .cloned()
}

/// Free words without what leads to them; a company's name gets capitals.
fn free_text(question: &LeadQuestion, text: &str, said: &[String]) -> Option<String> {
    let mut rest = said;
    let mut cut = true;
    while cut {
        cut = false;
        for lead in crate::language::LISTS.get("text_lead_ins") {
            let lead = words(lead);
            if rest.len() > lead.len() && rest.starts_with(&lead) {
                rest = &rest[lead.len()..];
                cut = true;
            }
        }
    }
    if rest.iter().all(|w| listed("fillers", w)) {
        return None;
    }
    if question.field == LeadField::Company {
        let name: Vec<String> = rest.iter().take(6).map(|w| capitalised(w)).collect();
        return Some(name.join(" "));
    }
    Some(if rest.len() == said.len() { text.trim().to_owned() } else { rest.join(" ") })
}

/// An answer that stands in the words although nobody asked for it; only unmistakable ones.
pub(super) fn volunteered(question: &LeadQuestion, text: &str, context: &Context<'_>) -> Option<String> {
    let said = words(text);
    match (question.answer_type, question.field) {
        (AnswerType::Name, _) => names::read(text, false),
        (AnswerType::Email, _) => email::read(text).ok().map(String::from),
        (AnswerType::Phone, _) => phone::read(text, context.default_country).map(String::from),
        (AnswerType::MoneyRange, _) => {
            let amount = money::read(text).filter(|a| a.is_certain)?;
            let meant = amount.currency.is_some() || has_phrase_of("budget_words", &said);
            meant.then(|| amount.value(context.currency))
        }
        (AnswerType::Date, _) => {
            let meant = has_phrase_of("deadline_words", &said) && !crate::acts::is_question(text);
            dates::read(text, context.today)
                .filter(|when| meant && !matches!(when, dates::When::Flexible))
                .map(dates::When::value)
        }
        (AnswerType::Choice, LeadField::Service) => choice(question, &said),
        (AnswerType::Text, LeadField::Company) => company(&said),
        _ => None,
    }
}

/// "I'm calling from Green Bakery", "our company is called Green Bakery".
fn company(said: &[String]) -> Option<String> {
    let at = crate::language::LISTS.get("company_lead_ins").iter().find_map(|lead| {
        let lead = words(lead);
        find_phrase(said, &lead).map(|at| at + lead.len())
    })?;
    let name: Vec<String> = said[at..]
        .iter()
        .take_while(|w| !listed("not_names", w) || w.as_str() == "the")
        .take(4)
        .filter(|w| w.as_str() != "the")
        .map(|w| capitalised(w))
        .collect();
    (!name.is_empty()).then(|| name.join(" "))
}

/// A noted value in words, for reading it back.
pub(super) fn spoken(question: &LeadQuestion, value: &str) -> String {
    match question.answer_type {
        AnswerType::Email => {
            crate::email::EmailAddress::parse(value).map_or_else(|_| value.to_owned(), |a| speak::email(&a))
        }
        AnswerType::Phone => {
            PhoneNumber::parse(value, None).map_or_else(|_| value.to_owned(), |n| speak::phone(&n))
        }
        _ => value.to_owned(),
    }
}
