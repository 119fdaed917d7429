//! The model's side of the matrix: every kind of fault in every phase of a session.

use futures_util::StreamExt as _;
use simulator::openai::fault::{FaultKind, Phase};

use super::cases::{Case, SLOW};
use super::stage::Stage;

/// Calls that run beside each other, each against a server of its own.
const AT_ONCE: usize = 3;

#[expect(clippy::print_stdout, reason = "the figures are what the matrix is looked at for")]
async fn check(cases: Vec<Case>, sessions: Option<usize>) {
    let runs = cases.into_iter().enumerate().map(async |(line, case)| {
        let stage = Stage::open("faults").await;
        match sessions {
            None => stage.stand_in.set_fault(Some(case.fault.clone())),
            Some(sessions) => stage.stand_in.set_fault_for(case.fault.clone(), sessions),
        }
        let mut verdict = case.run(&stage, line + 1).await;
        verdict.wrong.extend(stage.stop().await.into_iter().map(|left| format!("left over: {left}")));
        if let Some(gap_ms) = verdict.gap_ms.filter(|gap_ms| *gap_ms > case.limit_ms()) {
            verdict.wrong.push(format!("{gap_ms} ms are more than {}", case.limit_ms()));
        }
        (case, verdict)
    });
    let done: Vec<_> = futures_util::stream::iter(runs).buffered(AT_ONCE).collect().await;
    for (case, verdict) in &done {
        let gap = verdict.gap_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
        let (name, limit, engines) = (case.name(), case.limit_ms(), verdict.engines.join(" > "));
        println!(
            "{name:45} came: {:5} heard after {gap:>5} ms (limit {limit:>5})  {engines}  {}",
            verdict.came_about,
            verdict.wrong.join("; ")
        );
    }
    let wrong: Vec<String> = done
        .iter()
        .filter(|(_, verdict)| !verdict.wrong.is_empty())
        .map(|(case, verdict)| {
            let (wrong, timeline) = (verdict.wrong.join("; "), verdict.timeline.join("\n    "));
            format!("{}: {wrong}\n    {timeline}", case.name())
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All that can go wrong in a phase.
fn kinds(phase: Phase) -> Vec<FaultKind> {
    let mut kinds = vec![
        FaultKind::Close(1_011),
        FaultKind::Close(1_001),
        FaultKind::Reset,
        FaultKind::Silent,
        FaultKind::Slow(SLOW),
        FaultKind::Garbage,
        FaultKind::HalfFrame,
        FaultKind::Flood,
    ];
    match phase {
        Phase::Connect => kinds.extend([401, 404, 429, 500, 503].map(FaultKind::Refuse)),
        Phase::ReplyOwed | Phase::Speaking => {
            kinds.extend(["server_error", "session_expired"].map(|code| FaultKind::Error(code.to_owned())));
        }
        _ => {}
    }
    kinds
}

async fn check_phase(phase: Phase) {
    check(kinds(phase).into_iter().map(|kind| Case::always(phase, kind)).collect(), None).await;
}

macro_rules! phases {
    ($($name:ident $phase:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check_phase(Phase::$phase).await;
        })*
    };
}

phases! {
    model_that_fails_at_the_door_is_replaced Connect
    model_that_fails_before_its_first_word_is_replaced BeforeCreated
    model_that_fails_before_it_is_configured_is_replaced BeforeUpdated
    model_that_fails_while_nobody_speaks_is_replaced Listening
    model_that_fails_while_the_caller_speaks_is_replaced CallerSpeaking
    model_that_fails_with_an_answer_owed_is_replaced ReplyOwed
    model_that_fails_in_mid_answer_is_replaced Speaking
    model_that_fails_over_a_functions_result_is_replaced FunctionOutput
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_greeted_whatever_becomes_of_the_first_answer() {
    let kinds = [FaultKind::Close(1_011), FaultKind::Silent, FaultKind::Error("server_error".to_owned())];
    let cases = [Phase::ReplyOwed, Phase::Speaking]
        .into_iter()
        .flat_map(|phase| kinds.clone().map(|kind| Case::always(phase, kind).in_the_greeting()));
    check(cases.collect(), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_lost_once_is_replaced_by_another_of_the_same_model() {
    let close = |phase| Case::always(phase, FaultKind::Close(1_011));
    check([Phase::Listening, Phase::CallerSpeaking].map(close).into(), Some(1)).await;
    check([Phase::ReplyOwed, Phase::Speaking].map(|phase| close(phase).in_first_session()).into(), None)
        .await;
}
