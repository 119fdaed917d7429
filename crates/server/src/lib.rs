//! The program `studioconnect`: configuration, wiring, life cycle, telemetry, commands.
//!
//! The only crate that reads the environment and configuration files, and the only one (with `testkit`)
//! that chooses among providers. It decides nothing about the business: that is `app` and `domain`.

pub mod cli;
pub mod commands;
pub mod config;
pub mod database;
pub mod demo;
pub mod exit;
pub mod serve;
pub mod telemetry;
pub mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::exit::Exit;

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match commands::run(cli::Cli::parse()) {
        Ok(exit) => exit,
        Err(error) => Exit::from_error(&error).told(&error, &mut std::io::stderr()),
    };
    // What was printed must be out before the process ends; a closed pipe is nobody's fault.
    let _flushed = std::io::stdout().flush();
    exit.into()
}
