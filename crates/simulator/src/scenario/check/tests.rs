use super::super::file::Who;
use super::super::records::TurnRecord;
use super::*;

fn value(equals: Option<&str>, contains: Option<&str>, matches: Option<&str>) -> ValueExpect {
    let own = |text: Option<&str>| text.map(str::to_owned);
    ValueExpect { equals: own(equals), contains: own(contains), matches: own(matches) }
}

#[test]
fn value_is_compared_without_regard_to_writing() {
    let equals = |text: &str, found: &str| holds(&value(Some(text), None, None), found);
    assert!(equals("Peter Johnson", "peter johnson."));
    assert!(equals("$12,000", "USD 12000"));
    assert!(equals("+1 513 555 0177", "+1-513-555-0177"));
    assert!(!equals("12000", "12001"));
    assert!(holds(&value(None, Some("bakery"), None), "Bright Bakery"));
    assert!(holds(&value(None, None, Some("^[a-z]+@example\\.com$")), "maria@example.com"));
    assert!(!holds(&value(Some("Maria"), Some("Lopez"), None), "Maria"));
}

fn turn(who: Who, text: &str, from: u64, to: u64, rejected_by: Option<&str>) -> TurnRecord {
    TurnRecord {
        who,
        text: text.to_owned(),
        started_ms: from,
        ended_ms: to,
        interrupted: false,
        rejected_by: rejected_by.map(str::to_owned),
        latency: None,
    }
}

fn record() -> CallRecord {
    CallRecord {
        id: "call_1".into(),
        status: "completed".into(),
        end_reason: Some("caller_hung_up".into()),
        is_final: true,
        turns: vec![
            turn(Who::Agent, "Hello, this is Ava.", 0, 1500, None),
            turn(Who::Caller, "my website please", 3000, 4000, None),
            turn(Who::Caller, "thank you for watching", 5000, 5300, Some("inventions")),
        ],
        tools: vec!["get_project_status".into()],
        lead: Some([("name".to_owned(), "Peter Johnson".to_owned())].into()),
        messages: vec!["Please call back about the invoice".into()],
        client: Some("Bright Bakery".into()),
        urgency: 8,
        has_recording: false,
    }
}

fn check(expect: &str, record: Option<&CallRecord>) -> Vec<String> {
    let expect: FinalExpect = toml::from_str(expect).expect("an expectation");
    let carrier = CarrierReport {
        call_sid: "CA1".into(),
        deeds: vec![],
        error: None,
        line: None,
        earlier_lines: vec![],
    };
    let silence = Activity::of(&[]);
    check_final(
        &expect,
        &Evidence {
            carrier: &carrier,
            steps: &[],
            heard: None,
            caller: &silence,
            agent: &silence,
            record,
            recording: None,
            caller_sounds: &[],
        },
    )
}

#[test]
fn true_expectations_of_the_record_hold() {
    let expect = r#"
        status = "completed"
        end_reason = "caller_hung_up"
        caller_turns_at_least = 1
        caller_turns_at_most = 1
        turns = [{ who = "caller", contains = ["website"] }, { who = "agent", contains = ["ava"] }]
        rejected_by = ["inventions"]
        rejected_at_least = 1
        tools = ["get_project_status"]
        tools_not = ["take_message"]
        lead.name = { equals = "peter johnson" }
        has_lead = true
        client = "Bright Bakery"
        urgency_at_least = 8
        message = { contains = "invoice" }
        recording = false
    "#;
    assert_eq!(check(expect, Some(&record())), Vec::<String>::new());
}

#[test]
fn every_false_expectation_of_the_record_is_named() {
    let wrong = [
        r#"status = "failed""#,
        r#"end_reason = "silence""#,
        "caller_turns_at_least = 2",
        "caller_turns_at_most = 0",
        r#"turns = [{ who = "caller", contains = ["watching"] }]"#,
        r#"turns = [{ who = "caller", contains = ["website"], interrupted = true }]"#,
        r#"rejected_by = ["echo"]"#,
        "rejected_at_least = 2",
        r#"tools = ["take_message"]"#,
        r#"tools_not = ["get_project_status"]"#,
        r#"lead.name = { equals = "Paul" }"#,
        r#"lead.email = { contains = "@" }"#,
        "has_lead = false",
        r#"client = "Northwind Coffee""#,
        "urgency_at_least = 9",
        r#"message = { contains = "website" }"#,
        "recording = true",
        r#"dialled = "+15135550199""#,
        r#"carrier_says = ["sorry"]"#,
        "goodbye_heard = true",
    ];
    for expect in wrong {
        assert_eq!(check(expect, Some(&record())).len(), 1, "{expect}");
        assert_eq!(check(expect, None).len(), 1, "without record: {expect}");
    }
}

#[test]
fn transcript_of_a_span_leaves_out_what_was_rejected() {
    let record = record();
    assert_eq!(record.caller_text(2500, 6000), "my website please");
    assert_eq!(record.caller_text(4100, 6000), "");
    assert_eq!(record.agent_text(0, 10_000), "Hello, this is Ava.");
}
