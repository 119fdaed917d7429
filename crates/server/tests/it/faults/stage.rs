//! A server whose agent is carried by a speech-to-speech model: the stand-in for OpenAI. What takes over when the
//! model fails is the real pipeline with the real rules brain; only its transcriber and its voice are stand-ins, so
//! that many calls fit on a small machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use app::demo_seed::DemoAgency;
use domain::call_log::{CallEvent, EventKind};
use domain::ids::CallId;
use serde_json::json;
use server::config::{Layers, Loaded};
use server::wiring::server::{RunningServer, listen, start_with};
use server::wiring::speech::Speech;
use simulator::line::session::LineUser;
use simulator::openai::settings::{Answer, Asked, Script, Settings, TranscriptOrder};
use simulator::openai::stand_in::StandIn;
use simulator::twilio::call::{CallOptions, CarrierReport, place};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use store::tx::{OrgTx, SystemTx};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use voice::stand_ins::{HummingTts, LoudIsVoice, PhraseStt, SttFault, TtsFault};

use super::caller::{Caller, Phrase};

/// What callers say, by loudness.
pub(crate) const PHRASES: [&str; 4] = [
    "what are your opening hours",
    "where are you located please",
    "what services do you offer",
    "how is my website coming along",
];

/// Calls a function in the stand-in's script.
pub(crate) const HOURS: Phrase = Phrase { number: 0, words: PHRASES[0] };
pub(crate) const PLACE: Phrase = Phrase { number: 1, words: PHRASES[1] };
pub(crate) const SERVICES: Phrase = Phrase { number: 2, words: PHRASES[2] };

/// How long leftovers may take to go: a session that was opened while the telephone rang waits 20 s for its call.
const LEFTOVERS_WITHIN: Duration = Duration::from_secs(30);

/// A server and its model.
pub(crate) struct Stage {
    pub(crate) stand_in: StandIn,
    pub(crate) running: RunningServer,
    pub(crate) agency: DemoAgency,
    pub(crate) webhooks: Webhooks,
    /// Everything that runs beside the use cases: sockets, jobs.
    tasks: TaskTracker,
    _folder: TempDir,
}

/// A call that is over.
pub(crate) struct Done {
    pub(crate) report: CarrierReport,
    pub(crate) heard: super::caller::Heard,
    pub(crate) log: Vec<CallEvent>,
}

/// Answers as a model would that has been told about its functions.
fn script(asked: &Asked<'_>) -> Answer {
    let quoted = asked.instructions.and_then(|text| text.split('"').nth(1));
    match (quoted, asked.output, asked.caller) {
        (Some(words), ..) => Answer::words(words),
        (None, Some(output), _) => Answer::words(&format!("I looked it up: {}", start_of(output))),
        (None, None, Some(said)) if said.contains("opening") => {
            Answer::call("search_knowledge", &json!({ "question": said }).to_string())
        }
        (None, None, said) => Answer {
            audio_ms: Some(1_800),
            ..Answer::words(&format!("About {}: yes.", said.unwrap_or("that")))
        },
    }
}

fn start_of(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').take(40).collect()
}

impl Stage {
    pub(crate) async fn open(name: &str) -> Self {
        let stand_in = StandIn::start(Settings {
            phrases: PHRASES.map(str::to_owned).into(),
            script: Script::new(script),
            // The transcriber of the default configuration gives the words before the turn is complete.
            transcripts: TranscriptOrder::Before,
            ..Settings::default()
        });
        let stand_in = stand_in.await.expect("a port");
        let folder = testkit::folders::fresh(name);
        let config = config(folder.path(), &stand_in.url());
        let database = testkit::database::fresh().await.expect("a database");
        let listener = listen(&config).await.expect("a port");
        let tasks = TaskTracker::new();
        let running = start_with(&config, database.db, listener, speech(), tasks.clone()).await;
        let running = running.expect("a server");
        let password = "correct horse battery staple";
        let agency = running.app.seed_demo(password).await.expect("an agency");
        carried_by_a_model(&running, &agency, password).await;
        running.app.prepare_calls(agency.org_id).await.expect("a transcriber");
        let http = server::wiring::simulation::http_client().expect("a client");
        let endpoint = Endpoint {
            base: running.local_url().parse().expect("an address"),
            public: running.public_url.parse().expect("an address"),
        };
        let account =
            Account { sid: "AC00000000000000000000000000000000".to_owned(), auth_token: String::new() };
        let webhooks = Webhooks::new(http, account, endpoint);
        Self { stand_in, running, agency, webhooks, tasks, _folder: folder }
    }

    /// Places a call and waits for its record.
    pub(crate) async fn call(&self, mut caller: Caller<'_>) -> Done {
        let report = self.place(caller.line(), &mut caller).await;
        let log = self.log(&report.call_sid).await;
        Done { report, heard: caller.heard, log }
    }

    /// Places a call from a number of its own.
    pub(crate) async fn place(&self, line: usize, user: &mut dyn LineUser) -> CarrierReport {
        let from = format!("+1513555{:04}", 2_000 + line % 8_000);
        let mut options = CallOptions::new(&from, &self.agency.number);
        options.max_ms = 90_000;
        place(&self.webhooks, &options, user).await
    }

    /// The call's log, once the call's record is complete.
    pub(crate) async fn log(&self, call_sid: &str) -> Vec<CallEvent> {
        let app = &self.running.app;
        let mut tx =
            SystemTx::begin(&app.db, "a test knows only the carrier's id").await.expect("a database");
        let found = store::calls::life::find_by_sid(&mut tx, call_sid).await.expect("a database");
        drop(tx);
        let Some((org_id, call_id)) = found else { return Vec::new() };
        app.call_finished(call_id).await;
        let mut tx = OrgTx::begin(&app.db, org_id).await.expect("a database");
        all_events(&mut tx, call_id).await
    }

    /// Waits until no call is carried and no socket is open; what is left otherwise.
    pub(crate) async fn leftovers(&self) -> Vec<String> {
        let until = Instant::now() + LEFTOVERS_WITHIN;
        loop {
            let (calls, sockets) = (self.running.app.active_calls(), self.stand_in.open());
            if (calls, sockets) == (0, 0) {
                return Vec::new();
            }
            if Instant::now() > until {
                return vec![format!("{calls} calls, {sockets} sockets of the model")];
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops everything; what is left then.
    pub(crate) async fn stop(self) -> Vec<String> {
        let mut left = self.leftovers().await;
        let Self { stand_in, running, tasks, .. } = self;
        let app = Arc::clone(&running.app);
        running.stop(Duration::from_secs(5)).await;
        stand_in.stop().await;
        if !app.tasks.is_empty() || !tasks.is_empty() {
            left.push(format!("{} tasks of calls, {} of the server", app.tasks.len(), tasks.len()));
        }
        left
    }
}

async fn all_events(tx: &mut OrgTx, call_id: CallId) -> Vec<CallEvent> {
    store::calls::events::list(tx, call_id, 0, 5_000).await.expect("a log")
}

fn config(data_dir: &Path, realtime_url: &str) -> server::config::Config {
    let layers = Layers {
        machine_defaults: vec![
            ("data_dir", data_dir.display().to_string()),
            ("openai.realtime_url", realtime_url.to_owned()),
            ("server.host", "127.0.0.1".to_owned()),
            ("server.port", "0".to_owned()),
            ("speech.prerender", "false".to_owned()),
            ("limits.requests_per_minute", "100000".to_owned()),
        ],
        ..Layers::default()
    };
    Loaded::from_layers(&layers).expect("a configuration").config
}

fn speech() -> Speech {
    Speech::of_parts(
        Arc::new(PhraseStt::new(&PHRASES, SttFault::None)),
        Arc::new(HummingTts::new(TtsFault::None)),
        Arc::new(LoudIsVoice),
    )
}

/// Has the agency's agent carried by the model, as its owner would.
async fn carried_by_a_model(running: &RunningServer, agency: &DemoAgency, password: &str) {
    let http = server::wiring::simulation::http_client().expect("a client");
    let url = |path: &str| format!("{}/api/v1{path}", running.local_url());
    let body = json!({ "email": agency.owner_email, "password": password });
    let answer = http.post(url("/auth/login")).json(&body).send().await.expect("an answer");
    let session: serde_json::Value = answer.json().await.expect("JSON");
    let token = session["token"].as_str().expect("a token");
    let agents: serde_json::Value = http
        .get(url("/agents"))
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let id = agents["items"][0]["id"].as_str().expect("an agent");
    let body = json!({ "engine": "realtime" });
    let changed =
        http.patch(url(&format!("/agents/{id}"))).bearer_auth(token).header("if-match", "*").json(&body);
    let changed = changed.send().await.expect("an answer");
    assert!(changed.status().is_success(), "{}", changed.text().await.unwrap_or_default());
    let published = http.post(url(&format!("/agents/{id}/publish"))).bearer_auth(token).json(&json!({}));
    let published = published.send().await.expect("an answer");
    assert!(published.status().is_success(), "{}", published.text().await.unwrap_or_default());
}

impl Done {
    /// What was written of the caller's words.
    pub(crate) fn caller_turns(&self) -> Vec<&str> {
        self.log
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::CallerTurn { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// How often the caller was greeted with the notice that opens a call.
    pub(crate) fn greetings(&self) -> usize {
        let greets = |event: &&CallEvent| match &event.kind {
            EventKind::AgentTurn { generated, .. } => generated.contains("Thank you for calling"),
            _ => false,
        };
        self.log.iter().filter(greets).count()
    }

    /// Whether a session with the model was lost, or the model given up.
    pub(crate) fn has_lost_its_model(&self) -> bool {
        self.log.iter().any(|event| match &event.kind {
            EventKind::EngineChanged { .. } => true,
            EventKind::Notice { code, .. } => code == "engine_lost",
            _ => false,
        })
    }

    /// The engines that the call went over.
    pub(crate) fn engines(&self) -> Vec<&str> {
        self.log
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::EngineReady { engine, .. } => Some(engine.as_str()),
                EventKind::EngineChanged { to, .. } => Some(to.as_str()),
                _ => None,
            })
            .collect()
    }
}
