//! What all letters of a business have in common: its look, its clock, where its people go on.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::branding::effective;
use domain::ids::OrgId;
use letters::brand::Brand;
use letters::kinds::House;
use provider_traits::email::EmailMessage;
use store::SystemTx;
use store::organizations::Organization;

use crate::error::AppError;
use crate::runtime::App;
use crate::{branding, domains};

/// The business's time zone.
pub(crate) fn timezone(business: &Organization) -> Tz {
    business.profile.timezone.parse().unwrap_or(chrono_tz::UTC)
}

/// A moment as people of the business read it.
pub(crate) fn moment(at: DateTime<Utc>, tz: Tz) -> String {
    at.with_timezone(&tz).format("%A %-d %B %Y, %H:%M").to_string()
}

/// What links in an organization's letters begin with: the host that its people know, be it a partner's.
pub(crate) async fn base(app: &App, org_id: OrgId) -> Result<String, AppError> {
    let mut tx = SystemTx::begin(&app.db, "a tenant's host may be that of one above it").await?;
    domains::link_base(app, &mut tx, org_id).await
}

/// Of letters to the business's own people; links begin with `base` ([`base`]).
pub(crate) fn house(base: &str, business: &Organization, agent: &str) -> House {
    House {
        business: business.name.clone(),
        agent: agent.to_owned(),
        settings_url: Some(format!("{base}/admin/notifications")),
    }
}

/// What a letter of somebody's looks like, and who it is from.
pub(crate) struct Look {
    brand: Brand,
    /// An address of their own, with the name.
    from: Option<String>,
    /// The name that goes with the transport's own address.
    sender_name: Option<String>,
}

impl Look {
    /// The name that the product goes by.
    pub(crate) fn product(&self) -> &str {
        &self.brand.name
    }
}

/// The look of a business's letters; without one, of the platform's.
pub(crate) async fn look(app: &App, org_id: Option<OrgId>) -> Result<Look, AppError> {
    let appearance = branding::appearance(app, org_id).await?;
    let host = match org_id {
        Some(id) => base(app, id).await?,
        None => app.settings.public_url.clone(),
    };
    let whose = org_id.map(|id| format!("?organization_id={id}")).unwrap_or_default();
    // Mail programs show no SVG.
    let logo = appearance
        .logo
        .filter(|logo| logo.media_type == "image/png")
        .map(|_| format!("{host}/api/v1/branding/logo{whose}"));
    let words = &appearance.branding;
    let from = words.sender_email.as_ref().map(|email| format!("{} <{email}>", quoted(&words.sender_name)));
    // Where nobody gave the sender a name, the one that is configured with the address stays.
    let is_ours = words.sender_name == effective(&[], false).sender_name;
    let sender_name = (!is_ours).then(|| words.sender_name.clone());
    Ok(Look { brand: Brand::of(words, logo), from, sender_name })
}

/// A sender's name as headers want it: whatever it has in it stays a name.
fn quoted(name: &str) -> String {
    let plain: String = name.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
    format!("\"{plain}\"")
}

/// Writes a letter of a business and addresses it. `key` is the same for every attempt.
pub(crate) async fn write(
    app: &App,
    org_id: impl Into<Option<OrgId>>,
    draft: &letters::draft::Draft,
    to: String,
    reply_to: Option<String>,
    key: String,
) -> Result<EmailMessage, AppError> {
    let look = look(app, org_id.into()).await?;
    Ok(EmailMessage { reply_to, ..write_in(app, look, draft, to, key)? })
}

/// Writes a letter in a look that was fetched before.
pub(crate) fn write_in(
    app: &App,
    look: Look,
    draft: &letters::draft::Draft,
    to: String,
    key: String,
) -> Result<EmailMessage, AppError> {
    let letter = app
        .letters
        .write(&look.brand, draft)
        .map_err(|error| AppError::Bug(format!("a letter can't be written: {error}")))?;
    Ok(EmailMessage {
        from: look.from,
        sender_name: look.sender_name,
        to,
        reply_to: None,
        subject: letter.subject,
        text: letter.text,
        html: Some(letter.html),
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_name_can_t_become_another_header_or_address() {
        assert_eq!(
            quoted("Aurora \"x\" <a@b.example>\r\nBcc: c@d.example"),
            "\"Aurora x <a@b.example>Bcc: c@d.example\""
        );
    }
}
