//! A flow that something else leads or has led: a language model asks the questions in its own words and tells which
//! one was answered, or it gave up in the middle and the flow goes on by rule.

use super::answers::{Parsed, parse};
use super::corrections::is_named;
use super::{Context, LeadQualifier, Refusal, Step, read_back_phrase};
use crate::ids::QuestionId;
use crate::language::listed;
use crate::leads::{AnswerType, LeadAnswer};
use crate::spoken_forms::names;
use crate::words::{is_close, words};

/// From this share of a question's telling words on, it is taken as asked.
const ASKED: f32 = 0.5;

/// What comes of an answer to a question that was named.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The answer to store; `None` when the words were none.
    pub saved: Option<LeadAnswer>,
    /// Answers to other open questions that came in the same breath.
    pub also: Vec<LeadAnswer>,
    /// What to say now: a transition, the answer read back, the question once more, or that it stays open.
    pub say: String,
    /// Whether `say` reads the answer back, so that a yes comes before the next question.
    pub read_back: bool,
    /// Whether the question was left open for good.
    pub left_open: bool,
    /// The question to ask next, by its position; `None` when all are done with.
    pub next: Option<usize>,
}

impl LeadQualifier<'_> {
    /// Takes the words as the answer to the question at this position, whichever was asked last.
    ///
    /// # Panics
    /// When there is no such question.
    pub fn answer(&mut self, at: usize, text: &str, context: &Context<'_>) -> Given {
        let question = &self.questions[at];
        self.progress.confirming = None;
        let problem = match parse(question, text, context) {
            Parsed::Unclear(problem) => problem,
            Parsed::Value { mut value, needs_read_back, .. } => {
                let noted = self.progress.answers[at].as_ref().map(|answer| answer.value.as_str());
                if let Some(noted) = noted.filter(|_| question.answer_type == AnswerType::Name) {
                    // "No, it's Marta with an a": the surname stays.
                    value = names::corrected(noted, &value);
                }
                let saved = self.note(at, value, text);
                let also = self.volunteered(text, context, Some(at));
                let say = if needs_read_back {
                    self.read_back(at, read_back_phrase(question))
                } else {
                    self.transition(at)
                };
                self.ask_next(Step::default());
                let next = self.progress.asking;
                return Given {
                    saved: Some(saved),
                    also,
                    say,
                    read_back: needs_read_back,
                    left_open: false,
                    next,
                };
            }
        };
        if self.progress.asking != Some(at) {
            self.progress.asking = Some(at);
            self.progress.failures = 0;
        }
        let step = self.not_understood(at, Refusal::of(text), problem, Step::default());
        Given {
            saved: None,
            also: Vec::new(),
            say: step.say.into_iter().next().unwrap_or_default(),
            read_back: false,
            left_open: self.progress.skipped[at],
            next: self.progress.asking,
        }
    }

    /// Takes answers that were saved elsewhere, and questions that were left open there. `replace` also overwrites
    /// what this flow knows.
    pub fn adopt(&mut self, answers: &[LeadAnswer], left_open: &[QuestionId], replace: bool) {
        for answer in answers {
            let Some(at) = self.questions.iter().position(|question| question.id == answer.question) else {
                continue;
            };
            if replace || self.progress.answers[at].is_none() {
                self.progress.answers[at] = Some(answer.clone());
                self.progress.last_answered = Some(at);
            }
        }
        for (at, question) in self.questions.iter().enumerate() {
            self.progress.skipped[at] |=
                left_open.contains(&question.id) && self.progress.answers[at].is_none();
        }
        if self.progress.confirming.is_none() && !self.progress.asking.is_some_and(|at| self.is_open(at)) {
            self.ask_next(Step::default());
        }
    }

    /// Goes on behind something that spoke in its own words: the open question that its last line asked, or the
    /// first open one. Returns whether the line asked one.
    pub fn follow(&mut self, line: &str) -> bool {
        let asked = self.asked_in(line);
        self.progress.confirming = None;
        self.progress.failures = 0;
        self.ask_next(Step::default());
        if asked.is_some() {
            self.progress.asking = asked;
            return true;
        }
        // "I have maria at gmail dot com, is that right?": the yes belongs to the last answer.
        let confirms = line.trim_end().ends_with('?') && {
            let said = words(line);
            said.iter().any(|word| listed("read_back_words", word))
        };
        let last = self
            .progress
            .last_answered
            .filter(|&at| matches!(self.questions[at].answer_type, AnswerType::Email | AnswerType::Phone));
        if confirms && last.is_some() {
            self.progress.confirming = last;
            self.progress.done = false;
        }
        false
    }

    /// Whether the words are the answer that was saved last, by something that could not go on. An address or number
    /// is then read back.
    pub fn has_taken(&mut self, text: &str, context: &Context<'_>) -> bool {
        let Some(at) = self.progress.last_answered else { return false };
        let (question, Some(known)) = (&self.questions[at], &self.progress.answers[at]) else { return false };
        // "Yes" is the answer to too many questions.
        let telling = question.answer_type != AnswerType::YesNo;
        let same = match parse(question, text, context) {
            Parsed::Value { value, .. } => value == known.value,
            Parsed::Unclear(_) => words(text) == words(&known.said),
        };
        if !(telling && same) {
            return false;
        }
        if matches!(question.answer_type, AnswerType::Email | AnswerType::Phone) {
            self.progress.confirming = Some(at);
            self.progress.done = false;
        }
        true
    }

    /// The open question that a line asks, in whatever words.
    #[must_use]
    pub fn asked_in(&self, line: &str) -> Option<usize> {
        let said = words(line);
        let mut best: Option<(f32, usize)> = None;
        for at in 0..self.questions.len() {
            if !self.is_open(at) {
                continue;
            }
            let question = &self.questions[at];
            let telling = |text: &str| -> Vec<String> {
                words(text).into_iter().filter(|word| !listed("stopwords", word)).collect()
            };
            let found = |telling: &[String]| -> usize {
                telling.iter().filter(|word| said.iter().any(|other| is_close(other, word))).count()
            };
            let (text, label) = (telling(&question.text), telling(&question.label));
            let (in_text, in_label) = (found(&text), found(&label));
            let share = |found: usize, of: usize| if of == 0 { 0.0 } else { found as f32 / of as f32 };
            // More of its words are more telling: "the name of your company" asks for the company.
            let mut score = share(in_text, text.len()).max(share(in_label, label.len()));
            score += 0.1 * in_text as f32;
            if is_named(question, &said) {
                score += ASKED;
            }
            if score >= ASKED && best.is_none_or(|(top, _)| score > top) {
                best = Some((score, at));
            }
        }
        best.map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, questions};
    use super::super::{LeadQualifier, Progress};
    use super::*;
    use crate::leads::LeadField;

    fn saved(field: LeadField, value: &str) -> LeadAnswer {
        let question = questions().into_iter().find(|question| question.field == field).unwrap();
        LeadAnswer { question: question.id, field, said: value.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn an_answer_to_a_named_question_is_normalised_and_leads_to_the_next_open_one() {
        let questions = questions();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        let given = flow.answer(5, "about $10,000 to $15,000", &context(None));
        assert_eq!(given.saved.unwrap().value, "USD 10000-15000");
        assert_eq!((given.next, given.read_back), (Some(0), false));
        let given = flow.answer(1, "maria@gmail.com", &context(None));
        assert_eq!(given.saved.unwrap().value, "maria@gmail.com");
        assert!(given.read_back && given.say.contains("maria at gmail dot com"), "{}", given.say);
        let given = flow.answer(6, "2027-03-31", &context(None));
        assert_eq!(given.saved.unwrap().value, "2027-03-31");
    }

    #[test]
    fn a_corrected_word_of_a_name_leaves_the_others() {
        let questions = questions();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        flow.answer(0, "my name is maria johnson", &context(None));
        for (said, expect) in [
            ("no it's marta with an a", "Marta Johnson"),
            ("marta johnston", "Marta Johnston"),
            ("it is kim", "Kim"),
        ] {
            assert_eq!(flow.answer(0, said, &context(None)).saved.unwrap().value, expect, "{said}");
        }
    }

    #[test]
    fn what_is_no_answer_is_asked_again_twice_and_then_left_open() {
        let questions = questions();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        for _ in 0..2 {
            let given = flow.answer(1, "maria somewhere", &context(None));
            assert_eq!((given.saved, given.left_open, given.next), (None, false, Some(1)));
            assert!(given.say.contains("at sign"), "{}", given.say);
        }
        let given = flow.answer(1, "maria somewhere", &context(None));
        assert_eq!((given.saved, given.left_open, given.next), (None, true, Some(0)));
        // Who does not want to say is not pressed.
        let given = flow.answer(2, "I'd rather not say", &context(None));
        assert_eq!((given.saved, given.left_open), (None, true));
        // An answer that comes later is taken all the same.
        assert!(flow.answer(1, "maria@gmail.com", &context(None)).saved.is_some());
    }

    #[test]
    fn a_question_asked_in_other_words_is_found_among_the_open_ones() {
        let questions = questions();
        let flow = LeadQualifier::new(&questions, Progress::default());
        for (line, expect) in [
            ("Lovely! And who am I speaking with, what's your name?", Some(0)),
            ("Which e-mail can we write to?", Some(1)),
            ("What's the best number to call you back?", Some(2)),
            ("And what is the company called?", Some(3)),
            ("Roughly what budget did you have in mind?", Some(5)),
            ("By when should it be finished?", Some(6)),
            ("One moment please.", None),
            ("How can I help you today?", None),
        ] {
            assert_eq!(flow.asked_in(line), expect, "{line}");
        }
    }

    #[test]
    fn a_flow_goes_on_behind_a_model_with_the_next_open_question() {
        let questions = questions();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        flow.adopt(
            &[saved(LeadField::Name, "Maria Lopez"), saved(LeadField::Email, "maria@gmail.com")],
            &[questions[2].id],
            false,
        );
        assert_eq!(flow.progress().asking, Some(3), "the phone number was left open");
        assert!(flow.follow("What budget do you have in mind?"));
        assert_eq!(flow.progress().asking, Some(5));
        assert!(!flow.follow("So that is maria at gmail dot com, is that right?"));
        assert_eq!(flow.progress().confirming, Some(1));
        let step = flow.hear("yes", &context(None));
        assert!(step.say.join(" ").contains("name of your company"), "{:?}", step.say);
    }

    #[test]
    fn what_this_flow_knows_stays_unless_it_is_behind() {
        let questions = questions();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        flow.prefill(LeadField::Name, "Maria Lopes");
        flow.adopt(&[saved(LeadField::Name, "Maria Lopez")], &[], false);
        assert_eq!(flow.value(LeadField::Name), Some("Maria Lopes"));
        flow.adopt(&[saved(LeadField::Name, "Maria Lopez")], &[], true);
        assert_eq!(flow.value(LeadField::Name), Some("Maria Lopez"));
    }
}
