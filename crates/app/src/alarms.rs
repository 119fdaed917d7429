//! Telling people at once what can't wait for a summary: emergencies, and clients who ask for more than was agreed. One
//! durable job for each person and way, promised in the transaction of what happened.

use domain::ids::OrgId;
use domain::notification_settings::{Channel, Event, NotificationSettings};
use domain::plans::Feature;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use provider_traits::email::EmailMessage;
use provider_traits::error::ProviderError;
use provider_traits::telephony::NewMessage;
use serde::{Deserialize, Serialize};
use store::OrgTx;
use store::jobs::NewJob;

use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// Longest text message, in characters: two to three of the network's own.
const LONGEST_TEXT: usize = 320;

/// What is told.
#[derive(Debug, Clone)]
pub(crate) struct Alarm {
    /// Which settings say who is told.
    pub(crate) event: Event,
    /// Names the fact.
    pub(crate) key: String,
    /// In short; what a text message says.
    pub(crate) subject: String,
    /// In full; what an e-mail says.
    pub(crate) text: String,
}

/// Tells one person by one way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SendAlarm {
    org_id: OrgId,
    channel: Channel,
    to: String,
    /// The same for every attempt, so that a transport can tell that it was sent.
    key: String,
    subject: String,
    text: String,
}

/// Promises to tell everybody who is to be told. Returns how many ways that are.
///
/// # Errors
/// Storage errors.
pub(crate) async fn tell(tx: &mut OrgTx, alarm: Alarm) -> Result<usize, AppError> {
    let (settings, _) = store::notification_settings::get(tx).await?;
    let own = store::organizations::get(tx).await?.profile.notification_email;
    let plan = store::plans::entitlements(tx).await?;
    let mut audience = audience(&settings, own, alarm.event);
    audience.retain(|(channel, _)| *channel != Channel::Email || plan.allows(Feature::EmailNotifications));
    for (channel, to) in &audience {
        let key = format!("alarm/{}/{to}", alarm.key);
        let job = SendAlarm {
            org_id: tx.org_id(),
            channel: *channel,
            to: to.clone(),
            key: key.clone(),
            subject: alarm.subject.clone(),
            text: alarm.text.clone(),
        };
        let payload = serde_json::to_value(&job)
            .map_err(|error| AppError::Bug(format!("an alarm could not be written down: {error}")))?;
        let job = NewJob { task: SendAlarm::IDENTIFIER, payload, key: Some(&key), ..NewJob::default() };
        store::jobs::enqueue(tx, &job).await?;
    }
    Ok(audience.len())
}

/// Who is told, and by which way: whoever subscribed to the event, and the business's own address. Calls are the
/// escalation's.
fn audience(settings: &NotificationSettings, own: Option<String>, event: Event) -> Vec<(Channel, String)> {
    let mut audience: Vec<(Channel, String)> = own.map(|own| (Channel::Email, own)).into_iter().collect();
    for recipient in &settings.recipients {
        for row in recipient.notify.iter().filter(|row| row.event == event) {
            for channel in &row.channels {
                let address = match channel {
                    Channel::Email => recipient.email.as_ref().map(|email| email.as_str().to_owned()),
                    Channel::Sms => recipient.phone.as_ref().map(|phone| phone.as_str().to_owned()),
                    Channel::Phone => None,
                };
                audience.extend(address.map(|address| (*channel, address)));
            }
        }
    }
    audience.sort_by(|a, b| a.1.cmp(&b.1));
    audience.dedup();
    audience
}

impl TaskHandler for SendAlarm {
    const IDENTIFIER: &'static str = "send_alarm";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        match send(app, self).await {
            // It will never be taken: trying again is no use.
            Err(AppError::Provider(error @ ProviderError::Invalid { .. })) => {
                tracing::warn!(%error, "an alarm could not be sent");
                Ok(())
            }
            sent => sent.map_err(|error| format!("{error:#}")),
        }
    }
}

async fn send(app: &App, job: SendAlarm) -> Result<(), AppError> {
    if job.channel == Channel::Email {
        let message = EmailMessage {
            from: None,
            to: job.to,
            reply_to: None,
            subject: one_line(&job.subject),
            text: job.text,
            html: None,
            key: job.key,
        };
        app.email.send(&message).await?;
        return Ok(());
    }
    let mut tx = OrgTx::begin(&app.db, job.org_id).await?;
    let numbers = store::numbers::list(&mut tx).await?;
    drop(tx);
    let Some(from) = numbers.into_iter().next().map(|stored| stored.number.e164) else { return Ok(()) };
    let text: String = one_line(&job.subject).chars().take(LONGEST_TEXT).collect();
    app.telephony.send_message(&NewMessage { to: job.to, from, text }).await?;
    Ok(())
}

/// A subject is one line, whatever a caller said.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_subscribed_is_told_once_by_each_way_and_the_business_itself_by_e_mail() {
        let settings: NotificationSettings = serde_json::from_value(serde_json::json!({
            "recipients": [
                { "name": "Dana", "email": "dana@aurora.example", "phone": "+15135550142", "notify": [
                    { "event": "lead.urgent", "channels": ["email", "sms", "phone"] },
                    { "event": "digest", "channels": ["email"] } ] },
                { "name": "Sam", "email": "sam@aurora.example", "phone": null, "notify": [
                    { "event": "scope.alert", "channels": ["email"] } ] },
            ],
            "quiet_hours": null,
        }))
        .unwrap();
        let told = |event, own: Option<&str>| {
            let told = audience(&settings, own.map(str::to_owned), event);
            told.into_iter().map(|(channel, to)| format!("{channel:?} {to}")).collect::<Vec<_>>()
        };
        assert_eq!(
            told(Event::LeadUrgent, Some("dana@aurora.example")),
            ["Sms +15135550142", "Email dana@aurora.example"]
        );
        assert_eq!(
            told(Event::ScopeAlert, Some("own@aurora.example")),
            ["Email own@aurora.example", "Email sam@aurora.example"]
        );
        assert_eq!(one_line("our\r\nBcc: x  shop"), "our Bcc: x shop");
    }
}
