//! The WebSocket under a stream: opened as Twilio opens it, with the signature over the address.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;

/// Any byte stream a WebSocket can run over.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open stream.
pub type Socket = WebSocketStream<Box<dyn Wire>>;

/// Why a stream could not be opened, with Twilio's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("twilio error {code}: {reason}")]
pub struct ConnectError {
    /// 31901 timeout, 31902 refused, 31920 handshake not answered with 101.
    pub code: u32,
    /// What happened.
    pub reason: String,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a stream to `url`; `signature` goes into the handshake's `x-twilio-signature`, when there is one.
///
/// # Errors
/// As Twilio reports them: no connection, or an answer other than 101.
pub async fn connect(url: &Url, signature: Option<&str>) -> Result<Socket, ConnectError> {
    connect_with(url, signature, WebSocketConfig::default()).await
}

/// The same with buffers of another size.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    url: &Url,
    signature: Option<&str>,
    config: WebSocketConfig,
) -> Result<Socket, ConnectError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, open(url, signature, config)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError { code: 31901, reason: format!("{url}: no connection within 5 s") }),
    }
}

async fn open(url: &Url, signature: Option<&str>, config: WebSocketConfig) -> Result<Socket, ConnectError> {
    let refused = |reason: String| ConnectError { code: 31902, reason: format!("{url}: {reason}") };
    let host = url.host_str().ok_or_else(|| refused("no host".into()))?;
    let port = url.port_or_known_default().ok_or_else(|| refused("no port".into()))?;
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|error| refused(error.to_string()))?;
    tcp.set_nodelay(true).map_err(|error| refused(error.to_string()))?;
    let wire: Box<dyn Wire> = if url.scheme() == "wss" {
        let config =
            rustls::ClientConfig::with_platform_verifier().map_err(|error| refused(error.to_string()))?;
        let name = rustls::pki_types::ServerName::try_from(host.to_owned())
            .map_err(|error| refused(error.to_string()))?;
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        Box::new(tls.map_err(|error| refused(error.to_string()))?)
    } else {
        Box::new(tcp)
    };
    let handshake = |reason: String| ConnectError { code: 31920, reason: format!("{url}: {reason}") };
    let mut request = url.as_str().into_client_request().map_err(|error| handshake(error.to_string()))?;
    let headers = request.headers_mut();
    headers.insert("user-agent", tungstenite::http::HeaderValue::from_static("Twilio.TmeWs/1.0"));
    if let Some(signature) = signature {
        let value = tungstenite::http::HeaderValue::from_str(signature)
            .map_err(|error| handshake(error.to_string()))?;
        headers.insert("x-twilio-signature", value);
    }
    match tokio_tungstenite::client_async_with_config(request, wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            Err(handshake(format!("the handshake was answered with {}", response.status())))
        }
        Err(error) => Err(handshake(error.to_string())),
    }
}
