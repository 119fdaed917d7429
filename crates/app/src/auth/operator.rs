//! What the operator does with accounts at the machine's own command line: nobody is signed in there, and the first
//! person has to come from somewhere.

use domain::email::EmailAddress;
use domain::ids::{OrgId, UserId};
use domain::roles::Role;
use provider_traits::ambient::Ambient;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::organizations::{self, NewOrganization, OrgKind, OrgProfile, OrgStatus};
use store::sessions::{self, Which};
use store::users::{self, User};
use store::{Database, StoreError, SystemTx};

use super::passwords;
use crate::audit::{self, Actor};
use crate::error::AppError;

/// Somebody who is to get an account.
#[derive(Debug)]
pub struct NewPerson {
    /// The address they will sign in with.
    pub email: String,
    /// Their name; the address's local part when absent.
    pub name: Option<String>,
    /// Their place; the platform's own organization, made if need be, when absent.
    pub organization: Option<OrgId>,
    /// What they may do there; everything when absent.
    pub role: Option<String>,
    /// What they sign in with.
    pub password: SecretString,
}

/// An account that was made.
#[derive(Debug)]
pub struct Created {
    /// The person.
    pub user_id: UserId,
    /// Their address in its normal form.
    pub email: String,
    /// Their place.
    pub organization: String,
    /// What they may do there.
    pub role: Role,
}

/// Makes an account.
///
/// # Errors
/// [`AppError::Invalid`] for an address, role or password that is unfit; [`AppError::Conflict`] when the address has an
/// account; [`AppError::NotFound`] when there is no such organization; storage errors.
pub async fn create_person(db: &Database, ambient: &Ambient, new: NewPerson) -> Result<Created, AppError> {
    let now = ambient.now();
    let email = EmailAddress::parse(&new.email)
        .map_err(|error| AppError::Invalid { field: "email", message: format!("is {error}") })?;
    let local = email.as_str().split('@').next().unwrap_or_default();
    let name = new.name.as_deref().map_or(local, str::trim).to_owned();
    passwords::check_rules("password", new.password.expose_secret(), &[email.as_str(), &name])?;
    let hash = passwords::hash_password(new.password.expose_secret())?;

    let mut tx = SystemTx::begin(db, "the operator makes an account").await?;
    let org_id = match new.organization {
        Some(id) => id,
        None => platform(&mut tx, ambient).await?,
    };
    let org = organizations::find(&mut tx, org_id).await?;
    let usual = match org.kind {
        OrgKind::Platform => Role::PlatformAdmin,
        OrgKind::Partner => Role::PartnerAdmin,
        OrgKind::Business => Role::Owner,
    };
    let role = new.role.as_deref().map_or(Ok(usual), str::parse);
    let role = role.map_err(|_| AppError::Invalid {
        field: "role",
        message: format!(
            "must be one of {}",
            Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
        ),
    })?;
    let fits = match role {
        Role::PlatformAdmin => org.kind == OrgKind::Platform,
        Role::PartnerAdmin => org.kind == OrgKind::Partner,
        _ => true,
    };
    if !fits {
        return Err(AppError::Invalid {
            field: "role",
            message: format!("{role} is not a role of {}", org.name),
        });
    }
    let user = User {
        id: UserId(ambient.new_id()),
        email: email.as_str().to_owned(),
        name,
        password_hash: Some(hash),
    };
    match users::insert(&mut tx, &user, now).await {
        Err(StoreError::Conflict { .. }) => {
            return Err(AppError::Conflict { reason: "there is an account with this address".to_owned() });
        }
        other => other?,
    }
    users::set_member(&mut tx, org_id, user.id, role.name()).await?;
    let detail = json!({ "role": role.name(), "by": "operator" });
    audit::record_by_system(&mut tx, ambient, &Actor::system(org_id), "member:create", &user.id, detail)
        .await?;
    tx.commit().await?;
    Ok(Created { user_id: user.id, email: user.email, organization: org.name, role })
}

/// The operator's own organization, made when there is none.
async fn platform(tx: &mut SystemTx, ambient: &Ambient) -> Result<OrgId, AppError> {
    if let Some(id) = organizations::platform(tx).await? {
        return Ok(id);
    }
    let id = OrgId(ambient.new_id());
    let platform = NewOrganization {
        id,
        kind: OrgKind::Platform,
        parent_id: None,
        name: "StudioConnect".to_owned(),
        status: OrgStatus::Active,
        plan_id: "enterprise".to_owned(),
        profile: OrgProfile {
            timezone: "UTC".to_owned(),
            default_country: "US".to_owned(),
            currency: "USD".to_owned(),
            contact_name: None,
            transfer_to: None,
            notification_email: None,
            settings: json!({}),
        },
        created_at: ambient.now(),
    };
    organizations::insert(tx, &platform).await?;
    Ok(id)
}

/// Gives a person another password; all their sessions end. A running server notices within seconds.
///
/// # Errors
/// [`AppError::NotFound`] when the address has no account; [`AppError::Invalid`] for a password that is unfit; storage
/// errors.
pub async fn reset_password(
    db: &Database,
    ambient: &Ambient,
    email: &str,
    password: &SecretString,
) -> Result<usize, AppError> {
    let now = ambient.now();
    let mut tx = SystemTx::begin(db, "the operator gives a person another password").await?;
    let user = users::find_by_email(&mut tx, email).await?.ok_or(AppError::NotFound { noun: "account" })?;
    passwords::check_rules("password", password.expose_secret(), &[&user.email, &user.name])?;
    let hash = passwords::hash_password(password.expose_secret())?;
    users::set_password(&mut tx, user.id, &hash, now).await?;
    let ended =
        sessions::revoke_of_user(&mut tx, user.id, Which::All, "the operator reset the password", now)
            .await?;
    for place in users::memberships(&mut tx, user.id).await? {
        let actor = Actor::system(place.org_id);
        let detail = json!({ "by": "operator", "sessions_ended": ended.len() });
        audit::record_by_system(&mut tx, ambient, &actor, "account:change_password", &user.id, detail)
            .await?;
    }
    tx.commit().await?;
    Ok(ended.len())
}
