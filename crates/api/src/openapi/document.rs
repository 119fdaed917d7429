//! The finished document as JSON, and what the edge reads from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::http::Method;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use super::{CARRIER, PERMISSION, PUBLIC};

/// The methods that an operation can have.
pub(crate) const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// An OpenAPI 3.1 document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The version of OpenAPI.
    pub openapi: String,
    /// Title, version, description, licence.
    pub info: Value,
    /// Where the API is.
    pub servers: Value,
    /// The tags in use, with what they stand for.
    pub tags: Vec<Value>,
    /// The operations.
    pub paths: BTreeMap<String, Map<String, Value>>,
    /// What operations refer to.
    pub components: Map<String, Value>,
}

impl Document {
    pub(super) fn of(api: &OpenApi) -> Self {
        let mut all = serde_json::to_value(api).expect("what utoipa makes is serialisable");
        let mut take = |name: &str| all.get_mut(name).map(Value::take).unwrap_or_default();
        let object = |value: Value| match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            openapi: take("openapi").as_str().unwrap_or("3.1.0").to_owned(),
            info: take("info"),
            servers: serde_json::json!([{ "url": "/", "description": "This installation" }]),
            tags: Vec::new(),
            paths: object(take("paths")).into_iter().map(|(path, item)| (path, object(item))).collect(),
            components: object(take("components")),
        }
    }

    /// The document as it is checked in.
    ///
    /// # Errors
    /// Never in practice: all of it is JSON already.
    pub fn to_pretty_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// Follows a `$ref` into the components; other values stay.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(path) = value["$ref"].as_str().and_then(|text| text.strip_prefix("#/components/")) else {
            return value;
        };
        let (kind, name) = path.split_once('/').unwrap_or((path, ""));
        self.components.get(kind).and_then(|kind| kind.get(name)).unwrap_or(value)
    }
}

/// What the edge knows of an operation before its handler is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Anybody may.
    pub(crate) public: bool,
    /// Of the carrier, which has rules of its own.
    pub(crate) carrier: bool,
    /// Changes something.
    pub(crate) changes: bool,
    /// The names in its query.
    pub(crate) query: BTreeSet<String>,
    /// The media types of its answers; empty when it answers without a body.
    pub(crate) produces: BTreeSet<String>,
}

/// The facts of all operations, by path as it is routed and method.
pub(crate) fn operations(document: &Document) -> HashMap<String, HashMap<Method, Facts>> {
    let mut found: HashMap<String, HashMap<Method, Facts>> = HashMap::new();
    for (path, item) in &document.paths {
        for (method, operation) in item.iter().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else { continue };
            let facts = facts(document, &method, operation);
            found.entry(path.clone()).or_default().insert(method, facts);
        }
    }
    found
}

fn facts(document: &Document, method: &Method, operation: &Value) -> Facts {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters
        .map(|parameter| document.resolve(parameter))
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
        .collect();
    let responses = operation["responses"].as_object().into_iter().flatten();
    let produces = responses
        .filter(|(status, _)| status.starts_with('2'))
        .filter_map(|(_, response)| document.resolve(response)["content"].as_object())
        .flat_map(|content| content.keys().cloned())
        .collect();
    let permission = operation[PERMISSION].as_str().unwrap_or_default();
    Facts {
        public: permission == PUBLIC,
        carrier: permission == CARRIER,
        changes: !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        query,
        produces,
    }
}
