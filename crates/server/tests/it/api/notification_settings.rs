//! Who is notified of what.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::world::{Agency, Answer, World, request};

const PATH: &str = "/api/v1/notification-settings";

async fn put(world: &World, token: &str, tag: &str, body: &Value) -> Answer {
    world.clock.advance(TimeDelta::seconds(1));
    world.send(request("PUT", PATH, Some(token), &[("if-match", tag)], Some(body))).await
}

async fn desk() -> (World, Agency, String) {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "admin").await;
    (world, agency, token)
}

fn dana(notify: &Value) -> Value {
    json!({ "name": "Dana", "email": "Dana@Aurora.example", "phone": "+1 513 555 0142", "notify": notify })
}

#[tokio::test]
async fn settings_are_kept_normalised_and_by_version() {
    let (world, _, token) = desk().await;
    let seen = world.get(PATH, Some(&token)).await;
    assert_eq!(seen.json(), json!({ "recipients": [], "quiet_hours": null, "confirm_to_callers": false }));
    let body = json!({
        "recipients": [dana(&json!([{ "event": "lead.urgent", "channels": ["email", "phone"] }]))],
        "quiet_hours": { "from": "22:00", "to": "07:00" },
    });
    let first = put(&world, &token, seen.header("etag"), &body).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let kept = &first.json()["recipients"][0];
    assert_eq!((&kept["email"], &kept["phone"]), (&json!("dana@aurora.example"), &json!("+15135550142")));
    assert_eq!(first.json()["quiet_hours"]["urgent_anyway"], true);
    assert_eq!(put(&world, &token, seen.header("etag"), &body).await.problem(), "out-of-date");
    assert_eq!(put(&world, &token, first.header("etag"), &first.json()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_address_is_checked_on_its_own() {
    let (world, _, token) = desk().await;
    let body = json!({ "recipients": [
        dana(&json!([])),
        { "name": "A", "email": "a@b", "notify": [] },
        { "name": "B", "phone": "12", "notify": [] },
    ] });
    let errors = put(&world, &token, "*", &body).await.json()["errors"].clone();
    let fields: Vec<&String> = errors.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["recipients[1].email", "recipients[2].phone"]);
    let nowhere = json!({ "recipients": [{ "name": "C", "email": "c@d.example",
        "notify": [{ "event": "digest", "channels": ["sms"] }] }] });
    let errors = put(&world, &token, "*", &nowhere).await.json()["errors"].clone();
    assert!(errors.get("recipients[0].notify[0].channels").is_some(), "{errors}");
}

#[tokio::test]
async fn a_plan_must_have_the_event_and_the_channel() {
    let (world, agency, token) = desk().await;
    world.put_on_plan(&agency, "basic").await;
    for (event, channel, feature) in [
        ("lead.created", "email", None),
        ("lead.urgent", "phone", Some("urgent_phone_alerts")),
        ("digest", "email", Some("digest")),
    ] {
        let body = json!({ "recipients": [dana(&json!([{ "event": event, "channels": [channel] }]))] });
        let answer = put(&world, &token, "*", &body).await;
        match feature {
            None => assert_eq!(answer.status, StatusCode::OK, "{answer:?}"),
            Some(feature) => {
                assert_eq!(answer.problem(), "plan-required");
                assert!(answer.json()["detail"].as_str().unwrap().contains(feature));
            }
        }
    }
}
