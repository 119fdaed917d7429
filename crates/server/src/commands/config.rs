//! `studioconnect config check|show|docs`.

use std::io::Write;

use crate::cli::{ConfigCommand, DocumentKind};
use crate::config::{Chosen, DOCUMENTS, collect};
use crate::exit::Exit;

/// Carries out a `config` command.
///
/// # Errors
/// When the configuration is refused or nothing can be printed.
pub fn run(command: ConfigCommand, chosen: &Chosen, out: &mut impl Write) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Check => {
            let loaded = collect(chosen)?;
            for note in loaded.notes() {
                writeln!(out, "note: {note}")?;
            }
            writeln!(out, "the configuration is sound")?;
        }
        ConfigCommand::Show => out.write_all(collect(chosen)?.shown().as_bytes())?,
        ConfigCommand::Docs(docs) => {
            let [reference, file, environment] = DOCUMENTS;
            let document = match docs.format {
                DocumentKind::Reference => reference,
                DocumentKind::Toml => file,
                DocumentKind::Env => environment,
            };
            out.write_all((document.text)().as_bytes())?;
        }
    }
    Ok(Exit::Done)
}
