//! Whole calls against a small agent behind real HTTP and a real WebSocket.

mod agent;
mod speech;

use std::path::Path;
use std::sync::Arc;

use agent::{Agent, Manners};
use simulator::caller::person::Progress;
use simulator::line::session::LineEnd;
use simulator::scenario::file::Scenario;
use simulator::scenario::report::{Report, Verdict};
use simulator::scenario::run::{RunOptions, Stage, run};
use simulator::twilio::call::Deed;
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};
use speech::Tongue;
use tokio::sync::mpsc;

const HEAD: &str = r#"
name = "a_call"
about = "Somebody calls."
from = "+15135550111"
to = "+15135550100"
max_seconds = 60
"#;

async fn call(manners: Manners, steps: &str) -> (Report, Agent) {
    call_watched(manners, steps, None).await
}

async fn call_watched(
    manners: Manners,
    steps: &str,
    progress: Option<mpsc::Sender<Progress>>,
) -> (Report, Agent) {
    let tongue = Arc::new(Tongue::default());
    let agent = Agent::start(Arc::clone(&tongue), manners).await;
    let account = Account { sid: "AC0123456789abcdef0123456789abcdef".into(), auth_token: "secret".into() };
    let endpoint = Endpoint::direct(&agent.base).expect("an address");
    let http = reqwest::Client::builder().build().expect("a client");
    let stage = Stage {
        webhooks: Webhooks::new(http, account, endpoint),
        tts: Arc::clone(&tongue) as _,
        stt: Some(tongue),
        records: None,
        agent_phrases: Vec::new(),
    };
    let scenario =
        Scenario::parse(&format!("{HEAD}{steps}"), "a_call.toml", Path::new(".")).expect("a scenario");
    let report = run(&stage, &scenario, &RunOptions::default(), progress).await.expect("sounds can be made");
    (report, agent)
}

const TWO_LINES: &str = r#"
[[step]]
say = "how is my website"
expect = { heard_all = ["ready for review"], heard_none = ["goodbye"], silence_at_most_ms = 2000 }
[[step]]
say = "thank you bye"
expect = { heard_any = ["nothing|goodbye"], answered = true }
[expect]
goodbye_heard = true
"#;

#[tokio::test]
async fn what_is_heard_while_waiting_for_the_end_answers_the_line_before() {
    let steps = format!("{TWO_LINES}\n").replace("[expect]", "[[step]]\nawait_end_ms = 3000\n[expect]");
    let (report, _) = call(Manners::default(), &steps).await;
    assert_eq!(report.steps[1].answer, "goodbye and thanks");
    // This agent never hangs up, and that is told.
    assert!(report.steps[2].wrong[0].contains("the agent to end the call"), "{}", report.table());
}

#[tokio::test]
async fn conversation_as_expected_passes() {
    let (watch, mut seen) = mpsc::channel(64);
    let (report, agent) = call_watched(Manners::default(), TWO_LINES, Some(watch)).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", report.table());
    assert_eq!(report.verdict.exit_status(), 0);
    assert!(report.lockstep);
    assert_eq!(report.steps[0].answer, "your website is ready for review");
    assert_eq!(report.steps[0].answer_after_ms, Some(agent::PATIENCE_MS));
    assert_eq!(report.carrier.line.as_ref().map(|line| &line.end), Some(&LineEnd::CallerHungUp));
    assert_eq!(agent.statuses(), ["in-progress", "completed"]);
    let mut lines = Vec::new();
    while let Ok(progress) = seen.try_recv() {
        lines.push(match progress {
            Progress::CallerSays { text, .. } => text,
            Progress::CallerDoes { what, .. } => what,
            Progress::AgentHeard(heard) => heard.text,
        });
    }
    let expected = [
        "hello this is ava",
        "how is my website",
        "your website is ready for review",
        "thank you bye",
        "goodbye and thanks",
        "hangs up",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn wrong_answer_fails() {
    let wrong = TWO_LINES.replace("ready for review", "finished last week");
    let (report, _) = call(Manners::default(), &wrong).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(report.verdict.exit_status(), 1);
    assert!(report.steps[0].wrong[0].contains("was not heard"), "{:?}", report.steps[0].wrong);
    assert!(report.table().contains("FAILED"));
}

#[tokio::test]
async fn interruption_is_timed_and_a_deaf_agent_fails_it() {
    let steps = r#"
[[step]]
say = "how is my website"
[[step]]
say = "thank you bye"
when = { agent_speaking_ms = 300 }
expect = { agent_stops_within_ms = 260, heard_all = ["goodbye"] }
"#;
    let (report, _) = call(Manners::default(), steps).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", report.table());
    let stopped = report.steps[1].agent_stopped_after_ms.expect("the agent was speaking");
    assert!((200..=260).contains(&stopped), "{stopped}");
    assert_eq!(report.carrier.line.as_ref().map(|line| line.clears.len()), Some(1));
    let (report, _) = call(Manners { stops_when_interrupted: false, ..Manners::default() }, steps).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.table().contains("went quiet after"), "{}", report.table());
}

#[tokio::test]
async fn agent_that_never_answers_is_given_up() {
    let steps =
        "answer_timeout_ms = 3000\n[[step]]\nsay = \"how is my website\"\nexpect = { answered = true }\n";
    let (report, _) = call(Manners { answers: false, ..Manners::default() }, steps).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.steps[0].wrong.iter().any(|wrong| wrong.contains("did not speak")), "{}", report.table());
    assert!(report.media_ms < 10_000);
}

#[tokio::test]
async fn broken_protocol_fails_whatever_was_heard() {
    let (report, _) = call(Manners { sends_binary: true, ..Manners::default() }, TWO_LINES).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(report.violations.first().map(|violation| violation.code), Some(31950));
}

#[tokio::test]
async fn closed_stream_goes_on_with_the_action_and_the_tail() {
    let steps = r#"
dial = "no-answer"
[[step]]
say = "transfer me please"
expect = { answered = false }
[[step]]
await_end_ms = 20000
[expect]
dialled = "+15135550199"
carrier_says = ["nobody is there"]
"#;
    let (report, agent) = call(Manners::default(), steps).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", report.table());
    assert_eq!(report.carrier.line.as_ref().map(|line| &line.end), Some(&LineEnd::ServerClosed));
    assert_eq!(agent.statuses(), ["in-progress", "completed"]);
}

#[tokio::test]
async fn repeated_webhook_carries_the_same_token() {
    let (report, agent) = call(Manners::default(), &format!("deliver_twice = true\n{TWO_LINES}")).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", report.table());
    let tokens = agent.inbound_tokens();
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0], tokens[1]);
    assert!(!tokens[0].is_empty());
}

#[tokio::test]
async fn stream_that_is_refused_falls_through_to_the_tail() {
    let (report, _) = call(Manners { refuses_stream: true, ..Manners::default() }, TWO_LINES).await;
    assert_eq!(report.verdict, Verdict::Failed);
    let failed =
        report.carrier.deeds.iter().any(|deed| matches!(deed, Deed::StreamFailed { code: 31920, .. }));
    assert!(failed, "{:?}", report.carrier.deeds);
    assert!(report.carrier.said().any(|text| text.contains("nobody is there")));
}

#[tokio::test]
async fn answer_that_is_no_twiml_ends_the_call_with_twilios_error() {
    let (report, _) = call(Manners { answers_with_json: true, ..Manners::default() }, TWO_LINES).await;
    assert_eq!(report.verdict, Verdict::Failed);
    let error = report.carrier.error.clone().expect("an error");
    assert!(error.contains("12300"), "{error}");
    assert!(report.steps.iter().all(|step| step.started_ms.is_none()));
}

#[tokio::test]
async fn recording_from_the_callers_side_has_both_voices() {
    let (report, _) = call(Manners::default(), TWO_LINES).await;
    let wav = audio::wav::parse(&report.wav().expect("a stream")).expect("a WAV file");
    assert_eq!((wav.channels, wav.sample_rate_hz), (2, 8000));
    assert_eq!(wav.channel(0).len() as u64, report.media_ms * 8);
    for channel in [0, 1] {
        assert!(wav.channel(channel).iter().any(|&sample| sample.abs() > 1000));
    }
}

#[tokio::test]
async fn optional_step_is_left_out_when_the_agent_does_not_ask() {
    let steps = r#"
[[step]]
say = "how is my website"
[[step]]
say = "transfer me please"
when = { heard = "which project" }
optional = true
[[step]]
say = "thank you bye"
when = { heard = "ready for review" }
optional = true
expect = { heard_all = ["goodbye"] }
"#;
    let (report, _) = call(Manners::default(), steps).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", report.table());
    let done: Vec<&str> = report.steps.iter().map(|step| step.caller.as_str()).collect();
    assert_eq!(done, ["how is my website", "thank you bye"]);
}

#[tokio::test]
async fn figures_count_what_passed_and_what_had_to_fail() {
    let (passed, _) = call(Manners::default(), TWO_LINES).await;
    let wrong = TWO_LINES.replace("ready for review", "finished last week");
    let (failed, _) = call(Manners::default(), &wrong).await;
    let (failed_on_purpose, _) = call(Manners::default(), &format!("must_fail = true\n{wrong}")).await;
    let figures = simulator::scenario::figures::by_voice(&[passed, failed, failed_on_purpose]);
    let slt = &figures["slt"];
    assert_eq!((slt.runs, slt.passed, slt.must_fail_runs, slt.must_fail_failed), (2, 1, 1, 1));
    assert_eq!(slt.failures["a_call"], 1);
    assert_eq!((slt.heard_ms.count, slt.heard_ms.p50), (6, agent::PATIENCE_MS));
    let table = simulator::scenario::figures::markdown(&figures);
    assert!(table.contains("| slt | 2 | 1 (50 %) | 1 of 1 |"), "{table}");
}
