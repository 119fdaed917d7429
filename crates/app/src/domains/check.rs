//! Whether a domain is theirs and leads to us: what the DNS says, put into plain words.

use std::net::IpAddr;

use chrono::TimeDelta;
use domain::domain_names::{DomainName, proof};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use provider_traits::error::ProviderError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::SystemTx;
use store::domains::{Checked, Domain, DomainState};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// How often a name is looked at again.
const EVERY: TimeDelta = TimeDelta::hours(24);
/// A proven name that fails its checks for so long is lost. A provider's bad day must not take a customer's site away.
const PATIENCE: TimeDelta = TimeDelta::hours(72);
/// Names looked at in one run of the job.
const RUN: u32 = 500;

/// Where domains must lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this name.
    Name(DomainName),
    /// To this address.
    Address(IpAddr),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What a fresh claim is told.
pub(super) fn instructions(name: &DomainName) -> String {
    format!("Not checked yet: enter the records into the DNS of {}, then check.", name.shown())
}

/// What a check would say if it found nothing new.
pub(super) fn unchanged(app: &App, domain: &Domain) -> Checked {
    Checked {
        state: domain.state,
        reason: domain.reason.clone(),
        failing_since: domain.failing_since,
        at: app.ambient.now(),
    }
}

pub(super) fn proven_by_another(app: &App) -> Checked {
    Checked {
        state: DomainState::Failed,
        reason: "Another organization has proven this domain before you; it must give it up first."
            .to_owned(),
        failing_since: None,
        at: app.ambient.now(),
    }
}

/// What the DNS says of a name now.
///
/// # Errors
/// That nobody answered, in plain words: nothing is known then, and nothing changes.
pub(super) async fn look(app: &App, domain: &Domain) -> Result<Checked, String> {
    let missing = missing(app, domain).await.map_err(|error| {
        tracing::info!(domain = %domain.name, %error, "the DNS gave no answer about a domain");
        "The DNS gave no answer; try again in some minutes.".to_owned()
    })?;
    let now = app.ambient.now();
    let Some(reason) = missing else {
        return Ok(Checked {
            state: DomainState::Verified,
            reason: String::new(),
            failing_since: None,
            at: now,
        });
    };
    let since = domain.failing_since.unwrap_or(now);
    let kept = domain.state == DomainState::Verified && now - since < PATIENCE;
    let state = if kept { DomainState::Verified } else { DomainState::Failed };
    Ok(Checked { state, reason, failing_since: domain.verified_at.map(|_| since), at: now })
}

/// What is missing; `None` when nothing is.
async fn missing(app: &App, domain: &Domain) -> Result<Option<String>, ProviderError> {
    let Ok(name) = DomainName::parse(&domain.name) else {
        return Ok(Some("This is not the name of a host any more.".to_owned()));
    };
    let (place, wanted) = (name.proof_name(), proof(&domain.token));
    let texts = app.dns.texts(&place).await?;
    if !texts.iter().any(|text| text.trim() == wanted) {
        return Ok(Some(if texts.is_empty() {
            format!("There is no TXT record at {place}. It must say {wanted}")
        } else {
            format!("The TXT record at {place} says something else. It must say {wanted}")
        }));
    }
    let Some(target) = &app.settings.hosts.target else {
        // An installation without a public address has nowhere to lead to.
        return Ok(None);
    };
    if leads_to(app, &name, target).await? {
        return Ok(None);
    }
    let record = match target {
        Target::Name(_) => "a CNAME record to",
        Target::Address(_) => "an A record with",
    };
    Ok(Some(format!(
        "The TXT record is right, but {} does not lead here yet: enter {record} {target}",
        name.shown()
    )))
}

async fn leads_to(app: &App, name: &DomainName, target: &Target) -> Result<bool, ProviderError> {
    let theirs = match target {
        Target::Address(address) => vec![*address],
        Target::Name(host) => {
            if app.dns.alias(name.as_str()).await?.as_deref() == Some(host.as_str()) {
                return Ok(true);
            }
            // At the top of a zone there can be no alias; then the addresses must be the same.
            app.dns.addresses(host.as_str()).await?
        }
    };
    let found = app.dns.addresses(name.as_str()).await?;
    Ok(found.iter().any(|address| theirs.contains(address)))
}

/// Looks at every name that was not looked at for a day; returns how many were lost. What nobody answers about stays as
/// it is.
///
/// # Errors
/// Storage errors.
pub async fn recheck_all(app: &App) -> Result<usize, AppError> {
    let mut tx = SystemTx::begin(&app.db, "domains of all organizations are looked at each day").await?;
    let due = store::domains::list_unchecked(&mut tx, app.ambient.now() - EVERY, RUN).await?;
    drop(tx);
    let mut lost = 0;
    for domain in due {
        let checked = look(app, &domain).await.unwrap_or_else(|_| unchanged(app, &domain));
        lost += usize::from(remember(app, &domain, checked).await?);
    }
    Ok(lost)
}

/// Returns whether the name was theirs until now.
async fn remember(app: &App, domain: &Domain, checked: Checked) -> Result<bool, AppError> {
    let lost = domain.state == DomainState::Verified && checked.state == DomainState::Failed;
    let won = domain.state != DomainState::Verified && checked.state == DomainState::Verified;
    let mut tx = SystemTx::begin(&app.db, "what was found about a domain is written down").await?;
    match store::domains::record_check(&mut tx, domain.org_id, domain.id, &checked).await {
        Ok(()) => {}
        // Given up meanwhile; or somebody else was quicker, and a person will read why when they check.
        Err(store::StoreError::NotFound { .. } | store::StoreError::Conflict { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    if lost || won {
        let actor = Actor::system(domain.org_id);
        let action = if lost { "domain:lose" } else { "domain:verify" };
        let detail = json!({ "name": domain.name, "reason": checked.reason });
        audit::record_in(&mut tx, app, &actor, domain.org_id, action, &domain.id, detail).await?;
    }
    tx.commit().await?;
    app.hosts.forget(&domain.name);
    if lost {
        tracing::warn!(org.id = %domain.org_id, domain = %domain.name, "a domain is not theirs any more");
    }
    Ok(lost)
}

/// Looks at domains that were not looked at for a day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CheckDomains {}

impl TaskHandler for CheckDomains {
    const IDENTIFIER: &'static str = "check_domains";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        recheck_all(app).await.map(drop).map_err(|error| format!("{error:#}"))
    }
}
