//! `studioconnect call`.

use anyhow::bail;

use crate::cli::Call;
use crate::config::Config;
use crate::exit::Exit;

/// Places one simulated call and reports on it.
///
/// # Errors
/// When the call can't be placed.
pub async fn run(_config: Config, _options: Call) -> anyhow::Result<Exit> {
    bail!("call is not wired yet")
}
