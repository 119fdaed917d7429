//! What vendors want of a conversation.

use std::sync::Arc;

use super::*;

fn call(id: &str) -> LlmCall {
    LlmCall { id: id.to_owned(), name: "look".to_owned(), arguments: json!({}), signature: None }
}

fn caller(text: &str) -> LlmMessage {
    LlmMessage::Caller { text: text.to_owned() }
}

fn agent(text: &str, calls: Vec<LlmCall>) -> LlmMessage {
    LlmMessage::Agent { text: text.to_owned(), calls }
}

fn output(call: &str) -> LlmMessage {
    LlmMessage::Output { call: call.to_owned(), name: "look".to_owned(), output: "{}".to_owned() }
}

fn request(messages: Vec<LlmMessage>) -> LlmRequest {
    LlmRequest { system: Arc::from("s"), messages, tools: Arc::from([]), max_output_tokens: 1 }
}

/// One letter for each turn, with how much is in it.
fn shape(messages: Vec<LlmMessage>) -> String {
    let request = request(messages);
    let shown = turns(&request).into_iter().map(|turn| match turn {
        Turn::Caller(texts) => format!("C{}", texts.len()),
        Turn::Agent { texts, calls } => format!("A{}{}", texts.len(), calls.len()),
        Turn::Outputs(outputs) => format!("O{}", outputs.len()),
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn turns_begin_with_the_caller_and_alternate() {
    assert_eq!(shape(vec![]), "C1");
    assert_eq!(shape(vec![agent("hello", vec![]), caller("hi")]), "C1 A10 C1");
    assert_eq!(shape(vec![caller("a"), caller(" "), agent("b", vec![]), agent("c", vec![])]), "C2 A20");
    assert_eq!(
        shape(vec![
            caller("a"),
            agent("", vec![call("1"), call("2")]),
            output("1"),
            output("2"),
            caller("b")
        ]),
        "C1 A02 O2 C1"
    );
    assert_eq!(shape(vec![caller("a"), agent(" ", vec![]), caller("b")]), "C2", "unheard words are none");
    let silent = request(vec![caller("")]);
    assert_eq!(turns(&silent), [Turn::Caller(vec![NO_WORDS])]);
}

#[test]
fn arguments_survive_whatever_they_are() {
    assert_eq!(read_arguments(" "), json!({}));
    assert_eq!(read_arguments(r#"{"a":1}"#), json!({ "a": 1 }));
    for broken in [r#"{"a":"#, "[1]", "null"] {
        assert_eq!(read_arguments(broken), json!(broken));
        assert_eq!(arguments_as_text(&json!(broken)), broken);
        assert_eq!(arguments_as_object(&json!(broken)), json!({ "unreadable": broken }));
    }
    assert_eq!(arguments_as_text(&json!({ "a": 1 })), r#"{"a":1}"#);
}

#[test]
fn an_id_fits_its_vendor_and_stays_the_same() {
    for (rule, id, kept) in [
        (IdRule::Nine, "abcDEF123", true),
        (IdRule::Nine, "call_1", false),
        (IdRule::Nine, "toolu_01A09q90qw90lq917835lq9", false),
        (IdRule::Word(64), "toolu_01", true),
        (IdRule::Word(64), "resp:1.2", false),
        (IdRule::Longest(40), "resp:1.2", true),
        (IdRule::Longest(40), "", false),
        (IdRule::Longest(4), "12345", false),
    ] {
        let fitted = rule.fit(id);
        assert_eq!(fitted == id, kept, "{rule:?} {id}");
        assert_eq!(rule.fit(id), fitted, "always the same");
        assert!(rule.accepts(&fitted) || rule == IdRule::Longest(4), "{fitted}");
    }
    assert_ne!(IdRule::Nine.fit("call_1"), IdRule::Nine.fit("call_2"));
}

#[test]
fn a_call_without_an_id_of_its_own_gets_one_that_the_conversation_has_not() {
    let mut ids = CallIds::of(&request(vec![agent("", vec![call("call_1"), call("x")])]));
    assert_eq!(ids.unique(None), "call_2");
    assert_eq!(ids.unique(Some(String::new())), "call_3");
    assert_eq!(ids.unique(Some("x".to_owned())), "call_4", "a vendor that repeats itself");
    assert_eq!(ids.unique(Some("y".to_owned())), "y");
}
