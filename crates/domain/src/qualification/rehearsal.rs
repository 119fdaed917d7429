//! The flow tried out as text: what the agent would say, what it would understand, and the lead that would come of it.
//!
//! It runs the very state machine that calls run. What it does not have is the rest of a conversation: a question of
//! the caller's is answered by whoever calls this, as a call answers it from the knowledge base.

use super::{Context, LeadQualifier, Progress, Sense, Step};
use crate::acts::is_question;
use crate::agent_phrases::{Phrase, fill, variant};
use crate::ids::QuestionId;
use crate::leads::{LeadAnswer, LeadQuestion};

/// What a caller's words were taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// One answer or several.
    Answer,
    /// A correction, or a confirmation, of an earlier answer.
    Confirmed,
    /// No answer to what was asked.
    NotUnderstood,
    /// A question of the caller's, or another subject; the flow was paused and taken up again.
    Aside,
    /// The wish to have no more questions: the flow ends with what there is.
    Stopped,
    /// Something said when the flow was over.
    AfterTheEnd,
}

/// One exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The caller's words.
    pub said: String,
    /// What they were taken for.
    pub heard: Heard,
    /// Answers that were taken, new and corrected.
    pub saved: Vec<LeadAnswer>,
    /// Questions that were given up: asked as often as they are asked, or refused.
    pub given_up: Vec<QuestionId>,
    /// Questions that the answers made superfluous.
    pub left_out: Vec<QuestionId>,
    /// How often the question that is open now was not understood.
    pub retries: u8,
    /// What the agent says then, sentence by sentence.
    pub agent: Vec<String>,
    /// The question that is open then; `None` when the flow is over.
    pub asking: Option<QuestionId>,
}

/// A flow that was tried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    /// The agent's first words.
    pub opening: Vec<String>,
    /// What followed.
    pub exchanges: Vec<Exchange>,
    /// All answers, in the order of the questions.
    pub answers: Vec<LeadAnswer>,
    /// Whether every question was dealt with or the caller stopped.
    pub over: bool,
    /// Whether every required question has its answer.
    pub complete: bool,
    /// The urgency, 0 to 10, that the answers give the lead.
    pub urgency: u8,
}

/// Tries a flow out. `contact` is named in promises; `aside` answers the question that stands at this position of `said`,
/// when something is known.
#[must_use]
pub fn rehearse(
    questions: &[LeadQuestion],
    said: &[String],
    context: &Context<'_>,
    contact: &str,
    aside: impl Fn(usize) -> Option<String>,
) -> Rehearsal {
    let phrase = |phrase: Phrase, count: usize| fill(variant(phrase, count), &[("contact", contact)]);
    let mut flow = LeadQualifier::new(questions, Progress::default());
    let begun = flow.begin();
    let mut over = begun.done;
    let mut opening = vec![phrase(Phrase::LeadBegins, 0)];
    opening.extend(begun.say);
    let mut asides = 0;
    let mut exchanges = Vec::with_capacity(said.len());
    for (place, text) in said.iter().enumerate() {
        let before = flow.progress().clone();
        let left_out_before = left_out(&flow);
        let stopped = over && !before.done;
        let sense = flow.sense(text, context);
        let (heard, step) = if stopped {
            (Heard::AfterTheEnd, Step::default())
        } else if over {
            match flow.correct_afterwards(text, context) {
                Some(step) => (Heard::Confirmed, step),
                None => (Heard::AfterTheEnd, Step::default()),
            }
        } else {
            match sense {
                Sense::Stops => {
                    over = true;
                    let has_something = before.answers.iter().any(Option::is_some);
                    let last = if has_something { Phrase::LeadAbandoned } else { Phrase::NeverMind };
                    (Heard::Stopped, Step { say: vec![phrase(last, 0)], ..Step::default() })
                }
                Sense::Aside if is_question(text) || aside(place).is_some() => {
                    let mut say = vec![aside(place).unwrap_or_else(|| phrase(Phrase::OneForContact, asides))];
                    say.push(phrase(Phrase::LeadResumes, asides));
                    asides += 1;
                    let again = flow.ask_again();
                    say.extend(again.say);
                    (Heard::Aside, Step { say, expect: again.expect, ..Step::default() })
                }
                Sense::Aside | Sense::Answer => {
                    let step = flow.hear(text, context);
                    let heard = match (step.understood, step.saved.is_empty()) {
                        (_, false) => Heard::Answer,
                        (true, true) if before.confirming.is_some() => Heard::Confirmed,
                        _ => Heard::NotUnderstood,
                    };
                    (heard, step)
                }
            }
        };
        let mut agent = step.say;
        if heard != Heard::AfterTheEnd && heard != Heard::Stopped {
            over = flow.progress().done;
            if over {
                agent.push(phrase(Phrase::LeadComplete, 0));
            }
        }
        let after = flow.progress();
        let given_up = (0..questions.len())
            .filter(|&at| after.skipped[at] && !before.skipped[at])
            .map(|at| questions[at].id)
            .collect();
        let asking = (!over).then_some(after.confirming.or(after.asking)).flatten();
        exchanges.push(Exchange {
            said: text.clone(),
            heard,
            saved: step.saved,
            given_up,
            left_out: left_out(&flow).into_iter().filter(|id| !left_out_before.contains(id)).collect(),
            retries: if over { 0 } else { after.failures },
            agent,
            asking: asking.map(|at| questions[at].id),
        });
    }
    Rehearsal {
        opening,
        exchanges,
        over,
        complete: flow.is_complete() && flow.progress().answers.iter().any(Option::is_some),
        urgency: flow.urgency(context.today),
        answers: flow.into_progress().answers.into_iter().flatten().collect(),
    }
}

fn left_out(flow: &LeadQualifier<'_>) -> Vec<QuestionId> {
    (0..flow.questions.len()).filter(|&at| flow.is_left_out(at)).map(|at| flow.questions[at].id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, questions};
    use super::*;
    use crate::leads::{Comparison, SkipCondition};

    fn run(said: &[&str]) -> Rehearsal {
        let mut questions = questions();
        // A company that wants packaging is not asked for a budget.
        questions[5].skip_when = Some(SkipCondition {
            question: questions[4].id,
            comparison: Comparison::Is,
            value: "Packaging".to_owned(),
        });
        let said: Vec<String> = said.iter().map(|&text| text.to_owned()).collect();
        rehearse(&questions, &said, &context(None), "Dana", |at| {
            said[at].contains("located").then(|| "We are in the old mill.".to_owned())
        })
    }

    #[test]
    fn a_conversation_is_told_turn_by_turn() {
        let tried = run(&[
            "my name is maria lopez",
            "where are you located",
            "blue sky",
            "m a r i a at gmail dot com",
            "yes",
            "i would rather not say",
            "it's called bright bakery",
            "packaging",
            "no wait make that a website",
            "five thousand dollars",
            "as soon as possible",
            "actually make that ten thousand dollars",
            "thank you",
        ]);
        let heard: Vec<Heard> = tried.exchanges.iter().map(|one| one.heard).collect();
        assert_eq!(
            heard,
            [
                Heard::Answer,
                Heard::Aside,
                Heard::NotUnderstood,
                Heard::Answer,
                Heard::Confirmed,
                Heard::NotUnderstood,
                Heard::Answer,
                Heard::Answer,
                Heard::Answer,
                Heard::Answer,
                Heard::Answer,
                Heard::Confirmed,
                Heard::AfterTheEnd,
            ],
            "{tried:#?}"
        );
        let at = |place: usize| &tried.exchanges[place];
        assert_eq!(at(1).agent[0], "We are in the old mill.");
        assert!(at(1).agent.last().is_some_and(|last| last.contains("email")), "{:?}", at(1));
        assert_eq!((at(2).retries, at(3).retries), (1, 1));
        assert_eq!(at(5).given_up.len(), 1, "who would rather not say is not pressed");
        assert_eq!(at(7).left_out.len(), 1, "packaging needs no budget");
        assert!(at(8).agent.last().is_some_and(|last| last.contains("budget")), "{:?}", at(8));
        assert!(tried.over && tried.complete);
        let budget = tried.answers.iter().find(|answer| answer.value.starts_with("USD")).expect("a budget");
        assert_eq!(budget.value, "USD 10000");
    }

    #[test]
    fn who_stops_leaves_what_there_is() {
        let tried = run(&["maria lopez", "never mind", "hello"]);
        assert_eq!(tried.exchanges[1].heard, Heard::Stopped);
        assert_eq!(tried.exchanges[2].heard, Heard::AfterTheEnd);
        assert!(tried.over && !tried.complete);
        assert_eq!(tried.answers.len(), 1);
    }
}
