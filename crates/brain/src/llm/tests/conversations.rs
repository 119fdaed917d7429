//! A model that works.

use serde_json::json;

use super::scripted::{Step, say};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_question_is_looked_up_and_answered_sentence_by_sentence() {
    let (mut call, _) = Call::of(
        Who::Stranger,
        Scripted::answers(vec![
            vec![Step::Call("search_knowledge", json!({ "question": "What does a website cost?" }))],
            vec![say("A website usually starts at $8,000. Shall I take a message for Dana?")],
        ]),
    );
    let greeting = call.prompt(Prompt::PickedUp).await;
    assert!(greeting.text().contains("Ava"), "{greeting:?}");
    let heard = call.say("how much is a website").await;
    assert_eq!(heard.sentences, ["A website usually starts at $8,000.", "Shall I take a message for Dana?"]);
    assert_eq!(heard.tools(), [("search_knowledge", true)]);
    assert_eq!(heard.expect, ExpectedAnswer::YesNo);
    let metered = heard.log.iter().filter(|entry| {
        matches!(entry, EventKind::ModelUsage { provider, model, tokens, .. }
            if provider == "scripted" && model == "script-1" && tokens.input_text == 100 && tokens.cached_text == 60)
    });
    assert_eq!(metered.count(), 2, "each request is metered");
    let told = call.model.last_messages();
    assert_eq!(told[0], "caller: [The call is connected.]");
    assert!(told[1].starts_with("agent: ") && told[2] == "caller: how much is a website", "{told:?}");
    assert!(told.last().unwrap().contains("eight thousand dollars"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lead_is_taken_through_the_functions_and_known_to_whoever_goes_on() {
    let name = Step::Call("save_lead_answer", json!({ "question": "Name", "answer": "maria lopez" }));
    let (mut call, tools) = Call::of(
        Who::Stranger,
        Scripted::answers(vec![
            vec![say("Great. "), name],
            vec![say("What is the best email address to reach you?")],
            vec![Step::Fail],
            vec![say("Thank you.")],
        ]),
    );
    call.prompt(Prompt::PickedUp).await;
    let heard = call.say("i want a new website, my name is maria lopez").await;
    assert_eq!(heard.text(), "Great. What is the best email address to reach you?");
    assert_eq!(heard.expect, ExpectedAnswer::Email);
    assert_eq!(tools.lead(domain::leads::LeadField::Name).as_deref(), Some("Maria Lopez"));
    // The model is gone: the rules take the answer to the question that the model asked.
    let heard = call.say("it is maria at gmail dot com").await;
    assert!(heard.noted("brain_failed_over"), "{heard:?}");
    assert_eq!(tools.lead(domain::leads::LeadField::Email).as_deref(), Some("maria@gmail.com"), "{heard:?}");
    // And the model knows what the rules saved.
    call.say("yes that is right").await;
    let requests = call.model.requests.lock().unwrap();
    assert!(requests.last().unwrap().system.contains("maria@gmail.com"));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_and_a_transfer_end_with_the_functions_words() {
    let end = Step::Call("end_call", json!({ "reason": "caller_said_goodbye" }));
    let transfer = Step::Call("transfer_call", json!({ "reason": "a complaint" }));
    let (mut call, _) = Call::of(Who::Stranger, Scripted::answers(vec![vec![transfer]]));
    let heard = call.say("put me through to a person").await;
    assert!(matches!(&heard.next, Some(NextStep::Transfer { to }) if to == "+15135550199"), "{heard:?}");
    assert_eq!(heard.sentences.len(), 1);
    let (mut call, _) = Call::of(Who::Stranger, Scripted::answers(vec![vec![say("Goodbye, Maria!"), end]]));
    let heard = call.say("thank you, goodbye").await;
    assert_eq!((heard.text().as_str(), heard.next), ("Goodbye, Maria!", Some(NextStep::HangUp)), "said once");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_heard_is_not_what_was_said() {
    let (mut call, _) = Call::of(
        Who::Maria,
        Scripted::answers(vec![
            vec![Step::Call("get_project_status", json!({ "project": "website" }))],
            vec![say("Your website is in review. The next step is content upload. Anything else?")],
            vec![say("Content upload.")],
        ]),
    );
    call.say("how is my website").await;
    call.say_over("what is next", Some("Your website is in")).await;
    let told = call.model.last_messages();
    assert!(
        told.iter().any(|line| line == "agent: Your website is in […the caller interrupted]"),
        "{told:?}"
    );
    assert!(!told.iter().any(|line| line.contains("Anything else")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_emergency_is_raised_before_the_model_is_asked() {
    let (mut call, tools) =
        Call::of(Who::Stranger, Scripted::answers(vec![vec![say("Help is on its way.")]]));
    let heard = call.say("our website is down and we launch today, this is an emergency").await;
    assert_eq!(tools.kept.lock().unwrap().urgent.len(), 1);
    assert_eq!(heard.tools(), [("flag_urgent", true)]);
    let told = call.model.last_messages();
    assert!(told.last().unwrap().starts_with("flag_urgent:"), "{told:?}");
    call.say("it is an emergency, hurry").await;
    assert_eq!(tools.kept.lock().unwrap().urgent.len(), 1, "once for an incident");
}

#[tokio::test(start_paused = true)]
async fn the_answer_that_was_thought_ahead_is_used_when_the_words_stay_the_same() {
    let script = |_: usize, _: &_| vec![Step::Wait(600), say("We do websites.")];
    let (mut call, _) = Call::of(Who::Stranger, Scripted::by(script));
    call.mind.foresee("What do");
    call.mind.foresee("What do you do");
    call.mind.foresee("what do you do?");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let heard = call.say("what do you do").await;
    assert_eq!(heard.text(), "We do websites.");
    assert_eq!(heard.first_words_after, Some(Duration::from_millis(100)), "500 ms were saved");
    assert_eq!(call.model.asked(), 1, "later words replace earlier ones, the same words are asked for once");
    // Other words: what was thought ahead is thrown away.
    call.mind.foresee("and what");
    let heard = call.say("and what does it cost").await;
    assert_eq!(heard.first_words_after, Some(Duration::from_millis(600)));
    let told = call.model.last_messages();
    assert_eq!(told.iter().filter(|line| line.starts_with("caller: and")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_thought_ahead_has_an_effect_before_the_words_are_sure() {
    let message = Step::Call(
        "take_message",
        json!({ "text": "call me", "from_name": "Tom", "reply_to": "calling_number", "priority": "normal" }),
    );
    let script = move |nth: usize, _: &_| if nth == 0 { vec![message.clone()] } else { vec![say("Done.")] };
    let (mut call, tools) = Call::of(Who::Stranger, Scripted::by(script));
    call.mind.foresee("tell dana to call me");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(tools.kept.lock().unwrap().messages.is_empty());
    call.say("tell dana to call me").await;
    assert_eq!(tools.kept.lock().unwrap().messages.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_function_is_covered_with_its_waiting_line() {
    let (mut call, tools) = Call::of(
        Who::Stranger,
        Scripted::answers(vec![
            vec![Step::Call("search_knowledge", json!({ "question": "hours" }))],
            vec![say("I could not look that up just now.")],
        ]),
    );
    tools.stuck.store(true, std::sync::atomic::Ordering::Relaxed);
    let heard = call.say("when are you open").await;
    assert_eq!(heard.first_words_after, Some(Duration::from_millis(600)));
    assert_eq!(heard.sentences.len(), 2, "{heard:?}");
    assert_eq!(heard.tools(), [("search_knowledge", false)]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_said_is_withheld_and_noted() {
    let answer = "A logo costs $99. I promise you will love it. We would be glad to help.";
    let (mut call, _) = Call::of(Who::Stranger, Scripted::answers(vec![vec![say(answer)]]));
    let heard = call.say("what is a logo").await;
    assert_eq!(heard.sentences.len(), 2, "one sentence in their place: {heard:?}");
    assert!(!heard.text().contains("99") && !heard.text().contains("promise"));
    assert_eq!(heard.sentences[1], "We would be glad to help.");
    let withheld =
        |entry: &&EventKind| matches!(entry, EventKind::Notice { code, .. } if code == "sentence_withheld");
    assert_eq!(heard.log.iter().filter(withheld).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_node_goes_on_with_the_snapshot_or_with_the_history_alone() {
    let answers =
        || Scripted::answers(vec![vec![say("What kind of project is it?")], vec![say("And your name?")]]);
    let (mut call, _) = Call::of(Who::Stranger, answers());
    call.prompt(Prompt::PickedUp).await;
    call.say("i need something new").await;
    let snapshot = call.mind.snapshot();
    let (mut other, _) = Call::of(Who::Stranger, answers());
    other.mind.restore(snapshot);
    let heard = other.prompt(Prompt::GoOn(provider_traits::brain::GoOn::CutOff)).await;
    assert!(heard.sentences[0].contains("cut off"), "{heard:?}");
    let told = other.model.last_messages();
    assert!(told.iter().any(|line| line == "caller: i need something new"), "{told:?}");
    let mut history = domain::history::History::default();
    history
        .lines
        .push(domain::history::Said { by: domain::history::Side::Caller, text: "my name is tom".into() });
    let (mut third, _) = Call::of(Who::Stranger, answers());
    third.mind.take_over(&history);
    third.say("and i need a logo").await;
    assert!(third.model.last_messages().iter().any(|line| line == "caller: my name is tom"));
}

#[tokio::test(start_paused = true)]
async fn silence_and_the_end_need_no_model() {
    let (mut call, _) = Call::of(Who::Stranger, Scripted::answers(vec![vec![say("Hello.")]]));
    call.prompt(Prompt::PickedUp).await;
    for stage in [1, 2] {
        assert!(!call.prompt(Prompt::Silence { stage }).await.sentences.is_empty());
    }
    assert_eq!(call.prompt(Prompt::Silence { stage: 3 }).await.next, Some(NextStep::HangUp));
    assert_eq!(call.prompt(Prompt::TimeIsUp).await.next, Some(NextStep::HangUp));
    assert_eq!(call.model.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn keys_are_told_and_zero_is_a_person() {
    let (mut call, _) = Call::of(Who::Stranger, Scripted::answers(vec![vec![say("I have 513-555-0142.")]]));
    let heard = call.prompt(Prompt::CallerDialled { digits: "5135550142".into() }).await;
    assert_eq!(heard.text(), "I have 513-555-0142.", "the caller's own number may be read back");
    assert!(call.model.last_messages().last().unwrap().contains("5 1 3 5 5 5 0 1 4 2"));
    let heard = call.prompt(Prompt::CallerDialled { digits: "0".into() }).await;
    assert!(matches!(heard.next, Some(NextStep::Transfer { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_was_promised_before_may_be_told_again_and_founds_no_price() {
    let mut plan = plan(Who::Maria);
    plan.caller.memory.promises.push("Dana will send the draft by Thursday, December 3.".to_owned());
    plan.caller.memory.promises.push("the message of 20 November: we pay four hundred dollars".to_owned());
    let told = "Dana will send the draft by Thursday, December third.";
    let model = Scripted::answers(vec![
        vec![say(told)],
        vec![say("A website costs four hundred dollars, that is our price.")],
    ]);
    let tools = Arc::new(FakeTools::new(Who::Maria));
    let mut call = Call::with(plan, tools, model, LlmSettings::default());
    call.prompt(Prompt::PickedUp).await;
    let heard = call.say("what did you promise me last time").await;
    assert_eq!(heard.text(), told, "{heard:?}");
    let heard = call.say("what does a website cost").await;
    assert!(heard.noted("sentence_withheld") && !heard.text().contains("hundred"), "{heard:?}");
}
