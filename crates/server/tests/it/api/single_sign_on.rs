//! Single sign-on against a strict provider that can answer wrongly on demand.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use chrono::TimeDelta;
use serde_json::json;
use simulator::identity_provider::{Account, Asked, Client, Fault, IdentityProvider};

use super::world::{Agency, Answer, PASSWORD, World, request};

/// A provider that listens on this machine until dropped.
struct Provider {
    provider: Arc<IdentityProvider>,
    issuer: String,
    listening: tokio::task::JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn account(email: &str) -> Account {
    Account { subject: format!("subject of {email}"), email: email.to_owned(), name: "Noa Berg".to_owned() }
}

#[expect(clippy::disallowed_methods, reason = "a test's own listener, ended with it")]
async fn provider(world: &World) -> Provider {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let client = Client {
        id: "studioconnect".to_owned(),
        secret: "only the provider and we know it".to_owned(),
        redirect_uri: "https://studio.example/api/v1/auth/sso/callback".to_owned(),
    };
    let now = world.app.ambient.now().timestamp();
    let provider = IdentityProvider::new(&issuer, client, account("noa@aurora.example"), now).unwrap();
    let provider = Arc::new(provider);
    let router = axum::Router::new().fallback(answer).with_state(provider.clone());
    let listening = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Provider { provider, issuer, listening }
}

async fn answer(State(provider): State<Arc<IdentityProvider>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let answered = provider.answer(&Asked {
        method: parts.method.as_str(),
        target: parts.uri.path_and_query().unwrap().as_str(),
        authorization: parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap()),
        body: std::str::from_utf8(&body).unwrap(),
    });
    let mut response =
        Response::builder().status(answered.status).header(header::CONTENT_TYPE, "application/json");
    if let Some(location) = answered.location {
        response = response.header(header::LOCATION, location);
    }
    response.body(Body::from(answered.body)).unwrap()
}

/// Sets the provider up for an agency.
async fn set_up(world: &World, agency: &Agency, provider: &Provider, enforced: bool) -> String {
    let token = world.sign_in_as(agency, "owner").await;
    let body = json!({
        "issuer": provider.issuer, "client_id": "studioconnect",
        "client_secret": "only the provider and we know it",
        "email_domains": ["Aurora.example"], "default_role": "member", "enforced": enforced,
    });
    let path = "/api/v1/organization/single-sign-on";
    let answer = world.send(request("PUT", path, Some(&token), &[], Some(&body))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("only the provider"),
        "the secret is never shown"
    );
    token
}

/// What a browser does up to the way back: the callback's path, and the cookie it kept.
async fn go_there(world: &World, agency: &Agency) -> (String, String) {
    let begun = world.get(&format!("/api/v1/auth/sso/{}", agency.id), None).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{begun:?}");
    let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let there = http.get(begun.header("location")).send().await.unwrap();
    assert_eq!(there.status(), 302, "the provider refuses what we ask");
    let back = there.headers()["location"].to_str().unwrap();
    (back.trim_start_matches("https://studio.example").to_owned(), cookie)
}

async fn come_back(world: &World, path: &str, cookie: &str) -> Answer {
    world.send(request("GET", path, None, &[("cookie", cookie)], None)).await
}

async fn sign_in(world: &World, agency: &Agency) -> Answer {
    let (path, cookie) = go_there(world, agency).await;
    come_back(world, &path, &cookie).await
}

/// The session cookie of an answer, as a header.
fn session(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let found = cookies
        .filter_map(|cookie| cookie.split(';').next())
        .find(|c| c.starts_with("studioconnect_session="));
    found.unwrap_or_else(|| panic!("no session in {answer:?}")).to_owned()
}

#[tokio::test]
async fn who_comes_for_the_first_time_gets_an_account_and_the_next_time_the_same() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let provider = provider(&world).await;
    set_up(&world, &agency, &provider, false).await;
    let mut ids = Vec::new();
    for _time in 0..2 {
        let answer = sign_in(&world, &agency).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{answer:?}");
        let cookie = session(&answer);
        let me =
            world.send(request("GET", "/api/v1/auth/me", None, &[("cookie", &cookie)], None)).await.json();
        assert_eq!((&me["user"]["email"], &me["role"]), (&json!("noa@aurora.example"), &json!("member")));
        assert_eq!(me["user"]["name"], "Noa Berg");
        ids.push(me["user"]["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn what_does_not_hold_lets_nobody_in() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let provider = provider(&world).await;
    set_up(&world, &agency, &provider, false).await;
    for fault in [
        Fault::WrongNonce,
        Fault::Expired,
        Fault::WrongAudience,
        Fault::WrongIssuer,
        Fault::BadSignature,
        Fault::Unsigned,
        Fault::UnverifiedEmail,
    ] {
        provider.provider.fail_by(fault);
        let answer = sign_in(&world, &agency).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{fault:?}");
        assert_eq!(answer.problem(), "single-sign-on-failed", "{fault:?}");
        assert!(!answer.headers.contains_key("set-cookie"), "{fault:?}");
    }
    provider.provider.fail_by(Fault::None);
    provider.provider.serve(account("noa@elsewhere.example"));
    assert_eq!(sign_in(&world, &agency).await.status, StatusCode::UNAUTHORIZED, "not one of its domains");
}

#[tokio::test]
async fn a_sign_in_comes_back_once_in_time_and_to_the_browser_that_began_it() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let provider = provider(&world).await;
    set_up(&world, &agency, &provider, false).await;
    let (path, cookie) = go_there(&world, &agency).await;
    let (other_path, other_cookie) = go_there(&world, &agency).await;
    assert_eq!(come_back(&world, &path, &other_cookie).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(come_back(&world, &path, "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(come_back(&world, &path, &cookie).await.status, StatusCode::SEE_OTHER);
    assert_eq!(come_back(&world, &path, &cookie).await.status, StatusCode::UNAUTHORIZED, "once");
    world.clock.advance(TimeDelta::minutes(10));
    assert_eq!(
        come_back(&world, &other_path, &other_cookie).await.status,
        StatusCode::UNAUTHORIZED,
        "in time"
    );
}

#[tokio::test]
async fn a_provider_opens_nothing_but_its_own_organization() {
    let world = World::new().await;
    let (mine, theirs) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let provider = provider(&world).await;
    set_up(&world, &mine, &provider, false).await;
    // Somebody of the other agency: this provider claims to know them.
    let victim = world.employ(&theirs, "owner").await;
    let local = victim.split('@').next().unwrap();
    provider.provider.serve(account(&victim));
    assert_eq!(sign_in(&world, &mine).await.status, StatusCode::UNAUTHORIZED, "{local}: a domain of others");
    let nobody = world.get(&format!("/api/v1/auth/sso/{}", theirs.id), None).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND, "the other agency has none");
}

#[tokio::test]
async fn where_it_is_enforced_members_sign_in_no_other_way_and_owners_can_mend_it() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let before = world.sign_in_as(&agency, "member").await;
    let member = world.employ(&agency, "member").await;
    let owner = world.employ(&agency, "owner").await;
    let provider = provider(&world).await;
    set_up(&world, &agency, &provider, true).await;
    let log_in = async |email: &str| {
        world.post("/api/v1/auth/login", None, &json!({ "email": email, "password": PASSWORD })).await
    };
    let refused = log_in(&member).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::FORBIDDEN, "single-sign-on-required")
    );
    assert_eq!(log_in(&owner).await.status, StatusCode::OK);
    assert_eq!(world.get("/api/v1/auth/me", Some(&before)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&world, &agency).await.status, StatusCode::SEE_OTHER);
}
