//! What a caller's words are while a question of the flow is open: an answer, a question of their own, or enough.

use super::{Context, LeadQualifier};
use crate::acts::{Act, does, is_question};
use crate::expected_answer::ExpectedAnswer;
use crate::intents::{self, Intent};
use crate::spoken_forms::yes_no;
use crate::words::words;

/// Fewer words than these are no question of the caller's own.
const LEAST_QUESTION: usize = 3;

/// What some words are to the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// An answer, or an attempt at one.
    Answer,
    /// Another subject, by a question of the caller's or without one: dealt with first, then the flow goes on.
    Aside,
    /// The caller wants no more questions.
    Stops,
}

impl LeadQualifier<'_> {
    /// What the words are, as far as the flow can tell.
    #[must_use]
    pub fn sense(&self, text: &str, context: &Context<'_>) -> Sense {
        let clear = self.would_understand(text, context);
        if does(text, Act::Stop) && !clear {
            return Sense::Stops;
        }
        let asks = is_question(text) && words(text).len() >= LEAST_QUESTION;
        let other_subject = matches!(
            intents::classify(text),
            Intent::StatusUpdate
                | Intent::BillingQuestion
                | Intent::Complaint
                | Intent::SupportIssue
                | Intent::MeetingRequest
        );
        let rather_asks = asks && yes_no::read(text).is_none() && self.expects() != ExpectedAnswer::Email;
        // To an open question everything but a question may be the answer.
        let may_be_aside = asks || self.expects() != ExpectedAnswer::Open;
        if (asks || other_subject) && (!clear || rather_asks) && may_be_aside {
            Sense::Aside
        } else {
            Sense::Answer
        }
    }
}
