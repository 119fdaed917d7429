//! The rules of the endpoint, each by a client that breaks it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use super::client::{Client, End, model, update};
use crate::openai::settings::{Answer, Script, Settings};
use crate::openai::stand_in::StandIn;

async fn started(settings: Settings) -> StandIn {
    StandIn::start(settings).await.expect("a port")
}

fn long_answers() -> Settings {
    let script = Script::new(|_| Answer { audio_ms: Some(30_000), ..Answer::words("Once upon a time.") });
    Settings { script, ..Settings::default() }
}

#[tokio::test]
async fn who_has_no_key_or_names_no_known_model_is_not_let_in() {
    let stand_in = started(Settings { key: Some("sk-1".to_owned()), ..Settings::default() }).await;
    let status = async |url: &str, headers: &[(&'static str, &str)]| match Client::connect(url, headers).await
    {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    };
    let (url, bearer) = (model(&stand_in), [("authorization", "Bearer sk-1")]);
    assert_eq!(status(&url, &[]).await, 401);
    assert_eq!(status(&url, &[("authorization", "Bearer sk-2")]).await, 401);
    assert_eq!(status(&format!("{}?model=gpt-4o", stand_in.url()), &bearer).await, 404);
    assert_eq!(status(&stand_in.url(), &bearer).await, 400);
    assert_eq!(status(&url, &bearer).await, 101);
    assert_eq!(stand_in.seen().refused, [401, 401, 404, 400]);
    stand_in.stop().await;
}

#[tokio::test]
async fn the_beta_shape_is_let_in_and_turned_away() {
    let stand_in = started(Settings::default()).await;
    let mut client =
        Client::connect(&model(&stand_in), &[("openai-beta", "realtime=v1")]).await.expect("101");
    assert_eq!(client.next().await.expect("an event")["error"]["code"], "beta_api_shape_disabled");
    assert_eq!(client.end().await, End::Closed(4_000));
    assert_eq!(client.types(), ["error"]);
    stand_in.stop().await;
}

#[tokio::test]
async fn an_unknown_field_refuses_the_whole_update() {
    let stand_in = started(Settings::default()).await;
    let mut client = Client::connect(&model(&stand_in), &[]).await.expect("a connection");
    client.until("session.created").await;
    let mut wrong = update(false);
    wrong["session"]["temperature"] = json!(0.8);
    client.send(wrong).await;
    let error = client.until("error").await;
    assert_eq!(error["error"]["message"], "Unknown parameter: 'session.temperature'.");
    assert_eq!(error["error"]["event_id"], "su_1");
    assert!(!client.types().contains(&"session.updated"));
    stand_in.stop().await;
}

#[tokio::test]
async fn audio_before_the_configuration_is_misread() {
    let stand_in = started(Settings { phrases: vec!["hello".to_owned()], ..Settings::default() }).await;
    let mut client = Client::connect(&model(&stand_in), &[]).await.expect("a connection");
    client.until("session.created").await;
    client.say(0, 600).await;
    client.until("input_audio_buffer.speech_started").await;
    let session = &stand_in.seen().sessions[0];
    assert_eq!(session.early_audio_bytes, session.audio_bytes);
    assert_ne!(session.audio_bytes, 0);
    stand_in.stop().await;
}

#[tokio::test]
async fn the_model_answers_and_stops_by_itself_only_when_told_to() {
    for by_itself in [true, false] {
        let stand_in = started(long_answers()).await;
        let mut client = Client::connect(&model(&stand_in), &[]).await.expect("a connection");
        client.send(update(by_itself)).await;
        client.until("session.updated").await;
        client.say(0, 600).await;
        client.until("input_audio_buffer.committed").await;
        if !by_itself {
            client.send(json!({ "type": "response.create" })).await;
        }
        client.until("response.output_audio.delta").await;
        client.say(0, 600).await;
        client.until("input_audio_buffer.committed").await;
        let done: Vec<&Value> =
            client.received.iter().filter(|event| event["type"] == "response.done").collect();
        assert_eq!(done.len(), usize::from(by_itself), "by itself: {by_itself}");
        if let [done] = done[..] {
            assert_eq!(done["response"]["status"], "cancelled");
            assert_eq!(done["response"]["status_details"]["reason"], "turn_detected");
        }
        stand_in.stop().await;
    }
}

#[tokio::test]
async fn one_answer_at_a_time_and_a_cancel_needs_one() {
    let stand_in = started(long_answers()).await;
    let mut client = Client::ready(&stand_in).await;
    let (create, cancel) = (json!({ "type": "response.create" }), json!({ "type": "response.cancel" }));
    assert_eq!(client.refused(cancel.clone()).await, "response_cancel_not_active");
    client.send(create.clone()).await;
    assert_eq!(client.refused(create).await, "conversation_already_has_active_response");
    client.until("response.output_audio.delta").await;
    client.send(cancel.clone()).await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["output"][0]["status"], "incomplete");
    assert_eq!(client.refused(cancel).await, "response_cancel_not_active");
    let session = stand_in.seen().sessions.remove(0);
    assert_eq!((session.asked, session.responses.len(), session.cancels.len()), (2, 1, 1));
    stand_in.stop().await;
}

#[tokio::test]
async fn the_callers_words_and_an_early_end_are_noted() {
    let phrases = vec!["how is my website".to_owned(), "goodbye".to_owned()];
    let stand_in = started(Settings { phrases, ..Settings::default() }).await;
    let mut client = Client::ready(&stand_in).await;
    client.say(0, 1_200).await;
    client.until("conversation.item.input_audio_transcription.completed").await;
    client.say(1, 300).await;
    client.until("conversation.item.input_audio_transcription.completed").await;
    drop(client);
    while stand_in.open() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let session = stand_in.seen().sessions.remove(0);
    assert_eq!(session.heard, ["how is my website", "goodbye"]);
    assert_eq!(session.instructions, "Be brief.");
    assert_eq!(session.events, ["session.update", "input_audio_buffer.append"]);
    assert!(session.ended.is_some());
    stand_in.stop().await;
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_the_session_goes_on() {
    let stand_in = started(Settings::default()).await;
    let mut client = Client::ready(&stand_in).await;
    for (text, code) in [
        ("hello", "invalid_json"),
        ("{}", "missing_required_parameter"),
        (r#"{"type":"response.stop"}"#, "invalid_value"),
        (r#"{"type":"response.cancel","reason":"x"}"#, "unknown_parameter"),
        (r#"{"type":"response.create","response":{"modalities":["audio"]}}"#, "unknown_parameter"),
        (r#"{"type":"input_audio_buffer.append","audio":"%%%"}"#, "invalid_value"),
        (r#"{"type":"conversation.item.truncate","item_id":"x"}"#, "missing_required_parameter"),
    ] {
        client.raw(text).await;
        assert_eq!(client.until("error").await["error"]["code"], code, "{text}");
    }
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.done").await;
    stand_in.stop().await;
}

#[tokio::test]
async fn a_session_has_an_end() {
    let stand_in =
        started(Settings { session_limit: Duration::from_millis(300), ..Settings::default() }).await;
    let mut client = Client::ready(&stand_in).await;
    assert_eq!(client.until("error").await["error"]["code"], "session_expired");
    assert_eq!(client.end().await, End::Closed(1_001));
    stand_in.stop().await;
}
