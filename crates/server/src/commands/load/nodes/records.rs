//! What the records say of the calls, held against what the callers know.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::call_log::{CallEvent, ContinueCause, EventKind};
use domain::ids::{CallId, QuestionId};
use domain::leads::{LeadAnswer, LeadQuestion};
use simulator::failover::ANSWERS;
use store::calls::{CallFilter, CallSort};
use store::leads::Lead;
use store::page::Wanted;
use store::tx::OrgTx;
use tokio::time::Instant;

use super::stage::Stage;

/// After its end a call's record is completed within this time, or not at all.
const COMPLETED_WITHIN: Duration = Duration::from_secs(60);
/// Entries of a log that are read: a conversation of minutes has a few hundred.
const ENTRIES: u32 = 5_000;

/// A call in the records.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// How often it went on with another stream, and why.
    pub(super) continued: Vec<ContinueCause>,
    /// What the caller said, in turns.
    pub(super) caller_turns: usize,
    /// What is not as it must be.
    pub(super) wrong: Vec<String>,
}

/// The node that carries a caller's call.
pub(super) async fn carrier(stage: &Stage, from: &str) -> anyhow::Result<Option<String>> {
    let mut tx = OrgTx::begin(&stage.db, stage.org_id).await?;
    let Some(call_id) = newest(&mut tx, from).await? else { return Ok(None) };
    Ok(store::calls::life::hold(&mut tx, call_id).await?.node)
}

async fn newest(tx: &mut OrgTx, from: &str) -> anyhow::Result<Option<CallId>> {
    let filter = CallFilter { from_number: Some(from.to_owned()), ..CallFilter::default() };
    let listed = store::calls::list(tx, &filter, &Wanted::first(CallSort::StartedAt, 1)).await?;
    Ok(listed.items.first().map(|call| call.id))
}

/// Looks at a caller's call once its record is complete.
pub(super) async fn look(stage: &Stage, from: &str) -> anyhow::Result<Record> {
    let until = Instant::now() + COMPLETED_WITHIN;
    let wrong = |text: &str| Record { wrong: vec![text.to_owned()], ..Record::default() };
    let call = loop {
        let mut tx = OrgTx::begin(&stage.db, stage.org_id).await?;
        let Some(call_id) = newest(&mut tx, from).await? else {
            return Ok(wrong("it is not in the records"));
        };
        let call = store::calls::get(&mut tx, call_id).await?;
        drop(tx);
        if call.finalized_at.is_some() {
            break call;
        }
        if Instant::now() > until {
            return Ok(wrong("its record was never completed"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let mut tx = OrgTx::begin(&stage.db, stage.org_id).await?;
    let log = store::calls::events::list(&mut tx, call.id, 0, ENTRIES).await?;
    let questions = store::lead_questions::list(&mut tx).await?;
    let lead = match call.lead_id {
        Some(lead_id) => Some(store::leads::get(&mut tx, lead_id).await?),
        None => None,
    };
    Ok(judge(&log, lead.as_ref(), &questions))
}

/// One lead with all answers, none of them asked for again after the call went on, and a log in order.
fn judge(log: &[CallEvent], lead: Option<&Lead>, questions: &[LeadQuestion]) -> Record {
    let mut record = Record::default();
    // The last answer to each question counts: one that nobody reacted to before the stream broke is given again.
    let mut saved: BTreeMap<QuestionId, LeadAnswer> = BTreeMap::new();
    for event in log {
        match &event.kind {
            EventKind::CallerTurn { .. } => record.caller_turns += 1,
            EventKind::Continued { cause, .. } => record.continued.push(*cause),
            EventKind::ToolCall { name, ok: true, arguments, .. } if name == "save_lead_answer" => {
                if let Ok(answer) = serde_json::from_value::<LeadAnswer>(arguments.clone()) {
                    saved.insert(answer.question, answer);
                }
            }
            EventKind::AgentTurn { generated, .. } if !record.continued.is_empty() => {
                let again = questions.iter().find(|question| {
                    saved.contains_key(&question.id) && generated.contains(question.text.as_str())
                });
                if let Some(question) = again {
                    record.wrong.push(format!("{} was asked for again", question.label));
                }
            }
            _ => {}
        }
    }
    if !log.is_sorted_by(|a, b| a.seq < b.seq) {
        record.wrong.push("its log is not in order, or has entries twice".to_owned());
    }
    match lead {
        None => record.wrong.push("no lead came of it".to_owned()),
        Some(lead) => {
            if !lead.complete || lead.answers.len() < ANSWERS.len() {
                let (have, all) = (lead.answers.len(), ANSWERS.len());
                record.wrong.push(format!("its lead has {have} of {all} answers"));
            }
            if let Some(lost) = saved.values().find(|answer| {
                !lead
                    .answers
                    .iter()
                    .any(|kept| kept.question == answer.question && kept.value == answer.value)
            }) {
                record.wrong.push(format!("an answer was lost: {:?}", lost.field));
            }
        }
    }
    record
}
