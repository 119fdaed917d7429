//! `studioconnect stand-in`: a vendor played on this machine, for whoever wants to see what a server makes of its
//! faults.

mod speech;

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use simulator::llm::LlmVendor;
use simulator::llm::mind::Mind;
use simulator::openai::settings::Settings;
use simulator::openai::stand_in::StandIn;
use simulator::vendor::{self, Vendor, stand_in::Place};

use crate::cli::{Orders, StandInCommand, StandInLlm, StandInOpenai};
use crate::exit::Exit;

/// How often is looked for something to tell.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Plays the part until Ctrl-C.
///
/// # Errors
/// When the port is taken.
pub async fn run(command: StandInCommand) -> anyhow::Result<Exit> {
    match command {
        StandInCommand::Openai(options) => openai(options).await,
        StandInCommand::Llm(options) => llm(options).await,
        StandInCommand::Speech(options) => speech::run(options).await,
    }
}

async fn llm(options: StandInLlm) -> anyhow::Result<Exit> {
    let settings = simulator::llm::Settings {
        key: options.key,
        models: options.models,
        ending: Vec::new(),
        mind: Mind::obedient(),
        pace: Duration::ZERO,
    };
    let vendor = LlmVendor::new(options.protocol, settings);
    let protocol = options.protocol;
    play(vendor, &options.orders, |stand_in| {
        format!("{protocol}, played on this machine: {}{}", stand_in.url(), protocol.base_path())
    })
    .await
}

/// Plays a vendor until Ctrl-C, and tells each request and what became of it. `title` is the first that is said.
async fn play<V: Vendor>(
    vendor: V,
    orders: &Orders,
    title: impl FnOnce(&vendor::stand_in::StandIn<V>) -> String,
) -> anyhow::Result<Exit> {
    let place = Place { port: orders.port, thinking: Duration::from_millis(orders.thinking_ms) };
    let stand_in = vendor::stand_in::StandIn::start(vendor, place)
        .await
        .with_context(|| format!("could not listen on port {}; choose another with --port", orders.port))?;
    match (orders.fault, orders.times) {
        (Some(fault), Some(requests)) => stand_in.set_fault_for(fault, requests),
        (fault, _) => stand_in.set_fault(fault),
    }
    say(&title(&stand_in));
    let mut told = 0;
    loop {
        tokio::select! {
            _asked = tokio::signal::ctrl_c() => break,
            () = stand_in.until(|seen| seen.count() > told) => {}
        }
        let seen = stand_in.seen();
        for one in seen.requests.iter().skip(told.saturating_sub(seen.forgotten)) {
            let fault = one.fault.as_deref().unwrap_or("no fault");
            say(&format!("  {} {}: {fault}", one.request.method, one.request.path));
        }
        told = seen.count();
    }
    stand_in.stop().await;
    Ok(Exit::Done)
}

async fn openai(options: StandInOpenai) -> anyhow::Result<Exit> {
    let settings = Settings { port: options.port, speed: options.speed, ..Settings::default() };
    let stand_in = StandIn::start(settings)
        .await
        .with_context(|| format!("could not listen on port {}; choose another with --port", options.port))?;
    match (options.fault, options.times) {
        (Some(fault), Some(sessions)) => stand_in.set_fault_for(fault, sessions),
        (fault, _) => stand_in.set_fault(fault),
    }
    say(&format!("OpenAI Realtime, played on this machine: {}", stand_in.url()));
    say(&format!("Point a server to it: studioconnect serve --set openai.realtime_url={}", stand_in.url()));
    let mut told = (0, 0, 0);
    loop {
        tokio::select! {
            _asked = tokio::signal::ctrl_c() => break,
            () = tokio::time::sleep(TELL_EVERY) => {}
        }
        let seen = stand_in.seen();
        let now = (seen.connections, seen.faults.len(), seen.errors().count());
        if now != told {
            let (connections, faults, errors) = now;
            let open = stand_in.open();
            say(&format!(
                "{connections} connections, {open} open; {faults} faults, {errors} errors of the client"
            ));
            for fault in &seen.faults[told.1.min(faults)..] {
                say(&format!("  connection {}: {}", fault.connection, fault.fault));
            }
            told = now;
        }
    }
    stand_in.stop().await;
    Ok(Exit::Done)
}

fn say(line: &str) {
    // A closed standard output is nobody's fault.
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
