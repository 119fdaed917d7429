//! The records of daily work: found, ordered, changed by one person at a time, exported, deleted.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use domain::call_log::EndReason;
use domain::ids::TurnId;
use serde_json::{Value, json};
use store::OrgTx;
use store::calls::finalize::{Outcome, finalize};
use store::calls::turns::{Turn, TurnKind};

use super::world::{Agency, Answer, World, request};

async fn ids_of(world: &World, token: &str, path: &str) -> Vec<String> {
    let page = world.get(path, Some(token)).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
    let page = page.json();
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn delete(world: &World, token: &str, path: &str) -> Answer {
    world.send(request("DELETE", path, Some(token), &[], None)).await
}

#[tokio::test]
async fn a_list_is_ordered_counted_and_paged_in_the_order_that_was_asked_for() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    for name in ["zebra", "Ähre", "apple", "Birch"] {
        world.clock.advance(TimeDelta::seconds(1));
        let created = world.post("/api/v1/clients", Some(&token), &json!({ "name": name })).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert!(created.header("location").starts_with("/api/v1/clients/client_"));
    }
    let first = world.get("/api/v1/clients?sort=name&limit=2&total=true", Some(&token)).await.json();
    assert_eq!((&first["total"], &first["total_capped"]), (&json!(5), &json!(false)));
    // What comes in meanwhile and belongs before this place shifts nothing.
    world.post("/api/v1/clients", Some(&token), &json!({ "name": "Aaa" })).await;
    let mut pages = vec![first];
    while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str() {
        assert!(pages.len() < 4, "the list does not end");
        let path = format!("/api/v1/clients?sort=name&limit=2&cursor={cursor}");
        let page = world.get(&path, Some(&token)).await.json();
        assert!(page.get("total").is_none(), "not counted unless asked for");
        pages.push(page);
    }
    let names: Vec<&str> = pages
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|client| client["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["apple", "Birch", "Northwind Coffee", "zebra", "Ähre"]);
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused_by_name() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    world.post("/api/v1/clients", Some(&token), &json!({ "name": "Second" })).await;
    let page = world.get("/api/v1/clients?limit=1", Some(&token)).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    for path in ["clients?sort=name&", "clients?q=a&", "projects?", "leads?"] {
        let answer = world.get(&format!("/api/v1/{path}cursor={cursor}"), Some(&token)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(answer.json()["errors"].get("cursor").is_some(), "{path}: {:?}", answer.json());
    }
    let answer = world.get("/api/v1/clients?colour=red", Some(&token)).await;
    assert!(answer.json()["errors"].get("colour").is_some(), "{:?}", answer.json());
}

#[tokio::test]
async fn a_record_is_changed_only_on_the_version_that_was_seen() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let message = ids_of(&world, &token, "/api/v1/messages").await.remove(0);
    for (path, change) in [
        (format!("clients/{}", agency.client), json!({ "notes": "a" })),
        (format!("projects/{}", agency.project), json!({ "progress_percent": 40 })),
        (format!("leads/{}", agency.lead), json!({ "notes": "a" })),
        (format!("knowledge-entries/{}", agency.entry), json!({ "answer": "a" })),
        (format!("messages/{message}"), json!({ "handled": true })),
    ] {
        let path = format!("/api/v1/{path}");
        let tag = world.get(&path, Some(&token)).await.header("etag").to_owned();
        assert!(!tag.is_empty(), "{path}");
        let change = async |headers: &[(&str, &str)]| {
            world.send(request("PATCH", &path, Some(&token), headers, Some(&change))).await
        };
        assert_eq!(change(&[]).await.status, StatusCode::PRECONDITION_REQUIRED, "{path}");
        // The clock stands still: a version is another one all the same.
        let first = change(&[("if-match", tag.as_str())]).await;
        assert_eq!(first.status, StatusCode::OK, "{path}: {first:?}");
        let late = change(&[("if-match", tag.as_str())]).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{path}");
        let second = change(&[("if-match", first.header("etag"))]).await;
        assert_eq!(second.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_client_with_projects_stays_and_one_without_goes() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let client = format!("/api/v1/clients/{}", agency.client);
    assert_eq!(delete(&world, &token, &client).await.status, StatusCode::CONFLICT);
    let project = format!("/api/v1/projects/{}", agency.project);
    assert_eq!(delete(&world, &token, &project).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&world, &token, &client).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&client, Some(&token)).await.status, StatusCode::NOT_FOUND);
    // The call stays, without its client.
    let call = world.get(&format!("/api/v1/calls/{}", agency.call), Some(&token)).await.json();
    assert_eq!(call["client"], Value::Null);
}

#[tokio::test]
async fn what_a_project_tool_keeps_is_read_only() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let mut facts = store::projects::get(&mut tx, agency.project).await.unwrap().facts;
    facts.provider = Some("asana".to_owned());
    store::projects::update(&mut tx, agency.project, &facts, world.app.ambient.now()).await.unwrap();
    tx.commit().await.unwrap();
    let path = format!("/api/v1/projects/{}", agency.project);
    let refused = world.patch(&path, &token, &json!({ "status": "done" })).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["errors"]["status"], "is kept by asana: change it there");
    let ours = world.patch(&path, &token, &json!({ "aliases": ["relaunch"], "archived": true })).await;
    assert_eq!(ours.status, StatusCode::OK, "{ours:?}");
    assert!(ours.json()["archived_at"].is_string());
    assert_eq!(delete(&world, &token, &path).await.status, StatusCode::CONFLICT);
    assert!(ids_of(&world, &token, "/api/v1/projects?archived=false").await.is_empty());
}

#[tokio::test]
async fn two_leads_of_one_person_become_one() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let nameless = world.post("/api/v1/leads", Some(&token), &json!({ "notes": "?" })).await;
    assert_eq!(nameless.status, StatusCode::UNPROCESSABLE_ENTITY);
    let taken = json!({ "name": "Maria", "phone": "(513) 555-0199" });
    let taken = world.post("/api/v1/leads", Some(&token), &taken).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "the same number has an open lead: {taken:?}");
    let new =
        json!({ "name": "Mary", "email": "Maria@Lopez.example", "company": "Lopez", "priority": "HIGH" });
    let new = world.post("/api/v1/leads", Some(&token), &new).await;
    assert_eq!(new.status, StatusCode::CREATED, "{new:?}");
    let other = new.json()["id"].clone();
    let merge = format!("/api/v1/leads/{}/merge", agency.lead);
    let lead = world.post(&merge, Some(&token), &json!({ "lead_id": other })).await.json();
    assert_eq!((&lead["name"], &lead["company"]), (&json!("Maria Lopez"), &json!("Lopez")));
    assert_eq!((&lead["email"], &lead["priority"]), (&json!("maria@lopez.example"), &json!("HIGH")));
    assert_eq!(ids_of(&world, &token, "/api/v1/leads").await, [agency.lead.to_string()]);
    let itself = world.post(&merge, Some(&token), &json!({ "lead_id": agency.lead })).await;
    assert!(itself.json()["errors"].get("lead_id").is_some());
    let stranger = world
        .patch(
            &format!("/api/v1/leads/{}", agency.lead),
            &token,
            &json!({ "assignee_id": "user_01jd5z6q2mf3vr4c9s8e7t6k5h" }),
        )
        .await;
    assert!(stranger.json()["errors"].get("assignee_id").is_some(), "{stranger:?}");
}

#[tokio::test]
async fn an_export_holds_every_lead_and_no_formula_and_is_noted() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let sample = store::leads::get(&mut tx, agency.lead).await.unwrap();
    for number in 0..250 {
        let lead = store::leads::Lead {
            id: domain::ids::LeadId(world.app.ambient.new_id()),
            name: Some(format!("=cmd|{number}")),
            phone: None,
            call_id: None,
            ..sample.clone()
        };
        store::leads::insert(&mut tx, &lead).await.unwrap();
    }
    tx.commit().await.unwrap();
    let table = world.get("/api/v1/leads/export?status=open", Some(&token)).await;
    assert_eq!(table.status, StatusCode::OK, "{table:?}");
    assert!(table.header("content-disposition").contains("leads.csv"));
    let text = String::from_utf8(table.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 252, "a line of headings and a line for each");
    assert!(text.contains(",'=cmd|249,") && !text.contains(",=cmd"));
    assert!(text.contains(",'+15135550199,"), "a number is text, too");
    let json = world.get("/api/v1/leads/export?format=json", Some(&token)).await.json();
    assert_eq!(json.as_array().unwrap().len(), 251);
    let member = world.sign_in_as(&agency, "member").await;
    assert_eq!(world.get("/api/v1/leads/export", Some(&member)).await.status, StatusCode::FORBIDDEN);
    let wrong = world.get("/api/v1/leads/export?format=xml", Some(&token)).await;
    assert!(wrong.json()["errors"].get("format").is_some(), "{wrong:?}");
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let entries =
        store::audit::list(&mut tx, &store::audit::Filter::default(), None, 50).await.unwrap().items;
    assert_eq!(entries.iter().filter(|entry| entry.entry.action == "leads:export").count(), 2);
}

#[tokio::test]
async fn a_message_is_dealt_with_by_somebody_and_can_be_opened_again() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "member").await;
    let me = world.get("/api/v1/auth/me", Some(&token)).await.json()["user"]["id"].clone();
    let message = ids_of(&world, &token, "/api/v1/messages?handled=false").await.remove(0);
    let path = format!("/api/v1/messages/{message}");
    let done = world.patch(&path, &token, &json!({ "handled": true, "assignee_id": me })).await.json();
    assert_eq!((&done["handled_by"], &done["assignee_id"]), (&me, &me));
    assert!(ids_of(&world, &token, "/api/v1/messages?handled=false").await.is_empty());
    let open = world.patch(&path, &token, &json!({ "handled": false })).await.json();
    assert_eq!((&open["handled_at"], &open["assignee_id"]), (&Value::Null, &me));
    assert_eq!(delete(&world, &token, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path, Some(&token)).await.status, StatusCode::NOT_FOUND);
}

async fn finish(world: &World, agency: &Agency, words: &str) {
    let now = world.app.ambient.now();
    let turn = Turn {
        id: TurnId(world.app.ambient.new_id()),
        kind: TurnKind::Caller,
        started_ms: 61_000,
        ended_ms: 62_000,
        text: words.to_owned(),
        generated: None,
        sent: None,
        interrupted: false,
        confidence: None,
        layer: None,
        reason: None,
        intent: None,
        urgency: Default::default(),
        latency: None,
    };
    let outcome = Outcome {
        ended_at: now,
        end_reason: EndReason::CallerHungUp,
        duration_ms: 900,
        intent: Some("faq".to_owned()),
        intents: Vec::new(),
        urgency: Default::default(),
        summary: json!({}),
        turns: vec![turn],
        tool_calls: Vec::new(),
        finalized_at: now,
    };
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    assert!(finalize(&mut tx, agency.call, &outcome).await.unwrap());
    store::calls::finalize::set_recording(&mut tx, agency.call, "recordings/a.wav", 900).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_call_is_found_by_its_words_and_goes_with_everything_recorded_of_it() {
    let world = World::new().await;
    let (agency, rival) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    let token = world.sign_in_as(&agency, "owner").await;
    let path = format!("/api/v1/calls/{}", agency.call);
    assert_eq!(delete(&world, &token, &path).await.status, StatusCode::CONFLICT, "it goes on");
    finish(&world, &agency, "When is the Website ready?").await;
    finish(&world, &rival, "when is the website ready").await;
    let found = async |query: &str| ids_of(&world, &token, &format!("/api/v1/calls?{query}")).await;
    let call = [agency.call.to_string()];
    assert_eq!(found("q=website+READY").await, call);
    assert_eq!(found("q=website+late").await, [""; 0]);
    assert_eq!(found("has_recording=true&intent=faq&direction=inbound&caller=%2B15135550199").await, call);
    assert_eq!(found("urgency_min=5").await, [""; 0]);
    let text = world.get(&format!("{path}/transcript?format=text"), Some(&token)).await;
    assert_eq!(text.body, "[01:01] Caller: When is the Website ready?\n");
    let transcript = world.get(&format!("{path}/transcript"), Some(&token)).await.json();
    assert_eq!(transcript["turns"][0]["speaker"], "caller");

    assert_eq!(delete(&world, &token, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path, Some(&token)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(found("q=website").await, [""; 0]);
    assert_eq!(ids_of(&world, &token, "/api/v1/leads").await, [agency.lead.to_string()]);
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let entries =
        store::audit::list(&mut tx, &store::audit::Filter::default(), None, 50).await.unwrap().items;
    assert!(entries.iter().any(|entry| entry.entry.action == "calls:delete"));
}

#[tokio::test]
async fn verdicts_become_figures() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let record = async |body: Value| world.post("/api/v1/satisfaction", Some(&token), &body).await;
    let first = record(json!({ "scale": "csat", "score": 5, "call_id": agency.call })).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert_eq!(first.json()["client_id"], agency.client.to_string(), "the caller's");
    assert_eq!(record(json!({ "scale": "csat", "score": 3 })).await.status, StatusCode::CREATED);
    assert_eq!(record(json!({ "scale": "nps", "score": 0 })).await.status, StatusCode::CREATED);
    for (body, field) in [
        (json!({ "scale": "csat", "score": 0 }), "score"),
        (json!({ "scale": "csat", "score": 6 }), "score"),
        (json!({ "scale": "nps", "score": 11 }), "score"),
        (json!({ "scale": "csat", "score": 5, "given_at": "2999-01-01T00:00:00Z" }), "given_at"),
        (
            json!({ "scale": "csat", "score": 5, "project_id": "proj_01jd5z6q2mf3vr4c9s8e7t6k5h" }),
            "project_id",
        ),
    ] {
        let answer = record(body.clone()).await;
        assert!(answer.json()["errors"].get(field).is_some(), "{body}: {answer:?}");
    }
    let figures = world.get("/api/v1/satisfaction/figures", Some(&token)).await.json();
    assert_eq!((&figures["csat"]["responses"], &figures["csat"]["mean"]), (&json!(2), &json!(4.0)));
    assert_eq!(figures["nps"]["score"], json!(-100.0));
    let listed = ids_of(&world, &token, &format!("/api/v1/satisfaction?client_id={}", agency.client)).await;
    assert_eq!(listed.len(), 1);
}

async fn import(world: &World, token: &str, media_type: &str, body: String) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/knowledge-entries/import")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, media_type)
        .body(Body::from(body))
        .unwrap();
    world.send(request).await
}

#[tokio::test]
async fn knowledge_comes_in_bulk_all_rows_or_none() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "manager").await;
    let wrong = import(&world, &token, "text/csv", "question,answer\nA?,Yes\n,No\n".to_owned()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    assert!(wrong.json()["errors"].get("entries[1].question").is_some());
    assert_eq!(ids_of(&world, &token, "/api/v1/knowledge-entries").await.len(), 1, "nothing was entered");
    // A thousand rows, larger than what other operations take.
    let answer = "Yes we do. ".repeat(40);
    let rows: String = (0..1_000).map(|n| format!("Hours,Question {n}?,{answer}\n")).collect();
    let table = format!("category,question,answer\n{rows}");
    assert!(table.len() > 300_000);
    let done = import(&world, &token, "text/csv; charset=utf-8", table).await;
    assert_eq!((done.status, &done.json()["imported"]), (StatusCode::OK, &json!(1_000)), "{done:?}");
    let one = json!({ "entries": [{ "question": "B?", "answer": "" }] });
    let faulty = import(&world, &token, "application/json", one.to_string()).await;
    assert!(faulty.json()["errors"].get("entries[0].answer").is_some(), "{faulty:?}");
    let headings = world.get("/api/v1/knowledge-categories", Some(&token)).await.json();
    assert_eq!(headings["items"][1], json!({ "name": "Hours", "entries": 1_000 }));
    let other = import(&world, &token, "text/plain", "x".to_owned()).await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_older_paths_answer_as_they_did() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let get = async |path: &str| world.get(path, Some(&token)).await.json();
    let dashboard = get("/api/admin/dashboard").await;
    assert_eq!((&dashboard["kpis"]["totalCalls"], &dashboard["live"]["activeCalls"]), (&json!(1), &json!(1)));
    assert_eq!(dashboard["latestCalls"][0]["id"], agency.call.to_string());
    assert_eq!(dashboard["latestLeads"][0]["name"], "Maria Lopez");
    let business = world
        .send(request("PUT", "/api/business", Some(&token), &[], Some(&json!({ "contactName": "Dana" }))))
        .await;
    assert_eq!(business.json()["contactName"], "Dana", "{business:?}");
    assert_eq!(get("/api/client").await["items"][0]["phone"], "+15135550199");
    assert_eq!(get("/api/project").await["items"][0]["details"], "The home page is drawn.");
    let entries = json!({ "entries": [
        { "category": "Hours", "question": "When are you open?", "answer": "Always." },
        { "question": "Where are you?", "answer": "Here." },
    ] });
    for _ in 0..2 {
        let saved =
            world.send(request("PUT", "/api/admin/knowledge", Some(&token), &[], Some(&entries))).await;
        assert_eq!(saved.status, StatusCode::OK, "{saved:?}");
    }
    let listed = get("/api/admin/knowledge?sort=question").await;
    let answers: Vec<_> = listed["items"].as_array().unwrap().iter().map(|e| e["answer"].clone()).collect();
    assert_eq!(answers, ["Always.", "Here."], "saved by question, and twice is once");
    let sync = world.post("/api/project/sync", Some(&token), &json!({})).await;
    assert_eq!(sync.status, StatusCode::CONFLICT);
    let config = json!({ "primaryColor": "#000000", "showBranding": false });
    let config = world.post("/api/widget-config", Some(&token), &config).await;
    assert_eq!(config.json()["showBranding"], false, "{config:?}");
    let wrong = world.post("/api/widget-config", Some(&token), &json!({ "primaryColor": "red" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    let page = world.get("/admin/leads", None).await;
    assert_eq!((page.status, page.header("location")), (StatusCode::TEMPORARY_REDIRECT, "/"));
}
