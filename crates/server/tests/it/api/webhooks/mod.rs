//! Outgoing webhooks: an agency with a receiver that behaves as told, and everything that can happen on the way.

mod configuration;
mod facts;
mod failing;
mod life;
mod telling;

use std::sync::Mutex;

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use provider_traits::ambient::{Clock as _, SystemClock};
use serde_json::{Value, json};
use simulator::receiver::{Behaviour, Receiver};
use store::audit::Filter;

use super::world::{Agency, Answer, World, request};

/// An agency whose webhook leads to a receiver on this machine.
struct Scene {
    world: World,
    agency: Agency,
    token: Mutex<String>,
    receiver: Receiver,
    hook: Hook,
}

/// A webhook as its creator sees it.
struct Hook {
    path: String,
    secret: String,
}

impl Scene {
    /// A webhook that wants everything and a receiver that behaves so, the last behaviour for ever.
    async fn new(script: impl IntoIterator<Item = Behaviour>) -> Self {
        let world = World::new().await;
        // Receivers check the time of a signature against their own clock.
        world.clock.advance(SystemClock.now() - world.app.ambient.now());
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "owner").await;
        let receiver = Receiver::start(script).await.unwrap();
        let hook = enter(&world, &token, &receiver.url("/hook?key=1"), &["*"]).await;
        Self { world, agency, token: Mutex::new(token), receiver, hook }
    }

    /// Changes the project, which is told as `project.updated`.
    async fn something_happens(&self) {
        let path = format!("/api/v1/projects/{}", self.agency.project);
        let body = json!({"last_update": format!("Seen {}", self.world.app.ambient.new_id())});
        let answer = self.change(&path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    async fn change(&self, path: &str, body: &Value) -> Answer {
        self.world.send(request("PATCH", path, Some(&self.token()), &[("if-match", "*")], Some(body))).await
    }

    /// Has a worker deliver what is due; returns how many attempts it made.
    async fn deliver(&self) -> usize {
        self.world.app.deliver_due_webhooks().await.unwrap()
    }

    /// The webhook's deliveries, newest first.
    async fn deliveries(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("{}/deliveries{query}", self.hook.path)).await;
        answer["items"].as_array().unwrap().clone()
    }

    /// The only delivery.
    async fn delivery(&self) -> Value {
        let mut all = self.deliveries("").await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.world.get(path, Some(&self.token())).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.world.post(path, Some(&self.token()), body).await
    }

    async fn webhook(&self) -> Value {
        self.get(&self.hook.path).await
    }

    fn token(&self) -> String {
        self.token.lock().unwrap().clone()
    }

    async fn wait(&self, seconds: i64) {
        self.advance(TimeDelta::seconds(seconds)).await;
    }

    /// Waits, on the tests' clock, until a moment of an answer; not at all when there is none.
    async fn wait_until(&self, moment: &Value) {
        let Some(moment) = moment.as_str() else { return };
        let moment: DateTime<Utc> = moment.parse().unwrap();
        self.advance(moment - self.world.app.ambient.now()).await;
    }

    async fn advance(&self, by: TimeDelta) {
        self.world.clock.advance(by.max(TimeDelta::zero()));
        if by > TimeDelta::minutes(5) {
            // The session may be over.
            let token = self.world.sign_in_as(&self.agency, "owner").await;
            *self.token.lock().unwrap() = token;
        }
    }

    /// The entries of the audit log about the webhook.
    async fn audited(&self) -> Vec<String> {
        let mut tx = store::OrgTx::begin(&self.world.app.db, self.agency.id).await.unwrap();
        let entries = store::audit::list(&mut tx, &Filter::default(), None, 100).await.unwrap().items;
        let mut actions: Vec<String> = entries.into_iter().map(|recorded| recorded.entry.action).collect();
        actions.retain(|action| action.starts_with("webhooks:"));
        actions.reverse();
        actions
    }
}

/// Enters a webhook.
async fn enter(world: &World, token: &str, url: &str, events: &[&str]) -> Hook {
    let answer = world.post("/api/v1/webhooks", Some(token), &json!({"url": url, "events": events})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let json = answer.json();
    let path = format!("/api/v1/webhooks/{}", json["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    Hook { path, secret: json["secret"].as_str().unwrap().to_owned() }
}
