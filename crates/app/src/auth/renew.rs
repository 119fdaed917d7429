//! Exchanging a refresh token for the next pair of tokens.
//!
//! Each token is exchanged once. Whoever shows one again later holds a copy: thief or owner, nobody can tell, so the
//! whole session ends. Two pages of one browser that renew at the same moment both show the same token, though;
//! within [`GRACE`] of the exchange the same successor is handed out again, as long as nobody has used it yet.

use std::net::IpAddr;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::SystemTx;
use store::refresh::{self, RefreshToken};
use store::sessions::{self, Session};

use super::guard::{self, Guarded};
use super::letters::{self, Letter};
use super::sign_in::{NewSession, issue};
use super::tokens::{self, REFRESH_LIFE};
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::runtime::App;

/// How long after its exchange a token still gets the same successor.
pub const GRACE: TimeDelta = TimeDelta::seconds(10);

/// How a refresh token came.
#[derive(Debug, Clone, Copy)]
pub enum Carried<'a> {
    /// In the request itself: the sender meant it.
    ByProgram,
    /// In a cookie, with what the page sent as `X-CSRF-Token`.
    ByBrowser {
        /// The header, if there was one.
        csrf: Option<&'a str>,
    },
}

/// Exchanges a refresh token.
///
/// # Errors
/// [`AppError::SignedOut`] when it is not one, or its session is over; [`AppError::CsrfMissing`] when a browser's
/// page did not prove that it is ours; [`AppError::TooMany`] after many that were none; storage errors.
pub async fn renew(
    app: &App,
    token: &SecretString,
    carried: Carried<'_>,
    address: Option<IpAddr>,
) -> Result<NewSession, AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "a refresh token says whose session it is").await?;
    let hash = tokens::hash(token.expose_secret());
    let known = if tokens::looks_like_refresh(token.expose_secret()) {
        refresh::lock(&mut tx, &hash).await?
    } else {
        None
    };
    let Some(known) = known else {
        let guarded: Vec<Guarded> = address.map(Guarded::RefreshFrom).into_iter().collect();
        guard::begin_try(&mut tx, &guarded, now).await?;
        tx.commit().await?;
        return Err(AppError::SignedOut);
    };
    let session = sessions::find(&mut tx, known.session_id, now).await?;
    let Some(session) = session.filter(|_| known.expires_at > now) else { return Err(AppError::SignedOut) };
    if let Carried::ByBrowser { csrf } = carried
        && !csrf.is_some_and(|sent| app.token_keys.csrf_matches(session.id, sent))
    {
        return Err(AppError::CsrfMissing);
    }

    let successor = app.token_keys.successor(token.expose_secret());
    let successor_hash = tokens::hash(successor.expose_secret());
    let Some(rotated_at) = known.rotated_at else {
        let expires_at = (now + REFRESH_LIFE).min(session.ends_at);
        refresh::mark_rotated(&mut tx, &hash, now).await?;
        refresh::insert(&mut tx, session.id, &successor_hash, now, expires_at).await?;
        sessions::extend(&mut tx, session.id, expires_at, now).await?;
        let renewed = issue(app, &mut tx, &session, successor, expires_at).await;
        return finish(tx, renewed).await;
    };
    let unused = refresh::lock(&mut tx, &successor_hash).await?.filter(|next| next.rotated_at.is_none());
    match unused {
        Some(RefreshToken { expires_at, .. }) if now - rotated_at <= GRACE => {
            let renewed = issue(app, &mut tx, &session, successor, expires_at).await;
            finish(tx, renewed).await
        }
        _ => {
            end_family(app, tx, &session, address).await?;
            Err(AppError::SignedOut)
        }
    }
}

async fn finish(tx: SystemTx, renewed: Result<NewSession, AppError>) -> Result<NewSession, AppError> {
    match renewed {
        // The person has no place in the organization any more.
        Err(AppError::WrongCredentials) => Err(AppError::SignedOut),
        Err(other) => Err(other),
        Ok(session) => {
            tx.commit().await?;
            Ok(session)
        }
    }
}

/// Ends a session whose refresh token was shown twice, and tells its owner.
async fn end_family(
    app: &App,
    mut tx: SystemTx,
    session: &Session,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    let now = app.ambient.now();
    sessions::revoke(&mut tx, session.id, "a refresh token was used twice", now).await?;
    let actor = Actor {
        org_id: session.org_id,
        home_org_id: session.org_id,
        who: Who::Person(session.user_id),
        address,
    };
    let detail = json!({ "why": "a refresh token was used twice" });
    audit::record_in(&mut tx, app, &actor, actor.org_id, "session:revoke", &session.id, detail).await?;
    letters::promise(app, &mut tx, session.user_id, Letter::SessionEnded).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_session(session.id);
    tracing::warn!(user.id = %session.user_id, session.id = %session.id, "a refresh token was used twice");
    Ok(())
}
