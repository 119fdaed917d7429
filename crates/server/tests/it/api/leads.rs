//! What the business decides of its leads.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let path = format!("/api/v1/leads/{}", agency.lead);
    let before = world.get(&path, Some(&token)).await.json();
    assert_eq!(before["answers"][0]["said"], "maria lopez");

    let after = world.patch(&path, &token, &json!({ "notes": "Call on Monday." })).await.json();
    assert_eq!((&after["notes"], &after["status"]), (&json!("Call on Monday."), &json!("open")));
    let after =
        world.patch(&path, &token, &json!({ "status": "contacted", "priority": "HIGH" })).await.json();
    assert_eq!(after["notes"], "Call on Monday.");
    assert_eq!((&after["status"], &after["priority"]), (&json!("contacted"), &json!("HIGH")));
    let after = world.patch(&path, &token, &json!({ "notes": null })).await.json();
    assert_eq!((&after["notes"], &after["status"]), (&Value::Null, &json!("contacted")));
    assert_eq!(world.get(&path, Some(&token)).await.json(), after);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_by_field() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let path = format!("/api/v1/leads/{}", agency.lead);
    for (body, field) in [
        (json!({ "status": "gone" }), "status"),
        (json!({ "status": null }), "status"),
        (json!({ "priority": 7 }), "priority"),
        (json!({ "stauts": "won" }), "stauts"),
        (json!([]), "body"),
    ] {
        let answer = world.patch(&path, &token, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["errors"].get(field).is_some(), "{body}: {:?}", answer.json());
    }
}

#[tokio::test]
async fn leads_are_found_by_where_they_stand() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let count = async |status: &str| {
        let list = world.get(&format!("/api/v1/leads?status={status}"), Some(&token)).await.json();
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((count("open").await, count("won").await), (1, 0));
    world.patch(&format!("/api/v1/leads/{}", agency.lead), &token, &json!({ "status": "won" })).await;
    assert_eq!((count("open").await, count("won").await), (0, 1));
}
