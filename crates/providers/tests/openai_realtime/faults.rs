//! What can go wrong with an open session, and that nothing of it is left behind.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::realtime::{
    ErrorClass, RealtimeError, RealtimeInput, RealtimeLink, RealtimeOutput, RealtimeProvider as _,
};
use providers::openai::realtime::provider::Patience;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::endpoint::{
    ServerSocket, all_over, begin, client, config, endpoint, next, next_event, send, settings,
};

fn close_frame(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
}

/// Everything until the socket is gone.
async fn rest(link: &mut RealtimeLink) -> Vec<RealtimeOutput> {
    let mut found = Vec::new();
    while let Some(output) = next(link).await {
        found.push(output);
    }
    found
}

/// The last words of a session that the script ends.
async fn end_of<F, Fut>(script: F) -> RealtimeError
where
    F: FnOnce(ServerSocket) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let tasks = TaskTracker::new();
    let url = endpoint(&tasks, |mut socket| async move {
        begin(&mut socket).await;
        script(socket).await;
    })
    .await;
    let mut link = client(settings(&url), &tasks).open(&config()).await.unwrap();
    let all = rest(&mut link).await;
    assert!(matches!(all.first(), Some(RealtimeOutput::Ready { .. })), "{all:?}");
    let errors: Vec<&RealtimeOutput> =
        all.iter().filter(|output| matches!(output, RealtimeOutput::Error(_))).collect();
    let [RealtimeOutput::Error(error)] = errors.as_slice() else { panic!("not one error: {all:?}") };
    assert_eq!(all.last(), Some(&RealtimeOutput::Error(error.clone())), "an error is the last word");
    all_over(&tasks).await;
    error.clone()
}

#[tokio::test]
async fn a_farewell_is_told_with_its_meaning() {
    for (code, reason, class) in [
        (1000, "", ErrorClass::SessionOver),
        (1001, "Your session hit the maximum duration of 60 minutes.", ErrorClass::SessionOver),
        (1011, "internal error", ErrorClass::SessionOver),
        (1008, "policy", ErrorClass::Refused),
        (4000, "beta", ErrorClass::Refused),
    ] {
        let error = end_of(move |mut socket| async move {
            socket.send(close_frame(code, reason)).await.unwrap();
            while socket.next().await.is_some() {}
        })
        .await;
        assert_eq!(
            (error.class, error.code.as_str()),
            (class, format!("closed_{code}").as_str()),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_session_that_expires_is_told_once() {
    let error = end_of(|mut socket| async move {
        let error =
            json!({ "type": "error", "error": { "code": "session_expired", "message": "60 minutes" } });
        send(&mut socket, &error).await;
        socket.send(close_frame(1001, "")).await.unwrap();
        while socket.next().await.is_some() {}
    })
    .await;
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "session_expired"));
}

#[tokio::test]
async fn a_connection_that_breaks_is_told() {
    let error = end_of(|socket| async move { drop(socket) }).await;
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "connection_lost"));
}

#[tokio::test]
async fn half_a_frame_and_then_nothing_is_a_broken_connection() {
    let error = end_of(|socket| async move {
        use tokio::io::AsyncWriteExt as _;
        // A text frame of 100 bytes, of which five come.
        socket.into_inner().write_all(&[0x81, 100, b'{', b'"', b't', b'y', b'p']).await.unwrap();
    })
    .await;
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "connection_lost"));
}

#[tokio::test]
async fn a_message_without_end_is_not_kept() {
    let error = end_of(|mut socket| async move {
        // The client may be gone before all of it is written.
        let _cut_off = socket.send(Message::text("x".repeat(3 * 1024 * 1024))).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "too_large"));
}

#[tokio::test]
async fn a_little_garbage_is_survived_and_much_is_not() {
    let error = end_of(|mut socket| async move {
        for _ in 0..19 {
            socket.send(Message::text("{")).await.unwrap();
        }
        send(&mut socket, &json!({ "type": "input_audio_buffer.committed", "item_id": "i" })).await;
        for _ in 0..20 {
            let _cut_off = socket.send(Message::binary(vec![1, 2, 3])).await;
        }
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "garbage"));
}

#[tokio::test]
async fn an_update_that_is_refused_ends_every_hope() {
    let tasks = TaskTracker::new();
    let url = endpoint(&tasks, |mut socket| async move {
        send(&mut socket, &json!({ "type": "session.created", "session": {} })).await;
        let update = next_event(&mut socket).await.unwrap();
        let error = json!({ "type": "invalid_request_error", "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.xxx'.", "event_id": update["event_id"] });
        send(&mut socket, &json!({ "type": "error", "error": error })).await;
        while next_event(&mut socket).await.is_some() {}
    })
    .await;
    let mut link = client(settings(&url), &tasks).open(&config()).await.unwrap();
    let Some(RealtimeOutput::Error(error)) = next(&mut link).await else { panic!("no error") };
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Refused, "unknown_parameter"));
    drop(link);
    all_over(&tasks).await;
}

#[tokio::test]
async fn who_answers_no_ping_is_gone() {
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let url = endpoint(&tasks, |mut socket| async move {
        begin(&mut socket).await;
        // Open, and neither read nor written any more.
        stopped.cancelled().await;
    })
    .await;
    let patience = Patience {
        ping_every: Duration::from_millis(50),
        pong_within: Duration::from_millis(100),
        ..Patience::default()
    };
    let provider = client(endpoint_settings(&url, patience), &tasks);
    let mut link = provider.open(&config()).await.unwrap();
    let all = rest(&mut link).await;
    let Some(RealtimeOutput::Error(error)) = all.last() else { panic!("{all:?}") };
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "no_pong"));
    stop.cancel();
    all_over(&tasks).await;
}

#[tokio::test]
async fn who_answers_pings_is_kept_though_nothing_else_comes() {
    let tasks = TaskTracker::new();
    let url = endpoint(&tasks, |mut socket| async move {
        begin(&mut socket).await;
        let mut pings = 0;
        while pings < 5 {
            pings += usize::from(matches!(socket.next().await, Some(Ok(Message::Ping(_)))));
        }
        send(&mut socket, &json!({ "type": "input_audio_buffer.committed", "item_id": "i" })).await;
        while next_event(&mut socket).await.is_some() {}
    })
    .await;
    let patience = Patience { ping_every: Duration::from_millis(20), ..Patience::default() };
    let mut link = client(endpoint_settings(&url, patience), &tasks).open(&config()).await.unwrap();
    assert!(matches!(next(&mut link).await, Some(RealtimeOutput::Ready { .. })));
    assert_eq!(next(&mut link).await, Some(RealtimeOutput::Committed { item: "i".to_owned() }));
    drop(link);
    all_over(&tasks).await;
}

fn endpoint_settings(url: &str, patience: Patience) -> providers::openai::realtime::provider::OpenAiSettings {
    providers::openai::realtime::provider::OpenAiSettings { patience, ..settings(url) }
}

#[tokio::test]
async fn who_does_not_read_is_gone() {
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let url = endpoint(&tasks, |mut socket| async move {
        begin(&mut socket).await;
        stopped.cancelled().await;
    })
    .await;
    let patience = Patience { write: Duration::from_millis(200), ..Patience::default() };
    let mut link = client(endpoint_settings(&url, patience), &tasks).open(&config()).await.unwrap();
    let audio = Bytes::from(vec![0xFF; 512 * 1024]);
    // The system's own buffers are filled first; then the queue ends with the link.
    while link.input.send(RealtimeInput::Audio(audio.clone())).await.is_ok() {}
    let all = rest(&mut link).await;
    let Some(RealtimeOutput::Error(error)) = all.last() else { panic!("{all:?}") };
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::SessionOver, "write_timeout"));
    stop.cancel();
    all_over(&tasks).await;
}

#[tokio::test]
async fn a_flood_waits_in_the_socket() {
    let tasks = TaskTracker::new();
    let (sent, count) = tokio::sync::watch::channel(0_usize);
    let url = endpoint(&tasks, |mut socket| async move {
        begin(&mut socket).await;
        let audio = base64_simd::STANDARD.encode_to_string([0xFF; 30_000]);
        let delta = json!({ "type": "response.output_audio.delta", "response_id": "r", "item_id": "i",
            "content_index": 0, "delta": audio })
        .to_string();
        for number in 0..5_000 {
            if socket.send(Message::text(delta.clone())).await.is_err() {
                return;
            }
            sent.send_replace(number);
        }
    })
    .await;
    let link = client(settings(&url), &tasks).open(&config()).await.unwrap();
    // Until the endpoint can't get rid of any more.
    let mut before = usize::MAX;
    while *count.borrow() < 256 || *count.borrow() != before {
        before = *count.borrow();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let taken = *count.borrow();
    // 256 in the queue, the rest in the system's buffers of both ends, at most some megabytes.
    assert!((256..2_000).contains(&taken), "{taken} frames were taken though nobody read them");
    drop(link);
    all_over(&tasks).await;
}

#[tokio::test]
async fn dropping_the_link_closes_the_socket_and_ends_the_tasks() {
    let tasks = TaskTracker::new();
    let (closed, was_closed) = tokio::sync::oneshot::channel();
    let url = endpoint(&tasks, |mut socket| async move {
        begin(&mut socket).await;
        let mut farewell = None;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                farewell = frame.map(|frame| u16::from(frame.code));
            }
        }
        let _ = closed.send(farewell);
    })
    .await;
    let provider = client(settings(&url), &tasks);
    let mut link = provider.open(&config()).await.unwrap();
    assert!(matches!(next(&mut link).await, Some(RealtimeOutput::Ready { .. })));
    assert_eq!(provider.open_sessions(), 1);
    drop(link);
    assert_eq!(was_closed.await, Ok(Some(1000)), "a farewell, not a broken connection");
    all_over(&tasks).await;
    assert_eq!(provider.open_sessions(), 0);
}
