//! Messages as people really leave them: in the wrong order, in the middle of something, half.

use domain::call_log::{BegunMessage, EventKind};
use provider_traits::brain::NextStep;

use super::{Call, Heard, Who};

const MARK: &str = "can i leave a message for dana";

fn last_begun(heard: &Heard) -> Option<Option<BegunMessage>> {
    heard.log.iter().rev().find_map(|kind| match kind {
        EventKind::MessageBegun { message } => Some(message.clone()),
        _ => None,
    })
}

/// Says all lines; the text and outcome of the last answer.
async fn said(call: &mut Call, lines: &[&str]) -> Heard {
    let mut last = None;
    for line in lines {
        last = Some(call.say(line).await);
    }
    last.expect("a line")
}

#[tokio::test]
async fn a_message_is_put_together_from_whatever_comes_in_whatever_order() {
    for (lines, from, reply_to, text) in [
        // The name first, then the words.
        (
            vec![MARK, "my name is sarah o'connor", "the proofs look great", "yes"],
            "Sarah O'Connor",
            "+15135550177",
            "the proofs look great",
        ),
        // A time where the name was asked for belongs to the message.
        (
            vec!["we need to set up a meeting for next week", "tuesday at three", "ann lee", "this one"],
            "Ann Lee",
            "+15135550177",
            "we need to set up a meeting for next week; tuesday at three",
        ),
        // What is said instead of a name is said for a reason, and the name may come late.
        (
            vec![
                "i have trouble with my hosting it is broken",
                "it is for green bakery dot com",
                "since monday morning",
                "marcus webb",
                "yes",
            ],
            "Marcus Webb",
            "+15135550177",
            "i have trouble with my hosting it is broken; it is for green bakery dot com; since monday morning",
        ),
        // An answer to the offer belongs to the question for which it was made.
        (
            vec!["what you charge for a brochure", "yes please", "it has twelve pages", "marcus webb", "yes"],
            "Marcus Webb",
            "+15135550177",
            "what you charge for a brochure; it has twelve pages",
        ),
        (
            vec!["can you tell her greg called about the signs", "greg", "yes"],
            "Greg",
            "+15135550177",
            "greg called about the signs",
        ),
        // An address where the name was asked for is the address.
        (
            vec![
                MARK,
                "please send me the invoice again",
                "sarah dot oconnor at gmail dot com",
                "sarah o'connor",
            ],
            "Sarah O'Connor",
            "sarah.oconnor@gmail.com",
            "please send me the invoice again",
        ),
    ] {
        let mut call = Call::new(Who::Stranger);
        let done = said(&mut call, &lines).await;
        assert!(done.text.contains("passed that on"), "{lines:?}: {}", done.text);
        let kept = call.tools.kept.lock().unwrap();
        let message = &kept.messages[0];
        assert_eq!(message.from_name.as_deref(), Some(from), "{lines:?}");
        assert_eq!((message.reply_to.as_deref(), message.text.as_str()), (Some(reply_to), text));
    }
}

#[tokio::test]
async fn who_gives_no_name_is_asked_once_and_never_pressed() {
    for refusal in ["i'd rather not say", "no that's it"] {
        let mut call = Call::new(Who::Stranger);
        let next = said(&mut call, &[MARK, "the parcel is at the reception", refusal]).await;
        assert!(!next.text.contains("catch the name"), "{}", next.text);
        said(&mut call, &["yes"]).await;
        assert_eq!(call.tools.kept.lock().unwrap().messages[0].from_name, None, "{refusal}");
    }
}

#[tokio::test]
async fn a_number_that_does_not_show_can_t_be_meant() {
    let mut call = Call::new(Who::Withheld);
    let told =
        said(&mut call, &[MARK, "the parcel is at the reception", "tom baker", "the same number"]).await;
    assert!(told.text.contains("doesn't show"), "{}", told.text);
    said(&mut call, &["five one three five five five zero one four two"]).await;
    assert_eq!(call.tools.kept.lock().unwrap().messages[0].reply_to.as_deref(), Some("+15135550142"));
}

#[tokio::test]
async fn who_leaves_in_the_middle_has_left_a_message() {
    let mut call = Call::new(Who::Stranger);
    let asked = said(&mut call, &[MARK, "the parcel is at the reception"]).await;
    let begun = last_begun(&asked).flatten().expect("noted before the next question");
    assert_eq!((begun.text.as_str(), begun.from_name), ("the parcel is at the reception", None));
    assert_eq!(begun.reply_to.as_deref(), Some("+15135550177"), "the number that shows");
    let gone = call.say("okay bye").await;
    assert_eq!(gone.next, Some(NextStep::HangUp));
    assert!(gone.text.contains("passed that on"), "{}", gone.text);
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.messages.len(), 1);
    assert_eq!(kept.messages[0].text, "the parcel is at the reception");
}

#[tokio::test]
async fn a_message_that_is_taken_back_is_not_left() {
    let mut call = Call::new(Who::Stranger);
    let dropped = said(&mut call, &[MARK, "the parcel is at the reception", "never mind"]).await;
    assert_eq!(last_begun(&dropped), Some(None));
    call.say("goodbye").await;
    assert!(call.tools.kept.lock().unwrap().messages.is_empty());
}

#[tokio::test]
async fn manners_of_a_telephone_are_known() {
    for (line, part, ends) in [
        ("yeah hi is this the design studio", "You have reached Aurora Branding", false),
        ("can you tell me who i'm talking to first", "I'm Ava", false),
        ("wrong number sorry", "No problem", true),
        ("hello can you hear me", "I'm here", false),
        ("i got a missed call from this number", "can't see who it was", false),
    ] {
        let heard = Call::new(Who::Stranger).say(line).await;
        assert!(heard.text.contains(part), "{line}: {}", heard.text);
        assert_eq!(heard.next == Some(NextStep::HangUp), ends, "{line}");
    }
}
