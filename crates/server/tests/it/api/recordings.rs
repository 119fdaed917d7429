//! Playing a recording, whole and in parts.

use axum::http::StatusCode;
use store::OrgTx;

use super::world::{Agency, World, request};

async fn recorded(world: &World, agency: &Agency) -> Vec<u8> {
    let bytes: Vec<u8> = (0u32..700_000).map(|n| (n % 251) as u8).collect();
    let key = format!("recordings/{}/{}.wav", agency.id, agency.call);
    world.app.objects.put(&key, bytes.clone().into()).await.unwrap();
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    store::calls::finalize::set_recording(&mut tx, agency.call, &key, 21_875).await.unwrap();
    tx.commit().await.unwrap();
    bytes
}

#[tokio::test]
async fn a_player_gets_the_bytes_it_asks_for() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let path = format!("/api/v1/calls/{}/recording", agency.call);
    assert_eq!(world.get(&path, Some(&token)).await.status, StatusCode::NOT_FOUND, "nothing is recorded yet");

    let bytes = recorded(&world, &agency).await;
    let ask =
        async |headers: &[(&str, &str)]| world.send(request("GET", &path, Some(&token), headers, None)).await;

    let whole = ask(&[]).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.header("content-type"), "audio/wav");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), "700000");
    assert!(whole.body[..] == bytes[..], "the bytes differ");

    let part = ask(&[("range", "bytes=300000-599999")]).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.header("content-range"), "bytes 300000-599999/700000");
    assert!(part.body[..] == bytes[300_000..600_000], "the bytes of the part differ");

    let tail = ask(&[("range", "bytes=-5")]).await;
    assert_eq!(tail.body[..], bytes[699_995..]);

    let outside = ask(&[("range", "bytes=700000-")]).await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), "bytes */700000");
    assert_eq!(outside.problem(), "bad-range");
}

#[tokio::test]
async fn parts_of_another_version_are_not_sewn_together() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    recorded(&world, &agency).await;
    let path = format!("/api/v1/calls/{}/recording", agency.call);
    let tag = world.get(&path, Some(&token)).await.header("etag").to_owned();
    let ask = async |seen: &str| {
        let headers = [("range", "bytes=0-9"), ("if-range", seen)];
        world.send(request("GET", &path, Some(&token), &headers, None)).await.status
    };
    assert_eq!(ask(&tag).await, StatusCode::PARTIAL_CONTENT);
    assert_eq!(ask("\"another\"").await, StatusCode::OK);
}
