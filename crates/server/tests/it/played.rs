//! Calls with exact words against a whole server: signed webhooks, media stream, either brain, and the telephone network
//! with its conferences, all played on this machine. Speech is loudness that stands for words, the line is in lockstep,
//! and telephones ring by the server's own clock. What needs real voices is in [`crate::spoken`].

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::audit::Actor;
use app::transfers::settings::TransferChange;
use async_trait::async_trait;
use domain::call_log::{CallEvent, ContinueCause, EndReason, EventKind};
use domain::ids::{CallId, OrgId};
use domain::phone::PhoneNumber;
use domain::transfers::{Availability, TransferTarget};
use provider_traits::ambient::Ambient;
use server::config::{Layers, Loaded};
use server::wiring::server::{RunningServer, listen, start_with};
use server::wiring::speech::Speech;
use simulator::line::session::{Doing, Ending, LineUser, Moment, Pace};
use simulator::line::{FRAME_MS, SILENCE};
use simulator::llm::mind::Mind;
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::twilio::call::{CallOptions, CarrierReport, Deed, place};
use simulator::twilio::rest::ledger::{Ledger, PlacedCall};
use simulator::twilio::rest::people::Person;
use simulator::twilio::rest::{Settings, TwilioApi};
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use simulator::vendor::stand_in::{Place, StandIn};
use store::calls::Call;
use store::transfers::TransferState;
use store::{OrgTx, SystemTx};
use testkit::cheap_speech::{QuickHum, activity};
use tokio_util::task::TaskTracker;
use voice::stand_ins::{MS_PER_WORD, PhraseBook, PhraseStt, SttFault, voiced_frame};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const SECRET: &str = "an auth token that is only used in tests";
/// The demonstration's number.
pub(crate) const OURS: &str = "+15135550100";
/// The demonstration's number for transfers.
pub(crate) const DESK: &str = "+15135550199";
pub(crate) const DANA: &str = "+15135550142";
pub(crate) const SAM: &str = "+15135550143";
/// A client with two projects.
pub(crate) const NORTHWIND: &str = "+15135550122";
/// Only reached by a test that hangs.
pub(crate) const AT_MOST: Duration = Duration::from_secs(120);
/// Phrases that loudness can tell apart.
const PHRASES: usize = 10;

/// Who thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brain {
    /// The rules.
    Rules,
    /// A language model's stand-in that behaves as a sensible model would, and the rules behind it.
    Model,
}

/// Has a behaviour tested on both brains: a function of the brain.
macro_rules! on_both_brains {
    ($($name:ident)*) => {
        mod by_the_rules {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::played::Brain::Rules).await;
            })*
        }
        mod by_a_model {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::played::Brain::Model).await;
            })*
        }
    };
}
pub(crate) use on_both_brains;

/// What a caller does when it is their turn.
#[derive(Clone)]
pub(crate) enum Line {
    /// Says these words.
    Says(String),
    /// Presses these keys.
    Presses(String),
    /// Has something to find out first, such as a code that comes by e-mail; asked again until there is something.
    Finds(Arc<dyn Fn() -> Option<Self> + Send + Sync>),
}

impl Line {
    /// What has to be found out first.
    pub(crate) fn finds(find: impl Fn() -> Option<Self> + Send + Sync + 'static) -> Self {
        Self::Finds(Arc::new(find))
    }

    async fn found(self) -> Self {
        let mut line = self;
        while let Self::Finds(find) = &line {
            match find() {
                Some(found) => line = found,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        line
    }
}

impl From<&str> for Line {
    fn from(words: &str) -> Self {
        Self::Says(words.to_owned())
    }
}

/// Does one line after the other, each when the agent has been quiet for a while.
struct Caller {
    lines: VecDeque<Line>,
    book: PhraseBook,
    said: usize,
    speaking: Option<(usize, u64)>,
    agent_has_spoken: bool,
    quiet_ms: u64,
}

#[async_trait]
impl LineUser for Caller {
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
        let Some(line) = self.lines.pop_front() else {
            return Doing { end: Some(Ending::HangUp), ..Doing::default() };
        };
        self.agent_has_spoken = false;
        match line.found().await {
            Line::Presses(keys) => Doing { keys: keys.chars().collect(), ..Doing::default() },
            Line::Says(words) => {
                let phrase = self.said % PHRASES;
                self.said += 1;
                self.book.write(phrase, &words);
                self.speaking = Some((phrase, words.split(' ').count() as u64 * MS_PER_WORD));
                Doing::default()
            }
            Line::Finds(_) => unreachable!("it was found"),
        }
    }

    async fn ended(&mut self, _at_ms: u64) {
        (self.speaking, self.agent_has_spoken, self.quiet_ms) = (None, false, 0);
    }
}

/// A server with the demonstration's agency.
pub(crate) struct Scene {
    pub(crate) running: RunningServer,
    pub(crate) twilio: StandIn<TwilioApi>,
    pub(crate) org_id: OrgId,
    lines: Vec<&'static str>,
    book: PhraseBook,
    _model: Option<StandIn<LlmVendor>>,
    folder: tempfile::TempDir,
}

/// What a call came to.
pub(crate) struct Came {
    pub(crate) report: CarrierReport,
    pub(crate) ledger: Ledger,
    pub(crate) call: Call,
    pub(crate) log: Vec<CallEvent>,
    pub(crate) transfer: Option<TransferState>,
}

pub(crate) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, None).unwrap()
}

/// Dana, who answers for the shop, and Sam, who answers for invoices; at any time.
pub(crate) fn people() -> Vec<TransferTarget> {
    [("Dana", "account manager", "shop", DANA), ("Sam", "bookkeeper", "invoices", SAM)]
        .map(|(name, role, topic, phone)| TransferTarget {
            name: name.to_owned(),
            role: role.to_owned(),
            topics: vec![topic.to_owned()],
            phone: number(phone),
            available: Availability::Always,
        })
        .to_vec()
}

impl Scene {
    pub(crate) async fn with(brain: Brain, rings_for: Duration, lines: &[&'static str]) -> Self {
        Self::set(brain, rings_for, lines, Vec::new()).await
    }

    /// With settings of its own.
    pub(crate) async fn set(
        brain: Brain,
        rings_for: Duration,
        lines: &[&'static str],
        more: Vec<(&'static str, String)>,
    ) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let folder = testkit::folders::fresh("played");
        let settings = Settings {
            account: Account { sid: ACCOUNT.to_owned(), auth_token: SECRET.to_owned() },
            api_key: None,
            numbers: vec![OURS.to_owned()],
            rings_for,
            out_of_order: true,
        };
        let twilio = StandIn::start(TwilioApi::new(settings, http), Place::default()).await.unwrap();
        let mut machine_defaults = vec![
            ("data_dir", folder.path().display().to_string()),
            ("server.port", "0".to_owned()),
            ("speech.prerender", "false".to_owned()),
            ("twilio.account_sid", ACCOUNT.to_owned()),
            ("twilio.auth_token", SECRET.to_owned()),
            ("twilio.api_url", twilio.url()),
        ];
        machine_defaults.extend(more);
        let model = match brain {
            Brain::Rules => None,
            Brain::Model => {
                let settings = llm::Settings { mind: Mind::sensible(), ..llm::Settings::default() };
                let vendor = LlmVendor::new(Protocol::Compatible, settings);
                let vendor = StandIn::start(vendor, Place::default()).await.unwrap();
                let url = format!("{}{}", vendor.url(), Protocol::Compatible.base_path());
                machine_defaults.push(("llm.order", "compatible".to_owned()));
                machine_defaults.push(("compatible.llm_url", url));
                machine_defaults.push(("compatible.llm_model", "a-model".to_owned()));
                Some(vendor)
            }
        };
        let layers = Layers { machine_defaults, ..Layers::default() };
        let mut config = Loaded::from_layers(&layers).unwrap().config;
        config.media.allow_lockstep = true;
        let database = testkit::database::fresh().await.unwrap();
        let book = PhraseBook::new(lines);
        let stt = PhraseStt::of(&book, SttFault::None);
        let mut speech = Speech::of_parts(Arc::new(stt), Arc::new(QuickHum), activity());
        let tasks = TaskTracker::new();
        if model.is_some() {
            speech.llm = Speech::of(&config, &Ambient::system(), &tasks).unwrap().llm;
            assert!(speech.llm.is_some(), "no model is ready");
        }
        let listener = listen(&config).await.unwrap();
        let running = start_with(&config, database.db, listener, speech, tasks).await.unwrap();
        let agency = running.app.seed_demo("correct horse battery staple").await.unwrap();
        assert_eq!(agency.number, OURS, "the number that the network lends us");
        let scene = Self {
            running,
            twilio,
            org_id: agency.org_id,
            lines: lines.to_vec(),
            book,
            _model: model,
            folder,
        };
        scene.connects_with(people()).await;
        scene
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.running.app
    }

    pub(crate) async fn tx(&self) -> OrgTx {
        OrgTx::begin(&self.running.app.db, self.org_id).await.unwrap()
    }

    pub(crate) fn owner(&self) -> Actor {
        Actor::system(self.org_id)
    }

    pub(crate) async fn connects_with(&self, targets: Vec<TransferTarget>) {
        let change = TransferChange { targets: Some(targets), ..TransferChange::default() };
        app::transfers::settings::change(self.app(), &self.owner(), None, change).await.unwrap();
    }

    pub(crate) fn expect(&self, persons: &[(&str, Person)]) {
        for (number, person) in persons {
            self.twilio.vendor().expect(number, [person.clone()]);
        }
    }

    pub(crate) async fn call(&self, from: &str, waits_for: Duration) -> Came {
        self.call_as(CallOptions { pace: Pace::Lockstep, waits_for, ..CallOptions::new(from, OURS) }).await
    }

    /// A call of another kind, with the scene's own lines; the network is ours in any case.
    pub(crate) async fn call_as(&self, options: CallOptions) -> Came {
        self.called(self.lines.iter().map(|words| Line::from(*words)).collect(), options).await
    }

    /// A call with these lines in place of the scene's own.
    pub(crate) async fn call_with(&self, from: &str, lines: Vec<Line>) -> Came {
        let options = CallOptions { pace: Pace::Lockstep, ..CallOptions::new(from, OURS) };
        self.called(lines.into(), CallOptions { waits_for: AT_MOST, ..options }).await
    }

    async fn called(&self, lines: VecDeque<Line>, options: CallOptions) -> Came {
        let account = Account { sid: ACCOUNT.to_owned(), auth_token: SECRET.to_owned() };
        let endpoint = Endpoint {
            base: self.running.local_url().parse().unwrap(),
            public: self.running.public_url.parse().unwrap(),
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let webhooks = Webhooks::new(http, account, endpoint);
        let options = CallOptions { network: Some(self.twilio.vendor().network()), ..options };
        let mut caller = Caller {
            lines,
            book: self.book.clone(),
            said: 0,
            speaking: None,
            agent_has_spoken: false,
            quiet_ms: 0,
        };
        let called = tokio::time::timeout(AT_MOST, place(&webhooks, &options, &mut caller)).await;
        let report = called.expect("the call does not end");
        assert_eq!(report.error, None, "{:?}", report.deeds);
        let quiet = self.twilio.vendor().until(Ledger::is_quiet);
        tokio::time::timeout(AT_MOST, quiet).await.expect("a call goes on for ever");
        let id = self.call_id(&report.call_sid).await;
        let finished = tokio::time::timeout(AT_MOST, self.finished(id)).await;
        let call = finished.expect("the record is never finished");
        let mut tx = self.tx().await;
        let log = store::calls::events::list(&mut tx, id, 0, 5_000).await.unwrap();
        let transfer = store::transfers::latest_of(&mut tx, id).await.unwrap();
        let ledger = self.twilio.vendor().ledger();
        let errors: Vec<String> = ledger.calls.iter().flat_map(|call| call.errors.clone()).collect();
        assert_eq!(errors, [""; 0]);
        Came { report, ledger, call, log, transfer: transfer.map(|transfer| transfer.state) }
    }

    /// A caller looks into their letters for a code, and does this with it.
    pub(crate) fn code_sent_to(
        &self,
        email: &'static str,
        then: impl Fn(&str) -> Line + Send + Sync + 'static,
    ) -> Line {
        let outbox = self.folder.path().join("outbox");
        Line::finds(move || code_in(&outbox, email).map(|code| then(&code)))
    }

    async fn call_id(&self, sid: &str) -> CallId {
        let mut tx =
            SystemTx::begin(&self.running.app.db, "a test knows only the carrier's id").await.unwrap();
        store::calls::life::find_by_sid(&mut tx, sid).await.unwrap().unwrap().1
    }

    async fn finished(&self, id: CallId) -> Call {
        loop {
            let mut tx = self.tx().await;
            let call = store::calls::get(&mut tx, id).await.unwrap();
            if call.finalized_at.is_some() {
                return call;
            }
            drop(tx);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.running.stop(Duration::from_secs(5)).await;
    }
}

/// What a person who opens the newest letter to an address takes for the code: a word of six digits.
fn code_in(outbox: &Path, email: &str) -> Option<String> {
    let mut letters: Vec<PathBuf> =
        std::fs::read_dir(outbox).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    letters.retain(|path| path.extension().is_some_and(|kind| kind == "eml"));
    letters.sort_by_key(|path| std::fs::metadata(path).and_then(|about| about.modified()).ok());
    let texts = letters.iter().rev().filter_map(|path| std::fs::read_to_string(path).ok());
    let mut to_them =
        texts.filter(|text| text.lines().any(|line| line.starts_with("To:") && line.contains(email)));
    let text = to_them.next()?;
    let (_head, body) = text.split_once("\r\n\r\n")?;
    let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    body.split_whitespace().map(|word| word.trim_matches('.')).find(is_code).map(str::to_owned)
}

impl Came {
    /// The steps of the transfer on the call's timeline.
    pub(crate) fn steps(&self) -> Vec<&str> {
        let codes = self.log.iter().filter_map(|event| match &event.kind {
            EventKind::Notice { code, .. } => code.strip_prefix("transfer_"),
            _ => None,
        });
        codes.collect()
    }

    pub(crate) fn to(&self, number: &str) -> Vec<&PlacedCall> {
        self.ledger.calls_to(number)
    }

    /// What was said, line by line: for messages of failed expectations, and for what is expected.
    pub(crate) fn transcript(&self) -> String {
        let lines = self.log.iter().filter_map(|event| match &event.kind {
            EventKind::CallerTurn { text, .. } => Some(format!("CALLER {text}\n")),
            EventKind::AgentTurn { heard, .. } => Some(format!("AGENT {heard}\n")),
            EventKind::ToolCall { name, arguments, ok, .. } => Some(format!("[{name} {arguments} {ok}]\n")),
            _ => None,
        });
        lines.collect()
    }

    pub(crate) fn says(&self, words: &str) -> bool {
        let words = words.to_lowercase();
        self.log.iter().any(|event| {
            matches!(&event.kind, EventKind::AgentTurn { heard, .. } if heard.to_lowercase().contains(&words))
        })
    }

    /// Tools that ran and worked.
    pub(crate) fn tools(&self) -> Vec<&str> {
        let tools = self.log.iter().filter_map(|event| match &event.kind {
            EventKind::ToolCall { name, ok: true, .. } => Some(name.as_str()),
            _ => None,
        });
        tools.collect()
    }

    pub(crate) fn end(&self) -> EndReason {
        self.call.end_reason.expect("a finished call has one")
    }

    pub(crate) fn streams(&self) -> usize {
        self.report.deeds.iter().filter(|deed| matches!(deed, Deed::Streamed { .. })).count()
    }

    pub(crate) fn continued(&self) -> Vec<ContinueCause> {
        let causes = self.log.iter().filter_map(|event| match event.kind {
            EventKind::Continued { cause, .. } => Some(cause),
            _ => None,
        });
        causes.collect()
    }

    /// How many were joined with the caller.
    pub(crate) fn joined(&self) -> usize {
        self.ledger.calls.iter().filter(|call| call.has_heard("You are being connected")).count()
    }
}
