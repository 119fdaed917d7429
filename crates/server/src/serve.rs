//! `studioconnect serve`.

use anyhow::bail;

use crate::config::Config;
use crate::exit::Exit;

/// Runs the server until it is told to stop.
///
/// # Errors
/// When the server can't start.
pub async fn run(_config: Config) -> anyhow::Result<Exit> {
    bail!("serve is not wired yet")
}
