//! Opening an organization from above: for support, somebody of the platform or of a partner works in a business as if
//! they were there. The session is their own, marked, bound to that one organization, over after an hour or with the
//! session it was opened from; both organizations' logs tell when it began and when it ended.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{OrgId, SessionId};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::impersonation::{self, Opened};
use store::jobs::{NewJob, enqueue};
use store::sessions::{self, Session};
use store::{SystemTx, access as ways};

use crate::audit::{self, Actor, Who};
use crate::auth::identify::{identity_of, rights_of};
use crate::auth::identity::{Identity, Principal};
use crate::auth::{Origin, tokens};
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// How long an organization stays open.
pub const OPEN_FOR: TimeDelta = TimeDelta::hours(1);

const NOUN: &str = "organization";

/// The session that is worked in from now on. The token is shown this once.
#[derive(Debug)]
pub struct Switched {
    /// The bearer token.
    pub access: SecretString,
    /// When it is over.
    pub access_expires_at: DateTime<Utc>,
    /// What pages send along with requests that change something.
    pub csrf: String,
    /// When the session is over.
    pub expires_at: DateTime<Utc>,
    /// Who works for whom.
    pub identity: Identity,
}

/// Opens an organization below.
///
/// # Errors
/// Not found for a program, and for an organization that is not below; [`AppError::Conflict`] when one is open already,
/// or when the person belongs to it themselves; storage errors.
pub async fn open(
    app: &App,
    identity: &Identity,
    org_id: OrgId,
    origin: &Origin,
) -> Result<Switched, AppError> {
    let Principal::Person { session_id, user, .. } = &identity.principal else {
        return Err(AppError::NotFound { noun: NOUN });
    };
    if identity.opened.is_some() {
        return Err(AppError::Conflict { reason: "close the organization that is open first".to_owned() });
    }
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "a session in one organization, opened from another").await?;
    let parent = sessions::find(&mut tx, *session_id, now).await?.ok_or(AppError::NotFound { noun: NOUN })?;
    let here = ways::way_up(&mut tx, Some(user.id), org_id).await?;
    if here.first().is_some_and(|step| step.role.is_some()) {
        return Err(AppError::Conflict {
            reason: "you belong to this organization yourself: name it in `X-Organization-Id`".to_owned(),
        });
    }
    let rights = rights_of(&mut tx, &parent, org_id).await?.ok_or(AppError::NotFound { noun: NOUN })?;
    let opened = Opened { from: rights.home_org_id, by: parent.id };
    let expires_at = parent.ends_at.min(now + OPEN_FOR);
    let session = Session {
        id: SessionId(app.ambient.new_id()),
        org_id,
        expires_at,
        ends_at: expires_at,
        last_seen_at: now,
        opened: Some(opened),
        ..parent
    };
    let ip = origin.address.map(|address| address.to_string());
    sessions::create(
        &mut tx,
        &sessions::NewSession {
            id: session.id,
            user_id: session.user_id,
            org_id,
            method: session.method,
            created_at: now,
            expires_at,
            ends_at: expires_at,
            ip: ip.as_deref(),
            user_agent: origin.user_agent.as_deref(),
        },
    )
    .await?;
    impersonation::mark(&mut tx, session.id, opened).await?;
    let actor = Actor {
        org_id: opened.from,
        home_org_id: opened.from,
        who: Who::Person(user.id),
        address: origin.address,
    };
    let detail = json!({ "session": session.id, "until": expires_at });
    audit::record_in_both(&mut tx, app, &actor, org_id, "organization:open", detail).await?;
    let job = NewJob {
        task: CloseLapsed::IDENTIFIER,
        payload: json!({}),
        run_at: Some(expires_at),
        ..NewJob::default()
    };
    enqueue(&mut tx, &job).await?;
    let switched = switch(app, rights, &session, expires_at)?;
    tx.commit().await?;
    tracing::info!(user.id = %user.id, org.id = %org_id, "an organization was opened from above");
    Ok(switched)
}

/// Closes the organization that is open, and goes back to the session it was opened from.
///
/// # Errors
/// [`AppError::Conflict`] when none is open; storage errors.
pub async fn close(app: &App, identity: &Identity, address: Option<IpAddr>) -> Result<Switched, AppError> {
    let none = || AppError::Conflict { reason: "no organization is open".to_owned() };
    let Principal::Person { session_id, user, .. } = &identity.principal else { return Err(none()) };
    let opened = identity.opened.ok_or_else(none)?;
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "back to the organization that it was opened from").await?;
    if impersonation::close(&mut tx, *session_id, now).await? {
        let actor =
            Actor { org_id: opened.from, home_org_id: opened.from, who: Who::Person(user.id), address };
        let detail = json!({ "session": session_id, "why": "closed" });
        audit::record_in_both(&mut tx, app, &actor, identity.org.id, "organization:close", detail).await?;
    }
    let parent = sessions::find(&mut tx, opened.by, now).await?;
    let back = match parent {
        Some(parent) => rights_of(&mut tx, &parent, parent.org_id).await?.map(|rights| (rights, parent)),
        None => None,
    };
    tx.commit().await?;
    app.auth_cache.invalidate_session(*session_id);
    // The session that it was opened from may have come to its end in this very moment.
    let (rights, parent) = back.ok_or_else(none)?;
    switch(app, rights, &parent, now + tokens::ACCESS_LIFE)
}

fn switch(
    app: &App,
    rights: crate::access::Rights,
    session: &Session,
    access_expires_at: DateTime<Utc>,
) -> Result<Switched, AppError> {
    let access = app.token_keys.access_until(
        session.user_id,
        session.id,
        session.org_id,
        app.ambient.new_id(),
        app.ambient.now(),
        access_expires_at,
    )?;
    Ok(Switched {
        access,
        access_expires_at,
        csrf: app.token_keys.csrf(session.id),
        expires_at: session.expires_at,
        identity: identity_of(rights, session),
    })
}

/// Writes the end of what ended without being closed into both logs; returns how many there were.
///
/// # Errors
/// Storage errors.
pub async fn close_lapsed(app: &App) -> Result<usize, AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "sessions in one organization, opened from another").await?;
    let lapsed = impersonation::lapsed(&mut tx, now).await?;
    for one in &lapsed {
        impersonation::close(&mut tx, one.id, now).await?;
        let actor = Actor {
            org_id: one.opened_from,
            home_org_id: one.opened_from,
            who: Who::Person(one.user_id),
            address: None,
        };
        let why = if one.was_ended { "the session was ended" } else { "its hour is over" };
        let detail = json!({ "session": one.id, "why": why });
        audit::record_in_both(&mut tx, app, &actor, one.org_id, "organization:close", detail).await?;
    }
    tx.commit().await?;
    Ok(lapsed.len())
}

/// Looks for what is to be closed, at the end of an hour.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CloseLapsed {}

impl TaskHandler for CloseLapsed {
    const IDENTIFIER: &'static str = "close_lapsed_organizations";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        close_lapsed(app).await.map(drop).map_err(|error| format!("{error:#}"))
    }
}
