//! The lead flow tried out as text.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::World;

const PREVIEW: &str = "/api/v1/lead-flow/preview";

fn draft() -> Value {
    json!([
        { "id": "ques_01jd5z6q2mf3vr4c9s8e7t6k5h", "text": "Logo or website?", "label": "Service",
          "answer_type": "choice", "field": "service", "choices": ["Logo", "Website"], "required": true },
        { "text": "How many pages?", "label": "Pages", "answer_type": "number", "required": true,
          "skip_when": { "question_id": "ques_01jd5z6q2mf3vr4c9s8e7t6k5h", "comparison": "is", "value": "logo" } },
        { "text": "When do you need it?", "label": "Timeline", "answer_type": "date", "field": "timeline",
          "urgency_weight": 6 },
    ])
}

#[tokio::test]
async fn a_draft_is_talked_through_and_nothing_is_stored() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "viewer").await;
    let leads = world.get("/api/v1/leads", Some(&token)).await.json();
    let said = ["a logo please", "when are you open", "as soon as possible", "thanks"];
    let body = json!({ "questions": draft(), "said": said });
    let answer = world.post(PREVIEW, Some(&token), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let preview = answer.json();
    assert_eq!(preview["opening"][1], "Logo or website?");
    let turns = preview["turns"].as_array().unwrap();
    let heard: Vec<&str> = turns.iter().map(|turn| turn["heard"].as_str().unwrap()).collect();
    assert_eq!(heard, ["answer", "aside", "answer", "after_the_end"], "{preview:#}");
    assert_eq!(turns[0]["left_out"].as_array().unwrap().len(), 1, "a logo has no pages");
    assert_eq!(turns[1]["agent"][0], "Nine to six.", "the knowledge base answers as in a call");
    assert_eq!(turns[0]["saved"][0]["value"], "Logo");
    let lead = &preview["lead"];
    assert_eq!((&lead["complete"], &lead["priority"]), (&json!(true), &json!("HIGH")), "{lead}");
    let after = world.get("/api/v1/leads", Some(&token)).await.json();
    assert_eq!(after, leads, "nobody was told anything");
}

#[tokio::test]
async fn without_a_draft_the_stored_questions_are_asked() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let answer = world.post(PREVIEW, Some(&token), &json!({ "said": ["maria lopez"] })).await;
    let preview = answer.json();
    assert_eq!(preview["opening"][1], "What is your name?", "{preview}");
    assert_eq!(preview["lead"]["answers"][0]["label"], "Name");
    assert_eq!(preview["lead"]["over"], true);
}

#[tokio::test]
async fn a_draft_that_is_no_flow_is_told_by_its_fields() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let with = |place: usize, field: &str, value: Value| {
        let mut draft = draft();
        draft[place][field] = value;
        json!({ "questions": draft, "said": [] })
    };
    for (body, field) in [
        (with(0, "choices", json!(["Logo"])), "questions[0].choices"),
        (
            with(
                1,
                "skip_when",
                json!({ "question_id": "ques_01jd5z6q2mf3vr4c9s8e7t6k5h", "comparison": "is", "value": "Radio" }),
            ),
            "questions[1].skip_when.value",
        ),
        (with(1, "id", json!("ques_01jd5z6q2mf3vr4c9s8e7t6k5h")), "questions[1].id"),
        (with(2, "urgency_weight", json!(11)), "questions[2].urgency_weight"),
        (with(2, "text", json!("")), "questions[2].text"),
        (json!({ "said": ["x".repeat(501)] }), "said[0]"),
        (json!({ "said": vec!["x"; 61] }), "said"),
    ] {
        let answer = world.post(PREVIEW, Some(&token), &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {answer:?}");
        assert!(answer.json()["errors"].get(field).is_some(), "{field}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_plan_has_its_number_of_questions_and_an_hour_its_previews() {
    let world = World::new().await;
    let agency = world.agency_on("free", "Small", 1).await;
    let token = world.sign_in_as(&agency, "admin").await;
    let question = json!({ "text": "What else?", "label": "Else" });
    let six = json!({ "questions": vec![question.clone(); 6], "said": [] });
    assert_eq!(world.post(PREVIEW, Some(&token), &six).await.status, StatusCode::FORBIDDEN);
    let agency = world.agency("Aurora", 2).await;
    let token = world.sign_in_as(&agency, "admin").await;
    let mut last = StatusCode::OK;
    for _ in 0..61 {
        last = world.post(PREVIEW, Some(&token), &json!({ "said": [] })).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
