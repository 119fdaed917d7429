//! Who does something, and the line about it in the audit log.

use std::fmt;
use std::net::IpAddr;

use domain::ids::{OrgId, UserId};
use store::OrgTx;
use store::audit::{Entry, record as append};

use crate::error::AppError;
use crate::runtime::App;

/// A person acting for an organization.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    /// The organization.
    pub org_id: OrgId,
    /// The person.
    pub user_id: UserId,
    /// Where they sit.
    pub address: Option<IpAddr>,
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
    let entry = Entry {
        id: app.ambient.new_id(),
        at: app.ambient.now(),
        user_id: Some(actor.user_id),
        action: action.to_owned(),
        object: object.to_string(),
        ip: actor.address.map(|address| address.to_string()),
        detail,
    };
    Ok(append(tx, &entry).await?)
}
