//! How somebody is reached who is known by name alone, such as the manager of a project.

use domain::notices::Notice;
use domain::notification_settings::{Channel, NotificationSettings};
use domain::plans::Feature;
use store::OrgTx;

use crate::error::AppError;

/// Members looked at who have the name in theirs.
const MOST_MEMBERS: u32 = 20;

/// How a person of the business is told: by the address that the settings have for them, else by the one they sign in
/// with; by text message when there is only a number. Empty for somebody whom nobody knows, or whom two people could be.
pub(crate) async fn person(tx: &mut OrgTx, name: &str) -> Result<Vec<Notice>, AppError> {
    let (settings, _) = store::notification_settings::get(tx).await?;
    let may_mail = store::plans::entitlements(tx).await?.allows(Feature::EmailNotifications);
    let members = store::members::list(tx, Some(name), None, MOST_MEMBERS).await?.items;
    let members: Vec<(&str, &str)> =
        members.iter().map(|member| (member.name.as_str(), member.email.as_str())).collect();
    Ok(reached(&settings, &members, name, may_mail).into_iter().collect())
}

fn reached(
    settings: &NotificationSettings,
    members: &[(&str, &str)],
    name: &str,
    may_mail: bool,
) -> Option<Notice> {
    let notice = |channel, address: &str| Notice {
        name: name.to_owned(),
        channel,
        address: address.to_owned(),
        not_before: None,
    };
    let listed = only(settings.recipients.iter().filter(|one| is_name(&one.name, name)));
    let members = members.iter().filter(|(full, _)| is_name(full, name));
    let by_mail = match listed {
        Some(one) if one.email.is_some() => one.email.as_ref().map(|email| email.as_str()),
        _ => only(members).map(|(_, email)| *email),
    };
    let by_text = || listed.and_then(|one| one.phone.as_ref()).map(|phone| phone.as_str());
    match by_mail.filter(|_| may_mail) {
        Some(email) => Some(notice(Channel::Email, email)),
        None => by_text().map(|phone| notice(Channel::Sms, phone)),
    }
}

/// Whether a full name is meant by what a project tool calls somebody: all of it, or the given name alone.
fn is_name(full: &str, said: &str) -> bool {
    let (full, said) = (full.trim().to_lowercase(), said.trim().to_lowercase());
    !said.is_empty() && (full == said || full.split_whitespace().next() == Some(said.as_str()))
}

/// The only one there is: between two people nobody decides.
fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_where_the_settings_or_else_the_account_say() {
        let settings: NotificationSettings = serde_json::from_value(serde_json::json!({ "recipients": [
            { "name": "Dana Reed", "email": "dana@aurora.example", "phone": "+15135550142", "notify": [] },
            { "name": "Sam", "email": null, "phone": "+15135550143", "notify": [] },
            { "name": "Kim Hale", "email": "kim.h@aurora.example", "phone": null, "notify": [] },
            { "name": "Kim Lee", "email": "kim.l@aurora.example", "phone": null, "notify": [] },
        ] }))
        .expect("settings");
        let members = [
            ("Dana Reed", "reed@login.example"),
            ("Robin Stone", "robin@login.example"),
            ("Roberta Stone", "roberta@login.example"),
        ];
        for (name, may_mail, expect) in [
            ("Dana", true, "Email dana@aurora.example"),
            ("dana reed", true, "Email dana@aurora.example"),
            ("Dana", false, "Sms +15135550142"),
            ("Sam", true, "Sms +15135550143"),
            ("Robin Stone", true, "Email robin@login.example"),
            ("Robin Stone", false, "nobody"),
            ("Kim", true, "nobody"),
            ("Kim Lee", true, "Email kim.l@aurora.example"),
            ("Rob", true, "nobody"),
            ("the team", true, "nobody"),
            ("", true, "nobody"),
        ] {
            let told = reached(&settings, &members, name, may_mail)
                .map_or("nobody".to_owned(), |one| format!("{:?} {}", one.channel, one.address));
            assert_eq!(told, expect, "{name} {may_mail}");
        }
    }
}
