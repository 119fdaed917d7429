//! What somebody may do in an organization: their role there, or what a role above grants for children.

use std::sync::Arc;

use domain::ids::{OrgId, UserId};
use domain::permissions::{PermissionSet, Role};
use domain::plans::Entitlements;
use store::SystemTx;

use crate::auth::identity::Organization;
use crate::error::AppError;

/// Rights in an organization.
#[derive(Debug, Clone)]
pub struct Rights {
    /// The organization.
    pub org: Organization,
    /// Where the rights come from.
    pub home_org_id: OrgId,
    /// The role's name.
    pub role: String,
    /// What is allowed.
    pub permissions: PermissionSet,
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
    let memberships = store::users::memberships(tx, user_id).await?;
    let Some(membership) = memberships.into_iter().find(|membership| membership.org_id == org_id) else {
        return Ok(None);
    };
    let org = store::organizations::find(tx, org_id).await?;
    let entitlements = store::plans::entitlements_for(tx, org_id).await?;
    Ok(Some(Rights {
        org: Organization {
            id: org.id,
            name: org.name,
            kind: org.kind,
            status: org.status,
            parent_id: org.parent_id,
        },
        home_org_id: org_id,
        permissions: permissions_of(&membership.role),
        role: membership.role,
        entitlements: Arc::new(entitlements),
    }))
}

/// A role that this version does not know allows nothing.
fn permissions_of(role: &str) -> PermissionSet {
    match role.parse::<Role>() {
        Ok(role) => role.permissions(),
        Err(_unknown) => {
            tracing::warn!(role, "a member has a role that is not known and may do nothing");
            PermissionSet::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_role_allows_nothing() {
        assert_eq!(permissions_of("emperor"), PermissionSet::default());
        assert_eq!(permissions_of("owner"), Role::Owner.permissions());
    }
}
