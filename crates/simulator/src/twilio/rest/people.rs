//! Who is at the other end of a call that is placed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// What happens when a number is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// Somebody answers, and presses these keys when asked for some, one answer after the other; an empty one is
    /// silence, and so are all that follow.
    Answers(Vec<String>),
    /// Somebody answers and is connected with a stream for as long as the server wants.
    Talks,
    /// It rings until it is given up.
    LetsRing,
    /// The line is busy.
    Busy,
    /// A machine answers.
    Machine,
    /// It can't be called.
    Unreachable,
}

impl Person {
    /// Somebody who answers and presses these keys.
    #[must_use]
    pub fn presses(keys: &[&str]) -> Self {
        Self::Answers(keys.iter().map(|&keys| keys.to_owned()).collect())
    }
}

/// Everybody who can be called, and who wants no text messages.
#[derive(Debug, Default)]
pub(super) struct People(Mutex<HashMap<String, VecDeque<Person>>>, Mutex<HashSet<String>>);

impl People {
    pub(super) fn set(&self, number: &str, persons: VecDeque<Person>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned(), persons);
    }

    /// Somebody answered STOP to a text message.
    pub(super) fn stop(&self, number: &str) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned());
    }

    pub(super) fn has_stopped(&self, number: &str) -> bool {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).contains(number)
    }

    /// Who is there this time. A number that nobody spoke of can't be called.
    pub(super) fn at(&self, number: &str) -> Person {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(persons) = all.get_mut(number) else { return Person::Unreachable };
        if persons.len() > 1 {
            persons.pop_front().unwrap_or(Person::Unreachable)
        } else {
            persons.front().cloned().unwrap_or(Person::Unreachable)
        }
    }
}
