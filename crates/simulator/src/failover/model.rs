//! The model: hears a phrase, saves what it answers, asks the question that it is told to ask next.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::openai::settings::{Answer, Asked, Script};

/// What a caller says, by loudness ([`crate::openai::ear::loudness`]).
pub const PHRASES: [&str; 9] = [
    "a website please",
    "kevin johnson",
    "kevin at gmail dot com",
    "five one three five five five zero one seven seven",
    "green garden",
    "ten thousand dollars",
    "end of march",
    "goodbye",
    "are you there",
];

/// The phrase that ends the call.
pub(super) const GOODBYE: usize = 7;
/// The phrase that keeps a conversation going without telling anything.
pub(super) const SMALL_TALK: usize = 8;

/// Questions of the demonstration's agency in the order in which the caller answers them, by label: each answer is the
/// phrase of the same number.
pub const ANSWERS: [&str; 7] = ["Service", "Name", "E-mail", "Phone", "Company", "Budget", "Timeline"];

/// An answer in words, in milliseconds of audio. Shorter than words take, so that a conversation is short.
const ANSWER_MS: u32 = 700;

/// Answers as a model that has understood its instructions and functions. Every caller is somebody else: people of one
/// address or number would be one lead.
#[must_use]
pub fn script() -> Script {
    let people = AtomicU32::new(0);
    Script::new(move |asked| answer(asked, || people.fetch_add(1, Ordering::Relaxed)))
}

fn answer(asked: &Asked<'_>, new_person: impl FnOnce() -> u32) -> Answer {
    if let Some(instructions) = asked.instructions {
        // What is in quotation marks is said word for word.
        return say(instructions
            .split('"')
            .nth(1)
            .filter(|words| !words.is_empty())
            .unwrap_or("I am sorry."));
    }
    match (asked.output, asked.caller) {
        (Some(output), _) => after_function(output),
        (None, Some(said)) => after_words(said, new_person),
        (None, None) => say("I am sorry, what was that?"),
    }
}

fn say(words: &str) -> Answer {
    Answer { audio_ms: Some(ANSWER_MS), ..Answer::words(words) }
}

fn after_words(said: &str, new_person: impl FnOnce() -> u32) -> Answer {
    match PHRASES.iter().position(|phrase| *phrase == said) {
        Some(GOODBYE) => Answer::call("end_call", &json!({ "reason": "caller_said_goodbye" }).to_string()),
        Some(at) if at < ANSWERS.len() => {
            let answer = match ANSWERS[at] {
                "E-mail" => format!("kevin.johnson.{}@gmail.com", new_person()),
                "Phone" => format!("513555{:04}", new_person() % 10_000),
                _ => said.to_owned(),
            };
            let arguments = json!({ "question": ANSWERS[at], "answer": answer });
            Answer::call("save_lead_answer", &arguments.to_string())
        }
        // A phrase that was cut off is asked for again.
        Some(_) => say("Yes, I am here."),
        None => say("I am sorry, could you say that again?"),
    }
}

fn after_function(output: &str) -> Answer {
    let output: Value = serde_json::from_str(output).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if output.get("error").is_some() {
        return say("I am sorry, that did not work.");
    }
    match output.get("next_question") {
        Some(Value::Object(next)) => say(&text(&next["text"])),
        Some(_) => Answer::call("finish_lead", &json!({ "reason": "all_questions_done" }).to_string()),
        None => say(&text(&output["say"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: &str) -> Answer {
        answer(&Asked { caller: Some(said), output: None, instructions: None, number: 1 }, || 7)
    }

    fn told(output: &str) -> Answer {
        answer(&Asked { caller: None, output: Some(output), instructions: None, number: 1 }, || 7)
    }

    #[test]
    fn every_answer_is_saved_under_its_question() {
        for (phrase, question) in PHRASES.iter().zip(ANSWERS) {
            let call = heard(phrase).call.expect("a function is called");
            assert_eq!(call.name, "save_lead_answer");
            assert!(call.arguments.contains(question), "{call:?}");
        }
        assert!(heard(PHRASES[1]).call.expect("a call").arguments.contains("kevin johnson"));
        assert!(heard(PHRASES[2]).call.expect("a call").arguments.contains("kevin.johnson.7@gmail.com"));
    }

    #[test]
    fn the_question_that_is_next_is_asked_and_after_the_last_the_lead_is_closed() {
        let next = r#"{"saved":"x","say":"Thanks.","next_question":{"question":"Name","text":"Your name?"}}"#;
        assert_eq!(told(next).words, "Your name?");
        assert_eq!(
            told(r#"{"saved":"x","next_question":null}"#).call.map(|call| call.name).as_deref(),
            Some("finish_lead")
        );
        assert_eq!(told(r#"{"finished":true,"say":"We will call you."}"#).words, "We will call you.");
    }

    #[test]
    fn half_a_phrase_is_no_answer() {
        assert_eq!(heard("kevin").call, None);
        assert_eq!(heard("are you there").words, "Yes, I am here.");
    }
}
