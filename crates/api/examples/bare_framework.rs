//! The bare framework, for comparison: axum answering a constant, with nothing in front of it and nothing behind it.
//! `scripts/load.sh` asks it in the same run as the API, with as many connections.

use std::io::Write as _;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;

/// As long as a client of the API.
const CONSTANT: &str = r#"{"id":"client_01jd5z6q2mf3vr4c9s8e7t6k5h","name":"Northwind Coffee Roasters","notes":"","contacts":[{"kind":"phone","value":"+15135550142","person":"Maria Lopez"}],"created_at":"2026-11-21T08:00:00Z","updated_at":"2026-11-21T08:00:00Z"}"#;

#[tokio::main]
async fn main() -> Result<(), std::io::Error> {
    let json = || [(header::CONTENT_TYPE, "application/json")];
    let router = Router::new().route(
        "/",
        get(async move || (json(), CONSTANT))
            .post(async move |_body: String| (StatusCode::CREATED, json(), CONSTANT)),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    axum::serve(listener, router).await
}
