//! Callers who won't answer a question, or can't.

use crate::language::has_phrase_of;
use crate::spoken_forms::yes_no;
use crate::words::words;

/// Why a question has no answer, when that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// They won't say, or don't know.
    Declines,
    /// There is none: asking again brings none.
    HasNone,
}

impl Refusal {
    pub(super) fn of(text: &str) -> Option<Self> {
        if has_phrase_of("has_none", &words(text)) {
            return Some(Self::HasNone);
        }
        declines(text).then_some(Self::Declines)
    }
}

/// Whether the caller does not want to answer, or can't.
#[must_use]
pub fn declines(text: &str) -> bool {
    let said = words(text);
    has_phrase_of("refusals", &said)
        || (has_phrase_of("unknown_answers", &said) && said.len() <= 8)
        || (said.len() <= 3 && yes_no::read(text) == Some(false))
}
