use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::TaskTracker;

use super::super::socket::Wire;
use super::*;

type Server = WebSocketStream<tokio::io::DuplexStream>;

/// A caller that does one thing per frame and hangs up when it has nothing more to do.
struct Scripted {
    doings: std::collections::VecDeque<Doing>,
    heard: Arc<Mutex<Vec<u8>>>,
}

#[async_trait]
impl LineUser for Scripted {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        self.heard.lock().expect("no panic holds it").push(moment.heard[0]);
        let end = Doing { end: Some(Ending::HangUp), ..Doing::default() };
        self.doings.pop_front().unwrap_or(end)
    }

    async fn ended(&mut self, _at_ms: u64) {}
}

fn setup(pace: Pace) -> LineSetup {
    LineSetup {
        ids: StreamIds { account_sid: "AC1".into(), call_sid: "CA1".into(), stream_sid: "MZ1".into() },
        parameters: vec![("token".into(), "t".into())],
        pace,
        jitter_ms: 0,
        seed: 1,
        max_ms: 60_000,
        grant_timeout: Duration::from_secs(2),
    }
}

fn frames(count: usize) -> Vec<Doing> {
    vec![Doing::default(); count]
}

/// Runs a line against a server; gives back the report, the first byte of every frame heard, and what the
/// server returned.
async fn converse<T, F>(
    setup: LineSetup,
    doings: Vec<Doing>,
    server: impl FnOnce(Server) -> F,
) -> (LineReport, Vec<u8>, T)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(1 << 20);
    let wire: Box<dyn Wire> = Box::new(near);
    let client = WebSocketStream::from_raw_socket(wire, Role::Client, None).await;
    let server = server(WebSocketStream::from_raw_socket(far, Role::Server, None).await);
    let server = TaskTracker::new().spawn(server);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut user = Scripted { doings: doings.into(), heard: Arc::clone(&heard) };
    let report = run(client, &setup, &mut user).await;
    let returned = server.await.expect("the server does not panic");
    let heard = heard.lock().expect("no panic holds it").clone();
    (report, heard, returned)
}

async fn next(server: &mut Server) -> Option<Value> {
    match server.next().await {
        Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).expect("the line writes JSON")),
        _ => None,
    }
}

async fn send(server: &mut Server, value: Value) {
    server.send(Message::text(value.to_string())).await.expect("the line reads");
}

fn media(byte: u8, frames: usize) -> Value {
    let payload = base64_simd::STANDARD.encode_to_string(vec![byte; frames * 160]);
    json!({"event": "media", "streamSid": "MZ1", "media": {"payload": payload}})
}

fn mark(name: &str) -> Value {
    json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})
}

/// A server that grants lockstep, answers the n-th media message with `reactions(n)`, and collects everything.
async fn granting(mut server: Server, reactions: impl Fn(u64) -> Vec<Value>) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut count = 0;
    while let Some(message) = next(&mut server).await {
        let number = message["sequenceNumber"].clone();
        match message["event"].as_str() {
            Some("start") => send(&mut server, json!({"event": "processed", "sequenceNumber": "1"})).await,
            Some("media") => {
                count += 1;
                for reaction in reactions(count) {
                    send(&mut server, reaction).await;
                }
                send(&mut server, json!({"event": "processed", "sequenceNumber": number})).await;
            }
            _ => {}
        }
        seen.push(message);
    }
    seen
}

fn events(seen: &[Value]) -> Vec<String> {
    seen.iter().map(|message| message["event"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn call_is_connected_started_fed_and_stopped() {
    let (report, _, seen) =
        converse(setup(Pace::RealTime), frames(3), |server| granting(server, |_| vec![])).await;
    assert_eq!(events(&seen), ["connected", "start", "media", "media", "media", "stop"]);
    assert_eq!(seen[1]["start"]["customParameters"], json!({"token": "t"}));
    let numbers: Vec<_> = seen[1..].iter().map(|m| m["sequenceNumber"].as_str().unwrap_or("-")).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
    assert_eq!(seen[4]["media"]["timestamp"], "40");
    assert_eq!(report.end, LineEnd::CallerHungUp);
    assert_eq!(report.media_ms, 60);
    // The clock of the test only moves when the line waits: it took real time.
    assert!((60..70).contains(&report.wall_ms), "{}", report.wall_ms);
}

#[tokio::test(start_paused = true)]
async fn lockstep_waits_for_the_server_and_for_nothing_else() {
    let (report, _, seen) =
        converse(setup(Pace::Lockstep), frames(500), |server| granting(server, |_| vec![])).await;
    assert_eq!(seen[1]["start"]["customParameters"], json!({"token": "t", "pace": "lockstep"}));
    assert_eq!(report.lockstep_granted, Some(true));
    assert_eq!((report.media_ms, report.wall_ms), (10_000, 0));
    assert_eq!(report.violations, []);
}

#[tokio::test(start_paused = true)]
async fn lockstep_not_granted_goes_on_in_real_time() {
    let ungranting = |mut server: Server| async move { while next(&mut server).await.is_some() {} };
    let (report, _, ()) = converse(setup(Pace::Lockstep), frames(50), ungranting).await;
    assert_eq!(report.lockstep_granted, Some(false));
    assert!((3000..3100).contains(&report.wall_ms), "{}", report.wall_ms);
}

#[tokio::test(start_paused = true)]
async fn audio_is_heard_in_media_time_and_its_mark_comes_back_after_it() {
    let reactions = |count| match count {
        2 => vec![mark("idle"), media(7, 3), mark("end")],
        _ => vec![],
    };
    let (report, heard, seen) =
        converse(setup(Pace::Lockstep), frames(8), move |server| granting(server, reactions)).await;
    assert_eq!(heard, [0xFF, 0xFF, 0xFF, 7, 7, 7, 0xFF, 0xFF, 0xFF]);
    let all = events(&seen);
    let marks: Vec<_> = seen.iter().filter(|m| m["event"] == "mark").map(|m| &m["mark"]["name"]).collect();
    assert_eq!(marks, ["idle", "end"]);
    // The audio is heard during frames 3, 4 and 5; its mark follows the fifth.
    let expected = ["media", "media", "mark", "media", "media", "media", "mark", "media"];
    assert_eq!(all[2..10], expected);
    assert_eq!(report.marks, 2);
}

#[tokio::test(start_paused = true)]
async fn clear_drops_what_was_not_heard_and_gives_all_marks_back() {
    let clear = json!({"event": "clear", "streamSid": "MZ1"});
    let reactions = move |count| match count {
        1 => vec![media(7, 100), mark("a"), media(8, 100), mark("b")],
        4 => vec![clear.clone()],
        _ => vec![],
    };
    let (report, heard, seen) =
        converse(setup(Pace::Lockstep), frames(6), move |server| granting(server, reactions)).await;
    assert_eq!(heard, [0xFF, 0xFF, 7, 7, 7, 0xFF, 0xFF]);
    assert_eq!(report.clears, [ClearSeen { at_ms: 60, dropped_ms: 197 * 20 }]);
    let marks: Vec<_> = seen.iter().filter(|m| m["event"] == "mark").map(|m| &m["mark"]["name"]).collect();
    assert_eq!(marks, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_twilio_would_not_accept_is_reported() {
    let strange = |mut server: Server| async move {
        while let Some(message) = next(&mut server).await {
            if message["event"] == "start" {
                server.send(Message::binary(vec![1, 2])).await.expect("the line reads");
                server.send(Message::text("{")).await.expect("the line reads");
                send(&mut server, json!({"event": "dance"})).await;
                send(&mut server, json!({"event": "processed", "sequenceNumber": "2"})).await;
            }
        }
    };
    let (report, _, ()) = converse(setup(Pace::RealTime), frames(3), strange).await;
    let codes: Vec<u32> = report.violations.iter().map(|violation| violation.code).collect();
    assert_eq!(codes, [31950, 31950, 31951, 31951]);
    assert_eq!(report.end, LineEnd::CallerHungUp);
}

#[tokio::test(start_paused = true)]
async fn server_that_closes_cuts_off_what_was_not_heard() {
    let closing = |mut server: Server| async move {
        while let Some(message) = next(&mut server).await {
            if message["event"] == "start" {
                send(&mut server, media(7, 50)).await;
                server.close(None).await.expect("the line is there");
            }
        }
    };
    let (report, _, ()) = converse(setup(Pace::RealTime), frames(100), closing).await;
    assert_eq!(report.end, LineEnd::ServerClosed);
    assert_eq!(report.unheard_at_end_ms, 1000);
}

#[tokio::test(start_paused = true)]
async fn network_faults_lose_double_and_swap_frames() {
    let doing = |fate| Doing { fate, ..Doing::default() };
    let doings = vec![
        doing(Fate::Delivered),
        doing(Fate::Lost),
        doing(Fate::Doubled),
        doing(Fate::Swapped),
        doing(Fate::Delivered),
    ];
    let (report, _, seen) =
        converse(setup(Pace::Lockstep), doings, |server| granting(server, |_| vec![])).await;
    let times: Vec<_> = seen
        .iter()
        .filter(|m| m["event"] == "media")
        .map(|m| m["media"]["timestamp"].as_str().unwrap_or("-"))
        .collect();
    assert_eq!(times, ["0", "40", "40", "80", "60"]);
    assert_eq!((report.frames_sent, report.frames_lost), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn broken_line_says_no_farewell() {
    let broken = vec![Doing::default(), Doing { end: Some(Ending::Break), ..Doing::default() }];
    let (report, _, seen) =
        converse(setup(Pace::RealTime), broken, |server| granting(server, |_| vec![])).await;
    assert_eq!(events(&seen), ["connected", "start", "media"]);
    assert_eq!(report.end, LineEnd::CallerBroke);
}

#[tokio::test(start_paused = true)]
async fn endless_call_is_hung_up() {
    let setup = LineSetup { max_ms: 200, ..setup(Pace::Lockstep) };
    let (report, _, seen) = converse(setup, frames(500), |server| granting(server, |_| vec![])).await;
    assert_eq!(report.end, LineEnd::TooLong);
    assert_eq!(seen.len(), 2 + 10 + 1);
}
