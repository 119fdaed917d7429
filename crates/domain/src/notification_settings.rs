//! Who of a business is notified of what, by which channel, and when they want to be left alone.

use serde::{Deserialize, Serialize};

use crate::email::EmailAddress;
use crate::hours::TimeOfDay;
use crate::phone::PhoneNumber;
use crate::plans::{Entitlements, Feature};

/// Most recipients of one business.
pub const MAX_RECIPIENTS: usize = 50;

/// What one can be notified of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// A lead was captured.
    #[serde(rename = "lead.created")]
    LeadCreated,
    /// Somebody can't wait.
    #[serde(rename = "lead.urgent")]
    LeadUrgent,
    /// A call is over; comes with its summary.
    #[serde(rename = "call.ended")]
    CallEnded,
    /// A client asked for more than was agreed.
    #[serde(rename = "scope.alert")]
    ScopeAlert,
    /// A message was taken.
    #[serde(rename = "message.taken")]
    MessageTaken,
    /// The regular digest.
    #[serde(rename = "digest")]
    Digest,
}

/// How one can be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
    /// By a call that reads it out.
    Phone,
}

impl Channel {
    fn address(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms | Self::Phone => "phone",
        }
    }
}

/// One event and the ways in which a recipient hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// What.
    pub event: Event,
    /// How; at least one.
    pub channels: Vec<Channel>,
}

/// Somebody who is notified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Their name.
    pub name: String,
    /// Where they read.
    pub email: Option<EmailAddress>,
    /// Where they are texted and called.
    pub phone: Option<PhoneNumber>,
    /// Of what.
    pub notify: Vec<Subscription>,
}

/// When nobody is texted or called, in the time of the business. What comes up meanwhile waits for the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// The first quiet minute.
    pub from: TimeOfDay,
    /// The first minute that is not quiet; before `from` it is on the next day.
    pub to: TimeOfDay,
    /// Whether what is urgent comes through.
    pub urgent_anyway: bool,
}

/// The settings of a business. By default the business's own addresses are all that is notified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotificationSettings {
    /// Who.
    pub recipients: Vec<Recipient>,
    /// When not.
    pub quiet_hours: Option<QuietHours>,
    /// Whether callers who became a lead and gave an e-mail address are told what was noted.
    pub confirm_to_callers: bool,
}

/// A part of the settings that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// Where, such as `recipients[2].email`.
    pub field: String,
    /// What is allowed.
    pub message: String,
}

impl NotificationSettings {
    /// What can't be used, field by field. Empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<SettingsProblem> {
        let mut problems = Vec::new();
        let mut refuse = |field: String, message: &str| {
            problems.push(SettingsProblem { field, message: message.to_owned() });
        };
        if self.recipients.len() > MAX_RECIPIENTS {
            refuse("recipients".to_owned(), &format!("must not be more than {MAX_RECIPIENTS}"));
        }
        for (place, recipient) in self.recipients.iter().enumerate() {
            let field = format!("recipients[{place}]");
            if !(1..=200).contains(&recipient.name.trim().chars().count()) {
                refuse(format!("{field}.name"), "must have 1 to 200 characters");
            }
            if recipient.email.is_none() && recipient.phone.is_none() {
                refuse(
                    format!("{field}.email"),
                    "is missing: give an e-mail address, a phone number, or both",
                );
                continue;
            }
            let before = &self.recipients[..place];
            if recipient.email.is_some() && before.iter().any(|other| other.email == recipient.email) {
                refuse(format!("{field}.email"), "is listed twice: give each person once");
            }
            if recipient.phone.is_some() && before.iter().any(|other| other.phone == recipient.phone) {
                refuse(format!("{field}.phone"), "is listed twice: give each person once");
            }
            for (row, subscription) in recipient.notify.iter().enumerate() {
                let field = format!("{field}.notify[{row}]");
                let channels = &subscription.channels;
                if recipient.notify[..row].iter().any(|other| other.event == subscription.event) {
                    refuse(format!("{field}.event"), "is listed twice: give each event once");
                }
                if channels.is_empty() || channels.iter().enumerate().any(|(i, c)| channels[..i].contains(c))
                {
                    refuse(format!("{field}.channels"), "must name at least one channel, each once");
                }
                let reachable = |channel: &Channel| match channel {
                    Channel::Email => recipient.email.is_some(),
                    Channel::Sms | Channel::Phone => recipient.phone.is_some(),
                };
                if let Some(channel) = channels.iter().find(|channel| !reachable(channel)) {
                    let message = format!("needs the recipient's {}, which is missing", channel.address());
                    refuse(format!("{field}.channels"), &message);
                }
            }
        }
        if self.quiet_hours.as_ref().is_some_and(|quiet| quiet.from == quiet.to) {
            refuse("quiet_hours.to".to_owned(), "must differ from `from`");
        }
        problems
    }

    fn uses(&self, feature: Feature) -> bool {
        let mut rows = self.recipients.iter().flat_map(|recipient| &recipient.notify);
        rows.any(|row| match feature {
            Feature::EmailNotifications => row.channels.contains(&Channel::Email),
            Feature::UrgentPhoneAlerts => row.channels.contains(&Channel::Phone),
            Feature::CallSummaries => row.event == Event::CallEnded,
            Feature::ScopeGuard => row.event == Event::ScopeAlert,
            Feature::Digest => row.event == Event::Digest,
            _ => false,
        })
    }

    /// The first feature that these settings need and a plan does not have, unless they needed it before.
    #[must_use]
    pub fn feature_missing(&self, before: &Self, plan: &Entitlements) -> Option<Feature> {
        [
            Feature::EmailNotifications,
            Feature::UrgentPhoneAlerts,
            Feature::CallSummaries,
            Feature::ScopeGuard,
            Feature::Digest,
        ]
        .into_iter()
        .find(|&feature| !plan.allows(feature) && self.uses(feature) && !before.uses(feature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: serde_json::Value) -> NotificationSettings {
        serde_json::from_value(json).expect("settings")
    }

    #[test]
    fn every_problem_names_its_field() {
        let wrong = settings(serde_json::json!({
            "recipients": [
                { "name": "Dana", "email": "dana@aurora.example", "phone": null, "notify": [
                    { "event": "lead.created", "channels": ["email", "sms"] },
                    { "event": "lead.created", "channels": [] },
                ] },
                { "name": "", "email": "DANA@aurora.example", "phone": null, "notify": [] },
                { "name": "Ghost", "email": null, "phone": null, "notify": [] },
            ],
            "quiet_hours": { "from": "22:00", "to": "22:00", "urgent_anyway": true },
        }));
        let fields: Vec<String> = wrong.problems().into_iter().map(|problem| problem.field).collect();
        assert_eq!(
            fields,
            [
                "recipients[0].notify[0].channels",
                "recipients[0].notify[1].event",
                "recipients[0].notify[1].channels",
                "recipients[1].name",
                "recipients[1].email",
                "recipients[2].email",
                "quiet_hours.to",
            ]
        );
        assert_eq!(NotificationSettings::default().problems(), []);
    }

    #[test]
    fn a_plan_must_have_what_is_asked_for_anew() {
        let free = Entitlements::of_row("free", 1, ["email_notifications"], []);
        let with = |event: &str, channel: &str| {
            settings(serde_json::json!({ "recipients": [{ "name": "Dana", "email": null, "phone": null,
                "notify": [{ "event": event, "channels": [channel] }] }] }))
        };
        let nothing = NotificationSettings::default();
        let check = |event, channel, expect| {
            assert_eq!(with(event, channel).feature_missing(&nothing, &free), expect, "{event} {channel}");
        };
        check("lead.created", "email", None);
        check("lead.urgent", "phone", Some(Feature::UrgentPhoneAlerts));
        check("digest", "email", Some(Feature::Digest));
        check("scope.alert", "sms", Some(Feature::ScopeGuard));
        assert_eq!(with("digest", "sms").feature_missing(&with("digest", "email"), &free), None);
    }
}
