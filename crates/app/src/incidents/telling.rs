//! Telling those who are to know. Who that is, and by which way, is the business's own choice.

use domain::notification_settings::Event;
use domain::urgency::assess;
use store::OrgTx;
use store::incidents::Incident;

use crate::error::AppError;
use crate::notifications::{Facts, UrgentNews, notify};
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
    let facts = Facts::Urgent(UrgentNews { standing, ..news(tx, incident).await? });
    tell(tx, app, "raised", incident, &facts).await
}

/// Somebody takes care of it.
pub(super) async fn taken(tx: &mut OrgTx, app: &App, incident: &Incident, by: &str) -> Result<(), AppError> {
    let facts = Facts::Taken { by: by.to_owned(), news: news(tx, incident).await? };
    tell(tx, app, "taken", incident, &facts).await
}

/// Nobody takes care of it.
pub(super) async fn unanswered(
    tx: &mut OrgTx,
    app: &App,
    incident: &Incident,
    why: &str,
) -> Result<(), AppError> {
    let facts = Facts::Unanswered { why: why.to_owned(), news: news(tx, incident).await? };
    tell(tx, app, "unanswered", incident, &facts).await
}

async fn tell(
    tx: &mut OrgTx,
    app: &App,
    what: &str,
    incident: &Incident,
    facts: &Facts,
) -> Result<(), AppError> {
    let key = format!("{what}/{}", incident.id);
    notify(tx, app, Event::LeadUrgent, &key, facts).await?;
    Ok(())
}

async fn news(tx: &mut OrgTx, incident: &Incident) -> Result<UrgentNews, AppError> {
    let name = incident.caller_name.as_ref().or(incident.caller_number.as_ref());
    Ok(UrgentNews {
        call_id: store::incidents::calls_of(tx, incident.id).await?.first().copied(),
        who: name.cloned().unwrap_or_else(|| "An unknown caller".to_owned()),
        phone: incident.caller_number.clone(),
        quote: incident.reason.clone(),
        details: incident.details.clone(),
        reasons: assess(&incident.reason, &incident.settings.urgency).reasons,
        score: incident.score,
        standing: String::new(),
        at: incident.raised_at,
    })
}
