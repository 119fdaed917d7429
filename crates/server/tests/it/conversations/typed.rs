//! A conversation that is typed: a call of the records with everything that belongs to it (its plan, its functions, its
//! log and who heeds it, its end and what follows), and nobody who speaks or listens.

use std::sync::Arc;
use std::time::Duration;

use app::calls::inbound::{Answer, InboundCall};
use app::calls::media::MediaRequest;
use app::calls::sweep;
use chrono::TimeDelta;
use domain::call_log::{CallEvent, EndReason, EventKind};
use domain::ids::{CallId, OrgId, TurnId};
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Brain, Mind, NextStep, Prompt, Thought};
use server::wiring::speech::Speech;
use simulator::llm::mind::Mind as Model;
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::twilio::rest::{Settings, TwilioApi};
use simulator::twilio::webhook::Account;
use simulator::vendor::stand_in::{Place, StandIn};
use store::SystemTx;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::world::{ACCOUNT, ACCOUNT_SECRET, World};
use crate::played::{Brain as Kind, OURS};

/// Time that passes from one line to the next.
const LINE_MS: u64 = 4_000;
/// Rounds of jobs that follow from jobs; a chain has fewer.
const MOST_ROUNDS: usize = 20;

/// Where conversations are held: the demonstration's agency, and who thinks.
pub(super) struct Room {
    pub(super) world: World,
    pub(super) org_id: OrgId,
    brain: Box<dyn Brain>,
    model: Option<StandIn<LlmVendor>>,
    /// Who can be asked to call somebody back.
    _twilio: StandIn<TwilioApi>,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    pub(super) said: String,
    /// Functions, and whether they worked.
    pub(super) tools: Vec<(String, bool)>,
    next: Option<NextStep>,
    /// For people who read of it.
    pub(super) told: Vec<String>,
}

/// One that goes on.
pub(super) struct Typed {
    pub(super) call_id: CallId,
    mind: Box<dyn Mind>,
    ambient: Ambient,
    log: mpsc::Sender<CallEvent>,
    written: JoinHandle<usize>,
    seq: u32,
    at_ms: u64,
    heard: Option<NextStep>,
}

impl Room {
    pub(super) async fn with(kind: Kind) -> Self {
        let numbers = vec![OURS.to_owned()];
        let account = Account { sid: ACCOUNT.to_owned(), auth_token: ACCOUNT_SECRET.to_owned() };
        let (rings_for, out_of_order) = (Duration::ZERO, false);
        let settings = Settings { account, api_key: None, numbers, rings_for, out_of_order };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let twilio = StandIn::start(TwilioApi::new(settings, http), Place::default()).await.unwrap();
        let world = World::on_the_phone(&twilio.url()).await;
        let agency = world.app.seed_demo("correct horse battery staple").await.unwrap();
        let folder = testkit::folders::fresh("conversations");
        let ambient = world.app.ambient.clone();
        let mut model = None;
        let brain: Box<dyn Brain> = match kind {
            Kind::Rules => Box::new(brain::rules::RulesBrain::new(ambient)),
            Kind::Model => {
                let settings = llm::Settings { mind: Model::sensible(), ..llm::Settings::default() };
                let vendor = LlmVendor::new(Protocol::Compatible, settings);
                let vendor = StandIn::start(vendor, Place::default()).await.unwrap();
                let url = format!("{}{}", vendor.url(), Protocol::Compatible.base_path());
                let settings = vec![
                    ("llm.order", "compatible".to_owned()),
                    ("compatible.llm_url", url),
                    ("compatible.llm_model", "a-model".to_owned()),
                ];
                let config = crate::spoken::config_with(folder.path(), settings);
                let speech = Speech::of(&config, &Ambient::system(), &TaskTracker::new()).unwrap();
                let chain = speech.llm.expect("a model is ready");
                model = Some(vendor);
                Box::new(brain::llm::LlmBrain::new(chain, ambient, brain::llm::LlmSettings::default()))
            }
        };
        Self { world, org_id: agency.org_id, brain, model, _twilio: twilio, _folder: folder }
    }

    /// How often a model was asked.
    pub(super) fn asked(&self) -> usize {
        self.model.as_ref().map_or(0, |model| model.seen().count())
    }

    /// Somebody begins: their call is announced, and its stream comes.
    pub(super) async fn begin(&self, from: Option<&str>, number: usize) -> (Typed, Answered) {
        let app = &self.world.app;
        let call_sid = format!("CA{number:032x}");
        let announced = InboundCall {
            call_sid: call_sid.clone(),
            account_sid: "AC00000000000000000000000000000000".to_owned(),
            from: from.unwrap_or("anonymous").to_owned(),
            to: OURS.to_owned(),
            forwarded_from: None,
            signed: true,
        };
        let Answer::Connect { call_id, ticket } = app.answer_call(announced).await else {
            panic!("the call is not answered");
        };
        let stream_sid = format!("MZ{number:032x}");
        let request = MediaRequest { call_sid, stream_sid, ticket, lockstep_wanted: false };
        let grant = app.connect_media(request).await.unwrap();
        let plan = Arc::clone(grant.plan());
        let (log, events) = mpsc::channel(64);
        let written = TaskTracker::new().spawn(Arc::clone(app).record_log(Arc::clone(&plan), events));
        let tools = app.conversation_tools(Arc::clone(&plan));
        let mut typed = Typed {
            call_id,
            mind: self.brain.begin(plan, tools),
            ambient: app.ambient.clone(),
            log,
            written,
            seq: 0,
            at_ms: 0,
            heard: None,
        };
        let engine = "pipeline".to_owned();
        typed.write(EventKind::EngineReady { engine, providers: Vec::new() }).await;
        let greeting = typed.answer(Prompt::PickedUp).await;
        (typed, greeting)
    }

    /// Whoever typed leaves, if the agent has not said goodbye; the record is completed and everything that follows is
    /// done. Returns how it ended.
    pub(super) async fn end(&self, mut typed: Typed) -> EndReason {
        let reason = match typed.heard {
            Some(NextStep::HangUp) => EndReason::AgentSaidGoodbye,
            _ => EndReason::CallerHungUp,
        };
        typed.write(EventKind::Ended { reason }).await;
        let Typed { call_id, log, written, .. } = typed;
        drop(log);
        assert_eq!(written.await.unwrap(), 0, "entries of the log are lost");
        // Nobody carries the call any more, for long enough.
        self.world.clock.advance(TimeDelta::minutes(2));
        sweep::promise(&self.world.app.db, &[(self.org_id, call_id)]).await.unwrap();
        self.work_off().await;
        reason
    }

    /// Does what is promised, until nothing is.
    pub(super) async fn work_off(&self) {
        let app = &self.world.app;
        for _ in 0..MOST_ROUNDS {
            Arc::clone(app).work_off_jobs().await.unwrap();
            let mut tx = SystemTx::begin(&app.db, "a test waits until everything is done").await.unwrap();
            // Jobs go by the database's clock.
            let now = provider_traits::ambient::Clock::now(&provider_traits::ambient::SystemClock);
            if store::jobs::backlog(&mut tx, now).await.unwrap().waiting == 0 {
                return;
            }
        }
        panic!("jobs make jobs for ever");
    }
}

impl Typed {
    async fn write(&mut self, kind: EventKind) {
        let event = CallEvent { seq: self.seq, at_ms: self.at_ms, kind };
        self.seq += 1;
        self.log.send(event).await.unwrap();
    }

    /// Whether the agent has ended it, or passed it on.
    pub(super) fn is_over(&self) -> bool {
        self.heard.is_some()
    }

    pub(super) async fn say(&mut self, text: &str) -> Answered {
        let turn = TurnId(self.ambient.new_id());
        let started_ms = self.at_ms;
        self.at_ms += LINE_MS;
        let words = text.to_owned();
        let ended_ms = self.at_ms;
        self.write(EventKind::CallerTurn {
            turn,
            started_ms,
            ended_ms,
            text: words.clone(),
            confidence: None,
        })
        .await;
        self.answer(Prompt::CallerSaid { turn, text: words, agent_was_heard: None }).await
    }

    async fn answer(&mut self, prompt: Prompt) -> Answered {
        let (sender, mut thoughts) = mpsc::channel(8);
        let cancel = CancellationToken::new();
        let mind = &mut self.mind;
        let thinking = async {
            mind.respond(prompt, &sender, &cancel).await;
            drop(sender);
        };
        let listening = async {
            let mut all = Vec::new();
            while let Some(thought) = thoughts.recv().await {
                all.push(thought);
            }
            all
        };
        let ((), all) = tokio::join!(thinking, listening);
        let turn = TurnId(self.ambient.new_id());
        let (started_ms, mut answered) = (self.at_ms, Answered::default());
        let mut said = Vec::new();
        for thought in all {
            match thought {
                Thought::Say { text, purpose, .. } => {
                    said.push(text.clone());
                    self.write(EventKind::AgentSaying { turn, text, purpose }).await;
                }
                Thought::Log(kind) => {
                    if let EventKind::ToolCall { name, arguments, result, ok, .. } = &kind {
                        answered.tools.push((name.clone(), *ok));
                        answered.told.push(format!("      [{name} {arguments} -> {result}]"));
                    }
                    self.write(kind).await;
                }
                Thought::Then(next) => answered.next = Some(next),
                Thought::Expect(_) => {}
            }
        }
        self.at_ms += LINE_MS;
        answered.said = said.join(" ");
        if !answered.said.is_empty() {
            let (generated, ended_ms) = (answered.said.clone(), self.at_ms);
            let (sent, heard) = (generated.clone(), generated.clone());
            let interrupted = false;
            self.write(EventKind::AgentTurn {
                turn,
                started_ms,
                ended_ms,
                generated,
                sent,
                heard,
                interrupted,
            })
            .await;
        }
        answered.told.push(format!("AGENT {}", answered.said));
        self.heard = self.heard.take().or(answered.next.clone());
        answered
    }

    /// The number that whoever types was to be connected with.
    pub(super) fn transfer(&self) -> Option<&str> {
        match &self.heard {
            Some(NextStep::Transfer { to }) => Some(to),
            _ => None,
        }
    }
}
