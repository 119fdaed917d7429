//! A person's own account: name, address, password, second factor.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::world::{Agency, Answer, PASSWORD, World, request};

const NEW_PASSWORD: &str = "teal kettle over the fjord";

struct Signed {
    email: String,
    token: String,
}

async fn owner(world: &World, agency: &Agency) -> Signed {
    let email = world.employ(agency, "owner").await;
    let answer = log_in(world, &email, PASSWORD, json!({})).await;
    Signed { token: text(&answer, "token"), email }
}

async fn log_in(world: &World, email: &str, password: &str, more: Value) -> Answer {
    let mut body = json!({ "email": email, "password": password });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.post("/api/v1/auth/login", None, &body).await
}

fn text(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap_or_else(|| panic!("{field} in {answer:?}")).to_owned()
}

/// The code of an authenticator app, so many steps from now.
fn code(world: &World, secret: &str, steps: i64) -> String {
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .with_account_name("account")
        .build()
        .unwrap();
    let seconds = world.app.ambient.now().timestamp() + steps * 30;
    totp.generate(u64::try_from(seconds).unwrap()).to_string()
}

/// Sets a second factor up; returns its secret and the recovery codes.
async fn enrol(world: &World, signed: &Signed) -> (String, Vec<String>) {
    let begun = world
        .post("/api/v1/account/second-factor", Some(&signed.token), &json!({ "password": PASSWORD }))
        .await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    assert!(text(&begun, "otpauth_url").starts_with("otpauth://totp/StudioConnect:"));
    let secret = text(&begun, "secret");
    let confirm = async |code: &str| {
        let body = json!({ "totp_code": code });
        world.post("/api/v1/account/second-factor/confirm", Some(&signed.token), &body).await
    };
    assert_eq!(confirm("000000").await.json()["errors"]["totp_code"], "is wrong, or was used before");
    let on = confirm(&code(world, &secret, 0)).await;
    assert_eq!(on.status, StatusCode::OK, "{on:?}");
    let codes = on.json()["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    (secret, codes.into_iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_password_and_a_code_works_once() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let (secret, _) = enrol(&world, &signed).await;
    let try_ = async |password: &str, more: Value| log_in(&world, &signed.email, password, more).await;

    let wrong = try_("guess", json!({ "totp_code": code(&world, &secret, 1) })).await;
    assert_eq!(wrong.problem(), "wrong-credentials", "a code without the password tells nothing");
    let asked = try_(PASSWORD, json!({})).await;
    assert_eq!(
        (asked.status, asked.problem().as_str()),
        (StatusCode::UNAUTHORIZED, "second-factor-required")
    );
    let used = try_(PASSWORD, json!({ "totp_code": code(&world, &secret, 0) })).await;
    assert_eq!(used.problem(), "wrong-second-factor", "the code that confirmed it is used up");
    world.clock.advance(TimeDelta::seconds(30));
    let right = json!({ "totp_code": code(&world, &secret, 0) });
    assert_eq!(try_(PASSWORD, right.clone()).await.status, StatusCode::OK);
    assert_eq!(try_(PASSWORD, right).await.problem(), "wrong-second-factor", "a code works once");
    // A clock may be a step off, and not two.
    world.clock.advance(TimeDelta::seconds(120));
    let late = json!({ "totp_code": code(&world, &secret, -2) });
    assert_eq!(try_(PASSWORD, late).await.problem(), "wrong-second-factor");
    let late = json!({ "totp_code": code(&world, &secret, -1) });
    assert_eq!(try_(PASSWORD, late).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_recovery_code_works_once_and_new_ones_replace_it() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let (secret, codes) = enrol(&world, &signed).await;
    let try_ = async |code: &str| {
        log_in(&world, &signed.email, PASSWORD, json!({ "recovery_code": code })).await.status
    };
    assert_eq!(try_(&codes[0].to_uppercase().replace('-', " ")).await, StatusCode::OK);
    assert_eq!(try_(&codes[0]).await, StatusCode::UNAUTHORIZED);
    let account = world.get("/api/v1/account", Some(&signed.token)).await.json();
    assert_eq!((&account["second_factor"], &account["recovery_codes_left"]), (&json!(true), &json!(9)));

    world.clock.advance(TimeDelta::seconds(60));
    let body = json!({ "password": PASSWORD, "totp_code": code(&world, &secret, 0) });
    let path = "/api/v1/account/second-factor/recovery-codes";
    let fresh = world.post(path, Some(&signed.token), &body).await;
    assert_eq!(fresh.status, StatusCode::OK, "{fresh:?}");
    assert_eq!(try_(&codes[1]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(try_(fresh.json()["recovery_codes"][0].as_str().unwrap()).await, StatusCode::OK);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_even_for_who_has_the_password() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let (secret, _) = enrol(&world, &signed).await;
    for n in 0..5 {
        let guess = json!({ "totp_code": format!("{n:06}") });
        let answer = log_in(&world, &signed.email, PASSWORD, guess).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{n}");
    }
    world.clock.advance(TimeDelta::milliseconds(500));
    let right = json!({ "totp_code": code(&world, &secret, 1) });
    let answer = log_in(&world, &signed.email, PASSWORD, right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
}

#[tokio::test]
async fn a_second_factor_is_removed_with_password_and_code() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let (_, codes) = enrol(&world, &signed).await;
    let remove = async |body: Value| {
        let path = "/api/v1/account/second-factor";
        world.send(request("DELETE", path, Some(&signed.token), &[], Some(&body))).await
    };
    let wrong = remove(json!({ "password": "guess", "recovery_code": codes[0] })).await;
    assert_eq!(wrong.json()["errors"]["password"], "is wrong");
    let wrong = remove(json!({ "password": PASSWORD, "recovery_code": "0000-0000-0000-0000" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let missing = remove(json!({ "password": PASSWORD })).await;
    assert!(missing.json()["errors"]["totp_code"].is_string());
    let gone = remove(json!({ "password": PASSWORD, "recovery_code": codes[0] })).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    assert_eq!(log_in(&world, &signed.email, PASSWORD, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_password_must_be_fit_and_ends_the_other_sessions() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let other = text(&log_in(&world, &signed.email, PASSWORD, json!({})).await, "token");
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        world.post("/api/v1/account/password", Some(&signed.token), &body).await
    };
    for (current, new, field, part) in [
        ("guess", NEW_PASSWORD, "current_password", "is wrong"),
        (PASSWORD, "short", "new_password", "at least 10"),
        (PASSWORD, "P@ssw0rd2026", "new_password", "tried first"),
        (PASSWORD, "StudioConnect7", "new_password", "product"),
    ] {
        let answer = change(current, new).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        let said = answer.json()["errors"][field].as_str().unwrap_or_default().to_owned();
        assert!(said.contains(part), "{new}: {answer:?}");
    }
    assert_eq!(change(PASSWORD, NEW_PASSWORD).await.status, StatusCode::NO_CONTENT);
    let status = async |token: &str| world.get("/api/v1/auth/me", Some(token)).await.status;
    assert_eq!(
        (status(&signed.token).await, status(&other).await),
        (StatusCode::OK, StatusCode::UNAUTHORIZED)
    );
    assert_eq!(log_in(&world, &signed.email, PASSWORD, json!({})).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(&world, &signed.email, NEW_PASSWORD, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_name_is_changed_on_the_version_that_was_read() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let read = world.get("/api/v1/account", Some(&signed.token)).await;
    let tag = read.header("etag").to_owned();
    let change = async |headers: &[(&str, &str)], body: Value| {
        world.send(request("PATCH", "/api/v1/account", Some(&signed.token), headers, Some(&body))).await
    };
    let name = json!({ "name": "Dana Lindqvist" });
    assert_eq!(change(&[], name.clone()).await.status, StatusCode::PRECONDITION_REQUIRED);
    world.clock.advance(TimeDelta::seconds(1));
    let changed = change(&[("if-match", &tag)], name.clone()).await;
    assert_eq!((changed.status, &changed.json()["name"]), (StatusCode::OK, &json!("Dana Lindqvist")));
    assert_eq!(change(&[("if-match", &tag)], name).await.status, StatusCode::PRECONDITION_FAILED);
    let me = world.get("/api/v1/auth/me", Some(&signed.token)).await.json();
    assert_eq!(me["user"]["name"], "Dana Lindqvist", "who is cached is asked anew");
    let bare = change(&[("if-match", "*")], json!({ "email": "new@aurora.example" })).await;
    assert!(bare.json()["errors"]["password"].is_string(), "{bare:?}");
}

#[tokio::test]
async fn asking_for_a_new_password_tells_nobody_whether_the_address_is_known() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let ask =
        async |email: &str| world.post("/api/v1/auth/password-reset", None, &json!({ "email": email })).await;
    let (known, unknown) = (ask(&signed.email).await, ask("no@body.example").await);
    assert_eq!(known.status, StatusCode::ACCEPTED);
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
    // Asked for again and again it is slowed down, known or not.
    for email in [signed.email.as_str(), "no@body.example"] {
        for _ in 0..2 {
            assert_eq!(ask(email).await.status, StatusCode::ACCEPTED, "{email}");
        }
        assert_eq!(ask(email).await.status, StatusCode::TOO_MANY_REQUESTS, "{email}");
    }
}

#[tokio::test]
async fn a_link_sets_a_new_password_once_and_ends_every_session() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    world.post("/api/v1/auth/password-reset", None, &json!({ "email": signed.email })).await;
    world.app.clone().work_off_jobs().await.unwrap();
    let token = world.letter_to(&signed.email, "#reset-password=");
    let confirm = async |token: &str, password: &str| {
        let body = json!({ "token": token, "new_password": password });
        world.post("/api/v1/auth/password-reset/confirm", None, &body).await
    };
    let unfit = confirm(&token, "password123").await;
    assert!(unfit.json()["errors"]["new_password"].is_string(), "the link stays good: {unfit:?}");
    let dead = confirm(&"0".repeat(64), NEW_PASSWORD).await;
    assert!(dead.json()["errors"]["token"].is_string(), "{dead:?}");
    assert_eq!(confirm(&token, NEW_PASSWORD).await.status, StatusCode::NO_CONTENT);
    assert_eq!(confirm(&token, NEW_PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it works once");
    assert_eq!(world.get("/api/v1/auth/me", Some(&signed.token)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(&world, &signed.email, NEW_PASSWORD, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_for_a_new_password_is_over_after_an_hour() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    world.post("/api/v1/auth/password-reset", None, &json!({ "email": signed.email })).await;
    world.app.clone().work_off_jobs().await.unwrap();
    let token = world.letter_to(&signed.email, "#reset-password=");
    world.clock.advance(TimeDelta::hours(1));
    let body = json!({ "token": token, "new_password": NEW_PASSWORD });
    let late = world.post("/api/v1/auth/password-reset/confirm", None, &body).await;
    assert!(late.json()["errors"]["token"].is_string(), "{late:?}");
}

#[tokio::test]
async fn another_address_counts_once_it_was_proved() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let signed = owner(&world, &agency).await;
    let body = json!({ "email": "Dana@Aurora.example", "password": PASSWORD });
    let headers = [("if-match", "*")];
    let asked =
        world.send(request("PATCH", "/api/v1/account", Some(&signed.token), &headers, Some(&body))).await;
    assert_eq!((asked.status, &asked.json()["email"]), (StatusCode::OK, &json!(signed.email)));
    world.app.clone().work_off_jobs().await.unwrap();
    let account = world.get("/api/v1/account", Some(&signed.token)).await.json();
    assert_eq!(account["pending_email"], "dana@aurora.example");
    let token = world.letter_to("dana@aurora.example", "#confirm-email=");
    let confirm =
        async || world.post("/api/v1/auth/email/confirm", None, &json!({ "token": token })).await.status;
    assert_eq!(confirm().await, StatusCode::NO_CONTENT);
    assert_eq!(confirm().await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(log_in(&world, "dana@aurora.example", PASSWORD, json!({})).await.status, StatusCode::OK);
    assert_eq!(log_in(&world, &signed.email, PASSWORD, json!({})).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn hashes_of_older_systems_are_replaced_at_sign_in() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let email = world.employ(&agency, "owner").await;
    let stored = async || {
        let mut tx = store::SystemTx::begin(&world.app.db, "a test").await.unwrap();
        store::users::find_by_email(&mut tx, &email).await.unwrap().unwrap()
    };
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    let mut tx = store::SystemTx::begin(&world.app.db, "a test").await.unwrap();
    store::users::set_password(&mut tx, stored().await.id, &old, world.app.ambient.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(log_in(&world, &email, "guess", json!({})).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stored().await.password_hash, Some(old));
    assert_eq!(log_in(&world, &email, PASSWORD, json!({})).await.status, StatusCode::OK);
    assert!(stored().await.password_hash.unwrap().starts_with("$argon2id$"));
    assert_eq!(log_in(&world, &email, PASSWORD, json!({})).await.status, StatusCode::OK);
}
