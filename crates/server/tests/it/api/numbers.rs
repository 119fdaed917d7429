//! Phone numbers and where calls to them go, seen as the carrier sees it.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::world::{Agency, Answer, World, request};

struct Desk {
    world: World,
    agency: Agency,
    token: String,
}

impl Desk {
    /// Friday 15 January 2027, 03:00 in New York.
    async fn new() -> Self {
        let world = World::new().await;
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "admin").await;
        Self { world, agency, token }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers: &[(&str, &str)] =
            if ["PUT", "PATCH"].contains(&method) { &[("if-match", "*")] } else { &[] };
        self.world.send(request(method, path, Some(&self.token), headers, body)).await
    }

    fn routing(&self) -> String {
        format!("/api/v1/numbers/{}/routing", self.agency.number)
    }

    async fn route(&self, routing: Value) {
        let answer = self.ask("PUT", &self.routing(), Some(&routing)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    async fn wait_until(&self, time: &str) {
        let time: DateTime<Utc> = time.parse().unwrap();
        self.world.clock.advance(time - self.world.app.ambient.now());
    }

    /// What the carrier is told when somebody calls.
    async fn twiml(&self) -> String {
        let sid = self.world.app.ambient.new_id().simple();
        let form = format!("CallSid=CA{sid}&AccountSid=AC1&From=%2B15135550142&To=%2B15135550101");
        let call = Request::post("/api/voice/inbound")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let answer = self.world.send_as_carrier(call).await;
        assert_eq!(answer.status, StatusCode::OK);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}

fn office_hours() -> Value {
    json!({ "weekly": { "friday": [{ "opens": "09:00", "closes": "18:00" }] },
        "holidays": [{ "date": "2027-01-22", "name": "Inventory" }] })
}

#[tokio::test]
async fn calls_go_where_the_clock_says() {
    let desk = Desk::new().await;
    assert!(desk.twiml().await.contains("<Stream"), "without routing the agent always answers");
    desk.route(json!({
        "hours": office_hours(),
        "after_hours": { "kind": "message", "text": "The studio is asleep." },
        "holidays": { "kind": "forward", "number": "+15135550177" },
    }))
    .await;
    let night = desk.twiml().await;
    assert!(night.contains("The studio is asleep.") && night.contains("<Record"), "{night}");
    desk.wait_until("2027-01-15T09:00:00-05:00").await;
    assert!(desk.twiml().await.contains("<Stream"));
    desk.wait_until("2027-01-15T18:00:00-05:00").await;
    assert!(desk.twiml().await.contains("asleep"));
    desk.wait_until("2027-01-22T10:00:00-05:00").await;
    let holiday = desk.twiml().await;
    assert!(holiday.contains("+15135550177</Number>"), "{holiday}");
    assert!(holiday.contains("callerId=\"+15135550101\""), "{holiday}");
    assert!(holiday.contains("<Record"), "nobody answers: a message is taken");
}

#[tokio::test]
async fn another_agent_answers_at_night_and_keeps_the_call() {
    let desk = Desk::new().await;
    let night = desk.ask("POST", "/api/v1/agents", Some(&json!({ "name": "Night owl" }))).await.json();
    desk.route(json!({
        "hours": office_hours(),
        "after_hours": { "kind": "agent", "agent_id": night["id"] },
    }))
    .await;
    assert!(desk.twiml().await.contains("<Stream"));
    let calls = desk.world.get("/api/v1/calls", Some(&desk.token)).await.json();
    assert!(calls["items"].as_array().unwrap().iter().any(|call| call["agent_id"] == night["id"]), "{calls}");
}

#[tokio::test]
async fn when_nobody_can_talk_the_overflow_is_asked_then_the_fallback_number() {
    let desk = Desk::with_lines(0).await;
    assert!(desk.twiml().await.contains("All our lines are busy."));
    let number = format!("/api/v1/numbers/{}", desk.agency.number);
    desk.ask("PATCH", &number, Some(&json!({ "fallback_number": "+15135550188" }))).await;
    assert!(desk.twiml().await.contains("+15135550188</Number>"));
    desk.route(json!({ "overflow": { "kind": "message", "text": "Full house." } })).await;
    assert!(desk.twiml().await.contains("Full house."));
}

impl Desk {
    async fn with_lines(lines: usize) -> Self {
        let world = World::with_lines(lines).await;
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "admin").await;
        Self { world, agency, token }
    }
}

#[tokio::test]
async fn the_preview_says_what_a_caller_would_get_and_why() {
    let desk = Desk::new().await;
    desk.route(json!({
        "hours": office_hours(),
        "after_hours": { "kind": "message" },
        "dates": [{ "name": "Moving", "from": "2027-01-29", "to": "2027-01-29",
            "destination": { "kind": "forward", "number": "+15135550177" } }],
    }))
    .await;
    let preview = async |at: &str| {
        let path = format!("{}/preview", desk.routing());
        desk.ask("POST", &path, Some(&json!({ "at": at }))).await.json()
    };
    let open = preview("2027-01-15T15:00:00Z").await;
    assert_eq!((&open["reason"], &open["agent_name"]), (&json!("open"), &json!("Nova")));
    assert_eq!(open["local_time"], "2027-01-15T10:00:00-05:00");
    let closed = preview("2027-01-15T23:30:00Z").await;
    assert_eq!((&closed["reason"], &closed["destination"]["kind"]), (&json!("closed"), &json!("message")));
    assert!(closed["words"].as_str().unwrap().contains("Aurora"));
    assert_eq!(closed["opens_at"], "2027-01-29T14:00:00Z", "the 22nd is a holiday");
    let holiday = preview("2027-01-22T15:00:00Z").await;
    assert_eq!((&holiday["reason"], &holiday["reason_name"]), (&json!("holiday"), &json!("Inventory")));
    let moving = preview("2027-01-29T15:00:00Z").await;
    assert_eq!((&moving["reason"], &moving["reason_name"]), (&json!("date_rule"), &json!("Moving")));
}

#[tokio::test]
async fn a_number_is_one_tenants_and_nobody_learns_whose() {
    let desk = Desk::new().await;
    let rival = desk.world.agency("Borealis", 2).await;
    let new = |number: &str| json!({ "number": number, "agent_id": desk.agency.agent, "label": "Desk" });
    for taken in ["+1 (513) 555-0102", "(513) 555-0101"] {
        let answer = desk.ask("POST", "/api/v1/numbers", Some(&new(taken))).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{taken}");
        assert_eq!(answer.json()["detail"], "this number is connected already");
    }
    let made = desk.ask("POST", "/api/v1/numbers", Some(&new("(513) 555-0150"))).await;
    assert_eq!((made.status, &made.json()["number"]), (StatusCode::CREATED, &json!("+15135550150")));
    for (body, field) in [
        (new("call me"), "number"),
        (json!({ "number": "+15135550151", "agent_id": rival.agent }), "agent_id"),
        (
            json!({ "number": "+15135550151", "agent_id": desk.agency.agent, "fallback_number": "1" }),
            "fallback_number",
        ),
    ] {
        let answer = desk.ask("POST", "/api/v1/numbers", Some(&body)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["errors"].get(field).is_some(), "{answer:?}");
    }
    let path = made.header("location").to_owned();
    let cleared = desk.ask("PATCH", &path, Some(&json!({ "label": "Front", "fallback_number": null }))).await;
    assert_eq!(cleared.json()["label"], "Front");
    assert_eq!(desk.ask("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        desk.ask("POST", "/api/v1/numbers", Some(&new("+15135550150"))).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_released_number_keeps_its_calls() {
    let desk = Desk::new().await;
    let number = format!("/api/v1/numbers/{}", desk.agency.number);
    assert_eq!(desk.ask("DELETE", &number, None).await.status, StatusCode::NO_CONTENT);
    let call = desk.world.get(&format!("/api/v1/calls/{}", desk.agency.call), Some(&desk.token)).await;
    assert_eq!(call.status, StatusCode::OK);
    assert!(desk.twiml().await.contains("not in service"));
}

#[tokio::test]
async fn what_can_not_be_routed_names_its_field() {
    let desk = Desk::new().await;
    let rival = desk.world.agency("Borealis", 2).await;
    for (routing, field) in [
        (
            json!({ "hours": { "weekly": { "monday": [{ "opens": "09:00", "closes": "09:00" }] } } }),
            "hours.weekly.monday[0].closes",
        ),
        (json!({ "after_hours": { "kind": "agent", "agent_id": rival.agent } }), "after_hours.agent_id"),
        (json!({ "after_hours": { "kind": "forward" } }), "after_hours.number"),
        (json!({ "open": { "kind": "forward", "number": "+15135550101" } }), "open.number"),
        (json!({ "open": { "kind": "message", "number": "+15135550199" } }), "open.number"),
        (json!({ "overflow": { "kind": "agent" } }), "overflow.kind"),
        (
            json!({ "dates": [{ "name": "", "from": "2027-02-01", "to": "2027-01-01",
            "destination": { "kind": "message" } }] }),
            "dates[0].to",
        ),
    ] {
        let answer = desk.ask("PUT", &desk.routing(), Some(&routing)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{routing}");
        assert!(answer.json()["errors"].get(field).is_some(), "{field}: {:?}", answer.json());
    }
}

#[tokio::test]
async fn a_routing_is_changed_only_on_the_version_that_was_seen() {
    let desk = Desk::new().await;
    let seen = desk.ask("GET", &desk.routing(), None).await;
    let put = async |tag: &str| {
        desk.world.clock.advance(TimeDelta::seconds(1));
        let headers = [("if-match", tag)];
        let body = json!({ "open": { "kind": "message" } });
        desk.world.send(request("PUT", &desk.routing(), Some(&desk.token), &headers, Some(&body))).await
    };
    let first = put(seen.header("etag")).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(put(seen.header("etag")).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put(first.header("etag")).await.status, StatusCode::OK);
}
