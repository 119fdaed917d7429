//! The lead flow: added to, changed, put in order, and never left in pieces.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{Agency, Answer, World, request};

struct Desk {
    world: World,
    agency: Agency,
    token: String,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        let agency = world.agency("Aurora", 1).await;
        let token = world.sign_in_as(&agency, "admin").await;
        Self { world, agency, token }
    }

    async fn ask(&self, method: &str, rest: &str, body: Option<&Value>) -> Answer {
        let path = format!("/api/v1/lead-questions{rest}");
        let headers: &[(&str, &str)] = if method == "PATCH" { &[("if-match", "*")] } else { &[] };
        self.world.send(request(method, &path, Some(&self.token), headers, body)).await
    }

    async fn add(&self, body: Value) -> String {
        let answer = self.ask("POST", "", Some(&body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn labels(&self) -> Vec<String> {
        let listed = self.ask("GET", "", None).await.json();
        let label = |question: &Value| question["label"].as_str().unwrap().to_owned();
        listed["items"].as_array().unwrap().iter().map(label).collect()
    }
}

fn service() -> Value {
    json!({ "text": "Logo or website?", "label": "Service", "answer_type": "choice", "field": "service",
        "choices": ["Logo", "Website"] })
}

#[tokio::test]
async fn questions_are_added_at_the_end_and_put_in_order() {
    let desk = Desk::new().await;
    let service = desk.add(service()).await;
    let budget =
        desk.add(json!({ "text": "Budget?", "label": "Budget", "answer_type": "money_range" })).await;
    assert_eq!(desk.labels().await, ["Name", "Service", "Budget"]);
    let name = desk.agency.question().to_string();
    let order = json!({ "ids": [budget, name, service] });
    let answer = desk.ask("PUT", "/order", Some(&order)).await;
    assert_eq!(answer.json()["items"][0]["label"], "Budget");
    assert_eq!(desk.labels().await, ["Budget", "Name", "Service"]);
    for incomplete in
        [json!([budget, name]), json!([budget, name, service, name]), json!([budget, budget, name])]
    {
        let answer = desk.ask("PUT", "/order", Some(&json!({ "ids": incomplete }))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{incomplete}");
        assert!(answer.json()["errors"].get("ids").is_some());
    }
}

#[tokio::test]
async fn a_condition_never_hangs_in_the_air() {
    let desk = Desk::new().await;
    let service = desk.add(service()).await;
    let skip = |value: &str| json!({ "question_id": service, "comparison": "is", "value": value });
    let pages =
        |value: &str| json!({ "text": "How many pages?", "label": "Pages", "skip_when": skip(value) });
    let refused = desk.ask("POST", "", Some(&pages("Radio"))).await;
    assert!(refused.json()["errors"].get("skip_when.value").is_some(), "{refused:?}");
    let pages = desk.add(pages("logo")).await;
    let name = desk.agency.question().to_string();

    let turned = desk.ask("PUT", "/order", Some(&json!({ "ids": [name, pages, service] }))).await;
    assert_eq!(turned.status, StatusCode::UNPROCESSABLE_ENTITY);
    let path = format!("/{service}");
    assert_eq!(desk.ask("DELETE", &path, None).await.status, StatusCode::CONFLICT);
    let renamed = json!({ "choices": ["Brand", "Website"] });
    assert_eq!(desk.ask("PATCH", &path, Some(&renamed)).await.status, StatusCode::CONFLICT);

    let cleared = desk.ask("PATCH", &format!("/{pages}"), Some(&json!({ "skip_when": null }))).await;
    assert_eq!((cleared.status, &cleared.json()["skip_when"]), (StatusCode::OK, &Value::Null));
    assert_eq!(desk.ask("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(desk.labels().await, ["Name", "Pages"]);
}

#[tokio::test]
async fn choices_are_of_a_choice() {
    let desk = Desk::new().await;
    for body in [
        json!({ "text": "?", "label": "Q", "answer_type": "choice" }),
        json!({ "text": "?", "label": "Q", "answer_type": "choice", "choices": ["One", "one "] }),
        json!({ "text": "?", "label": "Q", "choices": ["One", "Two"] }),
    ] {
        let answer = desk.ask("POST", "", Some(&body)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["errors"].get("choices").is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_plan_with_five_questions_takes_five() {
    let desk = Desk::new().await;
    desk.world.put_on_plan(&desk.agency, "free").await;
    for number in 2..=5 {
        desk.add(json!({ "text": "?", "label": format!("Question {number}") })).await;
    }
    let sixth = desk.ask("POST", "", Some(&json!({ "text": "?", "label": "One more" }))).await;
    assert_eq!((sixth.status, sixth.problem().as_str()), (StatusCode::FORBIDDEN, "plan-required"));
    assert!(sixth.json()["detail"].as_str().unwrap().contains("5 of lead_questions"), "{sixth:?}");
}

#[tokio::test]
async fn two_who_add_at_once_both_get_a_place() {
    let desk = Desk::new().await;
    let add = |label: &'static str| desk.add(json!({ "text": "?", "label": label }));
    tokio::join!(add("A"), add("B"), add("C"), add("D"));
    let mut labels = desk.labels().await;
    labels.sort();
    assert_eq!(labels, ["A", "B", "C", "D", "Name"]);
}
