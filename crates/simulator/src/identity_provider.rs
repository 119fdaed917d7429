//! A stand-in for an OpenID Connect provider: strict about what is sent to it, and able to answer wrongly on demand.
//!
//! It is a function from request to answer; whoever uses it brings the listener. It signs everybody in at once, as the
//! one person it knows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, rand};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Value, json};

/// The id of the one key.
const KEY_ID: &str = "key-1";
/// Seconds that what it says is good for.
const LIFE_S: i64 = 300;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Says the nonce of another sign-in.
    WrongNonce,
    /// Says what was good an hour ago.
    Expired,
    /// Says it to somebody else.
    WrongAudience,
    /// Says it in somebody else's name.
    WrongIssuer,
    /// Signs with a key that is not its own.
    BadSignature,
    /// Signs nothing at all.
    Unsigned,
    /// Has not made sure of the address.
    UnverifiedEmail,
}

/// The person that it signs in.
#[derive(Debug, Clone)]
pub struct Account {
    /// Their id there.
    pub subject: String,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
}

/// Who may send people here.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What proves it.
    pub secret: String,
    /// Where its people are sent back to, exactly.
    pub redirect_uri: String,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The body.
    pub body: &'a str,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The header `Location`.
    pub location: Option<String>,
    /// A JSON document.
    pub body: String,
}

#[derive(Debug, Clone)]
struct Grant {
    redirect_uri: String,
    challenge: String,
    nonce: String,
}

/// An OpenID Connect provider.
pub struct IdentityProvider {
    issuer: String,
    client: Client,
    key: RsaKeyPair,
    other_key: RsaKeyPair,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    account: Account,
    fault: Fault,
    /// Seconds of the epoch.
    now: i64,
    grants: HashMap<String, Grant>,
}

impl IdentityProvider {
    /// `issuer` is its own address, without a slash at the end.
    ///
    /// # Errors
    /// When the machine can't make keys.
    pub fn new(issuer: &str, client: Client, account: Account, now: i64) -> anyhow::Result<Self> {
        let state = State { account, fault: Fault::None, now, grants: HashMap::new() };
        Ok(Self {
            issuer: issuer.to_owned(),
            client,
            key: RsaKeyPair::generate(KeySize::Rsa2048)?,
            other_key: RsaKeyPair::generate(KeySize::Rsa2048)?,
            state: Mutex::new(state),
        })
    }

    /// Has something go wrong from now on.
    pub fn fail_by(&self, fault: Fault) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).fault = fault;
    }

    /// Signs somebody else in from now on.
    pub fn serve(&self, account: Account) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).account = account;
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, asked: &Asked<'_>) -> Answered {
        let Ok(url) = Url::parse(&format!("{}{}", self.issuer, asked.target)) else {
            return refused(400, "invalid_request");
        };
        match (asked.method, url.path()) {
            ("GET", "/.well-known/openid-configuration") => ok(&self.configuration()),
            ("GET", "/keys") => ok(&self.keys()),
            ("GET", "/authorize") => self.authorize(&pairs(&url)),
            ("POST", "/token") => {
                let form = Url::parse(&format!("http://form/?{}", asked.body)).map(|form| pairs(&form));
                form.map_or_else(|_| refused(400, "invalid_request"), |form| self.token(asked, &form))
            }
            _ => refused(404, "not_found"),
        }
    }

    fn configuration(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    fn keys(&self) -> Value {
        let public = self.key.public_key();
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode_to_string(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode_to_string(public.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// What is wrong here is told to the person and not sent on: the address may not be the client's.
    fn authorize(&self, query: &HashMap<String, String>) -> Answered {
        let has = |name: &str, value: &str| query.get(name).is_some_and(|given| given == value);
        let scopes = query.get("scope").map(String::as_str).unwrap_or_default();
        let strict = has("client_id", &self.client.id)
            && has("redirect_uri", &self.client.redirect_uri)
            && has("response_type", "code")
            && has("code_challenge_method", "S256")
            && scopes.split(' ').any(|scope| scope == "openid");
        let long = |name: &str| query.get(name).filter(|value| value.len() >= 32).cloned();
        let (true, Some(challenge), Some(nonce), Some(state)) =
            (strict, long("code_challenge"), long("nonce"), long("state"))
        else {
            return refused(400, "invalid_request");
        };
        let code = secret();
        let grant = Grant { redirect_uri: self.client.redirect_uri.clone(), challenge, nonce };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).grants.insert(code.clone(), grant);
        let back = Url::parse_with_params(&self.client.redirect_uri, [("code", &code), ("state", &state)]);
        match back {
            Ok(back) => Answered { status: 302, location: Some(back.into()), body: String::new() },
            Err(_) => refused(400, "invalid_request"),
        }
    }

    fn token(&self, asked: &Asked<'_>, form: &HashMap<String, String>) -> Answered {
        // Both are form-encoded before they are joined (RFC 6749, section 2.3.1).
        let pair = [&self.client.id, &self.client.secret].map(|text| form_encoded(text)).join(":");
        let credentials = STANDARD.encode_to_string(pair);
        if asked.authorization != Some(format!("Basic {credentials}").as_str()) {
            return refused(401, "invalid_client");
        }
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A code is used up by the first who shows it.
        let Some(grant) = state.grants.remove(field("code")) else { return refused(400, "invalid_grant") };
        let verifier = digest::digest(&digest::SHA256, field("code_verifier").as_bytes());
        let proved = URL_SAFE_NO_PAD.encode_to_string(verifier.as_ref()) == grant.challenge;
        if field("grant_type") != "authorization_code"
            || field("redirect_uri") != grant.redirect_uri
            || !proved
        {
            return refused(400, "invalid_grant");
        }
        ok(&json!({
            "access_token": secret(),
            "token_type": "Bearer",
            "expires_in": LIFE_S,
            "id_token": self.id_token(&state, &grant),
        }))
    }

    fn id_token(&self, state: &State, grant: &Grant) -> String {
        let fault = state.fault;
        let or = |wrong: Fault, value: &str, instead: &str| {
            if fault == wrong { instead.to_owned() } else { value.to_owned() }
        };
        let issued_at = if fault == Fault::Expired { state.now - 3_600 } else { state.now };
        let alg = if fault == Fault::Unsigned { "none" } else { "RS256" };
        let header = json!({ "alg": alg, "typ": "JWT", "kid": KEY_ID });
        let claims = json!({
            "iss": or(Fault::WrongIssuer, &self.issuer, "https://evil.example"),
            "aud": or(Fault::WrongAudience, &self.client.id, "somebody-else"),
            "nonce": or(Fault::WrongNonce, &grant.nonce, "the nonce of another sign-in, long enough"),
            "sub": state.account.subject,
            "email": state.account.email,
            "email_verified": fault != Fault::UnverifiedEmail,
            "name": state.account.name,
            "iat": issued_at,
            "exp": issued_at + LIFE_S,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode_to_string(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = if fault == Fault::BadSignature { &self.other_key } else { &self.key };
        let mut signature = vec![0; key.public_modulus_len()];
        let made = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        if made.is_err() || fault == Fault::Unsigned {
            signature.clear();
        }
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(&signature))
    }
}

fn pairs(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// Something that can't be guessed.
fn secret() -> String {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes).expect("the machine has randomness, or no test could sign");
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn ok(body: &Value) -> Answered {
    Answered { status: 200, location: None, body: body.to_string() }
}

fn form_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('+'),
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

fn refused(status: u16, error: &str) -> Answered {
    Answered { status, location: None, body: json!({ "error": error }).to_string() }
}
