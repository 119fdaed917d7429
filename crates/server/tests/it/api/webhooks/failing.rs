//! Receivers that are slow, redirect, or die; workers that die.

use axum::http::StatusCode;
use serde_json::{Value, json};
use simulator::receiver::{Behaviour, Receiver};
use store::OrgTx;

use super::{Scene, enter};

fn reason(delivery: &Value) -> &str {
    delivery["attempts"][0]["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_receiver_that_answers_too_late_gets_the_same_id_again() {
    let scene = Scene::new([Behaviour::Silence, Behaviour::status(200)]).await;
    scene.something_happens().await;
    assert_eq!(scene.deliver().await, 1);
    let delivery = scene.delivery().await;
    assert_eq!(
        (delivery["state"].as_str(), delivery["failed_attempts"].as_u64()),
        (Some("pending"), Some(1))
    );
    assert_eq!(reason(&delivery), "no complete answer within 2000 ms");
    assert_eq!(scene.deliver().await, 0, "not before it is due");
    scene.wait(6).await;
    assert_eq!(scene.deliver().await, 1);
    let received = scene.receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].id(), received[1].id());
    assert_eq!(received[0].body, received[1].body);
    assert!(received.iter().all(|request| request.verify(&scene.hook.secret).is_ok()));
    let delivery = scene.delivery().await;
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["attempts"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nobody_follows_it() {
    let elsewhere = Receiver::start([]).await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let redirect = Behaviour::with_header(status, "Location", &elsewhere.url("/stolen"));
        let scene = Scene::new([redirect]).await;
        scene.something_happens().await;
        assert_eq!(scene.deliver().await, 1);
        let delivery = scene.delivery().await;
        assert_eq!(delivery["state"], "pending");
        assert_eq!(delivery["attempts"][0]["status"], status);
        assert!(reason(&delivery).contains("redirects are not followed"), "{delivery}");
    }
    assert_eq!(elsewhere.received().len(), 0);
}

#[tokio::test]
async fn a_receiver_that_dies_in_whatever_way_is_tried_again() {
    for behaviour in [
        Behaviour::ResetInAnswer,
        Behaviour::Close,
        Behaviour::Nonsense,
        Behaviour::HalfOpen,
        Behaviour::status(500),
    ] {
        let scene = Scene::new([behaviour.clone(), Behaviour::status(202)]).await;
        scene.something_happens().await;
        assert_eq!(scene.deliver().await, 1);
        let delivery = scene.delivery().await;
        assert_eq!(delivery["state"], "pending", "{behaviour:?}");
        assert!(!reason(&delivery).is_empty(), "{behaviour:?}");
        scene.wait(6).await;
        assert_eq!(scene.deliver().await, 1, "{behaviour:?}");
        assert_eq!(scene.delivery().await["state"], "delivered", "{behaviour:?}");
    }
}

#[tokio::test]
async fn of_an_answer_without_end_only_the_beginning_is_read() {
    let scene = Scene::new([Behaviour::Endless]).await;
    scene.something_happens().await;
    assert_eq!(scene.deliver().await, 1);
    let delivery = scene.delivery().await;
    assert_eq!(delivery["state"], "delivered");
    let kept = delivery["attempts"][0]["answer"].as_str().unwrap().len();
    assert!((1..=2_048).contains(&kept), "{kept}");
}

#[tokio::test]
async fn the_log_keeps_no_key_of_an_answer() {
    let body = "wrong key whsec_C2FVsBQIhrscChlQIMVb5sSYspob7oD for ada@agency.example".to_owned();
    let scene = Scene::new([Behaviour::Answer { status: 401, headers: Vec::new(), body }]).await;
    scene.something_happens().await;
    scene.deliver().await;
    let delivery = scene.delivery().await;
    assert_eq!(delivery["attempts"][0]["answer"], "wrong key [redacted] for [redacted]");
}

#[tokio::test]
async fn a_worker_that_dies_while_it_waits_for_the_answer_leaves_the_event_deliverable() {
    let scene = Scene::new([Behaviour::Silence, Behaviour::status(200)]).await;
    scene.something_happens().await;
    tokio::select! {
        _attempts = scene.deliver() => panic!("the receiver is silent"),
        () = scene.receiver.arrived(1) => {}
    }
    assert_eq!(scene.deliver().await, 0, "the lease of the dead lasts");
    scene.wait(61).await;
    assert_eq!(scene.deliver().await, 1);
    let received = scene.receiver.received();
    assert_eq!((received.len(), received[0].id()), (2, received[1].id()));
    assert_eq!(scene.delivery().await["state"], "delivered");
}

#[tokio::test]
async fn a_worker_that_dies_before_it_writes_down_the_answer_leaves_the_event_deliverable() {
    let scene = Scene::new([Behaviour::status(200)]).await;
    scene.something_happens().await;
    let id = scene.webhook().await["id"].as_str().unwrap().parse().unwrap();
    let mut tx = OrgTx::begin(&scene.world.app.db, scene.agency.id).await.unwrap();
    // As long as this is held nothing can be written down.
    store::webhooks::lock(&mut tx, id).await.unwrap();
    tokio::select! {
        _attempts = scene.deliver() => panic!("nothing can be written down"),
        () = scene.receiver.arrived(1) => {}
    }
    drop(tx);
    assert_eq!(scene.delivery().await["state"], "pending");
    scene.wait(61).await;
    assert_eq!(scene.deliver().await, 1);
    let received = scene.receiver.received();
    assert_eq!((received.len(), received[0].id()), (2, received[1].id()));
    assert_eq!(scene.delivery().await["state"], "delivered");
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_decides_nothing_any_more() {
    let scene = Scene::new([Behaviour::Silence, Behaviour::status(200)]).await;
    scene.something_happens().await;
    let slow = scene.deliver();
    let quick = async {
        scene.receiver.arrived(1).await;
        scene.wait(61).await;
        scene.deliver().await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!((slow, quick), (1, 1));
    let delivery = scene.delivery().await;
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["attempts"].as_array().map(Vec::len), Some(2), "both are in the log");
}

#[tokio::test]
async fn a_silent_receiver_keeps_no_other_waiting() {
    let scene = Scene::new([Behaviour::Silence]).await;
    let well = Receiver::start([]).await.unwrap();
    enter(&scene.world, &scene.token(), &well.url("/"), &["*"]).await;
    for _ in 0..12 {
        scene.something_happens().await;
    }
    // One round: four requests wait for the silent one, four go to the other.
    assert_eq!(scene.deliver().await, 8);
    assert_eq!((well.received().len(), scene.receiver.received().len()), (4, 4));
    assert_eq!(scene.deliver().await, 8);
    assert_eq!(well.received().len(), 8);
    // Eight failures in a row: it is ill, is left in peace, and then tried by one request.
    assert_eq!(scene.deliver().await, 4);
    assert_eq!((well.received().len(), scene.receiver.received().len()), (12, 8));
    scene.wait_until(&scene.webhook().await["health"]["paused_until"]).await;
    assert_eq!(scene.deliver().await, 1);
}

#[tokio::test]
async fn a_receiver_that_asks_for_peace_gets_it() {
    let busy = Behaviour::with_header(503, "Retry-After", "600");
    let scene = Scene::new([busy, Behaviour::status(200)]).await;
    scene.something_happens().await;
    assert_eq!(scene.deliver().await, 1);
    scene.something_happens().await;
    scene.wait(599).await;
    assert_eq!(scene.deliver().await, 0, "also for what happens meanwhile");
    scene.wait(2).await;
    assert_eq!(scene.deliver().await, 2);
    assert_eq!(scene.deliveries("?state=delivered").await.len(), 2);
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_when_it_is_entered() {
    let scene = Scene::new([]).await;
    for url in [
        "https://10.0.0.1/",
        "https://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "https://2852039166/",
        "ftp://hooks.example.com/",
        "https://user:word@hooks.example.com/",
    ] {
        for answer in [
            scene.post("/api/v1/webhooks", &json!({"url": url, "events": ["*"]})).await,
            scene.change(&scene.hook.path, &json!({"url": url})).await,
        ] {
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}: {answer:?}");
            assert!(answer.json()["errors"]["url"].is_string(), "{url}: {answer:?}");
        }
    }
}
