//! Names under which organizations are reached: claimed, proven through the DNS, looked at again each day, and asked
//! for with every request.

mod check;
pub mod hosts;

use domain::domain_names::{DomainName, InvalidSubdomain};
use domain::ids::{DomainId, OrgId};
use serde_json::json;
use store::domains::{Checked, Domain, DomainKind, DomainState};
use store::{OrgTx, SystemTx};

pub(crate) use self::check::CheckDomains;
pub use self::check::{Target, recheck_all};
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// Most names of one organization.
const MOST: u64 = 20;
/// Random bytes of a token.
const TOKEN_BYTES: usize = 16;

/// A name to be claimed.
#[derive(Debug)]
pub enum Claim {
    /// The organization's own domain, as written by people.
    Custom(String),
    /// A label below the installation's domain.
    Subdomain(String),
}

/// Claims a name. One below the installation's domain is theirs at once; any other must be proven.
///
/// # Errors
/// [`AppError::Invalid`] naming the field; [`AppError::Conflict`] when it is taken or there are too many.
pub async fn claim(app: &App, actor: &Actor, claim: Claim) -> Result<Domain, AppError> {
    let base = app.settings.hosts.base_domain.as_ref();
    let (name, kind) = match claim {
        Claim::Custom(text) => (custom(&text, app)?, DomainKind::Custom),
        Claim::Subdomain(label) => {
            let wrong = |message: String| AppError::Invalid { field: "subdomain", message };
            let base = base.ok_or_else(|| {
                wrong(
                    "can't be had: this installation has no domain for them (`server.base_domain`)"
                        .to_owned(),
                )
            })?;
            let name = DomainName::subdomain(&label, base);
            (name.map_err(|error: InvalidSubdomain| wrong(error.to_string()))?, DomainKind::Subdomain)
        }
    };
    let now = app.ambient.now();
    let at_once = kind == DomainKind::Subdomain;
    let domain = Domain {
        id: DomainId(app.ambient.new_id()),
        org_id: actor.org_id,
        name: name.as_str().to_owned(),
        kind,
        state: if at_once { DomainState::Verified } else { DomainState::Pending },
        reason: if at_once { String::new() } else { check::instructions(&name) },
        token: new_token()?,
        checked_at: None,
        verified_at: at_once.then_some(now),
        failing_since: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    // Counted and entered one after another.
    store::organizations::lock(&mut tx).await?;
    if store::domains::count(&mut tx).await? >= MOST {
        return Err(AppError::Conflict {
            reason: format!("there are {MOST} domains already; delete one first"),
        });
    }
    store::domains::insert(&mut tx, &domain).await.map_err(taken)?;
    audit::record(&mut tx, app, actor, "domain:claim", &domain.id, json!({ "name": domain.name })).await?;
    tx.commit().await?;
    app.hosts.forget(&domain.name);
    Ok(domain)
}

fn custom(text: &str, app: &App) -> Result<DomainName, AppError> {
    let wrong = |message: &str| AppError::Invalid { field: "name", message: message.to_owned() };
    let name = DomainName::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if app.settings.hosts.base_domain.as_ref().is_some_and(|base| name.is_within(base)) {
        return Err(wrong("lies below this installation's own domain: claim it as `subdomain`"));
    }
    if app.settings.hosts.is_own(name.as_str()) {
        return Err(wrong("is this installation's own name"));
    }
    Ok(name)
}

fn taken(error: store::StoreError) -> AppError {
    let reason = if error.is_conflict_with("domains_name_once") {
        "your organization has this domain already"
    } else if error.is_conflict_with("domains_name_verified") {
        "this name is taken"
    } else {
        return error.into();
    };
    AppError::Conflict { reason: reason.to_owned() }
}

/// Gives a name up. Whoever comes under it afterwards is a stranger.
///
/// # Errors
/// Not found; [`AppError::Conflict`] for the primary domain.
pub async fn give_up(app: &App, actor: &Actor, id: DomainId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let domain = store::domains::get(&mut tx, id).await?;
    let primary = store::organizations::get(&mut tx).await?.details.primary_domain;
    if primary.as_deref() == Some(domain.name.as_str()) {
        let reason = "links go out under this domain: choose another primary domain first".to_owned();
        return Err(AppError::Conflict { reason });
    }
    store::domains::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "domain:give_up", &id, json!({ "name": domain.name })).await?;
    tx.commit().await?;
    app.hosts.forget(&domain.name);
    Ok(())
}

/// Looks into the DNS now, and remembers what it says.
///
/// # Errors
/// Not found; storage errors. What the DNS lacks is no error but the answer.
pub async fn check_now(app: &App, actor: &Actor, id: DomainId) -> Result<Domain, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let domain = store::domains::get(&mut tx, id).await?;
    // No transaction stays open while others are waited for.
    drop(tx);
    if domain.kind == DomainKind::Subdomain {
        return Ok(domain);
    }
    let found = check::look(app, &domain).await;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let checked =
        found.unwrap_or_else(|unanswered| Checked { reason: unanswered, ..check::unchanged(app, &domain) });
    let state = match store::domains::record_check(&mut tx, actor.org_id, id, &checked).await {
        Ok(()) => checked.state,
        Err(error) if error.is_conflict_with("domains_name_verified") => {
            // The failed statement has spoilt the transaction.
            tx = OrgTx::begin(&app.db, actor.org_id).await?;
            let refused = check::proven_by_another(app);
            store::domains::record_check(&mut tx, actor.org_id, id, &refused).await?;
            refused.state
        }
        Err(error) => return Err(error.into()),
    };
    let detail = json!({ "name": domain.name, "from": domain.state, "to": state });
    audit::record(&mut tx, app, actor, "domain:check", &id, detail).await?;
    let after = store::domains::get(&mut tx, id).await?;
    tx.commit().await?;
    app.hosts.forget(&domain.name);
    Ok(after)
}

/// The address that links for an organization's people begin with, without a slash at the end: its primary domain,
/// else that of the nearest above it, else the installation's.
///
/// # Errors
/// Storage errors.
pub(crate) async fn link_base(app: &App, tx: &mut SystemTx, org_id: OrgId) -> Result<String, AppError> {
    let primary = store::domains::primary_of(tx, org_id).await?;
    Ok(primary.map_or_else(|| app.settings.public_url.clone(), |name| format!("https://{name}")))
}

fn new_token() -> Result<String, AppError> {
    let mut bytes = [0u8; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AppError::Bug("the machine has no randomness".into()))?;
    Ok(hex::encode(bytes))
}
