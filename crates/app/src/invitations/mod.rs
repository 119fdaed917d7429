//! Inviting people into an organization. The link goes out by e-mail and is told to the inviter once; what is stored
//! is its hash.

pub mod accept;
pub(crate) mod letter;

use chrono::TimeDelta;
use domain::email::EmailAddress;
use domain::ids::InvitationId;
use domain::roles::{Role, RoleRef};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::invitations::{self, Invitation, NewInvitation};
use store::{OrgTx, StoreError, members};

use crate::audit::{self, Actor, Who};
use crate::auth::Identity;
use crate::error::AppError;
use crate::notifications::house;
use crate::roles;
use crate::runtime::App;
use crate::tokens;

/// How long an invitation holds.
pub const INVITATION_LIFE: TimeDelta = TimeDelta::days(7);
/// Nobody's mailbox is filled by a button.
const BETWEEN_LETTERS: TimeDelta = TimeDelta::minutes(1);
/// How an invitation's token begins.
pub(crate) const TOKEN_PREFIX: &str = "sci_";

/// An invitation, with its link, which is shown this once.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// Where it is accepted.
    pub link: SecretString,
}

/// Invites somebody.
///
/// # Errors
/// [`AppError::Forbidden`] when the role has more than the asker; [`AppError::Conflict`] for a member, and for who is
/// invited already; [`AppError::Invalid`] for an address or role that is none; storage errors.
pub async fn invite(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    email: &str,
    role: RoleRef,
) -> Result<Invited, AppError> {
    let base = house::base(app, actor.org_id).await?;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let held = roles::resolve(&mut tx, identity, role).await?;
    identity.demand_all(held.permissions, held.child_permissions)?;
    let (invitation, token) = enter(&mut tx, app, actor, email, role).await?;
    tx.commit().await?;
    Ok(Invited { invitation, link: link(&base, &token) })
}

/// Invites the first owner of an organization that is being made, inside the transaction that makes it. The right to
/// make it is the right to name its owner, although that may be more than the maker can do in it.
///
/// # Errors
/// [`AppError::Invalid`] for an address that is none; storage errors.
pub async fn invite_founder(
    tx: &mut OrgTx,
    app: &App,
    actor: &Actor,
    email: &str,
) -> Result<Invitation, AppError> {
    Ok(enter(tx, app, actor, email, Role::Owner.into()).await?.0)
}

async fn enter(
    tx: &mut OrgTx,
    app: &App,
    actor: &Actor,
    email: &str,
    role: RoleRef,
) -> Result<(Invitation, SecretString), AppError> {
    let email = EmailAddress::parse(email)
        .map_err(|error| AppError::Invalid { field: "email", message: format!("is {error}") })?;
    let email = email.to_string();
    if members::has_email(tx, &email).await? {
        return Err(AppError::Conflict {
            reason: "somebody with this address is a member already".to_owned(),
        });
    }
    let now = app.ambient.now();
    let token = tokens::draw(TOKEN_PREFIX)?;
    let id = InvitationId(app.ambient.new_id());
    let new = NewInvitation {
        id,
        email: &email,
        role,
        token_hash: &tokens::hash(token.expose_secret()),
        invited_by: match actor.who {
            Who::Person(id) => Some(id),
            Who::Key(_) | Who::System => None,
        },
        now,
        expires_at: now + INVITATION_LIFE,
    };
    invitations::insert(tx, &new).await.map_err(explain)?;
    letter::post(tx, app, id, &token, now).await?;
    let invitation = invitations::get(tx, id).await?;
    let detail = json!({ "email": email, "role": invitation.role.name });
    audit::record(tx, app, actor, "members:invite", &id, detail).await?;
    Ok((invitation, token))
}

/// Sends an invitation again, with a new link and seven more days. The former link is worth nothing from now on.
///
/// # Errors
/// [`AppError::Conflict`] when it was accepted; [`AppError::TooMany`] within a minute; [`AppError::Forbidden`] when the
/// role has more than the asker; not found; storage errors.
pub async fn resend(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    id: InvitationId,
) -> Result<Invited, AppError> {
    let now = app.ambient.now();
    let base = house::base(app, actor.org_id).await?;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    invitations::lock(&mut tx, id).await?;
    let before = invitations::get(&mut tx, id).await?;
    identity.demand_all(before.role.permissions, before.role.child_permissions)?;
    refuse_accepted(&before)?;
    let wait = before.sent_at + BETWEEN_LETTERS - now;
    if wait > TimeDelta::zero() {
        let retry_after_s = u64::try_from(wait.num_seconds()).unwrap_or(0).max(1);
        return Err(AppError::TooMany { retry_after_s });
    }
    let token = tokens::draw(TOKEN_PREFIX)?;
    let hash = tokens::hash(token.expose_secret());
    invitations::renew(&mut tx, id, &hash, now, now + INVITATION_LIFE).await?;
    letter::post(&mut tx, app, id, &token, now).await?;
    audit::record(&mut tx, app, actor, "members:reinvite", &id, json!({ "email": before.email })).await?;
    let invitation = invitations::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Invited { invitation, link: link(&base, &token) })
}

/// Takes an invitation back.
///
/// # Errors
/// [`AppError::Conflict`] when it was accepted; not found; storage errors.
pub async fn revoke(app: &App, actor: &Actor, id: InvitationId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    invitations::lock(&mut tx, id).await?;
    let before = invitations::get(&mut tx, id).await?;
    refuse_accepted(&before)?;
    invitations::revoke(&mut tx, id, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "members:uninvite", &id, json!({ "email": before.email })).await?;
    Ok(tx.commit().await?)
}

fn refuse_accepted(invitation: &Invitation) -> Result<(), AppError> {
    match invitation.accepted_at {
        None => Ok(()),
        Some(_) => Err(AppError::Conflict { reason: "the invitation was accepted".to_owned() }),
    }
}

fn link(base: &str, token: &SecretString) -> SecretString {
    format!("{base}/invitations/{}", token.expose_secret()).into()
}

fn explain(error: StoreError) -> AppError {
    if error.is_conflict_with("invitations_open_unique") {
        return AppError::Conflict {
            reason: "this address is invited already: send that invitation again, or take it back first"
                .to_owned(),
        };
    }
    if error.is_conflict_with("invitations_role_fkey") {
        return AppError::Conflict { reason: "the role was deleted in this moment".to_owned() };
    }
    error.into()
}
