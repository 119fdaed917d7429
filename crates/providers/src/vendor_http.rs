//! What an HTTP answer of a vendor means for whoever asked, and the safety nets around asking.
//!
//! Deadlines that matter to a call, retries and breakers are the business of the layers around a provider; the nets
//! here only keep a request that nobody watches from hanging for ever.

use std::time::Duration;

use bytes::Bytes;
use provider_traits::error::ProviderError;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// Until the head of an answer is there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Between two pieces of a body.
const GOES_ON_WITHIN: Duration = Duration::from_secs(30);
/// The most that is read of an error's document.
const ERROR_BYTES: usize = 64 * 1024;
/// The most that is read of a document.
const DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vendor {
    /// Provider id.
    pub(crate) id: &'static str,
    /// The setting with the model's id: named when the vendor does not know the model any more.
    pub(crate) model_setting: &'static str,
}

impl Vendor {
    pub(crate) fn unavailable(self, reason: impl Into<String>) -> ProviderError {
        ProviderError::Unavailable { provider: self.id, reason: reason.into() }
    }

    pub(crate) fn refused(self, reason: impl Into<String>) -> ProviderError {
        ProviderError::Refused { provider: self.id, reason: reason.into() }
    }

    pub(crate) fn invalid(self, reason: impl Into<String>) -> ProviderError {
        ProviderError::Invalid { provider: self.id, reason: reason.into() }
    }

    pub(crate) fn timeout(self, waited: Duration) -> ProviderError {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        ProviderError::Timeout { provider: self.id, waited_ms }
    }

    pub(crate) fn rate_limited(self, retry_after: Option<Duration>) -> ProviderError {
        ProviderError::RateLimited { provider: self.id, retry_after }
    }

    /// A model that the vendor does not serve (any more).
    pub(crate) fn unknown_model(self, said: &str) -> ProviderError {
        self.refused(format!(
            "{said}: it does not serve the configured model (any more); change {}",
            self.model_setting
        ))
    }

    /// What an answer that is no success means. The vendor's words are left out: they may repeat a key or what a
    /// caller said. Its code says enough.
    pub(crate) fn meaning(
        self,
        status: u16,
        retry_after: Option<Duration>,
        code: Option<&str>,
    ) -> ProviderError {
        let said = code.map_or_else(|| format!("HTTP {status}"), |code| format!("HTTP {status} {code}"));
        let code = code.unwrap_or_default();
        let asks_for_patience = code.starts_with("Throttl") || code == "TooManyRequestsException";
        match status {
            // More money is needed, not more patience.
            429 if is_quota(code) => self.refused(said),
            429 => self.rate_limited(retry_after),
            400 if asks_for_patience => self.rate_limited(retry_after),
            // An agent's choice, and nothing to say of the vendor: another agent's voice may be there.
            400 | 404 | 422 if is_about_the_voice(code) => self.invalid(said),
            400 if is_about_the_key(code) => self.refused(said),
            400 | 403 | 404 | 410 | 422 if is_about_the_model(code) => self.unknown_model(&said),
            401..=403 => self.refused(said),
            // Nothing that we said is wrong, but where we said it: the address, or a model or voice in it.
            404 | 405 | 410 => self.refused(format!("{said}: check its address, and {}", self.model_setting)),
            408 | 409 | 425 => self.unavailable(said),
            400..=499 => self.invalid(said),
            _ => self.unavailable(said),
        }
    }

    /// What a refused handshake of a socket means. Nothing of a caller's is in it: what the vendor does not like there
    /// is our configuration, and another provider will do better.
    pub(crate) fn meaning_of_handshake(
        self,
        status: u16,
        retry_after: Option<Duration>,
        code: Option<&str>,
    ) -> ProviderError {
        match self.meaning(status, retry_after, code) {
            ProviderError::Invalid { reason, .. } if !code.is_some_and(is_about_the_voice) => {
                self.refused(format!("{reason}: check {}", self.model_setting))
            }
            other => other,
        }
    }

    /// What a request that got no answer means.
    pub(crate) fn no_answer(self, error: reqwest::Error) -> ProviderError {
        self.unavailable(chain(&error.without_url()))
    }

    /// Asks, and returns the head of a successful answer.
    pub(crate) async fn ask(self, request: RequestBuilder) -> Result<Response, ProviderError> {
        let answer = self.head(request).await?;
        self.judged(answer).await
    }

    async fn head(self, request: RequestBuilder) -> Result<Response, ProviderError> {
        tokio::time::timeout(ANSWERS_WITHIN, request.send())
            .await
            .map_err(|_elapsed| self.timeout(ANSWERS_WITHIN))?
            .map_err(|error| self.no_answer(error))
    }

    async fn judged(self, answer: Response) -> Result<Response, ProviderError> {
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, retry_after) = (answer.status().as_u16(), retry_after(answer.headers()));
        let header = code_in_header(answer.headers());
        let body = self.read(answer, ERROR_BYTES).await.unwrap_or_default();
        let code = header.or_else(|| code_in(&body));
        Err(self.meaning(status, retry_after, code.as_deref()))
    }

    /// The next piece of a body; `None` at its sound end. A body that is shorter than was promised is an error.
    pub(crate) async fn piece(self, answer: &mut Response) -> Result<Option<Bytes>, ProviderError> {
        tokio::time::timeout(GOES_ON_WITHIN, answer.chunk())
            .await
            .map_err(|_elapsed| self.timeout(GOES_ON_WITHIN))?
            .map_err(|error| self.unavailable(format!("cut off: {}", chain(&error.without_url()))))
    }

    async fn read(self, mut answer: Response, most: usize) -> Result<Vec<u8>, ProviderError> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut answer).await? {
            if body.len() + piece.len() > most {
                return Err(self.unavailable("its answer is too long"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// Asks for a JSON document.
    pub(crate) async fn document<T: serde::de::DeserializeOwned>(
        self,
        request: RequestBuilder,
    ) -> Result<T, ProviderError> {
        let answer = self.ask(request).await?;
        self.read_document(answer).await
    }

    /// Asks for a JSON document that may not be there (404).
    pub(crate) async fn document_if_any<T: serde::de::DeserializeOwned>(
        self,
        request: RequestBuilder,
    ) -> Result<Option<T>, ProviderError> {
        let answer = self.head(request).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.judged(answer).await?;
        self.read_document(answer).await.map(Some)
    }

    async fn read_document<T: serde::de::DeserializeOwned>(
        self,
        answer: Response,
    ) -> Result<T, ProviderError> {
        let body = self.read(answer, DOCUMENT_BYTES).await?;
        // The text of the error may repeat what the document says.
        serde_json::from_slice(&body).map_err(|error| {
            self.unavailable(format!("its answer is none of the protocol's (line {})", error.line()))
        })
    }
}

/// An error with its causes, which is where reqwest tells what went wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said
}

fn is_quota(code: &str) -> bool {
    ["insufficient_quota", "quota_exceeded", "billing_hard_limit_reached"].contains(&code)
}

fn is_about_the_voice(code: &str) -> bool {
    code.starts_with("voice_")
}

fn is_about_the_model(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    // Amazon's models are engines.
    ["model_", "invalid_model", "unsupported_model", "enginenotsupported"]
        .iter()
        .any(|start| code.starts_with(start))
}

/// Amazon says some of that with 400.
fn is_about_the_key(code: &str) -> bool {
    ["ExpiredToken", "UnrecognizedClient", "IncompleteSignature", "InvalidSignature"]
        .iter()
        .any(|start| code.starts_with(start))
}

/// `retry-after-ms` in milliseconds, `retry-after` in seconds. A date is of no use to a call in progress.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |value: &reqwest::header::HeaderValue| value.to_str().ok()?.trim().parse::<f64>().ok();
    let sound = |seconds: f64| (seconds.is_finite() && seconds >= 0.0).then_some(seconds.min(86_400.0));
    let exact = headers.get("retry-after-ms").and_then(number).map(|ms| ms / 1_000.0);
    let usual = || headers.get(RETRY_AFTER).and_then(number);
    exact.or_else(usual).and_then(sound).map(Duration::from_secs_f64)
}

/// The code of an error document, when it looks like one. Vendors put it in different places.
pub(crate) fn code_in(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let places = [
        "/error/code",
        "/error/type",
        "/detail/code",
        "/detail/status",
        "/detail/0/type",
        "/err_code",
        "/__type",
        "/code",
    ];
    places.iter().filter_map(|place| document.pointer(place)?.as_str()).find_map(plain)
}

/// Amazon's, in a header: `ThrottlingException:http://…`.
fn code_in_header(headers: &HeaderMap) -> Option<String> {
    plain(headers.get("x-amzn-errortype")?.to_str().ok()?.split(':').next()?)
}

/// A word, and nothing that could be a key or somebody's speech.
fn plain(code: &str) -> Option<String> {
    let code = code.rsplit('#').next().unwrap_or(code);
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || b == b'-';
    let fits = !code.is_empty() && code.len() <= 60 && code.bytes().all(is_word);
    (fits && !code.starts_with("sk-") && !code.starts_with("sk_")).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: Vendor = Vendor { id: "test", model_setting: "test.model" };

    #[test]
    fn an_answer_tells_what_can_be_done_about_it() {
        for (status, wait, code, expect) in [
            (401, None, Some("invalid_api_key"), "test refused the request: HTTP 401 invalid_api_key"),
            (402, None, None, "test refused the request: HTTP 402"),
            (403, None, None, "test refused the request: HTTP 403"),
            (429, Some(3), None, "test is over its rate limit"),
            (
                429,
                Some(3),
                Some("insufficient_quota"),
                "test refused the request: HTTP 429 insufficient_quota",
            ),
            (400, None, Some("ThrottlingException"), "test is over its rate limit"),
            (
                400,
                None,
                Some("max_character_limit_exceeded"),
                "test can't do this: HTTP 400 max_character_limit_exceeded",
            ),
            (404, None, None, "test refused the request: HTTP 404: check its address, and test.model"),
            (422, None, None, "test can't do this: HTTP 422"),
            (404, None, Some("voice_not_found"), "test can't do this: HTTP 404 voice_not_found"),
            (408, None, None, "test is unavailable: HTTP 408"),
            (500, None, Some("server_error"), "test is unavailable: HTTP 500 server_error"),
            (302, None, None, "test is unavailable: HTTP 302"),
        ] {
            let said = VENDOR.meaning(status, wait.map(Duration::from_secs), code).to_string();
            assert_eq!(said, expect);
        }
        let handshake = |code| VENDOR.meaning_of_handshake(404, None, code);
        assert!(matches!(handshake(None), ProviderError::Refused { .. }));
        assert!(matches!(handshake(Some("voice_not_found")), ProviderError::Invalid { .. }));
        for code in ["model_not_found", "model_deprecated", "invalid_model", "unsupported_model"] {
            let error = VENDOR.meaning(404, None, Some(code));
            assert!(
                matches!(&error, ProviderError::Refused { reason, .. } if reason.ends_with("test.model")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wait_is_read_in_milliseconds_or_seconds() {
        let wait = |name: &'static str, value: &str| {
            let headers: HeaderMap =
                [(reqwest::header::HeaderName::from_static(name), value.parse().unwrap())]
                    .into_iter()
                    .collect();
            retry_after(&headers).map(|wait| wait.as_millis())
        };
        assert_eq!(wait("retry-after", "2"), Some(2_000));
        assert_eq!(wait("retry-after", "0.5"), Some(500));
        assert_eq!(wait("retry-after-ms", "750"), Some(750));
        assert_eq!(wait("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(wait("retry-after", "-1"), None);
        assert_eq!(wait("retry-after", "inf"), None);
    }

    #[test]
    fn a_code_is_taken_from_where_each_vendor_has_it() {
        for (body, expect) in [
            (
                r#"{"error":{"code":"invalid_api_key","message":"Incorrect API key: sk-abc"}}"#,
                Some("invalid_api_key"),
            ),
            (r#"{"error":{"code":null,"type":"server_error"}}"#, Some("server_error")),
            (
                r#"{"detail":{"type":"x","code":"rate_limit_exceeded","status":"old"}}"#,
                Some("rate_limit_exceeded"),
            ),
            (r#"{"detail":{"status":"voice_not_found"}}"#, Some("voice_not_found")),
            (r#"{"detail":[{"loc":["body"],"msg":"m","type":"missing"}]}"#, Some("missing")),
            (r#"{"detail":"Something went wrong"}"#, None),
            (r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}"#, Some("INVALID_AUTH")),
            (r#"{"__type":"com.amazon.coral#AccessDeniedException"}"#, Some("AccessDeniedException")),
            (r#"{"error":{"code":"sk-abcdef"}}"#, None),
            (r#"{"error":{"code":"what the caller said"}}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(code_in(body.as_bytes()).as_deref(), expect, "{body}");
        }
    }
}
