//! What sort of answer a model's last words ask for: it steers the end of the caller's turn and the phantom filter.

use domain::call_plan::CallPlan;
use domain::expected_answer::ExpectedAnswer;
use domain::history::History;
use domain::qualification::{LeadQualifier, Progress};
use domain::words::{find_phrase, words};

/// How questions begin that want a yes or a no.
const YES_NO: &[&str] = &[
    "is", "are", "do", "does", "did", "can", "could", "shall", "should", "would", "will", "may", "have",
    "has", "was",
];

/// What the agent's last words ask for.
pub(super) fn expected(last_words: &str, plan: &CallPlan, history: &History) -> ExpectedAnswer {
    let Some(question) = last_question(last_words) else { return ExpectedAnswer::Open };
    let mut flow = LeadQualifier::new(&plan.lead_questions, Progress::default());
    flow.adopt(&history.answers, &history.left_open, true);
    if flow.follow(&question) {
        return flow.expects();
    }
    let said = words(&question);
    let is_yes_no = said.first().is_some_and(|first| YES_NO.contains(&first.as_str()));
    let confirms = ["is that right", "is that correct", "right", "correct"];
    let confirms = confirms.iter().any(|tail| said.ends_with(&words(tail)));
    // "Would you like a website, or rather a logo?" is answered by neither.
    let offers_a_choice = find_phrase(&said, &["or".to_owned()]).is_some() && !confirms;
    if (is_yes_no && !offers_a_choice) || confirms {
        return ExpectedAnswer::YesNo;
    }
    let asks = |any: &[&str]| said.iter().any(|word| any.contains(&word.as_str()));
    if asks(&["email", "e-mail", "mail"]) {
        ExpectedAnswer::Email
    } else if asks(&["phone", "telephone"]) || (asks(&["number"]) && asks(&["your", "call", "reach"])) {
        ExpectedAnswer::Digits
    } else if asks(&["name"]) && asks(&["your"]) {
        ExpectedAnswer::Name
    } else if asks(&["budget"]) {
        ExpectedAnswer::Money
    } else if asks(&["when"]) {
        ExpectedAnswer::Date
    } else {
        ExpectedAnswer::Open
    }
}

fn last_question(text: &str) -> Option<String> {
    let text = text.trim();
    let body = text.strip_suffix('?')?;
    let begins = body.rfind(['.', '!', '?']).map_or(0, |at| at + 1);
    let clause = body[begins..].trim();
    // "Alright, and what is your name?": the clause that asks.
    Some(format!("{clause}?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{Who, plan};

    #[test]
    fn a_question_tells_what_is_expected() {
        use ExpectedAnswer as E;
        let plan = plan(Who::Stranger);
        let expected = |text: &str| expected(text, &plan, &History::default());
        assert_eq!(expected("Thank you."), E::Open);
        assert_eq!(expected("Thank you. Is there anything else?"), E::YesNo);
        assert_eq!(expected("Shall I connect you now?"), E::YesNo);
        assert_eq!(expected("May I have your name, please?"), E::Name);
        assert_eq!(expected("What is the best email address to reach you?"), E::Email);
        assert_eq!(expected("I have five one three. Is that right?"), E::YesNo);
        assert_eq!(expected("Would you like a website or a logo?"), E::Open);
        assert_eq!(expected("How can I help?"), E::Open);
        assert_eq!(expected("Under which phone number can we call you?"), E::Digits);
    }
}
