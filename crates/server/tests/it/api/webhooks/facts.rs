//! The facts that are told today, from where they happen to the receiver, through the worker's own loops.

use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;

use app::calls::inbound::{Answer, InboundCall};
use app::calls::media::MediaRequest;
use app::calls::voicemail::RecordedMessage;
use serde_json::Value;
use store::OrgTx;

use super::Scene;

/// Runs the server's loops until so many requests have arrived.
async fn run_until(scene: &Scene, arrived: usize) {
    let app = &scene.world.app;
    let all = async {
        tokio::select! {
            () = scene.receiver.arrived(arrived) => {}
            () = Arc::clone(app).deliver_webhooks() => panic!("the worker ended"),
            ended = Arc::clone(app).work_on_jobs() => panic!("the job runner ended: {ended:?}"),
            () = Arc::clone(app).sweep_calls() => panic!("the sweep ended"),
        }
    };
    let told = || {
        scene
            .receiver
            .received()
            .iter()
            .map(|r| String::from_utf8_lossy(&r.body).into_owned())
            .collect::<Vec<_>>()
    };
    tokio::time::timeout(Duration::from_secs(30), all)
        .await
        .unwrap_or_else(|_| panic!("told: {:#?}", told()));
}

fn told(scene: &Scene) -> Vec<Value> {
    let received = scene.receiver.received();
    received.iter().map(|request| request.verify(&scene.hook.secret).unwrap()).collect()
}

#[tokio::test]
async fn a_call_is_told_when_it_begins_and_when_it_is_over() {
    let scene = Scene::new([]).await;
    let app = &scene.world.app;
    let announced = InboundCall {
        call_sid: "CA00000000000000000000000000000001".to_owned(),
        account_sid: "AC1".to_owned(),
        from: "+15135550199".to_owned(),
        to: "+15135550101".to_owned(),
        forwarded_from: None,
        signed: false,
    };
    let Answer::Connect { call_id, ticket } = app.answer_call(announced.clone()).await else {
        panic!("the call is not connected")
    };
    let media = MediaRequest {
        call_sid: announced.call_sid,
        stream_sid: "MZ1".to_owned(),
        ticket,
        lockstep_wanted: false,
    };
    app.connect_media(media).await.unwrap();
    let mut tx = OrgTx::begin(&app.db, scene.agency.id).await.unwrap();
    store::calls::life::set_lead(&mut tx, call_id, scene.agency.lead).await.unwrap();
    tx.commit().await.unwrap();
    // The process that would carry the call dies here; when its caller has not come back, the next one completes its
    // record.
    scene.world.clock.advance(TimeDelta::minutes(2));
    run_until(&scene, 4).await;
    let told = told(&scene);
    let of_call = |kind: &str| {
        told.iter().find(|body| body["type"] == kind && body["data"]["id"] == call_id.to_string()).cloned()
    };
    let lead = told.iter().find(|body| body["type"] == "lead.updated").unwrap();
    assert_eq!(lead["data"]["id"], scene.agency.lead.to_string());
    let started = of_call("call.started").unwrap();
    assert_eq!(started["data"]["status"], "in_progress");
    assert_eq!(started["data"]["client"]["name"], "Northwind Coffee");
    let ended = of_call("call.ended").unwrap();
    assert_eq!(ended["data"]["end_reason"], "connection_lost");
    let shown = scene.get(&format!("/api/v1/calls/{call_id}")).await;
    assert_eq!(of_call("call.summarized").unwrap()["data"]["summary"], shown["summary"]);
    for (name, value) in ended["data"].as_object().unwrap() {
        assert_eq!(value, &shown[name], "{name}");
    }
}

#[tokio::test]
async fn a_recorded_message_is_told() {
    let scene = Scene::new([]).await;
    let sid = format!("CA{}", scene.agency.call.0.simple());
    let message = RecordedMessage {
        call_sid: sid,
        recording_sid: "RE1".to_owned(),
        url: "https://api.twilio.example/rec".to_owned(),
        duration_s: 12,
        to: None,
        from: None,
    };
    scene.world.app.message_recorded(message).await.unwrap();
    run_until(&scene, 1).await;
    let told = told(&scene);
    let message = told.iter().find(|body| body["type"] == "message.taken").unwrap();
    let listed = scene.get("/api/v1/messages").await;
    let shown =
        &listed["items"].as_array().unwrap().iter().find(|m| m["id"] == message["data"]["id"]).unwrap();
    for (name, value) in message["data"].as_object().unwrap() {
        assert_eq!(value, &shown[name], "{name}");
    }
}

#[tokio::test]
async fn a_lead_is_told_as_the_api_shows_it() {
    let scene = Scene::new([]).await;
    let path = format!("/api/v1/leads/{}", scene.agency.lead);
    scene.change(&path, &serde_json::json!({"status": "contacted"})).await;
    scene.deliver().await;
    let told = told(&scene);
    let shown = scene.get(&path).await;
    assert_eq!(told[0]["type"], "lead.updated");
    for (name, value) in told[0]["data"].as_object().unwrap() {
        assert_eq!(value, &shown[name], "{name}");
    }
}
