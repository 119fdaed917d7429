//! `studioconnect serve`.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::{database, server};

/// Runs the server until it is told to stop.
///
/// # Errors
/// When the server can't start.
pub async fn run(config: Config) -> anyhow::Result<Exit> {
    let listener = server::listen(&config).await?;
    let database = database::open(&config).await?;
    let running = server::start(&config, database.db.clone(), listener).await?;
    tracing::info!(address = %running.address, public_url = running.public_url, "serving");
    let outcome = tokio::select! {
        stopped = told_to_stop() => stopped,
        () = database.lost() => Err(anyhow::anyhow!("the private PostgreSQL is gone; its log is in the data folder")),
    };
    tracing::info!("stopping: calls in progress go on for a while, or elsewhere; once more stops at once");
    let patience = tokio::select! {
        () = running.drain(config.server.drain_within, config.server.goodbye_within) => {
            config.server.drain_timeout
        }
        _ = told_to_stop() => Duration::ZERO,
    };
    tokio::select! {
        // Told once more: what is not written yet is completed from the log.
        told = told_to_stop() => {
            tracing::warn!("stopping at once");
            told?;
        }
        () = running.stop(patience) => database.close().await?,
    }
    outcome.map(|()| Exit::Done)
}

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
/// When the system refuses to tell.
pub(crate) async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
