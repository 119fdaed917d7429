//! `Idempotency-Key`: a request that is sent again acts once.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{Answer, World, request};

async fn create(world: &World, token: &str, key: &str, name: &str) -> Answer {
    let body = json!({ "name": name });
    world
        .send(request("POST", "/api/v1/clients", Some(token), &[("idempotency-key", key)], Some(&body)))
        .await
}

async fn names(world: &World, token: &str) -> Vec<String> {
    let list = world.get("/api/v1/clients", Some(token)).await.json();
    let items = list["items"].as_array().unwrap().clone();
    items.iter().map(|client| client["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_same_request_acts_once_and_is_answered_alike() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let first = create(&world, &token, "key-1", "Juniper").await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = create(&world, &token, "key-1", "Juniper").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    let other_key = create(&world, &token, "key-2", "Juniper").await;
    assert_ne!(other_key.json()["id"], first.json()["id"]);
    assert_eq!(names(&world, &token).await.iter().filter(|name| *name == "Juniper").count(), 2);
}

#[tokio::test]
async fn a_key_is_good_for_one_request_of_one_person() {
    let world = World::new().await;
    let (agency, other) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let token = world.sign_in_as(&agency, "owner").await;
    assert_eq!(create(&world, &token, "key-1", "Juniper").await.status, StatusCode::CREATED);
    let reused = create(&world, &token, "key-1", "Larch").await;
    assert_eq!(
        (reused.status, reused.problem().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
    );
    // A colleague and another business may choose the same key.
    for token in [world.sign_in_as(&agency, "manager").await, world.sign_in_as(&other, "owner").await] {
        let theirs = create(&world, &token, "key-1", "Larch").await;
        assert_eq!(theirs.status, StatusCode::CREATED);
        assert!(!theirs.headers.contains_key("idempotency-replayed"));
    }
    for key in ["", "two words", &"x".repeat(256)] {
        let refused = create(&world, &token, key, "Pine").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{key:?}");
        assert!(refused.json()["errors"]["Idempotency-Key"].is_string());
    }
    assert!(!names(&world, &token).await.contains(&"Pine".to_owned()));
}

#[tokio::test]
async fn of_many_at_once_one_acts() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let tries = (0..8).map(|_| create(&world, &token, "key-1", "Juniper"));
    let answers = futures_util::future::join_all(tries).await;
    let acted = answers.iter().filter(|answer| {
        answer.status == StatusCode::CREATED && !answer.headers.contains_key("idempotency-replayed")
    });
    assert_eq!(acted.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::CONFLICT, "idempotency-in-progress")
        );
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(names(&world, &token).await.iter().filter(|name| *name == "Juniper").count(), 1);
}

#[tokio::test]
async fn faults_of_the_sender_are_kept_and_forgotten_after_a_day() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let invalid = create(&world, &token, "key-1", "").await;
    assert_eq!(invalid.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(create(&world, &token, "key-1", "").await.header("idempotency-replayed"), "true");
    world.clock.advance(TimeDelta::hours(25));
    let token = world.sign_in_as(&agency, "owner").await;
    assert_eq!(create(&world, &token, "key-1", "Juniper").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_refusal_for_want_of_a_permission_is_not_kept() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "viewer").await;
    for _ in 0..2 {
        let refused = create(&world, &token, "key-1", "Juniper").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(!refused.headers.contains_key("idempotency-replayed"));
    }
    let nobody = request("POST", "/api/v1/clients", None, &[("idempotency-key", "k")], Some(&Value::Null));
    assert_eq!(world.send(nobody).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_process_that_died_leaves_the_key_for_a_minute_only() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let identity = app::auth::identify(&world.app, &token, None, None).await.unwrap().unwrap();
    let body = json!({ "name": "Juniper" }).to_string();
    let of_the_dead = app::idempotency::Repeatable {
        key: "key-1",
        method: "POST",
        path: "/api/v1/clients",
        parts: &[b"", b"application/json", b"", body.as_bytes()],
    };
    let claim = app::idempotency::claim(&world.app, &identity, &of_the_dead).await.unwrap();
    let app::idempotency::Claim::Act(of_the_dead) = claim else { panic!("{claim:?}") };
    let early = create(&world, &token, "key-1", "Juniper").await;
    assert_eq!((early.status, early.problem().as_str()), (StatusCode::CONFLICT, "idempotency-in-progress"));
    world.clock.advance(TimeDelta::seconds(61));
    let late = create(&world, &token, "key-1", "Juniper").await;
    assert_eq!(late.status, StatusCode::CREATED);
    // Should it live after all, its answer does not replace the one that was given.
    app::idempotency::complete(&world.app, &identity, of_the_dead, b"something else").await.unwrap();
    assert_eq!(create(&world, &token, "key-1", "Juniper").await.body, late.body);
}

#[tokio::test]
async fn an_answer_is_stored_sealed() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    create(&world, &token, "key-1", "Juniper").await;
    let identity = app::auth::identify(&world.app, &token, None, None).await.unwrap().unwrap();
    let principal = identity.person().unwrap().id.to_string();
    let mut tx = store::OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let now = world.app.ambient.now();
    let claim = store::idempotency::NewClaim {
        id: world.app.ambient.new_id(),
        principal: &principal,
        key: "key-1",
        method: "POST",
        path: "/api/v1/clients",
        fingerprint: &[0; 32],
        now,
        stale_before: now - TimeDelta::seconds(60),
        expired_before: now - TimeDelta::hours(24),
    };
    let stored = store::idempotency::claim(&mut tx, &claim).await.unwrap();
    assert_eq!(stored, store::idempotency::Claim::OtherRequest);
    let stored = store::idempotency::response(&mut tx, &principal, "key-1").await.unwrap().unwrap();
    assert!(!stored.windows(7).any(|window| window == b"Juniper"));
    assert!(stored.len() > 100);
}
