//! Each fault as a client meets it.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::Vendor;
use super::answer::{Answer, Reply};
use super::fault::{Failure, Fault};
use super::request::Request;
use super::seen::End;
use super::stand_in::{Place, StandIn};

/// Counts to three; a socket says everything twice.
#[derive(Debug)]
struct Counter;

#[async_trait]
impl Vendor for Counter {
    fn answer(&self, request: &Request) -> Reply {
        if request.is_upgrade() {
            return Reply::Socket(vec![("x-said".to_owned(), "yes".to_owned())]);
        }
        if request.path == "/json" {
            return Answer::json(200, &json!({ "count": [1, 2, 3] })).into();
        }
        let events = ["one", "two", "three"].map(|word| (None, word.to_owned()));
        Answer::events(events, Duration::ZERO).into()
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => Answer::json(401, &json!({})).into(),
            Failure::RateLimited(after) => Answer::json(429, &json!({}))
                .header("retry-after", after.unwrap_or_default().as_secs().to_string())
                .into(),
            Failure::NoCredit => Answer::json(402, &json!({})).into(),
            Failure::Server(status) => Answer::json(status, &json!({})).into(),
        }
    }

    async fn socket(&self, _: Request, mut socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        assert_eq!(fault, Some(Fault::Stall(1)), "a fault in the socket is the vendor's affair");
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            let twice = Message::text(format!("{text}{text}"));
            if socket.send(twice).await.is_err() {
                return;
            }
        }
    }
}

async fn stand_in() -> StandIn<Counter> {
    StandIn::start(Counter, Place::default()).await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The status and the body, as far as it comes within two seconds, and whether it ended well.
async fn got(url: &str) -> Result<(u16, String, bool), reqwest::Error> {
    let mut answer = client().get(url).send().await?;
    let (mut body, mut well) = (Vec::new(), false);
    let reading = async {
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        }
    };
    if let Ok(ended) = tokio::time::timeout(Duration::from_secs(2), reading).await {
        well = ended;
    }
    Ok((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned(), well))
}

#[tokio::test]
async fn each_fault_is_what_it_says() {
    let stand_in = stand_in().await;
    let url = format!("{}/events", stand_in.url());
    let (one, all) = ("data: one\n\n", "data: one\n\ndata: two\n\ndata: three\n\n");
    for (fault, status, body, well) in [
        (Fault::Fail(Failure::Unauthorized), 401, "{}", true),
        (Fault::Fail(Failure::RateLimited(Some(Duration::from_secs(3)))), 429, "{}", true),
        (Fault::Fail(Failure::Server(503)), 503, "{}", true),
        (Fault::SlowFirstByte(Duration::from_millis(20)), 200, all, true),
        (Fault::SlowFirstPiece(Duration::from_millis(20)), 200, all, true),
        (Fault::Stall(1), 200, one, false),
        (Fault::Cut(1), 200, "data: one\n\ndata:", false),
        (Fault::EndEarly(1), 200, one, true),
    ] {
        stand_in.set_fault_for(fault, 1);
        let found = got(&url).await.unwrap();
        assert_eq!(found, (status, body.to_owned(), well), "{}", fault.name());
        assert_eq!(stand_in.seen().last().unwrap().fault, Some(fault.name()));
    }
    stand_in.set_fault_for(Fault::Refuse, 1);
    assert!(got(&url).await.is_err());
    stand_in.set_fault_for(Fault::Garbage, 1);
    let (status, body, _) = got(&url).await.unwrap();
    assert!(status == 200 && body.contains("not of this protocol"), "{body}");
    assert_eq!(got(&url).await.unwrap(), (200, all.to_owned(), true), "and sound again");
    stand_in.stop().await;
}

#[tokio::test]
async fn an_answer_of_one_piece_is_cut_in_its_middle() {
    let stand_in = stand_in().await;
    stand_in.set_fault(Some(Fault::Cut(5)));
    let (status, body, well) = got(&format!("{}/json", stand_in.url())).await.unwrap();
    assert_eq!((status, body.as_str(), well), (200, r#"{"count""#, false));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_noticed() {
    let stand_in = stand_in().await;
    stand_in.set_fault(Some(Fault::Stall(1)));
    let answer = client().get(format!("{}/events?x=1", stand_in.url())).send().await.unwrap();
    assert_eq!(stand_in.seen().last().unwrap().end, None);
    drop(answer);
    stand_in.until(|seen| seen.last().is_some_and(|last| last.end == Some(End::ClientLeft))).await;
    assert_eq!(stand_in.seen().last().unwrap().request.parameter("x"), Some("1"));
}

#[tokio::test]
async fn a_socket_is_an_answer_like_any_other() {
    let stand_in = stand_in().await;
    stand_in.set_fault(Some(Fault::Stall(1)));
    let (mut socket, answer) =
        tokio_tungstenite::connect_async(format!("{}/listen", stand_in.ws_url())).await.unwrap();
    assert_eq!(answer.headers()["x-said"], "yes");
    socket.send(Message::text("ha")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("haha"));
    assert_eq!(stand_in.seen().last().unwrap().status, 101);
    socket.close(None).await.unwrap();
    stand_in.until(|seen| seen.last().is_some_and(|last| last.end == Some(End::Whole))).await;
    stand_in.stop().await;
}
