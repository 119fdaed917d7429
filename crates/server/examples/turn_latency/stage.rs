//! A whole server on the demonstration's agency, and three vendors that take a fixed time each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use app::demo_seed::DemoAgency;
use domain::call_log::CallEvent;
use server::config::{Layers, Loaded};
use server::wiring::server::{RunningServer, listen, start};
use simulator::deepgram::DeepgramStandIn;
use simulator::elevenlabs::ElevenLabs;
use simulator::line::session::LineUser;
use simulator::llm::mind::{Made, Mind};
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::sounds::Cue;
use simulator::twilio::call::{CallOptions, place};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use simulator::vendor::stand_in::{Place, StandIn};
use store::tx::{OrgTx, SystemTx};
use tempfile::TempDir;

/// How quick the vendors are, and what the server is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    /// From the end of an utterance to its transcript, and from a sentence to its first audio.
    pub(crate) speech: Duration,
    /// From a request to the model's first word.
    pub(crate) model: Duration,
    /// `llm.think_ahead`.
    pub(crate) think_ahead: bool,
}

/// A server and its vendors.
pub(crate) struct Stage {
    running: RunningServer,
    agency: DemoAgency,
    webhooks: Webhooks,
    /// What the caller says.
    pub(crate) cue: Cue,
    transcriber: StandIn<DeepgramStandIn>,
    voice: StandIn<ElevenLabs>,
    model: StandIn<LlmVendor>,
    _folder: TempDir,
}

/// What the model's answers are about. Each is another one, so that no voice speaks from memory.
const COLOURS: [&str; 13] = [
    "red", "blue", "green", "yellow", "orange", "purple", "brown", "black", "white", "grey", "pink",
    "golden", "silver",
];
const THINGS: [&str; 16] = [
    "logo", "poster", "page", "menu", "sign", "card", "book", "box", "flag", "label", "shop", "door",
    "window", "picture", "letter", "film",
];

/// A model that answers with one sentence that claims nothing, and is soon over.
fn mind() -> Mind {
    let answers = AtomicUsize::new(0);
    Mind::new(move |_| {
        let number = answers.fetch_add(1, Ordering::Relaxed);
        let (colour, thing) = (COLOURS[number % COLOURS.len()], THINGS[number % THINGS.len()]);
        Made::says(&format!("And what about the {colour} {thing}?"))
    })
}

impl Stage {
    pub(crate) async fn open(name: &str, conditions: Conditions) -> anyhow::Result<Self> {
        let cue = Cue::default();
        let ear = DeepgramStandIn {
            cue: Some(cue.clone()),
            thinking: conditions.speech,
            ..DeepgramStandIn::default()
        };
        let transcriber = StandIn::start(ear, Place::default()).await?;
        let mouth = ElevenLabs { thinking: conditions.speech, ..ElevenLabs::default() };
        let voice =
            mouth.voices.first().map(|voice| voice.id.clone()).context("a stand-in without voices")?;
        let mouth = StandIn::start(mouth, Place::default()).await?;
        let settings = llm::Settings { mind: mind(), ..llm::Settings::default() };
        let vendor = LlmVendor::new(Protocol::Compatible, settings);
        let model = StandIn::start(vendor, Place { thinking: conditions.model, ..Place::default() }).await?;

        let folder = testkit::folders::fresh(name);
        let on = |flag: bool| if flag { "true" } else { "false" }.to_owned();
        let layers = Layers {
            machine_defaults: vec![
                ("data_dir", folder.path().display().to_string()),
                ("server.host", "127.0.0.1".to_owned()),
                ("server.port", "0".to_owned()),
                // Rendered below, before the first call.
                ("speech.prerender", "false".to_owned()),
                ("limits.requests_per_minute", "100000".to_owned()),
                ("stt.order", "deepgram".to_owned()),
                ("deepgram.socket_url", transcriber.ws_url()),
                ("deepgram.api_key", "dg-test-key".to_owned()),
                ("tts.order", "elevenlabs".to_owned()),
                ("elevenlabs.base_url", mouth.url()),
                ("elevenlabs.api_key", "xi-test-key".to_owned()),
                ("elevenlabs.voice", voice),
                ("llm.order", "compatible".to_owned()),
                ("llm.think_ahead", on(conditions.think_ahead)),
                ("compatible.llm_url", format!("{}{}", model.url(), Protocol::Compatible.base_path())),
                ("compatible.llm_model", "a-model".to_owned()),
            ],
            ..Layers::default()
        };
        let config = Loaded::from_layers(&layers).context("the configuration")?.config;
        let database = testkit::database::fresh().await?;
        let running = start(&config, database.db, listen(&config).await?).await?;
        let agency = running.app.seed_demo("correct horse battery staple").await?;
        running.app.prepare_calls(agency.org_id).await?;
        running.speech.prerender().await;
        let endpoint = Endpoint { base: running.local_url().parse()?, public: running.public_url.parse()? };
        let account =
            Account { sid: "AC00000000000000000000000000000000".to_owned(), auth_token: String::new() };
        let webhooks = Webhooks::new(server::wiring::simulation::http_client()?, account, endpoint);
        Ok(Self { running, agency, webhooks, cue, transcriber, voice: mouth, model, _folder: folder })
    }

    /// Places a call, and returns its log once its record is complete.
    pub(crate) async fn call(&self, user: &mut dyn LineUser) -> anyhow::Result<Vec<CallEvent>> {
        let options = CallOptions::new("+15135552001", &self.agency.number);
        let report = place(&self.webhooks, &options, user).await;
        if let Some(error) = report.error {
            anyhow::bail!("the call failed: {error}");
        }
        let app = &self.running.app;
        let mut tx = SystemTx::begin(&app.db, "only the carrier's id of the call is known here").await?;
        let found = store::calls::life::find_by_sid(&mut tx, &report.call_sid).await?;
        drop(tx);
        let (org_id, call_id) = found.context("the call has no record")?;
        app.call_finished(call_id).await;
        let mut tx = OrgTx::begin(&app.db, org_id).await?;
        Ok(store::calls::events::list(&mut tx, call_id, 0, store::calls::events::MAX_EVENTS).await?)
    }

    /// Requests that the model was sent.
    pub(crate) fn asked(&self) -> usize {
        self.model.seen().count()
    }

    pub(crate) async fn stop(self) {
        self.running.stop(Duration::from_secs(5)).await;
        self.transcriber.stop().await;
        self.voice.stop().await;
        self.model.stop().await;
    }
}
