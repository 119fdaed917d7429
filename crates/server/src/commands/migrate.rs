//! `studioconnect migrate`: brings the database to this version's schema.
//!
//! A server does the same when it starts. The command is for installations where several nodes share one
//! database and the schema goes first.

use std::io::Write;

use store::StoreError;
use store::migrate::Migrated;

use crate::config::Config;
use crate::database::OpenDatabase;
use crate::exit::Exit;

/// Migrates the database of the configuration, also beside a running server.
///
/// # Errors
/// When the database can't be reached or is not fit; the message says what to mend.
pub async fn run(config: &Config, out: &mut impl Write) -> anyhow::Result<Exit> {
    let database = OpenDatabase::open_beside(config).await?;
    let outcome = migrate(&database).await;
    database.close().await?;
    let migrated = outcome?;
    match migrated.applied {
        0 => writeln!(out, "the database is up to date: {} migrations", migrated.total)?,
        applied => writeln!(out, "{applied} migrations applied, {} in all", migrated.total)?,
    }
    Ok(Exit::Done)
}

async fn migrate(database: &OpenDatabase) -> Result<Migrated, StoreError> {
    // A server that is not there is told at once; a connection pool would try again for half a minute.
    drop(database.target.connect_owner().await?);
    store::migrate::migrate(&database.target).await
}
