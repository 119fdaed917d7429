//! A realtime session that only transcribes.

use base64_simd::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::OpenAiAudio;
use crate::sounds::Heard;
use crate::vendor::fault::Fault;

/// Less than this can't be committed, in samples.
const LEAST: u64 = 800;

struct Session<'a> {
    vendor: &'a OpenAiAudio,
    socket: WebSocketStream<TcpStream>,
    configured: bool,
    heard: Heard,
    items: u64,
    events: u64,
    fault: Option<Fault>,
}

impl OpenAiAudio {
    pub(super) async fn listen(&self, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        let mut session = Session {
            vendor: self,
            socket,
            configured: false,
            heard: Heard::default(),
            items: 0,
            events: 0,
            fault,
        };
        let _over = session.until_end().await;
    }
}

impl Session<'_> {
    async fn until_end(&mut self) -> Option<()> {
        self.say(json!({ "type": "session.created", "session": described(&json!({})) })).await?;
        loop {
            let text = match self.socket.next().await?.ok()? {
                Message::Text(text) => text,
                Message::Close(_) => return None,
                _ => continue,
            };
            self.vendor.record.note(true, &text);
            let Ok(event) = serde_json::from_str::<Value>(&text) else {
                self.error("invalid_json", "not JSON").await?;
                continue;
            };
            match event["type"].as_str().unwrap_or_default() {
                "session.update" => self.update(&event["session"]).await?,
                "input_audio_buffer.append" => {
                    let codes = event["audio"].as_str().and_then(|text| STANDARD.decode_to_vec(text).ok());
                    match codes {
                        Some(codes) if self.configured => {
                            self.heard.hear(codes.into_iter().map(audio::g711::decode));
                        }
                        _ => self.error("invalid_value", "audio before the configuration, or none").await?,
                    }
                }
                "input_audio_buffer.clear" => {
                    self.heard = Heard::default();
                    self.say(json!({ "type": "input_audio_buffer.cleared" })).await?;
                }
                "input_audio_buffer.commit" => self.commit().await?,
                other => self.error("unknown_event", &format!("Invalid value: '{other}'.")).await?,
            }
        }
    }

    async fn update(&mut self, session: &Value) -> Option<()> {
        if let Err((code, message)) = judged(session, self.vendor) {
            return self.error(code, &message).await;
        }
        self.configured = true;
        self.say(json!({ "type": "session.updated", "session": described(session) })).await
    }

    async fn commit(&mut self) -> Option<()> {
        let heard = std::mem::take(&mut self.heard);
        if heard.samples < LEAST {
            let message = "Error committing input audio buffer: buffer too small.";
            return self.error("input_audio_buffer_commit_empty", message).await;
        }
        self.items += 1;
        let item = format!("item_{}", self.items);
        self.say(
            json!({ "type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": null }),
        )
        .await?;
        tokio::time::sleep(self.vendor.thinking).await;
        let words = heard.words(&self.vendor.phrases);
        if let Some(Fault::SlowFirstPiece(delay)) = self.fault {
            tokio::time::sleep(delay).await;
        }
        let prefix = "conversation.item.input_audio_transcription";
        for (at, delta) in words.split_inclusive(' ').enumerate() {
            match self.fault {
                Some(Fault::Stall(count)) if at >= count => return std::future::pending().await,
                Some(Fault::Cut(count)) if at >= count => return None,
                Some(Fault::EndEarly(count)) if at >= count => {
                    let _gone = self.socket.close(None).await;
                    return None;
                }
                Some(Fault::Garbage) => loop {
                    self.socket.send(Message::text("<html>not of this protocol")).await.ok()?;
                },
                _ => {}
            }
            let event = json!({ "type": format!("{prefix}.delta"), "item_id": item, "content_index": 0, "delta": delta });
            self.say(event).await?;
        }
        let usage = json!({ "type": "duration", "seconds": heard.samples.div_ceil(8_000) });
        let event = json!({
            "type": format!("{prefix}.completed"), "item_id": item, "content_index": 0, "transcript": words,
            "usage": usage,
        });
        self.say(event).await
    }

    async fn error(&mut self, code: &str, message: &str) -> Option<()> {
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": message, "param": null, "event_id": null,
        });
        self.say(json!({ "type": "error", "error": error })).await
    }

    async fn say(&mut self, mut event: Value) -> Option<()> {
        self.events += 1;
        event["event_id"] = json!(format!("event_{}", self.events));
        let text = event.to_string();
        self.vendor.record.note(false, &text);
        self.socket.send(Message::text(text)).await.ok()
    }
}

/// The session as the vendor tells it.
fn described(session: &Value) -> Value {
    let mut told =
        json!({ "type": "transcription", "object": "realtime.transcription_session", "id": "sess_1" });
    if let Some(input) = session.pointer("/audio/input") {
        told["audio"] = json!({ "input": input });
    }
    told
}

fn judged(session: &Value, vendor: &OpenAiAudio) -> Result<(), (&'static str, String)> {
    if session["type"] != "transcription" {
        return Err(("invalid_value", "this stand-in only has transcription sessions".to_owned()));
    }
    let closed = |at: &str, known: &[&str]| {
        let fields = session.pointer(at).and_then(Value::as_object);
        let surplus = fields.and_then(|fields| fields.keys().find(|field| !known.contains(&field.as_str())));
        surplus.map_or(Ok(()), |field| {
            Err((
                "unknown_parameter",
                format!("Unknown parameter: 'session{}.{field}'.", at.replace('/', ".")),
            ))
        })
    };
    closed("", &["type", "audio", "include"])?;
    closed("/audio", &["input"])?;
    closed("/audio/input", &["format", "noise_reduction", "transcription", "turn_detection"])?;
    closed("/audio/input/format", &["type"])?;
    closed("/audio/input/transcription", &["model", "language", "languages", "keywords", "prompt", "delay"])?;
    let input = &session["audio"]["input"];
    if input["format"]["type"] != "audio/pcmu" {
        return Err(("invalid_value", "this stand-in only hears audio/pcmu".to_owned()));
    }
    if !input["turn_detection"].is_null() {
        return Err(("invalid_value", "this stand-in only knows commits".to_owned()));
    }
    let transcription = &input["transcription"];
    let model = transcription["model"].as_str().unwrap_or_default();
    if !vendor.transcription_models.iter().any(|known| known == model) {
        return Err(("model_not_found", format!("The model `{model}` does not exist.")));
    }
    let new = matches!(model, "gpt-live-transcribe" | "gpt-transcribe");
    if !new && (transcription.get("keywords").is_some() || transcription.get("languages").is_some()) {
        return Err(("unsupported_parameter", "no keywords for this model".to_owned()));
    }
    Ok(())
}
