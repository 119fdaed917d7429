//! Roles: the templates that every organization has, and how a role is named where one is given to somebody.
//!
//! An organization's own roles are sets of the same permissions; they live in storage.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::RoleId;
use crate::permissions::{Permission, PermissionSet, UnknownName};

/// A role template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the installation: everything, everywhere. Of the platform only.
    PlatformAdmin,
    /// Runs a reseller and administers its businesses. Of partners only.
    PartnerAdmin,
    /// Everything in the organization, and the one who pays.
    Owner,
    /// Everything but money and the irrevocable.
    Admin,
    /// Runs the daily work: configures agents, sees the figures.
    Manager,
    /// Works with calls, leads, clients and projects.
    Member,
    /// Looks, changes nothing.
    Viewer,
}

impl Role {
    /// Every template there is, strongest first. Each may do all that the following ones may.
    pub const ALL: &'static [Self] = &[
        Self::PlatformAdmin,
        Self::PartnerAdmin,
        Self::Owner,
        Self::Admin,
        Self::Manager,
        Self::Member,
        Self::Viewer,
    ];

    /// The name in the API and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "platform_admin",
            Self::PartnerAdmin => "partner_admin",
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// What it is for, in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "Runs the installation: everything, in every organization.",
            Self::PartnerAdmin => "Runs the reseller and administers its businesses.",
            Self::Owner => "Everything in the organization, billing included.",
            Self::Admin => "Everything but money and the irrevocable.",
            Self::Manager => "Runs the daily work: configures agents, sees the figures.",
            Self::Member => "Works with calls, leads, clients and projects.",
            Self::Viewer => "Looks, changes nothing.",
        }
    }

    /// What the role may do in the organization that it belongs to.
    #[must_use]
    pub fn permissions(self) -> PermissionSet {
        Permission::ALL.iter().copied().filter(|&p| self <= weakest_role_with(p)).collect()
    }

    /// What the role may do in the organizations below the one that it belongs to.
    #[must_use]
    pub fn child_permissions(self) -> PermissionSet {
        match self {
            Self::PlatformAdmin => PermissionSet::all(),
            Self::PartnerAdmin => Self::Admin.permissions(),
            Self::Owner | Self::Admin | Self::Manager | Self::Member | Self::Viewer => {
                PermissionSet::default()
            }
        }
    }
}

impl PartialOrd for Role {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Stronger roles come first: `Owner < Viewer`.
impl Ord for Role {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl FromStr for Role {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|r| r.name() == name).ok_or(UnknownName { what: "role" })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The table of the templates: the least role that has a permission.
const fn weakest_role_with(permission: Permission) -> Role {
    use Permission as P;
    match permission {
        P::OrganizationRead
        | P::AgentsRead
        | P::NumbersRead
        | P::CallsRead
        | P::ChatsRead
        | P::LeadsRead
        | P::MessagesRead
        | P::ClientsRead
        | P::ProjectsRead
        | P::KnowledgeRead
        | P::AnalyticsRead
        | P::SatisfactionRead => Role::Viewer,
        P::MembersRead
        | P::CallsListen
        | P::CallsLive
        | P::ChatsReply
        | P::LeadsWrite
        | P::MessagesWrite
        | P::ClientsWrite
        | P::ProjectsWrite
        | P::ProjectsSync
        | P::NotificationsRead => Role::Member,
        P::AgentsWrite
        | P::AgentsTest
        | P::CallsControl
        | P::LeadsExport
        | P::LeadFlowWrite
        | P::KnowledgeWrite
        | P::KnowledgeDelete
        | P::IntegrationsRead
        | P::NotificationsWrite
        | P::ReportsExport
        | P::ReportsSchedule
        | P::UsageRead => Role::Manager,
        P::OrganizationManage
        | P::MembersInvite
        | P::MembersRemove
        | P::RolesManage
        | P::AgentsDelete
        | P::NumbersManage
        | P::CallsDelete
        | P::LeadsDelete
        | P::ClientsDelete
        | P::IntegrationsManage
        | P::BillingRead
        | P::ApiKeysManage
        | P::WebhooksManage
        | P::BrandingManage
        | P::DomainsManage
        | P::AuditRead
        | P::PrivacyExport => Role::Admin,
        P::BillingManage | P::BudgetsManage | P::PrivacyErase => Role::Owner,
        // A business has no children and does not run the machine.
        P::BusinessesRead | P::BusinessesCreate | P::BusinessesSuspend => Role::PartnerAdmin,
        P::PlatformOperate => Role::PlatformAdmin,
    }
}

/// A role as one is given to somebody: a template by its name, or one of the organization's own by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleRef {
    /// A template.
    Template(Role),
    /// One of the organization's own.
    Own(RoleId),
}

impl From<Role> for RoleRef {
    fn from(role: Role) -> Self {
        Self::Template(role)
    }
}

impl FromStr for RoleRef {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.parse::<Role>() {
            Ok(role) => Ok(Self::Template(role)),
            Err(unknown) => text.parse().map(Self::Own).map_err(|_| unknown),
        }
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(role) => role.fmt(f),
            Self::Own(id) => id.fmt(f),
        }
    }
}

impl Serialize for RoleRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoleRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_stronger_role_may_all_that_a_weaker_one_may() {
        for pair in Role::ALL.windows(2) {
            let (stronger, weaker) = (pair[0], pair[1]);
            assert!(stronger.permissions().covers(weaker.permissions()), "{stronger} over {weaker}");
            assert!(
                stronger.child_permissions().covers(weaker.child_permissions()),
                "{stronger} over {weaker}"
            );
            assert_ne!(stronger.permissions(), weaker.permissions());
        }
    }

    #[test]
    fn a_viewer_changes_nothing_and_hears_no_recording() {
        let viewer = Role::Viewer.permissions();
        assert_eq!(viewer, viewer.reading());
        assert!(!viewer.has(Permission::CallsListen));
    }

    #[test]
    fn no_role_of_a_business_reaches_beyond_it() {
        for role in [Role::Owner, Role::Admin, Role::Manager, Role::Member, Role::Viewer] {
            assert!(!role.permissions().has(Permission::PlatformOperate));
            assert!(!role.permissions().has(Permission::BusinessesRead));
            assert!(role.child_permissions().is_empty());
        }
    }

    #[test]
    fn a_partner_administers_its_businesses_and_the_platform_everything() {
        assert_eq!(Role::PartnerAdmin.child_permissions(), Role::Admin.permissions());
        assert!(!Role::PartnerAdmin.permissions().has(Permission::PlatformOperate));
        assert_eq!(Role::PlatformAdmin.permissions(), PermissionSet::all());
        assert_eq!(Role::PlatformAdmin.child_permissions(), PermissionSet::all());
    }

    #[test]
    fn a_role_is_named_by_its_template_or_its_id() {
        let own = RoleId(Uuid::from_u128(7));
        for (text, expect) in [
            ("admin".to_owned(), Some(RoleRef::Template(Role::Admin))),
            (own.to_string(), Some(RoleRef::Own(own))),
            ("emperor".to_owned(), None),
            ("role_1".to_owned(), None),
        ] {
            let parsed = text.parse::<RoleRef>().ok();
            assert_eq!(parsed, expect, "{text}");
            assert!(parsed.is_none_or(|role| role.to_string() == text));
        }
    }
}
