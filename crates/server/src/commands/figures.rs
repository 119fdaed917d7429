//! `studioconnect figures`: runs scenarios against the demonstration's agency again and again and prints how
//! well callers are understood and how long they wait.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use simulator::line::session::Pace;
use simulator::scenario::figures;
use simulator::scenario::file::Scenario;
use simulator::scenario::report::{Report, Verdict};
use simulator::scenario::run::{RunOptions, run as place};

use crate::cli::{Figures, PaceChoice, ReportFormat};
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::{database, server, simulation, studio};

/// Runs every scenario with every voice the given number of times.
///
/// # Errors
/// When the server can't start, a scenario can't be read or a caller has no voice.
pub async fn run(mut config: Config, options: Figures) -> anyhow::Result<Exit> {
    config.general.data_dir = config.general.data_dir.join("figures");
    config.media.allow_lockstep = true;
    config.speech.prerender = false;
    config.server.port = 0;
    let scenarios = load(&options.scenarios)?;
    simulation::caller_can_speak()?;
    let listener = server::listen(&config).await?;
    let database = database::open(&config).await?;
    let studio = studio::open(&config, database.db.clone(), listener).await?;
    studio
        .running
        .speech
        .prerender_for(&studio.agency.name, &studio.agency.agent_name, &studio.agency.contact_name)
        .await;
    let mut reports: Vec<Report> = Vec::new();
    for round in 0..options.runs {
        for voice in &options.voices {
            for scenario in &scenarios {
                let run_options = RunOptions {
                    voice: Some(voice.clone()),
                    pace: Some(match options.pace {
                        PaceChoice::Real => Pace::RealTime,
                        PaceChoice::Lockstep => Pace::Lockstep,
                    }),
                    seed: Some(u64::from(round) + 1),
                    to: None,
                    network: None,
                };
                let report = place(&studio.stage, scenario, &run_options, None).await?;
                let fine = (report.verdict == Verdict::Passed) != scenario.must_fail;
                let mark = if fine { "ok  " } else { "BAD " };
                eprint(&format!("{mark} run {} {voice:>6} {}", round + 1, scenario.name));
                if !fine {
                    eprint(&report.table());
                }
                reports.push(report);
            }
        }
    }
    studio.running.stop(std::time::Duration::from_secs(5)).await;
    database.close().await?;
    let by_voice = figures::by_voice(&reports);
    let page = match options.report {
        ReportFormat::Json => {
            serde_json::to_string_pretty(&by_voice).context("could not write the figures")?
        }
        ReportFormat::Text => figures::markdown(&by_voice),
    };
    let _closed = writeln!(std::io::stdout().lock(), "{page}");
    Ok(Exit::Done)
}

fn load(folder: &PathBuf) -> anyhow::Result<Vec<Scenario>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("there is no scenario (*.toml) in {}", folder.display());
    }
    files.iter().map(|file| Ok(Scenario::load(file)?)).collect()
}

fn eprint(line: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{line}");
}
