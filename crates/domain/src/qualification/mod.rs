//! The lead flow: asks a business's questions in order and understands what comes back.
//!
//! [`LeadQualifier`] is a state machine over [`Progress`], which can be stored and resumed elsewhere. It
//! takes several answers in one breath, reads addresses and numbers back, retries twice and moves on, accepts
//! corrections, and keeps what it has when the caller leaves. What it says comes from the language pack.

mod answers;
mod corrections;
mod led_elsewhere;
mod refusals;
pub mod rehearsal;
mod sense;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::agent_phrases::{Phrase, fill, variant};
use crate::expected_answer::ExpectedAnswer;
use crate::lead_flow;
use crate::leads::{AnswerType, LeadAnswer, LeadField, LeadQuestion};
use crate::phone::PhoneNumber;
use crate::spoken_forms::email::EmailProblem;
use crate::spoken_forms::{email, yes_no};

pub use answers::{Parsed, parse};
pub use led_elsewhere::Given;
use refusals::Refusal;
pub use refusals::declines;
pub use sense::Sense;

/// Retries before a question is left open.
const RETRIES: u8 = 2;

/// What the flow must know of the call.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The business's own date.
    pub today: NaiveDate,
    /// ISO 3166 alpha-2 country of numbers without country code.
    pub default_country: &'a str,
    /// ISO 4217 code of amounts without currency.
    pub currency: &'a str,
    /// The number the caller calls from.
    pub caller_number: Option<&'a PhoneNumber>,
}

/// Where the flow stands. Serializable: a call can go on elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The answer to each question, by the question's position.
    pub answers: Vec<Option<LeadAnswer>>,
    /// Questions left open for good.
    pub skipped: Vec<bool>,
    /// The question that was asked last.
    pub asking: Option<usize>,
    /// How often it was not understood.
    pub failures: u8,
    /// The answer that was read back and waits for a yes.
    pub confirming: Option<usize>,
    /// The question answered last.
    pub last_answered: Option<usize>,
    /// How many transitions, corrections and other varied phrases were said.
    pub said: usize,
    /// Whether all questions are done with.
    pub done: bool,
}

/// What comes of hearing something.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// Answers to store, new and corrected.
    pub saved: Vec<LeadAnswer>,
    /// What to say, sentence by sentence; the last asks the next question unless the flow is done.
    pub say: Vec<String>,
    /// What sort of answer is expected.
    pub expect: ExpectedAnswer,
    /// Whether the words were understood as an answer or a correction.
    pub understood: bool,
    /// Whether the flow is complete.
    pub done: bool,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct LeadQualifier<'a> {
    questions: &'a [LeadQuestion],
    progress: Progress,
}

impl<'a> LeadQualifier<'a> {
    /// A flow that begins, or goes on from `progress`.
    #[must_use]
    pub fn new(questions: &'a [LeadQuestion], mut progress: Progress) -> Self {
        // The questions may have been edited since the progress was stored.
        progress.answers.resize(questions.len(), None);
        progress.skipped.resize(questions.len(), false);
        for place in [&mut progress.asking, &mut progress.confirming, &mut progress.last_answered] {
            *place = place.filter(|i| *i < questions.len());
        }
        Self { questions, progress }
    }

    /// Where the flow stands.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The state to store.
    #[must_use]
    pub fn into_progress(self) -> Progress {
        self.progress
    }

    /// Whether every question that is required, and not left out, has an answer.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        (0..self.questions.len()).all(|at| {
            !self.questions[at].required || self.progress.answers[at].is_some() || self.is_left_out(at)
        })
    }

    /// Whether the question at this position is left out by an answer to an earlier one.
    #[must_use]
    pub fn is_left_out(&self, at: usize) -> bool {
        lead_flow::is_left_out(&self.questions[at], |id| {
            self.progress.answers.iter().flatten().find(|answer| answer.question == id)
        })
    }

    /// Whether the question at this position is still to be asked.
    fn is_open(&self, at: usize) -> bool {
        self.progress.answers[at].is_none() && !self.progress.skipped[at] && !self.is_left_out(at)
    }

    /// The urgency, 0 to 10, that the answers so far give the lead.
    #[must_use]
    pub fn urgency(&self, today: NaiveDate) -> u8 {
        let answers: Vec<LeadAnswer> = self.progress.answers.iter().flatten().cloned().collect();
        lead_flow::urgency(self.questions, &answers, today)
    }

    /// The answer that fills a field, if it was given.
    #[must_use]
    pub fn value(&self, field: LeadField) -> Option<&str> {
        self.progress.answers.iter().flatten().find(|a| a.field == field).map(|a| a.value.as_str())
    }

    /// Notes an answer known from elsewhere (the caller is a client), without saying anything.
    pub fn prefill(&mut self, field: LeadField, value: &str) -> Option<LeadAnswer> {
        let at = (0..self.questions.len())
            .find(|&i| self.questions[i].field == field && self.progress.answers[i].is_none())?;
        Some(self.note(at, value.to_owned(), value))
    }

    /// Takes what was volunteered without being asked ("my name is Maria and I need a website").
    pub fn absorb(&mut self, text: &str, context: &Context<'_>) -> Vec<LeadAnswer> {
        self.volunteered(text, context, None)
    }

    /// Asks the first open question.
    pub fn begin(&mut self) -> Step {
        self.ask_next(Step { understood: true, ..Step::default() })
    }

    /// Asks again what was asked last, after a pause.
    #[must_use]
    pub fn ask_again(&self) -> Step {
        let mut step =
            Step { expect: self.expects(), understood: true, done: self.progress.done, ..Step::default() };
        if let Some(at) = self.progress.confirming {
            step.say.push(self.read_back(at, Phrase::ReadBackAgain));
        } else if let Some(at) = self.progress.asking {
            step.say.push(self.questions[at].text.clone());
        }
        step
    }

    /// What sort of answer is expected now.
    #[must_use]
    pub fn expects(&self) -> ExpectedAnswer {
        if self.progress.confirming.is_some() {
            return ExpectedAnswer::YesNo;
        }
        self.progress.asking.map_or(ExpectedAnswer::Open, |at| match self.questions[at].answer_type {
            AnswerType::Text => ExpectedAnswer::Open,
            AnswerType::Name => ExpectedAnswer::Name,
            AnswerType::Email => ExpectedAnswer::Email,
            AnswerType::Phone | AnswerType::Number => ExpectedAnswer::Digits,
            AnswerType::Choice => ExpectedAnswer::Choice,
            AnswerType::MoneyRange => ExpectedAnswer::Money,
            AnswerType::Date => ExpectedAnswer::Date,
            AnswerType::YesNo => ExpectedAnswer::YesNo,
        })
    }

    /// Whether the words are clearly an answer to what was asked or a correction, rather than something else.
    #[must_use]
    pub fn would_understand(&self, text: &str, context: &Context<'_>) -> bool {
        if corrections::find(self.questions, &self.progress, text, context).is_some() {
            return true;
        }
        if self.progress.confirming.is_some() {
            return yes_no::read(text).is_some() || email::read(text).is_ok();
        }
        let Some(at) = self.progress.asking else { return false };
        let question = &self.questions[at];
        match question.answer_type {
            // Anything is a text, so a text is never clear.
            AnswerType::Text => false,
            _ => matches!(parse(question, text, context), Parsed::Value { .. }),
        }
    }

    /// Hears the caller's words as an answer.
    pub fn hear(&mut self, text: &str, context: &Context<'_>) -> Step {
        let mut step = Step::default();
        if self.progress.done {
            step.done = true;
            return step;
        }
        if let Some(at) = self.progress.confirming {
            return self.hear_confirmation(at, text, context);
        }
        if let Some(step) = self.take_correction(text, context) {
            return step;
        }
        let Some(at) = self.progress.asking else { return self.ask_next(step) };
        let question = &self.questions[at];
        match parse(question, text, context) {
            Parsed::Value { value, needs_read_back, .. } => {
                step.understood = true;
                step.saved.push(self.note(at, value, text));
                step.saved.extend(self.volunteered(text, context, Some(at)));
                if needs_read_back {
                    self.progress.confirming = Some(at);
                    step.say.push(self.read_back(at, read_back_phrase(question)));
                    step.expect = ExpectedAnswer::YesNo;
                    return step;
                }
                step.say.push(self.transition(at));
                self.ask_next(step)
            }
            Parsed::Unclear(problem) => {
                let elsewhere = self.volunteered(text, context, Some(at));
                if !elsewhere.is_empty() {
                    // Another question was answered: take it and ask this one again without blame.
                    step.understood = true;
                    step.saved = elsewhere;
                    step.say.push(self.transition(at));
                    return self.ask_next(step);
                }
                self.not_understood(at, Refusal::of(text), problem, step)
            }
        }
    }

    /// Takes a correction that comes when all questions are done with ("no, make that ten thousand"). `None` when it is
    /// none, or when the flow is under way. The correction may open a question again that was left out until now.
    pub fn correct_afterwards(&mut self, text: &str, context: &Context<'_>) -> Option<Step> {
        if !self.progress.done || crate::acts::is_question(text) {
            return None;
        }
        let step = self.take_correction(text, context)?;
        self.progress.done = step.done;
        Some(step)
    }

    fn take_correction(&mut self, text: &str, context: &Context<'_>) -> Option<Step> {
        let correction = corrections::find(self.questions, &self.progress, text, context)?;
        let (at, spoken) = (correction.question, correction.spoken.clone());
        let mut step = Step { understood: true, ..Step::default() };
        step.saved.push(self.note(at, correction.value, text));
        if correction.needs_read_back {
            self.progress.confirming = Some(at);
            step.say.push(self.read_back(at, read_back_phrase(&self.questions[at])));
            step.expect = ExpectedAnswer::YesNo;
            return Some(step);
        }
        let said = self.rotate();
        step.say.push(fill(variant(Phrase::LeadCorrected, said), &[("value", &spoken)]));
        Some(self.ask_next(step))
    }

    fn not_understood(
        &mut self,
        at: usize,
        refusal: Option<Refusal>,
        problem: Option<EmailProblem>,
        mut step: Step,
    ) -> Step {
        let question = &self.questions[at];
        step.understood = refusal.is_some();
        self.progress.failures += 1;
        let give_up = self.progress.failures > RETRIES
            || refusal == Some(Refusal::HasNone)
            || (refusal.is_some() && (!question.required || self.progress.failures > 1));
        if give_up {
            self.progress.skipped[at] = true;
            let said = self.rotate();
            step.say.push(variant(Phrase::LeadSkips, said).to_owned());
            return self.ask_next(step);
        }
        let reaches = matches!(question.field, LeadField::Name | LeadField::Email | LeadField::Phone);
        step.say.push(match &question.retry_text {
            // That nothing was understood would not be true: it was, and once more it may be said what it is for.
            _ if refusal.is_some() && reaches => {
                fill(variant(Phrase::LeadRefused, 0), &[("question", &question.text)])
            }
            Some(text) => text.clone(),
            None => {
                // Asked again in other words.
                let phrase = variant(
                    retry_phrase(question, problem),
                    usize::from(self.progress.failures.saturating_sub(1)),
                );
                fill(phrase, &[("choices", &spoken_choices(question))])
            }
        });
        step.expect = self.expects();
        step
    }

    fn hear_confirmation(&mut self, at: usize, text: &str, context: &Context<'_>) -> Step {
        let mut step = Step { understood: true, ..Step::default() };
        let question = &self.questions[at];
        let noted = self.progress.answers[at].as_ref().map(|a| a.value.clone());
        // A better version in the same breath: "no, it's m a r i a at gmail dot com".
        if let Parsed::Value { value, .. } = parse(question, text, context)
            && noted.as_ref() != Some(&value)
        {
            step.saved.push(self.note(at, value, text));
            step.say.push(self.read_back(at, read_back_phrase(question)));
            step.expect = ExpectedAnswer::YesNo;
            return step;
        }
        match yes_no::read(text) {
            Some(true) => {
                self.progress.confirming = None;
                step.saved.extend(self.volunteered(text, context, Some(at)));
                step.say.push(self.transition(at));
                self.ask_next(step)
            }
            Some(false) => {
                self.progress.confirming = None;
                self.progress.failures += 1;
                self.progress.asking = Some(at);
                if self.progress.failures > RETRIES {
                    self.progress.skipped[at] = true;
                    let said = self.rotate();
                    step.say.push(variant(Phrase::LeadSkips, said).to_owned());
                    return self.ask_next(step);
                }
                let phrase = if question.answer_type == AnswerType::Phone {
                    Phrase::RepeatPhone
                } else {
                    Phrase::SpellEmail
                };
                step.say.push(variant(phrase, 0).to_owned());
                step.expect = self.expects();
                step
            }
            None => {
                self.progress.failures += 1;
                step.saved.extend(self.volunteered(text, context, Some(at)));
                if self.progress.failures >= RETRIES || !step.saved.is_empty() {
                    // Who goes on to the next answer has accepted the last one.
                    self.progress.confirming = None;
                    let next = self.ask_next(step);
                    return self.answered_already(next, text, context);
                }
                step.understood = false;
                step.say.push(self.read_back(at, Phrase::ReadBackAgain));
                step.expect = ExpectedAnswer::YesNo;
                step
            }
        }
    }

    /// The words that did not confirm the last answer may be the next one: "around five grand".
    fn answered_already(&mut self, mut step: Step, text: &str, context: &Context<'_>) -> Step {
        let Some(at) = self.progress.asking.filter(|_| !step.done) else { return step };
        let question = &self.questions[at];
        if matches!(question.answer_type, AnswerType::Choice | AnswerType::MoneyRange | AnswerType::Date)
            && !crate::acts::is_question(text)
            && let Parsed::Value { value, .. } = parse(question, text, context)
        {
            step.saved.push(self.note(at, value, text));
            step.say = vec![self.transition(at)];
            return self.ask_next(step);
        }
        step
    }

    /// Answers to open questions other than `except` that stand in the words.
    fn volunteered(&mut self, text: &str, context: &Context<'_>, except: Option<usize>) -> Vec<LeadAnswer> {
        let asked = except.map(|i| self.questions[i].answer_type);
        let found: Vec<(usize, String)> = (0..self.questions.len())
            .filter(|&i| {
                Some(i) != except
                    && self.progress.answers[i].is_none()
                    && !self.is_left_out(i)
                    && Some(self.questions[i].answer_type) != asked
            })
            .filter_map(|i| answers::volunteered(&self.questions[i], text, context).map(|v| (i, v)))
            .collect();
        let last = self.progress.last_answered;
        let taken = found.into_iter().map(|(i, value)| self.note(i, value, text)).collect();
        if except.is_some() {
            self.progress.last_answered = last;
        }
        taken
    }

    fn note(&mut self, at: usize, value: String, said: &str) -> LeadAnswer {
        let question = &self.questions[at];
        let answer =
            LeadAnswer { question: question.id, field: question.field, said: said.to_owned(), value };
        self.progress.answers[at] = Some(answer.clone());
        self.progress.skipped[at] = false;
        self.progress.last_answered = Some(at);
        answer
    }

    fn ask_next(&mut self, mut step: Step) -> Step {
        let open = (0..self.questions.len()).find(|&at| self.is_open(at));
        if open != self.progress.asking {
            self.progress.failures = 0;
        }
        self.progress.asking = open;
        match open {
            Some(at) => step.say.push(self.questions[at].text.clone()),
            None => {
                self.progress.done = true;
                step.done = true;
            }
        }
        step.expect = self.expects();
        step
    }

    /// A human sound between two questions; never the same twice in a row.
    fn transition(&mut self, answered: usize) -> String {
        let said = self.rotate();
        if self.questions[answered].field == LeadField::Name
            && let Some(first) = self.value(LeadField::Name).and_then(|n| n.split_whitespace().next())
        {
            return fill(variant(Phrase::LeadThanksName, said), &[("name", first)]);
        }
        variant(Phrase::LeadTransition, said).to_owned()
    }

    fn rotate(&mut self) -> usize {
        let said = self.progress.said;
        self.progress.said = said.wrapping_add(1);
        said
    }

    fn read_back(&self, at: usize, phrase: Phrase) -> String {
        let value = self.progress.answers[at].as_ref().map_or("", |a| a.value.as_str());
        let spoken = answers::spoken(&self.questions[at], value);
        fill(variant(phrase, self.progress.said + usize::from(self.progress.failures)), &[("value", &spoken)])
    }
}

fn read_back_phrase(question: &LeadQuestion) -> Phrase {
    if question.answer_type == AnswerType::Phone { Phrase::ReadBackPhone } else { Phrase::ReadBackEmail }
}

fn retry_phrase(question: &LeadQuestion, problem: Option<EmailProblem>) -> Phrase {
    match question.answer_type {
        AnswerType::Name => Phrase::RetryName,
        AnswerType::Email if problem == Some(EmailProblem::NoAt) => Phrase::RetryEmailNoAt,
        AnswerType::Email => Phrase::RetryEmail,
        AnswerType::Phone | AnswerType::Number => Phrase::RetryPhone,
        AnswerType::Choice => Phrase::RetryChoice,
        AnswerType::MoneyRange => Phrase::RetryMoney,
        AnswerType::Date => Phrase::RetryDate,
        AnswerType::YesNo => Phrase::RetryYesNo,
        AnswerType::Text => Phrase::RetryText,
    }
}

fn spoken_choices(question: &LeadQuestion) -> String {
    let choices: Vec<&str> = question.choices.iter().map(String::as_str).collect();
    match choices.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
