//! Acting for an organization below one's own: by header, and by opening it.

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::ids::OrgId;
use domain::permissions::Permission;
use domain::roles::Role;
use serde_json::{Value, json};

use super::tree::{Tree, actions, ask, delete, user_of};
use super::world::World;

async fn acting(world: &World, method: &str, path: &str, token: &str, org: OrgId) -> super::world::Answer {
    let org = org.to_string();
    let body = (method == "POST").then(|| json!({ "name": "From above" }));
    ask(world, method, path, token, &[("x-organization-id", org.as_str())], body).await
}

#[tokio::test]
async fn a_named_organization_is_acted_for_by_those_above_it_and_exists_for_nobody_else() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let platform = world.sign_in_as(&tree.platform, "platform_admin").await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let clerk = world.sign_in_as(&tree.partner, "manager").await;
    let owner = world.sign_in_as(&tree.business, "owner").await;
    for (who, token, org, expect) in [
        ("platform to business", &platform, &tree.business, StatusCode::OK),
        ("platform to partner", &platform, &tree.partner, StatusCode::OK),
        ("platform to the other business", &platform, &tree.stranger, StatusCode::OK),
        ("partner to its business", &partner, &tree.business, StatusCode::OK),
        ("partner to itself", &partner, &tree.partner, StatusCode::OK),
        ("partner to a stranger", &partner, &tree.stranger, StatusCode::NOT_FOUND),
        ("partner to the platform", &partner, &tree.platform, StatusCode::NOT_FOUND),
        ("a partner's clerk to its business", &clerk, &tree.business, StatusCode::NOT_FOUND),
        ("business to itself", &owner, &tree.business, StatusCode::OK),
        ("business to its partner", &owner, &tree.partner, StatusCode::NOT_FOUND),
        ("business to a stranger", &owner, &tree.stranger, StatusCode::NOT_FOUND),
    ] {
        let answer = acting(&world, "GET", "/api/v1/clients", token, org.id).await;
        assert_eq!(answer.status, expect, "{who}: {answer:?}");
    }
    let nonsense =
        ask(&world, "GET", "/api/v1/clients", &platform, &[("x-organization-id", "all")], None).await;
    assert_eq!(nonsense.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_partner_may_below_is_what_the_role_grants_below() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let me = acting(&world, "GET", "/api/v1/auth/me", &partner, tree.business.id).await.json();
    let expect: Vec<&str> = Role::Admin.permissions().names();
    assert_eq!(me["permissions"], json!(expect));
    assert_eq!(me["organization"]["id"], tree.business.id.to_string());
    assert!(!expect.contains(&Permission::BillingManage.name()));
}

#[tokio::test]
async fn what_is_done_from_above_is_logged_as_such() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let owner = world.sign_in_as(&tree.business, "owner").await;
    let id = tree.business.id.to_string();
    let headers = [("x-organization-id", id.as_str())];
    let role = json!({ "name": "Desk", "permissions": ["calls:read"] });
    let made = ask(&world, "POST", "/api/v1/roles", &partner, &headers, Some(role)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let log = actions(&world, &owner).await;
    let entry = log.iter().find(|one| one["action"] == "roles:create").unwrap();
    assert_eq!(
        (&entry["from_above"], &entry["home_organization_id"]),
        (&json!(true), &json!(tree.partner.id))
    );
    // Nobody is let into the partner by way of its business.
    let theirs = actions(&world, &partner).await;
    assert!(theirs.iter().all(|one| one["action"] != "roles:create"));
}

#[tokio::test]
async fn who_loses_the_place_above_loses_what_is_below() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let (first, second) = (
        world.sign_in_as(&tree.partner, "partner_admin").await,
        world.sign_in_as(&tree.partner, "partner_admin").await,
    );
    assert_eq!(
        acting(&world, "GET", "/api/v1/clients", &second, tree.business.id).await.status,
        StatusCode::OK
    );
    let path = format!("/api/v1/members/{}", user_of(&world, &second).await);
    assert_eq!(delete(&world, &path, &first).await.status, StatusCode::NO_CONTENT);
    let answer = acting(&world, "GET", "/api/v1/clients", &second, tree.business.id).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

async fn open(world: &World, token: &str, org: OrgId) -> super::world::Answer {
    ask(world, "POST", &format!("/api/v1/organizations/{org}/open"), token, &[], None).await
}

#[tokio::test]
async fn an_opened_organization_is_a_marked_session_of_an_hour_in_both_logs() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let owner = world.sign_in_as(&tree.business, "owner").await;
    let opened = open(&world, &partner, tree.business.id).await;
    assert_eq!(opened.status, StatusCode::OK, "{opened:?}");
    let opened = opened.json();
    assert_eq!(opened["me"]["impersonating"]["home_organization_id"], tree.partner.id.to_string());
    let token = opened["token"].as_str().unwrap().to_owned();
    let me = world.get("/api/v1/auth/me", Some(&token)).await.json();
    assert_eq!(me["organization"]["id"], tree.business.id.to_string());
    assert_eq!(me["impersonating"], opened["me"]["impersonating"]);
    let own = world.get("/api/v1/auth/me", Some(&partner)).await.json();
    assert_eq!((&own["impersonating"], &own["organization"]["id"]), (&Value::Null, &json!(tree.partner.id)));
    // Bound to the one organization.
    assert_eq!(
        acting(&world, "GET", "/api/v1/clients", &token, tree.partner.id).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(open(&world, &token, tree.business.id).await.status, StatusCode::CONFLICT);

    let close = ask(&world, "POST", "/api/v1/auth/close-organization", &token, &[], None).await;
    assert_eq!(close.status, StatusCode::OK, "{close:?}");
    assert_eq!(world.get("/api/v1/auth/me", Some(&token)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/api/v1/auth/me", Some(&partner)).await.status, StatusCode::OK);
    for (reader, from_above) in [(&owner, true), (&partner, false)] {
        let log = actions(&world, reader).await;
        for action in ["organization:open", "organization:close"] {
            let entry = log.iter().find(|one| one["action"] == action).unwrap_or_else(|| panic!("{action}"));
            assert_eq!(
                (&entry["object"], &entry["from_above"]),
                (&json!(tree.business.id), &json!(from_above))
            );
        }
    }
}

#[tokio::test]
async fn an_opened_organization_closes_by_itself_after_an_hour() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let opened = open(&world, &partner, tree.business.id).await.json();
    assert_eq!(opened["refresh_token"], Value::Null, "nothing that would outlast the hour");
    let token = opened["token"].as_str().unwrap();
    let status = async || world.get("/api/v1/auth/me", Some(token)).await.status;
    world.clock.advance(TimeDelta::minutes(59));
    assert_eq!(status().await, StatusCode::OK);
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
    app::impersonation::close_lapsed(&world.app).await.unwrap();
    let owner = world.sign_in_as(&tree.business, "owner").await;
    let log = actions(&world, &owner).await;
    let closed: Vec<&Value> = log.iter().filter(|one| one["action"] == "organization:close").collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0]["detail"]["why"], "its hour is over");
}

#[tokio::test]
async fn nobody_opens_what_is_not_below_them() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    let partner = world.sign_in_as(&tree.partner, "partner_admin").await;
    let owner = world.sign_in_as(&tree.business, "owner").await;
    assert_eq!(open(&world, &partner, tree.stranger.id).await.status, StatusCode::NOT_FOUND);
    assert_eq!(open(&world, &partner, tree.platform.id).await.status, StatusCode::NOT_FOUND);
    assert_eq!(open(&world, &owner, tree.partner.id).await.status, StatusCode::NOT_FOUND);
    // One's own place is no place to open from above.
    assert_eq!(open(&world, &owner, tree.business.id).await.status, StatusCode::CONFLICT);
    let key =
        json!({ "name": "Sync", "permissions": ["businesses:read"], "child_permissions": ["clients:read"] });
    let key = world.post("/api/v1/api-keys", Some(&partner), &key).await.json();
    let by_key = open(&world, key["secret"].as_str().unwrap(), tree.business.id).await;
    assert_eq!(by_key.status, StatusCode::NOT_FOUND, "a program names the organization in each request");
}
