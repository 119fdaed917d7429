//! What the rights of somebody in an organization follow from: their places in it and in those above it.

use domain::ids::{OrgId, UserId};
use domain::permissions::PermissionSet;
use domain::roles::{Role, RoleRef};
use uuid::Uuid;

use crate::error::StoreError;
use crate::organizations::{OrgKind, OrgStatus};
use crate::text;
use crate::tx::SystemTx;

/// What the `role` column says of a member who has one of the organization's own roles.
const OWN: &str = "own";

/// A role that somebody has, with what it grants. A template that this version does not know grants nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// The template or the organization's own role; `None` for a name that is not known.
    pub role: Option<RoleRef>,
    /// As people call it.
    pub name: String,
    /// What it grants in the organization.
    pub permissions: PermissionSet,
    /// What it grants in the organizations below.
    pub child_permissions: PermissionSet,
}

impl From<Role> for HeldRole {
    fn from(role: Role) -> Self {
        Self {
            role: Some(role.into()),
            name: role.name().to_owned(),
            permissions: role.permissions(),
            child_permissions: role.child_permissions(),
        }
    }
}

/// The columns of a held role as they come out of a join with the organization's own roles.
pub(crate) struct RoleColumns {
    pub(crate) role: String,
    pub(crate) role_id: Option<Uuid>,
    pub(crate) name: Option<String>,
    pub(crate) permissions: Option<Vec<String>>,
    pub(crate) child_permissions: Option<Vec<String>>,
}

impl From<RoleColumns> for HeldRole {
    fn from(columns: RoleColumns) -> Self {
        if let Some(id) = columns.role_id {
            return Self {
                role: Some(RoleRef::Own(domain::ids::RoleId(id))),
                name: columns.name.unwrap_or(columns.role),
                permissions: set(columns.permissions.as_deref()),
                child_permissions: set(columns.child_permissions.as_deref()),
            };
        }
        match columns.role.parse::<Role>() {
            Ok(role) => role.into(),
            Err(_unknown) => Self {
                role: None,
                name: columns.role,
                permissions: PermissionSet::default(),
                child_permissions: PermissionSet::default(),
            },
        }
    }
}

/// The set that a text array names.
pub(crate) fn set(names: Option<&[String]>) -> PermissionSet {
    PermissionSet::of_names(names.unwrap_or_default().iter().map(String::as_str))
}

/// The text array of a set.
pub(crate) fn names(set: PermissionSet) -> Vec<String> {
    set.iter().map(|permission| permission.name().to_owned()).collect()
}

/// The two columns of a role that is given to somebody.
pub(crate) fn columns(role: RoleRef) -> (&'static str, Option<Uuid>) {
    match role {
        RoleRef::Template(role) => (role.name(), None),
        RoleRef::Own(id) => (OWN, Some(id.0)),
    }
}

/// An organization on the way from one up to the platform, with the role of the person asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: OrgKind,
    /// Where it stands.
    pub status: OrgStatus,
    /// The one above it.
    pub parent_id: Option<OrgId>,
    /// The person's role there, if they have one.
    pub role: Option<HeldRole>,
}

/// The way from an organization up to the platform, the organization itself first; empty when there is none of that
/// id. Without a person the roles are empty.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn way_up(
    tx: &mut SystemTx,
    person: Option<UserId>,
    org_id: OrgId,
) -> Result<Vec<Step>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE way AS (
               SELECT id, parent_id, 0 AS depth FROM organizations WHERE id = $1
               UNION ALL
               SELECT o.id, o.parent_id, way.depth + 1
               FROM organizations o
               JOIN way ON o.id = way.parent_id
               WHERE way.depth < 8
           )
           SELECT o.id, o.name, o.kind, o.status, o.parent_id,
                  m.role AS "role?", m.role_id AS "role_id?", r.name AS "role_name?",
                  r.permissions AS "permissions?", r.child_permissions AS "child_permissions?"
           FROM way
           JOIN organizations o ON o.id = way.id
           LEFT JOIN members m ON m.org_id = o.id AND m.user_id = $2
           LEFT JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
           ORDER BY way.depth"#,
        org_id.0,
        person.map(|id| id.0),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let role = row.role.map(|role| {
                HeldRole::from(RoleColumns {
                    role,
                    role_id: row.role_id,
                    name: row.role_name,
                    permissions: row.permissions,
                    child_permissions: row.child_permissions,
                })
            });
            Ok(Step {
                id: OrgId(row.id),
                name: row.name,
                kind: text::decode(&row.kind)?,
                status: text::decode(&row.status)?,
                parent_id: row.parent_id.map(OrgId),
                role,
            })
        })
        .collect()
}
