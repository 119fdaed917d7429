//! Signing in and out.
//!
//! First cut: one opaque session token of twelve hours, kept as a hash and revocable. Short-lived access tokens
//! with rotated refresh tokens, second factors, other hash formats and single sign-on come with the tenancy issue.

pub mod identity;
pub mod limits;
pub mod passwords;

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::SessionId;
use secrecy::{ExposeSecret, SecretString};
use store::{OrgTx, SystemTx, sessions, users};

pub use self::identity::{Identity, Organization, Person, Principal};
use self::limits::LoginLimits;
use self::passwords::password_matches;
use crate::access::{self, Rights};
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::runtime::App;

/// How long a session lasts.
pub const SESSION_LIFE: TimeDelta = TimeDelta::hours(12);
/// Longer passwords are refused unread: hashing must not be a way to burn our time.
const LONGEST_PASSWORD: usize = 1_024;

/// A try to sign in.
#[derive(Debug)]
pub struct SignIn {
    /// As typed.
    pub email: String,
    /// As typed.
    pub password: SecretString,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// What program sends it.
    pub user_agent: Option<String>,
}

/// A session that was just begun. The token is shown this once.
#[derive(Debug)]
pub struct NewSession {
    /// The bearer token.
    pub token: SecretString,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
    /// Who is signed in.
    pub identity: Identity,
}

/// Checks the credentials and begins a session in the person's first organization.
///
/// # Errors
/// [`AppError::WrongCredentials`], also for a person without an organization; [`AppError::TooMany`] when it comes
/// too soon after failures; storage errors.
pub async fn sign_in(app: &App, limits: &LoginLimits, try_: SignIn) -> Result<NewSession, AppError> {
    let now = app.ambient.now();
    let wait = limits.begin_try(now, &try_.email, try_.address);
    wait.map_err(|retry_after_s| AppError::TooMany { retry_after_s })?;

    let mut tx = SystemTx::begin(&app.db, "nobody is signed in yet: find the person by address").await?;
    let user = users::find_by_email(&mut tx, &try_.email).await?;
    let memberships = match &user {
        Some(user) => users::memberships(&mut tx, user.id).await?,
        None => Vec::new(),
    };
    tx.commit().await?;

    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    if !verify(limits, try_.password, hash).await? {
        return Err(AppError::WrongCredentials);
    }
    let (Some(user), Some(membership)) = (user, memberships.into_iter().next()) else {
        return Err(AppError::WrongCredentials);
    };
    limits.succeeded(&try_.email, try_.address);

    let token = new_token()?;
    let expires_at = now + SESSION_LIFE;
    let session_id = SessionId(app.ambient.new_id());
    let ip = try_.address.map(|address| address.to_string());
    let token_hash = token_hash(token.expose_secret());
    let mut tx = SystemTx::begin(&app.db, "a session belongs to a person, not to an organization").await?;
    sessions::create(
        &mut tx,
        &sessions::NewSession {
            id: session_id,
            user_id: user.id,
            org_id: membership.org_id,
            token_hash: &token_hash,
            created_at: now,
            expires_at,
            ip: ip.as_deref(),
            user_agent: try_.user_agent.as_deref(),
        },
    )
    .await?;
    let rights = access::rights_of_person(&mut tx, user.id, membership.org_id).await?;
    let rights = rights.ok_or(AppError::WrongCredentials)?;
    tx.commit().await?;

    let person = Person { id: user.id, email: user.email, name: user.name };
    let identity = identity_of(rights, person, session_id, expires_at);
    let actor = Actor {
        org_id: identity.org.id,
        home_org_id: identity.home_org_id,
        who: Who::Person(user.id),
        address: try_.address,
    };
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    audit::record(&mut tx, app, &actor, "session:begin", &session_id, serde_json::Value::Null).await?;
    tx.commit().await?;
    tracing::info!(user.id = %user.id, org.id = %actor.org_id, "somebody signed in");
    Ok(NewSession { token, expires_at, identity })
}

/// Who a token belongs to, unless its session is over or the person has left the organization.
///
/// # Errors
/// Storage errors.
pub async fn identify(app: &App, token: &str) -> Result<Option<Identity>, AppError> {
    if !looks_like_a_token(token) {
        return Ok(None);
    }
    let mut tx = SystemTx::begin(&app.db, "the session says which organization it is").await?;
    let Some(session) = sessions::find(&mut tx, &token_hash(token), app.ambient.now()).await? else {
        return Ok(None);
    };
    let rights = access::rights_of_person(&mut tx, session.user_id, session.org_id).await?;
    tx.commit().await?;
    let person = Person { id: session.user_id, email: session.email, name: session.name };
    Ok(rights.map(|rights| identity_of(rights, person, session.id, session.expires_at)))
}

fn identity_of(rights: Rights, user: Person, session_id: SessionId, expires_at: DateTime<Utc>) -> Identity {
    Identity {
        principal: Principal::Person { session_id, expires_at, user },
        org: rights.org,
        home_org_id: rights.home_org_id,
        role: rights.role,
        permissions: rights.permissions,
        child_permissions: rights.child_permissions,
        entitlements: rights.entitlements,
    }
}

/// Ends the session.
///
/// # Errors
/// Storage errors.
pub async fn sign_out(app: &App, identity: &Identity) -> Result<(), AppError> {
    let mut tx = SystemTx::begin(&app.db, "a session belongs to a person, not to an organization").await?;
    if let Principal::Person { session_id, .. } = identity.principal {
        sessions::revoke(&mut tx, session_id, app.ambient.now()).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn verify(
    limits: &LoginLimits,
    password: SecretString,
    hash: Option<String>,
) -> Result<bool, AppError> {
    if password.expose_secret().len() > LONGEST_PASSWORD {
        return Ok(false);
    }
    let _turn =
        limits.checks.acquire().await.map_err(|_| AppError::Bug("the sign-in queue is closed".into()))?;
    let check = move || password_matches(password.expose_secret(), hash.as_deref());
    let checked = tokio::task::spawn_blocking(check).await;
    checked.map_err(|error| AppError::Bug(format!("a password check did not finish: {error}")))
}

const TOKEN_PREFIX: &str = "scs_";
const TOKEN_BYTES: usize = 32;

fn new_token() -> Result<SecretString, AppError> {
    let mut bytes = [0u8; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AppError::Bug("the machine has no randomness".into()))?;
    Ok(format!("{TOKEN_PREFIX}{}", hex::encode(bytes)).into())
}

/// Spares the database what can't be one of ours.
fn looks_like_a_token(text: &str) -> bool {
    text.strip_prefix(TOKEN_PREFIX)
        .is_some_and(|rest| rest.len() == TOKEN_BYTES * 2 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A plain hash does: the token has 256 bits of its own, there is nothing to guess.
fn token_hash(token: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_token_looks_like_one_and_is_never_the_same() {
        let (one, other) = (new_token().expect("random"), new_token().expect("random"));
        assert!(looks_like_a_token(one.expose_secret()));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_ne!(token_hash(one.expose_secret()), token_hash(other.expose_secret()));
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        for text in ["", "scs_", "scs_zz", "Bearer x", &format!("scs_{}", "g".repeat(64))] {
            assert!(!looks_like_a_token(text), "{text}");
        }
    }
}
