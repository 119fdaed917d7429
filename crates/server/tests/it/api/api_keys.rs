//! Programs' keys.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::tree::{Tree, actions, ask, delete, patch};
use super::world::World;

async fn made(world: &World, token: &str, body: &Value) -> Value {
    let answer = world.post("/api/v1/api-keys", Some(token), body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

fn path(key: &Value) -> String {
    format!("/api/v1/api-keys/{}", key["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_may_what_it_was_given_until_it_is_revoked() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let key =
        made(&world, &owner, &json!({ "name": "Sync", "permissions": ["calls:read", "clients:write"] }))
            .await;
    let secret = key["secret"].as_str().unwrap();
    assert!(secret.starts_with("sc_live_") && secret.len() == 57, "{secret}");
    assert!(!key["hint"].as_str().unwrap().contains(secret));
    let shown = world.get(&path(&key), Some(&owner)).await;
    assert!(shown.json().get("secret").is_none(), "{shown:?}");

    assert_eq!(world.get("/api/v1/calls", Some(secret)).await.status, StatusCode::OK);
    assert_eq!(world.get("/api/v1/leads", Some(secret)).await.status, StatusCode::FORBIDDEN);
    let client = world.post("/api/v1/clients", Some(secret), &json!({ "name": "By a program" })).await;
    assert_eq!(client.status, StatusCode::CREATED, "{client:?}");
    let me = world.get("/api/v1/auth/me", Some(secret)).await.json();
    assert_eq!((&me["user"], &me["organization"]["id"]), (&Value::Null, &json!(agency.id)));
    assert_eq!(me["permissions"], json!(["calls:read", "clients:write"]));

    let changed = patch(&world, &path(&key), &owner, json!({ "permissions": ["leads:read"] })).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(world.get("/api/v1/calls", Some(secret)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get("/api/v1/leads", Some(secret)).await.status, StatusCode::OK);

    assert_eq!(delete(&world, &path(&key), &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get("/api/v1/leads", Some(secret)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(&path(&key), Some(&owner)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_key_can_more_than_who_makes_it() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let (owner, admin) = (world.sign_in_as(&agency, "owner").await, world.sign_in_as(&agency, "admin").await);
    let strong = json!({ "name": "Till", "permissions": ["billing:manage"] });
    assert_eq!(world.post("/api/v1/api-keys", Some(&admin), &strong).await.status, StatusCode::FORBIDDEN);
    let till = made(&world, &owner, &strong).await;
    let weak =
        made(&world, &admin, &json!({ "name": "Desk", "permissions": ["calls:read", "api_keys:manage"] }))
            .await;
    for (key, body) in [
        (&weak, json!({ "permissions": ["billing:manage"] })),
        // Widening where a stronger key may be used from would be a way in, too.
        (&till, json!({ "allowed_networks": [] })),
    ] {
        assert_eq!(
            patch(&world, &path(key), &admin, body.clone()).await.status,
            StatusCode::FORBIDDEN,
            "{body}"
        );
    }
    // A key that makes keys is bound by the same rule.
    let secret = weak["secret"].as_str().unwrap();
    let more = json!({ "name": "More", "permissions": ["leads:read"] });
    assert_eq!(world.post("/api/v1/api-keys", Some(secret), &more).await.status, StatusCode::FORBIDDEN);
    let less = json!({ "name": "Less", "permissions": ["calls:read"] });
    assert_eq!(world.post("/api/v1/api-keys", Some(secret), &less).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to_and_works_from_where_it_was_said_to() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let ends = world.app.ambient.now() + TimeDelta::minutes(10);
    let brief =
        made(&world, &owner, &json!({ "name": "Brief", "permissions": ["calls:read"], "expires_at": ends }))
            .await;
    let key = |networks: Value| json!({ "name": "Desk", "permissions": ["calls:read"], "allowed_networks": networks });
    // Requests of this world come from 192.0.2.7.
    let here = made(&world, &owner, &key(json!(["192.0.2.9/24", "2001:db8::/32"]))).await;
    assert_eq!(here["allowed_networks"], json!(["192.0.2.0/24", "2001:db8::/32"]));
    let there = made(&world, &owner, &key(json!(["198.51.100.1"]))).await;
    let status = async |key: &Value| world.get("/api/v1/calls", key["secret"].as_str()).await.status;
    assert_eq!(status(&brief).await, StatusCode::OK);
    assert_eq!(status(&here).await, StatusCode::OK);
    assert_eq!(status(&there).await, StatusCode::UNAUTHORIZED);
    world.clock.advance(TimeDelta::minutes(10));
    assert_eq!(status(&brief).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&here).await, StatusCode::OK);
}

#[tokio::test]
async fn what_can_not_be_a_key_is_refused_with_the_field() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let past = world.app.ambient.now() - TimeDelta::seconds(1);
    for (body, field) in [
        (json!({ "name": "", "permissions": ["calls:read"] }), "name"),
        (json!({ "name": "A", "permissions": [] }), "permissions"),
        (json!({ "name": "A", "permissions": ["platform:operate"] }), "permissions"),
        (
            json!({ "name": "A", "permissions": ["calls:read"], "child_permissions": ["calls:read"] }),
            "child_permissions",
        ),
        (
            json!({ "name": "A", "permissions": ["calls:read"], "allowed_networks": ["home"] }),
            "allowed_networks",
        ),
        (json!({ "name": "A", "permissions": ["calls:read"], "expires_at": past }), "expires_at"),
    ] {
        let answer = world.post("/api/v1/api-keys", Some(&owner), &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["errors"][field].is_string(), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_keys_use_is_seen_in_the_list_and_in_the_log() {
    let world = World::new().await;
    let agency = world.agency_on("free", "Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let key = made(&world, &owner, &json!({ "name": "Sync", "permissions": ["clients:write"] })).await;
    assert_eq!(key["last_used_at"], Value::Null);
    world.post("/api/v1/clients", key["secret"].as_str(), &json!({ "name": "By a program" })).await;
    // The note is written beside the request.
    world.app.tasks.close();
    world.app.tasks.wait().await;
    let listed = world.get("/api/v1/api-keys", Some(&owner)).await.json();
    let used = &listed["items"][0];
    assert!(used["last_used_at"].is_string(), "{used}");
    assert_eq!(used["last_used_ip"], "192.0.2.7");
    let log = actions(&world, &owner).await;
    let made = log.iter().find(|one| one["action"] == "api_keys:create").unwrap();
    assert!(!made.to_string().contains(key["secret"].as_str().unwrap()));
}

#[tokio::test]
async fn a_partners_key_acts_for_its_businesses_and_for_no_other() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let body =
        json!({ "name": "Sync", "permissions": ["businesses:read"], "child_permissions": ["clients:read"] });
    let key = made(&world, &partner, &body).await;
    let status = async |path: &str, org: &domain::ids::OrgId| {
        let org = org.to_string();
        let secret = key["secret"].as_str().unwrap();
        ask(&world, "GET", path, secret, &[("x-organization-id", org.as_str())], None).await.status
    };
    assert_eq!(status("/api/v1/clients", &tree.business.id).await, StatusCode::OK);
    assert_eq!(status("/api/v1/calls", &tree.business.id).await, StatusCode::FORBIDDEN);
    assert_eq!(status("/api/v1/clients", &tree.partner.id).await, StatusCode::FORBIDDEN);
    assert_eq!(status("/api/v1/clients", &tree.stranger.id).await, StatusCode::NOT_FOUND);
    assert_eq!(status("/api/v1/clients", &tree.platform.id).await, StatusCode::NOT_FOUND);
    // More below than the maker has there.
    let body = json!({ "name": "Till", "permissions": [], "child_permissions": ["billing:manage"] });
    assert_eq!(world.post("/api/v1/api-keys", Some(&partner), &body).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn another_organizations_key_does_not_exist() {
    let world = World::new().await;
    let (mine, theirs) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let (owner, other) = (world.sign_in_as(&mine, "owner").await, world.sign_in_as(&theirs, "owner").await);
    let key = made(&world, &other, &json!({ "name": "Sync", "permissions": ["calls:read"] })).await;
    assert_eq!(world.get(&path(&key), Some(&owner)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        patch(&world, &path(&key), &owner, json!({ "name": "Mine" })).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(delete(&world, &path(&key), &owner).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/api/v1/calls", key["secret"].as_str()).await.status, StatusCode::OK);
}
