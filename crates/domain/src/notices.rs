//! Who is told of an event, by which channel, and when: from the settings, the business's own addresses and the plan.

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;

use crate::hours::Interval;
use crate::notification_settings::{Channel, Event, NotificationSettings, QuietHours};
use crate::plans::{Entitlements, Feature};

/// One thing to be sent to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The person; the business's own name for its own addresses.
    pub name: String,
    /// By which way: [`Channel::Email`] or [`Channel::Sms`]. Calls are placed by the escalation, which has a list of
    /// its own.
    pub channel: Channel,
    /// The e-mail address, or the number in E.164.
    pub address: String,
    /// Not before this moment, when it falls into the quiet hours.
    pub not_before: Option<DateTime<Utc>>,
}

/// The business itself, as far as notices are concerned.
#[derive(Debug, Clone, Copy)]
pub struct OwnAddresses<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its own e-mail address for notices.
    pub email: Option<&'a str>,
    /// Its own number for notices, E.164.
    pub phone: Option<&'a str>,
}

/// Who is told of an event now.
///
/// Recipients get what they subscribed to. The business's own address gets one e-mail for each conversation (the
/// summary, which has the lead and the message in it; where the plan has no summaries, the lead and the message) and
/// what is urgent or beyond what was agreed; its own number is texted what is urgent. Nobody gets the same twice by the
/// same way.
#[must_use]
pub fn audience(
    event: Event,
    settings: &NotificationSettings,
    own: OwnAddresses<'_>,
    plan: &Entitlements,
    tz: Tz,
    now: DateTime<Utc>,
) -> Vec<Notice> {
    if feature_of(event).is_some_and(|feature| !plan.allows(feature)) {
        return Vec::new();
    }
    let mut notices: Vec<Notice> = Vec::new();
    let mut add = |name: &str, channel: Channel, address: Option<&str>| {
        let Some(address) = address else { return };
        let is_there = notices.iter().any(|one| one.channel == channel && one.address == address);
        let may = channel != Channel::Email || plan.allows(Feature::EmailNotifications);
        if channel == Channel::Phone || is_there || !may {
            return;
        }
        let quiet = settings.quiet_hours.as_ref().filter(|_| channel == Channel::Sms);
        let quiet = quiet.filter(|quiet| !(quiet.urgent_anyway && event == Event::LeadUrgent));
        notices.push(Notice {
            name: name.to_owned(),
            channel,
            address: address.to_owned(),
            not_before: quiet.and_then(|quiet| quiet.over_at(now, tz)),
        });
    };
    for recipient in &settings.recipients {
        let wanted = recipient.notify.iter().filter(|row| row.event == event);
        for &channel in wanted.flat_map(|row| &row.channels) {
            let address = match channel {
                Channel::Email => recipient.email.as_ref().map(|email| email.as_str()),
                Channel::Sms | Channel::Phone => recipient.phone.as_ref().map(|phone| phone.as_str()),
            };
            add(&recipient.name, channel, address);
        }
    }
    // Somebody who is listed with the business's own address has said what they want to be told there.
    let is_listed = |address: Option<&str>| {
        settings.recipients.iter().any(|one| {
            one.email.as_ref().map(|email| email.as_str()) == address
                || one.phone.as_ref().map(|phone| phone.as_str()) == address
        })
    };
    if own.email.is_some() && !is_listed(own.email) && own_address_hears_of(event, plan) {
        add(own.name, Channel::Email, own.email);
    }
    if own.phone.is_some() && !is_listed(own.phone) && event == Event::LeadUrgent {
        add(own.name, Channel::Sms, own.phone);
    }
    notices
}

fn feature_of(event: Event) -> Option<Feature> {
    match event {
        Event::CallEnded => Some(Feature::CallSummaries),
        Event::ScopeAlert => Some(Feature::ScopeGuard),
        Event::Digest => Some(Feature::Digest),
        Event::LeadCreated | Event::LeadUrgent | Event::MessageTaken => None,
    }
}

fn own_address_hears_of(event: Event, plan: &Entitlements) -> bool {
    match event {
        Event::CallEnded | Event::LeadUrgent | Event::ScopeAlert => true,
        Event::LeadCreated | Event::MessageTaken => !plan.allows(Feature::CallSummaries),
        Event::Digest => false,
    }
}

impl QuietHours {
    /// When the quiet hours that a moment falls into are over; `None` when it falls into none.
    #[must_use]
    pub fn over_at(&self, now: DateTime<Utc>, tz: Tz) -> Option<DateTime<Utc>> {
        let quiet = Interval { opens: self.from, closes: self.to };
        let today = now.with_timezone(&tz).date_naive();
        let yesterday = today.checked_sub_days(Days::new(1));
        let spans = [yesterday, Some(today)].into_iter().flatten().filter_map(|date| quiet.on(date, tz));
        spans.filter(|(from, to)| *from <= now && now < *to).map(|(_, to)| to).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: &[&str] = &["email_notifications", "call_summaries", "scope_guard"];

    fn plan(features: &[&str]) -> Entitlements {
        Entitlements::of_row("a-plan", 1, features.iter().copied(), [])
    }

    fn settings(json: serde_json::Value) -> NotificationSettings {
        serde_json::from_value(json).expect("settings")
    }

    fn noon() -> DateTime<Utc> {
        "2026-11-20T17:00:00Z".parse().expect("a moment")
    }

    fn told(event: Event, settings: &NotificationSettings, features: &[&str]) -> Vec<String> {
        let own =
            OwnAddresses { name: "Aurora", email: Some("own@aurora.example"), phone: Some("+15135550100") };
        let tz = chrono_tz::America::New_York;
        let notices = audience(event, settings, own, &plan(features), tz, noon());
        notices.into_iter().map(|one| format!("{:?} {}", one.channel, one.address)).collect()
    }

    #[test]
    fn the_own_addresses_hear_once_of_each_conversation_and_of_what_is_urgent() {
        let nobody = NotificationSettings::default();
        let own = ["Email own@aurora.example"];
        for (event, features, expect) in [
            (Event::CallEnded, EVERYTHING, &own[..]),
            (Event::LeadCreated, EVERYTHING, &[]),
            (Event::MessageTaken, EVERYTHING, &[]),
            (Event::ScopeAlert, EVERYTHING, &own),
            (Event::LeadUrgent, EVERYTHING, &["Email own@aurora.example", "Sms +15135550100"]),
            (Event::Digest, EVERYTHING, &[]),
            (Event::CallEnded, &["email_notifications"], &[]),
            (Event::LeadCreated, &["email_notifications"], &own),
            (Event::MessageTaken, &["email_notifications"], &own),
            (Event::ScopeAlert, &["email_notifications"], &[]),
            (Event::MessageTaken, &[], &[]),
        ] {
            assert_eq!(told(event, &nobody, features), expect, "{event:?} {features:?}");
        }
    }

    #[test]
    fn recipients_hear_of_what_they_subscribed_to_and_nobody_twice() {
        let some = settings(serde_json::json!({ "recipients": [
            { "name": "Dana", "email": "dana@aurora.example", "phone": "+15135550142", "notify": [
                { "event": "lead.urgent", "channels": ["email", "sms", "phone"] },
                { "event": "lead.created", "channels": ["sms"] } ] },
            { "name": "Desk", "email": "own@aurora.example", "phone": null, "notify": [
                { "event": "lead.created", "channels": ["email"] } ] },
        ] }));
        assert_eq!(
            told(Event::LeadUrgent, &some, EVERYTHING),
            ["Email dana@aurora.example", "Sms +15135550142", "Sms +15135550100"],
        );
        assert_eq!(
            told(Event::LeadCreated, &some, EVERYTHING),
            ["Sms +15135550142", "Email own@aurora.example"]
        );
        // The own address is listed, and did not ask for this.
        assert_eq!(told(Event::CallEnded, &some, EVERYTHING), [""; 0]);
    }

    #[test]
    fn texts_wait_for_the_end_of_the_quiet_hours() {
        let quiet = |from: &str, to: &str| -> QuietHours {
            serde_json::from_value(serde_json::json!({ "from": from, "to": to, "urgent_anyway": true }))
                .expect("quiet hours")
        };
        let tz = chrono_tz::America::New_York;
        for (from, to, now, expect) in [
            // New York is five hours behind.
            ("22:00", "07:00", "2026-11-20T17:00:00Z", None),
            ("22:00", "07:00", "2026-11-20T03:00:00Z", Some("2026-11-20T12:00:00Z")),
            ("22:00", "07:00", "2026-11-20T11:59:59Z", Some("2026-11-20T12:00:00Z")),
            ("22:00", "07:00", "2026-11-20T12:00:00Z", None),
            ("11:00", "13:00", "2026-11-20T17:00:00Z", Some("2026-11-20T18:00:00Z")),
            // The night of the change to winter time is an hour longer.
            ("22:00", "07:00", "2026-11-01T03:30:00Z", Some("2026-11-01T12:00:00Z")),
        ] {
            let over = quiet(from, to).over_at(now.parse().expect("a moment"), tz);
            assert_eq!(over, expect.map(|at| at.parse().expect("a moment")), "{from} {to} {now}");
        }
    }

    #[test]
    fn what_is_urgent_comes_through_where_that_is_wanted() {
        let with = |urgent_anyway: bool| {
            settings(serde_json::json!({
                "recipients": [{ "name": "Dana", "email": null, "phone": "+15135550142", "notify": [
                    { "event": "lead.urgent", "channels": ["sms"] },
                    { "event": "lead.created", "channels": ["sms"] } ] }],
                "quiet_hours": { "from": "11:00", "to": "13:00", "urgent_anyway": urgent_anyway },
            }))
        };
        let waits = |event, urgent_anyway| {
            let own = OwnAddresses { name: "Aurora", email: None, phone: None };
            let tz = chrono_tz::America::New_York;
            audience(event, &with(urgent_anyway), own, &plan(EVERYTHING), tz, noon())[0].not_before.is_some()
        };
        assert!(!waits(Event::LeadUrgent, true));
        assert!(waits(Event::LeadUrgent, false));
        assert!(waits(Event::LeadCreated, true));
    }
}
