//! What every answer has, whatever was asked.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::world::{World, request};

#[tokio::test]
async fn health_says_how_the_server_is_and_no_more() {
    let world = World::new().await;
    let health = world.get("/health", None).await;
    assert_eq!(health.status, StatusCode::OK);
    assert_eq!(health.json(), json!({ "status": "healthy", "version": env!("CARGO_PKG_VERSION") }));
    assert_eq!(world.get("/health/live", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get("/health/ready", None).await.status, StatusCode::NO_CONTENT);

    world.app.db.close().await;
    let health = world.get("/health", None).await;
    assert_eq!(health.status, StatusCode::OK);
    assert_eq!(health.json(), json!({ "status": "degraded", "version": env!("CARGO_PKG_VERSION") }));
    assert_eq!(world.get("/health/ready", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.get("/health/live", None).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_operates_the_platform_is_told_everything() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let mut tx = store::SystemTx::begin(&world.app.db, "a test looks for the platform").await.unwrap();
    let id = store::organizations::platform(&mut tx).await.unwrap().unwrap();
    let platform = super::world::Agency { id, ..agency.clone() };
    let operator = world.sign_in_as(&platform, "platform_admin").await;
    let health = world.get("/health?connections=true", Some(&operator)).await.json();
    assert_eq!(health["status"], "healthy", "{health}");
    assert_eq!(health["redis"]["configured"], false);
    assert_eq!(health["database"]["connected"], true);
    assert!(health["database"]["latencyMs"].as_f64().unwrap() > 0.0);
    assert!(health["database"]["pools"][0]["open"].as_u64().unwrap() >= 1);
    assert_eq!(health["sessions"]["activeVoiceSessions"], 0);
    assert_eq!(health["webSocket"]["activeConnections"], 0);
    assert_eq!(health["jobs"]["givenUp"], 0, "{health}");
    assert_eq!(health["connections"], json!([]));
    // An agency's owner is the public here.
    let owner = world.sign_in_as(&agency, "owner").await;
    let health = world.get("/health?connections=true", Some(&owner)).await.json();
    assert_eq!(health, json!({ "status": "healthy", "version": env!("CARGO_PKG_VERSION") }));
}

#[tokio::test]
async fn a_program_of_the_machine_itself_is_told_of_the_sockets_and_of_nothing_else() {
    let world = World::new().await;
    let names = |told: &serde_json::Value| {
        let mut names: Vec<String> = told.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    let public = "status version";
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        world.send_as_carrier(request("GET", path, None, headers, None)).await.json()
    };
    let told = ask("/health?connections=true", &[]).await;
    assert_eq!(names(&told), "connections status version webSocket");
    assert_eq!((&told["connections"], &told["webSocket"]["activeConnections"]), (&json!([]), &json!(0)));
    // Not asked for; somebody behind a proxy or in a browser; somebody whose token is no good.
    assert_eq!(names(&ask("/health", &[]).await), public);
    for header in
        [("x-forwarded-for", "192.0.2.1"), ("origin", "http://localhost"), ("authorization", "Bearer x")]
    {
        assert_eq!(names(&ask("/health?connections=true", &[header]).await), public, "{header:?}");
    }
    // From elsewhere.
    assert_eq!(names(&world.get("/health?connections=true", None).await.json()), public);
}

#[tokio::test]
async fn without_its_database_the_api_says_try_again() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    world.app.db.close().await;
    let answer = world.get("/api/v1/calls", Some(&token)).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn every_answer_is_protected_and_can_be_found_in_the_logs() {
    let world = World::new().await;
    for path in ["/", "/live/app.js", "/docs", "/health", "/api/v1/calls", "/api/openapi.json", "/nowhere"] {
        let answer = world.get(path, None).await;
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
    }
    let ask = async |id: &str| {
        let answer = world.send(request("GET", "/health", None, &[("x-request-id", id)], None)).await;
        answer.header("x-request-id").to_owned()
    };
    assert_eq!(ask("my-request-0001").await, "my-request-0001");
    assert_ne!(ask("no spaces; please").await, "no spaces; please");
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_problem_document() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    assert_eq!(world.get("/nowhere", None).await.problem(), "not-found");
    assert_eq!(world.get("/api/v1/calls/not-an-id", Some(&token)).await.problem(), "not-found");
    let method = world.send(request("DELETE", "/api/v1/calls", Some(&token), &[], None)).await;
    assert_eq!(
        (method.status, method.problem().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
    );

    let send = async |content_type: &str, body: String| {
        let request = Request::post("/api/v1/clients")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", content_type)
            .body(Body::from(body));
        world.send(request.unwrap()).await
    };
    assert_eq!(send("application/json", "{".into()).await.problem(), "malformed");
    assert_eq!(send("text/plain", "{}".into()).await.problem(), "not-json");
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(300_000));
    let answer = send("application/json", huge).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
}

#[tokio::test]
async fn only_named_origins_may_call_from_a_browser() {
    let origin = "https://app.example";
    let settings = api::ApiSettings { cors_origins: vec![origin.parse().unwrap()], ..Default::default() };
    let world = World::with(settings).await;
    let ask = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "PATCH")];
        let answer = world.send(request("OPTIONS", "/api/v1/leads", None, &headers, None)).await;
        answer.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(ask(origin).await, origin);
    assert_eq!(ask("https://evil.example").await, "");
}

#[tokio::test]
async fn the_document_is_served_as_it_is_checked_in() {
    let world = World::new().await;
    let served = world.get("/api/openapi.json", None).await.json();
    assert_eq!(served, serde_json::to_value(api::document()).unwrap());
    assert_eq!(served["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_request_must_fit_the_document() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let unknown = world.get("/api/v1/clients?limit=5&page=2", Some(&token)).await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"));
    let told = unknown.json()["errors"]["page"].as_str().unwrap().to_owned();
    assert!(told.contains("limit"), "{told}");
    let wrong = world.get("/api/v1/clients?limit=many", Some(&token)).await;
    assert!(wrong.json()["errors"]["limit"].is_string(), "{wrong:?}");

    let accept = async |accept: &str| {
        let headers = [("accept", accept)];
        world.send(request("GET", "/api/v1/clients", Some(&token), &headers, None)).await
    };
    assert_eq!(accept("text/html, */*;q=0.1").await.status, StatusCode::OK);
    let refused = accept("text/csv").await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::NOT_ACCEPTABLE, "not-acceptable"));

    let long = world.get(&format!("/api/v1/clients?q={}", "x".repeat(9_000)), Some(&token)).await;
    assert_eq!((long.status, long.problem().as_str()), (StatusCode::URI_TOO_LONG, "uri-too-long"));
}

#[tokio::test]
async fn methods_are_answered_as_http_has_it() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let send =
        async |method: &str, path: &str| world.send(request(method, path, Some(&token), &[], None)).await;
    let wrong = send("DELETE", "/api/v1/clients").await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD,POST"));
    let options = send("OPTIONS", "/api/v1/clients").await;
    assert_eq!((options.status, options.header("allow")), (StatusCode::NO_CONTENT, "GET,HEAD,POST"));
    assert_eq!(send("OPTIONS", "/api/v1/nothing").await.status, StatusCode::NOT_FOUND);
    let (head, get) = (send("HEAD", "/api/v1/clients").await, send("GET", "/api/v1/clients").await);
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());

    let slash = send("GET", "/api/v1/clients/?limit=5").await;
    assert_eq!(
        (slash.status, slash.header("location")),
        (StatusCode::PERMANENT_REDIRECT, "/api/v1/clients?limit=5")
    );
    for elsewhere in ["//evil.example/", "/api//evil.example/", "/nowhere/"] {
        assert_eq!(send("GET", elsewhere).await.status, StatusCode::NOT_FOUND, "{elsewhere}");
    }
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_can_read_it() {
    let world = World::new().await;
    let ask = async |path: &str, encoding: &str| {
        let answer = world.send(request("GET", path, None, &[("accept-encoding", encoding)], None)).await;
        (answer.header("content-encoding").to_owned(), answer.body.len())
    };
    let (encoding, size) = ask("/api/openapi.json", "gzip, br").await;
    let (plain, full) = ask("/api/openapi.json", "identity").await;
    assert_eq!((encoding.as_str(), plain.as_str()), ("gzip", ""));
    assert!(size * 4 < full, "{size} of {full}");
    assert_eq!(ask("/health", "gzip").await.0, "", "too short to be worth it");
}

#[tokio::test]
async fn another_origins_page_may_send_and_read_our_headers() {
    let origin = "https://app.example";
    let settings = api::ApiSettings { cors_origins: vec![origin.parse().unwrap()], ..Default::default() };
    let world = World::with(settings).await;
    let headers = [("origin", origin), ("access-control-request-method", "POST")];
    let preflight = world.send(request("OPTIONS", "/api/v1/leads", None, &headers, None)).await;
    let allowed = preflight.header("access-control-allow-headers").to_owned();
    for name in ["idempotency-key", "x-organization-id", "x-csrf-token", "if-match", "authorization"] {
        assert!(allowed.contains(name), "{name}: {allowed}");
    }
    let answer = world.send(request("GET", "/api/v1/leads", None, &headers[..1], None)).await;
    let exposed = answer.header("access-control-expose-headers").to_owned();
    for name in ["ratelimit-remaining", "etag", "location", "x-request-id", "retry-after"] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
}
