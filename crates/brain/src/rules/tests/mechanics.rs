//! What holds for every turn: keys, silence, interruptions, failing tools, cancellation, logs.

use std::sync::atomic::Ordering;

use domain::call_log::{EventKind, Purpose};
use provider_traits::brain::{ExpectedAnswer, NextStep, Prompt, Thought};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Call, Who, plan};

fn dialled(digits: &str) -> Prompt {
    Prompt::CallerDialled { digits: digits.into() }
}

#[tokio::test]
async fn zero_leads_to_a_person() {
    let heard = Call::new(Who::Stranger).prompt(dialled("0")).await;
    assert_eq!(heard.next, Some(NextStep::Transfer { to: "+15135550199".into() }));
}

#[tokio::test]
async fn one_and_two_are_yes_and_no_where_that_was_asked() {
    let mut call = Call::new(Who::Stranger);
    assert_eq!(call.say("can i speak to a human").await.expect, ExpectedAnswer::YesNo);
    assert!(call.prompt(dialled("2")).await.text.contains("anything else"));
    call.say("can i speak to a human").await;
    assert!(matches!(call.prompt(dialled("1")).await.next, Some(NextStep::Transfer { .. })));
}

#[tokio::test]
async fn a_number_can_be_dialled_instead_of_said() {
    let mut call = Call::new(Who::Withheld);
    for line in ["i need a new website", "maria lopez", "maria at gmail dot com"] {
        call.say(line).await;
    }
    assert_eq!(call.say("yes").await.expect, ExpectedAnswer::Digits);
    let heard = call.prompt(dialled("5135550142#")).await;
    assert!(heard.text.contains("five one three, five five five, zero one four two"), "{}", heard.text);
}

#[tokio::test]
async fn silence_is_met_twice_gently_and_then_with_goodbye() {
    let mut call = Call::new(Who::Stranger);
    call.say("i need a new website").await;
    let first = call.prompt(Prompt::Silence { stage: 1 }).await;
    assert!(first.text.contains("still there") && first.text.contains("your name"), "{}", first.text);
    assert!(!call.prompt(Prompt::Silence { stage: 2 }).await.text.is_empty());
    let last = call.prompt(Prompt::Silence { stage: 3 }).await;
    assert_eq!(last.next, Some(NextStep::HangUp));
    assert!(last.thoughts.iter().any(|t| matches!(t, Thought::Say { purpose: Purpose::Goodbye, .. })));
}

#[tokio::test]
async fn at_the_time_limit_the_call_ends_politely() {
    let heard = Call::new(Who::Stranger).prompt(Prompt::TimeIsUp).await;
    assert!(heard.text.contains("Goodbye") && heard.next == Some(NextStep::HangUp));
}

#[tokio::test]
async fn a_question_that_was_talked_over_is_asked_again() {
    let mut call = Call::new(Who::Stranger);
    let heard = call.say("i need a new website").await;
    assert!(heard.text.ends_with("May I have your name, please?"));
    let again = call.say_over("okay", Some("Great, I'd love to help")).await;
    assert!(again.text.ends_with("May I have your name, please?"), "{}", again.text);
    // An answer is an answer even when the question was only half heard.
    let named = call.say_over("maria lopez", Some("Now, back")).await;
    assert!(named.text.contains("Maria"), "{}", named.text);
}

#[tokio::test]
async fn a_notice_comes_first_and_cannot_be_talked_over() {
    let mut notice = plan(Who::Maria);
    notice.agent.notice = "This call may be recorded.".into();
    let heard = Call::with(notice, Who::Maria).prompt(Prompt::PickedUp).await;
    let says: Vec<(&str, bool)> = heard
        .thoughts
        .iter()
        .filter_map(|t| match t {
            Thought::Say { text, interruptible, .. } => Some((text.as_str(), *interruptible)),
            _ => None,
        })
        .collect();
    assert_eq!(says[0], ("This call may be recorded.", false));
    assert!(says[1].0.contains("Maria") && says[1].1);
}

#[tokio::test]
async fn a_broken_tool_becomes_a_sentence_and_an_entry() {
    let mut call = Call::new(Who::Maria);
    call.tools.broken.store(true, Ordering::Relaxed);
    let heard = call.say("how is my website coming along").await;
    assert!(heard.text.contains("can't get to that"), "{}", heard.text);
    assert!(
        heard
            .log
            .iter()
            .any(|e| matches!(e, EventKind::ToolCall { ok: false, name, .. } if name == "list_projects"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stuck_tool_is_given_up() {
    let mut call = Call::new(Who::Maria);
    call.tools.stuck.store(true, Ordering::Relaxed);
    let heard = call.say("how is my website coming along").await;
    assert!(heard.text.contains("can't get to that"), "{}", heard.text);
    assert!(heard.log.iter().any(|e| matches!(e, EventKind::ToolCall { ok: false, duration_ms: 4_000, .. })));
}

#[tokio::test]
async fn every_turn_logs_its_intent_and_every_tool_call_its_result() {
    let mut call = Call::new(Who::Maria);
    let heard = call.say("how is my website coming along").await;
    assert!(
        heard.log.iter().any(|e| matches!(e, EventKind::Intent { intent, .. } if intent == "status_update"))
    );
    let tools: Vec<&str> = heard
        .log
        .iter()
        .filter_map(|e| match e {
            EventKind::ToolCall { name, ok: true, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(tools, ["list_projects", "get_project_status"]);
}

#[tokio::test]
async fn a_turn_cancelled_before_a_word_leaves_the_conversation_as_it_was() {
    let mut call = Call::new(Who::Stranger);
    call.say("i need a new website").await;
    let before = call.mind.snapshot();
    let (sender, mut receiver) = mpsc::channel(8);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let prompt = Prompt::CallerSaid {
        turn: domain::ids::TurnId(uuid::Uuid::from_u128(9)),
        text: "maria lopez".into(),
        agent_was_heard: None,
    };
    call.mind.respond(prompt, &sender, &cancel).await;
    assert!(receiver.try_recv().is_err(), "nothing is sent once cancelled");
    assert_eq!(call.mind.snapshot(), before);
    // What ran is still logged, with the next turn.
    let heard = call.say("maria lopez").await;
    assert!(heard.log.iter().filter(|e| matches!(e, EventKind::ToolCall { .. })).count() >= 2);
}

#[tokio::test]
async fn without_anybody_to_transfer_to_a_message_is_offered() {
    let mut alone = plan(Who::Stranger);
    alone.business.transfer_to = None;
    let mut call = Call::with(alone, Who::Stranger);
    let heard = call.say("can i talk to a real person").await;
    assert!(heard.text.contains("nobody") && heard.text.contains("message"), "{}", heard.text);
    assert!(call.say("yes").await.text.contains("pass on"));
    let heard = call.say("our website is down").await;
    assert!(heard.text.contains("take the details"), "{}", heard.text);
}

#[tokio::test]
async fn a_call_restored_elsewhere_goes_on() {
    let mut call = Call::new(Who::Stranger);
    call.say("i need a new website").await;
    let snapshot = call.mind.snapshot();
    let mut other = Call::new(Who::Stranger);
    other.mind.restore(snapshot);
    let heard = other.prompt(Prompt::PickedUp).await;
    assert!(heard.text.contains("cut off") && heard.text.contains("your name"), "{}", heard.text);
    other.mind.restore(serde_json::json!("nonsense"));
    assert!(other.say("maria lopez").await.text.contains("Maria"));
}

#[tokio::test]
async fn pauses_and_repeats_keep_the_open_question() {
    let mut call = Call::new(Who::Stranger);
    call.say("i need a new website").await;
    assert_eq!(call.say("let me think").await.expect, ExpectedAnswer::Name);
    assert!(call.say("maria lopez").await.text.contains("email"));
}
