//! The tree of organizations: who sees whom, who decides about whom, and what follows from it.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta};
use domain::ids::OrgId;
use serde_json::{Value, json};
use store::{OrgTx, SystemTx};

use super::world::{Agency, Answer, World, request};

/// A world with a partner and what the tests do again and again in it.
struct Tree {
    world: World,
    /// Of an administrator of the platform.
    platform: String,
    /// Of an administrator of a partner.
    partner: String,
    partner_id: String,
}

impl Tree {
    async fn new() -> Self {
        let world = World::new().await;
        let agency = world.agency("Aurora", 1).await;
        let mut tx = SystemTx::begin(&world.app.db, "a test looks for the platform").await.unwrap();
        let platform_id = store::organizations::platform(&mut tx).await.unwrap().unwrap();
        drop(tx);
        let platform =
            world.sign_in_as(&Agency { id: platform_id, ..agency.clone() }, "platform_admin").await;
        let body = json!({ "kind": "partner", "name": "North Resale" });
        let founded = world.post("/api/v1/organizations", Some(&platform), &body).await;
        assert_eq!(founded.status, StatusCode::CREATED, "{founded:?}");
        let partner_id = founded.json()["id"].as_str().unwrap().to_owned();
        let id: OrgId = partner_id.parse().unwrap();
        let partner = world.sign_in_as(&Agency { id, ..agency }, "partner_admin").await;
        Self { world, platform, partner, partner_id }
    }

    async fn found(&self, by: &str, body: Value) -> Value {
        let founded = self.world.post("/api/v1/organizations", Some(by), &body).await;
        assert_eq!(founded.status, StatusCode::CREATED, "{founded:?}");
        let json = founded.json();
        assert_eq!(
            founded.header("location"),
            format!("/api/v1/organizations/{}", json["id"].as_str().unwrap())
        );
        json
    }

    async fn stand(&self, by: &str, id: &Value, body: Value) -> Answer {
        let path = format!("/api/v1/organizations/{}/status", id.as_str().unwrap());
        self.world.post(&path, Some(by), &body).await
    }

    async fn change(&self, by: &str, id: &Value, body: Value) -> Answer {
        let path = format!("/api/v1/organizations/{}", id.as_str().unwrap());
        self.world.send(request("PATCH", &path, Some(by), &[("if-match", "*")], Some(&body))).await
    }

    async fn names(&self, by: &str, query: &str) -> Vec<String> {
        let listed = self.world.get(&format!("/api/v1/organizations{query}"), Some(by)).await.json();
        let items = listed["items"].as_array().unwrap_or_else(|| panic!("{listed}"));
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    /// What the logs of an organization say was done to it, newest first.
    async fn log(&self, id: &Value) -> Vec<String> {
        let id: OrgId = id.as_str().unwrap().parse().unwrap();
        let mut tx = OrgTx::begin(&self.world.app.db, id).await.unwrap();
        let page = store::audit::list(&mut tx, &store::audit::Filter::default(), None, 50).await.unwrap();
        page.items
            .into_iter()
            .map(|entry| entry.entry.action)
            .filter(|a| a.starts_with("organization:"))
            .collect()
    }
}

#[tokio::test]
async fn a_new_business_has_all_it_needs_to_take_calls() {
    let tree = Tree::new().await;
    let business = tree
        .found(
            &tree.partner,
            json!({ "name": " Lopez Studio ", "plan": "pro", "timezone": "Europe/Berlin",
            "default_country": "de", "currency": "eur", "owner_email": "Maria@Lopez.example" }),
        )
        .await;
    assert_eq!(business["name"], "Lopez Studio");
    assert_eq!(business["kind"], "business");
    assert_eq!(business["status"], "active");
    assert_eq!(business["plan"], "pro");
    assert_eq!(business["parent_id"], tree.partner_id.as_str());
    assert_eq!((&business["currency"], &business["default_country"]), (&json!("EUR"), &json!("DE")));
    assert_eq!(business["notification_email"], "maria@lopez.example");
    let id: OrgId = business["id"].as_str().unwrap().parse().unwrap();
    let mut tx = OrgTx::begin(&tree.world.app.db, id).await.unwrap();
    assert_eq!(store::agents::list(&mut tx).await.unwrap().len(), 1);
    assert_eq!(store::lead_questions::list(&mut tx).await.unwrap().len(), 5);
    drop(tx);
    assert_eq!(tree.log(&business["id"]).await, ["organization:create"]);
    assert_eq!(tree.log(&json!(tree.partner_id)).await, ["organization:create", "organization:create"]);
}

#[tokio::test]
async fn each_sees_those_below_and_nobody_else() {
    let tree = Tree::new().await;
    let own = tree.found(&tree.partner, json!({ "name": "Lopez Studio" })).await;
    let other = tree.found(&tree.platform, json!({ "kind": "partner", "name": "South Resale" })).await;
    let others = tree.found(&tree.platform, json!({ "name": "Far Away", "parent_id": other["id"] })).await;
    assert_eq!(tree.names(&tree.partner, "").await, ["Lopez Studio"]);
    assert_eq!(
        tree.names(&tree.platform, "").await,
        ["Far Away", "South Resale", "Lopez Studio", "North Resale", "Aurora"]
    );
    assert_eq!(tree.names(&tree.platform, "?kind=partner&q=south").await, ["South Resale"]);
    assert_eq!(tree.names(&tree.platform, "?plan=enterprise").await, ["Aurora"]);
    assert_eq!(
        tree.names(&tree.platform, &format!("?parent_id={}", tree.partner_id)).await,
        ["Lopez Studio"]
    );
    let path = |id: &Value| format!("/api/v1/organizations/{}", id.as_str().unwrap());
    assert_eq!(tree.world.get(&path(&own["id"]), Some(&tree.partner)).await.status, StatusCode::OK);
    for id in [&others["id"], &other["id"], &json!(tree.partner_id)] {
        let seen = tree.world.get(&path(id), Some(&tree.partner)).await;
        assert_eq!(seen.problem(), "not-found", "{id}");
        assert_eq!(tree.change(&tree.partner, id, json!({ "name": "Mine" })).await.problem(), "not-found");
        let closed = tree.stand(&tree.partner, id, json!({ "status": "closed", "reason": "Mine" })).await;
        assert_eq!(closed.problem(), "not-found");
    }
    let stranger = json!({ "name": "Thief", "parent_id": other["id"] });
    let answer = tree.world.post("/api/v1/organizations", Some(&tree.partner), &stranger).await;
    assert!(answer.json()["errors"].get("parent_id").is_some(), "{answer:?}");
    let partner = json!({ "name": "Thief", "kind": "partner" });
    let answer = tree.world.post("/api/v1/organizations", Some(&tree.partner), &partner).await;
    assert!(answer.json()["errors"].get("kind").is_some(), "{answer:?}");
}

#[tokio::test]
async fn a_list_goes_on_where_the_page_before_ended() {
    let tree = Tree::new().await;
    for name in ["A", "B", "C"] {
        tree.found(&tree.partner, json!({ "name": name })).await;
    }
    let first = tree.world.get("/api/v1/organizations?limit=2", Some(&tree.partner)).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let query = format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(tree.names(&tree.partner, &query).await, ["A"]);
}

#[tokio::test]
async fn what_an_organization_says_of_itself_is_checked_field_by_field() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let change = async |tag: &str, body: &Value| {
        let path = "/api/v1/organization";
        world.send(request("PATCH", path, Some(&token), &[("if-match", tag)], Some(body))).await
    };
    let seen = world.get("/api/v1/organization", Some(&token)).await;
    let tag = seen.header("etag").to_owned();
    world.clock.advance(TimeDelta::seconds(1));
    let body = json!({ "name": "Aurora Design", "timezone": "Europe/Berlin", "locale": "de_de", "currency": "eur",
        "default_country": "DE", "notification_phone": "030 901820", "transfer_to": null,
        "settings": { "version": 1, "max_call_minutes": 30, "unavailable_message": "Back soon." } });
    let changed = change(&tag, &body).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let now = changed.json();
    assert_eq!((&now["locale"], &now["notification_phone"]), (&json!("de-DE"), &json!("+4930901820")));
    assert_eq!(now["settings"]["max_call_minutes"], 30);
    assert_eq!(change(&tag, &json!({ "name": "Late" })).await.problem(), "out-of-date");
    for (field, value) in [
        ("timezone", json!("Mars/Olympus")),
        ("locale", json!("english")),
        ("currency", json!("DEM")),
        ("default_country", json!("XX")),
        ("notification_email", json!("nobody")),
        ("notification_phone", json!("call me")),
        ("transfer_to", json!("12")),
        ("name", json!("two\nlines")),
        ("plan", json!("enterprise")),
        ("status", json!("active")),
    ] {
        let answer = change("*", &json!({ field: value })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(answer.json()["errors"].get(field).is_some(), "{field}: {:?}", answer.json());
    }
    for settings in [
        json!({ "version": 2 }),
        json!({ "version": 1, "max_call_minutes": 0 }),
        json!({ "version": 1, "x": 1 }),
    ] {
        let answer = change("*", &json!({ "settings": settings })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{settings}");
    }
}

#[tokio::test]
async fn a_smaller_plan_is_refused_while_more_is_stored_than_it_allows() {
    let tree = Tree::new().await;
    let business = tree.found(&tree.partner, json!({ "name": "Lopez Studio", "plan": "basic" })).await;
    let id: OrgId = business["id"].as_str().unwrap().parse().unwrap();
    let mut tx = OrgTx::begin(&tree.world.app.db, id).await.unwrap();
    let mut questions = store::lead_questions::list(&mut tx).await.unwrap();
    let mut sixth = questions[0].clone();
    sixth.id = domain::ids::QuestionId(tree.world.app.ambient.new_id());
    questions.push(sixth);
    store::lead_questions::replace(&mut tx, &questions).await.unwrap();
    tx.commit().await.unwrap();
    let refused = tree.change(&tree.partner, &business["id"], json!({ "plan": "free" })).await;
    assert_eq!(refused.problem(), "conflict");
    assert!(refused.json()["detail"].as_str().unwrap().contains("lead_questions"), "{refused:?}");
    let unknown = tree.change(&tree.partner, &business["id"], json!({ "plan": "golden" })).await;
    assert!(unknown.json()["errors"]["plan"].as_str().unwrap().contains("enterprise"), "{unknown:?}");
    let changed = tree.change(&tree.partner, &business["id"], json!({ "plan": "enterprise" })).await;
    assert_eq!(changed.json()["plan"], "enterprise");
    assert_eq!(tree.log(&business["id"]).await, ["organization:change_plan", "organization:create"]);
}

#[tokio::test]
async fn a_suspended_business_reads_and_changes_nothing_until_those_above_set_it_going() {
    let tree = Tree::new().await;
    let world = &tree.world;
    let agency = world.agency("Borealis", 2).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let id = json!(agency.id);
    let reasonless = tree.stand(&tree.platform, &id, json!({ "status": "suspended" })).await;
    assert!(reasonless.json()["errors"].get("reason").is_some());
    let suspended =
        tree.stand(&tree.platform, &id, json!({ "status": "suspended", "reason": "Unpaid." })).await;
    assert_eq!(suspended.json()["status"], "suspended", "{suspended:?}");
    assert_eq!(world.get("/api/v1/organization", Some(&owner)).await.json()["status_reason"], "Unpaid.");
    let refused = world.post("/api/v1/clients", Some(&owner), &json!({ "name": "New" })).await;
    assert_eq!(refused.problem(), "suspended");
    let active = tree.stand(&tree.platform, &id, json!({ "status": "active" })).await;
    assert_eq!((&active.json()["status"], &active.json()["status_reason"]), (&json!("active"), &json!("")));
    let created = world.post("/api/v1/clients", Some(&owner), &json!({ "name": "New" })).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(tree.log(&id).await, ["organization:reactivate", "organization:suspend"]);
}

#[tokio::test]
async fn closing_a_business_ends_the_sessions_of_its_people() {
    let tree = Tree::new().await;
    let agency = tree.world.agency("Borealis", 2).await;
    let owner = tree.world.sign_in_as(&agency, "owner").await;
    let closed = tree
        .stand(&tree.platform, &json!(agency.id), json!({ "status": "closed", "reason": "They left." }))
        .await;
    assert_eq!(closed.status, StatusCode::OK, "{closed:?}");
    let answer = tree.world.get("/api/v1/organization", Some(&owner)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_trial_that_is_over_ends_in_suspension() {
    let tree = Tree::new().await;
    let end = DateTime::parse_from_rfc3339("2027-02-01T00:00:00Z").unwrap();
    let business = tree
        .found(&tree.partner, json!({ "name": "Lopez Studio", "plan": "pro", "trial_ends_at": end }))
        .await;
    assert_eq!(business["status"], "trial");
    assert_eq!(app::organizations::trials::end_trials(&tree.world.app).await.unwrap(), 0);
    tree.world.clock.advance(TimeDelta::days(60));
    assert_eq!(app::organizations::trials::end_trials(&tree.world.app).await.unwrap(), 1);
    assert_eq!(app::organizations::trials::end_trials(&tree.world.app).await.unwrap(), 0);
    let path = format!("/api/v1/organizations/{}", business["id"].as_str().unwrap());
    // The administrator signed in 60 days ago.
    let id: OrgId = tree.partner_id.parse().unwrap();
    let agency = tree.world.agency("Borealis", 2).await;
    let partner = tree.world.sign_in_as(&Agency { id, ..agency }, "partner_admin").await;
    let now = tree.world.get(&path, Some(&partner)).await.json();
    assert_eq!((&now["status"], &now["status_reason"]), (&json!("suspended"), &json!("The trial is over.")));
}

#[tokio::test]
async fn the_offer_is_public_and_a_refusal_names_the_plan_that_has_it() {
    let tree = Tree::new().await;
    let plans = tree.world.get("/api/v1/plans", None).await.json();
    let ids: Vec<_> = plans["items"].as_array().unwrap().iter().map(|plan| plan["id"].clone()).collect();
    assert_eq!(ids, ["free", "basic", "pro", "enterprise"]);
    assert_eq!(plans["items"][0]["limits"]["lead_questions"], 5);
    assert_eq!(plans["items"][1]["limits"]["lead_questions"], Value::Null);

    let business = tree.found(&tree.partner, json!({ "name": "Lopez Studio" })).await;
    let id: OrgId = business["id"].as_str().unwrap().parse().unwrap();
    let agency = tree.world.agency("Borealis", 2).await;
    let owner = tree.world.sign_in_as(&Agency { id, ..agency }, "owner").await;
    let entitled = tree.world.get("/api/v1/organization/entitlements", Some(&owner)).await.json();
    assert_eq!(entitled["plan"], "free");
    let limits = entitled["limits"].as_array().unwrap();
    let questions = limits.iter().find(|limit| limit["limit"] == "lead_questions").unwrap();
    assert_eq!((&questions["most"], &questions["used"]), (&json!(5), &json!(5)));
    let features = entitled["features"].as_array().unwrap();
    let recognition = features.iter().find(|feature| feature["feature"] == "client_recognition").unwrap();
    assert_eq!((&recognition["allowed"], &recognition["lowest_plan"]), (&json!(false), &json!("enterprise")));
}
