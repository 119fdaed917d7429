//! Who does something, and the line about it in the audit log.

use std::fmt;
use std::net::IpAddr;

use domain::ids::{ApiKeyId, OrgId, UserId};
use provider_traits::ambient::Ambient;
use store::audit::{Entry, append_to, record as append};
use store::{OrgTx, SystemTx};

use crate::auth::identity::{Identity, Principal};
use crate::error::AppError;
use crate::runtime::App;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A person.
    Person(UserId),
    /// A program with a key.
    Key(ApiKeyId),
    /// The system itself, or the operator at the machine's own command line.
    System,
}

/// Somebody acting for an organization.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    /// The organization.
    pub org_id: OrgId,
    /// Where their rights come from: the same organization, or one above it.
    pub home_org_id: OrgId,
    /// Who.
    pub who: Who,
    /// Where they sit.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Whoever asks, from where they ask.
    #[must_use]
    pub fn of(identity: &Identity, address: Option<IpAddr>) -> Self {
        let who = match &identity.principal {
            Principal::Person { user, .. } => Who::Person(user.id),
            Principal::Key { id, .. } => Who::Key(*id),
        };
        Self { org_id: identity.org.id, home_org_id: identity.home_org_id, who, address }
    }

    /// The system itself, at the organization.
    #[must_use]
    pub const fn system(org_id: OrgId) -> Self {
        Self { org_id, home_org_id: org_id, who: Who::System, address: None }
    }
}

/// Adds a line, in the transaction of what was done, so that neither exists without the other.
pub(crate) async fn record(
    tx: &mut OrgTx,
    app: &App,
    actor: &Actor,
    action: &str,
    object: &impl fmt::Display,
    detail: serde_json::Value,
) -> Result<(), AppError> {
    Ok(append(tx, &entry(&app.ambient, actor, action, object, detail)).await?)
}

/// The same from a transaction across organizations; the line goes to the actor's organization.
pub(crate) async fn record_by_system(
    tx: &mut SystemTx,
    ambient: &Ambient,
    actor: &Actor,
    action: &str,
    object: &impl fmt::Display,
    detail: serde_json::Value,
) -> Result<(), AppError> {
    Ok(append_to(tx, actor.org_id, &entry(ambient, actor, action, object, detail)).await?)
}

/// Adds a line to the log of a certain organization, where the system works across organizations.
pub(crate) async fn record_in(
    tx: &mut SystemTx,
    app: &App,
    actor: &Actor,
    org_id: OrgId,
    action: &str,
    object: &impl fmt::Display,
    detail: serde_json::Value,
) -> Result<(), AppError> {
    Ok(append_to(tx, org_id, &entry(&app.ambient, actor, action, object, detail)).await?)
}

/// Adds a line about an organization to the actor's log and to its own: both can see what was done to it from above.
pub(crate) async fn record_in_both(
    tx: &mut SystemTx,
    app: &App,
    actor: &Actor,
    other: OrgId,
    action: &str,
    detail: serde_json::Value,
) -> Result<(), AppError> {
    for org_id in [actor.org_id, other] {
        record_in(tx, app, actor, org_id, action, &other, detail.clone()).await?;
    }
    Ok(())
}

fn entry(
    ambient: &Ambient,
    actor: &Actor,
    action: &str,
    object: &impl fmt::Display,
    detail: serde_json::Value,
) -> Entry {
    Entry {
        id: ambient.new_id(),
        at: ambient.now(),
        user_id: match actor.who {
            Who::Person(id) => Some(id),
            Who::Key(_) | Who::System => None,
        },
        api_key_id: match actor.who {
            Who::Key(id) => Some(id),
            Who::Person(_) | Who::System => None,
        },
        home_org_id: actor.home_org_id,
        action: action.to_owned(),
        object: object.to_string(),
        ip: actor.address.map(|address| address.to_string()),
        detail,
    }
}
