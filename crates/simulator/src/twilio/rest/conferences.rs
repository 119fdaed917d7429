//! Conferences as the API is asked for them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::documents::{self, error};
use super::form::Fields;
use super::ledger::{Conference, Ledger, Order, Participant};
use super::life::Way;
use super::{Shared, calls, not_found};
use crate::twilio::webhook::new_sid;
use crate::vendor::answer::Answer;
use crate::vendor::request::Request;

/// What somebody can be invited with.
const INVITE: &[&str] = &[
    "To",
    "From",
    "Timeout",
    "TimeLimit",
    "StatusCallback",
    "StatusCallbackMethod",
    "StatusCallbackEvent",
    "Label",
    "Beep",
    "Muted",
    "StartConferenceOnEnter",
    "EndConferenceOnExit",
    "WaitUrl",
    "WaitMethod",
    "EarlyMedia",
    "MachineDetection",
    "AmdStatusCallback",
    "AmdStatusCallbackMethod",
];

/// The conference of this name that is not over; begun if need be.
pub(super) fn room<'a>(ledger: &'a mut Ledger, name: &str) -> &'a mut Conference {
    let found = ledger.conferences.iter().position(|room| room.name == name && !room.is_over);
    let at = found.unwrap_or_else(|| {
        ledger.conferences.push(Conference {
            sid: new_sid("CF"),
            name: name.to_owned(),
            participants: Vec::new(),
            is_over: false,
        });
        ledger.conferences.len() - 1
    });
    &mut ledger.conferences[at]
}

/// Somebody enters a room.
pub(super) fn enter(ledger: &mut Ledger, name: &str, call: &str, ends: bool) {
    let call = call.to_owned();
    room(ledger, name).participants.push(Participant { call, on_hold: false, ends });
}

/// Somebody leaves all rooms; a room that ends with them ends for everybody.
pub(super) fn leave(ledger: &mut Ledger, call: &str) {
    let mut alone: Vec<String> = Vec::new();
    for room in &mut ledger.conferences {
        let Some(at) = room.participants.iter().position(|one| one.call == call) else { continue };
        let gone = room.participants.remove(at);
        if gone.ends {
            alone.extend(room.participants.drain(..).map(|one| one.call));
        }
        room.is_over |= room.participants.is_empty();
    }
    for call in ledger.calls.iter().filter(|call| alone.contains(&call.sid)) {
        // One that is over takes no orders.
        let _over = call.orders.try_send(Order::End);
    }
}

pub(super) fn list(shared: &Shared, request: &Request) -> Result<Answer, Answer> {
    if let Some((name, _)) = request
        .query
        .iter()
        .find(|(name, _)| !["FriendlyName", "Status", "PageSize"].contains(&name.as_str()))
    {
        return Err(error(400, 20001, &format!("there is no parameter {name}")));
    }
    let wanted = request.parameter("FriendlyName");
    let conferences: Vec<Value> = shared
        .book
        .read()
        .conferences
        .iter()
        .filter(|room| wanted.is_none_or(|name| room.name == name))
        .filter(|room| {
            request.parameter("Status").is_none_or(|status| (status == "completed") == room.is_over)
        })
        .map(|room| {
            let status = if room.is_over { "completed" } else { "in-progress" };
            json!({ "sid": room.sid, "friendly_name": room.name, "status": status,
                "account_sid": shared.settings.account.sid })
        })
        .collect();
    Ok(Answer::json(200, &json!({ "conferences": conferences, "page": 0, "next_page_uri": null })))
}

pub(super) fn invite(shared: &Arc<Shared>, name: &str, request: &Request) -> Result<Answer, Answer> {
    let fields = Fields::read(request, INVITE)?;
    let known = shared.book.read().conferences.into_iter().find(|room| room.sid == name);
    let name = known.map_or_else(|| name.to_owned(), |room| room.name);
    let ends = fields.get("EndConferenceOnExit") == Some("true");
    let call = calls::begin(shared, &fields, Way::Room { name: name.clone(), ends })?;
    let sid = shared.book.write(|ledger| room(ledger, &name).sid.clone());
    let account = &shared.settings.account.sid;
    Ok(Answer::json(201, &documents::participant(account, &sid, &call.sid, false, "queued")))
}

/// The call and room that a path names.
fn named(shared: &Shared, room: &str, call: &str) -> Result<String, Answer> {
    let call = call.strip_suffix(".json").ok_or_else(not_found)?;
    let ledger = shared.book.read();
    let room = ledger.conferences.iter().find(|one| (one.sid == room || one.name == room) && !one.is_over);
    let there = room.is_some_and(|room| room.participants.iter().any(|one| one.call == call));
    if there { Ok(call.to_owned()) } else { Err(not_found()) }
}

pub(super) fn update(shared: &Shared, room: &str, call: &str, request: &Request) -> Result<Answer, Answer> {
    let fields = Fields::read(request, &["Hold", "HoldUrl", "AnnounceUrl", "AnnounceMethod", "Muted"])?;
    let call = named(shared, room, call)?;
    fields.one_of("Hold", &["true", "false"])?;
    let announced = fields.address("AnnounceUrl")?;
    let on_hold = fields.get("Hold").map(|hold| hold == "true");
    let on_hold = shared.book.write(|ledger| {
        let rooms = &mut ledger.conferences;
        let one = rooms.iter_mut().flat_map(|room| &mut room.participants).find(|one| one.call == call);
        one.is_some_and(|one| {
            one.on_hold = on_hold.unwrap_or(one.on_hold);
            one.on_hold
        })
    });
    if let Some(url) = announced {
        shared.book.call(&call, |call| call.heard.push(format!("announcement {url}")));
    }
    Ok(Answer::json(
        200,
        &documents::participant(&shared.settings.account.sid, room, &call, on_hold, "connected"),
    ))
}

pub(super) fn remove(shared: &Shared, room: &str, call: &str) -> Result<Answer, Answer> {
    let call = named(shared, room, call)?;
    let orders = shared.book.read().calls.into_iter().find(|one| one.sid == call).map(|one| one.orders);
    if let Some(orders) = orders {
        // One that is over takes no orders.
        let _over = orders.try_send(Order::End);
    }
    shared.book.write(|ledger| leave(ledger, &call));
    Ok(Answer::whole(204, "application/json", ""))
}
