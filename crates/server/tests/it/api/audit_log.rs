//! The audit log.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::tree::{actions, user_of};
use super::world::World;

#[tokio::test]
async fn the_log_is_filtered_by_actor_action_object_time_and_words() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let id = user_of(&world, &owner).await;
    world.clock.advance(TimeDelta::minutes(1));
    let between = world.app.ambient.now().to_rfc3339().replace("+00:00", "Z");
    world.clock.advance(TimeDelta::minutes(1));
    let role = json!({ "name": "Desk", "permissions": ["calls:read"] });
    let role = world.post("/api/v1/roles", Some(&owner), &role).await.json();
    let role_id = role["id"].as_str().unwrap().to_owned();
    let key = json!({ "name": "Sync", "permissions": ["roles:manage"] });
    let key = world.post("/api/v1/api-keys", Some(&owner), &key).await.json();
    let second = json!({ "name": "By a program", "permissions": [] });
    let second = world.post("/api/v1/roles", key["secret"].as_str(), &second).await;
    assert_eq!(second.status, StatusCode::CREATED, "{second:?}");
    let key_id = key["id"].as_str().unwrap();
    let seen = async |query: &str| {
        let answer = world.get(&format!("/api/v1/audit-log?{query}"), Some(&owner)).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|one| one["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&format!("actor={id}")).await, ["api_keys:create", "roles:create", "session:begin"]);
    assert_eq!(seen(&format!("actor={key_id}")).await, ["roles:create"]);
    assert_eq!(seen("actor=system").await, [""; 0]);
    assert_eq!(seen("action=roles").await, ["roles:create", "roles:create"]);
    assert_eq!(seen("action=roles:create&q=desk").await, ["roles:create"]);
    assert_eq!(seen("action=role").await, [""; 0]);
    assert_eq!(seen(&format!("object={role_id}")).await, ["roles:create"]);
    assert_eq!(seen(&format!("to={between}")).await, ["session:begin"]);
    assert_eq!(seen(&format!("from={between}&actor={id}")).await, ["api_keys:create", "roles:create"]);
    let wrong = world.get("/api/v1/audit-log?actor=dana", Some(&owner)).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.json()["errors"]["actor"].is_string());

    let page = world.get("/api/v1/audit-log?limit=1", Some(&owner)).await.json();
    let next = page["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("/api/v1/audit-log?limit=100&cursor={next}"), Some(&owner)).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
    assert_eq!(page["items"][0]["actor"], json!({ "kind": "api_key", "id": key_id, "name": "Sync" }));
}

#[tokio::test]
async fn an_export_has_all_entries_runs_no_formula_and_is_itself_logged() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    // More than one page of the database.
    for number in 0..230 {
        let mut tx = store::OrgTx::begin(&world.app.db, agency.id).await.unwrap();
        let entry = store::audit::Entry {
            id: world.app.ambient.new_id(),
            at: world.app.ambient.now(),
            user_id: None,
            api_key_id: None,
            home_org_id: agency.id,
            action: "test:note".to_owned(),
            object: format!("=1+{number}"),
            ip: None,
            detail: json!({ "text": "a \"quoted\", word" }),
        };
        store::audit::record(&mut tx, &entry).await.unwrap();
        tx.commit().await.unwrap();
    }
    world.clock.advance(TimeDelta::seconds(1));
    let table = world.get("/api/v1/audit-log/export?action=test", Some(&owner)).await;
    assert_eq!((table.status, table.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    assert!(table.header("content-disposition").contains("audit-log.csv"));
    let text = String::from_utf8(table.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 231);
    assert!(text.starts_with("id,at,actor_kind,"), "{}", &text[..80]);
    assert!(text.contains(",'=1+229,") && !text.contains(",=1+"));

    let lines = world.get("/api/v1/audit-log/export?action=test&format=jsonl", Some(&owner)).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(lines.body.to_vec()).unwrap();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 230);
    assert_eq!(entries.last().unwrap()["object"], "=1+0");

    let log = actions(&world, &owner).await;
    let exports: Vec<&Value> = log.iter().filter(|one| one["action"] == "audit:export").collect();
    assert_eq!(exports.len(), 2);
    assert_eq!(exports[0]["detail"], json!({ "format": "jsonl", "filter": { "action": "test" } }));
}

#[tokio::test]
async fn entries_of_more_than_a_year_ago_are_forgotten_and_counted() {
    let world = World::new().await;
    let (agency, other) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    for agency in [&agency, &other] {
        world.sign_in_as(agency, "owner").await;
    }
    world.clock.advance(TimeDelta::days(365));
    assert_eq!(app::audit_log::forget_old(&world.app).await.unwrap(), 0);
    world.clock.advance(TimeDelta::seconds(1));
    let owner = world.sign_in_as(&agency, "owner").await;
    assert_eq!(app::audit_log::forget_old(&world.app).await.unwrap(), 2);
    let log = actions(&world, &owner).await;
    let mut seen: Vec<&str> = log.iter().map(|one| one["action"].as_str().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["audit:expire", "session:begin"]);
    let expired = log.iter().find(|one| one["action"] == "audit:expire").unwrap();
    assert_eq!((&expired["detail"]["entries"], &expired["actor"]["kind"]), (&json!(1), &json!("system")));
}
