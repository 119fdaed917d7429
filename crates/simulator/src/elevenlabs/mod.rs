//! A stand-in for ElevenLabs: voices by HTTP and by multi-context socket, Scribe's realtime transcription, and the
//! lists of voices and models. As strict as the vendor's descriptions (`contracts/elevenlabs`), which are closed here:
//! a field that they don't have is refused.

mod scribe;
mod speaking;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use crate::sounds::{Record, hummed_mu_law};
use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Piece, Reply};
use crate::vendor::auth::{self, KeyPlace};
use crate::vendor::fault::{Failure, Fault};
use crate::vendor::request::Request;

/// Mu-law of a piece: 100 ms.
const PIECE: usize = 800;
/// Fields of a request to speak.
const SPEECH_FIELDS: [&str; 14] = [
    "text",
    "model_id",
    "language_code",
    "voice_settings",
    "pronunciation_dictionary_locators",
    "seed",
    "previous_text",
    "next_text",
    "previous_request_ids",
    "next_request_ids",
    "use_pvc_as_ivc",
    "apply_text_normalization",
    "apply_language_text_normalization",
    "hcaptcha_token",
];

/// A voice of the account.
#[derive(Debug, Clone)]
pub struct AccountVoice {
    /// 20 letters and digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ISO 639-1.
    pub language: String,
    /// `female` or `male`.
    pub gender: String,
}

/// The vendor.
#[derive(Debug)]
pub struct ElevenLabs {
    /// The key that is asked for; `None` takes any.
    pub key: Option<String>,
    /// Models that speak.
    pub models: Vec<String>,
    /// The account's voices.
    pub voices: Vec<AccountVoice>,
    /// What callers say, by loudness.
    pub phrases: Vec<String>,
    /// Voices on a page of the list, whatever is asked for; 0: as asked for.
    pub page: usize,
    /// From a sentence or a commit on a socket to the answer.
    pub thinking: Duration,
    /// What was said on sockets.
    pub record: Record,
}

impl Default for ElevenLabs {
    fn default() -> Self {
        let voice = |id: &str, name: &str, language: &str, gender: &str| AccountVoice {
            id: id.to_owned(),
            name: name.to_owned(),
            language: language.to_owned(),
            gender: gender.to_owned(),
        };
        Self {
            key: Some("xi-test-key".to_owned()),
            models: ["eleven_flash_v2_5", "eleven_flash_v2", "eleven_multilingual_v2", "eleven_v3"]
                .map(str::to_owned)
                .into(),
            voices: vec![
                voice("21m00Tcm4TlvDq8ikWAM", "Rachel", "en", "female"),
                voice("29vD33N1CtxCmqQRPOHJ", "Drew", "en", "male"),
                voice("z9fAnlkpzviPz146aGWa", "Glinda", "de", "female"),
            ],
            phrases: Vec::new(),
            page: 0,
            thinking: Duration::ZERO,
            record: Record::default(),
        }
    }
}

/// An error in the vendor's form.
fn error(status: u16, code: &str, message: &str) -> Reply {
    let kind = if status == 401 { "authentication_error" } else { "invalid_request" };
    let detail = json!({
        "type": kind, "code": code, "message": message, "status": code, "request_id": "req_1", "param": null,
    });
    Answer::json(status, &json!({ "detail": detail })).into()
}

/// A field that is wrong, in the form of the vendor's validation.
fn unprocessable(field: &str, message: &str, kind: &str) -> Reply {
    let detail = json!([{ "loc": ["body", field], "msg": message, "type": kind }]);
    Answer::json(422, &json!({ "detail": detail })).into()
}

impl ElevenLabs {
    fn knows_voice(&self, id: &str) -> bool {
        self.voices.iter().any(|voice| voice.id == id)
    }

    fn speak(&self, voice: &str, request: &Request) -> Reply {
        let Value::Object(body) = request.json() else {
            return unprocessable("body", "no JSON object", "json_invalid");
        };
        if let Some(field) = body.keys().find(|field| !SPEECH_FIELDS.contains(&field.as_str())) {
            return unprocessable(field, "Extra inputs are not permitted", "extra_forbidden");
        }
        let Some(text) = body.get("text").and_then(Value::as_str) else {
            return unprocessable("text", "Field required", "missing");
        };
        let model = body.get("model_id").and_then(Value::as_str).unwrap_or("eleven_multilingual_v2");
        if !self.models.iter().any(|known| known == model) {
            return error(400, "model_not_found", "A model with this id does not exist.");
        }
        if body.contains_key("language_code") && !model.ends_with("_v2_5") {
            return error(400, "unsupported_language", "This model can't be told a language.");
        }
        if !self.knows_voice(voice) {
            return error(404, "voice_not_found", "A voice with this id was not found.");
        }
        if request.parameter("output_format") != Some("ulaw_8000") {
            return error(400, "invalid_output_format", "This stand-in only speaks ulaw_8000.");
        }
        if text.trim().is_empty() {
            return error(400, "empty_text", "There is nothing to say.");
        }
        let audio = hummed_mu_law(text);
        let pieces =
            audio.chunks(PIECE).map(|piece| Piece { after: Duration::ZERO, bytes: piece.to_vec().into() });
        Answer::streamed("audio/basic", pieces.collect())
            .header("request-id", "req_1")
            .header("character-cost", text.chars().count().to_string())
            .header("current-concurrent-requests", "1")
            .header("maximum-concurrent-requests", "10")
            .into()
    }

    fn list_voices(&self, request: &Request) -> Reply {
        let number = |name: &str| request.parameter(name).map(|value| value.parse::<usize>());
        let size = match number("page_size") {
            None => 10,
            Some(Ok(size @ 1..=100)) => size,
            Some(_) => return unprocessable("page_size", "Input should be at most 100", "less_than_equal"),
        };
        let size = if self.page > 0 { self.page } else { size };
        let from = number("next_page_token").and_then(Result::ok).unwrap_or(0);
        let search = request.parameter("search").unwrap_or_default().to_lowercase();
        let found: Vec<&AccountVoice> =
            self.voices.iter().filter(|voice| voice.name.to_lowercase().contains(&search)).collect();
        let page: Vec<Value> = found.iter().skip(from).take(size).map(|voice| voice.listed()).collect();
        let has_more = from + size < found.len();
        let token = has_more.then(|| (from + size).to_string());
        let document = json!({
            "voices": page, "has_more": has_more, "total_count": found.len(), "next_page_token": token,
        });
        Answer::json(200, &document).into()
    }

    fn list_models(&self) -> Reply {
        let models = self.models.iter().map(|id| {
            json!({ "model_id": id, "name": id, "can_do_text_to_speech": true, "languages": [{ "language_id": "en", "name": "English" }] })
        });
        Answer::json(200, &Value::Array(models.collect())).into()
    }
}

impl AccountVoice {
    fn listed(&self) -> Value {
        json!({
            "voice_id": self.id, "name": self.name, "category": "premade",
            "labels": { "gender": self.gender, "language": self.language, "accent": "american" },
            "description": null, "available_for_tiers": [], "high_quality_base_model_ids": [],
            "preview_url": format!("https://storage.example/{}.mp3", self.id),
            "verified_languages": [{ "language": self.language, "model_id": "eleven_flash_v2_5", "locale": null }],
        })
    }
}

#[async_trait]
impl Vendor for ElevenLabs {
    fn answer(&self, request: &Request) -> Reply {
        if auth::check(request, KeyPlace::Header("xi-api-key"), self.key.as_deref()).is_err() {
            return error(401, "invalid_api_key", "Invalid API key");
        }
        let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), path.as_slice()) {
            ("POST", ["v1", "text-to-speech", voice, "stream"]) => self.speak(voice, request),
            ("GET", ["v1", "text-to-speech", voice, "multi-stream-input"]) if request.is_upgrade() => {
                self.open_speaking(voice, request)
            }
            ("GET", ["v1", "speech-to-text", "realtime"]) if request.is_upgrade() => {
                Reply::Socket(Vec::new())
            }
            ("GET", ["v2", "voices"]) => self.list_voices(request),
            ("GET", ["v1", "models"]) => self.list_models(),
            _ => Answer::json(404, &json!({ "detail": "Not Found" })).into(),
        }
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => error(401, "invalid_api_key", "Invalid API key"),
            Failure::NoCredit => error(401, "quota_exceeded", "This request exceeds your quota."),
            Failure::Server(status) => error(status, "internal_server_error", "Something went wrong."),
            Failure::RateLimited(after) => match error(429, "rate_limit_exceeded", "Too many requests.") {
                Reply::Http(answer) if after.is_some() => {
                    answer.header("retry-after", after.unwrap_or_default().as_secs().to_string()).into()
                }
                other => other,
            },
        }
    }

    async fn socket(&self, request: Request, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        let transcribes = request.path.ends_with("/realtime");
        let played = async {
            if transcribes {
                self.transcribe(&request, socket, fault).await;
            } else {
                self.speak_on(socket, fault).await;
            }
        };
        tokio::select! {
            () = self.record.lost() => {}
            () = played => {}
        }
    }
}
