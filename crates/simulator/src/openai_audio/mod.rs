//! A stand-in for OpenAI's APIs of sound and vectors: speech, transcription by request and by realtime session,
//! embeddings, and the list of models. Unknown fields are refused, as the vendor does.

mod form;
mod session;

use std::time::Duration;

use async_trait::async_trait;
use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use crate::sounds::{Heard, Record, hummed};
use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Piece, Reply};
use crate::vendor::auth::{self, BadKey, KeyPlace};
use crate::vendor::fault::{Failure, Fault};
use crate::vendor::request::Request;

/// Bytes of 24 kHz PCM of a piece: 100 ms.
const PIECE: usize = 4_800;
/// Voices of the speech endpoint.
const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
    "verse",
];

/// The vendor.
#[derive(Debug)]
pub struct OpenAiAudio {
    /// The key that is asked for; `None` takes any.
    pub key: Option<String>,
    /// Models that speak.
    pub speech_models: Vec<String>,
    /// Models that transcribe.
    pub transcription_models: Vec<String>,
    /// Models of embeddings with the length of their vectors.
    pub embedding_models: Vec<(String, usize)>,
    /// What callers say, by loudness.
    pub phrases: Vec<String>,
    /// From a commit on a socket to the answer.
    pub thinking: Duration,
    /// Whether vectors are only sent as lists of numbers, as some compatible servers do.
    pub only_numbers: bool,
    /// What was said on sockets.
    pub record: Record,
}

impl Default for OpenAiAudio {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            key: Some("sk-test-key".to_owned()),
            speech_models: names(&["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]),
            transcription_models: names(&[
                "whisper-1",
                "gpt-transcribe",
                "gpt-live-transcribe",
                "gpt-realtime-whisper",
            ]),
            embedding_models: vec![("text-embedding-3-small".to_owned(), 1_536)],
            phrases: Vec::new(),
            thinking: Duration::ZERO,
            only_numbers: false,
            record: Record::default(),
        }
    }
}

/// An error in the vendor's form.
fn error(status: u16, code: &str, message: &str, param: Option<&str>) -> Answer {
    let kind = if status >= 500 { "server_error" } else { "invalid_request_error" };
    let error = json!({ "message": message, "type": kind, "param": param, "code": code });
    Answer::json(status, &json!({ "error": error })).header("x-request-id", "req_1")
}

fn unknown_model(model: &str) -> Reply {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    error(404, "model_not_found", &message, Some("model")).into()
}

/// The first field that the endpoint does not have.
fn surplus<'a>(fields: impl Iterator<Item = &'a String>, known: &[&str]) -> Option<Reply> {
    let field = fields.into_iter().find(|field| !known.contains(&field.trim_end_matches("[]")))?;
    let message = format!("Unknown parameter: '{field}'.");
    Some(error(400, "unknown_parameter", &message, Some(field)).into())
}

impl OpenAiAudio {
    fn speak(&self, request: &Request) -> Reply {
        let Value::Object(body) = request.json() else {
            return error(400, "invalid_json", "We could not parse the JSON body of your request.", None)
                .into();
        };
        let known = ["model", "input", "voice", "instructions", "response_format", "speed", "stream_format"];
        if let Some(reply) = surplus(body.keys(), &known) {
            return reply;
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let (Some(model), Some(input), Some(voice)) = (text("model"), text("input"), text("voice")) else {
            return error(400, "missing_required_parameter", "model, input and voice are required", None)
                .into();
        };
        if !self.speech_models.iter().any(|known| known == model) {
            return unknown_model(model);
        }
        if !VOICES.contains(&voice) {
            return error(400, "invalid_value", "Invalid value for 'voice'", Some("voice")).into();
        }
        if input.is_empty() || input.chars().count() > 4_096 {
            return error(400, "string_above_max_length", "input: 1 to 4096 characters", Some("input"))
                .into();
        }
        if model.starts_with("tts-1") && body.contains_key("instructions") {
            return error(
                400,
                "unsupported_parameter",
                "no instructions for this model",
                Some("instructions"),
            )
            .into();
        }
        let samples = hummed(input, 24_000);
        let pcm: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let (kind, bytes) = match text("response_format") {
            Some("pcm") => ("audio/pcm", pcm),
            Some("wav") => {
                let mut file = audio::wav::header(24_000, 1, u32::MAX).to_vec();
                file.extend_from_slice(&pcm);
                ("audio/wav", file)
            }
            _ => {
                return error(
                    400,
                    "invalid_value",
                    "this stand-in speaks pcm and wav",
                    Some("response_format"),
                )
                .into();
            }
        };
        let pieces =
            bytes.chunks(PIECE).map(|piece| Piece { after: Duration::ZERO, bytes: piece.to_vec().into() });
        Answer::streamed(kind, pieces.collect()).into()
    }

    fn transcribe(&self, request: &Request) -> Reply {
        let Some(fields) = form::read(request) else {
            return error(400, "invalid_form", "no multipart/form-data", None).into();
        };
        let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
        let known = [
            "file",
            "model",
            "language",
            "languages",
            "keywords",
            "prompt",
            "response_format",
            "temperature",
            "stream",
            "chunking_strategy",
            "timestamp_granularities",
            "include",
        ];
        if let Some(reply) = surplus(names.iter(), &known) {
            return reply;
        }
        let text = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.text());
        let model = text("model").unwrap_or_default();
        if !self.transcription_models.contains(&model) {
            return unknown_model(&model);
        }
        if names.iter().any(|name| name == "keywords[]") && model != "gpt-transcribe" {
            return error(400, "unsupported_parameter", "no keywords for this model", Some("keywords"))
                .into();
        }
        let file =
            fields.iter().find(|field| field.name == "file").map(|field| audio::wav::parse(&field.bytes));
        let Some(Ok(wav)) = file else {
            return error(400, "invalid_value", "Audio file might be corrupted or unsupported", Some("file"))
                .into();
        };
        if wav.mono().len() < (wav.sample_rate_hz / 10) as usize {
            return error(400, "audio_too_short", "Minimum audio length is 0.1 seconds.", Some("file"))
                .into();
        }
        let mut heard = Heard::default();
        heard.hear(wav.mono());
        let words = heard.words(&self.phrases);
        if text("stream").as_deref() != Some("true") || model == "whisper-1" {
            let usage = json!({ "type": "duration", "seconds": wav.mono().len() / 8_000 });
            return Answer::json(200, &json!({ "text": words, "usage": usage })).into();
        }
        let deltas =
            words.split_inclusive(' ').map(|word| json!({ "type": "transcript.text.delta", "delta": word }));
        let usage = json!({
            "type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18,
            "input_token_details": { "text_tokens": 0, "audio_tokens": 14 },
        });
        let done = json!({ "type": "transcript.text.done", "text": words, "usage": usage });
        let events: Vec<(Option<&str>, String)> =
            deltas.chain([done]).map(|event| (None, event.to_string())).collect();
        Answer::events(events, Duration::ZERO).into()
    }

    fn embed(&self, request: &Request) -> Reply {
        let Value::Object(body) = request.json() else {
            return error(400, "invalid_json", "We could not parse the JSON body of your request.", None)
                .into();
        };
        if let Some(reply) =
            surplus(body.keys(), &["input", "model", "encoding_format", "dimensions", "user"])
        {
            return reply;
        }
        let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
        let Some((_, full)) = self.embedding_models.iter().find(|(known, _)| known == model) else {
            return unknown_model(model);
        };
        let texts: Vec<&str> = match body.get("input") {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let tokens: usize = texts.iter().map(|text| text.len().div_ceil(4)).sum();
        let fits = (1..=2_048).contains(&texts.len()) && tokens <= 300_000;
        if !fits || texts.iter().any(|text| text.is_empty() || text.len().div_ceil(4) > 8_192) {
            return error(400, "invalid_value", "Invalid 'input'", Some("input")).into();
        }
        let dimensions = body.get("dimensions").and_then(Value::as_u64).map_or(*full, |count| count as usize);
        let base64 = body.get("encoding_format") == Some(&json!("base64")) && !self.only_numbers;
        let data: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let vector = vector(text, dimensions);
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                let vector = if base64 { json!(STANDARD.encode_to_string(bytes)) } else { json!(vector) };
                json!({ "object": "embedding", "index": index, "embedding": vector })
            })
            .collect();
        let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
        Answer::json(200, &json!({ "object": "list", "data": data, "model": model, "usage": usage })).into()
    }

    /// Its models as its list has them.
    pub(crate) fn models_listed(&self) -> Vec<Value> {
        let embedding = self.embedding_models.iter().map(|(id, _)| id);
        let all = self.speech_models.iter().chain(&self.transcription_models).chain(embedding);
        all.map(|id| {
            json!({ "id": id, "object": "model", "created": 1_700_000_000, "owned_by": "openai",
                    "shutdown_date": null })
        })
        .collect()
    }

    fn one_model(&self, id: &str) -> Reply {
        let found = self.models_listed().into_iter().find(|model| model["id"] == id);
        found.map_or_else(|| unknown_model(id), |model| Answer::json(200, &model).into())
    }
}

/// Nearness of words is nearness of vectors: each word adds to the places that its letters tell.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.001_f32; dimensions];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        vector[(hash % dimensions as u64) as usize] += 1.0;
    }
    vector
}

#[async_trait]
impl Vendor for OpenAiAudio {
    fn answer(&self, request: &Request) -> Reply {
        match auth::check(request, KeyPlace::Bearer, self.key.as_deref()) {
            Ok(()) => {}
            Err(BadKey::Missing) => {
                return error(401, "missing_api_key", "You didn't provide an API key.", None).into();
            }
            Err(BadKey::Wrong) => {
                return error(401, "invalid_api_key", "Incorrect API key provided: sk-wrong", None).into();
            }
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/audio/speech") => self.speak(request),
            ("POST", "/v1/audio/transcriptions") => self.transcribe(request),
            ("POST", "/v1/embeddings") => self.embed(request),
            ("GET", "/v1/models") => {
                Answer::json(200, &json!({ "object": "list", "data": self.models_listed() })).into()
            }
            ("GET", path) if path.starts_with("/v1/models/") => self.one_model(&path["/v1/models/".len()..]),
            ("GET", "/v1/realtime") if request.is_upgrade() => {
                if request.parameter("intent") == Some("transcription")
                    && request.header("openai-beta").is_none()
                {
                    Reply::Socket(Vec::new())
                } else {
                    error(400, "invalid_request", "this stand-in only has transcription sessions", None)
                        .into()
                }
            }
            (method, path) => error(404, "not_found", &format!("Invalid URL ({method} {path})"), None).into(),
        }
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => {
                error(401, "invalid_api_key", "Incorrect API key provided: sk-wrong", None)
            }
            Failure::NoCredit => error(429, "insufficient_quota", "You exceeded your current quota.", None),
            Failure::Server(status) => error(status, "server_error", "The server had an error.", None),
            Failure::RateLimited(after) => {
                let answer = error(429, "rate_limit_exceeded", "Rate limit reached.", None);
                match after {
                    Some(after) => answer.header("retry-after", after.as_secs().to_string()),
                    None => answer,
                }
            }
        }
        .into()
    }

    async fn socket(&self, _: Request, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        tokio::select! {
            () = self.record.lost() => {}
            () = self.listen(socket, fault) => {}
        }
    }
}
