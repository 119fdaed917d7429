//! A client that does what a test says, and checks both directions against the vendor's types where they are there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64_simd::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::openai::ear::voiced_frame;
use crate::openai::stand_in::StandIn;

/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(super) sent: Vec<Value>,
    pub(super) received: Vec<Value>,
}

/// What ends a stream of events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed(u16),
    Broken,
}

impl Client {
    /// Connects, with these headers.
    pub(super) async fn connect(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let connecting = tokio_tungstenite::connect_async(request);
        let (socket, _) = tokio::time::timeout(PATIENCE, connecting).await.expect("an answer in time")?;
        Ok(Self { socket, sent: Vec::new(), received: Vec::new() })
    }

    /// Connects and configures telephone audio; answers and interruptions are the client's affair.
    pub(super) async fn ready(stand_in: &StandIn) -> Self {
        let mut client = Self::connect(&model(stand_in), &[]).await.expect("a connection");
        client.until("session.created").await;
        client.send(update(false)).await;
        client.until("session.updated").await;
        client
    }

    pub(super) async fn send(&mut self, event: Value) {
        self.sent.push(event.clone());
        self.socket.send(Message::text(event.to_string())).await.expect("an open socket");
    }

    pub(super) async fn raw(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("an open socket");
    }

    /// Appends audio in frames of 20 ms.
    pub(super) async fn audio(&mut self, audio: &[u8]) {
        for frame in audio.chunks(160) {
            self.send(
                json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode_to_string(frame) }),
            )
            .await;
        }
    }

    /// Says phrase `number` for so long, then is silent for long enough.
    pub(super) async fn say(&mut self, number: usize, ms: usize) {
        let voice = voiced_frame(number).repeat(ms / 20);
        self.audio(&[vec![0xFF; 8 * 200], voice, vec![0xFF; 8 * 700]].concat()).await;
    }

    pub(super) async fn next(&mut self) -> Result<Value, End> {
        loop {
            let message =
                tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    self.received.push(event.clone());
                    return Ok(event);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(End::Closed(frame.map_or(0, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Broken),
            }
        }
    }

    /// Receives up to an event of this type.
    pub(super) async fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Ok(event) if event["type"] == kind => return event,
                Ok(_) => {}
                Err(end) => panic!("{end:?} before {kind}: {:?}", self.types()),
            }
        }
    }

    /// Sends something that must be refused; returns the code.
    pub(super) async fn refused(&mut self, event: Value) -> String {
        self.send(event).await;
        self.until("error").await["error"]["code"].as_str().expect("a code").to_owned()
    }

    /// Receives up to the end of the stream.
    pub(super) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }

    /// The types of what was received, runs of the same once.
    pub(super) fn types(&self) -> Vec<&str> {
        let mut types: Vec<&str> =
            self.received.iter().map(|event| event["type"].as_str().unwrap_or("?")).collect();
        types.dedup();
        types
    }
}

pub(super) fn model(stand_in: &StandIn) -> String {
    format!("{}?model=gpt-realtime-2.1-mini", stand_in.url())
}

/// Configures telephone audio. `by_itself`: the model answers and stops by itself.
pub(super) fn update(by_itself: bool) -> Value {
    json!({ "type": "session.update", "event_id": "su_1", "session": {
        "type": "realtime", "instructions": "Be brief.", "output_modalities": ["audio"],
        "max_output_tokens": 1024, "tool_choice": "auto",
        "tools": [{ "type": "function", "name": "end_call", "parameters": { "type": "object", "properties": {} } }],
        "audio": {
            "input": {
                "format": { "type": "audio/pcmu" }, "noise_reduction": null,
                "transcription": { "model": "gpt-realtime-whisper", "language": "en" },
                "turn_detection": {
                    "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
                    "create_response": by_itself, "interrupt_response": by_itself, "idle_timeout_ms": 15000,
                },
            },
            "output": { "format": { "type": "audio/pcmu" }, "voice": "marin", "speed": 1.0 },
        },
        "tracing": null, "truncation": { "type": "retention_ratio", "retention_ratio": 0.8 },
    }})
}

/// The vendor's published types; `None` where they are not there and need not be.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration to be told by")]
pub(super) fn contracts() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts");
    let folder = std::env::var_os("CONTRACTS_DIR").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder.join("openai"));
    }
    assert!(std::env::var_os("CONTRACTS_REQUIRED").is_none(), "there is no folder {}", folder.display());
    None
}
