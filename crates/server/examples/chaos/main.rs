//! `make chaos`: each key fault of a model many times, at the pace of a telephone, and a table of what callers heard.
//!
//! Exit status 4 when a run was not as it must be. The limits are the product's targets, without slack.
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

#[path = "../../tests/it/faults/caller.rs"]
mod caller;
#[path = "../../tests/it/faults/cases.rs"]
mod cases;
mod footprint;
#[path = "../../tests/it/faults/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use cases::{Case, SLOW, Verdict};
use clap::Parser;
use futures_util::StreamExt as _;
use simulator::openai::fault::{FaultKind, Phase};
use stage::Stage;
use tokio::time::Instant;

/// Between the beginnings of two calls: many go on at once, but an exchange rings one telephone after the other.
const RINGS_EVERY: Duration = Duration::from_millis(250);

/// Lets calls begin one after the other.
#[derive(Debug, Default)]
struct Exchange(tokio::sync::Mutex<()>);

impl Exchange {
    /// Returns when it is a call's turn to begin.
    async fn ring(&self) {
        let _turn = self.0.lock().await;
        tokio::time::sleep(RINGS_EVERY).await;
    }
}

/// Runs the key faults many times.
#[derive(Debug, Parser)]
struct Options {
    /// How often each.
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Calls of a case beside each other; the demo agency's plan has 20 lines.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    /// Cases beside each other, each with a server of its own.
    #[arg(long, default_value_t = 1)]
    cases: usize,
    /// Prints the log of the first run of each case that was not as it must be.
    #[arg(long)]
    show: bool,
    /// Only cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

fn key_cases() -> Vec<Case> {
    use FaultKind::{Close, Flood, Garbage, HalfFrame, Refuse, Reset, Silent, Slow};
    use Phase::{BeforeCreated, BeforeUpdated, CallerSpeaking, Connect, FunctionOutput, Listening};
    use Phase::{ReplyOwed, Speaking};
    let close = || Close(1_011);
    let mut cases =
        vec![Case::always(Connect, Refuse(503)), Case::always(ReplyOwed, close()).in_the_greeting()];
    for phase in [Connect, BeforeCreated, BeforeUpdated] {
        cases.extend([close(), Silent].map(|kind| Case::always(phase, kind)));
    }
    cases.extend([Garbage, Flood, Slow(SLOW)].map(|kind| Case::always(Connect, kind)));
    for phase in [Listening, CallerSpeaking, ReplyOwed, Speaking, FunctionOutput] {
        cases.extend([close(), Silent].map(|kind| Case::always(phase, kind)));
    }
    for phase in [Listening, ReplyOwed, Speaking] {
        cases.extend([Slow(SLOW), Garbage, Flood].map(|kind| Case::always(phase, kind)));
    }
    cases.extend([Reset, HalfFrame].map(|kind| Case::always(Speaking, kind)));
    cases.push(Case::always(ReplyOwed, close()).in_first_session());
    cases
}

fn percentile(sorted: &[u64], percent: usize) -> String {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or_else(|| "-".to_owned(), u64::to_string)
}

/// One case, all its runs. Returns whether all were as they must be.
async fn chaos(case: &Case, options: &Options, exchange: &Exchange) -> bool {
    let began = Instant::now();
    let stage = Stage::open("chaos").await;
    stage.stand_in.set_fault(Some(case.fault.clone()));
    let calls = (1..=options.runs).map(async |line| {
        exchange.ring().await;
        case.run(&stage, line).await
    });
    let verdicts: Vec<Verdict> =
        futures_util::stream::iter(calls).buffer_unordered(options.at_once).collect().await;
    let left = stage.stop().await;
    let mut gaps: Vec<u64> = verdicts.iter().filter_map(|verdict| verdict.gap_ms).collect();
    gaps.sort_unstable();
    let within = gaps.iter().filter(|gap_ms| **gap_ms <= case.limit_ms()).count();
    let came = verdicts.iter().filter(|verdict| verdict.came_about).count();
    let sound = verdicts.iter().filter(|verdict| verdict.wrong.is_empty()).count();
    let mut lines = vec![format!(
        "| {:38} | {:4} | {:4} | {:4} | {:5} | {:5} | {:5} | {:5} | {:5} | {:4} | {:4} | {:4.0} |",
        case.name(),
        options.runs,
        came,
        within,
        case.limit_ms(),
        percentile(&gaps, 50),
        percentile(&gaps, 95),
        percentile(&gaps, 100),
        sound,
        left.len(),
        footprint::resident_mib(),
        began.elapsed().as_secs_f64(),
    )];
    let as_it_must = within == options.runs && sound == options.runs && left.is_empty();
    if !as_it_must || options.show {
        lines.extend(reasons(verdicts, &left, options.show));
    }
    println!("{}", lines.join("\n"));
    as_it_must
}

/// Which engines carried the calls, and what was not as it must be.
fn reasons(verdicts: Vec<Verdict>, left: &[String], show: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    for verdict in &verdicts {
        *ways.entry(verdict.engines.join(" > ")).or_default() += 1;
    }
    lines.extend(ways.iter().map(|(way, count)| format!("|   {count} x {way}")));
    if let Some(verdict) = verdicts.iter().find(|verdict| show && !verdict.timeline.is_empty()) {
        lines.push(format!("|   {}", verdict.timeline.join("\n|   ")));
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for reason in verdicts.into_iter().flat_map(|verdict| verdict.wrong).chain(left.iter().cloned()) {
        *reasons.entry(reason).or_default() += 1;
    }
    lines.extend(reasons.iter().take(5).map(|(reason, count)| format!("|   {count} x {reason}")));
    lines
}

/// Everything that is there only once is made: the private PostgreSQL, the template database, pools of threads.
async fn warm_up() {
    Stage::open("warm-up").await.stop().await;
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    // One TLS provider for the whole process; an error means that it is installed already.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    warm_up().await;
    let before = footprint::open_files();
    println!(
        "| case                                   | runs | came | in time | limit | p50 | p95 | max | sound | left | MiB | took s |\n\
         |----------------------------------------|------|------|------|-------|-------|-------|-------|-------|------|------|------|"
    );
    let wanted = |case: &Case| options.only.as_ref().is_none_or(|only| case.name().contains(only.as_str()));
    let cases: Vec<Case> = key_cases().into_iter().filter(wanted).collect();
    let exchange = Exchange::default();
    let runs = cases.iter().map(|case| chaos(case, &options, &exchange));
    let verdicts: Vec<bool> =
        futures_util::stream::iter(runs).buffer_unordered(options.cases.max(1)).collect().await;
    let after = footprint::settled_open_files(before).await;
    println!("open files of the process: {before} before, {after} after");
    let all = verdicts.into_iter().all(|as_it_must| as_it_must) && after <= before;
    if all { ExitCode::SUCCESS } else { ExitCode::from(4) }
}
