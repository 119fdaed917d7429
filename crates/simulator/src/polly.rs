//! A stand-in for Amazon Polly. It checks the signature by a code of its own, and speaks mu-law.

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};

use crate::sounds::hummed_mu_law;
use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Piece, Reply};
use crate::vendor::fault::Failure;
use crate::vendor::request::Request;

/// Mu-law of a piece: 100 ms.
const PIECE: usize = 800;
const FIELDS: [&str; 9] = [
    "Engine",
    "LanguageCode",
    "LexiconNames",
    "OutputFormat",
    "SampleRate",
    "SpeechMarkTypes",
    "Text",
    "TextType",
    "VoiceId",
];

/// The vendor.
#[derive(Debug)]
pub struct Polly {
    /// Whose signature is taken.
    pub access_key_id: String,
    /// The secret it is made with.
    pub secret_access_key: String,
    /// The region that is asked.
    pub region: String,
    /// Voices on a page of the list.
    pub page: usize,
}

impl Default for Polly {
    fn default() -> Self {
        Self {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "polly-test-secret".to_owned(),
            region: "eu-central-1".to_owned(),
            page: 2,
        }
    }
}

/// The voices: name, gender, languages, and whether they are neural.
const VOICES: [(&str, &str, &str, &str, bool); 5] = [
    ("Joanna", "Female", "en-US", "US English", true),
    ("Matthew", "Male", "en-US", "US English", true),
    ("Amy", "Female", "en-GB", "British English", true),
    ("Vicki", "Female", "de-DE", "German", true),
    ("Raveena", "Female", "en-IN", "Indian English", false),
];

fn error(status: u16, code: &str, message: &str) -> Reply {
    Answer::json(status, &json!({ "message": message }))
        .header("x-amzn-errortype", format!("{code}:http://internal/"))
        .into()
}

impl Polly {
    fn speak(&self, request: &Request) -> Reply {
        let Value::Object(body) = request.json() else {
            return error(400, "SerializationException", "no JSON");
        };
        if let Some(field) = body.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            return error(400, "SerializationException", &format!("unknown field {field}"));
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let (Some(words), Some(voice), Some(format)) = (text("Text"), text("VoiceId"), text("OutputFormat"))
        else {
            return error(400, "ValidationException", "Text, VoiceId and OutputFormat are required");
        };
        if format != "mulaw" || text("SampleRate").is_some_and(|rate| rate != "8000") {
            return error(400, "InvalidSampleRateException", "this stand-in only speaks mulaw at 8000");
        }
        let Some((.., neural)) = VOICES.iter().find(|(id, ..)| *id == voice) else {
            return error(400, "ValidationException", "no such voice");
        };
        if text("Engine").unwrap_or("standard") == "neural" && !neural {
            return error(
                400,
                "EngineNotSupportedException",
                "This voice does not support the selected engine",
            );
        }
        if words.chars().count() > 3_000 {
            return error(400, "TextLengthExceededException", "too long");
        }
        let audio = hummed_mu_law(words);
        let pieces =
            audio.chunks(PIECE).map(|piece| Piece { after: Duration::ZERO, bytes: piece.to_vec().into() });
        let answer = Answer::streamed("audio/mulaw", pieces.collect());
        answer.header("x-amzn-requestcharacters", words.chars().count().to_string()).into()
    }

    fn list(&self, request: &Request) -> Reply {
        let neural = request.parameter("Engine") == Some("neural");
        let all: Vec<Value> = VOICES
            .iter()
            .filter(|(.., is_neural)| *is_neural || !neural)
            .map(|(id, gender, language, name, is_neural)| {
                json!({
                    "Id": id, "Name": id, "Gender": gender, "LanguageCode": language, "LanguageName": name,
                    "SupportedEngines": if *is_neural { vec!["neural", "standard"] } else { vec!["standard"] },
                })
            })
            .collect();
        let from = request.parameter("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0_usize);
        let page: Vec<&Value> = all.iter().skip(from).take(self.page).collect();
        let mut document = json!({ "Voices": page });
        if from + self.page < all.len() {
            document["NextToken"] = json!((from + self.page).to_string());
        }
        Answer::json(200, &document).into()
    }

    /// The signature that this request should have, worked out from what came over the wire.
    fn expected(&self, request: &Request, signed: &str, moment: &str, query: &str) -> String {
        let sha = |bytes: &[u8]| lower_hex(digest::digest(&digest::SHA256, bytes).as_ref());
        let mut canonical = format!("{}\n{}\n{query}\n", request.method, request.path);
        for name in signed.split(';') {
            let value = request.header(name).unwrap_or_default();
            canonical
                .push_str(&format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        canonical.push_str(&format!("\n{signed}\n{}", sha(&request.body)));
        let date = moment.get(..8).unwrap_or_default();
        let scope = format!("{date}/{}/polly/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha(canonical.as_bytes()));
        let mac = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        };
        let key = scope
            .split('/')
            .fold(format!("AWS4{}", self.secret_access_key).into_bytes(), |key, part| mac(&key, part));
        lower_hex(&mac(&key, &text))
    }

    fn is_signed(&self, request: &Request) -> bool {
        let part = |name: &str| {
            let header = request.header("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
            header.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let (Some(credential), Some(signed), Some(signature), Some(moment)) =
            (part("Credential"), part("SignedHeaders"), part("Signature"), request.header("x-amz-date"))
        else {
            return false;
        };
        let mut pairs: Vec<String> = request
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        pairs.sort();
        credential.starts_with(&format!("{}/", self.access_key_id))
            && signed.split(';').any(|name| name == "host")
            && self.expected(request, &signed, moment, &pairs.join("&")) == signature
    }
}

fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[async_trait]
impl Vendor for Polly {
    fn answer(&self, request: &Request) -> Reply {
        if !self.is_signed(request) {
            return error(403, "InvalidSignatureException", "The request signature does not match.");
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/speech") => self.speak(request),
            ("GET", "/v1/voices") => self.list(request),
            _ => error(404, "UnknownOperationException", "no such operation"),
        }
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => {
                error(403, "UnrecognizedClientException", "The security token is invalid.")
            }
            Failure::NoCredit => error(403, "AccessDeniedException", "The account is suspended."),
            Failure::RateLimited(after) => match error(429, "TooManyRequestsException", "Rate exceeded") {
                Reply::Http(answer) if after.is_some() => {
                    answer.header("retry-after", after.unwrap_or_default().as_secs().to_string()).into()
                }
                other => other,
            },
            Failure::Server(status) => error(status, "ServiceFailureException", "An unknown condition."),
        }
    }
}
