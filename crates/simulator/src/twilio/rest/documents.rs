//! The documents that the API answers.

use serde_json::{Value, json};

use super::ledger::{PlacedCall, SentMessage};
use crate::vendor::answer::Answer;

/// A refusal.
pub(super) fn error(status: u16, code: u32, message: &str) -> Answer {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    Answer::json(status, &json!({ "code": code, "message": message, "more_info": more, "status": status }))
}

/// A call as the API tells of it.
pub(super) fn call(account: &str, call: &PlacedCall) -> Value {
    let uri = format!("/2010-04-01/Accounts/{account}/Calls/{}", call.sid);
    let is_final = call.is_over;
    json!({
        "sid": call.sid,
        "date_created": call.created,
        "date_updated": call.created,
        "parent_call_sid": null,
        "account_sid": account,
        "to": call.to,
        "to_formatted": call.to,
        "from": call.from,
        "from_formatted": call.from,
        "phone_number_sid": null,
        "status": call.status,
        "start_time": if call.status == "queued" { Value::Null } else { json!(call.created) },
        "end_time": if is_final { json!(call.created) } else { Value::Null },
        "duration": if is_final { json!("7") } else { Value::Null },
        "price": null,
        "price_unit": "USD",
        "direction": "outbound-api",
        "answered_by": null,
        "api_version": "2010-04-01",
        "forwarded_from": null,
        "group_sid": null,
        "caller_name": null,
        "queue_time": "0",
        "trunk_sid": null,
        "uri": format!("{uri}.json"),
        "subresource_uris": { "recordings": format!("{uri}/Recordings.json") },
    })
}

/// A text message as the API tells of it.
pub(super) fn message(account: &str, message: &SentMessage) -> Value {
    json!({
        "body": message.text,
        "num_segments": "1",
        "direction": "outbound-api",
        "from": message.from,
        "to": message.to,
        "date_updated": message.created,
        "price": null,
        "error_message": null,
        "uri": format!("/2010-04-01/Accounts/{account}/Messages/{}.json", message.sid),
        "account_sid": account,
        "num_media": "0",
        "status": "queued",
        "messaging_service_sid": null,
        "sid": message.sid,
        "date_sent": null,
        "date_created": message.created,
        "error_code": null,
        "price_unit": null,
        "api_version": "2010-04-01",
        "subresource_uris": {},
    })
}

/// Somebody in a conference as the API tells of them.
pub(super) fn participant(account: &str, room: &str, call: &str, on_hold: bool, status: &str) -> Value {
    let now = super::ledger::now();
    json!({
        "account_sid": account,
        "call_sid": call,
        "label": null,
        "call_sid_to_coach": null,
        "coaching": false,
        "conference_sid": room,
        "date_created": now,
        "date_updated": now,
        "end_conference_on_exit": true,
        "muted": false,
        "hold": on_hold,
        "start_conference_on_enter": true,
        "status": status,
        "queue_time": "0",
        "uri": format!("/2010-04-01/Accounts/{account}/Conferences/{room}/Participants/{call}.json"),
    })
}
