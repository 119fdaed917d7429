//! The life of a call that was placed: it rings, somebody answers or not, its documents are carried out, and all of
//! that is reported.

use std::collections::VecDeque;
use std::sync::Arc;

use reqwest::Url;
use tokio::sync::mpsc;

use super::Shared;
use super::conferences;
use super::ledger::{Order, PlacedCall, now};
use super::people::Person;
use crate::twilio::twiml::{self, Action, TwimlError, Verb};
use crate::twilio::webhook::{call_fields, new_sid};

/// Verbs of one call at most: a call that goes in circles is a mistake of the server's.
const MOST_VERBS: usize = 200;

/// What a call does once it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// It asks the address it was placed with.
    Document,
    /// It enters a conference.
    Room {
        /// The conference's name.
        name: String,
        /// Whether that ends when they leave.
        ends: bool,
    },
}

/// A call while it lives.
pub(super) struct Life {
    shared: Arc<Shared>,
    sid: String,
    to: String,
    from: String,
    form: Vec<(String, String)>,
    orders: mpsc::Receiver<Order>,
    way: Way,
    person: Person,
    keys: VecDeque<String>,
    sequence: u32,
    verbs: usize,
}

/// What follows a verb.
enum Next {
    Verb,
    Document(Action, Vec<(String, String)>),
    End,
}

impl Life {
    pub(super) fn new(
        shared: Arc<Shared>,
        call: &PlacedCall,
        orders: mpsc::Receiver<Order>,
        way: Way,
    ) -> Self {
        let person = shared.people.at(&call.to);
        let keys = match &person {
            Person::Answers(keys) => keys.iter().cloned().collect(),
            _ => VecDeque::new(),
        };
        Self {
            shared,
            sid: call.sid.clone(),
            to: call.to.clone(),
            from: call.from.clone(),
            form: call.form.clone(),
            orders,
            way,
            person,
            keys,
            sequence: 0,
            verbs: 0,
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn become_status(&self, status: &str) {
        self.shared.book.call(&self.sid, |call| call.status = status.to_owned());
    }

    fn hears(&self, text: String) {
        self.shared.book.call(&self.sid, |call| call.heard.push(text));
    }

    fn note_error(&self, error: &TwimlError) {
        self.shared.book.call(&self.sid, |call| call.errors.push(error.to_string()));
    }

    /// The fields of every webhook of this call.
    fn fields(&self, status: &str) -> Vec<(String, String)> {
        let account = &self.shared.settings.account.sid;
        let mut fields = call_fields(account, &self.sid, &self.from, &self.to, status);
        for (name, value) in &mut fields {
            if name == "Direction" {
                "outbound-api".clone_into(value);
            }
        }
        fields
    }

    /// Reports an event, if that was asked for. Sequence numbers tell the true order.
    async fn report(&mut self, event: &str, status: &str) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.report_as(event, status, sequence).await;
    }

    async fn report_as(&self, event: &str, status: &str, sequence: u32) {
        let Some(url) = self.field("StatusCallback").and_then(|url| Url::parse(url).ok()) else { return };
        if !self.is_wanted(event) {
            return;
        }
        let mut fields = self.fields(status);
        fields.extend(progress(event, status, sequence));
        let get = self.field("StatusCallbackMethod") == Some("GET");
        self.callback(&url, get, &fields).await;
    }

    /// Whether an event is to be told; unless said otherwise only the last.
    fn is_wanted(&self, event: &str) -> bool {
        let mut wanted = self.form.iter().filter(|(name, _)| name == "StatusCallbackEvent").peekable();
        match wanted.peek() {
            None => event == "completed",
            Some(_) => wanted.any(|(_, value)| value == event),
        }
    }

    async fn callback(&self, url: &Url, get: bool, fields: &[(String, String)]) {
        match self.shared.webhooks.send(url, get, fields, &new_sid("IT")).await {
            Ok(answer) if (200..300).contains(&answer.status) => {}
            Ok(answer) => self.note_error(&TwimlError::new(
                11200,
                format!("the callback {} was answered with {}", url.path(), answer.status),
            )),
            Err(error) => self.note_error(&error),
        }
    }

    fn answered_by(&self) -> &'static str {
        if self.person == Person::Machine { "machine_start" } else { "human" }
    }

    /// Carries out the documents, from the first address on.
    async fn talk(&mut self) {
        let mut next = match (&self.way, self.field("Url")) {
            (Way::Room { name, ends }, _) => {
                let (name, ends) = (name.clone(), *ends);
                self.stay_in(&name, ends).await
            }
            (Way::Document, Some(url)) => {
                let get = self.field("Method") == Some("GET");
                let mut further = Vec::new();
                if self.field("MachineDetection").is_some() && self.field("AsyncAmd") != Some("true") {
                    let by = match self.answered_by() {
                        "human" => "human",
                        _ if self.field("MachineDetection") == Some("DetectMessageEnd") => "machine_end_beep",
                        machine => machine,
                    };
                    further.push(("AnsweredBy".to_owned(), by.to_owned()));
                }
                Next::Document(Action { url: url.to_owned(), get }, further)
            }
            (Way::Document, None) => Next::End,
        };
        let mut base = self.field("Url").and_then(|url| Url::parse(url).ok());
        let mut is_first = true;
        while let Next::Document(action, further) = next {
            let url = match &base {
                Some(base) => base.join(&action.url).ok(),
                None => Url::parse(&action.url).ok(),
            };
            let Some(url) = url else { return self.note_error(&TwimlError::new(11100, action.url)) };
            let mut fields = self.fields("in-progress");
            fields.extend(further);
            let document = self.shared.webhooks.document(&url, action.get, &fields, &new_sid("IT")).await;
            if std::mem::take(&mut is_first) {
                self.tell_who_answered().await;
            }
            next = match document.and_then(|answer| twiml::parse(&answer.body)) {
                Ok(verbs) => self.execute(verbs).await,
                Err(error) => return self.note_error(&error),
            };
            base = Some(url);
        }
    }

    /// The verdict on who answered, which comes while the call goes on.
    async fn tell_who_answered(&self) {
        let url = self.field("AsyncAmdStatusCallback").and_then(|url| Url::parse(url).ok());
        let (Some(url), Some("true")) = (url, self.field("AsyncAmd")) else { return };
        let mut fields = vec![
            ("CallSid".to_owned(), self.sid.clone()),
            ("AccountSid".to_owned(), self.shared.settings.account.sid.clone()),
        ];
        fields.push(("AnsweredBy".to_owned(), self.answered_by().to_owned()));
        fields.push(("MachineDetectionDuration".to_owned(), "2400".to_owned()));
        self.callback(&url, false, &fields).await;
    }

    async fn execute(&mut self, verbs: Vec<Verb>) -> Next {
        for verb in verbs {
            self.verbs += 1;
            if self.verbs > MOST_VERBS {
                self.note_error(&TwimlError::new(0, "the call goes in circles"));
                return Next::End;
            }
            if let Ok(order) = self.orders.try_recv() {
                return obey(order);
            }
            match self.execute_one(verb).await {
                Next::Verb => {}
                next => return next,
            }
        }
        Next::End
    }

    async fn execute_one(&mut self, verb: Verb) -> Next {
        match verb {
            Verb::Say { text, times, .. } => {
                for _ in 0..times.min(10) {
                    self.hears(text.clone());
                }
                Next::Verb
            }
            Verb::Play { url } => {
                self.hears(url);
                Next::Verb
            }
            Verb::Pause { .. } => Next::Verb,
            Verb::Gather { action, inside, action_on_empty, .. } => {
                for verb in inside {
                    if let Verb::Say { text, times, .. } = verb {
                        for _ in 0..times.min(10) {
                            self.hears(text.clone());
                        }
                    }
                }
                let keys = self.keys.pop_front().unwrap_or_default();
                if keys.is_empty() && !action_on_empty {
                    return Next::Verb;
                }
                self.shared.book.call(&self.sid, |call| call.pressed.push(keys.clone()));
                go_on(action, vec![("Digits".to_owned(), keys)])
            }
            Verb::ConnectStream { action, stream } => {
                self.shared.book.call(&self.sid, |call| call.streams.push(stream.url));
                // Nobody speaks here: the stream lasts until the call is told otherwise, or the person has enough.
                if self.person == Person::Talks {
                    return self.wait().await;
                }
                go_on(action, Vec::new())
            }
            Verb::Record { action, .. } => {
                self.shared.book.call(&self.sid, |call| call.recorded += 1);
                let account = &self.shared.settings.account.sid;
                let sid = new_sid("RE");
                let url = format!("https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}");
                let fields =
                    [("RecordingUrl", url), ("RecordingSid", sid), ("RecordingDuration", "3".to_owned())];
                go_on(action, fields.map(|(name, value)| (name.to_owned(), value)).to_vec())
            }
            Verb::Dial { conference: Some(room), .. } => self.stay_in(&room.name, room.ends).await,
            Verb::Dial { action, targets, .. } => {
                let target = targets.into_iter().next().unwrap_or_default();
                let status = match self.shared.people.at(&target) {
                    Person::Busy => "busy",
                    Person::LetsRing => "no-answer",
                    Person::Unreachable => "failed",
                    Person::Answers(_) | Person::Talks | Person::Machine => "completed",
                };
                self.shared.book.call(&self.sid, |call| call.dialled.push((target, status.to_owned())));
                let fields = [("DialCallStatus", status.to_owned()), ("DialCallSid", new_sid("CA"))];
                go_on(action, fields.map(|(name, value)| (name.to_owned(), value)).to_vec())
            }
            Verb::Redirect(action) => go_on(Some(action), Vec::new()),
            Verb::Reject { .. } | Verb::Hangup => Next::End,
        }
    }

    /// In a conference until the call is told otherwise.
    async fn stay_in(&mut self, name: &str, ends: bool) -> Next {
        self.shared.book.write(|ledger| conferences::enter(ledger, name, &self.sid, ends));
        let next = self.wait().await;
        self.shared.book.write(|ledger| conferences::leave(ledger, &self.sid));
        next
    }

    async fn wait(&mut self) -> Next {
        self.orders.recv().await.map_or(Next::End, obey)
    }
}

/// What a report of a call's progress has beside the fields of every webhook.
fn progress(event: &str, status: &str, sequence: u32) -> Vec<(String, String)> {
    let mut fields = vec![
        ("Timestamp", now()),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("SequenceNumber", sequence.to_string()),
    ];
    if event == "completed" {
        let talked = status == "completed";
        fields.push(("CallDuration", if talked { "7" } else { "0" }.to_owned()));
        fields.push(("Duration", if talked { "1" } else { "0" }.to_owned()));
        let code = match status {
            "busy" => "486",
            "no-answer" => "487",
            "failed" => "404",
            _ => "200",
        };
        fields.push(("SipResponseCode", code.to_owned()));
    }
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn obey(order: Order) -> Next {
    match order {
        Order::GoOnAt(url) => Next::Document(Action { url, get: false }, Vec::new()),
        Order::End => Next::End,
    }
}

fn go_on(action: Option<Action>, fields: Vec<(String, String)>) -> Next {
    match action {
        Some(action) => Next::Document(action, fields),
        None => Next::Verb,
    }
}

/// Lives a call to its end.
pub(super) async fn live(mut life: Life) {
    life.report("initiated", "initiated").await;
    life.become_status("ringing");
    let ringing = life.sequence;
    life.sequence += 1;
    let late = life.shared.settings.out_of_order;
    if !late {
        life.report_as("ringing", "ringing", ringing).await;
    }
    let taken_back = tokio::select! {
        biased;
        order = life.orders.recv() => order.is_some(),
        () = tokio::time::sleep(life.shared.settings.rings_for) => false,
    };
    let status = match &life.person {
        _ if taken_back => "canceled",
        Person::Busy => "busy",
        Person::LetsRing => "no-answer",
        Person::Unreachable => "failed",
        Person::Answers(_) | Person::Talks | Person::Machine => {
            life.become_status("in-progress");
            life.report("answered", "in-progress").await;
            if late {
                life.report_as("ringing", "ringing", ringing).await;
            }
            life.talk().await;
            "completed"
        }
    };
    life.become_status(status);
    life.report("completed", status).await;
    life.shared.book.call(&life.sid, |call| call.is_over = true);
}
