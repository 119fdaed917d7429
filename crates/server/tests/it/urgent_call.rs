//! A whole call of a client who can't wait and wants more than was agreed: signed webhooks, media stream, the rules
//! brain, and the telephone network that the emergency call goes through, all played on this machine. Words are exact
//! (speech by loudness), the line is in lockstep, and the escalation runs by the server's own clock.

use std::sync::Arc;
use std::time::Duration;

use app::audit::Actor;
use app::escalation::EscalationChange;
use async_trait::async_trait;
use domain::escalation::EmergencyPerson;
use domain::phone::PhoneNumber;
use server::config::{Layers, Loaded};
use server::wiring::server::{listen, start_with};
use server::wiring::speech::Speech;
use simulator::line::session::{Doing, Ending, LineUser, Moment, Pace};
use simulator::line::{FRAME_MS, SILENCE};
use simulator::twilio::call::{CallOptions, place};
use simulator::twilio::rest::people::Person;
use simulator::twilio::rest::{Settings, TwilioApi};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use simulator::vendor::stand_in::{Place, StandIn};
use store::OrgTx;
use store::change_requests::{ChangeFilter, ChangeSort, ChangeState};
use store::incidents::{IncidentFilter, IncidentSort, IncidentState};
use store::page::Wanted;
use testkit::cheap_speech::{QuickHum, activity};
use tokio_util::task::TaskTracker;
use voice::stand_ins::{MS_PER_WORD, PhraseStt, SttFault, voiced_frame};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const SECRET: &str = "an auth token that is only used in tests";
/// The demonstration's client, with two projects.
const CLIENT: &str = "+15135550122";
const DANA: &str = "+15135550142";
/// Only reached by a test that hangs.
const AT_MOST: Duration = Duration::from_secs(120);

/// What the client says, in this order.
const SCRIPT: [&str; 5] = [
    "our online shop is down and we are losing orders",
    "no thank you",
    "customers see an error at the checkout",
    "could you also design a flyer for the online shop",
    "no thank you that's everything goodbye",
];

/// Says the script, each line when the agent has been quiet for a while.
#[derive(Default)]
struct Client {
    next: usize,
    speaking: Option<(usize, u64)>,
    agent_has_spoken: bool,
    quiet_ms: u64,
}

#[async_trait]
impl LineUser for Client {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        if moment.heard.iter().any(|&code| code != SILENCE[0]) {
            (self.quiet_ms, self.agent_has_spoken) = (0, true);
        } else {
            self.quiet_ms += FRAME_MS;
        }
        if let Some((phrase, left_ms)) = self.speaking {
            self.speaking = (left_ms > FRAME_MS).then(|| (phrase, left_ms - FRAME_MS));
            return Doing { audio: voiced_frame(phrase), ..Doing::default() };
        }
        if !self.agent_has_spoken || self.quiet_ms < 1_000 {
            return Doing::default();
        }
        let Some(words) = SCRIPT.get(self.next) else {
            return Doing { end: Some(Ending::HangUp), ..Doing::default() };
        };
        let length = words.split(' ').count() as u64 * MS_PER_WORD;
        self.speaking = Some((self.next, length));
        (self.next, self.agent_has_spoken) = (self.next + 1, false);
        Doing::default()
    }

    async fn ended(&mut self, _at_ms: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_who_cannot_wait_is_heard_once_by_a_person_and_their_wish_is_noted() {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let folder = testkit::folders::fresh("urgent-call");
    // Found before the server: it must know where the network is.
    let settings = Settings {
        account: Account { sid: ACCOUNT.to_owned(), auth_token: SECRET.to_owned() },
        api_key: None,
        numbers: vec!["+15135550100".to_owned()],
        rings_for: Duration::from_millis(20),
        out_of_order: true,
    };
    let twilio = StandIn::start(TwilioApi::new(settings, http.clone()), Place::default()).await.unwrap();
    twilio.vendor().expect(DANA, [Person::presses(&["1"])]);
    let layers = Layers {
        machine_defaults: vec![
            ("data_dir", folder.path().display().to_string()),
            ("server.port", "0".to_owned()),
            ("speech.prerender", "false".to_owned()),
            ("twilio.account_sid", ACCOUNT.to_owned()),
            ("twilio.auth_token", SECRET.to_owned()),
            ("twilio.api_url", twilio.url()),
        ],
        ..Layers::default()
    };
    let mut config = Loaded::from_layers(&layers).unwrap().config;
    config.media.allow_lockstep = true;
    let database = testkit::database::fresh().await.unwrap();
    let speech =
        Speech::of_parts(Arc::new(PhraseStt::new(&SCRIPT, SttFault::None)), Arc::new(QuickHum), activity());
    let listener = listen(&config).await.unwrap();
    let running = start_with(&config, database.db, listener, speech, TaskTracker::new()).await.unwrap();
    let agency = running.app.seed_demo("correct horse battery staple").await.unwrap();
    assert_eq!(agency.number, "+15135550100", "the number that the network lends us");
    let people = vec![EmergencyPerson {
        name: "Dana".to_owned(),
        phone: PhoneNumber::parse(DANA, None).unwrap(),
        pause_seconds: 0,
    }];
    let change = EscalationChange { people: Some(people), ..EscalationChange::default() };
    let actor = Actor::system(agency.org_id);
    app::escalation::change(&running.app, &actor, None, change).await.unwrap();

    let account = Account { sid: ACCOUNT.to_owned(), auth_token: SECRET.to_owned() };
    let endpoint =
        Endpoint { base: running.local_url().parse().unwrap(), public: running.public_url.parse().unwrap() };
    let webhooks = Webhooks::new(http, account, endpoint);
    let options = CallOptions { pace: Pace::Lockstep, ..CallOptions::new(CLIENT, &agency.number) };
    let mut client = Client::default();
    let called = tokio::time::timeout(AT_MOST, place(&webhooks, &options, &mut client)).await;
    let report = called.expect("the call does not end");
    assert_eq!(report.error, None, "{:?}", report.deeds);

    // The emergency call is placed when the quick questions are answered, while the client is still on the line or after.
    let heard = twilio.vendor().until(|ledger| ledger.calls.iter().any(|call| call.is_over));
    tokio::time::timeout(AT_MOST, heard).await.expect("nobody was called");
    let ledger = twilio.vendor().ledger();
    assert_eq!(ledger.calls.len(), 1);
    let call = &ledger.calls[0];
    assert_eq!((call.errors.len(), call.to.as_str()), (0, DANA), "{:?}", call.errors);
    assert!(call.has_heard(SCRIPT[0]) && call.has_heard(SCRIPT[2]), "{:?}", call.heard);

    let mut tx = OrgTx::begin(&running.app.db, agency.org_id).await.unwrap();
    let incidents = store::incidents::list(
        &mut tx,
        &IncidentFilter::default(),
        &Wanted::first(IncidentSort::RaisedAt, 10),
    )
    .await
    .unwrap();
    assert_eq!(incidents.items.len(), 1);
    let incident = &incidents.items[0];
    assert_eq!(
        (incident.state, incident.acknowledged_by.as_deref()),
        (IncidentState::Acknowledged, Some("Dana"))
    );
    assert_eq!(incident.reason, SCRIPT[0]);
    assert!(incident.details.as_deref().is_some_and(|details| details.contains(SCRIPT[2])), "{incident:?}");

    let wishes = store::change_requests::list(
        &mut tx,
        &ChangeFilter::default(),
        &Wanted::first(ChangeSort::CreatedAt, 10),
    )
    .await
    .unwrap();
    assert_eq!(wishes.items.len(), 1, "{:?}", wishes.items);
    let wish = &wishes.items[0];
    assert_eq!((wish.state, wish.quote.as_str()), (ChangeState::Draft, SCRIPT[3]));
    assert!(wish.project_id.is_some(), "the shop was named: {wish:?}");

    let id = store::incidents::calls_of(&mut tx, incident.id).await.unwrap()[0];
    running.app.call_finished(id).await;
    let call = store::calls::get(&mut tx, id).await.unwrap();
    assert!(call.urgency_score >= 8 && !call.urgency_reasons.is_empty(), "{call:?}");
    assert_eq!(call.intents.first().map(String::as_str), Some("emergency"), "{call:?}");
    assert!(call.intents.iter().any(|intent| intent == "scope_change"), "{call:?}");
    let turns = store::calls::turns::list(&mut tx, id).await.unwrap();
    let urgent: Vec<&str> =
        turns.iter().filter(|turn| turn.urgency.is_urgent()).map(|turn| turn.text.as_str()).collect();
    assert_eq!(urgent, [SCRIPT[0]]);
    drop(tx);
    running.stop(Duration::from_secs(5)).await;
}
