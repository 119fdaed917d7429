//! Entering, changing and removing webhooks.

use axum::http::StatusCode;
use serde_json::json;

use super::{Scene, enter};
use crate::api::world::request;

#[tokio::test]
async fn the_secret_is_shown_once_and_every_change_is_audited() {
    let scene = Scene::new([]).await;
    assert!(scene.hook.secret.starts_with("whsec_"));
    let shown = scene.webhook().await;
    assert!(!shown.to_string().contains("whsec_"), "{shown}");
    scene
        .change(
            &scene.hook.path,
            &json!({"description": "CRM", "events": ["lead.*", "call.ended", "lead.*"]}),
        )
        .await;
    let shown = scene.webhook().await;
    assert_eq!((&shown["description"], &shown["events"]), (&json!("CRM"), &json!(["call.ended", "lead.*"])));
    scene.post(&format!("{}/rotate-secret", scene.hook.path), &json!({})).await;
    scene.post(&format!("{}/test", scene.hook.path), &json!({})).await;
    let gone = scene.world.send(request("DELETE", &scene.hook.path, Some(&scene.token()), &[], None)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(scene.world.get(&scene.hook.path, Some(&scene.token())).await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.deliver().await, 0, "what was on its way is gone, too");
    let expect =
        ["webhooks:create", "webhooks:update", "webhooks:rotate_secret", "webhooks:test", "webhooks:delete"];
    assert_eq!(scene.audited().await, expect);
}

#[tokio::test]
async fn a_change_is_based_on_the_version_that_was_read() {
    let scene = Scene::new([]).await;
    let answer = scene.world.get(&scene.hook.path, Some(&scene.token())).await;
    let version = answer.header("etag").to_owned();
    let patch = async |version: Option<&str>| {
        let headers: Vec<_> = version.map(|version| ("if-match", version)).into_iter().collect();
        let body = json!({"description": "new"});
        scene
            .world
            .send(request("PATCH", &scene.hook.path, Some(&scene.token()), &headers, Some(&body)))
            .await
            .status
    };
    scene.wait(1).await;
    assert_eq!(patch(None).await, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(patch(Some(&version)).await, StatusCode::OK);
    assert_eq!(patch(Some(&version)).await, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn faults_name_their_field() {
    let scene = Scene::new([]).await;
    let url = scene.receiver.url("/");
    for (body, field) in [
        (json!({"events": ["*"]}), "url"),
        (json!({"url": "", "events": ["*"]}), "url"),
        (json!({"url": url}), "events"),
        (json!({"url": url, "events": []}), "events"),
        (json!({"url": url, "events": ["ping"]}), "events"),
        (json!({"url": url, "events": ["call.sneezed"]}), "events"),
        (json!({"url": url, "events": ["*"], "secret": "mine"}), "secret"),
        (json!({"url": url, "events": ["*"], "description": "x".repeat(501)}), "description"),
    ] {
        let answer = scene.post("/api/v1/webhooks", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer:?}");
        assert!(answer.json()["errors"][field].is_string(), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn an_organization_has_at_most_twenty_webhooks() {
    let scene = Scene::new([]).await;
    for number in 2..=20 {
        enter(&scene.world, &scene.token(), &scene.receiver.url(&format!("/{number}")), &["*"]).await;
    }
    let body = json!({"url": scene.receiver.url("/21"), "events": ["*"]});
    assert_eq!(scene.post("/api/v1/webhooks", &body).await.status, StatusCode::CONFLICT);
    let rival = scene.world.agency("Rival", 2).await;
    let token = scene.world.sign_in_as(&rival, "owner").await;
    enter(&scene.world, &token, &scene.receiver.url("/1"), &["*"]).await;
}

#[tokio::test]
async fn another_tenant_sees_and_touches_nothing() {
    let scene = Scene::new([]).await;
    scene.something_happens().await;
    let delivery = scene.delivery().await["id"].as_str().unwrap().to_owned();
    let rival = scene.world.agency("Rival", 2).await;
    let token = scene.world.sign_in_as(&rival, "owner").await;
    let (hook, log) = (&scene.hook.path, format!("/api/v1/webhook-deliveries/{delivery}"));
    for (method, path) in [
        ("GET", hook.clone()),
        ("DELETE", hook.clone()),
        ("POST", format!("{hook}/enable")),
        ("POST", format!("{hook}/test")),
        ("POST", format!("{hook}/rotate-secret")),
        ("GET", format!("{hook}/deliveries")),
        ("GET", log.clone()),
        ("POST", format!("{log}/retry")),
    ] {
        let answer = scene.world.send(request(method, &path, Some(&token), &[], None)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {answer:?}");
    }
    let listed = scene.world.get("/api/v1/webhooks", Some(&token)).await.json();
    assert_eq!(listed["items"], json!([]));
    assert_eq!(scene.delivery().await["state"], "pending");
}

#[tokio::test]
async fn the_catalogue_names_every_event_with_example_and_schema() {
    let scene = Scene::new([]).await;
    let catalogue = scene.get("/api/v1/webhook-event-types").await;
    let kinds = catalogue["items"].as_array().unwrap();
    assert_eq!(kinds.len(), domain::webhooks::EventType::ALL.len());
    for kind in kinds {
        assert_eq!(kind["example"]["type"], kind["type"]);
        assert_eq!(kind["schema"]["properties"]["type"]["const"], kind["type"]);
    }
}
