//! Callers with a strange number who are clients, or say so.

use domain::call_log::EventKind;
use domain::history::History;
use provider_traits::tools::ClientKey;

use super::fake_tools::CODE;
use super::{Call, Who, plan};

fn strange_caller() -> Call {
    let mut plan = plan(Who::Stranger);
    plan.caller.may_identify = true;
    Call::with(plan, Who::Stranger)
}

/// Each answer must hold the words beside the caller's line.
async fn talk(call: &mut Call, lines: &[(&str, &str)]) {
    for (line, expect) in lines {
        let heard = call.say(line).await;
        for part in expect.split('|') {
            assert!(heard.text.contains(part), "to {line:?}: {:?} lacks {part:?}", heard.text);
        }
    }
}

#[tokio::test]
async fn who_reads_the_code_from_the_address_on_file_hears_of_the_project() {
    for key in ["my client number is two oh four one seven", "it's maria at gmail dot com"] {
        let mut call = strange_caller();
        talk(
            &mut call,
            &[
                ("how is my website coming along", "client number|email address"),
                (key, "If that is on file|six digits"),
                ("hold on a second", "time"),
                ("four zero two nine one three", "Thank you, Maria|homepage design|anything else"),
                ("and when will the website be finished", "content upload"),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn nothing_tells_whether_a_key_is_known() {
    let mut answers = Vec::new();
    for key in ["maria at gmail dot com", "nobody at gmail dot com"] {
        let mut call = strange_caller();
        call.say("how is my website coming along").await;
        let sent = call.say(key).await;
        let wrong = call.say("one two three four five six").await;
        answers.push((sent.text, sent.expect, wrong.text, wrong.expect));
        assert_eq!(call.tools.kept.lock().unwrap().codes_for.len(), 1);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn three_wrong_codes_end_in_a_message() {
    let mut call = strange_caller();
    talk(
        &mut call,
        &[
            ("how is my website coming along", "client number"),
            ("two oh four one seven", "six digits"),
            ("one two three", "all six digits"),
            ("one two three four five six", "not the code"),
            ("two two two two two two", "not the code"),
            ("three three three three three three", "can't confirm|take a message"),
            ("yes please", "pass on"),
        ],
    )
    .await;
    assert!(!call.tools.kept.lock().unwrap().verified);
    let mut call = strange_caller();
    talk(
        &mut call,
        &[
            ("how is my website coming along", "client number"),
            ("i don't have one", "can't confirm|take a message"),
            ("no thanks", "anything else"),
            // Once is enough: the next time a message is offered at once.
            ("how is my website coming along", "message"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_caller_who_says_to_be_a_client_is_asked_and_keys_will_do() {
    let mut call = strange_caller();
    talk(
        &mut call,
        &[
            ("hi i'm already a client of yours my client number is two oh four one seven", "six digits"),
            ("what are your opening hours", "nine to six"),
        ],
    )
    .await;
    let mut call = strange_caller();
    call.say("how is my website coming along").await;
    let dialled = |digits: &str| provider_traits::brain::Prompt::CallerDialled { digits: digits.to_owned() };
    assert!(call.prompt(dialled("20417")).await.text.contains("six digits"));
    assert!(call.prompt(dialled(CODE)).await.text.contains("homepage design"));
    assert_eq!(call.tools.kept.lock().unwrap().codes_for, [ClientKey::Code("20417".into())]);
}

#[tokio::test]
async fn the_code_stands_in_no_log_and_another_brain_knows_the_client() {
    let mut call = strange_caller();
    call.say("how is my website coming along").await;
    let mut log = call.say("two oh four one seven").await.log;
    log.extend(call.say("four zero two nine one three").await.log);
    let tools = |name: &str| {
        log.iter()
            .filter(|entry| matches!(entry, EventKind::ToolCall { name: logged, .. } if logged == name))
            .count()
    };
    assert_eq!((tools("identify_client"), tools("verify_client")), (1, 1));
    let told: Vec<String> = log
        .iter()
        .filter(|entry| matches!(entry, EventKind::ToolCall { .. }))
        .map(|entry| serde_json::to_string(entry).unwrap())
        .collect();
    assert!(told.iter().all(|entry| !entry.contains(CODE)), "{told:?}");
    let history = History::of(&log);
    assert_eq!(history.client.as_ref().map(|client| client.name.as_str()), Some("Bright Bakery"));
    let mut other = strange_caller();
    other.tools = call.tools.clone();
    other.mind = {
        use provider_traits::brain::Brain as _;
        let brain = super::RulesBrain::new(provider_traits::ambient::Ambient::system());
        brain.begin(other.plan.clone(), other.tools.clone())
    };
    other.mind.take_over(&history);
    assert!(other.say("how is the website").await.text.contains("homepage design"));
}

#[tokio::test]
async fn without_the_feature_a_stranger_is_offered_a_message() {
    let mut call = Call::new(Who::Stranger);
    let heard = call.say("how is my website coming along").await;
    assert!(heard.text.contains("message") && !heard.text.contains("client number"), "{}", heard.text);
}
