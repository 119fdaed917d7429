//! The agent's tools: the registry, and their use by a platform that carries the conversation.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::ids::CallId;
use serde_json::{Value, json};
use store::OrgTx;
use store::clients::{ClientFacts, Contact, ContactKind};

use super::world::{Agency, Answer, World, request};

const SID: &str = "CA00000000000000000000000000000abc";
const CONVERSATION: &str = "conv_1";

struct Platform {
    world: World,
    agency: Agency,
    token: String,
    secret: String,
    call: CallId,
}

impl Platform {
    /// A call from a strange number, carried by the platform.
    async fn new() -> Self {
        let world = World::new().await;
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "admin").await;
        let path = format!("/api/v1/agents/{}/tools-secret", agency.agent);
        let made = world.post(&path, Some(&token), &json!({})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let secret = made.json()["secret"].as_str().unwrap().to_owned();
        let call = CallId(world.app.ambient.new_id());
        ring(&world, &agency, call, SID, "elevenlabs").await;
        Self { world, agency, token, secret, call }
    }

    async fn ask(&self, tool: &str, body: Value) -> Answer {
        self.ask_with(&self.secret, tool, body).await
    }

    async fn ask_with(&self, secret: &str, tool: &str, mut body: Value) -> Answer {
        if body.get("call_sid").is_none() && body.get("conversation_id").is_none() {
            body["call_sid"] = json!(SID);
        }
        let path = format!("/api/voice/tools/{tool}");
        self.world.send(request("POST", &path, Some(secret), &[], Some(&body))).await
    }

    /// What a tool gives the model.
    async fn used(&self, tool: &str, body: Value) -> Value {
        let answer = self.ask(tool, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{tool}: {answer:?}");
        answer.json()
    }

    /// Gives the agency's client a number and an address.
    async fn put_on_file(&self, email: &str) {
        let mut tx = OrgTx::begin(&self.world.app.db, self.agency.id).await.unwrap();
        let facts = ClientFacts {
            name: "Northwind Coffee".to_owned(),
            contacts: vec![Contact {
                kind: ContactKind::Email,
                value: email.to_owned(),
                person: Some("Maria Lopez".to_owned()),
            }],
            code: Some("20417".to_owned()),
            ..ClientFacts::default()
        };
        store::clients::update(&mut tx, self.agency.client, &facts, self.world.app.ambient.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// The code of the newest letter, once it has gone out.
    async fn code_sent_to(&self, email: &str) -> String {
        self.world.app.tasks.close();
        tokio::time::timeout(Duration::from_secs(20), self.world.app.tasks.wait()).await.unwrap();
        self.world.app.tasks.reopen();
        self.world.letter_to(email, "this code:")
    }
}

async fn ring(world: &World, agency: &Agency, call: CallId, sid: &str, engine: &str) {
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let now = world.app.ambient.now();
    let new = store::calls::life::NewCall {
        id: call,
        agent_id: agency.agent,
        number_id: agency.number,
        call_sid: sid.to_owned(),
        from_number: Some("+15135550444".to_owned()),
        to_number: "+15135550101".to_owned(),
        client_id: None,
        engine: engine.to_owned(),
        started_at: now,
    };
    store::calls::life::insert_incoming(&mut tx, &new).await.unwrap();
    store::calls::life::mark_answered(&mut tx, call, "test", now).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_registry_lists_every_tool_with_its_schema() {
    let platform = Platform::new().await;
    let listed = platform.world.get("/api/v1/tools", Some(&platform.token)).await.json();
    let tool = |name: &str| {
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(tool("search_knowledge")["parameters"]["type"], "object");
    assert_eq!(tool("get_project_status")["audience"], "clients");
    assert_eq!(tool("verify_client")["audience"], "strangers");
    assert_eq!(tool("save_lead_answer")["parameters"]["properties"]["question"]["enum"], json!(["Name"]));
    assert!(tool("take_message")["limit_ms"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_tool_works_for_the_agents_own_call_and_stands_in_its_log() {
    let platform = Platform::new().await;
    let found = platform.used("search_knowledge", json!({ "question": "when are you open" })).await;
    assert_eq!(found["answers"][0]["answer"], "Nine to six.", "{found}");
    let saved = platform.used("save_lead_answer", json!({ "question": "Name", "answer": "tom baker" })).await;
    assert_eq!(saved["saved"], "Tom Baker");
    // The next use is another request and knows of it.
    let finished = platform.used("finish_lead", json!({ "reason": "all_questions_done" })).await;
    assert_eq!(finished["complete"], true, "{finished}");
    let mut tx = OrgTx::begin(&platform.world.app.db, platform.agency.id).await.unwrap();
    let log = store::calls::events::list(&mut tx, platform.call, 0, 100).await.unwrap();
    let names: Vec<String> = log
        .iter()
        .filter_map(|event| match &event.kind {
            domain::call_log::EventKind::ToolCall { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["search_knowledge", "save_lead_answer", "finish_lead"]);
    assert!(log.iter().enumerate().all(|(place, event)| event.seq as usize == place), "{log:?}");
}

#[tokio::test]
async fn what_goes_wrong_in_a_tool_is_a_sentence() {
    let platform = Platform::new().await;
    let refused = platform.used("search_knowledge", json!({})).await;
    assert!(refused["say"].as_str().unwrap().contains("did not work"), "{refused}");
    assert!(refused["note"].as_str().unwrap().contains("question: is needed"), "{refused}");
    let refused = platform.used("get_project_status", json!({ "project": "website" })).await;
    assert!(refused["say"].is_string() && !refused.to_string().contains("home page"), "{refused}");
    let ends = platform.used("end_call", json!({ "reason": "caller_said_goodbye" })).await;
    assert_eq!(ends["ends_conversation"], true);
}

#[tokio::test]
async fn only_the_secret_of_the_agent_opens_and_only_its_calls() {
    let platform = Platform::new().await;
    let question = || json!({ "question": "when are you open" });
    let expect = |answer: Answer, status: StatusCode| assert_eq!(answer.status, status, "{answer:?}");
    for wrong in
        ["", "sc_tools_zz", "Bearer", &platform.token, &platform.secret.replace("sc_tools_", "sc_live_")]
    {
        expect(platform.ask_with(wrong, "search_knowledge", question()).await, StatusCode::UNAUTHORIZED);
    }
    expect(platform.ask("order_pizza", json!({})).await, StatusCode::NOT_FOUND);
    let other_call = json!({ "question": "x", "call_sid": "CA99" });
    expect(platform.ask("search_knowledge", other_call).await, StatusCode::CONFLICT);
    let large = json!({ "question": "x".repeat(40_000) });
    expect(platform.ask("search_knowledge", large).await, StatusCode::PAYLOAD_TOO_LARGE);
    let path = "/api/voice/tools/search_knowledge";
    let nameless = request("POST", path, Some(&platform.secret), &[], Some(&question()));
    expect(platform.world.send(nameless).await, StatusCode::UNPROCESSABLE_ENTITY);
    // A call of the same agent that another engine carries.
    ring(&platform.world, &platform.agency, CallId(platform.world.app.ambient.new_id()), "CA77", "pipeline")
        .await;
    let piped = json!({ "question": "x", "call_sid": "CA77" });
    expect(platform.ask("search_knowledge", piped).await, StatusCode::CONFLICT);
    // Another business's agent has another secret, which opens nothing here.
    let other = platform.world.agency("Borealis", 2).await;
    let token = platform.world.sign_in_as(&other, "admin").await;
    let path = format!("/api/v1/agents/{}/tools-secret", other.agent);
    let secret = platform.world.post(&path, Some(&token), &json!({})).await.json()["secret"].clone();
    let theirs = secret.as_str().unwrap();
    expect(platform.ask_with(theirs, "search_knowledge", question()).await, StatusCode::CONFLICT);
    // A new secret replaces the former one; none opens nothing.
    let path = format!("/api/v1/agents/{}/tools-secret", platform.agency.agent);
    let renewed =
        platform.world.post(&path, Some(&platform.token), &json!({})).await.json()["secret"].clone();
    expect(platform.ask("search_knowledge", question()).await, StatusCode::UNAUTHORIZED);
    let renewed = renewed.as_str().unwrap();
    expect(platform.ask_with(renewed, "search_knowledge", question()).await, StatusCode::OK);
    let removed = request("DELETE", &path, Some(&platform.token), &[], None);
    expect(platform.world.send(removed).await, StatusCode::NO_CONTENT);
    expect(platform.ask_with(renewed, "search_knowledge", question()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_conversation_is_bound_to_its_call() {
    let platform = Platform::new().await;
    let by = |sid: Option<&str>, conversation: &str| {
        let mut body = json!({ "question": "when are you open", "conversation_id": conversation });
        if let Some(sid) = sid {
            body["call_sid"] = json!(sid);
        }
        body
    };
    let status = async |body: Value| platform.ask("search_knowledge", body).await.status;
    assert_eq!(status(by(None, CONVERSATION)).await, StatusCode::CONFLICT, "nobody said whose it is");
    assert_eq!(status(by(Some(SID), CONVERSATION)).await, StatusCode::OK);
    assert_eq!(status(by(None, CONVERSATION)).await, StatusCode::OK);
    assert_eq!(status(by(Some(SID), "conv_2")).await, StatusCode::CONFLICT, "another conversation");
}

#[tokio::test]
async fn a_caller_with_a_strange_number_proves_to_be_a_client_by_a_code() {
    let platform = Platform::new().await;
    platform.put_on_file("maria@northwind.example").await;
    let asked = platform
        .used("identify_client", json!({ "by": "client_number", "value": "two oh four one seven" }))
        .await;
    let code = platform.code_sent_to("maria@northwind.example").await;
    assert_eq!(code.len(), 6, "{code}");
    let wrong = if code == "123456" { "654321" } else { "123456" };
    let refused = platform.used("verify_client", json!({ "code": wrong })).await;
    assert_eq!((&refused["verified"], &refused["tries_left"]), (&json!(false), &json!(2)));
    let before = platform.used("get_project_status", json!({ "project": "the site" })).await;
    assert!(!before.to_string().contains("home page"), "{before}");
    let verified = platform.used("verify_client", json!({ "code": code })).await;
    assert_eq!(verified["verified"], true, "{verified}");
    // Another request, and so another process as well as this one: the call remembers.
    let status = platform.used("get_project_status", json!({ "project": "the site" })).await;
    assert!(status["say"].as_str().unwrap().contains("home page is drawn"), "{status}");
    let call =
        platform.world.get(&format!("/api/v1/calls/{}", platform.call), Some(&platform.token)).await.json();
    assert_eq!(call["client"]["id"], json!(platform.agency.client), "{call}");
    assert!(asked["say"].as_str().unwrap().contains("If that is on file"));
}

#[tokio::test]
async fn whoever_looks_after_a_project_is_told_without_delay_that_its_client_asks_for_more() {
    let platform = Platform::new().await;
    let world = &platform.world;
    let dana = json!({ "recipients": [
        { "name": "Dana Reed", "email": "dana@aurora.example", "phone": "+15135550142", "notify": [
            { "event": "scope.alert", "channels": ["email"] } ] },
        { "name": "Sam", "email": "sam@aurora.example", "phone": null, "notify": [
            { "event": "scope.alert", "channels": ["email"] } ] },
        { "name": "Robin", "email": "robin@aurora.example", "phone": null, "notify": [] } ],
        "quiet_hours": { "from": "00:00", "to": "23:59", "urgent_anyway": false } });
    let path = "/api/v1/notification-settings";
    let put = request("PUT", path, Some(&platform.token), &[("if-match", "*")], Some(&dana));
    assert_eq!(world.send(put).await.status, StatusCode::OK);
    let path = format!("/api/v1/projects/{}", platform.agency.project);
    let looked_after = world.patch(&path, &platform.token, &json!({ "people": ["Dana Reed"] })).await;
    assert_eq!(looked_after.status, StatusCode::OK, "{looked_after:?}");
    platform.put_on_file("maria@northwind.example").await;
    platform.used("identify_client", json!({ "by": "client_number", "value": "20417" })).await;
    let code = platform.code_sent_to("maria@northwind.example").await;
    assert_eq!(platform.used("verify_client", json!({ "code": code })).await["verified"], true);

    let quote = "could you also add a members area with its own login to the site";
    for _ in 0..2 {
        let reported = platform.used("report_scope_change", json!({ "quote": quote })).await;
        assert!(reported["say"].as_str().unwrap().contains("Dana Reed"), "{reported}");
    }
    // Time stands still: whatever waits for a moment that is to come is not sent.
    world.app.clone().work_off_jobs().await.unwrap();
    for (to, count) in
        [("dana@", 1), ("sam@aurora.example", 1), ("notices@agency.example", 1), ("robin@aurora.example", 0)]
    {
        assert_eq!(world.letters_to(to), count, "{to}");
    }
    world.letter_to("dana@aurora.example", "members area with its own login");
    let shown = world.get("/api/v1/notifications?event=scope.alert", Some(&platform.token)).await.json();
    let items = shown["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "one for each request, however often it is made: {shown}");
    assert!(items.iter().all(|one| one["state"] == "sent" && one["attempts"] == 0), "{shown}");
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_and_three_tries() {
    let platform = Platform::new().await;
    let email = "maria@northwind.example";
    platform.put_on_file(email).await;
    let by_email = json!({ "by": "email", "value": "maria at northwind dot example" });
    platform.used("identify_client", by_email.clone()).await;
    let code = platform.code_sent_to(email).await;
    let wrong = if code == "123456" { "654321" } else { "123456" };
    for left in [2, 1, 0] {
        assert_eq!(platform.used("verify_client", json!({ "code": wrong })).await["tries_left"], left);
    }
    let over = platform.used("verify_client", json!({ "code": code })).await;
    assert_eq!(
        (&over["verified"], &over["tries_left"]),
        (&json!(false), &json!(0)),
        "the right one comes too late"
    );

    // One that is too old.
    let platform = Platform::new().await;
    platform.put_on_file(email).await;
    platform.used("identify_client", by_email).await;
    let code = platform.code_sent_to(email).await;
    platform.world.clock.advance(TimeDelta::minutes(10));
    assert_eq!(platform.used("verify_client", json!({ "code": code })).await["verified"], false);
}

#[tokio::test]
async fn an_unknown_key_is_answered_like_a_known_one_and_counted_like_it() {
    let platform = Platform::new().await;
    platform.put_on_file("maria@northwind.example").await;
    let mut answers = Vec::new();
    for value in ["nobody at northwind dot example", "maria at northwind dot example"] {
        let asked = platform.used("identify_client", json!({ "by": "email", "value": value })).await;
        let tried = platform.used("verify_client", json!({ "code": "000000" })).await;
        answers.push((asked, tried));
    }
    assert_eq!(answers[0], answers[1]);
    // The third is the last of this call, known or not: it is answered, and no further letter goes out.
    for _ in 0..3 {
        platform.used("identify_client", json!({ "by": "client_number", "value": "20417" })).await;
    }
    platform.world.app.tasks.close();
    tokio::time::timeout(Duration::from_secs(20), platform.world.app.tasks.wait()).await.unwrap();
    let letters = platform.world.letters_to("maria@northwind.example");
    assert_eq!(letters, 2, "one asked by address, one by number");
}
