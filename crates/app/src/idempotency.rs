//! Requests that may be repeated without acting twice: the key chosen by the sender, claimed before the work, kept
//! with the answer for a day.
//!
//! What a stored answer consists of is the edge's business; here it is bytes, sealed because it may show a secret.
//! Between the work's own commit and the keeping of its answer a process can die; then the repetition acts again,
//! after [`STALE_AFTER`].

use aws_lc_rs::digest;
use chrono::TimeDelta;
use store::idempotency::{self, NewClaim};
use store::{OrgTx, SystemTx};
use uuid::Uuid;

use crate::auth::{Identity, Principal};
use crate::error::AppError;
use crate::runtime::App;

/// How long an answer is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// A claim of this age without an answer is of a process that died: no request is worked on for half as long.
pub const STALE_AFTER: TimeDelta = TimeDelta::seconds(60);
/// What sealed answers are bound to.
const PURPOSE: &str = "idempotent_requests.response_sealed";

/// Everything that makes a request this request.
#[derive(Debug, Clone, Copy)]
pub struct Repeatable<'a> {
    /// The key chosen by the sender.
    pub key: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// Query, headers and body, as far as they decide what happens.
    pub parts: &'a [&'a [u8]],
}

/// A claim on a key, to be completed or given back.
#[derive(Debug)]
pub struct Ticket {
    id: Uuid,
}

/// What a request with a key is to do.
#[derive(Debug)]
pub enum Claim {
    /// Act.
    Act(Ticket),
    /// Wait: the same request is being worked on.
    InProgress,
    /// Answer this again.
    Repeat(Vec<u8>),
    /// Refuse: the key was used for another request.
    OtherRequest,
}

/// Claims the key for a request.
///
/// # Errors
/// Storage errors; [`AppError::Secret`] when a kept answer can't be opened.
pub async fn claim(app: &App, identity: &Identity, request: &Repeatable<'_>) -> Result<Claim, AppError> {
    let now = app.ambient.now();
    let id = app.ambient.new_id();
    let mut tx = OrgTx::begin(&app.db, identity.org.id).await?;
    let claimed = idempotency::claim(
        &mut tx,
        &NewClaim {
            id,
            principal: &principal(identity),
            key: request.key,
            method: request.method,
            path: request.path,
            fingerprint: &fingerprint(request),
            now,
            stale_before: now - STALE_AFTER,
            expired_before: now - KEPT_FOR,
        },
    )
    .await?;
    tx.commit().await?;
    Ok(match claimed {
        idempotency::Claim::Ours => Claim::Act(Ticket { id }),
        idempotency::Claim::InProgress => Claim::InProgress,
        idempotency::Claim::OtherRequest => Claim::OtherRequest,
        idempotency::Claim::Answered { id, response_sealed } => {
            Claim::Repeat(app.secrets.open(PURPOSE, &id.to_string(), &response_sealed)?)
        }
    })
}

/// Keeps the answer of a request that acted.
///
/// # Errors
/// Storage errors; [`AppError::Secret`].
pub async fn complete(app: &App, identity: &Identity, ticket: Ticket, answer: &[u8]) -> Result<(), AppError> {
    let sealed = app.secrets.seal(PURPOSE, &ticket.id.to_string(), answer)?;
    let mut tx = OrgTx::begin(&app.db, identity.org.id).await?;
    idempotency::complete(&mut tx, ticket.id, &sealed).await?;
    Ok(tx.commit().await?)
}

/// Gives a key back whose request came to nothing, so that its repetition acts.
///
/// # Errors
/// Storage errors.
pub async fn release(app: &App, identity: &Identity, ticket: Ticket) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, identity.org.id).await?;
    idempotency::release(&mut tx, ticket.id).await?;
    Ok(tx.commit().await?)
}

/// Forgets answers that are older than they are kept.
///
/// # Errors
/// Storage errors.
pub(crate) async fn prune(app: &App) -> Result<u64, AppError> {
    let mut tx = SystemTx::begin(&app.db, "kept answers of all organizations grow old alike").await?;
    let forgotten = idempotency::prune(&mut tx, app.ambient.now() - KEPT_FOR).await?;
    tx.commit().await?;
    Ok(forgotten)
}

/// A person keeps their keys over sessions, and a program over restarts.
fn principal(identity: &Identity) -> String {
    match &identity.principal {
        Principal::Person { user, .. } => user.id.to_string(),
        Principal::Key { id, .. } => id.to_string(),
    }
}

/// SHA-256 over all parts. Their lengths are hashed too, so that no two requests run together the same.
fn fingerprint(request: &Repeatable<'_>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let head = [request.method.as_bytes(), request.path.as_bytes()];
    for part in head.iter().chain(request.parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0u8; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_request_has_the_same_fingerprint() {
        let of = |method, path, parts: &[&[u8]]| fingerprint(&Repeatable { key: "k", method, path, parts });
        let first = of("POST", "/a", &[b"x=1", b"{}"]);
        assert_eq!(first, of("POST", "/a", &[b"x=1", b"{}"]));
        for other in [
            of("PUT", "/a", &[b"x=1", b"{}"]),
            of("POST", "/ab", &[b"x=1", b"{}"]),
            of("POST", "/a", &[b"x=1{}", b""]),
            of("POST", "/a", &[b"", b"x=1{}"]),
            of("POST", "/a", &[b"x=1", b"{ }"]),
        ] {
            assert_ne!(first, other);
        }
    }
}
