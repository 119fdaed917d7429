//! A real server with a key for every vendor, and the vendors played: who is first in an order is asked, and when it
//! fails the next one carries the call on.

use std::sync::Arc;
use std::time::Duration;

use app::auth::operator::{self, NewPerson};
use app::demo_seed::DemoAgency;
use domain::call_log::{CallEvent, EventKind};
use provider_traits::ambient::Ambient;
use serde_json::{Value, json};
use server::config::{Config, Layers, Loaded};
use server::wiring::server::{RunningServer, listen, start_with};
use server::wiring::speech::Speech;
use simulator::line::session::Pace;
use simulator::twilio::call::{CallOptions, place};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use simulator::vendor::fault::{Failure, Fault};
use store::tx::{OrgTx, SystemTx};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use voice::stand_ins::LoudIsVoice;

use self::faults::{ALL_FAULTS, BROKEN, Faults, LIMITED, STALLED};
use self::played::Vendors;
use crate::faults::caller::{Caller, Heard, Phrase};

mod faults;
#[cfg(test)]
mod played;

/// What callers say, by loudness.
const PHRASES: [&str; 2] = ["what are your opening hours", "where are you located please"];
const PASSWORD: &str = "teal kettle over the fjord";
/// How often a call is tried until nobody was late.
const CALLS_OF_A_BUSY_MACHINE: usize = 4;

/// In which order vendors are asked. Who fails in one list stands, at the same address, in no other that has to work.
struct Orders {
    stt: [&'static str; 3],
    tts: [&'static str; 3],
    llm: [&'static str; 4],
    embeddings: &'static str,
}

/// A server, its agency and its vendors.
struct Scene {
    vendors: Vendors,
    running: RunningServer,
    agency: DemoAgency,
    operator: String,
    http: reqwest::Client,
    _folder: TempDir,
}

/// A call that is over.
struct Done {
    heard: Heard,
    log: Vec<CallEvent>,
}

impl Orders {
    /// Who stands at this place and who behind, by role.
    fn at(&self, place: usize) -> [(&'static str, &'static str, &'static str); 3] {
        let pair = |ids: &[&'static str]| (ids[place], ids[place + 1]);
        let (stt, tts, llm) = (pair(&self.stt), pair(&self.tts), pair(&self.llm));
        [("transcriber", stt.0, stt.1), ("voice", tts.0, tts.1), ("language_model", llm.0, llm.1)]
    }

    /// Who is first and who is second, by role.
    fn leaders(&self) -> [(&'static str, &'static str, &'static str); 3] {
        self.at(0)
    }

    async fn open(&self, name: &str) -> Scene {
        self.open_with(name, &[]).await
    }

    /// With other values for some settings.
    async fn open_with(&self, name: &str, others: &[(&'static str, &str)]) -> Scene {
        let folder = testkit::folders::fresh(name);
        let mut settings = vec![
            ("data_dir", folder.path().display().to_string()),
            ("server.port", "0".to_owned()),
            ("speech.prerender", "false".to_owned()),
            ("media.allow_lockstep", "true".to_owned()),
            ("limits.requests_per_minute", "100000".to_owned()),
            ("stt.order", self.stt.join(",")),
            ("tts.order", self.tts.join(",")),
            ("llm.order", self.llm.join(",")),
            ("embeddings.provider", self.embeddings.to_owned()),
        ];
        let vendors = Vendors::play(&mut settings).await;
        settings.extend(others.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let layers = Layers { machine_defaults: settings, ..Layers::default() };
        let config: Config = Loaded::from_layers(&layers).unwrap().config;
        let database = testkit::database::fresh().await.unwrap();
        let person = NewPerson {
            email: "operator@studio.example".to_owned(),
            name: None,
            organization: None,
            role: Some("platform_admin".to_owned()),
            password: PASSWORD.to_owned().into(),
        };
        let (ambient, tasks) = (Ambient::system(), TaskTracker::new());
        operator::create_person(&database.db, &ambient, person).await.unwrap();
        let mut speech = Speech::of(&config, &ambient, &tasks).unwrap();
        // What callers send is no voice to a model that knows voices.
        speech.vad = Arc::new(LoudIsVoice);
        let listener = listen(&config).await.unwrap();
        let running = start_with(&config, database.db, listener, speech, tasks).await.unwrap();
        let agency = running.app.seed_demo(PASSWORD).await.unwrap();
        running.app.prepare_calls(agency.org_id).await.unwrap();
        let http = server::wiring::simulation::http_client().unwrap();
        let who = json!({ "email": "operator@studio.example", "password": PASSWORD });
        let login = format!("{}/api/v1/auth/login", running.local_url());
        let session: Value = http.post(login).json(&who).send().await.unwrap().json().await.unwrap();
        let operator = session["token"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
        Scene { vendors, running, agency, operator, http, _folder: folder }
    }

    /// A call while all is well: nobody but the first of each order is asked. A machine that was busy just then is given
    /// another call, because whoever is late gets company.
    async fn all_well(&self, name: &str) {
        let scene = self.open(name).await;
        let mut besides = Vec::new();
        for _ in 0..CALLS_OF_A_BUSY_MACHINE {
            let asked = || self.leaders().map(|(role, _, second)| scene.vendors.asked(role, second));
            let before = asked();
            scene.call().await.is_sound("all is well");
            besides = asked().into_iter().zip(before).map(|(now, before)| now - before).collect();
            if besides == [0, 0, 0] {
                break;
            }
        }
        assert_eq!(besides, [0, 0, 0], "{name}: those behind the first were asked in every call");
        for (role, first, _) in self.leaders() {
            assert!(scene.vendors.asked(role, first) >= 1, "{name}: {role} {first} was not asked");
        }
        let vectors = scene.embed().await.unwrap();
        assert_eq!(vectors.map(|one| one.len()), Some(1_536));
        assert_eq!(scene.vendors.asked("embeddings", self.embeddings), 1);
        let health = scene.health().await;
        for (role, first, _) in self.leaders() {
            assert_eq!(place_of(&health, role, first), 0, "{name}: {health}");
        }
        for (role, id, _, played) in &scene.vendors.0 {
            assert_eq!(played.refused(), [0_u16; 0], "{role} {id} did not like a request");
        }
        scene.stop().await;
    }

    /// A call in which everybody up to this place of each order fails alike: who stands behind carries it.
    async fn failing_to(&self, place: usize, name: &str, faults: Faults) -> Scene {
        let scene = self.open(name).await;
        for (role, id, _) in (0..=place).flat_map(|place| self.at(place)) {
            scene.vendors.set_fault(role, id, Some(faults.of(role)));
        }
        let began = Instant::now();
        let done = scene.call().await;
        let took = began.elapsed().as_secs();
        done.is_sound(name);
        let health = scene.health().await;
        let codes = [
            ["stt_failed_over", ""],
            ["tts_failed_over", "tts_overtaken"],
            ["llm_failed_over", "llm_overtaken"],
        ];
        for place in 0..=place {
            for ((role, ill, well), codes) in self.at(place).into_iter().zip(codes) {
                // A model that broke off behind words was passed over by who asked it.
                let codes = [codes[0], codes[1], if role == "language_model" { "llm_broke_off" } else { "" }];
                let told: Vec<&str> = codes.iter().flat_map(|code| done.notices(code)).collect();
                let telling = |text: &&&str| text.contains(ill);
                assert!(
                    told.iter().any(|text| telling(&text)),
                    "{name}: {role} {ill} in {told:?} {:?}",
                    done.log
                );
                let (in_vain, asked) = (scene.vendors.asked(role, ill), scene.vendors.asked(role, well));
                // At first, and once after each of its rests, by two who noticed it at the same time.
                let most = 2 * (1 + usize::try_from(took / faults.rest()).unwrap());
                let is_asked = if faults.is_slow() { in_vain >= 1 } else { (1..=most).contains(&in_vain) };
                assert!(is_asked, "{name}: {role} {ill} was asked {in_vain} times in {took} s");
                assert!(asked > 0, "{name}: {role} {well} was not asked");
                let seen = traffic(&health, role, ill);
                let has_failed = seen["circuit"] != "closed" && seen["failures"].as_u64() >= Some(1);
                let was_overtaken = seen["hedged_percent"].as_f64() > Some(0.0);
                // Who is overtaken behind somebody that was overtaken already is not counted as that.
                let is_counted = has_failed || faults.is_slow() && (was_overtaken || place > 0);
                assert!(is_counted, "{name}: {role} {ill} {seen}");
            }
        }
        for (role, _, last) in self.at(place) {
            let seen = traffic(&health, role, last);
            let has_worked = seen["requests"].as_u64() > seen["failures"].as_u64();
            assert!(has_worked, "{name}: {role} {last} {seen}");
        }
        scene
    }

    /// There is nobody to fall over to: who asks is told, and who asks again is told at once.
    async fn embeddings_fail(&self, scene: &Scene, name: &str, fault: Fault) {
        scene.vendors.set_fault("embeddings", self.embeddings, Some(fault));
        let made = scene.embed().await;
        assert!(made.is_err(), "{name}: {made:?}");
        let asked = scene.vendors.asked("embeddings", self.embeddings);
        assert!(asked >= 1 && scene.embed().await.is_err(), "{name}");
        assert_eq!(scene.vendors.asked("embeddings", self.embeddings), asked, "{name}: it rests");
        assert_ne!(traffic(&scene.health().await, "embeddings", self.embeddings)["circuit"], "closed");
    }

    /// Everybody is well again: after their rest the first of each order are asked, and answer. (That they stand in front
    /// again once they have proved themselves is tried in paused time, by the tests of `failover`.)
    async fn recovered(&self, scene: &Scene, name: &str) {
        let first: Vec<_> = self.leaders().map(|(role, first, _)| (role, first)).into_iter().collect();
        let all = [first.as_slice(), &[("embeddings", self.embeddings)]].concat();
        for (role, id) in &all {
            scene.vendors.set_fault(role, id, None);
        }
        let rests =
            |health: &Value| all.iter().any(|(role, id)| traffic(health, role, id)["circuit"] == "open");
        for _ in 0..240 {
            if !rests(&scene.health().await) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let before: Vec<usize> = first.iter().map(|(role, id)| scene.vendors.asked(role, id)).collect();
        scene.call().await.is_sound(name);
        assert!(scene.embed().await.is_ok(), "{name}");
        let health = scene.health().await;
        for (role, id) in &all {
            let seen = traffic(&health, role, id);
            assert_eq!(seen["circuit"], "closed", "{name}: {role} {id} {seen}");
        }
        for ((role, id), before) in first.iter().zip(before) {
            let asked = scene.vendors.asked(role, id);
            assert!(asked > before, "{name}: {role} {id} was asked {before}, then {asked} times");
        }
    }

    /// The same call with four servers: all is well, or the first of each order fail.
    async fn check(&self, name: &str) {
        let names = ["well", "500", "stall", "429"].map(|kind| format!("vendors-{name}-{kind}"));
        self.all_well(&names[0]).await;
        self.failing_to(0, &names[1], BROKEN).await.stop().await;
        self.failing_to(0, &names[2], STALLED).await.stop().await;
        let scene = self.failing_to(0, &names[3], LIMITED).await;
        self.embeddings_fail(&scene, &names[3], LIMITED.embeddings).await;
        self.recovered(&scene, &names[3]).await;
        scene.stop().await;
    }
}

impl Scene {
    async fn call(&self) -> Done {
        let endpoint = Endpoint {
            base: self.running.local_url().parse().unwrap(),
            public: self.running.public_url.parse().unwrap(),
        };
        let account = Account { sid: format!("AC{}", "0".repeat(32)), auth_token: String::new() };
        let webhooks = Webhooks::new(self.http.clone(), account, endpoint);
        let mut options = CallOptions::new("+15135552001", &self.agency.number);
        options.max_ms = 90_000;
        // The call waits for the vendors, not the vendors for the call: a busy machine changes nothing.
        options.pace = Pace::Lockstep;
        let phrases = [0, 1].map(|number| Phrase { number, words: PHRASES[number] });
        let mut caller = Caller::new(1, &phrases);
        let report = place(&webhooks, &options, &mut caller).await;
        let app = &self.running.app;
        let mut tx = SystemTx::begin(&app.db, "a test knows only the carrier's id").await.unwrap();
        let found = store::calls::life::find_by_sid(&mut tx, &report.call_sid).await.unwrap();
        drop(tx);
        let (org_id, call_id) = found.unwrap_or_else(|| panic!("there is no record of the call: {report:?}"));
        app.call_finished(call_id).await;
        let mut tx = OrgTx::begin(&app.db, org_id).await.unwrap();
        let log = store::calls::events::list(&mut tx, call_id, 0, 5_000).await.unwrap();
        Done { heard: caller.heard, log }
    }

    /// The operator's health document.
    async fn health(&self) -> Value {
        let asked = self.http.get(format!("{}/health", self.running.local_url())).bearer_auth(&self.operator);
        asked.send().await.unwrap().json().await.unwrap()
    }

    async fn embed(&self) -> Result<Option<Vec<f32>>, provider_traits::error::ProviderError> {
        let embeddings = self.running.speech.embeddings.as_ref().expect("somebody makes embeddings");
        embeddings.embed(&["a website".to_owned()]).await.map(|mut vectors| vectors.pop())
    }

    async fn stop(self) {
        self.running.stop(Duration::from_secs(5)).await;
    }
}

impl Done {
    /// The caller heard an answer to everything and every word was understood.
    fn is_sound(&self, what: &str) {
        let answers = self.heard.answers_ms();
        assert!(!self.heard.gave_up, "{what}: the caller gave up: {answers:?} {:?}", self.log);
        assert_eq!(self.heard.said, PHRASES, "{what}: {:?}", self.log);
        assert!(answers.iter().all(Option::is_some), "{what}: {answers:?}");
        let turns: Vec<&str> = self
            .log
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::CallerTurn { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(turns, PHRASES, "{what}: {:?}", self.log);
        for code in ["stt_exhausted", "tts_exhausted", "llm_exhausted", "brain_failed_over"] {
            assert_eq!(self.notices(code), [""; 0], "{what}");
        }
    }

    fn notices(&self, wanted: &str) -> Vec<&str> {
        let noted = self.log.iter().filter_map(|event| match &event.kind {
            EventKind::Notice { code, text, .. } if code == wanted => Some(text.as_str()),
            _ => None,
        });
        noted.collect()
    }
}

fn traffic(health: &Value, role: &str, id: &str) -> Value {
    let all = health["speech"].as_array().unwrap_or_else(|| panic!("{health}"));
    let found = all.iter().find(|one| one["role"] == role && one["id"] == id);
    found.unwrap_or_else(|| panic!("{role} {id} is not in {health}"))["traffic"].clone()
}

/// Where it stands in its chain; 0 is asked first.
fn place_of(health: &Value, role: &str, id: &str) -> u64 {
    traffic(health, role, id)["place"]
        .as_u64()
        .unwrap_or_else(|| panic!("{role} {id} has no place in {health}"))
}

/// A fault of everybody up to this place of each order.
async fn fault(place: usize, kind: &str) {
    let orders = Orders {
        stt: ["deepgram", "openai", "elevenlabs"],
        tts: ["polly", "elevenlabs", "openai"],
        llm: ["anthropic", "gemini", "mistral", "openai"],
        embeddings: "compatible",
    };
    let (_, faults) = ALL_FAULTS.into_iter().find(|(name, _)| *name == kind).unwrap();
    let name = format!("vendors-{kind}-to-{place}");
    let scene = orders.failing_to(place, &name, faults).await;
    // Nobody waits on the telephone for embeddings: there a slow one is waited for.
    if place == 0 && !faults.is_slow() {
        orders.embeddings_fail(&scene, &name, faults.embeddings).await;
    }
    scene.stop().await;
}

macro_rules! faults {
    ($($name:ident: $kind:literal;)*) => {
        mod of_the_first_is_carried_by_the_second {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::fault(0, $kind).await;
            })*
        }

        mod of_the_first_two_is_carried_by_the_third {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::fault(1, $kind).await;
            })*
        }

        #[test]
        fn every_fault_is_tried() {
            assert_eq!([$($kind),*], ALL_FAULTS.map(|(kind, _)| kind));
        }
    };
}

faults! {
    a_refused_connection: "refused";
    a_wrong_key: "401";
    a_rate_limit: "429";
    a_server_error: "500";
    a_slow_first_byte: "slow";
    a_stall_in_mid_stream: "stall";
    garbage: "garbage";
    a_truncated_answer: "truncated";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_its_vendor_does_not_serve_is_told_to_the_operator() {
    let orders = Orders {
        stt: ["deepgram", "elevenlabs", "openai"],
        tts: ["elevenlabs", "polly", "openai"],
        llm: ["openai", "anthropic", "gemini", "mistral"],
        embeddings: "openai",
    };
    let scene = orders.open_with("vendors-models", &[("mistral.model", "of-yesterday")]).await;
    let silent = Some(Fault::Fail(Failure::Server(503)));
    scene.vendors.set_fault("language_model", "anthropic", silent);
    app::models::check(&scene.running.app).await.unwrap();
    let health = scene.health().await;
    let states = |health: &Value| -> Vec<String> {
        let all = health["models"].as_array().unwrap_or_else(|| panic!("{health}"));
        let said =
            all.iter().map(|one| [&one["setting"], &one["state"]].map(|text| text.as_str().unwrap_or("-")));
        said.map(|said| said.join(" ")).collect()
    };
    let expect = [
        "anthropic.model not_known",
        "deepgram.model served",
        "elevenlabs.tts_model served",
        "embeddings.model served",
        "gemini.model served",
        "mistral.model gone",
        "openai.llm_model served",
        "openai.tts_model served",
        "polly.engine served",
        "polly.voice served",
    ];
    assert_eq!(states(&health), expect);
    let told = |health: &Value, word: &str| health["reasons"].to_string().contains(word);
    assert!(
        health["status"] == "degraded" && told(&health, "of-yesterday") && told(&health, "mistral.model")
    );
    assert!(!told(&health, "anthropic"), "silence is no word about a model: {health}");
    // What a vendor has said once is not forgotten because it is silent another time.
    scene.vendors.set_fault("language_model", "anthropic", None);
    scene.vendors.set_fault("language_model", "mistral", silent);
    app::models::check(&scene.running.app).await.unwrap();
    let health = scene.health().await;
    assert_eq!(states(&health)[0], "anthropic.model served");
    assert_eq!(states(&health)[5], "mistral.model gone");
    // What was looked at just now is not asked for again.
    let asked = scene.vendors.asked_for_models();
    app::models::check_unless_fresh(&scene.running.app).await.unwrap();
    assert_eq!(scene.vendors.asked_for_models(), asked);
    scene.stop().await;
}

macro_rules! orders {
    ($($name:ident: $stt:expr, $tts:expr, $llm:expr, $embeddings:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let orders = Orders { stt: $stt, tts: $tts, llm: $llm, embeddings: $embeddings };
            orders.check(stringify!($name)).await;
        })*
    };
}

orders! {
    elevenlabs_speaks_and_openai_thinks_first:
        ["elevenlabs", "deepgram", "openai"], ["elevenlabs", "polly", "openai"],
        ["openai", "anthropic", "gemini", "mistral"], "compatible";
    openai_speaks_and_anthropic_thinks_first:
        ["deepgram", "openai", "elevenlabs"], ["openai", "polly", "elevenlabs"],
        ["anthropic", "gemini", "mistral", "openai"], "openai";
    polly_speaks_and_gemini_thinks_first:
        ["openai", "elevenlabs", "deepgram"], ["polly", "elevenlabs", "openai"],
        ["gemini", "mistral", "anthropic", "openai"], "openai";
    deepgram_listens_and_mistral_thinks_first:
        ["deepgram", "elevenlabs", "openai"], ["elevenlabs", "openai", "polly"],
        ["mistral", "anthropic", "gemini", "openai"], "compatible";
}
