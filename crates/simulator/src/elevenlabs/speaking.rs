//! The multi-context socket: several sentences at the same time, each in a context of its own.

use std::collections::HashMap;

use base64_simd::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{ElevenLabs, PIECE, error};
use crate::sounds::hummed_mu_law;
use crate::vendor::answer::Reply;
use crate::vendor::fault::Fault;
use crate::vendor::request::Request;

/// Contexts on a socket.
const MOST_CONTEXTS: usize = 5;
/// What the address may ask for.
const PARAMETERS: [&str; 11] = [
    "authorization",
    "model_id",
    "language_code",
    "enable_logging",
    "enable_ssml_parsing",
    "output_format",
    "inactivity_timeout",
    "sync_alignment",
    "auto_mode",
    "apply_text_normalization",
    "seed",
];
/// Fields of any message; those of the first line only come in a context's first.
const FIRST_ONLY: [&str; 5] = [
    "voice_settings",
    "generation_config",
    "pronunciation_dictionary_locators",
    "xi_api_key",
    "authorization",
];
const FIELDS: [&str; 5] = ["text", "context_id", "flush", "close_context", "close_socket"];

/// Why a socket ends.
enum End {
    Asked,
    /// A fault, or the client left.
    Broken,
    Refused {
        code: u16,
        name: &'static str,
    },
}

struct Speaking<'a> {
    vendor: &'a ElevenLabs,
    socket: WebSocketStream<TcpStream>,
    /// What waits to be spoken in each context.
    contexts: HashMap<String, String>,
    fault: Option<Fault>,
    /// Pieces that were sent on this socket.
    sent: usize,
}

impl ElevenLabs {
    pub(super) fn open_speaking(&self, voice: &str, request: &Request) -> Reply {
        if let Some((name, _)) = request.query.iter().find(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
            return error(400, "invalid_parameter", &format!("Unknown parameter {name}"));
        }
        let model = request.parameter("model_id").unwrap_or("eleven_multilingual_v2");
        if !self.models.iter().any(|known| known == model) {
            return error(400, "model_not_found", "A model with this id does not exist.");
        }
        if request.parameter("language_code").is_some() && !model.ends_with("_v2_5") {
            return error(400, "unsupported_language", "This model can't be told a language.");
        }
        if !self.knows_voice(voice) {
            return error(404, "voice_not_found", "A voice with this id was not found.");
        }
        if request.parameter("output_format") != Some("ulaw_8000") {
            return error(400, "invalid_output_format", "This stand-in only speaks ulaw_8000.");
        }
        let inactivity = request.parameter("inactivity_timeout").map_or(Ok(20), str::parse::<u32>);
        if !matches!(inactivity, Ok(0..=180)) {
            return error(400, "invalid_parameter", "inactivity_timeout must be at most 180");
        }
        Reply::Socket(Vec::new())
    }

    pub(super) async fn speak_on(&self, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        let mut speaking = Speaking { vendor: self, socket, contexts: HashMap::new(), fault, sent: 0 };
        match speaking.until_end().await {
            End::Broken => {}
            End::Asked => {
                let _gone = speaking.socket.close(None).await;
            }
            End::Refused { code, name } => {
                let _gone = speaking.say(&json!({ "message": "refused", "error": name, "code": code })).await;
                let frame = CloseFrame { code: CloseCode::from(code), reason: name.into() };
                let _gone = speaking.socket.close(Some(frame)).await;
            }
        }
    }
}

impl Speaking<'_> {
    async fn until_end(&mut self) -> End {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Binary(_))) => return End::Refused { code: 1008, name: "invalid_message" },
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Broken,
            };
            self.vendor.record.note(true, &text);
            let Ok(Value::Object(message)) = serde_json::from_str(&text) else {
                return End::Refused { code: 1008, name: "invalid_message" };
            };
            if let Err(end) = self.obey(&message).await {
                return end;
            }
        }
    }

    async fn obey(&mut self, message: &Map<String, Value>) -> Result<(), End> {
        let refused = |name| Err(End::Refused { code: 1008, name });
        let known =
            |field: &&String| FIELDS.contains(&field.as_str()) || FIRST_ONLY.contains(&field.as_str());
        if !message.keys().all(|field| known(&field)) {
            return refused("invalid_message");
        }
        let is_set = |name: &str| message.get(name) == Some(&json!(true));
        if is_set("close_socket") {
            return Err(End::Asked);
        }
        let context = message.get("context_id").and_then(Value::as_str).unwrap_or("default").to_owned();
        let is_new = !self.contexts.contains_key(&context);
        if is_set("close_context") {
            if self.contexts.remove(&context).is_some() {
                return self.say(&json!({ "isFinal": true, "contextId": context })).await;
            }
            return Ok(());
        }
        let Some(text) = message.get("text").and_then(Value::as_str) else {
            return if is_set("flush") { self.speak(&context).await } else { refused("invalid_message") };
        };
        if is_new {
            if self.contexts.len() >= MOST_CONTEXTS {
                return refused("max_contexts_exceeded");
            }
        } else if FIRST_ONLY.iter().any(|field| message.contains_key(*field)) {
            return refused("voice_settings_repeated");
        }
        self.contexts.entry(context.clone()).or_default().push_str(text);
        if is_set("flush") { self.speak(&context).await } else { Ok(()) }
    }

    async fn speak(&mut self, context: &str) -> Result<(), End> {
        let text = self.contexts.get_mut(context).map(std::mem::take).unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(());
        }
        tokio::time::sleep(self.vendor.thinking).await;
        if let Some(Fault::SlowFirstPiece(delay)) = self.fault {
            tokio::time::sleep(delay).await;
        }
        for piece in hummed_mu_law(&text).chunks(PIECE) {
            match self.fault {
                Some(Fault::Stall(pieces)) if self.sent >= pieces => return std::future::pending().await,
                Some(Fault::Cut(pieces)) if self.sent >= pieces => return Err(End::Broken),
                Some(Fault::EndEarly(pieces)) if self.sent >= pieces => return Err(End::Asked),
                Some(Fault::Garbage) => {
                    let _gone = self.socket.send(Message::text("<html>not of this protocol")).await;
                    return std::future::pending().await;
                }
                _ => {}
            }
            let audio = STANDARD.encode_to_string(piece);
            self.say(&json!({ "audio": audio, "contextId": context })).await?;
            self.sent += 1;
        }
        Ok(())
    }

    async fn say(&mut self, message: &Value) -> Result<(), End> {
        let text = message.to_string();
        self.vendor.record.note(false, &text);
        self.socket.send(Message::text(text)).await.map_err(|_| End::Broken)
    }
}
