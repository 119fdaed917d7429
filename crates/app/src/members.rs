//! People in an organization: another role, out, away.

use chrono::{DateTime, Utc};
use domain::ids::UserId;
use domain::roles::{Role, RoleRef};
use serde_json::json;
use store::access::HeldRole;
use store::members::{self, Member};
use store::{OrgTx, SystemTx, invitations};

use crate::access;
use crate::audit::{self, Actor};
use crate::auth::Identity;
use crate::error::AppError;
use crate::roles;
use crate::runtime::App;

/// Gives a member another role.
///
/// # Errors
/// [`AppError::Forbidden`] when the new or the former role has more than the asker; [`AppError::Conflict`] for the
/// last owner; [`AppError::OutOfDate`]; [`AppError::Invalid`] for a role that is none here; storage errors.
pub async fn change_role(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    id: UserId,
    based_on: Option<DateTime<Utc>>,
    role: RoleRef,
) -> Result<Member, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let holders = lock_indispensable(&mut tx, identity).await?;
    members::lock(&mut tx, id).await?;
    let before = members::get(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    let after = roles::resolve(&mut tx, identity, role).await?;
    demand_both(identity, &before.role, &after)?;
    if !is_indispensable(identity, after.role) {
        refuse_last(identity, &holders, id)?;
    }
    let written = members::set_role(&mut tx, id, role, now).await;
    written.map_err(|error| {
        if error.is_conflict_with("members_role_fkey") {
            return AppError::Conflict { reason: "the role was deleted in this moment".to_owned() };
        }
        error.into()
    })?;
    let covered = after.permissions.covers(before.role.permissions)
        && after.child_permissions.covers(before.role.child_permissions);
    // What somebody could promise with more rights is not to outlive them.
    let withdrawn = if covered { 0 } else { invitations::revoke_of(&mut tx, id, now).await? };
    let detail = json!({ "from": before.role.name, "to": after.name, "invitations_withdrawn": withdrawn });
    audit::record(&mut tx, app, actor, "members:update", &id, detail).await?;
    let member = members::get(&mut tx, id).await?;
    tx.commit().await?;
    app.forget_rights_of(id);
    Ok(member)
}

/// Takes a member out of the organization. Their sessions here end at once.
///
/// # Errors
/// [`AppError::Forbidden`] when their role has more than the asker; [`AppError::Conflict`] for the last owner; not
/// found; storage errors.
pub async fn remove(app: &App, identity: &Identity, actor: &Actor, id: UserId) -> Result<(), AppError> {
    take_out(app, identity, actor, id, "members:remove", |member| {
        identity.demand_all(member.role.permissions, member.role.child_permissions)
    })
    .await
}

/// Takes the asking person out of the organization.
///
/// # Errors
/// [`AppError::Conflict`] for the last owner; not found for a program, and for who acts from above; storage errors.
pub async fn leave(app: &App, identity: &Identity, actor: &Actor) -> Result<(), AppError> {
    let person = identity.person().ok_or(AppError::NotFound { noun: "member" })?;
    take_out(app, identity, actor, person.id, "members:leave", |_| Ok(())).await
}

async fn take_out(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    id: UserId,
    action: &str,
    allowed: impl FnOnce(&Member) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let holders = lock_indispensable(&mut tx, identity).await?;
    members::lock(&mut tx, id).await?;
    let member = members::get(&mut tx, id).await?;
    allowed(&member)?;
    refuse_last(identity, &holders, id)?;
    members::remove(&mut tx, id).await?;
    let withdrawn = invitations::revoke_of(&mut tx, id, now).await?;
    let detail = json!({ "role": member.role.name, "invitations_withdrawn": withdrawn });
    audit::record(&mut tx, app, actor, action, &id, detail).await?;
    tx.commit().await?;
    app.forget_rights_of(id);
    // Without the place their tokens are worth nothing here already; this takes the sessions off their list.
    let mut tx = SystemTx::begin(&app.db, "sessions belong to a person, not to an organization").await?;
    members::end_sessions(&mut tx, actor.org_id, id, now).await?;
    tx.commit().await?;
    app.forget_rights_of(id);
    Ok(())
}

async fn lock_indispensable(tx: &mut OrgTx, identity: &Identity) -> Result<Vec<UserId>, AppError> {
    let templates: Vec<String> =
        access::indispensable(identity.org.kind).iter().map(|role| role.name().to_owned()).collect();
    Ok(members::lock_holders(tx, &templates).await?)
}

fn is_indispensable(identity: &Identity, role: Option<RoleRef>) -> bool {
    matches!(role, Some(RoleRef::Template(role)) if access::indispensable(identity.org.kind).contains(&role))
}

fn refuse_last(identity: &Identity, holders: &[UserId], id: UserId) -> Result<(), AppError> {
    if holders != [id] {
        return Ok(());
    }
    let needed: Vec<&str> =
        access::indispensable(identity.org.kind).iter().map(|role: &Role| role.name()).collect();
    Err(AppError::Conflict {
        reason: format!(
            "this is the last member with the role {}: give it to somebody else first",
            needed.join(" or ")
        ),
    })
}

fn demand_both(identity: &Identity, before: &HeldRole, after: &HeldRole) -> Result<(), AppError> {
    identity.demand_all(
        before.permissions.union(after.permissions),
        before.child_permissions.union(after.child_permissions),
    )
}
