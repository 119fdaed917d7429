//! How it is asked: wrong methods, bodies, queries, ids, versions.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{StatusCode, header};
use store::organizations::OrgStatus;

use super::Faults;
use super::bodies;
use super::cases::Part;
use super::side::{Asked, Matrix};

/// Larger than any operation takes.
const TOO_LARGE: usize = 9 << 20;

#[tokio::test]
async fn a_path_answers_its_methods_and_says_which() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let token = matrix.token(&side, "owner").await;
    let mut faults = Faults::default();
    for (path, methods) in matrix.document.methods() {
        let operation = matrix.document.operations.iter().find(|o| o.path == path).unwrap();
        let known: BTreeSet<&str> = methods.iter().copied().collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if known.contains(method) {
                continue;
            }
            let asked =
                Asked { method: method.to_owned(), ..matrix.right_or_made_up(operation, &side).await };
            let asked = Asked { body: None, ..asked };
            let answer = matrix.send(&asked, Some(&token)).await;
            let allow: BTreeSet<&str> = answer
                .header("allow")
                .split(',')
                .map(str::trim)
                .filter(|method| !method.is_empty() && !["HEAD", "OPTIONS"].contains(method))
                .collect();
            if answer.status != StatusCode::METHOD_NOT_ALLOWED || allow != known {
                faults
                    .note(operation, format!("{method}: {}, Allow {allow:?}, not {known:?}", answer.status));
            } else if answer.problem() != "method-not-allowed" {
                faults.note(operation, format!("{method}: problem {}", answer.problem()));
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_and_its_field_named() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    for operation in matrix.document.operations.iter().filter(|o| !o.is_of_the_carrier()) {
        let case = matrix.case(operation);
        if !case.has(Part::Body) || matrix.document.json_body(operation).is_none() {
            continue;
        }
        let token = matrix.owner(operation, &side).await;
        let asked = matrix.right(operation, &side).await;
        let right = asked.body.clone().unwrap();
        let too_large = format!("{{\"zz_unknown\":\"{}\"}}", "x".repeat(TOO_LARGE));
        for (what, content_type, body, expect) in [
            ("text", Some("text/plain"), right.to_string(), 415),
            ("a body of no type", None, right.to_string(), 415),
            ("half a body", Some("application/json"), "{\"".to_owned(), 400),
            ("two bodies", Some("application/json"), format!("{right}{right}"), 400),
            ("a list", Some("application/json"), "[]".to_owned(), 422),
            ("a body that is too large", Some("application/json"), too_large, 413),
        ] {
            let mut request = asked.build(Some(&token));
            request.headers_mut().remove(header::CONTENT_TYPE);
            if let Some(content_type) = content_type {
                request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            }
            *request.body_mut() = Body::from(body);
            let answer = matrix.world.send_briefly(request).await;
            let good = answer.status.as_u16() == expect;
            faults.judge(&matrix, operation, &asked, what, &answer, good);
        }
        for wrong in bodies::wrong(&matrix.document, operation, &right) {
            if case.takes.contains(&wrong.what) {
                continue;
            }
            let asked = Asked { body: Some(wrong.body), ..asked.clone() };
            let answer = matrix.send(&asked, Some(&token)).await;
            let errors = answer.json()["errors"].clone();
            let named = errors.as_object().is_some_and(|errors| {
                errors.keys().any(|key| {
                    key.strip_prefix(&wrong.field)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                })
            });
            let good = answer.status == StatusCode::UNPROCESSABLE_ENTITY && named;
            faults.judge(&matrix, operation, &asked, &wrong.what, &answer, good);
        }
    }
}

#[tokio::test]
async fn a_wrong_query_is_refused() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    for operation in matrix.document.operations.iter().filter(|o| !o.is_of_the_carrier()) {
        if !matrix.case(operation).has(Part::Query) {
            continue;
        }
        let token = matrix.owner(operation, &side).await;
        for (name, value) in bodies::wrong_queries(&matrix.document, operation) {
            let mut asked = matrix.right(operation, &side).await;
            asked.query.insert(name.clone(), value);
            let answer = matrix.send(&asked, Some(&token)).await;
            let good = answer.status == StatusCode::UNPROCESSABLE_ENTITY;
            let short: String = asked.query[&name].chars().take(30).collect();
            asked.query.insert(name.clone(), short.clone());
            faults.judge(&matrix, operation, &asked, &format!("{name}={short}"), &answer, good);
        }
    }
}

#[tokio::test]
async fn what_is_no_id_names_nothing() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    let long = "x".repeat(300);
    for operation in matrix.document.operations.iter().filter(|o| !o.is_without_tenant()) {
        let case = matrix.case(operation);
        let token = matrix.owner(operation, &side).await;
        for (name, value) in case.path_values().iter().filter(|(_, value)| value.starts_with('$')) {
            let own = matrix.right(operation, &side).await;
            let other_noun = format!("zz_{}", own.path[name].split('_').next_back().unwrap());
            // Of the right form, but nothing has it.
            let unknown =
                own.path[name].split('_').next().map(|noun| format!("{noun}_00000000000000000000000000"));
            for id in ["nonsense", "00000000-0000-0000-0000-000000000000", "%F0", &long, &other_noun]
                .into_iter()
                .chain(unknown.as_deref())
            {
                let mut asked = own.clone();
                asked.path.insert(name.clone(), id.to_owned());
                let answer = matrix.send(&asked, Some(&token)).await;
                let good = answer.status.as_u16() == case.foreign.unwrap_or(404);
                let what = format!("{value} {}", id.chars().take(40).collect::<String>());
                faults.judge(&matrix, operation, &asked, &what, &answer, good);
            }
        }
    }
}

#[tokio::test]
async fn a_change_of_configuration_names_the_version_it_is_based_on() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    let mut seen = 0;
    for operation in &matrix.document.operations {
        if !matrix.document.needs_if_match(operation) {
            continue;
        }
        seen += 1;
        let token = matrix.owner(operation, &side).await;
        let right = matrix.right(operation, &side).await;
        for (version, expect, kind) in
            [(None, 428, "if-match-required"), (Some("\"outdated\""), 412, "out-of-date")]
        {
            let headers = version.map(|version| ("if-match", version.to_owned())).into_iter().collect();
            let asked = Asked { headers, ..right.clone() };
            let answer = matrix.send(&asked, Some(&token)).await;
            let good = answer.status.as_u16() == expect
                && answer.json()["type"].as_str().is_some_and(|t| t.ends_with(kind));
            faults.judge(&matrix, operation, &asked, &format!("If-Match {version:?}"), &answer, good);
        }
    }
    assert!(seen > 0, "no operation needs If-Match any more");
}
