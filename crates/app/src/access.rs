//! What somebody may do in an organization: their role there, and what roles above it grant for the organizations
//! below. Decided anew for every request (a few seconds of memory aside), so that a change is felt at once.

use std::sync::Arc;

use domain::ids::{OrgId, UserId};
use domain::permissions::{Permission, PermissionSet};
use domain::plans::Entitlements;
use domain::roles::{Role, RoleRef};
use store::access::{HeldRole, Step};
use store::api_keys::KeyTerms;
use store::organizations::{OrgKind, OrgStatus};
use store::{StoreError, SystemTx};

use crate::auth::identity::Organization;
use crate::error::AppError;
use crate::runtime::App;

/// Rights in an organization.
#[derive(Debug, Clone)]
pub struct Rights {
    /// The organization.
    pub org: Organization,
    /// Where the rights come from: the organization itself, or the nearest one above that adds to them.
    pub home_org_id: OrgId,
    /// The role's name.
    pub role: String,
    /// What is allowed.
    pub permissions: PermissionSet,
    /// What is allowed in the organizations below this one.
    pub child_permissions: PermissionSet,
    /// What the plan allows.
    pub entitlements: Arc<Entitlements>,
}

/// A person's rights in an organization; `None` when they have nothing to do with it.
///
/// # Errors
/// Storage errors.
pub async fn rights_of_person(
    tx: &mut SystemTx,
    user_id: UserId,
    org_id: OrgId,
) -> Result<Option<Rights>, AppError> {
    let way = store::access::way_up(tx, Some(user_id), org_id).await?;
    let granted = granted_to_person(&way);
    complete(tx, way, granted).await
}

/// A key's rights in its own organization or one below; `None` when it has nothing to do with it.
///
/// # Errors
/// Storage errors.
pub async fn rights_of_key(
    tx: &mut SystemTx,
    key_org_id: OrgId,
    terms: &KeyTerms,
    org_id: OrgId,
) -> Result<Option<Rights>, AppError> {
    let way = store::access::way_up(tx, None, org_id).await?;
    let granted = granted_to_key(&way, key_org_id, terms);
    complete(tx, way, granted).await
}

async fn complete(
    tx: &mut SystemTx,
    way: Vec<Step>,
    granted: Option<Granted>,
) -> Result<Option<Rights>, AppError> {
    let (Some(granted), Some(here)) = (granted, way.into_iter().next()) else {
        return Ok(None);
    };
    let entitlements = match store::plans::entitlements_for(tx, here.id).await {
        Ok(entitlements) => entitlements,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Rights {
        org: Organization {
            id: here.id,
            name: here.name,
            kind: here.kind,
            status: here.status,
            parent_id: here.parent_id,
        },
        home_org_id: granted.home_org_id,
        role: granted.role,
        permissions: granted.permissions,
        child_permissions: granted.child_permissions,
        entitlements: Arc::new(entitlements),
    }))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Granted {
    home_org_id: OrgId,
    role: String,
    permissions: PermissionSet,
    child_permissions: PermissionSet,
}

fn granted_to_person(way: &[Step]) -> Option<Granted> {
    let (here, above) = way.split_first()?;
    let most = most_in(here.kind);
    let mut granted = here.role.as_ref().map(|held| {
        let (permissions, child_permissions) = effective(held, here.kind);
        Granted {
            home_org_id: here.id,
            role: held.name.clone(),
            permissions: permissions.intersection(most),
            child_permissions,
        }
    });
    let mut home_found = false;
    for step in above {
        let Some(held) = &step.role else { continue };
        let inherited = handed_down(effective(held, step.kind).1, step.status);
        let here_too = inherited.intersection(most);
        if here_too.is_empty() {
            continue;
        }
        let so_far = granted.get_or_insert_with(|| Granted {
            home_org_id: step.id,
            role: held.name.clone(),
            permissions: PermissionSet::default(),
            child_permissions: PermissionSet::default(),
        });
        // Whoever can do more from above than by themselves acts from above, and the log says so.
        if !home_found && !so_far.permissions.covers(here_too) {
            home_found = true;
            so_far.home_org_id = step.id;
            so_far.role.clone_from(&held.name);
        }
        so_far.permissions = so_far.permissions.union(here_too);
        so_far.child_permissions = so_far.child_permissions.union(inherited);
    }
    let mut granted = granted?;
    if here.kind == OrgKind::Business {
        granted.child_permissions = PermissionSet::default();
    }
    Some(granted)
}

fn granted_to_key(way: &[Step], key_org_id: OrgId, terms: &KeyTerms) -> Option<Granted> {
    let here = way.first()?;
    let home = way.iter().find(|step| step.id == key_org_id)?;
    let (permissions, child_permissions) = if home.id == here.id {
        (terms.permissions, terms.child_permissions)
    } else {
        let inherited = handed_down(terms.child_permissions, home.status);
        (inherited, inherited)
    };
    let permissions = permissions.intersection(most_in(here.kind));
    if home.id != here.id && permissions.is_empty() {
        return None;
    }
    let below = here.kind != OrgKind::Business;
    Some(Granted {
        home_org_id: home.id,
        role: "api_key".to_owned(),
        permissions,
        child_permissions: if below { child_permissions } else { PermissionSet::default() },
    })
}

/// What remains of inherited rights when the organization that they come from is not in good order: who may change
/// nothing at home changes nothing below either.
fn handed_down(permissions: PermissionSet, status: OrgStatus) -> PermissionSet {
    match status {
        OrgStatus::Trial | OrgStatus::Active | OrgStatus::PastDue => permissions,
        OrgStatus::Suspended => permissions.reading(),
        OrgStatus::Closed => PermissionSet::default(),
    }
}

/// What a role grants where it is held. A template in an organization that it is not for grants nothing.
fn effective(held: &HeldRole, kind: OrgKind) -> (PermissionSet, PermissionSet) {
    match held.role {
        Some(RoleRef::Template(role)) if !fits(role, kind) => Default::default(),
        _ => (held.permissions, held.child_permissions),
    }
}

/// Whether a template can be given in an organization of the kind.
#[must_use]
pub fn fits(role: Role, kind: OrgKind) -> bool {
    match role {
        Role::PlatformAdmin => kind == OrgKind::Platform,
        Role::PartnerAdmin => kind == OrgKind::Partner,
        Role::Owner | Role::Admin | Role::Manager | Role::Member | Role::Viewer => true,
    }
}

/// The templates of which an organization of the kind always has somebody: without them nobody could let anybody in.
#[must_use]
pub fn indispensable(kind: OrgKind) -> &'static [Role] {
    match kind {
        OrgKind::Platform => &[Role::PlatformAdmin],
        OrgKind::Partner => &[Role::PartnerAdmin, Role::Owner],
        OrgKind::Business => &[Role::Owner],
    }
}

/// The most that anybody can do in an organization of the kind.
#[must_use]
pub fn most_in(kind: OrgKind) -> PermissionSet {
    match kind {
        OrgKind::Platform => PermissionSet::all(),
        OrgKind::Partner => PermissionSet::all().without(Permission::PlatformOperate),
        OrgKind::Business => PermissionSet::of_a_business(),
    }
}

impl App {
    /// A person's places or roles changed: what was remembered of their rights holds no longer. Call it after the
    /// commit.
    pub(crate) fn forget_rights_of(&self, user_id: UserId) {
        self.auth_cache.invalidate_user(user_id);
    }

    /// The roles of an organization changed, which may concern everybody who acts in it or below it.
    pub(crate) fn forget_rights_in(&self, org_id: OrgId) {
        self.auth_cache.invalidate_org(org_id);
    }
}

#[cfg(test)]
mod tests;
