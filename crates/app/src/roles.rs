//! Defining an organization's own roles. Nobody puts into a role what they may not do themselves.

use chrono::{DateTime, Utc};
use domain::ids::RoleId;
use domain::permissions::PermissionSet;
use domain::roles::{Role, RoleRef};
use serde_json::json;
use store::access::HeldRole;
use store::organizations::OrgKind;
use store::roles::{self, MAX_ROLES, OwnRole, RoleContent};
use store::{OrgTx, StoreError};

use crate::access;
use crate::audit::{self, Actor};
use crate::auth::Identity;
use crate::error::AppError;
use crate::runtime::App;

/// What to change of a role; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct RoleChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it grants in the organization.
    pub permissions: Option<PermissionSet>,
    /// What it grants in the organizations below.
    pub child_permissions: Option<PermissionSet>,
}

/// Defines a role.
///
/// # Errors
/// [`AppError::Forbidden`] when it has more than the asker; [`AppError::Invalid`]; [`AppError::Conflict`] for a name
/// that is taken or when there are too many; storage errors.
pub async fn create(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    content: RoleContent,
) -> Result<OwnRole, AppError> {
    check(identity, &content)?;
    identity.demand_all(content.permissions, content.child_permissions)?;
    let id = RoleId(app.ambient.new_id());
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    if roles::list(&mut tx).await?.len() >= MAX_ROLES as usize {
        return Err(AppError::Conflict { reason: format!("an organization has at most {MAX_ROLES} roles") });
    }
    roles::insert(&mut tx, id, &content, app.ambient.now())
        .await
        .map_err(|error| taken(error, &content.name))?;
    let detail = json!({
        "name": content.name,
        "permissions": content.permissions.names(),
        "child_permissions": content.child_permissions.names(),
    });
    audit::record(&mut tx, app, actor, "roles:create", &id, detail).await?;
    let role = roles::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(role)
}

/// Changes a role, for everybody who has it, at once.
///
/// # Errors
/// As [`create`]; [`AppError::OutOfDate`]; also forbidden when the role has more than the asker now.
pub async fn change(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    id: RoleId,
    based_on: Option<DateTime<Utc>>,
    change: RoleChange,
) -> Result<OwnRole, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = roles::lock(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    let before = before.content;
    let content = RoleContent {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        description: change.description.unwrap_or_else(|| before.description.clone()),
        permissions: change.permissions.unwrap_or(before.permissions),
        child_permissions: change.child_permissions.unwrap_or(before.child_permissions),
    };
    check(identity, &content)?;
    identity.demand_all(
        before.permissions.union(content.permissions),
        before.child_permissions.union(content.child_permissions),
    )?;
    roles::update(&mut tx, id, &content, app.ambient.now())
        .await
        .map_err(|error| taken(error, &content.name))?;
    let detail = json!({
        "name": content.name,
        "added": content.permissions.minus(before.permissions).names(),
        "removed": before.permissions.minus(content.permissions).names(),
        "child_added": content.child_permissions.minus(before.child_permissions).names(),
        "child_removed": before.child_permissions.minus(content.child_permissions).names(),
    });
    audit::record(&mut tx, app, actor, "roles:update", &id, detail).await?;
    let role = roles::get(&mut tx, id).await?;
    tx.commit().await?;
    app.forget_rights_in(actor.org_id);
    Ok(role)
}

/// Deletes a role that nobody has.
///
/// # Errors
/// [`AppError::Conflict`] when somebody has it or is invited to it; [`AppError::Forbidden`] when it has more than the
/// asker; not found; storage errors.
pub async fn delete(app: &App, identity: &Identity, actor: &Actor, id: RoleId) -> Result<(), AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let role = roles::lock(&mut tx, id).await?.content;
    identity.demand_all(role.permissions, role.child_permissions)?;
    let holders = roles::holders(&mut tx, id, now).await?;
    if holders.members + holders.invitations > 0 {
        return Err(AppError::Conflict {
            reason: format!(
                "the role {} is in use: members {}, open invitations {}; give them another one first",
                role.name, holders.members, holders.invitations
            ),
        });
    }
    roles::delete(&mut tx, id, now).await.map_err(|error| {
        // Somebody was given it in this moment.
        if error.is_conflict_with("members_role_fkey") || error.is_conflict_with("invitations_role_fkey") {
            return AppError::Conflict { reason: format!("the role {} is in use", role.name) };
        }
        error.into()
    })?;
    audit::record(&mut tx, app, actor, "roles:delete", &id, json!({ "name": role.name })).await?;
    Ok(tx.commit().await?)
}

/// What a role that is to be given to somebody grants, when it can be given in this organization.
pub(crate) async fn resolve(
    tx: &mut OrgTx,
    identity: &Identity,
    role: RoleRef,
) -> Result<HeldRole, AppError> {
    let unknown = || AppError::Invalid {
        field: "role",
        message: "must be a role of this organization: see `GET /api/v1/roles`".to_owned(),
    };
    match role {
        RoleRef::Template(role) if access::fits(role, identity.org.kind) => Ok(role.into()),
        RoleRef::Template(_) => Err(unknown()),
        RoleRef::Own(id) => match roles::get(tx, id).await {
            Ok(own) => Ok(HeldRole {
                role: Some(role),
                name: own.content.name,
                permissions: own.content.permissions,
                child_permissions: own.content.child_permissions,
            }),
            Err(StoreError::NotFound { .. }) => Err(unknown()),
            Err(error) => Err(error.into()),
        },
    }
}

fn check(identity: &Identity, content: &RoleContent) -> Result<(), AppError> {
    let wrong = |field, message: String| Err(AppError::Invalid { field, message });
    let kind = identity.org.kind;
    if content.name.to_lowercase().parse::<Role>().is_ok() {
        return wrong("name", "is the name of a role that every organization has".to_owned());
    }
    if let Some(beyond) = content.permissions.minus(access::most_in(kind)).iter().next() {
        return wrong("permissions", format!("{beyond} means nothing in an organization of this kind"));
    }
    if kind == OrgKind::Business && !content.child_permissions.is_empty() {
        return wrong("child_permissions", "a business has no organizations below it".to_owned());
    }
    Ok(())
}

fn taken(error: StoreError, name: &str) -> AppError {
    if error.is_conflict_with("roles_name_unique") {
        return AppError::Conflict { reason: format!("there is a role {name} already") };
    }
    error.into()
}
