//! Scribe's realtime transcription, with commits by the client.

use base64_simd::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::ElevenLabs;
use crate::sounds::Heard;
use crate::vendor::fault::Fault;
use crate::vendor::request::Request;

const MODELS: [&str; 2] = ["scribe_v2_realtime", "scribe_v2_turbo"];
const PARAMETERS: [&str; 21] = [
    "model_id",
    "token",
    "audio_format",
    "language_code",
    "commit_strategy",
    "vad_silence_threshold_secs",
    "vad_threshold",
    "min_speech_duration_ms",
    "min_silence_duration_ms",
    "include_timestamps",
    "include_language_detection",
    "enable_logging",
    "keyterms",
    "no_verbatim",
    "entity_detection",
    "filter_background_audio",
    "max_tokens_to_recompute",
    "secondary_languages",
    "entity_redaction",
    "entity_redaction_mode",
    "transcript_edit",
];
const FIELDS: [&str; 5] = ["message_type", "audio_base_64", "commit", "sample_rate", "previous_text"];
/// Less than this can't be committed, in samples.
const LEAST: u64 = 2_400;
/// Audio after which words so far are told.
const PARTIAL_EVERY: u64 = 1_600;

struct Scribe<'a> {
    vendor: &'a ElevenLabs,
    socket: WebSocketStream<TcpStream>,
    timestamps: bool,
    heard: Heard,
    told_at: u64,
    last: String,
    chunks: u64,
    fault: Option<Fault>,
    /// Transcripts that were sent.
    sent: usize,
}

impl ElevenLabs {
    pub(super) async fn transcribe(
        &self,
        request: &Request,
        socket: WebSocketStream<TcpStream>,
        fault: Option<Fault>,
    ) {
        let timestamps = request.parameter("include_timestamps") == Some("true");
        let mut scribe = Scribe {
            vendor: self,
            socket,
            timestamps,
            heard: Heard::default(),
            told_at: 0,
            last: String::new(),
            chunks: 0,
            fault,
            sent: 0,
        };
        // The vendor accepts the socket and refuses afterwards.
        if let Err(what) = judged(request) {
            let _gone = scribe.say(&json!({ "message_type": "invalid_request", "error": what })).await;
            let _gone = scribe.socket.close(None).await;
            return;
        }
        let keyterms: Vec<&str> = request
            .query
            .iter()
            .filter(|(name, _)| name == "keyterms")
            .map(|(_, word)| word.as_str())
            .collect();
        let started = json!({
            "message_type": "session_started", "session_id": "s_1",
            "config": {
                "sample_rate": 8_000, "audio_format": "ulaw_8000", "vad_commit_strategy": "manual",
                "model_id": request.parameter("model_id"), "keyterms": keyterms,
                "timestamps_granularity": if timestamps { "word" } else { "none" },
            },
        });
        if scribe.say(&started).await.is_some() {
            let _over = scribe.until_end().await;
        }
    }
}

fn judged(request: &Request) -> Result<(), String> {
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
        return Err(format!("Unknown parameter {name}"));
    }
    let model = request.parameter("model_id").unwrap_or_default();
    if !MODELS.contains(&model) {
        return Err(format!("Unknown model {model}"));
    }
    if request.parameter("audio_format") != Some("ulaw_8000") {
        return Err("This stand-in only hears ulaw_8000".to_owned());
    }
    if request.parameter("commit_strategy") != Some("manual") {
        return Err("This stand-in only knows manual commits".to_owned());
    }
    let keyterms = request.query.iter().filter(|(name, _)| name == "keyterms");
    if keyterms.clone().count() > 50 || keyterms.clone().any(|(_, word)| word.chars().count() > 20) {
        return Err("keyterms: at most 50 of at most 20 characters".to_owned());
    }
    Ok(())
}

impl Scribe<'_> {
    async fn until_end(&mut self) -> Option<()> {
        loop {
            let text = match self.socket.next().await?.ok()? {
                Message::Text(text) => text,
                Message::Close(_) => return None,
                Message::Binary(_) => {
                    self.say(&json!({ "message_type": "input_error", "error": "binary" })).await?;
                    return None;
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            self.vendor.record.note(true, &text);
            let chunk: Value = serde_json::from_str(&text).unwrap_or_default();
            let judged = chunk.as_object().and_then(|chunk| self.judged(chunk));
            let Some((codes, commit)) = judged else {
                self.say(&json!({ "message_type": "input_error", "error": "not an input_audio_chunk" }))
                    .await?;
                return None;
            };
            self.chunks += 1;
            self.heard.hear(codes.iter().map(|&code| audio::g711::decode(code)));
            if commit {
                self.commit().await?;
            } else if self.heard.samples >= self.told_at + PARTIAL_EVERY {
                self.told_at = self.heard.samples;
                let words = self.heard.words(&self.vendor.phrases);
                if words != self.last && !words.is_empty() {
                    self.last.clone_from(&words);
                    self.say(&json!({ "message_type": "partial_transcript", "text": words })).await?;
                }
            }
        }
    }

    /// The audio, and whether it is committed. All four fields are wanted, and no other.
    fn judged(&self, chunk: &Map<String, Value>) -> Option<(Vec<u8>, bool)> {
        let known = chunk.keys().all(|field| FIELDS.contains(&field.as_str()));
        // The vendor's own SDK sends `null` with every chunk.
        let previous = chunk.get("previous_text").is_some_and(|text| !text.is_null()) && self.chunks > 0;
        let kind = chunk.get("message_type")?.as_str()? == "input_audio_chunk";
        let rate = chunk.get("sample_rate")?.as_u64()? == 8_000;
        let codes = STANDARD.decode_to_vec(chunk.get("audio_base_64")?.as_str()?.as_bytes()).ok()?;
        let commit = chunk.get("commit")?.as_bool()?;
        (known && kind && rate && !previous).then_some((codes, commit))
    }

    async fn commit(&mut self) -> Option<()> {
        let heard = std::mem::take(&mut self.heard);
        (self.told_at, self.last) = (0, String::new());
        if heard.samples < LEAST {
            let error = "Commit request ignored: only 0.3s of uncommitted audio";
            return self.say(&json!({ "message_type": "commit_throttled", "error": error })).await;
        }
        tokio::time::sleep(self.vendor.thinking).await;
        match self.fault {
            Some(Fault::SlowFirstPiece(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Stall(count)) if self.sent >= count => return std::future::pending().await,
            Some(Fault::Cut(count)) if self.sent >= count => return None,
            Some(Fault::EndEarly(count)) if self.sent >= count => {
                let _gone = self.socket.close(None).await;
                return None;
            }
            Some(Fault::Garbage) => loop {
                self.socket.send(Message::text("<html>not of this protocol")).await.ok()?;
            },
            _ => {}
        }
        self.sent += 1;
        let words = heard.words(&self.vendor.phrases);
        self.say(&json!({ "message_type": "committed_transcript", "text": words })).await?;
        if !self.timestamps {
            return Some(());
        }
        let detailed: Vec<Value> = words
            .split(' ')
            .filter(|word| !word.is_empty())
            .enumerate()
            .map(|(at, word)| {
                json!({ "text": word, "start": at, "end": at + 1, "type": "word", "logprob": -0.105_360_5 })
            })
            .collect();
        let message = json!({
            "message_type": "committed_transcript_with_timestamps", "text": words, "language_code": "en",
            "words": detailed,
        });
        self.say(&message).await
    }

    async fn say(&mut self, message: &Value) -> Option<()> {
        let text = message.to_string();
        self.vendor.record.note(false, &text);
        self.socket.send(Message::text(text)).await.ok()
    }
}
