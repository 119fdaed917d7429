//! A person's sessions: where they are signed in, and ending that.

use std::net::IpAddr;

use domain::ids::{OrgId, SessionId};
use serde_json::json;
use store::SystemTx;
use store::sessions::{self, Listed, Method, Which};

use super::account::Owner;
use super::identity::{Identity, Principal};
use crate::audit;
use crate::error::AppError;
use crate::runtime::App;

/// Which of a person's sessions the present one may see and end. One that an identity provider vouched for stays in
/// the organization of that provider.
fn reach(identity: &Identity) -> Option<OrgId> {
    match &identity.principal {
        Principal::Person { method: Method::SingleSignOn, .. } => Some(identity.home_org_id),
        _ => None,
    }
}

/// The signed-in person's sessions in force, the one used last first.
///
/// # Errors
/// [`AppError::PersonNeeded`]; storage errors.
pub async fn list(app: &App, identity: &Identity) -> Result<Vec<Listed>, AppError> {
    let who = Owner::of(identity, None)?;
    let mut tx = SystemTx::begin(&app.db, "sessions belong to a person, not to an organization").await?;
    let listed = sessions::list(&mut tx, who.user_id, reach(identity), app.ambient.now()).await?;
    tx.commit().await?;
    Ok(listed)
}

/// Ends one of the signed-in person's sessions.
///
/// # Errors
/// [`AppError::NotFound`] when it is not theirs, or over; [`AppError::PersonNeeded`]; storage errors.
pub async fn end(
    app: &App,
    identity: &Identity,
    session_id: SessionId,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    let who = Owner::of(identity, address)?;
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "sessions belong to a person, not to an organization").await?;
    let found = sessions::find(&mut tx, session_id, now).await?;
    let reach = reach(identity);
    let theirs = found.filter(|session| {
        session.user_id == who.user_id && reach.is_none_or(|org_id| session.org_id == org_id)
    });
    if theirs.is_none() {
        return Err(AppError::NotFound { noun: "session" });
    }
    sessions::revoke(&mut tx, session_id, "ended by its owner", now).await?;
    audit::record_in(&mut tx, app, &who.actor, who.actor.org_id, "session:revoke", &session_id, json!({}))
        .await?;
    tx.commit().await?;
    app.auth_cache.invalidate_session(session_id);
    Ok(())
}

/// Ends all of the signed-in person's sessions but the present one; returns how many.
///
/// # Errors
/// [`AppError::PersonNeeded`]; storage errors.
pub async fn end_others(app: &App, identity: &Identity, address: Option<IpAddr>) -> Result<usize, AppError> {
    let who = Owner::of(identity, address)?;
    let which = match reach(identity) {
        Some(org_id) => Which::InBut(org_id, who.session_id),
        None => Which::AllBut(who.session_id),
    };
    let mut tx = SystemTx::begin(&app.db, "sessions belong to a person, not to an organization").await?;
    let now = app.ambient.now();
    let ended = sessions::revoke_of_user(&mut tx, who.user_id, which, "ended by their owner", now).await?;
    let detail = json!({ "ended": ended.len() });
    audit::record_in(&mut tx, app, &who.actor, who.actor.org_id, "session:revoke", &who.user_id, detail)
        .await?;
    tx.commit().await?;
    app.auth_cache.invalidate_user(who.user_id);
    Ok(ended.len())
}
