//! Following a call: history, then live, and coming back after a broken connection.

use app::live::LiveEvent;
use axum::http::StatusCode;
use domain::call_log::{CallEvent, EndReason, EventKind};
use futures_util::StreamExt as _;
use serde_json::Value;
use store::OrgTx;

use super::world::{Agency, World, request};

fn digit(seq: u32) -> CallEvent {
    CallEvent { seq, at_ms: u64::from(seq) * 100, kind: EventKind::Dtmf { digit: '5' } }
}

fn ended(seq: u32) -> CallEvent {
    CallEvent { seq, at_ms: u64::from(seq) * 100, kind: EventKind::Ended { reason: EndReason::CallerHungUp } }
}

async fn store_events(world: &World, agency: &Agency, events: &[CallEvent]) {
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    store::calls::events::append(&mut tx, agency.call, events, world.app.ambient.now()).await.unwrap();
    tx.commit().await.unwrap();
}

fn publish(world: &World, agency: &Agency, event: CallEvent) {
    world.app.live.publish(LiveEvent { org_id: agency.id, call_id: agency.call, event });
}

/// A stream as a browser reads it.
struct Listener {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Listener {
    async fn open(world: &World, agency: &Agency, token: &str, last: Option<&str>) -> Self {
        let headers: Vec<_> = last.map(|id| ("last-event-id", id)).into_iter().collect();
        let path = format!("/api/v1/calls/{}/events", agency.call);
        let response = world.open(request("GET", &path, Some(token), &headers, None)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event's name and data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let start = format!("{name}: ");
                    event.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
                };
                let (name, data) = (field("event"), field("data"));
                self.text = rest.to_owned();
                if !name.is_empty() {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn entry(&mut self) -> u64 {
        let (name, data) = self.next().await.expect("the stream goes on");
        assert_eq!(name, "entry");
        data["seq"].as_u64().unwrap()
    }

    async fn complete(mut self) {
        assert_eq!(self.next().await.expect("a last event").0, "complete");
        assert!(self.next().await.is_none(), "the stream ends");
    }
}

#[tokio::test]
async fn history_comes_first_then_what_happens_then_the_end() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    store_events(&world, &agency, &[digit(0), digit(1)]).await;
    let mut listener = Listener::open(&world, &agency, &token, None).await;
    assert_eq!((listener.entry().await, listener.entry().await), (0, 1));
    publish(&world, &agency, digit(1)); // seen in the history already
    publish(&world, &agency, digit(2));
    assert_eq!(listener.entry().await, 2);
    publish(&world, &agency, ended(3));
    assert_eq!(listener.entry().await, 3);
    listener.complete().await;
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    store_events(&world, &agency, &[digit(0), digit(1), digit(2), ended(3)]).await;
    let mut listener = Listener::open(&world, &agency, &token, Some("1")).await;
    assert_eq!((listener.entry().await, listener.entry().await), (2, 3));
    listener.complete().await;
}

#[tokio::test]
async fn an_entry_that_is_on_its_way_to_the_store_is_waited_for() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    store_events(&world, &agency, &[digit(0)]).await;
    let mut listener = Listener::open(&world, &agency, &token, None).await;
    assert_eq!(listener.entry().await, 0);
    // 1 was published before anybody listened and is not stored yet.
    publish(&world, &agency, digit(2));
    let late = [digit(1)];
    let (seen, ()) = tokio::join!(listener.entry(), store_events(&world, &agency, &late));
    assert_eq!((seen, listener.entry().await), (1, 2));
}

#[tokio::test]
async fn another_calls_events_are_not_heard() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let mut listener = Listener::open(&world, &agency, &token, None).await;
    let other = domain::ids::CallId(world.app.ambient.new_id());
    world.app.live.publish(LiveEvent { org_id: agency.id, call_id: other, event: ended(0) });
    publish(&world, &agency, digit(0));
    assert_eq!(listener.next().await.unwrap().1["type"], "dtmf");
}

#[tokio::test]
async fn there_are_only_so_many_places() {
    let settings = api::ApiSettings { max_connections: 1, ..Default::default() };
    let world = World::with(settings).await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let path = format!("/api/v1/calls/{}/events", agency.call);
    let first = Listener::open(&world, &agency, &token, None).await;
    let refused = world.get(&path, Some(&token)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.problem(), "unavailable");
    drop(first);
    Listener::open(&world, &agency, &token, None).await;
}
