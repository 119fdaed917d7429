//! Agents and their versions: drafted, published, compared, brought back, deleted.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{Agency, Answer, World, request};

struct Desk {
    world: World,
    agency: Agency,
    token: String,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "admin").await;
        Self { world, agency, token }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/agents/{}{rest}", self.agency.agent)
    }

    async fn get(&self, rest: &str) -> Value {
        let answer = self.world.get(&self.path(rest), Some(&self.token)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    async fn post(&self, rest: &str, body: Value) -> Answer {
        self.world.clock.advance(TimeDelta::seconds(1));
        self.world.post(&self.path(rest), Some(&self.token), &body).await
    }

    async fn edit(&self, body: Value) -> Answer {
        self.world.clock.advance(TimeDelta::seconds(1));
        let path = self.path("");
        self.world.send(request("PATCH", &path, Some(&self.token), &[("if-match", "*")], Some(&body))).await
    }

    /// The greeting that the next call would begin with.
    async fn heard(&self) -> String {
        let mut tx = store::OrgTx::begin(&self.world.app.db, self.agency.id).await.unwrap();
        store::agents::published(&mut tx, self.agency.agent).await.unwrap().greeting
    }
}

#[tokio::test]
async fn calls_hear_a_change_when_it_is_published_and_not_before() {
    let desk = Desk::new().await;
    let fresh = desk.get("").await;
    assert_eq!((&fresh["published_version"], &fresh["has_unpublished_changes"]), (&json!(1), &json!(false)));
    let edited = desk.edit(json!({ "greeting": "Hello!" })).await.json();
    assert_eq!((&edited["greeting"], &edited["has_unpublished_changes"]), (&json!("Hello!"), &json!(true)));
    assert_eq!(desk.heard().await, "");
    let published = desk.post("/publish", json!({ "note": "Warmer" })).await;
    assert_eq!(published.status, StatusCode::CREATED);
    assert_eq!(published.header("location"), desk.path("/versions/2"));
    let version = published.json();
    assert_eq!((&version["version"], &version["note"]), (&json!(2), &json!("Warmer")));
    assert_eq!(version["published_by_name"], "Dana");
    assert_eq!(desk.heard().await, "Hello!");
    assert_eq!(desk.get("").await["has_unpublished_changes"], false);
}

#[tokio::test]
async fn versions_are_compared_field_by_field() {
    let desk = Desk::new().await;
    let mut turn_taking = desk.get("").await["turn_taking"].clone();
    turn_taking["silence_ms"] = json!(700);
    desk.edit(json!({ "greeting": "Hello!", "turn_taking": turn_taking })).await;
    let expect = json!([
        { "field": "greeting", "from": "", "to": "Hello!" },
        { "field": "turn_taking.silence_ms", "from": 500, "to": 700 },
    ]);
    assert_eq!(desk.get("/diff").await, json!({ "from": "published", "to": "draft", "changes": expect }));
    desk.post("/publish", json!({})).await;
    assert_eq!(desk.get("/diff").await["changes"], json!([]));
    assert_eq!(desk.get("/diff?from=1&to=2").await["changes"], expect);
    for (query, status) in
        [("from=9", StatusCode::NOT_FOUND), ("from=latest", StatusCode::UNPROCESSABLE_ENTITY)]
    {
        let answer = desk.world.get(&desk.path(&format!("/diff?{query}")), Some(&desk.token)).await;
        assert_eq!(answer.status, status, "{query}");
    }
}

#[tokio::test]
async fn an_old_version_comes_back_as_a_new_one() {
    let desk = Desk::new().await;
    desk.edit(json!({ "greeting": "Worse" })).await;
    desk.post("/publish", json!({})).await;
    let back = desk.post("/rollback", json!({ "version": 1, "note": "It was better" })).await.json();
    assert_eq!((&back["version"], &back["restored_from"]), (&json!(3), &json!(1)));
    assert_eq!(desk.heard().await, "");
    assert_eq!(desk.get("").await["greeting"], "", "the draft follows");
    let versions = desk.get("/versions?limit=2").await;
    let numbers: Vec<&Value> =
        versions["items"].as_array().unwrap().iter().map(|version| &version["version"]).collect();
    assert_eq!(numbers, [&json!(3), &json!(2)]);
    let cursor = versions["next_cursor"].as_str().unwrap();
    let rest = desk.get(&format!("/versions?limit=2&cursor={cursor}")).await;
    assert_eq!((&rest["items"][0]["version"], &rest["next_cursor"]), (&json!(1), &Value::Null));
    assert_eq!(desk.get("/versions/2").await["settings"]["greeting"], "Worse");
    assert_eq!(desk.post("/rollback", json!({ "version": 9 })).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_agent_that_a_number_leads_to_is_not_deleted() {
    let desk = Desk::new().await;
    let delete =
        async |path: &str| desk.world.send(request("DELETE", path, Some(&desk.token), &[], None)).await;
    let refused = delete(&desk.path("")).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("+15135550101"));

    let made = desk.world.post("/api/v1/agents", Some(&desk.token), &json!({ "name": "Night" })).await;
    assert_eq!((made.status, &made.json()["published_version"]), (StatusCode::CREATED, &json!(1)));
    let night = made.header("location").to_owned();
    let routing = format!("/api/v1/numbers/{}/routing", desk.agency.number);
    let by_night = json!({ "after_hours": { "kind": "agent", "agent_id": made.json()["id"] } });
    let put = async |body: &Value| {
        desk.world
            .send(request("PUT", &routing, Some(&desk.token), &[("if-match", "*")], Some(body)))
            .await
            .status
    };
    assert_eq!(put(&by_night).await, StatusCode::OK);
    assert_eq!(delete(&night).await.status, StatusCode::CONFLICT, "a routing leads to it");
    assert_eq!(put(&json!({})).await, StatusCode::OK);
    assert_eq!(delete(&night).await.status, StatusCode::NO_CONTENT);
    assert_eq!(desk.world.get(&night, Some(&desk.token)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(put(&by_night).await, StatusCode::UNPROCESSABLE_ENTITY, "it is gone");
}

#[tokio::test]
async fn a_plan_must_have_what_leaves_its_default() {
    let desk = Desk::new().await;
    desk.edit(json!({ "voice": "ruth" })).await;
    desk.world.put_on_plan(&desk.agency, "basic").await;
    for (change, feature) in [
        (json!({ "voice": "amy" }), "voice_and_persona"),
        (json!({ "persona_prompt": "Dry" }), "voice_and_persona"),
        (json!({ "engine": "realtime" }), "all_engines"),
        (json!({ "providers": { "stt": ["deepgram"] } }), "all_engines"),
    ] {
        let answer = desk.edit(change).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "plan-required"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(feature), "{answer:?}");
    }
    assert_eq!(desk.edit(json!({ "greeting": "Hi" })).await.status, StatusCode::OK);
    assert_eq!(desk.post("/publish", json!({})).await.problem(), "plan-required", "the draft's voice");
    assert_eq!(desk.edit(json!({ "voice": "" })).await.status, StatusCode::OK);
    assert_eq!(desk.post("/publish", json!({})).await.status, StatusCode::CREATED);
    let unknown = desk.edit(json!({ "engine": "steam" })).await;
    assert!(unknown.json()["errors"].get("engine").is_some(), "{unknown:?}");
    let unknown = desk.edit(json!({ "providers": { "tts": ["gramophone"] } })).await;
    assert!(unknown.json()["errors"].get("providers.tts").is_some(), "{unknown:?}");
}
