//! The WebSocket of a session, and what a refused handshake means.

use std::time::Duration;

use provider_traits::error::ProviderError;
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio_rustls::TlsConnector;

use super::provider::{rate_limited, refused, unavailable};
use crate::web_socket::{self, NoSocket};

pub(super) use crate::web_socket::Socket;

/// Connects and shakes hands.
pub(super) async fn connect(
    url: &Url,
    headers: &HeaderMap,
    tls: Option<&TlsConnector>,
) -> Result<Socket, ProviderError> {
    web_socket::connect(url, headers, tls).await.map_err(|failure| match failure {
        NoSocket::Lost(reason) => unavailable(reason),
        NoSocket::Answered { status, retry_after, code } => meaning(status, retry_after, code.as_deref()),
    })
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
}
