//! `studioconnect ws stats`: the media sockets of a running server, as its `/health` tells them.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Url;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::cli::{WsCommand, WsStats};
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::simulation;

/// A server that has not answered by then is away.
const WITHIN: Duration = Duration::from_secs(10);

/// What `/health?connections=true` has of sockets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sockets {
    web_socket: Figures,
    #[serde(default)]
    connections: Vec<Connection>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    active_connections: u64,
    max_connections: u64,
    connections_today: u64,
    connections_since_start: u64,
    refused: u64,
    total_messages: u64,
    malformed_messages: u64,
    dropped_frames: u64,
    average_latency: Option<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    call_sid: String,
    call_id: Option<String>,
    connected_at: String,
    messages: u64,
    malformed_messages: u64,
    dropped_frames: u64,
    average_latency: Option<f64>,
}

/// Asks and prints.
///
/// # Errors
/// When the server can't be asked, or does not tell.
pub async fn run(command: WsCommand, config: &Config, out: &mut impl Write) -> anyhow::Result<Exit> {
    let WsCommand::Stats(options) = command;
    let url = options.url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}", config.server.port));
    let sockets = ask(&url, &options).await?;
    if options.json {
        writeln!(out, "{}", serde_json::to_string(&sockets)?)?;
    } else {
        write!(out, "{}", table(&sockets))?;
    }
    Ok(Exit::Done)
}

async fn ask(url: &str, options: &WsStats) -> anyhow::Result<Sockets> {
    let base: Url = url.parse().with_context(|| format!("{url} is not an address"))?;
    let http = simulation::http_client()?;
    let mut request = http.get(base.join("/health")?).query(&[("connections", "true")]).timeout(WITHIN);
    if let Some(email) = &options.email {
        let password = super::user::password_of_stdin()?;
        request = request.bearer_auth(sign_in(&http, &base, email, password.expose_secret()).await?);
    }
    let answer = request.send().await.with_context(|| format!("{url} does not answer"))?;
    // An unhealthy server answers 503 with the same document.
    let text = answer.text().await.with_context(|| format!("{url} broke off its answer"))?;
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(document) if document.get("webSocket").is_some() => {
            serde_json::from_value(document).context("the server is of another version than this program")
        }
        Ok(document) if document.get("version").is_some() => bail!(
            "{url} does not tell strangers of its sockets: sign in with --email and --password-stdin as somebody \
             who may operate the platform"
        ),
        _ => bail!("{url} is no StudioConnect server"),
    }
}

async fn sign_in(http: &reqwest::Client, base: &Url, email: &str, password: &str) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Tokens {
        token: Option<String>,
    }
    let body = serde_json::json!({ "email": email, "password": password });
    let request = http.post(base.join("/api/v1/auth/login")?).json(&body).timeout(WITHIN);
    let answer = request.send().await.with_context(|| format!("{base} does not answer"))?;
    let answer = answer.error_for_status().context("the sign-in was refused")?;
    let tokens: Tokens = answer.json().await.context("the sign-in was answered with nonsense")?;
    tokens.token.context("the account has a second factor: use one without, on the server's own machine")
}

fn table(sockets: &Sockets) -> String {
    let figures = &sockets.web_socket;
    let ping = |latency: Option<f64>| latency.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"));
    let mut text = String::new();
    let mut line = |parts: std::fmt::Arguments<'_>| {
        let _infallible = text.write_fmt(parts);
        text.push('\n');
    };
    line(format_args!(
        "sockets   {} open of at most {}; {} today, {} since the start, {} turned away",
        figures.active_connections,
        figures.max_connections,
        figures.connections_today,
        figures.connections_since_start,
        figures.refused
    ));
    line(format_args!(
        "messages  {} received, {} not readable, {} frames dropped",
        figures.total_messages, figures.malformed_messages, figures.dropped_frames
    ));
    line(format_args!("ping      {} on average", ping(figures.average_latency)));
    if !sockets.connections.is_empty() {
        line(format_args!(
            "\n{:<34}{:<22}{:>10}{:>10}{:>9}{:>10}",
            "call", "since (UTC)", "messages", "bad", "dropped", "ping"
        ));
    }
    for open in &sockets.connections {
        let since: String =
            open.connected_at.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect();
        line(format_args!(
            "{:<34}{since:<22}{:>10}{:>10}{:>9}{:>10}",
            open.call_id.as_deref().unwrap_or(&open.call_sid),
            open.messages,
            open.malformed_messages,
            open.dropped_frames,
            ping(open.average_latency)
        ));
    }
    let listed = sockets.connections.len() as u64;
    if listed > 0 && listed < figures.active_connections {
        line(format_args!("… and {} more", figures.active_connections - listed));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(open: u64, listed: usize) -> Sockets {
        let connection = || Connection {
            call_sid: "CA1".into(),
            call_id: Some("call_01jd5z6q2mf3vr4c9s8e7t6k5h".into()),
            connected_at: "2026-11-21T11:00:01.123Z".into(),
            messages: 1_234,
            malformed_messages: 0,
            dropped_frames: 2,
            average_latency: Some(0.84),
        };
        Sockets {
            web_socket: Figures {
                active_connections: open,
                max_connections: 1_000,
                connections_today: 7,
                connections_since_start: 9,
                refused: 1,
                total_messages: 5_000,
                malformed_messages: 0,
                dropped_frames: 2,
                average_latency: None,
            },
            connections: (0..listed).map(|_| connection()).collect(),
        }
    }

    #[test]
    fn the_table_names_each_socket_and_what_was_left_out() {
        let text = table(&sockets(3, 2));
        assert!(
            text.starts_with("sockets   3 open of at most 1000; 7 today, 9 since the start, 1 turned away\n")
        );
        assert!(text.contains("ping      - on average"));
        assert_eq!(text.matches("call_01jd5z6q2mf3vr4c9s8e7t6k5h   2026-11-21 11:00:01").count(), 2);
        assert!(text.ends_with("… and 1 more\n"), "{text}");
        assert_eq!(table(&sockets(0, 0)).lines().count(), 3);
    }

    #[test]
    fn what_the_server_tells_is_understood() {
        let told = serde_json::to_value(sockets(1, 1)).unwrap();
        assert!(told["webSocket"]["activeConnections"] == 1 && told["connections"][0]["callSid"] == "CA1");
        let read: Sockets = serde_json::from_value(told).unwrap();
        assert_eq!(read.connections.len(), 1);
    }
}
