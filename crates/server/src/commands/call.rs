//! `studioconnect call`: a simulated phone call to a running server.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use domain::agent_phrases;
use secrecy::ExposeSecret as _;
use simulator::caller::person::Progress;
use simulator::line::session::Pace;
use simulator::scenario::file::Scenario;
use simulator::scenario::http_records::HttpRecords;
use simulator::scenario::records::Records;
use simulator::scenario::report::Report;
use simulator::scenario::run::{self, RunOptions};
use tokio::sync::mpsc;

use crate::cli::{Call, PaceChoice, ReportFormat};
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::simulation::{self, Reach};

/// Lines of progress that may wait for the terminal; beyond it they are left out.
const PROGRESS_QUEUE: usize = 64;

/// Places a call and reports on it.
///
/// # Errors
/// When the scenario can't be read, the caller has no voice, or the server can't be asked for its records.
pub async fn run(config: Config, options: Call) -> anyhow::Result<Exit> {
    let scenario = scenario(&options)?;
    simulation::caller_can_speak()?;
    let url = options.url.clone().unwrap_or_else(|| public_url(&config));
    let reach = Reach {
        public_url: options.public_url.clone().unwrap_or_else(|| url.clone()),
        url: url.clone(),
        account_sid: config.twilio.account_sid.as_ref().map(|sid| sid.0.clone()),
        auth_token: config.twilio.auth_token.as_ref().map(|token| token.expose_secret().to_owned()),
    };
    let http = simulation::http_client()?;
    let records = match (&options.email, &options.password) {
        (Some(email), Some(password)) => {
            let base = url.parse().with_context(|| format!("{url} is not an address"))?;
            let records = HttpRecords::sign_in(http.clone(), base, email, password).await?;
            Some(Arc::new(records) as Arc<dyn Records>)
        }
        (None, None) => None,
        _ => bail!("--email and --password belong together"),
    };
    let phrases = agent_phrases::fixed("", "", "");
    let stage = simulation::stage(&http, &reach, records, phrases)?;
    let run_options = RunOptions {
        voice: options.voice.clone(),
        pace: Some(match options.pace {
            PaceChoice::Real => Pace::RealTime,
            PaceChoice::Lockstep => Pace::Lockstep,
        }),
        seed: options.seed,
        to: options.to.clone(),
        network: None,
    };
    let (progress, told) = mpsc::channel(PROGRESS_QUEUE);
    let telling = tell(told, options.report == ReportFormat::Text);
    let (report, ()) = tokio::join!(run::run(&stage, &scenario, &run_options, Some(progress)), telling);
    let report = report?;
    print(&report, options.report)?;
    if let Some(file) = &options.record {
        let Some(sound) = report.wav() else {
            bail!("there is nothing to write to {}: the call had no audio", file.display())
        };
        std::fs::write(file, sound).with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(if report.verdict.exit_status() == 0 { Exit::Done } else { Exit::NotAsExpected })
}

fn public_url(config: &Config) -> String {
    config
        .server
        .public_url
        .as_ref()
        .map_or_else(|| format!("http://localhost:{}", config.server.port), |url| url.as_str().to_owned())
}

/// The scenario of the options: a file, or one made of sentences or sounds, one turn each.
fn scenario(options: &Call) -> anyhow::Result<Scenario> {
    let mut scenario = if let Some(file) = &options.script {
        Scenario::load(file)?
    } else {
        let turns: Vec<String> = if options.wav.is_empty() {
            options.text.iter().map(|text| format!("[[step]]\nsay = {}\n", quoted(text))).collect()
        } else {
            let files = options.wav.iter().map(|file| {
                let file = std::path::absolute(file).with_context(|| format!("{}", file.display()))?;
                Ok(format!("[[step]]\nplay = {}\n", quoted(&file.display().to_string())))
            });
            files.collect::<anyhow::Result<_>>()?
        };
        if turns.is_empty() {
            bail!("say what the caller does: --script FILE, --text \"…\" or --wav FILE");
        }
        let Some(to) = &options.to else { bail!("--to is needed: the number to call") };
        let head = format!(
            "name = \"call\"\nabout = \"A call from the command line\"\nfrom = {}\nto = {}\n",
            quoted(options.from.as_deref().unwrap_or("+15135550177")),
            quoted(to)
        );
        Scenario::parse(&format!("{head}\n{}", turns.join("\n")), "command line", Path::new("."))?
    };
    if let Some(from) = &options.from {
        scenario.from.clone_from(from);
    }
    if let Some(seconds) = options.timeout_s {
        scenario.max_seconds = seconds;
    }
    Ok(scenario)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

async fn tell(mut progress: mpsc::Receiver<Progress>, aloud: bool) {
    while let Some(step) = progress.recv().await {
        if !aloud {
            continue;
        }
        let line = match step {
            Progress::CallerSays { at_ms, text } => format!("{:6.1}s  caller  {text}", seconds(at_ms)),
            Progress::CallerDoes { at_ms, what } => format!("{:6.1}s  caller  ({what})", seconds(at_ms)),
            Progress::AgentHeard(heard) => {
                format!("{:6.1}s  agent   {}", seconds(heard.started_ms), heard.text)
            }
        };
        say(&line);
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn print(report: &Report, format: ReportFormat) -> anyhow::Result<()> {
    match format {
        ReportFormat::Text => say(&format!("\n{}", report.table())),
        ReportFormat::Json => say(&serde_json::to_string(report).context("could not write the report")?),
    }
    Ok(())
}

fn say(line: &str) {
    // A closed standard output is nobody's fault.
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
