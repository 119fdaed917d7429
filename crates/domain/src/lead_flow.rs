//! What makes a list of lead questions a flow that can be asked.

use crate::ids::QuestionId;
use crate::leads::{AnswerType, Comparison, LeadQuestion};

/// Most questions of one flow; more would outlast any caller's patience.
pub const MAX_QUESTIONS: usize = 100;

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

/// Finds the first fault of a flow, in the order in which it is asked. The skip conditions are stored and checked;
/// the flow of a call does not look at them yet.
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
