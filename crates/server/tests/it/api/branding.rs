//! How organizations look and under which names they are reached.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use domain::ids::OrgId;
use serde_json::{Value, json};
use store::SystemTx;

use super::world::{Agency, Answer, World, request};

/// A drawing that is one.
const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect width=\"5\" height=\"5\"/></svg>";

async fn put(world: &World, token: &str, body: &Value) -> Answer {
    let path = "/api/v1/branding";
    world.send(request("PUT", path, Some(token), &[("if-match", "*")], Some(body))).await
}

async fn put_logo(world: &World, token: &str, picture: &[u8]) -> Answer {
    let request = Request::builder()
        .method("PUT")
        .uri("/api/v1/branding/logo")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "image/svg+xml")
        .body(Body::from(picture.to_vec()));
    world.send(request.unwrap()).await
}

/// Asks under a name.
async fn under(world: &World, host: &str, path: &str) -> Answer {
    world.send(request("GET", path, None, &[("host", host)], None)).await
}

async fn claim(world: &World, token: &str, body: Value) -> Answer {
    world.post("/api/v1/domains", Some(token), &body).await
}

async fn check(world: &World, token: &str, domain: &Value) -> Value {
    let path = format!("/api/v1/domains/{}/check", domain["id"].as_str().unwrap());
    let answer = world.send(request("POST", &path, Some(token), &[], None)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

/// Enters the records that a claim asks for.
fn enter_records(world: &World, domain: &Value) {
    for record in domain["records"].as_array().unwrap() {
        let (name, value) = (record["name"].as_str().unwrap(), record["value"].as_str().unwrap());
        match record["type"].as_str().unwrap() {
            "TXT" => world.dns.say(name, value),
            "CNAME" => world.dns.alias_to(name, value),
            other => panic!("{other}"),
        }
    }
}

async fn platform_admin(world: &World, like: &Agency) -> String {
    let mut tx = SystemTx::begin(&world.app.db, "a test looks for the platform").await.unwrap();
    let id: OrgId = store::organizations::platform(&mut tx).await.unwrap().unwrap();
    drop(tx);
    world.sign_in_as(&Agency { id, ..like.clone() }, "platform_admin").await
}

#[tokio::test]
async fn what_a_business_does_not_say_those_above_say() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let (owner, platform) = (world.sign_in_as(&agency, "owner").await, platform_admin(&world, &agency).await);
    let said = put(&world, &platform, &json!({ "name": "Phone House", "accent_color": "#005500" })).await;
    assert_eq!(said.status, StatusCode::OK, "{said:?}");
    let seen = world.get("/api/v1/branding", Some(&owner)).await.json();
    assert_eq!(seen["own"]["name"], Value::Null);
    assert_eq!(
        (&seen["effective"]["name"], &seen["effective"]["accent_color"]),
        (&json!("Phone House"), &json!("#005500"))
    );
    assert_eq!(seen["effective"]["on_accent_color"], "#ffffff");
    let own = put(&world, &owner, &json!({ "name": "Aurora Voice", "hide_powered_by": true })).await.json();
    assert_eq!(
        (&own["effective"]["name"], &own["effective"]["hide_powered_by"]),
        (&json!("Aurora Voice"), &json!(true))
    );
    let current = under(&world, "studio.example", "/api/v1/branding/current").await.json();
    assert_eq!((&current["name"], &current["organization_id"]), (&json!("Phone House"), &Value::Null));
}

#[tokio::test]
async fn colours_that_cannot_be_read_and_names_of_two_lines_are_refused() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    for (field, body) in [
        ("accent_color", json!({ "accent_color": "#fafafa" })),
        ("accent_color", json!({ "accent_color": "red" })),
        ("background_color", json!({ "background_color": "#fff" })),
        ("sender_name", json!({ "sender_name": "Aurora\r\nBcc: x@y.example" })),
        ("sender_email", json!({ "sender_email": "nobody" })),
    ] {
        let answer = put(&world, &owner, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["errors"].get(field).is_some(), "{body}: {:?}", answer.json());
    }
    let free = world.agency_on("free", "Borealis", 2).await;
    let free_owner = world.sign_in_as(&free, "owner").await;
    let refused = put(&world, &free_owner, &json!({ "hide_powered_by": true })).await;
    assert_eq!(refused.problem(), "plan-required");
    assert_eq!(
        (&refused.json()["feature"], &refused.json()["plan"]),
        (&json!("hidden_branding"), &json!("pro"))
    );
}

#[tokio::test]
async fn a_logo_is_judged_by_its_content_and_shown_to_anybody() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let path = format!("/api/v1/branding/logo?organization_id={}", agency.id);
    assert_eq!(world.get(&path, None).await.problem(), "not-found");
    let active = put_logo(&world, &owner, b"<svg><script>alert(1)</script></svg>").await;
    assert_eq!(active.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(active.json()["errors"]["body"].as_str().unwrap().contains("<script>"), "{active:?}");
    let large = put_logo(&world, &owner, &vec![b' '; 512 * 1024 + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let kept = put_logo(&world, &owner, DRAWING.as_bytes()).await;
    assert_eq!(kept.status, StatusCode::OK, "{kept:?}");
    assert_eq!(kept.json()["effective"]["logo_url"], path);
    let shown = world.get(&path, None).await;
    assert_eq!((shown.status, shown.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    assert!(shown.header("content-security-policy").contains("sandbox"), "{shown:?}");
    assert_eq!(shown.body, DRAWING.as_bytes());
    let gone = world.send(request("DELETE", "/api/v1/branding/logo", Some(&owner), &[], None)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path, None).await.problem(), "not-found");
}

#[tokio::test]
async fn a_domain_is_theirs_when_the_dns_says_so_and_then_it_shows_them() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    put(&world, &owner, &json!({ "name": "Aurora Voice" })).await;
    let claimed = claim(&world, &owner, json!({ "name": "Büro.Aurora.Example" })).await;
    assert_eq!(claimed.status, StatusCode::CREATED, "{claimed:?}");
    let domain = claimed.json();
    assert_eq!(
        (&domain["name"], &domain["state"]),
        (&json!("xn--bro-hoa.aurora.example"), &json!("pending"))
    );
    assert_eq!(domain["display_name"], "büro.aurora.example");
    let shown = async || under(&world, "xn--bro-hoa.aurora.example", "/api/v1/branding/current").await.json();
    assert_eq!(shown().await["organization_id"], Value::Null, "a claim alone proves nothing");

    let nothing = check(&world, &owner, &domain).await;
    assert_eq!(nothing["state"], "failed");
    assert!(nothing["reason"].as_str().unwrap().contains("no TXT record"), "{nothing}");
    world.dns.say("_studioconnect.xn--bro-hoa.aurora.example", "something else");
    let other = check(&world, &owner, &domain).await;
    assert!(other["reason"].as_str().unwrap().contains("says something else"), "{other}");
    let record = &domain["records"][0];
    world.dns.say(record["name"].as_str().unwrap(), record["value"].as_str().unwrap());
    let half = check(&world, &owner, &domain).await;
    assert!(half["reason"].as_str().unwrap().contains("does not lead here"), "{half}");
    // At the top of a zone there is no alias; the same address does.
    world.dns.lead_to("studio.example", "203.0.113.7");
    world.dns.lead_to("xn--bro-hoa.aurora.example", "203.0.113.7");
    let proven = check(&world, &owner, &domain).await;
    assert_eq!((&proven["state"], &proven["reason"]), (&json!("verified"), &json!("")));
    assert_eq!(shown().await["name"], "Aurora Voice", "without a restart");

    let primary = json!({ "primary_domain": "xn--bro-hoa.aurora.example" });
    let organization = async |body: &Value| {
        world
            .send(request("PATCH", "/api/v1/organization", Some(&owner), &[("if-match", "*")], Some(body)))
            .await
    };
    assert_eq!(organization(&json!({ "primary_domain": "other.example" })).await.problem(), "invalid");
    assert_eq!(organization(&primary).await.status, StatusCode::OK);
    letters_lead_to(&world, &owner, "https://xn--bro-hoa.aurora.example").await;
    let path = format!("/api/v1/domains/{}", domain["id"].as_str().unwrap());
    let refused = world.send(request("DELETE", &path, Some(&owner), &[], None)).await;
    assert_eq!(refused.problem(), "conflict");
    organization(&json!({ "primary_domain": null })).await;
    let gone = world.send(request("DELETE", &path, Some(&owner), &[], None)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(shown().await["organization_id"], Value::Null);
}

/// Links in letters, and that which an inviter is shown, begin with the host that the organization's people know.
async fn letters_lead_to(world: &World, owner: &str, host: &str) {
    let email = world.get("/api/v1/account", Some(owner)).await.json()["email"].as_str().unwrap().to_owned();
    let body = json!({ "email": "kim@aurora.example", "role": "viewer" });
    let invited = world.post("/api/v1/invitations", Some(owner), &body).await.json();
    let link = invited["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{host}/invitations/sci_")), "{link}");
    world.post("/api/v1/auth/password-reset", None, &json!({ "email": email })).await;
    world.post("/api/v1/notifications/test", Some(owner), &json!({ "email": "dana@aurora.example" })).await;
    world.app.clone().work_off_jobs().await.unwrap();
    for (to, place) in [
        ("kim@aurora.example", "/invitations/sci_"),
        (email.as_str(), "/#reset-password="),
        ("dana@aurora.example", "/admin/notifications"),
    ] {
        let letters = world.whole_letters_to(to);
        let [letter] = letters.as_slice() else { panic!("{to}: {letters:?}") };
        assert!(letter.contains(&format!("{host}{place}")), "{letter}");
        assert!(!letter.contains("https://studio.example"), "the installation's own host: {letter}");
    }
}

#[tokio::test]
async fn whoever_proves_a_domain_first_has_it_and_a_mere_claim_keeps_nobody_out() {
    let world = World::new().await;
    let (aurora, borealis) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let (squatter, owner) =
        (world.sign_in_as(&aurora, "owner").await, world.sign_in_as(&borealis, "owner").await);
    let squatted = claim(&world, &squatter, json!({ "name": "borealis.example" })).await.json();
    let again = claim(&world, &squatter, json!({ "name": "BOREALIS.example." })).await;
    assert_eq!(again.problem(), "conflict");
    let rightful = claim(&world, &owner, json!({ "name": "borealis.example" })).await.json();
    enter_records(&world, &rightful);
    assert_eq!(check(&world, &owner, &rightful).await["state"], "verified");
    // Even with records of its own the other comes too late.
    enter_records(&world, &squatted);
    let late = check(&world, &squatter, &squatted).await;
    assert_eq!(late["state"], "failed");
    assert!(late["reason"].as_str().unwrap().contains("Another organization"), "{late}");
}

#[tokio::test]
async fn a_subdomain_is_theirs_at_once_unless_it_is_taken_or_reserved() {
    let world = World::new().await;
    let (aurora, borealis) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let (owner, other) =
        (world.sign_in_as(&aurora, "owner").await, world.sign_in_as(&borealis, "owner").await);
    let claimed = claim(&world, &owner, json!({ "subdomain": "Aurora" })).await;
    assert_eq!(claimed.json()["state"], "verified", "{claimed:?}");
    let shown = under(&world, "aurora.base.example:443", "/api/v1/branding/current").await.json();
    assert_eq!(shown["organization_id"], json!(aurora.id));
    assert_eq!(claim(&world, &other, json!({ "subdomain": "aurora" })).await.problem(), "conflict");
    for (field, body) in [
        ("subdomain", json!({ "subdomain": "www" })),
        ("subdomain", json!({ "subdomain": "a.b" })),
        ("name", json!({ "name": "sneaky.base.example" })),
        ("name", json!({ "name": "studio.example" })),
        ("name", json!({ "name": "10.0.0.1" })),
        ("name", json!({})),
        ("subdomain", json!({ "name": "a.example", "subdomain": "abc" })),
    ] {
        let answer = claim(&world, &other, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["errors"].get(field).is_some(), "{body}: {:?}", answer.json());
    }
}

#[tokio::test]
async fn a_proven_domain_survives_a_bad_day_and_is_lost_after_three() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let domain = claim(&world, &owner, json!({ "name": "aurora.example" })).await.json();
    enter_records(&world, &domain);
    check(&world, &owner, &domain).await;
    let id = domain["id"].as_str().unwrap().parse().unwrap();
    let state = async || {
        let mut tx = store::OrgTx::begin(&world.app.db, agency.id).await.unwrap();
        store::domains::get(&mut tx, id).await.unwrap()
    };
    let recheck = async || app::domains::recheck_all(&world.app).await.unwrap();
    world.clock.advance(TimeDelta::hours(25));
    world.dns.be_silent(true);
    assert_eq!(recheck().await, 0);
    assert_eq!(state().await.failing_since, None, "no answer says nothing about the domain");
    world.dns.be_silent(false);
    world.dns.forget();
    world.clock.advance(TimeDelta::hours(25));
    assert_eq!(recheck().await, 0);
    assert_eq!(state().await.state, store::domains::DomainState::Verified);
    assert!(state().await.failing_since.is_some());
    assert_eq!(recheck().await, 0, "once a day is enough");
    world.clock.advance(TimeDelta::hours(73));
    assert_eq!(recheck().await, 1);
    assert_eq!(state().await.state, store::domains::DomainState::Failed);
    enter_records(&world, &domain);
    world.clock.advance(TimeDelta::hours(25));
    assert_eq!(recheck().await, 0);
    assert_eq!(state().await.state, store::domains::DomainState::Verified);
}
