//! What a receiver that is well gets to see.

use axum::http::StatusCode;
use serde_json::json;
use simulator::receiver::Behaviour;
use store::OrgTx;

use super::{Scene, enter};
use domain::webhooks::EventType;

#[tokio::test]
async fn what_happened_is_told_signed_and_as_the_api_shows_it() {
    let scene = Scene::new([]).await;
    scene.something_happens().await;
    assert_eq!(scene.deliver().await, 1);
    let received = scene.receiver.received();
    assert_eq!(received.len(), 1);
    let request = &received[0];
    let body = request.verify(&scene.hook.secret).unwrap();
    assert_eq!(request.path, "/hook?key=1");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(body["id"], request.id());
    assert_eq!(body["type"], "project.updated");
    assert_eq!(body["version"], 1);
    assert_eq!(body["organization_id"], scene.agency.id.to_string());
    let shown = scene.get(&format!("/api/v1/projects/{}", scene.agency.project)).await;
    for (name, value) in body["data"].as_object().unwrap() {
        assert_eq!(value, &shown[name], "{name}");
    }
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    assert!(request.verify(other).is_err());
    let mut forged = request.clone();
    forged.body.push(b' ');
    assert!(forged.verify(&scene.hook.secret).is_err());

    let delivery = scene.delivery().await;
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["event_id"], request.id());
    assert_eq!(delivery["attempts"][0]["status"], 204);
    assert_eq!(scene.deliver().await, 0, "once is enough");
}

#[tokio::test]
async fn one_fact_is_one_event_and_what_was_rolled_back_never_happened() {
    let scene = Scene::new([]).await;
    let app = &scene.world.app;
    for (key, commit) in [("a", true), ("a", true), ("b", false), ("c", true)] {
        let mut tx = OrgTx::begin(&app.db, scene.agency.id).await.unwrap();
        app::webhooks::publish(&mut tx, app, EventType::ScopeAlert, key, json!({"id": key})).await.unwrap();
        if commit {
            tx.commit().await.unwrap();
        }
    }
    assert_eq!(scene.deliver().await, 2);
    let mut told: Vec<_> = scene
        .receiver
        .received()
        .iter()
        .map(|request| request.verify(&scene.hook.secret).unwrap()["data"]["id"].clone())
        .collect();
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, ["a", "c"]);
}

#[tokio::test]
async fn everybody_is_told_what_they_asked_for_and_nothing_of_others() {
    let scene = Scene::new([]).await;
    let world = &scene.world;
    let rival = world.agency("Rival", 2).await;
    let rival_token = world.sign_in_as(&rival, "owner").await;
    enter(world, &rival_token, &scene.receiver.url("/rival"), &["*"]).await;
    enter(world, &scene.token(), &scene.receiver.url("/leads"), &["lead.*"]).await;
    enter(world, &scene.token(), &scene.receiver.url("/projects"), &["project.updated", "call.ended"]).await;
    let off = enter(world, &scene.token(), &scene.receiver.url("/off"), &["*"]).await;
    assert_eq!(scene.change(&off.path, &json!({"enabled": false})).await.status, StatusCode::OK);

    scene.something_happens().await;
    let lead = format!("/api/v1/leads/{}", scene.agency.lead);
    assert_eq!(scene.change(&lead, &json!({"priority": "URGENT"})).await.status, StatusCode::OK);
    while scene.deliver().await > 0 {}
    let mut told: Vec<_> = scene
        .receiver
        .received()
        .iter()
        .map(|request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            format!("{} {}", request.path, body["type"].as_str().unwrap())
        })
        .collect();
    told.sort_unstable();
    let expect = [
        "/hook?key=1 lead.updated",
        "/hook?key=1 lead.urgent",
        "/hook?key=1 project.updated",
        "/leads lead.updated",
        "/leads lead.urgent",
        "/projects project.updated",
    ];
    assert_eq!(told, expect);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let scene = Scene::new([]).await;
    let answer = scene.post(&format!("{}/rotate-secret", scene.hook.path), &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let new = answer.json()["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, scene.hook.secret);
    scene.something_happens().await;
    scene.deliver().await;
    scene.wait(24 * 3_600).await;
    scene.something_happens().await;
    scene.deliver().await;
    let received = scene.receiver.received();
    assert!(received[0].verify(&new).is_ok() && received[0].verify(&scene.hook.secret).is_ok());
    assert_eq!(received[0].header("webhook-signature").split(' ').count(), 2);
    assert_eq!(received[1].header("webhook-signature").split(' ').count(), 1);
    assert!(scene.webhook().await["secret"].is_null(), "it is shown once");
}

#[tokio::test]
async fn a_test_reaches_a_disabled_webhook_and_is_tried_once() {
    let scene = Scene::new([Behaviour::status(500), Behaviour::status(200)]).await;
    scene.change(&scene.hook.path, &json!({"enabled": false})).await;
    let test = format!("{}/test", scene.hook.path);
    for expect in ["failed", "delivered"] {
        let answer = scene.post(&test, &json!({})).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert_eq!(scene.deliver().await, 1);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let delivery = scene.get(&format!("/api/v1/webhook-deliveries/{id}")).await;
        assert_eq!((delivery["state"].as_str(), delivery["type"].as_str()), (Some(expect), Some("ping")));
    }
    let webhook = scene.webhook().await;
    assert_eq!((&webhook["enabled"], &webhook["health"]["failures_in_a_row"]), (&json!(false), &json!(0)));
}
