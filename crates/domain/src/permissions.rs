//! What may be done: named permissions and sets of them. [`crate::roles`] bundles them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::roles::Role;

/// A text that names no permission, or no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} of that name")]
pub struct UnknownName {
    /// `permission` or `role`.
    pub what: &'static str,
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal;)*) => {
        /// One allowed action, `resource:action`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[doc = $doc])* $variant,)*
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

            /// What it allows, in a sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),*).trim_ascii(),)*
                }
            }
        }
    };
}

permissions! {
    /// See the organization's profile and settings.
    OrganizationRead = "organization:read";
    /// Change the organization's profile and settings.
    OrganizationManage = "organization:manage";
    /// See child businesses.
    BusinessesRead = "businesses:read";
    /// Create child businesses.
    BusinessesCreate = "businesses:create";
    /// Suspend and close child businesses, set them free again, change their plan.
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
    /// Change who is notified of what.
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
    /// Every permission there is.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// What can be done inside a business: all but what concerns child organizations and the machine.
    #[must_use]
    pub fn of_a_business() -> Self {
        Role::Owner.permissions()
    }

    /// The set of what is named; names that this version does not know allow nothing.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(|name| name.parse::<Permission>().ok()).collect()
    }

    /// The names of the members.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Permission::name).collect()
    }

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

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether everything in the other is in this one.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What only looks.
    #[must_use]
    pub fn reading(self) -> Self {
        self.iter().filter(|permission| permission.name().ends_with(":read")).collect()
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
    fn sets_are_joined_and_compared() {
        let read: PermissionSet = [Permission::CallsRead, Permission::LeadsRead].into_iter().collect();
        let write: PermissionSet = [Permission::LeadsRead, Permission::LeadsWrite].into_iter().collect();
        assert_eq!(read.intersection(write).names(), ["leads:read"]);
        assert_eq!(read.union(write).names(), ["calls:read", "leads:read", "leads:write"]);
        assert_eq!(write.minus(read).names(), ["leads:write"]);
        assert!(read.union(write).covers(write) && !read.covers(write));
        assert!(read.covers(PermissionSet::default()) && PermissionSet::default().is_empty());
        assert_eq!(write.reading().names(), ["leads:read"]);
        assert_eq!(PermissionSet::of_names(["leads:read", "leads:conquer"]).names(), ["leads:read"]);
        assert_eq!(PermissionSet::all().names().len(), Permission::ALL.len());
    }

    #[test]
    fn every_permission_is_described_in_a_sentence_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for permission in Permission::ALL {
            let text = permission.description();
            assert!(text.ends_with('.') && text.starts_with(char::is_uppercase), "{permission}: {text:?}");
            assert!(seen.insert(text), "{permission}: {text:?} is said twice");
        }
    }
}
