//! What all letters of a business have in common: its look, its clock, where its people go on.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::ids::OrgId;
use letters::brand::Brand;
use letters::kinds::House;
use provider_traits::email::EmailMessage;
use store::organizations::Organization;

use crate::branding;
use crate::error::AppError;
use crate::runtime::App;

/// The business's time zone.
pub(crate) fn timezone(business: &Organization) -> Tz {
    business.profile.timezone.parse().unwrap_or(chrono_tz::UTC)
}

/// A moment as people of the business read it.
pub(crate) fn moment(at: DateTime<Utc>, tz: Tz) -> String {
    at.with_timezone(&tz).format("%A %-d %B %Y, %H:%M").to_string()
}

/// Of letters to the business's own people.
pub(crate) fn house(app: &App, business: &Organization, agent: &str) -> House {
    House {
        business: business.name.clone(),
        agent: agent.to_owned(),
        settings_url: Some(format!("{}/admin/notifications", app.settings.public_url)),
    }
}

/// The look of a business's letters, and who they are from. `None` is the transport's own sender.
pub(crate) async fn look(app: &App, org_id: OrgId) -> Result<(Brand, Option<String>), AppError> {
    let appearance = branding::appearance(app, Some(org_id)).await?;
    // Mail programs show no SVG.
    let logo = appearance
        .logo
        .filter(|logo| logo.media_type == "image/png")
        .map(|_| format!("{}/api/v1/branding/logo?organization_id={org_id}", app.settings.public_url));
    let words = &appearance.branding;
    let from = words.sender_email.as_ref().map(|email| format!("{} <{email}>", quoted(&words.sender_name)));
    Ok((Brand::of(words, logo), from))
}

/// A sender's name as headers want it: whatever it has in it stays a name.
fn quoted(name: &str) -> String {
    let plain: String = name.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
    format!("\"{plain}\"")
}

/// Writes a letter and addresses it. `key` is the same for every attempt.
pub(crate) async fn write(
    app: &App,
    org_id: OrgId,
    draft: &letters::draft::Draft,
    to: String,
    reply_to: Option<String>,
    key: String,
) -> Result<EmailMessage, AppError> {
    let (brand, from) = look(app, org_id).await?;
    let letter = app
        .letters
        .write(&brand, draft)
        .map_err(|error| AppError::Bug(format!("a letter can't be written: {error}")))?;
    Ok(EmailMessage {
        from,
        to,
        reply_to,
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
