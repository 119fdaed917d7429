//! Twilio's REST API, version 2010-04-01: forms in, JSON out, Basic authentication.

mod failure;
mod pace;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::telephony::{
    CallUpdate, KnownCall, KnownMessage, MachineDetection, NewCall, NewMessage, ParticipantUpdate, Telephony,
    Updated,
};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use self::failure::Failure;
use self::pace::Pace;

static DESCRIPTOR: Descriptor = Descriptor { id: "twilio", name: "Twilio", locality: Locality::Cloud };

/// Where Twilio is.
pub const URL: &str = "https://api.twilio.com";
/// Twilio answers within seconds; a call in progress is not waited for.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// The most that is read of an answer.
const MOST_BYTES: usize = 1024 * 1024;
/// The most that is read of a recording: ten minutes of 8 kHz, 16 bits, and room for another format.
const MOST_RECORDED_BYTES: usize = 20 * 1024 * 1024;
/// Calls on a page of the list.
const PAGE: &str = "50";
/// Messages on a page of the list: with at most 1,600 characters each they stay below [`MOST_BYTES`].
const PAGE_OF_MESSAGES: &str = "200";

/// What is needed to ask Twilio.
#[derive(Clone)]
pub struct TwilioSettings {
    /// `AC…`; `None`: there is no account.
    pub account_sid: Option<String>,
    /// `SK…`, where an API key is used instead of the auth token.
    pub api_key: Option<String>,
    /// The API key's secret, or the account's auth token.
    pub secret: Option<SecretString>,
    /// Where it is, without a slash at the end; [`URL`] unless it is a region's.
    pub base_url: Url,
    /// Calls that may be placed in a second.
    pub calls_per_second: u32,
    /// The client that asks.
    pub http: reqwest::Client,
}

/// One account at Twilio.
pub struct TwilioRest {
    settings: TwilioSettings,
    pace: Pace,
}

/// A call as Twilio tells of it.
#[derive(Debug, Deserialize)]
struct CallDocument {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Calls {
    calls: Vec<CallDocument>,
}

/// A text message as Twilio tells of it.
#[derive(Deserialize)]
struct MessageDocument {
    sid: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

#[derive(Deserialize)]
struct Messages {
    messages: Vec<MessageDocument>,
}

#[derive(Debug, Deserialize)]
struct Sid {
    sid: String,
}

#[derive(Debug, Deserialize)]
struct Participant {
    call_sid: String,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Conferences {
    conferences: Vec<Sid>,
}

impl From<CallDocument> for KnownCall {
    fn from(call: CallDocument) -> Self {
        Self {
            id: call.sid,
            status: call.status.unwrap_or_default(),
            created_at: moment(call.date_created.as_deref()),
        }
    }
}

impl From<MessageDocument> for KnownMessage {
    fn from(message: MessageDocument) -> Self {
        Self {
            id: message.sid,
            text: message.body.unwrap_or_default(),
            created_at: moment(message.date_created.as_deref()),
        }
    }
}

/// A moment as Twilio writes it.
fn moment(text: Option<&str>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text?).ok().map(|at| at.with_timezone(&Utc))
}

impl TwilioRest {
    /// With these settings.
    #[must_use]
    pub fn new(settings: TwilioSettings) -> Self {
        Self { pace: Pace::new(settings.calls_per_second), settings }
    }

    /// A request below the account's resources. Path segments are escaped.
    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, ProviderError> {
        let settings = &self.settings;
        let (Some(account), Some(secret)) = (&settings.account_sid, &settings.secret) else {
            return Err(failure::refused("there is no account (twilio.account_sid, twilio.auth_token)"));
        };
        let mut url = settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["2010-04-01", "Accounts", account.as_str()]).extend(path);
        }
        let user = settings.api_key.as_ref().unwrap_or(account);
        Ok(settings.http.request(method, url).basic_auth(user, Some(secret.expose_secret())))
    }

    /// Asks and reads the document of a success.
    async fn ask(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        self.ask_for(request, MOST_BYTES).await
    }

    async fn ask_for(&self, request: RequestBuilder, most_bytes: usize) -> Result<Vec<u8>, Failure> {
        let answer = async {
            let mut answer = request.send().await.map_err(failure::no_answer)?;
            let (status, wait) = (answer.status(), crate::vendor_http::retry_after(answer.headers()));
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(failure::no_answer)? {
                if body.len() + piece.len() > most_bytes {
                    return Err(failure::unavailable("its answer is too long").into());
                }
                body.extend_from_slice(&piece);
            }
            if status.is_success() { Ok(body) } else { Err(Failure::read(status.as_u16(), wait, &body)) }
        };
        tokio::time::timeout(ANSWERS_WITHIN, answer)
            .await
            .unwrap_or_else(|_elapsed| Err(failure::timeout(ANSWERS_WITHIN).into()))
    }

    async fn document<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let body = self.ask(request).await?;
        // The error's text may repeat what the document says.
        serde_json::from_slice(&body).map_err(|error| {
            failure::unavailable(format!("its answer is none of the protocol's (line {})", error.line()))
                .into()
        })
    }

    /// Asks for a call when it is its turn; when the account is too fast, the following wait longer.
    async fn place<T: serde::de::DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ProviderError> {
        self.pace.turn().await;
        let placed = self.document(request).await.map_err(ProviderError::from);
        if let Err(ProviderError::RateLimited { retry_after, .. }) = &placed {
            self.pace.slow_down(retry_after.unwrap_or(Duration::from_secs(1)));
        }
        placed
    }

    /// Whether a change met something that still is.
    fn met(outcome: Result<Vec<u8>, Failure>) -> Result<Updated, ProviderError> {
        match outcome {
            Ok(_) => Ok(Updated::Done),
            Err(failure) if failure.is_about_something_over() => Ok(Updated::CallIsOver),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// What placing a call and inviting to a conference have in common.
fn call_form(call: &NewCall) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("To", call.to.clone()),
        ("From", call.from.clone()),
        ("Timeout", call.ring_seconds.to_string()),
        ("StatusCallback", call.status_url.clone()),
        ("StatusCallbackMethod", "POST".to_owned()),
    ];
    for event in ["initiated", "ringing", "answered", "completed"] {
        form.push(("StatusCallbackEvent", event.to_owned()));
    }
    if let Some(most) = call.most_seconds {
        form.push(("TimeLimit", most.to_string()));
    }
    form
}

#[async_trait]
impl Telephony for TwilioRest {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        let missing = |what: &str, remedy: &str| Readiness::Missing {
            what: what.to_owned(),
            remedy: remedy.to_owned(),
        };
        match (&self.settings.account_sid, &self.settings.secret) {
            (Some(_), Some(_)) => Readiness::Ready,
            (None, _) => missing("an account at Twilio", "set TWILIO_ACCOUNT_SID"),
            (Some(_), None) => missing("the secret of Twilio's account", "set TWILIO_AUTH_TOKEN"),
        }
    }

    async fn place_call(&self, call: &NewCall) -> Result<KnownCall, ProviderError> {
        let mut form = call_form(call);
        form.push(("Url", call.url.clone()));
        form.push(("Method", "POST".to_owned()));
        match &call.machine {
            MachineDetection::Off => {}
            MachineDetection::Before => form.push(("MachineDetection", "DetectMessageEnd".to_owned())),
            MachineDetection::Meanwhile { url } => {
                form.push(("MachineDetection", "Enable".to_owned()));
                form.push(("AsyncAmd", "true".to_owned()));
                form.push(("AsyncAmdStatusCallback", url.clone()));
                form.push(("AsyncAmdStatusCallbackMethod", "POST".to_owned()));
            }
        }
        let request = self.request(Method::POST, &["Calls.json"])?.form(&form);
        Ok(self.place::<CallDocument>(request).await?.into())
    }

    async fn calls_to(&self, to: &str, from: &str) -> Result<Vec<KnownCall>, ProviderError> {
        let request = self.request(Method::GET, &["Calls.json"])?;
        let request = request.query(&[("To", to), ("From", from), ("PageSize", PAGE)]);
        let calls: Calls = self.document(request).await?;
        Ok(calls.calls.into_iter().map(KnownCall::from).collect())
    }

    async fn update_call(&self, id: &str, update: &CallUpdate) -> Result<Updated, ProviderError> {
        let form: &[(&str, &str)] = match update {
            CallUpdate::GoOnAt(url) => &[("Url", url), ("Method", "POST")],
            CallUpdate::End => &[("Status", "completed")],
        };
        let call = format!("{id}.json");
        Self::met(self.ask(self.request(Method::POST, &["Calls", &call])?.form(form)).await)
    }

    async fn send_message(&self, message: &NewMessage) -> Result<String, ProviderError> {
        let form = [("To", &message.to), ("From", &message.from), ("Body", &message.text)];
        let request = self.request(Method::POST, &["Messages.json"])?.form(&form);
        let sent: Sid = self.document(request).await.map_err(ProviderError::from)?;
        Ok(sent.sid)
    }

    async fn messages_to(&self, to: &str, from: &str) -> Result<Vec<KnownMessage>, ProviderError> {
        let request = self.request(Method::GET, &["Messages.json"])?;
        // Not by `DateSent`: that is null until the message has left Twilio's own queue, and what is looked for may be in
        // it still.
        let request = request.query(&[("To", to), ("From", from), ("PageSize", PAGE_OF_MESSAGES)]);
        let found: Messages = self.document(request).await.map_err(ProviderError::from)?;
        Ok(found.messages.into_iter().map(KnownMessage::from).collect())
    }

    async fn recording(&self, id: &str) -> Result<Vec<u8>, ProviderError> {
        let file = format!("{id}.wav");
        let asked =
            self.ask_for(self.request(Method::GET, &["Recordings", &file])?, MOST_RECORDED_BYTES).await;
        asked.map_err(|failure| match failure.is_about_something_over() {
            // It takes the network a moment to put a recording away.
            true => failure::unavailable("the recording is not there yet"),
            false => failure.into(),
        })
    }

    async fn delete_recording(&self, id: &str) -> Result<(), ProviderError> {
        let document = format!("{id}.json");
        let asked = self.ask(self.request(Method::DELETE, &["Recordings", &document])?).await;
        Self::met(asked).map(|_deleted_now_or_before| ())
    }

    async fn conference(&self, name: &str) -> Result<Option<String>, ProviderError> {
        let request = self.request(Method::GET, &["Conferences.json"])?;
        let request = request.query(&[("FriendlyName", name), ("Status", "in-progress")]);
        let found: Conferences = self.document(request).await.map_err(ProviderError::from)?;
        Ok(found.conferences.into_iter().next().map(|one| one.sid))
    }

    async fn update_participant(
        &self,
        conference: &str,
        call: &str,
        update: &ParticipantUpdate,
    ) -> Result<Updated, ProviderError> {
        let form: &[(&str, &str)] = match update {
            ParticipantUpdate::Hold(hold) => &[("Hold", if *hold { "true" } else { "false" })],
            ParticipantUpdate::Announce(url) => &[("AnnounceUrl", url), ("AnnounceMethod", "POST")],
        };
        let call = format!("{call}.json");
        let path = ["Conferences", conference, "Participants", &call];
        Self::met(self.ask(self.request(Method::POST, &path)?.form(form)).await)
    }

    async fn invite(&self, conference: &str, call: &NewCall) -> Result<KnownCall, ProviderError> {
        let mut form = call_form(call);
        form.push(("EndConferenceOnExit", "true".to_owned()));
        form.push(("Beep", "false".to_owned()));
        if let MachineDetection::Meanwhile { url } = &call.machine {
            form.push(("MachineDetection", "Enable".to_owned()));
            form.push(("AmdStatusCallback", url.clone()));
        }
        let path = ["Conferences", conference, "Participants.json"];
        let request = self.request(Method::POST, &path)?.form(&form);
        let participant: Participant = self.place(request).await?;
        let status = participant.status.unwrap_or_default();
        Ok(KnownCall { id: participant.call_sid, status, created_at: None })
    }

    async fn remove_participant(&self, conference: &str, call: &str) -> Result<Updated, ProviderError> {
        let call = format!("{call}.json");
        let path = ["Conferences", conference, "Participants", &call];
        Self::met(self.ask(self.request(Method::DELETE, &path)?).await)
    }
}
