//! Every operation of the OpenAPI document, asked by those who may not and for what is not theirs.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use domain::permissions::{Permission, Role};
use serde_json::{Value, json};

use super::world::{Agency, World, request};

/// An operation as the document has it.
struct Operation {
    id: String,
    method: String,
    path: String,
    permission: String,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                permission: operation["x-permission"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    // What is deleted must have been read and changed before.
    found.sort_by_key(|operation| operation.method == "DELETE");
    found
}

/// How an operation is asked for a thing of an agency: which thing, and the body where there is one.
fn case(id: &str, of: &Agency) -> Option<(String, Value)> {
    let nothing = Value::Null;
    Some(match id {
        "list_calls"
        | "list_leads"
        | "list_clients"
        | "list_projects"
        | "list_agents"
        | "list_knowledge_entries"
        | "list_lead_questions"
        | "list_messages" => (String::new(), nothing),
        "get_call" | "get_call_recording" | "watch_call" => (of.call.to_string(), nothing),
        "get_lead" => (of.lead.to_string(), nothing),
        "update_lead" => (of.lead.to_string(), json!({ "status": "contacted" })),
        "create_client" => (String::new(), json!({ "name": "Intruder" })),
        "get_client" => (of.client.to_string(), nothing),
        "update_client" => (of.client.to_string(), json!({ "name": "Intruder" })),
        "create_project" => {
            (String::new(), json!({ "client_id": of.client, "name": "Intruder", "status": "active" }))
        }
        "get_project" => (of.project.to_string(), nothing),
        "update_project" => (of.project.to_string(), json!({ "name": "Intruder" })),
        "get_agent" => (of.agent.to_string(), nothing),
        "update_agent" => (of.agent.to_string(), json!({ "name": "Intruder" })),
        "create_knowledge_entry" => (String::new(), json!({ "question": "Intruder?", "answer": "Yes." })),
        "get_knowledge_entry" => (of.entry.to_string(), nothing),
        "update_knowledge_entry" => (of.entry.to_string(), json!({ "answer": "Intruder" })),
        "delete_knowledge_entry" => (of.entry.to_string(), nothing),
        _ => return None,
    })
}

/// Operations that need no permission of a person, and so have no tenant.
fn without_tenant(operation: &Operation) -> bool {
    matches!(operation.permission.as_str(), "public" | "signed_in" | "carrier_signature")
}

async fn ask(
    world: &World,
    operation: &Operation,
    of: &Agency,
    token: Option<&str>,
) -> axum::response::Response {
    let (id, body) =
        case(&operation.id, of).unwrap_or_else(|| panic!("{} has no case here: write one", operation.id));
    let path = operation.path.replace("{id}", &id);
    let body = (!body.is_null()).then_some(&body);
    world.open(request(&operation.method, &path, token, &[("if-match", "*")], body)).await
}

#[test]
fn every_case_is_of_an_operation_that_exists() {
    let known: Vec<String> = operations().into_iter().filter(|o| !without_tenant(o)).map(|o| o.id).collect();
    assert!(known.len() >= 22, "{known:?}");
}

#[tokio::test]
async fn nobody_gets_in_without_a_session() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let made_up = format!("scs_{}", "0".repeat(64));
    for operation in operations().iter().filter(|o| !without_tenant(o)) {
        for token in [None, Some("nonsense"), Some(made_up.as_str())] {
            let status = ask(&world, operation, &agency, token).await.status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{} with {token:?}", operation.id);
        }
    }
    for path in ["/api/v1/auth/me", "/api/v1/auth/logout"] {
        let method = if path.ends_with("me") { "GET" } else { "POST" };
        let answer = world.send(request(method, path, None, &[], None)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.problem(), "unauthenticated");
    }
}

#[tokio::test]
async fn each_role_may_exactly_what_the_document_says() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let mut tokens: BTreeMap<&str, String> = BTreeMap::new();
    for role in Role::ALL.iter().map(|role| role.name()).chain(["emperor"]) {
        tokens.insert(role, world.sign_in_as(&agency, role).await);
    }
    for operation in operations().iter().filter(|o| !without_tenant(o)) {
        let permission: Permission = operation.permission.parse().unwrap();
        // Weakest first, so that what is deleted is still there to be refused.
        for role in ["emperor", "viewer", "member", "manager", "admin", "owner"] {
            let may = role.parse::<Role>().is_ok_and(|role| role.permissions().has(permission));
            let status = ask(&world, operation, &agency, Some(&tokens[role])).await.status();
            let refused = status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !may, "{} as {role}: {status}", operation.id);
            assert!(!status.is_server_error(), "{} as {role}: {status}", operation.id);
        }
    }
}

#[tokio::test]
async fn another_agencys_things_do_not_exist() {
    let world = World::new().await;
    let (mine, theirs) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let token = world.sign_in_as(&mine, "owner").await;
    let before = their_view(&world, &theirs).await;
    for operation in operations().iter().filter(|o| !without_tenant(o)) {
        let response = ask(&world, operation, &theirs, Some(&token)).await;
        let status = response.status();
        if operation.path.contains("{id}") {
            assert_eq!(status, StatusCode::NOT_FOUND, "{}", operation.id);
            // The same operation on a thing of our own works, or this test would prove nothing.
            let own = ask(&world, operation, &mine, Some(&token)).await.status();
            let unrecorded = operation.id == "get_call_recording" && own == StatusCode::NOT_FOUND;
            assert!(own.is_success() || unrecorded, "{}: {own}", operation.id);
        } else if operation.id == "create_project" {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a project of another agency's client");
        } else {
            assert!(status.is_success(), "{}: {status}", operation.id);
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            for id in [theirs.call.to_string(), theirs.lead.to_string(), theirs.client.to_string()] {
                assert!(!text.contains(&id), "{} shows {id}", operation.id);
            }
        }
    }
    assert_eq!(their_view(&world, &theirs).await, before, "something of the other agency was changed");
}

/// Everything the other agency's owner sees.
async fn their_view(world: &World, theirs: &Agency) -> Vec<Value> {
    let token = world.sign_in_as(theirs, "owner").await;
    let mut seen = Vec::new();
    for noun in ["calls", "leads", "clients", "projects", "agents", "knowledge-entries", "messages"] {
        let answer = world.get(&format!("/api/v1/{noun}"), Some(&token)).await.json();
        assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{noun}");
        seen.push(answer);
    }
    seen
}
