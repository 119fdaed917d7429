//! Calls and text messages as the API is asked for them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::documents::{self, error};
use super::form::{Fields, is_number};
use super::ledger::{Order, PlacedCall, SentMessage, now};
use super::life::{self, Life, Way};
use super::{Shared, not_found};
use crate::twilio::webhook::new_sid;
use crate::vendor::answer::Answer;
use crate::vendor::request::Request;

/// What a call can be placed with.
const PLACE: &[&str] = &[
    "To",
    "From",
    "Url",
    "Method",
    "Twiml",
    "FallbackUrl",
    "FallbackMethod",
    "StatusCallback",
    "StatusCallbackMethod",
    "StatusCallbackEvent",
    "Timeout",
    "TimeLimit",
    "SendDigits",
    "CallerId",
    "CallReason",
    "MachineDetection",
    "MachineDetectionTimeout",
    "MachineDetectionSpeechThreshold",
    "MachineDetectionSpeechEndThreshold",
    "MachineDetectionSilenceTimeout",
    "AsyncAmd",
    "AsyncAmdStatusCallback",
    "AsyncAmdStatusCallbackMethod",
];
const EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
/// Orders that wait for a call to look; more than anybody gives.
const ORDERS: usize = 8;
/// Longest text message.
const LONGEST_MESSAGE: usize = 1_600;

pub(super) fn place(shared: &Arc<Shared>, request: &Request) -> Result<Answer, Answer> {
    let fields = Fields::read(request, PLACE)?;
    if fields.address("Url")?.is_none() && fields.get("Twiml").is_none() {
        return Err(error(400, 21205, "Url parameter is required."));
    }
    fields.address("AsyncAmdStatusCallback")?;
    fields.one_of("MachineDetection", &["Enable", "DetectMessageEnd"])?;
    fields.one_of("AsyncAmd", &["true", "false"])?;
    if fields.get("AsyncAmd") == Some("true") && fields.get("MachineDetection").is_none() {
        return Err(error(400, 20001, "AsyncAmd needs MachineDetection"));
    }
    let call = begin(shared, &fields, Way::Document)?;
    Ok(Answer::json(201, &documents::call(&shared.settings.account.sid, &call)))
}

/// Begins a call that may be one.
pub(super) fn begin(shared: &Arc<Shared>, fields: &Fields, way: Way) -> Result<PlacedCall, Answer> {
    let Some(to) = fields.get("To") else {
        return Err(error(400, 21201, "No 'To' number is specified"));
    };
    if !is_number(to) {
        return Err(error(
            400,
            21211,
            &format!("The phone number you are attempting to call, {to}, is not valid."),
        ));
    }
    let Some(from) = fields.get("From") else {
        return Err(error(400, 21213, "No 'From' number is specified"));
    };
    if !shared.settings.numbers.iter().any(|own| own == from) {
        return Err(error(
            400,
            21210,
            &format!("The source phone number provided, {from}, is not yet verified"),
        ));
    }
    fields.address("StatusCallback")?;
    fields.one_of("StatusCallbackEvent", EVENTS)?;
    fields.one_of("Method", &["POST", "GET"])?;
    fields.one_of("StatusCallbackMethod", &["POST", "GET"])?;
    fields.number("Timeout", 600)?;
    fields.number("TimeLimit", 14_400)?;
    let (orders, listening) = mpsc::channel(ORDERS);
    let call = PlacedCall {
        sid: new_sid("CA"),
        to: to.to_owned(),
        from: from.to_owned(),
        status: "queued".to_owned(),
        created: now(),
        form: fields.0.clone(),
        heard: Vec::new(),
        pressed: Vec::new(),
        dialled: Vec::new(),
        streams: Vec::new(),
        recorded: 0,
        errors: Vec::new(),
        is_over: false,
        orders,
    };
    shared.book.write(|ledger| ledger.calls.push(call.clone()));
    let life = Life::new(Arc::clone(shared), &call, listening, way);
    let stop = shared.stop.clone();
    shared.tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = life::live(life) => {}
        }
    });
    Ok(call)
}

pub(super) fn list(shared: &Shared, request: &Request) -> Result<Answer, Answer> {
    only(request, &["To", "From", "Status", "PageSize", "StartTime>", "ParentCallSid"])?;
    let is = |name: &str, value: &str| request.parameter(name).is_none_or(|wanted| wanted == value);
    let account = &shared.settings.account.sid;
    let calls: Vec<Value> = shared
        .book
        .read()
        .calls
        .iter()
        .rev()
        .filter(|call| is("To", &call.to) && is("From", &call.from) && is("Status", &call.status))
        .map(|call| documents::call(account, call))
        .collect();
    Ok(page(request, "calls", calls))
}

/// Refuses a filter that is none of these.
fn only(request: &Request, filters: &[&str]) -> Result<(), Answer> {
    match request.query.iter().find(|(name, _)| !filters.contains(&name.as_str())) {
        Some((name, _)) => Err(error(400, 20001, &format!("there is no parameter {name}"))),
        None => Ok(()),
    }
}

/// The first page of a list, the newest first.
fn page(request: &Request, name: &str, mut items: Vec<Value>) -> Answer {
    let size = request.parameter("PageSize").and_then(|size| size.parse().ok()).unwrap_or(50);
    items.truncate(size);
    Answer::json(
        200,
        &json!({ name: items, "page": 0, "page_size": size, "next_page_uri": null, "previous_page_uri": null,
            "first_page_uri": null, "start": 0, "end": 0, "uri": request.path }),
    )
}

/// The messages that were sent. None of them has left the network's queue, so that none has a date of sending.
pub(super) fn messages(shared: &Shared, request: &Request) -> Result<Answer, Answer> {
    only(request, &["To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"])?;
    let is = |name: &str, value: &str| request.parameter(name).is_none_or(|wanted| wanted == value);
    let by_date = request.query.iter().any(|(name, _)| name.starts_with("DateSent"));
    let account = &shared.settings.account.sid;
    let sent = shared.book.read().messages;
    let sent = sent.iter().rev().filter(|one| !by_date && is("To", &one.to) && is("From", &one.from));
    Ok(page(request, "messages", sent.map(|one| documents::message(account, one)).collect()))
}

/// The call that a path names, `CA….json`.
fn named(shared: &Shared, name: &str) -> Result<PlacedCall, Answer> {
    let sid = name.strip_suffix(".json").ok_or_else(not_found)?;
    shared.book.read().calls.into_iter().find(|call| call.sid == sid).ok_or_else(not_found)
}

pub(super) fn get(shared: &Shared, name: &str) -> Result<Answer, Answer> {
    Ok(Answer::json(200, &documents::call(&shared.settings.account.sid, &named(shared, name)?)))
}

pub(super) fn update(shared: &Shared, name: &str, request: &Request) -> Result<Answer, Answer> {
    let fields = Fields::read(request, &["Url", "Method", "Twiml", "Status", "TimeLimit"])?;
    let call = named(shared, name)?;
    fields.one_of("Status", &["canceled", "completed"])?;
    let order = match (fields.get("Status"), fields.address("Url")?) {
        (Some(_), _) => Order::End,
        (None, Some(url)) => Order::GoOnAt(url.into()),
        (None, None) => return Err(error(400, 20001, "nothing to change")),
    };
    let goes_on = matches!(order, Order::GoOnAt(_));
    if call.is_over || (goes_on && call.status != "in-progress") {
        return Err(error(400, 21220, "Call is not in-progress. Cannot redirect."));
    }
    // A call that is over between the look and this takes no orders.
    let _over = call.orders.try_send(order);
    Ok(Answer::json(200, &documents::call(&shared.settings.account.sid, &call)))
}

pub(super) fn message(shared: &Shared, request: &Request) -> Result<Answer, Answer> {
    let fields = Fields::read(
        request,
        &["To", "From", "Body", "StatusCallback", "MessagingServiceSid", "ValidityPeriod", "SmartEncoded"],
    )?;
    let (to, from) = (fields.get("To").unwrap_or_default(), fields.get("From").unwrap_or_default());
    if !is_number(to) {
        return Err(error(400, 21211, &format!("Invalid 'To' Phone Number: {to}")));
    }
    if !shared.settings.numbers.iter().any(|own| own == from) {
        return Err(error(
            400,
            21606,
            &format!("The From phone number {from} is not a message-capable number"),
        ));
    }
    if shared.people.has_stopped(to) {
        return Err(error(400, 21610, "Attempt to send to unsubscribed recipient"));
    }
    let Some(text) = fields.get("Body") else { return Err(error(400, 21602, "Message body is required.")) };
    if text.chars().count() > LONGEST_MESSAGE {
        return Err(error(400, 21617, "The concatenated message body exceeds the 1600 character limit."));
    }
    fields.address("StatusCallback")?;
    let sent = SentMessage {
        sid: new_sid("SM"),
        to: to.to_owned(),
        from: from.to_owned(),
        text: text.to_owned(),
        created: now(),
    };
    let document = documents::message(&shared.settings.account.sid, &sent);
    shared.book.write(|ledger| ledger.messages.push(sent));
    Ok(Answer::json(201, &document))
}
