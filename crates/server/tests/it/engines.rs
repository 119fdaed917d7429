//! What carries a call: the model's session while the telephone rings, and an engine that can't be had.

use std::time::Duration;

use app::calls::inbound::{Answer, InboundCall};
use app::calls::media::MediaRequest;
use app::demo_seed::DemoAgency;
use domain::call_log::{CallEvent, EventKind, Fault};
use domain::ids::CallId;
use serde_json::{Value, json};
use server::config::{Layers, Loaded};
use server::wiring::server::{RunningServer, listen, start};
use simulator::openai::settings::Settings;
use simulator::openai::stand_in::StandIn;
use store::tx::OrgTx;
use tempfile::TempDir;
use tokio::sync::mpsc;
use voice::phone::{Pace, PhoneIn, PhoneLine, PhoneOut};

const PASSWORD: &str = "correct horse battery staple";
/// Only reached by a test that hangs.
const AT_MOST: Duration = Duration::from_secs(60);

struct Scene {
    stand_in: StandIn,
    running: RunningServer,
    agency: DemoAgency,
    _folder: TempDir,
}

impl Scene {
    /// A server beside a model, and an agency whose agent is set to the engine.
    async fn new(name: &str, engine: &str) -> Self {
        let stand_in = StandIn::start(Settings::default()).await.unwrap();
        let folder = testkit::folders::fresh(name);
        let layers = Layers {
            machine_defaults: vec![
                ("data_dir", folder.path().display().to_string()),
                ("openai.realtime_url", stand_in.url()),
                ("server.port", "0".to_owned()),
                ("speech.prerender", "false".to_owned()),
            ],
            ..Layers::default()
        };
        let config = Loaded::from_layers(&layers).unwrap().config;
        let database = testkit::database::fresh().await.unwrap();
        let running = start(&config, database.db, listen(&config).await.unwrap()).await.unwrap();
        let agency = running.app.seed_demo(PASSWORD).await.unwrap();
        let scene = Self { stand_in, running, agency, _folder: folder };
        scene.set_engine(engine).await;
        scene
    }

    /// As the owner would.
    async fn set_engine(&self, engine: &str) {
        let http = server::wiring::simulation::http_client().unwrap();
        let url = |path: &str| format!("{}/api/v1{path}", self.running.local_url());
        let owner = json!({ "email": self.agency.owner_email, "password": PASSWORD });
        let session = http.post(url("/auth/login")).json(&owner).send().await.unwrap();
        let session: Value = session.json().await.unwrap();
        let token = session["token"].as_str().unwrap();
        let agents = http.get(url("/agents")).bearer_auth(token).send().await.unwrap();
        let agents: Value = agents.json().await.unwrap();
        let agent = format!("/agents/{}", agents["items"][0]["id"].as_str().unwrap());
        let change = http.patch(url(&agent)).header("if-match", "*").json(&json!({ "engine": engine }));
        assert!(change.bearer_auth(token).send().await.unwrap().status().is_success());
        let publish = http.post(url(&format!("{agent}/publish"))).json(&json!({}));
        assert!(publish.bearer_auth(token).send().await.unwrap().status().is_success());
    }

    fn announced(&self) -> InboundCall {
        InboundCall {
            call_sid: "CA00000000000000000000000000000001".to_owned(),
            account_sid: "AC1".to_owned(),
            from: "+15135550199".to_owned(),
            to: self.agency.number.clone(),
            forwarded_from: None,
            signed: false,
        }
    }

    /// The telephone rings.
    async fn ring(&self) -> (CallId, String) {
        match self.running.app.answer_call(self.announced()).await {
            Answer::Connect { call_id, ticket } => (call_id, ticket),
            other => panic!("the call is not connected: {other:?}"),
        }
    }

    /// Answers the call, hears so many messages of audio and hangs up.
    async fn talk(&self, ticket: String, hear: usize) {
        let request = MediaRequest {
            call_sid: self.announced().call_sid,
            stream_sid: "MZ1".to_owned(),
            ticket,
            lockstep_wanted: false,
        };
        let grant = self.running.app.connect_media(request).await.unwrap();
        let (caller, incoming) = mpsc::channel(64);
        let (outgoing, mut heard) = mpsc::channel(256);
        let line = PhoneLine { incoming, outgoing, pace: Pace::RealTime };
        let listening = async {
            let mut audio = 0;
            while audio < hear {
                audio += usize::from(matches!(heard.recv().await, Some(PhoneOut::Media { .. })));
            }
            caller.send(PhoneIn::Stop).await.unwrap();
            while heard.recv().await.is_some() {}
        };
        let both = async { tokio::join!(self.running.app.run_call(grant, line), listening) };
        let (outcome, ()) = tokio::time::timeout(AT_MOST, both).await.expect("the call does not end");
        assert!(outcome.is_some());
    }

    async fn log(&self, call_id: CallId) -> Vec<CallEvent> {
        let mut tx = OrgTx::begin(&self.running.app.db, self.agency.org_id).await.unwrap();
        let log = store::calls::events::list(&mut tx, call_id, 0, 1_000).await.unwrap();
        let numbers: Vec<u32> = log.iter().map(|entry| entry.seq).collect();
        let expect: Vec<u32> = (0..u32::try_from(log.len()).unwrap()).collect();
        assert_eq!(numbers, expect, "each entry has its number: {log:?}");
        log
    }

    /// Waits until so many sessions are open.
    async fn open(&self, sessions: usize) {
        let waiting = async {
            while self.stand_in.open() != sessions {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = || format!("{} are open; {:?}", self.stand_in.open(), self.stand_in.seen());
        tokio::time::timeout(AT_MOST, waiting).await.unwrap_or_else(|_| panic!("{}", seen()));
    }

    async fn stop(self) {
        let Self { stand_in, running, .. } = self;
        running.stop(Duration::from_secs(5)).await;
        stand_in.stop().await;
    }
}

#[tokio::test]
async fn the_models_session_is_open_while_the_telephone_rings_and_the_call_takes_it() {
    let scene = Scene::new("engine-warm", "realtime").await;
    let (call_id, ticket) = scene.ring().await;
    scene.open(1).await;
    // The carrier repeats its webhook: still one session.
    let (again, _) = scene.ring().await;
    assert_eq!(again, call_id);
    scene.talk(ticket, 3).await;
    scene.open(0).await;
    let seen = scene.stand_in.seen();
    assert_eq!((seen.connections, seen.sessions.len()), (1, 1), "the call opened no second one");
    assert_eq!(seen.sessions[0].errors, Vec::<String>::new(), "nothing we sent was refused");
    let log = scene.log(call_id).await;
    let carried = |entry: &CallEvent| matches!(&entry.kind, EventKind::EngineReady { engine, .. } if engine == "realtime");
    assert!(log.iter().any(carried), "{log:?}");
    scene.stop().await;
}

#[tokio::test]
async fn a_session_whose_call_never_comes_is_gone_with_the_server() {
    let scene = Scene::new("engine-unused", "realtime").await;
    scene.ring().await;
    scene.open(1).await;
    let Scene { stand_in, running, .. } = scene;
    running.stop(Duration::from_secs(5)).await;
    let closed = async {
        while stand_in.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(AT_MOST, closed).await.expect("the session is still open");
    stand_in.stop().await;
}

#[tokio::test]
async fn an_engine_that_cannot_be_had_is_told_in_the_log_and_the_pipeline_carries_the_call() {
    let scene = Scene::new("engine-missing", "elevenlabs").await;
    let (call_id, ticket) = scene.ring().await;
    scene.talk(ticket, 3).await;
    let log = scene.log(call_id).await;
    let EventKind::Notice { code, text, fault } = &log[0].kind else { panic!("{log:?}") };
    assert_eq!((code.as_str(), *fault), ("engine_unavailable", Some(Fault::Us)));
    assert!(text.contains("elevenlabs") && text.contains("pipeline"), "{text}");
    let carried = |entry: &CallEvent| matches!(&entry.kind, EventKind::EngineReady { engine, .. } if engine == "pipeline");
    assert!(log.iter().any(carried), "{log:?}");
    assert_eq!(scene.stand_in.seen().connections, 0);
    let mut tx = OrgTx::begin(&scene.running.app.db, scene.agency.org_id).await.unwrap();
    let call = store::calls::get(&mut tx, call_id).await.unwrap();
    drop(tx);
    assert_eq!(call.engine, "elevenlabs", "what was asked for");
    scene.stop().await;
}
