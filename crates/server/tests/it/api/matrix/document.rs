//! The OpenAPI document, read as a promise: which operations there are, what each takes, what it may answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::world::Answer;

/// The document with its operations.
pub(super) struct Document {
    root: Value,
    pub(super) operations: Vec<Operation>,
}

/// An operation as the document has it.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) permission: String,
    raw: Value,
}

/// A query parameter or header.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) schema: Value,
}

impl Document {
    /// The document of the router that the tests ask.
    pub(super) fn read() -> Self {
        let root = serde_json::to_value(api::document()).unwrap();
        let mut operations = Vec::new();
        for (path, item) in root["paths"].as_object().unwrap() {
            for (method, raw) in item.as_object().unwrap() {
                if !raw.is_object() || raw.get("operationId").is_none() {
                    continue;
                }
                operations.push(Operation {
                    id: raw["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    permission: raw["x-permission"].as_str().unwrap_or_default().to_owned(),
                    raw: raw.clone(),
                });
            }
        }
        // What is deleted must have been read and changed before.
        operations.sort_by_key(|operation| operation.method == "DELETE");
        Self { root, operations }
    }

    pub(super) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// The methods of each path.
    pub(super) fn methods(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for operation in &self.operations {
            methods.entry(&operation.path).or_default().push(&operation.method);
        }
        methods
    }

    /// Follows references.
    pub(super) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let found = self.root.pointer(reference.trim_start_matches('#'));
                self.resolve(found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => schema,
        }
    }

    /// Parameters of one kind (`query`, `header`, `path`).
    pub(super) fn parameters(&self, operation: &Operation, kind: &str) -> Vec<Parameter> {
        let listed = operation.raw["parameters"].as_array().cloned().unwrap_or_default();
        let found = listed.iter().map(|parameter| self.resolve(parameter)).filter(|p| p["in"] == kind);
        found
            .map(|parameter| Parameter {
                name: parameter["name"].as_str().unwrap().to_owned(),
                schema: self.resolve(&parameter["schema"]).clone(),
            })
            .collect()
    }

    /// Whether a change needs to name the version it is based on.
    pub(super) fn needs_if_match(&self, operation: &Operation) -> bool {
        operation.answers("428")
            && self.parameters(operation, "header").iter().any(|p| p.name.eq_ignore_ascii_case("if-match"))
    }

    /// The JSON body, when the operation takes one: its media type object.
    pub(super) fn json_body<'a>(&'a self, operation: &'a Operation) -> Option<&'a Value> {
        self.resolve(operation.raw.get("requestBody")?).get("content")?.get("application/json")
    }

    /// What an answer breaks of what the document promises; `None` when it keeps it.
    pub(super) fn broken_promise(&self, operation: &Operation, answer: &Answer) -> Option<String> {
        let status = answer.status.as_str();
        let Some(response) = operation.raw["responses"].get(status) else {
            return Some(format!("{status} is not among its documented responses: {}", excerpt(answer)));
        };
        let response = self.resolve(response);
        let sent = answer.header("content-type").split(';').next().unwrap_or_default().trim().to_owned();
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            let silent = answer.body.is_empty();
            return (!silent)
                .then(|| format!("{status} has a body that is not documented: {}", excerpt(answer)));
        };
        if answer.body.is_empty() {
            return Some(format!("{status} has no body, but one is documented"));
        }
        let Some(media) = content.get(&sent) else {
            let listed: Vec<&String> = content.keys().collect();
            return Some(format!("{status} came as {sent:?}, documented are {listed:?}"));
        };
        if !sent.ends_with("json") {
            return None;
        }
        let body: Value = match serde_json::from_slice(&answer.body) {
            Ok(body) => body,
            Err(error) => return Some(format!("{status} is no JSON: {error}")),
        };
        self.mismatch(media.get("schema")?, &body).map(|what| format!("{status}: {what}"))
    }

    /// What of a value does not fit a schema of the document.
    pub(super) fn mismatch(&self, schema: &Value, value: &Value) -> Option<String> {
        let mut root = match schema {
            Value::Object(members) => members.clone(),
            _ => return None,
        };
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("components".to_owned(), self.root["components"].clone());
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&Value::Object(root))
            .unwrap_or_else(|error| panic!("a schema of the document is none: {error}"));
        let faults: Vec<String> =
            validator.iter_errors(value).take(3).map(|e| format!("{} {e}", e.instance_path())).collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

impl Operation {
    /// Whether a status is documented.
    pub(super) fn answers(&self, status: &str) -> bool {
        self.raw["responses"].get(status).is_some()
    }

    /// Needs no permission of a person, so nobody's tenant is asked for.
    pub(super) fn is_without_tenant(&self) -> bool {
        matches!(self.permission.as_str(), "public" | "signed_in" | "carrier_signature")
    }

    pub(super) fn is_public(&self) -> bool {
        self.permission == "public"
    }

    /// Believed by the carrier's signature; has tests of its own beside the webhooks.
    pub(super) fn is_of_the_carrier(&self) -> bool {
        self.permission == "carrier_signature"
    }

    pub(super) fn changes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// The beginning of an answer's body, for messages.
pub(super) fn excerpt(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(240).collect()
}
