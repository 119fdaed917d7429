//! Amazon's request signature, version 4, in the headers of a request.
//!
//! Follows the published algorithm; the tests have the vectors that were published with it.

use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, Utc};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Whose request it is.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// `AKIA…`.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub secret_access_key: SecretString,
    /// Of temporary credentials.
    pub session_token: Option<SecretString>,
}

/// Where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Such as `eu-central-1`.
    pub region: &'a str,
    /// Such as `polly`.
    pub service: &'a str,
}

/// A request to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// `GET`, `POST`…
    pub method: &'a str,
    /// The whole address.
    pub url: &'a Url,
    /// Further headers to be signed, names in lower case; `host` and `x-amz-date` are added.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The headers to be added: `x-amz-date`, `authorization`, and `x-amz-security-token` for temporary credentials.
#[must_use]
pub fn sign(
    request: Unsigned<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let (date, moment) = (now.format("%Y%m%d").to_string(), now.format("%Y%m%dT%H%M%SZ").to_string());
    let token = credentials.session_token.as_ref().map(ExposeSecret::expose_secret);
    let mut headers: Vec<(&str, String)> = vec![("host", host(request.url)), ("x-amz-date", moment.clone())];
    headers.extend(token.map(|token| ("x-amz-security-token", token.to_owned())));
    headers.extend(request.headers.iter().map(|&(name, value)| (name, squeezed(value))));
    headers.sort_by(|a, b| a.0.cmp(b.0));
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        request.url.path(),
        canonical_query(request.url),
        sha256(request.body),
    );
    let scoped = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scoped}\n{}", sha256(canonical.as_bytes()));
    let key = signing_key(credentials.secret_access_key.expose_secret(), &date, scope);
    let signature = hex::encode(hmac_sha256(&key, to_sign.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scoped}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    );
    let mut added = vec![("x-amz-date", moment), ("authorization", authorization)];
    added.extend(token.map(|token| ("x-amz-security-token", token.to_owned())));
    added
}

fn signing_key(secret: &str, date: &str, scope: Scope<'_>) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [date, scope.region, scope.service, "aws4_request"] {
        key = hmac_sha256(&key, part.as_bytes());
    }
    key
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// With the port when it is none that the scheme implies: as the HTTP client writes it.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Runs of blanks are one, none at the ends.
fn squeezed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Decoded, encoded as Amazon does it, sorted.
fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Everything but the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            session_token: token.map(|token| token.to_owned().into()),
        }
    }

    fn signature(method: &str, url: &str, headers: &[(&str, &str)], body: &str, service: &str) -> String {
        let url = url.parse().unwrap();
        let request = Unsigned { method, url: &url, headers, body: body.as_bytes() };
        let now = DateTime::parse_from_rfc3339("2015-08-30T12:36:00Z").unwrap().to_utc();
        let added = sign(request, &credentials(None), Scope { region: "us-east-1", service }, now);
        let authorization = added.into_iter().find(|(name, _)| *name == "authorization").unwrap().1;
        authorization.rsplit('=').next().unwrap().to_owned()
    }

    #[test]
    fn the_published_vectors_are_met() {
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let plain = [("content-type", "application/x-www-form-urlencoded")];
        for (what, got, expect) in [
            (
                "the example of the guide",
                signature(
                    "GET",
                    "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
                    &form,
                    "",
                    "iam",
                ),
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
            (
                "get-vanilla",
                signature("GET", "https://example.amazonaws.com/", &[], "", "service"),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                signature(
                    "GET",
                    "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                    &[],
                    "",
                    "service",
                ),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                signature("POST", "https://example.amazonaws.com/", &[], "", "service"),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                signature("POST", "https://example.amazonaws.com/", &plain, "Param1=value1", "service"),
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(got, expect, "{what}");
        }
    }

    #[test]
    fn the_key_of_the_guide_is_derived() {
        let key = signing_key(
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830",
            Scope { region: "us-east-1", service: "iam" },
        );
        assert_eq!(hex::encode(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn a_token_is_signed_and_secrets_are_not_shown() {
        let url: Url = "http://127.0.0.1:8080/v1/speech".parse().unwrap();
        let request =
            Unsigned { method: "POST", url: &url, headers: &[("content-type", "a  b ")], body: b"{}" };
        let credentials = credentials(Some("token"));
        let scope = Scope { region: "eu-central-1", service: "polly" };
        let added = sign(request, &credentials, scope, DateTime::from_timestamp(0, 0).unwrap());
        assert_eq!(added.last(), Some(&("x-amz-security-token", "token".to_owned())));
        let (_, authorization) = &added[1];
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700101/eu-central-1/polly/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
            ),
            "{authorization}"
        );
        assert!(!format!("{credentials:?}").contains("wJalr"));
    }
}
