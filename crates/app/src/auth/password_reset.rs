//! Setting a new password by a link that was sent by e-mail.
//!
//! Asking for it tells nobody whether the address is known: the request only promises a job, the same for every
//! address; the job looks for the person.

use std::net::IpAddr;

use ::letters::kinds;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::account_links::{self, Purpose};
use store::jobs::{self, NewJob};
use store::sessions::Which;
use store::{SystemTx, users};

use super::account::{link_is_dead, set_password};
use super::guard::{self, Guarded};
use super::letters::{self, RESET_LIFE};
use super::{passwords, tokens};
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::notifications::house;
use crate::runtime::App;

/// After so many attempts the link would come too late.
const ATTEMPTS: u16 = 5;

/// Sends a link, should the address be known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SendReset {
    email: String,
    address: Option<IpAddr>,
    key: String,
}

/// Asks for a link.
///
/// # Errors
/// [`AppError::TooMany`] when it is asked for too often, for the address or from one place; storage errors.
pub async fn ask(app: &App, email: &str, address: Option<IpAddr>) -> Result<(), AppError> {
    let mut tx = SystemTx::begin(&app.db, "nobody is signed in: a link is asked for by address").await?;
    let guarded: Vec<Guarded> =
        std::iter::once(Guarded::LinkFor(email.to_owned())).chain(address.map(Guarded::LinkFrom)).collect();
    guard::begin_try(&mut tx, &guarded, app.ambient.now()).await?;
    let key = format!("password-reset/{}", app.ambient.new_id().simple());
    let payload = serde_json::to_value(SendReset { email: email.trim().to_owned(), address, key })
        .map_err(|error| AppError::Bug(format!("a job could not be written down: {error}")))?;
    let job =
        NewJob { task: SendReset::IDENTIFIER, payload, max_attempts: Some(ATTEMPTS), ..NewJob::default() };
    jobs::enqueue(&mut tx, &job).await?;
    tx.commit().await?;
    Ok(())
}

impl TaskHandler for SendReset {
    const IDENTIFIER: &'static str = "send_password_reset";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        send(app, self).await.map_err(|error| format!("{error:#}"))
    }
}

async fn send(app: &App, job: SendReset) -> Result<(), AppError> {
    let mut tx = SystemTx::begin(&app.db, "a link to whoever has the address").await?;
    let Some(user) = users::find_by_email(&mut tx, &job.email).await? else { return Ok(()) };
    let link =
        letters::link(app, &mut tx, &user, &Purpose::PasswordReset, RESET_LIFE, "reset-password").await?;
    if let Some(place) = users::memberships(&mut tx, user.id).await?.into_iter().next() {
        let actor = Actor { address: job.address, ..Actor::system(place.org_id) };
        audit::record_in(&mut tx, app, &actor, actor.org_id, "account:ask_reset", &user.id, json!({}))
            .await?;
    }
    let home = letters::home(&mut tx, &user).await?;
    tx.commit().await?;
    let text = "Somebody, hopefully you, asked for a new password. Open this link to choose one. It works once, \
                for an hour. If it was not you, do nothing: your password stays as it is.";
    let subject = "Choose a new password";
    let draft = kinds::account(subject, &user.name, text, Some((subject, &link)));
    let message = house::write(app, home, &draft, user.email, None, job.key).await?;
    app.email.send(&message).await?;
    Ok(())
}

/// Sets a new password by a link; every session of the person ends.
///
/// # Errors
/// [`AppError::Invalid`] for a link that is used up or too old, or an unfit password (the link stays good then);
/// [`AppError::TooMany`]; storage errors.
pub async fn confirm(
    app: &App,
    secret: &str,
    new: SecretString,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    let now = app.ambient.now();
    let hash = tokens::hash(secret);
    let mut tx = SystemTx::begin(&app.db, "a link says whose password it is for").await?;
    let found = if tokens::looks_like_link_secret(secret) {
        account_links::find_password_reset(&mut tx, &hash, now).await?
    } else {
        None
    };
    let Some(user_id) = found else {
        drop(tx);
        count_wrong_link(app, address).await?;
        return Err(link_is_dead());
    };
    let user = users::find(&mut tx, user_id).await?;
    tx.commit().await?;
    passwords::check_rules("new_password", new.expose_secret(), &[&user.email, &user.name])?;
    let password_hash = passwords::hash(app, new).await?;

    let mut tx = SystemTx::begin(&app.db, "a link says whose password it is for").await?;
    // Of two uses at once only one gets it.
    if account_links::take_password_reset(&mut tx, &hash, now).await?.is_none() {
        return Err(link_is_dead());
    }
    let places = users::memberships(&mut tx, user_id).await?;
    if let Some(place) = places.first() {
        let actor =
            Actor { org_id: place.org_id, home_org_id: place.org_id, who: Who::Person(user_id), address };
        set_password(app, &mut tx, &actor, user_id, &password_hash, Which::All).await?;
    } else {
        users::set_password(&mut tx, user_id, &password_hash, now).await?;
    }
    // Whoever reads the mail is the owner: what others guessed at the account no longer slows them down.
    guard::succeeded(&mut tx, &[Guarded::Account(user.email.clone()), Guarded::LinkFor(user.email)]).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_user(user_id);
    Ok(())
}

/// Counts a link that was none.
pub(super) async fn count_wrong_link(app: &App, address: Option<IpAddr>) -> Result<(), AppError> {
    let guarded: Vec<Guarded> = address.map(Guarded::LinkFrom).into_iter().collect();
    let mut tx = SystemTx::begin(&app.db, "tries are counted for all nodes").await?;
    guard::begin_try(&mut tx, &guarded, app.ambient.now()).await?;
    tx.commit().await?;
    Ok(())
}
