//! WebSockets to vendors: connecting, shaking hands, and what a refusal says.

mod refusal;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;

use crate::vendor_http::{code_in, retry_after};

/// Any byte stream that a WebSocket can run over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open socket.
pub(crate) type Socket = WebSocketStream<refusal::Whole<Box<dyn Wire>>>;

/// The largest message that is taken. Vendors' are below 100 kB; a second of mu-law is 11 kB of base64.
const MAX_MESSAGE: usize = 2 * 1024 * 1024;
/// Read at once. The default of 128 kB would be most of a call's memory.
const READ_BUFFER: usize = 8 * 1024;

/// Why there is no socket.
#[derive(Debug)]
pub(crate) enum NoSocket {
    /// Nothing that speaks the protocol is there.
    Lost(String),
    /// It answered something else than 101.
    Answered {
        /// HTTP status.
        status: u16,
        /// When it will listen again.
        retry_after: Option<Duration>,
        /// The code of its error.
        code: Option<String>,
    },
}

/// TLS with the certificates that this machine trusts; `None` for an address without TLS.
pub(crate) fn tls_for(url: &Url) -> Result<Option<TlsConnector>, rustls::Error> {
    if url.scheme() != "wss" {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

/// Connects and shakes hands.
pub(crate) async fn connect(
    url: &Url,
    headers: &HeaderMap,
    tls: Option<&TlsConnector>,
) -> Result<Socket, NoSocket> {
    let lost = |reason: String| NoSocket::Lost(reason);
    let host = url.host_str().ok_or_else(|| lost("its address has no host".to_owned()))?;
    let host = host.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or_else(|| lost("its address has no port".to_owned()))?;
    let failed = |error: std::io::Error| lost(format!("no connection: {error}"));
    let tcp = TcpStream::connect((host, port)).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let wire: Box<dyn Wire> = match tls {
        Some(tls) => {
            let name = rustls::pki_types::ServerName::try_from(host.to_owned())
                .map_err(|error| lost(error.to_string()))?;
            let secured = tls.connect(name, tcp).await;
            Box::new(secured.map_err(|error| lost(format!("no secure connection: {error}")))?)
        }
        None => Box::new(tcp),
    };
    let mut request = url.as_str().into_client_request().map_err(|error| lost(error.to_string()))?;
    request.headers_mut().extend(headers.clone());
    // Nothing is gathered before it is written: what waits is late.
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    match tokio_tungstenite::client_async_with_config(request, refusal::Whole::new(wire), Some(config)).await
    {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            Err(NoSocket::Answered {
                status: answer.status().as_u16(),
                retry_after: retry_after(answer.headers()),
                code: code_in(body),
            })
        }
        Err(error) => Err(lost(format!("the handshake failed: {error}"))),
    }
}
