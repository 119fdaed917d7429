//! A local endpoint that does what a test says, and a client of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::ambient::SystemClock;
use provider_traits::realtime::{FunctionTool, ModelHearing, RealtimeConfig, RealtimeLink, RealtimeOutput};
use provider_traits::schema::Schema;
use providers::openai::realtime::provider::{OpenAiRealtime, OpenAiSettings, Patience};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::TaskTracker;

pub(crate) type ServerSocket = WebSocketStream<TcpStream>;

/// Only reached by a test that hangs.
pub(crate) const AT_MOST: Duration = Duration::from_secs(30);

/// Takes one session and gives it to the script. The address is `ws://…`.
pub(crate) async fn endpoint<F, Fut>(tasks: &TaskTracker, script: F) -> String
where
    F: FnOnce(ServerSocket) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/realtime", listener.local_addr().unwrap());
    tasks.spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(tcp).await.unwrap();
        script(socket).await;
    });
    url
}

pub(crate) fn settings(url: &str) -> OpenAiSettings {
    OpenAiSettings {
        url: url.parse().unwrap(),
        api_key: Some("sk-only-used-in-tests".to_owned().into()),
        model: "gpt-realtime-2.1-mini".to_owned(),
        voice: "marin".to_owned(),
        transcriber: "gpt-realtime-whisper".to_owned(),
        headers: Vec::new(),
        patience: Patience::default(),
    }
}

pub(crate) fn client(settings: OpenAiSettings, tasks: &TaskTracker) -> OpenAiRealtime {
    OpenAiRealtime::new(settings, Arc::new(SystemClock), tasks.clone()).unwrap()
}

/// Everything that a configuration can have.
pub(crate) fn config() -> RealtimeConfig {
    RealtimeConfig {
        instructions: "You are Ada of \"Aurora\".\nBe brief.".to_owned(),
        voice: "rms".to_owned(),
        language: "en-US".to_owned(),
        tools: vec![FunctionTool {
            name: "get_weather".to_owned(),
            description: "Tells the weather".to_owned(),
            parameters: Schema::from(&json!({
                "type": "object",
                "properties": { "city": { "type": "string" } },
                "required": ["city"],
                "additionalProperties": false,
            })),
        }],
        hearing: ModelHearing { threshold: 0.5, prefix_ms: 300, silence_ms: 500, interrupts_itself: false },
        max_output_tokens: 1_024,
    }
}

pub(crate) async fn send(socket: &mut ServerSocket, event: &Value) {
    socket.send(Message::text(event.to_string())).await.unwrap();
}

/// The next event that the client sends; `None` when the socket is closed.
pub(crate) async fn next_event(socket: &mut ServerSocket) -> Option<Value> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Begins a session as the vendor does; returns the update that the client sent.
pub(crate) async fn begin(socket: &mut ServerSocket) -> Value {
    send(socket, &json!({ "type": "session.created", "event_id": "e", "session": { "type": "realtime" } }))
        .await;
    let update = next_event(socket).await.unwrap();
    send(socket, &json!({ "type": "session.updated", "event_id": "e", "session": { "type": "realtime" } }))
        .await;
    update
}

/// What comes next; a test that waits for too long fails.
pub(crate) async fn next(link: &mut RealtimeLink) -> Option<RealtimeOutput> {
    tokio::time::timeout(AT_MOST, link.output.recv()).await.expect("nothing comes and nothing ends")
}

/// Waits until every task of the client and the endpoint has ended.
pub(crate) async fn all_over(tasks: &TaskTracker) {
    tasks.close();
    tokio::time::timeout(AT_MOST, tasks.wait()).await.expect("a task has not ended");
}
