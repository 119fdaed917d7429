//! A person's own account: name, address, password.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::ids::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::account_links::{self, Purpose};
use store::sessions::{self, Which};
use store::users::{self, User};
use store::{StoreError, SystemTx};

use super::guard::{self, Guarded};
use super::identity::{Identity, Principal};
use super::letters::{self, Letter};
use super::passwords::{self, Verdict};
use super::second_factor::{self, State};
use super::tokens;
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::runtime::App;

/// Somebody who changes their own account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    /// The person.
    pub(super) user_id: UserId,
    /// The session they do it in.
    pub(super) session_id: domain::ids::SessionId,
    /// For the audit log of the organization they act for.
    pub(super) actor: Actor,
}

impl Owner {
    /// # Errors
    /// [`AppError::PersonNeeded`] for a program: it has no account.
    pub(super) fn of(identity: &Identity, address: Option<IpAddr>) -> Result<Self, AppError> {
        let Principal::Person { session_id, user, .. } = &identity.principal else {
            return Err(AppError::PersonNeeded);
        };
        let actor = Actor {
            org_id: identity.org.id,
            home_org_id: identity.home_org_id,
            who: Who::Person(user.id),
            address,
        };
        Ok(Self { user_id: user.id, session_id: *session_id, actor })
    }
}

/// A person's account, as they see it.
#[derive(Debug)]
pub struct Account {
    /// The person.
    pub user: User,
    /// An address that was asked for and is not proved yet.
    pub pending_email: Option<String>,
    /// The second factor.
    pub second_factor: State,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is to be changed of an account.
#[derive(Debug, Default)]
pub struct AccountChange {
    /// Another name.
    pub name: Option<String>,
    /// Another address; it counts once a link sent there was opened.
    pub email: Option<String>,
    /// Needed for another address.
    pub password: Option<SecretString>,
}

/// The signed-in person's account.
///
/// # Errors
/// [`AppError::PersonNeeded`]; storage errors.
pub async fn show(app: &App, identity: &Identity) -> Result<Account, AppError> {
    let who = Owner::of(identity, None)?;
    let mut tx = SystemTx::begin(&app.db, "an account belongs to a person, not to an organization").await?;
    let account = read(app, &mut tx, who.user_id).await?;
    tx.commit().await?;
    Ok(account)
}

async fn read(app: &App, tx: &mut SystemTx, user_id: UserId) -> Result<Account, AppError> {
    let updated_at = users::lock(tx, user_id).await?;
    Ok(Account {
        user: users::find(tx, user_id).await?,
        pending_email: account_links::pending_email(tx, user_id, app.ambient.now()).await?,
        second_factor: second_factor::state(tx, user_id).await?,
        updated_at,
    })
}

/// Changes the signed-in person's account.
///
/// # Errors
/// [`AppError::OutOfDate`] when it changed after `seen`; [`AppError::Invalid`] for a field that is wrong;
/// [`AppError::PersonNeeded`]; [`AppError::TooMany`]; storage errors.
pub async fn change(
    app: &App,
    identity: &Identity,
    seen: Option<DateTime<Utc>>,
    change: AccountChange,
    address: Option<IpAddr>,
) -> Result<Account, AppError> {
    let who = Owner::of(identity, address)?;
    let now = app.ambient.now();
    let email = change.email.as_deref().map(|text| {
        EmailAddress::parse(text)
            .map_err(|error| AppError::Invalid { field: "email", message: format!("is {error}") })
    });
    let email = email.transpose()?;
    if email.is_some() {
        let password = change.password.ok_or_else(|| AppError::Invalid {
            field: "password",
            message: "is needed to change the e-mail address".to_owned(),
        })?;
        confirm_password(app, &who, "password", &password).await?;
    }
    let mut tx = SystemTx::begin(&app.db, "an account belongs to a person, not to an organization").await?;
    let updated_at = users::lock(&mut tx, who.user_id).await?;
    if seen.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    if let Some(name) = &change.name {
        users::set_name(&mut tx, who.user_id, name, now).await?;
    }
    if let Some(email) = &email {
        // Whether the address is taken is not told: the link to it simply will not work.
        let letter = Letter::ProveEmail { email: email.as_str().to_owned() };
        letters::promise(app, &mut tx, who.user_id, letter).await?;
    }
    let detail = json!({ "name": change.name.is_some(), "email": email.is_some() });
    audit::record_in(&mut tx, app, &who.actor, who.actor.org_id, "account:write", &who.user_id, detail)
        .await?;
    let account = read(app, &mut tx, who.user_id).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_user(who.user_id);
    Ok(account)
}

/// Makes a proved address the one that its person signs in with.
///
/// # Errors
/// [`AppError::Invalid`] when the link is used up, too old, or the address belongs to somebody else by now; storage
/// errors.
pub async fn confirm_email(app: &App, secret: &str, address: Option<IpAddr>) -> Result<(), AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "a link says whose account it is for").await?;
    let found = if tokens::looks_like_link_secret(secret) {
        account_links::take_email_change(&mut tx, &tokens::hash(secret), now).await?
    } else {
        None
    };
    let Some((user_id, email)) = found else {
        drop(tx);
        super::password_reset::count_wrong_link(app, address).await?;
        return Err(link_is_dead());
    };
    let user = users::find(&mut tx, user_id).await?;
    match users::set_email(&mut tx, user_id, &email, now).await {
        Err(StoreError::Conflict { .. }) => return Err(link_is_dead()),
        other => other?,
    }
    // A link for a new password may have gone to the old address.
    account_links::remove(&mut tx, user_id, &Purpose::PasswordReset).await?;
    for place in users::memberships(&mut tx, user_id).await? {
        let actor =
            Actor { org_id: place.org_id, home_org_id: place.org_id, who: Who::Person(user_id), address };
        audit::record_in(&mut tx, app, &actor, actor.org_id, "account:change_email", &user_id, json!({}))
            .await?;
    }
    letters::promise(app, &mut tx, user_id, Letter::EmailChanged { former: user.email }).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_user(user_id);
    Ok(())
}

pub(super) fn link_is_dead() -> AppError {
    AppError::Invalid {
        field: "token",
        message: "was used already, or is too old: ask for a new link".to_owned(),
    }
}

/// Sets another password; every other session of the person ends.
///
/// # Errors
/// [`AppError::Invalid`] for a wrong or unfit password; [`AppError::PersonNeeded`]; [`AppError::TooMany`]; storage
/// errors.
pub async fn change_password(
    app: &App,
    identity: &Identity,
    current: SecretString,
    new: SecretString,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    let who = Owner::of(identity, address)?;
    let user = confirm_password(app, &who, "current_password", &current).await?;
    let personal = [user.email.as_str(), user.name.as_str(), identity.org.name.as_str()];
    passwords::check_rules("new_password", new.expose_secret(), &personal)?;
    let hash = passwords::hash(app, new).await?;
    let mut tx = SystemTx::begin(&app.db, "a password belongs to a person, not to an organization").await?;
    set_password(app, &mut tx, &who.actor, user.id, &hash, Which::AllBut(who.session_id)).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_user(user.id);
    Ok(())
}

/// Writes a new password down, with all that belongs to it: sessions end, links die, the owner is told.
pub(super) async fn set_password(
    app: &App,
    tx: &mut SystemTx,
    actor: &Actor,
    user_id: UserId,
    hash: &str,
    ended: Which,
) -> Result<(), AppError> {
    let now = app.ambient.now();
    users::set_password(tx, user_id, hash, now).await?;
    account_links::remove(tx, user_id, &Purpose::PasswordReset).await?;
    let ended = sessions::revoke_of_user(tx, user_id, ended, "the password was changed", now).await?;
    let detail = json!({ "sessions_ended": ended.len() });
    audit::record_in(tx, app, actor, actor.org_id, "account:change_password", &user_id, detail).await?;
    letters::promise(app, tx, user_id, Letter::PasswordChanged).await
}

/// Has somebody who is signed in prove that they are still themselves. Wrong ones are slowed down like sign-ins.
pub(super) async fn confirm_password(
    app: &App,
    who: &Owner,
    field: &'static str,
    password: &SecretString,
) -> Result<User, AppError> {
    let mut tx = SystemTx::begin(&app.db, "a password belongs to a person, not to an organization").await?;
    let user = users::find(&mut tx, who.user_id).await?;
    let guarded: Vec<Guarded> = std::iter::once(Guarded::Account(user.email.clone()))
        .chain(who.actor.address.map(Guarded::Address))
        .collect();
    guard::begin_try(&mut tx, &guarded, app.ambient.now()).await?;
    tx.commit().await?;
    if passwords::verify(app, password, user.password_hash.clone()).await? == Verdict::Wrong {
        return Err(AppError::Invalid { field, message: "is wrong".to_owned() });
    }
    let mut tx = SystemTx::begin(&app.db, "a password belongs to a person, not to an organization").await?;
    guard::succeeded(&mut tx, &guarded).await?;
    tx.commit().await?;
    Ok(user)
}
