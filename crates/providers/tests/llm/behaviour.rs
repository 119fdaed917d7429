//! What every vendor's model does, in the same words for all.

use std::time::Duration;

use provider_traits::descriptor::Readiness;
use provider_traits::llm::{LlmStop, LlmUsage};
use providers::llm::SetUpError;
use serde_json::json;
use simulator::llm::Protocol;
use simulator::llm::mind::{Ending, Made, Mind, When};
use simulator::vendor::fault::Fault;
use simulator::vendor::seen::End;
use tokio_util::task::TaskTracker;

use crate::vendors::{
    MODEL, Whole, caller, client, client_settings, output, plain, read, request, stage, stage_with,
};

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(20);
const WORDS: &str = "Your logo is at the printer, and it will be ready on Friday at noon.";

#[tokio::test]
async fn words_come_in_pieces_with_what_they_cost() {
    for protocol in Protocol::ALL {
        let stage = stage(protocol, Mind::always(Made::says(WORDS).costing(120, 100, 16))).await;
        let whole = stage.answer(&plain("Where is my logo?")).await;
        assert_eq!((whole.text().as_str(), whole.stop()), (WORDS, LlmStop::Finished), "{protocol:?}");
        assert!(whole.pieces.len() > 5, "{protocol:?}: {:?}", whole.pieces);
        let usage = LlmUsage {
            provider: stage.model.descriptor().id,
            model: MODEL.to_owned(),
            input_tokens: 120,
            cached_tokens: 100,
            output_tokens: 16,
        };
        assert_eq!(whole.done, Some((LlmStop::Finished, Some(usage))), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_piece_is_passed_on_before_the_next_has_come() {
    for protocol in Protocol::ALL {
        let stage = stage(protocol, Mind::always(Made::says(WORDS))).await;
        // Behind the first words nothing comes until the request is given up.
        stage.stand_in.set_fault(Some(Fault::Stall(6)));
        let mut answer = stage.model.answer(&plain("Hello?")).await.unwrap();
        assert!(matches!(answer.recv().await, Some(Ok(_))), "{protocol:?}");
        assert_eq!(stage.stand_in.seen().last().unwrap().end, None, "{protocol:?}: it still comes");
    }
}

#[tokio::test]
async fn a_function_is_called_and_what_came_of_it_is_spoken_of() {
    let arguments = json!({ "name": "Ünïcode & \"quotes\"", "deep": { "list": [1, null, true] } });
    let script = Mind::script(
        vec![
            (
                When::CallerSays("logo".to_owned()),
                Made::says("One moment. ").and_calls("get_project_status", arguments.clone()),
            ),
            (When::OutputHas("printer".to_owned()), Made::says(WORDS)),
        ],
        Made::says("What?"),
    );
    for protocol in Protocol::ALL {
        let stage = stage(protocol, script.clone()).await;
        let mut asked = request(vec![caller("Where is my logo?")]);
        let first = stage.answer(&asked).await;
        assert_eq!((first.text().trim(), first.stop()), ("One moment.", LlmStop::Calls), "{protocol:?}");
        let [call] = first.calls.as_slice() else { panic!("{protocol:?}: {first:?}") };
        assert_eq!((call.name.as_str(), &call.arguments), ("get_project_status", &arguments), "{protocol:?}");
        asked.messages.extend([first.message(), output(call, r#"{"status":"at the printer"}"#)]);
        let second = stage.answer(&asked).await;
        assert_eq!((second.text().as_str(), second.stop()), (WORDS, LlmStop::Finished), "{protocol:?}");
        assert_eq!(stage.stand_in.seen().refused(), [0u16; 0], "{protocol:?}");
    }
}

#[tokio::test]
async fn several_calls_and_calls_without_arguments_are_each_complete() {
    let both = Made::calls("get_project_status", json!({ "name": "A" }))
        .and_calls("get_project_status", json!({ "name": "B" }))
        .and_calls("end_call", json!({}));
    let script =
        Mind::script(vec![(When::OutputOf("end_call".to_owned()), Made::says("Bye."))], both.clone());
    for protocol in Protocol::ALL {
        let stage = stage(protocol, script.clone()).await;
        let mut asked = request(vec![caller("A and B, then bye")]);
        let first = stage.answer(&asked).await;
        let found: Vec<_> =
            first.calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect();
        assert_eq!(found, both.calls, "{protocol:?}");
        assert_eq!((first.text().as_str(), first.stop()), ("", LlmStop::Calls), "{protocol:?}");
        let mut ids: Vec<&str> = first.calls.iter().map(|call| call.id.as_str()).collect();
        ids.dedup();
        assert!(ids.len() == 3 && ids.iter().all(|id| !id.is_empty()), "{protocol:?}: {ids:?}");
        asked.messages.push(first.message());
        asked.messages.extend(first.calls.iter().map(|call| output(call, "ok")));
        assert_eq!(stage.answer(&asked).await.text(), "Bye.", "{protocol:?}: {}", stage.complaint());
    }
}

#[tokio::test]
async fn ids_of_calls_are_unique_within_a_conversation() {
    let look = Mind::always(Made::calls("end_call", json!({})));
    for protocol in Protocol::ALL {
        let stage = stage(protocol, look.clone()).await;
        let mut asked = request(vec![caller("again and again")]);
        let mut ids = std::collections::HashSet::new();
        for _ in 0..4 {
            let whole = stage.answer(&asked).await;
            asked.messages.push(whole.message());
            for call in &whole.calls {
                assert!(ids.insert(call.id.clone()), "{protocol:?}: {} again", call.id);
                asked.messages.push(output(call, "ok"));
            }
        }
        assert_eq!(ids.len(), 4, "{protocol:?}");
    }
}

#[tokio::test]
async fn why_an_answer_ended_is_told() {
    for (ending, expect) in [(Ending::Length, LlmStop::Length), (Ending::Filtered, LlmStop::Filtered)] {
        for protocol in Protocol::ALL {
            if (protocol, ending) == (Protocol::Mistral, Ending::Filtered) {
                // Mistral's stream has no word for it.
                continue;
            }
            let stage = stage(protocol, Mind::always(Made::says("I would say").ending(ending))).await;
            let whole = stage.answer(&plain("Tell me all.")).await;
            assert_eq!((whole.text().as_str(), whole.stop()), ("I would say", expect), "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_is_cancelled_at_the_vendor() {
    for protocol in Protocol::ALL {
        let stage = stage(protocol, Mind::always(Made::says(WORDS))).await;
        stage.stand_in.set_fault(Some(Fault::Stall(6)));
        let mut answer = stage.model.answer(&plain("Hello?")).await.unwrap();
        let _first = answer.recv().await;
        drop(answer);
        let left = |end: Option<End>| end == Some(End::ClientLeft);
        let gone = stage.stand_in.until(|seen| left(seen.last().and_then(|last| last.end)));
        tokio::time::timeout(HANGS, gone).await.expect("the connection is closed");

        // The same before the vendor has accepted it.
        stage.stand_in.set_fault(Some(Fault::SlowFirstByte(HANGS * 3)));
        let asked = plain("Hello?");
        let answering = stage.model.answer(&asked);
        tokio::select! {
            _ = answering => panic!("{protocol:?}: it was to be slow"),
            () = stage.stand_in.until(|seen| seen.count() == 2) => {}
        }
        let gone = stage.stand_in.until(|seen| left(seen.last().and_then(|last| last.end)));
        tokio::time::timeout(HANGS, gone).await.expect("the connection is closed");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_for_the_next_turn() {
    const TURNS: usize = 6;
    for protocol in Protocol::ALL {
        let tasks = TaskTracker::new();
        let tracked = |settings| providers::llm::LlmSettings { tasks: tasks.clone(), ..settings };
        let stage = stage_with(protocol, Mind::always(Made::says(WORDS)), tracked).await;
        for _ in 0..TURNS {
            stage.answer(&plain("Hello?")).await;
            // The end of the body is read behind the answer's end.
            tasks.close();
            tokio::time::timeout(HANGS, tasks.wait()).await.expect("it is read to its end");
            tasks.reopen();
        }
        // Not exactly one: the connection is handed back by a task of the library's, which may come late.
        assert!(stage.stand_in.taken() < TURNS, "{protocol:?}: {}", stage.stand_in.taken());
    }
}

#[tokio::test]
async fn a_conversation_goes_on_with_any_other_vendor() {
    let begin = Mind::always(
        Made::calls("get_project_status", json!({ "name": "A" }))
            .and_calls("get_project_status", json!({ "name": "B" })),
    );
    let go_on = Mind::script(
        vec![(When::OutputOf("get_project_status".to_owned()), Made::says("Both are done."))],
        Made::says("What?"),
    );
    for first in Protocol::ALL {
        let began = stage(first, begin.clone()).await;
        let mut asked = request(vec![caller("How are A and B?")]);
        let whole: Whole = began.answer(&asked).await;
        asked.messages.push(whole.message());
        asked.messages.extend(whole.calls.iter().map(|call| output(call, "done")));
        for second in Protocol::ALL {
            let goes_on = stage(second, go_on.clone()).await;
            let whole = goes_on.answer(&asked).await;
            assert_eq!(whole.text(), "Both are done.", "{first:?} to {second:?}: {}", goes_on.complaint());
        }
    }
}

#[tokio::test]
async fn how_long_it_may_think_is_told_in_the_vendors_own_field() {
    for (protocol, effort, place) in [
        (Protocol::OpenAiResponses, "none", "/reasoning/effort"),
        (Protocol::OpenAiChat, "none", "/reasoning_effort"),
        (Protocol::Compatible, "low", "/reasoning_effort"),
        (Protocol::Anthropic, "low", "/output_config/effort"),
        (Protocol::Gemini, "minimal", "/generationConfig/thinkingConfig/thinkingLevel"),
        (Protocol::Mistral, "none", "/reasoning_effort"),
    ] {
        let mind = Mind::default();
        let told = |mut settings: providers::llm::LlmSettings| {
            settings.effort = Some(effort.to_owned());
            settings
        };
        let stage = stage_with(protocol, mind, told).await;
        stage.answer(&plain("Hello?")).await;
        let body = stage.stand_in.seen().last().unwrap().request.json();
        assert_eq!(body.pointer(place), Some(&json!(effort)), "{protocol:?}: {body}");
    }
}

#[tokio::test]
async fn without_a_key_it_says_what_is_missing_and_a_compatible_server_needs_none() {
    for protocol in Protocol::ALL {
        let mut settings = client_settings(protocol, "http://127.0.0.1:9");
        settings.api_key = None;
        let model = client(protocol, settings).unwrap();
        match (protocol, model.readiness()) {
            (Protocol::Compatible, readiness) => assert_eq!(readiness, Readiness::Ready),
            (_, Readiness::Missing { remedy, .. }) => assert!(remedy.contains("_API_KEY"), "{remedy}"),
            (_, Readiness::Ready) => panic!("{protocol:?} is ready without a key"),
        }
    }
}

#[tokio::test]
async fn settings_that_can_not_be_sent_are_refused_at_once() {
    for protocol in Protocol::ALL {
        let settings = || client_settings(protocol, "http://127.0.0.1:9");
        let no_model = providers::llm::LlmSettings { model: String::new(), ..settings() };
        let expect = SetUpError::Model { setting: "llm.the_model" };
        assert_eq!(client(protocol, no_model).map(|_| ()), Err(expect), "{protocol:?}");
        let bad_key = providers::llm::LlmSettings { api_key: Some("a\nb".into()), ..settings() };
        assert_eq!(client(protocol, bad_key).map(|_| ()), Err(SetUpError::Key), "{protocol:?}");
        let address = providers::llm::LlmSettings { base_url: "ftp://x".parse().unwrap(), ..settings() };
        assert_eq!(client(protocol, address).map(|_| ()), Err(SetUpError::Address), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_slash_behind_the_base_url_makes_no_difference() {
    for protocol in Protocol::ALL {
        let slash = |mut settings: providers::llm::LlmSettings| {
            settings.base_url =
                format!("{}/", settings.base_url.as_str().trim_end_matches('/')).parse().unwrap();
            settings
        };
        let stage = stage_with(protocol, Mind::default(), slash).await;
        let answer = stage.model.answer(&plain("Hello?")).await.unwrap();
        assert_eq!(read(answer).await.stop(), LlmStop::Finished, "{protocol:?}");
    }
}
