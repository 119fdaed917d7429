//! Clients, projects, agents and knowledge, as people enter and change them.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{World, request};

#[tokio::test]
async fn a_client_is_known_by_normalised_numbers_and_addresses() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let body = json!({ "name": " Lopez Bakery ", "contacts": [
        { "kind": "phone", "value": "(513) 555-0142", "person": "Maria" },
        { "kind": "phone", "value": "+1 513 555 0142" },
        { "kind": "email", "value": "Maria@Lopez.example" },
    ] });
    let answer = world.post("/api/v1/clients", Some(&token), &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let client = answer.json();
    assert_eq!(client["name"], "Lopez Bakery");
    let values: Vec<_> =
        client["contacts"].as_array().unwrap().iter().map(|contact| contact["value"].clone()).collect();
    assert_eq!(values, ["+15135550142", "maria@lopez.example"]);

    let path = format!("/api/v1/clients/{}", client["id"].as_str().unwrap());
    let changed = world.patch(&path, &token, &json!({ "notes": "Prefers e-mail." })).await.json();
    assert_eq!(changed["contacts"], client["contacts"], "what is not named stays");

    let taken = json!({ "name": "Thief", "contacts": [{ "kind": "email", "value": "maria@lopez.example" }] });
    let answer = world.post("/api/v1/clients", Some(&token), &taken).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::CONFLICT, "conflict"));
    let wrong = json!({ "name": "Odd", "contacts": [{ "kind": "phone", "value": "call me" }] });
    let answer = world.post("/api/v1/clients", Some(&token), &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.json()["errors"].get("contacts").is_some());
    let nameless = world.post("/api/v1/clients", Some(&token), &json!({ "name": "" })).await;
    assert!(nameless.json()["errors"].get("name").is_some());

    let found = world.get("/api/v1/clients?q=bakery", Some(&token)).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_project_is_emptied_by_null_and_kept_by_silence() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let body = json!({ "client_id": agency.client, "name": "Logo", "status": "planned", "due_on": "2027-02-12",
        "next_milestone": "Sketches" });
    let answer = world.post("/api/v1/projects", Some(&token), &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let path = format!("/api/v1/projects/{}", answer.json()["id"].as_str().unwrap());
    let changed = world.patch(&path, &token, &json!({ "status": "in_review", "due_on": null })).await.json();
    assert_eq!(
        (&changed["status"], &changed["due_on"], &changed["next_milestone"]),
        (&json!("in_review"), &Value::Null, &json!("Sketches"))
    );
    let answer = world.patch(&path, &token, &json!({ "status": "nearly" })).await;
    assert!(answer.json()["errors"].get("status").is_some());
}

#[tokio::test]
async fn an_agent_is_changed_only_on_the_version_that_was_seen() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let path = format!("/api/v1/agents/{}", agency.agent);
    let seen = world.get(&path, Some(&token)).await;
    let tag = seen.header("etag").to_owned();
    let change = async |tag: Option<&str>, name: &str| {
        world.clock.advance(TimeDelta::seconds(1));
        let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        world.send(request("PATCH", &path, Some(&token), &headers, Some(&json!({ "name": name })))).await
    };
    assert_eq!(change(None, "A").await.problem(), "if-match-required");
    let first = change(Some(&tag), "A").await;
    assert_eq!((first.status, &first.json()["name"]), (StatusCode::OK, &json!("A")));
    let late = change(Some(&tag), "B").await;
    assert_eq!((late.status, late.problem().as_str()), (StatusCode::PRECONDITION_FAILED, "out-of-date"));
    let second = change(Some(first.header("etag")), "C").await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(world.get(&path, Some(&token)).await.json()["name"], "C");
}

#[tokio::test]
async fn turn_taking_stays_inside_its_documented_ranges() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let path = format!("/api/v1/agents/{}", agency.agent);
    let mut turn_taking = world.get(&path, Some(&token)).await.json()["turn_taking"].clone();
    let change = async |turn_taking: &Value| {
        let body = json!({ "turn_taking": turn_taking });
        world.send(request("PATCH", &path, Some(&token), &[("if-match", "*")], Some(&body))).await
    };
    turn_taking["silence_ms"] = json!(700);
    assert_eq!(change(&turn_taking).await.json()["turn_taking"]["silence_ms"], 700);
    turn_taking["silence_ms"] = json!(20);
    let answer = change(&turn_taking).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.json()["errors"].get("turn_taking.silence_ms").is_some(), "{:?}", answer.json());
}

#[tokio::test]
async fn a_knowledge_entry_comes_changes_and_goes() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let body = json!({ "question": "Do you do logos?", "answer": "Yes." });
    let created = world.post("/api/v1/knowledge-entries", Some(&token), &body).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.json()["visibility"], "public");
    let path = format!("/api/v1/knowledge-entries/{}", created.json()["id"].as_str().unwrap());
    let change = json!({ "answer": "Yes, gladly.", "visibility": "clients" });
    let changed = world.patch(&path, &token, &change).await.json();
    assert_eq!(
        (&changed["question"], &changed["answer"]),
        (&json!("Do you do logos?"), &json!("Yes, gladly."))
    );
    let gone = world.send(request("DELETE", &path, Some(&token), &[], None)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path, Some(&token)).await.problem(), "not-found");
    let again = world.send(request("DELETE", &path, Some(&token), &[], None)).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}
