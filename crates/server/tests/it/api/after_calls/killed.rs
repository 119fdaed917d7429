//! What follows a call when the server is killed (`kill -9`) at every step of it, before and after each effect. The server
//! is a process of its own. A lock of the test's holds it up at the chosen place, so that it dies there and nowhere else,
//! without anything in the product that knows of tests. Effects are counted where they arrive (the mail server, the
//! telephone network, the receiver of webhooks) and in the records.
//!
//! Each death takes a start of a server, so these are run by `make faults`.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use simulator::receiver::Behaviour;
use simulator::twilio::rest::{Settings, TwilioApi};
use simulator::twilio::webhook::Account;
use store::jobs::NewJob;
use store::testing::holds::{self, Hold, Place as Where};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::*;
use crate::api::world::{ACCOUNT, ACCOUNT_SECRET, PASSPHRASE};

/// Nothing here takes so long unless it hangs; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(180);
const STEPS: [&str; 7] =
    ["summary", "satisfaction", "timeline", "usage", "notifications", "confirmation", "webhooks"];
/// Who is texted.
const DANA: &str = "+15135550142";
/// The business's number.
const OURS: &str = "+15135550101";
/// What a caller is told goes there.
const CALLER: &str = "kevin@gmail.example";
/// An answer that nobody waits for.
const NEVER: Duration = Duration::from_secs(3_600);

/// A server, killed when it is dropped.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(stage: &Stage) -> Self {
        let folder = testkit::folders::fresh("killed");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_studioconnect"));
        for name in ["DATA_DIR", "PORT", "HOST", "PUBLIC_URL", "LOG_LEVEL", "LOG_FORMAT", "SMTP_URL"] {
            command.env_remove(name);
        }
        command
            .current_dir(folder.path())
            .args(["serve", "--host", "127.0.0.1", "--port", "0", "--public-url", "https://studio.example"])
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .env("DATABASE_URL", stage.scene.world.target.socket_url().unwrap())
            .env("ENCRYPTION_KEY", PASSPHRASE)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        for setting in [
            "email.transport=smtp".to_owned(),
            "email.from=studio@here.example".to_owned(),
            format!("smtp.url=smtp+plain://{}", stage.scene.mail.address),
            "webhooks.allow_insecure=true".to_owned(),
            "webhooks.allowed_networks=127.0.0.0/8".to_owned(),
            format!("twilio.account_sid={ACCOUNT}"),
            format!("twilio.auth_token={ACCOUNT_SECRET}"),
            format!("twilio.api_url={}", stage.twilio.url()),
            "speech.prerender=false".to_owned(),
            "log.level=warn".to_owned(),
        ] {
            command.args(["--set", &setting]);
        }
        Self { child: command.spawn().unwrap(), folder }
    }

    /// Waits until something is so.
    async fn until(&mut self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "it is never so that {what}: {ended:?} {}",
                std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Dies at once, wherever it is.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A scene with people to be texted, a caller to be told, and places to die at.
struct Stage {
    scene: Scene,
    twilio: StandIn<TwilioApi>,
    calls: Vec<CallId>,
}

/// What came of some calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Effects {
    summaries: usize,
    verdicts: usize,
    /// Entries in the histories of the lead and of the client.
    history: [usize; 2],
    /// Conversations and seconds.
    used: [u64; 2],
    /// Letters to the business and to the caller, by `Message-ID`.
    letters: usize,
    letters_again: usize,
    texts: usize,
    /// By their id.
    webhooks: usize,
    webhooks_again: usize,
}

/// How many came that had come before.
fn again(counts: &BTreeMap<String, usize>) -> usize {
    counts.values().map(|count| count - 1).sum()
}

impl Stage {
    async fn new() -> Self {
        let settings = Settings {
            account: Account { sid: ACCOUNT.to_owned(), auth_token: ACCOUNT_SECRET.to_owned() },
            api_key: None,
            numbers: vec![OURS.to_owned()],
            rings_for: Duration::ZERO,
            out_of_order: false,
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let twilio = StandIn::start(TwilioApi::new(settings, http), Place::default()).await.unwrap();
        let scene = Scene::new().await;
        let settings = json!({
            "recipients": [{ "name": "Dana", "phone": DANA,
                "notify": [{ "event": "call.ended", "channels": ["sms"] }] }],
            "confirm_to_callers": true,
        });
        let (token, path) = (scene.token().await, "/api/v1/notification-settings");
        let asked = request("PUT", path, Some(&token), &[("if-match", "*")], Some(&settings));
        let answer = scene.world.send(asked).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut tx = scene.tx().await;
        // A call in progress, which the servers would complete in their time.
        store::calls::delete(&mut tx, scene.agency.call).await.unwrap();
        let mut lead = store::leads::get(&mut tx, scene.agency.lead).await.unwrap();
        lead.email = Some(CALLER.to_owned());
        store::leads::update(&mut tx, &lead).await.unwrap();
        tx.commit().await.unwrap();
        // The lead is older than the calls: it is no news.
        scene.world.clock.advance(TimeDelta::seconds(1));
        holds::prepare(&scene.world.target).await.unwrap();
        Self { scene, twilio, calls: Vec::new() }
    }

    async fn hold(&self, place: Where<'_>) -> Hold {
        Hold::at(&self.scene.world.target, place).await.unwrap()
    }

    async fn left(&self) -> i64 {
        holds::left_to_do(&self.scene.world.app.db).await.unwrap()
    }

    /// A call of the lead's whose record is complete.
    async fn call(&mut self) -> CallId {
        let id = self.scene.call().await;
        let mut tx = self.scene.tx().await;
        store::calls::life::set_lead(&mut tx, id, self.scene.agency.lead).await.unwrap();
        tx.commit().await.unwrap();
        self.calls.push(id);
        id
    }

    /// What follows the call is promised, as in the transaction that completes its record.
    async fn promise(&self, call: CallId) {
        let payload = json!({ "org_id": self.scene.agency.id, "call_id": call });
        let key = format!("follow_up_call:{call}");
        let mut tx = self.scene.tx().await;
        let job = NewJob { task: "follow_up_call", payload, key: Some(&key), ..NewJob::default() };
        store::jobs::enqueue(&mut tx, &job).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn steps_done(&self, call: CallId) -> BTreeSet<String> {
        let done = store::after_calls::done(&mut self.scene.tx().await, call).await.unwrap();
        done.into_iter().map(|done| done.step).collect()
    }

    /// A server that takes up what those before it left.
    async fn server(&self) -> Server {
        holds::age_dead_workers(&self.scene.world.app.db).await.unwrap();
        Server::start(self)
    }

    /// One that has done all of it.
    async fn server_with_nothing_to_do(&self) -> Server {
        let mut server = self.server().await;
        server.until("nothing is left to do", async || self.left().await == 0).await;
        server
    }

    /// A server takes up what follows a call and is killed at a place, with nothing else on its way.
    async fn die_at(&self, call: CallId, place: Where<'_>) {
        let mut server = self.server_with_nothing_to_do().await;
        let mut hold = self.hold(place).await;
        self.promise(call).await;
        let is_there = async || hold.is_reached().await.unwrap() && self.left().await == 1;
        server.until(&place.to_string(), is_there).await;
        server.kill().await;
        hold.release().await.unwrap();
    }

    /// A call whose chain is done, so that its notifications and webhooks wait for a server: the ids of the letter to the
    /// business, the letter to the caller and the text message.
    async fn call_to_be_told(&mut self) -> [NotificationId; 3] {
        assert!(self.scene.waiting().await.is_empty());
        let call = self.call().await;
        self.scene.follow_up(call).await;
        let mut tx = self.scene.tx().await;
        let mut told = BTreeMap::new();
        for id in self.scene.waiting().await {
            let one = store::notifications::get(&mut tx, id).await.unwrap();
            told.insert(one.address, id);
        }
        ["notices@agency.example", CALLER, DANA].map(|address| told[address])
    }

    fn texts(&self) -> usize {
        self.twilio.vendor().ledger().messages.len()
    }

    /// What came of the calls.
    async fn effects(&self) -> Effects {
        let scene = &self.scene;
        let mut webhooks: BTreeMap<String, usize> = BTreeMap::new();
        for received in scene.receiver.received() {
            let id = received.headers["webhook-id"].to_str().unwrap().to_owned();
            *webhooks.entry(id).or_default() += 1;
        }
        let letters = scene.mails();
        let mut effects = Effects {
            letters: letters.len(),
            letters_again: again(&letters),
            texts: self.texts(),
            webhooks: webhooks.len(),
            webhooks_again: again(&webhooks),
            ..Effects::default()
        };
        let mut tx = scene.tx().await;
        let subjects = [Subject::Lead(scene.agency.lead), Subject::Client(scene.agency.client)];
        for (count, subject) in effects.history.iter_mut().zip(subjects) {
            let entries = store::timeline::newest(&mut tx, subject, 1_000).await.unwrap();
            *count = entries.iter().filter(|entry| entry.kind == "call").count();
        }
        for (sum, kind) in effects.used.iter_mut().zip([UsageKind::Conversations, UsageKind::VoiceSeconds]) {
            *sum = store::usage::sum(&mut tx, kind, Span::default()).await.unwrap();
        }
        for call in &self.calls {
            let verdict = store::satisfaction::of_call(&mut tx, *call).await.unwrap();
            effects.verdicts += usize::from(verdict == Some(4));
            let summary = store::calls::get(&mut tx, *call).await.unwrap().summary;
            effects.summaries += usize::from(summary.is_some_and(|summary| summary["text"].is_string()));
        }
        effects
    }

    /// All of what follows the calls came about once; so many letters and webhooks came again, under their ids.
    async fn all_came_once_but(&self, letters_again: usize, webhooks_again: usize) -> Effects {
        let effects = self.effects().await;
        let count = self.calls.len();
        let once = Effects {
            summaries: count,
            verdicts: count,
            history: [count; 2],
            used: [count as u64, 13 * count as u64],
            letters: 2 * count,
            letters_again,
            texts: count,
            webhooks: 2 * count,
            webhooks_again,
        };
        assert_eq!(effects, once);
        let all: BTreeSet<String> = self.calls.iter().map(|call| call.to_string()).collect();
        for kind in ["call.summarized", "satisfaction.recorded"] {
            assert_eq!(self.scene.told(kind).into_keys().collect::<BTreeSet<_>>(), all, "{kind}");
        }
        for call in &self.calls {
            assert_eq!(self.steps_done(*call).await.len(), STEPS.len());
        }
        effects
    }
}

#[tokio::test]
async fn a_server_that_is_killed_at_every_step_leaves_each_effect_to_be_had_once() {
    let mut stage = Stage::new().await;
    let mut deaths = 0;
    for (before, step) in STEPS.iter().enumerate() {
        let [first, second, third] = [stage.call().await, stage.call().await, stage.call().await];
        // Before the step, between two effects of it, after all of them. What it had done is rolled back each time.
        let between = match *step {
            "satisfaction" => Some(Where::VerdictIsTold),
            "timeline" => Some(Where::HistoryOf(third, "client")),
            "usage" => Some(Where::Counted(third, "conversations")),
            "notifications" => Some(Where::Told(third, "sms")),
            _ => None,
        };
        let places = [(first, Where::StepBegins(first, step)), (second, Where::StepEnds(second, step))];
        for (call, place) in places.into_iter().chain(between.map(|place| (third, place))) {
            stage.die_at(call, place).await;
            let done: BTreeSet<String> = STEPS[..before].iter().map(|&one| one.to_owned()).collect();
            assert_eq!(stage.steps_done(call).await, done, "{place}");
            deaths += 1;
        }
        if between.is_none() {
            stage.promise(third).await;
        }
    }
    // All is done, and the queue does not know it yet.
    let call = stage.call().await;
    stage.die_at(call, Where::ChainEnds(call)).await;
    deaths += 1;
    assert_eq!(stage.steps_done(call).await.len(), STEPS.len());

    stage.server_with_nothing_to_do().await.kill().await;
    let effects = stage.all_came_once_but(0, 0).await;
    println!("{deaths} deaths in {} calls: {effects:?}", stage.calls.len());
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_sends_texts_nobody_twice_and_repeats_letters_under_their_ids() {
    let mut stage = Stage::new().await;
    let (mut letters_again, mut webhooks_again) = (0, 0);

    // All three were taken, and nobody wrote that down.
    let told = stage.call_to_be_told().await;
    let mut holds = Vec::new();
    for id in told {
        holds.push(stage.hold(Where::Sent(id)).await);
    }
    let mut server = stage.server().await;
    let all_taken = async || {
        let mut reached = stage.left().await == 2 * 3;
        for hold in &mut holds {
            reached = reached && hold.is_reached().await.unwrap();
        }
        reached
    };
    server.until("all three were taken", all_taken).await;
    server.kill().await;
    for hold in holds {
        hold.release().await.unwrap();
    }
    assert_eq!((stage.scene.mails().len(), stage.texts()), (2, 1));
    letters_again += 2;
    stage.server_with_nothing_to_do().await.kill().await;
    stage.all_came_once_but(letters_again, webhooks_again).await;

    // A letter and a text message were taken; the word of it never came.
    stage.call_to_be_told().await;
    stage.scene.mail.fail([SmtpFault::SilentAfterData]);
    stage.twilio.set_fault_for(Fault::SlowFirstByte(NEVER), 1);
    let mut server = stage.server().await;
    let are_taken =
        async || stage.left().await == 2 * 2 && stage.scene.mails().len() == 4 && stage.texts() == 2;
    server.until("a letter and a text message wait for an answer", are_taken).await;
    server.kill().await;
    letters_again += 1;
    stage.server_with_nothing_to_do().await.kill().await;
    stage.all_came_once_but(letters_again, webhooks_again).await;

    // A text message that was about to be sent, and was not: it is sent then.
    stage.call_to_be_told().await;
    let asked = stage.twilio.seen().count();
    stage.twilio.set_fault_for(Fault::Lose, 1);
    let mut server = stage.server().await;
    let is_lost = async || stage.left().await == 2 && stage.twilio.seen().count() == asked + 1;
    server.until("a text message is lost", is_lost).await;
    assert_eq!(stage.texts(), 2);
    server.kill().await;
    stage.server_with_nothing_to_do().await.kill().await;
    stage.all_came_once_but(letters_again, webhooks_again).await;

    // Webhooks that were answered, and nobody wrote that down: the records of one receiver are written one by one.
    stage.call_to_be_told().await;
    let taken = stage.scene.receiver.received().len();
    stage.scene.receiver.behave([Behaviour::status(201)]);
    let mut hold = stage.hold(Where::Delivered(201)).await;
    let mut server = stage.server().await;
    let are_answered = async || {
        stage.scene.receiver.received().len() == taken + 2
            && stage.scene.waiting().await.is_empty()
            && hold.is_reached().await.unwrap()
    };
    server.until("two webhooks were answered", are_answered).await;
    server.kill().await;
    hold.release().await.unwrap();
    webhooks_again += 2;
    stage.server_with_nothing_to_do().await.kill().await;
    stage.all_came_once_but(letters_again, webhooks_again).await;

    // One that is not answered.
    stage.call_to_be_told().await;
    stage.scene.receiver.behave([Behaviour::Silence, Behaviour::status(204)]);
    let mut server = stage.server().await;
    let is_silent = async || stage.left().await == 1 && stage.scene.receiver.received().len() == taken + 6;
    server.until("one webhook waits for an answer", is_silent).await;
    server.kill().await;
    webhooks_again += 1;
    stage.server_with_nothing_to_do().await.kill().await;
    let effects = stage.all_came_once_but(letters_again, webhooks_again).await;
    println!("{} calls, each cut short: {effects:?}", stage.calls.len());
}
