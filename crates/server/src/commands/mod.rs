//! What each command does. Long-running work is in [`crate::serve`] and [`crate::demo`].

pub mod call;
pub mod config;
pub mod doctor;
pub mod figures;
pub mod load;
pub mod migrate;
pub mod secrets;
pub mod seed;
pub mod sessions;
pub mod stand_in;
pub mod user;
pub mod ws;

use std::future::Future;
use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::config::{Config, Loaded, collect};
use crate::exit::Exit;
use crate::{demo, serve, telemetry};

/// Carries out a command line.
///
/// # Errors
/// Whatever kept the command from being done.
pub fn run(cli: Cli) -> anyhow::Result<Exit> {
    let chosen = cli.chosen();
    let mut out = io::stdout().lock();
    match cli.command {
        Command::Config(command) => config::run(command, &chosen, &mut out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "studioconnect", &mut out);
            Ok(Exit::Done)
        }
        Command::Openapi => {
            writeln!(out, "{}", api::document().to_pretty_json()?)?;
            Ok(Exit::Done)
        }
        Command::Doctor => {
            let loaded = collect(&chosen)?;
            runtime()?.block_on(doctor::run(&loaded, &mut out))
        }
        Command::Migrate => {
            let loaded = collect(&chosen)?;
            telemetry::start(&loaded.config.log)?;
            runtime()?.block_on(migrate::run(&loaded.config, &mut out))
        }
        Command::Secrets(command) => {
            let loaded = collect(&chosen)?;
            telemetry::start(&loaded.config.log)?;
            runtime()?.block_on(secrets::run(command, &loaded.config, &mut out))
        }
        Command::Sessions(command) => {
            let loaded = collect(&chosen)?;
            telemetry::start(&loaded.config.log)?;
            runtime()?.block_on(sessions::run(&loaded.config, command, &mut out))
        }
        Command::Seed(options) => {
            let loaded = collect(&chosen)?;
            runtime()?.block_on(seed::run(options, &loaded.config, &mut out))
        }
        Command::User(command) => {
            let loaded = collect(&chosen)?;
            telemetry::start(&loaded.config.log)?;
            runtime()?.block_on(user::run(&loaded.config, command, &mut out))
        }
        Command::StandIn(command) => {
            drop(out);
            with_runtime(collect(&chosen)?, |_| stand_in::run(command))
        }
        Command::Ws(command) => {
            let loaded = collect(&chosen)?;
            runtime()?.block_on(ws::run(command, &loaded.config, &mut out))
        }
        Command::Serve(_) => {
            drop(out);
            with_runtime(collect(&chosen)?, serve::run)
        }
        Command::Demo(options) => {
            drop(out);
            with_runtime(collect(&chosen)?, |config| demo::run(config, options))
        }
        Command::Figures(options) => {
            drop(out);
            with_runtime(collect(&chosen)?, |config| figures::run(config, options))
        }
        Command::Load(options) => {
            drop(out);
            with_runtime(collect(&chosen)?, |config| load::run(config, *options, &chosen.flags))
        }
        Command::Call(options) => {
            drop(out);
            with_runtime(collect(&chosen)?, |config| call::run(config, *options))
        }
    }
}

/// Starts logging and the async runtime, then runs a command in them.
fn with_runtime<F>(loaded: Loaded, command: impl FnOnce(Config) -> F) -> anyhow::Result<Exit>
where
    F: Future<Output = anyhow::Result<Exit>>,
{
    telemetry::start(&loaded.config.log)?;
    for note in loaded.notes() {
        tracing::warn!("{note}");
    }
    runtime()?.block_on(command(loaded.config))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // One TLS provider for the whole process; an error means that it is installed already.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().context("could not start the async runtime")
}
