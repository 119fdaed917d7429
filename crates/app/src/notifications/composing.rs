//! From what happened to what is written: looks up what the facts name and fills the letter and the text message.

use chrono_tz::Tz;
use domain::call_summary::Summary;
use domain::ids::{CallId, LeadId};
use domain::intents::Intent;
use domain::leads::Priority;
use letters::draft::{Draft, Line};
use letters::kinds::{
    self, CallFacts, ConfirmationFacts, House, LeadFacts, MessageFacts, ScopeFacts, UrgentFacts,
};
use letters::spoken;
use serde::Serialize;
use store::calls::Call;
use store::calls::turns::{Turn, TurnKind};
use store::leads::Lead;
use store::messages::{Message, MessageFilter, MessageSort};
use store::notifications::Notification;
use store::organizations::Organization;
use store::page::Wanted;
use store::{OrgTx, StoreError};

use super::facts::{Facts, UrgentNews};
use super::house::{self, moment, timezone};
use crate::error::AppError;

/// Messages of one call that are told; more are on the dashboard.
const MOST_MESSAGES: u32 = 10;

/// What is sent, by either way.
#[derive(Debug, Default)]
pub(super) struct Composed {
    /// As a letter.
    pub(super) letter: Option<Draft>,
    /// As a text message.
    pub(super) text: Option<String>,
    /// Where answers to the letter go.
    pub(super) reply_to: Option<String>,
}

/// Composes; `None` when what is to be told of is gone. Links begin with `base` ([`house::base`]).
pub(super) async fn compose(
    tx: &mut OrgTx,
    base: &str,
    waiting: &Notification,
) -> Result<Option<Composed>, AppError> {
    let facts: Facts = serde_json::from_value(waiting.facts.clone())
        .map_err(|error| AppError::Bug(format!("a notification's facts can't be read: {error}")))?;
    match composed(tx, base, facts).await {
        Ok(composed) => Ok(Some(composed)),
        Err(AppError::Store(StoreError::NotFound { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn composed(tx: &mut OrgTx, base: &str, facts: Facts) -> Result<Composed, AppError> {
    let business = store::organizations::get(tx).await?;
    let tz = timezone(&business);
    let both =
        |letter: Draft, text: String| Composed { letter: Some(letter), text: Some(text), reply_to: None };
    Ok(match facts {
        Facts::Call { call_id } => {
            let call = store::calls::get(tx, call_id).await?;
            let house = house_of(tx, base, &business, &call).await?;
            let told = call_facts(tx, base, &business, &house, &call).await?;
            let text = spoken::call_summary(&house, &told.caller, told.intent.as_deref());
            both(kinds::call_summary(&house, &told), text)
        }
        Facts::Confirmation { call_id } => {
            let call = store::calls::get(tx, call_id).await?;
            let lead = lead_of(tx, &call).await?.ok_or(StoreError::NotFound { noun: "lead" })?;
            let told = ConfirmationFacts {
                name: lead.name.clone(),
                noted: vec![
                    ("You need", lead.service),
                    ("Budget", lead.budget),
                    ("Timeline", lead.timeline),
                    ("Reach you at", lead.phone),
                ],
                contact: business.profile.contact_name.clone(),
                phone: Some(call.to_number),
            };
            let letter = Some(kinds::confirmation(&business.name, &told));
            Composed { letter, text: None, reply_to: business.profile.notification_email.clone() }
        }
        Facts::Lead { lead_id } => {
            let (lead, house) = lead_and_house(tx, base, &business, lead_id).await?;
            let text = spoken::new_lead(&house, &lead);
            let url = page(base, "leads");
            both(kinds::new_lead(&house, &lead, url.as_deref()), text)
        }
        Facts::Message { message_id } => {
            let message = store::messages::get(tx, message_id).await?.message;
            let house = house::house(base, &business, "");
            let told = message_facts(&message);
            let text = spoken::message_taken(&house, &told);
            let at = moment(message.created_at, tz);
            both(kinds::message_taken(&house, &told, &at, page(base, "").as_deref()), text)
        }
        Facts::Urgent(news) => {
            let (house, told) = (house::house(base, &business, ""), urgent_facts(base, news, tz));
            both(kinds::urgent(&house, &told), spoken::urgent(&house, &told))
        }
        Facts::Taken { by, news } => {
            let (house, told) = (house::house(base, &business, ""), urgent_facts(base, news, tz));
            both(kinds::urgent_taken(&house, &told, &by), spoken::urgent_taken(&house, &told, &by))
        }
        Facts::Unanswered { why, news } => {
            let (house, told) = (house::house(base, &business, ""), urgent_facts(base, news, tz));
            both(kinds::urgent_unanswered(&house, &told, &why), spoken::urgent_unanswered(&house, &told))
        }
        Facts::Scope(news) => {
            let house = house::house(base, &business, "");
            let told = ScopeFacts {
                client: news.client,
                project: news.project,
                quote: news.quote,
                manager: news.manager,
                at: moment(news.at, tz),
                url: page(base, ""),
            };
            both(kinds::scope_alert(&house, &told), spoken::scope_alert(&house, &told))
        }
        Facts::Plain { subject, text } => {
            let house = house::house(base, &business, "");
            both(kinds::plain(&house, &subject, &text), spoken::plain(&house, &subject))
        }
    })
}

fn urgent_facts(base: &str, news: UrgentNews, tz: Tz) -> UrgentFacts {
    UrgentFacts {
        who: news.who,
        phone: news.phone,
        quote: news.quote,
        details: news.details,
        reasons: news.reasons,
        score: news.score,
        standing: news.standing,
        at: moment(news.at, tz),
        url: page(base, ""),
    }
}

fn page(base: &str, name: &str) -> Option<String> {
    let path = if name.is_empty() { String::new() } else { format!("/{name}") };
    Some(format!("{base}/admin{path}"))
}

async fn house_of(
    tx: &mut OrgTx,
    base: &str,
    business: &Organization,
    call: &Call,
) -> Result<House, AppError> {
    let agent = match store::agents::published(tx, call.agent_id).await {
        Ok(settings) => settings.name,
        Err(StoreError::NotFound { .. }) => String::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(house::house(base, business, &agent))
}

async fn lead_of(tx: &mut OrgTx, call: &Call) -> Result<Option<Lead>, AppError> {
    let Some(id) = call.lead_id else { return Ok(None) };
    match store::leads::get(tx, id).await {
        Ok(lead) => Ok(Some(lead)),
        // It was deleted meanwhile.
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn lead_and_house(
    tx: &mut OrgTx,
    base: &str,
    business: &Organization,
    id: LeadId,
) -> Result<(LeadFacts, House), AppError> {
    let lead = store::leads::get(tx, id).await?;
    let house = match lead.call_id {
        Some(call_id) => match store::calls::get(tx, call_id).await {
            Ok(call) => house_of(tx, base, business, &call).await?,
            Err(StoreError::NotFound { .. }) => house::house(base, business, ""),
            Err(error) => return Err(error.into()),
        },
        None => house::house(base, business, ""),
    };
    Ok((lead_facts(&lead), house))
}

fn lead_facts(lead: &Lead) -> LeadFacts {
    LeadFacts {
        name: lead.name.clone(),
        company: lead.company.clone(),
        email: lead.email.clone(),
        phone: lead.phone.clone(),
        service: lead.service.clone(),
        budget: lead.budget.clone(),
        timeline: lead.timeline.clone(),
        notes: lead.notes.clone(),
        complete: lead.complete,
    }
}

fn message_facts(message: &Message) -> MessageFacts {
    MessageFacts {
        from: message.from_name.clone(),
        reply_to: message.reply_to.clone(),
        text: message.text.clone(),
        priority: (message.priority != Priority::Normal).then(|| word(&message.priority)),
    }
}

async fn messages_of(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<MessageFacts>, AppError> {
    let filter = MessageFilter { call_id: Some(call_id), ..MessageFilter::default() };
    let wanted = Wanted::first(MessageSort::CreatedAt, MOST_MESSAGES);
    let found = store::messages::list(tx, &filter, &wanted).await?;
    Ok(found.items.iter().map(|kept| message_facts(&kept.message)).collect())
}

async fn call_facts(
    tx: &mut OrgTx,
    base: &str,
    business: &Organization,
    house: &House,
    call: &Call,
) -> Result<CallFacts, AppError> {
    let lead = lead_of(tx, call).await?;
    let turns = store::calls::turns::list(tx, call.id).await?;
    let summary: Option<Summary> =
        call.summary.clone().and_then(|document| serde_json::from_value(document).ok());
    let summary = summary.unwrap_or_default();
    let caller = call
        .client_name
        .clone()
        .or_else(|| lead.as_ref().and_then(|lead| lead.name.clone()))
        .or_else(|| call.from_number.clone())
        .unwrap_or_else(|| "A withheld number".to_owned());
    let verdict = store::satisfaction::of_call(tx, call.id).await?;
    Ok(CallFacts {
        number: call.from_number.clone().filter(|number| *number != caller),
        caller,
        at: moment(call.started_at, timezone(business)),
        length: length(call.duration_ms.unwrap_or_default()),
        intent: call.intent.as_deref().filter(|intent| *intent != Intent::Other.name()).map(plain),
        urgent: (call.urgency_score >= domain::urgency::URGENT)
            .then(|| call.urgency_reason.clone().unwrap_or_else(|| format!("{} of 10", call.urgency_score))),
        summary: summary.text,
        actions: summary.action_items,
        follow_ups: summary.follow_ups,
        sentiment: summary.sentiment.map(|sentiment| word(&sentiment)),
        satisfaction: verdict,
        lead: lead.as_ref().map(lead_facts),
        messages: messages_of(tx, call.id).await?,
        transcript: turns.iter().filter_map(|turn| line(turn, &house.agent)).collect(),
        url: page(base, ""),
    })
}

fn line(turn: &Turn, agent: &str) -> Option<Line> {
    let speaker = match turn.kind {
        TurnKind::Caller => "Caller",
        TurnKind::Agent if agent.is_empty() => "Agent",
        TurnKind::Agent => agent,
        TurnKind::Rejected => return None,
    };
    let text = turn.text.trim();
    if text.is_empty() {
        return None;
    }
    let seconds = turn.started_ms / 1_000;
    let at = format!("{}:{:02}", seconds / 60, seconds % 60);
    Some(Line { speaker: speaker.to_owned(), at, text: text.to_owned() })
}

/// A name of the records as people write it.
fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// A value with a plain name, as people write it.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => plain(&name),
        _ => String::new(),
    }
}

fn length(duration_ms: u64) -> String {
    let seconds = duration_ms.div_ceil(1_000);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_told_in_minutes_and_seconds() {
        for (ms, expect) in
            [(0, "0 s"), (900, "1 s"), (59_000, "59 s"), (61_000, "1 min 1 s"), (3_600_000, "60 min 0 s")]
        {
            assert_eq!(length(ms), expect);
        }
    }
}
