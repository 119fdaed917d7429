//! How much one address and one organization may ask for, and what answers say of it.

use api::{ApiSettings, RequestLimits};
use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;

use super::world::{World, request};

fn few(per_address: u32, by_strangers: u32) -> ApiSettings {
    ApiSettings { requests: RequestLimits { per_address, by_strangers }, ..ApiSettings::default() }
}

#[tokio::test]
async fn an_address_that_asks_too_much_is_slowed_down() {
    let world = World::with(few(3, 3)).await;
    for remaining in ["2", "1", "0"] {
        let answer = world.get("/api/v1/calls", None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("ratelimit-limit"), "3");
        assert_eq!(answer.header("ratelimit-remaining"), remaining);
        assert_eq!(answer.header("ratelimit-policy"), "3;w=60");
    }
    let refused = world.get("/api/v1/calls", None).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(!refused.header("x-request-id").is_empty());
    // Load balancers must know how we are, and carriers share their addresses.
    assert_eq!(world.get("/health/live", None).await.status, StatusCode::NO_CONTENT);
    let call = world.post("/api/voice/inbound", None, &json!({})).await;
    assert_ne!(call.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_is_not_signed_in_may_try_less_often() {
    let world = World::with(few(1_000, 2)).await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let wrong = json!({ "email": "nobody@agency.example", "password": "wrong password" });
    assert_eq!(world.post("/api/v1/auth/login", None, &wrong).await.status, StatusCode::UNAUTHORIZED);
    let refused = world.post("/api/v1/auth/login", None, &wrong).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert_eq!(world.get("/api/v1/calls", Some(&token)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_free_plan_has_a_hundred_requests_of_programs_a_day() {
    let world = World::new().await;
    let agency = world.agency_on("free", "Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    for used in 1..=100 {
        let answer = world.get("/api/v1/calls?limit=1", Some(&token)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-remaining"), (100 - used).to_string());
    }
    let refused = world.get("/api/v1/calls?limit=1", Some(&token)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert_eq!(refused.header("ratelimit-policy"), "100;w=86400, 1000000;w=60");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    // The count is kept: what another node, or this one after a restart, begins with.
    world.app.api_usage.share(world.app.ambient.now().date_naive()).await.unwrap();
    let mut tx = store::SystemTx::begin(&world.app.db, "a test looks at the count").await.unwrap();
    let today = world.app.ambient.now().date_naive();
    let question = store::rate_limits::DayCount { org_id: agency.id, day: today, requests: 0 };
    assert_eq!(store::rate_limits::add(&mut tx, &[question]).await.unwrap()[0].requests, 100);

    world.clock.advance(TimeDelta::days(1));
    let token = world.sign_in_as(&agency, "owner").await;
    assert_eq!(world.get("/api/v1/calls", Some(&token)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_plan_that_charges_for_more_goes_on() {
    let world = World::new().await;
    let agency = world.agency_on("pro", "Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let now = world.app.ambient.now();
    let allowance = app::rate_limits::DailyAllowance { most: 1_000, charges_more: true };
    for _ in 0..1_000 {
        world.app.api_usage.take(agency.id, now, allowance).await;
    }
    let answer = world.get("/api/v1/calls", Some(&token)).await;
    assert_eq!((answer.status, answer.header("ratelimit-remaining")), (StatusCode::OK, "0"));
    assert_eq!(answer.header("ratelimit-limit"), "1000");
}

#[tokio::test]
async fn the_dashboards_own_requests_are_not_counted() {
    let world = World::new().await;
    let agency = world.agency_on("free", "Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let body = json!({ "email": email, "password": super::world::PASSWORD });
    let signed_in = world.post("/api/v1/auth/login", None, &body).await;
    let cookies: Vec<&str> = signed_in
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().split(';').next().unwrap())
        .collect();
    let cookies = cookies.join("; ");
    for _ in 0..3 {
        let answer = world.send(request("GET", "/api/v1/calls", None, &[("cookie", &cookies)], None)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "1000000;w=60");
    }
}
