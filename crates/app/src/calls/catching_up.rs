//! What a conversation's tools could not store while the database was away, or did not come to because their process
//! died, done when the call's record is completed. The caller has told it, and the business is to have it.

use std::collections::BTreeMap;

use domain::call_log::{BegunMessage, CallEvent, EventKind};
use domain::ids::{CallId, LeadId, MessageId, QuestionId};
use domain::lead_flow;
use domain::leads::{LeadAnswer, Priority};
use domain::urgency::Urgency;
use domain::webhooks::EventType;
use provider_traits::tools::TakenMessage;
use serde::Deserialize;
use store::calls::Call;
use store::leads::LeadStatus;
use store::leads::capture::{self, Conversation};
use store::messages::Message;
use store::tx::OrgTx;

use crate::calls::plan;
use crate::error::AppError;
use crate::runtime::App;
use crate::webhooks;

/// What was tried in vain and never made up for in the call itself.
#[derive(Debug, Default, PartialEq)]
struct Undone {
    answers: Vec<LeadAnswer>,
    finish: Option<Finish>,
    messages: Vec<TakenMessage>,
}

/// The end of the questions.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Finish {
    complete: bool,
    priority: Priority,
}

/// Stores what the log has of answers and messages that could not be stored when they were given.
///
/// # Errors
/// When the database refuses; nothing of it is done then.
pub(super) async fn catch_up(
    tx: &mut OrgTx,
    app: &App,
    call: &Call,
    log: &[CallEvent],
) -> Result<(), AppError> {
    let undone = undone(log);
    if undone == Undone::default() {
        return Ok(());
    }
    tracing::info!(
        call.id = %call.id, answers = undone.answers.len(), messages = undone.messages.len(),
        "what could not be stored during a call is stored now"
    );
    let now = app.ambient.now();
    for answer in undone.answers {
        let conversation = Conversation {
            call_id: call.id,
            caller_phone: call.from_number.clone(),
            new_lead: LeadId(app.ambient.new_id()),
        };
        let lead = capture::save_answer(tx, &conversation, &answer, now).await?;
        store::calls::life::set_lead(tx, call.id, lead).await?;
        if lead == conversation.new_lead {
            let made = store::leads::get(tx, lead).await?;
            let key = lead.to_string();
            webhooks::publish(tx, app, EventType::LeadCreated, &key, webhooks::lead(&made)).await?;
        }
    }
    if let Some(Finish { complete, priority }) = undone.finish {
        match capture::finish(tx, call.id, complete, priority, now).await {
            // There was nothing to finish.
            Ok(_) | Err(store::StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for taken in undone.messages {
        let message = Message {
            id: MessageId(app.ambient.new_id()),
            call_id: Some(call.id),
            from_name: taken.from_name,
            reply_to: taken.reply_to,
            text: taken.text,
            priority: taken.priority,
            created_at: now,
        };
        store::messages::insert(tx, &message).await?;
        let (key, data) = (message.id.to_string(), webhooks::message(&message));
        webhooks::publish(tx, app, EventType::MessageTaken, &key, data).await?;
    }
    Ok(())
}

/// Closes the questions of a lead that has an answer to each that is required, when nobody has: the process may have died
/// between the last answer and the end.
///
/// # Errors
/// As [`catch_up`].
pub(super) async fn complete_lead(tx: &mut OrgTx, app: &App, call_id: CallId) -> Result<(), AppError> {
    // Read anew: it may have been made just now.
    let Some(lead_id) = store::calls::get(tx, call_id).await?.lead_id else { return Ok(()) };
    let lead = match store::leads::get(tx, lead_id).await {
        Ok(lead) => lead,
        // It was deleted meanwhile.
        Err(store::StoreError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if lead.complete || lead.status != LeadStatus::Open || lead.call_id != Some(call_id) {
        return Ok(());
    }
    let entitled = store::plans::entitlements(tx).await?;
    let flow = plan::questions(tx, &entitled).await?;
    if lead_flow::is_complete(&flow, &lead.answers) {
        let now = app.ambient.now();
        let timezone =
            store::organizations::get(tx).await?.profile.timezone.parse().unwrap_or(chrono_tz::UTC);
        let urgency = lead_flow::urgency(&flow, &lead.answers, now.with_timezone(&timezone).date_naive());
        let priority = lead.priority.max(Urgency { score: urgency, reasons: Vec::new() }.priority());
        capture::finish(tx, call_id, true, priority, now).await?;
    }
    Ok(())
}

/// The last word on each question, on the end of the questions and on the message decides.
fn undone(log: &[CallEvent]) -> Undone {
    let mut answers: BTreeMap<QuestionId, LeadAnswer> = BTreeMap::new();
    let mut undone = Undone::default();
    let mut begun: Option<BegunMessage> = None;
    for event in log {
        if let EventKind::MessageBegun { message } = &event.kind {
            begun.clone_from(message);
        }
        let EventKind::ToolCall { name, arguments, ok, .. } = &event.kind else { continue };
        if name == "take_message" {
            begun = None;
        }
        match name.as_str() {
            "save_lead_answer" => {
                let Some(answer) = read::<LeadAnswer>(arguments) else { continue };
                if *ok {
                    answers.remove(&answer.question);
                } else {
                    answers.insert(answer.question, answer);
                }
            }
            "finish_lead" => undone.finish = read(arguments).filter(|_| !ok),
            "take_message" if *ok => undone.messages.clear(),
            "take_message" => {
                let message = read::<TakenMessage>(arguments);
                undone.messages.extend(message.filter(|message| !undone.messages.contains(message)));
            }
            _ => {}
        }
    }
    undone.answers = answers.into_values().collect();
    // Hung up before the last question: what was said is a message all the same.
    undone.messages.extend(begun.map(|begun| TakenMessage {
        from_name: begun.from_name,
        reply_to: begun.reply_to,
        text: begun.text,
        priority: begun.priority,
    }));
    undone
}

/// Arguments that a model made up in another shape are nobody's answer.
fn read<T: serde::de::DeserializeOwned>(arguments: &serde_json::Value) -> Option<T> {
    serde_json::from_value(arguments.clone()).ok()
}

#[cfg(test)]
mod tests {
    use domain::ids::ToolCallId;
    use domain::leads::LeadField;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn answer(question: u128, value: &str) -> LeadAnswer {
        LeadAnswer {
            question: QuestionId(Uuid::from_u128(question)),
            field: LeadField::Name,
            said: value.to_owned(),
            value: value.to_owned(),
        }
    }

    fn log(calls: &[(&str, Value, bool)]) -> Vec<CallEvent> {
        let event = |(seq, (name, arguments, ok)): (usize, &(&str, Value, bool))| CallEvent {
            seq: u32::try_from(seq).expect("few"),
            at_ms: 0,
            kind: EventKind::ToolCall {
                id: ToolCallId(Uuid::nil()),
                name: (*name).to_owned(),
                arguments: arguments.clone(),
                result: Value::Null,
                ok: *ok,
                duration_ms: 4_000,
            },
        };
        calls.iter().enumerate().map(event).collect()
    }

    fn saves(saves: &[(LeadAnswer, bool)]) -> Vec<CallEvent> {
        let calls: Vec<_> =
            saves.iter().map(|(answer, ok)| ("save_lead_answer", json!(answer), *ok)).collect();
        log(&calls)
    }

    fn begun(text: Option<&str>) -> CallEvent {
        let message = text.map(|text| BegunMessage {
            text: text.to_owned(),
            from_name: None,
            reply_to: Some("+15135550177".to_owned()),
            priority: Priority::Normal,
        });
        CallEvent { seq: 0, at_ms: 0, kind: EventKind::MessageBegun { message } }
    }

    #[test]
    fn a_message_in_the_middle_of_which_the_caller_hung_up_is_left_to_do() {
        let left = undone(&[begun(Some("call me")), begun(Some("call me; on tuesday"))]).messages;
        assert_eq!(left.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["call me; on tuesday"]);
        assert_eq!(left[0].reply_to.as_deref(), Some("+15135550177"));
        assert_eq!(undone(&[begun(Some("call me")), begun(None)]), Undone::default(), "taken back");
        for ok in [true, false] {
            let taken = json!({
                "from_name": "Tom", "reply_to": null, "text": "call me", "priority": "NORMAL"
            });
            let mut events = vec![begun(Some("call me"))];
            events.extend(log(&[("take_message", taken, ok)]));
            assert_eq!(undone(&events).messages.len(), usize::from(!ok), "the whole message takes its place");
        }
    }

    #[test]
    fn an_answer_that_was_never_stored_is_left_to_do() {
        let (maria, marie, bakery) = (answer(1, "Maria"), answer(1, "Marie"), answer(2, "Bakery"));
        let check = |log: &[(LeadAnswer, bool)], expect: &[LeadAnswer]| {
            assert_eq!(undone(&saves(log)).answers, expect);
        };
        check(&[(maria.clone(), true)], &[]);
        check(&[(maria.clone(), false), (bakery.clone(), false)], &[maria.clone(), bakery]);
        check(&[(maria.clone(), false), (maria.clone(), true)], &[]);
        // A correction that could not be stored counts, not what was stored before it.
        check(&[(maria.clone(), true), (marie.clone(), false)], std::slice::from_ref(&marie));
        check(&[(maria, false), (marie.clone(), false)], &[marie]);
    }

    #[test]
    fn messages_and_the_end_of_the_questions_are_done_once() {
        let message =
            json!({ "from_name": "Maria", "reply_to": null, "text": "call me", "priority": "NORMAL" });
        let finish = json!({ "complete": true, "priority": "HIGH" });
        let missed = undone(&log(&[
            ("finish_lead", finish.clone(), false),
            ("take_message", message.clone(), false),
            ("take_message", message.clone(), false),
        ]));
        assert_eq!(missed.finish, Some(Finish { complete: true, priority: Priority::High }));
        assert_eq!(missed.messages.len(), 1);
        let made_up = undone(&log(&[
            ("finish_lead", finish.clone(), false),
            ("finish_lead", finish, true),
            ("take_message", message.clone(), false),
            ("take_message", message, true),
        ]));
        assert_eq!(made_up, Undone::default());
    }

    #[test]
    fn what_can_not_be_read_is_left_alone() {
        let strange = log(&[
            ("save_lead_answer", json!({ "question": "x" }), false),
            ("take_message", json!("call me"), false),
            ("get_project_status", json!({}), false),
        ]);
        assert_eq!(undone(&strange), Undone::default());
    }
}
