//! A stand-in for Deepgram's streaming transcription, after the vendor's public documentation (there is no contract of
//! it among ours).

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::sounds::{Cue, Heard, Record};
use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Reply};
use crate::vendor::auth::{self, KeyPlace};
use crate::vendor::fault::{Failure, Fault};
use crate::vendor::request::Request;

const PARAMETERS: [&str; 16] = [
    "model",
    "language",
    "encoding",
    "sample_rate",
    "channels",
    "interim_results",
    "punctuate",
    "smart_format",
    "endpointing",
    "utterance_end_ms",
    "vad_events",
    "keyterm",
    "keywords",
    "numerals",
    "no_delay",
    "mip_opt_out",
];
/// Audio after which words so far are told.
const INTERIM_EVERY: u64 = 1_600;

/// The vendor.
#[derive(Debug)]
pub struct DeepgramStandIn {
    /// The key that is asked for; `None` takes any.
    pub key: Option<String>,
    /// Models that listen.
    pub models: Vec<String>,
    /// What callers say, by loudness.
    pub phrases: Vec<String>,
    /// What the caller says, when the caller's side tells it; loudness decides nothing then.
    pub cue: Option<Cue>,
    /// From `Finalize` to the answer.
    pub thinking: Duration,
    /// Whether `Finalize` is only answered when there is something to say, as the vendor may do.
    pub silent_when_empty: bool,
    /// What was said on sockets.
    pub record: Record,
}

impl Default for DeepgramStandIn {
    fn default() -> Self {
        Self {
            key: Some("dg-test-key".to_owned()),
            models: ["nova-3", "nova-3-medical", "nova-2-phonecall"].map(str::to_owned).into(),
            phrases: Vec::new(),
            cue: None,
            thinking: Duration::ZERO,
            silent_when_empty: false,
            record: Record::default(),
        }
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "err_code": code, "err_msg": message, "request_id": "r_1" }))
}

impl DeepgramStandIn {
    /// A model without a further word is the general one of its family.
    fn list_models(&self) -> Reply {
        let listed = |id: &String| {
            let mut words = id.splitn(3, '-');
            let family = format!("{}-{}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let name = words.next().unwrap_or("general");
            json!({
                "name": name, "canonical_name": format!("{family}-{name}"), "architecture": family,
                "languages": ["en"], "version": "2026-01-01.0", "uuid": "u", "batch": true, "streaming": true,
                "formatted_output": true,
            })
        };
        let stt: Vec<Value> = self.models.iter().map(listed).collect();
        Answer::json(200, &json!({ "stt": stt, "tts": [], "languages": {} })).into()
    }
}

#[async_trait]
impl Vendor for DeepgramStandIn {
    fn answer(&self, request: &Request) -> Reply {
        if auth::check(request, KeyPlace::Token, self.key.as_deref()).is_err() {
            return error(401, "INVALID_AUTH", "Invalid credentials.").into();
        }
        if (request.method.as_str(), request.path.as_str()) == ("GET", "/v1/models") {
            return self.list_models();
        }
        if request.path != "/v1/listen" || !request.is_upgrade() {
            return error(404, "NOT_FOUND", "Not found.").into();
        }
        if let Some((name, _)) = request.query.iter().find(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
            return error(400, "INVALID_QUERY_PARAMETER", &format!("unknown parameter {name}")).into();
        }
        if !self.models.iter().any(|known| Some(known.as_str()) == request.parameter("model")) {
            return error(400, "Bad Request", "Bad Request: No such model/language combination found.")
                .into();
        }
        if (request.parameter("encoding"), request.parameter("sample_rate")) != (Some("mulaw"), Some("8000"))
        {
            return error(400, "INVALID_QUERY_PARAMETER", "this stand-in only hears mulaw at 8000").into();
        }
        Reply::Socket(vec![("dg-request-id".to_owned(), "r_1".to_owned())])
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => error(401, "INVALID_AUTH", "Invalid credentials."),
            Failure::NoCredit => error(402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits."),
            Failure::Server(status) => error(status, "INTERNAL_SERVER_ERROR", "An internal error."),
            Failure::RateLimited(after) => {
                let answer = error(429, "TOO_MANY_REQUESTS", "Too many requests.");
                match after {
                    Some(after) => answer.header("retry-after", after.as_secs().to_string()),
                    None => answer,
                }
            }
        }
        .into()
    }

    async fn socket(&self, request: Request, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        let interim = request.parameter("interim_results") == Some("true");
        let mut session = Session {
            vendor: self,
            socket,
            interim,
            heard: Heard::default(),
            from: 0,
            told_at: 0,
            fault,
            finals: 0,
        };
        tokio::select! {
            () = self.record.lost() => {}
            _over = session.until_end() => {}
        }
    }
}

struct Session<'a> {
    vendor: &'a DeepgramStandIn,
    socket: WebSocketStream<TcpStream>,
    interim: bool,
    heard: Heard,
    /// Samples before what is being heard.
    from: u64,
    told_at: u64,
    fault: Option<Fault>,
    finals: usize,
}

impl Session<'_> {
    async fn until_end(&mut self) -> Option<()> {
        loop {
            match self.socket.next().await?.ok()? {
                Message::Binary(codes) => {
                    self.vendor.record.note(true, &format!("<{} bytes>", codes.len()));
                    self.heard.hear(codes.iter().map(|&code| audio::g711::decode(code)));
                    if self.interim && self.heard.samples >= self.told_at + INTERIM_EVERY {
                        self.told_at = self.heard.samples;
                        self.results(false, false).await?;
                    }
                }
                Message::Text(text) => {
                    self.vendor.record.note(true, &text);
                    let message: Value = serde_json::from_str(&text).unwrap_or_default();
                    match message["type"].as_str() {
                        Some("KeepAlive") => {}
                        Some("Finalize") => self.finalize().await?,
                        Some("CloseStream") => {
                            let _gone = self.socket.close(None).await;
                            return None;
                        }
                        _ => {
                            let wrong =
                                json!({ "type": "Error", "variant": "UNKNOWN_MESSAGE", "description": "?" });
                            self.say(&wrong).await?;
                        }
                    }
                }
                Message::Close(_) => return None,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn finalize(&mut self) -> Option<()> {
        tokio::time::sleep(self.vendor.thinking).await;
        match self.fault {
            Some(Fault::SlowFirstPiece(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Stall(count)) if self.finals >= count => return std::future::pending().await,
            Some(Fault::Cut(count)) if self.finals >= count => return None,
            Some(Fault::EndEarly(count)) if self.finals >= count => {
                let _gone = self.socket.close(None).await;
                return None;
            }
            Some(Fault::Garbage) => loop {
                self.socket.send(Message::text("<html>not of this protocol")).await.ok()?;
            },
            _ => {}
        }
        self.finals += 1;
        let empty = self.words().is_empty();
        if !(empty && self.vendor.silent_when_empty) {
            self.results(true, true).await?;
        }
        self.from += self.heard.samples;
        (self.heard, self.told_at) = (Heard::default(), 0);
        Some(())
    }

    fn words(&self) -> String {
        match &self.vendor.cue {
            Some(cue) => cue.understood(&self.heard),
            None => self.heard.words(&self.vendor.phrases),
        }
    }

    async fn results(&mut self, is_final: bool, from_finalize: bool) -> Option<()> {
        let words = self.words();
        let seconds = |samples: u64| samples as f64 / 8_000.0;
        let confidence = if words.is_empty() { 0.0 } else { 0.9 };
        let message = json!({
            "type": "Results", "channel_index": [0, 1], "start": seconds(self.from),
            "duration": seconds(self.heard.samples), "is_final": is_final, "speech_final": false,
            "from_finalize": from_finalize,
            "channel": { "alternatives": [{ "transcript": words, "confidence": confidence, "words": [] }] },
            "metadata": { "request_id": "r_1" },
        });
        self.say(&message).await
    }

    async fn say(&mut self, message: &Value) -> Option<()> {
        let text = message.to_string();
        self.vendor.record.note(false, &text);
        self.socket.send(Message::text(text)).await.ok()
    }
}
