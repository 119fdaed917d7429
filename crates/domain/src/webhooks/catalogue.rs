//! What each event carries: an example and a JSON Schema, as the API shows them.
//!
//! The `data` of an event has the form that the API gives the same thing. A field that is added to the API need not
//! come here; a field that stands here never goes away.

use serde_json::{Map, Value, json};

use super::{EventType, PAYLOAD_VERSION};

/// The form of a field.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A text.
    Text,
    /// A moment, RFC 3339 in UTC.
    Time,
    /// A day.
    Date,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// Something with fields.
    Object,
    /// Several texts.
    Texts,
    /// Several things with fields.
    Objects,
}

/// A field: its name, its form, whether it may be `null`.
type Field = (&'static str, Form, bool);

const CALL: &[Field] = &[
    ("id", Form::Text, false),
    ("call_sid", Form::Text, false),
    ("status", Form::Text, false),
    ("direction", Form::Text, false),
    ("from", Form::Text, true),
    ("to", Form::Text, false),
    ("client", Form::Object, true),
    ("agent_id", Form::Text, false),
    ("lead_id", Form::Text, true),
    ("engine", Form::Text, false),
    ("started_at", Form::Time, false),
    ("answered_at", Form::Time, true),
    ("ended_at", Form::Time, true),
    ("duration_ms", Form::Number, true),
    ("end_reason", Form::Text, true),
    ("intent", Form::Text, true),
    ("urgency_score", Form::Number, false),
    ("urgency_reason", Form::Text, true),
    ("has_recording", Form::Flag, false),
];

const LEAD: &[Field] = &[
    ("id", Form::Text, false),
    ("status", Form::Text, false),
    ("complete", Form::Flag, false),
    ("priority", Form::Text, false),
    ("source", Form::Text, false),
    ("call_id", Form::Text, true),
    ("name", Form::Text, true),
    ("email", Form::Text, true),
    ("phone", Form::Text, true),
    ("company", Form::Text, true),
    ("budget", Form::Text, true),
    ("timeline", Form::Text, true),
    ("service", Form::Text, true),
    ("notes", Form::Text, true),
    ("answers", Form::Objects, false),
    ("created_at", Form::Time, false),
    ("updated_at", Form::Time, false),
];

const PROJECT: &[Field] = &[
    ("id", Form::Text, false),
    ("client_id", Form::Text, false),
    ("name", Form::Text, false),
    ("aliases", Form::Texts, false),
    ("status", Form::Text, false),
    ("last_update", Form::Text, true),
    ("next_milestone", Form::Text, true),
    ("due_on", Form::Date, true),
    ("provider", Form::Text, true),
    ("synced_at", Form::Time, true),
    ("created_at", Form::Time, false),
    ("updated_at", Form::Time, false),
];

const MESSAGE: &[Field] = &[
    ("id", Form::Text, false),
    ("call_id", Form::Text, true),
    ("from_name", Form::Text, true),
    ("reply_to", Form::Text, true),
    ("text", Form::Text, false),
    ("priority", Form::Text, false),
    ("created_at", Form::Time, false),
];

const PING: &[Field] = &[("webhook_id", Form::Text, false), ("message", Form::Text, false)];

/// Of events that no version sends yet: only what is sure.
const DECLARED: &[Field] = &[("id", Form::Text, false)];

const fn fields(event: EventType) -> &'static [Field] {
    match event {
        EventType::CallStarted | EventType::CallEnded | EventType::CallSummarized => CALL,
        EventType::LeadCreated | EventType::LeadUpdated | EventType::LeadUrgent => LEAD,
        EventType::ProjectUpdated => PROJECT,
        EventType::MessageTaken => MESSAGE,
        EventType::Ping => PING,
        EventType::ChatEnded
        | EventType::ScopeAlert
        | EventType::SatisfactionRecorded
        | EventType::UsageThreshold
        | EventType::InvoiceCreated
        | EventType::InvoicePaid
        | EventType::InvoicePaymentFailed => DECLARED,
    }
}

/// What an event carries beside the fields of what it is about.
const fn more_fields(event: EventType) -> &'static [Field] {
    match event {
        EventType::CallSummarized => &[("summary", Form::Object, false)],
        _ => &[],
    }
}

/// What the event says, in a sentence.
#[must_use]
pub const fn description(event: EventType) -> &'static str {
    match event {
        EventType::CallStarted => "The conversation of a call began.",
        EventType::CallEnded => "A call is over and its record is complete.",
        EventType::CallSummarized => "The summary of a call is written.",
        EventType::LeadCreated => "A conversation brought a new lead; it may still be asked for more.",
        EventType::LeadUpdated => {
            "A lead changed: the conversation that captured it is over, or the business changed it."
        }
        EventType::LeadUrgent => "A lead became urgent.",
        EventType::ChatEnded => "A chat is over.",
        EventType::ScopeAlert => "A client asked for more than was agreed.",
        EventType::ProjectUpdated => "A project changed.",
        EventType::SatisfactionRecorded => "A client gave a verdict on a conversation or a project.",
        EventType::UsageThreshold => "A share of what the plan includes is used.",
        EventType::InvoiceCreated => "An invoice was issued.",
        EventType::InvoicePaid => "An invoice was paid.",
        EventType::InvoicePaymentFailed => "An invoice could not be collected.",
        EventType::MessageTaken => "A caller asked that a message be passed on.",
        EventType::Ping => "A test, sent only when asked for.",
    }
}

/// The JSON Schema (2020-12) of the whole body.
#[must_use]
pub fn schema(event: EventType) -> Value {
    let fields: Vec<Field> = fields(event).iter().chain(more_fields(event)).copied().collect();
    let required: Vec<&str> = fields.iter().map(|(name, _, _)| *name).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|&(name, form, nullable)| (name.to_owned(), field_schema(form, nullable)))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["id", "type", "version", "timestamp", "organization_id", "data"],
        "properties": {
            "id": {"type": "string", "pattern": "^evt_[0-9a-z]{26}$"},
            "type": {"const": event.name()},
            "version": {"const": PAYLOAD_VERSION},
            "timestamp": {"type": "string", "format": "date-time"},
            "organization_id": {"type": "string", "pattern": "^org_[0-9a-z]{26}$"},
            "data": {"type": "object", "required": required, "properties": properties},
        },
    })
}

fn field_schema(form: Form, nullable: bool) -> Value {
    let mut schema = match form {
        Form::Text => json!({"type": "string"}),
        Form::Time => json!({"type": "string", "format": "date-time"}),
        Form::Date => json!({"type": "string", "format": "date"}),
        Form::Number => json!({"type": "integer"}),
        Form::Flag => json!({"type": "boolean"}),
        Form::Object => json!({"type": "object"}),
        Form::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Form::Objects => json!({"type": "array", "items": {"type": "object"}}),
    };
    if nullable {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema
}

/// An example of the whole body.
#[must_use]
pub fn example(event: EventType) -> Value {
    json!({
        "id": "evt_01kasvw0d2e8g9h4j5k6m7n8p9",
        "type": event.name(),
        "version": PAYLOAD_VERSION,
        "timestamp": "2026-11-21T09:30:00Z",
        "organization_id": "org_01kasvw0d2e8g9h4j5k6m7n8p9",
        "data": example_data(event),
    })
}

fn example_data(event: EventType) -> Value {
    match event {
        EventType::CallStarted | EventType::CallEnded => call(event),
        EventType::CallSummarized => {
            let mut call = call(event);
            call["summary"] = json!({
                "text": "Northwind Coffee Roasters called about the status of a project.",
                "action_items": ["Asked for: “Please send me the invoice again.”"],
                "follow_ups": ["Dana will get back to you."],
                "intents": ["status_update"],
                "sentiment": "neutral",
                "written_by": "rules",
            });
            call
        }
        EventType::LeadCreated | EventType::LeadUpdated | EventType::LeadUrgent => lead(event),
        EventType::ProjectUpdated => json!({
            "id": "proj_01kasvw0d2e8g9h4j5k6m7n8p9",
            "client_id": "client_01kasvw0d2e8g9h4j5k6m7n8p9",
            "name": "Website relaunch",
            "aliases": ["the site"],
            "status": "in_review",
            "last_update": "The home page is with you for review.",
            "next_milestone": "Launch",
            "due_on": "2026-12-04",
            "provider": null,
            "synced_at": null,
            "created_at": "2026-10-01T08:00:00Z",
            "updated_at": "2026-11-21T09:30:00Z",
        }),
        EventType::MessageTaken => json!({
            "id": "msg_01kasvw0d2e8g9h4j5k6m7n8p9",
            "call_id": "call_01kasvw0d2e8g9h4j5k6m7n8p9",
            "from_name": "Maria Lopez",
            "reply_to": "+15135550142",
            "text": "Please call me back about the logo.",
            "priority": "NORMAL",
            "created_at": "2026-11-21T09:30:00Z",
        }),
        EventType::Ping => json!({
            "webhook_id": "hook_01kasvw0d2e8g9h4j5k6m7n8p9",
            "message": "This is a test.",
        }),
        EventType::ChatEnded => json!({"id": "chat_01kasvw0d2e8g9h4j5k6m7n8p9"}),
        EventType::ScopeAlert => json!({"id": "alert_01kasvw0d2e8g9h4j5k6m7n8p9"}),
        EventType::SatisfactionRecorded => json!({"id": "sat_01kasvw0d2e8g9h4j5k6m7n8p9"}),
        EventType::UsageThreshold => json!({"id": "usage_01kasvw0d2e8g9h4j5k6m7n8p9"}),
        EventType::InvoiceCreated | EventType::InvoicePaid | EventType::InvoicePaymentFailed => {
            json!({"id": "inv_01kasvw0d2e8g9h4j5k6m7n8p9"})
        }
    }
}

fn call(event: EventType) -> Value {
    let over = !matches!(event, EventType::CallStarted);
    json!({
        "id": "call_01kasvw0d2e8g9h4j5k6m7n8p9",
        "call_sid": "CA0123456789abcdef0123456789abcdef",
        "status": if over { "completed" } else { "in_progress" },
        "direction": "inbound",
        "from": "+15135550142",
        "to": "+15135550100",
        "client": {"id": "client_01kasvw0d2e8g9h4j5k6m7n8p9", "name": "Northwind Coffee Roasters"},
        "agent_id": "agent_01kasvw0d2e8g9h4j5k6m7n8p9",
        "lead_id": null,
        "engine": "pipeline",
        "started_at": "2026-11-21T09:27:00Z",
        "answered_at": "2026-11-21T09:27:01Z",
        "ended_at": if over { json!("2026-11-21T09:30:00Z") } else { Value::Null },
        "duration_ms": if over { json!(179_000) } else { Value::Null },
        "end_reason": if over { json!("caller_hung_up") } else { Value::Null },
        "intent": if over { json!("status_update") } else { Value::Null },
        "urgency_score": 0,
        "urgency_reason": null,
        "has_recording": over,
    })
}

fn lead(event: EventType) -> Value {
    let urgent = matches!(event, EventType::LeadUrgent);
    json!({
        "id": "lead_01kasvw0d2e8g9h4j5k6m7n8p9",
        "status": "open",
        "complete": !matches!(event, EventType::LeadCreated),
        "priority": if urgent { "URGENT" } else { "NORMAL" },
        "source": "voice",
        "call_id": "call_01kasvw0d2e8g9h4j5k6m7n8p9",
        "name": "Maria Lopez",
        "email": "maria@northwind.example",
        "phone": "+15135550142",
        "company": "Northwind Coffee Roasters",
        "budget": "USD 10000-15000",
        "timeline": "by spring",
        "service": "branding",
        "notes": null,
        "answers": [{
            "question_id": "ques_01kasvw0d2e8g9h4j5k6m7n8p9",
            "field": "name",
            "said": "this is maria lopez",
            "value": "Maria Lopez",
        }],
        "created_at": "2026-11-21T09:28:00Z",
        "updated_at": "2026-11-21T09:30:00Z",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what our schemas say; no more of JSON Schema than they use.
    fn conforms(value: &Value, schema: &Value) -> Result<(), String> {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let allowed = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().any(|known| known == kind),
            Value::Null => true,
            known => known == kind,
        };
        if !allowed || (!schema["const"].is_null() && schema["const"] != *value) {
            return Err(format!("{value} is not {schema}"));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            value.get(name).ok_or_else(|| format!("{name} is missing"))?;
        }
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(found) = value.get(name) {
                conforms(found, of)?;
            }
        }
        Ok(())
    }

    #[test]
    fn every_example_conforms_to_its_schema() {
        for &event in EventType::ALL {
            let example = example(event);
            assert_eq!(conforms(&example, &schema(event)), Ok(()), "{event}");
            let id = example["id"].as_str().unwrap_or_default();
            assert!(id.parse::<crate::ids::WebhookEventId>().is_ok(), "{id}");
            assert!(description(event).ends_with('.'));
        }
    }

    #[test]
    fn a_body_of_another_form_does_not_conform() {
        let mut wrong = example(EventType::LeadCreated);
        wrong["data"]["complete"] = json!("yes");
        assert!(conforms(&wrong, &schema(EventType::LeadCreated)).is_err());
        assert!(conforms(&example(EventType::CallEnded), &schema(EventType::LeadCreated)).is_err());
    }
}
