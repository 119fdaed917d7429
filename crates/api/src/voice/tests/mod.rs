//! The edge against a stand-in of the use cases.

mod sockets;
mod webhooks;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::voice::phone::{Pace, PhoneIn, PhoneLine, PhoneOut};
use app::callbacks::answering::Answered;
use app::calls::inbound::{Answer, InboundCall};
use app::calls::media::{MediaRefusal, MediaRequest};
use app::calls::status::{AfterStream, Delivery, StatusUpdate};
use app::error::AppError;
use app::incidents::alerts::{AlertKey, AlertWords};
use app::transfers::{HoldWords, PersonKey, PersonWords};
use async_trait::async_trait;
use axum::Router;
use chrono::{DateTime, Utc};
use domain::ids::{AlertId, CallId, CallbackId, TransferId};
use domain::transfers::HoldMusic;
use futures_util::FutureExt;
use providers::twilio::callbacks::RecordingCallback;
use providers::twilio::signature::SignatureVerifier;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::desk::{Admitted, CallDesk};
use super::edge::{Verification, VoiceEdge, VoiceSettings};

const TOKEN: &str = "12345";
const BASE: &str = "https://studio.example";

/// How the stand-in answers a call.
#[derive(Clone)]
enum Behaviour {
    Answers(Answer),
    Hangs,
    Panics,
}

/// A stand-in of the use cases that remembers what it was told.
struct FakeDesk {
    behaviour: Mutex<Behaviour>,
    after: Mutex<AfterStream>,
    storage_works: Mutex<bool>,
    calls: Mutex<Vec<InboundCall>>,
    statuses: Mutex<Vec<StatusUpdate>>,
    messages: Mutex<Vec<RecordingCallback>>,
    kept: Mutex<HashMap<String, String>>,
    /// Tickets that are good for one use, with their call.
    tickets: Mutex<HashSet<(String, String)>>,
    media: Mutex<Vec<MediaRequest>>,
    /// What sessions heard.
    heard: mpsc::Sender<PhoneIn>,
}

impl FakeDesk {
    fn new() -> (Arc<Self>, mpsc::Receiver<PhoneIn>) {
        let (heard, hearing) = mpsc::channel(10_000);
        let connect = Answer::Connect { call_id: CallId(uuid::Uuid::nil()), ticket: "t1".into() };
        let desk = Self {
            behaviour: Mutex::new(Behaviour::Answers(connect)),
            after: Mutex::new(AfterStream::HangUp),
            storage_works: Mutex::new(true),
            calls: Mutex::default(),
            statuses: Mutex::default(),
            messages: Mutex::default(),
            kept: Mutex::default(),
            tickets: Mutex::new(
                [("CA1", "t1"), ("CA1", "t2"), ("CA2", "t3")].map(|(c, t)| (c.into(), t.into())).into(),
            ),
            media: Mutex::default(),
            heard,
        };
        (Arc::new(desk), hearing)
    }

    fn behaves(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn storage(&self) -> Result<(), AppError> {
        match *self.storage_works.lock().unwrap() {
            true => Ok(()),
            false => Err(AppError::Bug("the storage is broken".into())),
        }
    }
}

#[async_trait]
impl CallDesk for FakeDesk {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    async fn earlier_answer(&self, token: &str) -> Result<Delivery, AppError> {
        self.storage()?;
        if token == "still-being-worked-on" {
            return Ok(Delivery::InProgress);
        }
        Ok(self.kept.lock().unwrap().get(token).cloned().map_or(Delivery::First, Delivery::Answered))
    }

    async fn keep_answer(&self, token: &str, twiml: String) -> Result<String, AppError> {
        self.storage()?;
        Ok(self.kept.lock().unwrap().entry(token.into()).or_insert(twiml).clone())
    }

    async fn answer_call(self: Arc<Self>, call: InboundCall) -> Answer {
        self.calls.lock().unwrap().push(call);
        let behaviour = self.behaviour.lock().unwrap().clone();
        match behaviour {
            Behaviour::Answers(answer) => answer,
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Panics => panic!("a defect in the use case"),
        }
    }

    async fn record_status(&self, update: StatusUpdate) -> Result<(), AppError> {
        self.storage()?;
        if update.call_sid == "CAunknown" {
            return Err(AppError::NotFound { noun: "call" });
        }
        self.statuses.lock().unwrap().push(update);
        Ok(())
    }

    async fn connect_media(self: Arc<Self>, request: MediaRequest) -> Result<Admitted, MediaRefusal> {
        let ticket = (request.call_sid.clone(), request.ticket.clone());
        let pace = if request.lockstep_wanted { Pace::Lockstep } else { Pace::RealTime };
        self.media.lock().unwrap().push(request);
        match self.tickets.lock().unwrap().remove(&ticket) {
            true => {
                let heard = self.heard.clone();
                let run = Box::new(move |line| session(heard, line).boxed());
                Ok(Admitted { call_id: CallId(uuid::Uuid::nil()), pace, run })
            }
            false => Err(MediaRefusal::BadTicket),
        }
    }

    async fn after_stream(&self, _call_sid: &str) -> AfterStream {
        self.after.lock().unwrap().clone()
    }

    async fn message_recorded(&self, recording: RecordingCallback) -> Result<(), AppError> {
        self.storage()?;
        self.messages.lock().unwrap().push(recording);
        Ok(())
    }

    async fn transfer_answered(&self, _call_sid: &str) {}

    async fn transfer_failed(&self, _call_sid: &str) {}

    async fn callback_answered(
        &self,
        _id: CallbackId,
        _call_sid: &str,
        _by: &str,
    ) -> Result<Answered, AppError> {
        self.storage()?;
        Ok(Answered::HangUp)
    }

    async fn callback_status(&self, _id: CallbackId, _call_sid: &str, _status: &str) -> Result<(), AppError> {
        self.storage()
    }

    async fn alert_words(&self, _id: AlertId, _call_sid: &str) -> Result<AlertWords, AppError> {
        self.storage()?;
        let opening = "This is an urgent call.".to_owned();
        Ok(AlertWords::Ask { opening, summary: "The shop <is> down.".to_owned() })
    }

    async fn alert_key(&self, _id: AlertId, key: AlertKey) -> Result<AlertWords, AppError> {
        self.storage()?;
        Ok(AlertWords::Goodbye(format!("{key:?}")))
    }

    async fn alert_status(&self, _id: AlertId, _call_sid: &str, _status: &str) -> Result<(), AppError> {
        self.storage()
    }

    async fn alert_answered_by(&self, _id: AlertId, _call_sid: &str, _by: &str) -> Result<(), AppError> {
        self.storage()
    }

    async fn transfer_hold(&self, _id: TransferId) -> Result<HoldWords, AppError> {
        self.storage()?;
        Ok(HoldWords { text: "Please hold.".to_owned(), between: HoldMusic::Music })
    }

    async fn transfer_left(&self, _id: TransferId) -> Result<bool, AppError> {
        self.storage()?;
        Ok(true)
    }

    async fn transfer_back(&self, _id: TransferId, _call_sid: &str) -> AfterStream {
        self.after.lock().unwrap().clone()
    }

    async fn transfer_words(
        &self,
        _id: TransferId,
        _place: usize,
        _call_sid: &str,
    ) -> Result<PersonWords, AppError> {
        self.storage()?;
        let opening = "This is a call.".to_owned();
        Ok(PersonWords::Ask { opening, summary: "Ask <Dana> & Co.".to_owned() })
    }

    async fn transfer_key(
        &self,
        _id: TransferId,
        _place: usize,
        _call_sid: &str,
        key: PersonKey,
    ) -> Result<PersonWords, AppError> {
        self.storage()?;
        Ok(match key {
            PersonKey::Take => PersonWords::Join { text: "Thank you.".to_owned() },
            _ => PersonWords::Goodbye(format!("{key:?}")),
        })
    }

    async fn transfer_status(
        &self,
        _id: TransferId,
        _place: usize,
        _call_sid: &str,
        _status: &str,
    ) -> Result<(), AppError> {
        self.storage()
    }

    async fn transfer_answered_by(
        &self,
        _id: TransferId,
        _place: usize,
        _call_sid: &str,
        _by: &str,
    ) -> Result<(), AppError> {
        self.storage()
    }
}

/// Echoes audio. Key 9: the agent hangs up. Key 0: a defect. Key 5: sends audio until nobody takes it.
async fn session(heard: mpsc::Sender<PhoneIn>, mut line: PhoneLine) {
    while let Some(message) = line.incoming.recv().await {
        heard.send(message.clone()).await.expect("the test listens");
        match message {
            PhoneIn::Media { payload, .. } => {
                let _ = line.outgoing.send(PhoneOut::Media { payload }).await;
            }
            PhoneIn::Dtmf { digit: '9' } | PhoneIn::Stop | PhoneIn::Closed => break,
            PhoneIn::Dtmf { digit: '0' } => panic!("a defect in the session"),
            PhoneIn::Dtmf { digit: '5' } => {
                let payload = bytes::Bytes::from(vec![0xff; 8_000]);
                while line.outgoing.send(PhoneOut::Media { payload: payload.clone() }).await.is_ok() {}
            }
            _ => {}
        }
    }
}

fn signed() -> Verification {
    Verification::Signed(SignatureVerifier::new(TOKEN, None).expect("a token"))
}

fn settings(verification: Verification) -> VoiceSettings {
    VoiceSettings::new(BASE, verification)
}

fn edge(desk: Arc<FakeDesk>, settings: VoiceSettings) -> Arc<VoiceEdge> {
    VoiceEdge::new(desk, settings, CancellationToken::new(), TaskTracker::new())
}

/// The routes as the server has them, with a page at `/`.
fn routes(edge: &Arc<VoiceEdge>) -> Router {
    let (router, _openapi) = super::router::<()>(Arc::clone(edge)).split_for_parts();
    router
        .route("/", axum::routing::get(|| async { "the page" }))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(edge), super::media::root_alias))
}

/// Keeps a place taken, as an open socket does.
fn occupy(edge: &VoiceEdge) -> tokio::sync::OwnedSemaphorePermit {
    edge.take_place().expect("a place")
}
