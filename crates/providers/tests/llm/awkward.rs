//! Conversations as calls make them: nobody alternates politely. Every vendor's stand-in must take each of them.

use std::sync::Arc;

use provider_traits::llm::{LlmCall, LlmMessage, LlmRequest};
use serde_json::{Value, json};
use simulator::llm::Protocol;
use simulator::llm::mind::Mind;

use crate::vendors::{agent, caller, output, request, stage};

fn call(id: &str, arguments: Value) -> LlmCall {
    LlmCall { id: id.to_owned(), name: "get_project_status".to_owned(), arguments, signature: None }
}

fn calls(text: &str, calls: Vec<LlmCall>) -> LlmMessage {
    LlmMessage::Agent { text: text.to_owned(), calls }
}

/// Each with its name.
pub(crate) fn conversations() -> Vec<(&'static str, LlmRequest)> {
    let long = call(&"x".repeat(90), json!({ "name": "A" }));
    let odd = call("resp:1/ü", json!({ "name": "A" }));
    let broken = call("call_1", json!("{\"name\": \"A"));
    let list = call("call_1", json!("[1]"));
    let (one, two) = (call("call_1", json!({ "name": "A" })), call("call_2", json!({ "name": "B" })));
    let messages = vec![
        ("no message at all", vec![]),
        ("the agent has greeted", vec![agent("Hello, this is the studio."), caller("Hi.")]),
        ("the agent alone has spoken, then silence", vec![agent("Hello?"), caller("")]),
        ("nothing but blanks", vec![caller("  \n")]),
        ("two from the caller", vec![caller("Hi."), caller("Are you there?")]),
        ("an answer of which nothing was heard", vec![caller("Hi."), agent(""), caller("Hello?")]),
        ("two from the agent", vec![caller("Hi."), agent("One"), agent("two."), caller("Yes?")]),
        ("words and a call", vec![caller("A?"), calls("Wait.", vec![one.clone()]), output(&one, "ok")]),
        (
            "interrupted before the output was spoken of",
            vec![caller("A?"), calls("", vec![one.clone()]), output(&one, "ok"), caller("Never mind.")],
        ),
        (
            "words, then a call",
            vec![caller("A?"), agent("Wait."), calls("", vec![one.clone()]), output(&one, "ok")],
        ),
        (
            "calls in a row",
            vec![
                caller("A?"),
                calls("", vec![one.clone()]),
                output(&one, "ok"),
                calls("", vec![two.clone()]),
                output(&two, r#"{"status":"done"}"#),
            ],
        ),
        (
            "calls beside each other",
            vec![
                caller("A, B?"),
                calls("", vec![one.clone(), two.clone()]),
                output(&one, "[1]"),
                output(&two, ""),
                caller("And?"),
            ],
        ),
        ("a long id", vec![caller("A?"), calls("", vec![long.clone()]), output(&long, "ok")]),
        ("an odd id", vec![caller("A?"), calls("", vec![odd.clone()]), output(&odd, "ok")]),
        ("arguments cut off", vec![caller("A?"), calls("", vec![broken.clone()]), output(&broken, "no")]),
        ("arguments that are a list", vec![caller("A?"), calls("", vec![list.clone()]), output(&list, "no")]),
    ];
    let mut all: Vec<_> = messages.into_iter().map(|(name, messages)| (name, request(messages))).collect();
    all.push(("no functions", LlmRequest { tools: Arc::from([]), ..request(vec![caller("Hi.")]) }));
    all.push(("hardly any room", LlmRequest { max_output_tokens: 1, ..request(vec![caller("Hi.")]) }));
    all
}

#[tokio::test]
async fn every_vendor_takes_every_conversation() {
    for protocol in Protocol::ALL {
        let stage = stage(protocol, Mind::default()).await;
        for (name, request) in conversations() {
            let whole = match stage.model.answer(&request).await {
                Ok(answer) => crate::vendors::read(answer).await,
                Err(error) => panic!("{protocol:?}, {name}: {error}; {}", stage.complaint()),
            };
            assert!(whole.done.is_some(), "{protocol:?}, {name}: {whole:?}");
        }
        assert_eq!(stage.stand_in.seen().refused(), [0u16; 0]);
    }
}
