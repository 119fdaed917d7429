//! Accepting an invitation: by somebody new, who gets an account, or by somebody who has one and is signed in.

use std::net::IpAddr;

use domain::ids::{OrgId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::invitations::{self, Shown};
use store::users::User;
use store::{StoreError, SystemTx, members, users};

use super::TOKEN_PREFIX;
use crate::audit::{self, Actor, Who};
use crate::auth::{Identity, passwords};
use crate::error::AppError;
use crate::runtime::App;
use crate::tokens;

const NOUN: &str = "invitation";

/// Who accepts.
pub enum Acceptor<'a> {
    /// Somebody without an account.
    New {
        /// Their name.
        name: &'a str,
        /// What they will sign in with.
        password: SecretString,
    },
    /// Somebody with an account, signed in.
    Known(&'a Identity),
}

/// Shows an invitation to whoever has its link.
///
/// # Errors
/// Not found for one that was accepted, taken back, has lapsed or never was; storage errors.
pub async fn preview(app: &App, token: &str) -> Result<Shown, AppError> {
    if !tokens::is_token(token, TOKEN_PREFIX) {
        return Err(AppError::NotFound { noun: NOUN });
    }
    let mut tx = SystemTx::begin(&app.db, "an invitation's token names its organization").await?;
    let shown = invitations::find(&mut tx, &tokens::hash(token), app.ambient.now()).await?;
    tx.commit().await?;
    Ok(shown)
}

/// What an acceptance came to.
#[derive(Debug)]
pub struct Accepted {
    /// Whose member the person is now.
    pub org_id: OrgId,
    /// What it is called.
    pub org_name: String,
    /// The role's name.
    pub role: String,
    /// The address to sign in with.
    pub email: String,
}

/// Accepts an invitation, once.
///
/// # Errors
/// Not found as [`preview`]; [`AppError::Conflict`] when there is an account and its person did not sign in, or when
/// somebody else did; [`AppError::Invalid`] for a password that is refused; storage errors.
pub async fn accept(
    app: &App,
    token: &str,
    acceptor: Acceptor<'_>,
    address: Option<IpAddr>,
) -> Result<Accepted, AppError> {
    let shown = preview(app, token).await?;
    let role =
        shown.role.role.ok_or_else(|| AppError::Bug("an invitation to a role that is gone".to_owned()))?;
    let now = app.ambient.now();
    let (user_id, new) = match acceptor {
        Acceptor::New { .. } if shown.account_exists => {
            return Err(AppError::Conflict {
                reason: "there is an account with this address: sign in, then accept".to_owned(),
            });
        }
        Acceptor::New { name, password } => {
            passwords::check_rules("password", password.expose_secret(), &[name, &shown.email])?;
            let hash = passwords::hash(app, password).await?;
            let id = UserId(app.ambient.new_id());
            let user =
                User { id, email: shown.email.clone(), name: name.to_owned(), password_hash: Some(hash) };
            (id, Some(user))
        }
        Acceptor::Known(identity) => {
            let person = identity.person().filter(|person| person.email.eq_ignore_ascii_case(&shown.email));
            let person = person.ok_or_else(|| AppError::Conflict {
                reason: "the invitation is for another address: sign in with that one".to_owned(),
            })?;
            (person.id, None)
        }
    };
    let mut tx = SystemTx::begin(&app.db, "who accepts an invitation is not a member yet").await?;
    // Of two acceptances at once, the second finds none open.
    invitations::accept(&mut tx, shown.id, now).await?;
    if let Some(user) = &new {
        users::insert(&mut tx, user, now).await.map_err(taken)?;
    }
    members::insert(&mut tx, shown.org_id, user_id, role, now).await.map_err(taken)?;
    let actor = Actor { org_id: shown.org_id, home_org_id: shown.org_id, who: Who::Person(user_id), address };
    let detail = json!({ "role": shown.role.name, "invitation": shown.id, "new_account": new.is_some() });
    audit::record_by_system(&mut tx, &app.ambient, &actor, "members:join", &user_id, detail).await?;
    tx.commit().await?;
    app.forget_rights_of(user_id);
    Ok(Accepted { org_id: shown.org_id, org_name: shown.org_name, role: shown.role.name, email: shown.email })
}

fn taken(error: StoreError) -> AppError {
    if error.is_conflict_with("users_email_unique") {
        return AppError::Conflict {
            reason: "somebody took this address in this moment: sign in".to_owned(),
        };
    }
    if error.is_conflict_with("members_pkey") {
        return AppError::Conflict { reason: "this person is a member already".to_owned() };
    }
    error.into()
}
