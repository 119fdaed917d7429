//! Who a request comes from. The busiest path of the API: at best it asks the database nothing.

use std::net::IpAddr;

use chrono::TimeDelta;
use domain::ids::{OrgId, SessionId};
use store::sessions::{self, Method, Session};
use store::{SystemTx, single_sign_on};

use super::cache::Asker;
use super::identity::{Identity, Person, Principal};
use crate::access::{self, Rights};
use crate::api_keys::identify as api_keys;
use crate::error::AppError;
use crate::runtime::App;

/// A session's use is noted at most this often.
const NOTED_EVERY: TimeDelta = TimeDelta::seconds(60);
/// The roles that may sign in by password where single sign-on is enforced, so that it can be mended.
const MEND_SINGLE_SIGN_ON: [&str; 3] = ["owner", "partner_admin", "platform_admin"];

/// Whether somebody of this role may sign in by password in any case.
pub(super) fn may_mend(role: &str) -> bool {
    MEND_SINGLE_SIGN_ON.contains(&role)
}

/// Who a bearer token belongs to, acting for the organization that the request names, else for the session's own.
/// `None` when it is not one of ours, its fifteen minutes are over, or its session is.
///
/// # Errors
/// [`AppError::NotFound`] when the named organization is not theirs to act for; storage errors.
pub async fn identify(
    app: &App,
    token: &str,
    acting_for: Option<OrgId>,
    address: Option<IpAddr>,
) -> Result<Option<Identity>, AppError> {
    if api_keys::is_key(token) {
        return api_keys::identify(app, token, acting_for, address).await;
    }
    let now = app.ambient.now();
    let Some(access) = app.token_keys.read(token, now).filter(|access| !access.is_over) else {
        return Ok(None);
    };
    let asker = Asker::Session(access.session_id, acting_for);
    if let Some(identity) = app.auth_cache.get(&asker, now) {
        return Ok(Some(identity));
    }
    let ticket = app.auth_cache.ticket();
    let mut tx = SystemTx::begin(&app.db, "the session says which organization it is").await?;
    let Some(session) = sessions::find(&mut tx, access.session_id, now).await? else { return Ok(None) };
    // What was opened from above is open alone.
    if session.opened.is_some() && acting_for.is_some_and(|org_id| org_id != session.org_id) {
        return Err(AppError::NotFound { noun: "organization" });
    }
    let rights = rights_of(&mut tx, &session, acting_for.unwrap_or(session.org_id)).await?;
    if now - session.last_seen_at >= NOTED_EVERY {
        sessions::touch(&mut tx, session.id, now).await?;
    }
    tx.commit().await?;
    let Some(rights) = rights else {
        return match acting_for {
            Some(_) => Err(AppError::NotFound { noun: "organization" }),
            None => Ok(None),
        };
    };
    let identity = identity_of(rights, &session);
    app.auth_cache.put(ticket, &asker, &identity, now);
    Ok(Some(identity))
}

/// What a session may do in an organization; `None` when nothing.
pub(crate) async fn rights_of(
    tx: &mut SystemTx,
    session: &Session,
    org_id: OrgId,
) -> Result<Option<Rights>, AppError> {
    let Some(rights) = access::rights_of_person(tx, session.user_id, org_id).await? else { return Ok(None) };
    // Somebody who became a member meanwhile, or lost the place above, is not there from above any more.
    if session.opened.is_some_and(|opened| opened.from != rights.home_org_id) {
        return Ok(None);
    }
    let signed_in_at = session.opened.map_or(session.org_id, |opened| opened.from);
    let vouched = match session.method {
        // An identity provider vouches for its own organization's rights. It is set up by that organization, so
        // it must not open what the same person may do elsewhere.
        Method::SingleSignOn => rights.home_org_id == signed_in_at,
        Method::Password | Method::SecondFactor => {
            may_mend(&rights.role) || single_sign_on::enforced_by(tx, &[rights.home_org_id]).await?.is_empty()
        }
    };
    Ok(vouched.then_some(rights))
}

pub(crate) fn identity_of(rights: Rights, session: &Session) -> Identity {
    let user = Person { id: session.user_id, email: session.email.clone(), name: session.name.clone() };
    Identity {
        principal: Principal::Person {
            session_id: session.id,
            method: session.method,
            expires_at: session.expires_at,
            user,
        },
        org: rights.org,
        home_org_id: rights.home_org_id,
        role: rights.role,
        permissions: rights.permissions,
        child_permissions: rights.child_permissions,
        entitlements: rights.entitlements,
        opened: session.opened,
    }
}

/// The session that an access token names, also when its fifteen minutes are over; `None` when it is not ours.
#[must_use]
pub fn session_of(app: &App, token: &str) -> Option<SessionId> {
    app.token_keys.read(token, app.ambient.now()).map(|access| access.session_id)
}

/// Whether what a page sent along proves that it is ours: bound to the session whose cookie came with it.
#[must_use]
pub fn csrf_matches(app: &App, session_id: SessionId, sent: Option<&str>) -> bool {
    sent.is_some_and(|sent| app.token_keys.csrf_matches(session_id, sent))
}
