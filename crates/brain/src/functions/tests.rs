//! What a model may call, and what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::call_log::EventKind;
use domain::call_plan::CallPlan;
use domain::history::{History, LeadState};
use domain::leads::{LeadField, Priority};
use provider_traits::ambient::Ambient;
use provider_traits::brain::NextStep;
use provider_traits::functions::{FunctionOutcome, Functions};
use serde_json::{Value, json};

use super::{fitting, functions};
use crate::rules::tests::{FakeTools, Who, plan};

struct Model {
    functions: Arc<dyn Functions>,
    tools: Arc<FakeTools>,
    plan: Arc<CallPlan>,
}

impl Model {
    fn of(who: Who) -> Self {
        Self::with(plan(who), who)
    }

    fn with(plan: CallPlan, who: Who) -> Self {
        let tools = Arc::new(FakeTools::new(who));
        let plan = Arc::new(plan);
        let functions = functions(plan.clone(), tools.clone(), Ambient::system());
        Self { functions, tools, plan }
    }

    async fn call(&self, name: &str, arguments: Value) -> FunctionOutcome {
        let outcome = self.functions.call(name, &arguments).await;
        assert!(!outcome.output.is_empty() && outcome.output.len() <= fitting::MOST_BYTES);
        assert!(
            outcome.log.iter().any(|e| matches!(e, EventKind::ToolCall { .. })),
            "{name} left no trace in the log"
        );
        outcome
    }

    /// The output as JSON.
    async fn ask(&self, name: &str, arguments: Value) -> Value {
        serde_json::from_str(&self.call(name, arguments).await.output).expect("the output is JSON")
    }

    async fn save(&self, question: &str, answer: &str) -> Value {
        self.ask("save_lead_answer", json!({ "question": question, "answer": answer })).await
    }

    fn names(&self) -> Vec<&str> {
        self.functions.specs().iter().map(|spec| spec.tool.name.as_str()).collect()
    }
}

fn tool_calls(log: &[EventKind]) -> Vec<(&str, &Value, bool)> {
    log.iter()
        .filter_map(|entry| match entry {
            EventKind::ToolCall { name, arguments, ok, .. } => Some((name.as_str(), arguments, *ok)),
            _ => None,
        })
        .collect()
}

#[test]
fn every_schema_is_one_that_vendors_take() {
    for who in [Who::Stranger, Who::Withheld, Who::Maria] {
        let model = Model::of(who);
        for spec in model.functions.specs() {
            let tool = &spec.tool;
            let name = &tool.name;
            assert!(
                (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert!((20..=1_024).contains(&tool.description.len()), "{name}: {}", tool.description.len());
            let schema: Value = serde_json::from_str(tool.parameters.as_str()).expect("JSON");
            jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(schema["type"], "object", "{name}");
            assert_eq!(schema["additionalProperties"], false, "{name}");
            let properties = schema["properties"].as_object().expect("properties");
            let required = schema["required"].as_array().expect("required");
            assert_eq!(required.len(), properties.len(), "{name}");
            for (field, schema) in properties {
                assert!(required.contains(&json!(field)), "{name}.{field}");
                assert!(schema["description"].as_str().is_some_and(|text| text.len() > 10), "{name}.{field}");
                for keyword in schema.as_object().expect("a schema").keys() {
                    let taken = ["type", "description", "enum", "minimum", "maximum"];
                    assert!(taken.contains(&keyword.as_str()), "{name}.{field} uses {keyword}");
                }
            }
            assert!(spec.limit > Duration::ZERO && spec.limit <= Duration::from_secs(10), "{name}");
            assert!(spec.waiting_line.ends_with('.'), "{name}: {:?}", spec.waiting_line);
        }
    }
}

#[test]
fn everybody_is_offered_what_they_may_use_and_no_more() {
    let stranger = Model::of(Who::Stranger);
    assert_eq!(
        stranger.names(),
        [
            "identify_client",
            "search_knowledge",
            "save_lead_answer",
            "finish_lead",
            "flag_urgent",
            "schedule_callback",
            "record_satisfaction",
            "take_message",
            "transfer_call",
            "end_call"
        ]
    );
    let client = Model::of(Who::Maria);
    assert!(client.names().contains(&"get_project_status") && client.names().contains(&"list_projects"));
    assert!(client.names().contains(&"report_scope_change"));
    let mut alone = plan(Who::Stranger);
    alone.business.transfer_to = None;
    alone.lead_questions.clear();
    let alone = Model::with(alone, Who::Stranger);
    for name in ["transfer_call", "save_lead_answer", "finish_lead"] {
        assert!(!alone.names().contains(&name), "{name}");
    }
}

#[tokio::test]
async fn a_stranger_who_asks_for_projects_all_the_same_gets_none() {
    let model = Model::of(Who::Stranger);
    let outcome = model.call("list_projects", json!({})).await;
    assert!(outcome.output.contains("there is no function"), "{}", outcome.output);
    assert!(!outcome.output.contains("Bakery"));
}

#[tokio::test]
async fn a_client_hears_how_a_project_stands() {
    let maria = Model::of(Who::Maria);
    let outcome = maria.call("get_project_status", json!({ "project": "" })).await;
    assert!(outcome.output.contains("Bakery Website is in review"), "{}", outcome.output);
    let logged: Vec<&str> = tool_calls(&outcome.log).iter().map(|(name, ..)| *name).collect();
    assert_eq!(logged, ["list_projects", "get_project_status"], "as the rules log it");
    let tom = Model::of(Who::Tom);
    let which = tom.ask("get_project_status", json!({ "project": "my project" })).await;
    assert_eq!(which["projects"], json!(["Packaging Design", "Online Shop"]));
    let shop = tom.ask("get_project_status", json!({ "project": "the online shop" })).await;
    assert!(shop["say"].as_str().unwrap().contains("risk"), "{shop}");
    assert_eq!(tom.ask("list_projects", Value::Null).await["projects"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn questions_are_answered_from_what_is_stored() {
    let model = Model::of(Who::Stranger);
    let found = model.ask("search_knowledge", json!({ "question": "when are you open" })).await;
    assert!(found["answers"][0]["answer"].as_str().unwrap().contains("nine to six"), "{found}");
    let nothing = model.ask("search_knowledge", json!({ "question": "xylophone" })).await;
    assert_eq!(nothing["answers"], json!([]));
    assert!(nothing["say"].as_str().unwrap().contains("Dana"), "{nothing}");
}

#[tokio::test]
async fn a_number_or_address_is_read_before_anybody_is_looked_for() {
    let model = Model::of(Who::Stranger);
    let by_phone = json!({ "by": "phone", "value": "five one three five five five oh one one one" });
    assert_eq!(model.ask("identify_client", by_phone).await["client"], "Bright Bakery");
    let by_email = json!({ "by": "email", "value": "maria at gmail dot com" });
    assert_eq!(model.ask("identify_client", by_email).await["known"], false);
    let nonsense = model.ask("identify_client", json!({ "by": "phone", "value": "five" })).await;
    assert!(nonsense["error"].as_str().unwrap().starts_with("value: "), "{nonsense}");
}

#[tokio::test]
async fn a_lead_is_the_same_lead_that_the_rules_take() {
    let model = Model::of(Who::Stranger);
    let saved = model.save("Name", "my name is maria lopez").await;
    assert_eq!(saved["saved"], "Maria Lopez");
    assert_eq!(saved["next_question"]["question"], "Email");
    let saved = model.save("Email", "m a r i a at gmail dot com").await;
    assert_eq!(saved["saved"], "maria@gmail.com");
    assert!(saved["say"].as_str().unwrap().contains("maria at gmail dot com"), "{saved}");
    // Out of order, as the caller tells it.
    assert_eq!(model.save("Budget", "ten to fifteen thousand dollars").await["saved"], "USD 10000-15000");
    assert_eq!(model.save("service", "a new website").await["saved"], "website");
    assert_eq!(model.save("Phone", "the number i'm calling from").await["saved"], "+15135550177");
    // A correction is saved again.
    assert_eq!(model.save("Budget", "twenty thousand dollars").await["saved"], "USD 20000");
    let saved = model.save("Company", "it's called bright bakery").await;
    assert_eq!(saved["next_question"]["question"], "Timeline");
    let last = model.save("Timeline", "by the end of march").await;
    assert_eq!((&last["saved"], &last["next_question"]), (&json!("2027-03-31"), &Value::Null));
    assert!(last["note"].as_str().unwrap().contains("finish_lead"), "{last}");
    let finished = model.call("finish_lead", json!({ "reason": "all_questions_done" })).await;
    assert!(finished.log.iter().any(|entry| matches!(entry, EventKind::LeadSaved { .. })));
    assert_eq!(model.tools.kept.lock().unwrap().finished, [(true, Priority::Normal)]);
    assert_eq!(model.tools.lead(LeadField::Budget).as_deref(), Some("USD 20000"));
    // Once is enough.
    model.call("finish_lead", json!({ "reason": "caller_stopped" })).await;
    model.call("end_call", json!({ "reason": "caller_said_goodbye" })).await;
    assert_eq!(model.tools.kept.lock().unwrap().finished.len(), 1);
}

#[tokio::test]
async fn the_log_of_a_saved_answer_tells_the_history() {
    let model = Model::of(Who::Stranger);
    let saved = model.call("save_lead_answer", json!({ "question": "Name", "answer": "Maria Lopez" })).await;
    let declined =
        model.call("save_lead_answer", json!({ "question": "Phone", "answer": "I'd rather not say" })).await;
    let unclear = model.call("save_lead_answer", json!({ "question": "Email", "answer": "maria" })).await;
    let urgent = model.call("flag_urgent", json!({ "score": 8, "reason": "the site is down" })).await;
    let log = [saved.log, declined.log, unclear.log, urgent.log].concat();
    let history = History::of(&log);
    assert_eq!(history.answers.len(), 1);
    assert_eq!(history.answers[0].value, "Maria Lopez");
    assert_eq!(history.left_open, [model.plan.lead_questions[2].id]);
    assert_eq!((history.lead, history.flagged_urgent), (LeadState::UnderWay, true));
}

#[tokio::test]
async fn what_the_records_know_of_a_client_is_not_asked() {
    let model = Model::of(Who::Maria);
    let saved = model.save("Service", "packaging").await;
    assert_eq!(saved["next_question"]["question"], "Email", "{saved}");
    assert_eq!(model.tools.lead(LeadField::Name).as_deref(), Some("Maria Lopez"));
    assert_eq!(model.tools.lead(LeadField::Phone).as_deref(), Some("+15135550111"));
}

#[tokio::test]
async fn another_session_goes_on_with_the_next_open_question() {
    let model = Model::of(Who::Stranger);
    let first = model.call("save_lead_answer", json!({ "question": "Name", "answer": "Maria Lopez" })).await;
    let second = model.call("save_lead_answer", json!({ "question": "Email", "answer": "a@b.com" })).await;
    let history = History::of(first.log.iter().chain(&second.log));
    let other = Model::of(Who::Stranger);
    other.functions.take_over(&history);
    let saved = other.save("Budget", "ten thousand dollars").await;
    assert_eq!(saved["next_question"]["question"], "Phone");
}

#[tokio::test]
async fn a_flow_is_not_finished_while_a_question_is_open_unless_the_caller_stops() {
    let model = Model::of(Who::Stranger);
    let nothing = model.ask("finish_lead", json!({ "reason": "all_questions_done" })).await;
    assert!(nothing["error"].as_str().unwrap().contains("no answer is saved"), "{nothing}");
    model.save("Name", "Maria Lopez").await;
    let early = model.ask("finish_lead", json!({ "reason": "all_questions_done" })).await;
    assert!(early["error"].as_str().unwrap().contains("Email"), "{early}");
    let stopped = model.ask("finish_lead", json!({ "reason": "caller_stopped" })).await;
    assert_eq!(stopped["complete"], false);
    assert_eq!(model.tools.kept.lock().unwrap().finished, [(false, Priority::Normal)]);
}

#[tokio::test]
async fn who_leaves_in_the_middle_leaves_a_lead() {
    let model = Model::of(Who::Stranger);
    model.save("Name", "Maria Lopez").await;
    model.ask("flag_urgent", json!({ "score": 6, "reason": "as soon as possible" })).await;
    let outcome = model.call("transfer_call", json!({ "reason": "a new project" })).await;
    assert_eq!(outcome.then, Some(NextStep::Transfer { to: "+15135550199".into() }));
    assert_eq!(model.tools.kept.lock().unwrap().finished, [(false, Priority::High)]);
    let names: Vec<&str> = tool_calls(&outcome.log).iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["finish_lead", "transfer_call"]);
}

#[tokio::test]
async fn the_end_comes_with_the_last_words() {
    let model = Model::of(Who::Stranger);
    let outcome = model.call("end_call", json!({ "reason": "nothing_more_to_do" })).await;
    assert_eq!(outcome.then, Some(NextStep::HangUp));
    assert!(outcome.output.contains("Goodbye"), "{}", outcome.output);
    assert!(model.tools.kept.lock().unwrap().finished.is_empty(), "there was no lead");
}

#[tokio::test]
async fn a_message_is_passed_on_once_with_where_to_answer() {
    let model = Model::of(Who::Stranger);
    let message = |reply_to: &str| json!({ "text": "please call me about the logo", "from_name": "Maria", "reply_to": reply_to, "priority": "normal" });
    model.ask("take_message", message("calling_number")).await;
    model.ask("take_message", message("calling_number")).await;
    model.ask("take_message", message("maria at gmail dot com")).await;
    {
        let kept = model.tools.kept.lock().unwrap();
        let reply: Vec<_> = kept.messages.iter().map(|m| m.reply_to.as_deref()).collect();
        assert_eq!(reply, [Some("+15135550177"), Some("maria@gmail.com")]);
    }
    let nowhere = model.ask("take_message", message("over there")).await;
    assert!(nowhere["error"].as_str().unwrap().starts_with("reply_to: "), "{nowhere}");
    let withheld = Model::of(Who::Withheld);
    let hidden = withheld.ask("take_message", message("calling_number")).await;
    assert!(hidden["error"].as_str().unwrap().contains("withheld"), "{hidden}");
}

#[tokio::test]
async fn an_urgent_message_is_urgent_whatever_the_model_makes_of_it() {
    let model = Model::of(Who::Stranger);
    let message =
        json!({ "text": "our website is down", "from_name": "", "reply_to": "none", "priority": "normal" });
    model.ask("take_message", message).await;
    assert_eq!(model.tools.kept.lock().unwrap().messages[0].priority, Priority::Urgent);
}

#[tokio::test]
async fn an_emergency_tells_what_to_do_when_nobody_is_to_be_connected() {
    let model = Model::of(Who::Stranger);
    let flagged = model.ask("flag_urgent", json!({ "score": 9, "reason": "our shop is down" })).await;
    let note = flagged["note"].as_str().unwrap();
    assert!(flagged["say"].as_str().unwrap().contains("connect you"), "{flagged}");
    assert!(note.contains("transfer_call") && note.contains("take_message with priority urgent"), "{note}");
    let hurried = model.ask("flag_urgent", json!({ "score": 6, "reason": "soon please" })).await;
    assert_eq!(hurried, json!({ "flagged": true }));
}

#[tokio::test]
async fn arguments_that_can_not_be_are_refused_by_name() {
    let model = Model::of(Who::Stranger);
    let long = "x".repeat(501);
    for (name, arguments, expect) in [
        ("search_knowledge", json!({}), "question: is needed"),
        ("search_knowledge", json!({ "question": 5 }), "question: must be a text"),
        ("search_knowledge", json!({ "question": long }), "question: at most 500 characters"),
        ("search_knowledge", json!({ "question": "hours", "limit": 3 }), "limit: there is no such argument"),
        ("search_knowledge", json!("{\"question\":"), "must be a JSON object"),
        ("search_knowledge", json!([1, 2]), "must be a JSON object"),
        ("search_knowledge", json!({ "question": "x".repeat(17_000) }), "too long"),
        ("flag_urgent", json!({ "score": 11, "reason": "x" }), "score: must be a whole number from 5 to 10"),
        ("flag_urgent", json!({ "score": "eight", "reason": "x" }), "score: must be"),
        (
            "save_lead_answer",
            json!({ "question": "Colour", "answer": "red" }),
            "question: must be one of: Name",
        ),
        ("end_call", json!({ "reason": "bored" }), "reason: must be one of"),
        ("order_pizza", json!({}), "there is no function"),
    ] {
        let outcome = model.call(name, arguments).await;
        let output: Value = serde_json::from_str(&outcome.output).expect("JSON");
        let error = output["error"].as_str().unwrap_or_default();
        assert!(error.contains(expect), "{name}: {error:?} lacks {expect:?}");
        assert_eq!(outcome.then, None);
        let logged = tool_calls(&outcome.log);
        assert_eq!(logged.len(), 1);
        assert!(!logged[0].2 && logged[0].1.to_string().len() < 17_000, "{name}");
    }
}

#[tokio::test]
async fn arguments_that_were_not_parsed_are_parsed() {
    let model = Model::of(Who::Stranger);
    let text = json!(r#"{"question":"when are you open"}"#);
    assert!(model.call("search_knowledge", text).await.output.contains("nine to six"));
    assert!(model.call("end_call", json!(r#"{"reason":"caller_said_goodbye"}"#)).await.then.is_some());
}

#[tokio::test]
async fn a_tool_that_fails_or_panics_becomes_a_sentence() {
    for fail in
        [|tools: &FakeTools| &tools.broken, |tools: &FakeTools| &tools.panics] as [fn(&FakeTools) -> &_; 2]
    {
        let model = Model::of(Who::Stranger);
        std::sync::atomic::AtomicBool::store(fail(&model.tools), true, Ordering::Relaxed);
        for (name, arguments) in [
            ("search_knowledge", json!({ "question": "when are you open" })),
            ("save_lead_answer", json!({ "question": "Name", "answer": "Maria Lopez" })),
            ("flag_urgent", json!({ "score": 9, "reason": "x" })),
        ] {
            let outcome = model.call(name, arguments).await;
            assert!(outcome.output.contains("offer to take a message"), "{name}: {}", outcome.output);
            assert!(!outcome.output.contains("connection"), "the reason is for the log");
            assert!(tool_calls(&outcome.log).iter().any(|(logged, _, ok)| *logged == name && !ok));
        }
    }
}

#[tokio::test]
async fn an_answer_that_could_not_be_saved_is_still_open() {
    let model = Model::of(Who::Stranger);
    model.tools.broken.store(true, Ordering::Relaxed);
    model.save("Name", "Maria Lopez").await;
    model.tools.broken.store(false, Ordering::Relaxed);
    let saved = model.save("Email", "maria@gmail.com").await;
    assert_eq!(saved["next_question"]["question"], "Name");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_is_given_up_in_time() {
    let model = Model::of(Who::Maria);
    model.tools.stuck.store(true, Ordering::Relaxed);
    for spec in model.functions.specs() {
        let started = tokio::time::Instant::now();
        let arguments = match spec.tool.name.as_str() {
            "search_knowledge" => json!({ "question": "x" }),
            "get_project_status" => json!({ "project": "website" }),
            "save_lead_answer" => json!({ "question": "Email", "answer": "a@b.com" }),
            "flag_urgent" => json!({ "score": 9, "reason": "x" }),
            "take_message" => {
                json!({ "text": "x", "from_name": "", "reply_to": "none", "priority": "normal" })
            }
            "end_call" => json!({ "reason": "nothing_more_to_do" }),
            _ => json!({}),
        };
        model.call(&spec.tool.name, arguments).await;
        assert!(started.elapsed() <= spec.limit + Duration::from_millis(5), "{}", spec.tool.name);
    }
}

#[tokio::test]
async fn two_answers_side_by_side_are_both_kept() {
    let model = Model::of(Who::Stranger);
    tokio::join!(model.save("Name", "Maria Lopez"), model.save("Budget", "ten thousand dollars"));
    let saved = model.save("Email", "maria@gmail.com").await;
    assert_eq!(saved["next_question"]["question"], "Phone");
    assert_eq!(model.tools.kept.lock().unwrap().answers.len(), 3);
}

#[tokio::test]
async fn a_question_that_is_left_out_is_not_the_next() {
    let mut plan = plan(Who::Stranger);
    plan.lead_questions[5].skip_when = Some(domain::leads::SkipCondition {
        question: plan.lead_questions[4].id,
        comparison: domain::leads::Comparison::Is,
        value: "Packaging".to_owned(),
    });
    plan.lead_questions[5].required = true;
    plan.lead_questions[6].urgency_weight = 8;
    let model = Model::with(plan, Who::Stranger);
    for (question, answer) in
        [("Name", "Maria Lopez"), ("Email", "maria@gmail.com"), ("Phone", "the number i'm calling from")]
    {
        model.save(question, answer).await;
    }
    model.save("Company", "Bright Bakery").await;
    let saved = model.save("Service", "packaging").await;
    assert_eq!(saved["next_question"]["question"], "Timeline", "{saved}");
    assert_eq!(model.save("Timeline", "as soon as possible").await["next_question"], Value::Null);
    let finished = model.ask("finish_lead", json!({ "reason": "all_questions_done" })).await;
    assert_eq!(finished["complete"], true, "{finished}");
    assert_eq!(model.tools.kept.lock().unwrap().finished, [(true, Priority::Urgent)]);
}

#[tokio::test]
async fn what_else_stands_in_an_answer_is_saved_as_well() {
    let model = Model::of(Who::Stranger);
    let saved = model.save("Service", "a website, and our budget is ten thousand dollars").await;
    assert_eq!(saved["saved"], "website");
    assert_eq!(model.tools.lead(LeadField::Budget).as_deref(), Some("USD 10000"));
    model.save("Name", "Maria Lopez").await;
    assert_eq!(model.save("Email", "maria@gmail.com").await["next_question"]["question"], "Phone");
}

#[tokio::test]
async fn a_client_proves_by_a_code_before_anything_is_told() {
    let mut plan = plan(Who::Stranger);
    plan.caller.may_identify = true;
    let model = Model::with(plan, Who::Stranger);
    for name in ["identify_client", "verify_client", "get_project_status", "list_projects"] {
        assert!(model.names().contains(&name), "{name}");
    }
    let refused = model.ask("get_project_status", json!({ "project": "website" })).await;
    assert!(refused["error"].as_str().unwrap().contains("may not have that"), "{refused}");
    let known =
        model.ask("identify_client", json!({ "by": "email", "value": "maria at gmail dot com" })).await;
    let wrong = model.ask("verify_client", json!({ "code": "one two three four five six" })).await;
    assert_eq!((&wrong["verified"], &wrong["tries_left"]), (&json!(false), &json!(2)));
    let short = model.ask("verify_client", json!({ "code": "one two three" })).await;
    assert!(short["error"].as_str().unwrap().starts_with("code: "), "{short}");
    let right = model.call("verify_client", json!({ "code": "402913" })).await;
    assert!(right.output.contains("Bright Bakery"), "{}", right.output);
    assert!(!serde_json::to_string(&right.log).unwrap().contains("402913"), "the code stays out of the log");
    let status = model.ask("get_project_status", json!({ "project": "website" })).await;
    assert!(status["say"].as_str().unwrap().contains("homepage"), "{status}");
    // The answer to a key that nobody has is the same.
    let unknown = model.ask("identify_client", json!({ "by": "client_number", "value": "9 9 9 9" })).await;
    assert_eq!(known, unknown);
}
