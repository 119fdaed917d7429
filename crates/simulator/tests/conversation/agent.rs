//! A small agent that answers the telephone: knows three answers, and can be told to misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::speech::Tongue;

/// Silence after which the agent takes the caller to have finished.
pub(crate) const PATIENCE_MS: u64 = 300;

/// How the agent behaves.
#[derive(Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) answers: bool,
    pub(crate) stops_when_interrupted: bool,
    pub(crate) sends_binary: bool,
    pub(crate) refuses_stream: bool,
    pub(crate) answers_with_json: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            answers: true,
            stops_when_interrupted: true,
            sends_binary: false,
            refuses_stream: false,
            answers_with_json: false,
        }
    }
}

/// A running agent.
pub(crate) struct Agent {
    pub(crate) base: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    statuses: Vec<(u32, String)>,
    tokens: Vec<String>,
}

#[derive(Clone)]
struct Shared {
    tongue: Arc<Tongue>,
    manners: Manners,
    seen: Arc<Mutex<Seen>>,
    host: String,
}

impl Agent {
    pub(crate) async fn start(tongue: Arc<Tongue>, manners: Manners) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Shared { tongue, manners, seen: Arc::clone(&seen), host: host.clone() };
        let routes = Router::new()
            .route("/api/voice/inbound", post(inbound))
            .route("/api/voice/status", post(status))
            .route("/after", post(after))
            .route("/media", any(media))
            .with_state(shared);
        TaskTracker::new().spawn(async move { axum::serve(listener, routes).await });
        Self { base: format!("http://{host}"), seen }
    }

    /// `CallStatus` of the callbacks in the order of their numbers.
    pub(crate) fn statuses(&self) -> Vec<String> {
        let mut statuses = self.seen.lock().expect("no panic holds it").statuses.clone();
        statuses.sort();
        statuses.into_iter().map(|(_, status)| status).collect()
    }

    pub(crate) fn inbound_tokens(&self) -> Vec<String> {
        self.seen.lock().expect("no panic holds it").tokens.clone()
    }
}

fn xml(document: String) -> Response {
    ([("content-type", "text/xml")], document).into_response()
}

async fn inbound(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    assert!(headers.contains_key("x-twilio-signature"));
    assert_eq!(form["CallStatus"], "ringing");
    let token = headers["i-twilio-idempotency-token"].to_str().expect("text").to_owned();
    shared.seen.lock().expect("no panic holds it").tokens.push(token);
    if shared.manners.answers_with_json {
        return ([("content-type", "application/json")], "{}").into_response();
    }
    let action = if shared.manners.refuses_stream { "" } else { " action=\"/after\"" };
    let host = &shared.host;
    xml(format!(
        "<Response><Connect{action}><Stream url=\"ws://{host}/media?lost=1\"><Parameter name=\"token\" \
         value=\"t\"/></Stream></Connect><Say>Sorry, nobody is there.</Say></Response>"
    ))
}

async fn status(State(shared): State<Shared>, Form(form): Form<HashMap<String, String>>) -> StatusCode {
    let number = form["SequenceNumber"].parse().expect("a number");
    shared.seen.lock().expect("no panic holds it").statuses.push((number, form["CallStatus"].clone()));
    StatusCode::NO_CONTENT
}

async fn after(Form(form): Form<HashMap<String, String>>) -> Response {
    match form.get("DialCallStatus").map(String::as_str) {
        None => xml("<Response><Dial action=\"/after\">+15135550199</Dial></Response>".into()),
        Some("completed") => xml("<Response/>".into()),
        Some(_) => xml("<Response><Say>Sorry, nobody is there.</Say><Hangup/></Response>".into()),
    }
}

async fn media(State(shared): State<Shared>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if shared.manners.refuses_stream || !headers.contains_key("x-twilio-signature") {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(move |socket| converse(shared, socket))
}

/// The caller's turn so far.
#[derive(Default)]
struct Turn {
    codes: Vec<u8>,
    voiced_ms: u64,
    silent_ms: u64,
}

async fn converse(shared: Shared, mut socket: WebSocket) {
    let mut stream_sid = String::new();
    let mut turn = Turn::default();
    let mut marks = 0_u32;
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let Ok(message) = serde_json::from_str::<Value>(&text) else { continue };
        let number = message["sequenceNumber"].clone();
        let mut out: Vec<Value> = Vec::new();
        match message["event"].as_str() {
            Some("start") => {
                stream_sid = message["streamSid"].as_str().unwrap_or_default().to_owned();
                assert_eq!(message["start"]["customParameters"]["token"], "t");
                if shared.manners.sends_binary {
                    let _ = socket.send(Message::Binary(vec![1, 2, 3].into())).await;
                }
                say(&shared, "hello this is ava", &mut out, &mut marks);
                out.push(json!({"event": "processed", "sequenceNumber": number}));
            }
            Some("media") => {
                let payload = message["media"]["payload"].as_str().unwrap_or_default();
                let codes = base64_simd::STANDARD.decode_to_vec(payload).expect("base64");
                if let Some(answer) = listen(&shared, &mut turn, &codes, &mut out, marks) {
                    if answer == "transfer" {
                        let _ = socket.send(Message::Close(None)).await;
                        return;
                    }
                    say(&shared, answer, &mut out, &mut marks);
                }
                out.push(json!({"event": "processed", "sequenceNumber": number}));
            }
            Some("mark") => marks = marks.saturating_sub(1),
            _ => {}
        }
        for mut message in out {
            message["streamSid"] = json!(stream_sid);
            if socket.send(Message::Text(message.to_string().into())).await.is_err() {
                return;
            }
        }
    }
}

fn say(shared: &Shared, text: &str, out: &mut Vec<Value>, marks: &mut u32) {
    let payload = base64_simd::STANDARD.encode_to_string(shared.tongue.sound(text));
    out.push(json!({"event": "media", "media": {"payload": payload}}));
    out.push(json!({"event": "mark", "mark": {"name": text}}));
    *marks += 1;
}

fn listen(
    shared: &Shared,
    turn: &mut Turn,
    codes: &[u8],
    out: &mut Vec<Value>,
    marks: u32,
) -> Option<&'static str> {
    let mut samples = Vec::new();
    audio::g711::decode_into(codes, &mut samples);
    turn.codes.extend_from_slice(codes);
    if simulator::caller::voice::is_audible(&samples) {
        turn.voiced_ms += 20;
        turn.silent_ms = 0;
        if turn.voiced_ms == 200 && marks > 0 && shared.manners.stops_when_interrupted {
            out.push(json!({"event": "clear"}));
        }
        return None;
    }
    turn.silent_ms += 20;
    if turn.voiced_ms == 0 || turn.silent_ms < PATIENCE_MS {
        return None;
    }
    let text = shared.tongue.understand(&std::mem::take(turn).codes);
    if !shared.manners.answers {
        return None;
    }
    Some(match text.as_str() {
        "how is my website" => "your website is ready for review",
        "thank you bye" => "goodbye and thanks",
        "transfer me please" => "transfer",
        _ => "sorry what was that",
    })
}
