//! "No, make that ten thousand", "actually my name is …", "it's Lopez with an s": an earlier answer replaced.

use super::answers::{Parsed, parse};
use super::{Context, Progress};
use crate::language::has_phrase_of;
use crate::leads::{AnswerType, LeadField, LeadQuestion};
use crate::spoken_forms::names;
use crate::words::words;

/// An earlier answer's new value.
pub(super) struct Correction {
    pub(super) question: usize,
    pub(super) value: String,
    pub(super) spoken: String,
    pub(super) needs_read_back: bool,
}

/// Finds the answer that the words correct.
pub(super) fn find(
    questions: &[LeadQuestion],
    progress: &Progress,
    text: &str,
    context: &Context<'_>,
) -> Option<Correction> {
    let said = words(text);
    if !has_phrase_of("correction_marks", &said) {
        return None;
    }
    let answered: Vec<usize> =
        (0..questions.len()).filter(|&i| progress.answers.get(i).is_some_and(Option::is_some)).collect();
    let named = answered.iter().copied().find(|&i| is_named(&questions[i], &said));
    // What was named; else what was answered last, when the words fit it and not the question that is open.
    let open_fits = || {
        progress.asking.is_some_and(|at| {
            questions[at].answer_type != AnswerType::Text
                && questions[at].answer_type != AnswerType::Name
                && matches!(parse(&questions[at], text, context), Parsed::Value { .. })
        })
    };
    let last = || progress.last_answered.filter(|i| answered.contains(i) && !open_fits());
    let by_type = || {
        answered.iter().copied().rev().find(|&i| {
            let question = &questions[i];
            let telling = matches!(
                question.answer_type,
                AnswerType::Email
                    | AnswerType::Phone
                    | AnswerType::MoneyRange
                    | AnswerType::Date
                    | AnswerType::Choice
            );
            telling && !open_fits() && matches!(parse(question, text, context), Parsed::Value { .. })
        })
    };
    let named_or_introduced = named.or_else(|| {
        // "Actually my name is …"
        names::read(text, false)
            .and_then(|_| answered.iter().copied().find(|&i| questions[i].answer_type == AnswerType::Name))
    });
    let candidates =
        [named_or_introduced, last().filter(|&i| questions[i].answer_type != AnswerType::Text), by_type()];
    for question in candidates.into_iter().flatten() {
        if let Some(found) = read(questions, progress, question, text, context) {
            return Some(found);
        }
    }
    // A text is replaced only when the caller said clearly that it is one: "no, the company is called …".
    let question =
        last().filter(|&i| questions[i].answer_type == AnswerType::Text && is_named(&questions[i], &said))?;
    read(questions, progress, question, text, context)
}

fn read(
    questions: &[LeadQuestion],
    progress: &Progress,
    at: usize,
    text: &str,
    context: &Context<'_>,
) -> Option<Correction> {
    let question = &questions[at];
    let noted = progress.answers.get(at)?.as_ref()?;
    let Parsed::Value { mut value, mut spoken, needs_read_back } = parse(question, text, context) else {
        return None;
    };
    if question.answer_type == AnswerType::Name {
        value = names::corrected(&noted.value, &value);
        spoken.clone_from(&value);
    }
    (value != noted.value).then_some(Correction { question: at, value, spoken, needs_read_back })
}

/// Whether the words name what the question is about.
pub(super) fn is_named(question: &LeadQuestion, said: &[String]) -> bool {
    let list = match question.field {
        LeadField::Name => "field_name",
        LeadField::Email => "field_email",
        LeadField::Phone => "field_phone",
        LeadField::Company => "field_company",
        LeadField::Budget => "field_budget",
        LeadField::Timeline => "field_timeline",
        LeadField::Service => "field_service",
        LeadField::Notes => return false,
    };
    has_phrase_of(list, said)
}
