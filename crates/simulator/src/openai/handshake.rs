//! The handshake: who may come in, and to which model.

use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::settings::Settings;

/// The largest message: the vendor takes 15 MiB of audio at once.
const MOST_BYTES: usize = 21 * 1024 * 1024;

/// A client that was let in.
pub(super) struct Admitted {
    pub(super) socket: WebSocketStream<TcpStream>,
    pub(super) model: String,
    /// It speaks the shape that is gone.
    pub(super) beta: bool,
}

/// Answers the handshake. `Err` has the HTTP status of a refusal, or 0 when there was no handshake at all.
pub(super) async fn admit(
    stream: TcpStream,
    settings: &Settings,
    refuse: Option<u16>,
) -> Result<Admitted, u16> {
    let (mut model, mut beta, mut refused) = (String::new(), false, 0);
    #[expect(clippy::result_large_err, reason = "the WebSocket library's own signature")]
    let decide = |request: &Request, response: Response| {
        let verdict = match refuse {
            Some(status) => Err((status, "server_error", "The server had an error.".to_owned())),
            None => judge(request, settings),
        };
        match verdict {
            Ok(found) => {
                model = found;
                beta = request.headers().get("openai-beta").is_some_and(|value| value == "realtime=v1");
                Ok(response)
            }
            Err((status, code, message)) => {
                refused = status;
                Err(refusal(status, code, &message))
            }
        }
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES))
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0);
    match tokio_tungstenite::accept_hdr_async_with_config(stream, decide, Some(config)).await {
        Ok(socket) => Ok(Admitted { socket, model, beta }),
        Err(_) => Err(refused),
    }
}

fn judge(request: &Request, settings: &Settings) -> Result<String, (u16, &'static str, String)> {
    if request.uri().path() != "/v1/realtime" {
        return Err((404, "not_found", format!("Invalid URL (GET {})", request.uri().path())));
    }
    if let Some(key) = &settings.key {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match given.and_then(|value| value.strip_prefix("Bearer ")) {
            None => return Err((401, "missing_api_key", "You didn't provide an API key.".to_owned())),
            Some(given) if given != key => {
                return Err((401, "invalid_api_key", "Incorrect API key provided.".to_owned()));
            }
            Some(_) => {}
        }
    }
    let query = request.uri().query().unwrap_or_default();
    let model = query.split('&').find_map(|pair| pair.strip_prefix("model=")).unwrap_or_default();
    if model.is_empty() {
        return Err((400, "missing_model", "You must provide a model parameter.".to_owned()));
    }
    if !settings.models.iter().any(|known| model.starts_with(known.as_str())) {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err((404, "model_not_found", message));
    }
    Ok(model.to_owned())
}

fn refusal(status: u16, code: &str, message: &str) -> ErrorResponse {
    let body = json!({ "error": { "type": "invalid_request_error", "code": code, "message": message } });
    let mut response = ErrorResponse::new(Some(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
