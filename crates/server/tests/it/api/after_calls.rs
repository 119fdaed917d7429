//! What follows a call, and that each effect happens once whatever dies in between: effects are counted where they
//! arrive, at the mail server and at the receiver of webhooks.

mod killed;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use chrono::TimeDelta;
use domain::call_log::EndReason;
use domain::ids::{CallId, NotificationId, ToolCallId, TurnId};
use provider_traits::ambient::{Ambient, Clock as _, SystemClock};
use provider_traits::llm::LanguageModel;
use providers::email::smtp::{Smtp, SmtpSecurity, SmtpSettings};
use serde_json::{Value, json};
use simulator::receiver::Receiver;
use simulator::smtp::{MailServer, SmtpFault};
use store::calls::finalize::Outcome;
use store::calls::turns::{ToolCall, Turn, TurnKind};
use store::notifications::{NotificationFilter, NotificationSort, NotificationState};
use store::page::{Span, Wanted};
use store::timeline::Subject;
use store::usage::UsageKind;
use store::{OrgTx, StoreError};

use super::world::{Agency, World, request};
use simulator::llm::mind::{Made, Mind};
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};

/// Nobody's chain takes so many steps of its task; one that does hangs.
const MOST_POLLS: usize = 5_000;

/// An agency with a mail server and a receiver of webhooks.
struct Scene {
    world: World,
    agency: Agency,
    mail: MailServer,
    receiver: Receiver,
}

impl Scene {
    async fn new() -> Self {
        Self::with(None).await
    }

    /// One whose summaries are written by a model.
    async fn with(model: Option<Arc<dyn LanguageModel>>) -> Self {
        let mail = MailServer::start(None).await.unwrap();
        let settings = SmtpSettings {
            host: mail.address.ip().to_string(),
            port: Some(mail.address.port()),
            security: SmtpSecurity::None,
            user: None,
            password: None,
            authority: None,
            sender: "Studio <studio@here.example>".to_owned(),
        };
        let email = Arc::new(Smtp::new(&settings).unwrap());
        let world = World::with_email_and_summarizer(email, model).await;
        world.clock.advance(SystemClock.now() - world.app.ambient.now());
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "owner").await;
        let receiver = Receiver::start([]).await.unwrap();
        let body =
            json!({ "url": receiver.url("/hook"), "events": ["call.summarized", "satisfaction.recorded"] });
        world.post("/api/v1/webhooks", Some(&token), &body).await;
        Self { world, agency, mail, receiver }
    }

    async fn tx(&self) -> OrgTx {
        OrgTx::begin(&self.world.app.db, self.agency.id).await.unwrap()
    }

    async fn token(&self) -> String {
        self.world.sign_in_as(&self.agency, "owner").await
    }

    /// Has callers told what was noted.
    async fn confirm_to_callers(&self) {
        let body = json!({ "recipients": [], "confirm_to_callers": true });
        let token = self.token().await;
        let asked =
            request("PUT", "/api/v1/notification-settings", Some(&token), &[("if-match", "*")], Some(&body));
        assert_eq!(self.world.send(asked).await.status, 200);
    }

    /// A call that is over, with a verdict in it, whose record is complete.
    async fn call(&self) -> CallId {
        let (app, now) = (&self.world.app, self.world.app.ambient.now());
        let id = CallId(app.ambient.new_id());
        self.world.record_call(&self.agency, id, now).await;
        let turn = |kind, text: &str, started_ms| Turn {
            id: TurnId(app.ambient.new_id()),
            kind,
            started_ms,
            ended_ms: started_ms + 2_000,
            text: text.to_owned(),
            generated: None,
            sent: None,
            interrupted: false,
            confidence: None,
            layer: None,
            reason: None,
            intent: Some("status_update".to_owned()).filter(|_| kind == TurnKind::Caller),
            urgency: Default::default(),
            latency: None,
        };
        let verdict = ToolCall {
            id: ToolCallId(app.ambient.new_id()),
            at_ms: 9_000,
            name: "record_satisfaction".to_owned(),
            arguments: json!({ "score": 4, "comment": "quick" }),
            result: json!({}),
            ok: true,
            duration_ms: 1,
        };
        let outcome = Outcome {
            ended_at: now + TimeDelta::seconds(12),
            end_reason: EndReason::CallerHungUp,
            duration_ms: 12_300,
            intent: Some("status_update".to_owned()),
            intents: Vec::new(),
            urgency: Default::default(),
            summary: Value::Null,
            turns: vec![
                turn(TurnKind::Agent, "Aurora, this is Nova.", 0),
                turn(
                    TurnKind::Caller,
                    "How is my website? Please send me the <b>invoice</b> by Friday.",
                    2_500,
                ),
                turn(TurnKind::Agent, "Dana will get back to you.", 6_000),
            ],
            tool_calls: vec![verdict],
            finalized_at: now,
        };
        let mut tx = self.tx().await;
        assert!(store::calls::finalize::finalize(&mut tx, id, &outcome).await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    async fn follow_up(&self, call: CallId) {
        self.world.app.follow_up_call(self.agency.id, call).await.unwrap();
    }

    /// The notifications that wait.
    async fn waiting(&self) -> Vec<NotificationId> {
        let filter =
            NotificationFilter { state: Some(NotificationState::Waiting), ..NotificationFilter::default() };
        let wanted = Wanted::first(NotificationSort::CreatedAt, 200);
        let listed = store::notifications::list(&mut self.tx().await, &filter, &wanted).await.unwrap();
        listed.items.into_iter().map(|one| one.id).collect()
    }

    async fn send_all(&self) {
        for id in self.waiting().await {
            self.world.app.send_notification(self.agency.id, id).await.unwrap();
        }
    }

    async fn deliver_all(&self) {
        while self.world.app.deliver_due_webhooks().await.unwrap() > 0 {}
    }

    /// How often each message came to the mail server.
    fn mails(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for mail in self.mail.received() {
            *count.entry(mail.header("Message-ID")).or_default() += 1;
        }
        count
    }

    /// Which facts of a kind were told to the receiver, and how often each.
    fn told(&self, kind: &str) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for received in self.receiver.received() {
            let body: Value = serde_json::from_slice(&received.body).unwrap();
            if body["type"] == kind {
                let what = body["data"]["call_id"].as_str().or(body["data"]["id"].as_str()).unwrap();
                *count.entry(what.to_owned()).or_default() += 1;
            }
        }
        count
    }

    async fn shown(&self, call: CallId) -> Value {
        let token = self.token().await;
        self.world.get(&format!("/api/v1/calls/{call}"), Some(&token)).await.json()
    }
}

/// Does work, but dies after so many steps of its task; tells whether it came to its end.
async fn dies_after<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// The chain of language models of a server, with one vendor that is played.
async fn model_that(mind: Mind) -> (StandIn<LlmVendor>, Arc<dyn LanguageModel>) {
    let settings = llm::Settings { mind, ..llm::Settings::default() };
    let vendor =
        StandIn::start(LlmVendor::new(Protocol::Compatible, settings), Place::default()).await.unwrap();
    let folder = testkit::folders::fresh("summaries");
    let url = format!("{}{}", vendor.url(), Protocol::Compatible.base_path());
    let config = crate::spoken::config_with(
        folder.path(),
        vec![
            ("llm.order", "compatible".to_owned()),
            ("compatible.llm_url", url),
            ("compatible.llm_model", "a-model".to_owned()),
        ],
    );
    let tasks = tokio_util::task::TaskTracker::new();
    let model = server::wiring::speech::Speech::of(&config, &Ambient::system(), &tasks).unwrap().llm.unwrap();
    (vendor, model)
}

#[tokio::test]
async fn a_model_writes_the_summary_without_what_nobody_said() {
    let written = json!({
        "summary": "Northwind Coffee asks about the website and wants the invoice by Friday. They owe $4,000.",
        "action_items": ["Send the invoice by Friday", "Call Robert back"],
        "follow_ups": ["Dana gets back to them"],
        "sentiment": "neutral",
    });
    let (vendor, model) = model_that(Mind::always(Made::says(&written.to_string()))).await;
    let scene = Scene::with(Some(model)).await;
    let call = scene.call().await;
    scene.follow_up(call).await;
    let shown = scene.shown(call).await;
    let summary = &shown["summary"];
    assert_eq!(
        (&summary["text"], &summary["written_by"]),
        (
            &json!("Northwind Coffee asks about the website and wants the invoice by Friday."),
            &json!("compatible")
        ),
        "{summary}"
    );
    assert_eq!(summary["action_items"], json!(["Send the invoice by Friday"]));
    assert_eq!(summary["follow_ups"], json!(["Dana gets back to them"]));
    // The intents stay those that were recorded turn by turn.
    assert_eq!(summary["intents"], json!(["status_update"]));
    // Once for the call, however often its chain is begun.
    scene.follow_up(call).await;
    assert_eq!(vendor.seen().count(), 1);
}

#[tokio::test]
async fn the_rules_write_the_summary_that_a_model_does_not() {
    for (what, mind, fault) in [
        ("no words", Mind::always(Made::says("")), None),
        ("no document", Mind::always(Made::says("I am sorry, I can't do that.")), None),
        ("only inventions", Mind::always(Made::says(r#"{"summary": "Robert Smith paid $900."}"#)), None),
        ("it fails", Mind::sensible(), Some(Fault::Fail(Failure::Server(500)))),
    ] {
        let (vendor, model) = model_that(mind).await;
        if let Some(fault) = fault {
            vendor.set_fault(Some(fault));
        }
        let scene = Scene::with(Some(model)).await;
        let call = scene.call().await;
        scene.follow_up(call).await;
        let shown = scene.shown(call).await;
        assert_eq!(shown["summary"]["written_by"], "rules", "{what}: {shown}");
        let text = shown["summary"]["text"].as_str().unwrap();
        assert!(text.starts_with("Northwind Coffee called about the status"), "{what}: {text}");
        assert!(vendor.seen().count() > 0, "{what}: nobody asked the model");
    }
}

#[tokio::test]
async fn everything_that_follows_a_call_is_done() {
    let scene = Scene::new().await;
    let call = scene.call().await;
    scene.follow_up(call).await;
    scene.send_all().await;
    scene.deliver_all().await;

    let shown = scene.shown(call).await;
    let summary = &shown["summary"];
    assert!(
        summary["text"].as_str().unwrap().starts_with("Northwind Coffee called about the status"),
        "{summary}"
    );
    assert_eq!(summary["written_by"], "rules");
    assert_eq!(summary["intents"], json!(["status_update"]));
    assert_eq!(summary["follow_ups"], json!(["Dana will get back to you."]));
    assert_eq!(summary["action_items"].as_array().unwrap().len(), 1, "{summary}");

    let received = scene.mail.received();
    let [mail] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(mail.to, ["notices@agency.example"]);
    assert_eq!(mail.header("Subject"), "Call from Northwind Coffee: status update");
    let words = mail.words();
    assert!(
        words.contains("&lt;b&gt;invoice&lt;/b&gt;") && words.contains("<b>invoice</b> by Friday"),
        "{words}"
    );
    assert!(words.contains("4 of 5"), "{words}");

    let mut tx = scene.tx().await;
    let history = store::timeline::newest(&mut tx, Subject::Client(scene.agency.client), 10).await.unwrap();
    assert_eq!((history.len(), history[0].call_id), (1, Some(call)));
    assert_eq!(history[0].text, summary["text"].as_str().unwrap());
    assert_eq!(store::usage::sum(&mut tx, UsageKind::VoiceSeconds, Span::default()).await.unwrap(), 13);
    assert_eq!(store::satisfaction::of_call(&mut tx, call).await.unwrap(), Some(4));
    drop(tx);
    let once: BTreeMap<String, usize> = [(call.to_string(), 1)].into();
    assert_eq!((scene.told("call.summarized"), scene.told("satisfaction.recorded")), (once.clone(), once));
}

#[tokio::test]
async fn a_chain_that_dies_anywhere_is_gone_on_with_and_does_nothing_twice() {
    let scene = Scene::new().await;
    let app = &scene.world.app;
    let mut calls = Vec::new();
    for polls in 1..MOST_POLLS {
        let call = scene.call().await;
        calls.push(call);
        let died = dies_after(polls, app.follow_up_call(scene.agency.id, call)).await.is_none();
        // Somebody else takes it up, and once more when all is done.
        scene.follow_up(call).await;
        scene.follow_up(call).await;
        if !died {
            break;
        }
    }
    // How often a step waits depends on what is there already.
    assert!(calls.len() > 10, "the chain died at {} places only", calls.len());
    println!("killed at {} places", calls.len() - 1);
    scene.send_all().await;
    scene.deliver_all().await;

    let each_once: BTreeMap<String, usize> = calls.iter().map(|call| (call.to_string(), 1)).collect();
    assert_eq!(scene.told("call.summarized"), each_once);
    assert_eq!(scene.told("satisfaction.recorded"), each_once);
    let mails = scene.mails();
    assert_eq!((mails.len(), mails.values().sum::<usize>()), (calls.len(), calls.len()));
    let mut tx = scene.tx().await;
    let history =
        store::timeline::newest(&mut tx, Subject::Client(scene.agency.client), 1_000).await.unwrap();
    assert_eq!(history.len(), calls.len());
    let conversations = store::usage::sum(&mut tx, UsageKind::Conversations, Span::default()).await.unwrap();
    assert_eq!(conversations, calls.len() as u64);
    for call in &calls {
        let steps: Vec<String> = store::after_calls::done(&mut tx, *call)
            .await
            .unwrap()
            .into_iter()
            .map(|done| done.step)
            .collect();
        assert_eq!(steps.len(), 7, "{steps:?}");
    }
}

#[tokio::test]
async fn two_workers_at_one_chain_do_everything_once() {
    let scene = Scene::new().await;
    let call = scene.call().await;
    let one = scene.world.app.follow_up_call(scene.agency.id, call);
    let other = scene.world.app.follow_up_call(scene.agency.id, call);
    let (one, other) = tokio::join!(one, other);
    one.and(other).unwrap();
    scene.send_all().await;
    scene.deliver_all().await;
    assert_eq!(scene.mails().values().sum::<usize>(), 1);
    assert_eq!(scene.told("call.summarized").len(), 1);
}

#[tokio::test]
async fn a_letter_whose_sender_dies_anywhere_arrives_under_one_id() {
    let scene = Scene::new().await;
    let app = &scene.world.app;
    let (mut places, mut repeated) = (0, 0);
    for polls in 1..MOST_POLLS {
        let call = scene.call().await;
        scene.follow_up(call).await;
        let waiting = scene.waiting().await;
        let [id] = waiting.as_slice() else { panic!("{waiting:?}") };
        let before = scene.mail.received().len();
        let died = dies_after(polls, app.send_notification(scene.agency.id, *id)).await.is_none();
        app.send_notification(scene.agency.id, *id).await.unwrap();
        app.send_notification(scene.agency.id, *id).await.unwrap();
        let mut tx = scene.tx().await;
        assert_eq!(store::notifications::get(&mut tx, *id).await.unwrap().state, NotificationState::Sent);
        repeated += usize::from(scene.mail.received().len() > before + 1);
        places += 1;
        if !died {
            break;
        }
    }
    assert!(places > 5, "the sender died at {places} places only");
    // A mail server can't take part in our transaction: whoever dies between its word and ours sends again, under the
    // same id.
    println!("killed at {} places, {repeated} letters came twice under one id", places - 1);
    assert_eq!(scene.mails().len(), places);
    assert!(repeated * 2 < places, "{repeated} of {places} letters came twice");
}

#[tokio::test]
async fn a_letter_that_can_t_be_sent_is_tried_again_and_shown_as_failed_in_the_end() {
    let scene = Scene::new().await;
    let app = &scene.world.app;
    let call = scene.call().await;
    scene.follow_up(call).await;
    let id = scene.waiting().await[0];
    // Each attempt is a new connection: the pool keeps none that failed.
    scene.mail.fail([SmtpFault::TryLater; 14]);
    for attempt in 1..=14 {
        let sent = app.send_notification(scene.agency.id, id).await;
        // The last one is given up, so that the job ends.
        assert_eq!(sent.is_err(), attempt < 14, "{attempt}: {sent:?}");
    }
    let token = scene.token().await;
    let listed = scene.world.get("/api/v1/notifications?state=failed", Some(&token)).await.json();
    let one = &listed["items"][0];
    assert_eq!((&one["id"], &one["attempts"]), (&json!(id), &json!(14)));
    assert_eq!(one["reason"], "smtp is unavailable: SMTP 451");
    // Somebody mends it and has it sent.
    let path = format!("/api/v1/notifications/{id}/retry");
    assert_eq!(scene.world.post(&path, Some(&token), &Value::Null).await.json()["state"], "waiting");
    scene.send_all().await;
    assert_eq!(scene.mails().len(), 1);
    assert_eq!(scene.world.post(&path, Some(&token), &Value::Null).await.status, 409);
}

#[tokio::test]
async fn a_receiver_that_there_is_not_is_given_up_at_once() {
    let scene = Scene::new().await;
    let call = scene.call().await;
    scene.follow_up(call).await;
    let id = scene.waiting().await[0];
    scene.mail.fail([SmtpFault::UnknownReceiver]);
    scene.world.app.send_notification(scene.agency.id, id).await.unwrap();
    let mut tx = scene.tx().await;
    let one = store::notifications::get(&mut tx, id).await.unwrap();
    assert_eq!((one.state, one.reason.as_deref()), (NotificationState::Failed, Some("SMTP 550")));
}

#[tokio::test]
async fn what_follows_a_call_that_was_deleted_is_dropped() {
    let scene = Scene::new().await;
    let call = scene.call().await;
    scene.follow_up(call).await;
    let id = scene.waiting().await[0];
    let mut tx = scene.tx().await;
    store::calls::delete(&mut tx, call).await.unwrap();
    tx.commit().await.unwrap();
    scene.world.app.send_notification(scene.agency.id, id).await.unwrap();
    scene.follow_up(call).await;
    let mut tx = scene.tx().await;
    let one = store::notifications::get(&mut tx, id).await.unwrap();
    assert_eq!((one.state, scene.mail.received().len()), (NotificationState::Dropped, 0));
    assert!(matches!(store::calls::get(&mut tx, call).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn callers_are_told_what_was_noted_where_that_is_wanted() {
    let scene = Scene::new().await;
    let lead_of = async |call: CallId| {
        let mut tx = scene.tx().await;
        let mut lead = store::leads::get(&mut tx, scene.agency.lead).await.unwrap();
        lead.email = Some("kevin@gmail.example".to_owned());
        lead.service = Some("A website <b>now</b>".to_owned());
        store::leads::update(&mut tx, &lead).await.unwrap();
        store::calls::life::set_lead(&mut tx, call, lead.id).await.unwrap();
        tx.commit().await.unwrap();
    };
    let first = scene.call().await;
    lead_of(first).await;
    scene.follow_up(first).await;
    scene.confirm_to_callers().await;
    let second = scene.call().await;
    lead_of(second).await;
    scene.follow_up(second).await;
    scene.send_all().await;
    let received = scene.mail.received();
    let confirmed: Vec<_> = received.iter().filter(|mail| mail.to == ["kevin@gmail.example"]).collect();
    let [mail] = confirmed.as_slice() else { panic!("{confirmed:?}") };
    assert_eq!(mail.header("Subject"), "Thank you for calling Aurora");
    assert_eq!(mail.header("Reply-To"), "notices@agency.example");
    assert!(mail.words().contains("A website &lt;b&gt;now&lt;/b&gt;"), "{}", mail.words());
    // What the business says among itself stays there.
    assert!(!mail.words().contains("Dana will get back") && !mail.words().contains("What was said"));
}

#[tokio::test]
async fn whoever_hangs_up_at_the_greeting_is_no_news() {
    let scene = Scene::new().await;
    let (app, now) = (&scene.world.app, scene.world.app.ambient.now());
    let id = CallId(app.ambient.new_id());
    scene.world.record_call(&scene.agency, id, now).await;
    let outcome = Outcome {
        ended_at: now,
        end_reason: EndReason::CallerHungUp,
        duration_ms: 900,
        intent: None,
        intents: Vec::new(),
        urgency: Default::default(),
        summary: Value::Null,
        turns: Vec::new(),
        tool_calls: Vec::new(),
        finalized_at: now,
    };
    let mut tx = scene.tx().await;
    store::calls::finalize::finalize(&mut tx, id, &outcome).await.unwrap();
    tx.commit().await.unwrap();
    scene.follow_up(id).await;
    assert!(scene.waiting().await.is_empty());
    assert_eq!(scene.shown(id).await["summary"]["text"], "Northwind Coffee called and said nothing.");
}
