//! A whole call as the carrier sees it: ringing, documents executed verb by verb, the stream, status callbacks.

use std::collections::VecDeque;
use std::time::Duration;

use provider_traits::ambient::{Clock as _, SystemClock};
use reqwest::Url;
use serde::Serialize;
use tokio::time::Instant;

use super::rest::network::{Network, Stayed};
use super::signature;
use super::twiml::{self, Action, Room, Stream, TwimlError, Verb};
use super::webhook::{Webhooks, call_fields, new_sid};
use crate::line::messages::StreamIds;
use crate::line::session::{self, LineEnd, LineReport, LineSetup, LineUser, Pace};
use crate::line::socket;

/// How a call is placed.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// The caller's number as Twilio would write it.
    pub from: String,
    /// The number called.
    pub to: String,
    /// Path or address of the voice webhook.
    pub voice_path: String,
    /// Path or address of the status callback, if any.
    pub status_path: Option<String>,
    /// What becomes of a `<Dial>`.
    pub dial_result: DialResult,
    /// The network whose conferences the caller can enter; without one there is nobody in any.
    pub network: Option<Network>,
    /// The caller hangs up after waiting so long in one, or after talking so long with a platform's agent.
    pub waits_for: Duration,
    /// The call's id; `None` draws one.
    pub call_sid: Option<String>,
    /// Somebody else's platform answers and talks with the caller, until the network tells the call to go on elsewhere.
    /// Needs a network. The voice webhook is not asked.
    pub at_a_platform: bool,
    /// Whether the voice webhook is delivered twice with one idempotency token, as after a lost answer.
    pub deliver_twice: bool,
    /// The pace of the stream.
    pub pace: Pace,
    /// Real-time frames are late by up to this many milliseconds.
    pub jitter_ms: u64,
    /// Decides the randomness of the line.
    pub seed: u64,
    /// Longest stream, media time.
    pub max_ms: u64,
    /// How long a grant of lockstep is waited for.
    pub grant_timeout: Duration,
}

impl CallOptions {
    /// A call with the usual paths, in real time, at most ten minutes long.
    #[must_use]
    pub fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            voice_path: "/api/voice/inbound".to_owned(),
            status_path: Some("/api/voice/status".to_owned()),
            dial_result: DialResult::Completed,
            network: None,
            waits_for: Duration::from_secs(120),
            call_sid: None,
            at_a_platform: false,
            deliver_twice: false,
            pace: Pace::RealTime,
            jitter_ms: 0,
            seed: 1,
            max_ms: 600_000,
            // The first call of a business waits for its recogniser's model to be built: up to 6 s measured
            // on two busy cores (November 2026).
            grant_timeout: Duration::from_secs(20),
        }
    }
}

/// What becomes of a `<Dial>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialResult {
    /// Somebody answered.
    Completed,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// It could not be called.
    Failed,
}

impl DialResult {
    fn status(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
        }
    }
}

/// Something the carrier did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Deed {
    /// Fetched a document.
    Fetched {
        /// From where.
        url: String,
        /// Milliseconds until its last byte.
        took_ms: u64,
    },
    /// Spoke to the caller.
    Said {
        /// The words.
        text: String,
    },
    /// Waited.
    Paused {
        /// Seconds.
        seconds: u32,
    },
    /// Played a file.
    Played {
        /// Its address.
        url: String,
    },
    /// Opened the stream.
    Streamed {
        /// The address connected to.
        url: String,
    },
    /// Could not open the stream.
    StreamFailed {
        /// Twilio's error code.
        code: u32,
        /// Why.
        reason: String,
    },
    /// Called somebody.
    Dialled {
        /// Whom.
        targets: Vec<String>,
        /// The outcome, as in `DialCallStatus`.
        status: &'static str,
    },
    /// Recorded the caller.
    Recorded,
    /// Waited for keys; none came.
    Gathered,
    /// Refused the call.
    Rejected {
        /// Why.
        reason: String,
    },
    /// Ended the call on the document's order.
    HungUp,
    /// Delivered a status callback.
    Reported {
        /// `CallStatus`.
        status: String,
        /// The server's HTTP status, 0 when it did not answer.
        answered: u16,
    },
}

/// A call from the carrier's side.
#[derive(Debug, Clone, Serialize)]
pub struct CarrierReport {
    /// `CA…`.
    pub call_sid: String,
    /// Everything done, in order.
    pub deeds: Vec<Deed>,
    /// Why Twilio would have ended the call with "an application error has occurred".
    pub error: Option<String>,
    /// The last stream, if one was opened.
    pub line: Option<LineReport>,
    /// The streams before it, when the call went on with another.
    pub earlier_lines: Vec<LineReport>,
}

impl CarrierReport {
    /// The sentences spoken by the carrier, not by the agent.
    pub fn said(&self) -> impl Iterator<Item = &str> {
        self.deeds.iter().filter_map(|deed| match deed {
            Deed::Said { text } => Some(text.as_str()),
            _ => None,
        })
    }

    /// Numbers that were called.
    pub fn dialled(&self) -> impl Iterator<Item = &str> {
        self.deeds
            .iter()
            .filter_map(|deed| match deed {
                Deed::Dialled { targets, .. } => Some(targets.iter().map(String::as_str)),
                _ => None,
            })
            .flatten()
    }
}

/// Documents followed before a call counts as running in circles.
const MOST_DOCUMENTS: usize = 20;

/// Places a call and stays with it to its end.
pub async fn place(webhooks: &Webhooks, options: &CallOptions, user: &mut dyn LineUser) -> CarrierReport {
    let mut call = Carrier {
        webhooks,
        options,
        answered: None,
        status: "ringing",
        sequence: 0,
        report: CarrierReport {
            call_sid: options.call_sid.clone().unwrap_or_else(|| new_sid("CA")),
            deeds: Vec::new(),
            error: None,
            line: None,
            earlier_lines: Vec::new(),
        },
    };
    if let Err(error) = call.run(user).await {
        tracing::debug!(code = error.code, "the carrier gives up: {}", error.reason);
        call.report.error = Some(error.to_string());
        if call.status != "busy" {
            call.status = if call.answered.is_some() { "completed" } else { "failed" };
        }
    }
    if let Some(network) = &options.network {
        network.hang_up(&call.report.call_sid);
    }
    call.report_status(call.status).await;
    call.report
}

struct Carrier<'a> {
    webhooks: &'a Webhooks,
    options: &'a CallOptions,
    answered: Option<Instant>,
    status: &'static str,
    sequence: u32,
    report: CarrierReport,
}

/// What follows a verb.
enum Next {
    Verb,
    Document(Url, bool, Vec<(String, String)>),
    End,
}

impl Carrier<'_> {
    async fn run(&mut self, user: &mut dyn LineUser) -> Result<(), TwimlError> {
        let mut url = self.resolve(&self.webhooks.endpoint().public, &self.options.voice_path)?;
        let mut get = false;
        let mut extra = Vec::new();
        let mut first = true;
        if self.options.at_a_platform {
            let Some(told) = self.talk_elsewhere().await else { return Ok(()) };
            url = self.resolve(&url, &told)?;
        }
        for _ in 0..MOST_DOCUMENTS {
            let verbs = self.fetch(&url, get, &extra, first).await?;
            first = false;
            match self.execute(&url, verbs, user).await? {
                Next::Document(next, next_get, fields) => {
                    url = next;
                    get = next_get;
                    extra = fields;
                }
                Next::Verb | Next::End => {
                    if self.answered.is_some() {
                        self.status = "completed";
                    }
                    return Ok(());
                }
            }
        }
        Err(TwimlError { code: 12100, reason: format!("more than {MOST_DOCUMENTS} documents in one call") })
    }

    /// Talks with a platform's agent; the address that the call is told to go on at, unless it ends there.
    async fn talk_elsewhere(&mut self) -> Option<String> {
        self.pick_up().await;
        let network = self.options.network.as_ref()?;
        let talking = network.talk(&self.report.call_sid, &self.options.from, &self.options.to);
        let told = tokio::time::timeout(self.options.waits_for, talking).await.ok().flatten();
        if told.is_none() {
            network.hang_up(&self.report.call_sid);
            self.status = "completed";
            self.report.deeds.push(Deed::HungUp);
        }
        told
    }

    async fn fetch(
        &mut self,
        url: &Url,
        get: bool,
        extra: &[(String, String)],
        first: bool,
    ) -> Result<Vec<Verb>, TwimlError> {
        let mut fields = self.fields(self.status);
        fields.extend_from_slice(extra);
        let token = new_sid("");
        let answer = self.webhooks.document(url, get, &fields, &token).await?;
        let took_ms = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
        self.report.deeds.push(Deed::Fetched { url: url.to_string(), took_ms });
        if first && self.options.deliver_twice {
            let again = self.webhooks.document(url, get, &fields, &token).await?;
            if again.body != answer.body {
                let reason = "a repeated webhook was answered differently".to_owned();
                return Err(TwimlError { code: 0, reason });
            }
        }
        twiml::parse(&answer.body)
    }

    async fn execute(
        &mut self,
        base: &Url,
        verbs: Vec<Verb>,
        user: &mut dyn LineUser,
    ) -> Result<Next, TwimlError> {
        let mut verbs: VecDeque<Verb> = verbs.into();
        while let Some(verb) = verbs.pop_front() {
            if !matches!(verb, Verb::Reject { .. } | Verb::Redirect(_) | Verb::Hangup | Verb::Pause { .. }) {
                self.pick_up().await;
            }
            match self.execute_one(base, verb, user).await? {
                Next::Verb => {}
                next => return Ok(next),
            }
        }
        Ok(Next::End)
    }

    async fn execute_one(
        &mut self,
        base: &Url,
        verb: Verb,
        user: &mut dyn LineUser,
    ) -> Result<Next, TwimlError> {
        match verb {
            Verb::Say { text, times, .. } => {
                for _ in 0..times.min(10) {
                    self.report.deeds.push(Deed::Said { text: text.clone() });
                }
                Ok(Next::Verb)
            }
            // Nobody listens to the pause here: its length is recorded, not waited for.
            Verb::Pause { seconds } => {
                self.report.deeds.push(Deed::Paused { seconds });
                Ok(Next::Verb)
            }
            Verb::Play { url } => {
                self.report.deeds.push(Deed::Played { url });
                Ok(Next::Verb)
            }
            Verb::ConnectStream { action, stream } => {
                if self.stream(base, &stream, user).await? {
                    return Ok(Next::End);
                }
                self.go_on(base, action, Vec::new())
            }
            Verb::Gather { action, inside, action_on_empty, .. } => {
                for verb in inside {
                    match verb {
                        Verb::Say { text, .. } => self.report.deeds.push(Deed::Said { text }),
                        Verb::Play { url } => self.report.deeds.push(Deed::Played { url }),
                        _ => {}
                    }
                }
                self.report.deeds.push(Deed::Gathered);
                if action_on_empty {
                    return self.go_on(base, action, vec![("Digits".to_owned(), String::new())]);
                }
                Ok(Next::Verb)
            }
            Verb::Record { action, .. } => {
                self.report.deeds.push(Deed::Recorded);
                let sid = new_sid("RE");
                let account = &self.webhooks.account().sid;
                let fields = [
                    (
                        "RecordingUrl",
                        format!("https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}"),
                    ),
                    ("RecordingSid", sid),
                    ("RecordingDuration", "3".to_owned()),
                    ("Digits", "hangup".to_owned()),
                ];
                let fields = fields.map(|(name, value)| (name.to_owned(), value)).to_vec();
                self.go_on(base, action, fields)
            }
            Verb::Dial { action, conference: Some(room), .. } if self.options.network.is_some() => {
                self.confer(base, action, room).await
            }
            Verb::Dial { action, targets, number_status, .. } => {
                let result = self.options.dial_result;
                self.report.deeds.push(Deed::Dialled { targets, status: result.status() });
                let mut fields = vec![
                    ("DialCallStatus".to_owned(), result.status().to_owned()),
                    ("DialCallSid".to_owned(), new_sid("CA")),
                ];
                if let (DialResult::Completed, Some(told)) = (result, number_status) {
                    self.tell_of_answer(base, &told).await?;
                }
                if result == DialResult::Completed {
                    fields.push(("DialCallDuration".to_owned(), "30".to_owned()));
                    fields.push(("DialBridged".to_owned(), "true".to_owned()));
                }
                self.go_on(base, action, fields)
            }
            Verb::Redirect(action) => self.go_on(base, Some(action), Vec::new()),
            Verb::Reject { reason } => {
                self.status = if reason == "busy" { "busy" } else { "no-answer" };
                self.report.deeds.push(Deed::Rejected { reason });
                Ok(Next::End)
            }
            Verb::Hangup => {
                self.report.deeds.push(Deed::HungUp);
                Ok(Next::End)
            }
        }
    }

    /// In a conference, until somebody comes or the call is told to go elsewhere.
    async fn confer(&mut self, base: &Url, action: Option<Action>, room: Room) -> Result<Next, TwimlError> {
        let Some(network) = &self.options.network else { return Ok(Next::Verb) };
        self.report.deeds.push(Deed::Dialled { targets: vec![room.name.clone()], status: "in-progress" });
        if let Some(wait) = &room.wait {
            let url = self.resolve(base, &wait.url)?;
            let fields = self.fields("in-progress");
            let answer = self.webhooks.document(&url, wait.get, &fields, &new_sid("")).await?;
            for verb in twiml::parse(&answer.body)? {
                match verb {
                    Verb::Say { text, .. } => self.report.deeds.push(Deed::Said { text }),
                    Verb::Play { url } => {
                        self.webhooks.audio(&self.resolve(base, &url)?).await?;
                        self.report.deeds.push(Deed::Played { url });
                    }
                    Verb::Pause { seconds } => self.report.deeds.push(Deed::Paused { seconds }),
                    other => {
                        let reason = format!("{other:?} in what is heard in a conference");
                        return Err(TwimlError { code: 12200, reason });
                    }
                }
            }
        }
        let (from, to) = (&self.options.from, &self.options.to);
        let staying = network.stay(&self.report.call_sid, from, to, &room.name, room.ends);
        let Ok(stayed) = tokio::time::timeout(self.options.waits_for, staying).await else {
            network.hang_up(&self.report.call_sid);
            self.report.deeds.push(Deed::HungUp);
            return Ok(Next::End);
        };
        match stayed {
            Stayed::GoOnAt(url) => Ok(Next::Document(self.resolve(base, &url)?, false, Vec::new())),
            Stayed::Talked => {
                self.report.deeds.push(Deed::HungUp);
                Ok(Next::End)
            }
            Stayed::Ended => {
                self.go_on(base, action, vec![("DialCallStatus".to_owned(), "completed".to_owned())])
            }
        }
    }

    /// Tells that whoever is dialled has answered: a report of their own call, which names the caller's.
    async fn tell_of_answer(&mut self, base: &Url, told: &Action) -> Result<(), TwimlError> {
        let url = self.resolve(base, &told.url)?;
        let account = self.webhooks.account().sid.clone();
        let (from, to) = (&self.options.from, &self.options.to);
        let mut fields = call_fields(&account, &new_sid("CA"), from, to, "in-progress");
        fields.push(("ParentCallSid".to_owned(), self.report.call_sid.clone()));
        fields.push(("SequenceNumber".to_owned(), "2".to_owned()));
        // What comes of it changes nothing for the caller.
        let _answer = self.webhooks.send(&url, told.get, &fields, &new_sid("IT")).await;
        Ok(())
    }

    /// Runs the stream; `true` when the call is over with it because the caller is gone.
    async fn stream(
        &mut self,
        base: &Url,
        stream: &Stream,
        user: &mut dyn LineUser,
    ) -> Result<bool, TwimlError> {
        let mut url = self.resolve(base, &stream.url)?;
        // Twilio drops the query; what it carries never arrives, and is not signed.
        url.set_query(None);
        let token = &self.webhooks.account().auth_token;
        // The signed text is the address as written in the TwiML; a normalised one would differ in details.
        let written = stream.url.split(['?', '#']).next().unwrap_or_default();
        let signed = signature::sign_url(token, written);
        let ids = StreamIds {
            account_sid: self.webhooks.account().sid.clone(),
            call_sid: self.report.call_sid.clone(),
            stream_sid: new_sid("MZ"),
        };
        let (address, connected) = self.connect(&url, &signed).await;
        let socket = match connected {
            Ok(socket) => socket,
            Err(error) => {
                let (code, reason) = (error.code, error.reason);
                self.stream_event(base, stream, &ids, "stream-error", Some(&reason)).await;
                self.report.deeds.push(Deed::StreamFailed { code, reason });
                return Ok(false);
            }
        };
        self.report.deeds.push(Deed::Streamed { url: address.to_string() });
        self.stream_event(base, stream, &ids, "stream-started", None).await;
        let setup = LineSetup {
            ids: ids.clone(),
            parameters: stream.parameters.clone(),
            pace: self.options.pace,
            jitter_ms: self.options.jitter_ms,
            seed: self.options.seed,
            max_ms: self.options.max_ms,
            grant_timeout: self.options.grant_timeout,
        };
        let line = session::run(socket, &setup, user).await;
        self.stream_event(base, stream, &ids, "stream-stopped", None).await;
        let caller_gone = matches!(line.end, LineEnd::CallerHungUp | LineEnd::CallerBroke | LineEnd::TooLong);
        self.report.earlier_lines.extend(self.report.line.replace(line));
        Ok(caller_gone)
    }

    /// Connects to the first server that takes the stream.
    async fn connect(&self, url: &Url, signed: &str) -> (Url, Result<socket::Socket, socket::ConnectError>) {
        let mut last = None;
        for address in self.webhooks.routes(url) {
            let connected = socket::connect(&address, Some(signed)).await;
            let is_taken = connected.is_ok();
            last = Some((address, connected));
            if is_taken {
                break;
            }
        }
        last.unwrap_or_else(|| {
            let reason = "there is no server".to_owned();
            (url.clone(), Err(socket::ConnectError { code: 31902, reason }))
        })
    }

    async fn stream_event(
        &mut self,
        base: &Url,
        stream: &Stream,
        ids: &StreamIds,
        event: &str,
        error: Option<&str>,
    ) {
        let Some(callback) = &stream.status_callback else { return };
        let Ok(url) = self.resolve(base, &callback.url) else { return };
        let mut fields = vec![
            ("AccountSid", ids.account_sid.as_str()),
            ("CallSid", &ids.call_sid),
            ("StreamSid", &ids.stream_sid),
            ("StreamName", &stream.name),
            ("StreamEvent", event),
        ];
        if let Some(error) = error {
            fields.push(("StreamError", error));
        }
        let fields: Vec<(String, String)> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let answer = self.webhooks.send(&url, callback.get, &fields, &new_sid("")).await;
        let answered = answer.map_or(0, |answer| answer.status);
        self.report.deeds.push(Deed::Reported { status: event.to_owned(), answered });
    }

    async fn pick_up(&mut self) {
        if self.answered.is_none() {
            self.answered = Some(Instant::now());
            self.status = "in-progress";
            self.report_status("in-progress").await;
        }
    }

    async fn report_status(&mut self, status: &str) {
        let Some(path) = &self.options.status_path else { return };
        let Ok(url) = self.resolve(&self.webhooks.endpoint().public, path) else { return };
        let mut fields = self.fields(status);
        let sequence = self.sequence.to_string();
        self.sequence += 1;
        fields.push(("SequenceNumber".to_owned(), sequence));
        fields.push(("CallbackSource".to_owned(), "call-progress-events".to_owned()));
        fields.push(("Timestamp".to_owned(), SystemClock.now().to_rfc2822()));
        if let Some(answered) = self.answered.filter(|_| status == "completed") {
            let media_ms = self.report.line.as_ref().map_or(0, |line| line.media_ms);
            let seconds = answered.elapsed().as_secs().max(media_ms / 1000);
            fields.push(("CallDuration".to_owned(), seconds.to_string()));
            fields.push(("Duration".to_owned(), seconds.div_ceil(60).to_string()));
        }
        let answer = self.webhooks.send(&url, false, &fields, &new_sid("")).await;
        let answered = answer.map_or(0, |answer| answer.status);
        self.report.deeds.push(Deed::Reported { status: status.to_owned(), answered });
    }

    fn go_on(
        &self,
        base: &Url,
        action: Option<Action>,
        fields: Vec<(String, String)>,
    ) -> Result<Next, TwimlError> {
        match action {
            Some(action) => Ok(Next::Document(self.resolve(base, &action.url)?, action.get, fields)),
            None => Ok(Next::Verb),
        }
    }

    fn resolve(&self, base: &Url, address: &str) -> Result<Url, TwimlError> {
        base.join(address)
            .map_err(|error| TwimlError { code: 11100, reason: format!("address {address:?}: {error}") })
    }

    fn fields(&self, status: &str) -> Vec<(String, String)> {
        let account = &self.webhooks.account().sid;
        call_fields(account, &self.report.call_sid, &self.options.from, &self.options.to, status)
    }
}
