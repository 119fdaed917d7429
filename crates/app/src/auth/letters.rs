//! What an account's owner is told by e-mail. The job makes the links, so that no link lies in the queue.

use chrono::TimeDelta;
use domain::ids::{OrgId, UserId};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use letters::kinds;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::account_links::{self, Purpose};
use store::jobs::{self, NewJob};
use store::users::{self, User};
use store::{StoreError, SystemTx};

use super::tokens;
use crate::domains::link_base;
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::notifications::house;
use crate::runtime::App;

/// How long a link for a new password works.
pub(crate) const RESET_LIFE: TimeDelta = TimeDelta::hours(1);
/// How long a link that proves a new address works.
pub(crate) const EMAIL_CHANGE_LIFE: TimeDelta = TimeDelta::hours(24);
/// After so many attempts it comes too late to be of use.
const ATTEMPTS: u16 = 8;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Letter {
    /// A session was ended because a refresh token was used twice.
    SessionEnded,
    /// The password was changed.
    PasswordChanged,
    /// The second factor was set up.
    SecondFactorOn,
    /// The second factor was removed.
    SecondFactorOff,
    /// A new address is to be proved: to the new one.
    ProveEmail {
        /// The new one.
        email: String,
    },
    /// The address was changed: to the old one.
    EmailChanged {
        /// The old one.
        former: String,
    },
}

/// Sends a person a letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SendLetter {
    user_id: UserId,
    letter: Letter,
    /// The same for every attempt, so that a transport can tell that it was sent.
    key: String,
}

/// Promises a letter, in the transaction of what it tells.
pub(crate) async fn promise(
    app: &App,
    tx: &mut SystemTx,
    user_id: UserId,
    letter: Letter,
) -> Result<(), AppError> {
    let key = format!("account/{}", app.ambient.new_id().simple());
    let payload = serde_json::to_value(SendLetter { user_id, letter, key })
        .map_err(|error| AppError::Bug(format!("a letter could not be written down: {error}")))?;
    let job =
        NewJob { task: SendLetter::IDENTIFIER, payload, max_attempts: Some(ATTEMPTS), ..NewJob::default() };
    Ok(jobs::enqueue(tx, &job).await?)
}

impl TaskHandler for SendLetter {
    const IDENTIFIER: &'static str = "send_account_letter";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        send(app, self).await.map_err(|error| format!("{error:#}"))
    }
}

async fn send(app: &App, job: SendLetter) -> Result<(), AppError> {
    let mut tx = SystemTx::begin(&app.db, "a letter to a person").await?;
    let user = match users::find(&mut tx, job.user_id).await {
        Ok(user) => user,
        // Gone meanwhile: there is nobody to tell.
        Err(StoreError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (subject, text) = words(&job.letter);
    let (to, link) = match &job.letter {
        Letter::ProveEmail { email } => {
            let purpose = Purpose::EmailChange { email: email.clone() };
            let link = link(app, &mut tx, &user, &purpose, EMAIL_CHANGE_LIFE, "confirm-email").await?;
            (email.clone(), Some(link))
        }
        Letter::EmailChanged { former } => (former.clone(), None),
        _ => (user.email.clone(), None),
    };
    let home = home(&mut tx, &user).await?;
    tx.commit().await?;
    let button = link.as_deref().map(|link| ("Confirm this address", link));
    let draft = kinds::account(subject, &user.name, text, button);
    let message = house::write(app, home, &draft, to, None, job.key).await?;
    app.email.send(&message).await?;
    Ok(())
}

/// Subject and text.
fn words(letter: &Letter) -> (&'static str, &'static str) {
    match letter {
        Letter::SessionEnded => (
            "You were signed out of one device",
            "Somebody used an old sign-in of yours a second time. To be safe we ended that session. \
             If it was you, just sign in again. If not, change your password and look through your sessions.",
        ),
        Letter::PasswordChanged => (
            "Your password was changed",
            "Your password was changed and your other sessions were ended. If that was not you, ask for a new \
             password at once and tell whoever administers your account.",
        ),
        Letter::SecondFactorOn => (
            "A second factor protects your account",
            "From now on signing in asks for a code of your authenticator app. Keep your recovery codes in a \
             safe place.",
        ),
        Letter::SecondFactorOff => (
            "Your second factor was removed",
            "Signing in asks for your password only. If that was not you, change your password at once.",
        ),
        Letter::EmailChanged { .. } => (
            "You sign in with another address now",
            "The e-mail address of your account was changed. If that was not you, tell whoever administers \
             your account.",
        ),
        Letter::ProveEmail { .. } => (
            "Confirm your address",
            "Open this link to sign in with this address from now on. It works once, for a day. \
             If you did not ask for it, do nothing.",
        ),
    }
}

/// The organization in whose look a person is written to: the first that they are a member of.
pub(super) async fn home(tx: &mut SystemTx, user: &User) -> Result<Option<OrgId>, AppError> {
    Ok(users::memberships(tx, user.id).await?.first().map(|place| place.org_id))
}

/// Makes a link that works once, to the host that the person knows.
pub(super) async fn link(
    app: &App,
    tx: &mut SystemTx,
    user: &User,
    purpose: &Purpose,
    life: TimeDelta,
    page: &str,
) -> Result<String, AppError> {
    let secret = tokens::new_link_secret()?;
    let hash = tokens::hash(secret.expose_secret());
    account_links::insert(tx, user.id, &hash, purpose, app.ambient.now() + life).await?;
    // Behind the `#`: no server's log sees it.
    let base = match home(tx, user).await? {
        Some(id) => link_base(app, tx, id).await?,
        None => app.settings.public_url.clone(),
    };
    Ok(format!("{base}/#{page}={}", secret.expose_secret()))
}
