//! Programs' keys: shown once, kept as a hash, never with more rights than who made them had.

pub mod identify;
pub(crate) mod uses;

use chrono::{DateTime, Utc};
use domain::ids::ApiKeyId;
use domain::permissions::PermissionSet;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::OrgTx;
use store::api_keys::{self, ApiKey, KeyTerms, NewKey};
use store::organizations::OrgKind;

use crate::access;
use crate::audit::{self, Actor, Who};
use crate::auth::Identity;
use crate::error::AppError;
use crate::runtime::App;
use crate::tokens;

/// How a key begins.
pub const KEY_PREFIX: &str = "sc_live_";
/// Most keys of one organization.
const MAX_KEYS: i64 = 100;

/// A key, with its text, which is shown this once.
#[derive(Debug)]
pub struct Issued {
    /// The key.
    pub key: ApiKey,
    /// What the program sends.
    pub secret: SecretString,
}

/// What to change of a key; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct KeyChange {
    /// What it is called.
    pub name: Option<String>,
    /// What it may do.
    pub permissions: Option<PermissionSet>,
    /// What it may do in the organizations below.
    pub child_permissions: Option<PermissionSet>,
    /// Address ranges it may be used from.
    pub allowed_networks: Option<Vec<String>>,
    /// When it ends by itself.
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

/// Makes a key.
///
/// # Errors
/// [`AppError::Forbidden`] when it would have more than the asker; [`AppError::Invalid`]; [`AppError::Conflict`] when
/// there are too many; storage errors.
pub async fn create(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    terms: KeyTerms,
) -> Result<Issued, AppError> {
    let now = app.ambient.now();
    let terms = checked(identity, terms, now)?;
    identity.demand_all(terms.permissions, terms.child_permissions)?;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    if api_keys::count(&mut tx).await? >= MAX_KEYS {
        return Err(AppError::Conflict { reason: format!("an organization has at most {MAX_KEYS} keys") });
    }
    let secret = tokens::draw(KEY_PREFIX)?;
    let text = secret.expose_secret();
    let hint = format!("{}…{}", &text[..KEY_PREFIX.len() + 4], &text[text.len() - 4..]);
    let id = ApiKeyId(app.ambient.new_id());
    let new = NewKey {
        id,
        terms: &terms,
        key_hash: &tokens::hash(text),
        hint: &hint,
        created_by: match actor.who {
            Who::Person(id) => Some(id),
            Who::Key(_) | Who::System => None,
        },
        now,
    };
    api_keys::insert(&mut tx, &new).await?;
    audit::record(&mut tx, app, actor, "api_keys:create", &id, told(&terms)).await?;
    let key = api_keys::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Issued { key, secret })
}

/// Changes a key's terms, at once.
///
/// # Errors
/// As [`create`]; [`AppError::OutOfDate`]; also forbidden when the key has more than the asker now; not found.
pub async fn change(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    id: ApiKeyId,
    based_on: Option<DateTime<Utc>>,
    change: KeyChange,
) -> Result<ApiKey, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = api_keys::lock(&mut tx, id).await?;
    if based_on.is_some_and(|seen| seen != before.updated_at) {
        return Err(AppError::OutOfDate);
    }
    let before = before.terms;
    // A moment that has passed meanwhile may stay; a new one must lie ahead.
    let not_before = if change.expires_at.is_some() { now } else { DateTime::<Utc>::MIN_UTC };
    let terms = KeyTerms {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        permissions: change.permissions.unwrap_or(before.permissions),
        child_permissions: change.child_permissions.unwrap_or(before.child_permissions),
        allowed_networks: change.allowed_networks.unwrap_or_else(|| before.allowed_networks.clone()),
        expires_at: change.expires_at.unwrap_or(before.expires_at),
    };
    let terms = checked(identity, terms, not_before)?;
    identity.demand_all(
        before.permissions.union(terms.permissions),
        before.child_permissions.union(terms.child_permissions),
    )?;
    api_keys::update(&mut tx, id, &terms, now).await?;
    audit::record(&mut tx, app, actor, "api_keys:update", &id, told(&terms)).await?;
    let key = api_keys::get(&mut tx, id).await?;
    tx.commit().await?;
    app.forget_key(id);
    Ok(key)
}

/// Ends a key at once and for good.
///
/// # Errors
/// Not found; storage errors.
pub async fn revoke(app: &App, actor: &Actor, id: ApiKeyId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let key = api_keys::lock(&mut tx, id).await?;
    api_keys::revoke(&mut tx, id, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "api_keys:revoke", &id, json!({ "name": key.terms.name })).await?;
    tx.commit().await?;
    app.forget_key(id);
    Ok(())
}

fn told(terms: &KeyTerms) -> serde_json::Value {
    json!({
        "name": terms.name,
        "permissions": terms.permissions.names(),
        "child_permissions": terms.child_permissions.names(),
        "allowed_networks": terms.allowed_networks,
        "expires_at": terms.expires_at,
    })
}

fn checked(
    identity: &Identity,
    mut terms: KeyTerms,
    not_before: DateTime<Utc>,
) -> Result<KeyTerms, AppError> {
    let wrong = |field, message: String| Err(AppError::Invalid { field, message });
    let kind = identity.org.kind;
    if let Some(beyond) = terms.permissions.minus(access::most_in(kind)).iter().next() {
        return wrong("permissions", format!("{beyond} means nothing in an organization of this kind"));
    }
    if kind == OrgKind::Business && !terms.child_permissions.is_empty() {
        return wrong("child_permissions", "a business has no organizations below it".to_owned());
    }
    if terms.permissions.union(terms.child_permissions).is_empty() {
        return wrong("permissions", "a key without any permission is of no use".to_owned());
    }
    if terms.expires_at.is_some_and(|at| at <= not_before) {
        return wrong("expires_at", "must lie in the future".to_owned());
    }
    let mut networks = Vec::with_capacity(terms.allowed_networks.len());
    for text in &terms.allowed_networks {
        match network(text) {
            Some(network) => networks.push(network.to_string()),
            None => {
                return wrong(
                    "allowed_networks",
                    format!("{text:?} is neither an address nor a range such as 203.0.113.0/24"),
                );
            }
        }
    }
    networks.sort();
    networks.dedup();
    terms.allowed_networks = networks;
    Ok(terms)
}

/// A range, or a single address as a range of one, without the bits beyond its length.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network =
        text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))?;
    Some(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_kept_in_one_notation() {
        for (text, expect) in [
            ("203.0.113.7", Some("203.0.113.7/32")),
            (" 203.0.113.7/24 ", Some("203.0.113.0/24")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("203.0.113.7/33", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(network(text).map(|net| net.to_string()).as_deref(), expect, "{text}");
        }
    }
}
