//! What a caller does with words, apart from what they are about: greets, asks, repeats, thinks, leaves.

use std::sync::LazyLock;

use crate::language::Sections;
use crate::words::{find_loosely, find_phrase, words};

static ACTS: LazyLock<Sections> = LazyLock::new(|| Sections::read(include_str!("../data/en/acts.txt")));

/// A conversational act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Ends the conversation.
    Goodbye,
    /// Wants nothing more.
    NothingElse,
    /// Thanks.
    Thanks,
    /// Wants to hear it again.
    Repeat,
    /// Needs a moment.
    HoldOn,
    /// "How are you?"
    HowAreYou,
    /// Asks whether this is a machine.
    AreYouRobot,
    /// Asks for the agent's name.
    WhoAreYou,
    /// Asks what can be done here.
    Help,
    /// Wants out of what is going on.
    Stop,
    /// Only says hello.
    Hello,
    /// Wants to leave a message.
    LeaveMessage,
    /// Asks whether this is who they meant to call.
    RightPlace,
    /// Meant to call somebody else.
    WrongNumber,
    /// Was called from here and calls back.
    MissedCall,
    /// Wants to know whether anybody listens.
    HearMe,
    /// Comes back to what was said or promised in an earlier conversation.
    Recall,
}

impl Act {
    const ALL: [(Self, &'static str); 17] = [
        (Self::Goodbye, "goodbye"),
        (Self::NothingElse, "nothing_else"),
        (Self::Thanks, "thanks"),
        (Self::Repeat, "repeat"),
        (Self::HoldOn, "hold_on"),
        (Self::HowAreYou, "how_are_you"),
        (Self::AreYouRobot, "are_you_robot"),
        (Self::WhoAreYou, "who_are_you"),
        (Self::Help, "help"),
        (Self::Stop, "stop"),
        (Self::Hello, "hello"),
        (Self::LeaveMessage, "leave_message"),
        (Self::RightPlace, "right_place"),
        (Self::WrongNumber, "wrong_number"),
        (Self::MissedCall, "missed_call"),
        (Self::HearMe, "hear_me"),
        (Self::Recall, "recall"),
    ];
}

/// Whether the words do this. Acts that make up a whole utterance must not be buried in a long sentence.
#[must_use]
pub fn does(text: &str, act: Act) -> bool {
    let said = words(text);
    let Some((_, name)) = Act::ALL.iter().find(|(a, _)| *a == act) else { return false };
    let longest = match act {
        Act::Goodbye => 9,
        Act::NothingElse | Act::Repeat | Act::HoldOn | Act::Stop => 8,
        Act::Thanks | Act::HearMe => 6,
        Act::Hello => 3,
        Act::HowAreYou | Act::WhoAreYou | Act::RightPlace | Act::WrongNumber => 9,
        Act::AreYouRobot | Act::Help => 14,
        Act::LeaveMessage | Act::MissedCall | Act::Recall => usize::MAX,
    };
    said.len() <= longest
        && ACTS.get(name).iter().any(|phrase| {
            let phrase = words(phrase);
            // Three short words are in half of all questions ("how late are you"): only longer ones may be torn.
            if phrase.len() <= 3 { find_phrase(&said, &phrase) } else { find_loosely(&said, &phrase) }
                .is_some()
        })
}

/// Whether the words ask something.
#[must_use]
pub fn is_question(text: &str) -> bool {
    if text.trim_end().ends_with('?') {
        return true;
    }
    let said = words(text);
    // "um so how long …": the question word may come second or third.
    let openers = ACTS.get("question_openers");
    let starts = (0..said.len().min(5)).any(|at| {
        let clean = said[..at].iter().all(|w| ACTS.get("before_questions").contains(&w.as_str()));
        clean && openers.iter().any(|o| said[at..].starts_with(&words(o)))
    });
    starts || ACTS.get("question_phrases").iter().any(|p| find_phrase(&said, &words(p)).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_recognised() {
        for (text, act) in [
            ("goodbye", Act::Goodbye),
            ("okay thanks bye", Act::Goodbye),
            ("have a nice day", Act::Goodbye),
            ("no that's all", Act::NothingElse),
            ("that's everything thank you", Act::NothingElse),
            ("thank you very much", Act::Thanks),
            ("yeah hi is this the design studio", Act::RightPlace),
            ("have i reached aurora branding", Act::RightPlace),
            ("wrong number sorry", Act::WrongNumber),
            ("hey it's mike i got a missed call from this number", Act::MissedCall),
            ("i'm returning your call", Act::MissedCall),
            ("hello can you hear me", Act::HearMe),
            ("is anyone there", Act::HearMe),
            ("can you send someone a message that i'll be late", Act::LeaveMessage),
            ("oh sorry i think i dialed the wrong number", Act::WrongNumber),
            ("can you tell me who i'm talking to first", Act::WhoAreYou),
            ("sorry what was that", Act::Repeat),
            ("could you repeat that please", Act::Repeat),
            ("hold on a second", Act::HoldOn),
            ("let me think", Act::HoldOn),
            ("how are you today", Act::HowAreYou),
            ("am i talking to a robot", Act::AreYouRobot),
            ("are you a real person", Act::AreYouRobot),
            ("who am i speaking with", Act::WhoAreYou),
            ("what can you do for me", Act::Help),
            ("never mind", Act::Stop),
            ("hello there", Act::Hello),
            ("can i leave a message for dana", Act::LeaveMessage),
            ("what did you promise me last time", Act::Recall),
            ("did dana get my message", Act::Recall),
            ("what did we talk about on monday", Act::Recall),
        ] {
            assert!(does(text, act), "{text}");
        }
        for (text, act) in [
            ("i bought a website", Act::Goodbye),
            ("by the end of march", Act::Goodbye),
            ("what time do you open", Act::Repeat),
            ("how is my website", Act::HowAreYou),
            ("good morning how late are you open", Act::HowAreYou),
            ("can you tell me how the website is going", Act::LeaveMessage),
            ("is this the right size for a banner", Act::RightPlace),
            ("there is a wrong number on our website", Act::WrongNumber),
            ("nobody called me back about the logo", Act::MissedCall),
            ("is anyone there who can fix our server tonight", Act::HearMe),
            ("you have the wrong number for me on file", Act::WrongNumber),
            ("i want to stop by your office", Act::Stop),
            ("can i leave a message for dana", Act::Recall),
            ("how is the website going", Act::Recall),
        ] {
            assert!(!does(text, act), "{text}");
        }
    }

    #[test]
    fn questions_are_told_from_statements() {
        for text in [
            "how much does a website cost",
            "um what are your hours",
            "do you do social media",
            "is there parking",
            "i was wondering if you do logos",
            "can you tell me where you are",
            "wait how long does it take",
            "really?",
            "by the way how many revisions do i get",
            "eight one more question do you do social media",
        ] {
            assert!(is_question(text), "{text}");
        }
        for text in ["ten thousand dollars", "my name is maria", "we are a bakery", "whatever works", "yes"] {
            assert!(!is_question(text), "{text}");
        }
    }
}
