//! Callers who were to be connected, and whose agent is none of the pipeline's: a speech-to-speech model, or a platform's
//! agent, which has the audio itself.

use std::time::Duration;

use app::agents::AgentChange;
use app::audit::Actor;
use app::transfers::settings::TransferChange;
use domain::call_log::{ContinueCause, EndReason, EventKind};
use domain::ids::CallId;
use domain::transfers::TransferMode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulator::line::session::Pace;
use simulator::openai::settings::{Answer, Asked, Script, Settings};
use simulator::openai::stand_in::StandIn;
use simulator::twilio::call::{CallOptions, Deed};
use simulator::twilio::rest::people::Person;
use store::transfers::TransferState;

use crate::played::{AT_MOST, Brain, Came, DESK, NORTHWIND, OURS, SAM, Scene};

const RINGS: Duration = Duration::from_millis(20);
const ASKS: &str = "please put me through";
const LEAVES: &str = "thank you goodbye";
/// What the model says is short: it speaks in real time.
const SHORT_MS: u32 = 300;

fn short(words: &str) -> Answer {
    Answer { audio_ms: Some(SHORT_MS), ..Answer::words(words) }
}

/// A model that connects who asks for it, and lets go who says goodbye.
fn connects(asked: &Asked<'_>) -> Answer {
    match (asked.instructions, asked.output, asked.caller) {
        (Some(instructions), ..) => short(instructions),
        (_, Some(_), _) => short("One moment."),
        (.., Some(said)) if said.contains("goodbye") => {
            Answer::call("end_call", r#"{"reason": "caller_said_goodbye"}"#)
        }
        (.., Some(_)) => Answer::call("transfer_call", r#"{"reason": "an invoice", "whom": "Sam"}"#),
        _ => short("Hello."),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_of_a_model_whom_nobody_takes_comes_back_to_it_and_to_all_that_was_said() {
    let lines = [ASKS, LEAVES];
    let settings = Settings {
        phrases: lines.map(str::to_owned).to_vec(),
        script: Script::new(connects),
        ..Settings::default()
    };
    let model = StandIn::start(settings).await.unwrap();
    let more = vec![("openai.realtime_url", model.url())];
    let scene = Scene::set(Brain::Rules, RINGS, &lines, more).await;
    let engine = AgentChange { engine: Some("realtime".to_owned()), ..AgentChange::default() };
    app::agents::change_default(scene.app(), &scene.owner(), engine).await.unwrap();
    scene.expect(&[(SAM, Person::Busy), (DESK, Person::Busy)]);
    // A model speaks in its own time.
    let came = scene.call_as(CallOptions { pace: Pace::RealTime, ..CallOptions::new(NORTHWIND, OURS) }).await;
    assert_eq!(came.transfer, Some(TransferState::Failed), "{}", came.transcript());
    assert_eq!(came.steps(), ["begins", "rings", "busy", "rings", "busy", "failed"]);
    assert_eq!((came.streams(), came.continued()), (2, vec![ContinueCause::NotConnected]));
    let engines = came
        .log
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::EngineReady { engine, .. } if engine == "realtime"));
    assert_eq!(engines.count(), 2, "a model has them before and after");
    let seen = model.seen();
    let before: Vec<&str> =
        seen.sessions.iter().flat_map(|one| one.errors.iter().map(String::as_str)).collect();
    assert_eq!(before, [""; 0], "nothing we sent was refused");
    let back = seen.sessions.last().unwrap();
    assert!(
        back.seeded.iter().any(|(who, words)| who == "user" && words.contains(ASKS)),
        "{:?}",
        back.seeded
    );
    // It is told to apologise, in words of its own.
    let told = back.responses.first().and_then(|one| one.instructions.clone()).unwrap_or_default();
    assert!(told.to_lowercase().contains("sorry") || told.to_lowercase().contains("apolog"), "{told}");
    assert_eq!(came.end(), EndReason::AgentSaidGoodbye, "{}", came.transcript());
    scene.stop().await;
    model.stop().await;
}

/// A call that a platform's agent answers, and that agent's secret.
struct Platform {
    scene: Scene,
    secret: String,
    call: CallId,
}

const SID: &str = "CA0123456789abcdef0123456789abcdef";

impl Platform {
    async fn with(lines: &[&'static str]) -> Self {
        let scene = Scene::with(Brain::Rules, RINGS, lines).await;
        let mut tx = scene.tx().await;
        let agent = store::agents::list(&mut tx).await.unwrap().remove(0).id;
        let number = store::numbers::list(&mut tx).await.unwrap().remove(0).number.id;
        let now = scene.app().ambient.now();
        let call = CallId(scene.app().ambient.new_id());
        let new = store::calls::life::NewCall {
            id: call,
            agent_id: agent,
            number_id: number,
            call_sid: SID.to_owned(),
            from_number: Some(NORTHWIND.to_owned()),
            to_number: OURS.to_owned(),
            client_id: None,
            engine: "elevenlabs".to_owned(),
            started_at: now,
        };
        store::calls::life::insert_incoming(&mut tx, &new).await.unwrap();
        store::calls::life::mark_answered(&mut tx, call, "a platform", now).await.unwrap();
        tx.commit().await.unwrap();
        let owner = Actor::system(scene.org_id);
        let secret = app::outside_tools::renew_secret(scene.app(), &owner, agent).await.unwrap();
        let secret = secret.expose_secret().to_owned();
        Self { scene, secret, call }
    }

    /// The platform's agent asks for a person; what it is told.
    async fn asks(&self, whom: &str) -> Value {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/api/voice/tools/transfer_call", self.scene.running.local_url());
        let body = json!({ "call_sid": SID, "reason": "an invoice of march", "whom": whom });
        let asked = http.post(url).bearer_auth(&self.secret).json(&body).send().await.unwrap();
        assert_eq!(asked.status(), 200);
        asked.json().await.unwrap()
    }

    /// The call, during which the platform's agent asks for a person.
    async fn call(&self, whom: &str) -> (Came, Value) {
        let options = CallOptions {
            pace: Pace::Lockstep,
            call_sid: Some(SID.to_owned()),
            at_a_platform: true,
            waits_for: AT_MOST,
            ..CallOptions::new(NORTHWIND, OURS)
        };
        let asking = async {
            let there = |ledger: &simulator::twilio::rest::ledger::Ledger| {
                ledger.calls.iter().any(|call| call.sid == SID)
            };
            self.scene.twilio.vendor().until(there).await;
            let told = self.asks(whom).await;
            // The platform may ask twice.
            assert_eq!(self.asks(whom).await["transferring"], true);
            told
        };
        tokio::join!(self.scene.call_as(options), asking)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platforms_caller_is_fetched_and_taken_by_whoever_fits() {
    let platform = Platform::with(&[]).await;
    platform.scene.expect(&[(SAM, Person::presses(&["1"]))]);
    let (came, told) = platform.call("sam").await;
    assert_eq!((&told["transferring"], &told["ends_conversation"]), (&json!(true), &Value::Null), "{told}");
    assert_eq!(came.transfer, Some(TransferState::Connected));
    assert_eq!(came.steps(), ["begins", "rings", "answered", "connected"]);
    assert_eq!((came.to(SAM).len(), came.to(DESK).len(), came.streams()), (1, 0, 0));
    assert!(came.to(SAM)[0].has_heard("an invoice of march"), "{:?}", came.to(SAM)[0].heard);
    assert!(came.report.said().any(|said| said.contains("try to reach Sam")), "{:?}", came.report.deeds);
    assert_eq!((came.call.id, came.end()), (platform.call, EndReason::Transferred));
    platform.scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platforms_caller_whom_nobody_takes_comes_back_to_our_own_agent() {
    let platform =
        Platform::with(&["yes please", "the invoice of march is wrong", "no thank you goodbye"]).await;
    platform.scene.expect(&[(SAM, Person::Busy), (DESK, Person::LetsRing)]);
    let (came, _told) = platform.call("sam").await;
    assert_eq!(came.transfer, Some(TransferState::Failed));
    assert_eq!(came.steps(), ["begins", "rings", "busy", "rings", "no_answer", "failed"]);
    assert!(came.says("could not reach anybody"), "{}", came.transcript());
    assert_eq!((came.streams(), came.continued()), (1, vec![ContinueCause::NotConnected]));
    assert_eq!(came.end(), EndReason::AgentSaidGoodbye, "{}", came.transcript());
    assert!(came.tools().contains(&"take_message"), "{}", came.transcript());
    platform.scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_business_wants_no_more_than_that_it_rings_the_carrier_rings() {
    let platform = Platform::with(&[]).await;
    let change = TransferChange { mode: Some(TransferMode::Blind), ..TransferChange::default() };
    app::transfers::settings::change(platform.scene.app(), &platform.scene.owner(), None, change)
        .await
        .unwrap();
    let (came, _told) = platform.call("sam").await;
    assert_eq!(came.report.dialled().collect::<Vec<_>>(), [SAM]);
    assert_eq!((came.end(), came.joined(), came.streams()), (EndReason::Transferred, 0, 0));
    let played = came.report.deeds.iter().any(|deed| matches!(deed, Deed::Played { .. }));
    assert!(!played, "nobody waits in a conference");
    platform.scene.stop().await;
}
