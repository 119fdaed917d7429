//! Telling those who are to know. Who that is, and by which way, is the business's own choice.

use domain::notification_settings::Event;
use store::OrgTx;
use store::incidents::Incident;

use crate::alarms::{Alarm, tell};
use crate::error::AppError;
use crate::runtime::App;

/// Something can't wait.
pub(super) async fn raised(tx: &mut OrgTx, app: &App, incident: &Incident) -> Result<(), AppError> {
    let people = &incident.settings.people;
    let standing = match people.as_slice() {
        [] => "Nobody is called about it: the list of people is empty, or the plan does not have calls."
            .to_owned(),
        [only] => format!("{} is called about it now.", only.name),
        all => format!(
            "{} people are called about it now, one after the other, until somebody takes it.",
            all.len()
        ),
    };
    let details = incident.details.as_ref().map(|details| format!("\n\n{details}")).unwrap_or_default();
    let text = format!(
        "{who} called and can't wait (urgency {score} of 10):\n\n\u{201c}{reason}\u{201d}{details}\n\nCall back: \
         {number}\n\n{standing}\n\n{url}\n",
        who = who(incident),
        score = incident.score,
        reason = incident.reason,
        number = number(incident),
        url = app.settings.public_url,
    );
    let subject = format!("URGENT: {}: {}", who(incident), incident.reason);
    send(tx, format!("raised/{}", incident.id), subject, text).await
}

/// Somebody takes care of it.
pub(super) async fn taken(tx: &mut OrgTx, incident: &Incident, by: &str) -> Result<(), AppError> {
    let text = format!(
        "{by} takes care of the emergency of {}: \u{201c}{}\u{201d}. Nobody else is called about it.\n",
        who(incident),
        incident.reason
    );
    send(tx, format!("taken/{}", incident.id), format!("{by} takes care of {}", who(incident)), text).await
}

/// Nobody takes care of it.
pub(super) async fn unanswered(tx: &mut OrgTx, incident: &Incident, why: &str) -> Result<(), AppError> {
    let text = format!(
        "{} called from {}: \u{201c}{}\u{201d}.\n\n{why} Please take care of it.\n",
        who(incident),
        number(incident),
        incident.reason
    );
    let subject = format!("URGENT: nobody takes care of {} yet", who(incident));
    send(tx, format!("unanswered/{}", incident.id), subject, text).await
}

async fn send(tx: &mut OrgTx, key: String, subject: String, text: String) -> Result<(), AppError> {
    let subject = subject.chars().take(120).collect();
    tell(tx, Alarm { event: Event::LeadUrgent, key, subject, text }).await?;
    Ok(())
}

fn number(incident: &Incident) -> &str {
    incident.caller_number.as_deref().unwrap_or("(number withheld)")
}

fn who(incident: &Incident) -> &str {
    let name = incident.caller_name.as_deref().or(incident.caller_number.as_deref());
    name.unwrap_or("an unknown caller")
}
