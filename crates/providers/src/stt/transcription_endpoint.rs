//! `POST …/audio/transcriptions` as OpenAI defined it: spoken by OpenAI and by whoever is compatible.

use audio::wav;
use provider_traits::error::ProviderError;
use provider_traits::stt::SttOutput;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::hints::confidence;
use super::multipart::Form;
use crate::tts::below;
use crate::vendor_http::Vendor;

/// More than a transcript has.
const LONGEST_LINE: usize = 1024 * 1024;

/// Where and how.
#[derive(Clone)]
pub(super) struct TranscriptionEndpoint {
    pub(super) vendor: Vendor,
    /// With the version: `https://api.openai.com/v1`.
    pub(super) base_url: Url,
    pub(super) api_key: Option<SecretString>,
    pub(super) model: String,
    /// Whether words are asked for as they are found.
    pub(super) stream: bool,
    pub(super) http: reqwest::Client,
}

/// What the endpoint is told besides the audio.
#[derive(Debug, Clone, Default)]
pub(super) struct Asking {
    /// ISO 639-1.
    pub(super) language: Option<String>,
    /// Likely words, for models that take a list of them.
    pub(super) keywords: Vec<String>,
    /// Likely words in a sentence, for the others.
    pub(super) prompt: Option<String>,
}

#[derive(Deserialize)]
struct Transcript {
    text: String,
    #[serde(default)]
    logprobs: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
struct Logprob {
    #[serde(default)]
    logprob: Option<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "transcript.text.delta")]
    Delta { delta: String },
    #[serde(rename = "transcript.text.done")]
    Done(Transcript),
    #[serde(rename = "error")]
    Error,
    #[serde(other)]
    Other,
}

impl TranscriptionEndpoint {
    /// The transcript of an utterance; words on the way are told as `Partial`.
    pub(super) async fn transcribe(
        &self,
        utterance: u32,
        samples: &[i16],
        asking: &Asking,
        partials: &mpsc::Sender<SttOutput>,
    ) -> Result<SttOutput, ProviderError> {
        let mut form = Form::new().text("model", &self.model).text("response_format", "json").file(
            "file",
            "utterance.wav",
            "audio/wav",
            &wav_file(samples),
        );
        if self.stream {
            form = form.text("stream", "true");
        }
        if let Some(language) = &asking.language {
            form = form.text("language", language);
        }
        for word in &asking.keywords {
            form = form.text("keywords[]", word);
        }
        if let Some(prompt) = &asking.prompt {
            form = form.text("prompt", prompt);
        }
        let (kind, body) = form.done();
        let url = below(&self.base_url, "audio/transcriptions");
        let mut request = self.http.post(url).header(CONTENT_TYPE, kind).body(body);
        if let Some(key) = &self.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        let transcript = if self.stream {
            let answer = self.vendor.ask(request).await?;
            let streams = answer
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|kind| kind.to_str().ok())
                .is_some_and(|kind| kind.starts_with("text/event-stream"));
            // Models that can't stream answer as if it had not been asked for.
            if streams {
                self.streamed(answer, utterance, partials).await?
            } else {
                self.whole(answer).await?
            }
        } else {
            self.vendor.document(request).await?
        };
        let logs = transcript.logprobs.unwrap_or_default();
        Ok(SttOutput::Final {
            utterance,
            text: transcript.text.trim().to_owned(),
            confidence: confidence(logs.iter().filter_map(|one| one.logprob)),
        })
    }

    async fn whole(&self, mut answer: Response) -> Result<Transcript, ProviderError> {
        let mut body = Vec::new();
        while let Some(piece) = self.vendor.piece(&mut answer).await? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST_LINE {
                return Err(self.vendor.unavailable("its answer is too long"));
            }
        }
        let read = serde_json::from_slice(&body);
        read.map_err(|_unshown| self.vendor.unavailable("its answer is none of the protocol's"))
    }

    async fn streamed(
        &self,
        mut answer: Response,
        utterance: u32,
        partials: &mpsc::Sender<SttOutput>,
    ) -> Result<Transcript, ProviderError> {
        let (mut waiting, mut words) = (Vec::new(), String::new());
        while let Some(piece) = self.vendor.piece(&mut answer).await? {
            waiting.extend_from_slice(&piece);
            while let Some(end) = waiting.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = waiting.drain(..=end).collect();
                let Some(data) = line.strip_prefix(b"data:") else { continue };
                let data = data.trim_ascii();
                if data == b"[DONE]" {
                    continue;
                }
                let event = serde_json::from_slice(data)
                    .map_err(|_unshown| self.vendor.unavailable("its answer is none of the protocol's"))?;
                match event {
                    Event::Delta { delta } => {
                        words.push_str(&delta);
                        let text = words.trim().to_owned();
                        // One that finds no room is superseded by the next.
                        let _superseded = partials.try_send(SttOutput::Partial { utterance, text });
                    }
                    Event::Done(transcript) => return Ok(transcript),
                    Event::Error => return Err(self.vendor.unavailable("it failed in mid-answer")),
                    Event::Other => {}
                }
            }
            if waiting.len() > LONGEST_LINE {
                return Err(self.vendor.unavailable("its answer is too long"));
            }
        }
        Err(self.vendor.unavailable("cut off: the transcript was not finished"))
    }
}

/// 8 kHz mono.
fn wav_file(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut file = wav::header(8_000, 1, bytes).to_vec();
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
