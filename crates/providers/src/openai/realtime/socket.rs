//! The WebSocket of a session, and what a refused handshake means.

use std::time::Duration;

use provider_traits::error::ProviderError;
use reqwest::Url;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;

use super::provider::{rate_limited, refused, unavailable};

/// Any byte stream that a WebSocket can run over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open socket.
pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

/// The largest message that is taken. The vendor's are below 100 kB; a second of mu-law is 11 kB of base64.
const MAX_MESSAGE: usize = 2 * 1024 * 1024;
/// Read at once. The default of 128 kB would be most of a call's memory.
const READ_BUFFER: usize = 8 * 1024;

/// Connects and shakes hands.
pub(super) async fn connect(
    url: &Url,
    headers: &HeaderMap,
    tls: Option<&TlsConnector>,
) -> Result<Socket, ProviderError> {
    let host = url.host_str().ok_or_else(|| unavailable("its address has no host".to_owned()))?;
    let host = host.trim_matches(['[', ']']);
    let port =
        url.port_or_known_default().ok_or_else(|| unavailable("its address has no port".to_owned()))?;
    let failed = |error: std::io::Error| unavailable(format!("no connection: {error}"));
    let tcp = TcpStream::connect((host, port)).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let wire: Box<dyn Wire> = match tls {
        Some(tls) => {
            let name = rustls::pki_types::ServerName::try_from(host.to_owned())
                .map_err(|error| unavailable(error.to_string()))?;
            let secured = tls.connect(name, tcp).await;
            Box::new(secured.map_err(|error| unavailable(format!("no secure connection: {error}")))?)
        }
        None => Box::new(tcp),
    };
    let mut request = url.as_str().into_client_request().map_err(|error| unavailable(error.to_string()))?;
    request.headers_mut().extend(headers.clone());
    // Nothing is gathered before it is written: what waits is late.
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    match tokio_tungstenite::client_async_with_config(request, wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            Err(meaning(answer.status().as_u16(), retry_after(answer.headers()), code_in(body).as_deref()))
        }
        Err(error) => Err(unavailable(format!("the handshake failed: {error}"))),
    }
}

/// What a status other than 101 means. The vendor's words are left out: they repeat a part of the key.
fn meaning(status: u16, retry_after: Option<Duration>, code: Option<&str>) -> ProviderError {
    let mut said = format!("HTTP {status}");
    if let Some(code) = code {
        said = format!("{said} {code}");
    }
    match status {
        // More money is needed, not more patience.
        429 if code == Some("insufficient_quota") => refused(said),
        429 => rate_limited(retry_after),
        400..=499 => refused(said),
        _ => {
            let later = retry_after.map(|wait| format!(", retry after {} s", wait.as_secs()));
            unavailable(said + &later.unwrap_or_default())
        }
    }
}

/// Seconds, or a date, which is of no use for a call in progress.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The code of an error document, when it looks like one.
fn code_in(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        code: String,
    }
    let document: Document = serde_json::from_slice(body).ok()?;
    let code = document.error.code;
    let plain = code.len() <= 60 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_handshake_tells_what_can_be_done_about_it() {
        let check = |status, wait: Option<u64>, code, expect: &str| {
            let said = meaning(status, wait.map(Duration::from_secs), code).to_string();
            assert_eq!(said, expect, "{status} {code:?}");
        };
        let refused = "openai refused the request: HTTP";
        check(401, None, Some("invalid_api_key"), &format!("{refused} 401 invalid_api_key"));
        check(403, None, None, &format!("{refused} 403"));
        check(404, None, Some("model_not_found"), &format!("{refused} 404 model_not_found"));
        check(429, Some(3), Some("insufficient_quota"), &format!("{refused} 429 insufficient_quota"));
        check(429, Some(3), None, "openai is over its rate limit");
        check(503, Some(7), None, "openai is unavailable: HTTP 503, retry after 7 s");
        check(302, None, None, "openai is unavailable: HTTP 302");
        assert!(matches!(
            meaning(429, Some(Duration::from_secs(3)), None),
            ProviderError::RateLimited { retry_after: Some(wait), .. } if wait.as_secs() == 3
        ));
    }

    #[test]
    fn a_code_is_only_taken_from_an_error_document() {
        for (body, expect) in [
            (
                r#"{"error":{"code":"invalid_api_key","message":"Incorrect API key: sk-abc"}}"#,
                Some("invalid_api_key"),
            ),
            (r#"{"error":{"code":null}}"#, None),
            (r#"{"error":{"code":"sk-not a code"}}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(code_in(body.as_bytes()).as_deref(), expect, "{body}");
        }
    }
}
