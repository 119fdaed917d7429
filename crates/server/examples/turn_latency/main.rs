//! How long a caller waits for an answer, and for what: `make bench PARTS=turn`.
//!
//! A whole server carries a call with the pipeline and the brain `llm`. Its three vendors are stand-ins on this machine
//! that take a fixed time each, reached by the very clients, chains and guards that reach the real ones. The caller
//! speaks in flite's voice through mu-law, so that voice activity is the real one, too. What was said the transcriber
//! is told: it has nothing to understand. The telephone's clock measures the wait; the timeline of the call splits it.
#![expect(clippy::print_stdout, reason = "the tables are what it is run for")]

mod figures;
mod phone;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use domain::call_log::{CallEvent, EventKind, Purpose};

use figures::{Turn, table};
use phone::{Phone, Sentence};
use stage::{Conditions, Stage};

/// What the vendors take, all but the slow model.
const VENDOR: Duration = Duration::from_millis(150);
/// Turns of one call.
const TURNS_OF_A_CALL: usize = 25;
/// Clearly complete: little silence is waited for.
const QUESTIONS: [&str; 3] =
    ["what are your opening hours", "where are you located please", "how much does a website cost"];
/// Complete as far as rules can tell: more may come.
const STATEMENTS: [&str; 3] = [
    "we are looking for a new logo",
    "our shop sells furniture in two towns",
    "my sister told me about your studio",
];

/// Measures turns.
#[derive(Debug, Parser)]
struct Options {
    /// Turns of each row.
    #[arg(long, default_value_t = 100)]
    turns: usize,
    /// Only rows whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Prints every turn.
    #[arg(long)]
    show: bool,
}

/// A row of the tables: the same calls under other conditions.
struct Row {
    name: &'static str,
    conditions: Conditions,
    /// The caller waits so long to be sure that the agent has said everything.
    patience: Duration,
}

fn rows() -> Vec<Row> {
    let usual = Conditions { speech: VENDOR, model: VENDOR, think_ahead: true };
    let patience = Duration::from_millis(700);
    vec![
        Row { name: "150 ms each", conditions: usual, patience },
        Row {
            name: "150 ms each, llm.think_ahead off",
            conditions: Conditions { think_ahead: false, ..usual },
            patience,
        },
        Row {
            name: "model 2 s slow",
            conditions: Conditions { model: Duration::from_secs(2), ..usual },
            patience: Duration::from_millis(1_700),
        },
    ]
}

/// One row: calls one after the other until there are enough turns.
async fn measure(row: &Row, options: &Options, sentences: &[Sentence]) -> anyhow::Result<Vec<Turn>> {
    let stage = Stage::open("turns", row.conditions).await?;
    let before = stage.asked();
    let mut turns: Vec<Turn> = Vec::new();
    while turns.len() < options.turns {
        let wanted = (options.turns - turns.len()).min(TURNS_OF_A_CALL);
        let mut phone = Phone::new(sentences, &stage.cue, wanted, row.patience);
        let log = stage.call(&mut phone).await?;
        anyhow::ensure!(!phone.gave_up, "nothing was heard: {log:#?}");
        let told = answers(&log);
        let matches = told.len() == phone.heard.len()
            && told.iter().zip(&phone.heard).all(|(told, heard)| told.words == heard.words);
        anyhow::ensure!(matches, "what was heard and the timeline differ: {:?} {log:#?}", phone.heard);
        turns.extend(told.into_iter().zip(phone.heard).map(|(told, heard)| Turn {
            is_question: QUESTIONS.contains(&heard.words),
            first_ms: heard.first_ms,
            longest_silence_ms: heard.longest_silence_ms,
            parts: told.parts,
            fillers: told.fillers,
        }));
    }
    let asked = stage.asked() - before;
    stage.stop().await;
    println!("{}: {} turns, {asked} requests to the model", row.name, turns.len());
    Ok(turns)
}

/// What the timeline says of one turn.
struct Told {
    words: String,
    parts: domain::call_log::LatencyParts,
    fillers: usize,
}

fn answers(log: &[CallEvent]) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for event in log {
        match &event.kind {
            EventKind::CallerTurn { text, .. } => {
                told.push(Told { words: text.clone(), parts: Default::default(), fillers: 0 });
            }
            EventKind::AgentSaying { purpose: Purpose::Filler, .. } => {
                if let Some(last) = told.last_mut() {
                    last.fillers += 1;
                }
            }
            EventKind::Latency { parts, .. } => {
                if let Some(last) = told.last_mut() {
                    last.parts = *parts;
                }
            }
            _ => {}
        }
    }
    told
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let mut sentences = Vec::new();
    for words in QUESTIONS.into_iter().zip(STATEMENTS).flat_map(|(question, statement)| [question, statement])
    {
        let spoken = Sentence::spoken(words).await;
        sentences.push(spoken.context("the caller's voice is flite's: apt-get install flite")?);
    }
    let rows: Vec<Row> = rows()
        .into_iter()
        .filter(|row| options.only.as_ref().is_none_or(|only| row.name.contains(only.as_str())))
        .collect();
    // Side by side: they hardly need the processor.
    let measured = rows.iter().map(|row| measure(row, options, &sentences));
    let measured = futures_util::future::try_join_all(measured).await?;
    let named: Vec<(&str, Vec<Turn>)> = rows.iter().map(|row| row.name).zip(measured).collect();
    if options.show {
        for (name, turns) in &named {
            turns.iter().for_each(|turn| println!("{name}: {turn:?}"));
        }
    }
    println!("{}", table(&named, VENDOR));
    Ok(())
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    // One TLS provider for the whole process; an error means that it is installed already.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("turn_latency: {error:#}");
            ExitCode::FAILURE
        }
    }
}
