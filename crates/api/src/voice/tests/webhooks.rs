//! Webhooks: believed or not, and always spoken.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use providers::twilio::form::{Form, MAX_BODY_BYTES};
use providers::twilio::signature::sign;
use tower::ServiceExt;

use super::super::answers;
use super::*;

const CALL: &str = "CallSid=CA1&AccountSid=AC1&From=%2B15135550142&To=%2B15135550100";
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

struct Answered {
    status: StatusCode,
    content_type: String,
    body: String,
}

/// A webhook of Twilio's; each part can be spoiled.
struct Hook {
    path: &'static str,
    body: String,
    signed_url: String,
    signature: Option<String>,
    headers: Vec<(&'static str, &'static str)>,
    peer: Option<&'static str>,
}

impl Hook {
    fn new(path: &'static str, body: &str) -> Self {
        let signed_url = format!("{BASE}{path}");
        Self {
            path,
            body: body.to_owned(),
            signed_url,
            signature: None,
            headers: vec![("content-type", FORM_TYPE)],
            peer: Some("192.0.2.7:4000"),
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    async fn send(self, edge: &Arc<VoiceEdge>) -> Answered {
        let form = Form::parse(self.body.as_bytes()).unwrap_or_default();
        let signature =
            self.signature.unwrap_or(sign(TOKEN, &self.signed_url, Some(&form)).expect("a token"));
        let mut request = Request::post(self.path);
        if !signature.is_empty() {
            request = request.header("X-Twilio-Signature", signature);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(peer) = self.peer {
            let peer: SocketAddr = peer.parse().expect("an address");
            request = request.extension(ConnectInfo(peer));
        }
        let request = request.body(Body::from(self.body)).expect("a request");
        let response = routes(edge).oneshot(request).await.expect("infallible");
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        Answered { status, content_type, body: String::from_utf8(body.to_vec()).expect("text") }
    }
}

fn spoken_fallback() -> String {
    answers::trouble(&settings(signed()))
}

#[tokio::test]
async fn signed_call_is_connected_with_a_spoken_tail() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let answer = Hook::new("/api/voice/inbound", CALL).send(&edge).await;
    assert_eq!((answer.status, &*answer.content_type), (StatusCode::OK, "text/xml; charset=utf-8"));
    let expect = r#"<?xml version="1.0" encoding="UTF-8"?><Response>
        <Connect action="https://studio.example/api/voice/after-stream" method="POST">
        <Stream url="wss://studio.example/api/voice/media">
        <Parameter name="token" value="t1"/>
        </Stream>
        </Connect>
        <Say>We are sorry, there is a technical problem on our side. Please leave a message after the tone, and we will call you back.</Say>
        <Record action="https://studio.example/api/voice/message" method="POST" maxLength="120" playBeep="true"/>
        <Hangup/></Response>"#;
    assert_eq!(answer.body, expect.lines().map(str::trim_start).collect::<String>());
    let calls = desk.calls.lock().unwrap();
    let call = &calls[0];
    assert_eq!(
        [&*call.call_sid, &*call.account_sid, &*call.from, &*call.to],
        ["CA1", "AC1", "+15135550142", "+15135550100"]
    );
}

#[tokio::test]
async fn wrong_or_missing_signature_is_refused_before_anything_happens() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let hook = || Hook::new("/api/voice/inbound", CALL);
    let spoiled = [
        Hook { signature: Some(String::new()), ..hook() },
        Hook { signature: Some("L/OH5YylLD5NRKLltdqwSvS0BnU=".into()), ..hook() },
        Hook { signed_url: "https://evil.example/api/voice/inbound".into(), ..hook() }
            .with("host", "evil.example"),
        Hook { signed_url: "http://studio.example/api/voice/inbound".into(), ..hook() },
        Hook { signed_url: format!("{BASE}/api/voice/status"), ..hook() },
        Hook { peer: Some("127.0.0.1:4000"), signature: Some(String::new()), ..hook() },
        Hook { signature: Some(String::new()), ..hook() }.with("user-agent", "TwilioProxy/1.1"),
    ];
    for (index, hook) in spoiled.into_iter().enumerate() {
        let answer = hook.send(&edge).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{index}");
        assert_eq!(answer.content_type, "application/problem+json");
        assert!(answer.body.contains("urn:studioconnect:problem:bad-signature"), "{}", answer.body);
    }
    assert!(desk.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_webhook_checks_the_signature() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(desk, settings(signed()));
    for path in [
        "/api/voice/inbound",
        "/api/voice/status",
        "/api/voice/after-stream",
        "/api/voice/after-dial",
        "/api/voice/message",
    ] {
        let answer = Hook { signature: Some("AAAA".into()), ..Hook::new(path, CALL) }.send(&edge).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn query_of_the_configured_url_is_part_of_what_is_signed() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(desk, settings(signed()));
    let answer = Hook::new("/api/voice/inbound?line=1", CALL).send(&edge).await;
    assert_eq!(answer.status, StatusCode::OK);
    let stripped = Hook {
        signed_url: format!("{BASE}/api/voice/inbound"),
        ..Hook::new("/api/voice/inbound?line=1", CALL)
    };
    assert_eq!(stripped.send(&edge).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_a_carrier_account_only_this_machine_is_heard() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(desk, settings(Verification::LoopbackOnly));
    let hook = |peer| Hook { peer, signature: Some(String::new()), ..Hook::new("/api/voice/inbound", CALL) };
    for peer in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(hook(Some(peer)).send(&edge).await.status, StatusCode::OK, "{peer}");
    }
    for peer in [Some("192.0.2.7:1"), Some("[2001:db8::1]:1"), Some("10.0.0.1:1"), None] {
        assert_eq!(hook(peer).send(&edge).await.status, StatusCode::FORBIDDEN, "{peer:?}");
    }
    for name in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "origin", "sec-fetch-site"] {
        let answer = hook(Some("127.0.0.1:1")).with(name, "127.0.0.1").send(&edge).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
    }
}

#[tokio::test]
async fn retry_gets_the_same_answer_and_the_call_is_answered_once() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let hook = |token| Hook::new("/api/voice/inbound", CALL).with("I-Twilio-Idempotency-Token", token);
    let first = hook("one").send(&edge).await.body;
    let other = Answer::Connect { call_id: CallId(uuid::Uuid::nil()), ticket: "other".into() };
    desk.behaves(Behaviour::Answers(other));
    assert_eq!(hook("one").send(&edge).await.body, first);
    assert_eq!(desk.calls.lock().unwrap().len(), 1);
    assert_ne!(hook("two").send(&edge).await.body, first);
    assert_eq!(desk.calls.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn answer_that_cannot_be_kept_is_still_given() {
    let (desk, _) = FakeDesk::new();
    *desk.storage_works.lock().unwrap() = false;
    let edge = edge(desk, settings(signed()));
    let answer =
        Hook::new("/api/voice/inbound", CALL).with("I-Twilio-Idempotency-Token", "one").send(&edge).await;
    assert!(answer.body.contains("<Connect"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn call_that_is_not_answered_in_time_hears_the_fallback() {
    let (desk, _) = FakeDesk::new();
    desk.behaves(Behaviour::Hangs);
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let began = tokio::time::Instant::now();
    let answer =
        Hook::new("/api/voice/inbound", CALL).with("I-Twilio-Idempotency-Token", "one").send(&edge).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, spoken_fallback()));
    assert_eq!(began.elapsed().as_secs(), 3);
    // The fallback is not kept: a repetition may do better.
    assert!(desk.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn defect_and_nonsense_hear_the_fallback() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let answer = Hook::new("/api/voice/inbound", "To=%2B15135550100").send(&edge).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, spoken_fallback()));
    desk.behaves(Behaviour::Panics);
    let answer = Hook::new("/api/voice/inbound", CALL).send(&edge).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, spoken_fallback()));
    desk.behaves(Behaviour::Answers(Answer::Speak { text: "word ".repeat(20_000), record_message: true }));
    let answer = Hook::new("/api/voice/inbound", CALL).send(&edge).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, spoken_fallback()));
    assert!(spoken_fallback().contains("<Say>") && spoken_fallback().contains("<Record"));
}

#[tokio::test]
async fn refusal_with_words_is_spoken_and_ends() {
    let (desk, _) = FakeDesk::new();
    desk.behaves(Behaviour::Answers(Answer::Speak {
        text: "Not <b>in service</b>.".into(),
        record_message: false,
    }));
    let edge = edge(desk, settings(signed()));
    let answer = Hook::new("/api/voice/inbound", CALL).send(&edge).await;
    assert!(
        answer.body.ends_with("<Response><Say>Not &lt;b&gt;in service&lt;/b&gt;.</Say><Hangup/></Response>"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn oversized_bodies_and_other_types_are_refused() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let large = format!("{CALL}&Pad={}", "x".repeat(MAX_BODY_BYTES));
    let answer = Hook::new("/api/voice/inbound", &large).send(&edge).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let many = "a=1&".repeat(1_000);
    assert_eq!(Hook::new("/api/voice/status", &many).send(&edge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for content_type in ["application/json", "text/plain", ""] {
        let hook =
            Hook { headers: vec![("content-type", content_type)], ..Hook::new("/api/voice/inbound", CALL) };
        assert_eq!(hook.send(&edge).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    assert!(desk.calls.lock().unwrap().is_empty());
    let headers = vec![("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")];
    let hook = Hook { headers, ..Hook::new("/api/voice/inbound", CALL) };
    assert_eq!(hook.send(&edge).await.status, StatusCode::OK);
}

async fn check_status(desk: &Arc<FakeDesk>, body: &str, expect: StatusCode) {
    let edge = edge(Arc::clone(desk), settings(signed()));
    let form = Form::parse(body.as_bytes()).expect("a form");
    let url = format!("{BASE}/api/voice/status");
    let request = Request::post("/api/voice/status")
        .header(header::CONTENT_TYPE, FORM_TYPE)
        .header("X-Twilio-Signature", sign(TOKEN, &url, Some(&form)).expect("a token"))
        .body(Body::from(body.to_owned()))
        .expect("a request");
    let response = routes(&edge).oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), expect, "{body}");
}

#[tokio::test]
async fn status_is_noted() {
    let (desk, _) = FakeDesk::new();
    let body = "CallSid=CA1&CallStatus=completed&SequenceNumber=3&CallDuration=61";
    check_status(&desk, body, StatusCode::NO_CONTENT).await;
    check_status(&desk, "CallSid=CAunknown&CallStatus=completed", StatusCode::NO_CONTENT).await;
    check_status(&desk, "CallSid=CA1", StatusCode::BAD_REQUEST).await;
    let noted = desk.statuses.lock().unwrap().clone();
    assert_eq!(noted.len(), 1);
    assert_eq!((&*noted[0].status, noted[0].sequence, noted[0].duration_s), ("completed", Some(3), Some(61)));
    *desk.storage_works.lock().unwrap() = false;
    check_status(&desk, body, StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test]
async fn what_follows_a_stream_is_what_the_desk_says() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let check = async |next: AfterStream, expect: &str| {
        *desk.after.lock().unwrap() = next;
        let answer = Hook::new("/api/voice/after-stream", "CallSid=CA1").send(&edge).await;
        assert!(answer.body.contains(expect), "{}", answer.body);
    };
    check(AfterStream::HangUp, "<Response><Hangup/></Response>").await;
    let dial = AfterStream::Dial { to: "+15135550190".into(), caller_id: Some("+15135550100".into()) };
    check(
        dial,
        "<Response><Dial action=\"https://studio.example/api/voice/after-dial\" method=\"POST\" timeout=\"20\" \
         callerId=\"+15135550100\"><Number statusCallback=\"https://studio.example/api/voice/transfer-answered\" \
         statusCallbackEvent=\"answered\">+15135550190</Number></Dial><Say>",
    )
    .await;
    check(AfterStream::Speak { text: "Sorry.".into(), record_message: true }, "<Say>Sorry.</Say><Record")
        .await;
    let answer = Hook::new("/api/voice/after-stream", "CallSid=").send(&edge).await;
    assert_eq!(answer.body, spoken_fallback());
}

#[tokio::test]
async fn message_is_taken_only_when_nobody_answered() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let answer = Hook::new("/api/voice/after-dial", "CallSid=CA1&DialCallStatus=completed").send(&edge).await;
    assert!(answer.body.ends_with("<Response><Hangup/></Response>"), "{}", answer.body);
    let answer = Hook::new("/api/voice/after-dial", "CallSid=CA1&DialCallStatus=no-answer").send(&edge).await;
    assert!(answer.body.contains("<Record"), "{}", answer.body);
}

#[tokio::test]
async fn recorded_message_is_noted_and_thanked_for() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(Arc::clone(&desk), settings(signed()));
    let body =
        "CallSid=CA1&RecordingSid=RE1&RecordingUrl=https%3A%2F%2Fapi.example%2FRE1&RecordingDuration=7";
    let answer = Hook::new("/api/voice/message", body).send(&edge).await;
    assert!(answer.body.contains("Thank you") && answer.body.contains("<Hangup/>"), "{}", answer.body);
    assert_eq!(desk.messages.lock().unwrap()[0].recording_sid, "RE1");
}

#[tokio::test]
async fn whoever_waits_hears_words_and_music_that_anybody_may_fetch() {
    let (desk, _) = FakeDesk::new();
    let edge = edge(desk, settings(signed()));
    let id = TransferId(uuid::Uuid::nil());
    let path: &'static str = format!("/api/voice/transfers/{id}/hold").leak();
    let answer = Hook::new(path, "CallSid=CA1").send(&edge).await;
    let expect =
        "<Say>Please hold.</Say><Play>https://studio.example/api/voice/hold-music.wav</Play></Response>";
    assert!(answer.body.ends_with(expect), "{}", answer.body);

    for _ in 0..2 {
        let request = Request::get("/api/voice/hold-music.wav").body(Body::empty()).expect("a request");
        let response = routes(&edge).oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "audio/wav");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=86400");
        let file = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        // Half a minute of 16 bits at 8 kHz, behind its header.
        assert_eq!((&file[..4], file.len()), (&b"RIFF"[..], 44 + 30 * 16_000));
    }
}
