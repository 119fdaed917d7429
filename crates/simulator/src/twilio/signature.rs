//! `X-Twilio-Signature`: proof that a request comes from the owner of the account's auth token.

use aws_lc_rs::{digest, hmac};

/// Signs a form POST: the exact URL with its query, then every parameter's name and value, sorted by name.
#[must_use]
pub fn sign_form(auth_token: &str, url: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    // Of a repeated name Twilio's own validators take the unique values in order.
    sorted.sort();
    sorted.dedup();
    let mut text = url.to_owned();
    for (name, value) in sorted {
        text.push_str(name);
        text.push_str(value);
    }
    sign(auth_token, &text)
}

/// Signs a request without form: a GET, or the handshake of a WebSocket (whose URL is the `wss://…` of the TwiML).
#[must_use]
pub fn sign_url(auth_token: &str, url: &str) -> String {
    sign(auth_token, url)
}

/// The URL under which Twilio sends (and signs) a JSON body: the body's digest joins the query.
#[must_use]
pub fn url_of_json(url: &str, body: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, body);
    let joint = if url.contains('?') { '&' } else { '?' };
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{url}{joint}bodySHA256={hex}")
}

fn sign(auth_token: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    base64_simd::STANDARD.encode_to_string(hmac::sign(&key, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Vectors on which Twilio's Python and Node libraries agree, for the auth token 12345.
    const TOKEN: &str = "12345";

    #[test]
    fn form_signature_is_twilios() {
        let parameters = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("To", "+18005551212"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = "https://example.com/myapp.php?foo=1&bar=2";
        assert_eq!(sign_form(TOKEN, url, &parameters), "L/OH5YylLD5NRKLltdqwSvS0BnU=");
    }

    #[test]
    fn handshake_signature_is_twilios() {
        assert_eq!(sign_url(TOKEN, "wss://example.com/media-stream"), "XFfwGS2Ev7f9qAP9MmRoMS7C724=");
        assert_ne!(sign_url(TOKEN, "https://example.com/media-stream"), "XFfwGS2Ev7f9qAP9MmRoMS7C724=");
        assert_ne!(sign_url(TOKEN, "wss://example.com/media-stream/"), "XFfwGS2Ev7f9qAP9MmRoMS7C724=");
    }

    #[test]
    fn json_signature_is_twilios() {
        let body = br#"{"property": "value", "boolean": true}"#;
        let url = url_of_json("https://example.com/myapp", body);
        assert_eq!(sign_url(TOKEN, &url), "Klp85180pYIxzIO5cuyxpfh1BKw=");
    }

    #[test]
    fn repeated_parameter_counts_once_per_value() {
        let once = [("A".to_owned(), "1".to_owned()), ("A".to_owned(), "2".to_owned())];
        let twice = [once[1].clone(), once[0].clone(), once[1].clone()];
        assert_eq!(sign_form(TOKEN, "https://x.test/", &once), sign_form(TOKEN, "https://x.test/", &twice));
    }
}
