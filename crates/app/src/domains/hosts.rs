//! Whose name a request came under. Asked with every request, so the answers are kept for some seconds; a name that is
//! proven or given up on another node holds there from then on.

use std::time::Duration;

use domain::domain_names::{DomainName, host_without_port};
use domain::ids::OrgId;
use store::SystemTx;

use super::Target;
use crate::error::AppError;
use crate::runtime::App;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(5);
/// Most answers kept. Strangers can ask for any name; the oldest make room.
const MOST: u64 = 10_000;

/// The installation's own names, by configuration.
#[derive(Debug, Clone, Default)]
pub struct HostSettings {
    /// The domain below which organizations may have names.
    pub base_domain: Option<DomainName>,
    /// Where domains of organizations must lead; `None` where the installation has no public address.
    pub target: Option<Target>,
    /// The installation's own names, in lower case and without ports.
    pub own: Vec<String>,
    /// Whether requests under names of nobody are refused.
    pub refuse_unknown: bool,
}

impl HostSettings {
    /// The settings that follow from the installation's addresses.
    #[must_use]
    pub fn of(addresses: &[&str], base_domain: Option<DomainName>, refuse_unknown: bool) -> Self {
        let hosts = addresses.iter().map(|address| {
            let rest = address.split_once("://").map_or(*address, |(_, rest)| rest);
            host_without_port(rest.split('/').next().unwrap_or(rest))
        });
        let mut own: Vec<String> = hosts.collect();
        let public = own.first().cloned().unwrap_or_default();
        let target = match (DomainName::parse(&public), public.parse()) {
            (Ok(name), _) => Some(Target::Name(name)),
            (Err(_), Ok(address)) => Some(Target::Address(address)),
            _ => None,
        };
        own.extend(base_domain.as_ref().map(|base| base.as_str().to_owned()));
        Self { base_domain, target, own, refuse_unknown }
    }

    /// Whether a host is the installation's own. Names of this machine and bare addresses are: whoever uses them has
    /// been told no name.
    #[must_use]
    pub fn is_own(&self, host: &str) -> bool {
        host.is_empty()
            || host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok()
            || self.own.iter().any(|own| own == host)
    }
}

/// Whose name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostOwner {
    /// The installation's own.
    Installation,
    /// An organization's.
    Organization(OrgId),
    /// Nobody's that we know.
    Unknown,
}

/// Answers that are kept.
#[derive(Debug)]
pub(crate) struct KnownHosts(moka::sync::Cache<String, Option<OrgId>>);

impl Default for KnownHosts {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MOST).time_to_live(KEPT).build())
    }
}

impl KnownHosts {
    pub(crate) fn forget(&self, host: &str) {
        self.0.invalidate(host);
    }
}

/// Whose name a request came under, by its `Host` header.
///
/// # Errors
/// Storage errors.
pub async fn owner_of(app: &App, host: &str) -> Result<HostOwner, AppError> {
    let host = host_without_port(host);
    if app.settings.hosts.is_own(&host) {
        return Ok(HostOwner::Installation);
    }
    if let Some(known) = app.hosts.0.get(&host) {
        return Ok(owner(known));
    }
    // What can't be a name of ours is not looked up.
    let found = match DomainName::parse(&host) {
        Err(_) => None,
        Ok(name) => {
            let mut tx =
                SystemTx::begin(&app.db, "the name of the host says which organization it is").await?;
            store::domains::owner_of(&mut tx, name.as_str()).await?
        }
    };
    app.hosts.0.insert(host, found);
    Ok(owner(found))
}

fn owner(found: Option<OrgId>) -> HostOwner {
    found.map_or(HostOwner::Unknown, HostOwner::Organization)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installation_knows_its_own_names() {
        let base = DomainName::parse("studio.example").ok();
        let hosts = HostSettings::of(&["https://phone.example:8443/x", "http://tunnel.example"], base, true);
        for own in ["phone.example", "tunnel.example", "studio.example", "localhost", "127.0.0.1", "::1", ""]
        {
            assert!(hosts.is_own(own), "{own}");
        }
        for other in ["aurora.studio.example", "evil.example", "phone.example.evil.example"] {
            assert!(!hosts.is_own(other), "{other}");
        }
        assert_eq!(hosts.target, DomainName::parse("phone.example").ok().map(Target::Name));
        let by_address = HostSettings::of(&["http://203.0.113.7:3000"], None, false);
        assert_eq!(by_address.target, "203.0.113.7".parse().ok().map(Target::Address));
        assert_eq!(HostSettings::of(&["http://localhost:3000"], None, false).target, None);
    }
}
