//! The second factor: codes of an authenticator app (RFC 6238: SHA-1, six digits, thirty seconds, what every app
//! understands) and ten recovery codes for the day the phone is lost.
//!
//! A code works once, and so does each before it; a clock may be one step off.

use std::net::IpAddr;

use domain::ids::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::second_factor::{self, SecondFactor};
use store::{SystemTx, users};
use totp_rs::{Builder, Secret, Totp};

use super::account::{self, Owner};
use super::guard::{self, Guarded};
use super::identity::Identity;
use super::letters::{self, Letter};
use super::tokens;
use crate::audit;
use crate::error::AppError;
use crate::runtime::App;

/// What the sealed secret is bound to.
pub const PURPOSE: &str = "second_factors.secret_sealed";
/// Recovery codes that are handed out at once.
pub const RECOVERY_CODES: usize = 10;
/// Without letters that look like others; 32 of them, five bits each.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What proves the second factor.
#[derive(Debug, Clone)]
pub enum Code {
    /// Six digits of the app.
    App(SecretString),
    /// One of the recovery codes.
    Recovery(SecretString),
}

/// What an authenticator app needs.
#[derive(Debug)]
pub struct Enrolment {
    /// The secret as base32, to be typed.
    pub secret: SecretString,
    /// The `otpauth://` address, to be shown as a QR code.
    pub url: SecretString,
}

fn totp(secret: &[u8], email: &str) -> Result<Totp, AppError> {
    Builder::new()
        .with_secret(Secret::new(secret.into()))
        .with_account_name(email)
        .with_issuer(Some("StudioConnect"))
        .build()
        .map_err(|error| AppError::Bug(format!("a second factor could not be set up: {error}")))
}

fn owner(user_id: UserId) -> String {
    user_id.to_string()
}

/// Takes a code: whether it is right and was not taken before.
pub(super) async fn take(
    app: &App,
    tx: &mut SystemTx,
    user_id: UserId,
    factor: &SecondFactor,
    code: &Code,
) -> Result<bool, AppError> {
    let now = app.ambient.now();
    match code {
        Code::Recovery(code) => {
            let Some(code) = normal(code.expose_secret()) else { return Ok(false) };
            let hash = tokens::hash(&code);
            Ok(second_factor::take_recovery_code(tx, user_id, &hash, now).await?)
        }
        Code::App(code) => {
            let secret = app.secrets.open(PURPOSE, &owner(user_id), &factor.secret_sealed)?;
            let digits: String = code.expose_secret().chars().filter(|c| !c.is_whitespace()).collect();
            let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
            let Some(step) = totp(&secret, "account")?.check(&digits, seconds) else { return Ok(false) };
            Ok(second_factor::take_step(tx, user_id, i64::try_from(step).unwrap_or(i64::MAX)).await?)
        }
    }
}

/// Draws a secret that is to be confirmed with a code.
///
/// # Errors
/// [`AppError::Invalid`] when the password is wrong; [`AppError::Conflict`] when a second factor is on; storage errors.
pub async fn begin(
    app: &App,
    identity: &Identity,
    password: SecretString,
    address: Option<IpAddr>,
) -> Result<Enrolment, AppError> {
    let who = Owner::of(identity, address)?;
    let user = account::confirm_password(app, &who, "password", &password).await?;
    let secret = tokens::random::<20>()?;
    let sealed = app.secrets.seal(PURPOSE, &owner(user.id), &secret)?;
    let mut tx = SystemTx::begin(&app.db, "a second factor belongs to a person").await?;
    if !second_factor::begin(&mut tx, user.id, &sealed, app.ambient.now()).await? {
        return Err(AppError::Conflict {
            reason: "a second factor is on: remove it before setting up another".to_owned(),
        });
    }
    audit::record_in(&mut tx, app, &who.actor, who.actor.org_id, "second_factor:begin", &user.id, json!({}))
        .await?;
    tx.commit().await?;
    let totp = totp(&secret, &user.email)?;
    let url = totp.to_url().map_err(|error| AppError::Bug(format!("no otpauth address: {error}")))?;
    Ok(Enrolment { secret: Secret::new(secret.as_slice().into()).to_base32().into(), url: url.into() })
}

/// Turns the second factor on, as the code proves that the app has the secret; returns the recovery codes, which
/// are shown this once.
///
/// # Errors
/// [`AppError::Invalid`] for a wrong code; [`AppError::Conflict`] when nothing is to be confirmed;
/// [`AppError::TooMany`]; storage errors.
pub async fn confirm(
    app: &App,
    identity: &Identity,
    code: SecretString,
    address: Option<IpAddr>,
) -> Result<Vec<SecretString>, AppError> {
    let who = Owner::of(identity, address)?;
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "a second factor belongs to a person").await?;
    let factor = second_factor::find(&mut tx, who.user_id).await?;
    let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_none()) else {
        return Err(AppError::Conflict { reason: "there is no second factor to be confirmed".to_owned() });
    };
    prove(app, &mut tx, &who, &factor, &Code::App(code)).await?;
    second_factor::confirm(&mut tx, who.user_id, now).await?;
    let codes = new_recovery_codes(&mut tx, who.user_id).await?;
    audit::record_in(&mut tx, app, &who.actor, who.actor.org_id, "second_factor:on", &who.user_id, json!({}))
        .await?;
    letters::promise(app, &mut tx, who.user_id, Letter::SecondFactorOn).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Removes the second factor.
///
/// # Errors
/// [`AppError::Invalid`] for a wrong password or code; [`AppError::Conflict`] when there is none;
/// [`AppError::TooMany`]; storage errors.
pub async fn remove(
    app: &App,
    identity: &Identity,
    password: SecretString,
    code: &Code,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    let who = Owner::of(identity, address)?;
    account::confirm_password(app, &who, "password", &password).await?;
    let mut tx = SystemTx::begin(&app.db, "a second factor belongs to a person").await?;
    let factor = confirmed(&mut tx, who.user_id).await?;
    prove(app, &mut tx, &who, &factor, code).await?;
    second_factor::remove(&mut tx, who.user_id).await?;
    audit::record_in(
        &mut tx,
        app,
        &who.actor,
        who.actor.org_id,
        "second_factor:off",
        &who.user_id,
        json!({}),
    )
    .await?;
    letters::promise(app, &mut tx, who.user_id, Letter::SecondFactorOff).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts new recovery codes in place of the old ones; they are shown this once.
///
/// # Errors
/// [`AppError::Invalid`] for a wrong password or code; [`AppError::Conflict`] when there is no second factor;
/// [`AppError::TooMany`]; storage errors.
pub async fn renew_recovery_codes(
    app: &App,
    identity: &Identity,
    password: SecretString,
    code: SecretString,
    address: Option<IpAddr>,
) -> Result<Vec<SecretString>, AppError> {
    let who = Owner::of(identity, address)?;
    account::confirm_password(app, &who, "password", &password).await?;
    let mut tx = SystemTx::begin(&app.db, "a second factor belongs to a person").await?;
    let factor = confirmed(&mut tx, who.user_id).await?;
    prove(app, &mut tx, &who, &factor, &Code::App(code)).await?;
    let codes = new_recovery_codes(&mut tx, who.user_id).await?;
    let action = "second_factor:renew_recovery_codes";
    audit::record_in(&mut tx, app, &who.actor, who.actor.org_id, action, &who.user_id, json!({})).await?;
    tx.commit().await?;
    Ok(codes)
}

async fn confirmed(tx: &mut SystemTx, user_id: UserId) -> Result<SecondFactor, AppError> {
    second_factor::find(tx, user_id)
        .await?
        .filter(|factor| factor.confirmed_at.is_some())
        .ok_or_else(|| AppError::Conflict { reason: "there is no second factor".to_owned() })
}

/// Takes a code of somebody who is signed in. A wrong one is counted, whatever becomes of the transaction.
async fn prove(
    app: &App,
    tx: &mut SystemTx,
    who: &Owner,
    factor: &SecondFactor,
    code: &Code,
) -> Result<(), AppError> {
    let subject = [Guarded::SecondFactor(who.user_id)];
    let mut counting = SystemTx::begin(&app.db, "tries are counted whatever becomes of them").await?;
    guard::begin_try(&mut counting, &subject, app.ambient.now()).await?;
    counting.commit().await?;
    if !take(app, tx, who.user_id, factor, code).await? {
        return Err(AppError::Invalid {
            field: match code {
                Code::App(_) => "totp_code",
                Code::Recovery(_) => "recovery_code",
            },
            message: "is wrong, or was used before".to_owned(),
        });
    }
    guard::succeeded(tx, &subject).await
}

async fn new_recovery_codes(tx: &mut SystemTx, user_id: UserId) -> Result<Vec<SecretString>, AppError> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        // 16 letters, 80 bits: a plain hash of it can't be guessed.
        let letters: Vec<char> =
            tokens::random::<16>()?.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        codes.push(groups.join("-"));
    }
    let hashes: Vec<Vec<u8>> =
        codes.iter().filter_map(|code| normal(code)).map(|code| tokens::hash(&code).to_vec()).collect();
    second_factor::set_recovery_codes(tx, user_id, &hashes).await?;
    Ok(codes.into_iter().map(SecretString::from).collect())
}

/// A recovery code without what people add or leave out when they type it.
fn normal(code: &str) -> Option<String> {
    let code: String = code.to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (code.len() == 16 && code.bytes().all(|b| LETTERS.contains(&b))).then_some(code)
}

/// The state of a person's second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Whether signing in asks for it.
    pub is_on: bool,
    /// Recovery codes that nobody has used.
    pub recovery_codes_left: u32,
}

/// The state of the signed-in person's second factor.
///
/// # Errors
/// Storage errors.
pub async fn state(tx: &mut SystemTx, user_id: UserId) -> Result<State, AppError> {
    users::find(tx, user_id).await?;
    let factor = second_factor::find(tx, user_id).await?;
    Ok(State {
        is_on: factor.is_some_and(|factor| factor.confirmed_at.is_some()),
        recovery_codes_left: second_factor::recovery_codes_left(tx, user_id).await?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds that a code is good for.
    const STEP_S: u64 = 30;

    #[test]
    fn codes_are_those_of_rfc_6238_at_a_step_more_or_less() {
        // The RFC's own secret and moments, six digits of its eight.
        let totp = totp(b"12345678901234567890", "a@x.example").expect("a generator");
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(totp.check(code, seconds), Some(seconds / STEP_S), "{code}");
            assert_eq!(totp.check(code, seconds + STEP_S), Some(seconds / STEP_S), "{code}");
            assert_eq!(totp.check(code, seconds + 2 * STEP_S), None, "{code}");
        }
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_typed() {
        let code = Some("0123456789abcdef".to_owned());
        for typed in ["0123-4567-89ab-cdef", " 0123 4567 89AB CDEF ", "0123456789abcdef"] {
            assert_eq!(normal(typed), code, "{typed}");
        }
        for typed in ["", "0123-4567", "0123-4567-89ab-cdeu", "0123-4567-89ab-cdef-0"] {
            assert_eq!(normal(typed), None, "{typed}");
        }
    }

    #[test]
    fn the_address_for_the_app_names_account_and_issuer() {
        let url = totp(&[7; 20], "dana@aurora.example").expect("a generator").to_url().expect("an address");
        assert!(url.starts_with("otpauth://totp/StudioConnect:dana%40aurora.example?secret="), "{url}");
    }
}
