//! What a person may do: named permissions and the roles that bundle them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that names no permission, or no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} of that name")]
pub struct UnknownName {
    /// `permission` or `role`.
    pub what: &'static str,
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// One allowed action, `resource:action`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[$doc])* $variant,)*
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the API, in roles and on screens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

permissions! {
    /// See the organization's profile and settings.
    OrganizationRead = "organization:read";
    /// Change them.
    OrganizationManage = "organization:manage";
    /// See child businesses.
    BusinessesRead = "businesses:read";
    /// Create child businesses.
    BusinessesCreate = "businesses:create";
    /// Suspend child businesses.
    BusinessesSuspend = "businesses:suspend";
    /// See who belongs to the organization.
    MembersRead = "members:read";
    /// Invite people.
    MembersInvite = "members:invite";
    /// Remove people.
    MembersRemove = "members:remove";
    /// Define roles and hand them out.
    RolesManage = "roles:manage";
    /// See agents.
    AgentsRead = "agents:read";
    /// Create and change agents.
    AgentsWrite = "agents:write";
    /// Delete agents.
    AgentsDelete = "agents:delete";
    /// Talk to an agent in the test console.
    AgentsTest = "agents:test";
    /// See phone numbers.
    NumbersRead = "numbers:read";
    /// Buy, connect, route and release phone numbers.
    NumbersManage = "numbers:manage";
    /// See calls and their transcripts.
    CallsRead = "calls:read";
    /// Hear recordings.
    CallsListen = "calls:listen";
    /// Watch calls in progress.
    CallsLive = "calls:live";
    /// Steer calls in progress.
    CallsControl = "calls:control";
    /// Delete calls.
    CallsDelete = "calls:delete";
    /// See chats.
    ChatsRead = "chats:read";
    /// Take over and answer chats.
    ChatsReply = "chats:reply";
    /// See leads.
    LeadsRead = "leads:read";
    /// Change leads.
    LeadsWrite = "leads:write";
    /// Export leads.
    LeadsExport = "leads:export";
    /// Delete leads.
    LeadsDelete = "leads:delete";
    /// Change the lead questions.
    LeadFlowWrite = "lead_flow:write";
    /// See messages taken for the business.
    MessagesRead = "messages:read";
    /// Mark messages as dealt with.
    MessagesWrite = "messages:write";
    /// See clients.
    ClientsRead = "clients:read";
    /// Create and change clients.
    ClientsWrite = "clients:write";
    /// Delete clients.
    ClientsDelete = "clients:delete";
    /// See projects.
    ProjectsRead = "projects:read";
    /// Create and change projects.
    ProjectsWrite = "projects:write";
    /// Fetch projects from the project tool now.
    ProjectsSync = "projects:sync";
    /// See integrations.
    IntegrationsRead = "integrations:read";
    /// Connect and disconnect integrations.
    IntegrationsManage = "integrations:manage";
    /// See the knowledge base.
    KnowledgeRead = "knowledge:read";
    /// Create and change knowledge.
    KnowledgeWrite = "knowledge:write";
    /// Delete knowledge.
    KnowledgeDelete = "knowledge:delete";
    /// See who is notified of what.
    NotificationsRead = "notifications:read";
    /// Change it.
    NotificationsWrite = "notifications:write";
    /// See analytics.
    AnalyticsRead = "analytics:read";
    /// Export reports.
    ReportsExport = "reports:export";
    /// Have reports sent regularly.
    ReportsSchedule = "reports:schedule";
    /// See satisfaction figures.
    SatisfactionRead = "satisfaction:read";
    /// See plan and invoices.
    BillingRead = "billing:read";
    /// Change plan and payment method.
    BillingManage = "billing:manage";
    /// See usage.
    UsageRead = "usage:read";
    /// Set budgets.
    BudgetsManage = "budgets:manage";
    /// Create and revoke API keys.
    ApiKeysManage = "api_keys:manage";
    /// Register outgoing webhooks.
    WebhooksManage = "webhooks:manage";
    /// Change the branding.
    BrandingManage = "branding:manage";
    /// Connect domains.
    DomainsManage = "domains:manage";
    /// See the audit log.
    AuditRead = "audit:read";
    /// Export a person's data.
    PrivacyExport = "privacy:export";
    /// Erase a person's data.
    PrivacyErase = "privacy:erase";
    /// Operate the installation.
    PlatformOperate = "platform:operate";
}

impl FromStr for Permission {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|p| p.name() == name).ok_or(UnknownName { what: "permission" })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of permissions. Empty by default: nothing is allowed that was not named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PermissionSet(u128);

impl PermissionSet {
    /// Whether the set has the permission.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// The set with one more permission.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | (1 << permission as u32))
    }

    /// The set without a permission.
    #[must_use]
    pub const fn without(self, permission: Permission) -> Self {
        Self(self.0 & !(1 << permission as u32))
    }

    /// The members, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |&p| self.has(p))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::default(), Self::with)
    }
}

/// A role template of a business. Custom roles are sets of the same permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything in the business, and the one who pays.
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
    /// Every role there is, strongest first. Each may do all that the following ones may.
    pub const ALL: &'static [Self] = &[Self::Owner, Self::Admin, Self::Manager, Self::Member, Self::Viewer];

    /// The name in the API and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// What the role may do.
    #[must_use]
    pub fn permissions(self) -> PermissionSet {
        Permission::ALL.iter().copied().filter(|&p| weakest_role_with(p).is_some_and(|r| self <= r)).collect()
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

/// The table of the templates: the least role that has a permission; `None` for what no role inside a
/// business has.
const fn weakest_role_with(permission: Permission) -> Option<Role> {
    use Permission as P;
    Some(match permission {
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
        // Kept for partners and the platform; a business has no children and does not run the machine.
        P::BusinessesRead | P::BusinessesCreate | P::BusinessesSuspend | P::PlatformOperate => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_resource_and_action_and_come_back() {
        for &permission in Permission::ALL {
            let (resource, action) = permission.name().split_once(':').expect("resource:action");
            assert!(!resource.is_empty() && !action.is_empty() && !action.contains(':'));
            assert_eq!(permission.name().parse(), Ok(permission));
        }
        assert!("calls:everything".parse::<Permission>().is_err());
    }

    #[test]
    fn a_set_has_what_was_put_in_and_nothing_else() {
        assert!(Permission::ALL.len() <= 128, "the set is a u128");
        for &one in Permission::ALL {
            let set: PermissionSet = [one].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [one]);
            assert_eq!(set.without(one), PermissionSet::default());
        }
    }

    #[test]
    fn a_stronger_role_may_all_that_a_weaker_one_may() {
        for pair in Role::ALL.windows(2) {
            let (stronger, weaker) = (pair[0].permissions(), pair[1].permissions());
            assert!(weaker.iter().all(|p| stronger.has(p)), "{} over {}", pair[0], pair[1]);
            assert_ne!(stronger, weaker);
        }
    }

    #[test]
    fn a_viewer_changes_nothing_and_hears_no_recording() {
        let viewer = Role::Viewer.permissions();
        assert!(viewer.iter().all(|p| p.name().ends_with(":read")));
        assert!(!viewer.has(Permission::CallsListen));
    }

    #[test]
    fn no_role_of_a_business_reaches_beyond_it() {
        for role in Role::ALL {
            assert!(!role.permissions().has(Permission::PlatformOperate));
            assert!(!role.permissions().has(Permission::BusinessesRead));
        }
    }
}
