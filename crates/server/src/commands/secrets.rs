//! `studioconnect secrets rotate` and `secrets check`.

use std::io::Write;

use app::key_rotation::{Mode, Tally, go_through};
use store::Database;

use crate::cli::SecretsCommand;
use crate::config::Config;
use crate::database::{self, OpenDatabase};
use crate::exit::Exit;
use crate::wiring::secrets;

/// Goes through all stored secrets, also beside a running server. Ends with [`Exit::NotAsExpected`] when one of
/// them can't be opened.
///
/// # Errors
/// When the database can't be reached or no key is configured that could seal.
pub async fn run(command: SecretsCommand, config: &Config, out: &mut impl Write) -> anyhow::Result<Exit> {
    let envelope = secrets::envelope(config)?;
    let open = OpenDatabase::open_beside(config).await?;
    let db = Database::connect(&open.target, database::pool_sizes(config)).await?;
    let mode = match command {
        SecretsCommand::Rotate => Mode::Rotate,
        SecretsCommand::Check => Mode::Check,
    };
    let outcome = go_through(&db, &envelope, mode).await;
    db.close().await;
    open.close().await?;
    tell(&outcome?, mode, out)
}

fn tell(tallies: &[Tally], mode: Mode, out: &mut impl Write) -> anyhow::Result<Exit> {
    let done = match mode {
        Mode::Rotate => "sealed anew",
        Mode::Check => "under a former key",
    };
    for tally in tallies {
        writeln!(
            out,
            "{}: {} under the current key, {} {done}, {} can't be opened",
            tally.column, tally.current, tally.outdated, tally.unreadable
        )?;
        for (owner, reason) in &tally.named {
            writeln!(out, "  {owner}: {reason}")?;
        }
    }
    let unreadable: u64 = tallies.iter().map(|tally| tally.unreadable).sum();
    let outdated: u64 = tallies.iter().map(|tally| tally.outdated).sum();
    if unreadable > 0 {
        writeln!(out, "keep the former keys: {unreadable} values can't be opened and were left as they are")?;
        return Ok(Exit::NotAsExpected);
    }
    match mode {
        Mode::Rotate => {
            writeln!(out, "all secrets are under the current key; former ones can be taken away")?;
        }
        Mode::Check if outdated > 0 => {
            writeln!(
                out,
                "{outdated} values need a former key until `studioconnect secrets rotate` was run"
            )?;
        }
        Mode::Check => writeln!(out, "all secrets are under the current key")?,
    }
    Ok(Exit::Done)
}
