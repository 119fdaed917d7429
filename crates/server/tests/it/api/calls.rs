//! The list of calls and the record of one.

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::call_log::{CallEvent, EndReason, EventKind, Fault, LatencyParts, MediaQuality, ModelTokens};
use domain::ids::{CallId, ToolCallId, TurnId};
use domain::metering::Metered;
use domain::prices::Quantity;
use serde_json::json;
use store::OrgTx;
use store::calls::finalize::{Outcome, finalize};
use store::calls::turns::{ToolCall, Turn, TurnKind};
use store::calls::usage::Rated;

use super::world::{Agency, World};

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "viewer").await;
    let start = world.app.ambient.now();
    let mut expect = vec![agency.call.to_string()];
    for n in 1..=6 {
        let id = CallId(world.app.ambient.new_id());
        // Two calls in one second: the id decides then.
        world.record_call(&agency, id, start + TimeDelta::seconds(n / 2 + 1)).await;
        expect.insert(0, id.to_string());
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/calls?limit=3".to_owned();
    loop {
        let page = world.get(&path, Some(&token)).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/calls?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, expect);
}

#[tokio::test]
async fn filters_narrow_the_list_and_wrong_ones_are_named() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "viewer").await;
    let count = async |query: &str| {
        let answer = world.get(&format!("/api/v1/calls?{query}"), Some(&token)).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
        answer.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(count("status=ringing").await, 1);
    assert_eq!(count("status=completed").await, 0);
    assert_eq!(count(&format!("client_id={}", agency.client)).await, 1);
    assert_eq!(count("to=2020-01-01T00:00:00Z").await, 0);
    assert_eq!(count("from=2020-01-01T00:00:00Z").await, 1);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1000", "limit"),
        ("cursor=nonsense", "cursor"),
        ("status=gone", "status"),
    ] {
        let answer = world.get(&format!("/api/v1/calls?{query}"), Some(&token)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.problem(), "invalid");
        assert!(answer.json()["errors"].get(field).is_some(), "{query}: {:?}", answer.json());
    }
}

/// A call whose record is closed, with one answer for which each of the models was asked.
async fn metered_call(world: &World, agency: &Agency, models: &[&str]) {
    let now = world.app.ambient.now();
    let answer = Turn {
        id: TurnId(world.app.ambient.new_id()),
        kind: TurnKind::Agent,
        started_ms: 100,
        ended_ms: 900,
        text: "Nine to six.".to_owned(),
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
    let prices = &world.app.settings.prices;
    let rated: Vec<Rated> = models
        .iter()
        .map(|model| {
            let tokens = ModelTokens { input_text: 1_000, output_text: 100, ..ModelTokens::default() };
            let quantity = Quantity { tokens, ..Quantity::default() };
            let cost = prices.cost("openai", model, &quantity);
            let (provider, model) = ("openai".to_owned(), (*model).to_owned());
            Rated { metered: Metered { turn: Some(answer.id), provider, model, quantity }, cost }
        })
        .collect();
    let outcome = Outcome {
        ended_at: now,
        end_reason: EndReason::CallerHungUp,
        duration_ms: 900,
        intent: None,
        intents: Vec::new(),
        urgency: Default::default(),
        summary: json!({}),
        turns: vec![answer],
        tool_calls: Vec::new(),
        finalized_at: now,
    };
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    assert!(finalize(&mut tx, agency.call, &outcome).await.unwrap());
    for _ in 0..2 {
        store::calls::usage::enter(&mut tx, agency.call, &rated).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_a_call_cost_is_shown_to_those_who_may_see_usage() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let path = format!("/api/v1/calls/{}", agency.call);
    let manager = world.sign_in_as(&agency, "manager").await;
    let unfinished = world.get(&path, Some(&manager)).await.json();
    assert_eq!(unfinished["usage"], json!(null), "nothing is known before the record is closed");

    metered_call(&world, &agency, &["gpt-realtime-2.1", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"]).await;
    let call = world.get(&path, Some(&manager)).await.json();
    // Twice 1,000 * 4 + 100 * 24, and 1,000 * 0.6 + 100 * 2.4: entered twice, counted once.
    assert_eq!(call["usage"]["cost_micro_usd"], 13_640);
    assert_eq!(call["turns"][0]["cost_micro_usd"], 13_640);
    let first = &call["usage"]["models"][0];
    assert_eq!((&first["model"], &first["requests"]), (&json!("gpt-realtime-2.1"), &json!(2)));
    assert_eq!((&first["input_text_tokens"], &first["cost_micro_usd"]), (&json!(2_000), &json!(12_800)));

    let viewer = world.sign_in_as(&agency, "viewer").await;
    let call = world.get(&path, Some(&viewer)).await.json();
    assert_eq!((&call["usage"], &call["turns"][0]["cost_micro_usd"]), (&json!(null), &json!(null)));
    assert_eq!(call["turns"][0]["text"], "Nine to six.");
}

#[tokio::test]
async fn a_cost_that_nobody_knows_is_null_and_not_zero() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    metered_call(&world, &agency, &["gpt-realtime-2.1", "a-model-of-tomorrow"]).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let call = world.get(&format!("/api/v1/calls/{}", agency.call), Some(&owner)).await.json();
    assert_eq!(
        (&call["usage"]["cost_micro_usd"], &call["turns"][0]["cost_micro_usd"]),
        (&json!(null), &json!(null))
    );
    let costs: Vec<_> =
        call["usage"]["models"].as_array().unwrap().iter().map(|one| one["cost_micro_usd"].clone()).collect();
    assert_eq!(costs, [json!(null), json!(6_400)], "what is known is told");
}

#[tokio::test]
async fn a_record_from_before_costs_were_kept_tells_none() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let used = EventKind::ModelUsage {
        provider: "openai".to_owned(),
        model: "gpt-realtime-2.1".to_owned(),
        tokens: ModelTokens { input_text: 1, ..ModelTokens::default() },
        transcribed_ms: 0,
        characters: 0,
    };
    let now = world.app.ambient.now();
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let events = [CallEvent { seq: 0, at_ms: 0, kind: used }];
    store::calls::events::append(&mut tx, agency.call, &events, now).await.unwrap();
    tx.commit().await.unwrap();
    metered_call(&world, &agency, &[]).await;
    let owner = world.sign_in_as(&agency, "owner").await;
    let call = world.get(&format!("/api/v1/calls/{}", agency.call), Some(&owner)).await.json();
    assert_eq!(call["usage"], json!(null));
}

#[tokio::test]
async fn the_record_of_a_call_has_all_that_was_said_and_done() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "viewer").await;
    let now = world.app.ambient.now();
    let turn = |kind, text: &str| Turn {
        id: TurnId(world.app.ambient.new_id()),
        kind,
        started_ms: 100,
        ended_ms: 900,
        text: text.to_owned(),
        generated: (kind == TurnKind::Agent).then(|| "Nine to six. Anything else?".to_owned()),
        sent: None,
        interrupted: kind == TurnKind::Agent,
        confidence: None,
        layer: (kind == TurnKind::Rejected).then(|| "length".to_owned()),
        reason: (kind == TurnKind::Rejected).then(|| "too short to be a word".to_owned()),
        intent: None,
        urgency: Default::default(),
        latency: (kind == TurnKind::Agent).then(|| LatencyParts { total_ms: 640, ..Default::default() }),
    };
    let outcome = Outcome {
        ended_at: now,
        end_reason: EndReason::CallerHungUp,
        duration_ms: 900,
        intent: Some("faq".to_owned()),
        intents: Vec::new(),
        urgency: Default::default(),
        summary: json!({}),
        turns: vec![
            turn(TurnKind::Caller, "when are you open"),
            turn(TurnKind::Rejected, "uh"),
            turn(TurnKind::Agent, "Nine to six."),
        ],
        tool_calls: vec![ToolCall {
            id: ToolCallId(world.app.ambient.new_id()),
            at_ms: 500,
            name: "search_knowledge".to_owned(),
            arguments: json!({ "question": "when are you open" }),
            result: json!([]),
            ok: true,
            duration_ms: 4,
        }],
        finalized_at: now,
    };
    let events = [
        EventKind::SpeechStarted,
        EventKind::CallerPartial { turn: outcome.turns[0].id, text: "when".to_owned() },
        EventKind::Latency {
            turn: outcome.turns[2].id,
            parts: LatencyParts { total_ms: 640, ..Default::default() },
        },
        EventKind::EngineChanged {
            from: "realtime".to_owned(),
            to: "pipeline".to_owned(),
            cause: "the model's connection was closed".to_owned(),
            fault: Fault::Provider,
        },
        EventKind::Media {
            quality: MediaQuality { packets: 50, jitter_us: 400, underruns: 1, ..MediaQuality::default() },
        },
        EventKind::Ended { reason: EndReason::CallerHungUp },
    ];
    let events: Vec<CallEvent> =
        (0u32..).zip(events).map(|(seq, kind)| CallEvent { seq, at_ms: u64::from(seq), kind }).collect();
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    store::calls::events::append(&mut tx, agency.call, &events, now).await.unwrap();
    assert!(finalize(&mut tx, agency.call, &outcome).await.unwrap());
    tx.commit().await.unwrap();

    let call = world.get(&format!("/api/v1/calls/{}", agency.call), Some(&token)).await.json();
    assert_eq!(call["status"], "completed");
    assert_eq!(call["end_reason"], "caller_hung_up");
    assert_eq!(call["client"]["name"], "Northwind Coffee");
    let speakers: Vec<_> = call["turns"].as_array().unwrap().iter().map(|t| t["speaker"].clone()).collect();
    assert_eq!(speakers, ["caller", "agent"]);
    assert_eq!(call["turns"][1]["latency"]["total_ms"], 640);
    assert_eq!(call["rejected_turns"][0]["reason"], "too short to be a word");
    assert_eq!(call["tool_calls"][0]["name"], "search_knowledge");
    let kinds: Vec<_> = call["events"].as_array().unwrap().iter().map(|e| e["type"].clone()).collect();
    let expect = ["speech_started", "latency", "engine_changed", "media", "ended"];
    assert_eq!(kinds, expect, "words in flux are no part of the record");
    assert_eq!(call["events"][2]["fault"], "provider");
    let quality = &call["media_quality"];
    assert_eq!((&quality["packets"], &quality["underruns"]), (&json!(50), &json!(1)));
    assert_eq!((&quality["jitter_ms"], &quality["streams"]), (&json!(0.4), &json!(1)));
    let times = json!({ "answers": 1, "median_ms": 640, "p95_ms": 640, "longest_ms": 640 });
    assert_eq!(call["response_times"], times);
}
