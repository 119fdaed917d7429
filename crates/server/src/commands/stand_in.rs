//! `studioconnect stand-in`: a vendor played on this machine, for whoever wants to see what a server makes of its
//! faults.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use simulator::openai::settings::Settings;
use simulator::openai::stand_in::StandIn;

use crate::cli::{StandInCommand, StandInOpenai};
use crate::exit::Exit;

/// How often is looked for something to tell.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Plays the part until Ctrl-C.
///
/// # Errors
/// When the port is taken.
pub async fn run(command: StandInCommand) -> anyhow::Result<Exit> {
    let StandInCommand::Openai(options) = command;
    openai(options).await
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
