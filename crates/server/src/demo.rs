//! `studioconnect demo`: the agency "Aurora Branding", a server with everything local, and a spoken call.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::call_log::{CallEvent, ContinueCause, EventKind, Fault};
use simulator::line::session::Pace;
use simulator::scenario::file::Scenario;
use simulator::scenario::report::{Report, Verdict};
use simulator::scenario::run::{self, RunOptions};
use tokio::sync::broadcast::error::RecvError;

use crate::cli::{Demo, PaceChoice};
use crate::config::Config;
use crate::exit::Exit;
use crate::serve::told_to_stop;
use crate::wiring::studio::{self, Studio};
use crate::wiring::{database, server, simulation};

/// The call of the demonstration, carried in the program.
const SCENARIO: &str = include_str!("../../../scenarios/demo.toml");
/// How often, and how many times, it is looked for letters after the call.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOKS: u32 = 40;

/// Seeds the demo agency, serves, places a spoken call.
///
/// # Errors
/// When the server can't start or the call can't be placed.
pub async fn run(mut config: Config, options: Demo) -> anyhow::Result<Exit> {
    // Its own data, so that a demonstration never mixes with an installation.
    config.general.data_dir = config.general.data_dir.join("demo");
    config.media.allow_lockstep = true;
    // Done for this agency, before the call.
    config.speech.prerender = false;
    let scenario = match &options.script {
        Some(file) => Scenario::load(file)?,
        None => Scenario::parse(SCENARIO, "demo", std::path::Path::new("."))?,
    };
    let outbox = config.mail.email.folder.clone().unwrap_or_else(|| config.general.data_dir.join("outbox"));
    let before = letters_in(&outbox);
    let listener = match server::listen(&config).await {
        Ok(listener) => listener,
        Err(taken) if options.port.is_none() => {
            config.server.port = 0;
            say(&format!("{taken:#}; taking a free port instead"));
            server::listen(&config).await?
        }
        Err(taken) => return Err(taken),
    };
    say("Starting the private PostgreSQL and the server …");
    let database = database::open(&config).await?;
    let studio = studio::open(&config, database.db.clone(), listener).await?;
    let outcome = demonstrate(&studio, &scenario, &options).await;
    let running = studio.running;
    let verdict = match outcome {
        Ok(report) => {
            say(&format!("\n{}", report.table()));
            if report.verdict == Verdict::Passed { Exit::Done } else { Exit::NotAsExpected }
        }
        Err(error) => {
            say(&format!("\nThe call could not be placed: {error:#}"));
            Exit::Failed
        }
    };
    tell_of_letters(&outbox, &before).await;
    let end = if options.once {
        Ok(())
    } else {
        say(&format!(
            "The server stays up: {}  (Ctrl-C ends it)\nPlace another call with: studioconnect call --to {} --url {} --text \"What are your opening hours?\"",
            running.local_url(),
            scenario.to,
            running.local_url()
        ));
        told_to_stop().await
    };
    running.stop(std::time::Duration::from_secs(10)).await;
    database.close().await?;
    end.map(|()| verdict)
}

/// The letters in a folder.
fn letters_in(outbox: &Path) -> BTreeSet<PathBuf> {
    let Ok(folder) = std::fs::read_dir(outbox) else { return BTreeSet::new() };
    let files = folder.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|file| file.extension().is_some_and(|kind| kind == "eml")).collect()
}

/// Names the letters that the call brought about. They follow within a moment of its end; when no further one comes for
/// a second, they are all there.
async fn tell_of_letters(outbox: &Path, before: &BTreeSet<PathBuf>) {
    let mut sent = Vec::new();
    let mut quiet = 0;
    for _ in 0..LOOKS {
        tokio::time::sleep(LOOK_EVERY).await;
        let now: Vec<PathBuf> = letters_in(outbox).difference(before).cloned().collect();
        quiet = if now.len() == sent.len() { quiet + 1 } else { 0 };
        sent = now;
        if !sent.is_empty() && quiet >= 4 {
            break;
        }
    }
    if sent.is_empty() {
        say(&format!("\nNo e-mail followed the call. It would be in {}.", outbox.display()));
        return;
    }
    say(&format!(
        "\nE-mail that followed the call, as files that any mail program opens ({}):",
        outbox.display()
    ));
    for file in sent {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        say(&format!("  to {}: {}\n    {name}", header(&text, "To"), header(&text, "Subject")));
    }
}

/// A header of a message, its lines put together.
fn header(message: &str, name: &str) -> String {
    let head = message.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

async fn demonstrate(studio: &Studio, scenario: &Scenario, options: &Demo) -> anyhow::Result<Report> {
    let Studio { running, agency, password, stage } = studio;
    say(&format!(
        "\n  {} is on the line at {}\n  Watch the call:  {}\n  Sign in with:    {}  /  {password}\n",
        agency.name,
        agency.number,
        running.local_url(),
        agency.owner_email,
    ));
    for missing in running.speech.missing() {
        say(&format!("  On this machine {missing}"));
    }
    simulation::caller_can_speak()?;
    // Time to open the page, used to get the agent's sentences ready.
    say("The call begins in a few seconds.");
    running.speech.prerender_for(&agency.name, &agency.agent_name, &agency.contact_name).await;
    let mut watcher = running.app.live.watch(agency.org_id);
    let printing = async {
        loop {
            match watcher.recv().await {
                Ok(live) => print_event(&live.event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    };
    let pace = match options.pace {
        PaceChoice::Real => Pace::RealTime,
        PaceChoice::Lockstep => Pace::Lockstep,
    };
    let run_options = RunOptions { pace: Some(pace), ..RunOptions::default() };
    say(&format!("A client calls ({}): {}\n", scenario.from, scenario.about));
    tokio::select! {
        report = run::run(stage, scenario, &run_options, None) => Ok(report?),
        () = printing => anyhow::bail!("the live view broke"),
    }
}

fn print_event(event: &CallEvent) {
    let at = format!("{:6.1}s", event.at_ms as f64 / 1000.0);
    match &event.kind {
        EventKind::AgentSaying { text, .. } => say(&format!("{at}  Ava     {text}")),
        EventKind::CallerTurn { text, .. } => say(&format!("{at}  Caller  {text}")),
        EventKind::TurnRejected { text, reason, .. } => {
            say(&format!("{at}  (not taken as a turn: {text:?}: {reason})"));
        }
        EventKind::ToolCall { name, ok, .. } => {
            say(&format!("{at}          [{name}{}]", if *ok { "" } else { " failed" }));
        }
        EventKind::Latency { parts, .. } => say(&format!(
            "{at}          {} ms to answer (endpointing {}, speech to text {}, brain {}, text to speech {}, hop {})",
            parts.total_ms, parts.endpointing_ms, parts.stt_ms, parts.brain_ms, parts.tts_ms, parts.hop_ms
        )),
        EventKind::Notice { text, fault, .. } => say(&format!("{at}  Notice  {text}{}", whose(*fault))),
        EventKind::EngineChanged { from, to, cause, fault } => {
            say(&format!("{at}  Notice  {to} goes on for {from}: {cause}{}", whose(Some(*fault))));
        }
        EventKind::Continued { node, gap_ms, cause } => {
            let why = match cause {
                ContinueCause::CutOff => "was cut off",
                ContinueCause::HandedOver => "was handed over",
                ContinueCause::NotConnected => "came back: nobody took the caller",
            };
            say(&format!("{at}  Notice  the call {why} and goes on at {node} after {gap_ms} ms"));
        }
        EventKind::Ended { reason } => say(&format!("{at}  The call is over ({reason:?}).")),
        _ => {}
    }
}

/// Whose fault an incident was, behind its text.
fn whose(fault: Option<Fault>) -> &'static str {
    match fault {
        Some(Fault::Provider) => " (the provider's fault)",
        Some(Fault::Carrier) => " (the carrier's fault)",
        Some(Fault::Us) => " (this installation's fault)",
        Some(Fault::Nobody) | None => "",
    }
}

fn say(line: &str) {
    // A closed standard output must not end a running server.
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
