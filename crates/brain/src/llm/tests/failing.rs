//! A model that fails, at every point of its answer.

use serde_json::json;

use super::scripted::{Step, say};
use super::*;

/// Ways to fail before a word was said.
fn speechless() -> Vec<(&'static str, Vec<Step>)> {
    let lookup = || Step::Call("search_knowledge", json!({ "question": "hours" }));
    vec![
        ("refuses", vec![Step::Fail]),
        ("never answers", vec![Step::Wait(60_000), say("Late.")]),
        ("breaks off", vec![Step::Wait(10), Step::Fail]),
        ("ends without an end", vec![Step::CutOff]),
        ("has no words", vec![]),
        ("has only signs", vec![say("** ** 👍")]),
        ("breaks off within its first sentence", vec![say("We are op"), Step::Fail]),
        ("stalls within its first sentence", vec![say("We are op"), Step::Wait(60_000)]),
        ("asks for a function and dies", vec![lookup(), Step::Fail]),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_model_that_says_nothing_is_replaced_by_the_rules_in_the_same_turn() {
    for (what, steps) in speechless() {
        let (mut call, _) = Call::of(Who::Stranger, Scripted::by(move |_, _| steps.clone()));
        call.prompt(Prompt::PickedUp).await;
        let heard = call.say("when are you open").await;
        assert!(heard.text().contains("nine to six"), "{what}: {heard:?}");
        assert!(heard.noted("brain_failed_over"), "{what}");
        let waited = heard.first_words_after.expect("words");
        assert!(waited <= Duration::from_millis(3_600), "{what}: {waited:?}");
        // The next turn finds out sooner.
        let heard = call.say("where are you located").await;
        assert!(heard.text().contains("Main Street"), "{what}: {heard:?}");
        let waited = heard.first_words_after.expect("words");
        assert!(waited <= Duration::from_millis(2_600), "{what}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_breaks_off_before_it_is_heard_is_asked_again_in_the_same_turn() {
    let sound = || say("Nine to six. Anything else?");
    for broken in [vec![say("We are op"), Step::Fail], vec![say("We are op"), Step::Wait(60_000)]] {
        let (mut call, _) = Call::of(Who::Stranger, Scripted::answers(vec![broken, vec![sound()]]));
        let heard = call.say("when are you open").await;
        assert_eq!(heard.text(), "Nine to six. Anything else?");
        assert!(heard.noted("brain_asked_again") && !heard.noted("brain_failed_over"), "{heard:?}");
        assert_eq!(call.model.asked(), 2);
        assert!(call.model.last_messages().last().unwrap().ends_with("when are you open"), "it begins anew");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_breaks_off_in_mid_answer_is_asked_to_go_on() {
    let (mut call, _) = Call::of(
        Who::Stranger,
        Scripted::answers(vec![
            vec![say("We design brands. And we als"), Step::Fail],
            vec![say("We also design websites. Anything else?")],
        ]),
    );
    let heard = call.say("what do you do").await;
    assert_eq!(heard.text(), "We design brands. We also design websites. Anything else?");
    assert!(heard.noted("brain_broke_off") && !heard.noted("brain_failed_over"));
    assert!(call.model.last_messages().last().unwrap().contains("cut off"));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_breaks_off_twice_leaves_a_question_behind() {
    let (mut call, _) =
        Call::of(Who::Stranger, Scripted::by(|_, _| vec![say("We design brands. And we als"), Step::CutOff]));
    let heard = call.say("what do you do").await;
    assert!(heard.text().ends_with('?'), "{heard:?}");
    assert_eq!(heard.sentences.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_goes_round_in_circles_is_stopped() {
    let script = |_: usize, _: &_| vec![Step::Call("search_knowledge", json!({ "question": "hours" }))];
    let (mut call, _) = Call::of(Who::Stranger, Scripted::by(script));
    let heard = call.say("when are you open").await;
    assert!(heard.text().contains("nine to six"), "{heard:?}");
    assert_eq!(call.model.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn functions_that_do_not_exist_or_make_no_sense_are_answered_not_run() {
    let (mut call, tools) = Call::of(
        Who::Stranger,
        Scripted::answers(vec![
            vec![
                Step::Call("delete_everything", json!({})),
                Step::Call("take_message", json!("not an object")),
                Step::Call("get_project_status", json!({ "project": "Online Shop" })),
            ],
            vec![say("I could not do that.")],
        ]),
    );
    let heard = call.say("do your worst").await;
    assert_eq!(heard.text(), "I could not do that.");
    assert!(heard.tools().iter().all(|(_, ok)| !ok), "{heard:?}");
    assert!(tools.kept.lock().unwrap().messages.is_empty());
    let told = call.model.last_messages();
    assert_eq!(told.iter().filter(|line| line.contains("error")).count(), 3, "each has its output: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_on_stops_the_model_and_not_what_was_begun() {
    let message =
        json!({ "text": "call me", "from_name": "Tom", "reply_to": "calling_number", "priority": "normal" });
    let (mut call, tools) = Call::of(
        Who::Stranger,
        Scripted::answers(vec![
            vec![say("One moment. "), Step::Call("take_message", message), Step::Wait(300)],
            vec![say("It is on its way.")],
        ]),
    );
    let cancel = CancellationToken::new();
    let prompt = call.said("tell dana to call me", None);
    let stop = cancel.clone();
    let (heard, ()) = tokio::join!(call.prompt_until(prompt, cancel), async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        stop.cancel();
    });
    assert!(heard.next.is_none());
    assert!(tools.kept.lock().unwrap().messages.is_empty(), "the answer was not complete: nothing was begun");
    let heard = call.say_over("actually never mind", Some("")).await;
    assert_eq!(heard.text(), "It is on its way.");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_recovers_is_asked_again() {
    let script = |nth: usize, _: &_| if nth < 2 { vec![Step::Fail] } else { vec![say("Here I am.")] };
    let (mut call, _) = Call::of(Who::Stranger, Scripted::by(script));
    assert!(call.say("when are you open").await.noted("brain_failed_over"));
    assert!(call.say("where are you").await.noted("brain_failed_over"));
    assert_eq!(call.say("what do you do").await.text(), "Here I am.");
}
