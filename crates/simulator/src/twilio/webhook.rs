//! Requests as Twilio sends them: form fields, signature, idempotency token, deadlines.

use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::signature;
use super::twiml::{MAX_DOCUMENT_BYTES, TwimlError};

/// Twilio waits this long for a webhook, connecting and reading included.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// The account in whose name calls are made.
#[derive(Clone)]
pub struct Account {
    /// `AC…`.
    pub sid: String,
    /// Signs every request.
    pub auth_token: String,
}

/// Where the server is: the address it is reached at and the one it believes to have.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Connected to, such as `http://127.0.0.1:3000`.
    pub base: Url,
    /// Signed, such as `https://voice.example.com`; what the server's configuration calls its public address.
    pub public: Url,
}

impl Endpoint {
    /// A server that is reached at its public address.
    ///
    /// # Errors
    /// When `base` is not an `http` or `https` address.
    pub fn direct(base: &str) -> Result<Self, TwimlError> {
        let base = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| TwimlError::new(11100, format!("{base:?} is not the address of a server")))?;
        Ok(Self { public: base.clone(), base })
    }

    /// The address to connect to for one that names the public host; others stay as they are.
    #[must_use]
    pub fn route(&self, url: &Url) -> Url {
        let public = |u: &Url| (u.host_str().map(str::to_owned), u.port_or_known_default());
        if public(url) != public(&self.public) || public(&self.base) == public(&self.public) {
            return url.clone();
        }
        let secure = self.base.scheme() == "https";
        let scheme = match (url.scheme(), secure) {
            ("ws" | "wss", true) => "wss",
            ("ws" | "wss", false) => "ws",
            (_, true) => "https",
            (_, false) => "http",
        };
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = self.base.host_str().unwrap_or_default();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Url::parse(&format!("{scheme}://{host}{port}{}{query}", url.path())).unwrap_or_else(|_| url.clone())
    }
}

/// What came back for a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
    /// The `Content-Type` without parameters.
    pub content_type: String,
    /// From sending to the last byte.
    pub took: Duration,
}

/// Sends webhooks of one account to one server.
#[derive(Clone)]
pub struct Webhooks {
    http: reqwest::Client,
    account: Account,
    endpoint: Endpoint,
    others: Vec<Url>,
}

impl Webhooks {
    /// The client should have no deadline shorter than 15 s and follow no redirects.
    #[must_use]
    pub fn new(http: reqwest::Client, account: Account, endpoint: Endpoint) -> Self {
        Self { http, account, endpoint, others: Vec::new() }
    }

    /// Further servers behind the same public address: whichever first takes a request has it, as behind a load
    /// balancer. One that refuses the connection, or answers 502 or 503, does not take it.
    #[must_use]
    pub fn with_others(mut self, others: Vec<Url>) -> Self {
        self.others = others;
        self
    }

    /// The addresses to try, in order, for one that names the public host.
    #[must_use]
    pub fn routes(&self, url: &Url) -> Vec<Url> {
        let others = self.others.iter().map(|base| {
            let endpoint = Endpoint { base: base.clone(), public: self.endpoint.public.clone() };
            endpoint.route(url)
        });
        let mut routes = vec![self.endpoint.route(url)];
        routes.extend(others);
        routes.dedup();
        routes
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The server.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends one request. `token` is the same for all repetitions of a request.
    ///
    /// # Errors
    /// 11200 when there is no complete answer in time.
    pub async fn send(
        &self,
        url: &Url,
        get: bool,
        fields: &[(String, String)],
        token: &str,
    ) -> Result<Answer, TwimlError> {
        let started = Instant::now();
        let work = async {
            let mut url = url.clone();
            // The fragment carries overrides for Twilio itself; it is neither sent nor signed.
            url.set_fragment(None);
            if get {
                url.query_pairs_mut().extend_pairs(fields);
            }
            let mut response = None;
            for route in self.routes(&url) {
                let request = if get {
                    let signature = signature::sign_url(&self.account.auth_token, url.as_str());
                    self.http.get(route).header("X-Twilio-Signature", signature)
                } else {
                    let signature = signature::sign_form(&self.account.auth_token, url.as_str(), fields);
                    self.http.post(route).header("X-Twilio-Signature", signature).form(fields)
                };
                let answer = request
                    .header("I-Twilio-Idempotency-Token", token)
                    .header("User-Agent", "TwilioProxy/1.1")
                    .header("Accept", "*/*")
                    .send()
                    .await;
                let is_taken =
                    answer.as_ref().is_ok_and(|answer| !matches!(answer.status().as_u16(), 502 | 503));
                response = Some(answer);
                if is_taken {
                    break;
                }
            }
            let Some(response) = response.transpose()? else { return Ok(None) };
            let status = response.status().as_u16();
            let content_type = response
                .headers()
                .get("content-type")
                .and_then(|value| value.to_str().ok())
                .map(|value| value.split(';').next().unwrap_or_default().trim().to_lowercase())
                .unwrap_or_default();
            let body = response.text().await?;
            Ok::<_, reqwest::Error>(Some(Answer { status, body, content_type, took: started.elapsed() }))
        };
        match tokio::time::timeout(WEBHOOK_TIMEOUT, work).await {
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Ok(None)) => Err(TwimlError::new(11200, format!("there is no server for {url}"))),
            Ok(Err(error)) => Err(TwimlError::new(11200, format!("no answer from {url}: {error}"))),
            Err(_) => Err(TwimlError::new(11200, format!("no answer from {url} within 15 s"))),
        }
    }

    /// Fetches a TwiML document.
    ///
    /// # Errors
    /// 11200 for a status other than 200 to 299, 12300 for a content type that is not XML, 11750 when too big.
    pub async fn document(
        &self,
        url: &Url,
        get: bool,
        fields: &[(String, String)],
        token: &str,
    ) -> Result<Answer, TwimlError> {
        let answer = self.send(url, get, fields, token).await?;
        if !(200..300).contains(&answer.status) {
            return Err(TwimlError::new(11200, format!("{url} answered with status {}", answer.status)));
        }
        if answer.body.len() > MAX_DOCUMENT_BYTES {
            return Err(TwimlError::new(11750, format!("{url} answered with {} bytes", answer.body.len())));
        }
        if !matches!(answer.content_type.as_str(), "text/xml" | "application/xml") {
            let kind = &answer.content_type;
            return Err(TwimlError::new(12300, format!("{url} answered with content type {kind:?}")));
        }
        Ok(answer)
    }
}

/// What Twilio plays.
const AUDIO: &[&str] = &["audio/mpeg", "audio/wav", "audio/wave", "audio/x-wav", "audio/basic", "audio/ulaw"];

impl Webhooks {
    /// Fetches a file that is to be played.
    ///
    /// # Errors
    /// 11200 for a status other than 200 to 299, 12300 for a content type that is no audio.
    pub async fn audio(&self, url: &Url) -> Result<(), TwimlError> {
        let answer = self.send(url, true, &[], &new_sid("")).await?;
        if !(200..300).contains(&answer.status) {
            return Err(TwimlError::new(11200, format!("{url} answered with status {}", answer.status)));
        }
        if !AUDIO.contains(&answer.content_type.as_str()) || answer.body.is_empty() {
            let kind = &answer.content_type;
            return Err(TwimlError::new(12300, format!("{url} answered with content type {kind:?}")));
        }
        Ok(())
    }
}

/// A new SID: two letters and 32 hexadecimal digits.
#[must_use]
pub fn new_sid(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::random::<u128>())
}

/// The fields that come with every voice webhook of a call.
#[must_use]
pub fn call_fields(
    account_sid: &str,
    call_sid: &str,
    from: &str,
    to: &str,
    status: &str,
) -> Vec<(String, String)> {
    let mut fields: Vec<(&str, &str)> = vec![
        ("AccountSid", account_sid),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call_sid),
        ("CallStatus", status),
        ("Direction", "inbound"),
        ("From", from),
        ("Caller", from),
        ("To", to),
        ("Called", to),
        ("StirVerstat", "TN-Validation-Passed-A"),
    ];
    // Twilio fills these from the numbering plan; empty strings are what it sends when it doesn't know.
    for side in ["From", "Caller", "To", "Called"] {
        fields.extend(match side {
            "From" => [("FromCity", ""), ("FromState", "OH"), ("FromZip", ""), ("FromCountry", "US")],
            "Caller" => {
                [("CallerCity", ""), ("CallerState", "OH"), ("CallerZip", ""), ("CallerCountry", "US")]
            }
            "To" => [("ToCity", ""), ("ToState", "OH"), ("ToZip", ""), ("ToCountry", "US")],
            _ => [("CalledCity", ""), ("CalledState", "OH"), ("CalledZip", ""), ("CalledCountry", "US")],
        });
    }
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_address_is_signed_and_the_local_one_connected() {
        let endpoint = Endpoint {
            base: Url::parse("http://127.0.0.1:3000").expect("a URL"),
            public: Url::parse("https://voice.example.com").expect("a URL"),
        };
        let check = |from: &str, to: &str| {
            assert_eq!(endpoint.route(&Url::parse(from).expect("a URL")).as_str(), to);
        };
        check(
            "https://voice.example.com/api/voice/inbound?a=1",
            "http://127.0.0.1:3000/api/voice/inbound?a=1",
        );
        check("wss://voice.example.com/api/voice/media", "ws://127.0.0.1:3000/api/voice/media");
        check("https://elsewhere.example.com/x", "https://elsewhere.example.com/x");
    }

    #[test]
    fn sid_has_twilios_form() {
        let sid = new_sid("CA");
        assert_eq!(sid.len(), 34);
        assert_ne!(sid, new_sid("CA"));
    }
}
