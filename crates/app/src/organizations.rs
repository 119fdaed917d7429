//! Organizations: what one changes of itself, and what those above decide about it.

mod below;
mod founding;
pub mod trials;

use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::hours::BusinessHours;
use domain::organizations::{MOST_CALL_MINUTES, OrgSettings, SETTINGS_VERSION};
use domain::phone::PhoneNumber;
use domain::regions::{Country, Currency, Locale, TimeZone};
use serde_json::json;
use store::OrgTx;
use store::organizations::{self, Organization};

pub use self::below::{PlanChange, StandingChange, change_below, change_standing};
pub use self::founding::{NewOrganization, found};
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;

/// Longest name.
const NAME_CHARS: usize = 200;
/// Longest message that callers hear, in characters: about half a minute of speech.
const MESSAGE_CHARS: usize = 500;

/// What to change of an organization; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Default)]
pub struct OrganizationChange {
    /// The name as spoken.
    pub name: Option<String>,
    /// Time zone.
    pub timezone: Option<TimeZone>,
    /// Language and customs.
    pub locale: Option<Locale>,
    /// Currency of amounts said without one.
    pub currency: Option<Currency>,
    /// Country of numbers without country code.
    pub default_country: Option<Country>,
    /// When it is open.
    pub business_hours: Option<Option<BusinessHours>>,
    /// Where notifications go.
    pub notification_email: Option<Option<EmailAddress>>,
    /// The number that notifications go to, in any notation.
    pub notification_phone: Option<Option<String>>,
    /// Who takes messages.
    pub contact_name: Option<Option<String>>,
    /// The number that calls are connected with, in any notation.
    pub transfer_to: Option<Option<String>>,
    /// One of the organization's verified domains.
    pub primary_domain: Option<Option<String>>,
    /// Settings, whole.
    pub settings: Option<OrgSettings>,
}

/// Changes the actor's organization, if it is still as the asker saw it (`based_on` is the `updated_at` of what they
/// saw; `None` takes whatever is there).
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::Invalid`] naming the field; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    based_on: Option<DateTime<Utc>>,
    change: OrganizationChange,
) -> Result<Organization, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let updated_at = organizations::lock(&mut tx).await?;
    if based_on.is_some_and(|seen| seen != updated_at) {
        return Err(AppError::OutOfDate);
    }
    let before = organizations::get(&mut tx).await?;
    let after = apply(before.clone(), change)?;
    let (was, is) = (&before.details.primary_domain, &after.details.primary_domain);
    if let Some(name) = is
        && was != is
        && !store::domains::is_verified(&mut tx, name).await?
    {
        let message = "must be one of your verified domains".to_owned();
        return Err(AppError::Invalid { field: "primary_domain", message });
    }
    organizations::update(&mut tx, &after.name, &after.profile, now).await?;
    organizations::update_details(&mut tx, &after.details, now).await?;
    let fields = changed_fields(&before, &after);
    audit::record(&mut tx, app, actor, "organization:change", &actor.org_id, json!({ "fields": fields }))
        .await?;
    let after = organizations::get(&mut tx).await?;
    tx.commit().await?;
    // Who is signed in carries the name.
    app.auth_cache.invalidate_org(actor.org_id);
    Ok(after)
}

fn apply(mut org: Organization, change: OrganizationChange) -> Result<Organization, AppError> {
    if let Some(name) = change.name {
        org.name = checked_name(&name)?;
    }
    let profile = &mut org.profile;
    if let Some(timezone) = change.timezone {
        profile.timezone = timezone.into();
    }
    if let Some(country) = change.default_country {
        profile.default_country = country.into();
    }
    if let Some(currency) = change.currency {
        profile.currency = currency.into();
    }
    if let Some(email) = change.notification_email {
        profile.notification_email = email.map(String::from);
    }
    if let Some(contact) = change.contact_name {
        profile.contact_name = contact.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    }
    // Numbers without country code are of the country that was named along with them.
    let country = profile.default_country.clone();
    if let Some(number) = change.transfer_to {
        profile.transfer_to = dialable("transfer_to", number, &country)?;
    }
    if let Some(settings) = change.settings {
        check_settings(&settings)?;
        profile.settings = serde_json::to_value(settings)
            .map_err(|error| AppError::Bug(format!("settings can't be written: {error}")))?;
    }
    let details = &mut org.details;
    if let Some(number) = change.notification_phone {
        details.notification_phone = dialable("notification_phone", number, &country)?;
    }
    if let Some(locale) = change.locale {
        details.locale = locale.into();
    }
    if let Some(hours) = change.business_hours {
        if let Some(problem) = hours.as_ref().and_then(|hours| hours.problems().into_iter().next()) {
            let message = format!("{}: {}", problem.field, problem.message);
            return Err(AppError::Invalid { field: "business_hours", message });
        }
        details.business_hours = hours;
    }
    if let Some(domain) = change.primary_domain {
        details.primary_domain = domain.map(|name| name.trim().to_lowercase());
    }
    Ok(org)
}

/// The names of what is different, for the log: the values themselves may be people's addresses.
fn changed_fields(before: &Organization, after: &Organization) -> Vec<&'static str> {
    let (b, a) = (&before.profile, &after.profile);
    let (bd, ad) = (&before.details, &after.details);
    let different = [
        ("name", before.name != after.name),
        ("timezone", b.timezone != a.timezone),
        ("default_country", b.default_country != a.default_country),
        ("currency", b.currency != a.currency),
        ("contact_name", b.contact_name != a.contact_name),
        ("transfer_to", b.transfer_to != a.transfer_to),
        ("notification_email", b.notification_email != a.notification_email),
        ("settings", b.settings != a.settings),
        ("locale", bd.locale != ad.locale),
        ("business_hours", bd.business_hours != ad.business_hours),
        ("notification_phone", bd.notification_phone != ad.notification_phone),
        ("primary_domain", bd.primary_domain != ad.primary_domain),
    ];
    different.into_iter().filter_map(|(name, is)| is.then_some(name)).collect()
}

fn checked_name(name: &str) -> Result<String, AppError> {
    let name = name.trim();
    // The name is spoken and stands in e-mail headers: one line of text.
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        let message = format!("must be one line of 1 to {NAME_CHARS} characters");
        return Err(AppError::Invalid { field: "name", message });
    }
    Ok(name.to_owned())
}

fn dialable(field: &'static str, number: Option<String>, country: &str) -> Result<Option<String>, AppError> {
    let Some(text) = number.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let number = PhoneNumber::parse(&text, Some(country))
        .map_err(|error| AppError::Invalid { field, message: error.to_string() })?;
    Ok(Some(number.into()))
}

fn check_settings(settings: &OrgSettings) -> Result<(), AppError> {
    let wrong = |field, message: String| Err(AppError::Invalid { field, message });
    if settings.version != SETTINGS_VERSION {
        return wrong("settings.version", format!("must be {SETTINGS_VERSION}"));
    }
    if settings.max_call_minutes.is_some_and(|minutes| !(1..=MOST_CALL_MINUTES).contains(&minutes)) {
        return wrong(
            "settings.max_call_minutes",
            format!("must be between 1 and {MOST_CALL_MINUTES}, or null"),
        );
    }
    if settings.unavailable_message.as_ref().is_some_and(|words| words.chars().count() > MESSAGE_CHARS) {
        return wrong(
            "settings.unavailable_message",
            format!("must not be longer than {MESSAGE_CHARS} characters"),
        );
    }
    Ok(())
}

/// The settings of an organization as stored.
///
/// # Errors
/// [`AppError::Bug`] when a later version of the program wrote them.
pub fn settings_of(org: &Organization) -> Result<OrgSettings, AppError> {
    OrgSettings::read(org.profile.settings.clone())
        .map_err(|error| AppError::Bug(format!("settings of {}: {error}", org.id)))
}
