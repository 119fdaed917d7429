//! What can't wait: whoever is to know is called, one after the other, once each, whatever dies in between. The telephone
//! network is played; its requests are signed and come over a real socket.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::ids::CallId;
use provider_traits::ambient::{Clock as _, SystemClock};
use serde_json::{Value, json};
use simulator::twilio::rest::people::Person;
use simulator::twilio::rest::{Settings, TwilioApi};
use simulator::twilio::webhook::Account;
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};

use super::world::{ACCOUNT, ACCOUNT_SECRET, Agency, World, request};

const DANA: &str = "+15135550142";
const SAM: &str = "+15135550143";
/// The number that the agency's calls came in on, and the one that it has.
const OURS: [&str; 2] = ["+15135550100", "+15135550101"];

pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) twilio: StandIn<TwilioApi>,
    pub(crate) agency: Agency,
    pub(crate) token: String,
}

impl Desk {
    pub(crate) async fn on(plan: &str) -> Self {
        let settings = Settings {
            account: Account { sid: ACCOUNT.to_owned(), auth_token: ACCOUNT_SECRET.to_owned() },
            api_key: None,
            numbers: OURS.map(str::to_owned).to_vec(),
            rings_for: Duration::from_millis(5),
            out_of_order: true,
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let twilio = StandIn::start(TwilioApi::new(settings, http), Place::default()).await.unwrap();
        let world = World::on_the_phone(&twilio.url()).await;
        // The network tells by its own clock when a call was placed.
        world.clock.advance(SystemClock.now() - world.app.ambient.now());
        let agency = world.agency_on(plan, "Aurora", 1).await;
        let token = world.sign_in_as(&agency, "admin").await;
        Self { world, twilio, agency, token }
    }

    async fn with_two_people() -> Self {
        let desk = Self::on("enterprise").await;
        let people = json!([
            { "name": "Dana", "phone": DANA, "pause_seconds": 30 },
            { "name": "Sam", "phone": SAM },
        ]);
        let answer = desk.world.patch("/api/v1/escalation", &desk.token, &json!({ "people": people })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        desk
    }

    async fn flag(&self, call: CallId) {
        let words = "our shop is down <now> & we lose orders";
        self.world.app.flag_urgent(self.agency.id, call, 9, words).await.unwrap();
    }

    /// Time passes, and whatever is due is done, until nothing more happens.
    async fn after(&self, seconds: i64) {
        self.world.clock.advance(TimeDelta::seconds(seconds));
        while self.world.app.escalate_due().await.unwrap() > 0 {
            self.twilio.vendor().until(|ledger| ledger.is_quiet()).await;
        }
    }

    /// The one incident of the agency's call, as the API shows it.
    async fn incident(&self) -> Value {
        // Time has passed: a session of a while ago may be over.
        let token = self.world.sign_in_as(&self.agency, "admin").await;
        let call = self.world.get(&format!("/api/v1/calls/{}", self.agency.call), Some(&token)).await;
        call.json()["incident"].clone()
    }

    fn calls(&self) -> Vec<(String, usize)> {
        let ledger = self.twilio.vendor().ledger();
        assert_eq!(ledger.calls.iter().flat_map(|call| call.errors.clone()).collect::<Vec<_>>(), [""; 0]);
        [DANA, SAM].iter().map(|number| ((*number).to_owned(), ledger.calls_to(number).len())).collect()
    }
}

fn kinds(incident: &Value) -> Vec<String> {
    let steps = incident["steps"].as_array().unwrap().iter();
    steps.map(|step| step["kind"].as_str().unwrap().to_owned()).collect()
}

fn once(dana: usize, sam: usize) -> Vec<(String, usize)> {
    vec![(DANA.to_owned(), dana), (SAM.to_owned(), sam)]
}

#[tokio::test]
async fn whoever_presses_one_takes_it_and_nobody_else_is_called() {
    let desk = Desk::with_two_people().await;
    desk.twilio.vendor().expect(DANA, [Person::presses(&["7", "1"])]);
    desk.flag(desk.agency.call).await;
    assert_eq!(desk.world.app.escalate_due().await.unwrap(), 0, "the caller is offered a person first");
    desk.after(46).await;
    let incident = desk.incident().await;
    assert_eq!(kinds(&incident), ["raised", "calling", "answered", "acknowledged"]);
    assert_eq!(
        (&incident["state"], &incident["acknowledged_by"], &incident["alerts"][0]["state"]),
        (&json!("acknowledged"), &json!("Dana"), &json!("acknowledged"))
    );
    assert_eq!(desk.calls(), once(1, 0));
    let ledger = desk.twilio.vendor().ledger();
    let heard = &ledger.calls[0].heard;
    let told = heard.iter().filter(|heard| heard.contains("our shop is down <now> & we lose orders")).count();
    // Twice, and twice more after the wrong key.
    assert_eq!(told, 4, "{heard:?}");
    assert!(ledger.calls[0].has_heard("Press 1") && ledger.calls[0].has_heard("Thank you, Dana"));
    desk.after(3_600).await;
    assert_eq!(desk.calls(), once(1, 0));
    // The business itself is told by e-mail: once what happened, once who takes care.
    desk.world.app.clone().work_off_jobs().await.unwrap();
    for marker in ["can't wait", "Dana takes care of"] {
        desk.world.letter_to("notices@agency.example", marker);
    }
}

#[tokio::test]
async fn the_next_is_called_after_the_pause_and_in_the_end_it_says_that_nobody_took_it() {
    for (person, kind) in [
        (Person::Busy, "busy"),
        (Person::LetsRing, "no_answer"),
        (Person::Machine, "machine"),
        (Person::Unreachable, "failed"),
        (Person::presses(&[]), "declined"),
        (Person::presses(&["2"]), "declined"),
    ] {
        let desk = Desk::with_two_people().await;
        desk.twilio.vendor().expect(DANA, [person]);
        desk.twilio.vendor().expect(SAM, [Person::Busy]);
        desk.flag(desk.agency.call).await;
        desk.after(46).await;
        let incident = desk.incident().await;
        assert_eq!(kinds(&incident).last().map(String::as_str), Some(kind), "{incident}");
        assert_eq!(desk.calls(), once(1, 0), "the pause is kept: {kind}");
        desk.after(31).await;
        let incident = desk.incident().await;
        assert_eq!(kinds(&incident)[kinds(&incident).len() - 3..], ["calling", "busy", "unanswered"]);
        assert_eq!(incident["state"], "unanswered");
        assert_eq!(desk.calls(), once(1, 1), "{kind}");
    }
}

#[tokio::test]
async fn one_incident_is_one_alert_however_often_it_is_said() {
    let desk = Desk::with_two_people().await;
    desk.twilio.vendor().expect(DANA, [Person::presses(&["1"])]);
    let again = CallId(desk.world.app.ambient.new_id());
    desk.world.record_call(&desk.agency, again, desk.world.app.ambient.now()).await;
    for call in [desk.agency.call, desk.agency.call, again, again] {
        desk.flag(call).await;
    }
    desk.after(46).await;
    // The same client, a quarter of an hour later.
    desk.world.clock.advance(TimeDelta::minutes(15));
    desk.flag(again).await;
    desk.after(46).await;
    assert_eq!(desk.calls(), once(1, 0));
    let token = desk.world.sign_in_as(&desk.agency, "admin").await;
    let list = desk.world.get("/api/v1/incidents?state=acknowledged", Some(&token)).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(desk.incident().await["call_ids"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_plan_without_alerts_and_a_business_without_people_call_nobody() {
    let basic = Desk::on("basic").await;
    let people = json!({ "people": [{ "name": "Dana", "phone": DANA }] });
    let refused = basic.world.patch("/api/v1/escalation", &basic.token, &people).await;
    assert_eq!(refused.problem(), "plan-required");
    for desk in [basic, Desk::on("enterprise").await] {
        desk.flag(desk.agency.call).await;
        desk.after(46).await;
        let incident = desk.incident().await;
        assert_eq!(kinds(&incident), ["raised", "unanswered"]);
        assert_eq!(desk.calls(), once(0, 0));
    }
}

#[tokio::test]
async fn taking_it_on_the_screen_ends_the_call_that_rings() {
    let desk = Desk::with_two_people().await;
    desk.twilio.vendor().expect(DANA, [Person::Talks]);
    desk.flag(desk.agency.call).await;
    // The person hears it and holds the line: nothing but our order ends their call.
    desk.world.clock.advance(TimeDelta::seconds(46));
    assert_eq!(desk.world.app.escalate_due().await.unwrap(), 1);
    let id = desk.incident().await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/incidents/{id}/acknowledge");
    for _ in 0..2 {
        let taken = desk.world.post(&path, Some(&desk.token), &json!({})).await;
        assert_eq!(taken.status, StatusCode::OK, "{taken:?}");
        assert_eq!(taken.json()["acknowledged_by"], "Dana");
    }
    desk.twilio.vendor().until(|ledger| ledger.is_quiet()).await;
    desk.after(3_600).await;
    assert_eq!(desk.calls(), once(1, 0));
    let steps = kinds(&desk.incident().await);
    assert_eq!(steps.iter().filter(|kind| *kind == "acknowledged").count(), 1, "{steps:?}");
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_call_twice() {
    // What becomes of the answer to the request that places the call, and whether the call was placed.
    for (fault, placed) in [
        (Fault::Cut(0), true),
        (Fault::Garbage, true),
        (Fault::Refuse, false),
        (Fault::Fail(Failure::Server(503)), false),
        (Fault::Fail(Failure::RateLimited(Some(Duration::from_secs(2)))), false),
    ] {
        let desk = Desk::with_two_people().await;
        desk.twilio.vendor().expect(DANA, [Person::presses(&["1"])]);
        desk.flag(desk.agency.call).await;
        desk.twilio.set_fault_for(fault, 1);
        desk.world.clock.advance(TimeDelta::seconds(46));
        desk.world.app.escalate_due().await.unwrap();
        desk.twilio.vendor().until(|ledger| ledger.is_quiet()).await;
        assert_eq!(desk.calls(), once(usize::from(placed), 0), "{fault:?}");
        for _ in 0..3 {
            desk.after(20).await;
        }
        assert_eq!(desk.calls(), once(1, 0), "{fault:?}");
        assert_eq!(desk.incident().await["state"], "acknowledged", "{fault:?}");
    }
}

#[tokio::test]
async fn a_worker_that_dies_while_the_call_is_placed_leaves_one_call() {
    for rings in [true, false] {
        let desk = Desk::with_two_people().await;
        let person = if rings { Person::LetsRing } else { Person::presses(&["1"]) };
        desk.twilio.vendor().expect(DANA, [person]);
        desk.flag(desk.agency.call).await;
        desk.world.clock.advance(TimeDelta::seconds(46));
        // The call is placed, and the worker is gone before it hears of it.
        desk.twilio.set_fault_for(Fault::SlowFirstByte(Duration::from_secs(60)), 1);
        {
            let work = desk.world.app.escalate_due();
            let ledger = desk.twilio.vendor();
            tokio::select! {
                done = work => panic!("the worker was to die: {done:?}"),
                () = ledger.until(|ledger| ledger.calls.len() == 1 && ledger.is_quiet()) => {}
            }
        }
        // Its lease ends.
        for _ in 0..4 {
            desk.after(61).await;
        }
        assert_eq!(desk.calls()[0].1, 1, "rings: {rings}");
    }
}

#[tokio::test]
async fn requests_that_are_not_signed_change_nothing() {
    let desk = Desk::with_two_people().await;
    desk.twilio.vendor().expect(DANA, [Person::LetsRing]);
    desk.flag(desk.agency.call).await;
    desk.after(46).await;
    let alert = desk.incident().await["alerts"][0]["id"].as_str().unwrap().to_owned();
    for what in ["", "/key", "/status", "/machine"] {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let path = format!("/api/voice/alerts/{alert}{what}");
        let answer = desk.world.send(request("POST", &path, None, &form, None)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {answer:?}");
    }
    assert_eq!(desk.incident().await["alerts"][0]["state"], "no_answer");
}

#[tokio::test]
async fn the_settings_are_checked_and_kept_by_version() {
    let desk = Desk::on("enterprise").await;
    let path = "/api/v1/escalation";
    let seen = desk.world.get(path, Some(&desk.token)).await;
    assert_eq!(seen.json()["people"], json!([]));
    let patch = json!({ "sensitivity": 2, "phrases": [{ "phrase": "press proof", "score": 9 }] });
    let changed = desk.world.patch(path, &desk.token, &patch).await.json();
    assert_eq!((&changed["sensitivity"], &changed["ring_seconds"]), (&json!(2), &json!(25)));
    let stale = [("if-match", seen.header("etag"))];
    let stale = desk.world.send(request("PUT", path, Some(&desk.token), &stale, Some(&changed))).await;
    assert_eq!(stale.problem(), "out-of-date");
    for (wrong, field) in [
        (json!({ "people": [{ "name": "A", "phone": "911" }] }), "people[0].phone"),
        (json!({ "people": [{ "name": "A", "phone": "+19005550123" }] }), "people[0].phone"),
        (
            json!({ "people": [{ "name": "A", "phone": DANA }, { "name": "B", "phone": DANA }] }),
            "people[1].phone",
        ),
        (json!({ "phrases": [{ "phrase": "?", "score": 9 }] }), "phrases[0].phrase"),
    ] {
        let errors = desk.world.patch(path, &desk.token, &wrong).await.json()["errors"].clone();
        assert!(errors.get(field).is_some(), "{wrong}: {errors}");
    }
}
