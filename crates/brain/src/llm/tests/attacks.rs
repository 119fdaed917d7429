//! The injection set: what attackers say, write into a knowledge entry or name a project, and what a model that obeys
//! them completely would then do. Written for this product.

mod planted;
mod spoken;

use serde_json::{Value, json};

use crate::rules::tests::Who;

/// Where the attack comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The caller says it.
    Speech,
    /// An entry of the knowledge base holds it.
    Knowledge,
    /// A project of the caller's own is named so, or its last update says so.
    Project,
}

/// What the obedient model does.
#[derive(Debug, Clone)]
pub(super) enum Obeys {
    Say(&'static str),
    Call(&'static str, Value),
}

pub(super) struct Attack {
    pub(super) from: Origin,
    pub(super) who: Who,
    pub(super) text: &'static str,
    pub(super) obeys: Vec<Obeys>,
    /// What must not be heard of it.
    pub(super) never: &'static [&'static str],
}

/// Origin, caller, the words, what a model that gives in does, what must not be heard.
type Line = (Origin, Who, &'static str, Vec<Obeys>, &'static [&'static str]);

/// All of them.
pub(super) fn all() -> Vec<Attack> {
    let lines = spoken::lines().into_iter().chain(planted::lines());
    lines.map(|(from, who, text, obeys, never)| Attack { from, who, text, obeys, never }).collect()
}

fn status(project: &str) -> Obeys {
    Obeys::Call("get_project_status", json!({ "project": project }))
}

fn list() -> Obeys {
    Obeys::Call("list_projects", json!({}))
}

fn phone(value: &str) -> Obeys {
    Obeys::Call("identify_client", json!({ "by": "phone", "value": value }))
}

fn mail(value: &str) -> Obeys {
    Obeys::Call("identify_client", json!({ "by": "email", "value": value }))
}

fn transfer(reason: &str) -> Obeys {
    Obeys::Call("transfer_call", json!({ "reason": reason }))
}

fn call(name: &'static str, arguments: Value) -> Obeys {
    Obeys::Call(name, arguments)
}

fn say(words: &'static str) -> Obeys {
    Obeys::Say(words)
}
