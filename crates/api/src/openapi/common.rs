//! What the edge adds to every operation: ways to sign in, headers, and the answers given before or instead of the
//! handler's own. Declared once here and referred to, so that no handler repeats or forgets it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::document::{Document, METHODS};
use super::tags::TAGS;
use super::{CARRIER, PERMISSION, PLAN_FEATURE, PUBLIC, plans};
use crate::auth::credentials;
use crate::problem::{ApiError, Problem};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// Completes the document.
pub(super) fn complete(mut document: Document) -> Document {
    for (path, item) in &mut document.paths {
        for (method, operation) in item.iter_mut().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            complete_operation(path, method, operation);
        }
    }
    components(&mut document.components);
    remove_unused(&mut document);
    document.tags = used_tags(&document);
    document
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let permission = operation[PERMISSION].as_str().unwrap_or_default().to_owned();
    if permission == CARRIER {
        operation["security"] = json!([{ "carrierSignature": [] }]);
        return;
    }
    if !path.starts_with("/api/") {
        // Health tells more to who operates the platform.
        operation["security"] =
            if path == "/health" { json!([{}, { "bearer": [] }, { "apiKey": [] }]) } else { json!([]) };
        add_answers(operation, [("414", "UriTooLong"), ("429", "TooManyRequests")].into_iter());
        return;
    }
    let public = permission == PUBLIC;
    let changes = method != "get" && method != "head";
    operation["security"] = if public {
        json!([])
    } else if changes {
        json!([{ "bearer": [] }, { "apiKey": [] }, { "cookie": [], "csrf": [] }])
    } else {
        json!([{ "bearer": [] }, { "apiKey": [] }, { "cookie": [] }])
    };
    if !public {
        add_parameter(operation, "OrganizationId");
        if changes {
            add_parameter(operation, "IdempotencyKey");
        }
    }
    if let Some(feature) = plans::feature_of(path, changes) {
        operation[PLAN_FEATURE] = json!(feature.name());
    }
    let answers = edge_answers(path, operation, public, changes);
    add_answers(operation, answers);
    add_headers(operation, !public && changes);
}

/// Adds answers that the handler did not declare itself.
fn add_answers(operation: &mut Value, answers: impl Iterator<Item = (&'static str, &'static str)>) {
    for (status, name) in answers {
        let responses = &mut operation["responses"];
        if responses.get(status).is_none() {
            responses[status] = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    }
}

/// The answers that an operation can get without its handler's doing.
fn edge_answers(
    path: &str,
    operation: &Value,
    public: bool,
    changes: bool,
) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let has_content = operation["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .any(|(status, response)| status.starts_with('2') && response.get("content").is_some());
    let has_body = operation.get("requestBody").is_some();
    let v1 = path.starts_with("/api/v1/");
    [
        (has_body, "400", "Malformed"),
        (!public, "401", "Unauthenticated"),
        (!public || changes, "403", "Forbidden"),
        // Whoever is signed in may name another organization, and have nothing to do with it.
        (!public || path.contains('{'), "404", "NotFound"),
        (v1 && has_content, "406", "NotAcceptable"),
        (!public && changes, "409", "Conflict"),
        (has_body, "413", "TooLarge"),
        (true, "414", "UriTooLong"),
        (has_body, "415", "UnsupportedMediaType"),
        (v1 || has_body || (!public && changes), "422", "Invalid"),
        (true, "429", "TooManyRequests"),
        (true, "500", "Internal"),
        (true, "503", "Unavailable"),
    ]
    .into_iter()
    .filter_map(|(applies, status, name)| applies.then_some((status, name)))
}

fn add_parameter(operation: &mut Value, name: &str) {
    let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(reference),
        None => operation["parameters"] = json!([reference]),
    }
}

fn add_headers(operation: &mut Value, repeatable: bool) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let mut names = vec!["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];
    names.push("RateLimit-Policy");
    if repeatable {
        names.push("Idempotency-Replayed");
    }
    for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
        if response.get("headers").is_none() {
            response["headers"] = json!({});
        }
        for &name in &names {
            if response["headers"].get(name).is_none() {
                response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
            }
        }
    }
}

fn components(components: &mut Map<String, Value>) {
    let mut add = |kind: &str, name: &str, value: Value| {
        let kind = components.entry(kind).or_insert_with(|| json!({}));
        kind[name] = value;
    };
    for (name, value) in security_schemes() {
        add("securitySchemes", name, value);
    }
    for (name, value) in parameters() {
        add("parameters", name, value);
    }
    for (name, value) in headers() {
        add("headers", name, value);
    }
    for (name, description, example) in responses() {
        let mut value = json!({
            "description": description,
            "content": { PROBLEM: {
                "schema": { "$ref": "#/components/schemas/Problem" },
                "example": Problem::from(example),
            } },
        });
        if matches!(name, "TooManyRequests" | "Unavailable") {
            value["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
        }
        add("responses", name, value);
    }
}

fn security_schemes() -> [(&'static str, Value); 5] {
    [
        (
            "bearer",
            json!({ "type": "http", "scheme": "bearer",
                "description": "The token of `POST /api/v1/auth/login`." }),
        ),
        (
            "apiKey",
            json!({ "type": "http", "scheme": "bearer",
                "description": "A key of the organization (`sc_live_…`), sent as `Authorization: Bearer`." }),
        ),
        (
            "cookie",
            json!({ "type": "apiKey", "in": "cookie", "name": credentials::COOKIE,
                "description": "Set by the same sign-in, for browsers. Behind `https` its name begins with `__Host-`." }),
        ),
        (
            "csrf",
            json!({ "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
                "description": "Proves that a change asked for with the cookie comes from our own pages." }),
        ),
        (
            "carrierSignature",
            json!({ "type": "apiKey", "in": "header", "name": "X-Twilio-Signature",
                "description": "The carrier's signature over address and fields." }),
        ),
    ]
}

fn parameters() -> [(&'static str, Value); 2] {
    [
        (
            "IdempotencyKey",
            json!({ "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "A text of your own (1 to 255 visible ASCII characters; a UUID is good). Within 24 \
                    hours the same request with the same key acts once: its repetitions get the stored answer, \
                    marked `Idempotency-Replayed: true`. Answers with 401, 403, 429 and from 500 on are not stored.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$" },
                "example": "7d0c3c1e-5d0b-4a55-9d5e-0d8a7c4f1b2a" }),
        ),
        (
            "OrganizationId",
            json!({ "name": "X-Organization-Id", "in": "header", "required": false,
                "description": "Acts for this organization: one's own, or one below it. Without it, the \
                    organization that the session or key belongs to.",
                "schema": { "type": "string" },
                "example": "org_01jd5z6q2mf3vr4c9s8e7t6k5h" }),
        ),
    ]
}

fn headers() -> [(&'static str, Value); 7] {
    let number = |description: &str, example: u32| json!({ "description": description, "schema": { "type": "integer", "minimum": 0 }, "example": example });
    let text = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string" }, "example": example });
    [
        ("X-Request-Id", text("Names this request in the server's log.", "0193a5c9c1b07a3e8d2f6b1e4c7a9d05")),
        ("RateLimit-Limit", number("Requests that the limit which is closest allows in its window.", 1_200)),
        ("RateLimit-Remaining", number("Requests left of them.", 1_187)),
        ("RateLimit-Reset", number("Seconds until all of them are there again.", 1)),
        (
            "RateLimit-Policy",
            text("All limits that apply, each with its window in seconds.", "1200;w=60, 5000;w=86400"),
        ),
        ("Retry-After", number("Seconds to wait before the next try.", 2)),
        (
            "Idempotency-Replayed",
            json!({ "description": "Present when this is the stored answer of an earlier request with the same \
                key.", "schema": { "type": "string", "enum": ["true"] } }),
        ),
    ]
}

fn responses() -> Vec<(&'static str, &'static str, ApiError)> {
    vec![
        ("Malformed", "The body can't be read", ApiError::Malformed("the body is not valid JSON".to_owned())),
        ("Unauthenticated", "Nobody is signed in", ApiError::Unauthenticated),
        (
            "Forbidden",
            "The permission or the plan's feature is missing, the organization is suspended, or another site's \
             page sent it",
            ApiError::Suspended,
        ),
        ("NotFound", "There is no such thing, or it is another organization's", ApiError::NotFound("thing")),
        ("NotAcceptable", "None of the media types in `Accept` can be answered", not_acceptable()),
        (
            "Conflict",
            "It contradicts what is there, or the same request with the same `Idempotency-Key` is being worked on",
            ApiError::RequestInProgress { retry_after_s: 1 },
        ),
        ("TooLarge", "The body is larger than this operation takes", ApiError::TooLarge),
        ("UriTooLong", "Path and query are too long", ApiError::UriTooLong),
        ("UnsupportedMediaType", "The body has the wrong media type", ApiError::NotJson),
        (
            "Invalid",
            "A parameter or field is unknown or invalid, or the `Idempotency-Key` was used for another request",
            ApiError::field("limit", "lower than 1"),
        ),
        (
            "TooManyRequests",
            "Too many requests from this address, or the plan's requests of the day are used up",
            ApiError::RateLimited {
                retry_after_s: 2,
                reason: "too many requests from this address".to_owned(),
            },
        ),
        ("Internal", "A defect of ours", ApiError::Internal(String::new())),
        (
            "Unavailable",
            "Something this depends on does not answer now",
            ApiError::Unavailable(String::new()),
        ),
    ]
}

fn not_acceptable() -> ApiError {
    ApiError::NotAcceptable { produces: JSON.to_owned() }
}

/// What no operation refers to is left out: linters rightly ask what it is for.
fn remove_unused(document: &mut Document) {
    loop {
        let mut used = BTreeSet::new();
        for item in document.paths.values() {
            item.values().for_each(|operation| collect_references(operation, &mut used));
        }
        document.components.values().for_each(|kind| collect_references(kind, &mut used));
        let before = count(document);
        for (kind, named) in document.components.iter_mut().filter(|(kind, _)| *kind != "securitySchemes") {
            let Some(named) = named.as_object_mut() else { continue };
            named.retain(|name, _| used.contains(&format!("#/components/{kind}/{name}")));
        }
        if count(document) == before {
            return;
        }
    }
}

fn count(document: &Document) -> usize {
    document.components.values().filter_map(Value::as_object).map(Map::len).sum()
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                found.insert(reference.to_owned());
            }
            map.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

fn used_tags(document: &Document) -> Vec<Value> {
    let operations = document.paths.values().flat_map(Map::values);
    let used: BTreeSet<&str> = operations
        .flat_map(|operation| operation["tags"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let known = TAGS.iter().copied().filter(|(name, _)| used.contains(name));
    // A tag without its line in the table is found by a test; till then its operations are not lost to readers.
    let unknown = used
        .iter()
        .filter(|tag| TAGS.iter().all(|(name, _)| name != *tag))
        .map(|tag| (*tag, "More operations."));
    known
        .chain(unknown)
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect()
}
