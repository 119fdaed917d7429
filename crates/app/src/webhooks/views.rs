//! What events carry: the same fields with the same values as the API shows of the same thing.

use serde_json::{Value, json};
use store::calls::Call;
use store::leads::Lead;
use store::messages::Message;
use store::projects::Project;

/// A call, without its summary, which has an event of its own.
pub(crate) fn call(call: &Call) -> Value {
    json!({
        "id": call.id,
        "call_sid": call.call_sid,
        "status": call.status,
        "direction": call.direction,
        "from": call.from_number,
        "to": call.to_number,
        "client": call.client_id.map(|id| json!({"id": id, "name": call.client_name})),
        "agent_id": call.agent_id,
        "lead_id": call.lead_id,
        "engine": call.engine,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "duration_ms": call.duration_ms,
        "end_reason": call.end_reason,
        "intent": call.intent,
        "urgency_score": call.urgency_score,
        "urgency_reason": call.urgency_reason,
        "has_recording": call.recording_key.is_some(),
    })
}

/// The summary of a call.
pub(crate) fn summary(call: &Call) -> Value {
    let mut told = self::call(call);
    told["summary"] = json!(call.summary);
    told
}

/// A lead with its answers.
pub(crate) fn lead(lead: &Lead) -> Value {
    let answers: Vec<Value> = lead
        .answers
        .iter()
        .map(|answer| {
            json!({
                "question_id": answer.question,
                "field": answer.field,
                "said": answer.said,
                "value": answer.value,
            })
        })
        .collect();
    json!({
        "id": lead.id,
        "status": lead.status,
        "complete": lead.complete,
        "priority": lead.priority,
        "source": lead.source,
        "call_id": lead.call_id,
        "name": lead.name,
        "email": lead.email,
        "phone": lead.phone,
        "company": lead.company,
        "budget": lead.budget,
        "timeline": lead.timeline,
        "service": lead.service,
        "notes": lead.notes,
        "answers": answers,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
    })
}

/// A project.
pub(crate) fn project(project: &Project) -> Value {
    let facts = &project.facts;
    json!({
        "id": project.id,
        "client_id": facts.client_id,
        "name": facts.name,
        "aliases": facts.aliases,
        "status": facts.status,
        "last_update": facts.last_update,
        "next_milestone": facts.next_milestone,
        "due_on": facts.due_on,
        "provider": facts.provider,
        "synced_at": facts.synced_at,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    })
}

/// A message.
pub(crate) fn message(message: &Message) -> Value {
    json!({
        "id": message.id,
        "call_id": message.call_id,
        "from_name": message.from_name,
        "reply_to": message.reply_to,
        "text": message.text,
        "priority": message.priority,
        "created_at": message.created_at,
    })
}
