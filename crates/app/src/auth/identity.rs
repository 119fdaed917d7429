//! Who is asking: a person or a program, for which organization, with what rights there.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, OrgId, SessionId, UserId};
use domain::permissions::{Permission, PermissionSet};
use domain::plans::{Entitlements, Feature};
use store::impersonation::Opened;
use store::organizations::{OrgKind, OrgStatus};
use store::sessions::Method;

use crate::error::AppError;

/// Who asks, for which organization, with what rights there. Made only from checked credentials.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// The organization acted for.
    pub org: Organization,
    /// The organization that the rights come from: the same one, or a parent of it.
    pub home_org_id: OrgId,
    /// The role's name, as shown.
    pub role: String,
    /// What is allowed.
    pub permissions: PermissionSet,
    /// What is allowed in the organizations below this one.
    pub child_permissions: PermissionSet,
    /// What the organization's plan allows.
    pub entitlements: Arc<Entitlements>,
    /// Where the organization was opened from, when somebody from above works in it.
    pub opened: Option<Opened>,
}

/// A person or a program.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Somebody who signed in.
    Person {
        /// The session.
        session_id: SessionId,
        /// How it came about.
        method: Method,
        /// When the session ends unless it is renewed.
        expires_at: DateTime<Utc>,
        /// Who.
        user: Person,
    },
    /// A program with a key.
    Key {
        /// The key.
        id: ApiKeyId,
        /// What the organization calls it.
        name: String,
    },
}

/// A person, as shown to themselves.
#[derive(Debug, Clone)]
pub struct Person {
    /// The person's id.
    pub id: UserId,
    /// The address they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
}

/// An organization, as those who act for it must know it.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Platform, partner or business.
    pub kind: OrgKind,
    /// Where it stands.
    pub status: OrgStatus,
    /// The one above it.
    pub parent_id: Option<OrgId>,
}

impl Identity {
    /// The signed-in person; `None` for a program.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match &self.principal {
            Principal::Person { user, .. } => Some(user),
            Principal::Key { .. } => None,
        }
    }

    /// Whether the rights come from an organization above the one acted for.
    #[must_use]
    pub fn acts_from_above(&self) -> bool {
        self.home_org_id != self.org.id
    }

    /// Demands a permission.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn demand(&self, permission: Permission) -> Result<(), AppError> {
        if self.permissions.has(permission) { Ok(()) } else { Err(AppError::Forbidden { permission }) }
    }

    /// Demands a feature of the organization's plan.
    ///
    /// # Errors
    /// [`AppError::PlanRequired`].
    pub fn demand_feature(&self, feature: Feature) -> Result<(), AppError> {
        if self.entitlements.allows(feature) { Ok(()) } else { Err(AppError::PlanRequired { feature }) }
    }

    /// Demands that everything that is handed on to somebody else is the asker's own: nobody gives what they don't
    /// have. The same holds for taking it away from somebody.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] with the first permission that is missing.
    pub fn demand_all(
        &self,
        permissions: PermissionSet,
        child_permissions: PermissionSet,
    ) -> Result<(), AppError> {
        let missing = permissions.minus(self.permissions).iter().next();
        let missing = missing.or_else(|| child_permissions.minus(self.child_permissions).iter().next());
        missing.map_or(Ok(()), |permission| Err(AppError::Forbidden { permission }))
    }
}
