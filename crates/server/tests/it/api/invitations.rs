//! Inviting people.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::tree::{ask, delete, patch, user_of};
use super::world::{PASSWORD, World};

async fn invited(world: &World, token: &str, email: &str, role: &str) -> Value {
    let body = json!({ "email": email, "role": role });
    let answer = world.post("/api/v1/invitations", Some(token), &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// Where the link of an invitation leads, in the API.
fn door(invitation: &Value) -> String {
    let link = invitation["link"].as_str().unwrap();
    assert!(link.starts_with("https://studio.example/invitations/sci_"), "{link}");
    format!("/api/v1/auth/invitations/{}", link.rsplit('/').next().unwrap())
}

fn newcomer() -> Value {
    json!({ "name": "Lee Park", "password": "a quiet harbor at dusk" })
}

#[tokio::test]
async fn somebody_new_gets_an_account_by_the_link_once() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let invitation = invited(&world, &owner, " Lee@Aurora.example ", "manager").await;
    assert_eq!((&invitation["email"], &invitation["status"]), (&json!("lee@aurora.example"), &json!("open")));
    let door = door(&invitation);

    let preview = world.get(&door, None).await;
    assert_eq!(preview.status, StatusCode::OK);
    let seen = preview.json();
    assert_eq!((&seen["organization"], &seen["account_exists"]), (&json!("Aurora"), &json!(false)));

    let accept = format!("{door}/accept");
    assert_eq!(world.post(&accept, None, &json!({})).await.status, StatusCode::UNAUTHORIZED);
    let half = world.post(&accept, None, &json!({ "name": "Lee" })).await;
    assert!(half.json()["errors"]["password"].is_string(), "{half:?}");
    let short = world.post(&accept, None, &json!({ "name": "Lee", "password": "short" })).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.json()["errors"]["password"].is_string(), "{short:?}");
    let accepted = world.post(&accept, None, &newcomer()).await;
    assert_eq!(accepted.status, StatusCode::OK, "{accepted:?}");
    assert_eq!(accepted.json()["organization_id"], agency.id.to_string());

    assert_eq!(world.post(&accept, None, &newcomer()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&door, None).await.status, StatusCode::NOT_FOUND);
    let login = json!({ "email": "lee@aurora.example", "password": newcomer()["password"] });
    let session = world.post("/api/v1/auth/login", None, &login).await;
    assert_eq!(session.json()["me"]["role"], "manager", "{session:?}");
    let path = format!("/api/v1/invitations/{}", invitation["id"].as_str().unwrap());
    let shown = world.get(&path, Some(&owner)).await.json();
    assert_eq!((&shown["status"], &shown["link"]), (&json!("accepted"), &Value::Null));
    assert_eq!(delete(&world, &path, &owner).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn somebody_with_an_account_signs_in_and_accepts() {
    let world = World::new().await;
    let (agency, other) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let owner = world.sign_in_as(&agency, "owner").await;
    let email = world.employ(&other, "member").await;
    let login = json!({ "email": email, "password": PASSWORD });
    let session = world.post("/api/v1/auth/login", None, &login).await.json();
    let token = session["token"].as_str().or_else(|| session["access_token"].as_str()).unwrap();
    let stranger = world.sign_in_as(&other, "member").await;

    let accept = format!("{}/accept", door(&invited(&world, &owner, &email, "member").await));
    // An account is not made a second time, nor taken over by whoever has the link.
    assert_eq!(world.post(&accept, None, &newcomer()).await.status, StatusCode::CONFLICT);
    assert_eq!(world.post(&accept, Some(&stranger), &json!({})).await.status, StatusCode::CONFLICT);
    let accepted = world.post(&accept, Some(token), &json!({})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{accepted:?}");
    let id = user_of(&world, token).await;
    assert_eq!(world.get(&format!("/api/v1/members/{id}"), Some(&owner)).await.status, StatusCode::OK);
    let again =
        world.post("/api/v1/invitations", Some(&owner), &json!({ "email": email, "role": "viewer" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn nobody_promises_a_role_with_more_than_they_have() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let admin = world.sign_in_as(&agency, "admin").await;
    let body = json!({ "email": "lee@aurora.example", "role": "owner" });
    assert_eq!(world.post("/api/v1/invitations", Some(&admin), &body).await.status, StatusCode::FORBIDDEN);
    for (email, role, field) in [
        ("lee", "member", "email"),
        ("lee@aurora.example", "emperor", "role"),
        ("a b@c.example", "viewer", "email"),
    ] {
        let answer =
            world.post("/api/v1/invitations", Some(&admin), &json!({ "email": email, "role": role })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{email} as {role}");
        assert!(answer.json()["errors"][field].is_string(), "{answer:?}");
    }
}

#[tokio::test]
async fn an_address_is_invited_once_at_a_time_again_after_a_minute_and_for_seven_days() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let first = invited(&world, &owner, "lee@aurora.example", "member").await;
    let body = json!({ "email": "LEE@aurora.example", "role": "viewer" });
    assert_eq!(world.post("/api/v1/invitations", Some(&owner), &body).await.status, StatusCode::CONFLICT);

    let again = format!("/api/v1/invitations/{}/resend", first["id"].as_str().unwrap());
    let resend = async |token: &str| ask(&world, "POST", &again, token, &[], None).await;
    let early = resend(&owner).await;
    assert_eq!(early.status, StatusCode::TOO_MANY_REQUESTS);
    world.clock.advance(TimeDelta::seconds(early.header("retry-after").parse().unwrap()));
    let second = resend(&owner).await;
    assert_eq!(second.status, StatusCode::OK, "{second:?}");
    let second = second.json();
    assert_ne!(first["link"], second["link"]);
    assert_eq!(world.get(&door(&first), None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&door(&second), None).await.status, StatusCode::OK);

    world.clock.advance(TimeDelta::days(7));
    assert_eq!(world.get(&door(&second), None).await.status, StatusCode::NOT_FOUND);
    let accept = format!("{}/accept", door(&second));
    assert_eq!(world.post(&accept, None, &newcomer()).await.status, StatusCode::NOT_FOUND);
    let owner = world.sign_in_as(&agency, "owner").await;
    let third = invited(&world, &owner, "lee@aurora.example", "viewer").await;
    let path = format!("/api/v1/invitations/{}", third["id"].as_str().unwrap());
    assert_eq!(delete(&world, &path, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&door(&third), None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&path, Some(&owner)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_member_promised_ends_with_their_rights() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let (admin, other) = (world.sign_in_as(&agency, "admin").await, world.sign_in_as(&agency, "admin").await);
    let (of_removed, of_demoted) = (
        invited(&world, &admin, "one@aurora.example", "admin").await,
        invited(&world, &other, "two@aurora.example", "admin").await,
    );
    let path = async |token: &str| format!("/api/v1/members/{}", user_of(&world, token).await);
    let (removed, demoted) = (path(&admin).await, path(&other).await);
    assert_eq!(delete(&world, &removed, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(patch(&world, &demoted, &owner, json!({ "role": "viewer" })).await.status, StatusCode::OK);
    for invitation in [of_removed, of_demoted] {
        assert_eq!(world.get(&door(&invitation), None).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_made_up_link_shows_nothing() {
    let world = World::new().await;
    for token in ["x", "sci_", &format!("sci_{}", "0".repeat(49))] {
        let door = format!("/api/v1/auth/invitations/{token}");
        assert_eq!(world.get(&door, None).await.status, StatusCode::NOT_FOUND, "{token}");
    }
}
