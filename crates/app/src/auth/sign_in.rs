//! Signing in by password, and out.
//!
//! Unknown account and wrong password get the same answer after the same work. A second factor is asked for only
//! once the password was right.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, SessionId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::sessions::{self, Method, Session};
use store::users::{self, Membership, User};
use store::{SystemTx, refresh, second_factor as factors, single_sign_on};

use super::guard::{self, Guarded};
use super::identify::{identity_of, may_mend, rights_of};
use super::identity::{Identity, Principal};
use super::passwords::{self, Verdict};
use super::second_factor::{self, Code};
use super::tokens::{self, LONGEST_SESSION, REFRESH_LIFE};
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::runtime::App;

/// A try to sign in.
#[derive(Debug)]
pub struct SignIn {
    /// As typed.
    pub email: String,
    /// As typed.
    pub password: SecretString,
    /// The second factor, when it was asked for.
    pub code: Option<Code>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a sign-in comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The address.
    pub address: Option<IpAddr>,
    /// What program sends it.
    pub user_agent: Option<String>,
}

/// A session that was just begun or renewed. The tokens are shown this once.
#[derive(Debug)]
pub struct NewSession {
    /// The bearer token.
    pub access: SecretString,
    /// When it is over.
    pub access_expires_at: DateTime<Utc>,
    /// What is exchanged for the next pair of tokens, once.
    pub refresh: SecretString,
    /// When it is over.
    pub refresh_expires_at: DateTime<Utc>,
    /// What pages send along with requests that change something.
    pub csrf: String,
    /// Who is signed in.
    pub identity: Identity,
}

/// Checks the credentials and begins a session in the person's first organization that lets them in by password.
///
/// # Errors
/// [`AppError::WrongCredentials`], also for a person without an organization; [`AppError::SecondFactorRequired`] and
/// [`AppError::WrongSecondFactor`]; [`AppError::SingleSignOnRequired`]; [`AppError::TooMany`] when it comes too
/// soon after failures; storage errors.
pub async fn sign_in(app: &App, try_: SignIn) -> Result<NewSession, AppError> {
    let now = app.ambient.now();
    let guarded: Vec<Guarded> = std::iter::once(Guarded::Account(try_.email.clone()))
        .chain(try_.origin.address.map(Guarded::Address))
        .collect();
    let mut tx = SystemTx::begin(&app.db, "nobody is signed in yet: find the person by address").await?;
    guard::begin_try(&mut tx, &guarded, now).await?;
    let user = users::find_by_email(&mut tx, &try_.email).await?;
    let memberships = match &user {
        Some(user) => users::memberships(&mut tx, user.id).await?,
        None => Vec::new(),
    };
    tx.commit().await?;

    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let verdict = passwords::verify(app, &try_.password, hash).await?;
    let first_org = memberships.first().map(|membership| membership.org_id);
    let (Some(user), Some(first_org)) = (user, first_org) else { return Err(AppError::WrongCredentials) };
    let actor = |org_id: OrgId| Actor {
        org_id,
        home_org_id: org_id,
        who: Who::Person(user.id),
        address: try_.origin.address,
    };
    if verdict == Verdict::Wrong {
        let mut tx = SystemTx::begin(&app.db, "a sign-in that failed, in the person's own log").await?;
        let why = json!({ "why": "wrong password" });
        audit::record_in(&mut tx, app, &actor(first_org), first_org, "session:refuse", &user.id, why).await?;
        tx.commit().await?;
        return Err(AppError::WrongCredentials);
    }

    let method = second_step(app, &user, try_.code.as_ref(), &guarded, &actor(first_org)).await?;
    let mut tx = SystemTx::begin(&app.db, "a session belongs to a person, not to an organization").await?;
    guard::succeeded(&mut tx, &guarded).await?;
    if verdict == Verdict::RightButOld {
        let hash = passwords::hash(app, try_.password).await?;
        users::set_password(&mut tx, user.id, &hash, now).await?;
    }
    let Some(org_id) = open_by_password(&mut tx, &memberships).await? else {
        return Err(AppError::SingleSignOnRequired { org_id: first_org });
    };
    let session = begin(app, &mut tx, &user, org_id, method, &try_.origin).await?;
    tx.commit().await?;
    tracing::info!(user.id = %user.id, org.id = %org_id, "somebody signed in");
    Ok(session)
}

/// Asks for the second factor where there is one.
async fn second_step(
    app: &App,
    user: &User,
    code: Option<&Code>,
    guarded: &[Guarded],
    actor: &Actor,
) -> Result<Method, AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "a second factor belongs to a person").await?;
    let factor = factors::find(&mut tx, user.id).await?.filter(|factor| factor.confirmed_at.is_some());
    let Some(factor) = factor else { return Ok(Method::Password) };
    // The password was right, so this was no guess at it; but only the whole sign-in clears what came before.
    guard::take_back(&mut tx, guarded).await?;
    let Some(code) = code else {
        tx.commit().await?;
        return Err(AppError::SecondFactorRequired);
    };
    let subject = [Guarded::SecondFactor(user.id)];
    guard::begin_try(&mut tx, &subject, now).await?;
    if second_factor::take(app, &mut tx, user.id, &factor, code).await? {
        guard::succeeded(&mut tx, &subject).await?;
        tx.commit().await?;
        return Ok(Method::SecondFactor);
    }
    let why = json!({ "why": "wrong second factor" });
    audit::record_in(&mut tx, app, actor, actor.org_id, "session:refuse", &user.id, why).await?;
    tx.commit().await?;
    Err(AppError::WrongSecondFactor)
}

/// The first organization that lets this member in by password.
async fn open_by_password(tx: &mut SystemTx, memberships: &[Membership]) -> Result<Option<OrgId>, AppError> {
    let orgs: Vec<OrgId> = memberships.iter().map(|membership| membership.org_id).collect();
    let enforced = single_sign_on::enforced_by(tx, &orgs).await?;
    let open = memberships.iter().find(|place| may_mend(&place.role) || !enforced.contains(&place.org_id));
    Ok(open.map(|place| place.org_id))
}

/// Begins a session in an organization. The person's identity was proved by the caller.
pub(crate) async fn begin(
    app: &App,
    tx: &mut SystemTx,
    user: &User,
    org_id: OrgId,
    method: Method,
    origin: &Origin,
) -> Result<NewSession, AppError> {
    let now = app.ambient.now();
    let session = Session {
        id: SessionId(app.ambient.new_id()),
        user_id: user.id,
        email: user.email.clone(),
        name: user.name.clone(),
        org_id,
        method,
        expires_at: now + REFRESH_LIFE,
        ends_at: now + LONGEST_SESSION,
        last_seen_at: now,
        opened: None,
    };
    let ip = origin.address.map(|address| address.to_string());
    sessions::create(
        tx,
        &sessions::NewSession {
            id: session.id,
            user_id: user.id,
            org_id,
            method,
            created_at: now,
            expires_at: session.expires_at,
            ends_at: session.ends_at,
            ip: ip.as_deref(),
            user_agent: origin.user_agent.as_deref(),
        },
    )
    .await?;
    let token = tokens::new_refresh()?;
    refresh::insert(tx, session.id, &tokens::hash(token.expose_secret()), now, session.expires_at).await?;
    let actor = Actor { org_id, home_org_id: org_id, who: Who::Person(user.id), address: origin.address };
    let detail = json!({ "method": method });
    audit::record_in(tx, app, &actor, actor.org_id, "session:begin", &session.id, detail).await?;
    issue(app, tx, &session, token, session.expires_at).await
}

/// Makes the tokens of a session that is in force, around its refresh token.
pub(super) async fn issue(
    app: &App,
    tx: &mut SystemTx,
    session: &Session,
    refresh: SecretString,
    refresh_expires_at: DateTime<Utc>,
) -> Result<NewSession, AppError> {
    let rights = rights_of(tx, session, session.org_id).await?.ok_or(AppError::WrongCredentials)?;
    let (access, access_expires_at) = app.token_keys.access(
        session.user_id,
        session.id,
        session.org_id,
        app.ambient.new_id(),
        app.ambient.now(),
    )?;
    Ok(NewSession {
        access,
        access_expires_at,
        refresh,
        refresh_expires_at,
        csrf: app.token_keys.csrf(session.id),
        identity: identity_of(rights, session),
    })
}

/// Ends the session.
///
/// # Errors
/// Storage errors.
pub async fn sign_out(app: &App, identity: &Identity, address: Option<IpAddr>) -> Result<(), AppError> {
    let Principal::Person { session_id, user, .. } = &identity.principal else { return Ok(()) };
    let mut tx = SystemTx::begin(&app.db, "a session belongs to a person, not to an organization").await?;
    if sessions::revoke(&mut tx, *session_id, "signed out", app.ambient.now()).await? {
        let actor = Actor {
            org_id: identity.org.id,
            home_org_id: identity.home_org_id,
            who: Who::Person(user.id),
            address,
        };
        audit::record_in(&mut tx, app, &actor, actor.org_id, "session:end", session_id, json!({})).await?;
    }
    tx.commit().await?;
    app.auth_cache.invalidate_session(*session_id);
    Ok(())
}
