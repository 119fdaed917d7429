//! How a session is opened, and what a refusal means.

use std::time::Duration;

use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::realtime::{RealtimeOutput, RealtimeProvider as _};
use providers::openai::realtime::provider::{OpenAiSettings, Patience};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::endpoint::{all_over, begin, client, config, endpoint, next, next_event, send, settings};

/// An endpoint that answers the handshake with this, and what it was asked.
async fn answers(tasks: &TaskTracker, answer: String) -> (String, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/realtime?api-version=1", listener.local_addr().unwrap());
    let (asked, question) = tokio::sync::oneshot::channel();
    tasks.spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tcp.read_u8().await.unwrap());
        }
        let _ = asked.send(String::from_utf8(head).unwrap());
        tcp.write_all(answer.as_bytes()).await.unwrap();
    });
    (url, question)
}

fn refusal(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[tokio::test]
async fn a_refused_handshake_is_an_error_without_secrets() {
    let secret =
        r#"{"error":{"code":"invalid_api_key","message":"Incorrect API key: sk-only-used-in-tests"}}"#;
    for (answer, expect) in [
        (refusal("401 Unauthorized", "", secret), "refused the request: HTTP 401 invalid_api_key"),
        (refusal("403 Forbidden", "", ""), "refused the request: HTTP 403"),
        (refusal("404 Not Found", "", ""), "refused the request: HTTP 404"),
        (refusal("429 Too Many Requests", "retry-after: 2\r\n", ""), "over its rate limit"),
        (refusal("503 Unavailable", "retry-after: 2\r\n", ""), "unavailable: HTTP 503, retry after 2 s"),
        ("nonsense\r\n\r\n".to_owned(), "unavailable: the handshake failed"),
    ] {
        let tasks = TaskTracker::new();
        let (url, _) = answers(&tasks, answer.clone()).await;
        let error = client(settings(&url), &tasks).open(&config()).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(expect), "{answer}: {said}");
        assert!(!said.contains("sk-"), "{said}");
        all_over(&tasks).await;
    }
}

#[tokio::test]
async fn the_handshake_has_the_key_the_model_and_the_extra_headers() {
    let tasks = TaskTracker::new();
    let (url, question) = answers(&tasks, refusal("403 Forbidden", "", "")).await;
    let headers = vec![("openai-project".parse().unwrap(), "proj_1".parse().unwrap())];
    let provider = client(OpenAiSettings { headers, ..settings(&url) }, &tasks);
    assert!(provider.open(&config()).await.is_err());
    let asked = question.await.unwrap();
    let head = asked.to_ascii_lowercase();
    assert!(
        asked.starts_with("GET /v1/realtime?api-version=1&model=gpt-realtime-2.1-mini HTTP/1.1"),
        "{asked}"
    );
    assert!(head.contains("authorization: bearer sk-only-used-in-tests\r\n"), "{asked}");
    assert!(head.contains("openai-project: proj_1\r\n"), "{asked}");
    assert!(!head.contains("openai-beta"), "{asked}");
    assert_eq!(format!("{provider:?}").find("sk-"), None);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let tasks = TaskTracker::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = client(settings(&url), &tasks).open(&config()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_given_up() {
    let tasks = TaskTracker::new();
    let url =
        endpoint(&tasks, |mut socket| async move { while next_event(&mut socket).await.is_some() {} }).await;
    let patience = Patience { open: Duration::from_millis(200), ..Patience::default() };
    let provider = client(OpenAiSettings { patience, ..settings(&url) }, &tasks);
    let error = provider.open(&config()).await.unwrap_err();
    assert_eq!(error, ProviderError::Timeout { provider: "openai", waited_ms: 200 });
    all_over(&tasks).await;
}

#[tokio::test]
async fn an_error_in_place_of_a_session_is_the_reason() {
    for (code, refused) in
        [("beta_api_shape_disabled", true), ("model_not_found", true), ("server_error", false)]
    {
        let tasks = TaskTracker::new();
        let url = endpoint(&tasks, move |mut socket| async move {
            send(&mut socket, &json!({ "type": "error", "error": { "code": code, "message": "sk-abc" } }))
                .await;
            while next_event(&mut socket).await.is_some() {}
        })
        .await;
        let error = client(settings(&url), &tasks).open(&config()).await.unwrap_err();
        assert_eq!(matches!(error, ProviderError::Refused { .. }), refused, "{error:?}");
        assert!(error.to_string().contains(code) && !error.to_string().contains("sk-"), "{error}");
        all_over(&tasks).await;
    }
}

#[tokio::test]
async fn the_voice_of_another_engine_is_replaced_by_the_installations() {
    for (wanted, expect) in [
        ("rms", json!("marin")),
        ("", json!("marin")),
        ("cedar", json!("cedar")),
        ("voice_abc", json!({ "id": "voice_abc" })),
    ] {
        let tasks = TaskTracker::new();
        let (told, update) = tokio::sync::oneshot::channel();
        let url = endpoint(&tasks, |mut socket| async move {
            let _ = told.send(begin(&mut socket).await);
            while next_event(&mut socket).await.is_some() {}
        })
        .await;
        let mut wish = config();
        wish.voice = wanted.to_owned();
        let mut link = client(settings(&url), &tasks).open(&wish).await.unwrap();
        assert!(matches!(next(&mut link).await, Some(RealtimeOutput::Ready { expires_in: None })));
        assert_eq!(update.await.unwrap()["session"]["audio"]["output"]["voice"], expect, "{wanted}");
        drop(link);
        all_over(&tasks).await;
    }
}

#[test]
fn only_the_vendors_own_endpoint_wants_a_key() {
    let check = |url: &str, key: Option<&str>, ready: bool| {
        let api_key = key.map(|key| key.to_owned().into());
        let provider = client(OpenAiSettings { api_key, ..settings(url) }, &TaskTracker::new());
        assert_eq!(provider.readiness() == Readiness::Ready, ready, "{url}");
        assert_eq!(provider.model(), "gpt-realtime-2.1-mini");
    };
    check("wss://api.openai.com/v1/realtime", None, false);
    check("wss://api.openai.com/v1/realtime", Some("sk-1"), true);
    check("ws://127.0.0.1:9/v1/realtime", None, true);
}
