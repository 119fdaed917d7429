//! People of an organization.

use axum::http::StatusCode;
use serde_json::json;

use super::tree::{actions, ask, delete, patch, user_of};
use super::world::World;

#[tokio::test]
async fn members_are_listed_page_by_page_and_found_by_their_address() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    for role in ["viewer", "manager", "member"] {
        world.employ(&agency, role).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/members?limit=3".to_owned();
    loop {
        let page = world.get(&path, Some(&owner)).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["role"]["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/members?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    seen.sort_by_key(|role| role.to_string());
    assert_eq!(seen, ["manager", "member", "owner", "viewer"]);
    let found = world.get("/api/v1/members?q=MANAGER.", Some(&owner)).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
}

#[tokio::test]
async fn a_removed_members_token_dies_at_once_and_here_only() {
    let world = World::new().await;
    let (agency, other) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let owner = world.sign_in_as(&agency, "owner").await;
    let member = world.sign_in_as(&agency, "member").await;
    let elsewhere = world.sign_in_as(&other, "member").await;
    let id = user_of(&world, &member).await;
    assert_eq!(world.get("/api/v1/calls", Some(&member)).await.status, StatusCode::OK);
    assert_eq!(delete(&world, &format!("/api/v1/members/{id}"), &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get("/api/v1/calls", Some(&member)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/api/v1/auth/me", Some(&member)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/api/v1/calls", Some(&elsewhere)).await.status, StatusCode::OK);
    assert_eq!(delete(&world, &format!("/api/v1/members/{id}"), &owner).await.status, StatusCode::NOT_FOUND);
    let log = actions(&world, &owner).await;
    let entry = log.iter().find(|one| one["action"] == "members:remove").unwrap();
    assert_eq!((&entry["object"], &entry["detail"]["role"]), (&json!(id), &json!("member")));
}

#[tokio::test]
async fn who_has_less_neither_promotes_nor_touches_who_has_more() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let admin = world.sign_in_as(&agency, "admin").await;
    let member = world.sign_in_as(&agency, "member").await;
    let path = async |token: &str| format!("/api/v1/members/{}", user_of(&world, token).await);
    let (owner_path, admin_path, member_path) = (path(&owner).await, path(&admin).await, path(&member).await);
    for (path, role) in
        [(&member_path, "owner"), (&admin_path, "owner"), (&owner_path, "admin"), (&owner_path, "viewer")]
    {
        let answer = patch(&world, path, &admin, json!({ "role": role })).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} to {role}: {answer:?}");
    }
    assert_eq!(delete(&world, &owner_path, &admin).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        patch(&world, &member_path, &admin, json!({ "role": "manager" })).await.status,
        StatusCode::OK
    );
    for role in ["partner_admin", "platform_admin", "emperor"] {
        let answer = patch(&world, &member_path, &owner, json!({ "role": role })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{role}");
        assert!(answer.json()["errors"]["role"].is_string(), "{answer:?}");
    }
}

#[tokio::test]
async fn the_last_owner_stays_until_there_is_another() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let path = format!("/api/v1/members/{}", user_of(&world, &owner).await);
    let leave = async |token: &str| ask(&world, "POST", "/api/v1/organization/leave", token, &[], None).await;
    assert_eq!(patch(&world, &path, &owner, json!({ "role": "viewer" })).await.status, StatusCode::CONFLICT);
    assert_eq!(delete(&world, &path, &owner).await.status, StatusCode::CONFLICT);
    assert_eq!(leave(&owner).await.status, StatusCode::CONFLICT);
    assert_eq!(patch(&world, &path, &owner, json!({ "role": "owner" })).await.status, StatusCode::OK);

    let second = world.sign_in_as(&agency, "owner").await;
    assert_eq!(leave(&owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get("/api/v1/calls", Some(&owner)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(leave(&second).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn of_two_owners_who_remove_each_other_at_once_one_stays() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let (one, other) = (world.sign_in_as(&agency, "owner").await, world.sign_in_as(&agency, "owner").await);
    let (of_one, of_other) = (user_of(&world, &one).await, user_of(&world, &other).await);
    let (path_one, path_other) = (format!("/api/v1/members/{of_one}"), format!("/api/v1/members/{of_other}"));
    let (first, second) = tokio::join!(delete(&world, &path_other, &one), delete(&world, &path_one, &other));
    let gone = [&first, &second].iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(gone, 1, "{first:?} {second:?}");
}
