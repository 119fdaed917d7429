//! The secrets of receivers, and the signatures made with them (Standard Webhooks, `v1`).

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{WebhookEventId, WebhookId};
use domain::webhooks::ROTATION_OVERLAP_HOURS;
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use standardwebhooks::Webhook as Signer;
use store::webhooks::SealedSecrets;

use crate::error::AppError;
use crate::runtime::App;
use crate::secrets::SecretError;

const PREFIX: &str = "whsec_";
/// Where the envelope is told that the secrets are kept.
const CURRENT: &str = "webhooks.secret_sealed";
const FORMER: &str = "webhooks.former_secret_sealed";

/// A new secret of 256 random bits.
pub(super) fn draw() -> SecretString {
    let mut bits = [0u8; 32];
    rand::rng().fill_bytes(&mut bits);
    format!("{PREFIX}{}", base64_simd::STANDARD.encode_to_string(bits)).into()
}

pub(super) fn seal_current(app: &App, id: WebhookId, secret: &SecretString) -> Result<Vec<u8>, SecretError> {
    app.secrets.seal(CURRENT, &id.to_string(), secret.expose_secret().as_bytes())
}

/// The secrets after a rotation.
pub(super) fn rotated(
    app: &App,
    id: WebhookId,
    before: &SealedSecrets,
    secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<SealedSecrets, SecretError> {
    let former = app.secrets.open(CURRENT, &id.to_string(), &before.current)?;
    let former = app.secrets.seal(FORMER, &id.to_string(), &former)?;
    Ok(SealedSecrets {
        current: seal_current(app, id, secret)?,
        former: Some((former, now + TimeDelta::hours(ROTATION_OVERLAP_HOURS))),
    })
}

/// The header `webhook-signature`: one signature for each secret that is good now.
pub(super) fn sign(
    app: &App,
    id: WebhookId,
    secrets: &SealedSecrets,
    event: WebhookEventId,
    now: DateTime<Utc>,
    body: &[u8],
) -> Result<String, AppError> {
    let owner = id.to_string();
    let mut signatures =
        vec![signature(&app.secrets.open(CURRENT, &owner, &secrets.current)?, event, now, body)?];
    if let Some((former, until)) = &secrets.former
        && *until > now
    {
        signatures.push(signature(&app.secrets.open(FORMER, &owner, former)?, event, now, body)?);
    }
    Ok(signatures.join(" "))
}

fn signature(
    secret: &[u8],
    event: WebhookEventId,
    now: DateTime<Utc>,
    body: &[u8],
) -> Result<String, AppError> {
    let unusable = |_| AppError::Bug("a webhook could not be signed".to_owned());
    let secret = std::str::from_utf8(secret).map_err(|_| SecretError::Damaged)?;
    let signer = Signer::new(secret).map_err(unusable)?;
    signer.sign(&event.to_string(), now.timestamp(), body).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_published_vector() {
        // The vector of the Standard Webhooks libraries; our ids are texts like theirs.
        let signer = Signer::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("a secret");
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = signer.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signed.expect("a signature"), "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn every_secret_is_another_one_and_can_sign() {
        let (one, two) = (draw(), draw());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), PREFIX.len() + 44);
        let event = WebhookEventId(uuid::Uuid::from_u128(7));
        let signed = signature(one.expose_secret().as_bytes(), event, DateTime::UNIX_EPOCH, b"{}");
        assert!(signed.expect("a signature").starts_with("v1,"));
        assert!(signature(b"\xff", event, DateTime::UNIX_EPOCH, b"{}").is_err());
    }
}
