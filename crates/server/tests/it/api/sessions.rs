//! Signing in and out.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;

use super::world::{Agency, Answer, PASSWORD, World, request};

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

    let cookies = set_cookies(&answer);
    let access = part(&cookies, "studioconnect_session");
    assert_eq!(access.1, "Path=/; Max-Age=900; HttpOnly; SameSite=Lax");
    let refresh = part(&cookies, "studioconnect_refresh");
    assert_eq!(refresh.1, "Path=/api/v1/auth/refresh; Max-Age=604800; HttpOnly; SameSite=Strict");
    let csrf = part(&cookies, "studioconnect_csrf");
    assert_eq!(csrf.1, "Path=/; Max-Age=604800; SameSite=Strict", "our pages must be able to read it");
    assert_eq!(csrf.0, session["csrf_token"]);

    let cookie = format!("studioconnect_session={}", access.0);
    let me = world.send(request("GET", "/api/v1/auth/me", None, &[("cookie", &cookie)], None)).await;
    assert_eq!(me.json(), session["me"]);
    let me = world.get("/api/v1/auth/me", session["token"].as_str()).await;
    assert_eq!(me.json(), session["me"]);
}

#[tokio::test]
async fn cookies_are_secure_and_bound_to_the_host_where_the_public_address_is_encrypted() {
    let settings = api::ApiSettings { public_url: "https://studio.example".into(), ..Default::default() };
    let world = World::with(settings).await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let answer =
        world.post("/api/v1/auth/login", None, &json!({ "email": email, "password": PASSWORD })).await;
    let cookies = set_cookies(&answer);
    for name in
        ["__Host-studioconnect_session", "__Secure-studioconnect_refresh", "__Host-studioconnect_csrf"]
    {
        assert!(part(&cookies, name).1.ends_with("; Secure"), "{cookies:?}");
    }
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
    // A neighbour on the same domain can set a cookie of the plain name; it counts for nothing.
    let token = part(&cookies, "__Host-studioconnect_session").0;
    let plain = format!("studioconnect_session={token}");
    let me = world.send(request("GET", "/api/v1/auth/me", None, &[("cookie", &plain)], None)).await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
}

/// The `Set-Cookie` headers of an answer.
fn set_cookies(answer: &Answer) -> Vec<String> {
    answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// A cookie's value and its attributes.
fn part(cookies: &[String], name: &str) -> (String, String) {
    let found = cookies.iter().find_map(|cookie| cookie.strip_prefix(&format!("{name}=")));
    let (value, rest) = found.unwrap_or_else(|| panic!("{name} in {cookies:?}")).split_once("; ").unwrap();
    (value.to_owned(), rest.to_owned())
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
async fn a_session_ends_by_signing_out_and_at_once() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let (one, other) = (world.sign_in_as(&agency, "owner").await, world.sign_in_as(&agency, "owner").await);
    let status = async |token: &str| world.get("/api/v1/auth/me", Some(token)).await.status;
    // Asked before, so that the answer lies in the cache.
    assert_eq!((status(&one).await, status(&other).await), (StatusCode::OK, StatusCode::OK));

    let answer = world.send(request("POST", "/api/v1/auth/logout", Some(&one), &[], None)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let cookies = set_cookies(&answer);
    for name in ["studioconnect_session", "studioconnect_refresh", "studioconnect_csrf"] {
        let (value, rest) = part(&cookies, name);
        assert!(value.is_empty() && rest.contains("Max-Age=0"), "{cookies:?}");
    }
    assert_eq!((status(&one).await, status(&other).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
}

#[tokio::test]
async fn a_session_that_another_node_ended_ends_here_within_seconds() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let listed = world.get("/api/v1/sessions", Some(&token)).await.json();
    let id = listed["items"][0]["id"].as_str().unwrap().parse().unwrap();
    let mut tx = store::SystemTx::begin(&world.app.db, "another node").await.unwrap();
    store::sessions::revoke(&mut tx, id, "elsewhere", world.app.ambient.now()).await.unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(world.get("/api/v1/auth/me", Some(&token)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn access_is_over_after_fifteen_minutes_and_goes_on_with_the_refresh_token() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let session = begin(&world, &agency).await;
    let status = async |token: &str| world.get("/api/v1/auth/me", Some(token)).await.status;
    world.clock.advance(TimeDelta::seconds(899));
    assert_eq!(status(&session.0).await, StatusCode::OK);
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(status(&session.0).await, StatusCode::UNAUTHORIZED);

    let next = renew(&world, &session.1).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    assert_eq!(status(&text(&next, "token")).await, StatusCode::OK);
    // Unused for a week it is over.
    world.clock.advance(TimeDelta::days(7));
    assert_eq!(renew(&world, &text(&next, "refresh_token")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn however_often_it_is_renewed_a_session_ends_after_thirty_days() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let mut refresh = begin(&world, &agency).await.1;
    for _day in 0..5 {
        world.clock.advance(TimeDelta::days(6) - TimeDelta::seconds(1));
        let next = renew(&world, &refresh).await;
        assert_eq!(next.status, StatusCode::OK, "{next:?}");
        refresh = text(&next, "refresh_token");
    }
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(renew(&world, &refresh).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_pages_that_renew_at_the_same_moment_get_the_same_successor() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let refresh = begin(&world, &agency).await.1;
    let (one, other) = tokio::join!(renew(&world, &refresh), renew(&world, &refresh));
    assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(text(&one, "refresh_token"), text(&other, "refresh_token"));
    world.clock.advance(TimeDelta::seconds(10));
    assert_eq!(renew(&world, &refresh).await.status, StatusCode::OK, "still within the grace");
    assert_eq!(renew(&world, &text(&one, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_that_is_shown_again_ends_the_whole_session() {
    for (wait_s, uses_successor) in [(11, false), (0, true), (11, true)] {
        let world = World::new().await;
        let agency = world.agency("Aurora", 1).await;
        let (bystander, _) = begin(&world, &agency).await;
        let refresh = begin(&world, &agency).await.1;
        let next = renew(&world, &refresh).await;
        let mut live = text(&next, "refresh_token");
        let mut access = text(&next, "token");
        if uses_successor {
            let after = renew(&world, &live).await;
            (live, access) = (text(&after, "refresh_token"), text(&after, "token"));
        }
        assert_eq!(world.get("/api/v1/auth/me", Some(&access)).await.status, StatusCode::OK);
        world.clock.advance(TimeDelta::seconds(wait_s));
        let again = renew(&world, &refresh).await;
        assert_eq!((again.status, again.problem().as_str()), (StatusCode::UNAUTHORIZED, "unauthenticated"));
        // Who holds the newest tokens is out too: nobody can tell who is the thief.
        assert_eq!(renew(&world, &live).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(world.get("/api/v1/auth/me", Some(&access)).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(world.get("/api/v1/auth/me", Some(&bystander)).await.status, StatusCode::OK);
        let actions = audited(&world, &agency).await;
        assert_eq!(actions.first().map(String::as_str), Some("session:revoke"), "{actions:?}");
    }
}

#[tokio::test]
async fn guessing_refresh_tokens_is_slowed_down() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let refresh = begin(&world, &agency).await.1;
    for n in 0..30 {
        let answer = renew(&world, &format!("scr_{n:064x}")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{n}");
    }
    assert_eq!(renew(&world, "scr_").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(renew(&world, &refresh).await.status, StatusCode::OK, "a good one is none of the guesses");
}

#[tokio::test]
async fn a_browser_renews_by_cookie_and_only_for_a_page_that_knows_the_csrf_token() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let answer =
        world.post("/api/v1/auth/login", None, &json!({ "email": email, "password": PASSWORD })).await;
    let refresh = format!("studioconnect_refresh={}", text(&answer, "refresh_token"));
    let csrf = text(&answer, "csrf_token");
    let ask = async |headers: &[(&str, &str)]| {
        world.send(request("POST", "/api/v1/auth/refresh", None, headers, None)).await
    };
    let page = ("sec-fetch-site", "same-origin");
    let bare = ask(&[("cookie", &refresh), page]).await;
    assert_eq!((bare.status, bare.problem().as_str()), (StatusCode::FORBIDDEN, "csrf"));
    let cross = ask(&[("cookie", &refresh), ("sec-fetch-site", "cross-site"), ("x-csrf-token", &csrf)]).await;
    assert_eq!((cross.status, cross.problem().as_str()), (StatusCode::FORBIDDEN, "cross-site"));
    let renewed = ask(&[("cookie", &refresh), page, ("x-csrf-token", &csrf)]).await;
    assert_eq!(renewed.status, StatusCode::OK, "{renewed:?}");
    // What scripts can't read in a cookie they must not read in the body.
    assert_eq!((&renewed.json()["token"], &renewed.json()["refresh_token"]), (&json!(null), &json!(null)));
    assert_eq!(set_cookies(&renewed).len(), 3);
    assert_eq!(ask(&[page]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_site_can_use_neither_the_cookie_nor_the_sign_in() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let credentials = json!({ "email": email, "password": PASSWORD });
    let mine = world.post("/api/v1/auth/login", None, &credentials).await;
    let another = world.post("/api/v1/auth/login", None, &credentials).await;
    let cookie = format!("studioconnect_session={}", text(&mine, "token"));
    let csrf = text(&mine, "csrf_token");
    let body = json!({ "name": "Evil Twin" });
    let ask = async |headers: &[(&str, &str)]| {
        world.send(request("POST", "/api/v1/clients", None, headers, Some(&body))).await
    };
    let cookie = ("cookie", cookie.as_str());
    let page = ("sec-fetch-site", "same-origin");
    let proof = ("x-csrf-token", csrf.as_str());
    let cross = ask(&[cookie, ("sec-fetch-site", "cross-site"), proof]).await;
    assert_eq!((cross.status, cross.problem().as_str()), (StatusCode::FORBIDDEN, "cross-site"));
    let cross = ask(&[cookie, ("origin", "https://evil.example"), ("host", "localhost:3000"), proof]).await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
    let others = text(&another, "csrf_token");
    for wrong in [None, Some(""), Some("00"), Some(others.as_str())] {
        let mut headers = vec![cookie, page];
        headers.extend(wrong.map(|value| ("x-csrf-token", value)));
        let answer = ask(&headers).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "csrf"), "{wrong:?}");
    }
    assert_eq!(ask(&[cookie, page, proof]).await.status, StatusCode::CREATED);

    let login = json!({ "email": "a@b.example", "password": "x" });
    let login =
        request("POST", "/api/v1/auth/login", None, &[("origin", "https://evil.example")], Some(&login));
    assert_eq!(world.send(login).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_person_sees_where_they_are_signed_in_and_ends_it() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "member").await;
    let credentials = json!({ "email": email, "password": PASSWORD });
    let mut tokens = Vec::new();
    for device in ["Firefox", "Safari", "curl"] {
        let headers = [("user-agent", device)];
        let answer =
            world.send(request("POST", "/api/v1/auth/login", None, &headers, Some(&credentials))).await;
        tokens.push(text(&answer, "token"));
        world.clock.advance(TimeDelta::seconds(1));
    }
    let colleague = world.sign_in_as(&agency, "owner").await;
    let listed = world.get("/api/v1/sessions", Some(&tokens[0])).await.json();
    let items = listed["items"].as_array().unwrap();
    let devices: Vec<&str> = items.iter().map(|item| item["device"].as_str().unwrap()).collect();
    assert_eq!(devices, ["curl", "Safari", "Firefox"], "a colleague's session is not among them");
    assert_eq!((&items[2]["current"], &items[2]["ip"]), (&json!(true), &json!("192.0.2.7")));

    let curl = items[0]["id"].as_str().unwrap();
    let end = async |id: &str, token: &str| {
        let path = format!("/api/v1/sessions/{id}");
        world.send(request("DELETE", &path, Some(token), &[], None)).await.status
    };
    let status = async |token: &str| world.get("/api/v1/auth/me", Some(token)).await.status;
    assert_eq!(status(&tokens[2]).await, StatusCode::OK);
    assert_eq!(end(curl, &colleague).await, StatusCode::NOT_FOUND, "another person's");
    assert_eq!(end(curl, &tokens[0]).await, StatusCode::NO_CONTENT);
    assert_eq!(end(curl, &tokens[0]).await, StatusCode::NOT_FOUND, "it is over");
    assert_eq!(status(&tokens[2]).await, StatusCode::UNAUTHORIZED);

    let others = world.send(request("DELETE", "/api/v1/sessions", Some(&tokens[0]), &[], None)).await;
    assert_eq!(others.status, StatusCode::NO_CONTENT);
    assert_eq!(
        (status(&tokens[1]).await, status(&tokens[0]).await),
        (StatusCode::UNAUTHORIZED, StatusCode::OK)
    );
    assert_eq!(status(&colleague).await, StatusCode::OK);
}

#[tokio::test]
async fn a_busy_session_asks_the_database_only_every_few_seconds() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    assert_eq!(world.get("/api/v1/auth/me", Some(&token)).await.status, StatusCode::OK);
    world.app.db.close().await;
    assert_eq!(world.get("/api/v1/auth/me", Some(&token)).await.status, StatusCode::OK);
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(world.get("/api/v1/auth/me", Some(&token)).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// Signs an owner in; returns the access and the refresh token.
async fn begin(world: &World, agency: &Agency) -> (String, String) {
    let email = world.employ(agency, "owner").await;
    let answer =
        world.post("/api/v1/auth/login", None, &json!({ "email": email, "password": PASSWORD })).await;
    (text(&answer, "token"), text(&answer, "refresh_token"))
}

async fn renew(world: &World, token: &str) -> Answer {
    world.post("/api/v1/auth/refresh", None, &json!({ "refresh_token": token })).await
}

fn text(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap_or_else(|| panic!("{field} in {answer:?}")).to_owned()
}

/// The actions in the agency's audit log, newest first.
async fn audited(world: &World, agency: &Agency) -> Vec<String> {
    let mut tx = store::OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let page = store::audit::list(&mut tx, &store::audit::Filter::default(), None, 50).await.unwrap();
    page.items.into_iter().map(|line| line.entry.action).collect()
}

#[tokio::test]
async fn what_was_over_a_month_ago_is_forgotten_and_nothing_else() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    world.sign_in_as(&agency, "owner").await;
    let forget = || app::housekeeping::forget_what_is_over(&world.app);
    assert_eq!(forget().await.unwrap(), 0, "a session in force stays");
    world.clock.advance(TimeDelta::days(90));
    let fresh = world.sign_in_as(&agency, "owner").await;
    assert!(forget().await.unwrap() >= 2, "the old session and its refresh token");
    assert_eq!(forget().await.unwrap(), 0);
    assert_eq!(world.get("/api/v1/auth/me", Some(&fresh)).await.status, StatusCode::OK);
}
