//! One tenant with one of everything, and how an operation is asked of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::ids::OrgId;
use domain::permissions::PermissionSet;
use serde_json::Value;
use store::organizations::OrgStatus;
use tokio::sync::Mutex;

use super::bodies;
use super::cases::{Case, Cases};
use super::document::{Document, Operation};
use crate::api::world::{Agency, Answer, World, request};

/// What all tests of the matrix share.
pub(super) struct Matrix {
    pub(super) world: World,
    pub(super) document: Document,
    pub(super) cases: Cases,
    unused: AtomicU32,
}

/// A tenant.
pub(super) struct Side {
    pub(super) agency: Agency,
    /// Above it; has no other below.
    pub(super) partner: OrgId,
    /// Bearer tokens by role.
    tokens: Mutex<BTreeMap<String, String>>,
    /// Things made by operations that are not used up.
    things: Mutex<BTreeMap<String, String>>,
}

/// A request before it is built, so that one part of it can be made wrong.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// The path with `{names}`.
    pub(super) template: String,
    pub(super) path: BTreeMap<String, String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Where an id is put, so that it can be exchanged for somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Path(String),
    Query(String),
    Body,
}

impl Matrix {
    pub(super) async fn new() -> Self {
        Self {
            world: World::new().await,
            document: Document::read(),
            cases: Cases::read(),
            unused: AtomicU32::new(1),
        }
    }

    /// Founds a tenant.
    pub(super) async fn side(&self, name: &str, digit: u8, status: OrgStatus) -> Side {
        let (agency, partner) = self.world.agency_of_a_partner(name, digit, status).await;
        Side { agency, partner, tokens: Mutex::default(), things: Mutex::default() }
    }

    pub(super) fn case(&self, operation: &Operation) -> Case {
        self.cases.operation.get(&operation.id).cloned().unwrap_or_default()
    }

    /// A request of an operation for a tenant's things, as it should be.
    pub(super) async fn right(&self, operation: &Operation, of: &Side) -> Asked {
        let case = self.case(operation);
        let mut path = BTreeMap::new();
        for (name, value) in case.path_values() {
            path.insert(name, self.filled(&value, of).await);
        }
        for parameter in self.document.parameters(operation, "path") {
            assert!(
                path.contains_key(&parameter.name),
                "{}: cases.toml does not say what {{{}}} is: add `id = \"thing\"` or `path = {{ {} = \"…\" }}`",
                operation.id,
                parameter.name,
                parameter.name,
            );
        }
        let mut query = BTreeMap::new();
        for (name, value) in &case.query {
            query.insert(name.clone(), self.filled(value, of).await);
        }
        let over = self.filled_json(&case.body, of).await;
        Asked {
            method: operation.method.clone(),
            template: operation.path.clone(),
            path,
            query,
            body: bodies::right(&self.document, operation, &over),
            headers: if self.document.needs_if_match(operation) {
                vec![("if-match", "*".to_owned())]
            } else {
                Vec::new()
            },
        }
    }

    /// As [`Matrix::right`], but where a thing would have to be made first an id that nothing has: for requests
    /// that are refused before anything is looked up.
    pub(super) async fn right_or_made_up(&self, operation: &Operation, of: &Side) -> Asked {
        {
            let mut things = of.things.lock().await;
            for name in self.cases.made_by.keys() {
                for name in [name.clone(), format!("{name}_kept")] {
                    things.insert(name.clone(), format!("{name}_01jd5z6q2mf3vr4c9s8e7t6k5h"));
                }
            }
        }
        let asked = self.right(operation, of).await;
        of.things.lock().await.clear();
        asked
    }

    /// The same request with another tenant's thing at one place; one for each place that names a thing.
    pub(super) async fn with_things_of(
        &self,
        operation: &Operation,
        mine: &Asked,
        theirs: &Side,
    ) -> Vec<(Place, Asked)> {
        let case = self.case(operation);
        let foreign = self.right(operation, theirs).await;
        let mut found = Vec::new();
        for (name, value) in case.path_values() {
            if names_a_thing(&value) {
                let mut asked = mine.clone();
                asked.path.insert(name.clone(), foreign.path[&name].clone());
                found.push((Place::Path(name), asked));
            }
        }
        for (name, value) in &case.query {
            if names_a_thing(value) {
                let mut asked = mine.clone();
                asked.query.insert(name.clone(), foreign.query[name].clone());
                found.push((Place::Query(name.clone()), asked));
            }
        }
        if json_names_a_thing(&case.body) {
            found.push((Place::Body, Asked { body: foreign.body, ..mine.clone() }));
        }
        found
    }

    /// A person of the tenant with a role of that name: the same one each time.
    pub(super) async fn token(&self, of: &Side, role: &str) -> String {
        let mut tokens = of.tokens.lock().await;
        if let Some(token) = tokens.get(role) {
            return token.clone();
        }
        let token = self.world.sign_in_as(&of.agency, role).await;
        tokens.insert(role.to_owned(), token.clone());
        token
    }

    /// A person who may do just that.
    pub(super) async fn token_with(&self, of: &Side, permissions: PermissionSet) -> String {
        let mut tokens = of.tokens.lock().await;
        let name = permissions.names().join(",");
        if let Some(token) = tokens.get(&name) {
            return token.clone();
        }
        let token = self.world.sign_in_with(of.agency.id, permissions).await;
        tokens.insert(name, token.clone());
        token
    }

    /// The owner who asks an operation: somebody new where the operation is about their own session or account.
    pub(super) async fn owner(&self, operation: &Operation, of: &Side) -> String {
        if operation.is_without_tenant() {
            return self.world.sign_in_as(&of.agency, "owner").await;
        }
        if self.case(operation).asker.as_deref() == Some("partner") {
            let mut tokens = of.tokens.lock().await;
            if !tokens.contains_key("partner") {
                let token = self.world.sign_in_at(of.partner, "partner_admin").await;
                tokens.insert("partner".to_owned(), token);
            }
            return tokens["partner"].clone();
        }
        self.token(of, "owner").await
    }

    pub(super) async fn send(&self, asked: &Asked, token: Option<&str>) -> Answer {
        self.world.send_briefly(asked.build(token)).await
    }

    /// A word with its `$thing` replaced.
    async fn filled(&self, text: &str, of: &Side) -> String {
        if text == "$email" {
            return self.world.employ(&of.agency, "owner").await;
        }
        if let Some(name) = text.strip_prefix('$').filter(|_| names_a_thing(text)) {
            return self.thing(name, of).await;
        }
        if text.contains("$new") {
            let number = self.unused.fetch_add(1, Ordering::Relaxed);
            return text.replace("$new", &number.to_string());
        }
        text.to_owned()
    }

    async fn filled_json(&self, value: &Value, of: &Side) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled(text, of).await),
            Value::Array(items) => {
                let mut filled = Vec::new();
                for item in items {
                    filled.push(Box::pin(self.filled_json(item, of)).await);
                }
                Value::Array(filled)
            }
            Value::Object(members) => {
                let mut filled = serde_json::Map::new();
                for (name, member) in members {
                    filled.insert(name.clone(), Box::pin(self.filled_json(member, of)).await);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        }
    }

    /// The id of a thing of the tenant.
    async fn thing(&self, name: &str, of: &Side) -> String {
        let agency = &of.agency;
        match name {
            "agent" => agency.agent.to_string(),
            "call" => agency.call.to_string(),
            "client" => agency.client.to_string(),
            "entry" => agency.entry.to_string(),
            "lead" => agency.lead.to_string(),
            "callback" => agency.callback().to_string(),
            "incident" => agency.incident().to_string(),
            "change_request" => agency.change_request().to_string(),
            "message" => agency.message().to_string(),
            "number" => agency.number.to_string(),
            "org" => agency.id.to_string(),
            "project" => agency.project.to_string(),
            "question" => agency.question().to_string(),
            "user" => {
                let token = self.world.sign_in_as(agency, "member").await;
                let me = self.world.get("/api/v1/auth/me", Some(&token)).await.json();
                me["user"]["id"].as_str().unwrap().to_owned()
            }
            "failed_notification" => self.failed_notification(agency).await,
            made => self.made(made, of).await,
        }
    }

    /// Something that could not be told; another one each time.
    async fn failed_notification(&self, agency: &Agency) -> String {
        let number = self.unused.fetch_add(1, Ordering::Relaxed);
        let id = domain::ids::NotificationId(self.world.app.ambient.new_id());
        let now = self.world.app.ambient.now();
        let new = store::notifications::NewNotification {
            id,
            event: domain::notification_settings::Event::CallEnded,
            key: format!("failed {number}"),
            channel: domain::notification_settings::Channel::Email,
            address: "dana@aurora.example".to_owned(),
            name: "Dana".to_owned(),
            facts: serde_json::json!({ "kind": "call", "call_id": agency.call }),
            not_before: None,
            created_at: now,
        };
        let failed = store::notifications::NotificationState::Failed;
        let mut tx = store::OrgTx::begin(&self.world.app.db, agency.id).await.unwrap();
        store::notifications::insert(&mut tx, &new).await.unwrap();
        store::notifications::give_up(&mut tx, id, failed, "nobody there", now).await.unwrap();
        tx.commit().await.unwrap();
        id.to_string()
    }

    /// Makes a thing by the operation that `made_by` names for it.
    async fn made(&self, name: &str, of: &Side) -> String {
        let kept = name.ends_with("_kept");
        if let Some(id) = of.things.lock().await.get(name) {
            return id.clone();
        }
        let plain = name.trim_end_matches("_kept");
        let by = self.cases.made_by.get(plain).unwrap_or_else(|| {
            panic!("${name} in cases.toml is neither a thing of side.rs nor in [made_by]: add it there")
        });
        let (operation, pointer) =
            by.split_once('/').map_or((by.as_str(), "/id".to_owned()), |(id, at)| (id, format!("/{at}")));
        let operation = self
            .document
            .operation(operation)
            .unwrap_or_else(|| panic!("[made_by] {name}: no operation {by}"));
        let asked = Box::pin(self.right(operation, of)).await;
        let token = self.owner(operation, of).await;
        let answer = self.send(&asked, Some(&token)).await;
        assert!(answer.status.is_success(), "${name} could not be made by {by}: {answer:?}");
        let json = answer.json();
        let id = json.pointer(&pointer).and_then(Value::as_str);
        let id = id.unwrap_or_else(|| panic!("{by} answers no {pointer}: {json}")).to_owned();
        if kept {
            of.things.lock().await.insert(name.to_owned(), id.clone());
        }
        id
    }
}

impl Asked {
    pub(super) fn uri(&self) -> String {
        let mut uri = self.template.clone();
        for (name, value) in &self.path {
            uri = uri.replace(&format!("{{{name}}}"), value);
        }
        for (at, (name, value)) in self.query.iter().enumerate() {
            uri.push(if at == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={}", escaped(value)));
        }
        uri
    }

    pub(super) fn build(&self, token: Option<&str>) -> Request<Body> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        request(&self.method, &self.uri(), token, &headers, self.body.as_ref())
    }
}

/// `$new` is a word, everything else behind a dollar a thing.
fn names_a_thing(text: &str) -> bool {
    text.starts_with('$')
        && text != "$new"
        && text != "$email"
        && text.len() > 1
        && text[1..].bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn json_names_a_thing(value: &Value) -> bool {
    match value {
        Value::String(text) => names_a_thing(text),
        Value::Array(items) => items.iter().any(json_names_a_thing),
        Value::Object(members) => members.values().any(json_names_a_thing),
        _ => false,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether an answer is one of the statuses.
pub(super) fn is(answer: &Answer, statuses: &[StatusCode]) -> bool {
    statuses.contains(&answer.status)
}
