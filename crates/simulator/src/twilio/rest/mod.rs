//! A stand-in for Twilio's REST API: strict about what it is asked, and it really does it. A call that is placed rings
//! somebody ([`people::Person`]), its status is reported with signed callbacks, its TwiML is fetched and carried out.
//!
//! Nobody waits here: pauses, rings and time-outs take no time of their own, except that a call rings for
//! [`Settings::rings_for`].

mod calls;
mod conferences;
mod documents;
mod form;
pub mod ledger;
mod life;
pub mod network;
pub mod people;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::documents::error;
use self::ledger::{Book, Ledger};
use self::people::{People, Person};
use super::webhook::{Account, Endpoint, Webhooks};
use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Reply};
use crate::vendor::fault::Failure;
use crate::vendor::request::Request;

/// What the stand-in is.
#[derive(Clone)]
pub struct Settings {
    /// The account; its auth token signs callbacks, and lets in.
    pub account: Account,
    /// Lets in, too: an API key and its secret.
    pub api_key: Option<(String, String)>,
    /// The numbers that the account has: calls and messages come from one of them.
    pub numbers: Vec<String>,
    /// How long a telephone rings before somebody answers.
    pub rings_for: Duration,
    /// Whether the report of ringing comes after that of the answer.
    pub out_of_order: bool,
}

/// Twilio, played.
pub struct TwilioApi {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What the calls in progress share with the API.
struct Shared {
    settings: Settings,
    webhooks: Webhooks,
    people: People,
    /// What every recording sounds like; `None`: none is ready.
    recorded: Mutex<Option<Vec<u8>>>,
    book: Book,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl TwilioApi {
    /// An account with nobody reachable but by [`TwilioApi::expect`]; callbacks go wherever they are asked for.
    #[must_use]
    pub fn new(settings: Settings, http: reqwest::Client) -> Self {
        let stop = CancellationToken::new();
        // The addresses of callbacks are connected to as they are.
        let nowhere = Url::parse("http://127.0.0.1:9").expect("an address");
        let endpoint = Endpoint { base: nowhere.clone(), public: nowhere };
        let webhooks = Webhooks::new(http, settings.account.clone(), endpoint);
        let shared = Shared {
            settings,
            webhooks,
            people: People::default(),
            recorded: Mutex::default(),
            book: Book::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        };
        Self { shared: Arc::new(shared), _stop: stop.drop_guard() }
    }

    /// What happens at the next calls to a number, one after the other; the last goes for all that follow.
    pub fn expect(&self, number: &str, persons: impl IntoIterator<Item = Person>) {
        self.shared.people.set(number, persons.into_iter().collect());
    }

    /// Somebody answers STOP to a text message: they get none any more.
    pub fn stops_texts(&self, number: &str) {
        self.shared.people.stop(number);
    }

    /// From now on every recording is this WAV file; `None`: not there yet.
    pub fn record(&self, wav: Option<Vec<u8>>) {
        *self.shared.recorded.lock().unwrap_or_else(PoisonError::into_inner) = wav;
    }

    /// Everything that happened so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.book.read()
    }

    /// Waits until what happened is so.
    pub async fn until(&self, so: impl FnMut(&Ledger) -> bool) {
        self.shared.book.until(so).await;
    }
}

#[async_trait]
impl Vendor for TwilioApi {
    fn answer(&self, request: &Request) -> Reply {
        if !self.shared.lets_in(request) {
            return error(401, 20003, "Authenticate").into();
        }
        let prefix = format!("/2010-04-01/Accounts/{}/", self.shared.settings.account.sid);
        let Some(path) = request.path.strip_prefix(&prefix) else { return not_found().into() };
        let path: Vec<&str> = path.split('/').collect();
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("POST", ["Calls.json"]) => calls::place(&self.shared, request),
            ("GET", ["Calls.json"]) => calls::list(&self.shared, request),
            ("GET", ["Calls", call]) => calls::get(&self.shared, call),
            ("POST", ["Calls", call]) => calls::update(&self.shared, call, request),
            ("POST", ["Messages.json"]) => calls::message(&self.shared, request),
            ("GET", ["Messages.json"]) => calls::messages(&self.shared, request),
            ("GET", ["Recordings", name]) => recording(&self.shared, name),
            ("DELETE", ["Recordings", name]) => delete_recording(&self.shared, name),
            ("GET", ["Conferences.json"]) => conferences::list(&self.shared, request),
            ("POST", ["Conferences", room, "Participants.json"]) => {
                conferences::invite(&self.shared, room, request)
            }
            ("POST", ["Conferences", room, "Participants", call]) => {
                conferences::update(&self.shared, room, call, request)
            }
            ("DELETE", ["Conferences", room, "Participants", call]) => {
                conferences::remove(&self.shared, room, call)
            }
            _ => Err(not_found()),
        };
        answer.unwrap_or_else(|refusal| refusal).into()
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => error(401, 20003, "Authenticate").into(),
            Failure::RateLimited(after) => {
                let answer = error(429, 20429, "Too Many Requests");
                match after {
                    Some(after) => answer.header("Retry-After", after.as_secs().to_string()),
                    None => answer,
                }
                .into()
            }
            Failure::NoCredit => error(403, 20005, "Account not active").into(),
            Failure::Server(status) => Answer::whole(status, "text/html", "<html>Bad Gateway</html>").into(),
        }
    }
}

impl Shared {
    fn lets_in(&self, request: &Request) -> bool {
        let given = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let account = &self.settings.account;
        let mut known = vec![(account.sid.clone(), account.auth_token.clone())];
        known.extend(self.settings.api_key.clone());
        given.is_some_and(|given| {
            known.iter().any(|(user, secret)| {
                base64_simd::STANDARD.encode_to_string(format!("{user}:{secret}")) == given
            })
        })
    }
}

/// `RE….wav`.
fn recording(shared: &Shared, name: &str) -> Result<Answer, Answer> {
    let sid = name.strip_suffix(".wav").ok_or_else(not_found)?;
    let known =
        sid.starts_with("RE") && !shared.book.read().deleted_recordings.iter().any(|gone| gone == sid);
    let recorded = shared.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone();
    recorded.filter(|_| known).map(|wav| Answer::whole(200, "audio/x-wav", wav)).ok_or_else(not_found)
}

/// `RE….json`.
fn delete_recording(shared: &Shared, name: &str) -> Result<Answer, Answer> {
    let sid = name.strip_suffix(".json").filter(|sid| sid.starts_with("RE")).ok_or_else(not_found)?;
    shared.book.write(|ledger| {
        if ledger.deleted_recordings.iter().any(|gone| gone == sid) {
            return Err(not_found());
        }
        ledger.deleted_recordings.push(sid.to_owned());
        Ok(Answer::whole(204, "application/json", ""))
    })
}

fn not_found() -> Answer {
    error(404, 20404, "The requested resource was not found")
}
