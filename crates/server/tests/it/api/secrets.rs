//! A new encryption key: what was sealed under the old one is sealed anew, and nothing is lost on the way.

use app::key_rotation::{Mode, Tally, go_through};
use app::secrets::{Envelope, SecretError};
use axum::http::StatusCode;
use serde_json::json;

use super::world::{World, request};

/// The key of [`World`].
const OLD: &str = "a passphrase that is only used in tests";
const NEW: &str = "another passphrase that is only used in tests";

fn envelope(current: &str, former: &[&str]) -> Envelope {
    let former: Vec<_> = former.iter().map(|key| (*key).to_owned().into()).collect();
    Envelope::new(&current.to_owned().into(), &former).unwrap()
}

/// (current, outdated, unreadable) over all columns.
fn sums(tallies: &[Tally]) -> (u64, u64, u64) {
    tallies.iter().fold((0, 0, 0), |(current, outdated, unreadable), tally| {
        (current + tally.current, outdated + tally.outdated, unreadable + tally.unreadable)
    })
}

/// Three secrets: a webhook's, its former one, and the answer that showed it.
async fn world_with_secrets() -> World {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let hook = json!({ "url": "https://hooks.agency.example/in", "events": ["lead.*"] });
    let keyed = [("idempotency-key", "one")];
    let made = world.send(request("POST", "/api/v1/webhooks", Some(&token), &keyed, Some(&hook))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let rotated = world
        .send(request("POST", &format!("/api/v1/webhooks/{id}/rotate-secret"), Some(&token), &[], None))
        .await;
    assert!(rotated.status.is_success(), "{rotated:?}");
    world
}

#[tokio::test]
async fn rotation_seals_everything_anew_and_can_be_repeated() {
    let world = world_with_secrets().await;
    let db = &world.app.db;
    let both = envelope(NEW, &[OLD]);
    assert_eq!(sums(&go_through(db, &both, Mode::Check).await.unwrap()), (0, 3, 0), "before");
    assert_eq!(sums(&go_through(db, &both, Mode::Rotate).await.unwrap()), (0, 3, 0), "sealed anew");
    assert_eq!(sums(&go_through(db, &both, Mode::Rotate).await.unwrap()), (3, 0, 0), "nothing is left to do");
    // The former key is not needed any more, and of no use.
    assert_eq!(sums(&go_through(db, &envelope(NEW, &[]), Mode::Check).await.unwrap()), (3, 0, 0));
    assert_eq!(sums(&go_through(db, &envelope(OLD, &[]), Mode::Check).await.unwrap()), (0, 0, 3));
}

#[tokio::test]
async fn what_no_key_opens_is_told_and_left_as_it_is() {
    let world = world_with_secrets().await;
    let db = &world.app.db;
    let tallies = go_through(db, &envelope(NEW, &[]), Mode::Rotate).await.unwrap();
    assert_eq!(sums(&tallies), (0, 0, 3));
    let named: Vec<_> = tallies.iter().flat_map(|tally| &tally.named).collect();
    assert!(named.iter().any(|(owner, _)| owner.starts_with("hook_")), "{named:?}");
    assert!(named.iter().all(|(_, reason)| *reason == SecretError::UnknownKey), "{named:?}");
    assert_eq!(
        sums(&go_through(db, &envelope(OLD, &[]), Mode::Check).await.unwrap()),
        (3, 0, 0),
        "untouched"
    );
}
