//! An organization's own roles.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::tree::{Tree, ask, delete, patch};
use super::world::World;

async fn made(world: &World, token: &str, body: &Value) -> Value {
    let answer = world.post("/api/v1/roles", Some(token), body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let role = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/roles/{}", role["id"].as_str().unwrap()));
    role
}

#[tokio::test]
async fn a_role_is_defined_changed_and_deleted() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let role = made(&world, &owner, &json!({ "name": " Front desk ", "permissions": ["calls:read"] })).await;
    assert_eq!(role["name"], "Front desk");
    assert_eq!((&role["built_in"], &role["child_permissions"]), (&json!(false), &json!([])));
    let path = format!("/api/v1/roles/{}", role["id"].as_str().unwrap());

    let read = world.get(&path, Some(&owner)).await;
    assert_eq!(read.json(), role);
    let version = read.header("etag").to_owned();
    assert_eq!(
        ask(&world, "PATCH", &path, &owner, &[], Some(json!({ "name": "Desk" }))).await.status,
        StatusCode::PRECONDITION_REQUIRED
    );
    world.clock.advance(TimeDelta::seconds(1));
    let body = json!({ "permissions": ["calls:read", "leads:read"] });
    let changed = ask(&world, "PATCH", &path, &owner, &[("if-match", &version)], Some(body.clone())).await;
    assert_eq!(changed.json()["permissions"], body["permissions"], "{changed:?}");
    assert_eq!(changed.json()["name"], "Front desk");
    let late = ask(&world, "PATCH", &path, &owner, &[("if-match", &version)], Some(body)).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);

    assert_eq!(delete(&world, &path, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path, Some(&owner)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_can_not_be_a_role_is_refused_with_the_field() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    made(&world, &owner, &json!({ "name": "Desk", "permissions": [] })).await;
    for (body, status, field) in [
        (json!({ "name": "Owner", "permissions": [] }), 422, "name"),
        (json!({ "name": "  ", "permissions": [] }), 422, "name"),
        (json!({ "name": "x".repeat(81), "permissions": [] }), 422, "name"),
        (json!({ "name": "A", "permissions": ["calls:dream"] }), 422, "permissions[0]"),
        (json!({ "name": "A", "permissions": ["platform:operate"] }), 422, "permissions"),
        (
            json!({ "name": "A", "permissions": [], "child_permissions": ["calls:read"] }),
            422,
            "child_permissions",
        ),
        (json!({ "name": "DESK", "permissions": [] }), 409, ""),
    ] {
        let answer = world.post("/api/v1/roles", Some(&owner), &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
        assert!(field.is_empty() || answer.json()["errors"][field].is_string(), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn nobody_puts_into_a_role_what_they_do_not_have() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let admin = world.sign_in_as(&agency, "admin").await;
    let strong = json!({ "name": "Treasurer", "permissions": ["billing:manage"] });
    let refused = world.post("/api/v1/roles", Some(&admin), &strong).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("billing:manage"));

    let treasurer = made(&world, &owner, &strong).await;
    let weak = made(&world, &admin, &json!({ "name": "Desk", "permissions": ["calls:read"] })).await;
    let path = |role: &Value| format!("/api/v1/roles/{}", role["id"].as_str().unwrap());
    // Neither up by an edit, nor down what is above oneself.
    for (role, body) in [
        (&weak, json!({ "permissions": ["calls:read", "billing:manage"] })),
        (&treasurer, json!({ "permissions": [] })),
        (&treasurer, json!({ "name": "Nobody" })),
    ] {
        assert_eq!(
            patch(&world, &path(role), &admin, body.clone()).await.status,
            StatusCode::FORBIDDEN,
            "{body}"
        );
    }
    assert_eq!(delete(&world, &path(&treasurer), &admin).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        patch(&world, &path(&treasurer), &owner, json!({ "permissions": [] })).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_role_that_somebody_has_is_not_deleted_and_its_changes_are_felt_at_once() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let member = world.sign_in_as(&agency, "member").await;
    let role = made(&world, &owner, &json!({ "name": "Desk", "permissions": ["calls:read"] })).await;
    let role_path = format!("/api/v1/roles/{}", role["id"].as_str().unwrap());
    let member_path = format!("/api/v1/members/{}", super::tree::user_of(&world, &member).await);
    let status = async |path: &str| world.get(path, Some(&member)).await.status;
    assert_eq!(status("/api/v1/leads").await, StatusCode::OK);

    let changed = patch(&world, &member_path, &owner, json!({ "role": role["id"] })).await;
    assert_eq!(changed.json()["role"], json!({ "id": role["id"], "name": "Desk" }), "{changed:?}");
    assert_eq!(status("/api/v1/leads").await, StatusCode::FORBIDDEN);
    assert_eq!(status("/api/v1/calls").await, StatusCode::OK);

    let refused = delete(&world, &role_path, &owner).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.json()["detail"].as_str().unwrap().contains("Desk"), "{refused:?}");

    patch(&world, &role_path, &owner, json!({ "permissions": ["leads:read"] })).await;
    assert_eq!(status("/api/v1/leads").await, StatusCode::OK);
    assert_eq!(status("/api/v1/calls").await, StatusCode::FORBIDDEN);

    patch(&world, &member_path, &owner, json!({ "role": "viewer" })).await;
    assert_eq!(delete(&world, &role_path, &owner).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn another_organizations_role_can_be_neither_seen_nor_given() {
    let world = World::new().await;
    let (mine, theirs) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let (owner, other) = (world.sign_in_as(&mine, "owner").await, world.sign_in_as(&theirs, "owner").await);
    let member = world.sign_in_as(&mine, "member").await;
    let role = made(&world, &other, &json!({ "name": "Desk", "permissions": ["calls:read"] })).await;
    let path = format!("/api/v1/roles/{}", role["id"].as_str().unwrap());
    assert_eq!(world.get(&path, Some(&owner)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(patch(&world, &path, &owner, json!({ "name": "Mine" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(delete(&world, &path, &owner).await.status, StatusCode::NOT_FOUND);
    let member_path = format!("/api/v1/members/{}", super::tree::user_of(&world, &member).await);
    let given = patch(&world, &member_path, &owner, json!({ "role": role["id"] })).await;
    assert_eq!(given.status, StatusCode::UNPROCESSABLE_ENTITY);
    let promised = json!({ "email": "lee@aurora.example", "role": role["id"] });
    let promised = world.post("/api/v1/invitations", Some(&owner), &promised).await;
    assert_eq!(promised.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_built_in_roles_are_those_of_the_kind_of_organization_and_stay_as_they_are() {
    let world = World::new().await;
    let tree = Tree::plant(&world).await;
    for (agency, role, expect) in [
        (&tree.platform, "platform_admin", "platform_admin"),
        (&tree.partner, "partner_admin", "partner_admin"),
        (&tree.business, "owner", "owner"),
    ] {
        let token = world.sign_in_as(agency, role).await;
        let roles = world.get("/api/v1/roles", Some(&token)).await.json();
        let first = &roles["items"][0];
        assert_eq!((&first["id"], &first["built_in"]), (&json!(expect), &json!(true)));
        let path = format!("/api/v1/roles/{expect}");
        assert_eq!(world.get(&path, Some(&token)).await.json(), *first);
        assert_eq!(patch(&world, &path, &token, json!({ "name": "x" })).await.status, StatusCode::CONFLICT);
        assert_eq!(delete(&world, &path, &token).await.status, StatusCode::CONFLICT);
    }
    let owner = world.sign_in_as(&tree.business, "owner").await;
    assert_eq!(world.get("/api/v1/roles/platform_admin", Some(&owner)).await.status, StatusCode::NOT_FOUND);
    let all = world.get("/api/v1/permissions", Some(&owner)).await.json();
    assert!(all["items"].as_array().unwrap().len() > 45);
}
