//! Who may ask the model for an answer: one owner, so that there is never a second answer to one turn, and never none.
//!
//! The model does not answer by itself; each answer is asked for here. While one is being made, whatever calls for
//! another (the caller's next turn, results of functions) waits for its end and then makes one answer together.

use std::collections::BTreeMap;

/// Why an answer is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The caller said something.
    CallerSpoke,
    /// Functions gave their results.
    FunctionsDone,
    /// We want something said; the text tells what.
    Told(String),
}

/// A request for an answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What to do in this answer alone.
    pub instructions: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Floor {
    Idle,
    /// Asked, not begun.
    Asked {
        at_ms: u64,
    },
    /// Being made.
    Active {
        response: String,
    },
    /// Told to stop; its end has not come yet.
    Stopping {
        response: String,
        at_ms: u64,
    },
}

/// An answer that was told to stop and does not end within this time is taken as ended, in milliseconds.
const STOPS_WITHIN_MS: u64 = 1_000;

/// The ownership of answers in one session with a model.
#[derive(Debug)]
pub struct Answers {
    floor: Floor,
    owed_since_ms: Option<u64>,
    told: Option<String>,
    /// Function calls without a result, with the answer they belong to.
    running: BTreeMap<String, String>,
    /// Results were given that no answer has used yet.
    results: bool,
    /// The answer that called a function last.
    called: Option<String>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            floor: Floor::Idle,
            owed_since_ms: None,
            told: None,
            running: BTreeMap::new(),
            results: false,
            called: None,
        }
    }
}

impl Answers {
    /// An answer is owed. Several reasons make one answer.
    pub fn owe(&mut self, reason: Reason, now_ms: u64) {
        match reason {
            Reason::Told(text) => self.told = Some(text),
            Reason::CallerSpoke | Reason::FunctionsDone => {}
        }
        self.owed_since_ms.get_or_insert(now_ms);
    }

    /// The request to send now, if one is due. Sending it is the caller's duty.
    pub fn next(&mut self, now_ms: u64) -> Option<Ask> {
        if let Floor::Stopping { at_ms, .. } = self.floor
            && now_ms >= at_ms + STOPS_WITHIN_MS
        {
            self.floor = Floor::Idle;
        }
        if self.floor != Floor::Idle {
            return None;
        }
        if self.results && self.running.is_empty() {
            self.results = false;
            self.owed_since_ms.get_or_insert(now_ms);
        }
        self.owed_since_ms?;
        self.floor = Floor::Asked { at_ms: now_ms };
        Some(Ask { instructions: self.told.take() })
    }

    /// The model began an answer.
    pub fn began(&mut self, response: String) {
        self.floor = Floor::Active { response };
    }

    /// Audio of an answer came. False: it belongs to one that was stopped, and must not be played.
    pub fn audio(&mut self, response: &str) -> bool {
        match &self.floor {
            Floor::Active { response: active } if active == response => {
                self.owed_since_ms = None;
                true
            }
            _ => false,
        }
    }

    /// The answer came to its end.
    pub fn ended(&mut self, response: &str) {
        match &self.floor {
            Floor::Active { response: known } | Floor::Stopping { response: known, .. }
                if known != response => {}
            Floor::Active { .. } => {
                self.floor = Floor::Idle;
                // An answer of function calls alone has no audio; what is owed then comes with their results.
                self.owed_since_ms = None;
            }
            Floor::Stopping { .. } | Floor::Asked { .. } => self.floor = Floor::Idle,
            Floor::Idle => {}
        }
    }

    /// The answer failed: it is still owed.
    pub fn failed(&mut self, response: &str, now_ms: u64) {
        let concerns_us = match &self.floor {
            Floor::Active { response: active } => active == response,
            Floor::Asked { .. } => true,
            Floor::Idle | Floor::Stopping { .. } => false,
        };
        if concerns_us {
            self.floor = Floor::Idle;
            self.owed_since_ms.get_or_insert(now_ms);
        }
    }

    /// The caller interrupts. Returns the answer to cancel when one is being made; what comes of it from now on is
    /// not played.
    pub fn interrupt(&mut self, now_ms: u64) -> Option<String> {
        let Floor::Active { response } = &self.floor else { return None };
        let response = response.clone();
        self.floor = Floor::Stopping { response: response.clone(), at_ms: now_ms };
        self.owed_since_ms = None;
        Some(response)
    }

    /// The model calls a function. False: the same call was seen before and must not run twice.
    pub fn function_called(&mut self, call_id: &str, response: &str) -> bool {
        self.called = Some(response.to_owned());
        self.running.insert(call_id.to_owned(), response.to_owned()).is_none()
    }

    /// A function gave its result. False: nobody waits for it (any more), so it must not be sent.
    pub fn function_done(&mut self, call_id: &str) -> bool {
        let waited_for = self.running.remove(call_id).is_some();
        self.results |= waited_for;
        waited_for
    }

    /// Whether an answer called a function.
    #[must_use]
    pub fn called_by(&self, response: &str) -> bool {
        self.called.as_deref() == Some(response)
    }

    /// Functions without a result.
    pub fn running_functions(&self) -> impl Iterator<Item = &str> {
        self.running.keys().map(String::as_str)
    }

    /// Nothing is owed any more: it was said without the model, which was not asked yet.
    pub fn forgo(&mut self) {
        (self.owed_since_ms, self.told) = (None, None);
    }

    /// Results that were given need no answer: the agent has said its last words already.
    pub fn forgo_results(&mut self) {
        self.results = false;
    }

    /// The session with the model is gone, and with it whatever was asked of it. Returns whether the caller still
    /// waits for something. Functions that run go on, but nobody waits for their results any more.
    pub fn session_lost(&mut self) -> bool {
        let waits = self.owed_since_ms.is_some()
            || matches!(self.floor, Floor::Asked { .. })
            || self.results
            || !self.running.is_empty();
        *self = Self::default();
        waits
    }

    /// Since when the caller has been waiting for the first sound of an answer.
    #[must_use]
    pub fn owed_since_ms(&self) -> Option<u64> {
        self.owed_since_ms
    }

    /// Whether an answer was asked for or is being made.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.floor != Floor::Idle
    }

    /// Whether an answer is being made.
    #[must_use]
    pub fn is_making(&self) -> bool {
        matches!(self.floor, Floor::Active { .. })
    }

    /// Whether nothing is said, owed or running: a moment to change sessions.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.floor == Floor::Idle && self.owed_since_ms.is_none() && self.running.is_empty() && !self.results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_turn_gets_one_answer() {
        let mut answers = Answers::default();
        assert_eq!(answers.next(0), None);
        answers.owe(Reason::CallerSpoke, 100);
        assert_eq!(answers.next(100), Some(Ask { instructions: None }));
        assert_eq!(answers.next(100), None, "never a second while one is asked for");
        answers.began("r1".to_owned());
        assert!(answers.audio("r1"));
        assert_eq!(answers.owed_since_ms(), None);
        answers.ended("r1");
        assert_eq!(answers.next(200), None);
        assert!(answers.is_quiet());
    }

    #[test]
    fn a_turn_during_an_answer_is_answered_after_it() {
        let mut answers = Answers::default();
        answers.owe(Reason::CallerSpoke, 0);
        answers.next(0);
        answers.began("r1".to_owned());
        answers.audio("r1");
        assert_eq!(answers.interrupt(500).as_deref(), Some("r1"));
        assert!(!answers.audio("r1"), "what still comes of it is not played");
        answers.owe(Reason::CallerSpoke, 900);
        assert_eq!(answers.next(900), None);
        answers.ended("r1");
        assert!(answers.next(950).is_some());
    }

    #[test]
    fn an_answer_whose_end_never_comes_does_not_block_the_next() {
        let mut answers = Answers::default();
        answers.owe(Reason::CallerSpoke, 0);
        answers.next(0);
        answers.began("r1".to_owned());
        answers.interrupt(100);
        answers.owe(Reason::CallerSpoke, 200);
        assert_eq!(answers.next(100 + STOPS_WITHIN_MS - 1), None);
        assert!(answers.next(100 + STOPS_WITHIN_MS).is_some());
    }

    #[test]
    fn all_functions_of_an_answer_are_waited_for_and_then_answered_once() {
        let mut answers = Answers::default();
        answers.owe(Reason::CallerSpoke, 0);
        answers.next(0);
        answers.began("r1".to_owned());
        assert!(answers.function_called("c1", "r1") && answers.function_called("c2", "r1"));
        assert!(!answers.function_called("c1", "r1"));
        assert!(answers.function_done("c1"));
        answers.ended("r1");
        assert_eq!(answers.next(10), None, "c2 is still running");
        assert!(answers.function_done("c2"));
        assert!(!answers.function_done("c2"), "a result is sent once");
        assert!(answers.next(20).is_some());
        answers.began("r2".to_owned());
        answers.ended("r2");
        assert_eq!(answers.next(30), None);
    }

    #[test]
    fn a_failed_answer_is_still_owed() {
        let mut answers = Answers::default();
        answers.owe(Reason::Told("greet".to_owned()), 0);
        assert_eq!(answers.next(0), Some(Ask { instructions: Some("greet".to_owned()) }));
        answers.began("r1".to_owned());
        answers.failed("r1", 50);
        assert_eq!(answers.owed_since_ms(), Some(0));
        assert!(answers.next(60).is_some());
    }

    proptest! {
        /// Whatever comes in whatever order: never two answers at once, and what is owed is asked for as soon as
        /// nothing stands in the way.
        #[test]
        fn never_two_and_never_none(steps in proptest::collection::vec((0u8..8, 0u8..3), 1..80)) {
            let mut answers = Answers::default();
            let mut now_ms = 0;
            let mut asked = false;
            for (kind, id) in steps {
                now_ms += 37;
                let response = format!("r{id}");
                match kind {
                    0 => answers.owe(Reason::CallerSpoke, now_ms),
                    1 if asked => answers.began(response.clone()),
                    2 => { answers.audio(&response); }
                    3 => answers.ended(&response),
                    4 => { answers.interrupt(now_ms); }
                    5 => { answers.function_called(&response, "r"); }
                    6 => { answers.function_done(&response); }
                    _ => answers.failed(&response, now_ms),
                }
                asked = answers.is_answering();
                let was_answering = answers.is_answering();
                if answers.next(now_ms).is_some() {
                    prop_assert!(!was_answering || now_ms >= STOPS_WITHIN_MS);
                    asked = true;
                }
            }
            // Let everything come to its end: nothing stays owed.
            for id in ["r0", "r1", "r2"] {
                answers.function_done(id);
            }
            for _ in 0..4 {
                now_ms += STOPS_WITHIN_MS;
                if answers.next(now_ms).is_some() {
                    answers.began("last".to_owned());
                    answers.audio("last");
                }
                for id in ["r0", "r1", "r2", "last"] {
                    answers.ended(id);
                }
            }
            prop_assert!(answers.is_quiet(), "{answers:?}");
        }
    }
}
