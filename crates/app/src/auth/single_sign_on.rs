//! Single sign-on: an organization lets its people in by its own identity provider.
//!
//! The provider is set up by the organization itself, so it is believed in what concerns that organization and in
//! nothing else: only addresses of its domains, only verified ones; an account that exists elsewhere is never taken
//! over by address; and the session that comes of it stays in this organization (see [`super::identify`]).

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::TimeDelta;
use domain::email::EmailAddress;
use domain::ids::{OrgId, UserId};
use domain::permissions::Role;
use domain::plans::Feature;
use provider_traits::error::ProviderError;
use provider_traits::identity_provider::{RelyingParty, TrySecrets, Vouched};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::sessions::Method;
use store::single_sign_on::{self, SingleSignOn};
use store::users::{self, User};
use store::{OrgTx, SystemTx, plans};

use super::guard::{self, Guarded};
use super::sign_in::{self, NewSession, Origin};
use super::tokens;
use crate::audit::{self, Actor, Who};
use crate::error::AppError;
use crate::runtime::App;

/// What the client secret is bound to.
pub const SECRET_PURPOSE: &str = "single_sign_on.client_secret_sealed";
/// What the secrets of a sign-in under way are bound to.
pub const TRY_PURPOSE: &str = "single_sign_on_tries.secrets_sealed";
/// Where people are sent back to.
pub const CALLBACK_PATH: &str = "/api/v1/auth/sso/callback";
/// How long somebody may take at the provider's.
pub const TRY_LIFE: TimeDelta = TimeDelta::minutes(10);
/// What somebody who comes for the first time may become. Nobody gets to administer by arriving.
pub const DEFAULT_ROLES: [Role; 3] = [Role::Manager, Role::Member, Role::Viewer];

/// What is to be set.
#[derive(Debug)]
pub struct Change {
    /// The provider's issuer.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// What proves it; `None` keeps the one there is.
    pub client_secret: Option<SecretString>,
    /// Domains of the addresses that may come this way.
    pub email_domains: Vec<String>,
    /// What who comes for the first time becomes.
    pub default_role: String,
    /// Whether members sign in no other way.
    pub enforced: bool,
}

#[derive(Serialize, Deserialize)]
struct SealedTry {
    nonce: String,
    pkce_verifier: String,
}

/// Sets the organization's identity provider.
///
/// # Errors
/// [`AppError::Invalid`] for a field that is wrong; storage errors.
pub async fn put(app: &App, actor: &Actor, change: Change) -> Result<SingleSignOn, AppError> {
    let issuer = app
        .http
        .check(&change.issuer)
        .map(|_normal| change.issuer)
        .map_err(|refused| AppError::Invalid { field: "issuer", message: refused.reason })?;
    let default_role =
        change.default_role.parse::<Role>().ok().filter(|role| DEFAULT_ROLES.contains(role)).ok_or_else(
            || AppError::Invalid {
                field: "default_role",
                message: "must be manager, member or viewer".to_owned(),
            },
        )?;
    let mut email_domains =
        change.email_domains.iter().map(|text| domain(text)).collect::<Result<Vec<_>, _>>()?;
    email_domains.sort();
    email_domains.dedup();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let present = single_sign_on::get(&mut tx).await?;
    let client_secret_sealed = match (change.client_secret, present) {
        (Some(secret), _) => {
            app.secrets.seal(SECRET_PURPOSE, &actor.org_id.to_string(), secret.expose_secret().as_bytes())?
        }
        // A secret belongs to the provider it was made for; it must not be sent to another.
        (None, Some(present)) if present.issuer == issuer => present.client_secret_sealed,
        (None, _) => {
            return Err(AppError::Invalid {
                field: "client_secret",
                message: "is needed for an issuer that was not set before".to_owned(),
            });
        }
    };
    let settings = SingleSignOn {
        issuer,
        client_id: change.client_id,
        client_secret_sealed,
        email_domains,
        default_role: default_role.name().to_owned(),
        enforced: change.enforced,
        updated_at: app.ambient.now(),
    };
    single_sign_on::put(&mut tx, &settings).await?;
    let detail = json!({ "issuer": settings.issuer, "enforced": settings.enforced });
    audit::record(&mut tx, app, actor, "single_sign_on:write", &actor.org_id, detail).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_org(actor.org_id);
    Ok(settings)
}

fn domain(text: &str) -> Result<String, AppError> {
    EmailAddress::parse(&format!("somebody@{}", text.trim()))
        .map(|address| address.as_str().trim_start_matches("somebody@").to_owned())
        .map_err(|_| AppError::Invalid {
            field: "email_domains",
            message: "must hold domains such as agency.example".to_owned(),
        })
}

/// Removes the organization's identity provider. Who came by it keeps their account.
///
/// # Errors
/// [`AppError::NotFound`] when none is set; storage errors.
pub async fn remove(app: &App, actor: &Actor) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    if !single_sign_on::remove(&mut tx).await? {
        return Err(AppError::NotFound { noun: "single sign-on" });
    }
    audit::record(&mut tx, app, actor, "single_sign_on:delete", &actor.org_id, json!({})).await?;
    tx.commit().await?;
    app.auth_cache.invalidate_org(actor.org_id);
    Ok(())
}

/// A person who is to be sent to their provider.
#[derive(Debug)]
pub struct Departure {
    /// Where to.
    pub url: String,
    /// What their browser must bring back in a cookie, so that nobody can be made to end somebody else's sign-in.
    pub state: SecretString,
}

/// Begins a sign-in.
///
/// # Errors
/// [`AppError::NotFound`] when the organization has no single sign-on; [`AppError::SingleSignOnFailed`] when its
/// provider does not answer as it should; [`AppError::TooMany`]; storage errors.
pub async fn begin(app: &App, org_id: OrgId, address: Option<IpAddr>) -> Result<Departure, AppError> {
    let now = app.ambient.now();
    let mut tx = SystemTx::begin(&app.db, "tries are counted for all nodes").await?;
    guard::begin_try(&mut tx, &guarded(address), now).await?;
    tx.commit().await?;
    let party = party(app, org_id).await?.0;
    let fresh = || tokens::new_link_secret();
    let secrets = TrySecrets { state: fresh()?, nonce: fresh()?, pkce_verifier: fresh()? };
    let url = provider(app)?.sign_in_url(&party, &secrets).await.map_err(|error| failed(&error))?;
    let sealed = SealedTry {
        nonce: secrets.nonce.expose_secret().to_owned(),
        pkce_verifier: secrets.pkce_verifier.expose_secret().to_owned(),
    };
    let sealed = serde_json::to_vec(&sealed)
        .map_err(|error| AppError::Bug(format!("secrets could not be written down: {error}")))?;
    let hash = tokens::hash(secrets.state.expose_secret());
    let sealed = app.secrets.seal(TRY_PURPOSE, &hex::encode(hash), &sealed)?;
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    single_sign_on::begin_try(&mut tx, &hash, &sealed, now + TRY_LIFE).await?;
    tx.commit().await?;
    Ok(Departure { url, state: secrets.state })
}

/// Somebody who came back from their provider.
#[derive(Debug)]
pub struct Return {
    /// The state in the address.
    pub state: SecretString,
    /// The state in the browser's cookie.
    pub kept_state: Option<SecretString>,
    /// The code in the address.
    pub code: SecretString,
    /// Where they come from.
    pub origin: Origin,
}

/// Ends a sign-in: begins a session for who the provider says it is, making their account if need be.
///
/// # Errors
/// [`AppError::SingleSignOnFailed`] with the reason; storage errors.
pub async fn complete(app: &App, back: Return) -> Result<NewSession, AppError> {
    let state = back.state.expose_secret();
    let kept = back.kept_state.as_ref().is_some_and(|kept| {
        verify_slices_are_equal(kept.expose_secret().as_bytes(), state.as_bytes()).is_ok()
    });
    if !kept {
        return Err(because("this browser did not begin this sign-in, or took too long: begin again"));
    }
    let now = app.ambient.now();
    let hash = tokens::hash(state);
    let mut tx = SystemTx::begin(&app.db, "the state says which organization's sign-in it is").await?;
    let Some((org_id, sealed)) = single_sign_on::take_try(&mut tx, &hash, now).await? else {
        return Err(because("this sign-in was ended already, or took too long: begin again"));
    };
    // Used up, whatever comes of it.
    tx.commit().await?;
    let sealed = app.secrets.open(TRY_PURPOSE, &hex::encode(hash), &sealed)?;
    let sealed: SealedTry = serde_json::from_slice(&sealed)
        .map_err(|error| AppError::Bug(format!("sealed secrets have another shape: {error}")))?;
    let secrets = TrySecrets {
        state: back.state,
        nonce: sealed.nonce.into(),
        pkce_verifier: sealed.pkce_verifier.into(),
    };
    let (party, settings) = party(app, org_id).await?;
    let vouched =
        provider(app)?.redeem(&party, &back.code, &secrets).await.map_err(|error| failed(&error))?;
    let email = trustworthy_email(&vouched, &settings)?;

    let mut tx = SystemTx::begin(&app.db, "an account belongs to a person, not to an organization").await?;
    let user =
        match single_sign_on::find_identity(&mut tx, org_id, &settings.issuer, &vouched.subject).await? {
            Some(user_id) => users::find(&mut tx, user_id).await?,
            None => provision(app, &mut tx, org_id, &settings, &vouched, &email, &back.origin).await?,
        };
    guard::succeeded(&mut tx, &guarded(back.origin.address)).await?;
    match sign_in::begin(app, &mut tx, &user, org_id, Method::SingleSignOn, &back.origin).await {
        Err(AppError::WrongCredentials) => {
            Err(because("you have no place in this organization any more: ask whoever administers it"))
        }
        Err(other) => Err(other),
        Ok(session) => {
            tx.commit().await?;
            tracing::info!(user.id = %user.id, org.id = %org_id, "somebody signed in by single sign-on");
            Ok(session)
        }
    }
}

fn guarded(address: Option<IpAddr>) -> Vec<Guarded> {
    address.map(Guarded::Address).into_iter().collect()
}

/// The address, when the provider made sure of it and it is one of the organization's.
fn trustworthy_email(vouched: &Vouched, settings: &SingleSignOn) -> Result<EmailAddress, AppError> {
    let email = vouched.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
    let email = email.ok_or_else(|| because("your provider tells us no e-mail address of yours"))?;
    if !vouched.email_verified {
        return Err(because("your provider has not verified your e-mail address"));
    }
    let domain = email.as_str().rsplit('@').next().unwrap_or_default();
    if !settings.email_domains.iter().any(|allowed| allowed == domain) {
        return Err(because("addresses of your domain are not let in here"));
    }
    Ok(email)
}

/// Finds or makes the account of somebody who comes for the first time.
async fn provision(
    app: &App,
    tx: &mut SystemTx,
    org_id: OrgId,
    settings: &SingleSignOn,
    vouched: &Vouched,
    email: &EmailAddress,
    origin: &Origin,
) -> Result<User, AppError> {
    let now = app.ambient.now();
    let (user, action) = match users::find_by_email(tx, email.as_str()).await? {
        Some(user) => {
            let places = users::memberships(tx, user.id).await?;
            if !places.iter().any(|place| place.org_id == org_id) {
                // The provider belongs to this organization; the account does not.
                return Err(because(
                    "an account of this address exists already: ask to be invited to this organization",
                ));
            }
            (user, "member:link")
        }
        None => {
            let local = email.as_str().split('@').next().unwrap_or_default();
            let name =
                vouched.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(local);
            let user = User {
                id: UserId(app.ambient.new_id()),
                email: email.as_str().to_owned(),
                name: name.chars().take(200).collect(),
                password_hash: None,
            };
            users::insert(tx, &user, now).await?;
            users::set_member(tx, org_id, user.id, &settings.default_role).await?;
            (user, "member:provision")
        }
    };
    single_sign_on::link_identity(tx, org_id, &settings.issuer, &vouched.subject, user.id, now).await?;
    let actor = Actor { org_id, home_org_id: org_id, who: Who::Person(user.id), address: origin.address };
    audit::record_in(tx, app, &actor, org_id, action, &user.id, json!({ "issuer": settings.issuer })).await?;
    Ok(user)
}

fn provider(app: &App) -> Result<&dyn provider_traits::identity_provider::IdentityProvider, AppError> {
    app.identity_provider
        .as_deref()
        .ok_or_else(|| because("this installation was built without single sign-on"))
}

async fn party(app: &App, org_id: OrgId) -> Result<(RelyingParty, SingleSignOn), AppError> {
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let settings = single_sign_on::get(&mut tx).await?;
    let settings = settings.ok_or(AppError::NotFound { noun: "single sign-on" })?;
    if !plans::entitlements(&mut tx).await?.allows(Feature::SingleSignOn) {
        return Err(AppError::NotFound { noun: "single sign-on" });
    }
    tx.commit().await?;
    let secret = app.secrets.open(SECRET_PURPOSE, &org_id.to_string(), &settings.client_secret_sealed)?;
    let secret = String::from_utf8(secret)
        .map_err(|_| AppError::Bug("a sealed client secret is no text".to_owned()))?;
    let party = RelyingParty {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        client_secret: secret.into(),
        redirect_uri: format!("{}{CALLBACK_PATH}", app.settings.public_url),
    };
    Ok((party, settings))
}

fn because(reason: &str) -> AppError {
    AppError::SingleSignOnFailed { reason: reason.to_owned() }
}

fn failed(error: &ProviderError) -> AppError {
    tracing::warn!(%error, "an identity provider did not let somebody in");
    because(match error {
        ProviderError::Refused { .. } => "your provider's answer can't be trusted: begin again",
        ProviderError::Invalid { .. } => "single sign-on is not set up rightly: tell whoever administers it",
        _ => "your provider does not answer: try again later",
    })
}
