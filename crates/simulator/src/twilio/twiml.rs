//! TwiML, read as strictly as Twilio reads it: what Twilio would refuse or warn of is an error here.

use super::xml::{self, Element};

/// Why Twilio would not execute a document. Codes are Twilio's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("twilio error {code}: {reason}")]
pub struct TwimlError {
    /// Twilio's error code, such as 12100 for a document that can't be parsed.
    pub code: u32,
    /// What is wrong, in plain words.
    pub reason: String,
}

impl TwimlError {
    pub(crate) fn new(code: u32, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// A verb of a document, in the order of execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Speaks a text to the caller.
    Say {
        /// The words, without mark-up.
        text: String,
        /// The voice asked for, empty for the default.
        voice: String,
        /// How often it is spoken.
        times: u32,
    },
    /// Waits.
    Pause {
        /// Seconds.
        seconds: u32,
    },
    /// Plays a file.
    Play {
        /// Where it lies; empty when `digits` are played.
        url: String,
    },
    /// Opens a bidirectional media stream and waits for its end.
    ConnectStream {
        /// Where the call goes on, if not with the next verb.
        action: Option<Action>,
        /// The stream.
        stream: Stream,
    },
    /// Collects keys or speech.
    Gather {
        /// Where the input goes.
        action: Option<Action>,
        /// Verbs executed while it listens (`Say`, `Play`, `Pause`).
        inside: Vec<Verb>,
        /// Seconds it waits.
        timeout_seconds: u32,
        /// Whether `action` is requested without input, too.
        action_on_empty: bool,
    },
    /// Records the caller.
    Record {
        /// Where the call goes on, if not with the next verb.
        action: Option<Action>,
        /// Longest length in seconds.
        max_seconds: u32,
    },
    /// Connects the caller to somebody else.
    Dial {
        /// Where the call goes on, if not with the next verb.
        action: Option<Action>,
        /// The numbers, clients or addresses called.
        targets: Vec<String>,
        /// The room that is entered instead, when a conference is meant.
        conference: Option<Room>,
        /// Told how the first number's own call goes.
        number_status: Option<Action>,
    },
    /// Goes on with another document.
    Redirect(Action),
    /// Refuses the call without answering it.
    Reject {
        /// `rejected` or `busy`.
        reason: String,
    },
    /// Ends the call.
    Hangup,
}

/// A request to be made, relative to the document's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// As written; may be relative.
    pub url: String,
    /// Whether it is requested with GET rather than POST.
    pub get: bool,
}

/// `<Conference>` inside `<Dial>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Our name for it.
    pub name: String,
    /// Whether the conference begins with whoever enters by this.
    pub starts: bool,
    /// Whether it ends when they leave.
    pub ends: bool,
    /// What whoever waits in it hears.
    pub wait: Option<Action>,
}

/// `<Stream>` inside `<Connect>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The WebSocket's address as written.
    pub url: String,
    /// Reported back in status callbacks.
    pub name: String,
    /// Where the stream's life is reported.
    pub status_callback: Option<Action>,
    /// Custom parameters, delivered with `start`.
    pub parameters: Vec<(String, String)>,
}

/// The most a document may weigh.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
const PARSE_FAILURE: u32 = 12100;
const SCHEMA: u32 = 12200;

/// Parses a document.
///
/// # Errors
/// When Twilio would refuse it or warn of it, with Twilio's code.
pub fn parse(document: &str) -> Result<Vec<Verb>, TwimlError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(TwimlError::new(
            11750,
            format!("the document has {} bytes, allowed are 64 kB", document.len()),
        ));
    }
    let root = xml::parse(document).map_err(|reason| TwimlError::new(PARSE_FAILURE, reason))?;
    if root.name != "Response" {
        return Err(TwimlError::new(PARSE_FAILURE, format!("the root is <{}>, not <Response>", root.name)));
    }
    attributes(&root, &[])?;
    no_text(&root)?;
    root.elements().map(verb).collect()
}

fn verb(element: &Element) -> Result<Verb, TwimlError> {
    match element.name.as_str() {
        "Say" => say(element),
        "Pause" => {
            let seconds = Attributes::of(element, &["length"])?.number("length", 1, 0..=600)?;
            empty(element)?;
            Ok(Verb::Pause { seconds })
        }
        "Play" => {
            let attributes = Attributes::of(element, &["loop", "digits"])?;
            let url = element.flat_text();
            if url.is_empty() && attributes.get("digits").is_none() {
                return Err(schema("<Play> has neither an address nor digits"));
            }
            Ok(Verb::Play { url })
        }
        "Connect" => connect(element),
        "Gather" => gather(element),
        "Record" => {
            let attributes = Attributes::of(
                element,
                &[
                    "action",
                    "method",
                    "timeout",
                    "finishOnKey",
                    "maxLength",
                    "playBeep",
                    "trim",
                    "transcribe",
                    "transcribeCallback",
                    "recordingStatusCallback",
                    "recordingStatusCallbackMethod",
                    "recordingStatusCallbackEvent",
                ],
            )?;
            empty(element)?;
            Ok(Verb::Record {
                action: attributes.action()?,
                max_seconds: attributes.number("maxLength", 3600, 1..=14_400)?,
            })
        }
        "Dial" => dial(element),
        "Redirect" => {
            let get = Attributes::of(element, &["method"])?.is_get("method")?;
            let url = element.flat_text();
            if url.is_empty() {
                return Err(TwimlError::new(11100, "<Redirect> without an address"));
            }
            Ok(Verb::Redirect(Action { url, get }))
        }
        "Reject" => {
            let attributes = Attributes::of(element, &["reason"])?;
            empty(element)?;
            let reason = attributes.one_of("reason", "rejected", &["rejected", "busy"])?;
            Ok(Verb::Reject { reason })
        }
        "Hangup" => {
            attributes(element, &[])?;
            empty(element)?;
            Ok(Verb::Hangup)
        }
        other => Err(schema(format!("<{other}> is not a verb this caller's side knows"))),
    }
}

fn say(element: &Element) -> Result<Verb, TwimlError> {
    let attributes = Attributes::of(element, &["voice", "language", "loop"])?;
    speech_markup(element)?;
    let text = element.flat_text();
    if text.is_empty() {
        return Err(TwimlError::new(13520, "<Say> has nothing to say"));
    }
    if text.chars().count() > 4096 {
        return Err(TwimlError::new(13521, "<Say> has more than 4096 characters"));
    }
    let voice = attributes.get("voice").unwrap_or_default().to_owned();
    // Zero means "until hang-up"; one is enough to hear it.
    let times = attributes.number("loop", 1, 0..=1000)?.max(1);
    Ok(Verb::Say { text, voice, times })
}

fn speech_markup(element: &Element) -> Result<(), TwimlError> {
    const SSML: [&str; 10] =
        ["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"];
    for inner in element.elements() {
        if !SSML.contains(&inner.name.as_str()) {
            return Err(schema(format!("<{}> inside <Say>", inner.name)));
        }
        speech_markup(inner)?;
    }
    Ok(())
}

fn connect(element: &Element) -> Result<Verb, TwimlError> {
    let action = Attributes::of(element, &["action", "method"])?.action()?;
    no_text(element)?;
    let mut nouns = element.elements();
    let (Some(noun), None) = (nouns.next(), nouns.next()) else {
        return Err(schema("<Connect> takes exactly one noun"));
    };
    if noun.name != "Stream" {
        return Err(schema(format!("<Connect><{}> is not offered here", noun.name)));
    }
    let attributes = Attributes::of(
        noun,
        &["name", "url", "track", "statusCallback", "statusCallbackMethod", "connectorName"],
    )?;
    attributes.one_of("track", "inbound_track", &["inbound_track"])?;
    no_text(noun)?;
    let url = attributes.get("url").unwrap_or_default().to_owned();
    check_stream_url(&url)?;
    let mut parameters = Vec::new();
    for parameter in noun.elements() {
        if parameter.name != "Parameter" {
            return Err(schema(format!("<{}> inside <Stream>", parameter.name)));
        }
        let given = Attributes::of(parameter, &["name", "value"])?;
        let (Some(name), Some(value)) = (given.get("name"), given.get("value")) else {
            return Err(schema("<Parameter> needs name and value"));
        };
        if name.len() + value.len() > 500 {
            return Err(schema(format!("<Parameter name=\"{name}\"> is longer than 500 characters")));
        }
        parameters.push((name.to_owned(), value.to_owned()));
    }
    let status_callback = match attributes.get("statusCallback") {
        Some(url) => Some(Action { url: url.to_owned(), get: attributes.is_get("statusCallbackMethod")? }),
        None => None,
    };
    let name = attributes.get("name").unwrap_or_default().to_owned();
    Ok(Verb::ConnectStream { action, stream: Stream { url, name, status_callback, parameters } })
}

/// `wss` only, as at Twilio; plain `ws` is let through to this machine, where there is no wire to listen on.
fn check_stream_url(url: &str) -> Result<(), TwimlError> {
    let wrong = |why: &str| Err(TwimlError::new(31922, format!("stream address {url:?}: {why}")));
    let Ok(parsed) = reqwest::Url::parse(url) else { return wrong("not an address") };
    let host = parsed.host_str().unwrap_or_default();
    match parsed.scheme() {
        "wss" if !host.is_empty() => Ok(()),
        "ws" if matches!(host, "127.0.0.1" | "localhost" | "[::1]") => Ok(()),
        "ws" => wrong("must begin with wss://"),
        _ => wrong("must be a WebSocket's"),
    }
}

fn gather(element: &Element) -> Result<Verb, TwimlError> {
    let attributes = Attributes::of(
        element,
        &[
            "input",
            "action",
            "method",
            "timeout",
            "speechTimeout",
            "maxSpeechTime",
            "finishOnKey",
            "numDigits",
            "language",
            "hints",
            "speechModel",
            "enhanced",
            "profanityFilter",
            "bargeIn",
            "partialResultCallback",
            "partialResultCallbackMethod",
            "actionOnEmptyResult",
        ],
    )?;
    no_text(element)?;
    let inside: Vec<Verb> = element.elements().map(verb).collect::<Result<_, _>>()?;
    if inside.iter().any(|verb| !matches!(verb, Verb::Say { .. } | Verb::Play { .. } | Verb::Pause { .. })) {
        return Err(schema("<Gather> may hold only <Say>, <Play> and <Pause>"));
    }
    Ok(Verb::Gather {
        action: attributes.action()?,
        inside,
        timeout_seconds: attributes.number("timeout", 5, 0..=600)?,
        action_on_empty: attributes.one_of("actionOnEmptyResult", "false", &["true", "false"])? == "true",
    })
}

fn dial(element: &Element) -> Result<Verb, TwimlError> {
    let attributes = Attributes::of(
        element,
        &[
            "action",
            "method",
            "timeout",
            "timeLimit",
            "callerId",
            "record",
            "answerOnBridge",
            "ringTone",
            "hangupOnStar",
            "sequential",
            "trim",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "recordingTrack",
            "referUrl",
            "referMethod",
            "events",
        ],
    )?;
    let mut targets: Vec<String> = Vec::new();
    if let Some(number) = element.stray_text() {
        targets.push(number.to_owned());
    }
    let (mut conference, mut number_status) = (None, None);
    for noun in element.elements() {
        match noun.name.as_str() {
            "Number" => {
                let given = Attributes::of(noun, NUMBER)?;
                if let (None, Some(url)) = (&number_status, given.get("statusCallback")) {
                    number_status =
                        Some(Action { url: url.to_owned(), get: given.is_get("statusCallbackMethod")? });
                }
            }
            "Conference" => conference = Some(room(noun)?),
            "Sip" | "Client" | "Queue" => {}
            other => return Err(schema(format!("<{other}> inside <Dial>"))),
        }
        targets.push(noun.flat_text());
    }
    if targets.is_empty() || targets.iter().any(String::is_empty) {
        return Err(TwimlError::new(13223, "<Dial> without anybody to call"));
    }
    Ok(Verb::Dial { action: attributes.action()?, targets, conference, number_status })
}

/// What `<Number>` may say.
const NUMBER: &[&str] = &[
    "sendDigits",
    "url",
    "method",
    "statusCallback",
    "statusCallbackMethod",
    "statusCallbackEvent",
    "byoc",
    "machineDetection",
    "amdStatusCallback",
    "amdStatusCallbackMethod",
];

fn room(element: &Element) -> Result<Room, TwimlError> {
    let given = Attributes::of(
        element,
        &[
            "muted",
            "beep",
            "startConferenceOnEnter",
            "endConferenceOnExit",
            "waitUrl",
            "waitMethod",
            "maxParticipants",
            "record",
            "region",
            "coach",
            "trim",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "eventCallbackUrl",
            "participantLabel",
            "jitterBufferSize",
        ],
    )?;
    let yes_no = |name: &str, default: &str| {
        given.one_of(name, default, &["true", "false"]).map(|value| value == "true")
    };
    let wait = match given.get("waitUrl") {
        Some(url) => Some(Action { url: url.to_owned(), get: given.is_get("waitMethod")? }),
        None => None,
    };
    Ok(Room {
        wait,
        name: element.flat_text(),
        starts: yes_no("startConferenceOnEnter", "true")?,
        ends: yes_no("endConferenceOnExit", "false")?,
    })
}

struct Attributes<'a>(&'a Element);

impl<'a> Attributes<'a> {
    fn of(element: &'a Element, known: &[&str]) -> Result<Self, TwimlError> {
        attributes(element, known)?;
        Ok(Self(element))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn action(&self) -> Result<Option<Action>, TwimlError> {
        let get = self.is_get("method")?;
        Ok(self.get("action").filter(|url| !url.is_empty()).map(|url| Action { url: url.to_owned(), get }))
    }

    fn is_get(&self, name: &str) -> Result<bool, TwimlError> {
        Ok(self.one_of(name, "POST", &["POST", "GET"])? == "GET")
    }

    fn one_of(&self, name: &str, default: &str, allowed: &[&str]) -> Result<String, TwimlError> {
        let value = self.get(name).unwrap_or(default);
        if allowed.contains(&value) {
            return Ok(value.to_owned());
        }
        Err(schema(format!("<{} {name}=\"{value}\">: allowed is {}", self.0.name, allowed.join(", "))))
    }

    fn number(
        &self,
        name: &str,
        default: u32,
        allowed: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, TwimlError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
            schema(format!(
                "<{} {name}=\"{text}\">: allowed is {} to {}",
                self.0.name,
                allowed.start(),
                allowed.end()
            ))
        })
    }
}

fn attributes(element: &Element, known: &[&str]) -> Result<(), TwimlError> {
    match element.attributes.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(schema(format!("<{}> has no attribute {name}", element.name))),
        None => Ok(()),
    }
}

fn no_text(element: &Element) -> Result<(), TwimlError> {
    match element.stray_text() {
        Some(text) => Err(schema(format!("text directly inside <{}>: {text:?}", element.name))),
        None => Ok(()),
    }
}

fn empty(element: &Element) -> Result<(), TwimlError> {
    match element.elements().next() {
        Some(inner) => Err(schema(format!("<{}> inside <{}>", inner.name, element.name))),
        None => no_text(element),
    }
}

fn schema(reason: impl Into<String>) -> TwimlError {
    TwimlError::new(SCHEMA, reason)
}

#[cfg(test)]
mod tests;
