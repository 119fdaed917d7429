//! The media socket over a real connection on loopback.

use std::net::SocketAddr;

use ::voice::phone::PhoneIn;
use axum::http::StatusCode;
use futures_util::{SinkExt, StreamExt};
use providers::twilio::signature::sign;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::super::edge::StreamFigures;
use super::*;

/// Longer than anything in these tests takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

type Client = WebSocketStream<TcpStream>;

async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

/// A server on loopback, gone when dropped.
struct Served {
    edge: Arc<VoiceEdge>,
    desk: Arc<FakeDesk>,
    heard: mpsc::Receiver<PhoneIn>,
    address: SocketAddr,
    _server: tokio::task::JoinSet<std::io::Result<()>>,
}

impl Served {
    async fn new(settings: VoiceSettings) -> Self {
        let (desk, heard) = FakeDesk::new();
        let edge = edge(Arc::clone(&desk), settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = routes(&edge).into_make_service_with_connect_info::<SocketAddr>();
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, service).await });
        Self { edge, desk, heard, address, _server: server }
    }

    async fn signed() -> Self {
        Self::new(settings(signed())).await
    }

    /// A handshake as Twilio makes it; `signed_url` is what it signs.
    async fn handshake(&self, path: &str, signed_url: Option<&str>) -> Result<Client, StatusCode> {
        let tcp = TcpStream::connect(self.address).await.expect("a connection");
        let mut request = format!("ws://{}{path}", self.address).into_client_request().expect("a request");
        if let Some(url) = signed_url {
            let signature = sign(TOKEN, url, None).expect("a token").parse().expect("a header");
            request.headers_mut().insert("x-twilio-signature", signature);
        }
        match patiently("the handshake", client_async(request, tcp)).await {
            Ok((client, _)) => Ok(client),
            Err(WsError::Http(response)) => Err(response.status()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn connect(&self) -> Client {
        let url = "wss://studio.example/api/voice/media";
        self.handshake("/api/voice/media", Some(url)).await.expect("101")
    }

    /// A stream that was let in.
    async fn started(&self, call_sid: &str, ticket: &str) -> Client {
        let mut client = self.connect().await;
        say(&mut client, r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#).await;
        say(&mut client, &start(call_sid, ticket, "")).await;
        // The echo of a frame proves that the session runs.
        say(&mut client, &media(2, 0)).await;
        assert!(next_text(&mut client).await.contains(r#""event":"media""#));
        client
    }

    async fn hears(&mut self) -> PhoneIn {
        patiently("the session's hearing", self.heard.recv()).await.expect("the session hears")
    }

    async fn hears_until(&mut self, wanted: PhoneIn) {
        while self.hears().await != wanted {}
    }

    /// Waits until every task of every socket is over.
    async fn all_over(&self) -> StreamFigures {
        self.edge.tasks.close();
        patiently("the end of all tasks", self.edge.tasks.wait()).await;
        let figures = self.edge.figures();
        assert_eq!(figures.open, 0);
        figures
    }
}

fn start(call_sid: &str, ticket: &str, more: &str) -> String {
    format!(
        r#"{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"AC1","streamSid":"MZ{call_sid}",
            "callSid":"{call_sid}","tracks":["inbound"],
            "mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},
            "customParameters":{{"token":"{ticket}"{more}}}}},"streamSid":"MZ{call_sid}"}}"#
    )
}

fn media(sequence: u64, timestamp_ms: u64) -> String {
    let payload = base64_simd::STANDARD.encode_to_string([0x7f; 160]);
    format!(
        r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"1",
            "timestamp":"{timestamp_ms}","payload":"{payload}"}},"streamSid":"MZCA1"}}"#
    )
}

fn key(digit: char) -> String {
    format!(r#"{{"event":"dtmf","streamSid":"MZCA1","dtmf":{{"track":"inbound_track","digit":"{digit}"}}}}"#)
}

const STOP: &str = r#"{"event":"stop","sequenceNumber":"9","streamSid":"MZCA1","stop":{"accountSid":"AC1","callSid":"CA1"}}"#;

async fn say(client: &mut Client, text: &str) {
    patiently("sending", client.send(Message::text(text))).await.expect("sent");
}

async fn next_text(client: &mut Client) -> String {
    loop {
        match patiently("an answer", client.next()).await.expect("open").expect("readable") {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) => {}
            other => panic!("not a text: {other:?}"),
        }
    }
}

/// Reads to the end; the code of the server's close frame, if there was one.
async fn closing(client: &mut Client) -> Option<u16> {
    let mut code = None;
    while let Some(Ok(message)) = patiently("the closing", client.next()).await {
        if let Message::Close(frame) = message {
            code = frame.map(|CloseFrame { code, .. }| code.into());
        }
    }
    code
}

#[tokio::test]
async fn stream_with_its_ticket_becomes_a_call_and_stop_ends_it() {
    let mut served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    say(&mut client, r#"{"event":"mark","sequenceNumber":"3","streamSid":"MZCA1","mark":{"name":"g1"}}"#)
        .await;
    say(&mut client, &key('4')).await;
    say(&mut client, STOP).await;
    assert_eq!(closing(&mut client).await, Some(1000));
    assert!(matches!(served.hears().await, PhoneIn::Media { sequence: 2, .. }));
    assert_eq!(served.hears().await, PhoneIn::Mark { name: "g1".into() });
    assert_eq!(served.hears().await, PhoneIn::Dtmf { digit: '4' });
    assert_eq!(served.hears().await, PhoneIn::Stop);
    let figures = served.all_over().await;
    assert_eq!((figures.opened, figures.refused, figures.messages, figures.malformed), (1, 0, 4, 0));
    let request = served.desk.media.lock().unwrap()[0].clone();
    assert_eq!((&*request.call_sid, &*request.stream_sid, request.lockstep_wanted), ("CA1", "MZCA1", false));
}

#[tokio::test]
async fn outgoing_audio_has_the_wire_shape() {
    let served = Served::signed().await;
    let mut client = served.connect().await;
    say(&mut client, &start("CA1", "t1", "")).await;
    say(&mut client, &media(2, 0)).await;
    let payload = base64_simd::STANDARD.encode_to_string([0x7f; 160]);
    let expect = format!(r#"{{"event":"media","streamSid":"MZCA1","media":{{"payload":"{payload}"}}}}"#);
    assert_eq!(next_text(&mut client).await, expect);
}

#[tokio::test]
async fn wish_for_lockstep_reaches_the_desk() {
    let served = Served::signed().await;
    let mut client = served.connect().await;
    say(&mut client, &start("CA1", "t1", r#","pace":"lockstep""#)).await;
    say(&mut client, &media(2, 0)).await;
    next_text(&mut client).await;
    assert!(served.desk.media.lock().unwrap()[0].lockstep_wanted);
}

#[tokio::test]
async fn streams_that_begin_wrongly_become_no_call() {
    let other_format = start("CA1", "t1", "").replace("8000", "16000");
    for beginning in [
        &*start("CA1", "wrong", ""),
        &start("CA2", "t1", ""),
        &start("CA1", "", ""),
        &start("CA 1", "t1", ""),
        &other_format,
        &media(1, 0),
        STOP,
        "{",
        "",
    ] {
        let mut served = Served::signed().await;
        let mut client = served.connect().await;
        say(&mut client, beginning).await;
        assert_eq!(closing(&mut client).await, Some(1008), "{beginning}");
        assert_eq!(served.all_over().await.refused, 1);
        assert!(served.heard.try_recv().is_err(), "{beginning}");
    }
}

#[tokio::test]
async fn binary_before_the_start_and_endless_greetings_become_no_call() {
    let served = Served::signed().await;
    let mut client = served.connect().await;
    client.send(Message::binary(vec![0; 10])).await.expect("sent");
    assert_eq!(closing(&mut client).await, Some(1008));
    let mut client = served.connect().await;
    for _ in 0..8 {
        say(&mut client, r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#).await;
    }
    assert_eq!(closing(&mut client).await, Some(1008));
    assert_eq!(served.all_over().await.refused, 2);
}

#[tokio::test]
async fn ticket_is_good_once() {
    let served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    say(&mut client, STOP).await;
    closing(&mut client).await;
    let mut again = served.connect().await;
    say(&mut again, &start("CA1", "t1", "")).await;
    assert_eq!(closing(&mut again).await, Some(1008));
    served.all_over().await;
}

#[tokio::test]
async fn second_stream_of_a_call_is_refused_and_the_first_goes_on() {
    let mut served = Served::signed().await;
    let mut first = served.started("CA1", "t1").await;
    let mut second = served.connect().await;
    say(&mut second, &start("CA1", "t2", "")).await;
    assert_eq!(closing(&mut second).await, Some(1008));
    say(&mut first, &media(3, 20)).await;
    next_text(&mut first).await;
    // Another call is not concerned.
    let mut other = served.connect().await;
    say(&mut other, &start("CA2", "t3", "")).await;
    say(&mut other, &media(2, 0).replace("MZCA1", "MZCA2")).await;
    next_text(&mut other).await;
    // The refused one burned no ticket.
    say(&mut first, STOP).await;
    closing(&mut first).await;
    served.hears_until(PhoneIn::Stop).await;
    drop(served.started("CA1", "t2").await);
    drop(other);
    served.all_over().await;
}

#[tokio::test]
async fn stream_that_does_not_begin_in_time_is_closed() {
    let short = VoiceSettings { start_within: Duration::from_millis(200), ..settings(signed()) };
    let served = Served::new(short).await;
    let mut client = served.connect().await;
    say(&mut client, r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#).await;
    assert_eq!(closing(&mut client).await, Some(1008));
    assert_eq!(served.all_over().await.refused, 1);
}

#[tokio::test]
async fn malformed_messages_are_survived_and_a_flood_of_them_is_not() {
    let mut served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    served.hears().await;
    for nonsense in ["{", "", "null", "[1]", r#"{"event":7}"#, r#"{"event":"media","streamSid":"MZCA1"}"#] {
        say(&mut client, nonsense).await;
        assert!(matches!(served.hears().await, PhoneIn::Malformed { .. }), "{nonsense}");
    }
    say(&mut client, &media(3, 20).replace("MZCA1", "MZother")).await;
    assert_eq!(served.hears().await, PhoneIn::Malformed { reason: "message of another stream" });
    client.send(Message::binary(vec![0; 160])).await.expect("sent");
    assert_eq!(served.hears().await, PhoneIn::Malformed { reason: "binary message" });
    say(&mut client, &media(4, 40)).await;
    next_text(&mut client).await;

    for _ in 0..60 {
        // The server may close before the last of them.
        let _ = client.send(Message::text("{")).await;
    }
    assert_eq!(closing(&mut client).await, Some(1008));
    served.hears_until(PhoneIn::Closed).await;
    let figures = served.all_over().await;
    assert!((50..=60).contains(&figures.malformed), "{figures:?}");
}

#[tokio::test]
async fn what_open_sockets_receive_is_counted_as_it_comes_and_once() {
    let mut served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    for sequence in 3..8 {
        say(&mut client, &media(sequence, 20)).await;
        next_text(&mut client).await;
    }
    say(&mut client, "{").await;
    while !matches!(served.hears().await, PhoneIn::Malformed { .. }) {}
    let open = served.edge.open_streams();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].call_sid.as_str(), open[0].messages, open[0].malformed), ("CA1", 7, 1));
    assert!(open[0].call_id.is_some());
    assert_eq!(served.edge.figures().messages, 7);
    say(&mut client, STOP).await;
    closing(&mut client).await;
    let figures = served.all_over().await;
    assert_eq!((figures.messages, figures.malformed), (8, 1));
    assert!(served.edge.open_streams().is_empty());
}

#[tokio::test]
async fn too_long_a_message_ends_the_stream() {
    let mut served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    say(&mut client, &"x".repeat(64 * 1024 + 1)).await;
    served.hears_until(PhoneIn::Closed).await;
    closing(&mut client).await;
    served.all_over().await;
}

#[tokio::test]
async fn connection_that_breaks_leaves_nothing_behind() {
    let mut served = Served::signed().await;
    // In mid-call, without a close frame.
    let client = served.started("CA1", "t1").await;
    drop(client.into_inner());
    served.hears_until(PhoneIn::Closed).await;
    // Before the start.
    let client = served.connect().await;
    drop(client.into_inner());
    // With a proper close, but no stop.
    let mut client = served.started("CA1", "t2").await;
    client.close(None).await.expect("closed");
    served.hears_until(PhoneIn::Closed).await;
    assert_eq!(closing(&mut client).await, None);
    assert_eq!(served.all_over().await.opened, 3);
}

#[tokio::test]
async fn call_that_the_agent_ends_is_closed_by_us() {
    let served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    say(&mut client, &key('9')).await;
    assert_eq!(closing(&mut client).await, Some(1000));
    served.all_over().await;
}

#[tokio::test]
async fn defect_in_a_session_ends_that_call_and_nothing_else() {
    let served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    say(&mut client, &key('0')).await;
    assert_eq!(closing(&mut client).await, Some(1000));
    let mut next = served.started("CA1", "t2").await;
    say(&mut next, STOP).await;
    assert_eq!(closing(&mut next).await, Some(1000));
    served.all_over().await;
}

#[tokio::test]
async fn peer_that_is_silent_even_to_pings_is_gone() {
    let interval = Duration::from_millis(50);
    let short = VoiceSettings { ping_interval: interval, pong_timeout: interval, ..settings(signed()) };
    let mut served = Served::new(short).await;
    let client = served.started("CA1", "t1").await;
    // The client is not polled, so it answers no ping.
    served.hears_until(PhoneIn::Closed).await;
    served.all_over().await;
    drop(client);
}

#[tokio::test]
async fn peer_that_answers_pings_may_be_silent() {
    let (ping_interval, pong_timeout) = (Duration::from_millis(100), Duration::from_millis(700));
    let short = VoiceSettings { ping_interval, pong_timeout, ..settings(signed()) };
    let mut served = Served::new(short).await;
    let mut client = served.started("CA1", "t1").await;
    for _ in 0..10 {
        // Reading a ping answers it; ten of them take longer than the limit of silence.
        let ping = patiently("a ping", client.next()).await.expect("open").expect("readable");
        assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
    }
    say(&mut client, STOP).await;
    assert_eq!(closing(&mut client).await, Some(1000));
    served.hears_until(PhoneIn::Stop).await;
    served.all_over().await;
}

#[tokio::test]
async fn handshake_needs_the_signature_over_the_url_of_the_twiml() {
    let served = Served::signed().await;
    let url = "wss://studio.example/api/voice/media";
    let check = async |path: &str, signed_url: Option<&str>, expect: Result<(), StatusCode>| {
        let answer = served.handshake(path, signed_url).await.map(drop);
        assert_eq!(answer, expect, "{path} {signed_url:?}");
    };
    check("/api/voice/media", Some(url), Ok(())).await;
    check("/api/voice/media", Some("wss://studio.example:443/api/voice/media"), Ok(())).await;
    let forbidden = Err(StatusCode::FORBIDDEN);
    check("/api/voice/media", None, forbidden).await;
    check("/api/voice/media", Some("https://studio.example/api/voice/media"), forbidden).await;
    check("/api/voice/media", Some("wss://studio.example/api/voice/media/"), forbidden).await;
    check("/api/voice/media?a=1", Some(url), forbidden).await;
    check("/api/voice/media", Some("wss://evil.example/api/voice/media"), forbidden).await;
    check("/", Some("wss://studio.example/"), Ok(())).await;
    check("/", Some("wss://studio.example"), Ok(())).await;
    check("/", Some(url), forbidden).await;
}

#[tokio::test]
async fn root_carries_calls_and_still_shows_the_page() {
    let served = Served::signed().await;
    let mut client = served.handshake("/", Some("wss://studio.example/")).await.expect("101");
    say(&mut client, &start("CA1", "t1", "")).await;
    say(&mut client, &media(2, 0)).await;
    next_text(&mut client).await;
    drop(client);
    served.all_over().await;

    use tower::ServiceExt;
    let request = axum::http::Request::get("/").body(axum::body::Body::empty()).expect("a request");
    let response = routes(&served.edge).oneshot(request).await.expect("infallible");
    let body = axum::body::to_bytes(response.into_body(), 100).await.expect("a body");
    assert_eq!(&body[..], b"the page");
}

#[tokio::test]
async fn without_a_carrier_account_loopback_needs_no_signature() {
    let served = Served::new(settings(Verification::LoopbackOnly)).await;
    assert!(served.handshake("/api/voice/media", None).await.is_ok());
    assert!(served.handshake("/", None).await.is_ok());
}

#[tokio::test]
async fn no_more_sockets_than_places() {
    let served = Served::new(VoiceSettings { max_streams: 1, ..settings(signed()) }).await;
    let url = Some("wss://studio.example/api/voice/media");
    let place = occupy(&served.edge);
    assert_eq!(served.handshake("/api/voice/media", url).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    drop(place);
    assert!(served.handshake("/api/voice/media", url).await.is_ok());
    assert_eq!(served.edge.figures().refused, 1);
}

#[tokio::test]
async fn stopping_server_takes_no_streams_and_lets_calls_run() {
    let mut served = Served::signed().await;
    let mut running = served.started("CA1", "t1").await;
    let mut waiting = served.connect().await;
    served.edge.drain.cancel();
    assert_eq!(closing(&mut waiting).await, Some(1013));
    let url = Some("wss://studio.example/api/voice/media");
    assert_eq!(served.handshake("/api/voice/media", url).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    say(&mut running, &media(3, 20)).await;
    next_text(&mut running).await;
    say(&mut running, STOP).await;
    assert_eq!(closing(&mut running).await, Some(1000));
    served.hears_until(PhoneIn::Stop).await;
    served.all_over().await;
}

#[tokio::test]
async fn session_that_says_more_than_the_peer_takes_is_ended_with_the_peer() {
    let served = Served::signed().await;
    let mut client = served.started("CA1", "t1").await;
    say(&mut client, &key('5')).await;
    // Reads a little, so that the flow surely runs, then hangs up with the queues full.
    next_text(&mut client).await;
    drop(client.into_inner());
    served.all_over().await;
}
