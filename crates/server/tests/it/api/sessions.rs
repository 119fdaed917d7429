//! Signing in and out.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;

use super::world::{PASSWORD, World, request};

#[tokio::test]
async fn right_credentials_begin_a_session_for_programs_and_browsers() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let body = json!({ "email": email.to_uppercase(), "password": PASSWORD });
    let answer = world.post("/api/v1/auth/login", None, &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let session = answer.json();
    assert_eq!(session["me"]["organization"]["id"], agency.id.to_string());
    assert_eq!(session["me"]["role"], "owner");
    assert!(session["me"]["permissions"].as_array().unwrap().contains(&json!("calls:listen")));

    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the public address of this world is not encrypted: {cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let me = world.send(request("GET", "/api/v1/auth/me", None, &[("cookie", cookie)], None)).await;
    assert_eq!(me.json(), session["me"]);
    let me = world.get("/api/v1/auth/me", session["token"].as_str()).await;
    assert_eq!(me.json(), session["me"]);
}

#[tokio::test]
async fn the_cookie_is_secure_where_the_public_address_is() {
    let settings = api::ApiSettings { public_url: "https://studio.example".into(), ..Default::default() };
    let world = World::with(settings).await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let answer =
        world.post("/api/v1/auth/login", None, &json!({ "email": email, "password": PASSWORD })).await;
    assert!(answer.header("set-cookie").contains("; Secure"));
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn unknown_account_and_wrong_password_are_answered_alike() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let wrong = world.post("/api/v1/auth/login", None, &json!({ "email": email, "password": "guess" })).await;
    let unknown = world
        .post("/api/v1/auth/login", None, &json!({ "email": "no@body.example", "password": "guess" }))
        .await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.problem(), "wrong-credentials");
    assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
    assert!(!unknown.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_wait_is_told() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let guess = json!({ "email": email, "password": "guess" });
    for _ in 0..5 {
        assert_eq!(world.post("/api/v1/auth/login", None, &guess).await.status, StatusCode::UNAUTHORIZED);
    }
    // Even the right password has to wait: the answer must not tell that it was right.
    let right = json!({ "email": email, "password": PASSWORD });
    let answer = world.post("/api/v1/auth/login", None, &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.problem(), "too-many");
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    world.clock.advance(TimeDelta::seconds(wait));
    assert_eq!(world.post("/api/v1/auth/login", None, &right).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_ends_by_itself_and_by_signing_out() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let (one, other) = (world.sign_in_as(&agency, "owner").await, world.sign_in_as(&agency, "owner").await);
    let status = async |token: &str| world.get("/api/v1/auth/me", Some(token)).await.status;

    let answer = world.send(request("POST", "/api/v1/auth/logout", Some(&one), &[], None)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!((status(&one).await, status(&other).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));

    world.clock.advance(TimeDelta::hours(12) - TimeDelta::seconds(1));
    assert_eq!(status(&other).await, StatusCode::OK);
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(status(&other).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_site_can_use_neither_the_cookie_nor_the_sign_in() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let cookie = format!("studioconnect_session={token}");
    let body = json!({ "name": "Evil Twin" });
    let ask = async |headers: &[(&str, &str)]| {
        world.send(request("POST", "/api/v1/clients", None, headers, Some(&body))).await
    };
    let cross = ask(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!((cross.status, cross.problem().as_str()), (StatusCode::FORBIDDEN, "cross-site"));
    let cross =
        ask(&[("cookie", &cookie), ("origin", "https://evil.example"), ("host", "localhost:3000")]).await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
    assert_eq!(
        ask(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await.status,
        StatusCode::CREATED
    );

    let login = json!({ "email": "a@b.example", "password": "x" });
    let login =
        request("POST", "/api/v1/auth/login", None, &[("origin", "https://evil.example")], Some(&login));
    assert_eq!(world.send(login).await.status, StatusCode::FORBIDDEN);
}
