//! A request as the receiver got it.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::{Webhook, WebhookError};

/// A request.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// A request that is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub enum Unverified {
    /// The signature does not fit.
    #[error("the signature does not fit: {0}")]
    Signature(#[from] WebhookError),
    /// The body is no JSON.
    #[error("the body is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Received {
    /// A header's text; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The id by which repetitions are told.
    #[must_use]
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Verifies the request as an integrator would, with the published library and the machine's clock, and reads
    /// its body.
    ///
    /// # Errors
    /// [`Unverified`].
    pub fn verify(&self, secret: &str) -> Result<serde_json::Value, Unverified> {
        Webhook::new(secret)?.verify(&self.body, &self.headers)?;
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// Reads the head of a request: its path, its headers and where the body begins. `None` while it is not complete.
pub(super) fn head(bytes: &[u8]) -> Option<(String, HeaderMap, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(name, value)| {
            Some((name.trim().parse::<HeaderName>().ok()?, value.trim().parse::<HeaderValue>().ok()?))
        })
        .collect();
    Some((path, headers, end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        assert!(head(b"POST /a HTTP/1.1\r\nHost: x\r\n").is_none());
        let (path, headers, body) =
            head(b"POST /a?b HTTP/1.1\r\nWebhook-Id: evt_1\r\n\r\n{}").expect("a head");
        assert_eq!((path.as_str(), headers["webhook-id"].as_bytes(), body), ("/a?b", &b"evt_1"[..], 41));
    }
}
