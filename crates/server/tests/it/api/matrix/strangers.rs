//! Who asks: nobody, somebody without the permission, another tenant's people, people of a suspended organization.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use domain::permissions::{Permission, PermissionSet, Role};
use serde_json::Value;
use store::organizations::OrgStatus;

use super::Faults;
use super::cases::{Case, Part};
use super::document::Operation;
use super::side::{Asked, Matrix, Place, Side, is};
use crate::api::world::Answer;

/// Lists that change by being looked at, or by signing in.
const RESTLESS: &[&str] = &["list_audit_log", "list_sessions", "get_entitlements", "list_members"];

#[tokio::test]
async fn nobody_gets_in_without_a_session() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    let made_up = format!("scs_{}", "0".repeat(64));
    for operation in matrix.document.operations.iter().filter(|o| !o.is_of_the_carrier()) {
        let asked = matrix.right(operation, &side).await;
        for token in [None, Some("nonsense"), Some(made_up.as_str())] {
            let answer = matrix.send(&asked, token).await;
            let as_said = if operation.is_public() {
                operation.answers(answer.status.as_str())
            } else {
                answer.status == StatusCode::UNAUTHORIZED && answer.problem() == "unauthenticated"
            };
            faults.judge(&matrix, operation, &asked, &format!("with {token:?}"), &answer, as_said);
        }
    }
}

#[tokio::test]
async fn each_role_may_exactly_what_the_document_says() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    // Weakest first, so that what is deleted is still there to be refused; the emperor has a role nobody knows.
    let roles: Vec<&str> =
        ["emperor"].into_iter().chain(["viewer", "member", "manager", "admin", "owner"]).collect();
    for operation in matrix.document.operations.iter().filter(|o| !o.is_without_tenant()) {
        if !matrix.case(operation).has(Part::Permission) {
            continue;
        }
        let permission: Permission = operation.permission.parse().unwrap();
        let asked = matrix.right(operation, &side).await;
        for role in &roles {
            let may = role.parse::<Role>().is_ok_and(|role| role.permissions().has(permission));
            let token = matrix.token(&side, role).await;
            let answer = matrix.send(&asked, Some(&token)).await;
            let refused = answer.status == StatusCode::FORBIDDEN && answer.problem() == "forbidden";
            faults.judge(&matrix, operation, &asked, &format!("as {role}"), &answer, refused != may);
        }
    }
}

#[tokio::test]
async fn the_permission_that_is_named_is_the_one_that_counts() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let mut faults = Faults::default();
    for operation in matrix.document.operations.iter().filter(|o| !o.is_without_tenant()) {
        if !matrix.case(operation).has(Part::Permission) {
            continue;
        }
        let permission: Permission = operation.permission.parse().unwrap();
        let asked = matrix.right(operation, &side).await;
        let all_but_this = PermissionSet::all().without(permission);
        let only_this = PermissionSet::default().with(permission);
        for (permissions, may) in [(all_but_this, false), (only_this, true)] {
            let token = matrix.token_with(&side, permissions).await;
            let answer = matrix.send(&asked, Some(&token)).await;
            let refused = answer.status == StatusCode::FORBIDDEN && answer.problem() == "forbidden";
            let who = if may { "with only its permission" } else { "with all others" };
            faults.judge(&matrix, operation, &asked, who, &answer, refused != may);
        }
    }
}

#[tokio::test]
async fn another_tenants_things_do_not_exist() {
    let matrix = Matrix::new().await;
    let mine = matrix.side("Aurora", 1, OrgStatus::Active).await;
    let theirs = matrix.side("Borealis", 2, OrgStatus::Active).await;
    let mut faults = Faults::default();
    // What this test makes for the other tenant is there before it looks, or it would see its own doing.
    let mut foreign: BTreeMap<String, Vec<(Place, Asked)>> = BTreeMap::new();
    for operation in matrix.document.operations.iter().filter(|o| !o.is_of_the_carrier()) {
        if matrix.case(operation).has(Part::Foreign) && !operation.is_public() {
            let asked = matrix.right(operation, &mine).await;
            let of_theirs = matrix.with_things_of(operation, &asked, &theirs).await;
            foreign.insert(operation.id.clone(), of_theirs);
        }
    }
    let before = everything_of(&matrix, &theirs).await;
    for operation in matrix.document.operations.iter().filter(|o| !o.is_of_the_carrier()) {
        let case = matrix.case(operation);
        let token = matrix.owner(operation, &mine).await;
        let asked = matrix.right(operation, &mine).await;
        if let Some(foreign) = foreign.remove(&operation.id) {
            for (place, foreign) in foreign {
                let answer = matrix.send(&foreign, Some(&token)).await;
                let kept_out = is_kept_out(&place, &case, &answer, &foreign);
                faults.judge(
                    &matrix,
                    operation,
                    &foreign,
                    &format!("theirs in {place:?}"),
                    &answer,
                    kept_out,
                );
            }
        }
        // The same operation on a thing of our own works, or this test would prove nothing.
        if case.has(Part::Own) {
            let answer = matrix.send(&asked, Some(&token)).await;
            let works = own_is_right(&case, &answer);
            faults.judge(&matrix, operation, &asked, "our own", &answer, works);
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let shown = theirs_in(&theirs, &text);
            if let Some(id) = shown {
                faults.note(operation, format!("shows {id} of the other tenant"));
            }
        }
    }
    let after = everything_of(&matrix, &theirs).await;
    for (list, was) in &before {
        assert_eq!(&after[list], was, "{list}: something of the other tenant was changed");
    }
}

#[tokio::test]
async fn a_suspended_organization_can_read_and_not_change() {
    let matrix = Matrix::new().await;
    let side = matrix.side("Aurora", 1, OrgStatus::Suspended).await;
    let mut faults = Faults::default();
    for operation in matrix.document.operations.iter().filter(|o| !o.is_without_tenant()) {
        let case = matrix.case(operation);
        if !case.has(Part::Suspended)
            || case.asker.is_some()
            || needs_making(&matrix, &case) && !operation.changes()
        {
            continue;
        }
        let token = matrix.owner(operation, &side).await;
        let asked = matrix.right_or_made_up(operation, &side).await;
        let answer = matrix.send(&asked, Some(&token)).await;
        let as_said = match case.suspended {
            Some(status) => answer.status.as_u16() == status,
            None if operation.changes() => {
                answer.status == StatusCode::FORBIDDEN && answer.problem() == "suspended"
            }
            None => own_is_right(&case, &answer),
        };
        faults.judge(&matrix, operation, &asked, "suspended", &answer, as_said);
    }
}

fn needs_making(matrix: &Matrix, case: &Case) -> bool {
    let word = |text: &String| {
        text.strip_prefix('$')
            .is_some_and(|name| matrix.cases.made_by.contains_key(name.trim_end_matches("_kept")))
    };
    case.path_values().values().any(word) || case.query.values().any(word)
}

fn own_is_right(case: &Case, answer: &Answer) -> bool {
    match case.own {
        Some(status) => answer.status.as_u16() == status,
        None => answer.status.is_success() || answer.status.is_redirection(),
    }
}

fn is_kept_out(place: &Place, case: &Case, answer: &Answer, foreign: &Asked) -> bool {
    use StatusCode as S;
    match place {
        Place::Path(_) => {
            answer.status == case.foreign.map_or(S::NOT_FOUND, |code| S::from_u16(code).unwrap())
        }
        Place::Body => is(answer, &[S::NOT_FOUND, S::CONFLICT, S::UNPROCESSABLE_ENTITY]),
        Place::Query(name) => {
            let empty = answer.json()["items"].as_array().is_some_and(Vec::is_empty);
            let repeated = String::from_utf8_lossy(&answer.body).contains(&foreign.query[name]);
            is(answer, &[S::NOT_FOUND, S::UNPROCESSABLE_ENTITY])
                || answer.status.is_success() && (empty || !repeated)
        }
    }
}

/// An id of the other tenant that a text contains.
fn theirs_in(theirs: &Side, text: &str) -> Option<String> {
    let of = &theirs.agency;
    let ids = [
        of.id.to_string(),
        of.agent.to_string(),
        of.call.to_string(),
        of.client.to_string(),
        of.entry.to_string(),
        of.lead.to_string(),
        of.message().to_string(),
        of.number.to_string(),
        of.project.to_string(),
        of.question().to_string(),
    ];
    ids.into_iter().find(|id| text.contains(id.as_str()))
}

/// Everything that the tenant's owner sees by operations that need no id.
async fn everything_of(matrix: &Matrix, side: &Side) -> BTreeMap<String, Value> {
    let token = matrix.token(side, "owner").await;
    let mut seen = BTreeMap::new();
    let looking = |operation: &&Operation| {
        operation.method == "GET"
            && !operation.is_without_tenant()
            && !operation.path.contains('{')
            && !RESTLESS.contains(&operation.id.as_str())
            && matrix.case(operation).has(Part::Own)
    };
    for operation in matrix.document.operations.iter().filter(looking) {
        let mut asked = matrix.right(operation, side).await;
        asked.query.clear();
        let answer = matrix.send(&asked, Some(&token)).await;
        seen.insert(operation.id.clone(), answer.json());
    }
    assert!(seen.values().filter(|list| list["items"].as_array().is_some_and(|i| !i.is_empty())).count() > 5);
    seen
}
