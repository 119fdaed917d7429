//! Our client against the stand-in: calls, messages, conferences, and every way in which they fail.

use std::time::Duration;

use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::telephony::{
    CallUpdate, MachineDetection, NewCall, NewMessage, ParticipantUpdate, Telephony, Updated,
};
use providers::twilio::form::Form;
use providers::twilio::rest::{TwilioRest, TwilioSettings};
use providers::twilio::signature::SignatureVerifier;
use simulator::receiver::{Behaviour, Receiver};
use simulator::twilio::rest::people::Person;
use simulator::twilio::rest::{Settings, TwilioApi};
use simulator::twilio::webhook::Account;
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};

pub(super) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(super) const SECRET: &str = "the account's auth token";
pub(super) const OURS: &str = "+15135550100";
pub(super) const THEIRS: &str = "+15135550142";

pub(super) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(super) async fn twilio() -> StandIn<TwilioApi> {
    let settings = Settings {
        account: Account { sid: ACCOUNT.to_owned(), auth_token: SECRET.to_owned() },
        api_key: Some(("SK1".to_owned(), "the key's secret".to_owned())),
        numbers: vec![OURS.to_owned()],
        rings_for: Duration::from_millis(5),
        out_of_order: true,
    };
    StandIn::start(TwilioApi::new(settings, http()), Place::default()).await.unwrap()
}

fn settings(twilio: &StandIn<TwilioApi>) -> TwilioSettings {
    TwilioSettings {
        account_sid: Some(ACCOUNT.to_owned()),
        api_key: None,
        secret: Some(SECRET.to_owned().into()),
        base_url: twilio.url().parse().unwrap(),
        calls_per_second: 1_000,
        http: http(),
    }
}

pub(super) fn client(twilio: &StandIn<TwilioApi>) -> TwilioRest {
    TwilioRest::new(settings(twilio))
}

/// A server of ours that answers every request with this TwiML.
pub(super) async fn server(twiml: &str) -> Receiver {
    let twiml = format!("<Response>{twiml}</Response>");
    Receiver::start([Behaviour::Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: twiml,
    }])
    .await
    .unwrap()
}

pub(super) fn call(server: &Receiver) -> NewCall {
    NewCall {
        to: THEIRS.to_owned(),
        from: OURS.to_owned(),
        url: server.url("/voice"),
        status_url: server.url("/status"),
        ring_seconds: 20,
        most_seconds: Some(60),
        machine: MachineDetection::Meanwhile { url: server.url("/machine") },
    }
}

fn form(body: &[u8]) -> Form {
    Form::parse(body).unwrap()
}

#[tokio::test]
async fn a_call_that_is_answered_is_told_and_carried_out() {
    let (twilio, server) = (twilio().await, server("<Say>Hello.</Say><Hangup/>").await);
    twilio.vendor().expect(THEIRS, [Person::presses(&[])]);
    let placed = client(&twilio).place_call(&call(&server)).await.unwrap();
    assert_eq!((placed.status.as_str(), placed.created_at.is_some()), ("queued", true));
    twilio.vendor().until(|ledger| ledger.is_quiet()).await;
    let ledger = twilio.vendor().ledger();
    assert_eq!(ledger.calls[0].heard, ["Hello."]);
    assert_eq!(ledger.calls[0].errors, Vec::<String>::new());
    let verifier = SignatureVerifier::new(SECRET, None).unwrap();
    let mut told = Vec::new();
    for request in server.received() {
        let form = form(&request.body);
        let signature = request.header("x-twilio-signature").as_bytes();
        verifier.verify_form(&server.url(&request.path), &form, Some(signature)).unwrap();
        if request.path == "/status" {
            let number = form.get("SequenceNumber").unwrap().parse::<u32>().unwrap();
            told.push((number, form.get("CallStatus").unwrap().into_owned()));
        }
    }
    let order: Vec<u32> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, [0, 2, 1, 3], "callbacks may come out of order");
    told.sort();
    let statuses: Vec<&str> = told.iter().map(|(_, status)| status.as_str()).collect();
    assert_eq!(statuses, ["initiated", "ringing", "in-progress", "completed"]);
    let verdict = server.received().into_iter().find(|request| request.path == "/machine").unwrap();
    assert_eq!(form(&verdict.body).get("AnsweredBy").as_deref(), Some("human"));
}

#[tokio::test]
async fn every_way_of_not_answering_has_its_status() {
    let (twilio, server) = (twilio().await, server("<Hangup/>").await);
    let client = client(&twilio);
    for (person, status) in
        [(Person::Busy, "busy"), (Person::LetsRing, "no-answer"), (Person::Unreachable, "failed")]
    {
        twilio.vendor().expect(THEIRS, [person]);
        let placed = client.place_call(&call(&server)).await.unwrap();
        twilio.vendor().until(|ledger| ledger.is_quiet()).await;
        let known = client.calls_to(THEIRS, OURS).await.unwrap();
        assert_eq!((&known[0].id, known[0].status.as_str()), (&placed.id, status));
        assert_eq!(client.update_call(&placed.id, &CallUpdate::End).await, Ok(Updated::CallIsOver));
    }
    assert_eq!(client.calls_to(THEIRS, OURS).await.unwrap().len(), 3);
    assert_eq!(client.calls_to("+15135550143", OURS).await, Ok(Vec::new()));
}

#[tokio::test]
async fn keys_that_are_pressed_are_brought_to_the_action() {
    let gather = "<Gather action=\"/key\" numDigits=\"1\"><Say>Press one.</Say></Gather><Say>Nobody.</Say>";
    let server = server(gather).await;
    let twilio = twilio().await;
    twilio.vendor().expect(THEIRS, [Person::presses(&["1"])]);
    client(&twilio).place_call(&call(&server)).await.unwrap();
    twilio.vendor().until(|ledger| ledger.is_quiet()).await;
    let key = server.received().into_iter().find(|request| request.path == "/key").unwrap();
    assert_eq!(form(&key.body).get("Digits").as_deref(), Some("1"));
    // The action was answered with the same document, and then nothing was pressed any more.
    assert_eq!(twilio.vendor().ledger().calls[0].heard, ["Press one.", "Press one.", "Nobody."]);
}

#[tokio::test]
async fn a_call_in_progress_is_sent_elsewhere_or_ended() {
    let stream = "<Connect><Stream url=\"wss://example.com/media\"/></Connect>";
    let (twilio, talking) = (twilio().await, server(stream).await);
    let other = server("<Say>Please hold.</Say>").await;
    twilio.vendor().expect(THEIRS, [Person::Talks]);
    let client = client(&twilio);
    let first = client.place_call(&call(&talking)).await.unwrap();
    twilio.vendor().until(|ledger| !ledger.calls[0].streams.is_empty()).await;
    let elsewhere = CallUpdate::GoOnAt(other.url("/voice"));
    assert_eq!(client.update_call(&first.id, &elsewhere).await, Ok(Updated::Done));
    twilio.vendor().until(|ledger| ledger.is_quiet()).await;
    assert!(twilio.vendor().ledger().calls[0].has_heard("Please hold."));
    let second = client.place_call(&call(&talking)).await.unwrap();
    twilio.vendor().until(|ledger| ledger.calls.len() == 2 && !ledger.calls[1].streams.is_empty()).await;
    assert_eq!(client.update_call(&second.id, &CallUpdate::End).await, Ok(Updated::Done));
    twilio.vendor().until(|ledger| ledger.is_quiet()).await;
}

#[tokio::test]
async fn people_meet_in_a_conference() {
    let (twilio, server) = (twilio().await, server("<Dial><Conference>room</Conference></Dial>").await);
    twilio.vendor().expect(THEIRS, [Person::Talks]);
    twilio.vendor().expect("+15135550143", [Person::Talks]);
    let client = client(&twilio);
    let caller = client.place_call(&call(&server)).await.unwrap();
    twilio.vendor().until(|ledger| ledger.conferences.len() == 1).await;
    let conference = client.conference("room").await.unwrap().unwrap();
    let hold = ParticipantUpdate::Hold(true);
    assert_eq!(client.update_participant(&conference, &caller.id, &hold).await, Ok(Updated::Done));
    assert!(twilio.vendor().ledger().conferences[0].participants[0].on_hold);
    let guest = NewCall { to: "+15135550143".to_owned(), ..call(&server) };
    let guest = client.invite("room", &guest).await.unwrap();
    twilio.vendor().until(|ledger| ledger.conferences[0].participants.len() == 2).await;
    let announce = ParticipantUpdate::Announce(server.url("/announcement"));
    assert_eq!(client.update_participant(&conference, &guest.id, &announce).await, Ok(Updated::Done));
    // It ends with the guest.
    assert_eq!(client.remove_participant(&conference, &guest.id).await, Ok(Updated::Done));
    twilio.vendor().until(|ledger| ledger.is_quiet()).await;
    assert_eq!(client.remove_participant(&conference, &guest.id).await, Ok(Updated::CallIsOver));
    assert_eq!(client.conference("room").await, Ok(None));
}

#[tokio::test]
async fn a_text_message_is_sent_once_and_checked() {
    let twilio = twilio().await;
    let client = client(&twilio);
    let text = |to: &str, from: &str, text: &str| NewMessage {
        to: to.to_owned(),
        from: from.to_owned(),
        text: text.to_owned(),
    };
    client.send_message(&text(THEIRS, OURS, "Ümläute & more")).await.unwrap();
    let ledger = twilio.vendor().ledger();
    assert_eq!((ledger.messages.len(), ledger.messages[0].text.as_str()), (1, "Ümläute & more"));
    let known = client.messages_to(THEIRS, OURS).await.unwrap();
    let [found] = known.as_slice() else { panic!("{known:?}") };
    assert_eq!((found.id.as_str(), found.text.as_str()), (ledger.messages[0].sid.as_str(), "Ümläute & more"));
    assert!(found.created_at.is_some());
    assert_eq!(client.messages_to(OURS, THEIRS).await, Ok(Vec::new()));
    let long = "x".repeat(1_601);
    for (to, from, words, refused) in
        [("12", OURS, "x", false), (THEIRS, THEIRS, "x", true), (THEIRS, OURS, long.as_str(), false)]
    {
        let error = client.send_message(&text(to, from, words)).await.unwrap_err();
        assert_eq!(matches!(error, ProviderError::Refused { .. }), refused, "{error}");
        assert_eq!(matches!(error, ProviderError::Invalid { .. }), !refused, "{error}");
    }
}

#[tokio::test]
async fn what_goes_wrong_says_what_can_be_done() {
    let (twilio, server) = (twilio().await, server("<Hangup/>").await);
    let client = client(&twilio);
    for (fault, expect) in [
        (Fault::Fail(Failure::Unauthorized), "twilio refused the request: HTTP 401, error 20003"),
        (Fault::Fail(Failure::RateLimited(Some(Duration::ZERO))), "twilio is over its rate limit"),
        (Fault::Fail(Failure::NoCredit), "twilio refused the request: HTTP 403, error 20005"),
        (Fault::Fail(Failure::Server(502)), "twilio is unavailable: HTTP 502"),
        (Fault::Garbage, "twilio is unavailable: its answer is none of the protocol's"),
        (Fault::Refuse, "twilio is unavailable: "),
        (Fault::Cut(0), "twilio is unavailable: "),
    ] {
        twilio.set_fault_for(fault, 1);
        let error = client.place_call(&call(&server)).await.unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
        assert!(!error.contains(THEIRS) && !error.contains(ACCOUNT), "{error}");
    }
    let wrong = NewCall { to: "+1".to_owned(), ..call(&server) };
    assert!(matches!(client.place_call(&wrong).await, Err(ProviderError::Invalid { .. })));
}

#[tokio::test]
async fn an_account_or_a_key_of_it_is_needed() {
    let (twilio, server) = (twilio().await, server("<Hangup/>").await);
    twilio.vendor().expect(THEIRS, [Person::Busy]);
    let by_key = TwilioRest::new(TwilioSettings {
        api_key: Some("SK1".to_owned()),
        secret: Some("the key's secret".to_owned().into()),
        ..settings(&twilio)
    });
    assert_eq!(by_key.readiness(), Readiness::Ready);
    assert!(by_key.place_call(&call(&server)).await.is_ok());
    let none = TwilioRest::new(TwilioSettings { account_sid: None, ..settings(&twilio) });
    assert!(matches!(none.readiness(), Readiness::Missing { .. }));
    assert!(matches!(none.place_call(&call(&server)).await, Err(ProviderError::Refused { .. })));
    assert_eq!(twilio.vendor().ledger().calls.len(), 1);
}
