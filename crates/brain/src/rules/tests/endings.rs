//! Whom a caller is connected with, what follows when nobody takes them, and the last question.

use domain::leads::Priority;
use provider_traits::brain::{GoOn, NextStep, Prompt};

use super::{Call, Who, plan};

fn asks_clients(who: Who) -> Call {
    let mut plan = plan(who);
    plan.business.ask_satisfaction = true;
    Call::with(plan, who)
}

#[tokio::test]
async fn whoever_is_called_learns_what_it_is_about() {
    for (line, to, about) in [
        ("can i speak to a human please", "+15135550199", "can i speak to a human please"),
        (
            "can i speak to somebody about my invoice",
            "+15135550143",
            "can i speak to somebody about my invoice",
        ),
    ] {
        let mut call = Call::new(Who::Stranger);
        call.say(line).await;
        let heard = call.say("yes please").await;
        assert_eq!(heard.next, Some(NextStep::Transfer { to: to.into() }), "{line}");
        let kept = call.tools.kept.lock().unwrap();
        assert_eq!((kept.wanted[0].whom.as_str(), kept.wanted[0].about.as_str()), (about, about));
    }
}

#[tokio::test]
async fn a_transfer_that_can_not_be_noted_is_carried_out_all_the_same() {
    let mut call = Call::new(Who::Stranger);
    call.say("can i speak to a human please").await;
    call.tools.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let heard = call.say("yes please").await;
    assert_eq!(heard.next, Some(NextStep::Transfer { to: "+15135550199".into() }));
}

#[tokio::test]
async fn a_caller_whom_nobody_took_leaves_a_message() {
    let mut call = Call::new(Who::Maria);
    call.say("can i speak to a human please").await;
    call.say("yes please").await;
    let back = call.prompt(Prompt::GoOn(GoOn::NotConnected)).await;
    assert!(back.text.contains("could not reach anybody") && back.text.ends_with('?'), "{}", back.text);
    assert!(call.say("yes please").await.text.contains("pass on"));
    assert!(call.say("please call me about the photos").await.text.contains("anything else"));
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.messages[0].text, "please call me about the photos");
}

#[tokio::test]
async fn in_an_emergency_the_details_are_asked_for_instead() {
    let mut call = Call::new(Who::Maria);
    call.say("our online shop is down this is an emergency").await;
    assert!(matches!(call.say("yes please").await.next, Some(NextStep::Transfer { .. })));
    let back = call.prompt(Prompt::GoOn(GoOn::NotConnected)).await;
    assert!(back.text.contains("could not reach anybody"), "{}", back.text);
    let done = call.say("customers see an error at the checkout").await;
    assert!(!done.text.is_empty());
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.messages.len(), 1, "{}", back.text);
    assert_eq!(kept.messages[0].priority, Priority::Urgent);
}

#[tokio::test]
async fn a_client_is_asked_once_how_satisfied_they_are() {
    for (answer, scores) in [
        ("five", vec![(5, "")]),
        ("i would say a four out of five", vec![(4, "i would say a four out of five")]),
        ("no thank you", vec![]),
        ("i don't know", vec![]),
    ] {
        let mut call = asks_clients(Who::Maria);
        call.say("what are your opening hours").await;
        let asked = call.say("no that's everything goodbye").await;
        assert!(asked.text.contains("from one to five") && asked.next.is_none(), "{}", asked.text);
        let last = call.say(answer).await;
        assert_eq!(last.next, Some(NextStep::HangUp), "{answer}: {}", last.text);
        let kept = call.tools.kept.lock().unwrap();
        let kept: Vec<(u8, &str)> =
            kept.scores.iter().map(|(score, words)| (*score, words.as_str())).collect();
        assert_eq!(kept, scores, "{answer}");
    }
}

#[tokio::test]
async fn a_key_is_a_score_and_silence_is_none() {
    let mut call = asks_clients(Who::Maria);
    call.say("goodbye").await;
    let last = call.prompt(Prompt::CallerDialled { digits: "4".into() }).await;
    assert_eq!(last.next, Some(NextStep::HangUp));
    assert_eq!(call.tools.kept.lock().unwrap().scores, [(4, String::new())]);

    let mut call = asks_clients(Who::Maria);
    call.say("goodbye").await;
    assert_eq!(call.prompt(Prompt::Silence { stage: 3 }).await.next, Some(NextStep::HangUp));
    assert!(call.tools.kept.lock().unwrap().scores.is_empty());
}

#[tokio::test]
async fn who_asks_something_instead_is_answered_and_not_asked_again() {
    let mut call = asks_clients(Who::Maria);
    call.say("goodbye").await;
    let answered = call.say("oh and where are you located").await;
    assert!(answered.text.contains("Main Street"), "{}", answered.text);
    assert_eq!(call.say("thank you goodbye").await.next, Some(NextStep::HangUp));
}

#[tokio::test]
async fn strangers_emergencies_and_businesses_that_do_not_want_it_are_not_asked() {
    let mut stranger = asks_clients(Who::Stranger);
    assert_eq!(stranger.say("goodbye").await.next, Some(NextStep::HangUp));
    let mut urgent = asks_clients(Who::Maria);
    urgent.say("our online shop is down this is an emergency").await;
    urgent.say("no thank you").await;
    urgent.say("customers see an error at the checkout").await;
    assert_eq!(urgent.say("no goodbye").await.next, Some(NextStep::HangUp));
    let mut unasked = Call::new(Who::Maria);
    assert_eq!(unasked.say("goodbye").await.next, Some(NextStep::HangUp));
}

#[tokio::test]
async fn a_client_who_asks_is_told_what_was_promised() {
    let remembering = |who| {
        let mut plan = plan(who);
        plan.caller.memory.promises =
            ["I'll pass that on to Dana.", "the message of 21 November, not dealt with yet: call me"]
                .map(str::to_owned)
                .to_vec();
        Call::with(plan, who)
    };
    let mut call = remembering(Who::Maria);
    let told = call.say("what did you promise me last time").await.text;
    for part in [
        "I'll pass that on to Dana.",
        "The message of 21 November, not dealt with yet: call me.",
        "anything else",
    ] {
        assert!(told.contains(part), "{told}");
    }
    // Nobody else hears of it, and who has nothing open is not told that there is.
    for mut call in [remembering(Who::Stranger), Call::new(Who::Maria)] {
        let told = call.say("what did you promise me last time").await.text;
        assert!(!told.contains("earlier calls") && !told.contains("Dana."), "{told}");
    }
    let complaint = remembering(Who::Maria).say("did you promise anything this is unacceptable").await.text;
    assert!(!complaint.contains("earlier calls"), "{complaint}");
}

#[tokio::test]
async fn who_names_a_time_is_called_back_then() {
    for (answer, number) in [
        ("yes please", "+15135550188"),
        ("no at five one three five five five zero one four two", "+15135550142"),
    ] {
        let mut call = Call::new(Who::Stranger);
        let own = call.plan.caller.number.clone().expect("a number").as_str().to_owned();
        let asked = call.say("could somebody call me back tomorrow at ten about a logo").await;
        assert!(asked.text.contains("calling from"), "{}", asked.text);
        let done = call.say(answer).await;
        assert!(
            done.text.contains("we will call you back on") && done.text.contains("10:00 AM"),
            "{}",
            done.text
        );
        let kept = call.tools.kept.lock().unwrap();
        let expect = if answer.starts_with("yes") { own } else { number.to_owned() };
        assert_eq!(kept.callbacks[0].number, expect);
        assert!(kept.callbacks[0].about.contains("a logo") && kept.messages.is_empty());
    }
}

#[tokio::test]
async fn a_call_back_that_can_not_be_arranged_becomes_a_message() {
    let mut call = Call::new(Who::Maria);
    call.say("please call me back tomorrow at ten").await;
    call.tools.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let failed = call.say("yes").await;
    assert!(!failed.text.contains("we will call you back on"), "{}", failed.text);
    // Without a time it is a message, as ever.
    let mut call = Call::new(Who::Maria);
    call.say("please call me back about the photos").await;
    assert!(call.tools.kept.lock().unwrap().callbacks.is_empty());
}
