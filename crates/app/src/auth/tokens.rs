//! The tokens of a signed-in session.
//!
//! An access token is a JWT (HS256) of fifteen minutes that names the session; a refresh token is opaque and good
//! for one exchange. The successor of a refresh token is derived from it under a key that only the servers have:
//! two exchanges of the same token at once get the same successor without any token being stored, and whoever has
//! a token but not the key can't tell what follows it.

use aws_lc_rs::{constant_time, digest, hkdf, hmac, rand};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{OrgId, SessionId, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::AppError;

/// How long an access token is good for.
pub const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a refresh token is good for, and with it a session that nobody uses.
pub const REFRESH_LIFE: TimeDelta = TimeDelta::days(7);
/// However often it is renewed, a session ends then (NIST SP 800-63B asks for thirty days at most).
pub const LONGEST_SESSION: TimeDelta = TimeDelta::days(30);

/// Whom access tokens are for.
const AUDIENCE: &str = "studioconnect-api";
const REFRESH_PREFIX: &str = "scr_";
const REFRESH_BYTES: usize = 32;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The person.
    pub sub: String,
    /// The session.
    pub sid: String,
    /// The organization acted for unless a request names another.
    pub org: String,
    /// Issued at, in seconds of the epoch.
    pub iat: i64,
    /// Good until, likewise.
    pub exp: i64,
    /// Who made it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// Its own id.
    pub jti: String,
}

/// An access token that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The session it names.
    pub session_id: SessionId,
    /// Whether its fifteen minutes are over.
    pub is_over: bool,
}

/// The keys of the tokens, all from one secret of the installation.
pub(crate) struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    csrf: hmac::Key,
    successor: hmac::Key,
    issuer: String,
}

impl TokenKeys {
    pub(crate) fn new(secret: &SecretString, issuer: &str) -> Result<Self, AppError> {
        let bytes = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The process's clock is passed in, and not for the library to read.
        validation.validate_exp = false;
        Ok(Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            validation,
            csrf: derived(bytes, b"csrf")?,
            successor: derived(bytes, b"refresh successor")?,
            issuer: issuer.to_owned(),
        })
    }

    /// Makes an access token; returns it with the moment it ends.
    pub(crate) fn access(
        &self,
        user_id: UserId,
        session_id: SessionId,
        org_id: OrgId,
        jti: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(SecretString, DateTime<Utc>), AppError> {
        let expires_at = now + ACCESS_LIFE;
        let token = self.access_until(user_id, session_id, org_id, jti, now, expires_at)?;
        Ok((token, expires_at))
    }

    /// The same for a session that can't be renewed, good until the session ends.
    pub(crate) fn access_until(
        &self,
        user_id: UserId,
        session_id: SessionId,
        org_id: OrgId,
        jti: Uuid,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<SecretString, AppError> {
        let claims = Claims {
            sub: user_id.to_string(),
            sid: session_id.to_string(),
            org: org_id.to_string(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            jti: jti.simple().to_string(),
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| AppError::Bug(format!("could not sign an access token: {error}")))?;
        Ok(token.into())
    }

    /// Reads an access token; `None` when it is not one of ours.
    pub(crate) fn read(&self, token: &str, now: DateTime<Utc>) -> Option<Access> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let session_id = claims.sid.parse().ok()?;
        Some(Access { session_id, is_over: claims.exp <= now.timestamp() })
    }

    /// What a page must send as `X-CSRF-Token`: bound to the session, and of no use without its cookie.
    pub(crate) fn csrf(&self, session_id: SessionId) -> String {
        hex::encode(hmac::sign(&self.csrf, session_id.0.as_bytes()).as_ref())
    }

    /// Whether a text is the session's CSRF token.
    pub(crate) fn csrf_matches(&self, session_id: SessionId, text: &str) -> bool {
        constant_time::verify_slices_are_equal(self.csrf(session_id).as_bytes(), text.as_bytes()).is_ok()
    }

    /// The one refresh token that follows another.
    pub(crate) fn successor(&self, token: &str) -> SecretString {
        let tag = hmac::sign(&self.successor, token.as_bytes());
        format!("{REFRESH_PREFIX}{}", hex::encode(tag.as_ref())).into()
    }
}

fn derived(secret: &[u8], label: &[u8]) -> Result<hmac::Key, AppError> {
    let mut key = [0u8; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"studioconnect tokens v1")
        .extract(secret)
        .expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|_| AppError::Bug("a key could not be derived".to_owned()))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

/// A fresh refresh token.
pub(crate) fn new_refresh() -> Result<SecretString, AppError> {
    Ok(format!("{REFRESH_PREFIX}{}", hex::encode(random::<REFRESH_BYTES>()?)).into())
}

/// Spares the database what can't be one of ours.
pub(crate) fn looks_like_refresh(text: &str) -> bool {
    text.strip_prefix(REFRESH_PREFIX).is_some_and(|rest| is_hex(rest, REFRESH_BYTES))
}

/// A fresh secret of 256 bits for a link, as hexadecimal digits.
pub(crate) fn new_link_secret() -> Result<SecretString, AppError> {
    Ok(hex::encode(random::<REFRESH_BYTES>()?).into())
}

/// Whether a text has the form of [`new_link_secret`].
pub(crate) fn looks_like_link_secret(text: &str) -> bool {
    is_hex(text, REFRESH_BYTES)
}

fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == bytes * 2 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AppError> {
    let mut bytes = [0u8; N];
    rand::fill(&mut bytes).map_err(|_| AppError::Bug("the machine has no randomness".into()))?;
    Ok(bytes)
}

/// What is stored of a token. A plain hash does: it has 256 bits of its own, there is nothing to guess.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> TokenKeys {
        TokenKeys::new(&secret.to_owned().into(), "https://studio.example").expect("keys")
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a valid time")
    }

    const SESSION: SessionId = SessionId(Uuid::from_u128(7));

    fn token(keys: &TokenKeys) -> String {
        let (user, org) = (UserId(Uuid::from_u128(1)), OrgId(Uuid::from_u128(2)));
        let (token, ends) = keys.access(user, SESSION, org, Uuid::from_u128(3), at(0)).expect("signed");
        assert_eq!(ends, at(900));
        token.expose_secret().to_owned()
    }

    #[test]
    fn an_access_token_names_its_session_for_fifteen_minutes() {
        let keys = keys("a key");
        let token = token(&keys);
        assert_eq!(keys.read(&token, at(899)), Some(Access { session_id: SESSION, is_over: false }));
        assert_eq!(keys.read(&token, at(900)), Some(Access { session_id: SESSION, is_over: true }));
    }

    #[test]
    fn a_token_of_another_key_issuer_or_algorithm_is_none() {
        let ours = keys("a key");
        assert_eq!(ours.read(&token(&keys("another key")), at(0)), None);
        let elsewhere = TokenKeys::new(&"a key".to_owned().into(), "https://evil.example").expect("keys");
        assert_eq!(ours.read(&token(&elsewhere), at(0)), None);
        let good = token(&ours);
        let body = good.split('.').nth(1).expect("a body");
        // {"alg":"none"}
        assert_eq!(ours.read(&format!("eyJhbGciOiJub25lIn0.{body}."), at(0)), None);
        let swapped = good.replace(body, &body.replace('A', "B"));
        assert_eq!(ours.read(&swapped, at(0)), None);
        for text in ["", "a.b.c", "scr_00", &good[1..]] {
            assert_eq!(ours.read(text, at(0)), None, "{text}");
        }
    }

    #[test]
    fn the_successor_is_always_the_same_and_needs_the_key() {
        let (ours, theirs) = (keys("a key"), keys("another key"));
        let first = new_refresh().expect("random");
        let next = ours.successor(first.expose_secret());
        assert!(looks_like_refresh(first.expose_secret()) && looks_like_refresh(next.expose_secret()));
        assert_eq!(next.expose_secret(), ours.successor(first.expose_secret()).expose_secret());
        assert_ne!(next.expose_secret(), first.expose_secret());
        assert_ne!(next.expose_secret(), theirs.successor(first.expose_secret()).expose_secret());
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session() {
        let keys = keys("a key");
        let other = SessionId(Uuid::from_u128(8));
        assert!(keys.csrf_matches(SESSION, &keys.csrf(SESSION)));
        assert!(!keys.csrf_matches(other, &keys.csrf(SESSION)));
        assert!(!keys.csrf_matches(SESSION, ""));
    }

    #[test]
    fn what_is_no_refresh_token_is_not_looked_up() {
        for text in ["", "scr_", "scr_zz", "Bearer x", &format!("scr_{}", "g".repeat(64))] {
            assert!(!looks_like_refresh(text), "{text}");
        }
    }
}
