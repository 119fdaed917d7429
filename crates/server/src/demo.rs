//! `studioconnect demo`.

use anyhow::bail;

use crate::cli::Demo;
use crate::config::Config;
use crate::exit::Exit;

/// Seeds the demo agency, serves, places a spoken call.
///
/// # Errors
/// When the server can't start or the call can't be placed.
pub async fn run(_config: Config, _options: Demo) -> anyhow::Result<Exit> {
    bail!("demo is not wired yet")
}
