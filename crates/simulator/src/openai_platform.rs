//! A stand-in for OpenAI's whole HTTP platform at one address: language models beside sound and vectors, as one base
//! URL of the vendor has them.

use async_trait::async_trait;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use crate::llm::LlmVendor;
use crate::openai_audio::OpenAiAudio;
use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Reply};
use crate::vendor::fault::{Failure, Fault};
use crate::vendor::request::Request;

/// The vendor.
#[derive(Debug)]
pub struct OpenAiPlatform {
    /// Speech, transcription, embeddings.
    pub audio: OpenAiAudio,
    /// Responses or Chat Completions.
    pub language: LlmVendor,
}

#[async_trait]
impl Vendor for OpenAiPlatform {
    fn answer(&self, request: &Request) -> Reply {
        match request.path.as_str() {
            "/v1/responses" | "/v1/chat/completions" => self.language.answer(request),
            "/v1/models" => match self.audio.answer(request) {
                Reply::Http(answer) if answer.status == 200 => {
                    let all = [self.language.models_listed(), self.audio.models_listed()].concat();
                    Answer::json(200, &json!({ "object": "list", "data": all })).into()
                }
                refused => refused,
            },
            path if path.starts_with("/v1/models/") => match self.language.answer(request) {
                Reply::Http(answer) if answer.status == 404 => self.audio.answer(request),
                other => other,
            },
            _ => self.audio.answer(request),
        }
    }

    fn failure(&self, failure: Failure) -> Reply {
        self.audio.failure(failure)
    }

    async fn socket(&self, request: Request, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        self.audio.socket(request, socket, fault).await;
    }
}
