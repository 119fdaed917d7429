//! Holding a conversation, and what was wrong with it.

use std::time::Duration;

use app::organizations::OrganizationChange;
use app::transfers::settings::TransferChange;
use domain::ids::CallId;
use domain::leads::{Comparison, LeadField, SkipCondition};
use domain::organizations::OrgSettings;
use domain::spoken_forms::speak;
use simulator::words::words_of;
use store::OrgTx;
use store::callbacks::{CallbackFilter, CallbackSort};
use store::change_requests::{ChangeFilter, ChangeSort};
use store::incidents::{IncidentFilter, IncidentSort};
use store::leads::{Lead, LeadFilter, LeadSort};
use store::messages::{MessageFilter, MessageSort};
use store::page::Wanted;

use super::script::{self, After, Before, Conversation};
use super::typed::{Room, Typed};
use crate::played::{AT_MOST, Brain};

/// Digits of a one-time code.
const CODE: usize = 6;

/// Holds a conversation by its name; fails with everything that was wrong with it.
pub(super) async fn hold(name: &str, brain: Brain) {
    let all = script::all();
    let conversation = all.iter().find(|one| one.name == name).expect("it is written");
    let mistakes = mistakes(conversation, brain).await;
    assert!(mistakes.is_empty(), "{name}, {brain:?}\n{}", mistakes.join("\n"));
}

/// Conversations whose expectations are wrong, with what must be found out about each.
pub(super) fn wrong() -> Vec<(Conversation, Vec<&'static str>)> {
    let all = script::all();
    let with_lead = || all.iter().find(|one| one.after.lead.is_some()).expect("one with a lead").clone();
    let mut everything = with_lead();
    let osprey = || "osprey".to_owned();
    everything.line[0].all.push(osprey());
    everything.line[0].none.push("details".to_owned());
    everything.line[0].does.push("end_call".to_owned());
    everything.line[1].does_not.push("save_lead_answer".to_owned());
    everything.never.push("email".to_owned());
    let after = &mut everything.after;
    after.lead.as_mut().expect("it has one").insert("name".to_owned(), osprey());
    (after.client, after.change, after.callback) = (Some(osprey()), Some(osprey()), Some(osprey()));
    (after.intents, after.urgency) = (vec!["spam".to_owned()], Some([9, 10]));
    (after.satisfaction, after.transfer) = (Some(3), Some("+15135550000".to_owned()));
    (after.end, after.incident) = (Some("silence".to_owned()), Some(Vec::new()));
    after.summary.push(osprey());
    after.letters.push(script::Letter { to: "owner@aurora.example".to_owned(), has: vec![osprey()] });
    let found = vec![
        "lacks \"osprey\"",
        "has \"details\"",
        "end_call did not run",
        "save_lead_answer ran",
        "\"anything\"",
        "the lead's name",
        "client: None",
        "requests: 0",
        "call backs: 0",
        "intents: ",
        "urgency ",
        "satisfaction: None",
        "transfer: None",
        "end: ",
        "incidents: 0",
        "\"the summary\"",
        "\"letters to owner@aurora.example\"",
    ];
    let mut without = with_lead();
    without.after.lead = None;
    let with_message = || all.iter().find(|one| one.after.message.is_some()).expect("a message").clone();
    let mut another = with_message();
    (another.after.message, another.after.reply_to) = (Some(vec![osprey()]), Some(osprey()));
    let mut none = with_message();
    none.after.message = None;
    vec![
        (everything, found),
        (without, vec!["leads: 1"]),
        (another, vec!["\"the message\"", "answered at"]),
        (none, vec!["messages: 1"]),
    ]
}

/// Holds a conversation and tells what was wrong with it, with its course.
pub(super) async fn mistakes(conversation: &Conversation, brain: Brain) -> Vec<String> {
    let room = Room::with(brain).await;
    for before in &conversation.before {
        prepare(&room, *before).await;
    }
    let from = conversation.from.as_deref();
    if !conversation.earlier.is_empty() {
        let (mut typed, _greeting) = room.begin(from, 1).await;
        for line in &conversation.earlier {
            typed.say(line).await;
        }
        room.end(typed).await;
    }
    let mut judge = Judge::default();
    let (mut typed, greeting) = room.begin(from, 2).await;
    judge.told.extend(greeting.told);
    judge.has("the greeting", &greeting.said, &conversation.greeting);
    let (mut said, mut last) = (greeting.said, String::new());
    for line in &conversation.line {
        if typed.is_over() {
            judge.mistakes.push(format!("it was over before {:?}", line.say));
            break;
        }
        let words = fill(&room, &line.say).await;
        judge.told.push(format!("CALLER {words}"));
        let answered = typed.say(&words).await;
        judge.told.extend(answered.told);
        judge.has(&words, &answered.said, &line.all);
        judge.lacks(&words, &answered.said, &line.none);
        let ran = |tool: &String| answered.tools.iter().any(|(name, ok)| name == tool && *ok);
        for tool in line.does.iter().filter(|tool| !ran(tool)) {
            judge.mistakes.push(format!("after {words:?} {tool} did not run: {:?}", answered.tools));
        }
        for tool in line.does_not.iter().filter(|tool| ran(tool)) {
            judge.mistakes.push(format!("after {words:?} {tool} ran"));
        }
        let begins = |text: &str| text.split_inclusive(['.', '!', '?']).next().map(str::to_owned);
        if conversation.varied && begins(&last).is_some_and(|begin| begins(&answered.said) == Some(begin)) {
            judge.mistakes.push(format!("{:?} begins as {last:?} did", answered.said));
        }
        said.push(' ');
        said.push_str(&answered.said);
        last = answered.said;
    }
    judge.lacks("anything", &said, &conversation.never);
    if brain == Brain::Model && room.asked() < conversation.line.len() {
        judge.mistakes.push(format!("the model was asked {} times only", room.asked()));
    }
    judge.afterwards(&room, typed, &conversation.after).await;
    match judge.mistakes.is_empty() {
        true => Vec::new(),
        false => judge.mistakes.into_iter().chain(judge.told).collect(),
    }
}

/// What stands in braces, as whoever types would have it from their letters.
async fn fill(room: &Room, say: &str) -> String {
    if !say.contains('{') {
        return say.to_owned();
    }
    // It is sent in the background.
    let sent = async {
        loop {
            let letters = room.world.whole_letters_to("@");
            if let Some(code) = letters.iter().find_map(|letter| code_in(letter)) {
                return code;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let code = tokio::time::timeout(AT_MOST, sent).await.expect("no code came");
    let wrong = if code == "123456" { "654321" } else { "123456" };
    let spoken = |code: &str| {
        code.bytes().map(|digit| speak::number(u64::from(digit - b'0'))).collect::<Vec<_>>().join(" ")
    };
    say.replace("{code}", &spoken(&code)).replace("{wrong}", &spoken(wrong))
}

/// Six digits that stand alone.
fn code_in(letter: &str) -> Option<String> {
    let body = letter.split_once("\r\n\r\n").map_or(letter, |(_, body)| body);
    let words = body.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() == CODE)
        .find(|word| word.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
}

async fn prepare(room: &Room, before: Before) {
    let (app, now) = (&room.world.app, room.world.app.ambient.now());
    let owner = app::audit::Actor::system(room.org_id);
    let mut tx = OrgTx::begin(&app.db, room.org_id).await.unwrap();
    match before {
        Before::OldData => {
            let wanted = Wanted::first(store::projects::ProjectSort::CreatedAt, 50);
            let filter = store::projects::ProjectFilter::default();
            for project in store::projects::list(&mut tx, &filter, &wanted).await.unwrap().items {
                let mut facts = project.facts;
                facts.synced_at = Some(now - chrono::TimeDelta::days(3));
                store::projects::update(&mut tx, project.id, &facts, now).await.unwrap();
            }
        }
        Before::AsksSatisfaction => {
            let settings = OrgSettings { ask_satisfaction: true, ..OrgSettings::default() };
            let change = OrganizationChange { settings: Some(settings), ..OrganizationChange::default() };
            app::organizations::change(app, &owner, None, change).await.unwrap();
        }
        Before::NoAddressOfKevins => {
            let questions = store::lead_questions::list(&mut tx).await.unwrap();
            let name = questions.iter().find(|one| one.field == LeadField::Name).unwrap().id;
            for mut question in questions.into_iter().filter(|one| one.field == LeadField::Email) {
                let (comparison, value) = (Comparison::Contains, "kevin".to_owned());
                question.skip_when = Some(SkipCondition { question: name, comparison, value });
                store::lead_questions::update(&mut tx, &question, now).await.unwrap();
            }
        }
        Before::NobodyToConnect => {
            let change = OrganizationChange { transfer_to: Some(None), ..OrganizationChange::default() };
            app::organizations::change(app, &owner, None, change).await.unwrap();
            let change = TransferChange { targets: Some(Vec::new()), ..TransferChange::default() };
            app::transfers::settings::change(app, &owner, None, change).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

/// Collects what is wrong.
#[derive(Default)]
struct Judge {
    told: Vec<String>,
    mistakes: Vec<String>,
}

/// Whether the words are there; capitals, punctuation and how numbers are written make no difference.
fn says(text: &str, wanted: &str) -> bool {
    let text = words_of(text);
    wanted.split('|').any(|one| {
        let one = words_of(one);
        text.windows(one.len().max(1)).any(|window| window == one)
    })
}

impl Judge {
    fn has(&mut self, what: &str, text: &str, all: &[String]) {
        for wanted in all.iter().filter(|wanted| !says(text, wanted)) {
            self.mistakes.push(format!("{what:?}: {text:?} lacks {wanted:?}"));
        }
    }

    fn lacks(&mut self, what: &str, text: &str, none: &[String]) {
        for wrong in none.iter().filter(|wrong| says(text, wrong)) {
            self.mistakes.push(format!("{what:?}: {text:?} has {wrong:?}"));
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is compared is made for that")]
    fn is<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, wanted: T) {
        if found != wanted {
            self.mistakes.push(format!("{what}: {found:?}, not {wanted:?}"));
        }
    }

    /// There is one where one is wanted, and none where none is.
    fn one<T>(&mut self, what: &str, found: Vec<T>, is_wanted: bool) -> Option<T> {
        self.is(&format!("{what}s"), found.len(), usize::from(is_wanted));
        found.into_iter().next().filter(|_| is_wanted)
    }

    async fn afterwards(&mut self, room: &Room, typed: Typed, after: &After) {
        let call_id = typed.call_id;
        self.is("transfer", typed.transfer(), after.transfer.as_deref());
        let ended = serde_json::to_value(room.end(typed).await).unwrap();
        if let Some(end) = &after.end {
            self.is("end", ended.as_str(), Some(end.as_str()));
        }
        let mut tx = OrgTx::begin(&room.world.app.db, room.org_id).await.unwrap();
        self.call(&mut tx, call_id, after).await;
        self.left(&mut tx, call_id, after).await;
        drop(tx);
        for letter in &after.letters {
            let all = room.world.whole_letters_to(&letter.to).join("\n");
            self.has(&format!("letters to {}", letter.to), &all, &letter.has);
        }
    }

    /// The call's own record.
    async fn call(&mut self, tx: &mut OrgTx, call_id: CallId, after: &After) {
        let call = store::calls::get(tx, call_id).await.unwrap();
        if call.finalized_at.is_none() {
            self.mistakes.push("the record is not complete".to_owned());
        }
        self.is("client", call.client_name.as_deref(), after.client.as_deref());
        if !after.intents.is_empty() {
            self.is("intents", &call.intents, &after.intents);
            self.is("intent", call.intent.as_ref(), after.intents.first());
        }
        if let Some([least, most]) = after.urgency {
            let fits = (least..=most).contains(&call.urgency_score);
            self.is(&format!("urgency {} in {least}..={most}", call.urgency_score), fits, true);
        }
        let summary = call.summary.unwrap_or_default().to_string();
        self.has("the summary", &summary, &after.summary);
        let steps = store::after_calls::done(tx, call_id).await.unwrap().len();
        self.is("steps after it", steps, 7);
        let verdict = store::satisfaction::of_call(tx, call_id).await.unwrap();
        self.is("satisfaction", verdict, after.satisfaction);
    }

    /// What it left.
    async fn left(&mut self, tx: &mut OrgTx, call_id: CallId, after: &After) {
        let wanted = Wanted::first(LeadSort::CreatedAt, 9);
        let leads = store::leads::list(tx, &LeadFilter::default(), &wanted).await.unwrap().items;
        if let Some(lead) = self.one("lead", leads, after.lead.is_some()) {
            self.lead(&lead, after);
        }
        let wanted = Wanted::first(MessageSort::CreatedAt, 9);
        let filter = MessageFilter { call_id: Some(call_id), ..MessageFilter::default() };
        let messages = store::messages::list(tx, &filter, &wanted).await.unwrap().items;
        if let Some(kept) = self.one("message", messages, after.message.is_some()) {
            self.has("the message", &kept.message.text, after.message.as_deref().unwrap_or_default());
            if after.reply_to.is_some() {
                self.is("answered at", kept.message.reply_to.as_ref(), after.reply_to.as_ref());
            }
        }
        let wanted = Wanted::first(IncidentSort::RaisedAt, 9);
        let incidents = store::incidents::list(tx, &IncidentFilter::default(), &wanted).await.unwrap().items;
        if let Some(incident) = self.one("incident", incidents, after.incident.is_some()) {
            let text = format!("{} {}", incident.reason, incident.details.unwrap_or_default());
            self.has("the incident", &text, after.incident.as_deref().unwrap_or_default());
        }
        let wanted = Wanted::first(ChangeSort::CreatedAt, 9);
        let changes =
            store::change_requests::list(tx, &ChangeFilter::default(), &wanted).await.unwrap().items;
        if let Some(change) = self.one("request", changes, after.change.is_some()) {
            self.is("the request", Some(&change.quote), after.change.as_ref());
        }
        let wanted = Wanted::first(CallbackSort::CreatedAt, 9);
        let callbacks = store::callbacks::list(tx, &CallbackFilter::default(), &wanted).await.unwrap().items;
        if let Some(callback) = self.one("call back", callbacks, after.callback.is_some()) {
            self.has("the call back", &callback.about, after.callback.as_slice());
        }
    }

    fn lead(&mut self, lead: &Lead, after: &After) {
        for (field, wanted) in after.lead.iter().flatten() {
            let found = match field.as_str() {
                "name" => lead.name.clone(),
                "email" => lead.email.clone(),
                "phone" => lead.phone.clone(),
                "company" => lead.company.clone(),
                "budget" => lead.budget.clone(),
                "timeline" => lead.timeline.clone(),
                "service" => lead.service.clone(),
                "complete" => Some(lead.complete.to_string()),
                "priority" => serde_json::to_value(lead.priority).unwrap().as_str().map(str::to_owned),
                other => panic!("a lead has no field {other}"),
            };
            let found = found.unwrap_or_default();
            if !found.to_lowercase().contains(&wanted.to_lowercase())
                || (wanted.is_empty() && !found.is_empty())
            {
                self.mistakes.push(format!("the lead's {field}: {found:?}, not {wanted:?}"));
            }
        }
    }
}
