//! A request that carries a key.

use std::net::IpAddr;

use domain::ids::OrgId;
use ipnet::IpNet;
use store::SystemTx;
use store::api_keys::{self, ApiKey};

use super::KEY_PREFIX;
use crate::access;
use crate::auth::cache::Asker;
use crate::auth::identity::{Identity, Principal};
use crate::error::AppError;
use crate::runtime::App;
use crate::tokens;

/// What came of a key.
#[derive(Debug)]
pub struct Found {
    /// Who it is, acting for which organization.
    pub identity: Identity,
    /// Address ranges it may be used from; empty means from everywhere.
    pub allowed_networks: Vec<IpNet>,
}

impl Found {
    /// Whether the key may be used from there. Where a request comes from is not always known.
    #[must_use]
    pub fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        let address = address.map(|address| address.to_canonical());
        self.allowed_networks.is_empty()
            || address.is_some_and(|address| self.allowed_networks.iter().any(|net| net.contains(&address)))
    }
}

/// Whether a bearer token claims to be a key.
#[must_use]
pub fn is_key(token: &str) -> bool {
    token.starts_with(KEY_PREFIX)
}

/// Who a key belongs to, for its own organization or for one below that the request names. `Ok(None)` when it is no key
/// that is in force.
///
/// # Errors
/// Not found when the organization named is none of the key's; storage errors.
pub async fn look_up(app: &App, key: &str, acting_for: Option<OrgId>) -> Result<Option<Found>, AppError> {
    if !tokens::is_token(key, KEY_PREFIX) {
        return Ok(None);
    }
    let mut tx = SystemTx::begin(&app.db, "the key says which organization it is").await?;
    let found = api_keys::find(&mut tx, &tokens::hash(key), app.ambient.now()).await?;
    let Some((key_org_id, key)) = found else {
        return Ok(None);
    };
    let org_id = acting_for.unwrap_or(key_org_id);
    let rights = access::rights_of_key(&mut tx, key_org_id, &key.terms, org_id).await?;
    tx.commit().await?;
    let rights = rights.ok_or(AppError::NotFound { noun: "organization" })?;
    Ok(Some(Found {
        allowed_networks: networks(&key),
        identity: Identity {
            principal: Principal::Key { id: key.id, name: key.terms.name },
            org: rights.org,
            home_org_id: rights.home_org_id,
            role: rights.role,
            permissions: rights.permissions,
            child_permissions: rights.child_permissions,
            entitlements: rights.entitlements,
            opened: None,
        },
    }))
}

/// They were checked when they were stored. One that can't be read would open the key to everywhere, so it stands for
/// a range that nothing comes from.
fn networks(key: &ApiKey) -> Vec<IpNet> {
    let nowhere = IpNet::from(IpAddr::from([0, 0, 0, 0]));
    key.terms.allowed_networks.iter().map(|text| text.parse().unwrap_or(nowhere)).collect()
}

/// Who a key belongs to, if it may be used from the address. Notes the use.
///
/// # Errors
/// As [`look_up`].
pub async fn identify(
    app: &App,
    key: &str,
    acting_for: Option<OrgId>,
    address: Option<IpAddr>,
) -> Result<Option<Identity>, AppError> {
    let now = app.ambient.now();
    // The address belongs to what is remembered, for not every key may be used from everywhere.
    let shown =
        tokens::hash(&format!("{key} {}", address.map(|address| address.to_string()).unwrap_or_default()));
    let asker = Asker::Key(shown, acting_for);
    if let Some(identity) = app.auth_cache.get(&asker, now) {
        note(app, &identity, address);
        return Ok(Some(identity));
    }
    let ticket = app.auth_cache.ticket();
    let Some(found) = look_up(app, key, acting_for).await? else {
        return Ok(None);
    };
    if !found.may_come_from(address) {
        tracing::info!(org.id = %found.identity.home_org_id, "a key was used from an address that it is not for");
        return Ok(None);
    }
    app.auth_cache.put(ticket, &asker, &found.identity, now);
    note(app, &found.identity, address);
    Ok(Some(found.identity))
}

fn note(app: &App, identity: &Identity, address: Option<IpAddr>) {
    if let Principal::Key { id, .. } = identity.principal {
        app.note_key_use(id, address);
    }
}
