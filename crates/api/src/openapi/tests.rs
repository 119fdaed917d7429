//! Rules that the whole document keeps.

use std::collections::BTreeSet;
use std::path::Path;

use domain::permissions::Permission;
use serde_json::Value;

use super::document::METHODS;
use super::tags::TAGS;
use super::*;

/// Anybody who is signed in.
const SIGNED_IN: &str = "signed_in";

/// An operation as the document has it.
struct Described {
    path: String,
    method: String,
    id: String,
    permission: String,
    operation: Value,
}

fn described() -> Vec<Described> {
    let document = crate::document();
    let mut found = Vec::new();
    for (path, item) in &document.paths {
        for (method, operation) in item.iter().filter(|(method, _)| METHODS.contains(&method.as_str())) {
            found.push(Described {
                path: path.clone(),
                method: method.clone(),
                id: operation["operationId"].as_str().unwrap_or_default().to_owned(),
                permission: operation[PERMISSION].as_str().unwrap_or_default().to_owned(),
                operation: operation.clone(),
            });
        }
    }
    assert!(found.len() > 20, "the operations are not found any more");
    found
}

#[test]
fn every_operation_says_who_may_use_it() {
    for Described { path, method, permission, .. } in described() {
        let special = [PUBLIC, SIGNED_IN, CARRIER].contains(&permission.as_str());
        assert!(special || permission.parse::<Permission>().is_ok(), "{method} {path}: {permission:?}");
    }
}

#[test]
fn every_operation_is_named_and_described() {
    let mut seen = BTreeSet::new();
    for Described { path, id, operation, .. } in described() {
        let words = id.split('_').count();
        let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(words >= 2 && plain, "{path}: {id:?}");
        assert!(seen.insert(id.clone()), "{id} is used twice");
        assert!(operation["summary"].as_str().is_some_and(|s| s.len() >= 8), "{id} has no summary");
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(
            TAGS.iter().any(|(name, _)| *name == tag),
            "{id}: the tag {tag:?} has no description: add it to openapi/tags.rs"
        );
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let described = response.get("$ref").is_some()
                || response["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{id}: {status} is not described");
        }
    }
}

#[test]
fn every_operation_lists_what_the_edge_can_answer() {
    for Described { path, method, id, permission, operation } in described() {
        let responses = operation["responses"].as_object().expect("an operation answers");
        let mut expect: Vec<&str> = match permission.as_str() {
            CARRIER => vec!["403"],
            PUBLIC if !path.starts_with("/api/") => vec!["414", "429"],
            PUBLIC => vec!["414", "429", "500", "503"],
            _ => vec!["401", "403", "414", "429", "500", "503"],
        };
        let ours = permission != CARRIER && path.starts_with("/api/");
        if ours && path.contains('{') {
            expect.push("404");
        }
        if ours && operation.get("requestBody").is_some() {
            expect.extend(["400", "413", "415", "422"]);
        }
        if ours && method != "get" && permission != PUBLIC {
            expect.extend(["409", "422"]);
            let names = operation["parameters"].to_string();
            assert!(names.contains("parameters/IdempotencyKey"), "{id} takes no Idempotency-Key");
        }
        for status in expect {
            assert!(responses.contains_key(status), "{id} does not list {status}");
        }
        for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
            let json = &response["content"]["application/json"]["schema"]["$ref"];
            assert_ne!(json, "#/components/schemas/Problem", "{id}: {status} is no application/problem+json");
        }
    }
}

#[test]
fn orders_of_lists_are_described_as_they_are_sent() {
    let document = crate::document();
    for Described { id, operation, .. } in described() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["name"] == "sort") {
            let schema = document.resolve(&parameter["schema"]);
            for order in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let plain = order.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'));
                assert!(plain, "{id} is said to be ordered by {order}");
            }
        }
    }
}

#[test]
fn every_rule_of_plans_is_about_an_operation() {
    let operations = described();
    for (start, _, feature) in super::plans::OF_PLANS {
        let named = operations.iter().filter(|operation| operation.path.starts_with(start));
        let with = named.filter(|operation| operation.operation[PLAN_FEATURE] == feature.name());
        assert!(with.count() > 0, "{start}");
    }
}

#[test]
fn no_secret_way_in_is_left_undeclared() {
    for Described { id, permission, operation, .. } in described() {
        let security =
            operation["security"].as_array().unwrap_or_else(|| panic!("{id} says nothing of sign-in"));
        let open_to_all = security.is_empty() || security.contains(&serde_json::json!({}));
        assert_eq!(open_to_all, permission == PUBLIC, "{id}: {permission} with {security:?}");
    }
}

/// `make generated` runs this with the variable set, and then the file is written instead of compared.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own switch is no configuration")]
fn generated_documents_of_the_api_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let expect = crate::document().to_pretty_json().expect("the document is serialisable") + "\n";
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &expect).expect("openapi.json can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expect, "openapi.json is not current: run `make generated`");
}
