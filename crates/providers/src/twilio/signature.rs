//! `X-Twilio-Signature`: who asks is Twilio, and nobody changed what it asks.
//!
//! Base64 of HMAC-SHA1 under the account's auth token, over the URL exactly as Twilio was given it and, for
//! a form, its fields sorted by name. The signature carries no time: replay is met by idempotency tokens
//! and one-time tickets, not here.

use aws_lc_rs::{constant_time, digest, hmac};

use super::form::Form;

/// Why a request is not believed to come from Twilio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature at all.
    #[error("the request is not signed")]
    Missing,
    /// There is one, and it fits none of our auth tokens.
    #[error("the signature does not fit the request")]
    Mismatch,
    /// The URL's `bodySHA256` is absent or is not the body's.
    #[error("the body does not fit the signed URL")]
    Body,
}

/// An auth token that can't be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Twilio auth token is empty")]
pub struct EmptyToken;

/// Checks signatures against the account's auth tokens. There is no value of it that accepts everything.
#[derive(Debug, Clone)]
pub struct SignatureVerifier {
    keys: Vec<hmac::Key>,
}

impl SignatureVerifier {
    /// A verifier for the primary auth token and, while tokens are rotated, the secondary one.
    ///
    /// # Errors
    /// When a token is empty, which would accept what anybody can sign.
    pub fn new(primary: &str, secondary: Option<&str>) -> Result<Self, EmptyToken> {
        let keys = [Some(primary), secondary].into_iter().flatten().map(key).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Checks a form POST. `url` is the URL as configured at Twilio, with its query.
    ///
    /// # Errors
    /// When the signature is absent or wrong.
    pub fn verify_form(
        &self,
        url: &str,
        form: &Form,
        signature: Option<&[u8]>,
    ) -> Result<(), SignatureError> {
        self.verify(url, &sorted_fields(form), signature)
    }

    /// Checks a GET.
    ///
    /// # Errors
    /// When the signature is absent or wrong.
    pub fn verify_get(&self, url: &str, signature: Option<&[u8]>) -> Result<(), SignatureError> {
        self.verify(url, &[], signature)
    }

    /// Checks the handshake of a WebSocket. `url` is the `wss://…` (or `ws://…`) text of the TwiML.
    ///
    /// # Errors
    /// When the signature is absent or wrong.
    pub fn verify_handshake(&self, url: &str, signature: Option<&[u8]>) -> Result<(), SignatureError> {
        self.verify(url, &[], signature)
    }

    /// Checks a JSON POST: the signature covers the URL, whose `bodySHA256` covers the body.
    ///
    /// # Errors
    /// When the signature is absent or wrong, or the body is another.
    pub fn verify_json(
        &self,
        url: &str,
        body: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<(), SignatureError> {
        self.verify(url, &[], signature)?;
        let query = url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
        let claimed = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("bodySHA256="))
            .and_then(|text| hex::decode(text).ok())
            .ok_or(SignatureError::Body)?;
        let actual = digest::digest(&digest::SHA256, body);
        constant_time::verify_slices_are_equal(&claimed, actual.as_ref()).map_err(|_| SignatureError::Body)
    }

    fn verify(&self, url: &str, fields: &[u8], signature: Option<&[u8]>) -> Result<(), SignatureError> {
        let signature = signature.filter(|text| !text.is_empty()).ok_or(SignatureError::Missing)?;
        let signature =
            base64_simd::STANDARD.decode_to_vec(signature).map_err(|_| SignatureError::Mismatch)?;
        for url in spellings(url) {
            let signed = [url.as_bytes(), fields].concat();
            // `hmac::verify` compares in constant time.
            if self.keys.iter().any(|key| hmac::verify(key, &signed, &signature).is_ok()) {
                return Ok(());
            }
        }
        Err(SignatureError::Mismatch)
    }
}

/// Signs as Twilio does: for stand-ins and for checking one's own set-up. Without a form, as for a GET or a
/// WebSocket handshake.
///
/// # Errors
/// When the token is empty.
pub fn sign(auth_token: &str, url: &str, form: Option<&Form>) -> Result<String, EmptyToken> {
    let key = key(auth_token)?;
    let signed = [url.as_bytes(), &form.map(sorted_fields).unwrap_or_default()].concat();
    Ok(base64_simd::STANDARD.encode_to_string(hmac::sign(&key, &signed)))
}

fn key(token: &str) -> Result<hmac::Key, EmptyToken> {
    if token.is_empty() {
        return Err(EmptyToken);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes()))
}

/// Names and values one after the other, sorted by name, equal pairs once (as Twilio's own libraries do).
fn sorted_fields(form: &Form) -> Vec<u8> {
    let mut fields: Vec<_> = form.fields().collect();
    fields.sort_unstable();
    fields.dedup();
    fields.into_iter().flat_map(|(name, value)| [name, value].concat()).collect()
}

/// The URL as it is, and with and without its port: Twilio's products disagree on which of them they sign
/// (its Python library tries them too; 443 for `https`, 80 for everything else, even `wss`).
/// The fragment, which holds connection settings, is never signed.
fn spellings(url: &str) -> Vec<String> {
    let url = url.split('#').next().unwrap_or(url);
    let mut spellings = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return spellings;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host_start = authority.rfind('@').map_or(0, |at| at + 1);
    // A colon inside the brackets of an IPv6 address is no port.
    let after_brackets = authority.rfind(']').unwrap_or(host_start);
    match authority[after_brackets..].find(':') {
        Some(colon) => spellings.push(format!("{scheme}://{}{path}", &authority[..after_brackets + colon])),
        None => {
            let ports: &[u16] = match scheme {
                "https" => &[443],
                "wss" => &[443, 80],
                _ => &[80],
            };
            spellings.extend(ports.iter().map(|port| format!("{scheme}://{authority}:{port}{path}")));
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345";
    const FORM_URL: &str = "https://example.com/myapp.php?foo=1&bar=2";
    const FORM: [(&str, &str); 5] = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ];
    const FORM_SIGNATURE: &str = "L/OH5YylLD5NRKLltdqwSvS0BnU=";
    const WS_SIGNATURE: &str = "XFfwGS2Ev7f9qAP9MmRoMS7C724=";
    const JSON_BODY: &[u8] = br#"{"property": "value", "boolean": true}"#;
    const JSON_SIGNATURE: &str = "Klp85180pYIxzIO5cuyxpfh1BKw=";

    fn verifier() -> SignatureVerifier {
        SignatureVerifier::new(TOKEN, None).expect("a token")
    }

    fn form(url: &str, fields: &[(&str, &str)], signature: &str) -> Result<(), SignatureError> {
        verifier().verify_form(url, &fields.iter().copied().collect(), Some(signature.as_bytes()))
    }

    fn json_url(body: &[u8]) -> String {
        let hash = digest::digest(&digest::SHA256, body);
        format!("https://example.com/myapp?bodySHA256={}", hex::encode(hash))
    }

    #[test]
    fn published_vectors_hold() {
        assert_eq!(form(FORM_URL, &FORM, FORM_SIGNATURE), Ok(()));
        let handshake =
            verifier().verify_handshake("wss://example.com/media-stream", Some(WS_SIGNATURE.as_bytes()));
        assert_eq!(handshake, Ok(()));
        let json = verifier().verify_json(&json_url(JSON_BODY), JSON_BODY, Some(JSON_SIGNATURE.as_bytes()));
        assert_eq!(json, Ok(()));
    }

    #[test]
    fn what_we_sign_is_what_the_vectors_say() {
        assert_eq!(sign(TOKEN, FORM_URL, Some(&FORM.into_iter().collect())).as_deref(), Ok(FORM_SIGNATURE));
        assert_eq!(sign(TOKEN, "wss://example.com/media-stream", None).as_deref(), Ok(WS_SIGNATURE));
    }

    #[test]
    fn order_of_fields_does_not_matter_but_every_field_does() {
        let mut fields = FORM;
        fields.reverse();
        assert_eq!(form(FORM_URL, &fields, FORM_SIGNATURE), Ok(()));
        assert_eq!(form(FORM_URL, &FORM[1..], FORM_SIGNATURE), Err(SignatureError::Mismatch));
        fields[0].1 = "+18005551213";
        assert_eq!(form(FORM_URL, &fields, FORM_SIGNATURE), Err(SignatureError::Mismatch));
    }

    #[test]
    fn repeated_names_count_once_per_value_in_sorted_order() {
        let url = "https://example.com/hook";
        // Signed text by the rule: URL, then `a1a2b0`.
        let expect = sign(TOKEN, "https://example.com/hooka1a2b0", None).expect("a token");
        assert_eq!(form(url, &[("a", "2"), ("b", "0"), ("a", "1"), ("a", "2")], &expect), Ok(()));
    }

    #[test]
    fn another_url_fails() {
        for url in [
            "https://example.com/myapp.php?foo=1",
            "http://example.com/myapp.php?foo=1&bar=2",
            "https://example.com/myapp.php/?foo=1&bar=2",
            "https://example.org/myapp.php?foo=1&bar=2",
            "https://example.com:8443/other?foo=1&bar=2",
            "",
        ] {
            assert_eq!(form(url, &FORM, FORM_SIGNATURE), Err(SignatureError::Mismatch), "{url}");
        }
        for url in ["https://example.com/media-stream", "wss://example.com/media-stream/"] {
            let answer = verifier().verify_handshake(url, Some(WS_SIGNATURE.as_bytes()));
            assert_eq!(answer, Err(SignatureError::Mismatch), "{url}");
        }
    }

    #[test]
    fn port_may_be_written_or_not() {
        assert_eq!(form("https://example.com:443/myapp.php?foo=1&bar=2", &FORM, FORM_SIGNATURE), Ok(()));
        assert_eq!(form("https://example.com:8443/myapp.php?foo=1&bar=2", &FORM, FORM_SIGNATURE), Ok(()));
        for (ours, theirs) in [
            ("https://h/x", "https://h:443/x"),
            ("wss://h/x", "wss://h:443/x"),
            ("wss://h/x", "wss://h:80/x"),
            ("ws://h", "ws://h:80"),
            ("https://[::1]/x", "https://[::1]:443/x"),
            ("https://[::1]:3000/x", "https://[::1]/x"),
            ("https://u:p@h/x", "https://u:p@h:443/x"),
        ] {
            let signature = sign(TOKEN, theirs, None).expect("a token");
            assert_eq!(verifier().verify_get(ours, Some(signature.as_bytes())), Ok(()), "{ours} {theirs}");
        }
    }

    #[test]
    fn connection_settings_in_the_fragment_are_not_signed() {
        let url = format!("{FORM_URL}#ct=2000&rt=5000");
        assert_eq!(form(&url, &FORM, FORM_SIGNATURE), Ok(()));
    }

    #[test]
    fn both_tokens_serve_while_they_are_rotated() {
        let fields: Form = FORM.into_iter().collect();
        let check = |primary, secondary| {
            SignatureVerifier::new(primary, secondary).expect("tokens").verify_form(
                FORM_URL,
                &fields,
                Some(FORM_SIGNATURE.as_bytes()),
            )
        };
        assert_eq!(check("new", Some(TOKEN)), Ok(()));
        assert_eq!(check(TOKEN, Some("old")), Ok(()));
        assert_eq!(check("new", Some("old")), Err(SignatureError::Mismatch));
    }

    #[test]
    fn absent_or_broken_signatures_fail() {
        let fields: Form = FORM.into_iter().collect();
        let check = |signature: Option<&[u8]>| verifier().verify_form(FORM_URL, &fields, signature);
        assert_eq!(check(None), Err(SignatureError::Missing));
        assert_eq!(check(Some(b"")), Err(SignatureError::Missing));
        for broken in [&b"not base64!"[..], b"AAAA", &[0xff, 0x00], &FORM_SIGNATURE.as_bytes()[..26]] {
            assert_eq!(check(Some(broken)), Err(SignatureError::Mismatch));
        }
    }

    #[test]
    fn empty_tokens_are_refused() {
        assert_eq!(SignatureVerifier::new("", None).err(), Some(EmptyToken));
        assert_eq!(SignatureVerifier::new("a", Some("")).err(), Some(EmptyToken));
    }

    #[test]
    fn json_body_must_be_the_signed_one() {
        let url = json_url(JSON_BODY);
        let answer = verifier().verify_json(&url, b"{}", Some(JSON_SIGNATURE.as_bytes()));
        assert_eq!(answer, Err(SignatureError::Body));
        let bare = "https://example.com/myapp";
        let signature = sign(TOKEN, bare, None).expect("a token");
        let answer = verifier().verify_json(bare, JSON_BODY, Some(signature.as_bytes()));
        assert_eq!(answer, Err(SignatureError::Body));
    }

    #[test]
    fn debug_shows_no_token() {
        let verifier = SignatureVerifier::new("a-secret-token", None).expect("a token");
        assert!(!format!("{verifier:?}").contains("a-secret-token"));
    }
}
