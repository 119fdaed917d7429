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
use simulator::deepgram::DeepgramStandIn;
use simulator::elevenlabs::ElevenLabs;
use simulator::line::session::Pace;
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::openai_audio::OpenAiAudio;
use simulator::openai_platform::OpenAiPlatform;
use simulator::polly::Polly;
use simulator::twilio::call::{CallOptions, place};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use simulator::vendor::Vendor;
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};
use store::tx::{OrgTx, SystemTx};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use voice::stand_ins::LoudIsVoice;

use crate::faults::caller::{Caller, Heard, Phrase};

/// What callers say, by loudness.
const PHRASES: [&str; 2] = ["what are your opening hours", "where are you located please"];
const PASSWORD: &str = "correct horse battery staple";
/// How often a vendor that fails may be asked in a call of half a minute: at first, and once after each of its rests of
/// ten seconds and more, by two who noticed it at the same time.
const MOST_ASKED_IN_VAIN: usize = 6;

/// In which order vendors are asked. Nobody is second in one list and, at the same address, first in another.
struct Orders {
    stt: [&'static str; 3],
    tts: [&'static str; 3],
    llm: [&'static str; 4],
    embeddings: &'static str,
}

/// A vendor, whoever it is.
trait Played: Send + Sync {
    fn set_fault(&self, fault: Option<Fault>);
    /// Requests to this part of its address.
    fn asked(&self, path: &str) -> usize;
    /// What it did not like of our requests.
    fn refused(&self) -> Vec<u16>;
}

impl<V: Vendor> Played for StandIn<V> {
    fn set_fault(&self, fault: Option<Fault>) {
        Self::set_fault(self, fault);
    }

    fn asked(&self, path: &str) -> usize {
        self.seen().requests.iter().filter(|seen| seen.request.path.contains(path)).count()
    }

    fn refused(&self) -> Vec<u16> {
        self.seen().refused()
    }
}

/// Every vendor, by role and id, with the part of its address that tells the role.
struct Vendors(Vec<(&'static str, &'static str, &'static str, Arc<dyn Played>)>);

impl Vendors {
    async fn play(settings: &mut Vec<(&'static str, String)>) -> Self {
        let phrases: Vec<String> = PHRASES.map(str::to_owned).into();
        let audio = || OpenAiAudio { phrases: phrases.clone(), ..OpenAiAudio::default() };
        let language = |protocol, key: &str| {
            LlmVendor::new(protocol, llm::Settings { key: Some(key.to_owned()), ..llm::Settings::default() })
        };
        let mut set = |name, value: &str| settings.push((name, value.to_owned()));

        let scribe = started(ElevenLabs { phrases: phrases.clone(), ..ElevenLabs::default() }).await;
        let voices = started(ElevenLabs::default()).await;
        set("elevenlabs.api_key", "xi-test-key");
        set("elevenlabs.socket_url", &scribe.ws_url());
        set("elevenlabs.base_url", &voices.url());
        set("elevenlabs.voice", "21m00Tcm4TlvDq8ikWAM");

        let deepgram =
            started(DeepgramStandIn { phrases: phrases.clone(), ..DeepgramStandIn::default() }).await;
        set("deepgram.api_key", "dg-test-key");
        set("deepgram.socket_url", &deepgram.ws_url());

        let sessions = started(audio()).await;
        let model = language(Protocol::OpenAiResponses, "sk-test-key");
        let platform = started(OpenAiPlatform { audio: audio(), language: model }).await;
        set("openai.api_key", "sk-test-key");
        set("openai.stt_url", &format!("{}/v1/realtime", sessions.ws_url()));
        set("openai.base_url", &format!("{}/v1", platform.url()));
        set("openai.llm_model", "a-model");

        let polly = started(Polly::default()).await;
        set("polly.base_url", &polly.url());
        set("aws.region", "eu-central-1");
        set("aws.access_key_id", "AKIDEXAMPLE");
        set("aws.secret_access_key", "polly-test-secret");

        let anthropic = started(language(Protocol::Anthropic, "anthropic-key")).await;
        set("anthropic.api_key", "anthropic-key");
        set("anthropic.base_url", &anthropic.url());
        set("anthropic.model", "a-model");
        let gemini = started(language(Protocol::Gemini, "gemini-key")).await;
        set("gemini.api_key", "gemini-key");
        set("gemini.base_url", &gemini.url());
        set("gemini.model", "a-model");
        let mistral = started(language(Protocol::Mistral, "mistral-key")).await;
        set("mistral.api_key", "mistral-key");
        set("mistral.base_url", &format!("{}/v1", mistral.url()));
        set("mistral.model", "a-model");

        let vectors = started(OpenAiAudio { key: None, ..OpenAiAudio::default() }).await;
        set("embeddings.url", &format!("{}/v1", vectors.url()));

        Self(vec![
            ("transcriber", "elevenlabs", "/v1/speech-to-text/", scribe),
            ("transcriber", "deepgram", "/v1/listen", deepgram),
            ("transcriber", "openai", "/v1/realtime", sessions),
            ("voice", "elevenlabs", "/v1/text-to-speech/", voices),
            ("voice", "openai", "/v1/audio/speech", Arc::clone(&platform) as _),
            ("voice", "polly", "/v1/speech", polly),
            ("language_model", "openai", "/v1/responses", Arc::clone(&platform) as _),
            ("language_model", "anthropic", "/v1/messages", anthropic),
            ("language_model", "gemini", ":streamGenerateContent", gemini),
            ("language_model", "mistral", "/v1/chat/completions", mistral),
            ("embeddings", "openai", "/v1/embeddings", platform),
            ("embeddings", "compatible", "/v1/embeddings", vectors),
        ])
    }

    fn of(&self, role: &str, id: &str) -> (&'static str, &dyn Played) {
        let found = self.0.iter().find(|one| (one.0, one.1) == (role, id));
        let (_, _, path, played) = found.unwrap_or_else(|| panic!("nobody plays {role} {id}"));
        (path, &**played)
    }

    fn set_fault(&self, role: &str, id: &str, fault: Option<Fault>) {
        self.of(role, id).1.set_fault(fault);
    }

    /// Requests for lists of models, at all of them.
    fn asked_for_models(&self) -> usize {
        self.0.iter().map(|(_, _, _, played)| played.asked("/v1/models")).sum()
    }

    fn asked(&self, role: &str, id: &str) -> usize {
        let (path, played) = self.of(role, id);
        played.asked(path)
    }
}

async fn started<V: Vendor>(vendor: V) -> Arc<StandIn<V>> {
    Arc::new(StandIn::start(vendor, Place::default()).await.unwrap())
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
    /// Who is first and who is second, by role.
    fn leaders(&self) -> [(&'static str, &'static str, &'static str); 3] {
        [
            ("transcriber", self.stt[0], self.stt[1]),
            ("voice", self.tts[0], self.tts[1]),
            ("language_model", self.llm[0], self.llm[1]),
        ]
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

    /// A call while all is well.
    async fn all_well(&self, name: &str) {
        let scene = self.open(name).await;
        scene.call().await.is_sound("all is well");
        for (role, first, second) in self.leaders() {
            let (asked, besides) = (scene.vendors.asked(role, first), scene.vendors.asked(role, second));
            assert!(asked > besides, "{role}: {first} was asked {asked} times, {second} {besides} times");
        }
        let vectors = scene.embed().await.unwrap();
        assert_eq!(vectors.map(|one| one.len()), Some(1_536));
        assert_eq!(scene.vendors.asked("embeddings", self.embeddings), 1);
        let health = scene.health().await;
        for (role, first, _) in self.leaders() {
            assert_eq!(traffic(&health, role, first)["failures"], 0, "{health}");
        }
        for (role, id, _, played) in &scene.vendors.0 {
            assert_eq!(played.refused(), [0_u16; 0], "{role} {id} did not like a request");
        }
        scene.stop().await;
    }

    /// A call whose first choices all fail alike.
    async fn first_ones_fail(&self, name: &str, transcriber: Fault, others: Fault) {
        let scene = self.open(name).await;
        let what = format!("the first ones fail by {}", others.name());
        for (role, first, _) in self.leaders() {
            let fault = if role == "transcriber" { transcriber } else { others };
            scene.vendors.set_fault(role, first, Some(fault));
        }
        let done = scene.call().await;
        done.is_sound(&what);
        let health = scene.health().await;
        for ((role, first, second), code) in
            self.leaders().into_iter().zip(["stt_failed_over", "tts_failed_over", "llm_failed_over"])
        {
            let told = done.notices(code);
            let expect = [first, second];
            assert!(
                told.iter().any(|text| expect.iter().all(|id| text.contains(id))),
                "{what}: {code} {told:?} in {:?}",
                done.log
            );
            let (in_vain, asked) = (scene.vendors.asked(role, first), scene.vendors.asked(role, second));
            assert!((1..=MOST_ASKED_IN_VAIN).contains(&in_vain), "{what}: {role} {first} {in_vain} times");
            assert!(asked > 0, "{what}: {role} {second} was not asked");
            let (ill, well) = (traffic(&health, role, first), traffic(&health, role, second));
            assert!(
                ill["circuit"] != "closed" && ill["failures"].as_u64() >= Some(1),
                "{what}: {role} {ill}"
            );
            assert!(
                well["circuit"] == "closed" && well["requests"].as_u64() >= Some(1),
                "{what}: {role} {well}"
            );
        }
        // There is nobody to fall over to: who asks is told, and who asks again is told at once.
        scene.vendors.set_fault("embeddings", self.embeddings, Some(others));
        assert!(scene.embed().await.is_err());
        let asked = scene.vendors.asked("embeddings", self.embeddings);
        assert!(scene.embed().await.is_err());
        assert_eq!(scene.vendors.asked("embeddings", self.embeddings), asked, "it rests");
        assert_ne!(traffic(&scene.health().await, "embeddings", self.embeddings)["circuit"], "closed");
        scene.stop().await;
    }

    /// The same call three times, each with a server of its own.
    async fn check(&self, name: &str) {
        let (failing, stalling) = (Fault::Fail(Failure::Server(500)), Fault::Stall(1));
        let names = ["well", "500", "stall"].map(|kind| format!("vendors-{name}-{kind}"));
        tokio::join!(
            self.all_well(&names[0]),
            self.first_ones_fail(&names[1], failing, failing),
            // A transcriber has said nothing yet; the others stop in the middle.
            self.first_ones_fail(&names[2], Fault::Stall(0), stalling),
        );
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
        assert_eq!(self.heard.said, PHRASES, "{what}");
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
