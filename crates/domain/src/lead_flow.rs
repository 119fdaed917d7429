//! What makes a list of lead questions a flow that can be asked, and what its answers make of it.

use chrono::{Days, NaiveDate};

use crate::ids::QuestionId;
use crate::leads::{AnswerType, Comparison, LeadAnswer, LeadQuestion, SkipCondition};
use crate::spoken_forms::dates::When;
use crate::urgency::{self, HIGH, UrgencyRules};

/// Most questions of one flow; more would outlast any caller's patience.
pub const MAX_QUESTIONS: usize = 100;
/// The most that one answer can make of a lead's urgency.
pub const MAX_URGENCY_WEIGHT: u8 = 10;
/// A deadline within so many days is pressing.
const PRESSING_DAYS: u64 = 7;

/// Why questions are no flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowProblem {
    /// The question that is at fault.
    pub question: QuestionId,
    /// Its field.
    pub field: &'static str,
    /// What is allowed.
    pub message: String,
}

/// Whether an answer meets the condition. A choice of several things (`logo, website`) *is* none of them alone.
#[must_use]
pub fn is_met(condition: &SkipCondition, answer: &LeadAnswer) -> bool {
    let (value, wanted) = (answer.value.trim().to_lowercase(), condition.value.trim().to_lowercase());
    match condition.comparison {
        Comparison::Is => value == wanted,
        Comparison::Contains => value.contains(&wanted),
    }
}

/// Whether a question is left out after the answers that were given. One that was not asked, or not answered, makes
/// nothing superfluous.
#[must_use]
pub fn is_left_out<'a>(
    question: &LeadQuestion,
    answer: impl FnOnce(QuestionId) -> Option<&'a LeadAnswer>,
) -> bool {
    question
        .skip_when
        .as_ref()
        .is_some_and(|condition| answer(condition.question).is_some_and(|given| is_met(condition, given)))
}

/// Whether every question that is required, and not left out, has its answer. Without any answer nothing is complete.
#[must_use]
pub fn is_complete(flow: &[LeadQuestion], answers: &[LeadAnswer]) -> bool {
    let answer = |id: QuestionId| answers.iter().find(|answer| answer.question == id);
    !answers.is_empty()
        && flow.iter().all(|question| {
            !question.required || answer(question.id).is_some() || is_left_out(question, answer)
        })
}

/// The urgency, 0 to 10, that the answers give a lead: the highest weight of a question whose answer is pressing. That is a
/// yes, a deadline within a week, and otherwise words that sound like haste. `today` is the business's own date.
#[must_use]
pub fn urgency(flow: &[LeadQuestion], answers: &[LeadAnswer], today: NaiveDate) -> u8 {
    flow.iter()
        .filter(|question| question.urgency_weight > 0)
        .filter(|question| {
            answers
                .iter()
                .any(|answer| answer.question == question.id && is_pressing(question, answer, today))
        })
        .map(|question| question.urgency_weight.min(MAX_URGENCY_WEIGHT))
        .max()
        .unwrap_or_default()
}

fn is_pressing(question: &LeadQuestion, answer: &LeadAnswer, today: NaiveDate) -> bool {
    match question.answer_type {
        AnswerType::YesNo => answer.value == "yes",
        AnswerType::Date => {
            let last = answer.value.rsplit("..").next().and_then(|day| day.parse::<NaiveDate>().ok());
            answer.value == When::Soonest.value()
                || last.zip(today.checked_add_days(Days::new(PRESSING_DAYS))).is_some_and(|(d, end)| d <= end)
        }
        _ => urgency::assess(&answer.said, &UrgencyRules::default()).score >= HIGH,
    }
}

/// Finds the first fault of a flow, in the order in which it is asked.
#[must_use]
pub fn problem(flow: &[LeadQuestion]) -> Option<FlowProblem> {
    flow.iter().enumerate().find_map(|(place, question)| {
        let problem = |field, message: &str| {
            Some(FlowProblem { question: question.id, field, message: message.to_owned() })
        };
        let is_choice = question.answer_type == AnswerType::Choice;
        if is_choice && question.choices.len() < 2 {
            return problem("choices", "must be at least two for the answer type `choice`");
        }
        if !is_choice && !question.choices.is_empty() {
            return problem("choices", "must be empty unless the answer type is `choice`");
        }
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        let twice = |i: usize| question.choices[..i].iter().any(|other| same(other, &question.choices[i]));
        if (0..question.choices.len()).any(twice) {
            return problem("choices", "must differ from each other");
        }
        if question.urgency_weight > MAX_URGENCY_WEIGHT {
            return problem("urgency_weight", "must be 0 to 10");
        }
        let condition = question.skip_when.as_ref()?;
        let Some(earlier) = flow[..place].iter().find(|earlier| earlier.id == condition.question) else {
            return problem("skip_when.question", "must be a question that is asked before this one");
        };
        let value = condition.value.as_str();
        let possible = match (earlier.answer_type, condition.comparison) {
            (_, Comparison::Contains) => true,
            (AnswerType::Choice, Comparison::Is) => earlier.choices.iter().any(|choice| same(choice, value)),
            (AnswerType::YesNo, Comparison::Is) => same(value, "yes") || same(value, "no"),
            _ => true,
        };
        if possible {
            None
        } else {
            problem("skip_when.value", "must be an answer that the earlier question can have")
        }
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::leads::{LeadField, SkipCondition};

    fn question(id: u128, answer_type: AnswerType, choices: &[&str]) -> LeadQuestion {
        LeadQuestion {
            id: QuestionId(Uuid::from_u128(id)),
            text: "?".to_owned(),
            label: "Q".to_owned(),
            answer_type,
            field: LeadField::Notes,
            required: false,
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
            retry_text: None,
            skip_when: None,
            urgency_weight: 0,
        }
    }

    fn skipped(
        mut question: LeadQuestion,
        earlier: u128,
        comparison: Comparison,
        value: &str,
    ) -> LeadQuestion {
        question.skip_when = Some(SkipCondition {
            question: QuestionId(Uuid::from_u128(earlier)),
            comparison,
            value: value.to_owned(),
        });
        question
    }

    fn given(question: u128, value: &str) -> LeadAnswer {
        LeadAnswer {
            question: QuestionId(Uuid::from_u128(question)),
            field: LeadField::Notes,
            said: value.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn a_question_is_left_out_by_the_answer_that_its_condition_names() {
        for (comparison, wanted, answered, expect) in [
            (Comparison::Is, "logo", Some("Logo"), true),
            (Comparison::Is, " Logo ", Some("logo"), true),
            (Comparison::Is, "logo", Some("logo, website"), false),
            (Comparison::Contains, "logo", Some("Logo, Website"), true),
            (Comparison::Is, "logo", Some("website"), false),
            (Comparison::Is, "logo", None, false),
        ] {
            let question = skipped(question(2, AnswerType::Text, &[]), 1, comparison, wanted);
            let answers: Vec<LeadAnswer> = answered.map(|value| given(1, value)).into_iter().collect();
            let found = is_left_out(&question, |id| answers.iter().find(|answer| answer.question == id));
            assert_eq!(found, expect, "{comparison:?} {wanted:?} of {answered:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_not_missing() {
        let required = |mut question: LeadQuestion| {
            question.required = true;
            question
        };
        let flow = [
            required(question(1, AnswerType::Choice, &["Logo", "Website"])),
            required(skipped(question(2, AnswerType::Number, &[]), 1, Comparison::Is, "Logo")),
        ];
        assert!(is_complete(&flow, &[given(1, "Logo")]));
        assert!(!is_complete(&flow, &[given(1, "Website")]));
        assert!(is_complete(&flow, &[given(1, "Website"), given(2, "5")]));
        assert!(!is_complete(&flow[..0], &[]), "nobody told anything");
    }

    #[test]
    fn a_pressing_answer_gives_the_lead_its_questions_urgency() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date");
        for (answer_type, value, expect) in [
            (AnswerType::YesNo, "yes", 8),
            (AnswerType::YesNo, "no", 0),
            (AnswerType::Date, "as soon as possible", 8),
            (AnswerType::Date, "2026-11-25", 8),
            (AnswerType::Date, "2026-11-22..2026-11-28", 8),
            (AnswerType::Date, "2026-11-22..2026-12-28", 0),
            (AnswerType::Date, "2027-03-31", 0),
            (AnswerType::Date, "flexible", 0),
            (AnswerType::Text, "our website is down", 8),
            (AnswerType::Text, "a new website", 0),
        ] {
            let mut asked = question(1, answer_type, &[]);
            asked.urgency_weight = 8;
            let flow = [asked, question(2, AnswerType::YesNo, &[])];
            assert_eq!(urgency(&flow, &[given(1, value), given(2, "yes")], today), expect, "{value}");
        }
    }

    fn check(flow: &[LeadQuestion], expect: Option<&str>) {
        assert_eq!(problem(flow).map(|problem| problem.field), expect, "{flow:?}");
    }

    #[test]
    fn choices_belong_to_choice_and_differ() {
        check(&[question(1, AnswerType::Choice, &["Logo", "Website"])], None);
        check(&[question(1, AnswerType::Choice, &["Logo"])], Some("choices"));
        check(&[question(1, AnswerType::Choice, &["Logo", " logo"])], Some("choices"));
        check(&[question(1, AnswerType::Text, &["Logo", "Website"])], Some("choices"));
    }

    #[test]
    fn a_condition_looks_back_at_an_answer_that_can_be() {
        let service = question(1, AnswerType::Choice, &["Logo", "Website"]);
        let budget = || question(2, AnswerType::MoneyRange, &[]);
        let after = |question: LeadQuestion| [service.clone(), question];
        check(&after(skipped(budget(), 1, Comparison::Is, "logo")), None);
        check(&after(skipped(budget(), 1, Comparison::Contains, "log")), None);
        check(&after(skipped(budget(), 1, Comparison::Is, "Radio")), Some("skip_when.value"));
        check(&after(skipped(budget(), 2, Comparison::Is, "x")), Some("skip_when.question"));
        check(&after(skipped(budget(), 9, Comparison::Is, "x")), Some("skip_when.question"));
        check(&[skipped(budget(), 1, Comparison::Is, "logo"), service.clone()], Some("skip_when.question"));
    }
}
