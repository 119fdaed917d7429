//! `make chaos`: each key fault of a model many times, at the pace of a telephone, and a table of what callers heard.
//!
//! Exit status 4 when a run was not as it must be. The limits are the product's targets, without slack.
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

#[path = "../../tests/it/faults/caller.rs"]
mod caller;
#[path = "../../tests/it/faults/cases.rs"]
mod cases;
#[path = "../../tests/it/faults/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::process::ExitCode;

use cases::{Case, SLOW, Verdict};
use clap::Parser;
use futures_util::StreamExt as _;
use simulator::openai::fault::{FaultKind, Phase};
use stage::Stage;
use tokio::time::Instant;

/// Runs the key faults many times.
#[derive(Debug, Parser)]
struct Options {
    /// How often each.
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Calls beside each other.
    #[arg(long, default_value_t = 20)]
    at_once: usize,
    /// Prints the log of the first run of each case that was not as it must be.
    #[arg(long)]
    show: bool,
    /// Only cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

fn key_cases() -> Vec<Case> {
    use FaultKind::{Close, Flood, Garbage, HalfFrame, Refuse, Reset, Silent, Slow};
    let close = || Close(1_011);
    vec![
        Case::always(Phase::Connect, Refuse(503)),
        Case::always(Phase::Connect, Silent),
        Case::always(Phase::BeforeUpdated, close()),
        Case::always(Phase::Listening, close()),
        Case::always(Phase::CallerSpeaking, close()),
        Case::always(Phase::ReplyOwed, close()).in_the_greeting(),
        Case::always(Phase::ReplyOwed, close()),
        Case::always(Phase::ReplyOwed, close()).once(),
        Case::always(Phase::ReplyOwed, Silent),
        Case::always(Phase::ReplyOwed, Slow(SLOW)),
        Case::always(Phase::ReplyOwed, Garbage),
        Case::always(Phase::ReplyOwed, Flood),
        Case::always(Phase::Speaking, close()),
        Case::always(Phase::Speaking, Reset),
        Case::always(Phase::Speaking, Silent),
        Case::always(Phase::Speaking, HalfFrame),
        Case::always(Phase::FunctionOutput, close()),
        Case::always(Phase::FunctionOutput, Silent),
    ]
}

fn percentile(sorted: &[u64], percent: usize) -> String {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or_else(|| "-".to_owned(), u64::to_string)
}

/// One case, all its runs. Returns whether all were as they must be.
async fn chaos(case: &Case, options: &Options) -> bool {
    let began = Instant::now();
    let (mut verdicts, mut left): (Vec<Verdict>, Vec<String>) = (Vec::new(), Vec::new());
    // A fault that comes once needs a model of its own for each call: the next session is whose turn it is.
    let (stages, calls) = if case.sessions.is_some() { (options.runs, 1) } else { (1, options.runs) };
    let runs = (0..stages).map(async |_| {
        let stage = Stage::open("chaos").await;
        case.apply(&stage);
        let calls = (1..=calls).map(|line| case.run(&stage, line));
        let verdicts: Vec<Verdict> =
            futures_util::stream::iter(calls).buffer_unordered(options.at_once).collect().await;
        (verdicts, stage.stop().await)
    });
    let beside = if stages > 1 { options.at_once.min(8) } else { 1 };
    let mut runs = futures_util::stream::iter(runs).buffer_unordered(beside);
    while let Some((some, over)) = runs.next().await {
        verdicts.extend(some);
        left.extend(over);
    }
    let mut gaps: Vec<u64> = verdicts.iter().filter_map(|verdict| verdict.gap_ms).collect();
    gaps.sort_unstable();
    let within = gaps.iter().filter(|gap_ms| **gap_ms <= case.limit_ms()).count();
    let came = verdicts.iter().filter(|verdict| verdict.came_about).count();
    let sound = verdicts.iter().filter(|verdict| verdict.wrong.is_empty()).count();
    println!(
        "| {:38} | {:4} | {:4} | {:6} | {:5} | {:5} | {:5} | {:5} | {:4} | {:5.0} |",
        case.name(),
        options.runs,
        within,
        case.limit_ms(),
        percentile(&gaps, 50),
        percentile(&gaps, 95),
        percentile(&gaps, 100),
        sound,
        left.len(),
        began.elapsed().as_secs_f64(),
    );
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    for verdict in &verdicts {
        *ways.entry(verdict.engines.join(" > ")).or_default() += 1;
    }
    let ways: Vec<String> = ways.iter().map(|(way, count)| format!("{count} x {way}")).collect();
    println!("|   it came about in {came}; {}", ways.join(", "));
    if let Some(verdict) = verdicts.iter().find(|verdict| options.show && !verdict.timeline.is_empty()) {
        println!("|   {}", verdict.timeline.join("\n|   "));
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for reason in verdicts.into_iter().flat_map(|verdict| verdict.wrong).chain(left.iter().cloned()) {
        *reasons.entry(reason).or_default() += 1;
    }
    for (reason, count) in reasons.iter().take(5) {
        println!("|   {count} x {reason}");
    }
    within == options.runs && sound == options.runs && left.is_empty()
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    // One TLS provider for the whole process; an error means that it is installed already.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    println!(
        "| case                                   | runs | in time | limit | p50 | p95 | max | sound | left | took |"
    );
    println!(
        "|----------------------------------------|------|------|--------|-------|-------|-------|-------|------|-------|"
    );
    let mut all = true;
    for case in key_cases() {
        if options.only.as_ref().is_none_or(|only| case.name().contains(only.as_str())) {
            all &= chaos(&case, &options).await;
        }
    }
    if all { ExitCode::SUCCESS } else { ExitCode::from(4) }
}
