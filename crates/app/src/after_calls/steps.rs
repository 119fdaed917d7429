//! The steps, in their order, and what each does inside its transaction.

use domain::call_summary::Summary;
use domain::ids::{CallId, OrgId, SatisfactionId, TimelineEntryId};
use domain::notices::Notice;
use domain::notification_settings::{Channel, Event};
use domain::satisfaction::Scale;
use domain::webhooks::EventType;
use serde_json::{Value, json};
use store::calls::Call;
use store::calls::turns::TurnKind;
use store::leads::Lead;
use store::messages::{MessageFilter, MessageSort};
use store::page::Wanted;
use store::satisfaction::{Verdict, VerdictSource};
use store::timeline::{Entry, Subject};
use store::usage::UsageKind;
use store::{OrgTx, StoreError};

use super::summary::{self, Prepared};
use crate::calls::costs;
use crate::error::AppError;
use crate::notifications::{self, Facts};
use crate::runtime::App;
use crate::webhooks;

/// Messages of one call that are told one by one; nobody leaves more.
const MOST_MESSAGES: u32 = 50;
/// The function by which a caller's verdict is recorded.
const VERDICT_FUNCTION: &str = "record_satisfaction";

/// What a call is in a history.
const HISTORY: &str = "call";

/// A step after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Summary, things to do, follow-ups, intents, sentiment.
    Summary,
    /// The caller's verdict.
    Satisfaction,
    /// The history of lead and client.
    Timeline,
    /// What was used.
    Usage,
    /// Who is told.
    Notifications,
    /// What the caller is told.
    Confirmation,
    /// What programs are told.
    Webhooks,
}

impl Step {
    /// In the order they are done: what is told later rests on what was written before.
    pub(super) const ALL: [Self; 7] = [
        Self::Summary,
        Self::Satisfaction,
        Self::Timeline,
        Self::Usage,
        Self::Notifications,
        Self::Confirmation,
        Self::Webhooks,
    ];

    /// As the records have it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Satisfaction => "satisfaction",
            Self::Timeline => "timeline",
            Self::Usage => "usage",
            Self::Notifications => "notifications",
            Self::Confirmation => "confirmation",
            Self::Webhooks => "webhooks",
        }
    }

    /// What takes long, such as asking a language model. It may be done several times; it changes nothing.
    pub(super) async fn prepare(
        self,
        app: &App,
        org_id: OrgId,
        call_id: CallId,
    ) -> Result<Option<Prepared>, AppError> {
        match self {
            Self::Summary => summary::write(app, org_id, call_id, self.name()).await,
            _ => Ok(None),
        }
    }

    /// Does the step in its transaction; returns what is kept of it.
    pub(super) async fn carry_out(
        self,
        tx: &mut OrgTx,
        app: &App,
        call_id: CallId,
        prepared: Option<Prepared>,
    ) -> Result<Value, AppError> {
        let call = store::calls::get(tx, call_id).await?;
        match self {
            Self::Summary => {
                let prepared = prepared.unwrap_or_default();
                for name in &prepared.messages {
                    store::after_calls::take(tx, call_id, name, app.ambient.now()).await?;
                }
                let written_by = enter_summary(tx, app, call_id, prepared).await?;
                Ok(json!({ "written_by": written_by }))
            }
            Self::Satisfaction => record_verdict(tx, app, &call).await,
            Self::Timeline => enter_history(tx, app, &call).await,
            Self::Usage => count(tx, &call).await,
            Self::Notifications => tell_people(tx, app, &call).await,
            Self::Confirmation => confirm(tx, app, &call).await,
            Self::Webhooks => tell_programs(tx, app, &call).await,
        }
    }
}

/// Writes the summary into the record, with what it cost; returns who wrote it.
async fn enter_summary(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    prepared: Prepared,
) -> Result<String, AppError> {
    let Prepared { summary, usage, .. } = prepared;
    let rated: Vec<_> =
        usage.into_iter().map(|usage| costs::rate_answer(usage, &app.settings.prices)).collect();
    store::calls::usage::add(tx, call_id, &rated).await?;
    let document = serde_json::to_value(&summary)
        .map_err(|error| AppError::Bug(format!("a summary can't be written: {error}")))?;
    store::after_calls::set_summary(tx, call_id, &document).await?;
    Ok(summary.written_by)
}

/// What the chain told is told anew as far as a late message changes it. `because` names the message and how it stands.
pub(super) async fn summarize_again(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    prepared: Prepared,
    because: &str,
) -> Result<(), AppError> {
    let text = prepared.summary.text.clone();
    enter_summary(tx, app, call_id, prepared).await?;
    let call = store::calls::get(tx, call_id).await?;
    for subject in subjects(&call) {
        store::timeline::reword(tx, subject, HISTORY, &call.id.to_string(), &text).await?;
    }
    // Whoever was told of the call is not told of it again: only of the message.
    tell_people(tx, app, &call).await?;
    let (key, data) = (format!("{call_id}:{because}"), webhooks::summary(&call));
    Ok(webhooks::publish(tx, app, EventType::CallSummarized, &key, data).await?)
}

fn summary_of(call: &Call) -> Summary {
    let document = call.summary.clone().unwrap_or_default();
    serde_json::from_value(document).unwrap_or_default()
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

/// The verdict that the caller gave by key or by word, if the conversation recorded one.
async fn record_verdict(tx: &mut OrgTx, app: &App, call: &Call) -> Result<Value, AppError> {
    let given = store::calls::turns::list_tool_calls(tx, call.id)
        .await?
        .into_iter()
        .rev()
        .find(|tool| tool.name == VERDICT_FUNCTION && tool.ok);
    let score = given.as_ref().and_then(|tool| tool.arguments["score"].as_u64());
    let score = score.and_then(|score| u8::try_from(score).ok()).filter(|s| Scale::Csat.scores().contains(s));
    let Some(score) = score else { return Ok(json!({ "recorded": false })) };
    // The conversation itself may have recorded it already.
    if store::satisfaction::of_call(tx, call.id).await?.is_some() {
        return Ok(json!({ "recorded": true, "score": score }));
    }
    let comment = given.as_ref().and_then(|tool| tool.arguments["comment"].as_str()).unwrap_or_default();
    let now = app.ambient.now();
    let verdict = Verdict {
        id: SatisfactionId(app.ambient.new_id()),
        client_id: call.client_id,
        project_id: None,
        call_id: Some(call.id),
        scale: Scale::Csat,
        score,
        comment: comment.chars().take(2_000).collect(),
        source: VerdictSource::Voice,
        given_at: call.ended_at.unwrap_or(now),
        created_at: now,
    };
    store::satisfaction::insert(tx, &verdict).await?;
    let told = crate::satisfaction::view(&verdict);
    webhooks::publish(tx, app, EventType::SatisfactionRecorded, &verdict.id.to_string(), told).await?;
    Ok(json!({ "recorded": true, "score": score }))
}

/// Whose history a call belongs to.
fn subjects(call: &Call) -> impl Iterator<Item = Subject> {
    [call.lead_id.map(Subject::Lead), call.client_id.map(Subject::Client)].into_iter().flatten()
}

async fn enter_history(tx: &mut OrgTx, app: &App, call: &Call) -> Result<Value, AppError> {
    let text = summary_of(call).text;
    let mut entered = 0;
    for subject in subjects(call) {
        let entry = Entry {
            id: TimelineEntryId(app.ambient.new_id()),
            kind: HISTORY.to_owned(),
            key: call.id.to_string(),
            call_id: Some(call.id),
            text: text.clone(),
            at: call.started_at,
        };
        entered += u32::from(store::timeline::add(tx, subject, &entry).await?);
    }
    Ok(json!({ "entries": entered }))
}

async fn count(tx: &mut OrgTx, call: &Call) -> Result<Value, AppError> {
    let seconds = call.duration_ms.unwrap_or_default().div_ceil(1_000);
    // A call that nobody answered is no conversation.
    if call.answered_at.is_none() && seconds == 0 {
        return Ok(json!({ "voice_seconds": 0 }));
    }
    let key = call.id.to_string();
    let at = call.ended_at.unwrap_or(call.started_at);
    store::usage::count(tx, UsageKind::VoiceSeconds, &key, seconds, at).await?;
    store::usage::count(tx, UsageKind::Conversations, &key, 1, at).await?;
    Ok(json!({ "voice_seconds": seconds }))
}

async fn tell_people(tx: &mut OrgTx, app: &App, call: &Call) -> Result<Value, AppError> {
    let filter = MessageFilter { call_id: Some(call.id), ..MessageFilter::default() };
    let wanted = Wanted::first(MessageSort::CreatedAt, MOST_MESSAGES);
    let messages = store::messages::list(tx, &filter, &wanted).await?.items;
    let turns = store::calls::turns::list(tx, call.id).await?;
    let somebody_spoke = turns.iter().any(|turn| turn.kind == TurnKind::Caller);
    let mut told = 0;
    // Somebody who hangs up at the greeting is no news.
    if somebody_spoke || !messages.is_empty() {
        let facts = Facts::Call { call_id: call.id };
        told += notifications::notify(tx, app, Event::CallEnded, &call.id.to_string(), &facts).await?;
    }
    if let Some(lead) = lead_of(tx, call).await?.filter(|lead| lead.created_at >= call.started_at) {
        let facts = Facts::Lead { lead_id: lead.id };
        told += notifications::notify(tx, app, Event::LeadCreated, &lead.id.to_string(), &facts).await?;
    }
    for kept in messages {
        let facts = Facts::Message { message_id: kept.message.id };
        let key = kept.message.id.to_string();
        told += notifications::notify(tx, app, Event::MessageTaken, &key, &facts).await?;
    }
    Ok(json!({ "notifications": told }))
}

/// Tells the caller what was noted, where the business wants that and an address was given.
async fn confirm(tx: &mut OrgTx, app: &App, call: &Call) -> Result<Value, AppError> {
    let (settings, _) = store::notification_settings::get(tx).await?;
    if !settings.confirm_to_callers {
        return Ok(json!({ "sent": false, "because": "switched off" }));
    }
    let lead = lead_of(tx, call).await?;
    let address = lead.as_ref().and_then(|lead| lead.email.clone());
    let Some((lead, address)) = lead.zip(address) else {
        return Ok(json!({ "sent": false, "because": "no address was given" }));
    };
    let to =
        Notice { name: lead.name.unwrap_or_default(), channel: Channel::Email, address, not_before: None };
    let key = format!("confirmation/{}", call.id);
    let facts = Facts::Confirmation { call_id: call.id };
    let told = notifications::notify_these(tx, app, Event::CallEnded, &key, &facts, &[to]).await?;
    Ok(json!({ "sent": told > 0 }))
}

async fn tell_programs(tx: &mut OrgTx, app: &App, call: &Call) -> Result<Value, AppError> {
    let data = webhooks::summary(call);
    webhooks::publish(tx, app, EventType::CallSummarized, &call.id.to_string(), data).await?;
    Ok(json!({ "told": true }))
}
