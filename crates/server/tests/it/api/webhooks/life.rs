//! How long a receiver is tried, and what brings it back.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use simulator::receiver::Behaviour;

use super::Scene;

#[tokio::test]
async fn after_three_days_without_success_a_webhook_is_disabled_with_notice() {
    let scene = Scene::new([Behaviour::status(500)]).await;
    scene.something_happens().await;
    let began_at = scene.world.app.ambient.now();
    let mut attempts = 0;
    while scene.delivery().await["state"] == "pending" {
        scene.wait_until(&scene.delivery().await["next_attempt_at"]).await;
        scene.wait_until(&scene.webhook().await["health"]["paused_until"]).await;
        assert_eq!(scene.deliver().await, 1);
        attempts += 1;
    }
    assert_eq!(attempts, 10);
    let lasted = scene.world.app.ambient.now() - began_at;
    assert!(lasted >= TimeDelta::days(3) && lasted < TimeDelta::hours(80), "{lasted}");
    assert_eq!(scene.delivery().await["state"], "failed");
    let webhook = scene.webhook().await;
    assert_eq!(webhook["enabled"], false);
    assert_eq!(webhook["disabled_reason"], "no event could be delivered for three days");
    assert_eq!(scene.audited().await, ["webhooks:create", "webhooks:disable"]);
    scene.something_happens().await;
    assert_eq!(scene.deliver().await, 0, "nothing is told any more");
}

#[tokio::test]
async fn one_success_within_three_days_keeps_a_webhook_alive() {
    let scene = Scene::new([Behaviour::status(500)]).await;
    scene.something_happens().await;
    let first = scene.delivery().await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/webhook-deliveries/{first}");
    let mut attempts = 0;
    loop {
        let delivery = scene.get(&path).await;
        if delivery["state"] != "pending" {
            break;
        }
        scene.wait_until(&delivery["next_attempt_at"]).await;
        scene.wait_until(&scene.webhook().await["health"]["paused_until"]).await;
        scene.deliver().await;
        attempts += 1;
        if attempts == 7 {
            scene.receiver.behave([Behaviour::status(200), Behaviour::status(500)]);
            scene.post(&format!("{}/test", scene.hook.path), &json!({})).await;
            assert_eq!(scene.deliver().await, 1);
        }
    }
    assert_eq!(scene.get(&path).await["state"], "failed");
    assert_eq!(scene.webhook().await["enabled"], true);
}

#[tokio::test]
async fn gone_means_disabled_and_a_replay_tells_what_was_missed() {
    let scene = Scene::new([Behaviour::status(410), Behaviour::status(200)]).await;
    let since = scene.world.app.ambient.now();
    scene.something_happens().await;
    scene.wait(1).await;
    scene.something_happens().await;
    assert_eq!(scene.deliver().await, 2);
    let webhook = scene.webhook().await;
    assert_eq!(
        (&webhook["enabled"], webhook["disabled_reason"].as_str()),
        (&json!(false), Some("the receiver answered 410 Gone"))
    );
    scene.wait(1).await;
    scene.something_happens().await;
    let replay = format!("{}/replay", scene.hook.path);
    let range = json!({"since": since, "types": ["project.updated", "lead.created"]});
    assert_eq!(scene.post(&replay, &range).await.status, StatusCode::CONFLICT, "it is disabled");

    let enabled = scene.post(&format!("{}/enable", scene.hook.path), &json!({})).await;
    assert_eq!(enabled.status, StatusCode::OK, "{enabled:?}");
    assert_eq!(
        (&enabled.json()["enabled"], &enabled.json()["disabled_reason"]),
        (&json!(true), &Value::Null)
    );
    let before: Vec<String> =
        scene.receiver.received().iter().map(|request| request.id().to_owned()).collect();
    scene.wait(1).await;
    let answer = scene.post(&replay, &range).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.json(), json!({"events": 3, "deliveries": 3}));
    assert_eq!(scene.deliver().await, 3);
    let received = scene.receiver.received();
    let again: Vec<&str> = received[before.len()..].iter().map(|request| request.id()).collect();
    assert!(before.iter().all(|id| again.contains(&id.as_str())), "{before:?} {again:?}");
    assert_eq!(scene.deliveries("?state=delivered").await.len(), 3);
}

#[tokio::test]
async fn what_is_on_its_way_to_a_webhook_that_is_disabled_is_taken_back() {
    let scene = Scene::new([]).await;
    scene.something_happens().await;
    scene.change(&scene.hook.path, &json!({"enabled": false})).await;
    assert_eq!(scene.deliver().await, 0);
    let delivery = scene.delivery().await;
    assert_eq!(delivery["state"], "canceled");
    let retry = format!("/api/v1/webhook-deliveries/{}/retry", delivery["id"].as_str().unwrap());
    assert_eq!(scene.post(&retry, &json!({})).await.status, StatusCode::CONFLICT);
    scene.post(&format!("{}/enable", scene.hook.path), &json!({})).await;
    assert_eq!(scene.post(&retry, &json!({})).await.status, StatusCode::ACCEPTED);
    assert_eq!(scene.deliver().await, 1);
    assert_eq!(scene.delivery().await["state"], "delivered");
}

#[tokio::test]
async fn a_replay_is_bounded() {
    let scene = Scene::new([]).await;
    let now = scene.world.app.ambient.now();
    let replay = format!("{}/replay", scene.hook.path);
    let check = async |range: Value, field: &str| {
        let answer = scene.post(&replay, &range).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{range}: {answer:?}");
        assert!(answer.json()["errors"][field].is_string(), "{range}: {answer:?}");
    };
    check(json!({"since": now, "until": now}), "until").await;
    check(json!({"since": now - TimeDelta::days(31)}), "since").await;
    check(json!({"since": now - TimeDelta::days(1), "types": []}), "types").await;
    check(json!({"since": now - TimeDelta::days(1), "types": ["call.sneezed"]}), "types[0]").await;
    check(json!({}), "since").await;
}

#[tokio::test]
async fn the_log_is_filtered_paged_and_forgotten_after_thirty_days() {
    let scene = Scene::new([Behaviour::status(200), Behaviour::status(500)]).await;
    for _ in 0..3 {
        scene.something_happens().await;
        scene.deliver().await;
        scene.wait(1).await;
    }
    let at = |delivery: &Value| delivery["created_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let all = scene.deliveries("").await;
    assert_eq!(all.len(), 3);
    assert!(at(&all[0]) > at(&all[1]) && at(&all[1]) > at(&all[2]));
    for (query, count) in [
        ("?state=delivered", 1),
        ("?state=pending", 2),
        ("?type=project.updated", 3),
        ("?type=lead.created", 0),
    ] {
        assert_eq!(scene.deliveries(query).await.len(), count, "{query}");
    }
    let middle = at(&all[1]).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    assert_eq!(scene.deliveries(&format!("?since={middle}")).await.len(), 2);
    assert_eq!(scene.deliveries(&format!("?until={middle}")).await.len(), 1);
    let page = scene.get(&format!("{}/deliveries?limit=2", scene.hook.path)).await;
    let rest = scene.deliveries(&format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!((page["items"].as_array().map(Vec::len), rest), (Some(2), vec![all[2].clone()]));

    scene.wait(31 * 24 * 3_600).await;
    assert_eq!(scene.world.app.prune_webhook_log().await.unwrap(), 1);
    assert_eq!(scene.deliveries("").await.len(), 2, "what is on its way stays");
}
