//! The few sentences that the speech loop itself says, when nobody else has words. English; the brain's own
//! words always come first.

/// Fills the wait for an answer to a question.
pub const FILLERS_FOR_QUESTIONS: [&str; 3] =
    ["Let me check that for you.", "One moment, let me look at that.", "Just a second, I'm looking."];

/// Fills the wait after a statement.
pub const FILLERS_FOR_STATEMENTS: [&str; 3] =
    ["One moment, please.", "Just a second.", "Bear with me a moment."];

/// The mind did not answer in time.
pub const NO_ANSWER_IN_TIME: &str = "I'm sorry, that is taking me too long. Could you ask me that once more?";

/// The mind had no words for what the caller said.
pub const NOTHING_TO_SAY: &str = "I'm sorry, I didn't catch that. Could you say it again?";

/// The mind had no greeting.
pub const GREETING: &str = "Hello, how can I help you?";

/// The mind had no words for a silence.
pub const ARE_YOU_THERE: &str = "Are you still there?";

/// The mind had no goodbye.
pub const GOODBYE: &str = "Thank you for calling. Goodbye.";

/// No transcriber works.
pub const CANNOT_HEAR: &str = "I'm sorry, I have trouble hearing you. Could you say that again?";

/// A defect ends the call.
pub const DEFECT: &str =
    "I'm sorry, something went wrong on our side. Please call again in a moment. Goodbye.";

/// The server stops.
pub const STOPPING: &str = "I'm sorry, I have to end our call here. Please call again in a minute. Goodbye.";

/// All of them, to be synthesised before they are needed.
#[must_use]
pub fn all() -> Vec<&'static str> {
    let mut phrases = vec![
        NO_ANSWER_IN_TIME,
        NOTHING_TO_SAY,
        GREETING,
        ARE_YOU_THERE,
        GOODBYE,
        CANNOT_HEAR,
        DEFECT,
        STOPPING,
    ];
    phrases.extend(FILLERS_FOR_QUESTIONS);
    phrases.extend(FILLERS_FOR_STATEMENTS);
    phrases
}

/// A filler for the caller's words, never the same as the one before.
#[must_use]
pub fn filler(callers_words: &str, last: Option<&str>, number: u32) -> &'static str {
    let set = if is_question(callers_words) { FILLERS_FOR_QUESTIONS } else { FILLERS_FOR_STATEMENTS };
    let fresh: Vec<&'static str> = set.into_iter().filter(|&filler| Some(filler) != last).collect();
    fresh[number as usize % fresh.len()]
}

/// Whether a transcript, which has no punctuation, begins like a question.
fn is_question(text: &str) -> bool {
    const OPENERS: [&str; 22] = [
        "what", "how", "when", "where", "who", "why", "which", "do", "does", "did", "is", "are", "was",
        "can", "could", "would", "will", "have", "has", "should", "what's", "how's",
    ];
    let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    text.trim_end().ends_with('?') || OPENERS.contains(&first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filler_fits_and_never_comes_twice_in_a_row() {
        let mut last = None;
        for number in 0..50 {
            let next = filler("how is my website coming along", last, number);
            assert_ne!(Some(next), last);
            assert!(FILLERS_FOR_QUESTIONS.contains(&next));
            last = Some(next);
        }
        assert!(FILLERS_FOR_STATEMENTS.contains(&filler("my name is maria", None, 0)));
    }
}
